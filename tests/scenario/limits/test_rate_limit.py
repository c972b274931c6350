"""rate-limit in a real gateway: counting here and in Redis, across workers, gateways and reloads, and without the store."""
import json
import threading
import time

import pytest

from kit.process import wait_for

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
stores:
  shared: { redis: "@redis@" }
plugins:
  limit: { use: rate-limit, rate: 10/h, burst: @burst@, by: "header:x-key", store: shared, on_store_failure: @failure@ }
routes:
  - { name: all, match: { path: /* }, plugins: [limit], respond: { status: 200, body: "ok" } }
"""
LOCAL = CONFIG.replace(", store: shared", "")


def statuses(g, n, key="a"):
    return [g.get("/", [("x-key", key)]).status for _ in range(n)]


def test_local_limit(gateway):
    g = gateway(LOCAL, redis="redis://127.0.0.1:1", burst=3, failure="deny")
    assert statuses(g, 5) == [200, 200, 200, 429, 429]
    assert statuses(g, 4, "b") == [200, 200, 200, 429]
    r = g.get("/", [("x-key", "b")])
    assert r.header("ratelimit-policy") == '"limit";q=10;w=3600'
    assert r.header("ratelimit") == '"limit";r=0;t=360'
    assert r.header("retry-after") == "360"
    assert json.loads(r.body)["type"].endswith(":rate-limited")


def test_all_workers_count_together(gateway):
    g = gateway(LOCAL, redis="redis://127.0.0.1:1", burst=50, failure="deny")
    seen, lock = [], threading.Lock()

    def ask():
        got = statuses(g, 40)
        with lock:
            seen.extend(got)
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert seen.count(200) == 50 and seen.count(429) == 110


def test_gateways_count_together_in_redis(gateway, redis):
    r = redis()
    gateways = [gateway(CONFIG, redis=r.url, burst=20, failure="deny") for _ in range(2)]
    seen, lock = [], threading.Lock()

    def ask(g):
        got = statuses(g, 25)
        with lock:
            seen.extend(got)
    threads = [threading.Thread(target=ask, args=(g,)) for g in gateways for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert seen.count(200) == 20 and seen.count(429) == 80


def test_counts_survive_a_reload(gateway, redis):
    r = redis()
    both = CONFIG.replace("routes:", "  here: { use: rate-limit, rate: 10/h, burst: 2, by: \"header:x-key\" }\nroutes:") \
                 .replace("plugins: [limit]", "plugins: [limit, here]")
    g = gateway(both, redis=r.url, burst=4, failure="deny")
    assert statuses(g, 1) == [200]
    g.reload(both + "  - { name: more, match: { path: /more }, respond: { status: 204 } }\n")
    assert statuses(g, 2) == [200, 429]  # of two here, one was used before
    g.reload(CONFIG)
    assert statuses(g, 2) == [200, 429]  # of four there, three were


@pytest.mark.parametrize("failure,want", [("allow", [200] * 6), ("deny", [503] * 6), ("local", [200] * 4 + [429] * 2)])
def test_redis_down(gateway, redis, failure, want):
    r = redis()
    g = gateway(CONFIG, redis=r.url, burst=4, failure=failure)
    assert statuses(g, 1, "z") == [200]
    r.stop()
    assert statuses(g, 6) == want
    r.start()

    def counted_there():
        before = r.client.dbsize()
        statuses(g, 2, f"key{time.monotonic()}")
        return r.client.dbsize() > before
    wait_for(counted_there)


def test_hanging_redis_stalls_nobody(gateway, redis):
    r = redis()
    g = gateway(CONFIG, redis=r.url, burst=4, failure="local")
    assert statuses(g, 1) == [200]
    r.pause()
    began = time.monotonic()
    statuses(g, 200, "b")
    took = time.monotonic() - began
    r.resume()
    assert took < 7, "some wait for 50 ms, until the link counts as dead; 200 would be 10 seconds"
    assert "does not answer" in g.log()
    wait_for(lambda: "answers again" in g.log())


def test_scripts_flushed(gateway, redis):
    r = redis()
    g = gateway(CONFIG, redis=r.url, burst=4, failure="deny")
    assert statuses(g, 2) == [200, 200]
    r.client.script_flush()
    assert statuses(g, 4) == [200, 200, 429, 429]


def test_a_password_that_is_repeated(gateway, redis):
    """A server that does not know AUTH says what came with it."""
    r = redis("--rename-command", "AUTH", "none")
    config = CONFIG.replace('redis: "@redis@"', 'redis: "@redis@", password: "file:secret"')
    g = gateway(config, files={"secret": "top-hidden-word"}, redis=f"redis://127.0.0.1:{r.port}", burst=2, failure="deny")
    assert statuses(g, 1) == [503]
    wait_for(lambda: "it refused the login: ERR unknown command" in g.log())
    assert "hidden" not in g.log()


def test_password_from_a_file(gateway, redis):
    r = redis("--requirepass", "first")
    config = CONFIG.replace('redis: "@redis@"', 'redis: "@redis@", password: "file:secret"')
    g = gateway(config, files={"secret": "first\n"}, redis=f"redis://127.0.0.1:{r.port}", burst=2, failure="deny")
    assert statuses(g, 3) == [200, 200, 429]
    g.write_config(config, {"secret": "wrong\n"})
    g.reload(config)
    wait_for(lambda: statuses(g, 1) == [503])
    assert "first" not in g.log() and "wrong" not in g.log().replace("WRONGPASS", "")
    g.write_config(config, {"secret": "first\n"})
    g.reload(config)
    wait_for(lambda: statuses(g, 1) == [429])


def test_mistakes(gateway):
    def refused(old, new):
        with pytest.raises(AssertionError) as e:
            gateway(CONFIG.replace(old, new), redis="redis://a:1,b:0" if old == "" else "redis://h", burst=4, failure="deny")
        return str(e.value)
    assert "no valid host[:port] in the URL" in refused("", "")
    assert "either redis or memory" in refused('"@redis@"', '"@redis@", memory: 1MiB')
    assert "no request would ever pass" in refused("rate: 10/h", "rate: 10/h, cost: 5")
    assert 'no store "shard"' in refused("store: shared", "store: shard")
