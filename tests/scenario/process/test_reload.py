"""Reloads: no request fails, a bad file changes nothing, and what changed is in force at once."""
import re
import subprocess
import threading
import time
from signal import SIGHUP

import pytest

from kit.configs import proxy
from kit.memory import assert_below
from kit.origin import reply
from kit.ports import is_listening
from kit.process import wait_for

# A sanitizer keeps what is freed for a while.
ANSWER = """
listeners:
  - {{ name: public, address: "127.0.0.1:@public@" }}
routes:
  - {{ name: a, match: {{ path: /a }}, respond: {{ body: "{}" }} }}
"""


class Clients:
    """Kept connections that ask without pause; `failures` must stay empty."""

    def __init__(self, g, n=8, target="/a"):
        self.g, self.target, self.failures, self.count = g, target, [], 0
        self.ended, self.lock = threading.Event(), threading.Lock()
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(n)]

    def _run(self):
        with self.g.connect() as c:
            while not self.ended.is_set():
                try:
                    r = c.get(self.target)
                    if r.status != 200:
                        self.failures.append(r.status)
                    if r.header("Connection") == "close":
                        self.failures.append("closed")
                        return
                except (OSError, AssertionError) as e:
                    self.failures.append(repr(e))
                    return
                with self.lock:
                    self.count += 1

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for t in self.threads:
            t.join(10)


def test_a_change_is_in_force(gateway, raw):
    g = gateway(ANSWER.format("one"))
    c = raw(g.port())
    assert c.get("/a").body == b"one"
    g.reload(ANSWER.format("two"), expect="configuration 2 is in force")
    assert c.get("/a").body == b"two", "also on a connection that was open"
    assert g.get("/a").body == b"two"


def test_a_bad_file_changes_nothing(gateway, raw):
    g = gateway(ANSWER.format("one"))
    c = raw(g.port())
    g.reload(ANSWER.format("two") + "nonsense: 1\n", expect="the configuration in force stays")
    assert re.search(r"sluice\.yaml:\d+:\d+: error: .*nonsense", g.log())
    assert c.get("/a").body == b"one"
    g.reload(ANSWER.format("three"), expect="is in force")
    assert c.get("/a").body == b"three"


def test_a_listener_that_cannot_be_had_changes_nothing(gateway, origin):
    taken = origin()
    g = gateway(ANSWER.format("one"))
    g.reload(ANSWER.format("two").replace("routes:", f'  - {{ name: more, address: "127.0.0.1:{taken.port}" }}\nroutes:'),
             expect="the configuration in force stays")
    assert g.get("/a").body == b"one"


def test_listeners_come_and_go(gateway, raw):
    g = gateway(ANSWER.format("one"))
    more = ANSWER.format("two").replace("routes:", '  - { name: more, address: "127.0.0.1:@more@" }\nroutes:')
    g.reload(more, expect="2 listeners")
    wait_for(lambda: is_listening(g.port("more")), 3, "the new listener")
    kept = raw(g.port("more"))
    assert kept.get("/a").body == b"two"
    for i in range(3):
        g.reload(ANSWER.format("three"), expect="1 listener")
        wait_for(lambda: not is_listening(g.port("more")), 3, "the listener to close")
        if i == 0:
            kept.assert_closed(5)  # connections it had are drained
        assert g.get("/a").body == b"three"
        g.reload(more, expect="2 listeners")
        wait_for(lambda: is_listening(g.port("more")), 3, "the listener to come back")
        assert g.get("/a", listener="more").body == b"two"


def test_requests_under_way_finish_by_the_old_rules(gateway, origin, raw):
    up = origin(reply(200, b"old", delay=0.4))
    g = gateway(proxy(), app=up.port)
    c = raw(g.port()).request("GET", "/")
    up.wait(1)
    g.reload(ANSWER.format("new"), expect="is in force")
    assert g.get("/a").body == b"new"
    assert c.response().body == b"old"
    assert c.get("/a").body == b"new"


def test_upstream_connections_are_kept(gateway, origin):
    up = origin()
    g = gateway(proxy() + "runtime: { workers: 1, shutdown_grace: 1s }\n", app=up.port)
    with g.connect() as c:
        for _ in range(5):
            assert c.get().status == 200
            g.reload(expect="is in force")
    assert up.connections == 1


def test_connections_to_servers_no_longer_named_are_closed(gateway, origin):
    old, new = origin(reply(200, b"old")), origin(reply(200, b"new"))
    g = gateway(proxy(), app=old.port)
    assert all(g.get().body == b"old" for _ in range(4))
    g.values["app"] = new.port
    g.reload(proxy(), expect="is in force")
    wait_for(lambda: g.get().body == b"new", 2)
    assert all(g.get().body == b"new" for _ in range(4))
    wait_for(lambda: old.open == 0, 3, "connections to the old server to be closed")


def test_listener_settings_hold_for_new_connections(gateway, raw):
    g = gateway(ANSWER.format("a"))
    old = raw(g.port())
    assert old.get("/a").status == 200
    g.reload(ANSWER.format("a").replace('@public@"', '@public@", max_target: 256'), expect="is in force")
    wait_for(lambda: g.get("/a?" + "x" * 300).status == 414, 2, "the new limit")
    assert old.get("/a?" + "x" * 300).status == 200


@pytest.mark.slow
def test_hup_every_100_ms_under_load(gateway, origin):
    """Clients that keep their connections, through the proxy: not one request fails, not one connection is closed."""
    up = origin()
    g = gateway(proxy(), app=up.port)
    with Clients(g, 8, "/") as clients:
        end, reloads = time.monotonic() + 4, 0
        while time.monotonic() < end:
            g.signal(SIGHUP)
            reloads += 1
            time.sleep(0.1)
        wait_for(lambda: clients.count > 100, 10, "requests")
    assert not clients.failures, clients.failures[:5]
    assert clients.count > 100
    assert len(re.findall("is in force", g.log())) >= reloads // 2


def test_reloads_under_wrk(gateway, nginx):
    """The same at the rate of a load generator."""
    up = nginx("location / { return 200 ok; }")
    g = gateway(proxy(), app=up.port)
    load = subprocess.Popen(["wrk", "-t", "1", "-c", "32", "-d", "3s", f"http://127.0.0.1:{g.port()}/"], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)
    while load.poll() is None:
        g.signal(SIGHUP)
        time.sleep(0.1)
    out = load.stdout.read()
    m = re.search(r"(\d+) requests in", out)
    assert m and int(m[1]) > 500, out
    assert "Socket errors" not in out and "Non-2xx" not in out, out


def test_many_signals_at_once(gateway):
    g = gateway(ANSWER.format("one"))
    g.write_config(ANSWER.format("last"))
    for _ in range(50):
        g.signal(SIGHUP)
    wait_for(lambda: g.get("/a").body == b"last", 5, "the newest file to be in force")


def test_memory_stays(gateway, raw):
    g = gateway(ANSWER.format("x" * 100_000))
    c = raw(g.port())
    n = [1]

    def again(times):
        for _ in range(times):
            n[0] += 1
            g.reload(expect=f"configuration {n[0]} is in force")
            assert c.get("/a").status == 200
    again(20)
    before = g.rss()
    again(60)
    assert_below(g.rss() - before, 8 << 20, "more, though 60 snapshots of 100 KB were let go")


def test_a_reload_while_it_stops(gateway, origin, raw):
    up = origin(reply(200, b"late", delay=0.3))
    g = gateway(proxy(), app=up.port)
    c = raw(g.port()).request("GET", "/")
    up.wait(1)
    g.signal(15)
    wait_for(lambda: not is_listening(g.port()), 3)
    g.signal(SIGHUP)
    assert c.response().body == b"late"
    g.stop()


