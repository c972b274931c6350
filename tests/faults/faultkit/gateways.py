"""The gateways that are compared: how each is configured, started, and asked how often it tried again."""
import csv
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from benchkit import machine, template
from benchkit.process import Process
from kit.gateway import find_program
from kit.process import wait_for

from . import world as worlds

TEMPLATES = Path(__file__).resolve().parent.parent / "peers"
FIRST_PORT = 8001

# sd_listen_fds(3): the socket is descriptor 3.
ACTIVATE = """import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])"""

# The same for all of them.
TIMES = {"connect_ms": 250, "try_ms": 500, "within_ms": 2000, "check_every_ms": 200, "check_timeout_ms": 200}


@dataclass(frozen=True)
class Kind:
    name: str
    template: str
    command: tuple      # with @holes@
    version: tuple
    # function of a Gateway, and of how many requests reached servers again: tries beyond the first of each request, as it counts them itself
    retries: object
    reload: object      # function of a Gateway: have it read its file again
    upgrade: object     # function of a Gateway: have the program as it is now take over; None: it cannot
    kind: str = ""      # what it is another build of

    @property
    def program(self):
        return self.command[0]

    def version_text(self):
        said = re.search(r"\d+\.\d+[\w.-]*", machine.output(*self.version) or "")
        return said[0] if said else "?"


def _over(path, line):
    """What is said at a unix socket."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(5)
        s.connect(str(path))
        s.sendall(line.encode())
        return b"".join(iter(lambda: s.recv(65536), b"")).decode(errors="replace")


def _sluice_retries(gateway, _):
    said = gateway.ask_admin("/metrics")
    return sum(float(n) for labels, n in re.findall(r"^sluice_upstream_(?:retries|hedges)_total({.*})? (\S+)", said, re.M) if "refused" not in labels)


def _haproxy_retries(gateway, again):
    rows = csv.DictReader(io.StringIO(_over(gateway.folder / "admin.sock", "show stat\n").lstrip("# ")))
    # what is repeated after a server had it counts twice, what found no connection once
    return max(0, sum(int(r["wretr"] or 0) + int(r["wredis"] or 0) for r in rows if r["svname"] == "BACKEND") - again)


def _nginx_retries(gateway, _):
    with open(gateway.folder / "access.log", encoding="ascii") as lines:
        return sum(line.count(",") for line in lines)


def _sluice_reload(gateway):
    gateway.command("reload")


def _signal(number):
    return lambda gateway: gateway.process.signal(number)


def _sluice_upgrade(gateway):
    before = gateway.serving()
    os.kill(before, signal.SIGUSR2)
    wait_for(lambda: gateway.serving() not in (None, before), 10, lambda: f"the successor: {gateway.process.log_tail()}")
    wait_for(lambda: _has_ended(before), 15, "the end of the predecessor")


def _has_ended(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


SLUICE = "sluice"


def kinds(environment):
    """{name: Kind} of those that are there: Sluice, the installed peers, and builds of these that PEER_NGINX and PEER_HAPROXY name."""
    sluice, modules = find_program()
    found = {SLUICE: Kind(SLUICE, "sluice.yaml", (sluice, "run", "-c", "@config@", *(("--plugin-dir", modules) if modules else ())),
                          (sluice, "version"), _sluice_retries, _sluice_reload, _sluice_upgrade)}
    peers = (Kind("haproxy", "haproxy.cfg", ("/usr/sbin/haproxy", "-W", "-f", "@config@"), ("/usr/sbin/haproxy", "-v"), _haproxy_retries,
                  _signal(signal.SIGUSR2), _signal(signal.SIGUSR2)),
             Kind("nginx", "nginx.conf", ("/usr/sbin/nginx", "-p", "@folder@", "-e", "@folder@/error.log", "-c", "@config@"),
                  ("/usr/sbin/nginx", "-v"), _nginx_retries, _signal(signal.SIGHUP), None))   # in the foreground it ignores USR2
    for peer in peers:
        if shutil.which(peer.program):
            found[peer.name] = peer
        program = environment.get(f"PEER_{peer.name.upper()}")
        if program:
            program = os.path.abspath(program)
            if not os.access(program, os.X_OK):
                raise SystemExit(f"faults: {program} is no program")
            name = f"{peer.name}-built"
            found[name] = replace(peer, name=name, kind=peer.name, command=(program, *peer.command[1:]), version=(program, *peer.version[1:]))
    return found


def _resolves(kind):
    """Whether servers of an nginx may be names that it looks up again (1.27.3)."""
    parts = tuple(int(n) for n in re.findall(r"\d+", kind.version_text())[:3])
    return "nginx" in kind.name and parts >= (1, 27, 3)


def upstream_block():
    """What stands in Sluice's file about the upstream, with addresses to look at."""
    text = template.render((TEMPLATES / "sluice.yaml").read_text(), {
        "servers": [f"10.0.0.{n}:9000" for n in (5, 6, 7)], "names": None, "workers": 2, "port": 8080, **TIMES})
    return "upstreams:\n" + text.partition("\nupstreams:\n")[2].partition("\n\n")[0] + "\n"


def held_socket(port):
    """One that listens, and whose queue outlives the processes that accept from it."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    s.listen(4096)
    return s


class Gateway:
    def __init__(self, kind, world, port, folder, source=None, activated=False, **more):
        self.kind, self.world, self.port, self.folder = kind, world, port, Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.source, self.config = TEMPLATES / (source or kind.template), self.folder / kind.template
        servers = [s.address for s in world.servers]
        self.values = {"folder": self.folder, "port": port, "config": self.config, "workers": 2, "root": os.getuid() == 0,
                       "servers": servers, "blue": servers[:1], "green": servers[1:], "server_port": world.servers[0].port,
                       "name": worlds.NAME, "names": "127.0.0.1:53" if world.names else None, "resolves": _resolves(kind), **TIMES}
        self.configure(**more)
        self.held = held_socket(port) if activated else None
        self.processes = []
        self.start()

    # ---- the file ----

    def configure(self, **values):
        """Peers have one upstream, with the servers of the one that is chosen; Sluice has both."""
        self.values.update(values)
        if "upstream" in values:
            self.values["servers"] = self.values[values["upstream"]]
        self.config.write_text(template.render(self.source.read_text(), self.values))

    def command(self, *words):
        """A command of the program to the running gateway."""
        done = subprocess.run([self.kind.program, *words, "-c", str(self.config)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, text=True, timeout=20, check=False)
        if done.returncode:
            raise RuntimeError(f"{self.kind.name} {' '.join(words)}: {done.stdout.strip()}")

    def reload(self, **values):
        self.configure(**values)
        self.kind.reload(self)

    def ask_admin(self, path):
        """Sluice alone: what the admin address answers, with its head."""
        return _over(self.folder / "admin.sock", f"GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n")

    def serving(self):
        """Sluice alone: the process that answers at the admin address, or None."""
        try:
            return json.loads(self.ask_admin("/status").partition("\r\n\r\n")[2])["pid"]
        except (OSError, ValueError):
            return None

    # ---- its processes ----

    def start(self):
        """One more process of it, as a rule the only one. With a socket that is held, it gets that as systemd would give it."""
        command, keep = [template.render(part, self.values) for part in self.kind.command], ()
        if self.held:
            keep = (self.held.fileno(),)
            command = [sys.executable, "-c", ACTIVATE, str(keep[0]), *command]
        self.processes.append(Process(self.world.network.by_gateway(command), log=self.folder / "output.log", cwd=self.folder, keep=keep))

    @property
    def process(self):
        return self.processes[-1]

    def wait(self):
        wait_for(lambda: listens(self.process.pid, self.port) or not self.process.running(), 20, f"{self.kind.name} at port {self.port}")
        if not self.process.running():
            raise RuntimeError(f"{self.kind.name} did not start: {self.process.log_tail()}")

    def retries(self, again):
        try:
            return self.kind.retries(self, again)
        except (OSError, ValueError, KeyError):
            return None

    def close(self):
        for process in self.processes:
            process.stop()
        if self.held:
            self.held.close()


def listens(pid, port):
    """Whether somebody in the network namespace of that process listens at the port."""
    try:
        rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    except OSError:
        return False
    return any(row[3] == "0A" and row[1].endswith(f":{port:04X}") for row in rows)


def start_all(chosen, row, world, folder):
    """A Gateway of each kind, all of which listen."""
    started = []
    try:
        for n, kind in enumerate(chosen):
            source, values = row.config
            started.append(Gateway(kind, world, world.network.port(FIRST_PORT + n), folder / kind.name,
                                   source if kind.name == SLUICE else None, **values))
        for gateway in started:
            gateway.wait()
        time.sleep(0.05)
    except BaseException:
        for gateway in started:
            gateway.close()
        raise
    return started
