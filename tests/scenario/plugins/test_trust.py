"""Options of every instance: what becomes of a request when its plugin fails (on_error), what a plugin would do (mode: report), and how
long it may take (budget)."""
import subprocess
from pathlib import Path

import pytest

from kit.gateway import find_program
from kit.modules import build_module
from kit.origin import echo, reply
from kit.process import wait_for
from kit.tokens import refusal

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
routes:
"""
BODY = r"""
#include <sluice/plugin.h>
#include <time.h>
struct body { uint64_t slow; bool fails; };
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_DURATION, struct body, slow, .doc = "how long a hook blocks"),
	SLUICE_OPTION(SLUICE_T_BOOL, struct body, fails, .def = "false", .doc = "whether the hook on the body fails"),
	SLUICE_OPTIONS_END,
};
static sluice_verdict on_request(sluice_exchange *x, const void *conf)
{
	const struct body *b = conf;
	const struct timespec t = { .tv_nsec = (long)b->slow * 1000000 };
	const sluice_body_plan plan = { .size = sizeof(plan), .mode = SLUICE_BODY_STREAM, .max = 1000 };
	if (b->slow)
		nanosleep(&t, NULL);
	return sluice_body_want(x, SLUICE_REQUEST, &plan) ? SLUICE_NEXT : SLUICE_FAIL;
}
static sluice_verdict on_body(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	const struct body *b = conf;
	(void)end;
	sluice_body_drop(x, data.len);
	sluice_body_write(x, SLUICE_STR("new"));
	return b->fails ? SLUICE_FAIL : SLUICE_NEXT;
}
SLUICE_PLUGIN("body", .summary = "works on a body", .options = options, .conf_size = sizeof(struct body), .on_request = on_request,
	.on_request_body = on_body);
"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trust")
    build_module(folder, "probe", Path(__file__).parent / "modules/probe.c")
    return build_module(folder, "body", BODY)


@pytest.fixture
def trusting(gateway, origin, modules):
    """A gateway with a route for each entry: path -> list of plugins."""
    def make(routes, up=echo):
        server = origin(up)
        config = CONFIG + "".join(f"  - {{ name: {path}, match: {{ path: /{path} }}, plugins: [{plugins}], upstream: app }}\n"
                                  for path, plugins in routes.items())
        g = gateway(config, app=server.port, args=["--plugin-dir", modules])
        g.up = server
        return g
    return make


def metric(g, name, plugin, **more):
    labels = ",".join(f'{k}="{v}"' for k, v in {"plugin": plugin, **more}.items())
    return g.metrics().get(f"sluice_{name}_total{{{labels}}}", 0)


# ---- on_error ----

@pytest.mark.parametrize("side", ["request", "response"])
def test_a_plugin_that_fails_is_skipped(trusting, side):
    g = trusting({"a": f"{{ use: probe, {side}: fail, on_error: skip }}, {{ use: probe, request: sleep }}",
                  "b": f"{{ use: probe, {side}: fail, on_error: deny }}"}, reply(200, b"upstream"))
    r = g.get("/a")
    assert (r.status, r.body) == (200, b"upstream")
    assert refusal(g.get("/b")) == "plugin-failed"
    g.wait_log(rf'error plugin: plugin instance "a/0" \(probe\) in on_{side}: it returned SLUICE_FAIL; route a, request \S+; '
               "on_error: skip, so the request goes on")
    assert metric(g, "plugin_failures", "a/0") == metric(g, "plugin_skipped", "a/0") == 1
    assert metric(g, "plugin_failures", "b/0") == 1 and metric(g, "plugin_skipped", "b/0") == 0


def test_an_answer_is_no_failure(trusting):
    g = trusting({"a": "{ use: probe, request: refuse, on_error: skip }"})
    assert g.get("/a").status == 418


def test_a_skipped_body_hook_lets_the_rest_pass(trusting):
    g = trusting({"a": "{ use: body, fails: true, on_error: skip }"})
    r = g.request("POST", "/a", [], b"x" * 100000)
    assert r.status == 200
    # what it did before it failed stands; what it is not shown goes on
    assert r.body.startswith(b"new") and set(r.body[3:]) <= {ord("x")}
    assert metric(g, "plugin_skipped", "a/0") == 1


# ---- mode: report ----

@pytest.mark.parametrize("act, code", [("refuse", "probe-refused"), ("reply", "reply"), ("fail", "plugin-failed")])
@pytest.mark.parametrize("side", ["request", "response"])
def test_a_report_lets_pass(trusting, side, act, code):
    g = trusting({"a": f"{{ use: probe, {side}: {act}, mode: report }}"}, reply(200, b"upstream", [("X-Origin", "1")]))
    r = g.get("/a")
    assert (r.status, r.body, r.header("x-origin")) == (200, b"upstream", "1")
    assert metric(g, "plugin_reports", "a/0", code=code) == 1
    line = g.access(1)[0]
    assert f"report:{code}" in str(line["notes"]) and line["status"] == 200


def test_a_report_changes_no_field(trusting):
    g = trusting({"a": "{ use: probe, request: sleep, mode: report }"})
    r = g.get("/a")
    assert r.status == 200 and "x-probe" not in r.fields
    assert metric(g, "plugin_reports", "a/0", code="field") >= 1


def test_a_report_changes_no_body(trusting):
    g = trusting({"a": "{ use: body, mode: report }"})
    r = g.request("POST", "/a", [], b"x" * 100000)
    assert (r.status, r.body) == (200, b"x" * 100000)
    assert g.up.requests[0].fields.get("content-length") == "100000", "the length is known as without the plugin"
    assert metric(g, "plugin_reports", "a/0", code="body") >= 1


# ---- budget ----

def test_a_hook_over_its_budget_is_named(trusting):
    g = trusting({"a": "{ use: body, slow: 30ms, budget: 5ms }", "b": "{ use: body, slow: 30ms }", "c": "{ use: body, budget: 10s }"})
    for path in ("/a", "/a", "/b", "/c"):
        assert g.request("POST", path, [], b"x").status == 200
    wait_for(lambda: metric(g, "plugin_over_budget", "a/0") == 2, what="the count")
    g.wait_log(r'warn  plugin: plugin instance "a/0" \(body\) in on_request: it took [\d.]+ ms, and its budget is 5 ms; route a, request \S+')
    assert len([line for line in g.log().splitlines() if "its budget is" in line]) == 1, "one line in ten seconds"
    assert metric(g, "plugin_over_budget", "b/0") == metric(g, "plugin_over_budget", "c/0") == 0


# ---- configuration ----

@pytest.mark.parametrize("bad, says", [
    ("on_error: pass", "on_error"), ("mode: dry-run", "mode"), ("budget: 0s", "budget"), ("budget: soon", "budget"), ("budget: 2m", "budget")])
def test_values_that_are_none(folder, modules, bad, says):
    path = folder / "sluice.yaml"
    path.write_text("listeners:\n  - { name: public, address: \"127.0.0.1:1\" }\nplugins:\n  mine:\n    use: probe\n    " + bad +
                    "\nroutes:\n  - { name: a, match: { path: /a }, plugins: [mine], respond: { status: 200 } }\n")
    r = subprocess.run([find_program()[0], "check", "-c", path, "--plugin-dir", modules], capture_output=True, text=True, check=False)
    out = r.stdout + r.stderr
    assert r.returncode == 1 and "sluice.yaml:6:" in out and says in out, out


@pytest.mark.parametrize("name", ["use", "on_error", "mode", "budget"])
def test_a_name_that_every_instance_has_is_no_option_of_a_plugin(tmp_path, name):
    build_module(tmp_path, "taken", f"""
#include <sluice/plugin.h>
struct taken {{ bool {name}; }};
static const sluice_option options[] = {{ SLUICE_OPTION(SLUICE_T_BOOL, struct taken, {name}, .doc = "taken"), SLUICE_OPTIONS_END }};
SLUICE_PLUGIN("taken", .summary = "taken", .options = options, .conf_size = sizeof(struct taken));
""")
    r = subprocess.run([find_program()[0], "plugins", "taken", "--plugin-dir", tmp_path], capture_output=True, text=True, check=False)
    assert r.returncode == 1 and f'its option "{name}" has a name that every instance has' in r.stderr
