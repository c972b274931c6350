"""`sluice check` and the facts that a configuration names: unknown ones are mistakes, ones that nothing states in time are warnings."""
import json
import subprocess

import pytest

from kit.gateway import find_program

CONFIG = """
listeners: [{{ name: in, address: "127.0.0.1:1" }}]
plugins:
  login: {{ use: jwt, issuer: "https://i.test/", audience: a, jwks: "file:keys.json", algorithms: [ES256] }}
  limit: {{ use: rate-limit, rate: 1/s, by: {by} }}
  names: {{ use: headers, response: {{ set: {{ X-User: "{value}" }} }} }}
routes:
  - {{ name: r, match: {{ path: "{path}" }}, plugins: [{chain}], respond: {{ body: '{body}' }} }}
"""


@pytest.fixture
def check(folder, es256):
    def run(by="ip", value="v", path="/*", chain="login, limit, names", body="b"):
        (folder / "keys.json").write_text(json.dumps({"keys": [es256.jwk()]}))
        (folder / "sluice.yaml").write_text(CONFIG.format(by=by, value=value, path=path, chain=chain, body=body))
        program, plugins = find_program()
        r = subprocess.run([program, "check", "-c", folder / "sluice.yaml", "--plugin-dir", plugins], capture_output=True, text=True,
                           timeout=20, check=False)
        return r.returncode, r.stdout + r.stderr
    return run


def test_nothing_is_said_of_facts_in_order(check):
    status, said = check(by="claim:sub", value="{consumer}", body="{claim:sub} {ip}")
    assert status == 0 and "has no value" not in said, said


@pytest.mark.parametrize("kw, says, hint", [
    ({"by": "sub"}, "sluice.yaml:5:44: error: plugins.limit.by: there is no fact \"sub\"", "did you mean claim:sub?"),
    ({"by": "clientip"}, "there is no fact \"clientip\"", "did you mean ip?"),
    ({"by": "[ip, hots]"}, "there is no fact \"hots\"", "did you mean host?"),
    ({"value": "{heder:X}"}, "sluice.yaml:6:53: error:", "did you mean {header:X}?"),
    ({"value": "{clientip}"}, "there is no fact \"clientip\"", "did you mean {ip}?"),
    ({"body": "{clientip}"}, "the body has the placeholder {clientip}", "did you mean {ip}?"),
])
def test_an_unknown_fact_is_a_mistake_at_its_place(check, kw, says, hint):
    status, said = check(**kw)
    assert status == 1 and says in said and hint in said, said


@pytest.mark.parametrize("kw, says, hint", [
    ({"by": "claim:sub", "chain": "limit, login"}, "\"claim:sub\" has no value here: no plugin before it states it on route \"r\"",
     "put the plugin that states it first"),
    ({"by": "consumer", "chain": "limit"}, "\"consumer\" has no value here", ""),
    ({"by": "path:id"}, "the path of route \"r\" has no {id}", ""),
    ({"chain": "limit", "body": "{claim:sub}"}, "\"claim:sub\" has no value here", ""),
])
def test_a_fact_that_nothing_states_in_time_is_a_warning(check, kw, says, hint):
    status, said = check(**kw)
    assert status == 0 and "warning: " in said and says in said and hint in said, said


def test_a_response_may_use_what_a_later_plugin_stated(check):
    """Response hooks run when all request hooks are through."""
    status, said = check(value="{claim:sub}", chain="names, login")
    assert status == 0 and "has no value" not in said, said


def test_a_part_of_the_path_is_known(check):
    for path in ("/a/{id}", "regex:/(?<id>[0-9]+)"):
        status, said = check(by="path:id", path=path)
        assert status == 0 and "has no value" not in said, said
