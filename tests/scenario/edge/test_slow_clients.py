"""What many slow clients cost: bounded while they are there, given back by the deadline, and nobody else notices."""

import pytest

from kit.bulk import BLOCK, Watch
from kit.memory import assert_below
from kit.origin import hang
from kit.process import wait_for

CONFIG = """
listeners:
  - name: public
    address: "127.0.0.1:@public@"
    max_head: 32KiB
    timeouts: { head: @head@, body: @body@, idle: 60s }@options@
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
routes:
  - { name: hello, match: { path: /hello }, respond: { body: "hello\\n" } }
  - { name: all, match: { path: /* }, upstream: app }
"""
N, KIB, MIB = 200, 1024, 1 << 20


def bounded(watch, before, bound):
    assert_below(watch.peak - before, bound, "more than at rest")


def start(gateway, app=1, head="20s", body="20s", options=""):
    g = gateway(CONFIG, app=app, head=head, body=body, options=options)
    assert g.get("/hello").status == 200
    return g, g.rss()


def test_heads_that_do_not_end(gateway, raw):
    """One buffered head each, and no more: 32 KiB, in blocks that may be half empty."""
    g, before = start(gateway, head="2s")
    with Watch(g) as watch:
        clients = [raw(g.port()).send(b"GET /hello HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 31 * KIB) for _ in range(N)]
        wait_for(lambda: g.metrics()["sluice_connections_active"] == N)
        assert g.get("/hello").status == 200
        assert all(c.response().status == 408 for c in clients)
    bounded(watch, before, N * 96 * KIB + 8 * MIB)
    assert g.metrics()['sluice_timeouts_total{of="head"}'] == N
    for c in clients:
        c.assert_closed()
    assert {line["reason"] for line in g.access(N + 2) if line["status"] == 408} == {"head-timeout"}


def test_heads_that_are_too_large_are_not_kept(gateway, raw):
    g, before = start(gateway)
    with Watch(g) as watch:
        for c in [raw(g.port()) for _ in range(20)]:
            try:
                for _ in range(4):
                    c.send(b"GET / HTTP/1.1\r\nX: " + BLOCK)
            except OSError:
                pass
    bounded(watch, before, 16 * MIB)
    wait_for(lambda: g.metrics()["sluice_connections_active"] == 0)


def test_bodies_that_stop(gateway, origin, raw):
    up = origin(hang)
    g, before = start(gateway, app=up.port, body="1s")
    with Watch(g) as watch:
        clients = [raw(g.port()).send(b"POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 20 * KIB)
                   for _ in range(N)]
        assert g.get("/hello").status == 200
        statuses = {c.response().status for c in clients}
    assert statuses == {408}
    bounded(watch, before, N * 128 * KIB + 8 * MIB)
    assert g.metrics()['sluice_timeouts_total{of="body"}'] == N


def test_bodies_that_nobody_reads(gateway, origin, raw):
    """The upstream takes the head and no more; each client has 4 MiB to say. What is in flight is bounded each way."""
    def deaf(peer):
        peer.stopped.wait()
    up = origin(on_accept=deaf)
    g, before = start(gateway, app=up.port)
    clients = [raw(g.port(), timeout=1) for _ in range(40)]
    with Watch(g) as watch:
        for c in clients:
            c.send(b"POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: 4194304\r\n\r\n")
            c.sock.setblocking(False)
        for _ in range(60):
            for c in clients:
                try:
                    c.sock.send(BLOCK)
                except BlockingIOError:
                    pass
        assert g.get("/hello").status == 200
    bounded(watch, before, 40 * 512 * KIB + 8 * MIB)


@pytest.mark.parametrize("begun", [b"", b"PROXY TCP4 192.0.2.1 ", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x0f\xf0" + b"\0" * 4000])
def test_proxy_headers_that_do_not_come(gateway, raw, begun):
    """They wait in the system's buffer, not in ours."""
    g = gateway(CONFIG, app=1, head="20s", body="20s", options="\n    proxy_protocol: { from: [127.0.0.1], timeout: 4s }")
    before = g.rss()
    with Watch(g) as watch:
        clients = [raw(g.port()).send(begun) for _ in range(N)]
        wait_for(lambda: g.metrics()["sluice_connections_active"] == N)
        c = raw(g.port(), source=("127.0.0.2", 0))
        assert c.get("/hello").status == 200
        for c in clients:
            c.assert_closed()
    bounded(watch, before, N * 8 * KIB + 4 * MIB)
    assert g.metrics()['sluice_timeouts_total{of="proxy-header"}'] == N
