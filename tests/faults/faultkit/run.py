"""One row: the world, the gateways in it, the loads, and the fault at its time, for all gateways at once."""
import shutil
import time

from . import gateways, judge, network
from .world import World, sleep_until

LOAD_ENDS = 8.0     # seconds that a load may take after its last request has left


def missing(row, can, chosen):
    """Why a row cannot be run here, or None."""
    if "netns" in row.needs and can["netns"]:
        return f"no network namespaces: {can['netns']}"
    if "dnsmasq" in row.needs and not shutil.which("dnsmasq"):
        return "dnsmasq is not installed"
    return None


def way(row, can, net):
    """By what means the fault comes about."""
    if row.paths:
        return "path" if can["netem"] or net.kind != "namespaces" else "netem"
    return net.kind


def _loads(world, running, row, start, folder):
    return [(g, folder / f"{g.kind.name}.requests",
             world.load(g.port, g.kind.name, row, int(start * 1e9), folder / f"{g.kind.name}.requests")) for g in running]


def _act(row, world, start):
    began = start + row.plan.warm + row.plan.normal
    for at, step in sorted(row.steps, key=lambda s: s[0]):
        sleep_until(began + at)
        begun = time.monotonic()
        step(world)
        world.done.append((begun, time.monotonic()))


def _outcome(gateway, path, reached, row, start):
    requests = list(judge.read(path))
    found = judge.judge(requests, row.plan, start)
    retries = gateway.retries(max(0, reached - len(requests)))
    found["retries"] = round(100 * retries / len(requests), 1) if retries is not None and requests else None
    found["reached"], found["sent"] = reached, len(requests)
    if row.check and gateway.kind.name == gateways.SLUICE:
        found["unkept"] = list(row.check(gateway.world, requests))
    return found


def run_row(row, chosen, can, programs, folder):
    """{"name", "title", "way", "gateways": {name: what came of it}}"""
    shutil.rmtree(folder, ignore_errors=True)
    net = network.Loopback(3) if can["netns"] or row.alone else network.Namespaces(3)
    chosen = [kind for kind in chosen if kind.name == gateways.SLUICE or not (row.alone or (row.upgrades and not kind.upgrade))]
    how, world, running = way(row, can, net), None, []
    try:
        world = World(net, programs, folder, paths=how == "path", names=row.names)
        if row.before:
            row.before(world)
        running = gateways.start_all(chosen, row, world, folder)
        world.gateways = {g.kind.name: g for g in running}
        start = time.monotonic() + 0.3
        loads = _loads(world, running, row, start, folder)
        _act(row, world, start)
        for _, _, load in loads:
            load.proc.wait(start + row.plan.seconds + LOAD_ENDS - time.monotonic())
        counts = world.counts()
        return {"name": row.name, "title": row.title, "way": how,
                "gateways": {g.kind.name: _outcome(g, path, counts.get(g.kind.name, 0), row, start) for g, path, _ in loads}}
    finally:
        for gateway in running:
            gateway.close()
        if world:
            world.close()
        net.close()
