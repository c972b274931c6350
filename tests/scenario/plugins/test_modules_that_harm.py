"""Modules that loop, crash, refuse to start, or change under the gateway: what the operator is told, and that it can end."""
import itertools
import os
import re
import resource
import shutil
import subprocess
import time
from signal import SIGABRT, SIGFPE, SIGQUIT, SIGSEGV, SIGTERM

import pytest

from kit.ended import ended
from kit.gateway import Gateway
from kit.memory import SANITIZED
from kit.modules import build_module
from kit.process import wait_for

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  culprit: { use: harm@options@ }
routes:
  - { name: harmed, match: { path: /harm }, plugins: [culprit], respond: { status: 204 } }
  - { name: fine, match: { path: /fine }, respond: { status: 204 } }
"""
PLAIN = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
routes:
  - { name: fine, match: { path: /fine }, respond: { status: 204 } }
"""
SOURCE = r"""
#include <sluice/plugin.h>
#include <stdlib.h>
struct harm { int32_t at, how; };
enum { AT_NOTHING, AT_CHECK, AT_START, AT_WORKER, AT_REQUEST, AT_COMPLETE };
static const char *const places[] = { "nothing", "check", "start", "worker", "request", "complete", NULL };
static const char *const ways[] = { "fail", "loop", "segv", "abort", "fpe", NULL };
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_ENUM, struct harm, at, .def = "nothing", .choices = places, .doc = "where"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct harm, how, .def = "fail", .choices = ways, .doc = "how"),
	SLUICE_OPTIONS_END,
};
static volatile int zero;
static int harm(const struct harm *c, int at)
{
	if (c->at != at)
		return 0;
	while (c->how == 1)
		;
	if (c->how == 2)
		*(volatile int *)(uintptr_t)zero = 1;
	if (c->how == 3)
		abort();
	if (c->how == 4)
		zero = 7 / zero;
	return -1;
}
static int on_check(sluice_instance *i, void *c) { (void)i; harm(c, AT_CHECK); return 0; }
static int on_start(sluice_instance *i, void *c) { (void)i; return harm(c, AT_START); }
static int on_worker(sluice_instance *i, const void *c, void *s) { (void)i, (void)s; return harm(c, AT_WORKER); }
static sluice_verdict on_request(sluice_exchange *x, const void *c) { (void)x; return harm(c, AT_REQUEST) ? SLUICE_FAIL : SLUICE_NEXT; }
static sluice_verdict on_complete(sluice_exchange *x, const void *c) { (void)x; harm(c, AT_COMPLETE); return SLUICE_NEXT; }
SLUICE_PLUGIN("harm", .summary = "harm", .options = options, .conf_size = sizeof(struct harm), .check = on_check, .start = on_start,
	.worker_start = on_worker, .on_request = on_request, .on_complete = on_complete);
"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    return build_module(tmp_path_factory.mktemp("harm"), "harm", SOURCE)


@pytest.fixture
def harmed(folder, modules):
    """harmed(at, how): a gateway with that plugin. It may end however it likes; nothing of it is left behind."""
    count = itertools.count()

    def make(at="nothing", how="fail", config=CONFIG, directory=modules, **kw):
        return Gateway(folder / f"g{next(count)}", with_options(config, at, how), args=["--plugin-dir", directory], **kw)
    with ended(make, "kill") as start:
        yield start


def with_options(config, at, how):
    return config.replace("@options@", f", at: {at}, how: {how}")


def hang(g, target="/harm"):
    c = g.connect(timeout=60)
    c.request("GET", target)
    return c


# ---- a loop ----

@pytest.mark.parametrize("at", ["request", "complete"])
def test_a_worker_in_a_loop_is_named_and_the_gateway_is_not_ready(harmed, at):
    g = harmed(at, "loop")
    assert g.admin("/readyz").status == 200
    c = hang(g)
    said = rf'worker \d+ has not answered for \d+ s: plugin instance "culprit" \(harm\) in on_{at}'
    g.wait_log(said, 20)
    r = g.admin("/readyz")
    assert r.status == 503 and re.search(said.replace('"', r'\\"'), r.text), r.text
    assert re.search(said.replace('"', r'\\"'), g.admin("/status").text)
    assert g.admin("/healthz").status == 200
    r = g.admin("/reload", "POST")
    assert r.status != 200 and "culprit" in r.text, "a configuration that a worker cannot take is refused"
    c.close()


def test_quit_ends_a_gateway_with_a_worker_in_a_loop(harmed):
    g = harmed("request", "loop")
    c = hang(g)
    time.sleep(0.3)
    began = time.monotonic()
    g.signal(SIGQUIT)
    assert g.process.wait(20) == 1
    assert time.monotonic() - began < 10
    assert re.search(r'plugin instance "culprit" \(harm\) in on_request: the process ends without it', g.log())
    c.close()


def test_term_ends_it_with_the_grace(harmed):
    g = harmed("request", "loop")  # the grace is two seconds
    c = hang(g)
    time.sleep(0.3)
    began = time.monotonic()
    g.signal(SIGTERM)
    assert g.process.wait(30) == 1
    assert 1.5 < time.monotonic() - began < 12
    c.close()


def test_quit_ends_it_while_the_main_thread_loops(harmed):
    g = harmed("nothing")
    g.write_config(with_options(CONFIG, "check", "loop"))
    g.reload(wait=False)
    g.wait_log(r'the main thread does not answer: plugin instance "culprit" \(harm\) in check', 30)
    g.signal(SIGQUIT)
    assert g.process.wait(20) == 1


# ---- a crash ----

@pytest.mark.skipif(SANITIZED, reason="the sanitizer's report stands in its place")
@pytest.mark.parametrize("how, sig", [("segv", SIGSEGV), ("abort", SIGABRT), ("fpe", SIGFPE)])
def test_a_crash_says_where_and_for_whom(harmed, how, sig):
    g = harmed("request", how)
    c = g.connect()
    c.request("GET", "/harm", [("X-Request-Id", "a-request-1")])
    assert g.process.wait(20) == -sig
    line = re.search(rf"^sluice: crash: {sig.name} .*", g.log(), re.M)
    assert line, g.log()
    assert re.search(r" on worker \d+, plugin instance culprit, plugin harm, in on_request, route harmed, request \S+ in state request-hooks$", line[0]), line[0]
    assert "harm.so" in g.log()[line.end():], "and a backtrace"
    c.close()


def story(log):
    """The events that the second line of a crash tells."""
    found = re.search(r"^sluice: crash: request (\S+): (.*)", log, re.M)
    return found and (found[1], found[2].split(", "))


@pytest.mark.skipif(SANITIZED, reason="the sanitizer's report stands in its place")
def test_a_crash_tells_the_last_events_of_its_request(harmed):
    g = harmed("complete", "segv", config=CONFIG + "log: { level: debug }\n")
    c = g.connect()
    c.request("GET", "/harm", [("X-Request-Id", "a-request-2")])
    assert g.process.wait(20) == -SIGSEGV
    assert re.search(r"^sluice: crash: SIGSEGV .* in on_complete, route harmed, request \S+ in state done$", g.log(), re.M), g.log()
    request, events = story(g.log())
    assert request in g.log().split("sluice: crash: request ")[0], "the same request as in the first line"
    assert all(re.match(r"\d+\.\d ms [a-z]", e) for e in events), events
    assert [e.split(" ms ")[1].split(" (")[0] for e in events][:2] == ["request-hooks", "on_request culprit"], events
    assert events[-2].endswith(" done") and events[-1].endswith(" crash"), events
    c.close()


@pytest.mark.skipif(SANITIZED, reason="the sanitizer's report stands in its place")
def test_a_long_story_is_cut_at_its_beginning(harmed):
    limits = "".join(f"  p{i}: {{ use: harm }}\n" for i in range(12))
    names = ", ".join(f"p{i}" for i in range(12))
    config = CONFIG.replace("\nroutes:", f"\n{limits}routes:").replace("[culprit]", f"[{names}, culprit]")
    g = harmed("request", "segv", config=config + "log: { level: debug }\n")
    c = g.connect()
    c.request("GET", "/harm")
    assert g.process.wait(20) == -SIGSEGV
    _, events = story(g.log())
    assert len(events) == 10 and re.fullmatch(r"\(\d+ earlier\)", events[0]), events
    assert " on_request p11 " in events[-2] and events[-1].endswith(" crash"), events
    c.close()


@pytest.mark.skipif(SANITIZED, reason="the sanitizer's report stands in its place")
def test_a_crash_without_a_story_tells_none(harmed):
    g = harmed("request", "segv", config=CONFIG + "log: { level: info }\n")
    c = g.connect()
    c.request("GET", "/harm")
    assert g.process.wait(20) == -SIGSEGV
    assert story(g.log()) is None
    c.close()


@pytest.mark.skipif(SANITIZED, reason="the sanitizer's report stands in its place")
def test_a_crash_of_the_gateway_itself_is_told_too(harmed):
    g = harmed()
    g.signal(SIGSEGV)
    assert g.process.wait(20) == -SIGSEGV
    assert re.search(r"^sluice: crash: SIGSEGV sent by process \d+ on the main thread$", g.log(), re.M)


def core_is_dumped(g):
    _, status = os.waitpid(g.pid, 0)
    g.process.proc.returncode = -os.WTERMSIG(status)
    return os.WCOREDUMP(status)


@pytest.mark.skipif(SANITIZED, reason="sanitizers make no core dumps")
def test_a_core_dump_is_made_only_where_it_is_asked_for(harmed):
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        asked = harmed(config=PLAIN + "runtime: { workers: 1, core_dumps: true }\n")
        plain = harmed(config=PLAIN)
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)
    assert "runtime.core_dumps is on" in asked.log()
    for g in (asked, plain):
        g.signal(SIGSEGV)
    dumped = core_is_dumped(asked)
    assert not core_is_dumped(plain)
    if not dumped:
        pytest.skip("this machine makes no core dumps at all")


# ---- that cannot start ----

@pytest.mark.parametrize("at", ["start", "worker"])
def test_a_plugin_that_cannot_start_refuses_the_configuration(harmed, at):
    g = harmed(at, "fail", wait=False)
    assert g.process.wait(20) == 1
    assert 'plugin instance "culprit" (harm) could not start' in g.log()


@pytest.mark.parametrize("at", ["start", "worker"])
def test_on_reload_the_configuration_in_force_stays(harmed, at):
    g = harmed(config=PLAIN)
    for n in range(3):
        g.reload(with_options(CONFIG, at, "fail"), expect="the configuration in force stays")
        assert g.get("/fine").status == 204 and g.get("/harm").status == 404
    assert g.log().count('plugin instance "culprit" (harm) could not start') == 3
    g.reload(with_options(CONFIG, "nothing", "fail"), expect=r"is in force")
    wait_for(lambda: g.get("/harm").status == 204, 5, "the new configuration")
    g.stop()


# ---- files that change ----

def test_a_module_that_is_cut_short_is_refused(harmed, modules, folder):
    place = folder / "modules"
    place.mkdir()
    whole = (modules / "harm.so").read_bytes()
    g = harmed(config=PLAIN, directory=place)
    for n in (0, 1, 63, 64, 200, 4096, len(whole) // 2, len(whole) - 1):
        (place / "harm.so").write_bytes(whole[:n])
        g.reload(with_options(CONFIG, "nothing", "fail"), expect="the configuration in force stays")
        assert g.get("/fine").status == 204
    assert len(re.findall("harm.so: the file is (cut short|empty)", g.log())) == 8
    (place / "harm.so").write_bytes(whole)
    g.reload(expect="is in force")
    g.stop()


@pytest.mark.parametrize("how", ["replaced", "removed"])
def test_a_reload_says_that_a_changed_module_needs_a_restart(harmed, modules, folder, how):
    place = folder / "modules"
    place.mkdir()
    shutil.copy(modules / "harm.so", place / "harm.so")
    g = harmed(directory=place)
    g.reload(expect="configuration 2 is in force")
    assert "until it is restarted" not in g.log()
    os.unlink(place / "harm.so")
    if how == "replaced":
        shutil.copy(modules / "harm.so", place / "harm.so")
    g.reload(expect="configuration 3 is in force")
    g.wait_log(rf"harm\.so was {how} since it was loaded: the gateway runs the old code until it is restarted")
    assert g.get("/harm").status == 204
    g.stop()


def test_it_is_said_by_check_too(modules, folder):
    """`sluice plugins` looks at a file before it opens it."""
    from kit.gateway import find_program
    (folder / "harm.so").write_bytes((modules / "harm.so").read_bytes()[:5000])
    r = subprocess.run([find_program()[0], "plugins", "harm", "--plugin-dir", folder], capture_output=True, text=True, check=False)
    assert r.returncode == 1 and "the file is cut short" in r.stderr
