"""WebSockets and other tunnels where HTTP/2 is on either side (RFC 8441): what the handshake becomes, and who refuses what."""
import threading

import pytest

from kit.configs import proxy
from kit.h2client import H2Client, H2Response
from kit.h2origin import answer
from kit.message import Malformed
from kit.origin import reply
from kit.process import wait_for
from kit.tunnels import LISTENER, PAIRS, Guest1, Guest2, Host1, accept_for, echo_to_the_end, guest, talking, upstream_speaks


@pytest.fixture(params=PAIRS)
def pair(request):
    return request.param


@pytest.fixture
def far(origin, h2_origin):
    return lambda pair, behave: h2_origin(behave, connect=True) if pair.endswith("h2") else origin(behave)


def config(pair="h2-h1", upstream="", plugins="", route=", upgrade: [websocket]"):
    return proxy(LISTENER, upstream_speaks(pair, upstream), plugins, route=route)


# ---- the handshake of WebSocket --------------------------------------------------------------------------------------

@pytest.mark.smoke
def test_the_handshake_is_translated(pair, gateway, far):
    behave = talking(echo_to_the_end, headers=[("Sec-WebSocket-Protocol", "chat.v2"),
                                               ("Sec-WebSocket-Extensions", "permessage-deflate")])
    up = far(pair, behave)
    g = gateway(config(pair), app=up.port)
    c = guest(pair)(g.port(), "/chat?room=1", "websocket", [
        ("Sec-WebSocket-Protocol", "chat.v1, chat.v2"), ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
        ("Origin", "https://app.example"), ("Cookie", "a=b")])
    assert c.agreed
    assert c.header("sec-websocket-protocol") == "chat.v2" and c.header("sec-websocket-extensions") == "permessage-deflate"
    asked = behave.asked
    assert asked.header("sec-websocket-version") == "13"
    assert asked.header("sec-websocket-protocol") == "chat.v1, chat.v2"
    assert asked.header("sec-websocket-extensions") == "permessage-deflate; client_max_window_bits"
    assert asked.header("origin") == "https://app.example" and asked.header("cookie") == "a=b"
    if pair.endswith("h2"):
        assert asked.method == "CONNECT" and asked.path == "/chat?room=1" and asked.header(":protocol") == "websocket"
        assert asked.header("sec-websocket-key") is None
    else:
        assert asked.method == "GET" and asked.target == "/chat?room=1" and asked.header("host") == "localhost"
        assert asked.fields.all("upgrade") == ["websocket"] and len(asked.header("sec-websocket-key")) == 24
    c.send(b"\x81\x80\0\0\0\0")
    assert c.recv(6) == b"\x81\x80\0\0\0\0"
    c.close()
    line = g.access(1)[0]
    assert (line["status"], line["method"], line["path"]) == (101, "GET", "/chat")


@pytest.mark.parametrize("accept", [None, accept_for("AAAAAAAAAAAAAAAAAAAAAA=="), "x"])
def test_an_accept_that_does_not_fit_our_key_is_refused(gateway, origin, accept):
    head = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    head += f"Sec-WebSocket-Accept: {accept}\r\n" if accept else ""
    up = origin(lambda peer, _: peer.send((head + "\r\n").encode()))
    g = gateway(config(), app=up.port)
    c = Guest2(g.port(), protocol="websocket")
    assert c.status == 502
    assert g.access(1)[0]["reason"] == "upstream-bad-head"


def test_each_tunnel_has_its_own_key(gateway, origin):
    keys = []

    def behave(peer, request):
        keys.append(request.header("sec-websocket-key"))
        Host1(peer).agree(request)
        peer.reader.rest()
    up = origin(behave)
    g = gateway(config(), app=up.port)
    first = Guest2(g.port(), protocol="websocket", headers=[("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA==")])
    second = Guest2(g.port(), protocol="websocket", on=first)
    assert first.agreed and second.agreed
    assert len(set(keys)) == 2 and "AAAAAAAAAAAAAAAAAAAAAA==" not in keys


@pytest.mark.parametrize("kind", ["h1-h1", "h1-h2"])
@pytest.mark.parametrize("key", [[], [("Sec-WebSocket-Key", "short")],
                                 [("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")] * 2])
def test_a_handshake_without_a_key_is_none(gateway, far, raw, kind, key):
    up = far(kind, talking(echo_to_the_end))
    g = gateway(config(kind), app=up.port)
    r = raw(g.port()).get("/", headers=[("Connection", "Upgrade"), ("Upgrade", "websocket"), *key])
    assert r.status == 400 and g.access(1)[0]["reason"] == "bad-field"
    assert not up.requests


# ---- who does not agree ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("status", [401, 302, 404, 503])
@pytest.mark.parametrize("kind", ["h2-h1", "h1-h2", "h2-h2"])
def test_other_answers_are_passed_on(gateway, origin, h2_origin, kind, status):
    if kind.endswith("h2"):
        up = h2_origin(early(lambda s, _: s.respond(status, [("content-length", "2"), ("x-a", "b")], b"no")), connect=True)
    else:
        up = origin(reply(status, b"no", [("X-A", "b")]))
    g = gateway(config(kind, "retries: 0"), app=up.port)
    c = guest(kind)(g.port(), protocol="websocket")
    assert c.status == status and c.header("x-a") == "b"
    assert c.recv(2) == b"no"
    assert g.access(1)[0]["status"] == status


def early(behave):
    behave.early = True
    return behave


@pytest.mark.parametrize("status", [200, 204])
def test_a_success_that_is_no_tunnel_is_not_passed_on(gateway, origin, status):
    """To an extended CONNECT it would say that there is one."""
    up = origin(reply(status, b"page" if status == 200 else b""))
    g = gateway(config(), app=up.port)
    c = Guest2(g.port(), protocol="websocket")
    assert c.status == 502
    assert g.access(1)[0]["reason"] == "upstream-no-tunnel"
    assert c.h2.get("/").status == status, "to a GET it does not"


@pytest.mark.parametrize("ask, status, reason", [
    (dict(protocol="websocket", path="/plain"), 501, "upgrade-refused"),
    (dict(protocol="echo", path="/ws"), 501, "upgrade-refused"),
    (dict(protocol="websocket", path="/made"), 501, "upgrade-refused"),
    (dict(protocol="websocket", path="/none"), 404, "no-route"),
    (dict(protocol="websocket", path="/post"), 405, "method-not-allowed"),
])
def test_what_no_route_lets_through(gateway, origin, ask, status, reason):
    up = origin(reply(200, b"page"))
    g = gateway("""
listeners: [ { name: public, address: "127.0.0.1:@public@", protocols: [h2] } ]
upstreams: { app: { servers: ["127.0.0.1:@app@"] } }
routes:
  - { name: ws, match: { path: /ws }, upgrade: [websocket], upstream: app }
  - { name: plain, match: { path: /plain }, upstream: app }
  - { name: post, match: { path: /post, methods: [POST] }, upgrade: [websocket], upstream: app }
  - { name: made, match: { path: /made }, respond: { body: "made" } }
""", app=up.port)
    c = Guest2(g.port(), **ask)
    assert c.status == status and g.access(1)[0]["reason"] == reason
    assert not up.requests
    assert c.h2.get("/plain").status == 200


def test_plain_connect_is_refused(gateway, origin, h2):
    up = origin(reply(200, b"page"))
    g = gateway(config(), app=up.port)
    c = h2(g.port(), tls=False, strict=False)
    stream = c.conn.get_next_available_stream_id()
    c.responses[stream] = H2Response()
    c.conn.send_headers(stream, [(":method", "CONNECT"), (":authority", "localhost:443")])
    c.flush()
    r = c.finish(stream)
    assert r.status == 501 and g.access(1)[0]["reason"] == "method-not-supported"


@pytest.mark.parametrize("head", [
    [(":method", "CONNECT"), (":protocol", "websocket"), (":authority", "h")],
    [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/")],
    [(":method", "GET"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/"), (":authority", "h")],
    [(":method", "CONNECT"), (":protocol", "a b"), (":scheme", "http"), (":path", "/"), (":authority", "h")],
    [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/"), (":authority", "h"),
     ("content-length", "3")],
])
def test_malformed_requests(gateway, origin, h2, head):
    up = origin(reply(200, b"page"))
    g = gateway(config(), app=up.port)
    c = h2(g.port(), tls=False, strict=False)
    stream = c.conn.get_next_available_stream_id()
    c.responses[stream] = H2Response()
    c.conn.send_headers(stream, head)
    c.flush()
    r = c.finish(stream)
    assert r.status == 400
    wait_for(lambda: r.reset is not None or not c.pump(), what="RST_STREAM")
    assert r.reset == 1, "PROTOCOL_ERROR"
    assert not up.requests


def test_the_listener_says_that_it_takes_them(gateway, h2):
    g = gateway(config(), app=1)
    c = h2(g.port(), tls=False)
    c.pump()
    assert c.conn.remote_settings.enable_connect_protocol == 1


# ---- upstreams of HTTP/2 that have no tunnels ------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["h1-h2", "h2-h2"])
@pytest.mark.parametrize("warm", [False, True])
def test_an_upstream_that_does_not_offer_it(gateway, h2_origin, kind, warm):
    up = h2_origin(answer(200, b"page"))
    g = gateway(config(kind, "health: { failures: 1 }"), app=up.port)
    if warm:
        assert H2Client(g.port(), tls=False).get("/").status == 200
    for _ in range(3):
        assert guest(kind)(g.port(), protocol="websocket").status == 502
    refused = [line for line in g.access(3 + warm) if line["status"] == 502]
    assert [line["reason"] for line in refused] == ["upstream-no-tunnel"] * 3
    assert all(r.method == "GET" for r in up.requests)
    assert H2Client(g.port(), tls=False).get("/").status == 200, "nothing is wrong with the server"
    assert len(up.connections) <= 2


@pytest.mark.parametrize("kind", ["h1-h2", "h2-h2"])
def test_auto_takes_http1_where_http2_has_no_tunnels(gateway, nginx, origin, server_cert, kind):
    """nginx speaks HTTP/2 and passes WebSockets on, but not the one through the other."""
    behave = talking(echo_to_the_end)
    app = origin(behave)
    up = nginx(f"""
        ssl_certificate {server_cert.cert}; ssl_certificate_key {server_cert.key};
        location /page {{ return 200 "$server_protocol"; }}
        location / {{
            proxy_pass http://127.0.0.1:{app.port}; proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
        }}""", listen="ssl http2")
    g = gateway(proxy(LISTENER, f"protocol: auto, retries: 0, tls: {{ ca: {server_cert.ca}, server_name: localhost }}",
                      route=", upgrade: [websocket]") + "runtime: { workers: 1 }\n", app=up.port)
    for i in range(3):
        c = guest(kind)(g.port(), protocol="websocket")
        assert c.agreed
        c.send(b"hello")
        assert c.recv(5) == b"hello"
        assert H2Client(g.port(), tls=False).get("/page").body == b"HTTP/2.0", "other requests go as they did"
        c.close()
    assert behave.asked.header("upgrade") == "websocket"


def test_auto_takes_http2_where_it_has_tunnels(gateway, h2_origin, server_cert):
    behave = talking(echo_to_the_end)
    up = h2_origin(behave, tls=server_cert.server_context(alpn=["h2", "http/1.1"]), connect=True)
    g = gateway(proxy(LISTENER, f"protocol: auto, tls: {{ ca: {server_cert.ca}, server_name: localhost }}",
                      route=", upgrade: [websocket]"), app=up.port)
    c = Guest1(g.port(), protocol="websocket")
    c.send(b"hello")
    assert c.agreed and c.recv(5) == b"hello"
    assert behave.asked.method == "CONNECT" and behave.asked.header(":scheme") == "https"
    c.close()


# ---- many on one connection ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["h2-h1", "h2-h2"])
def test_many_tunnels_and_requests_share_a_connection(gateway, far, kind):
    up = far(kind, talking(echo_to_the_end))
    g = gateway(config(kind), app=up.port)
    first = Guest2(g.port(), protocol="websocket")
    guests = [first] + [Guest2(g.port(), protocol="websocket", on=first) for _ in range(40)]
    for i, c in enumerate(guests):
        c.send(b"%d!" % i * 1000)
    for i, c in enumerate(guests):
        assert c.recv(len(b"%d!" % i * 1000)) == b"%d!" % i * 1000
    for c in guests[::2]:
        c.shutdown()
    for c in guests[1::2]:
        c.reset()
    for c in guests[::2]:
        c.assert_closed()
    lines = g.access(len(guests))
    assert sum(line.get("reason") == "client-gone" for line in lines) == len(guests) // 2


def test_a_tunnel_that_nobody_reads_does_not_stop_the_others(gateway, h2_origin):
    stop = threading.Event()

    def flood(host):
        while not stop.is_set() and host.offer(b"x" * 65536):
            pass
    behaviours = [talking(flood), talking(echo_to_the_end)]
    up = h2_origin(behaviours, connect=True)
    g = gateway(config("h1-h2") + "runtime: { workers: 1 }\n", app=up.port)
    silent = Guest1(g.port(), protocol="websocket")
    c = Guest1(g.port(), protocol="websocket")
    for i in range(100):
        c.send(b"%05d" % i)
        assert c.recv(5) == b"%05d" % i
    stop.set()
    assert silent.agreed and len(up.connections) == 1
    c.close()
    silent.close()


def test_frames_other_than_data_end_the_tunnel(gateway, origin):
    def listen(peer, request):
        Host1(peer).agree(request)
        try:
            peer.reader.rest()
        except (OSError, Malformed):
            pass
    up = origin(listen)
    g = gateway(config(), app=up.port)
    c = Guest2(g.port(), protocol="websocket")
    c.h2.conn.send_headers(c.stream, [("x-sum", "1")], end_stream=True)
    c.h2.flush()
    with pytest.raises(ConnectionResetError):
        c.rest()
    assert c.response.reset == 1, "PROTOCOL_ERROR (RFC 9113 8.5)"
    assert g.access(1)[0]["reason"] == "bad-framing"
