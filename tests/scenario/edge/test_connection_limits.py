"""Bounds on connections and on what one may carry: exact over all workers, nothing left behind, told by metric and log."""
import threading

import pytest

from kit.client import RawClient, tls_context
from kit.gateway import GatewayDied, find_program
from kit.origin import hang, reply
from kit.process import wait_for

CONFIG = """
runtime: { workers: 3, shutdown_grace: 2s@runtime@ }
listeners:
  - { name: public, address: "127.0.0.1:@public@", protocols: [http/1.1, h2]@options@ }
  - { name: other, address: "127.0.0.1:@other@"@options@ }
routes:
  - { name: all, match: { path: /* }, respond: { body: "hello\\n" } }
"""
PER_CLIENT = 'sluice_connections_refused_total{reason="max-connections-per-client"}'
TOTAL = 'sluice_connections_refused_total{reason="max-connections"}'


def is_served(g, source="127.0.0.1", listener=None, first=b""):
    """A connection that was answered, still open; or None when it was closed instead."""
    c = RawClient(g.port(listener), source=(source, 0))
    try:
        if c.send(first).get("/").status == 200:
            return c
    except (AssertionError, OSError):
        pass
    c.close()
    return None


def until_served(g, *args, **kw):
    return wait_for(lambda: is_served(g, *args, **kw), what="a connection that is served")


# ---- of one client ----

def test_per_client(gateway):
    """Exact, though the connections are on three workers."""
    g = gateway(CONFIG, options=", max_connections_per_client: 5", runtime="")
    held = [is_served(g) for _ in range(5)]
    assert all(held)
    assert not any(is_served(g) for _ in range(10))
    assert g.metrics()[PER_CLIENT] == 10
    g.wait_log(r"public: a connection from 127\.0\.0\.1 is refused: max-connections-per-client")
    assert all(c.get("/").status == 200 for c in held)
    assert is_served(g, "127.0.0.2")              # another client
    assert is_served(g, listener="other")         # another listener
    held.pop().close()
    held.append(until_served(g))
    assert not is_served(g)


def test_nothing_stays_behind(gateway):
    """However connections end, their places are free again."""
    g = gateway(CONFIG, options=", max_connections_per_client: 4, timeouts: { head: 300ms, idle: 300ms }", runtime="")
    for _ in range(3):
        for end in ("close", "reset", "half", "bad", "timeout", "half-head"):
            c = until_served(g)
            if end == "reset":
                c.reset()
            elif end == "half":
                c.shutdown()
                c.assert_closed()
            elif end == "bad":
                c.send(b"nonsense\r\n\r\n").rest()
            elif end == "timeout":
                c.assert_closed()
            elif end == "half-head":
                c.send(b"GET / HT").rest()
            c.close()
    wait_for(lambda: g.metrics()["sluice_connections_active"] == 0)
    held = [until_served(g) for _ in range(4)]
    assert not is_served(g)
    assert all(held)


def test_many_at_once(gateway):
    """Threads that come and go: never more than allowed at a time, and in the end nobody."""
    g = gateway(CONFIG, options=", max_connections_per_client: 8", runtime="")
    served, refused = [], []

    def run():
        for _ in range(40):
            c = is_served(g)
            (served if c else refused).append(1)
            if c:
                c.close()
    threads = [threading.Thread(target=run) for _ in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(served) + len(refused) == 16 * 40 and served
    wait_for(lambda: g.metrics()["sluice_connections_active"] == 0)
    held = [until_served(g) for _ in range(8)]
    assert not is_served(g) and all(held)


def test_per_client_behind_a_balancer(gateway):
    """It is the client the header names that counts, not the balancer."""
    g = gateway(CONFIG, options=", max_connections_per_client: 2, proxy_protocol: { from: [127.0.0.1] }", runtime="")

    def header(ip):
        return f"PROXY TCP4 {ip} 198.51.100.7 1 2\r\n".encode()
    held = [is_served(g, first=header("192.0.2.1")) for _ in range(2)]
    assert all(held) and not is_served(g, first=header("192.0.2.1"))
    held += [is_served(g, first=header("192.0.2.2")) for _ in range(2)]
    assert all(held) and not is_served(g, first=header("192.0.2.2"))
    # who has an IPv6 address has a /64
    v6 = [f"PROXY TCP6 2001:db8:0:{net}::{i} 2001:db8::1 1 2\r\n".encode() for net, i in (("1", 1), ("1", 2), ("1", 3), ("2", 1))]
    held += [is_served(g, first=v6[0]), is_served(g, first=v6[1])]
    assert all(held) and not is_served(g, first=v6[2])
    assert is_served(g, first=v6[3])
    # the balancer itself is no client
    held += [is_served(g, first=b"PROXY UNKNOWN\r\n") for _ in range(5)]
    assert all(held)
    assert g.metrics()[PER_CLIENT] == 3
    assert g.metrics()['sluice_connections_refused_total{reason="bad-proxy-header"}'] == 0


def test_trusted_proxies_are_excepted(gateway):
    g = gateway(CONFIG, options=", max_connections_per_client: 2, trusted_proxies: [127.0.0.9]", runtime="")
    held = [is_served(g, "127.0.0.9") for _ in range(6)] + [is_served(g) for _ in range(2)]
    assert all(held) and not is_served(g)


def test_per_client_before_tls(gateway, server_cert, ca):
    """Who has too many gets no handshake; and connections that never finish one count."""
    options = ', max_connections_per_client: 3, tls: { certificates: [{ certificate: "@cert@", private_key: "@key@" }] }'
    g = gateway(CONFIG.replace("@options@", options), cert=server_cert.cert, key=server_cert.key, runtime="")
    silent = [RawClient(g.port()) for _ in range(3)]
    wait_for(lambda: g.metrics()["sluice_connections_active"] == 3)
    with pytest.raises((OSError, AssertionError)):
        with RawClient(g.port(), tls=tls_context(ca.path)) as c:
            c.get("/")
    assert g.metrics()[PER_CLIENT] == 1
    silent.pop().close()
    wait_for(lambda: g.metrics()["sluice_connections_active"] == 2)
    with RawClient(g.port(), tls=tls_context(ca.path)) as c:
        assert c.get("/").status == 200


def test_per_client_and_reload(gateway):
    """A new bound is for new connections; what is counted already goes on counting."""
    g = gateway(CONFIG, options=", max_connections_per_client: 3", runtime="")
    held = [is_served(g) for _ in range(3)]
    assert all(held) and not is_served(g)
    g.values["options"] = ", max_connections_per_client: 4"
    g.reload(CONFIG)
    g.wait_in_force(2)
    held.append(is_served(g))
    assert held[-1] and not is_served(g)
    g.values["options"] = ", max_connections_per_client: 1"
    g.reload(CONFIG)
    g.wait_in_force(3)
    assert not is_served(g) and all(c.get("/").status == 200 for c in held)
    for c in held:
        c.close()
    assert until_served(g) and not is_served(g)


# ---- all together ----

def test_total(gateway):
    g = gateway(CONFIG, options="", runtime=", max_connections: 7")
    held = [is_served(g, listener=name) for name in ("public", "other", "public", "other", "public", "other", "public")]
    assert all(held)
    assert not is_served(g) and not is_served(g, "127.0.0.2", "other")
    m = g.metrics()  # the admin address is not among them
    assert m[TOTAL] == 2 and m["sluice_connections_active"] == 7
    g.wait_log(r"a connection from 127\.0\.0\.[12] is refused: max-connections\b")
    held.pop().close()
    held.append(until_served(g))
    assert not is_served(g)


def test_total_and_reload(gateway):
    g = gateway(CONFIG, options="", runtime=", max_connections: 3")
    held = [is_served(g) for _ in range(3)]
    assert all(held) and not is_served(g)
    g.values["runtime"] = ", max_connections: 4"
    g.reload(CONFIG)
    g.wait_in_force(2)
    assert is_served(g)


def test_the_log_is_not_filled(gateway):
    g = gateway(CONFIG, options=", max_connections_per_client: 1", runtime="")
    held = is_served(g)
    assert held and not any(is_served(g) for _ in range(60))
    assert g.metrics()[PER_CLIENT] == 60
    assert 1 <= g.log().count("max-connections-per-client") <= 3  # one for each worker


LITTLE = """
runtime: { workers: 2, shutdown_grace: 2s }
listeners:
  - { name: public, address: "127.0.0.1:@public@", max_connections_per_client: 0, max_requests_per_client: 0 }
upstreams:
  app: { servers: ["127.0.0.1:@app@"], keepalive: 0 }
routes:
  - { name: all, match: { path: /* }, upstream: app }
"""


def with_descriptors(folder, n):
    """The program with that many descriptors at most."""
    script = folder / f"sluice-{n}"
    script.write_text(f'#!/bin/sh\nulimit -n {n} || exit 9\nexec {find_program()[0]} "$@"\n')
    script.chmod(0o755)
    return str(script)


def test_as_many_as_there_are_descriptors(gateway, origin, folder):
    """All that are let in are served, each with a connection to the upstream; and the admin address answers all the while."""
    up = origin(hang)
    g = gateway(LITTLE, app=up.port, program=with_descriptors(folder, 400))
    most = int(g.wait_log(r"at most (\d+) connections from clients")[1])
    assert 50 < most < 200
    clients = [RawClient(g.port()) for _ in range(most)]
    for c in clients:
        c.request("GET", "/")
    up.wait(most, timeout=30)  # every one of them has reached the upstream
    more = [RawClient(g.port()) for _ in range(20)]
    for c in more:
        c.assert_closed()
    m = g.metrics()
    assert m["sluice_connections_active"] == most and m[TOTAL] == 20
    assert m["sluice_upstream_connections"] == most
    assert g.admin("/healthz").status == 200
    assert "cannot accept" not in g.log()
    for c in clients + more:
        c.close()
    wait_for(lambda: g.metrics()["sluice_connections_active"] == 0)
    up.behave(reply(200, b"ok"))
    assert g.get("/").status == 200


def test_more_than_there_are_descriptors(gateway, folder):
    g = gateway(LITTLE.replace("2s }", "2s, max_connections: 1000 }"), app=1, program=with_descriptors(folder, 400))
    g.wait_log(r"warn +process: runtime.max_connections is 1000, but there are descriptors for \d+ clients")


@pytest.mark.parametrize("option", ["max_connections_per_client: 65536", "max_connections_per_client: -1",
                                    "max_requests_per_connection: many"])
def test_mistakes(gateway, option):
    with pytest.raises(GatewayDied, match=option.split(":")[0]):
        gateway(CONFIG, options=", " + option, runtime="")


# ---- on one connection ----

def test_requests_per_connection(gateway, raw):
    g = gateway(CONFIG, options=", max_requests_per_connection: 3", runtime="")
    c = raw(g.port())
    answers = [c.get("/") for _ in range(3)]
    assert [a.header("connection") for a in answers] == [None, None, "close"]
    assert all(a.status == 200 for a in answers)
    c.assert_closed()
    assert g.metrics()["sluice_connections_retired_total"] == 1
    c = raw(g.port())
    assert c.get("/").header("connection") is None  # each connection has its own count


def test_requests_per_connection_pipelined(gateway, raw):
    """What was sent behind the last one is not answered: the client asks again elsewhere."""
    g = gateway(CONFIG, options=", max_requests_per_connection: 2", runtime="")
    c = raw(g.port()).send(b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n" * 4)
    assert c.response().header("connection") is None
    assert c.response().header("connection") == "close"
    c.assert_closed()
    assert len(g.access(2)) == 2


def test_a_client_that_closes_anyway_is_not_retired(gateway, raw):
    g = gateway(CONFIG, options=", max_requests_per_connection: 1", runtime="")
    assert raw(g.port()).get("/", [("Connection", "close")]).status == 200
    assert g.metrics()["sluice_connections_retired_total"] == 0


def frames(sock):
    """Frames of HTTP/2, as (kind, stream, payload), until the other side ends; pings are answered."""
    data = b""
    while True:
        while len(data) >= 9 and len(data) >= 9 + int.from_bytes(data[:3], "big"):
            n, kind, flags = int.from_bytes(data[:3], "big"), data[3], data[4]
            payload = data[9:9 + n]
            yield kind, int.from_bytes(data[5:9], "big"), payload
            if kind == PING and not flags & 1:
                sock.sendall(b"\0\0\x08\x06\1\0\0\0\0" + payload)
            data = data[9 + n:]
        more = sock.recv(65536)
        if not more:
            return
        data += more


HEADERS, PING, GOAWAY = 1, 6, 7


def test_requests_per_connection_of_http2(gateway, h2):
    """The client is told to go, what it has sent by then is answered, and the connection ends. (The frames are read here, as
    the library takes no answers after the notice.)"""
    g = gateway(CONFIG, options=", max_requests_per_connection: 3", runtime="")
    c = h2(g.port(), tls=False)
    streams = [c.start("GET", f"/{i}") for i in range(5)]
    seen = list(frames(c.sock))
    assert sorted(stream for kind, stream, _ in seen if kind == HEADERS) == streams
    last = [int.from_bytes(payload[:4], "big") for kind, _, payload in seen if kind == GOAWAY]
    assert last[0] == 2**31 - 1 and last[-1] == streams[-1]
    assert g.metrics()["sluice_connections_retired_total"] == 1
    wait_for(lambda: g.metrics()["sluice_connections_active"] == 0)
    assert [line["status"] for line in g.access(5)] == [200] * 5
