"""PROXY headers from balancers: real ones in front, and every way to get it wrong."""
import os
import socket
import ssl
import struct
import time
from signal import SIGTERM

import pytest

from kit.client import RawClient, tls_context
from kit.gateway import GatewayDied
from kit.process import wait_for

CONFIG = """
listeners:
  - name: public
    address: "127.0.0.1:@public@"
    protocols: [http/1.1, h2]
    proxy_protocol: { from: [127.0.0.1, 127.1.0.0/16], timeout: 400ms }
routes:
  - { name: all, match: { path: /* }, respond: { body: "hello\\n" } }
"""
TLS = CONFIG.replace("    proxy_protocol", """    tls: { certificates: [{ certificate: "@cert@", private_key: "@key@" }] }
    proxy_protocol""")

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V1 = b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"
GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"


def v2(command, family, body=b"", length=None):
    return SIGNATURE + struct.pack("!BBH", 0x20 | command, family, len(body) if length is None else length) + body


def inet(source="192.0.2.1", target="198.51.100.7", ports=(56324, 443)):
    return socket.inet_aton(source) + socket.inet_aton(target) + struct.pack("!HH", *ports)


INET6 = socket.inet_pton(socket.AF_INET6, "2001:db8::1") + socket.inet_pton(socket.AF_INET6, "2001:db8::2") + b"\0\1\0\2"


def client_of(g, n=1):
    return g.access(n)[n - 1]["client"]


HEADERS = {
    "v1": (V1, "192.0.2.1"),
    "v1-tcp6": (b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n", "2001:db8::1"),
    "v1-unknown": (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    "v2": (v2(1, 0x11, inet()), "192.0.2.1"),
    "v2-inet6": (v2(1, 0x21, INET6), "2001:db8::1"),
    "v2-mapped": (v2(1, 0x21, b"\0" * 10 + b"\xff\xff\xc0\0\2\1" + b"\0" * 16 + b"\0\1\0\2"), "192.0.2.1"),
    "v2-local": (v2(0, 0), "127.0.0.1"),
    "v2-unspecified": (v2(1, 0, b"junk"), "127.0.0.1"),
    "v2-unix": (v2(1, 0x31, b"/a".ljust(108, b"\0") * 2), "127.0.0.1"),
    "v2-extensions": (v2(1, 0x11, inet() + b"\2\0\3abc\4\0\0"), "192.0.2.1"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_the_client_is_the_one_it_names(gateway, raw, name):
    header, client = HEADERS[name]
    g = gateway(CONFIG)
    assert raw(g.port()).send(header + GET).response().body == b"hello\n"
    assert client_of(g) == client
    assert g.metrics()["sluice_proxy_headers_total"] == 1


def test_a_header_in_pieces(gateway, raw):
    g = gateway(CONFIG.replace("400ms", "30s"))
    c = raw(g.port())
    for b in V1 + GET:
        c.send(bytes([b]))
        time.sleep(0.001)
    assert c.response().status == 200
    assert client_of(g) == "192.0.2.1"


def test_it_holds_for_every_request_of_the_connection(gateway, raw):
    g = gateway(CONFIG)
    c = raw(g.port()).send(V1 + GET + GET)
    assert c.response().status == 200 and c.response().status == 200
    assert c.get("/y").status == 200
    assert [line["client"] for line in g.access(3)] == ["192.0.2.1"] * 3


BAD = {
    "none": GET,
    "h2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "v1-malformed": b"PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n" + GET,
    "v1-family": b"PROXY TCP4 ::1 ::1 1 2\r\n" + GET,
    "v1-endless": b"PROXY UNKNOWN " + b"x" * 200,
    "v2-short": v2(1, 0x11, inet()[:-1]) + GET,
    "v2-too-long": v2(1, 0x11, inet(), 65535) + b"x" * 5000,
    "v2-version": SIGNATURE + b"\x11\x11\0\0" + GET,
    "v2-extension": v2(1, 0x11, inet() + b"\2\0\x09abc") + GET,
    "v2-checksum": v2(1, 0x11, inet() + b"\3\0\4abcd") + GET,
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_header_is_refused(gateway, raw, name):
    g = gateway(CONFIG)
    raw(g.port()).send(BAD[name]).assert_closed()
    m = g.metrics()
    assert m['sluice_connections_refused_total{reason="bad-proxy-header"}'] == 1
    g.wait_log(r"public: a connection from 127\.0\.0\.1 is refused: bad-proxy-header: ")
    wait_for(lambda: g.metrics()["sluice_connections_active"] == 0)
    assert g.access() == []


def test_a_header_that_does_not_come(gateway, raw):
    g = gateway(CONFIG)
    silent, half = raw(g.port()), raw(g.port()).send(V1[:20])
    silent.assert_closed(timeout=3)
    half.assert_closed(timeout=3)
    assert g.metrics()['sluice_timeouts_total{of="proxy-header"}'] == 2


def test_a_header_that_breaks_off(gateway, raw):
    g = gateway(CONFIG)
    c = raw(g.port()).send(V1[:20])
    c.shutdown()
    c.assert_closed()
    raw(g.port()).close()
    wait_for(lambda: g.metrics()["sluice_connections_active"] == 0)
    assert g.metrics()['sluice_connections_refused_total{reason="bad-proxy-header"}'] == 2


@pytest.mark.parametrize("header", [V1, v2(1, 0x11, inet()), v2(0, 0)], ids=["v1", "v2", "local"])
def test_others_are_not_believed(gateway, raw, header):
    """From elsewhere a connection is served without a header, and one that has it is no HTTP."""
    g = gateway(CONFIG)
    c = raw(g.port(), source=("127.0.0.2", 0)).send(GET)
    assert c.response().status == 200
    assert client_of(g) == "127.0.0.2"
    liar = raw(g.port(), source=("127.0.0.2", 0)).send(header + GET)
    assert liar.response().status == 400
    liar.assert_closed()
    assert [line["client"] for line in g.access(2)] == ["127.0.0.2"] * 2
    assert g.metrics()["sluice_proxy_headers_total"] == 0


def test_over_tls(gateway, server_cert, ca):
    """The header comes in the clear, before the handshake; in one packet with its beginning, or before it."""
    g = gateway(TLS, cert=server_cert.cert, key=server_cert.key)
    for header in (V1, v2(1, 0x11, inet())):
        for together in (True, False):
            sock = socket.create_connection(("127.0.0.1", g.port()), 5)
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = tls_context(ca.path, alpn=["http/1.1"]).wrap_bio(incoming, outgoing, server_hostname="localhost")
            if not together:
                sock.sendall(header)
                time.sleep(0.05)
            first = header if together else b""
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    sock.sendall(first + outgoing.read())
                    first = b""
                    incoming.write(sock.recv(65536))
            tls.write(GET.replace(b"Host: h", b"Host: localhost"))
            sock.sendall(outgoing.read())
            got = b""
            while b"hello" not in got:
                incoming.write(sock.recv(65536))
                try:
                    got += tls.read(65536)
                except ssl.SSLWantReadError:
                    pass
            sock.close()
    lines = g.access(4)
    assert [(line["client"], line["tls"]) for line in lines] == [("192.0.2.1", "TLSv1.3")] * 4
    bad = RawClient(g.port())
    bad.send(V1 + b"no handshake at all, but enough bytes for one\r\n")
    bad.rest()
    bad.close()
    wait_for(lambda: g.metrics()["sluice_tls_handshake_failures_total"] == 1)


HAPROXY = """
listen l
    bind 127.0.0.1:{port}
    server s 127.0.0.1:%d %s
"""


@pytest.mark.parametrize("how", ["send-proxy", "send-proxy-v2", "send-proxy-v2 check check-send-proxy inter 50ms"])
def test_behind_haproxy(gateway, haproxy, how):
    g = gateway(CONFIG)
    h = haproxy(HAPROXY % (g.port(), how))
    with RawClient(h.port, source=("127.5.5.5", 0)) as c:
        assert c.get("/x").status == 200
        assert c.get("/y").status == 200
    assert [line["client"] for line in g.access(2)] == ["127.5.5.5"] * 2
    if "check" in how: # it says LOCAL of itself, and goes away
        wait_for(lambda: g.metrics()["sluice_proxy_headers_total"] >= 4)
    m = g.metrics()
    assert m['sluice_connections_refused_total{reason="bad-proxy-header"}'] == 0


@pytest.mark.parametrize("how", ["send-proxy", "send-proxy-v2-ssl-cn proxy-v2-options crc32c,authority,unique-id"])
def test_behind_haproxy_with_tls(gateway, haproxy, ca, server_cert, how):
    """A balancer that passes TLS through; and one that terminates it, and seals what it says."""
    g = gateway(TLS, cert=server_cert.cert, key=server_cert.key)
    h = haproxy(HAPROXY % (g.port(), how))
    with RawClient(h.port, tls=tls_context(ca.path), source=("127.5.5.6", 0)) as c:
        assert c.get("/x").status == 200
    assert client_of(g) == "127.5.5.6"


def test_behind_nginx(gateway, nginx):
    g = gateway(CONFIG)
    n = nginx(stream=f"proxy_pass 127.0.0.1:{g.port()}; proxy_protocol on;")
    with RawClient(n.port, source=("127.5.5.7", 0)) as c:
        assert c.get("/x").status == 200
    assert client_of(g) == "127.5.5.7"


def test_over_a_unix_socket(gateway, raw, folder):
    path = str(folder / "s.sock")
    g = gateway(CONFIG.replace('"127.0.0.1:@public@"', f'"unix:{path}"').replace("127.1.0.0/16", "unix"))
    wait_for(lambda: os.path.exists(path))
    assert raw(path).send(V1 + GET).response().status == 200
    assert raw(path).send(v2(0, 0) + GET).response().status == 200
    raw(path).send(GET).assert_closed()
    assert sorted(line["client"] for line in g.access(2)) == ["192.0.2.1", "unix"]


def test_reload(gateway, raw):
    g = gateway(CONFIG)
    old = raw(g.port()).send(V1 + GET)
    assert old.response().status == 200
    waiting = raw(g.port()).send(V1[:10])
    g.reload(CONFIG.replace("127.0.0.1, 127.1.0.0/16", "127.9.9.9"))
    g.wait_in_force(2)
    assert raw(g.port()).get("/new").status == 200    # 127.0.0.1 is nobody special now
    assert old.get("/again").status == 200            # what it said still holds
    assert waiting.send(V1[10:] + GET.replace(b"/x", b"/late")).response().status == 200
    assert {line["path"]: line["client"] for line in g.access(4)} == {
        "/x": "192.0.2.1", "/new": "127.0.0.1", "/again": "192.0.2.1", "/late": "192.0.2.1"}


def test_stopping_while_headers_are_due(gateway, raw):
    g = gateway(CONFIG.replace("400ms", "30s"))
    c = raw(g.port()).send(V1[:10])
    wait_for(lambda: g.metrics()["sluice_connections_active"] == 1)
    g.stop(SIGTERM)
    c.assert_closed()


@pytest.mark.parametrize("option,says", [
    ("proxy_protocol: { from: [10.0.0.1/8] }", r"\"10.0.0.1/8\": bits are set behind the prefix"),
    ("proxy_protocol: { from: [lb.example.com] }", r"\"lb.example.com\": expected an address"),
    ("proxy_protocol: { from: [] }", r"proxy_protocol.from"),
    ("proxy_protocol: {}", r"proxy_protocol.*from|from.*required"),
    ("proxy_protocol: { form: [10.0.0.0/8] }", r"did you mean.*from"),
])
def test_mistakes(gateway, option, says):
    with pytest.raises(GatewayDied, match=says):
        gateway(CONFIG.replace("proxy_protocol: { from: [127.0.0.1, 127.1.0.0/16], timeout: 400ms }", option))
