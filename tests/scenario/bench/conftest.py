"""The benchmark's own parts: its programs compiled as strictly as the gateway, and run against servers of the kit."""
import fcntl
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
for part in ("contrib/bench", "tests/perf"):
    sys.path.insert(0, str(ROOT / part))

from benchkit import programs  # noqa: E402

from kit.ports import free_port  # noqa: E402
from kit.process import Process, wait_for  # noqa: E402


def pytest_collection_modifyitems(items):
    """The first of them compiles the programs, with sanitizers, while others do the same elsewhere."""
    for item in items:
        if "bench_programs" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(240))


@pytest.fixture(scope="session")
def bench_programs(tmp_path_factory):
    """{name: path}; built with sanitizers and without a warning, once for all workers of a run."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with open(shared / "bench-bin.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return programs.build(shared / "bench-bin", flags=["-O1", "-Werror", "-fsanitize=address,undefined",
                                                           "-fno-sanitize-recover=undefined"])


def _connects(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


@pytest.fixture
def serve(bench_programs, folder):
    """serve(name, *args_before, port=..., args_after=()): starts a program of the benchmark and gives its port."""
    started = []

    def start(name, *words, after=()):
        port = free_port()
        process = Process([bench_programs[name], *words, port, *after], folder, folder / f"{name}.log")
        started.append(process)
        wait_for(lambda: _connects(port), what=name)
        return port
    yield start
    for process in started:
        assert process.running(), process.output()
        process.kill()
        assert "Sanitizer" not in process.output(), process.output()


@pytest.fixture
def load(bench_programs):
    """load(*options, url): what it reported."""
    def run(*words):
        r = subprocess.run([bench_programs["load"], *map(str, words)], capture_output=True, text=True, timeout=50)
        assert r.returncode == 0 and not r.stderr, r.stderr
        return json.loads(r.stdout.split("\n", 1)[1])
    return run
