"""The C programs of this folder, compiled when they are asked for."""
import os
import shlex
import subprocess
from pathlib import Path

SOURCES = Path(__file__).resolve().parent.parent
FLAGS = ["-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wstrict-prototypes", "-Wmissing-prototypes"]
PROGRAMS = ("server", "path", "load")


def build(folder, flags=()):
    """Compiles what is older than its sources. Returns {name: path}."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name in PROGRAMS:
        path, source = folder / name, SOURCES / f"{name}.c"
        newest = max(p.stat().st_mtime for p in (source, SOURCES / "tool.h"))
        if not path.exists() or path.stat().st_mtime < newest:
            subprocess.run([*shlex.split(os.environ.get("CC", "cc")), *FLAGS, *flags, "-o", str(path), str(source)], check=True)
        paths[name] = path
    return paths
