"""on_choose: a plugin chooses among the servers of an upstream."""
import re
import subprocess
from collections import Counter
from pathlib import Path
from signal import SIGSEGV

import pytest

from kit.gateway import ROOT, find_program
from kit.memory import SANITIZED
from kit.modules import build_module
from kit.origin import drop, reply
from kit.process import wait_for
from kit.tokens import refusal

CONFIG = """
runtime: { workers: 1, shutdown_grace: 1s }
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  pick: { use: balancer-probe OPTIONS }
upstreams:
  app:
    servers: [SERVERS]
    balance: { plugin: pick }
    retries: 3
    health: { failures: 0 }
routes:
  - { name: seen, match: { path: /seen }, plugins: [pick], upstream: app }
  - { name: all, match: { path: /* }, upstream: app }
"""
NAMES = "abcd"


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    folder = tmp_path_factory.mktemp("balancer")
    build_module(folder, "balancer-probe", Path(__file__).parent / "modules/balancer_probe.c")
    build_module(folder, "fetch-probe", Path(__file__).parent / "modules/fetch_probe.c")
    return build_module(folder, "sticky", ROOT / "contrib/plugin-examples/sticky.c")


def config(options="", more="", n=4):
    servers = ", ".join(f'"127.0.0.1:@{name}@"' for name in NAMES[:n])
    text = CONFIG.replace("OPTIONS", ", " + options if options else "").replace("SERVERS", servers)
    return text.replace("    retries: 3\n", "    retries: 3\n" + more)


@pytest.fixture
def choosing(gateway, origin, modules):
    def make(options="", more="", text=None):
        ups = {name: origin(reply(200, name.encode())) for name in NAMES}
        g = gateway(text or config(options, more), args=["--plugin-dir", modules], **{n: u.port for n, u in ups.items()})
        g.ups = ups
        return g
    return make


def ask(g, name, target="/"):
    return g.get(target, [("X-Server", g.ups[name].address)])


def counted(g, n, headers=()):
    with g.connect() as c:
        return Counter(c.get("/", headers).text for _ in range(n))


def metric(g, name, **labels):
    labels = ",".join(f'{k}="{v}"' for k, v in {"plugin": "pick", **labels}.items())
    return g.metrics().get(f"sluice_{name}_total{{{labels}}}", 0)


def test_its_choice_is_asked(choosing):
    g = choosing()
    for name in "cabdda":
        assert ask(g, name).text == name
    assert metric(g, "plugin_calls") == 6


def test_without_a_choice_the_algorithm_goes_on(choosing):
    g = choosing()
    assert counted(g, 20) == {n: 5 for n in NAMES}


def test_a_server_that_is_down_is_not_chosen(choosing):
    g = choosing("loud: true")
    g.ups["b"].stop()
    r = ask(g, "b")
    assert r.status == 200 and r.text != "b"
    g.wait_log(r"one of 4, set 1, tried 1")
    assert g.access(1)[0]["tries"] == 2


def test_a_retry_does_not_repeat(choosing):
    g = choosing("does: tried, on_error: skip")
    for u in g.ups.values():
        u.behave(drop)
    assert g.get().status == 502
    assert sorted(len(u.requests) for u in g.ups.values()) == [1, 1, 1, 1], "each was asked once"
    assert g.access(1)[0]["tries"] == 4


def test_one_that_insists_on_what_was_tried_fails(choosing):
    g = choosing("does: tried")
    for u in g.ups.values():
        u.behave(drop)
    assert refusal(g.get()) == "plugin-failed"
    g.wait_log(r'plugin instance "pick" \(balancer-probe\) in on_choose: it chose a server that is down, is full or was tried; route all')
    assert sum(len(u.requests) for u in g.ups.values()) == 1


@pytest.mark.parametrize("does, why", [("fail", "it returned SLUICE_CHOOSE_FAIL"), ("wrong", "it returned a number that is no server's")])
def test_a_failure_ends_the_request(choosing, does, why):
    g = choosing(f"does: {does}")
    assert refusal(g.get()) == "plugin-failed"
    g.wait_log(rf'error plugin: plugin instance "pick" \(balancer-probe\) in on_choose: {why}; route all, request \S+')
    assert not any(u.requests for u in g.ups.values())
    assert metric(g, "plugin_failures") == 1


@pytest.mark.parametrize("does", ["fail", "wrong"])
def test_a_failure_that_is_skipped(choosing, does):
    g = choosing(f"does: {does}, on_error: skip")
    assert counted(g, 8) == {n: 2 for n in NAMES}
    g.wait_log(r"in on_choose: .*; on_error: skip, so the request goes on")
    assert metric(g, "plugin_skipped") == 8


def test_an_answer_is_refused(choosing):
    g = choosing("does: answer")
    assert g.get().status == 200
    g.wait_log(r'plugin instance "pick" \(balancer-probe\) in on_choose: sluice_refuse\(\) is refused: this call can give no answer')


def test_a_report_only_tells(choosing):
    g = choosing("mode: report")
    assert counted(g, 20, [("X-Server", g.ups["a"].address)]) == {n: 5 for n in NAMES}
    assert metric(g, "plugin_reports", code="server") == 15
    notes = [str(line.get("notes", "")) for line in g.access(20)]
    assert sum("report:server" in n for n in notes) == 15


def test_a_budget(choosing):
    g = choosing("does: slow, budget: 5ms")
    assert g.get().status == 200
    g.wait_log(r'plugin instance "pick" \(balancer-probe\) in on_choose: it took \d+\.\d ms, and its budget is 5 ms')
    assert metric(g, "plugin_over_budget") == 1


@pytest.mark.skipif(SANITIZED, reason="the sanitizer's report stands in its place")
def test_a_crash_is_named(choosing):
    g = choosing("does: crash")
    c = g.connect()
    c.request("GET", "/")
    assert g.process.wait(20) == -SIGSEGV
    line = r"sluice: crash: SIGSEGV .* plugin instance pick, plugin balancer-probe, in on_choose, route all, request \S+ in state connect"
    assert re.search(line, g.log()), g.log()
    c.close()
    g.kill()  # it is gone; nothing is asked of how it ended


def test_in_the_chain_too(choosing):
    g = choosing()
    r = ask(g, "c", "/seen")
    assert (r.text, r.header("x-choices"), r.header("x-chosen")) == ("c", "1", g.ups["c"].address)


def test_over_http2_and_with_a_fetch(gateway, origin, modules):
    up = origin(reply(200, b"x"))
    g = gateway("""
runtime: { workers: 1 }
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  pick: { use: balancer-probe, loud: true }
  ask: { use: fetch-probe, to: app }
upstreams:
  app: { servers: ["127.0.0.1:@app@"], balance: { plugin: pick, algorithm: least-requests } }
routes:
  - { name: all, match: { path: /* }, plugins: [ask], respond: { status: 204 } }
""", app=up.port, args=["--plugin-dir", modules])
    r = g.get()
    assert (r.status, r.body) == (200, b"x")
    g.wait_log("one for a fetch of 1, set 1, tried 0")


# ---- reload ----

def test_a_reload_keeps_the_instance(choosing):
    g = choosing("loud: true")
    assert g.get().status == 200
    g.wait_log("set 1, tried 0")
    g.reload(config("loud: true", "    keepalive: 7\n"))
    # the same state of the worker, and another set of servers
    wait_for(lambda: g.get().status == 200 and "of 4, set 2, tried 0" in g.log(), 5, "the set to be another one")
    g.reload(config("loud: true", n=3))
    wait_for(lambda: g.get().status == 200 and "of 3, set 3, tried 0" in g.log(), 5, "the set to be another one")


def test_a_reload_replaces_it(choosing):
    g = choosing("does: fail")
    assert g.get().status == 500
    g.reload(config())
    wait_for(lambda: ask(g, "d").text == "d", 5, "the new instance to choose")
    g.reload(config().replace("balance: { plugin: pick }", "balance: least-requests"))
    wait_for(lambda: len(counted(g, 8, [("X-Server", g.ups["d"].address)])) > 1, 5, "the algorithm to choose")


# ---- what is written in the file ----

def check(g_text, tmp_path, modules):
    path = tmp_path / "sluice.yaml"
    path.write_text(g_text)
    return subprocess.run([find_program()[0], "check", "-c", path, "--plugin-dir", modules], capture_output=True, text=True, check=False)


FILE = """listeners:
  - { name: public, address: "127.0.0.1:8080" }
plugins:
  pick: { use: balancer-probe }
  ask: { use: fetch-probe, to: app }
  list: [pick]
upstreams:
  app:
    servers: ["127.0.0.1:9000"]
    balance: { plugin: NAME }
routes:
  - { name: all, match: { path: /* }, plugins: [ask, list], upstream: app }
"""


@pytest.mark.parametrize("name, why, hint", [
    ("pikc", 'there is no plugin instance "pikc"', 'did you mean "pick"?'),
    ("ask", 'plugin fetch-probe of "ask" chooses no servers', "name an instance of a plugin that has on_choose"),
    ("list", '"list" is a chain, and this takes one instance', ""),
])
def test_a_name_that_cannot_be(tmp_path, modules, name, why, hint):
    done = check(FILE.replace("NAME", name), tmp_path, modules)
    assert done.returncode != 0
    assert f"sluice.yaml:10:24" in done.stderr, done.stderr
    assert why in done.stderr and hint in done.stderr


def test_an_instance_that_only_balances_is_used(tmp_path, modules):
    text = FILE.replace("NAME", "pick").replace(", list", "").replace("  list: [pick]\n", "")
    done = check(text, tmp_path, modules)
    assert done.returncode == 0 and "pick" not in done.stderr, done.stderr


def test_a_fact_that_no_plugin_states(tmp_path, modules):
    text = FILE.replace("NAME", "pick").replace("use: balancer-probe", "use: balancer-probe, by: claim:sub")
    done = check(text.replace("[ask, list]", "[ask]").replace("  list: [pick]\n", ""), tmp_path, modules)
    assert '"claim:sub" has no value here' in done.stderr and "sluice.yaml:9:24" in done.stderr, done.stderr


# ---- the example ----

def test_sticky(choosing):
    g = choosing(text=config().replace("use: balancer-probe", "use: sticky, by: cookie:session").replace(", plugins: [pick]", ""))
    places = {}
    for session in range(40):
        got = counted(g, 5, [("Cookie", f"session=s{session}")])
        assert len(got) == 1, got
        places[session] = next(iter(got))
    assert set(places.values()) == set(NAMES)
    gone = g.ups["b"]
    gone.stop()
    for session, place in places.items():
        now = counted(g, 3, [("Cookie", f"session=s{session}")])
        assert now == {place: 3} if place != "b" else "b" not in now
    assert counted(g, 8).total() == 8, "without a session: in turn"
