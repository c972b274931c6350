"""The faults: what happens to the servers, and when. Server 1 of three is the one that fails, unless a row says otherwise."""
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Plan:
    """The phases of a row, in seconds. `warm` is not judged: connections open, and checks find that all is well."""
    warm: float = 1.0
    normal: float = 2.0
    fault: float = 3.0
    after: float = 3.0
    rate: int = 400

    @property
    def seconds(self):
        return self.warm + self.normal + self.fault + self.after


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    steps: tuple                # (seconds after the fault begins, function of the world)
    before: object = None       # function of the world, before there is any load
    paths: bool = False         # the servers stand behind paths, unless the kernel has netem
    needs: tuple = ()           # "netns", "dnsmasq"
    errors: int = 0             # most errors that Sluice may let through; None: there have to be some
    unrest: float = 1.0         # longest time for which its clients may notice the fault,
    unrest_after: float = 1.0   # and its end
    longest_ms: float = 5000    # that a request may take, however it ends
    retries: float = 20.0       # most retries, in percent of the requests that came
    method: str = "GET"
    once: bool = False          # each request reaches a server exactly once
    names: tuple = None         # servers that the name has at first, where gateways ask a name server
    alone: bool = False         # without peers, and without a network of its own
    upgrades: bool = False      # with those alone whose program can be replaced
    config: tuple = (None, {})  # the template of Sluice's configuration, where it is another, and values for it
    check: object = None        # function of the world and the requests of Sluice: what was not kept, in words
    plan: Plan = field(default_factory=Plan)


def _on(i, method, *args):
    return lambda world: getattr(world.servers[i], method)(*args)


def _tell(i, line):
    return lambda world: world.servers[i].tell(line)


def _all(line):
    return lambda world: [server.tell(line) for server in world.servers]


def _net(i, method, *args):
    return lambda world: getattr(world.network, method)(i, *args)


def _way(i, by_path, by_netem):
    """A fault of the way to a server: by the kernel where it can, else by the path."""
    def act(world):
        if world.servers[i].path:
            world.servers[i].path.tell(by_path)
        else:
            world.network.netem(i, by_netem)
    return act


def _back(at, i=1):
    return (at, _tell(i, "answer"))


def _restarts():
    steps = []
    for i in range(3):
        steps += [(float(i), _on(i, "kill")), (i + 0.5, _on(i, "start"))]
    return tuple(steps)


def _flaps():
    steps = []
    for n in range(5):
        steps += [(0.6 * n, _on(1, "kill")), (0.6 * n + 0.3, _on(1, "start"))]
    return tuple(steps)


def _dark(world):
    world.network.link(1, False)
    world.servers[1].vanish()


def _light(world):
    world.servers[1].start()
    world.network.link(1, True)


FAULTS = {row.name: row for row in (
    Row("stopped", "a server is stopped (SIGSTOP): its kernel takes connections and requests", ((0, _on(1, "stop")), (3, _on(1, "go_on")))),
    Row("killed", "a server is killed", ((0, _on(1, "kill")), (3, _on(1, "start")))),
    Row("restarts", "each server in turn is killed and back after 0.5 s", _restarts()),
    Row("half-open", "a link is dead, the host behind it reboots: old connections lead nowhere, later they are reset",
        ((0, _dark), (3, _light)), needs=("netns",)),
    Row("partition", "what a server sends is lost", ((0, _net(1, "blackhole", True)), (3, _net(1, "blackhole", False))), needs=("netns",)),
    Row("no-route", "there is no route to a server", ((0, _net(1, "unreachable", True)), (3, _net(1, "unreachable", False))), needs=("netns",)),
    Row("delay", "200 ms more for each round trip to a server", ((0, _way(1, "delay 100", "delay 200ms")), (3, _way(1, "pass", None))), paths=True),
    Row("loss", "20 % of what goes to and from a server is lost, and sent again", ((0, _way(1, "loss 20", "loss 20%")), (3, _way(1, "pass", None))),
        paths=True),
    Row("stall", "connections to a server open, and nothing passes", ((0, _way(1, "stall", "loss 100%")), (3, _way(1, "pass", None))), paths=True),
    Row("status", "a server answers 503, to checks as well", ((0, _tell(1, "status 503 100")), _back(3))),
    Row("status-unseen", "a server answers 503, its checks are well", ((0, _tell(1, "status 503 100")), _back(3)),
        before=_tell(1, "health ok")),
    Row("slow-unseen", "a server takes 200 ms for each answer, its checks are well", ((0, _tell(1, "delay 200")), _back(3)),
        before=_tell(1, "health ok")),
    Row("resets", "a server resets each connection once it has a request", ((0, _tell(1, "reset")), _back(3))),
    Row("closes", "a server closes each connection in place of an answer", ((0, _tell(1, "close")), _back(3))),
    Row("cut", "a server closes each connection in the midst of a head", ((0, _tell(1, "cut")), _back(3))),
    Row("hangs", "a server takes requests and never answers", ((0, _tell(1, "hang")), _back(3))),
    Row("flapping", "a server is killed and started each 0.3 s", _flaps()),
    Row("slow-start", "a server that was away is back, and takes 300 ms for each answer in its first 2 s",
        ((0, _on(1, "start", 2000, 300)),), before=_on(1, "kill")),
    Row("names", "the name server replaces a server by another, which is stopped 2 s later",
        ((0, lambda world: world.names.change((1, 2))), (2, _on(0, "kill"))), needs=("netns", "dnsmasq"), names=(0, 1)),
    Row("storm", "every server fails half of all requests with 503", ((0, _all("status 503 50")), (3, _all("answer"))), errors=None,
        unrest=3.0),
    Row("blackout", "every server takes requests and never answers", ((0, _all("hang")), (3, _all("answer"))), errors=None, unrest=3.0,
        longest_ms=2600),
    Row("posts", "a server closes each connection in place of an answer; requests are POST, which nobody may send again",
        ((0, _tell(1, "close")), _back(3)), before=_tell(1, "health ok"), errors=None, unrest=3.0, retries=0.0, method="POST", once=True),
)}
