"""Plugins compiled for a test, as anybody would compile theirs: against the public header alone."""
import os
import shlex
import subprocess
from pathlib import Path

from .gateway import ROOT, find_program

FLAGS = ["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-fvisibility=hidden"]


def build_module(folder, name, source, flags=()):
    """folder/name.so from C text, or from a file. Returns the folder, for --plugin-dir."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(source, Path):
        path = source
    else:
        path = folder / f"{name}.c"
        path.write_text(source)
    cc = shlex.split(os.environ.get("CC", "cc"))
    done = subprocess.run([*cc, *FLAGS, f"-I{ROOT}/gateway/include", *flags, "-o", folder / f"{name}.so", path],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def is_linked(name, library):
    """Whether the module of that name that was built links a library that configure need not find."""
    folder = find_program()[1]
    path = Path(folder or "/") / f"{name}.so"
    return path.is_file() and library.encode() in path.read_bytes()
