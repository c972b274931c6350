"""What a Redis server answers instead of counting: it is told once, with what to do about it, and a server that is no primary any
more is left, also when an address is all that is known of it."""
import socket
import threading

import pytest

from kit.process import wait_for
from kit.redis_groups import Cluster, Pair, promote, replicate, wait_copied

CONFIG = """
runtime: { workers: 1, shutdown_grace: 2s }
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
stores:
  shared: { redis: "@redis@", timeout: 1s }
plugins:
  limit: { use: rate-limit, rate: 1000/d, by: "header:x-key", store: shared, timeout: 1s, on_store_failure: deny }
routes:
  - { name: all, match: { path: /* }, plugins: [limit], respond: { status: 200 } }
"""


def ask(g, key="a"):
    return g.get("/", [("x-key", key)]).status


def lines(g, word):
    return [line for line in g.log().splitlines() if word in line]


class Vip:
    """An address that leads to one server and then to another; connections that are there stay where they are."""

    def __init__(self, target):
        self.target, self.accepted, self.stopped = target, 0, False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                if self.stopped:
                    return
                continue
            self.accepted += 1
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self.copy, args=(a, b), daemon=True).start()

    @staticmethod
    def copy(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stop(self):
        self.stopped = True
        self.listener.close()


@pytest.fixture
def pair(folder, free_port):
    p = Pair(folder / "pair", free_port, ())
    yield p
    p.stop()


@pytest.fixture
def vip():
    made = []

    def make(target):
        made.append(Vip(target))
        return made[0]
    yield make
    for v in made:
        v.stop()


def test_a_demoted_primary_behind_an_address_is_left(gateway, pair, vip):
    """The address leads to the new primary; the open connection still leads to the old one, which says READONLY."""
    v = vip(pair.first.port)
    g = gateway(CONFIG, redis=f"redis://127.0.0.1:{v.port}")
    assert ask(g) == 200
    wait_copied(pair.first)
    promote(pair.second)
    v.target = pair.second.port
    replicate(pair.first, pair.second)
    wait_for(lambda: ask(g) == 200, what="the limit at the new primary")
    assert any(k.endswith(":a") for k in pair.second.client.keys())
    wait_for(lambda: ask(g) == 200 and "commands succeed again" in g.log(), what="the end of the trouble to be told")
    told = lines(g, "READONLY")
    assert len([line for line in told if "commands fail" in line]) == 1 and "it is a replica" in told[0]


def test_a_replica_for_good_is_tried_ever_more_rarely_and_told_of_once(gateway, pair, vip):
    v = vip(pair.second.port)
    g = gateway(CONFIG, redis=f"redis://127.0.0.1:{v.port}")
    for _ in range(300):
        assert ask(g) == 503
    before = v.accepted
    assert before < 12, "a connection for each request"
    assert len(lines(g, "WARN") + lines(g, "warn")) <= 2 + 1, g.log()  # of redis/, and of the plugin
    promote(pair.second)
    wait_for(lambda: ask(g) == 200, what="the replica to be a primary")


@pytest.mark.parametrize("setup, word, hint", [
    (lambda c: c.config_set("maxmemory", "1"), "OOM", "maxmemory-policy"),
    (lambda c: c.execute_command("ACL", "SETUSER", "default", "-evalsha", "-eval"), "NOPERM", "docs/reference/stores.md"),
], ids=["OOM", "NOPERM"])
def test_an_error_of_redis_is_told_once_with_its_remedy(gateway, redis, setup, word, hint):
    r = redis()
    g = gateway(CONFIG, redis=r.url)
    assert ask(g) == 200
    setup(r.client)
    for n in range(50):
        assert ask(g, f"k{n}") == 503
    told = lines(g, "commands fail")
    assert len(told) == 1 and word in told[0] and hint in told[0], g.log()
    if word == "OOM":
        r.client.config_set("maxmemory", "0")
        wait_for(lambda: ask(g) == 200 and "commands succeed again" in g.log(), what="the end of the trouble to be told")
        assert len(lines(g, "commands succeed again")) == 1


def test_a_node_of_a_cluster_says_how_to_name_it(gateway, folder, free_port):
    c = Cluster(folder / "cluster", free_port)
    try:
        g = gateway(CONFIG, redis=c.primaries[0].url)
        away = [k for k in (f"k{n}" for n in range(100)) if c.home(f"sluice:rl:limit:v:{k}") is not c.primaries[0]]
        wait_for(lambda: ask(g, away[0]) == 503 and lines(g, "commands fail"), what="the error in the log")
        for key in away[1:10]:
            assert ask(g, key) == 503
        told = lines(g, "commands fail")
        assert len(told) == 1 and "MOVED" in told[0] and "redis+cluster://" in told[0], g.log()
    finally:
        c.stop()


@pytest.mark.parametrize("url, word, hint", [
    ("redis://{}", "NOAUTH", "set the store's `password`"),
    ("redis://:wrong-secret@{}", "WRONGPASS", "see the store's"),
])
def test_a_refused_login_is_told_without_the_password(gateway, redis, url, word, hint):
    r = redis("--requirepass", "right-secret")
    g = gateway(CONFIG, redis=url.format(r.address))
    for _ in range(20):
        assert ask(g) == 503
    told = [line for line in lines(g, word) if "unreachable" in line]
    assert len(told) == 1 and hint in told[0], g.log()
    assert "secret" not in g.log()
