"""Plugins that wait for threads of their own, and work that outlives its request: over clients that leave, reloads and the end."""
import threading
import time
from pathlib import Path
from signal import SIGQUIT

import pytest

from kit.modules import build_module
from kit.origin import hang, reply
from kit.process import wait_for

CONFIG = """
runtime: { workers: 2 }
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  wait: { use: park-probe }
  alone: { use: park-probe, act: alone, timeout: 300ms }
  stays: { use: park-probe, act: alone }
  background: { use: park-probe, act: background, url: "http://127.0.0.1:@app@/" }
  late: { use: park-probe, act: late, url: "http://127.0.0.1:@app@/" }
  zeros: { use: park-probe, act: zeros }
  thread: { use: park-probe, act: thread }
routes:
  - { name: wait, match: { path: /wait }, plugins: [wait], respond: { status: 204 } }
  - { name: alone, match: { path: /alone }, plugins: [alone], respond: { status: 204 } }
  - { name: stays, match: { path: /stays }, plugins: [stays], respond: { status: 204 } }
  - { name: background, match: { path: /background }, plugins: [background], respond: { status: 204 } }
  - { name: late, match: { path: /late }, plugins: [late], respond: { status: 204 } }
  - { name: zeros, match: { path: /zeros }, plugins: [zeros], respond: { status: 204 } }
  - { name: thread, match: { path: /thread }, plugins: [thread], respond: { status: 204 } }
"""
GONE = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
routes:
  - { name: all, match: { path: /* }, respond: { status: 204 } }
"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    return build_module(tmp_path_factory.mktemp("park"), "park-probe", Path(__file__).parent / "modules/park_probe.c", ["-pthread"])


@pytest.fixture
def parking(gateway, origin, modules):
    """parking(behaviour of what is fetched) -> (gateway, that origin)"""
    def start(*behaviour, config=CONFIG):
        up = origin(*(behaviour or [reply(200, b"x")]))
        return gateway(config, app=up.port, args=["--plugin-dir", modules]), up
    return start


def asking(g, target):
    c = g.connect(timeout=30)
    c.request("GET", target)
    return c


def test_a_thread_resumes(parking):
    g, _ = parking()
    for _ in range(20):
        r = g.get("/wait")
        assert r.status == 200 and r.body == b"woken\n"
    began = time.monotonic()
    assert g.get("/alone").status == 504
    assert time.monotonic() - began >= 0.25
    assert g.metrics()['sluice_timeouts_total{of="plugin"}'] == 1


def test_a_thread_resumes_while_clients_leave(parking):
    g, _ = parking()
    until = time.monotonic() + 3

    def ask(n):
        while time.monotonic() < until:
            c = asking(g, "/wait")
            if n % 2:
                c.reset()
            else:
                assert c.response().status == 200
                c.close()
    with_errors = []

    def run(n):
        try:
            ask(n)
        except BaseException as e:  # pylint: disable=broad-except
            with_errors.append(e)
    threads = [threading.Thread(target=run, args=(n,)) for n in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not with_errors
    assert g.get("/wait").status == 200
    g.stop()


def test_parked_over_a_reload_and_at_the_end(parking):
    g, _ = parking()
    c = asking(g, "/alone")
    g.reload(GONE)
    assert c.response().status == 504, "it goes on with the configuration that it began with"
    wait_for(lambda: "park-probe/alone: stops" in g.log(), what="the instance to be let go of")
    g.reload(CONFIG)
    asking(g, "/stays")
    time.sleep(0.2)
    g.stop(SIGQUIT)


def test_work_outlives_its_request_and_its_configuration(parking):
    g, up = parking(reply(200, b"x", delay=1.5))
    assert g.get("/background").status == 202
    assert g.get("/late").status == 204
    up.wait(2)
    g.reload(GONE)
    assert "park-probe/background: stops" not in g.log()
    for name in ("background", "late"):
        g.wait_log(f"park-probe/{name}: fetched 200, number 1")
        g.wait_log(f"park-probe/{name}: stops")
        assert g.log().index(f"park-probe/{name}: fetched") < g.log().index(f"park-probe/{name}: stops")
        assert g.metrics()[f'sluice_plugin_fetches_total{{plugin="{name}",result="ok"}}'] == 1


def test_work_ends_with_its_worker(parking):
    g, up = parking(hang)
    assert g.get("/background").status == 202
    up.wait(1)
    g.stop()
    assert "fetched" not in g.log()
    assert g.log().count("park-probe/background: stops") == 1


def test_work_is_bounded(parking):
    g, _ = parking(hang, config=CONFIG.replace("workers: 2", "workers: 1"))
    assert [g.get("/background").status for _ in range(66)] == [202] * 64 + [500] * 2
    assert "more than 64 fetches in the background of a worker: some are refused" in g.log()


def test_misuse(parking):
    g, _ = parking()
    assert g.get("/zeros").status == 204
    g.wait_log(r'plugin instance "zeros" \(park-probe\) in on_request: sluice_resume\(\) is refused: sluice_park\(\) gave no such ticket')
    assert g.get("/thread").status == 500
    g.wait_log(r"a thread that is no worker: sluice_park\(\) is refused: it is for the exchange whose hook runs, on its own thread")
