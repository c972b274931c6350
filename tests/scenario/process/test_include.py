"""Files that a configuration includes: one configuration, each mistake with its file, read anew by a reload."""
import json
import re
import subprocess

import pytest

from kit.gateway import find_program

MAIN = """
include: [routes.d/*.yaml, more/plugins.yaml]
listeners: [{ name: public, address: "127.0.0.1:@public@" }]
routes: [{ name: own, match: { path: /own }, respond: { body: own } }]
"""
FILES = {
    "routes.d/a.yaml": 'routes: [{ name: a, match: { path: /a }, plugins: [mark], respond: { body: "file:a.txt" } }]\n',
    "routes.d/a.txt": "from a file beside",
    "more/plugins.yaml": "plugins: { mark: { use: headers, response: { set: { X-Mark: m } } } }\n",
}


@pytest.fixture
def checked(folder):
    """checked({name: text}): the exit status, and (file, line, kind, message) of each report."""
    def run(files):
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        program, plugins = find_program()
        r = subprocess.run([program, "check", "-c", "s.yaml", "--plugin-dir", plugins], cwd=folder, capture_output=True, text=True,
                           timeout=20, check=False)
        return r.returncode, re.findall(r"^(\S+?):(\d+):\d+: (error|warning): (.*)$", r.stderr, re.MULTILINE)
    return run


def test_one_configuration(gateway):
    g = gateway(MAIN, files=FILES)
    assert g.get("/own").body == b"own"
    r = g.get("/a")
    assert r.body == b"from a file beside" and r.header("X-Mark") == "m", "its paths are relative to its folder"
    outer = g.config_path.parent / "outer.yaml"
    outer.write_text(f"include: {g.config_path.name}\n")
    program, _ = find_program()
    r = subprocess.run([program, "status", "-c", outer, "--json"], capture_output=True, text=True, timeout=20, check=False)
    assert json.loads(r.stdout), "the admin address is found in the included file"


def test_a_reload_reads_them_anew(gateway):
    g = gateway(MAIN, files=FILES)
    folder = g.config_path.parent / "routes.d"
    (folder / "b.yaml").write_text("routes: [{ name: b, match: { path: /b }, respond: { body: b } }]\n")
    g.reload()
    assert g.get("/b").body == b"b"
    (folder / "b.yaml").write_text("routes: [{ name: b, match: { path: /b }, respond: { body: b }, upstreem: x }]\n")
    g.reload(expect=r'b\.yaml:1:\d+: error: routes\[0\]: unknown key "upstreem"')
    assert g.get("/b").body == b"b" and g.get("/a").status == 200, "the one in force stays"
    (folder / "a.yaml").unlink()
    (folder / "b.yaml").unlink()
    g.reload()
    assert g.get("/a").status == 404 and g.get("/own").status == 200


def test_each_mistake_names_its_file(checked):
    status, found = checked({
        "s.yaml": 'include: [r/*.yaml, "none/*.yaml", missing.yaml]\nlisteners: [{ name: l, address: "127.0.0.1:1" }]\nadmin: "127.0.0.1:2"\n',
        "r/a.yaml": 'admin: "127.0.0.1:3"\nroutes:\n  - { name: a, match: { path: /a }, respond: {} }\n  - { name: x, upstream: none }\n',
        "r/b.yaml": 'include: [../s.yaml]\nlisteners: [{ name: l, address: "127.0.0.1:4" }]\nroutes: [{ name: a, match: { path: /b }, respond: {} }]\n',
    })
    assert status == 1
    said = {(f, int(line)): (kind, text) for f, line, kind, text in found}
    assert said["r/a.yaml", 1] == ("error", 'admin: "admin" may stand in one file only; it is at s.yaml:3:1')
    assert 'there is no upstream "none"' in said["r/a.yaml", 4][1]
    assert "includes itself: s.yaml > r/b.yaml > r/../s.yaml" in said["r/b.yaml", 1][1]
    assert 'listener "l" is there already, at s.yaml:2:13' in said["r/b.yaml", 2][1]
    assert 'route "a" is there already, at r/a.yaml:3:5' in said["r/b.yaml", 3][1]
    kinds = {(f, kind): text for f, line, kind, text in found if f == "s.yaml"}
    assert "no file matches none/*.yaml" in kinds["s.yaml", "warning"]
    assert "cannot read missing.yaml: No such file or directory" in kinds["s.yaml", "error"]
