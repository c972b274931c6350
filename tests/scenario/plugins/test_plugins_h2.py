"""Plugins behind HTTP/2: many exchanges wait on one connection, and some of them are given up."""
import threading

import pytest

from kit.origin import echo, reply
from kit.process import wait_for
from kit.tokens import jwks

CONFIG = """
listeners:
  - name: public
    address: 127.0.0.1:@public@
    protocols: [h2, http/1.1]
    tls: { certificates: [{ certificate: "@cert@", private_key: "@key@" }] }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
plugins:
  login: { use: jwt, issuer: "https://idp.test/", audience: api, jwks: "@jwks@", claims_to_headers: { sub: X-User }, key_wait: 5s }
  few: { use: rate-limit, rate: 1/d, burst: 10, by: claim:sub }
  mark: { use: headers, response: { set: { X-Seen: "{request_id}" } } }
routes:
  - { name: all, match: { path: /* }, plugins: [mark, login, few], upstream: app }
"""


@pytest.fixture
def setting(gateway, origin, jwks_server, rs256, server_cert):
    def make(behaviour=echo, keys=None):
        up, server = origin(behaviour), jwks_server(rs256)
        if keys:
            server.behave(keys)
        g = gateway(CONFIG, app=up.port, cert=server_cert.cert, key=server_cert.key, jwks=server.url)
        return g, up, server
    return make


def bearer(token):
    return [("authorization", f"Bearer {token}")]


def test_answers(setting, h2, rs256):
    g, up, _ = setting()
    c = h2(g.port())
    r = c.get("/")
    assert r.status == 401 and r.header("www-authenticate").startswith('Bearer realm="login"') and r.header("x-seen")
    r = c.request("POST", "/x", bearer(rs256.mint(sub="bob")) + [("x-user", "root"), ("x_user", "root")], b"body")
    assert r.status == 200 and r.body == b"body" and r.header("ratelimit") == '"few";r=9;t=86400'
    got = up.wait(1)[0].fields
    assert got.all("x-user") == ["bob"] and "x_user" not in got


def test_many_wait_on_one_connection(setting, h2, rs256):
    let_go = threading.Event()

    def when_told(peer, request):
        assert let_go.wait(10)
        reply(200, jwks(rs256).encode())(peer, request)
    g, _, _ = setting(keys=when_told)
    c = h2(g.port())
    streams = [c.start("GET", f"/{i}", bearer(rs256.mint(sub=f"u{i % 2}"))) for i in range(24)]
    wait_for(lambda: g.metrics().get("sluice_requests_active") == 24, what="parked requests")
    for s in streams[:4]:
        c.reset(s)
    wait_for(lambda: g.metrics().get("sluice_requests_active") == 20, what="those that are left")
    let_go.set()
    answers = [c.finish(s).status for s in streams[4:]]
    assert sorted(answers) == [200] * 20, "those that were given up were not counted"
    assert c.get("/again", bearer(rs256.mint(sub="u0"))).status == 429


def test_a_refusal_before_the_body_ends(setting, h2):
    g, up, _ = setting()
    c = h2(g.port())
    s = c.start("POST", "/x", end=False)
    assert c.finish(s).status == 401
    assert c.get("/").status == 401, "the connection goes on"
    assert up.requests == []
