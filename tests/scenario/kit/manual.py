"""Snippets of a plugin's page: blocks of YAML, completed to configurations that `sluice check` can judge."""
import subprocess

import yaml

from kit.gateway import ROOT, YAML, find_program

TOP = ("listeners", "plugins", "routes", "upstreams", "stores", "admin", "log", "runtime")
LISTENER = {"name": "public", "address": "127.0.0.1:8080"}


def snippets(page):
    """Indented blocks of a page (plugins/NAME/NAME.md) that begin with a block of a configuration."""
    blocks, block = [], []
    for line in [*(ROOT / page).read_text().splitlines(), "end"]:
        if line.startswith("    ") or (block and not line):
            block.append(line[4:])
        elif block:
            blocks.append("\n".join(block).strip() + "\n")
            block = []
    return [b for b in blocks if b.split(":")[0] in TOP]


def complete(snippet, **plugins):
    """The snippet with what it leaves out. plugins: those that it names without showing them."""
    c = yaml.load(snippet, YAML)
    c.setdefault("listeners", [dict(LISTENER)])
    mine = c.setdefault("plugins", {})
    for name, options in plugins.items():
        mine.setdefault(name, options)
    used = str(c.get("routes", "")) + str(c["listeners"])
    idle = [name for name in mine if name not in used]
    if "routes" not in c:
        c["routes"] = [{"name": "all", "match": {"path": "/*"}, "plugins": idle, "respond": {"status": 204}}]
    for name in {r["upstream"] for r in c["routes"] if "upstream" in r}:
        c.setdefault("upstreams", {}).setdefault(name, {"servers": ["127.0.0.1:9000"]})
    return yaml.safe_dump(c, sort_keys=False)


def check(folder, text):
    """What `sluice check` says of a configuration: exit status and output."""
    program, plugins = find_program()
    (folder / "sluice.yaml").write_text(text)
    done = subprocess.run([program, "check", "-c", folder / "sluice.yaml", *(["--plugin-dir", plugins] if plugins else [])],
                          capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stdout + done.stderr
