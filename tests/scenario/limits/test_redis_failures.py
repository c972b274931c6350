"""rate-limit while its Redis dies, hangs, comes back or refuses: nobody waits long, and each policy keeps its word."""
import threading
import time

import pytest

from kit.process import wait_for
from kit.tokens import refusal

TIMEOUT, MARGIN = 0.1, 0.5  # seconds; a request that waited for a connection or a reply without end would take a second or more
POLICIES = ("allow", "deny", "local")
CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
stores:
  shared: { redis: "@redis@", connect_timeout: 2s, @store@ }
plugins:
""" + "".join(f"""
  {p}: {{ use: rate-limit, rate: 1000000/h, burst: 1000000, by: "header:x-key", store: shared, timeout: 100ms, on_store_failure: {p} }}
""" for p in POLICIES) + """
routes:
""" + "".join(f"""
  - {{ name: {p}, match: {{ path: /{p} }}, plugins: [{p}], respond: {{ status: 200 }} }}
""" for p in POLICIES)


class Load:
    """Clients on each policy's route, one request after another. seen: policy -> [(status, code, seconds)]."""

    def __init__(self, g, clients=2):
        self.g, self.stopped = g, threading.Event()
        self.seen = {p: [] for p in POLICIES}
        self.errors = []
        self.threads = [threading.Thread(target=self.run, args=(p,)) for p in POLICIES for _ in range(clients)]

    def run(self, policy):
        try:
            with self.g.connect("public") as c:
                while not self.stopped.is_set():
                    began = time.monotonic()
                    r = c.get(f"/{policy}", [("x-key", policy)])
                    self.seen[policy].append((r.status, refusal(r), time.monotonic() - began))
        except Exception as e:  # an exception of a thread would go unseen
            self.errors.append(repr(e))

    def __enter__(self):
        for t in self.threads:
            t.start()
        self.wait_more(50)
        return self

    def wait_more(self, n):
        """Until each policy has answered n more requests."""
        marks = {p: len(self.seen[p]) for p in POLICIES}
        wait_for(lambda: self.errors or all(len(self.seen[p]) >= marks[p] + n for p in POLICIES), what="answers under load")

    def __exit__(self, *_):
        self.stopped.set()
        for t in self.threads:
            t.join()

    def check(self):
        assert self.errors == []
        for p in POLICIES:
            assert max(s for _, _, s in self.seen[p]) < TIMEOUT + MARGIN, p
        assert {(status, code) for status, code, _ in self.seen["allow"]} == {(200, None)}
        assert {(status, code) for status, code, _ in self.seen["local"]} == {(200, None)}
        assert {(status, code) for status, code, _ in self.seen["deny"]} <= {(200, None), (503, "limit-store-down")}


def counted_there(g, r):
    """Whether a request is counted in Redis."""
    key = f"k{time.monotonic()}"
    g.get("/deny", [("x-key", key)])
    return any(k.endswith(key) for k in r.client.keys())


@pytest.fixture
def setting(gateway, redis):
    def make(store="timeout: 1s", **kw):
        r = redis(**kw)
        return r, gateway(CONFIG, redis=r.url, store=store)
    return make


def test_killed_under_load(setting):
    r, g = setting()
    with Load(g) as load:
        r.stop()
        load.wait_more(100)
        denied = load.seen["deny"][-1]
        r.start()
        wait_for(lambda: counted_there(g, r), what="the limit in Redis")
        load.wait_more(50)
    load.check()
    assert denied[:2] == (503, "limit-store-down")
    assert load.seen["deny"][-1][0] == 200
    notes = [note for line in g.access() for note in line.get("notes", [])]
    assert "limit-store-down" in notes
    assert g.log().count("the store cannot be reached") <= 2 * len(POLICIES) * 4, "the log is told, not flooded"
    g.wait_log("the store answers again; [0-9]+ requests were decided without it")


def test_hanging_under_load(setting):
    r, g = setting()
    with Load(g) as load:
        r.pause()
        load.wait_more(100)
        denied = load.seen["deny"][-1]
        r.resume()
        wait_for(lambda: counted_there(g, r), what="the limit in Redis")
        load.wait_more(50)
    load.check()
    assert denied[:2] == (503, "limit-store-down")
    waited = [s for p in POLICIES for _, _, s in load.seen[p] if s > TIMEOUT * 0.8]
    assert len(waited) < 300, "once it counts as down, nobody waits"


def test_restarted_under_load(setting):
    r, g = setting()
    with Load(g) as load:
        for _ in range(5):
            r.stop()
            r.start()
            load.wait_more(20)
        wait_for(lambda: counted_there(g, r), what="the limit in Redis")
    load.check()


def test_hanging_from_the_start(redis, gateway):
    r = redis()
    r.pause()
    g = gateway(CONFIG, redis=r.url, store="timeout: 1s")
    with Load(g, clients=4) as load:
        load.wait_more(20)
        r.resume()
        wait_for(lambda: counted_there(g, r), what="the limit in Redis")
    load.check()


def test_nobody_there_from_the_start(gateway, free_port):
    g = gateway(CONFIG, redis=f"redis://127.0.0.1:{free_port()}", store="timeout: 1s")
    with Load(g) as load:
        load.wait_more(50)
    load.check()
    assert {s for s, _, _ in load.seen["deny"]} == {503}
    r = g.get("/deny")
    assert r.header("retry-after") == "1" and "ratelimit" not in r.fields
    g.stop()


@pytest.mark.parametrize("how", ["memory", "replica", "wrong-type", "garbage"])
def test_answers_that_are_no_counts(gateway, redis, origin, how):
    """Redis is full, is a replica, holds something else under the key, or is no Redis at all."""
    if how == "garbage":
        from kit.origin import raw
        up = origin(raw(b"HTTP/1.1 400 Bad Request\r\n\r\n", close=True))
        url = f"redis://127.0.0.1:{up.port}"
    else:
        r = redis("--maxmemory", "1", "--maxmemory-policy", "noeviction") if how == "memory" else redis()
        url = r.url
        if how == "replica":
            r.client.replicaof("127.0.0.1", "1")
        if how == "wrong-type":
            for p in POLICIES:
                r.client.rpush(f"sluice:rl:{p}:v:k", "x")
    g = gateway(CONFIG, redis=url, store="timeout: 1s")

    def answers():
        out = {}
        for p in POLICIES:
            got = g.get(f"/{p}", [("x-key", "k")])
            out[p] = (got.status, refusal(got))
        return out
    for _ in range(5):
        assert answers() == {"allow": (200, None), "deny": (503, "limit-store-down"), "local": (200, None)}
    if how in ("memory", "wrong-type"):
        assert "the store answers with an error" in g.log()


def test_local_counts_take_over(gateway, redis):
    """With on_store_failure: local, the rate holds on without Redis, from a full supply."""
    r = redis()
    g = gateway(CONFIG.replace("1000000/h, burst: 1000000", "10/h, burst: 3"), redis=r.url, store="timeout: 1s")
    assert [g.get("/local", [("x-key", "a")]).status for _ in range(4)] == [200, 200, 200, 429]
    r.stop()
    got = [g.get("/local", [("x-key", "a")]) for _ in range(5)]
    assert [x.status for x in got] == [200, 200, 200, 429, 429]
    assert got[0].header("ratelimit") == '"local";r=2;t=360' and got[4].header("retry-after") == "360"
