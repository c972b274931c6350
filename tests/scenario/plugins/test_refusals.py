"""Requests with bodies that a plugin refuses, or decides on late: what becomes of the body, and of the connection."""
import pytest

from kit.origin import echo, reply
from kit.tokens import jwks, refusal

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@", timeouts: { body: 2s } }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
plugins:
  login: { use: jwt, issuer: "https://idp.test/", audience: api, jwks: "@jwks@" }
routes:
  - { name: all, match: { path: /* }, plugins: [login], upstream: app }
"""


@pytest.fixture
def setting(gateway, origin, jwks_server, rs256):
    def make(delay=0.0):
        up, server = origin(echo), jwks_server(rs256)
        server.behave(reply(200, jwks(rs256).encode(), delay=delay))
        return gateway(CONFIG, app=up.port, jwks=server.url), up
    return make


def test_no_continue_for_who_is_refused(setting, rs256):
    g, up = setting()
    with g.connect() as c:
        c.request("POST", "/x", [("Expect", "100-continue"), ("Content-Length", "5")])
        r = c.response("POST")
        assert refusal(r) == "token-missing" and r.interim == []
    with g.connect() as c:
        c.request("POST", "/x", [("Expect", "100-continue"), ("Content-Length", "5"), ("Authorization", f"Bearer {rs256.mint()}")])
        assert c.response_head().status == 100
        c.send(b"hello")
        assert c.response("POST").body == b"hello"
    assert len(up.requests) == 1


@pytest.mark.parametrize("size", [5, 100_000, 8 << 20])
def test_a_refused_body(setting, size):
    """A small one is read and the connection goes on; a large one is not, and it ends."""
    g, up = setting()
    with g.connect() as c:
        try:
            c.request("POST", "/x", body=b"x" * size)
        except (ConnectionResetError, BrokenPipeError):
            pass
        assert refusal(c.response("POST")) == "token-missing"
        if size == 5:
            assert refusal(c.get("/")) == "token-missing"
    assert g.get("/").status == 401 and up.requests == []


def test_a_body_that_comes_while_the_plugin_waits(setting, rs256):
    g, up = setting(delay=0.4)
    body = b"0123456789abcdef" * 65536
    with g.connect() as c:
        c.request("POST", "/x", [("Authorization", f"Bearer {rs256.mint()}")], body)
        assert c.response("POST").body == body
    with g.connect() as c:
        c.request("POST", "/y", [("Authorization", f"Bearer {rs256.mint()}"), ("Transfer-Encoding", "chunked")])
        c.send(b"3\r\nabc\r\n0\r\n\r\n")
        assert c.response("POST").body == b"abc"
    assert up.errors == []


def test_pipelined_behind_one_that_waits(setting, rs256):
    g, _ = setting(delay=0.3)
    with g.connect() as c:
        for i in range(5):
            c.request("POST", f"/{i}", [("Authorization", f"Bearer {rs256.mint()}")], b"%d" % i)
        assert [c.response("POST").body for _ in range(5)] == [b"%d" % i for i in range(5)]
