"""Where servers and gateways live: network namespaces joined by veth, or addresses of the loopback where the kernel gives no namespaces."""
import itertools
import os
import shutil
import subprocess
from pathlib import Path

from kit.ports import free_port

ETC = Path("/etc/netns")
_count = itertools.count(1)


def _run(*argv):
    return subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
                          timeout=20, check=False)


def ip(*argv):
    done = _run("ip", *argv)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(map(str, argv))}: {done.stdout.strip()}")
    return done.stdout


def sweep():
    """Removes namespaces that a run has left which was killed."""
    for name in _run("ip", "netns", "list").stdout.split("\n") if shutil.which("ip") else ():
        name = name.partition(" ")[0]
        pid = name[len("faults-"):].partition("-")[0]
        if name.startswith("faults-") and pid.isdigit() and not Path(f"/proc/{pid}").exists():
            _run("ip", "netns", "del", name)
            shutil.rmtree(ETC / name, ignore_errors=True)


def probe():
    """{what: why it cannot be had, or None}: netns, netem."""
    found = {"netns": None, "netem": None}
    if not shutil.which("ip"):
        return dict.fromkeys(found, "there is no program ip (package iproute2)")
    name = f"faults-{os.getpid()}-probe"
    added = _run("ip", "netns", "add", name)
    if added.returncode:
        return dict.fromkeys(found, added.stdout.strip())
    try:
        pair = _run("ip", "-n", name, "link", "add", "name", "here", "type", "veth", "peer", "name", "there")
        if pair.returncode:
            found["netns"] = pair.stdout.strip()
        netem = _run("ip", "netns", "exec", name, "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms")
        if netem.returncode:
            found["netem"] = netem.stdout.strip()
    finally:
        _run("ip", "netns", "del", name)
    return found


class Namespaces:
    """One namespace for the gateways and their clients, and one for each server, with a link of its own to it."""
    kind = "namespaces"

    def __init__(self, servers):
        self.prefix = f"faults-{os.getpid()}-{next(_count)}"
        self.gateway = f"{self.prefix}-gateway"
        self.names = [f"{self.prefix}-server{i}" for i in range(servers)]
        self.blackholes = set()
        try:
            ip("netns", "add", self.gateway)
            ip("-n", self.gateway, "link", "set", "lo", "up")
            for i, name in enumerate(self.names):
                self._join(i, name)
        except BaseException:
            self.close()
            raise

    def _join(self, i, name):
        ip("netns", "add", name)
        ip("-n", self.gateway, "link", "add", "name", f"link{i}", "type", "veth", "peer", "name", "wire", "netns", name)
        for space, link, end in ((self.gateway, f"link{i}", 1), (name, "wire", 2)):
            ip("-n", space, "address", "add", f"10.99.{i}.{end}/24", "dev", link)
            ip("-n", space, "link", "set", link, "up")
        ip("-n", name, "link", "set", "lo", "up")

    def address(self, i):
        return f"10.99.{i}.2"

    def port(self, wish):
        return wish

    def by_server(self, i, argv):
        return ["ip", "netns", "exec", self.names[i], *argv]

    def by_gateway(self, argv):
        return ["ip", "netns", "exec", self.gateway, *argv]

    def resolver(self, address):
        """Programs of the gateways' namespace ask this server for names."""
        folder = ETC / self.gateway
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "resolv.conf").write_text(f"nameserver {address}\noptions timeout:1 attempts:2\n")

    # ---- faults: each of them is silent, unless it says otherwise ----

    def blackhole(self, i, on):
        """What the server sends to the gateways is lost; what they send arrives."""
        ip("-n", self.names[i], "route", "add" if on else "del", "blackhole", f"10.99.{i}.1/32")

    def unreachable(self, i, on):
        """The gateways' host knows that there is no way to the server."""
        ip("-n", self.gateway, "route", "add" if on else "del", "unreachable", f"10.99.{i}.2/32")

    def link(self, i, up):
        """The cable is pulled, on the server's side."""
        ip("-n", self.names[i], "link", "set", "wire", "up" if up else "down")

    def netem(self, i, what):
        """What the server sends meets a netem qdisc of the kernel: "delay 200ms", "loss 20%"; none takes it away."""
        verb = ["replace", "dev", "wire", "root", "netem", *what.split()] if what else ["del", "dev", "wire", "root"]
        done = _run(*self.by_server(i, ["tc", "qdisc", *verb]))
        if done.returncode:
            raise RuntimeError(f"tc: {done.stdout.strip()}")

    def close(self):
        for name in (self.gateway, *self.names):
            _run("ip", "netns", "del", name)
        shutil.rmtree(ETC / self.gateway, ignore_errors=True)


class Loopback:
    """The same on one host: no fault of links and routes, and ports that nobody else has."""
    kind = "loopback"

    def __init__(self, servers):
        self.ports = {}

    def address(self, i):
        return f"127.0.99.{i + 1}"

    def port(self, wish):
        return self.ports.setdefault(wish, free_port())

    def by_server(self, i, argv):
        return list(argv)

    def by_gateway(self, argv):
        return list(argv)

    def close(self):
        pass
