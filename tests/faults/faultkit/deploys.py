"""Deployments under load: what operators do to Sluice and its servers while requests come, of which not one may fail."""
import signal
import time
from collections import Counter

from .gateways import SLUICE
from .rows import Plan, Row

DEPLOY = "deploy.yaml"
PLAN = Plan(warm=0.5, normal=1.0, fault=4.0, after=1.5)
# The server that answers is the old one's until the command returns: requests that came before that are on their way.
UNDER_WAY = 0.1
BLUE, GREEN = {"s0"}, {"s1", "s2"}


def between(world, requests, n):
    """The requests that came after step n had ended, and before the next one began."""
    begin = world.done[n][1] + UNDER_WAY
    end = world.done[n + 1][0] - UNDER_WAY if n + 1 < len(world.done) else float("inf")
    return [r for r in requests if begin <= r.due < end]


def _of(world):
    return world.gateways[SLUICE]


def _reload(**values):
    return lambda world: [gateway.reload(**values) for gateway in world.gateways.values()]


# ---- blue/green: the route gets another upstream by a reload ----

def _served_by(expected):
    """After each step, only these servers answer."""
    def check(world, requests):
        for n, servers in enumerate(expected):
            found = {r.server for r in between(world, requests, n)}
            if not found or not found <= servers:
                yield f"after step {n + 1}, {', '.join(sorted(found)) or 'nobody'} answered, and not {', '.join(sorted(servers))}"
    return check


BLUE_GREEN = Row("blue-green", "a reload gives the route another upstream, a second one the first again",
                 ((0, _reload(upstream="green")), (2, _reload(upstream="blue"))),
                 plan=PLAN, unrest=0.0, unrest_after=0.0, config=(DEPLOY, {"upstream": "blue", "canary": 0}),
                 check=_served_by((GREEN, BLUE)))


# ---- canary: the shares of two upstreams change ----

def _shares(expected):
    def check(world, requests):
        for n, share in enumerate(expected):
            found = Counter(r.server in GREEN for r in between(world, requests, n))
            percent = 100 * found[True] / max(1, found.total())
            if abs(percent - share) > 3 + share * (100 - share) / 250:     # some four standard deviations of 300 requests
                yield f"the canary got {percent:.1f} % of the requests, not {share} %"
    return check


CANARY = Row("canary", "a split gives a new version 5 %, 50 % and all requests",
             ((0, _reload(canary=5)), (1.3, _reload(canary=50)), (2.6, _reload(canary=0, upstream="green"))),
             alone=True, plan=PLAN, unrest=0.0, unrest_after=0.0, config=(DEPLOY, {"upstream": "blue", "canary": 0}), check=_shares((5, 50, 100)))


# ---- one server after the other is drained, replaced and taken back ----

def _replace(i):
    """Its requests end, and no more come; then it does, and a new one takes its place."""
    def act(world):
        server = world.servers[i]
        _of(world).command("server", "drain", "green", server.address)
        time.sleep(UNDER_WAY)
        had = server.requests()
        time.sleep(4 * UNDER_WAY)
        if server.requests() != had:
            raise RuntimeError(f"{server.address} is drained, and gets requests")
        server.kill()
        server.start()
        _of(world).command("server", "enable", "green", server.address)
    return act


def _both_serve(world, requests):
    for n in range(2):
        missing = GREEN - {r.server for r in between(world, requests, n)}
        if missing:
            yield f"after step {n + 1}, {', '.join(missing)} got no request"


DRAINED = Row("drained", "each server of an upstream is drained, killed, started and taken back", ((0, _replace(1)), (2, _replace(2))),
              alone=True, plan=PLAN, unrest=0.0, unrest_after=0.0, config=(DEPLOY, {"upstream": "green", "canary": 0}), check=_both_serve)


# ---- the process itself is replaced ----

def _upgrade(world):
    for gateway in world.gateways.values():
        gateway.kind.upgrade(gateway)


def _again(world):
    """What systemd does to restart a service, with a socket unit: the end, then the start; connections wait in between."""
    gateway = _of(world)
    gateway.process.signal(signal.SIGTERM)
    gateway.process.proc.wait(15)
    gateway.start()


def _restart(name, title, step, unrest, alone=False, **values):
    return Row(name, title, ((0, step), (2, step)), alone=alone, upgrades=not alone, plan=PLAN, unrest=unrest, unrest_after=0.25,
               config=(DEPLOY, {"upstream": "green", "canary": 0, **values}))


DEPLOYS = {row.name: row for row in (
    BLUE_GREEN, CANARY, DRAINED,
    _restart("upgrade", "the program as it is now takes over from the process (USR2), twice", _upgrade, 0.25),
    _restart("activated", "the process ends and is started anew with the socket that systemd holds; twice", _again, 2.0, alone=True, activated=True),
)}
