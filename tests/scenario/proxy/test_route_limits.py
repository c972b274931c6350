"""What a route bounds over its upstream and its listener, and what a listener says for routes that say nothing."""
import json

import pytest

from kit.origin import echo, hang, reply

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@", protocols: [h2, http/1.1], max_body: 1KiB }
  - { name: inner, address: "127.0.0.1:@inner@", defaults: { timeouts: { request: 150ms }, max_body: 2KiB } }
upstreams:
  app: { servers: ["127.0.0.1:@app@"], health: { failures: 1 } }
routes:
  - { name: all, match: { path: /* }, upstream: app }
  - { name: short, match: { path: /short }, upstream: app, timeouts: { request: 150ms } }
  - { name: begin, match: { path: /begin }, upstream: app, timeouts: { response: 150ms } }
  - { name: told, match: { path: /told }, upstream: app, timeouts: { request: 20s, deadline: x-request-timeout } }
  - { name: large, match: { path: /large }, upstream: app, max_body: 1MiB }
  - { name: small, match: { path: /small }, upstream: app, max_body: 10 }
"""


def code(r):
    return json.loads(r.body)["type"].rpartition(":")[2]


@pytest.fixture
def limited(gateway, origin):
    def start(behaviour):
        up = origin(behaviour)
        return gateway(CONFIG, app=up.port), up
    return start


def test_the_whole_request(limited, raw, h2):
    g, _ = limited(hang)
    r = raw(g.port()).get("/short")
    assert (r.status, code(r)) == (504, "route-timeout")
    r = h2(g.port(), tls=False).get("/short")
    assert (r.status, code(r)) == (504, "route-timeout")
    lines = g.access(2)
    assert [line["reason"] for line in lines] == ["route-timeout"] * 2
    metrics = g.metrics()
    assert metrics['sluice_timeouts_total{of="route"}'] == 2
    assert metrics['sluice_upstream_failures_total{upstream="app",reason="route-timeout"}'] == 2
    assert metrics['sluice_refusals_total{route="short",reason="route-timeout"}'] == 2
    assert metrics["sluice_upstream_ejections_total"] == 0, "the server may be good for other requests"


def test_the_server_has_to_begin(limited, raw):
    g, _ = limited(hang)
    r = raw(g.port()).get("/begin")
    assert (r.status, code(r)) == (504, "upstream-timeout")
    assert g.metrics()["sluice_upstream_ejections_total"] == 1, "that one counts against the server"


@pytest.mark.parametrize("said, most", [("5", 5), ("5000ms", 5), ("99999", 20), (None, 20)])
def test_the_server_hears_what_is_left(limited, raw, said, most):
    g, up = limited(reply(200, b"ok"))
    assert raw(g.port()).get("/told", [("X-Request-Timeout", said)] if said else []).status == 200
    left = up.requests[0].fields.all("x-request-timeout")
    assert len(left) == 1 and most - 4 < float(left[0]) <= most


def test_a_deadline_that_passed_is_not_sent(limited, raw):
    g, up = limited(reply(200, b"ok"))
    r = raw(g.port()).get("/told", [("X-Request-Timeout", "0")])
    assert (r.status, code(r)) == (504, "deadline-exceeded")
    r = raw(g.port()).get("/told", [("X-Request-Timeout", "tomorrow")])
    assert (r.status, code(r)) == (400, "deadline-malformed")
    assert up.requests == []


def test_bodies(limited, raw, h2):
    g, up = limited(echo)
    chunked = [("Transfer-Encoding", "chunked")]
    for path, most in (("/", 1024), ("/large", 1 << 20), ("/small", 10)):
        c = raw(g.port())
        assert c.request("POST", path, body=b"x" * most).response().status == 200
        c.request("POST", path, chunked).send(b"%x\r\n" % most + b"x" * most + b"\r\n0\r\n\r\n")
        assert c.response().status == 200
        n = len(up.requests)
        r = raw(g.port()).request("POST", path, [("Expect", "100-continue"), ("Content-Length", str(most + 1))]).response()
        assert (r.status, code(r), r.interim) == (413, "body-too-large", [])
        r = raw(g.port()).request("POST", path, chunked).send(b"%x\r\n" % (most + 1) + b"x" * (most + 1)).response()
        assert (r.status, code(r)) == (413, "body-too-large")
        c = h2(g.port(), tls=False)
        assert c.request("POST", path, [("content-length", str(most))], b"x" * most).status == 200
        r = c.request("POST", path, [("content-length", str(most + 1))], b"x" * (most + 1))
        assert (r.status, code(r)) == (413, "body-too-large")
        assert [len(r.body) for r in up.requests[n:]] == [most], "no other became a whole request"


def test_defaults_of_a_listener(limited, raw):
    g, up = limited(hang)
    port = g.port("inner")
    r = raw(port).get("/")
    assert (r.status, code(r)) == (504, "route-timeout")
    assert raw(port).request("POST", "/", body=b"x" * 2049).response().status == 413
    assert raw(port).request("POST", "/small", body=b"x" * 11).response().status == 413
    assert len(up.requests) == 1


def test_changed_by_a_reload_on_an_open_connection(limited, raw):
    g, _ = limited(echo)
    c = raw(g.port())
    assert c.request("POST", "/small", body=b"x" * 10).response().status == 200
    g.reload(CONFIG.replace("max_body: 10 ", "max_body: 20 "))
    assert c.request("POST", "/small", body=b"x" * 20).response().status == 200
