"""rate-limit while its Redis dies, hangs, comes back or refuses: nobody waits long, and each policy keeps its word."""
import pytest

from kit.process import wait_for
from kit.store_load import CONFIG, POLICIES, TIMEOUT, Load, counted_there
from kit.tokens import refusal

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
        # A busy machine may be late with some, and a store that is late counts as down for a while.
        wait_for(lambda: [s for s, *_ in load.seen["deny"][-20:]] == [200] * 20, 30, "requests that the store decides again")
    load.check()
    assert denied[:2] == (503, "limit-store-down")
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
