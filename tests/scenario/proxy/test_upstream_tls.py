"""TLS to upstreams, verified."""
import json

import pytest

from kit.configs import proxy
from kit.origin import echo


def code(r):
    return json.loads(r.body)["type"].rpartition(":")[2]


def start(gateway, up, tls, host="localhost"):
    return gateway(proxy(servers=[f'"{host}:@app@"'], upstream=f"retries: 0, tls: {tls}"), app=up.port)


def test_a_known_authority(gateway, origin, ca, server_cert, raw):
    up = origin(echo, tls=server_cert.server_context())
    g = start(gateway, up, f"{{ ca: {ca.path} }}")
    c = raw(g.port())
    for _ in range(5):
        r = c.request("POST", "/a", body=b"secret").response()
        assert r.status == 200 and r.body == b"secret"
    assert up.connections == 1, "kept like others"
    assert up.requests[0].header("X-Forwarded-Proto") == "http", "the client's scheme, not the upstream's"


def test_by_address(gateway, origin, ca, server_cert):
    up = origin(tls=server_cert.server_context())
    assert start(gateway, up, f"{{ ca: {ca.path} }}", "127.0.0.1").get().status == 200


def test_an_unknown_authority(gateway, origin, other_ca):
    up = origin(tls=other_ca.issue("localhost", "127.0.0.1").server_context())
    g = start(gateway, up, "{}")
    r = g.get()
    assert (r.status, code(r)) == (502, "upstream-tls")
    assert not up.requests, "nothing was said to it"


def test_another_authority(gateway, origin, ca, other_ca):
    up = origin(tls=other_ca.issue("localhost", "127.0.0.1").server_context())
    r = start(gateway, up, f"{{ ca: {ca.path} }}").get()
    assert (r.status, code(r)) == (502, "upstream-tls")


def test_another_name(gateway, origin, ca):
    up = origin(tls=ca.issue("other.example").server_context())
    r = start(gateway, up, f"{{ ca: {ca.path} }}").get()
    assert (r.status, code(r)) == (502, "upstream-tls")


def test_an_expired_certificate(gateway, origin, ca):
    up = origin(tls=ca.issue("localhost", days=(-9, -1)).server_context())
    r = start(gateway, up, f"{{ ca: {ca.path} }}").get()
    assert (r.status, code(r)) == (502, "upstream-tls")


def test_a_plain_server(gateway, origin, ca):
    up = origin()
    up.on_accept = lambda peer: peer.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
    r = start(gateway, up, f"{{ ca: {ca.path} }}").get()
    assert (r.status, code(r)) == (502, "upstream-tls")


def test_a_handshake_that_hangs(gateway, origin, ca):
    up = origin()
    up.on_accept = lambda peer: peer.stopped.wait(5)
    g = gateway(proxy(servers=['"localhost:@app@"'], upstream=f"retries: 0, timeouts: {{ connect: 150ms }}, tls: {{ ca: {ca.path} }}"),
                app=up.port)
    r = g.get()
    assert (r.status, code(r)) == (504, "connect-timeout")


@pytest.mark.parametrize("size", [1 << 20, 8 << 20])
def test_large_bodies(gateway, origin, ca, server_cert, size, raw):
    up = origin(echo, tls=server_cert.server_context())
    g = start(gateway, up, f"{{ ca: {ca.path} }}")
    data = b"0123456789abcdef" * (size // 16)
    assert raw(g.port()).request("PUT", "/", body=data).response().body == data


def test_truncated_under_tls(gateway, origin, ca, server_cert, raw):
    """A TCP end without close_notify ends no body."""
    def behave(peer, _request):
        peer.send(b"HTTP/1.1 200 OK\r\n\r\npart")
        peer.reset()
    up = origin(behave, tls=server_cert.server_context())
    g = start(gateway, up, f"{{ ca: {ca.path} }}")
    c = raw(g.port()).request("GET", "/")
    try:
        assert not c.rest().endswith(b"0\r\n\r\n")
    except OSError:
        pass
