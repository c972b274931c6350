"""Facts that a plugin says it needs: which lists of plugins are refused, and which get a warning."""
import subprocess

import pytest

from kit.gateway import find_program
from kit.modules import build_module

SOURCE = """
#include <sluice/plugin.h>
static sluice_verdict on_request(sluice_exchange *x, const void *conf)
{
	(void)conf;
	sluice_attr_set(x, SLUICE_STR("tenant"), SLUICE_STR("t"));
	return SLUICE_NEXT;
}
static const char *const names[] = { %s, NULL };
SLUICE_PLUGIN("%s", .version = "1", .summary = "s", .on_request = on_request, .%s = names);
"""
CONFIG = """
listeners: [{ name: public, address: "127.0.0.1:8080"%s }]
plugins:
  one: { use: gives }
  two: { use: wants }
  three: { use: wishes }
  four: { use: asks }
routes:
  - { name: "a", match: { path: "/a/{id}" }, plugins: [%s], respond: { body: "b" } }
"""


@pytest.fixture(scope="session")
def modules(tmp_path_factory):
    folder = tmp_path_factory.mktemp("needs")
    for name, what, names in (("gives", "provides", '"tenant", "geo:"'), ("wants", "needs", '"tenant", "path:id", "ip"'),
                              ("wishes", "needs", '"?tenant", "?geo:"'), ("asks", "needs", '"geo:", "path:other"')):
        build_module(folder, name, SOURCE % (names, name, what))
    return folder


@pytest.fixture
def check(modules, folder):
    def run(plugins, listener=""):
        (folder / "sluice.yaml").write_text(CONFIG % (listener, plugins))
        r = subprocess.run([find_program()[0], "check", "-c", folder / "sluice.yaml", "--plugin-dir", modules],
                           capture_output=True, text=True, check=False)
        lines = [line for line in r.stderr.splitlines() if "uses the plugin instance" not in line]
        return r.returncode, "\n".join(lines)
    return run


def test_the_right_order(check):
    status, said = check("one, two, three")
    assert status == 0 and "has no value" not in said


def test_the_wrong_order(check):
    status, said = check("two, one")
    assert status == 1
    assert ('sluice.yaml:9:56: error: routes[0].plugins[0]: plugin "two" needs "tenant", which has no value here: no plugin before it '
            'states it on route "a"') in said
    assert 'hint: put the plugin that states it first: "one" before "two"' in said


def test_nobody_states_it(check):
    status, said = check("two")
    assert status == 1 and 'plugin "two" needs "tenant"' in said
    assert 'hint: put a plugin that states it before "two"' in said


def test_a_listeners_plugin_states_it(check):
    assert check("two", ", plugins: [one]")[0] == 0
    status, said = check("one", ", plugins: [two, one]")
    assert status == 1 and 'plugin "two" needs "tenant", which has no value here: no plugin before it states it on listener "public"' in said


def test_what_is_only_wished_for(check):
    status, said = check("three")
    assert status == 0 and "has no value" not in said
    status, said = check("three, one")
    assert status == 0
    assert said.count("has no value here") == 2 and '"tenant" has no value here' in said and '"geo:" has no value here' in said


def test_a_namespace_and_a_part_of_the_path(check):
    status, said = check("one, four")
    assert status == 1 and 'needs "path:other", which has no value here: the path of route "a" has no {other}' in said
    assert '"geo:"' not in said
