"""PROXY headers to upstreams: what they say, who shares a connection, and a real HAProxy that reads them."""
import socket
import struct

import pytest

from kit.client import RawClient, tls_context
from kit.gateway import GatewayDied
from kit.origin import drop, reply
from kit.process import wait_for

CONFIG = """
listeners:
  - name: public
    address: "0.0.0.0:@public@"
    proxy_protocol: { from: [127.9.9.9] }
    trusted_proxies: [127.8.8.8]
upstreams:
  app: { servers: ["127.0.0.1:@app@"], proxy_protocol: @version@ }
routes:
  - { name: all, match: { path: /* }, upstream: app }
"""
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def read_v1(peer):
    peer.header = peer.reader.take_until(b"\r\n").decode().rstrip("\r\n")


def read_v2(peer):
    head = peer.reader.take(16)
    assert head[:12] == SIGNATURE and head[12] == 0x21, head
    body = peer.reader.take(struct.unpack("!H", head[14:])[0])
    if head[13] == 0x11:
        ips, family = (socket.inet_ntoa(body[:4]), socket.inet_ntoa(body[4:8])), "TCP4"
    elif head[13] == 0x21:
        ips = tuple(socket.inet_ntop(socket.AF_INET6, body[i:i + 16]) for i in (0, 16))
        family = "TCP6"
    else:
        assert head[13] == 0 and body == b""
        peer.header = "PROXY UNKNOWN"
        return
    ports = struct.unpack("!HH", body[-4:])
    peer.header = f"PROXY {family} {ips[0]} {ips[1]} {ports[0]} {ports[1]}"


@pytest.fixture
def upstream(origin):
    """upstream(version): a server that reads PROXY headers; .headers, in the order of its connections."""
    def start(version, *behaviours, **kw):
        headers = []

        def on_accept(peer):
            (read_v1 if version == "v1" else read_v2)(peer)
            headers.append(peer.header)
        up = origin(list(behaviours) or [reply(200, b"ok")], on_accept=on_accept, **kw)
        up.headers = headers
        return up
    return start


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_it_names_the_client(gateway, upstream, version):
    up = upstream(version)
    g = gateway(CONFIG, app=up.port, version=version)
    with RawClient(g.port(), source=("127.5.5.5", 0)) as c:
        port = c.sock.getsockname()[1]
        assert c.get("/a").status == 200
        assert c.get("/b").status == 200
    assert up.headers == [f"PROXY TCP4 127.5.5.5 127.0.0.1 {port} {g.port()}"]
    assert [r.target for r in up.requests] == ["/a", "/b"]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_client_behind_balancers_and_proxies(gateway, upstream, version):
    up = upstream(version)
    g = gateway(CONFIG, app=up.port, version=version)

    def header(source, first=b"", fields=()):
        with RawClient(g.port(), source=(source, 0)) as c:
            assert c.send(first).get("/", fields).status == 200
        return up.headers[-1]
    assert header("127.9.9.9", b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n") == (
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443")
    assert header("127.9.9.9", b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n") == "PROXY TCP6 2001:db8::1 2001:db8::2 1 2"
    xff = [("X-Forwarded-For", "203.0.113.7")]
    assert header("127.8.8.8", fields=xff) == f"PROXY TCP4 203.0.113.7 127.0.0.1 0 {g.port()}"
    assert header("127.7.7.7", fields=xff).startswith("PROXY TCP4 127.7.7.7 127.0.0.1 ")
    xff = [("X-Forwarded-For", "[2001:db8::7]:99")]
    assert header("127.8.8.8", fields=xff) == f"PROXY TCP6 2001:db8::7 ::ffff:127.0.0.1 99 {g.port()}"


def test_connections_are_not_shared_between_clients(gateway, upstream):
    up = upstream("v1")
    g = gateway(CONFIG + "runtime: { workers: 1, shutdown_grace: 2s }\n", app=up.port, version="v1")
    xff = [[("X-Forwarded-For", f"203.0.113.{i}")] for i in range(3)]
    with RawClient(g.port(), source=("127.8.8.8", 0)) as c:
        for _ in range(3):
            for who in xff:
                assert c.get("/", who).status == 200
    assert len(up.headers) == 3 and len(up.requests) == 9
    by = {n: {r.header("x-forwarded-for").split(",")[0] for r in up.requests if r.connection == n} for n in (1, 2, 3)}
    assert sorted(by.values(), key=str) == [{"203.0.113.0"}, {"203.0.113.1"}, {"203.0.113.2"}]


def test_room_is_made_for_another_client(gateway, upstream):
    """max_connections counts those that wait for their client too: one of them goes."""
    up = upstream("v1")
    config = CONFIG.replace("proxy_protocol: @version@", "proxy_protocol: v1, max_connections: 2, keepalive: 2")
    g = gateway(config + "runtime: { workers: 1, shutdown_grace: 2s }\n", app=up.port)
    with RawClient(g.port(), source=("127.8.8.8", 0)) as c:
        for i in range(6):
            assert c.get("/", [("X-Forwarded-For", f"203.0.113.{i}")]).status == 200
            wait_for(lambda: up.open <= 3, what="room to be made")
    wait_for(lambda: up.open <= 2)
    assert up.connections == 6


def test_another_server_is_told_too(gateway, upstream, origin):
    bad, good = origin(drop, on_accept=read_v1), upstream("v1")
    g = gateway(CONFIG.replace('["127.0.0.1:@app@"]', '["127.0.0.1:@bad@", "127.0.0.1:@app@"]'),
                app=good.port, bad=bad.port, version="v1")
    for _ in range(4):
        with RawClient(g.port(), source=("127.5.5.5", 0)) as c:
            assert c.get("/").status == 200
    assert len(good.headers) == 4 and all(h.startswith("PROXY TCP4 127.5.5.5 ") for h in good.headers)


def test_before_tls(gateway, haproxy, origin, server_cert, ca, folder):
    """accept-proxy on a TLS port of a real HAProxy: the header comes first, in the clear."""
    up = origin(reply(200, b"ok"))
    pem = folder / "both.pem"
    pem.write_text(open(server_cert.cert).read() + open(server_cert.key).read())
    h = haproxy(f"""
listen l
    bind 127.0.0.1:{{port}} accept-proxy ssl crt {pem}
    http-request set-header X-Seen %[src]:%[src_port]
    server s 127.0.0.1:{up.port}
""", mode="http")
    g = gateway(CONFIG.replace("proxy_protocol: @version@", 'proxy_protocol: v2, tls: { ca: "@ca@", server_name: localhost }'),
                app=h.port, ca=ca.path)
    for i in range(2):
        with RawClient(g.port(), source=("127.5.5.5", 0)) as c:
            port = c.sock.getsockname()[1]
            assert c.get("/").status == 200
        assert up.requests[i].header("x-seen") == f"127.5.5.5:{port}"


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_to_haproxy(gateway, haproxy, origin, version):
    up = origin(reply(200, b"ok"))
    h = haproxy(f"""
listen l
    bind 127.0.0.1:{{port}} accept-proxy
    http-request set-header X-Seen "%[src] %[dst]"
    server s 127.0.0.1:{up.port}
""", mode="http")
    g = gateway(CONFIG, app=h.port, version=version)
    with RawClient(g.port(), source=("127.5.5.5", 0)) as c:
        assert c.get("/").status == 200
    assert up.requests[0].header("x-seen") == "127.5.5.5 127.0.0.1"


def test_a_server_that_wants_none(gateway, origin):
    """It takes the header for a request: what it answers is its business, and nobody hangs."""
    up = origin(reply(400, b"what?"), read_bodies=False)
    g = gateway(CONFIG, app=up.port, version="v1")
    assert g.get("/").status in (400, 502)


def test_a_client_without_an_address(gateway, upstream, raw, folder):
    for version in ("v1", "v2"):
        up, path = upstream(version), str(folder / f"{version}.sock")
        g = gateway(CONFIG.replace('"0.0.0.0:@public@"', f'"unix:{path}"'), app=up.port, version=version)
        wait_for((folder / f"{version}.sock").exists)
        assert raw(path).get("/").status == 200
        assert up.headers == ["PROXY UNKNOWN"]
        g.stop()


def test_reload(gateway, upstream, origin, raw):
    """The option is in force for new connections; those from before are not taken for it."""
    plain, up = origin(reply(200, b"plain")), upstream("v1")
    config = CONFIG + "runtime: { workers: 1, shutdown_grace: 2s }\n"
    g = gateway(config, app=plain.port, version="off")
    c = raw(g.port())
    assert c.get("/").body == b"plain"
    g.reload(config.replace("@app@", "@other@").replace("@version@", "v1").replace("@other@", str(up.port)))
    g.wait_in_force(2)
    assert c.get("/").body == b"ok"
    assert len(up.headers) == 1
    g.reload(config.replace("@app@", str(up.port)).replace("@version@", "v2"))
    g.wait_in_force(3)
    up.on_accept = read_v2
    assert c.get("/").status == 200
    assert up.connections == 2


@pytest.mark.parametrize("option,says", [
    ("proxy_protocol: v1, protocol: h2c", "a connection with a PROXY header is one client's"),
    ("proxy_protocol: v2, protocol: auto, tls: {}", "a connection with a PROXY header is one client's"),
    ("proxy_protocol: v3", "proxy_protocol")])
def test_mistakes(gateway, option, says):
    with pytest.raises(GatewayDied, match=says):
        gateway(CONFIG.replace("proxy_protocol: @version@", option), app=1)
