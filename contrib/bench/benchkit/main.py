"""The command: what is asked for, the servers behind, and the rounds."""
import argparse
import dataclasses
import fnmatch
import os
import re
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

from . import chart, drive, machine, material, peers, process, programs, report, scenario

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent.parent
SERVERS_MOST, BEHIND = 1000, 900     # servers, and how far their ports are from the proxies'
TOOLS = "gcc libc6-dev libssl-dev libnghttp2-dev openssl nghttp2-client redis-server python3-cryptography"
DEFAULTS = {
    "tls": False, "h2": False, "h2c": False, "websocket": False, "jwt": False, "dpop": False, "limit": "", "routes": 0, "reload": False,
    "server_count": 1, "workers": 1, "status": False, "neighbour": "", "plugin": "", "script": False, "cache": False, "answer": 0,
    "alg": "RS256",     # of tokens
    "remembered": 0,    # tokens; without: as many as is usual
    "opaque": False,    # the authority is asked about tokens
    "oidc": False,
    "way": "",      # how one of the servers is chosen, by its name in sluice; without: in turn
    "balance": "",
    "goes": "",
}


def server_addresses(port, count):
    """Where origin listens: see origin.c."""
    return [f"127.0.0.1:{port}"] + [f"127.1.{i // 250}.{i % 250 + 1}:{port}" for i in range(count - 1)]


class Participant:
    """A peer in one scenario, with one variant of its settings."""

    def __init__(self, peer, variant, what, settings):
        self.peer, self.variant, self.scenario, self.settings = peer, variant, what, settings
        self.running, self.samples, self.refused, self.failed, self.facts = None, [], None, False, {}

    def reject(self, why):
        """It does not do this."""
        self.refused = str(why)
        self.stop()

    def fail(self, why):
        """It was to do it, and something went wrong."""
        died = self.running and not self.running.process.running()
        said = self.running.process.log_tail(200).strip() if died else ""
        self.failed = True
        self.reject(f"FAILED: {why}" + (f"; it ended{': ' + said if said else ''}" if died else ""))

    def stop(self):
        if self.running:
            self.running.stop()
            self.running = None


class Bench:
    """What scenarios need to know, and the servers behind the peers."""

    def __init__(self, options):
        self.folder = Path(options.out).resolve()
        self.work = self.folder / "work"
        self.rounds, self.seconds = options.rounds, options.secs
        self.proxy_cpu, self.load_cpu = options.cpus
        self.gateway, self.plugin_dirs = options.gateway, options.plugin_dir
        self.programs = programs.build(self.folder / "bin")
        self.material = material.Material(self.folder / "keys", self.programs["mint"])
        self.first_port, self.ports, self.behind = options.ports, {}, {}
        self.work.mkdir(parents=True, exist_ok=True)

    def say(self, text):
        try:
            print(text, flush=True)
        except OSError:
            pass    # nobody reads any more; the files are written all the same

    def log(self, name):
        return self.work / f"{name}.log"

    def start_servers(self):
        self._server("h1", lambda port: [self.programs["origin"], port, SERVERS_MOST])
        self._server("h2c", lambda port: [self.programs["h2origin"], port])
        self._server("websocket", lambda port: [self.programs["websocket"], "serve", port])
        self._server("authority", lambda port: [self.programs["authority"], port, self.material.ec, self.material.jwks])
        self._server("redis", lambda port: ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly",
                                            "no", "--dir", self.work])

    def _server(self, name, command):
        port = peers.free_port(self.first_port + BEHIND)
        server = process.Process(command(port), cpu=self.load_cpu, log=self.log(name))
        self.behind[name] = server, command
        if not peers.wait_for_port(port, server):
            raise SystemExit(f"bench: {name} did not start: {server.log_tail()}")
        self.ports[name] = port

    def mend(self):
        """Starts a server again that has ended: the scenarios to come need it."""
        for name, (server, command) in list(self.behind.items()):
            if not server.running():
                self.say(f"bench: {name} had ended: {server.log_tail(200).strip()}")
                server.stop()
                self._server(name, command)

    def values(self, what, settings, port):
        """What the templates know."""
        own = {**DEFAULTS, **settings}
        m = self.material
        own.update(
            port=port, admin_port=peers.free_port(port + 1), redis_port=self.ports["redis"],
            servers=server_addresses(self.ports[what.origin], own["server_count"]),
            certificate=m.certificate, key=m.key, both=m.both, jwks=m.jwks, rsa_public=m.rsa_public, ec_public=m.ec_public,
            authority=self.ports["authority"], issuer=material.ISSUER,
            audience=material.AUDIENCE, programs=self.programs, gateway=self.gateway, root=os.geteuid() == 0,
            plugin_dirs=[a for d in self.plugin_dirs for a in ("--plugin-dir", d)])
        return own

    def start(self, p):
        port = peers.free_port(self.first_port)
        folder = self.work / re.sub(r"\W+", "-", f"{p.peer.name} {p.variant}").strip("-")
        values = self.values(p.scenario, p.settings, port)
        p.running = peers.start(p.peer, folder, values, self.proxy_cpu if values["workers"] == 1 else {self.proxy_cpu, self.load_cpu})

    def stop(self):
        for server, _ in self.behind.values():
            server.stop()


# ---- one scenario ---------------------------------------------------------------------------------------------------

def participants_of(what, chosen):
    found = []
    for peer in chosen:
        if peer.name == "floor":
            own = what.for_floor()
            if own and (what.only is None or "floor" in what.only):
                found.append(Participant(peer, "", own, {**own.settings}))
        elif what.takes_part(peer):
            found += [Participant(peer, label, dataclasses.replace(what), {**what.settings, **more})
                      for label, more in what.variants.items()]
    return found


def guarded(p, action):
    """action(), or the participant is out: whatever goes wrong with one ends its row and not the run."""
    try:
        return action()
    except peers.Unsupported as e:
        p.reject(e)
    except drive.LoadFailed as e:
        p.fail(e)
    except Exception as e:      # a peer that talks nonsense, a full disk, a mistake of ours
        p.fail(f"{type(e).__name__}: {e}"[:300])
        traceback.print_exc()
    return None


def sampled(bench, p, turn):
    """One sample; the peer started anew for it where the scenario says so."""
    try:
        if p.scenario.fresh_process:
            p.stop()
            bench.start(p)
        sample = p.scenario.sample(bench, p.running, turn)
        if not p.running.process.running():
            raise drive.LoadFailed("the proxy ended")
        return sample
    finally:
        if p.scenario.fresh_process:
            p.stop()


def run_scenario(bench, what, chosen):
    participants, begun = participants_of(what, chosen), time.monotonic()
    bench.say(f"\n{what.name}: {what.title}")
    bench.mend()
    try:
        for p in participants:
            guarded(p, lambda: p.scenario.prepare(bench))
            if not p.refused:
                guarded(p, lambda: bench.start(p))
        for p in participants:
            if p.running:
                guarded(p, lambda: p.scenario.probe(bench, p.running))
            if p.scenario.fresh_process:
                p.stop()
        able = [p for p in participants if not p.refused]
        try:
            if able:
                what.calibrate(bench, able)
        except (drive.LoadFailed, OSError) as e:
            for p in able:
                p.fail(e)
        for turn in range(what.rounds(bench.rounds)):
            for p in [p for p in able if not p.refused]:
                sample = guarded(p, lambda: sampled(bench, p, turn))
                if sample:
                    p.samples.append(sample)
    finally:
        for p in participants:
            p.stop()
    record = {**report.scenario_record(what, participants), "took": round(time.monotonic() - begun, 1)}
    bench.say("\n".join(report.table(record)[1:]))
    return record


# ---- the whole -------------------------------------------------------------------------------------------------------

# What is measured first, so that it is there when the time is up.
FIRST = """plain tls body body-tls jwt jwt-cold full h2 h2-h2c handshake handshake-resumed idle idle-tls routes download reload grpc
           websocket""".split()
START_SECONDS = 0.8     # a peer started and probed
SECS_LEAST, SECS_MOST = 1.0, 3.0


def by_weight(scenarios):
    """Those that matter most first, the others as they come."""
    return sorted(scenarios, key=lambda s: FIRST.index(s.name) if s.name in FIRST else len(FIRST))


def estimate(what, chosen, rounds, secs):
    """Seconds that a scenario takes, roughly."""
    per_round = what.sample_seconds(secs) + (0.5 if what.fresh_process else 0)
    return len(participants_of(what, chosen)) * (START_SECONDS + what.rounds(rounds) * per_round)


def fitting_secs(scenarios, chosen, rounds, minutes):
    """The longest samples with which those that matter most are measured in the time, within reason."""
    weighty = [s for s in scenarios if s.name in FIRST] or scenarios
    secs = SECS_MOST
    while secs > SECS_LEAST and sum(estimate(s, chosen, rounds, secs) for s in weighty) > 60 * minutes:
        secs = round(secs - 0.1, 1)
    return secs


def select(names, patterns, kind):
    if not patterns:
        return list(names)
    chosen = []
    for pattern in patterns.split(","):
        hits = [n for n in names if fnmatch.fnmatch(n, pattern)]
        if not hits:
            raise SystemExit(f"bench: no {kind} {pattern}; there are: {', '.join(names)}")
        chosen += [n for n in hits if n not in chosen]
    return [n for n in names if n in chosen]


def install(chosen, skip):
    """Debian's packages of the tools and peers, by the functions of contrib/common.sh."""
    wanted = [TOOLS, *(" ".join(p.packages) for p in chosen)]
    for packages in wanted if not skip else ():
        done = subprocess.run(["sh", "-c", f'. "{HERE.parent}/common.sh"; need {packages}', str(HERE.parent / "bench")],
                              stdin=subprocess.DEVNULL) if packages else None
        if done and done.returncode and packages is TOOLS:
            raise SystemExit("bench: the tools are missing; see above")


def find_gateway(options):
    """The program that is measured: the one named, or one built here without debugging or sanitizers."""
    if options.gateway:
        options.gateway = str(Path(options.gateway).resolve())
        options.plugin_dir = [str(Path(d).resolve()) for d in options.plugin_dir]
        beside = Path(options.gateway).parent.parent.parent / "plugins" / "modules"
        if not options.plugin_dir and beside.is_dir():
            options.plugin_dir = [str(beside)]
        return
    folder = Path(options.out).resolve() / "gateway"
    print("building the gateway", flush=True)
    script = f'. "{HERE.parent}/common.sh"; need $build_packages; build "{folder}"'
    if options.no_install:
        script = script.replace("need $build_packages; ", "")
    if subprocess.run(["sh", "-c", script, str(HERE.parent / "bench")], stdin=subprocess.DEVNULL).returncode:
        raise SystemExit("bench: the gateway does not build")
    options.gateway, options.plugin_dir = str(folder / "gateway/app/sluice"), [str(folder / "plugins/modules")]


def parse(argv):
    a = argparse.ArgumentParser(prog="bench", description="Measures Sluice beside other proxies on this machine.")
    a.add_argument("--quick", action="store_true", help="2 rounds of 1 second: to see that it works, not to quote")
    a.add_argument("--only", metavar="PEERS", help="peers, separated by commas; * is a wildcard; floor and sluice are always there")
    a.add_argument("--scenario", metavar="NAMES", help="scenarios, separated by commas; * is a wildcard")
    a.add_argument("--rounds", type=int, help="interleaved rounds (5)")
    a.add_argument("--secs", type=float, help="seconds of a sample (3, or as the budget allows, but not below 1)")
    a.add_argument("--budget", type=float, default=90, metavar="MINUTES", help="time for all: shorter samples, the scenarios that matter most first, and none begun that would end later (90)")
    a.add_argument("--gateway", metavar="PROGRAM", help="the sluice to measure; left out, one is built")
    a.add_argument("--plugin-dir", action="append", default=[], metavar="DIR", help="where its plugins are")
    a.add_argument("--peer", action="append", default=[], metavar="NAME=PROGRAM", help="a build of this peer from source, which takes part beside the installed one as NAME-built; PEER_NGINX=PROGRAM in the environment says the same")
    a.add_argument("--out", default=str(ROOT / "build-bench"), metavar="DIR", help="results and work files (build-bench)")
    a.add_argument("--cpus", default="0,1", metavar="PROXY,LOAD", help="processors for the proxy, and for load and servers (0,1)")
    a.add_argument("--ports", type=int, default=18000, metavar="PORT", help="first of the ports to use (18000)")
    a.add_argument("--no-install", action="store_true", help="install nothing; peers that are missing are left out")
    a.add_argument("--require", action="store_true", help="fail when sluice does not support a scenario")
    a.add_argument("--list", action="store_true", help="list scenarios and peers, and end")
    o = a.parse_args(argv)
    o.rounds = o.rounds or (2 if o.quick else 5)
    o.secs = o.secs or (1.0 if o.quick else None)
    try:
        o.cpus = tuple(int(c) for c in o.cpus.split(","))
        ok = len(o.cpus) == 2 and o.cpus[0] != o.cpus[1] and set(o.cpus) <= set(machine.processors())
    except ValueError:
        ok = False
    if not ok:
        a.error(f"--cpus: two of the processors {', '.join(map(str, machine.processors()))}")
    try:
        o.peers = {**peers.PEERS, **peers.built_ones(o.peer, os.environ)}
    except ValueError as e:
        a.error(str(e))
    return o


def listing(scenarios, all_peers):
    for s in scenarios:
        who = ", ".join(p.name for p in all_peers.values() if s.takes_part(p) or (p.name == "floor" and s.for_floor()))
        print(f"{s.name:18} {s.title} ({s.unit})\n{'':18}   {who}")


def gateway_version(program):
    """What it says of itself, and the commit when it stands in a checkout."""
    said = re.search(r"\d+\.\d+[\w.]*", machine.output(program, "version") or "")
    commit = machine.output("git", "-C", str(ROOT), "describe", "--always", "--dirty")
    return (said[0] if said else "?") + (f" ({commit})" if commit and re.fullmatch(r"[\w.-]+", commit) else "")


def measure(bench, options, scenarios, chosen, missing):
    idle = machine.load()
    result = {"format": report.FORMAT, "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "machine": machine.facts(),
              "versions": {p.name: p.version_text() for p in chosen if p.name not in ("floor", "sluice")},
              "libraries": machine.libraries(), "load_before": idle,
              "options": {"rounds": options.rounds, "seconds": options.secs, "cpus": options.cpus, "quick": options.quick},
              "peers_missing": missing, "scenarios": [], "left_out": []}
    result["versions"] = {"sluice": gateway_version(options.gateway), **result["versions"]}
    end = time.monotonic() + 60 * options.budget
    expected = took = 0.0
    for what in scenarios:
        guess = estimate(what, chosen, options.rounds, options.secs)
        slower = max(1.0, took / expected) if expected else 1.0     # than was thought
        if time.monotonic() + guess * slower > end:
            result["left_out"].append(f"{what.name} (time is up)")
            continue
        result["scenarios"].append(run_scenario(bench, what, chosen))
        expected, took = expected + guess, took + result["scenarios"][-1]["took"]
        save(bench, result)
    return result


def save(bench, result):
    report.write_json(bench.folder / "result.json", result)
    (bench.folder / "result.txt").write_text(report.text(result))
    (bench.folder / "result.svg").write_text(chart.svg(result))


def on_signal(number, _):
    print(f"bench: stopped by signal {number}", file=sys.stderr)
    raise SystemExit(128 + number)


def main(argv=None):
    options = parse(argv)
    scenarios = {s.name: s for s in scenario.load_all()}
    names = select(scenarios, options.scenario, "scenario")
    if options.list:
        listing([scenarios[n] for n in names], options.peers)
        return 0
    # Whoever is named is compared with these two.
    wanted = {"floor", "sluice", *select(options.peers, options.only, "peer")}
    chosen = [p for name, p in options.peers.items() if name in wanted]
    install(chosen, options.no_install)
    missing = [p.name for p in chosen if p.packages and not p.installed()]
    chosen = [p for p in chosen if p.name not in missing]
    if missing:
        print(f"left out, not installed: {', '.join(missing)}", flush=True)
    find_gateway(options)
    process.guard()
    for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, on_signal)
    os.sched_setaffinity(0, {options.cpus[1]})
    wanted = by_weight([scenarios[n] for n in names])
    options.secs = options.secs or fitting_secs(wanted, chosen, options.rounds, options.budget)
    bench = Bench(options)
    try:
        bench.start_servers()
        result = measure(bench, options, wanted, chosen, missing)
    finally:
        bench.stop()
    print(f"\n{bench.folder}/result.txt, result.json, result.svg")
    bad = report.verdict(result, options.require)
    for line in bad:
        print(f"sluice: {line}", file=sys.stderr)
    return 1 if bad else 0
