"""Log sinks: plugins that are given each request as a record, off the request path."""
import json
import re
import time
from pathlib import Path
from signal import SIGSEGV

import pytest

from kit.gateway import Gateway, GatewayDied
from kit.memory import SANITIZED
from kit.modules import build_module
from kit.origin import reply
from kit.process import wait_for

TEXT, LIST, NUMBER, MS, TIME = range(5)
CONFIG = """
runtime: { workers: %(workers)d, shutdown_grace: 2s }
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
log: { access: { path: "%(path)s", format: %(format)s, sinks: %(sinks)s } }
plugins:
%(plugins)s
routes:
  - { name: all, match: { path: /* }, respond: { status: 204 } }
"""


def config(plugins, sinks="[one]", path="@dir@/access.log", form="json", workers=1):
    lines = "\n".join(f"  {name}: {{ use: sink-probe, file: \"@dir@/{name}.txt\"{more} }}" for name, more in plugins.items())
    return CONFIG % {"plugins": lines, "sinks": sinks, "path": path, "format": form, "workers": workers}


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    return build_module(tmp_path_factory.mktemp("sink"), "sink-probe", Path(__file__).parent / "modules/sink_probe.c")


@pytest.fixture
def start(gateway, modules):
    def make(text, **kw):
        return gateway(text, args=["--plugin-dir", modules], **kw)
    return make


def lines_of(g, name="one"):
    path = g.folder / f"{name}.txt"
    return path.read_text(errors="replace").rpartition("\n")[0].split("\n") if path.exists() else []


def records_of(g, name="one"):
    """(fields as {name: (kind, number, text)}, line in JSON, line as configured) of each record."""
    out = []
    for line in lines_of(g, name):
        if line and not line.startswith("#"):
            fields, as_json, as_configured = line.split("\x1e")
            named = [f.partition("=") for f in fields.split("\x1f")]
            out.append(({n: (int(v.split(":", 2)[0]), int(v.split(":", 2)[1]), v.split(":", 2)[2]) for n, _, v in named},
                        json.loads(as_json), as_configured))
    return out


def wait_records(g, n, name="one", timeout=15):
    wait_for(lambda: len(records_of(g, name)) >= n, timeout, f"{n} records of {name}")
    return records_of(g, name)


def same(fields, line):
    """The fields of a record are the members of the line."""
    assert list(fields) == list(line), "the same names in the same order"
    for name, (kind, number, text) in fields.items():
        said = line[name]
        if kind == LIST:
            assert text.split(",") == said
        elif kind == NUMBER:
            assert int(text) == number == said
        elif kind == MS:
            assert float(text) == said and number == round(said * 1000)
        else:
            assert text == said, name
    assert fields["time"][0] == TIME and fields["time"][2].startswith(time.strftime("%Y-%m-%dT%H", time.gmtime(fields["time"][1] / 1000)))


# ---- what it is given ----

def test_every_field_is_that_of_the_line(start, origin):
    up = origin(reply(200, b"a"))
    text = config({"one": ""}).replace("respond: { status: 204 }", "upstream: app").replace(
        "plugins:\n", 'upstreams: { app: { servers: ["127.0.0.1:@app@"] } }\nplugins:\n')
    g = start(text, app=up.port)
    assert g.get("/a?b=c&access_token=s3cr3t-7", {"User-Agent": 'q"\\', "Referer": "https://u:s3cr3t-7@r.test/?x=1",
                                                  "Traceparent": "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"}).status == 200
    assert g.get("/" + "a" * 2100).status == 200
    assert g.request("POST", "/b", body=b"abc").status == 200
    lines, records = g.access(3), wait_records(g, 3)
    assert [as_json for _, as_json, _ in records] == lines, "the line that a plugin asks for is that of the file"
    same(records[0][0], lines[0])
    same(records[2][0], lines[2])
    assert {"time", "id", "client", "method", "host", "path", "query", "protocol", "status", "bytes_in", "bytes_out", "duration_ms",
            "listener", "route", "upstream", "server", "tries", "connect_ms", "response_ms", "user_agent", "referer",
            "trace_id"} == set(records[0][0])
    assert "s3cr3t-7" not in (g.folder / "one.txt").read_text(), "secrets are masked as in the file"
    assert records[0][0]["query"][2] == "b=c&access_token=***"
    assert records[1][0]["path"][2] == "/" + "a" * 2047, "cut where the line is cut"
    m = g.metrics()
    assert m['sluice_log_sink_records_total{plugin="one"}'] == 3 and m['sluice_plugin_sink_probe_seen_total{instance="one"}'] == 3
    assert m['sluice_log_sink_dropped_total{plugin="one"}'] == 0 and m['sluice_plugin_calls_total{plugin="one"}'] >= 1


def test_without_a_file(start):
    g = start(config({"one": ""}, path="off", form="common"))
    g.get("/a?password=x")
    fields, line, configured = wait_records(g, 1)[0]
    assert not g.access_path.exists() and fields["status"][1] == line["status"] == 204
    assert re.match(r'127\.0\.0\.1 - - \[.*\] "GET /a\?password=\*\*\* HTTP/1\.1" 204 \d+$', configured), configured


def test_a_worker_gives_records_in_order(start):
    g = start(config({"one": ""}, workers=2))
    n = 2000
    with g.connect() as c:
        for i in range(n):
            assert c.request("GET", f"/{i}", [("Host", "a.test")]).response().status == 204
    paths = [f["path"][2] for f, _, _ in wait_records(g, n)]
    assert paths == [f"/{i}" for i in range(n)]
    batches = [int(line.split()[1]) for line in lines_of(g) if line.startswith("#batch")]
    assert len(batches) > 3 and sum(batches) == n, "in batches"


def test_two_sinks(start):
    g = start(config({"one": "", "two": ""}, sinks="[one, two]"))
    g.get("/a")
    assert wait_records(g, 1, "one")[0][1] == wait_records(g, 1, "two")[0][1] == g.access(1)[0]


# ---- what it may call ----

def test_services(start):
    g = start(config({"one": ", how: misuse"}))
    g.get("/a")
    wait_records(g, 1)
    assert "#cache 1 1 clock 1 line 0" in lines_of(g) and "#published hello" in lines_of(g)
    g.wait_log(r'plugin instance "one" \(sink-probe\) in on_records: sluice_timer\(\) is refused: it is for the main thread, outside of hooks')
    assert g.get("/b").status == 204


# ---- sinks that are slow, hang or crash ----

def test_a_sink_that_waits_holds_up_nobody(start):
    gate = ", gate: \"@dir@/gate\""
    g = start(config({"one": gate, "two": ""}, sinks="[one, two]"))
    n = 6000  # more than half a MiB
    with g.connect() as c:
        for i in range(n):
            assert c.request("GET", f"/{i}", [("Host", "a.test")]).response().status == 204
    assert len(g.access(n)) == n
    assert len(wait_records(g, n, "two")) == n, "another sink misses nothing"
    assert not records_of(g, "one")
    dropped = wait_for(lambda: g.metrics()['sluice_log_sink_dropped_total{plugin="one"}'], what="records that are dropped")
    g.wait_log(r"sink one \(sink-probe\): \d+ records were dropped: its on_records took longer than new records")
    g.reload()
    g.wait_log(r'plugin instance "one" \(sink-probe\) in on_records has not returned for 1\d s: its records wait', 20)
    (g.folder / "gate").touch()
    records = wait_records(g, n - int(dropped))
    paths = [int(f["path"][2][1:]) for f, _, _ in records]
    assert paths == sorted(paths) and len(paths) + dropped == n, "each is there or counted"
    g.wait_log(r"sink one \(sink-probe\) takes records again")
    g.get("/last")
    wait_for(lambda: [line for line in lines_of(g) if line.endswith(f"dropped {int(dropped)}")], 5, "the number, as the plugin sees it")


def test_a_sink_that_hangs_does_not_hold_up_the_end(folder, modules):
    g = Gateway(folder / "g", config({"one": ", gate: \"@dir@/never\""}), args=["--plugin-dir", modules])
    try:
        g.get("/a")
        wait_for(lambda: g.metrics()['sluice_log_sink_records_total{plugin="one"}'] == 0, what="the metric")
        time.sleep(1.5)
        began = time.monotonic()
        log = g.stop()
        assert time.monotonic() - began < 8
        assert re.search(r'plugin instance "one" \(sink-probe\) in on_records has not returned for \d+ s: the process ends without it, '
                         "and the records that wait for it are lost", log)
        assert len(g.access()) == 1
    finally:
        g.kill()


def test_what_was_given_is_delivered_at_the_end(start):
    g = start(config({"one": ", slow: 100ms"}))
    with g.connect() as c:
        for i in range(1000):
            assert c.request("GET", f"/{i}", [("Host", "a.test")]).response().status == 204
    g.stop()
    assert len(records_of(g)) == 1000 and lines_of(g)[-1] == "#stop hello"


def test_what_is_too_slow_is_given_up_at_the_end(folder, modules):
    g = Gateway(folder / "g", config({"one": ", slow: 300ms"}), args=["--plugin-dir", modules])
    try:
        with g.connect() as c:
            for i in range(3000):
                assert c.request("GET", f"/{i}", [("Host", "a.test")]).response().status == 204
        log = g.stop()
        told = sum(int(n) for n in re.findall(r"sink one \(sink-probe\): (\d+) records were dropped", log))
        assert told > 0 and len(records_of(g)) + told == 3000
        assert lines_of(g)[-1] == "#stop hello"
    finally:
        g.kill()


@pytest.mark.skipif(SANITIZED, reason="the sanitizer's report stands in its place")
def test_a_crash_names_the_sink(folder, modules):
    g = Gateway(folder / "g", config({"one": ", how: crash"}), args=["--plugin-dir", modules])
    try:
        g.get("/a")
        assert g.process.wait(20) == -SIGSEGV
        assert re.search(r"^sluice: crash: SIGSEGV .* on the thread of a log sink, plugin instance one, plugin sink-probe, in on_records$",
                         g.log(), re.M), g.log()
    finally:
        g.kill()


# ---- reloads ----

def test_a_reload_replaces_a_sink(start):
    g = start(config({"one": ""}))
    g.get("/a")
    g.reload(config({"one": ", says: other"}))
    g.wait_in_force(2)
    g.get("/b")
    wait_for(lambda: "#stop hello" in lines_of(g), 10, "the end of the old one")
    paths = [f["path"][2] for f, _, _ in wait_records(g, 2)]
    assert sorted(paths) == ["/a", "/b"], "nothing is lost or twice"
    g.reload(config({"one": ", says: other"}, sinks="[]"))
    g.wait_in_force(3)
    g.get("/c")
    assert len(g.access(3)) == 3
    g.reload(config({"one": ", says: other"}))
    g.wait_in_force(4)
    g.get("/d")
    assert [f["path"][2] for f, _, _ in wait_records(g, 3)][-1] == "/d"
    assert lines_of(g).count("#stop other") == 0, "the instance was kept"
    g.stop()
    assert lines_of(g)[-1] == "#stop other"


def test_a_reload_does_not_wait_for_a_sink_that_hangs(start):
    g = start(config({"one": ", gate: \"@dir@/gate\""}))
    g.get("/a")
    time.sleep(1.5)
    began = time.monotonic()
    g.reload(config({"two": ""}, sinks="[two]"))
    g.wait_in_force(2)
    assert time.monotonic() - began < 3
    g.get("/b")
    assert wait_records(g, 1, "two")[0][0]["path"][2] == "/b"
    threads = g.threads()
    (g.folder / "gate").touch()
    wait_for(lambda: "#stop hello" in lines_of(g), 10, "the end of the old one")
    assert g.threads() == threads - 1


# ---- mistakes of the configuration ----

@pytest.mark.parametrize("sinks, says, hint", [
    ("[one, tow]", 'there is no plugin instance "tow"', 'did you mean "two"?'),
    ("[chain]", '"chain" is a chain, and cannot be a sink', "name the instance of a plugin for logs"),
    ("[plain]", '"plain" cannot be a sink: plugin headers takes no records', "which has on_records"),
    ("[one, one]", '"one" is a sink already', ""),
    ("[a, b, c, d, e]", "", "4"),
], ids=["unknown", "chain", "no-hook", "twice", "too-many"])
def test_what_cannot_be_a_sink(start, sinks, says, hint):
    text = config({"one": "", "two": ""}, sinks=sinks, path="off").replace(
        "routes:", "  chain: [one]\n  plain: { use: headers, request: { set: { A: b } } }\nroutes:")
    with pytest.raises(GatewayDied) as died:
        start(text)
    at = re.search(r"sluice\.yaml:(\d+):(\d+): (.*)", str(died.value))
    assert at and says in at[3] and hint in str(died.value), str(died.value)
    assert int(at[1]) == text.expandtabs().split("\n").index([x for x in text.split("\n") if x.startswith("log:")][0]) + 1
    if says:
        assert text.split("\n")[int(at[1]) - 1][int(at[2]) - 1:].startswith(sinks.strip("[]").split(", ")[-1])
