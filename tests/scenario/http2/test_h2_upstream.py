"""HTTP/2 behind the gateway, HTTP/1.1 and HTTP/2 in front: messages, bodies, back-pressure, sharing of connections."""
import threading
import time

import pytest

from kit.bodies import pattern
from kit.bulk import Watch
from kit.gateway import GatewayDied
from kit.h2origin import answer, echo, hold
from kit.memory import assert_below
from kit.origin import reply
from kit.process import wait_for

H2 = "protocols: [h2, http/1.1]"
MIB = 1 << 20


class Asker:
    """The same question over either protocol; the answer has status, body, header(), trailers."""

    def __init__(self, kind, connection):
        self.kind, self.c = kind, connection

    def ask(self, method="GET", path="/", headers=(), body=None):
        if self.kind == "h2":
            r = self.c.request(method, path, [(n.lower(), v) for n, v in headers], body)
            r.trailers = [(n.lower(), v) for n, v in r.trailers]
            return r
        r = self.c.request(method, path, headers, body).response(method)
        r.trailers = [(n.lower(), v) for n, v in r.trailers]
        return r


@pytest.fixture(params=["h1", "h2"])
def kind(request):
    return request.param


@pytest.fixture
def asker(kind, raw, h2):
    def connect(g):
        return Asker(kind, h2(g.port(), tls=False) if kind == "h2" else raw(g.port()))
    return connect


@pytest.fixture
def h2_behind(proxied, h2_origin):
    """(gateway, origin): everything goes to one origin, by prior knowledge unless upstream says otherwise."""
    def start(behaviours=None, upstream="protocol: h2c", listener="", **kw):
        up = h2_origin(behaviours, **kw)
        g, _ = proxied(up=up, listener=H2 + (", " + listener if listener else ""), upstream=upstream,
                       route=", request_trailers: [x-sum]")
        return g, up
    return start


# ---- messages ----


@pytest.mark.smoke
def test_get(h2_behind, asker):
    g, up = h2_behind(answer(200, b"hello", [("x-answer", "Yes")]))
    r = asker(g).ask("GET", "/a/../b?q=1", [("X-Question", "Why"), ("Cookie", "a=b"), ("X-Request-ID", "abc")])
    assert (r.status, r.body) == (200, b"hello")
    assert r.header("x-answer") == "Yes" and r.header("content-length") == "5"
    q = up.requests[0]
    assert (q.method, q.path, q.header(":scheme"), q.header(":authority")) == ("GET", "/b?q=1", "http", "localhost")
    assert q.header("x-question") == "Why" and q.header("cookie") == "a=b" and q.header("x-request-id") == "abc"
    assert q.header("x-forwarded-for") == "127.0.0.1" and q.header("host") is None
    assert q.complete and not up.errors
    line = g.access(1)[0]
    assert line["status"] == 200 and line["upstream"] == "app"


def test_fields_of_a_connection_stay_there(h2_behind, raw):
    g, up = h2_behind()
    c = raw(g.port())
    r = c.get("/", [("Connection", "X-Mine, keep-alive"), ("X-Mine", "1"), ("Keep-Alive", "5"), ("TE", "trailers"),
                    ("Upgrade", "websocket"), ("Proxy-Connection", "x"), ("Transfer-Encoding", "chunked")][:6])
    assert r.status == 200
    q = up.requests[0]
    names = {n for n, _ in q.fields}
    assert not names & {"connection", "x-mine", "keep-alive", "upgrade", "proxy-connection", "transfer-encoding", "host"}
    assert not up.errors


@pytest.mark.parametrize("size", [0, 1, 300000])
def test_bodies(h2_behind, asker, size):
    g, up = h2_behind(echo)
    body = pattern(size)
    c = asker(g)
    for method in ("POST", "PUT"):
        r = c.ask(method, "/x", [("Content-Length", str(size))], body)
        assert r.status == 200 and r.body == body and r.header("x-method") == method
        assert up.requests[-1].header("content-length") == str(size)


def test_chunked_request(h2_behind, raw):
    g, up = h2_behind(echo)
    c = raw(g.port())
    c.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\nX-Sum: 7\r\n\r\n")
    r = c.response("POST")
    assert r.body == b"abcdefg"
    assert up.requests[0].header("content-length") is None
    assert dict(up.requests[0].trailers) == {"x-sum": "7"}


def test_trailers(h2_behind, asker):
    g, _ = h2_behind(answer(200, b"body", trailers=[("grpc-status", "0"), ("content-type", "late")], length=False))
    r = asker(g).ask(headers=[("TE", "trailers")] + ([("Connection", "TE")] if asker(g).kind == "h1" else []))
    assert r.body == b"body" and r.trailers == [("grpc-status", "0")]


def test_bodiless(h2_behind, asker):
    def head(stream, _request):
        stream.head(200, [("content-length", "1234")], end=True)
    g, _ = h2_behind([head, answer(204), answer(304, headers=[("etag", '"a"')]), answer(205, length=False)])
    c = asker(g)
    r = c.ask("HEAD")
    assert (r.status, r.header("content-length"), r.body) == (200, "1234", b"")
    assert c.ask().status == 204
    r = c.ask()
    assert (r.status, r.header("etag"), r.body) == (304, '"a"', b"")
    assert c.ask().status == 205


def test_interim(h2_behind, raw, h2):
    def hints(stream, _request):
        stream.interim(103, [("link", "</style.css>")])
        stream.respond(200, [("content-length", "2")], b"ok")
    g, _ = h2_behind(hints)
    c = raw(g.port()).request("GET", "/")
    first = c.response_head()
    assert first.status == 103 and first.header("Link") == "</style.css>"
    assert c.response().body == b"ok"
    r = h2(g.port(), tls=False).get("/")
    assert dict(r.interim[0])["link"] == "</style.css>" and r.body == b"ok"


def test_early_answer(h2_behind, asker, kind):
    """The server answers without having read the request."""
    def early(stream, _request):
        stream.respond(413, [("content-length", "4")], b"full")
    early.early = True
    g, up = h2_behind([early, answer(200, b"next")])
    r = asker(g).ask("POST", "/", [("Content-Length", "10")], b"0123456789")
    assert (r.status, r.body) == (413, b"full")
    assert asker(g).ask().body == b"next"
    assert not up.errors and len(up.open) >= 1


@pytest.mark.parametrize("protocol", ["h2", "auto"])
def test_tls(h2_behind, asker, server_cert, protocol):
    g, up = h2_behind(echo, upstream=f"protocol: {protocol}, tls: {{ ca: {server_cert.ca}, server_name: localhost }}",
                      tls=server_cert.server_context(alpn=["h2", "http/1.1"]))
    r = asker(g).ask("POST", "/s", [("Content-Length", "100000")], b"x" * 100000)
    assert r.body == b"x" * 100000
    assert up.requests[0].header(":scheme") == "https" and not up.errors


def test_auto_with_a_server_of_http1(proxied, origin, asker, server_cert):
    for alpn in (["http/1.1"], None):
        up = origin(reply(200, b"one"), tls=server_cert.server_context(alpn=alpn))
        g, _ = proxied(up=up, listener=H2, upstream=f"protocol: auto, tls: {{ ca: {server_cert.ca}, server_name: localhost }}")
        c = asker(g)
        for _ in range(3):
            assert c.ask().body == b"one"
        assert up.connections <= 2 and not up.errors  # kept alive
        c.c.close()
        g.stop()


def test_h2_with_a_server_of_http1(proxied, origin, asker, server_cert):
    up = origin(reply(200, b"one"), tls=server_cert.server_context(alpn=["http/1.1"]))
    g, _ = proxied(up=up, listener=H2, upstream=f"protocol: h2, tls: {{ ca: {server_cert.ca}, server_name: localhost }}")
    assert asker(g).ask().status == 502
    assert g.access(1)[0]["reason"] == "upstream-protocol"
    assert "ALPN: the server does not choose h2" in g.log()
    assert not up.requests


@pytest.mark.parametrize("upstream, words", [
    ("protocol: h2", "h2 needs TLS"),
    ("protocol: h2c, tls: {}", "h2c is HTTP/2 without TLS"),
    ("protocol: h3", "h2c"),
    ("protocol: h2c, max_streams: 0", "max_streams"),
])
def test_mistakes(proxied, origin, upstream, words):
    with pytest.raises(GatewayDied, match=words):
        proxied(up=origin(), upstream=upstream)


# ---- many at a time ----


def test_few_connections_for_many_requests(h2_behind, h2):
    """All are in progress at the same time: one connection for each worker is enough."""
    g, up = h2_behind(hold)
    clients = [h2(g.port(), tls=False) for _ in range(8)]
    streams = [[c.start("GET", f"/{i}/{j}") for j in range(20)] for i, c in enumerate(clients)]
    up.wait(160)
    assert len(up.connections) <= 4  # of two workers, of which each may have begun a second one
    for s in up.streams:
        s.respond(200, [], s.request.path.encode())
    for i, c in enumerate(clients):
        for j, s in enumerate(streams[i]):
            assert c.finish(s).body == f"/{i}/{j}".encode()
    assert not up.errors


def test_the_limit_of_the_server(h2_behind, h2):
    g, up = h2_behind(hold, max_streams=5)
    c = h2(g.port(), tls=False)
    streams = [c.start("GET", f"/{j}") for j in range(40)]
    up.wait(40)
    assert 8 <= len(up.connections) <= 12
    per = {}
    for r in up.requests:
        per[r.connection] = per.get(r.connection, 0) + 1
    assert max(per.values()) == 5 and not up.errors
    for s in up.streams:
        s.respond(200, [], s.request.path.encode())
    for j, s in enumerate(streams):
        assert c.finish(s).status == 200


def test_max_streams(h2_behind, h2):
    g, up = h2_behind(hold, upstream="protocol: h2c, max_streams: 4")
    c = h2(g.port(), tls=False)
    streams = [c.start("GET", f"/{j}") for j in range(12)]
    up.wait(12)
    assert len(up.connections) == 3
    for s in up.streams:
        s.respond()
    for s in streams:
        assert c.finish(s).status == 200


def test_idle_connections_close(h2_behind, raw):
    g, up = h2_behind(upstream="protocol: h2c, timeouts: { idle: 200ms }")
    c = raw(g.port())
    assert c.get().status == 200 and c.get().status == 200
    assert len(up.connections) == 1
    wait_for(lambda: not up.open, what="the idle connection to close")
    assert c.get().status == 200
    assert len(up.connections) == 2 and not up.errors


# ---- back-pressure ----


@pytest.mark.parametrize("size", [MIB, 16 * MIB])
def test_large_bodies(h2_behind, asker, size):
    body = b"\xa5" * size
    g, up = h2_behind([answer(200, body), echo], window=MIB)
    c = asker(g)
    with Watch(g) as watch:
        assert c.ask().body == body
        assert c.ask("POST", "/", [("Content-Length", str(size))], body).body == body
    assert not up.errors
    assert_below(watch.peak, 160 * MIB)


def test_a_reader_that_does_not_read(h2_behind, raw, h2):
    """The server is held back by the window of that request, and others on the connection are not."""
    def lots(stream, request):
        if request.path == "/lots":
            stream.head(200)
            stream.data(b"x" * (12 * MIB))
            stream.end()
        else:
            stream.respond(200, [], b"y" * MIB)
    g, up = h2_behind(lots)
    slow = raw(g.port()).request("GET", "/lots")
    assert slow.response_head().status == 200
    up.wait(1)
    time.sleep(0.3)
    left = len(up.streams[0].queue)
    assert left > 6 * MIB, "the server was not held back"
    c = h2(g.port(), tls=False)
    for r in [c.finish(s) for s in [c.start("GET", f"/{i}") for i in range(4)]]:
        assert len(r.body) == MIB
    for _ in range(4):  # on whichever worker: some of them on the same connection
        assert len(raw(g.port()).get("/quick").body) == MIB
    assert len(up.streams[0].queue) > 6 * MIB
    got = 0
    while got < 12 * MIB:
        chunk = slow.reader.take_until(b"\r\n")
        n = int(chunk, 16)
        slow.recv(n + 2)
        got += n
    assert got == 12 * MIB


def test_a_server_that_does_not_read(h2_behind, raw):
    """The client is held back by the server's windows, and goes on when they open."""
    g, up = h2_behind(echo, takes_bodies=False, upstream="protocol: h2c, timeouts: { response: 20s }")
    sent = []

    def upload():
        c = raw(g.port())
        c.send(b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (8 * MIB))
        for _ in range(8):
            c.send(b"z" * MIB)
            sent.append(1)
        done.append(c.response("POST"))
    done = []
    t = threading.Thread(target=upload, daemon=True)
    t.start()
    up.wait(1)
    time.sleep(0.4)
    assert len(sent) < 6, "the client was not held back"
    assert len(up.streams[0].body) <= 65535
    end = time.monotonic() + 20
    while not done and time.monotonic() < end:
        up.streams[0].take()
        time.sleep(0.001)
    t.join(5)
    assert done and done[0].body == b"z" * (8 * MIB)


# ---- real servers ----


def test_nginx(nginx, proxied, asker):
    up = nginx("location /post { client_max_body_size 0; return 200 posted; } location / { return 200 'from nginx\\n'; }",
               listen="http2")
    g, _ = proxied(up=up, listener=H2, upstream="protocol: h2c")
    c = asker(g)
    for _ in range(10):
        assert c.ask().body == b"from nginx\n"
    if c.kind == "h1":  # nginx answers without reading the body; our HTTP/2 client does not expect that
        r = c.ask("POST", "/post", [("Content-Length", "200000")], b"q" * 200000)
        assert (r.status, r.body) == (200, b"posted")


def test_nginx_that_ends_connections(nginx, proxied, h2):
    """It says GOAWAY after every ten requests: none is lost."""
    up = nginx("keepalive_requests 10; location / { return 200 'from nginx\\n'; }", listen="http2")
    g, _ = proxied(up=up, listener=H2, upstream="protocol: h2c")
    c = h2(g.port(), tls=False)
    for _ in range(10):
        for r in [c.finish(s) for s in [c.start("GET", f"/{i}") for i in range(20)]]:
            assert (r.status, r.body) == (200, b"from nginx\n"), g.access()[-1]
