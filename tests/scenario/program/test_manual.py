"""The manual says what the program does: every command and option, every row of the option tables."""
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from kit.gateway import ROOT, find_program

MANUAL = ROOT / "docs/man/sluice.1"
PLUGINS = find_program()[1]


def sluice(*args):
    r = subprocess.run([find_program()[0], *args], capture_output=True, text=True, timeout=30, check=False)
    assert r.returncode == 0, r.stderr
    return r.stdout


def reference(form):
    return sluice("reference", form, *(["--plugin-dir", PLUGINS] if PLUGINS else []))


def commands():
    return [line.split()[0] for line in sluice("help").splitlines() if line.startswith("  ")]


def test_every_command_is_in_the_manual():
    text = MANUAL.read_text()
    assert {"run", "check", "status", "help"} <= set(commands())
    for name in commands():
        assert re.search(rf"^\.B {name}$", text, re.M), f"no paragraph about {name}"
        assert re.search(rf"sluice {name}\b|\\fP\|\\fB{name}\\fP", text), f"{name} is not in the synopsis"


def test_every_option_is_in_the_manual():
    text = MANUAL.read_text().replace("\\-", "-")
    for name in set(commands()) - {"help"}:
        for option in re.findall(r"^  (-\S+)", sluice("help", name), re.M):
            assert option in text, f"{option} of {name}"
    r = subprocess.run([find_program()[0], "token"], capture_output=True, text=True, timeout=30, check=False)
    options = re.findall(r"--[a-z]+", r.stderr)
    assert "--key" in options
    for option in options:
        assert option in text, f"{option} of token"


def test_every_fact_is_in_its_page():
    """The page says of each fact what the table says of it."""
    rows = [line for line in reference("--markdown").partition("## Facts")[2].splitlines() if line.startswith("| `")]
    page = (ROOT / "docs/reference/facts.md").read_text().splitlines()
    assert len(rows) >= 16 and [row for row in rows if row not in page] == []


def test_every_signal_and_exit_status_is_in_the_manual():
    text = MANUAL.read_text()
    for word in ("HUP", "TERM", "INT", "QUIT", "USR1"):
        assert re.search(rf"^\.BR? .*\b{word}\b", text, re.M), word
    for status in "0123":
        assert f"\n.B {status}\n" in text


@pytest.mark.skipif(not shutil.which("mandoc"), reason="no mandoc")
def test_manual_pages_are_clean(folder):
    page = folder / "sluice.yaml.5"
    page.write_text(reference("--man"))
    for path in (MANUAL, page):
        r = subprocess.run(["mandoc", "-Tlint", "-Wwarning", path], capture_output=True, text=True, timeout=30, check=False)
        assert r.returncode == 0 and r.stdout == "", r.stdout


def leaves(node, schema, seen=()):
    """Names of all options in a schema."""
    if not isinstance(node, dict):
        return
    if "$ref" in node:
        if node["$ref"] not in seen:
            target = schema
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            yield from leaves(target, schema, (*seen, node["$ref"]))
        return
    for name, child in node.get("properties", {}).items():
        yield name
        yield from leaves(child, schema, seen)
    for key in ("items", "additionalProperties", "if", "then", "else"):
        yield from leaves(node.get(key), schema, seen)
    for key in ("anyOf", "oneOf", "allOf"):
        for child in node.get(key, []):
            yield from leaves(child, schema, seen)


@pytest.mark.parametrize("form, mark", [("--markdown", "| `{}` |"), ("--man", "\\fB{}\\fP (")])
def test_every_option_of_the_configuration_is_in_the_reference(form, mark):
    schema = json.loads(sluice("schema", *(["--plugin-dir", PLUGINS] if PLUGINS else [])))
    names = set(leaves(schema, schema)) - {"name"}
    assert {"listeners", "shutdown_grace", "certificates", "use"} <= names
    page = reference(form)
    for name in names:
        assert mark.format(name) in page, name


def test_every_plugin_is_in_the_reference():
    if not PLUGINS:
        pytest.skip("no folder of plugins")
    names = [p.stem for p in Path(PLUGINS).glob("*.so")]
    assert names
    markdown, man = reference("--markdown"), reference("--man")
    for name in names:
        assert f"\n### {name}\n" in markdown and f'.SH "{name.upper()}"\n' in man


def test_reference_needs_a_form():
    r = subprocess.run([find_program()[0], "reference"], capture_output=True, text=True, timeout=30, check=False)
    assert r.returncode == 2 and "--man" in r.stderr
