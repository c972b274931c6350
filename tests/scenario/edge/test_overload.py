"""The overload manager: what is short stops new requests first, then new connections; what was taken on is finished."""
import json
import re
import socket
import threading

import pytest

from kit.client import RawClient
from kit.gateway import GatewayDied, find_program
from kit.h2client import H2Client
from kit.origin import reply
from kit.process import wait_for

CONFIG = """
runtime: { workers: 2, shutdown_grace: 2s, max_connections: 700, overload: { memory: off, descriptors: @mark@ } }
listeners:
  - { name: public, address: "127.0.0.1:@public@", protocols: [h2, http/1.1], max_connections_per_client: 0 }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
routes:
  - { name: app, match: { path: /app }, upstream: app }
  - { name: own, match: { path: /own }, respond: { body: "own\\n" } }
"""
DESCRIPTORS = 1000  # so that a percent is ten


def limited(gateway, folder, mark, app=1, config=CONFIG):
    script = folder / "sluice"
    script.write_text(f'#!/bin/sh\nulimit -n {DESCRIPTORS} || exit 9\nexec {find_program()[0]} "$@"\n')
    script.chmod(0o755)
    return gateway(config, program=str(script), mark=mark, app=app)


def state(g):
    return json.loads(g.admin("/status").body)["overload"]["state"]


def becomes(g, wanted):
    wait_for(lambda: state(g) == wanted, 10, f"the state {wanted}")


def fill(g, n):
    """So many connections, each of which was served."""
    held = [RawClient(g.port()) for _ in range(n)]
    for c in held:
        assert c.get("/own").status == 200
    return held


def close(clients):
    for c in clients:
        c.close()


def test_from_the_first_mark_on_new_requests_are_refused(gateway, folder):
    g = limited(gateway, folder, "15%")
    held = fill(g, 10)
    waiting = H2Client(("127.0.0.1", g.port()), tls=False)
    assert waiting.get("/own").status == 200
    crowd = [RawClient(g.port()) for _ in range(130)]  # without requests
    becomes(g, "refusing-requests")
    c = held[0]
    r = c.get("/own")
    assert (r.status, r.header("retry-after"), r.header("connection")) == (503, "2", "close")
    assert json.loads(r.body)["type"].endswith("low-descriptors")
    c.assert_closed()
    r = waiting.get("/own")
    assert r.reset == 7  # REFUSED_STREAM: it may be sent again, elsewhere or later
    m = g.metrics()
    assert m["sluice_overload_state"] == 1
    assert m['sluice_overload_total{action="refuse-request"}'] == 1
    assert m['sluice_overload_total{action="refuse-stream"}'] == 1
    assert m["sluice_descriptors_limit"] == DESCRIPTORS and m["sluice_descriptors_used"] >= 150
    reasons = [r["reason"] for r in g.access(12) if "reason" in r]
    assert reasons == ["low-descriptors"]  # each worker writes its own lines, in an order of its own
    g.wait_log(r"warn +overload: descriptors: \d+ of 1000 in use: new requests are refused\n")
    close(crowd)
    becomes(g, "normal")
    assert waiting.get("/own").status == 200  # the connection of HTTP/2 outlives it
    assert all(c.get("/own").status == 200 for c in held[1:])
    g.wait_log(r"info +overload: descriptors: \d+ of 1000 in use: new requests are taken on again")


def test_requests_under_way_are_finished(gateway, folder, origin):
    go = threading.Event()

    def behave(peer, request):
        go.wait(20)
        reply(200, b"late")(peer, request)
    up = origin(behave)
    g = limited(gateway, folder, "15%", app=up.port)
    asked = [RawClient(g.port()).request("GET", "/app") for _ in range(5)]
    two = H2Client(("127.0.0.1", g.port()), tls=False)
    stream = two.start("GET", "/app")
    up.wait(6)
    crowd = [RawClient(g.port()) for _ in range(150)]
    becomes(g, "refusing-requests")
    go.set()
    assert all(c.response().body == b"late" for c in asked)
    assert two.finish(stream).body == b"late"
    close(crowd)


def test_from_the_second_mark_on_new_connections_wait_and_none_is_lost(gateway, folder):
    """They wait in the system's queue, and are served when the shortage is over; the admin address answers all the while."""
    g = limited(gateway, folder, "3%")  # the second mark: 515
    held = [RawClient(g.port()) for _ in range(480)]
    becomes(g, "refusing-requests")
    more = [RawClient(g.port()) for _ in range(100)]
    held += more
    becomes(g, "refusing-connections")
    late = [RawClient(g.port()).request("GET", "/own") for _ in range(20)]
    before = g.metrics()
    assert before["sluice_overload_state"] == 2 and before['sluice_overload_total{action="pause-accept"}'] == 1
    assert all(c.is_quiet(0.05) for c in late[:5])
    assert g.metrics()["sluice_connections_accepted_total"] == before["sluice_connections_accepted_total"]
    assert g.admin("/healthz").status == 200
    assert "refusing-connections" in g.admin("/status").text
    close(held)
    # each was refused or served by the state at its time, and every one was answered
    assert {c.response().status for c in late} <= {200, 503}
    becomes(g, "normal")
    assert g.get("/own").status == 200


def test_a_reload_moves_the_marks(gateway, folder):
    g = limited(gateway, folder, "90%")
    held = fill(g, 60)
    assert state(g) == "normal"
    g.values["mark"] = "5%"
    g.reload(CONFIG)
    becomes(g, "refusing-requests")
    assert g.get("/own").status == 503
    g.values["mark"] = "off"
    g.reload(CONFIG)
    becomes(g, "normal")
    assert all(c.get("/own").status == 200 for c in held)


def test_paused_listeners_stop_and_begin_paused(gateway, folder):
    """A reload that opens a listener while connections wait: it waits too; and a drain takes what waits."""
    g = limited(gateway, folder, "1%")
    becomes(g, "refusing-requests")
    held = [RawClient(g.port()) for _ in range(520)]
    becomes(g, "refusing-connections")
    g.reload(CONFIG.replace("upstreams:", '  - { name: new, address: "127.0.0.1:@new@" }\nupstreams:'))
    g.wait_in_force(2)
    c = RawClient(g.port("new")).request("GET", "/own")
    assert c.is_quiet(0.3)
    close(held)
    assert c.response().status in (200, 503)


def test_memory_from_its_mark_on(gateway, folder):
    """A size that the gateway has reached as soon as it runs."""
    config = CONFIG.replace("memory: off", "memory: 16MiB").replace("@mark@", "off")
    g = gateway(config, app=1)
    used = json.loads(g.admin("/status").body)["overload"]["memory"]["used"]
    assert used == g.metrics()["sluice_memory_used_bytes"] or abs(used - g.metrics()["sluice_memory_used_bytes"]) < 8 << 20
    if used < 16 << 20:
        assert g.get("/own").status == 200 and state(g) == "normal"
        return
    becomes(g, "refusing-requests")
    r = g.get("/own")
    assert r.status == 503 and json.loads(r.body)["type"].endswith("low-memory")
    assert g.metrics()["sluice_memory_limit_bytes"] > 16 << 20


@pytest.mark.parametrize("text, message", [
    ("memory: 101%", r"memory.*no share from 1% to 100%"), ("memory: much", r"memory"), ("memory: 0%", r"memory"),
    ("descriptors: 5000", r"descriptors.*no share"), ("memory: 1KiB", r"16MiB or more")])
def test_mistakes_in_marks(gateway, text, message):
    with pytest.raises(GatewayDied, match=re.compile(message, re.S)):
        gateway(CONFIG.replace("memory: off, descriptors: @mark@", text), app=1)
