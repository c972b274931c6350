"""A child process whose output goes to a file, that dies with the test, and that can be waited for."""
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


class Process:
    def __init__(self, argv, cwd, log, env=None):
        self.argv = [str(a) for a in argv]
        self.log_path = Path(log)
        with open(self.log_path, "ab") as out:
            self.proc = subprocess.Popen(_dies_with_parent + self.argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out,
                                         stderr=out, env={**os.environ, **(env or {})})

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
