"""contrib/plugin-template builds out of tree against the public header alone, and does what its README says."""
import os
import shutil
import subprocess
from pathlib import Path

from kit.gateway import ROOT, find_program

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  tenant: { use: require-header, header: X-Tenant, values: [blue, green], strip: true }
routes:
  - { name: all, match: { path: "/*" }, plugins: [tenant], respond: { status: 200, body: "in\\n" } }
"""


def build(folder):
    tree = folder / "template"
    shutil.copytree(ROOT / "contrib/plugin-template", tree)
    env = {**os.environ, "PKG_CONFIG_PATH": str(Path(find_program()[0]).parents[1]), "CFLAGS": "-O2 -Werror"}
    done = subprocess.run(["make", "-C", tree], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tree / "require-header.so").is_file()
    return tree


def test_template(folder, gateway):
    tree = build(folder)
    program, _ = find_program()
    listed = subprocess.run([program, "plugins", "require-header", "--plugin-dir", tree], capture_output=True, text=True, check=True)
    for option in ("header", "values", "status", "strip"):
        assert option in listed.stdout
    g = gateway(CONFIG, args=["--plugin-dir", tree])
    assert g.get("/").status == 403
    assert g.get("/", {"X-Tenant": "red"}).status == 403
    assert g.get("/", {"X-Tenant": "green"}).body == b"in\n"
