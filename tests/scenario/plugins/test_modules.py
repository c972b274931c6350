"""Modules that cannot be used, and modules that misbehave: what the operator is told, and that the gateway stands."""
import re
import subprocess
from pathlib import Path

import pytest

from kit.gateway import GatewayDied, find_program
from kit.modules import build_module
from kit.origin import echo, hang, reply
from kit.process import wait_for
from kit.tokens import refusal

CONFIG = """listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  mine:
    use: mine
routes:
  - { name: all, match: { path: /* }, plugins: [mine], respond: { status: 204 } }
"""
# A plugin; @before@ stands before its record, @within@ in it.
SOURCE = """
#include <sluice/plugin.h>
@before@
static sluice_verdict go_on(sluice_exchange *x, const void *conf) { (void)x, (void)conf; return SLUICE_NEXT; }
SLUICE_PLUGIN("@name@", .summary = "one of a test", .on_request = go_on@within@);
"""
TABLE = "struct c { int64_t i; bool b; }; static const sluice_option table[] = { %s, SLUICE_OPTIONS_END };"
USE = ", .options = table, .conf_size = sizeof(struct c)"


def source(name="mine", before="", within=""):
    return SOURCE.replace("@before@", before).replace("@name@", name).replace("@within@", within)


def check(folder, config=CONFIG, *dirs):
    """What `sluice check` says of a configuration with the modules of these folders: (exit status, text)."""
    path = Path(folder) / "sluice.yaml"
    path.write_text(config.replace("@public@", "1"))
    program, plugins = find_program()
    argv = [program, "check", "-c", path, "--plugin-dir", plugins]
    for d in dirs or (folder,):
        argv += ["--plugin-dir", d]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_sound_one(folder):
    build_module(folder, "mine", source())
    assert check(folder)[0] == 0


BROKEN = {
    "another name": (source("yours"), r'it calls itself "yours"'),
    "another ABI": (source(within=", .abi = 7"), "it was built for plugin ABI 7, this is 1: rebuild it"),
    "a record too short": (source(within=", .size = 40"), r"its record is \d+ bytes short: rebuild it"),
    "a record from the future": (source(within=", .size = sizeof(sluice_plugin) + 8"), "it was built with a newer header"),
    "services from the future": (source(within=", .host_size = sizeof(sluice_host) + 8"), "it was built with a newer header"),
    "no record": ("int nothing;", "is no Sluice plugin: it exports no sluice_plugin_record"),
    "a symbol nobody has": (source(before="void nobody(void); void f(void); void f(void) { nobody(); }"), "undefined symbol: nobody"),
    "a row without a sentence": (source(before=TABLE % "{ .name = \"i\", .type = SLUICE_T_INT }", within=USE),
                                 "its option table cannot be used: .*i.*"),
    "a row outside the struct": (source(before=TABLE % "{ .name = \"i\", .type = SLUICE_T_INT, .doc = \"x\", .offset = 4096 }", within=USE),
                                 "its option table cannot be used: .*i.*"),
    "a default that does not parse": (source(before=TABLE % "SLUICE_OPTION(SLUICE_T_BOOL, struct c, b, .def = \"maybe\", .doc = \"x\")",
                                             within=USE), "its option table cannot be used: .*b.*"),
    "a type nobody knows": (source(before=TABLE % "SLUICE_OPTION(77, struct c, b, .doc = \"x\")", within=USE),
                            "its option table cannot be used: .*b.*"),
    "a state of four GiB": (source(within=", .worker_size = (size_t)1 << 32"), "it wants 4294967296 bytes for each worker"),
}


@pytest.mark.parametrize("why", BROKEN)
def test_broken(folder, why):
    text, said = BROKEN[why]
    build_module(folder, "mine", text, ["-Wno-override-init", "-Wl,-z,lazy"])
    status, out = check(folder)
    assert status == 1
    assert re.search(rf'sluice\.yaml:5:10: error: plugins\.mine\.use: plugin "mine" cannot be loaded: .*{said}', out), out
    assert "hint: " in out


def test_files_that_are_no_modules(folder):
    for content in (b"", b"hello\n", b"\x7fELF" + bytes(60), b"#!/bin/sh\n"):
        (folder / "mine.so").write_bytes(content)
        status, out = check(folder)
        assert status == 1 and re.search(r'sluice\.yaml:5:10: error: .*plugin "mine" cannot be loaded: .*mine\.so', out), out
    (folder / "mine.so").unlink()
    (folder / "mine.so").mkdir()
    assert check(folder)[0] == 1


def test_names(folder):
    for name, said in (("absent", "no absent.so in "), ("../mine", "names of plugins are lower-case letters"), ("Mine", "lower-case"),
                       ("", "say which plugin this is"), ("[a]", "say which plugin this is")):
        status, out = check(folder, CONFIG.replace("use: mine", f"use: {name}" if name else "x: 1"))
        assert status == 1 and said in out, out


def test_the_first_folder_wins(folder):
    build_module(folder / "a", "mine", source())
    build_module(folder / "b", "mine", source("yours"))
    assert check(folder, CONFIG, folder / "a", folder / "b")[0] == 0
    assert check(folder, CONFIG, folder / "b", folder / "a")[0] == 1
    assert check(folder, CONFIG.replace("use: mine", "use: jwt, issuer: x") .replace("    use: jwt, issuer: x", "    use: jwt\n    issuer: x"),
                 folder / "a")[0] == 1


# ---- options of a module ----

def test_mistakes_in_its_options(folder, probe):
    for options, place, said in (
            ("request: slepe", "6:14", 'plugins.mine.request: expected one of'),
            ("requests: sleep", "6:5", 'unknown key "requests"'),
            ("ms: fast", "6:9", "plugins.mine.ms: "),
            ("check_fails: true", "6:18", "plugins.mine.check_fails: so it was told"),
            ("check_says_nothing: true", "5:5", 'plugin "probe" refuses its options'),
            ("store: nowhere", "6:12", 'no store "nowhere"')):
        status, out = check(folder, CONFIG.replace("use: mine", f"use: probe\n    {options}"), probe)
        assert status == 1 and f"sluice.yaml:{place}: error: " in out and said in out, out


# ---- at run time ----

RUN = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
stores:
  shared: { redis: "@redis@" }
  here: { memory: 1MiB }
routes:
"""


@pytest.fixture(scope="module")
def probe(tmp_path_factory):
    return build_module(tmp_path_factory.mktemp("probe"), "probe", Path(__file__).parent / "modules/probe.c")


@pytest.fixture
def probed(gateway, origin, probe):
    """A gateway with a route for each set of options: path -> (options, whether it has an upstream)."""
    def make(routes, up=None, redis="redis://127.0.0.1:1", **kw):
        up = up or origin(reply(200, b"upstream", [("X-Origin", "1")]))
        config = RUN
        for path, (options, forwards) in routes.items():
            target = "upstream: app" if forwards else 'respond: { status: 200, body: "built in" }'
            config += f"  - {{ name: {path}, match: {{ path: /{path} }}, plugins: [{{ use: probe, {options} }}], {target} }}\n"
        g = gateway(config, app=up.port, redis=redis, args=["--plugin-dir", probe], **kw)
        g.up = up
        return g
    return make


BAD = {"fail": "it returned SLUICE_FAIL", "wait-for-nothing": "it returned SLUICE_WAIT and waits for nothing",
       "reply-without": "it returned SLUICE_REPLY without an answer", "odd-verdict": "it returned a number that is no verdict",
       "bad-reply": "it returned SLUICE_FAIL"}


def test_hooks_that_fail(probed):
    routes = {f"{side}-{act}-{end}": (f"{side}: {act}", end == "up") for side in ("request", "response") for act in BAD
              for end in ("up", "own")}
    g = probed(routes)
    with g.connect() as c:
        for path in routes:
            r = c.get(f"/{path}")
            assert (r.status, refusal(r)) == (500, "plugin-failed"), path
            assert b"upstream" not in r.body and "x-evil" not in r.fields
    for path in routes:
        why = next(says for act, says in BAD.items() if f"-{act}-" in path)
        hook = f"on_{path.split('-')[0]}"
        g.wait_log(rf'error plugin: plugin instance "{path}/0" \(probe\) in {hook}: {why}; route {path}, request \w')


def test_hooks_that_answer(probed):
    routes = {f"{side}-{act}-{end}": (f"{side}: {act}", end == "up") for side in ("request", "response")
              for act in ("reply", "refuse", "sleep-then-refuse") for end in ("up", "own")}
    g = probed(routes)
    with g.connect() as c:
        for path in routes:
            r = c.get(f"/{path}")
            if "reply" in path:
                assert (r.status, r.body, r.header("content-type")) == (203, b"from the probe\n", "text/plain"), path
            else:
                assert (r.status, refusal(r)) == (418, "probe-refused"), path
            assert "x-origin" not in r.fields, "it replaces the upstream's response as a whole"
    assert len(g.up.requests) == 3


def test_hooks_that_wait(probed, origin, redis):
    r = redis()
    other = origin(reply(201, b"fetched"))
    url = f"http://127.0.0.1:{other.port}/x"
    want = {"sleep": ["slept"], "sleep-twice": ["once", "slept"], f'fetch, url: "{url}"': ["fetched 0 201 fetched"],
            'fetch, url: "http://127.0.0.1:1/"': ["fetched 2 0 "], 'fetch, url: "ftp://x/"': ["fetched 3 0 "],
            "command, store: shared": ["answered 0 2 hello"], "command, store: here": ["answered 3 0 "], "await": ["published"],
            "all-memory": None}
    routes, answers = {}, {}
    for i, act in enumerate(want):
        for side in ("request", "response"):
            for forwards in (True, False):
                name = f"r{i}-{side}-{forwards}"
                routes[name], answers[name] = (f"{side}: {act}", forwards), want[act]
    g = probed(routes, redis=r.url)
    with g.connect() as c:
        for _ in range(2):
            for path, said in answers.items():
                got = c.get(f"/{path}")
                if said is None:
                    assert got.status in (500, 503) and refusal(got) in ("plugin-failed", "no-memory"), path
                else:
                    assert got.status == 200 and got.body in (b"upstream", b"built in"), path
                    assert got.fields.all("x-probe") == [s.strip() for s in said], path


def test_bad_fields_change_nothing(probed, origin):
    up = origin(echo)
    g = probed({"a": ("request: bad-fields", True), "b": ("response: bad-fields", True)}, up=up)
    for path in ("/a", "/b"):
        r = g.request("POST", path, [("X-Bad", "client's")], b"12345")
        assert r.status == 200 and r.body == b"12345" and "x-evil" not in r.fields and "x-bad" not in r.fields
    assert up.errors == [] and [x.body for x in up.requests] == [b"12345"] * 2


def test_two_waits_at_once(probed):
    g = probed({"a": ("request: wait-twice", True), "b": ("response: wait-twice", True)})
    for path in ("/a", "/b"):
        assert refusal(g.get(path)) == "plugin-failed"


def test_clients_that_leave_while_it_waits(probed, origin):
    """Each exchange completes exactly once, whatever it was waiting for."""
    slow = origin(hang)
    g = probed({"a": ("request: sleep, ms: 30s", True), "b": ("response: sleep, ms: 30s", True), "c": ("response: sleep, ms: 30s", False),
                "d": (f'request: fetch, url: "http://127.0.0.1:{slow.port}/"', True), "e": ("request: sleep", True)})
    clients = [g.connect() for _ in range(20)]
    for c, path in zip(clients, "abcd" * 5):
        c.request("GET", f"/{path}")
    wait_for(lambda: g.metrics().get("sluice_requests_active") == 20, what="parked requests")
    for c in clients:
        c.reset()
    assert g.get("/e").status == 200
    lines = g.access(21)
    assert [line.get("reason") for line in lines].count("client-gone") == 20
    assert max(line["duration_ms"] for line in lines) < 20000, "none of them slept to the end"
    said = g.stop()
    counts = [tuple(map(int, m)) for m in re.findall(r"worker stopped: (\d+) requests, (\d+) completions", said)]
    assert all(a == b for a, b in counts) and sum(a for a, _ in counts) == 21, counts
    assert said.count(": stopped") == 5, "each instance stops once"


def test_waits_end_with_the_gateway(probed):
    g = probed({"a": ("request: sleep, ms: 60s", True), "b": ("response: sleep, ms: 60s", False)})
    clients = [g.connect() for _ in range(4)]
    for i, c in enumerate(clients):
        c.request("GET", f"/{'ab'[i % 2]}")
    wait_for(lambda: g.metrics().get("sluice_requests_active") == 4, what="parked requests")
    g.stop()  # within the grace of two seconds, and a little


@pytest.mark.parametrize("option", ["start_fails", "worker_fails"])
def test_an_instance_that_cannot_start_refuses_the_configuration(probed, option):
    with pytest.raises(GatewayDied, match='plugin instance "a/0" .probe. could not start'):
        probed({"a": (f"{option}: true", True)})


def test_an_instance_stops_after_its_last_request(probed, gateway):
    g = probed({"a": ("request: sleep, ms: 700ms", True)})
    c = g.connect()
    c.request("GET", "/a")
    c.is_quiet(0.05)
    g.reload(RUN + "  - { name: b, match: { path: /b }, respond: { status: 204 } }\n")
    assert g.get("/b").status == 204
    assert ": stopped" not in g.log()
    assert c.response().header("x-probe") == "slept"
    c.close()
    g.wait_log(": stopped")
