"""The proxies that are measured: how each is installed, configured, started and told to reload."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from dataclasses import dataclass, field, replace
from pathlib import Path

from . import machine, template
from .process import Process

TEMPLATES = Path(__file__).resolve().parent.parent / "peers"

# What a scenario may ask for.
EVERYTHING = frozenset("plain tls upload h2 h2c websocket jwt introspect remember proofs login shared-limit script cache answers routes servers reload idle workers".split())


class Unsupported(Exception):
    """This peer does not do this; the text says why."""


@dataclass
class Peer:
    name: str
    what: str                    # a few words for the reader
    template: str                # file in peers/
    command: tuple               # with @holes@
    can: frozenset
    packages: tuple = ()
    version: tuple = ()          # a command that tells it
    files: dict = field(default_factory=dict)    # further files: name in the folder -> template
    folder_mode: int = 0o755
    reload: object = None        # function of a Running
    graceful: float = 5.0        # seconds it may take to stop
    held: object = None          # function of a Running: connections of each worker, where it can be told
    kind: str = ""               # the peer that this is another build of

    @property
    def binary(self):
        return self.command[0]

    def installed(self):
        return shutil.which(self.binary) is not None and all(machine.package_version(p) for p in self.packages)

    def version_text(self):
        text = machine.output(*self.version) if self.version else None
        first = (text or "").splitlines()[:1]
        package = machine.package_version(self.packages[0]) if self.packages else None
        return package or (first[0] if first else None)


class Running:
    """A peer that was started."""

    def __init__(self, peer, process, folder, port, values):
        self.peer, self.process, self.folder, self.port, self.values = peer, process, folder, port, values

    def reload(self):
        self.peer.reload(self)

    def stop(self):
        self.process.stop(self.peer.graceful)


def _hup(running):
    running.process.signal(signal.SIGHUP)


def _usr2(running):
    running.process.signal(signal.SIGUSR2)


def _caddy_load(running):
    body = (running.folder / "Caddyfile").read_bytes()
    request = urllib.request.Request(f"http://127.0.0.1:{running.values['admin_port']}/load", body,
                                     {"Content-Type": "text/caddyfile", "Cache-Control": "must-revalidate"})
    urllib.request.urlopen(request, timeout=10).close()


def _held_by_status(running):
    for _ in range(5):      # a worker that is busy for long says nothing
        with urllib.request.urlopen(f"http://127.0.0.1:{running.values['admin_port']}/status", timeout=10) as answer:
            workers = json.load(answer)["workers"]
        if not any(w.get("silent") for w in workers):
            return [w["connections"] for w in workers]
    return []


def _held_by_processes(running):
    sockets, counts = machine.established(running.port), []
    for pid in running.process.tree():
        try:
            links = [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()]
        except OSError:
            continue
        counts.append(sum(link[8:-1] in sockets for link in links if link.startswith("socket:[")))
    return counts[1:]    # the master has none


def _accepted_by_threads(running):
    """Since it was started."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(str(running.folder / "haproxy.sock"))
        s.sendall(b"show activity\n")
        said = b"".join(iter(lambda: s.recv(65536), b"")).decode()
    line = re.search(r"^accepted: (\d+)(?: \[([\d ]+)\])?", said, re.M)
    return [int(n) for n in (line[2] or line[1]).split()] if line else []


def _all_but(*names):
    return EVERYTHING - set(names)


PEERS = {p.name: p for p in (
    Peer("floor", "bytes moved by epoll, recv and send", None, ("@programs['floor']@", "@port@", "@servers[0].split(':')[1]@"),
         frozenset(["plain", "upload", "websocket"])),
    Peer("sluice", "this project", "sluice.yaml", ("@gateway@", "run", "@*plugin_dirs@", "-c", "@config@"), EVERYTHING, reload=_hup,
         held=_held_by_status),
    Peer("nginx", "with Lua where tokens are verified or a script runs", "nginx.conf", ("/usr/sbin/nginx", "-p", "@folder@", "-c", "@config@"),
         _all_but("proofs", "login"), ("nginx", "libnginx-mod-http-lua", "lua-cjson"), ("/usr/sbin/nginx", "-v"),
         {"users": "users"}, reload=_hup, held=_held_by_processes),
    Peer("haproxy", "", "haproxy.cfg", ("/usr/sbin/haproxy", "@'-W' if reload else '-db'@", "-f", "@config@"),
         _all_but("introspect", "remember", "proofs", "login", "shared-limit", "script", "cache"), ("haproxy",), ("/usr/sbin/haproxy", "-v"), {"routes.map": "haproxy-routes.map"}, reload=_usr2,
         held=_accepted_by_threads),
    Peer("h2o", "", "h2o.conf", ("/usr/bin/h2o", "-c", "@config@"),
         _all_but("h2c", "jwt", "introspect", "remember", "proofs", "login", "shared-limit", "script", "cache", "answers", "routes", "servers", "reload"), ("h2o",), ("/usr/bin/h2o", "-v")),
    Peer("varnish", "caches where that is measured, else passes", "varnish.vcl",
         ("/usr/sbin/varnishd", "-F", "-j", "none", "-a", "127.0.0.1:@port@", "-f", "@config@", "-n", "@folder@/work", "-s",
          "malloc,64m", "-p", "thread_pools=1", "-p", "timeout_idle=600", "-p", "vsl_mask=-ReqHeader,-RespHeader"),
         frozenset(["plain", "upload", "websocket", "cache"]), ("varnish",), ("/usr/sbin/varnishd", "-V")),
    Peer("caddy", "", "Caddyfile", ("/usr/bin/caddy", "run", "--adapter", "caddyfile", "--config", "@config@"),
         _all_but("jwt", "introspect", "remember", "proofs", "login", "shared-limit", "script", "cache", "answers", "routes", "workers"), ("caddy",), ("/usr/bin/caddy", "version"), reload=_caddy_load),
    Peer("hitch", "a TLS tunnel, no HTTP", "hitch.conf", ("/usr/sbin/hitch", "--config=@config@"),
         frozenset(["tls", "upload", "idle"]), ("hitch",), ("/usr/sbin/hitch", "-V")),
)}


# A peer built from source takes part beside the distribution's. What it can do there by packages alone, it cannot.
BY_PACKAGES = {"nginx": {"jwt", "introspect", "remember", "shared-limit", "script"}}


def built(name, program):
    """The peer of that name by another program."""
    peer = PEERS[name]
    if peer.template is None or name == "sluice":
        raise ValueError(f"{name} is no peer that can be built otherwise")
    return replace(peer, name=f"{name}-built", kind=name, what=f"built from source: {program}", command=(program, *peer.command[1:]),
                   packages=(), version=(program, *peer.version[1:]), can=peer.can - BY_PACKAGES.get(name, set()))


def built_ones(named, environment):
    """Those of --peer NAME=PROGRAM, and of PEER_NAME in the environment."""
    programs = {name: environment[f"PEER_{name.upper()}"] for name in PEERS if environment.get(f"PEER_{name.upper()}")}
    for text in named:
        name, _, program = text.partition("=")
        if name not in PEERS or not program:
            raise ValueError(f"--peer {text}: write NAME=PROGRAM, where NAME is one of {', '.join(PEERS)}")
        programs[name] = program
    for program in programs.values():
        if not os.access(program, os.X_OK):
            raise ValueError(f"{program} is no program")
    return {p.name: p for p in (built(name, os.path.abspath(program)) for name, program in programs.items())}


def free_port(start):
    """The first port from start on that nobody listens on."""
    for port in range(start, start + 2000):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
    raise RuntimeError("no free port")


def wait_for_port(port, process=None, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end and (process is None or process.running()):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            time.sleep(0.02)
    return False


def configure(peer, folder, values):
    """Writes the peer's files and returns its command."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {**values, "folder": folder, "templates": TEMPLATES}
    for name, source in {peer.template: peer.template, **peer.files}.items() if peer.template else ():
        (folder / name).write_text(template.render((TEMPLATES / source).read_text(), values))
    values["config"] = folder / peer.template if peer.template else None
    command = []
    for part in peer.command:
        if part.startswith("@*"):
            command += values[part[2:-1]]
        else:
            command.append(template.render(part, values))
    return command


def start(peer, folder, values, cpu):
    """A Running peer. Unsupported when it refuses its configuration or does not come up."""
    shutil.rmtree(folder, ignore_errors=True)
    command = configure(peer, folder, values)
    if peer.name == "sluice":
        check = subprocess.run([command[0], "check", *command[2:]], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                               timeout=60)
        if check.returncode:
            raise Unsupported("configuration refused: " + ((check.stderr or check.stdout).strip().splitlines() or ["?"])[0][-160:])
    env = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    process = Process(command, cpu=cpu, log=folder / "output.log", cwd=folder, env=env)
    if not wait_for_port(values["port"], process):
        said = process.log_tail(400).strip().splitlines()[-1:]
        process.stop()
        raise Unsupported(f"did not start: {said[0] if said else 'no word'}")
    return Running(peer, process, folder, values["port"], values)
