"""Plugins that decide with the whole body of a request, before the plugins behind them run."""
from pathlib import Path

import pytest

from kit import h2origin, origin as h1origin
from kit.modules import build_module
from kit.origin import reply
from kit.process import wait_for
from kit.tokens import refusal

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@", timeouts: { body: 1s } }
  - name: tls
    address: 127.0.0.1:@tls@
    protocols: [h2, http/1.1]
    tls: { certificates: [{ certificate: "@cert@", private_key: "@key@" }] }
upstreams:
  app: { servers: ["127.0.0.1:@app@"], protocol: "@protocol@", retries: 1 }
plugins:
  behind: { use: headers, request: { set: { X-Behind: "1" } } }
routes:
  - { name: all, match: { path: /* }, plugins: [%s, behind], %s }
"""
SIDES = pytest.mark.parametrize("client,upstream", [(c, u) for c in ("h1", "h2") for u in ("h1", "h2")], ids=lambda v: v)
BOTH = pytest.mark.parametrize("client", ["h1", "h2"])


def probe(**options):
    return "{ use: body-wait-probe, " + ", ".join(f"{k}: {v}" for k, v in options.items()) + " }"


@pytest.fixture(scope="session")
def modules(tmp_path_factory):
    return build_module(tmp_path_factory.mktemp("modules"), "body-wait-probe", Path(__file__).parent / "modules/body_wait_probe.c")


class Setting:
    def __init__(self, g, up, client, raw, h2):
        self.g, self.up, self.client, self.raw, self.h2 = g, up, client, raw, h2

    def ask(self, method="POST", body=b"one", headers=()):
        if self.client == "h2":
            r = self.h2(self.g.port("tls")).request(method, "/", list(headers), body)
            return r.status, r.body
        with self.raw(self.g.port("public")) as c:
            r = c.request(method, "/", headers, body).response(method)
            return r.status, r.body

    def got(self, n=0):
        wait_for(lambda: len(self.up.requests) > n and getattr(self.up.requests[n], "complete", True), what="the request")
        r = self.up.requests[n]
        return r.body, [(k.lower(), v) for k, v in r.fields]


@pytest.fixture
def waiting(gateway, origin, h2_origin, raw, h2, modules, server_cert):
    def start(plugins, client="h1", upstream="h1", route="upstream: app"):
        up = h2_origin(h2origin.echo) if upstream == "h2" else origin(h1origin.echo)
        g = gateway(CONFIG % (plugins, route), app=up.port, cert=server_cert.cert, key=server_cert.key,
                    protocol="h2c" if upstream == "h2" else "http/1.1", args=["--plugin-dir", modules])
        return Setting(g, up, client, raw, h2)
    return start


@SIDES
@pytest.mark.parametrize("late", ["false", "true"])
@pytest.mark.parametrize("act,expected", [("look", b"one"), ("upper", b"ONE")])
def test_the_body_goes_on(waiting, client, upstream, act, expected, late):
    s = waiting(probe(act=act, late=late), client, upstream)
    assert s.ask() == (200, expected)
    body, fields = s.got()
    assert body == expected and dict(fields)["x-seen"] == "one" and dict(fields)["x-behind"] == "1"
    assert dict(fields)["content-length"] == "3"


@SIDES
def test_one_after_another(waiting, client, upstream):
    """The later sees what the earlier made of it."""
    s = waiting(", ".join([probe(act="upper"), probe(), probe(late="true")]), client, upstream)
    assert s.ask() == (200, b"ONE")
    assert [v for n, v in s.got()[1] if n == "x-seen"] == ["one", "ONE", "ONE"]


@BOTH
@pytest.mark.parametrize("method,body", [("GET", None), ("POST", b"")])
def test_without_a_body(waiting, client, method, body):
    s = waiting(probe(), client)
    assert s.ask(method, body) == (200, b"")
    assert dict(s.got()[1])["x-seen"] == ""


@BOTH
def test_refused(waiting, client):
    s = waiting(probe(act="refuse"), client)
    status, body = s.ask()
    assert status == 403 and b"not-allowed" in body
    assert not s.up.requests


@BOTH
@pytest.mark.parametrize("code,status", [(200, 200), (401, 403)])
def test_a_service_is_sent_the_body(waiting, origin, client, code, status):
    auth = origin(reply(code, b"you"))
    s = waiting(probe(act="ask", url=f'"http://127.0.0.1:{auth.port}/"'), client)
    assert s.ask(body=b"x" * 1000)[0] == status
    assert auth.requests[0].body == b"x" * 1000
    if status == 200:
        assert dict(s.got()[1])["x-allowed"] == "you"


@BOTH
def test_it_is_too_long(waiting, client):
    s = waiting(probe(max=10), client)
    assert s.ask(body=b"x" * 10)[0] == 200
    status, body = s.ask(body=b"x" * 11)
    assert status == 413 and b"body-too-large" in body


@SIDES
def test_it_is_too_long_and_passes(waiting, client, upstream):
    s = waiting(", ".join([probe(max=10, over="pass", act="look"), probe()]), client, upstream)
    text = b"0123456789" * 1000
    assert s.ask(body=text) == (200, text)
    body, fields = s.got()
    assert body == text and [v for n, v in fields if n == "x-seen"][0] == "unseen"
    assert "body-unseen" in s.g.access(1)[0]["notes"]


EARLY = """
listeners:
  - { name: public, address: "127.0.0.1:@public@", plugins: [%s] }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
routes:
  - { name: some, match: { path: /some }, plugins: [%s], upstream: app, request_trailers: [x-kept] }
"""


def test_before_there_is_a_route(gateway, origin, raw, modules):
    """A plugin of the listener decides with the body; the route's plugins see what it made of it."""
    up = origin(h1origin.echo)
    g = gateway(EARLY % (probe(act="upper"), probe()), app=up.port, args=["--plugin-dir", modules])
    with raw(g.port("public")) as c:
        assert c.request("POST", "/some", body=b"one").response().body == b"ONE"
        assert c.request("POST", "/none", body=b"two").response().status == 404
        r = c.send(b"POST /some HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                   b"3\r\none\r\n0\r\nX-Kept: 1\r\nX-Gone: 2\r\n\r\n").response()
        assert r.body == b"ONE"
    assert [v for n, v in up.requests[0].fields if n.lower() == "x-seen"] == ["one", "ONE"]
    assert [n.lower() for n, _ in up.requests[1].trailers] == ["x-kept"]
    g = gateway(EARLY % (probe(act="refuse"), probe()), app=up.port, args=["--plugin-dir", modules])
    assert g.request("POST", "/none", body=b"two").status == 403


def test_chunks_and_trailers(waiting, raw):
    s = waiting(", ".join([probe(read_only="true"), probe()]))
    with raw(s.g.port("public")) as c:
        c.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\non\r\n")
        wait_for(lambda: s.g.metrics().get("sluice_requests_active") == 1, what="the request")
        r = c.send(b"1\r\ne\r\n0\r\nX-T: 1\r\n\r\n").response()
        assert r.body == b"one"
        assert c.request("GET", "/").response().status == 200, "the connection goes on"


def test_expectations_are_met(waiting, raw):
    s = waiting(probe())
    with raw(s.g.port("public")) as c:
        c.send(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert c.response_head().status == 100
        assert c.send(b"one").response().body == b"one"


@pytest.mark.parametrize("plugins", [probe(), probe(max=1, over="pass")])
def test_routes_that_answer(waiting, raw, plugins):
    s = waiting(plugins, route='respond: { body: "in" }')
    with raw(s.g.port("public")) as c:
        assert c.request("POST", "/", body=b"one").response().body == b"in"
        assert c.request("POST", "/", body=b"two").response().body == b"in"


def test_the_client_is_slow_or_leaves(waiting, raw):
    s = waiting(probe())
    with raw(s.g.port("public")) as c:
        c.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\no")
        r = c.response()
        assert r.status == 408 and refusal(r) == "body-timeout"
    c = raw(s.g.port("public"))
    c.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\no")
    wait_for(lambda: s.g.metrics().get("sluice_requests_active") == 1, what="the request")
    c.close()
    wait_for(lambda: s.g.metrics().get("sluice_requests_active") == 0, what="its end")
    assert not s.up.requests
