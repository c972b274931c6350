"""A child process whose output goes to a file, that dies with the test, and that can be waited for."""
import ctypes
import os
import shutil
import subprocess
import time
from pathlib import Path

# The kernel kills the child when the test dies. A program in front says so to it, since a function that Python runs between fork
# and exec costs more than all else that it takes to start a child.
_dies_with_parent = [shutil.which("setpriv"), "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []


def wait_for(condition, timeout=10.0, what="condition", interval=0.01):
    """The first true value of condition(); AssertionError naming `what`, a text or what makes one, when there was none in time."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout} s in vain for {what() if callable(what) else what}")
        time.sleep(interval)


def _with_sockets(argv, sockets):
    """The command line that starts argv with these sockets, as systemd would: from descriptor 3 on, and told by LISTEN_PID."""
    moved = " ".join(f"{3 + i}<&{s.fileno()}" for i, s in enumerate(sockets))
    return ["bash", "-c", f'exec {moved}; LISTEN_PID=$$ LISTEN_FDS={len(sockets)} exec "$@"', "bash", *argv]


class Process:
    def __init__(self, argv, cwd, log, env=None, sockets=()):
        self.argv = [str(a) for a in argv]
        self.log_path = Path(log)
        line = _dies_with_parent + (_with_sockets(self.argv, sockets) if sockets else self.argv)
        with open(self.log_path, "ab") as out:
            self.proc = subprocess.Popen(line, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                         pass_fds=[s.fileno() for s in sockets], env={**os.environ, **(env or {})})

    @property
    def pid(self):
        return self.proc.pid

    def running(self):
        return self.proc.poll() is None

    def signal(self, sig):
        self.proc.send_signal(sig)

    def wait(self, timeout=10.0):
        return self.proc.wait(timeout)

    def kill(self):
        if self.running():
            self.proc.kill()
        self.proc.wait(10)

    def output(self):
        return self.log_path.read_text(errors="replace")


def adopt_orphans():
    """Children of our children become ours when these end."""
    set_child_subreaper = 36
    assert ctypes.CDLL(None, use_errno=True).prctl(set_child_subreaper, 1, 0, 0, 0) == 0


class Adopted:
    """A process that a child of ours has started: ours, once that has ended and adopt_orphans() was called before."""

    def __init__(self, pid, log):
        self.pid, self.log_path, self.status = pid, Path(log), None

    def running(self):
        if self.status is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                return Path(f"/proc/{self.pid}").exists()
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is None

    def signal(self, sig):
        os.kill(self.pid, sig)

    def wait(self, timeout=10.0):
        wait_for(lambda: not self.running(), timeout, f"the end of process {self.pid}")
        return self.status

    def kill(self):
        if self.running():
            os.kill(self.pid, 9)
        self.wait()

    output = Process.output
