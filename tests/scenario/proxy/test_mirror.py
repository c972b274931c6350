"""Copies of requests go to a shadow, and no client waits for it."""
import pytest

from kit.origin import drop, echo, hang, reply
from kit.process import wait_for

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@", protocols: [h2, http/1.1] }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
  shadow: { servers: ["127.0.0.1:@shadow@"]SHADOW }
routes:
  - name: all
    match: { path: /* }
    upstream: app
    mirror: { to: shadow, max_body: 1MiB, timeout: 300ms, max_copies: 3 }
"""


@pytest.fixture
def mirrored(gateway, origin):
    def start(behaviour, shadow=None, more=""):
        up = origin(echo)
        shadow = shadow or origin(behaviour)
        return gateway(CONFIG.replace("SHADOW", more), app=up.port, shadow=shadow.port), up, shadow
    return start


def copies(g, result):
    return g.metrics().get(f'sluice_mirrored_requests_total{{route="all",result="{result}"}}', 0)


@pytest.mark.parametrize("client", ["h1", "h2"])
def test_copies(mirrored, raw, h2, client):
    g, up, shadow = mirrored(reply(500, b"never mind"))
    body = bytes(range(256)) * 1200
    if client == "h1":
        r = raw(g.port()).request("POST", "/a?b=c", [("X-One", "1"), ("X-Sluice-Mirror", "mine")], body=body).response()
    else:
        r = h2(g.port(), tls=False).request("POST", "/a?b=c", [("x-one", "1"), ("x-sluice-mirror", "mine")], body)
    assert (r.status, r.body) == (200, body)
    real, copy = up.wait(1)[0], shadow.wait(1)[0]
    assert (copy.method, copy.target, copy.body) == ("POST", "/a?b=c", body) == (real.method, real.target, real.body)
    assert copy.header("x-sluice-mirror") == "1" and real.header("x-sluice-mirror") is None
    same = {"x-one", "host", "x-forwarded-for", "x-request-id"}
    assert {n: copy.header(n) for n in same} == {n: real.header(n) for n in same}
    wait_for(lambda: copies(g, "answered") == 1, what="the count")
    line = g.access(1)[0]
    assert (line["status"], line["upstream"]) == (200, "app")


def test_a_shadow_of_http2(mirrored, raw, h2_origin):
    shadow = h2_origin(lambda stream, request: stream.respond(200, body=b"x" * 50000))
    g, _, _ = mirrored(None, shadow=shadow, more=", protocol: h2c")
    for n in range(3):
        assert raw(g.port()).request("POST", "/", body=b"x" * 5000).response().status == 200
        shadow.wait(n + 1)
    wait_for(lambda: copies(g, "answered") == 3, what="the count")
    assert [len(r.body) for r in shadow.requests] == [5000] * 3


@pytest.mark.parametrize("behaviour, result", [(hang, "timeout"), (drop, "failed")])
def test_a_bad_shadow(mirrored, raw, behaviour, result):
    """Clients do not notice; and not more than a few copies wait for it."""
    g, _, _ = mirrored(behaviour)
    c = raw(g.port())
    for _ in range(10):
        assert c.request("POST", "/", body=b"x" * 20000).response().status == 200
    wait_for(lambda: copies(g, result) + copies(g, "busy") == 10, what="the counts")
    assert result == "failed" or copies(g, "timeout") >= 3


def test_reload_and_stop_with_copies_in_progress(mirrored, raw):
    g, up, shadow = mirrored(hang)
    assert raw(g.port()).get("/1").status == 200
    shadow.wait(1)
    g.reload(CONFIG.replace("SHADOW", "").replace("    mirror: { to: shadow, max_body: 1MiB, timeout: 300ms, max_copies: 3 }\n", ""))
    assert raw(g.port()).get("/2").status == 200
    wait_for(lambda: copies(g, "timeout") == 1, what="its end")
    g.reload(CONFIG.replace("SHADOW", "").replace("timeout: 300ms", "timeout: 60s"))
    assert raw(g.port()).get("/3").status == 200
    shadow.wait(2)
    g.stop()
    assert [r.target for r in shadow.requests] == ["/1", "/3"]
