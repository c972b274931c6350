"""Objects that plugins keep in memory: shared by workers, over reloads, within their bound whatever clients do."""
import json
import select
import threading
import time
from pathlib import Path

import pytest

from kit.gateway import ROOT
from kit.modules import build_module
from kit.origin import reply
from kit.process import wait_for

CONFIG = """
runtime: { workers: 2 }
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  pages: { use: page-cache, ttl: TTL, memory: MEMORY }
  purge: { use: page-cache, purge: true, memory: MEMORY }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
routes:
  - { name: purge, match: { path: /purge }, plugins: [purge], upstream: app }
  - { name: all, match: { path: /* }, plugins: [pages], upstream: app }
"""


def config(ttl="1h", memory="1MiB"):
    return CONFIG.replace("TTL", ttl).replace("MEMORY", memory)


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    return build_module(tmp_path_factory.mktemp("pages"), "page-cache", Path(ROOT) / "contrib/plugin-examples/page_cache.c",
                        [str(Path(ROOT) / "contrib/plugin-examples/page_keep.c")])


@pytest.fixture
def caching(gateway, origin, modules):
    def start(*behaviour, text=None):
        up = origin(list(behaviour) or [reply(200, b"page", headers={"Cache-Tag": "all"})])
        return gateway(text or config(), app=up.port, args=["--plugin-dir", modules]), up
    return start


def cache_of(g):
    (cache,) = json.loads(g.admin("/status").body)["caches"]
    return cache


def test_a_hit_of_all_workers(caching):
    g, up = caching()
    assert g.get("/a").header("x-cache") is None
    for _ in range(16):  # connections of their own, so that both workers are asked
        r = g.get("/a")
        assert r.body == b"page" and r.header("x-cache") == "hit"
    assert len(up.requests) == 1
    m = g.metrics()
    assert m['sluice_cache_lookups_total{cache="page-cache/pages",result="hit"}'] == 16
    assert m['sluice_cache_lookups_total{cache="page-cache/pages",result="miss"}'] == 1
    assert m['sluice_cache_objects{cache="page-cache/pages"}'] == 1
    cache = cache_of(g)
    assert cache["name"] == "page-cache/pages" and cache["objects"] == 1 and cache["max_bytes"] == 1 << 20
    assert 0 < cache["bytes"] < 1000 and cache["bytes"] == m['sluice_cache_bytes{cache="page-cache/pages"}']


def test_expiry_and_removal(caching):
    g, up = caching(text=config(ttl="400ms"))
    g.get("/a")
    assert g.get("/a").header("x-cache") == "hit"
    time.sleep(0.5)
    assert g.get("/a").header("x-cache") is None
    assert len(up.requests) == 2
    g.reload(config())
    g.get("/b")
    assert g.get("/b").header("x-cache") == "hit"
    assert g.get("/purge", {"Purge-Page": "/b"}).status == 200
    assert g.get("/purge", {"Purge-Page": "/b"}).status == 404
    assert g.get("/b").header("x-cache") is None
    assert g.get("/b").header("x-cache") == "hit"
    assert g.get("/purge", {"Purge-Tag": "all"}).status == 200
    assert g.get("/b").header("x-cache") is None


def test_an_older_page_stands_in(caching):
    g, up = caching(reply(200, b"page"), reply(500, b"broken"), text=config(ttl="300ms"))
    g.get("/a")
    time.sleep(0.4)
    r = g.get("/a")
    assert r.status == 200 and r.body == b"page" and r.header("x-cache") == "stale"
    assert len(up.requests) == 2


def test_slow_readers_hold_what_they_are_sent(caching):
    """Objects go out uncopied: what a reader holds counts until it has it, and is not given up for others meanwhile."""
    g, _ = caching(reply(200, b"p" * 900000), text=config(memory="16MiB"))
    g.get("/large")
    c = g.connect(timeout=30)
    c.request("GET", "/large")
    wait_for(lambda: select.select([c.sock], [], [], 0)[0], what="the first bytes: it has the object")
    assert g.get("/purge", {"Purge-Page": "/large"}).status == 200
    cache = cache_of(g)
    assert cache["objects"] == 0
    assert c.response().body == b"p" * 900000
    wait_for(lambda: cache_of(g)["bytes"] == 0, what="the object to be freed")


def test_over_a_reload(caching):
    g, up = caching()
    g.get("/a")
    g.reload(config(memory="2MiB"))
    assert g.get("/a").header("x-cache") == "hit"
    assert len(up.requests) == 1
    assert cache_of(g)["max_bytes"] == 2 << 20
    g.reload(config(memory="64KiB"))
    assert g.get("/a").header("x-cache") == "hit"


def test_the_bound_holds_under_load(caching):
    g, _ = caching(reply(200, b"p" * 10000), text=config(memory="256KiB"))
    most, stop = [0], threading.Event()

    def watch():
        while not stop.is_set():
            most[0] = max(most[0], cache_of(g)["bytes"])
            time.sleep(0.02)

    def ask(n):
        for i in range(60):
            assert g.get(f"/{n}/{i % 40}").body == b"p" * 10000
    watcher = threading.Thread(target=watch)
    watcher.start()
    threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    stop.set()
    watcher.join()
    assert 128 << 10 < most[0] <= 256 << 10
    assert g.metrics()['sluice_cache_evictions_total{cache="page-cache/pages"}'] > 100
    g.stop()
