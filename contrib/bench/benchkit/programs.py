"""The C programs beside this folder, compiled when they are asked for."""
import os
import shlex
import subprocess
from pathlib import Path

SOURCES = Path(__file__).resolve().parent.parent
FLAGS = ["-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wstrict-prototypes", "-Wmissing-prototypes"]
PROGRAMS = {
    "floor": (["floor.c"], []),
    "origin": (["origin.c"], []),
    "h2origin": (["h2origin.c"], ["-lnghttp2"]),
    "load": (["load.c", "load_conn.c"], ["-lssl", "-lcrypto"]),
    "websocket": (["websocket.c"], ["-lcrypto"]),
    "mint": (["mint.c"], ["-lcrypto"]),
    "authority": (["authority.c"], ["-lcrypto"]),
    "login": (["login.c"], ["-lpthread"]),
}
HEADERS = ["gate.h", "load.h", "histogram.h", "sign.h"]


def build(folder, names=None, flags=()):
    """Compiles what is older than its sources. Returns {name: path}."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name in names or PROGRAMS:
        sources, libraries = PROGRAMS[name]
        path = folder / name
        newest = max((SOURCES / s).stat().st_mtime for s in [*sources, *HEADERS])
        if not path.exists() or path.stat().st_mtime < newest:
            command = [*shlex.split(os.environ.get("CC", "cc")), *FLAGS, *flags, "-o", str(path),
                       *(str(SOURCES / s) for s in sources), *libraries]
            subprocess.run(command, check=True)
        paths[name] = path
    return paths
