"""Real Redis in groups: a primary with its replica, sentinels that watch it, a cluster."""
import time

import redis

from .ports import is_listening
from .process import Process, wait_for
from .servers import Redis

SENTINEL = """
port {port}
bind 127.0.0.1
dir {dir}
sentinel monitor mymaster 127.0.0.1 {primary} 1
sentinel down-after-milliseconds mymaster 500
sentinel failover-timeout mymaster 4000
{more}
"""

FAILOVER, FAILOVER_BEGIN = 90, 15  # seconds, at most: for a failover, for one attempt at it


def replicate(replica, primary):
    """Make it a replica, and return once it has all that the primary has."""
    replica.client.replicaof("127.0.0.1", primary.port)
    wait_for(lambda: replica.client.info("replication").get("master_link_status") == "up", what="a replica in step")


def promote(r):
    r.client.replicaof("no", "one")


def wait_copied(r):
    """Until its replica has what was written so far. Counts of other clients go on meanwhile."""
    offset = r.client.info("replication")["master_repl_offset"]
    wait_for(lambda: r.client.info("replication")["slave0"]["offset"] >= offset, what="the replica's copy")


class Sentinel:
    """more: further lines of its configuration, e.g. "requirepass secret"."""

    def __init__(self, folder, port, primary, more=""):
        self.folder, self.port = folder, port
        folder.mkdir(parents=True, exist_ok=True)
        self.conf = folder / "sentinel.conf"
        self.conf.write_text(SENTINEL.format(port=port, dir=folder, primary=primary.port, more=more))
        self.password = more.split("requirepass ")[1].split()[0] if "requirepass " in more else None
        self.process = Process(["redis-server", self.conf, "--sentinel"], folder, folder / "output")
        wait_for(lambda: is_listening(port) or not self.process.running(), what="a sentinel")
        assert self.process.running(), self.process.output()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def client(self):
        return redis.Redis(port=self.port, password=self.password, socket_timeout=5, decode_responses=True)

    def primary_port(self):
        return int(self.client.execute_command("SENTINEL", "get-master-addr-by-name", "mymaster")[1])

    def wait_ready(self):
        """Until it knows the replica well enough to promote it."""
        def knows():
            found = self.client.execute_command("SENTINEL", "replicas", "mymaster")
            found = [dict(zip(f[::2], f[1::2])) if isinstance(f, list) else f for f in found]
            return found and all(str(f.get("master-link-status")) == "ok" and "down" not in str(f.get("flags")) for f in found)
        wait_for(knows, timeout=20, what="a replica that Sentinel knows")

    def wait_primary(self, r):
        """Sentinel stands still for half a minute when it finds that its own clock did (TILT), as on a very busy machine."""
        wait_for(lambda: self.primary_port() == r.port, timeout=FAILOVER, what="the failover")

    def failover(self, to):
        """Promote the replica. Begun again when nothing came of it."""
        begun = 0

        def done():
            nonlocal begun
            if self.primary_port() == to.port:
                return True
            if time.monotonic() - begun > FAILOVER_BEGIN:
                try:
                    self.client.execute_command("SENTINEL", "failover", "mymaster")
                    begun = time.monotonic()
                except redis.ResponseError as e:
                    assert "INPROG" in str(e) or "NOGOODSLAVE" in str(e), e
            return False
        wait_for(done, timeout=FAILOVER, what="the failover")

    def stop(self):
        self.process.kill()


class Pair:
    """A primary and its replica. args: options of both."""

    def __init__(self, folder, ports, args=()):
        args = ["--repl-diskless-sync-delay", "0", *args]
        self.first = Redis(folder / "first", ports(), args)
        self.second = Redis(folder / "second", ports(), args)
        replicate(self.second, self.first)

    @property
    def both(self):
        return self.first, self.second

    @property
    def primary(self):
        """Of those that run and say that they are one."""
        for r in self.both:
            if r.process.running() and r.client.role()[0] in ("master", b"master"):
                return r
        return None

    def stop(self):
        for r in self.both:
            r.stop()


class Cluster:
    """Three primaries, and a replica of the first one when asked for. Coverage need not be full."""

    def __init__(self, folder, ports, replica=False):
        self.nodes = []
        for i in range(3 + replica):
            args = ["--cluster-enabled", "yes", "--cluster-port", ports(), "--cluster-node-timeout", "2000",
                    "--cluster-require-full-coverage", "no", "--repl-diskless-sync-delay", "0"]
            self.nodes.append(Redis(folder / f"node{i}", ports(), args))
        self.primaries = self.nodes[:3]
        for i, n in enumerate(self.primaries):
            n.client.execute_command("CLUSTER", "ADDSLOTSRANGE", i * 16384 // 3, (i + 1) * 16384 // 3 - 1)
        for i, n in enumerate(self.nodes):
            n.id = n.client.execute_command("CLUSTER", "MYID")
            n.client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
        for i, n in enumerate(self.nodes):
            for other in self.nodes[i + 1:]:
                n.client.execute_command("CLUSTER", "MEET", "127.0.0.1", other.port, other.args[other.args.index("--cluster-port") + 1])
        wait_for(lambda: all(self.sees_all(n) for n in self.nodes), timeout=60, what="a cluster")
        if replica:
            self.nodes[3].client.execute_command("CLUSTER", "REPLICATE", self.nodes[0].id)
            wait_for(lambda: self.nodes[3].client.info("replication").get("master_link_status") == "up", timeout=60,
                     what="a replica in step")

    def sees_all(self, node):
        info = {k: v for k, v in (line.split(":") for line in self.info(node).split())}
        return info["cluster_state"] == "ok" and info["cluster_slots_assigned"] == "16384" and info["cluster_size"] == "3" and \
            int(info["cluster_known_nodes"]) == len(self.nodes)

    @staticmethod
    def info(node):
        got = node.client.execute_command("CLUSTER INFO")
        return got if isinstance(got, str) else "\n".join(f"{k}:{v}" for k, v in got.items())

    @property
    def url(self):
        return "redis+cluster://" + ",".join(n.address for n in self.nodes)

    def slot(self, key):
        return int(self.nodes[0].client.execute_command("CLUSTER", "KEYSLOT", key))

    def home(self, key):
        """The node that got its slot at the start."""
        return self.primaries[next(i for i in range(3) if self.slot(key) < (i + 1) * 16384 // 3)]

    def stop(self):
        for n in self.nodes:
            n.stop()
