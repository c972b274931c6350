"""Descriptors run short: one client cannot take all, others are served, admin answers, and no server is blamed."""
import json
import shutil
import subprocess

import pytest

from kit.client import RawClient
from kit.gateway import find_program
from kit.h2client import H2Client
from kit.origin import hang, raw, reply
from kit.process import wait_for

CONFIG = """
runtime: { workers: 2, shutdown_grace: 1s@runtime@ }
listeners:
  - { name: public, address: "127.0.0.1:@public@", protocols: [h2, http/1.1]@options@ }
upstreams:
  slow: { servers: ["127.0.0.1:@slow@"], timeouts: { response: 20s } }
  app: { servers: ["127.0.0.1:@app@"], keepalive: @keepalive@ }
  other: { servers: ["127.0.0.1:@other@"] }
routes:
  - { name: slow, match: { path: /slow }, upstream: slow }
  - { name: app, match: { path: /app }, upstream: app }
  - { name: other, match: { path: /other }, upstream: other }
  - { name: own, match: { path: /own }, respond: { body: "own\\n" } }
"""
CONNECTIONS, STREAMS = 8, 127


def with_descriptors(folder, n, *before):
    """The program with that many descriptors at most."""
    script = folder / f"sluice-{n}"
    program = " ".join([*before, find_program()[0]])
    script.write_text(f'#!/bin/sh\nulimit -n {n} || exit 9\nexec {program} "$@"\n')
    script.chmod(0o755)
    return str(script)


def limited(gateway, folder, n, **kw):
    values = {"options": "", "runtime": "", "keepalive": 512, "slow": 1, "app": 1, "other": 1, **kw}
    return gateway(CONFIG, program=with_descriptors(folder, n), **values)


def servers(g):
    status = json.loads(g.admin("/status").body)
    return {s["address"]: s for u in status["upstreams"] for s in u["servers"]}


def nobody_is_blamed(g):
    # a server that is silent is avoided, and has not failed
    assert all(s["state"] in ("up", "suspect") and s["failures"] == 0 and s["ejected"] == 0 and s["connect_failures"] == 0
               for s in servers(g).values())
    m = g.metrics()
    assert m["sluice_upstream_ejections_total"] == 0 and m["sluice_upstream_connect_failures_total"] == 0
    assert not [name for name in m if name.startswith("sluice_upstream_failures_total{")]


def attack(g, connections=CONNECTIONS, streams=STREAMS):
    """Requests that never end, as many at a time as each connection takes."""
    clients = [H2Client(("127.0.0.1", g.port()), tls=False) for _ in range(connections)]
    for c in clients:
        for _ in range(streams):
            c.start("GET", "/slow")
    return clients


def test_hanging_requests_of_one_client_leave_room_for_others(gateway, origin, folder):
    """8 connections of HTTP/2 with 127 requests each, and 1,024 descriptors."""
    slow, app = origin(hang), origin(reply(200, b"ok"))
    g = limited(gateway, folder, 1024, slow=slow.port, app=app.port)
    clients = attack(g)
    refused = 'sluice_client_requests_refused_total'
    wait_for(lambda: g.metrics()[refused] + len(slow.requests) >= CONNECTIONS * STREAMS, 20, "all requests to be dealt with")
    m = g.metrics()
    assert 16 <= len(slow.requests) < 150 and m[refused] == CONNECTIONS * STREAMS - len(slow.requests)
    for i in range(20):  # another client is served, by the same server too
        with RawClient(g.port(), source=("127.0.0.2", 0)) as c:
            assert c.get("/app").body == b"ok"
    with RawClient(g.port(), source=("127.0.0.3", 0)) as c:
        before = len(slow.requests)
        c.request("GET", "/slow")
        slow.wait(before + 1)
    assert g.admin("/healthz").status == 200 and g.admin("/readyz").status == 200
    assert "cannot accept" not in g.log()
    assert g.fds() < 1024 * 3 // 4
    nobody_is_blamed(g)
    lines = [a for a in g.access() if a["status"] == 429]
    assert lines and all(a["reason"] == "client-limit" and "tries" not in a or a.get("tries") == 0 for a in lines)
    for c in clients:
        c.sock.close()
    wait_for(lambda: g.metrics()["sluice_requests_active"] == 0, 10, "the requests to end")
    assert g.get("/app").status == 200  # the first client, too, once it has ended its own


def test_the_refused_are_told_when_to_come_back(gateway, origin):
    slow = origin(hang)
    g = gateway(CONFIG, options=", max_requests_per_client: 2", runtime="", keepalive=1, slow=slow.port, app=1, other=1)
    held = [RawClient(g.port()).request("GET", "/slow") for _ in range(2)]
    slow.wait(2)
    with RawClient(g.port()) as c:
        r = c.get("/slow")
        assert (r.status, r.header("retry-after")) == (429, "1")
        assert json.loads(r.body)["type"].endswith("client-limit")
        assert c.get("/own").status == 200  # what needs no upstream is served, on the same connection
    held.pop().close()
    wait_for(lambda: g.metrics()["sluice_requests_active"] == 1)
    with RawClient(g.port()) as c:
        c.request("GET", "/slow")
        slow.wait(3)


def test_requests_are_counted_over_all_connections_and_workers(gateway, origin):
    slow = origin(hang)
    g = gateway(CONFIG, options=", max_requests_per_client: 5, max_connections_per_client: 0", runtime="", keepalive=1,
                slow=slow.port, app=1, other=1)
    held = [RawClient(g.port()).request("GET", "/slow") for _ in range(5)]
    slow.wait(5)
    for _ in range(8):
        with RawClient(g.port()) as c:
            assert c.get("/slow").status == 429
    with RawClient(g.port(), source=("127.0.0.2", 0)) as c:
        c.request("GET", "/slow")
        slow.wait(6)
    assert g.metrics()["sluice_client_requests_refused_total"] == 8
    for c in held:
        c.close()


def test_behind_a_trusted_proxy_the_client_that_it_names_is_bounded(gateway, origin):
    """And the proxy is not, whatever it asks for itself."""
    slow = origin(hang)
    g = gateway(CONFIG, options=", max_requests_per_client: 2, max_connections_per_client: 2, trusted_proxies: [127.0.0.1]",
                runtime="", keepalive=1, slow=slow.port, app=1, other=1)

    def ask(client=None):
        return RawClient(g.port()).request("GET", "/slow", [("X-Forwarded-For", client)] if client else [])
    held = [ask("192.0.2.1") for _ in range(2)] + [ask("192.0.2.2")] + [ask() for _ in range(4)]
    slow.wait(7)
    assert ask("192.0.2.1").response().status == 429
    v6 = [ask(f"2001:db8:0:1::{i}") for i in (1, 2)]
    slow.wait(9)
    assert ask("2001:db8:0:1:9::3").response().status == 429
    held += v6 + [ask("192.0.2.2"), ask("2001:db8:0:2::1")]
    slow.wait(11)
    for c in held:
        c.close()
    wait_for(lambda: g.metrics()["sluice_requests_active"] == 0)
    held = [ask("192.0.2.1") for _ in range(2)]  # nothing stayed behind
    slow.wait(13)
    assert ask("192.0.2.1").response().status == 429


def test_connections_of_one_client_are_bounded_by_default(gateway, folder):
    """A quarter of all, over all listeners; others get in."""
    g = limited(gateway, folder, 400)
    total, of_one = map(int, g.wait_log(r"at most (\d+) connections from clients.* (\d+) connections and").groups())
    assert of_one == max(16, total // 4)
    held = [RawClient(g.port()) for _ in range(of_one)]
    assert all(c.get("/own").status == 200 for c in held)
    for _ in range(5):
        with RawClient(g.port()) as c:
            c.assert_closed()
    with RawClient(g.port(), source=("127.0.0.2", 0)) as c:
        assert c.get("/own").status == 200
    assert g.metrics()['sluice_connections_refused_total{reason="max-connections-per-client"}'] == 5


NO_BOUNDS = ", max_requests_per_client: 0, max_connections_per_client: 0"


def test_the_quota_of_upstream_connections_is_answered_503_without_blame(gateway, origin, folder):
    """Where no client is bounded, requests use up the quota: those beyond it are refused, and the admin address answers."""
    slow, app = origin(hang), origin(reply(200, b"ok"))
    g = limited(gateway, folder, 300, options=NO_BOUNDS, slow=slow.port, app=app.port)
    quota = int(g.wait_log(r"(\d+) to upstreams")[1])
    clients = attack(g, 2)
    wait_for(lambda: len(slow.requests) == quota, 20, "the quota to be used up")
    for _ in range(5):
        r = g.get("/app")
        assert (r.status, r.header("retry-after")) == (503, "1")
        assert json.loads(r.body)["type"].endswith("no-descriptors")
    m = g.metrics()
    assert m["sluice_upstream_connections"] == quota
    assert m['sluice_local_shortages_total{of="upstream-quota"}'] == 2 * STREAMS - quota + 5
    assert g.get("/own").status == 200
    nobody_is_blamed(g)
    for c in clients:
        c.sock.close()
    wait_for(lambda: g.metrics()["sluice_upstream_connections"] == 0)
    assert g.get("/app").status == 200


def test_idle_connections_make_room_for_others(gateway, origin, folder):
    """Kept connections to one upstream never keep another from being asked, whichever worker has them."""
    app, other = origin(reply(200, b"ok", delay=0.5)), origin(reply(200, b"other"))
    g = limited(gateway, folder, 300, options=NO_BOUNDS, app=app.port, other=other.port)
    quota = int(g.wait_log(r"(\d+) to upstreams")[1])
    clients = [RawClient(g.port()).request("GET", "/app") for _ in range(min(quota, 51))]
    for c in clients:
        c.response()
    for c in clients:
        c.request("GET", "/other")
    answers = [c.response().status for c in clients]
    # a worker that has none of its own to close waits for the others at most until the next look
    wait_for(lambda: g.get("/other").status == 200, 5)
    assert answers.count(200) >= len(answers) // 2
    assert g.metrics()["sluice_upstream_evictions_total"] > 0 or quota > 51
    nobody_is_blamed(g)


def test_a_bound_beyond_the_descriptors_leaves_the_reserve_alone(gateway, folder):
    """Whatever the file asks for: connections are refused before descriptors run out, and the admin address answers."""
    g = limited(gateway, folder, 300, options=NO_BOUNDS, runtime=", max_connections: 100000")
    most = int(g.wait_log(r"at most (\d+) connections")[1])
    assert most < 300 - 128
    held = [RawClient(g.port(), source=(f"127.0.0.{2 + i % 50}", 0)) for i in range(300)]
    wait_for(lambda: g.metrics()['sluice_connections_refused_total{reason="max-connections"}'] == 300 - most, 10)
    m = g.metrics()
    assert m["sluice_connections_active"] == most and m["sluice_accept_shortages_total"] == 0
    assert g.admin("/healthz").status == 200
    for c in held:
        c.close()


BODY = b"x" * (8 << 20)  # more than the sockets take
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY


def test_slow_readers_of_long_bodies_share_the_pipes(gateway, origin, folder):
    """A reader that stops holds a pipe at most as long as there are some; later ones are served without."""
    app = origin(raw(WHOLE))
    g = limited(gateway, folder, 400, options=NO_BOUNDS + ", timeouts: { body: 5m }", app=app.port, other=app.port)
    readers = [RawClient(g.port(), timeout=60).request("GET", "/app") for _ in range(16)]
    for c in readers:
        assert c.response_head().status == 200
    wait_for(lambda: g.metrics()["sluice_pipes"] >= 5, 30, "pipes in use")
    m = wait_for(lambda: (m := g.metrics())["sluice_pipes_denied_total"] > 0 and m, 30, "a body without a pipe")
    assert m["sluice_pipes"] <= (400 - 128 - 34) // 32
    assert g.get("/other").body == BODY
    assert g.admin("/healthz").status == 200
    assert readers[0].recv(len(BODY)) == BODY
    for c in readers:
        c.close()
    wait_for(lambda: g.metrics()["sluice_connections_active"] == 0)
    nobody_is_blamed(g)


def can_unshare():
    return shutil.which("unshare") and shutil.which("ip") and \
        subprocess.run(["unshare", "-n", "ip", "link", "set", "lo", "up"], capture_output=True).returncode == 0


@pytest.mark.skipif(not can_unshare(), reason="no network namespaces here")
def test_when_local_ports_run_out_no_server_is_blamed(folder):
    """A network of its own with eight local ports: the ninth connection finds none."""
    script = folder / "inside.py"
    script.write_text(INSIDE)
    run = subprocess.run(["unshare", "-n", "sh", "-c", "ip link set lo up && "
                          "echo 40000 40007 > /proc/sys/net/ipv4/ip_local_port_range && exec /usr/bin/python3 \"$0\" \"$@\"",
                          str(script), str(folder), *[p or "" for p in find_program()]],
                         capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr


# Clients come by a unix socket, so that the gateway alone uses local ports; and the servers listen outside the range.
INSIDE = r'''
import json, os, socket, subprocess, sys, threading, time
folder, program, plugins = sys.argv[1:4]
held = []

def serve(port, answer):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    s.listen(64)
    def run():
        while True:
            c, _ = s.accept()
            held.append(c)
            if answer:
                c.recv(65536)
                c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    threading.Thread(target=run, daemon=True).start()
serve(30001, False)
serve(30002, True)
conf = folder + "/ports.yaml"
open(conf, "w").write(f"""
runtime: {{ workers: 1, shutdown_grace: 1s }}
admin: {{ address: "unix:{folder}/admin.sock" }}
log: {{ access: {{ path: off }} }}
listeners: [{{ name: public, address: "unix:{folder}/public.sock" }}]
upstreams:
  slow: {{ servers: ["127.0.0.1:30001"], timeouts: {{ response: 20s }} }}
routes: [{{ name: all, match: {{ path: /* }}, upstream: slow }}]
""")

def connect(name):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(f"{folder}/{name}.sock")
    return s

def ask(name, target):
    s = connect(name)
    s.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    return s

def answer(s):
    data = b""
    while True:
        more = s.recv(65536)
        if not more:
            return data
        data += more
p = subprocess.Popen([program, "run", "-c", conf] + (["--plugin-dir", plugins] if plugins else []), stderr=open(folder + "/err", "w"))
try:
    for _ in range(200):
        if os.path.exists(folder + "/public.sock") and os.path.exists(folder + "/admin.sock"):
            break
        time.sleep(0.05)
    hanging = [ask("public", "/slow") for _ in range(8)]
    for _ in range(200):
        if len(held) == 8:
            break
        time.sleep(0.05)
    assert len(held) == 8, len(held)
    for _ in range(6):
        r = answer(ask("public", "/slow"))
        assert r.startswith(b"HTTP/1.1 503 ") and b"no-local-port" in r and b"Retry-After: 1" in r, r
    status = json.loads(answer(ask("admin", "/status")).partition(b"\r\n\r\n")[2])
    server = status["upstreams"][0]["servers"][0]
    assert server["state"] == "up" and server["failures"] == 0 and server["connect_failures"] == 0, server
    assert b'sluice_local_shortages_total{of="ports"} 6' in answer(ask("admin", "/metrics"))
    assert open(folder + "/err").read().count("ip_local_port_range") == 1
finally:
    p.terminate()
    print(p.wait(20), open(folder + "/err").read())
'''
