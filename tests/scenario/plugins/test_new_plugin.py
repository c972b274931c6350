"""`make install` leaves all that an author needs, and `sluice new-plugin` makes of it a plugin that builds and passes its script."""
import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from kit.gateway import ROOT, find_program

BUILD = Path(find_program()[0]).parents[2]
TEMPLATE = ROOT / "contrib/plugin-template"


def sluice(*args, program=None, cwd=None):
    r = subprocess.run([program or find_program()[0], *args], capture_output=True, text=True, timeout=120, check=False, cwd=cwd)
    return r.returncode, r.stdout, r.stderr


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """The folder into which everything was installed, once for all workers of a run."""
    base = tmp_path_factory.getbasetemp()
    tree = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "installed"
    with open(tree.parent / "installed.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tree.exists():
            done = subprocess.run(["make", "-s", "install", f"DESTDIR={tree}"], cwd=BUILD, capture_output=True, text=True,
                                  check=False, timeout=600)
            assert done.returncode == 0, done.stdout + done.stderr
    return tree


def find(tree, name):
    return next(tree.rglob(name))


def environment(tree):
    return {**os.environ, "PKG_CONFIG_PATH": str(find(tree, "sluice.pc").parent), "PKG_CONFIG_SYSROOT_DIR": str(tree),
            "CFLAGS": "-O1 -Werror"}


def make(tree, folder, *args):
    r = subprocess.run(["make", "-C", folder, f"SLUICE={find(tree, 'sluice-plugin-test').parent}/sluice", *args],
                       capture_output=True, text=True, env=environment(tree), check=False, timeout=300)
    assert r.returncode == 0, r.stdout + r.stderr
    return r.stdout


def test_what_is_installed(installed):
    for folder in ("plugin-template", "plugin-examples"):
        mine = {p.name for p in (ROOT / "contrib" / folder).iterdir() if p.suffix != ".so" and p.name != "asan"}
        assert {p.name for p in find(installed, folder).iterdir()} == mine
    for pages in ("plugins", "reference"):
        there = {p.name for p in (find(installed, "operating.md").parent / pages).iterdir()}
        assert there == {p.name for p in (ROOT / "docs" / pages).iterdir()}


def test_a_new_plugin_builds_and_passes(installed, folder):
    program = find(installed, "sluice-plugin-test").parent / "sluice"
    code, out, err = sluice("new-plugin", "geo-fence2", program=program, cwd=folder)
    assert (code, err) == (0, ""), err
    assert "make test" in out
    tree = folder / "geo-fence2"
    assert {p.name for p in tree.iterdir()} == {"Makefile", "README.md", "sluice.yaml", "test.yaml", "geo_fence2.c",
                                                "test_geo_fence2.c"}
    assert not [p for p in tree.iterdir() if "require_header" in p.read_text() or "require-header" in p.read_text()]
    out = make(installed, tree, "test")
    assert "3 cases, 0 failed" in out
    assert (tree / "geo-fence2.so").is_file()
    if os.environ.get("SLUICE_SANITIZED") != "1":  # it would be there twice
        assert "3 cases, 0 failed" in make(installed, tree, "test-asan", "CC=gcc")
    make(installed, tree, "install", f"DESTDIR={folder}/root")
    assert [p.name for p in (folder / "root").rglob("*") if p.is_file()] == ["geo-fence2.so"]


def test_nothing_is_overwritten(folder):
    (folder / "mine").mkdir()
    code, out, err = sluice("new-plugin", "quota", folder / "mine", "--template", TEMPLATE)
    assert code == 1 and out == "" and "File exists" in err and list((folder / "mine").iterdir()) == []
    code, _, err = sluice("new-plugin", "quota", folder / "none/there", "--template", TEMPLATE)
    assert code == 1 and "No such file" in err
    code, _, err = sluice("new-plugin", "quota", folder / "new", "--template", folder / "none")
    assert code == 1 and "hint: --template" in err and not (folder / "new").exists()


@pytest.mark.parametrize("name", ["", "Quota", "2quota", "a_b", "a/b", "quota-", "a b", "x" * 65, "-"])
def test_names(folder, name):
    code, _, err = sluice("new-plugin", "--template", TEMPLATE, "--", name, folder / "new")
    assert code == 2 and "cannot be the name of a plugin" in err and not (folder / "new").exists()
