"""A service that is protected from too many requests: the circuit breaker, limits, and the order of those who wait."""
import json
import subprocess
import threading

from kit.gateway import find_program
from kit.origin import drop, reply
from kit.process import wait_for

CONFIG = """
runtime: { workers: 1 }
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
admin: { address: "127.0.0.1:@admin@" }
upstreams:
  app: { servers: ["127.0.0.1:@app@"], @more@ }
routes:
  - { name: all, match: { path: /* }, upstream: app }
  - { name: high, match: { path: /high }, upstream: app, priority: high }
  - { name: low, match: { path: /low }, upstream: app, priority: low }
"""


def start(gateway, up, more):
    return gateway(CONFIG.replace("@more@", more), app=up.port)


def circuit(g):
    return json.loads(g.admin("/status").body)["upstreams"][0]["circuit"]["state"]


def in_progress(g, n):
    wait_for(lambda: len(json.loads(g.admin("/requests").body)["requests"]) == n, what=f"{n} requests in progress")


def test_the_circuit_opens_and_closes(gateway, origin):
    up = origin(reply(503, b"no"))
    g = start(gateway, up, "health: { failures: 0 }, breaker: { requests: 5, open: 300ms, trials: 2 }")
    assert [g.get().status for _ in range(5)] == [503] * 5
    asked = len(up.requests)
    r = g.get()
    assert r.status == 503 and "circuit-open" in r.text and r.header("retry-after") == "1"
    assert len(up.requests) == asked, "the service is left alone"
    assert circuit(g) == "open" and g.metrics()['sluice_upstream_circuit_state{upstream="app"}'] == 1
    g.reload()
    assert "circuit-open" in g.get().text, "it stays open over a reload"
    up.behave(reply(200, b"yes"))
    wait_for(lambda: g.get().status == 200, what="a trial")
    assert g.get().status == 200
    assert circuit(g) == "closed" and g.metrics()['sluice_upstream_circuit_state{upstream="app"}'] == 0
    line = [a for a in g.access(8) if a.get("reason") == "circuit-open"][0]
    assert line["upstream"] == "app" and "server" not in line
    assert "app: the circuit is open, requests are refused for 300 ms: 5 of 5 requests failed" in g.log()


def test_lost_connections_open_the_circuit(gateway, origin):
    up = origin(drop)
    g = start(gateway, up, "health: { failures: 0 }, retries: 0, breaker: { requests: 3, open: 30s }")
    assert [g.get().status for _ in range(3)] == [502] * 3
    r = g.get()
    assert r.status == 503 and "circuit-open" in r.text and 25 <= int(r.header("retry-after")) <= 30


class Held:
    """An origin that answers when it is told to, one request after the other; in which order it was asked."""

    def __init__(self, origin):
        self.go = threading.Semaphore(0)
        self.up = origin(self.behave)

    def behave(self, peer, request):
        self.go.acquire(timeout=5)
        reply(200, request.target.encode())(peer, request)


def test_the_important_ones_go_first(gateway, origin):
    held = Held(origin)
    g = start(gateway, held.up, "max_requests: 1, max_queue: 3, timeouts: { queue: 5s }")
    paths = ["/first", "/low", "/a", "/b"]
    clients = {}
    for path in paths:
        clients[path] = g.connect().request("GET", path)
        if path == "/first":
            held.up.wait(1)
        else:
            in_progress(g, len(clients))
    clients["/high"] = g.connect().request("GET", "/high")
    shed = clients.pop("/low").response()
    assert shed.status == 503 and "shed" in shed.text and shed.header("retry-after") == "1"
    full = g.get("/low")
    assert full.status == 503 and "queue-full" in full.text
    for _ in range(4):
        held.go.release()
    assert all(c.response().status == 200 for c in clients.values())
    assert [r.target for r in held.up.requests] == ["/first", "/high", "/a", "/b"]
    for c in clients.values():
        c.close()


def test_with_lifo_the_newest_goes_first(gateway, origin):
    held = Held(origin)
    g = start(gateway, held.up, "max_requests: 1, max_queue: 2, queue_order: lifo, timeouts: { queue: 5s }")
    clients = {}
    for path in ["/first", "/a", "/b", "/c"]:
        clients[path] = g.connect().request("GET", path)
        if path == "/first":
            held.up.wait(1)
        else:
            in_progress(g, min(len(clients), 3))
    assert "shed" in clients.pop("/a").response().text
    for _ in range(3):
        held.go.release()
    assert all(c.response().status == 200 for c in clients.values())
    assert [r.target for r in held.up.requests] == ["/first", "/c", "/b"]
    for c in clients.values():
        c.close()


def test_an_adaptive_limit_serves_all(gateway, origin):
    up = origin(reply(200, b"ok"))
    g = start(gateway, up, "adaptive: { min: 1, max: 8 }")
    with g.connect() as c:
        for _ in range(50):
            assert c.request("GET", "/").response().status == 200


def test_mistakes(folder):
    program, plugins = find_program()

    def told(more):
        path = folder / "sluice.yaml"
        path.write_text("""listeners: [{ name: p, address: "127.0.0.1:1" }]
upstreams:
  app: { servers: ["127.0.0.1:2"], %s }
routes: [{ name: all, upstream: app }]
""" % more)
        return subprocess.run([program, "check", "-c", path, "--plugin-dir", plugins], capture_output=True, text=True, timeout=20,
                              check=False).stderr
    assert told("adaptive: {}, breaker: {}") == ""
    assert "the limit is fixed by max_requests, or found by `adaptive`" in told("adaptive: {}, max_requests: 5")
    assert "max is below min" in told("adaptive: { min: 50, max: 5 }")
    assert "write 50%" in told("breaker: { failures: 50 }")
