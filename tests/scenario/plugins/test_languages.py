"""Plugins that are not C: in C++ by the header's macros, and as other languages do it, by the table of services alone."""
import shutil
import subprocess

import pytest

from kit.gateway import ROOT, find_program
from kit.modules import build_module
from kit.origin import echo

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
routes:
  - { name: all, match: { path: /* }, plugins: [{ use: @name@ }], upstream: app }
"""
CPP = r"""
#include <sluice/plugin.h>
#include <string>

namespace {
struct greet { sluice_str who; uint64_t status; };

const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_STR, greet, who, .flags = 0, .def = "world", .max = "64", .doc = "who is greeted"),
	SLUICE_OPTION(SLUICE_T_UINT, greet, status, .def = "403", .min = "400", .max = "499", .doc = "status of the refusal"),
	SLUICE_OPTIONS_END,
};

int check(sluice_instance *inst, void *conf)
{
	if (static_cast<greet *>(conf)->who.len == 0)
		return sluice_conf_error(inst, "who", "is %s", "nobody"), -1;
	return 0;
}

sluice_verdict on_request(sluice_exchange *x, const void *conf)
{
	const auto *g = static_cast<const greet *>(conf);
	const std::string text = "hello " + std::string(g->who.data, g->who.len);
	if (sluice_field(x, SLUICE_REQUEST, SLUICE_STR("x-refuse")).data)
		return sluice_refuse(x, static_cast<int>(g->status), "no-greeting", "Not today.");
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("x-greet"), sluice_str{ text.data(), text.size() });
	return SLUICE_HAS(park) ? SLUICE_NEXT : SLUICE_FAIL;
}
} // namespace

SLUICE_PLUGIN("greet", .version = "1", .summary = "greets", .options = options, .conf_size = sizeof(greet), .check = check,
	.on_request = on_request);
"""
# What a binding does: it declares the record itself, and calls no function of the header.
TABLE = r"""
#include <sluice/plugin.h>

static const sluice_host *services;
__attribute__((visibility("default"))) const sluice_host **const sluice_plugin_host = &services;

static const sluice_option options[] = {
	{ .name = "bad", .offset = 0, .type = SLUICE_T_BOOL, .def = "false", .doc = "whether the check fails" },
	{ .name = NULL },
};
static sluice_str str(const char *s) { return (sluice_str){ s, strlen(s) }; }
static int check(sluice_instance *inst, void *conf)
{
	if (!*(bool *)conf)
		return 0;
	services->conf_error_text(inst, "bad", str("100%s sure that it is"));
	services->conf_hint_text(inst, str("leave it out, %n"));
	return -1;
}
static sluice_verdict on_request(sluice_exchange *x, const void *conf)
{
	(void)conf;
	services->log_text(NULL, x, SLUICE_LOG_WARN, str("100%s here"));
	services->field_set(x, SLUICE_RESPONSE, str("x-table"), services->get(x, SLUICE_I_PATH));
	return SLUICE_NEXT;
}
__attribute__((visibility("default"))) const sluice_plugin sluice_plugin_record = {
	.abi = 1, .size = sizeof(sluice_plugin), .host_size = SLUICE_UP_TO(log_text), .option_size = sizeof(sluice_option),
	.name = "table", .summary = "uses the table", .options = options, .conf_size = sizeof(bool), .check = check, .on_request = on_request,
};
"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    return build_module(tmp_path_factory.mktemp("languages"), "table", TABLE)


@pytest.mark.skipif(not shutil.which("g++"), reason="no g++ here")
def test_a_plugin_in_cpp(gateway, origin, tmp_path):
    source = tmp_path / "greet.cc"
    source.write_text(CPP)
    done = subprocess.run(["g++", "-std=c++20", "-O1", "-Wall", "-Werror", "-fPIC", "-shared", "-fvisibility=hidden", f"-I{ROOT}/gateway/include",
                           "-o", tmp_path / "greet.so", source], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    g = gateway(CONFIG.replace("@name@", "greet, who: you"), app=origin(echo).port, args=["--plugin-dir", tmp_path])
    assert g.get("/").header("x-greet") == "hello you"
    assert g.request("GET", "/", [("X-Refuse", "1")]).status == 403


def test_a_plugin_by_the_table_alone(gateway, origin, modules):
    g = gateway(CONFIG.replace("@name@", "table"), app=origin(echo).port, args=["--plugin-dir", modules])
    assert g.get("/a/b").header("x-table") == "/a/b"
    g.wait_log(r"warn  table/all/0: 100%s here\n")


def test_its_mistakes_are_shown_with_their_place(folder, modules):
    path = folder / "sluice.yaml"
    path.write_text(CONFIG.replace("@name@", "table, bad: true").replace("@public@", "1").replace("@app@", "1"))
    r = subprocess.run([find_program()[0], "check", "-c", path, "--plugin-dir", modules], capture_output=True, text=True, check=False)
    out = r.stdout + r.stderr
    assert r.returncode == 1 and ": error: " in out and "100%s sure that it is" in out and "leave it out, %n" in out, out
