"""A real gateway in a folder of its own.

The configuration is text in which @NAME@ stands for the value given by keyword, or for a free port chosen here (ask for
it with port(NAME)). Blocks that a test leaves out get values fit for tests: two workers, a short grace, the admin
address on a port of its own, the access log as JSON in a file.
"""
import json
import os
import re
import time
from pathlib import Path
from signal import SIGHUP, SIGTERM, SIGUSR2

import yaml

from .client import RawClient
from .ports import free_port, is_listening
from .process import Adopted, Process, adopt_orphans, wait_for

ROOT = Path(__file__).resolve().parents[3]
STARTED = re.compile(r"sluice \d+\.\d+\.\d+, \d+ workers?, ")


class YAML(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):    # that of libyaml is ten times as fast
    """As Sluice and YAML 1.2 read it: `on` is a text."""


YAML.yaml_implicit_resolvers = {first: [(tag, pattern) for tag, pattern in rules if tag != "tag:yaml.org,2002:bool"]
                                for first, rules in YAML.yaml_implicit_resolvers.items()}
YAML.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))
DEFAULTS = {
    "runtime": "runtime: { workers: 2, shutdown_grace: 2s }",
    "admin": 'admin: { address: "127.0.0.1:@admin@" }',
    "log": 'log: { level: debug, access: { path: "@dir@/access.log", format: json } }',
}
# What must never stand in a gateway's standard error.
REPORTS = re.compile(r"ERROR: (?:Address|Leak|Memory)Sanitizer|WARNING: ThreadSanitizer|SUMMARY: \w+Sanitizer"
                     r"|runtime error:|sluice: bug at|double free|stack smashing")
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": f"second_deadlock_stack=1:history_size=4:suppressions={ROOT}/tests/tools/tsan.supp",
}


def find_program():
    """(program, folder of modules): from SLUICE_BIN and SLUICE_PLUGIN_DIR, else from a build folder of this tree."""
    program, plugins = os.environ.get("SLUICE_BIN"), os.environ.get("SLUICE_PLUGIN_DIR")
    if not program:
        builds = [p for p in ROOT.glob("b*/gateway/app/sluice") if os.access(p, os.X_OK)]
        if not builds:
            raise RuntimeError("no gateway: set SLUICE_BIN, or build in b/")
        program = max(builds, key=lambda p: p.stat().st_mtime)
        plugins = plugins or program.parents[2] / "plugins/modules"
    return str(program), str(plugins) if plugins else None


class GatewayDied(AssertionError):
    pass


class Gateway:
    def __init__(self, folder, config, files=None, args=(), env=None, wait=True, program=None, sockets=(),
                 **values):
        self.folder, self.values, self.args, self.env = Path(folder), dict(values), [str(a) for a in args], env or {}
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config_path = self.folder / "sluice.yaml"
        self.access_path = self.folder / "access.log"
        self.stderr_path = self.folder / "stderr.log"
        self.access_inode, self.access_read, self.access_seen = None, 0, []
        self.stopped = False
        self.write_config(config, files)
        self.program, plugins = (program, None) if program else find_program()
        argv = [self.program, "run", "-c", self.config_path, *self.args]    # plugins of the test come before those of the build
        argv += ["--plugin-dir", plugins] if plugins else []
        self.process = Process(argv, self.folder, self.stderr_path, {**SANITIZERS, **self.env}, sockets)
        if wait:
            self.wait_ready()

    # ---- configuration ----

    def expand(self, text):
        def value(m):
            name = m[1]
            if name == "dir":
                return str(self.folder)
            if name not in self.values:
                self.values[name] = free_port()
            return str(self.values[name])
        return re.sub(r"@([a-z][a-z0-9_]*)@", value, text)

    def write_config(self, config, files=None):
        for name, content in (files or {}).items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content) if isinstance(content, bytes) else path.write_text(self.expand(content))
        for block, text in DEFAULTS.items():
            if not re.search(rf"^{block}:", config, re.M):
                config = f"{config.rstrip()}\n{text}\n"
        self.config_path.write_text(self.expand(config))

    def of_environment(self, text):
        """The text with ${NAME} and ${NAME:-default} replaced, as the gateway reads it."""
        env = {**os.environ, **self.env}
        return re.sub(r"\$\{(\w+)(?::-([^}]*))?\}", lambda m: env.get(m[1]) or m[2] or "", text)

    def port(self, name=None):
        """The port @name@ stands for; without a name, that of the first listener."""
        return int(self.values[name]) if name else self.listeners()[0]

    def _addresses(self):
        """Those of the listeners, in order: a port, or the path of a socket."""
        blocks = (yaml.load(self.config_path.read_text(), YAML) or {}).get("listeners") or []
        addresses = [self.of_environment(str(b.get("address", ""))) for b in blocks if isinstance(b, dict)]
        return [a[5:] if a.startswith("unix:") else int(a.rpartition(":")[2]) for a in addresses]

    def listeners(self):
        """Ports of the listeners, in order."""
        return [a for a in self._addresses() if isinstance(a, int)]

    # ---- life ----

    def wait_ready(self, timeout=30.0):
        wanted = self._addresses() + ([int(self.values["admin"])] if "admin" in self.values else [])
        listens_since = None

        def ready():
            nonlocal listens_since
            if not self.process.running():
                raise GatewayDied(f"the gateway ended with status {self.process.proc.returncode}:\n{self.log()}")
            if not all(is_listening(a) for a in wanted):
                return False
            # it listens first, and is started once it says with how many workers: unless it logs elsewhere, or less
            listens_since = listens_since or time.monotonic()
            if not self.process.log_path.is_file():  # a pipe is for the test to read
                return True
            return STARTED.search(self.log()) or time.monotonic() > listens_since + 2
        wait_for(ready, timeout, f"listeners on {wanted}")

    @property
    def pid(self):
        return self.process.pid

    def signal(self, sig):
        self.process.signal(sig)

    def reload(self, config=None, files=None, wait=True, expect=r"configuration \d+ is in force", timeout=10.0):
        """Write the new configuration, if any, and send HUP; wait for a line of the log that matches expect."""
        if config is not None:
            self.write_config(config, files)
        at = len(self.log())
        self.signal(SIGHUP)
        if wait:
            return self.wait_log(expect, timeout, after=at)
        return None

    def succeed(self, timeout=10.0):
        """USR2: have a new process take over, which this object stands for from now on. Returns the old one, which ends."""
        adopt_orphans()
        old, at = self.process, len(self.log())
        self.signal(SIGUSR2)
        pid = int(self.wait_log(r"successor (\d+) serves", timeout, after=at)[1])
        self.process = Adopted(pid, self.stderr_path)
        return old

    def wait_in_force(self, number, timeout=10.0):
        """Until every worker has the configuration of that number; the first one has number 1."""
        def everywhere():
            return all(w.get("config") == number for w in json.loads(self.admin("/status").body)["workers"])
        wait_for(everywhere, timeout, f"configuration {number} on all workers")

    def stop(self, sig=SIGTERM, timeout=30.0, status=0):
        """End it, and fail if it did not end well. Returns what it logged."""
        if self.stopped:
            return self.log()
        self.stopped = True
        if self.process.running():
            self.process.signal(sig)
        try:
            ended = self.process.wait(timeout)
        except Exception:
            self.process.kill()
            raise AssertionError(f"the gateway did not stop within {timeout} s:\n{self.log()[-4000:]}") from None
        self.check_reports()
        assert ended == status, f"the gateway ended with status {ended}, not {status}:\n{self.log()[-4000:]}"
        return self.log()

    def ended(self, status, timeout=30.0):
        """It ends by itself (it was started with wait=False), with this status. Returns what it logged."""
        self.process.wait(timeout)
        return self.stop(status=status)

    def kill(self):
        self.stopped = True
        self.process.kill()

    def check_reports(self):
        """No sanitizer and no check of the gateway's own has spoken."""
        text = self.log()
        m = REPORTS.search(text)
        if m:
            raise AssertionError(f"the gateway reported:\n{text[max(0, m.start() - 500):m.start() + 8000]}")

    # ---- what it says ----

    def log(self):
        return self.process.output()

    def wait_log(self, pattern, timeout=10.0, after=0):
        return wait_for(lambda: re.search(pattern, self.log()[after:]), timeout,
                        lambda: f"/{pattern}/ in the log:\n{self.log()[-2000:]}")

    def access(self, n=None, timeout=5.0):
        """Lines of the access log as dicts; with n, once there are that many."""
        if n is not None:
            wait_for(lambda: len(self.access_lines()) >= n, timeout, f"{n} lines of access log, found {len(self.access_lines())}")
        return list(self.access_lines())

    def access_lines(self):
        """Lines of the access log so far; what was read before is not read again, unless the file was replaced."""
        try:
            with self.access_path.open("rb") as f:
                inode = os.fstat(f.fileno()).st_ino
                if inode != self.access_inode or os.fstat(f.fileno()).st_size < self.access_read:
                    self.access_inode, self.access_read, self.access_seen = inode, 0, []
                f.seek(self.access_read)
                whole = f.read().rpartition(b"\n")[0]  # not what is being written
        except FileNotFoundError:
            return []
        if whole:
            self.access_read += len(whole) + 1
            self.access_seen += [json.loads(line) for line in whole.decode().splitlines() if line]
        return self.access_seen

    def _status(self, key):
        m = re.search(rf"^{key}:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text(), re.M)
        return int(m[1])

    def rss(self):
        """Resident memory in bytes."""
        return self._status("VmRSS") * 1024

    def threads(self):
        return self._status("Threads")

    def fds(self):
        """How many descriptors are open, pipes left out: a worker keeps some for the next long body."""
        folder, n = f"/proc/{self.pid}/fd", 0
        for fd in os.listdir(folder):
            try:
                n += not os.readlink(f"{folder}/{fd}").startswith("pipe:")
            except FileNotFoundError:
                pass
        return n

    # ---- talking to it ----

    def connect(self, listener=None, **kw):
        return RawClient(self.port(listener), **kw)

    def get(self, target="/", headers=(), listener=None, **kw):
        with self.connect(listener) as c:
            return c.get(target, headers, **kw)

    def request(self, method="GET", target="/", headers=(), body=None, listener=None, **kw):
        with self.connect(listener) as c:
            return c.request(method, target, headers, body, **kw).response(method)

    def admin(self, target, method="GET"):
        """A request to the admin address."""
        with RawClient(self.port("admin")) as c:
            return c.request(method, target, [("Connection", "close")]).response(method)

    def metrics(self):
        """Samples of /metrics: {'name{labels}': value}."""
        samples = {}
        for line in self.admin("/metrics").text.splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                samples[name] = float(value)
        return samples
