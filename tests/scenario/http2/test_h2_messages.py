"""HTTP/2 to the gateway, HTTP/1.1 behind it: the same request and the same response as over HTTP/1.1."""
import pytest

from kit.client import tls_context
from kit.origin import echo, hang, raw as raw_bytes, reply

H2 = "protocols: [h2, http/1.1]"


@pytest.fixture
def h2_proxied(proxied, h2):
    """(client, upstream, gateway) on a plain listener, by prior knowledge."""
    def start(behaviours=None, listener="", **kw):
        g, up = proxied(behaviours, listener=H2 + (", " + listener if listener else ""), **kw)
        return h2(g.port(), tls=False), up, g
    return start


@pytest.mark.smoke
def test_get(h2_proxied):
    c, up, g = h2_proxied(reply(200, b"hello", [("X-Answer", "Yes"), ("Connection", "keep-alive")]))
    r = c.get("/a/../b?q=1", [("x-question", "Why")])
    assert (r.status, r.body) == (200, b"hello")
    assert r.header("x-answer") == "Yes" and r.header("content-length") == "5"
    assert all(n == n.lower() for n, _ in r.fields) and r.header("connection") is None
    q = up.requests[0]
    assert (q.method, q.target, q.header("Host")) == ("GET", "/b?q=1", "localhost")
    assert q.header("x-question") == "Why" and q.version == 1
    line = g.access(1)[0]
    assert line["protocol"] == "HTTP/2" and line["status"] == 200 and line["path"] == "/b"


def test_post_with_a_length(h2_proxied):
    c, up, _ = h2_proxied(echo)
    r = c.request("POST", "/", [("content-length", "300000")], body=b"x" * 300000)
    assert r.body == b"x" * 300000
    assert up.requests[0].header("Content-Length") == "300000" and "Transfer-Encoding" not in up.requests[0].fields


def test_post_without_a_length(h2_proxied):
    c, up, _ = h2_proxied(echo)
    assert c.request("POST", "/", body=b"y" * 300000).body == b"y" * 300000
    assert up.requests[0].header("Transfer-Encoding") == "chunked"


def test_chunked_answer_with_trailers(h2_proxied):
    c, _, _ = h2_proxied(reply(200, [b"one", b"two"], trailers=[("X-Sum", "6"), ("Set-Cookie", "a=b")]))
    r = c.get("/", [("te", "trailers")])
    assert r.body == b"onetwo" and ("x-sum", "6") in r.trailers
    assert r.header("transfer-encoding") is None and r.header("content-length") is None
    assert "set-cookie" not in dict(r.trailers)


def test_answer_that_ends_with_the_connection(h2_proxied):
    c, _, _ = h2_proxied(raw_bytes(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end", close=True))
    r = c.get("/")
    assert r.body == b"until the end" and r.reset is None


def test_head_and_bodiless(h2_proxied):
    c, _, _ = h2_proxied([reply(200, b"12345"), reply(204), reply(304, headers=[("ETag", '"a"')])])
    r = c.request("HEAD", "/")
    assert (r.status, r.header("content-length"), r.body) == (200, "5", b"")
    assert c.get("/").status == 204
    r = c.get("/")
    assert r.status == 304 and r.header("etag") == '"a"'


def test_cookies_are_one_field_behind(h2_proxied):
    c, up, _ = h2_proxied()
    c.get("/", [("cookie", "a=1"), ("cookie", "b=2"), ("x-end", "1")])
    assert up.requests[0].fields.all("Cookie") == ["a=1; b=2"]


def test_interim_heads(h2_proxied):
    c, _, _ = h2_proxied(raw_bytes(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    r = c.get("/")
    assert r.status == 200 and len(r.interim) == 1 and (":status", "103") in r.interim[0]


def test_expect_continue(h2_proxied):
    c, up, _ = h2_proxied(echo)
    s = c.start("PUT", "/", [("expect", "100-continue"), ("content-length", "4")], end=False)
    while not c.responses[s].interim:
        assert c.pump()
    c.data(s, b"body")
    assert c.finish(s).body == b"body"
    assert up.requests[0].body == b"body"


def test_many_at_a_time(h2_proxied):
    c, up, _ = h2_proxied(lambda peer, q: reply(200, q.target.encode(), delay=0.05)(peer, q))
    streams = [c.start("GET", f"/{i}") for i in range(100)]
    for i, s in enumerate(streams):
        assert c.finish(s).body == b"/%d" % i
    assert len(up.requests) == 100


def test_upstream_cut_short_is_reset(h2_proxied):
    c, _, g = h2_proxied(raw_bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", close=True))
    r = c.get("/")
    assert (r.status, r.body, r.reset) == (200, b"abc", 2)  # INTERNAL_ERROR
    assert g.access(1)[0]["reason"] == "upstream-truncated"
    c.responses.clear()


def test_upstream_gone(h2_proxied):
    c, up, _ = h2_proxied()
    up.stop()
    r = c.get("/")
    assert r.status == 502 and r.header("content-type") == "application/problem+json"


@pytest.mark.parametrize("fields, status, reason", [
    ([("connection", "close")], 400, "bad-field"),
    ([("transfer-encoding", "chunked")], 400, "bad-framing"),
    ([("Upper", "1")], 400, "bad-field"),
    ([("host", "other")], 400, "bad-host"),
    ([("content-length", "3")], 400, "bad-framing"),
    ([("te", "gzip")], 400, "bad-field"),
    ([("expect", "x")], 417, "bad-expectation"),
    ([("x", "v" * 5000)], 431, "head-too-large"),
])
def test_refused(proxied, h2, fields, status, reason):
    g, up = proxied(listener=H2 + ", max_head: 4KiB")
    c = h2(g.port(), tls=False, strict=False)
    r = c.get("/", fields)
    assert r.status == status
    assert c.get("/").status == 200, "the connection lives on"
    line = g.access(2)[0]
    assert line["reason"] == reason and line["protocol"] == "HTTP/2"
    assert len(up.requests) == 1


def test_body_too_large(h2_proxied):
    c, _, g = h2_proxied(hang, listener="max_body: 1KiB")
    s = c.start("POST", "/", end=False)
    c.data(s, b"x" * 2000, end=False)
    r = c.finish(s)
    assert r.status == 413
    assert g.access(1)[0]["reason"] == "body-too-large"


def test_early_answer(proxied, h2):
    def early(peer):
        peer.reader.take_until(b"\r\n\r\n")
        peer.send(b"HTTP/1.1 401 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        peer.close()
    g, up = proxied(listener=H2)
    up.on_accept = early
    c = h2(g.port(), tls=False)
    s = c.start("POST", "/", end=False)
    r = c.finish(s)
    assert (r.status, r.body) == (401, b"no")
    up.on_accept = None
    while r.reset is None:
        assert c.pump()
    assert r.reset == 0, "nobody wants the rest: NO_ERROR"
    assert c.get("/").status == 200


def test_both_protocols_on_one_plain_port(proxied, h2, raw):
    g, _ = proxied(listener=H2)
    assert h2(g.port(), tls=False).get("/").status == 200
    assert raw(g.port()).get("/").status == 200
    c = raw(g.port())
    for byte in b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n":
        c.send(bytes([byte]))
    assert c.response().status == 200, "P of POST is not P of PRI"


def test_without_h2_prior_knowledge_is_a_bad_version(proxied, raw):
    g, _ = proxied(listener="protocols: [http/1.1]")
    assert raw(g.port()).send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").response().status == 505


def test_alpn(proxied, h2, raw, server_cert):
    tls = f'tls: {{ certificates: [{{ certificate: "{server_cert.cert}", private_key: "{server_cert.key}" }}] }}'
    g, _ = proxied(listener=f"{H2}, {tls}")
    c = h2(g.port())
    assert c.get("/").status == 200
    assert g.access(1)[0]["protocol"] == "HTTP/2"
    one = raw(g.port(), tls=tls_context(alpn=["http/1.1"]))
    assert one.sock.selected_alpn_protocol() == "http/1.1" and one.get("/").status == 200
    none = raw(g.port(), tls=tls_context())
    assert none.get("/").status == 200
    only, _ = proxied(listener=f"protocols: [h2], {tls}")
    assert h2(only.port()).get("/").status == 200
