"""What many slow clients of HTTP/2 and of TLS cost, and readers that stop: as in test_slow_clients.py."""

import pytest

from kit.bulk import Watch
from kit.client import connect
from kit.h2frames import DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS, block, frame, goaway
from kit.memory import assert_below
from kit.process import wait_for

CONFIG = """
listeners:
  - name: public
    address: "127.0.0.1:@public@"
    protocols: [h2, http/1.1]
    timeouts: { head: @head@, body: @body@, idle: @idle@ }
upstreams:
  app: { servers: ["127.0.0.1:@app@"], timeouts: { response: 60s }, health: { failures: 0 } }
routes:
  - { name: hello, match: { path: /hello }, respond: { body: "hello\\n" } }
  - { name: all, match: { path: /* }, upstream: app }
"""
N, KIB, MIB = 100, 1024, 1 << 20


def start(gateway, app=1, head="60s", body="60s", idle="60s"):
    g = gateway(CONFIG, app=app, head=head, body=body, idle=idle)
    assert g.get("/hello").status == 200
    return g, g.rss()


def clients(g, *sent):
    """N connections that have said this, and say no more."""
    out = [connect(g.port(), timeout=20) for _ in range(N)]
    for c in out:
        c.sendall(PREFACE + frame(SETTINGS) + b"".join(sent))
    return out


def bounded(watch, before, each):
    assert_below(watch.peak - before, N * each + 8 * MIB, "more than at rest")


def timed_out(g, of, n=N):
    wait_for(lambda: g.metrics()[f'sluice_timeouts_total{{of="{of}"}}'] == n, 30, f"{n} deadlines of {of} to pass")


def ended(g, connections):
    """Each hears GOAWAY, and then the end."""
    for c in connections:
        data = b""
        while piece := c.recv(65536):
            data += piece
        assert goaway(data) == 0
    wait_for(lambda: g.metrics()["sluice_connections_active"] == 0, 20, "all connections to be closed")


def reasons(g, n, reason):
    wait_for(lambda: len([line for line in g.access() if line.get("reason") == reason]) == n, 20, f"{n} lines that say {reason}")


def test_heads_that_do_not_end(gateway):
    """A block goes on in CONTINUATION frames that do not come."""
    g, before = start(gateway, head="1s")
    with Watch(g) as watch:
        slow = clients(g, frame(HEADERS, END_STREAM, 1, block("GET") + b"\x00\x01x\x7f\x81\x7d" + b"x" * 16000))
        assert g.get("/hello").status == 200
        timed_out(g, "head")
    bounded(watch, before, 192 * KIB)
    reasons(g, N, "head-timeout")
    ended(g, slow)


def test_bodies_that_stop(gateway, origin):
    up = origin(lambda peer, _: peer.stopped.wait())
    g, before = start(gateway, app=up.port, body="1s", idle="2s")
    with Watch(g) as watch:
        slow = clients(g, frame(HEADERS, END_HEADERS, 1, block("POST", "/up")), frame(DATA, 0, 1, b"x" * 16000))
        assert g.get("/hello").status == 200
        timed_out(g, "body")
    bounded(watch, before, 256 * KIB)
    reasons(g, N, "body-timeout")
    ended(g, slow)
    wait_for(lambda: up.open == 0, 20, "the upstream's connections to be closed")


def endless(peer, _request):
    peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        peer.send(b"x" * 65536)


@pytest.mark.parametrize("version", ["h1", "h2"])
def test_readers_that_stop(gateway, origin, raw, version):
    """The response has no end, and nobody takes it. HTTP/2: the window of the request is never opened."""
    up = origin(endless)
    g, before = start(gateway, app=up.port, body="1s", idle="2s")
    with Watch(g) as watch:
        if version == "h2":
            slow = clients(g, frame(HEADERS, END_HEADERS | END_STREAM, 1, block("GET", "/up")))
        else:
            slow = [raw(g.port()).request("GET", "/up") for _ in range(N)]
        assert g.get("/hello").status == 200
        timed_out(g, "send")
    bounded(watch, before, 768 * KIB)
    reasons(g, N, "client-stalled")
    wait_for(lambda: up.open == 0, 20, "the upstream's connections to be closed")
    for c in slow:
        c.close()


@pytest.mark.parametrize("version", ["h1", "h2"])
def test_connections_without_requests(gateway, raw, version):
    g, before = start(gateway, idle="1500ms")
    with Watch(g) as watch:
        idle = clients(g) if version == "h2" else [raw(g.port()) for _ in range(N)]
        timed_out(g, "idle")
    bounded(watch, before, 64 * KIB)
    if version == "h2":
        ended(g, idle)
    else:
        for c in idle:
            c.assert_closed()


def test_handshakes_that_do_not_end(gateway, server_cert):
    """The beginning of a ClientHello; timeouts.head bounds the handshake too."""
    tls = f"tls: {{ certificates: [ {{ certificate: {server_cert.cert}, private_key: {server_cert.key} }} ] }}"
    g = gateway(CONFIG.replace("protocols:", tls + "\n    protocols:"), app=1, head="1s", body="60s", idle="60s")
    before = g.rss()
    with Watch(g) as watch:
        slow = [connect(g.port(), timeout=20) for _ in range(N)]
        for c in slow:
            c.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 200)
        timed_out(g, "tls")
    bounded(watch, before, 96 * KIB)
    for c in slow:
        assert not c.recv(1)
