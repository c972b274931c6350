"""The commands that need no running gateway."""
import base64
import json
import re
import subprocess

import jsonschema
import pytest
import yaml

from kit.gateway import ROOT, YAML, find_program


def sluice(*args, stdin=None):
    program, plugins = find_program()
    places = ["--plugin-dir", plugins] if args[0] in ("check", "schema", "plugins") else []
    return subprocess.run([program, *map(str, args), *places], capture_output=True, text=True, timeout=20, check=False, input=stdin)


@pytest.mark.smoke
def test_version():
    r = sluice("version")
    assert r.returncode == 0 and re.fullmatch(r"sluice \d+\.\d+\.\d+\S* \(plugin ABI \d+\)\n", r.stdout)


@pytest.mark.parametrize("args", [["nonsense"], ["run"], ["check"], ["check", "--nonsense"], ["token"], ["token", "mint"]])
def test_wrong_usage(args):
    r = sluice(*args)
    assert r.returncode == 2 and r.stderr and not r.stdout


# ---- check ----

MISTAKES = """\
listeners:
  - { name: a, adress: "127.0.0.1:1" }
upstreams:
  app: { servers: ["127.0.0.1"], timeouts: { connect: 1 } }
routes:
  - { name: r, match: { path: /x, methods: [G T] }, upstream: ap }
  - { name: r, match: { path: /y }, respond: { status: 99 } }
"""


def test_check_tells_every_mistake_with_its_place(folder):
    path = folder / "bad.yaml"
    path.write_text(MISTAKES)
    r = sluice("check", "-c", path)
    assert r.returncode == 1 and not r.stdout
    places = re.findall(rf"^{re.escape(str(path))}:(\d+):(\d+): error: ", r.stderr, re.M)
    assert {int(line) for line, _ in places} >= {2, 4}, r.stderr
    assert "did you mean address" in r.stderr, "with a hint"


@pytest.mark.parametrize("text, line, what", [
    ("listeners: [\n", 2, ""),
    ("a: 1\nb: 2\n", 1, "unknown key"),
    ('listeners: [{ name: a, address: "127.0.0.1:1" }]\nroutes:\n  - { name: r, respond: {}, upstream: x }\n', 3, ""),
    ('listeners: [{ name: a, address: "127.0.0.1:1" }]\nroutes:\n  - { name: r, upstream: none }\n', 3, "none"),
    ('listeners: [{ name: a, address: "127.0.0.1:1" }]\nroutes:\n  - { name: r, plugins: [nobody], respond: {} }\n', 3, "nobody"),
    ('listeners: [{ name: a, address: "nowhere" }]\nroutes: [{ name: r, respond: {} }]\n', 1, ""),
    ('listeners: [{ name: a, address: "127.0.0.1:1" }, { name: b, address: "127.0.0.1:1" }]\nroutes: [{ name: r, respond: {} }]\n', 1, ""),
    ('listeners: [{ name: a, address: "127.0.0.1:1" }]\nroutes:\n- { name: r, match: { path: /a }, respond: {} }\n'
     "- { name: s, match: { path: /a }, respond: {} }\n", 4, ""),
    ('listeners: [{ name: a, address: "127.0.0.1:1", max_head: 1 }]\nroutes: [{ name: r, respond: {} }]\n', 1, "max_head"),
    ('listeners: [{ name: a, address: "127.0.0.1:1" }]\nroutes: [{ name: r, match: { listener: b }, respond: {} }]\n', 2, ""),
])
def test_check_refuses(folder, text, line, what):
    path = folder / "bad.yaml"
    path.write_text(text)
    r = sluice("check", "-c", path)
    assert r.returncode == 1
    m = re.search(rf"^{re.escape(str(path))}:(\d+):(\d+): error: (.+)", r.stderr, re.M)
    assert m and int(m[1]) == line, r.stderr
    assert what in r.stderr


def test_check_as_json(folder):
    path = folder / "bad.yaml"
    path.write_text(MISTAKES)
    r = sluice("check", "-c", path, "--json")
    assert r.returncode == 1
    found = json.loads(r.stdout)
    assert found, "something a machine can read"


def test_check_of_a_good_file():
    r = sluice("check", "-c", ROOT / "conf/quickstart.yaml")
    assert r.returncode == 0 and "good" in r.stdout and not r.stderr


# ---- schema ----

def test_schema_accepts_the_configurations_and_no_others():
    r = sluice("schema")
    assert r.returncode == 0
    schema = json.loads(r.stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for path in (ROOT / "conf").glob("*.yaml"):
        errors = list(validator.iter_errors(yaml.load(path.read_text(), YAML)))
        assert not errors, f"{path.name}: {errors[0].message}"
    assert list(validator.iter_errors({"listeners": [{"name": "a", "adress": "x"}], "routes": []}))


def test_schema_is_json_and_knows_the_plugins():
    schema = sluice("schema").stdout
    json.loads(schema)
    assert "jwt" in schema and "listeners" in schema and "urn:sluice:schema" in schema


# ---- plugins ----

def test_plugins():
    r = sluice("plugins")
    assert r.returncode == 0 and re.search(r"^jwt\s+\S+\s+\S", r.stdout, re.M)


def test_options_of_a_plugin():
    r = sluice("plugins", "jwt")
    assert r.returncode == 0 and "issuer" in r.stdout and "jwks" in r.stdout


def test_no_such_plugin():
    r = sluice("plugins", "nobody")
    assert r.returncode == 1 and "nobody" in r.stderr


# ---- token ----

def test_token_mint_and_inspect():
    r = sluice("token", "mint", "--key", ROOT / "conf/demo/key.pem", "--sub", "alice", "--scope", "orders:read", "--claim", "x=1")
    assert r.returncode == 0
    token = r.stdout.strip()
    header, claims = (json.loads(base64.urlsafe_b64decode(p + "==")) for p in token.split(".")[:2])
    assert header["alg"] == "ES256" and header["kid"]
    assert claims["sub"] == "alice" and claims["scope"] == "orders:read" and claims["exp"] > claims["iat"]
    for args, stdin in (([token], None), (["-"], token)):
        told = sluice("token", "inspect", *args, stdin=stdin)
        assert told.returncode == 0 and "alice" in told.stdout and "orders:read" in told.stdout


def test_token_jwks():
    r = sluice("token", "jwks", "--key", ROOT / "conf/demo/key.pem")
    keys = json.loads(r.stdout)["keys"]
    assert keys[0]["kty"] == "EC" and "d" not in keys[0], "the public half"
    assert keys == json.loads((ROOT / "conf/demo/jwks.json").read_text())["keys"] or keys[0]["x"]


@pytest.mark.parametrize("args", [["inspect", "not-a-token"], ["inspect", "a.b.c"], ["mint", "--key", "/none"], ["jwks", "--key", "/none"]])
def test_token_mistakes(args):
    r = sluice("token", *args)
    assert r.returncode in (1, 2) and r.stderr and not r.stdout
