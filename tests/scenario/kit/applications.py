"""Programs that take seconds to start, such as a JVM. A test run has several processes, and the tests of one file are dealt out to them: the
first that needs such a program starts it, and all of them use it."""
import fcntl
import json
import os
import shutil
import subprocess
from contextlib import contextmanager

from .ports import free_port, is_listening
from .process import Process, wait_for


class Application:
    """argv, env: of the program, in which {port} is where it has to listen, {folder} its folder. prepare(folder): what has to be made there
    before. ready: what it says once it answers, if it listens before."""

    def __init__(self, folder, argv, env=None, prepare=None, ready="", startup=90.0):
        self.port = free_port()
        folder.mkdir(parents=True)
        if prepare:
            prepare(folder)

        def fill(text):
            return str(text).replace("{port}", str(self.port)).replace("{folder}", str(folder))
        self.process = Process([fill(a) for a in argv], folder, folder / "output", {k: fill(v) for k, v in (env or {}).items()})
        try:
            wait_for(lambda: self.answers(ready) or not self.process.running(), startup, lambda: f"{argv[0]}:\n{self.process.output()[-3000:]}")
            assert self.process.running(), f"{argv[0]} ended with status {self.process.proc.returncode}:\n{self.process.output()}"
        except BaseException:
            self.process.kill()
            raise

    def answers(self, ready):
        return is_listening(self.port) and ready in self.process.output()


@contextmanager
def locked(path):
    """Alone among the processes of the run; what stands in the file is read and may be written anew."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _users(state, change=0):
    said = json.loads(state.read_text())
    said["users"] += change
    state.write_text(json.dumps(said))
    return said["users"]


@contextmanager
def shared(root, name, argv, **kw):
    """(port, folder) of the application called `name`, started as Application says unless another process has done so. It ends with the
    process that started it, which waits for the others."""
    root.mkdir(exist_ok=True)
    folder, state, lock = root / name, root / f"{name}.json", root / f"{name}.lock"
    ours = None
    with locked(lock):
        if not state.exists():
            shutil.rmtree(folder, ignore_errors=True)
            ours = Application(folder, argv, **kw)
            state.write_text(json.dumps({"port": ours.port, "users": 0}))
        port = json.loads(state.read_text())["port"]
        _users(state, 1)
    try:
        yield port, folder
    finally:
        with locked(lock):
            _users(state, -1)
        if ours:
            _end(ours, state, lock)


def _end(application, state, lock):
    def unused():
        with locked(lock):
            if _users(state):
                return False
            state.unlink()      # whoever comes now starts its own
            return True
    try:
        wait_for(unused, 60, "the other users of an application", interval=0.05)
    finally:
        state.unlink(missing_ok=True)
        application.process.kill()


def output(*argv, timeout=60, **kw):
    """What a program prints that must end well."""
    r = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False, **kw)
    assert r.returncode == 0, f"{argv[0]}: {r.stdout[-3000:]}"
    return r.stdout
