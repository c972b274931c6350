"""Three servers, the paths to them where a fault needs one, and a name server: what gateways meet in one row."""
import json
import select
import signal
import time
from pathlib import Path

from benchkit.process import Process
from kit.process import wait_for

SERVERS = 3
PORT, PATH_PORT = 9000, 9001
WORK_MS = 10          # that an answer takes: so some requests are under way when the fault comes
NAME = "app.test"     # what the name server knows the servers by


class Tool:
    """A C program that obeys lines on its standard input and answers each by a line."""

    def __init__(self, argv, log):
        self.process = Process(argv, log=log, pipe=True)
        self.read("ready")

    def read(self, wanted=None):
        out = self.process.proc.stdout
        poll = select.poll()    # select() knows no descriptor beyond 1023
        poll.register(out, select.POLLIN)
        ready = poll.poll(10_000)
        line = out.readline().strip() if ready else ""
        if not line or wanted not in (None, line):
            raise RuntimeError(f"{self.process.argv}: said {line!r}: {self.process.log_tail()}")
        return line

    def tell(self, line, wanted="ok"):
        self.process.proc.stdin.write(line + "\n")
        self.process.proc.stdin.flush()
        return self.read(wanted)

    def stop(self):
        if self.process.running():
            self.process.signal(signal.SIGKILL)
        self.process.stop()


class Server:
    """One of the servers, with its path if the row has one."""

    def __init__(self, world, i):
        self.world, self.i, self.name = world, i, f"s{i}"
        self.host, self.port = world.network.address(i), world.network.port(PORT)
        self.counts = {}     # of processes that have ended
        self.tool = self.path = None

    def start(self, slow_for_ms=0, slow_ms=0):
        slow = [slow_for_ms, slow_ms] if slow_for_ms else []
        self.tool = Tool(self.world.network.by_server(self.i, [self.world.programs["server"], self.host, self.port, self.name, WORK_MS, *slow]),
                         self.world.folder / f"{self.name}.log")

    def start_path(self):
        port = self.world.network.port(PATH_PORT)
        self.path = Tool(self.world.network.by_server(self.i, [self.world.programs["path"], self.host, port, self.host, self.port]),
                         self.world.folder / f"{self.name}-path.log")

    @property
    def address(self):
        return f"{self.host}:{self.world.network.port(PATH_PORT) if self.path else self.port}"

    def tell(self, line):
        return self.tool.tell(line)

    def requests(self):
        """Those that its process has had, checks left out."""
        return sum(json.loads(self.tool.tell("count", None)).values())

    def keep_counts(self):
        for tag, n in json.loads(self.tool.tell("count", None)).items():
            self.counts[tag] = self.counts.get(tag, 0) + n

    def stop(self):
        """SIGSTOP: what is sent to it is taken by its kernel, and never answered."""
        self.tool.process.signal(signal.SIGSTOP)

    def go_on(self):
        self.tool.process.signal(signal.SIGCONT)

    def kill(self):
        self.keep_counts()
        self.tool.stop()
        self.tool = None

    def vanish(self):
        """It ends, and whatever it sends to say so is meant to be lost."""
        self.keep_counts()
        self.tell("vanish")
        self.tool.stop()
        self.tool = None

    def close(self):
        for tool in (self.tool, self.path):
            if tool:
                tool.process.signal(signal.SIGCONT)
                tool.stop()


class Names:
    """dnsmasq in the gateways' namespace: NAME has the addresses of the servers that it is told, for a second."""

    def __init__(self, world, servers):
        self.world, self.hosts = world, world.folder / "hosts"
        world.network.resolver("127.0.0.1")
        self.write(servers)
        self.process = Process(world.network.by_gateway([
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root", "--pid-file=",
            "--listen-address=127.0.0.1", "--bind-interfaces", "--local-ttl=1", f"--addn-hosts={self.hosts}", "--log-facility=-",
            "--local=/test/"]), log=world.folder / "dnsmasq.log")
        wait_for(lambda: self.listens() or not self.process.running(), what="dnsmasq")

    def listens(self):
        return any(row.split()[1].endswith(":0035") for row in Path(f"/proc/{self.process.pid}/net/udp").read_text().splitlines()[1:])

    def write(self, servers):
        self.hosts.write_text("".join(f"{self.world.servers[i].host} {NAME}\n" for i in servers))

    def change(self, servers):
        self.write(servers)
        self.process.signal(signal.SIGHUP)

    def close(self):
        self.process.stop()


class World:
    def __init__(self, network, programs, folder, paths=False, names=None):
        self.network, self.programs, self.folder = network, programs, Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.servers, self.names = [], None
        self.gateways, self.done = {}, []     # by name; when each step of the row began and ended
        try:
            self.servers = [Server(self, i) for i in range(SERVERS)]
            for server in self.servers:
                server.start()
                if paths:
                    server.start_path()
            if names is not None:
                self.names = Names(self, names)
        except BaseException:
            self.close()
            raise

    def counts(self):
        """{tag: requests that reached a server}."""
        total = {}
        for server in self.servers:
            if server.tool:
                server.keep_counts()
            for tag, n in server.counts.items():
                total[tag] = total.get(tag, 0) + n
        return total

    def load(self, port, tag, row, start_ns, out):
        """Requests of a row to a gateway, from that time on."""
        return Process(self.network.by_gateway([self.programs["load"], "127.0.0.1", port, tag, row.plan.rate, start_ns, row.plan.seconds, out,
                                                row.method]), log=self.folder / f"load-{tag}.log")

    def close(self):
        for server in self.servers:
            server.close()
        if self.names:
            self.names.close()


def sleep_until(when):
    time.sleep(max(0.0, when - time.monotonic()))
