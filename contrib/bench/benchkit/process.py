"""Child processes: pinned to a processor, accounted to the nanosecond, and gone when the benchmark is, however it ends."""
import ctypes
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
CPUCLOCK_SCHED = 2
KILLED = 20.0    # seconds that a process may take to vanish once it was killed
FILES = 65536    # descriptors, where one may have so many
_libc = ctypes.CDLL(None, use_errno=True)


class Guardian:
    """A process that kills the process groups it knows as soon as its pipe closes: also when this program is killed."""

    def __init__(self):
        read, self._write = os.pipe()
        os.set_inheritable(self._write, False)
        if os.fork():
            os.close(read)
            return
        os.close(self._write)
        os.setsid()
        for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(s, signal.SIG_IGN)
        self._watch(read)
        os._exit(0)

    @staticmethod
    def _watch(read):
        groups = set()
        with os.fdopen(read) as lines:
            for line in lines:
                (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
        for group in groups:
            try:
                os.killpg(group, signal.SIGKILL)
            except OSError:
                pass

    def tell(self, sign, group):
        try:
            os.write(self._write, f"{sign}{group}\n".encode())
        except OSError:
            pass    # somebody has killed it; this program still stops what it started


_guardian = None


def guard():
    """Starts the guardian; call it before anything else is started or any thread exists."""
    global _guardian
    if not _guardian:
        _guardian = Guardian()
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        for limit in (max(hard, FILES), hard):
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
                break
            except (ValueError, OSError):
                pass


def _cpu_clock(pid):
    """Time that all threads of a process have run, in seconds; None when it is gone."""
    try:
        return time.clock_gettime((~pid << 3) | CPUCLOCK_SCHED)
    except OSError:
        return None


class Process:
    """A command in a process group of its own, on one processor or on a set of them. Its output goes to a log, or to pipes for
    pipe=True; it gets the descriptors in keep."""

    def __init__(self, argv, cpu=None, log=None, cwd=None, env=None, pipe=False, keep=()):
        def prepare():
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if cpu is not None:
                os.sched_setaffinity(0, {cpu} if isinstance(cpu, int) else cpu)

        self.argv, self.cpu = [str(a) for a in argv], cpu
        self.log_path = Path(log) if log else None
        out = open(log, "ab") if log else subprocess.DEVNULL
        try:
            self.proc = subprocess.Popen(self.argv, stdin=subprocess.PIPE if pipe else subprocess.DEVNULL,
                                         stdout=subprocess.PIPE if pipe else out, stderr=out, cwd=cwd, text=pipe,
                                         env={**os.environ, **(env or {})}, start_new_session=True, pass_fds=keep, preexec_fn=prepare)
        finally:
            if log:
                out.close()
        if _guardian:
            _guardian.tell("+", self.pid)

    @property
    def pid(self):
        return self.proc.pid

    def running(self):
        return self.proc.poll() is None

    def signal(self, sig):
        self.proc.send_signal(sig)

    def tree(self):
        """The process and all that come from it."""
        found, todo = [], [self.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                try:
                    todo += [int(p) for p in children.read_text().split()]
                except OSError:
                    pass
        return found

    def cpu_seconds(self):
        return sum(filter(None, (_cpu_clock(pid) for pid in self.tree())))

    def thread_seconds(self):
        """{thread: seconds that it has run} of all its processes."""
        found = {}
        for pid in self.tree():
            for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                try:
                    found[int(path.parent.name)] = int(path.read_text().split()[0]) / 1e9
                except (OSError, ValueError, IndexError):
                    pass
        return found

    def pss_kib(self):
        """Memory, each shared page counted in equal parts for those who share it."""
        total = 0
        for pid in self.tree():
            try:
                total += int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1])
            except (OSError, TypeError):
                pass
        return total

    def log_tail(self, n=1500):
        try:
            return self.log_path.read_text(errors="replace")[-n:] if self.log_path else ""
        except OSError:
            return ""

    def stop(self, grace=5.0):
        """TERM, then KILL for the whole group."""
        if self.running():
            self.proc.terminate()
            try:
                self.proc.wait(grace)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except OSError:
            pass
        try:
            self.proc.wait(KILLED)
        except subprocess.TimeoutExpired:
            print(f"bench: process {self.pid} ({self.argv[0]}) was killed and does not end", file=sys.stderr)
        for pipe in (self.proc.stdin, self.proc.stdout):
            if pipe:
                try:
                    pipe.close()
                except OSError:
                    pass
        if _guardian:
            _guardian.tell("-", self.pid)
