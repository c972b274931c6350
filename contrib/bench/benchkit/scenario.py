"""Kinds of scenarios. The scenarios themselves stand in ../scenarios, one family a file."""
import dataclasses
import importlib.util
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import drive, machine, process
from .peers import Unsupported

FOLDER = Path(__file__).resolve().parent.parent / "scenarios"

CPU = "us of CPU per request"
PROBE_SECONDS = 0.3
H2_CIPHERS = ("--tls13-ciphers=TLS_AES_128_GCM_SHA256", "--ciphers=ECDHE-ECDSA-AES128-GCM-SHA256", "--groups=X25519")


@dataclass
class Scenario:
    name: str
    title: str
    needs: frozenset = frozenset(["plain"])
    settings: dict = field(default_factory=dict)            # for the peers' templates
    variants: dict = field(default_factory=lambda: {"": {}})    # measured side by side: label -> further settings
    origin: str = "h1"                                      # which server stands behind
    only: frozenset = None                                  # peers, when not all that can
    unit: str = CPU
    what: str = "requests"                                  # what `requests` of a result counts
    fresh_process: bool = False                             # each sample starts the peer anew
    rounds_most: int = 0                                    # where more rounds tell nothing more
    compare_with: str = ""                                  # a variant that the others of the same peer are compared with

    def for_floor(self):
        """What the floor does in this scenario, or None: the same bytes over plain HTTP/1.1."""
        return self

    def takes_part(self, peer):
        return (self.only is None or (peer.kind or peer.name) in self.only) and self.needs <= peer.can

    def rounds(self, rounds):
        return min(rounds, self.rounds_most or rounds)

    def sample_seconds(self, seconds):
        """About how long a sample takes."""
        return seconds + 0.2

    def prepare(self, bench):
        """Called once, before peers start."""

    def calibrate(self, bench, participants):
        """Called once all peers were probed; may set what samples share, or mark participants as unsupported."""

    def probe(self, bench, running):
        """Unsupported when the peer does not do the work."""
        result = self.load(bench, running, PROBE_SECONDS, 0)
        if drive.failures(result) or not result["requests"]:
            bad = ", ".join(f"{n} {k}" for k, n in result["failed"].items() if n)
            raise Unsupported(f"a probe failed: {bad or 'no answer'}")

    def sample(self, bench, running, turn):
        return self.cpu_sample(self.load(bench, running, bench.seconds, turn))

    def cpu_sample(self, result):
        n = max(result["requests"], 1)
        latency = result.get("latency_us", {})
        return {
            "value": result["cpu_seconds"] / n * 1e6,
            "requests": result["requests"],
            "rate": result["requests"] / result["seconds"] if result["seconds"] else 0.0,
            "busy": result["cpu_seconds"] / result["seconds"] if result["seconds"] else 0.0,
            "failed": drive.failures(result), "failures": {k: n for k, n in result["failed"].items() if n},
            "p50": latency.get("p50"), "p99": latency.get("p99"),
            "tls": result.get("tls", ""),
            **({"foreign": result["foreign"]} if "foreign" in result else {}),
            **({"resumed": result["resumed"], "connections": result["connections"]} if "resumed" in result else {}),
        }

    def load(self, bench, running, seconds, turn):
        raise NotImplementedError


def _url(running, target):
    return f"{'https' if running.values['tls'] else 'http'}://127.0.0.1:{running.port}{target}"


@dataclass
class Requests(Scenario):
    """HTTP/1.1 requests by `load`."""
    target: str = "/1024"
    connections: int = 64
    options: tuple = ()          # further options of load
    tokens: str = ""             # "warm": 256 that come again, "cold": never the same twice
    kind: str = "RS256"          # of the tokens, see material.py; "proofs": one token, and each time another proof of its key
    count: int = 0               # requests of a sample, instead of its time
    paths: int = 0               # so many different ones, in turn, instead of the target

    COLD_PROBE = 200

    def for_floor(self):
        # A list of tokens or targets is as good for the floor; TLS is what it does not do.
        options = tuple(o for o in self.options if o not in ("--tls12", "--resume"))
        return dataclasses.replace(self, settings={}, options=options)

    def prepare(self, bench):
        # One probe and one sample for each round; each peer sees every token once.
        most = self.COLD_PROBE + self.count * bench.rounds
        if self.kind == "proofs":
            self.token_file = bench.material.proofs(most, f"https://bench.example{self.target}")
        elif self.tokens == "warm":
            self.token_file = bench.material.warm_tokens(256, self.kind)
        elif self.tokens == "cold":
            self.token_file = bench.material.tokens(most, self.kind)

    def load(self, bench, running, seconds, turn, options=(), at_end=None):
        argv = [bench.programs["load"], "--connections", self.connections, *self.options, *options]
        probe = seconds <= PROBE_SECONDS
        if self.tokens == "cold":
            argv += ["--heads" if self.kind == "proofs" else "--tokens", self.token_file,
                     "--skip", 0 if probe else self.COLD_PROBE + turn * self.count,
                     "--requests", self.COLD_PROBE if probe else self.count]
        elif self.tokens:
            argv += ["--tokens", self.token_file]
        if running.values["routes"] or self.paths:
            argv += ["--targets", bench.material.targets(running.values["routes"] or self.paths)]
        if self.tokens != "cold":
            argv += ["--requests", self.count] if self.count and not probe else ["--seconds", seconds]
        return drive.measured([*argv, _url(running, self.target)], seconds, running, bench.load_cpu, bench.log("load"), at_end)


@dataclass
class Spread(Requests):
    """Requests for several workers: what one costs, and how evenly work and connections are spread over the workers."""
    compare_with: str = "1 worker"

    def sample(self, bench, running, turn):
        held = []
        result = self.load(bench, running, bench.seconds, turn,
                           at_end=lambda _: held.extend(running.peer.held(running) if running.peer.held else ()))
        threads = [round(s, 6) for s in result["threads"] if s > 0]
        return {**self.cpu_sample(result), "threads": threads, "held": held, "busiest": share_of_first(threads),
                "fullest": share_of_first(sorted(held, reverse=True))}


def share_of_first(counts):
    return counts[0] / sum(counts) if counts and sum(counts) else None


@dataclass
class Remembered(Requests):
    """Memory of so many tokens, each of which came once and is remembered. The process has had other requests before."""
    unit: str = "bytes for a token"
    what: str = "tokens"
    tokens: str = "cold"
    kind: str = "ES256"
    count: int = 100000
    first: int = 2000
    fresh_process: bool = True
    rounds_most: int = 3

    def for_floor(self):
        return None

    def sample_seconds(self, seconds):
        return self.count / 8000

    def prepare(self, bench):
        self.token_file = bench.material.tokens(self.first + self.count, self.kind)

    def probe(self, bench, running):
        self._send(bench, running, 0, 200)

    def _send(self, bench, running, skip, count):
        argv = [bench.programs["load"], "--connections", self.connections, "--tokens", self.token_file, "--skip", skip, "--requests", count,
                _url(running, self.target)]
        result = drive.measured(argv, count / 200, running, bench.load_cpu, bench.log("load"))
        if drive.failures(result) or result["requests"] != count:
            raise drive.LoadFailed(f"{result['requests']} of {count} tokens were accepted")
        return result

    def sample(self, bench, running, turn):
        self._send(bench, running, 0, self.first)
        before = running.process.pss_kib()
        result = self._send(bench, running, self.first, self.count)
        time.sleep(0.3)
        after = running.process.pss_kib()
        return {**self.cpu_sample(result), "value": (after - before) * 1024 / self.count, "before_kib": before, "after_kib": after}


@dataclass
class Logins(Scenario):
    """Browsers that log in, again and again, by `login`."""
    unit: str = "us of CPU per login"
    what: str = "logins"
    target: str = "/1024"
    connections: int = 16

    def for_floor(self):
        return None

    def load(self, bench, running, seconds, turn):
        argv = [bench.programs["login"], self.connections, seconds, _url(running, self.target)]
        return drive.measured(argv, seconds, running, bench.load_cpu, bench.log("load"))


@dataclass
class WithSession(Requests):
    """Requests of one browser that has logged in before they begin."""

    def load(self, bench, running, seconds, turn, options=(), at_end=None):
        cookie = running.folder / "session"
        if running.peer.name != "floor" and not cookie.exists():
            said = subprocess.run([bench.programs["login"], "cookie", _url(running, self.target)], capture_output=True, text=True, timeout=30)
            if said.returncode:
                raise drive.LoadFailed(said.stderr.strip())
            cookie.write_text(said.stdout)
        options = (*options, "--heads", cookie) if cookie.exists() else options
        return super().load(bench, running, seconds, turn, options, at_end)


@dataclass
class H2(Scenario):
    """HTTP/2 requests over TLS by h2load; the floor's share is plain HTTP/1.1 with the same body."""
    target: str = "/1024"
    connections: int = 8
    streams: int = 32
    options: tuple = ()
    body: bytes = b""
    messages: int = 1            # that one request moves: what a result is divided by

    def for_floor(self):
        return Requests(self.name, self.title, target="/1024") if self.messages == 1 and not self.body else None

    def load(self, bench, running, seconds, turn):
        argv = ["-t1", f"-c{self.connections}", f"-m{self.streams}", f"-D{max(1, round(seconds))}",
                *H2_CIPHERS, *self.options]
        if self.body:
            path = bench.folder / "body"
            path.write_bytes(self.body)
            argv += ["-d", path]
        result = drive.h2load([*argv, _url(running, self.target)], seconds, running, bench.load_cpu, bench.log("load"))
        if result["application"] not in ("h2", "h2c"):
            raise Unsupported(f"speaks {result['application'] or 'no HTTP/2'}")
        result["requests"] *= self.messages
        return result


@dataclass
class Messages(Scenario):
    """WebSocket messages, there and back."""
    connections: int = 64
    size: int = 128
    what: str = "messages"

    def load(self, bench, running, seconds, turn):
        argv = [bench.programs["websocket"], "load", self.connections, seconds, self.size, f"127.0.0.1:{running.port}/ws"]
        return drive.measured(argv, seconds, running, bench.load_cpu, bench.log("load"))


@dataclass
class Idle(Scenario):
    """Memory of kept connections, each of which has had one answer."""
    connections: int = 5000
    at_once: int = 16
    unit: str = "KiB for a connection"
    fresh_process: bool = True
    rounds_most: int = 3

    def for_floor(self):
        return None

    def sample_seconds(self, seconds):
        return 5.0 if self.settings.get("tls") else 2.0

    def probe(self, bench, running):
        self._hold(bench, running, 16)

    def _hold(self, bench, running, connections):
        """(KiB before, KiB with the connections, what load said)"""
        before = running.process.pss_kib()
        load = drive.Gated([bench.programs["load"], "--connections", connections, "--requests", connections, "--in-flight",
                            self.at_once, _url(running, "/1024")], bench.load_cpu, bench.log("load"))
        try:
            load.go()
            result = load.result(60)
            if drive.failures(result) or result["connections"] != connections:
                raise Unsupported(f"{drive.failures(result)} of {connections} connections failed")
            time.sleep(0.3)
            return before, running.process.pss_kib(), result
        finally:
            load.stop()

    def sample(self, bench, running, turn):
        self._hold(bench, running, 16)      # what the first connections need, and the pool behind
        before, after, result = self._hold(bench, running, self.connections)
        return {"value": (after - before) / self.connections, "before_kib": before, "after_kib": after,
                "requests": result["requests"], "failed": drive.failures(result), "tls": result["tls"]}


@dataclass
class IdleH2(Idle):
    """
    The same over HTTP/2, by h2load: the second of two requests for each connection is a long way off. h2load does not say when the
    first ones are answered; they are once all connections stand and the proxy has nothing more to do.
    """
    a_second: int = 500
    QUIET, PATIENCE = 0.5, 60.0

    def sample_seconds(self, seconds):
        return self.connections / self.a_second + 4.0

    def _hold(self, bench, running, connections):
        before = running.process.pss_kib()
        argv = ["h2load", "-t1", f"-c{connections}", f"-n{2 * connections}", "-m1", f"-r{min(connections, self.a_second)}",
                "--rps=0.005", *H2_CIPHERS, _url(running, "/1024")]
        log = bench.log("load")
        log.unlink(missing_ok=True)
        load = process.Process(argv, cpu=bench.load_cpu, log=log)
        try:
            self._wait(running, load, connections)
            return before, running.process.pss_kib(), {"requests": connections, "failed": {}, "tls": ""}
        finally:
            load.stop()

    def _wait(self, running, load, connections):
        end, quiet_since, spent = time.monotonic() + self.PATIENCE, time.monotonic(), -1.0
        while time.monotonic() < end:
            time.sleep(0.1)
            now, cpu = time.monotonic(), running.process.cpu_seconds()
            standing = len(machine.established(running.port))
            if cpu > spent + 0.01 or standing < connections:
                quiet_since, spent = now, cpu
            elif now > quiet_since + self.QUIET:
                return
            if not load.running():
                raise Unsupported(f"h2load ended: {load.log_tail(200).strip()}")
        raise Unsupported(f"{standing} of {connections} connections stood at last")


@dataclass
class Latency(Requests):
    """Times of requests that leave at a fixed rate: half of what the slowest can that reaches half of the fastest."""
    unit: str = "us at the 99th percentile"
    rate: float = 0.0

    def sample_seconds(self, seconds):
        return seconds + 0.4

    def calibrate(self, bench, participants):
        capacity = dict.fromkeys(participants, 0.0)
        for p in participants * 2:      # the better of two, not next to each other
            if p.refused:
                continue
            try:
                result = self.load(bench, p.running, max(0.5, bench.seconds / 3), 0)
                capacity[p] = max(capacity[p], result["requests"] / result["seconds"])
            except (drive.LoadFailed, OSError) as e:
                p.fail(e)
        participants = [p for p in participants if not p.refused]
        proxies = [capacity[p] for p in participants if p.peer.name != "floor"] or [capacity[p] for p in participants]
        usable = [c for c in proxies if c and c >= max(proxies) / 2]
        if not usable:
            raise drive.LoadFailed("nobody answered")
        for p in participants:
            p.scenario.rate = self.rate = min(usable) / 2
            p.facts["capacity"] = capacity[p]
            if capacity[p] < min(usable):
                p.reject(f"does at most {capacity[p]:.0f} requests a second, half of the fastest or less")
        bench.say(f"  {self.rate:.0f} requests a second")

    def sample(self, bench, running, turn):
        result = self.load(bench, running, bench.seconds, turn, ("--rate", f"{self.rate:.1f}"))
        latency = result["latency_us"]
        sample = self.cpu_sample(result)
        sample.update(value=latency["p99"], p50=latency["p50"], p99=latency["p99"], p999=latency["p999"], asked=self.rate)
        return sample


@dataclass
class Neighbour(Latency):
    """Times of small requests at a modest rate, while another connection of the same worker has all it can get."""
    only: frozenset = frozenset(["sluice", "nginx", "haproxy", "h2o"])
    rate: float = 2000.0
    compare_with: str = "alone"
    disturbed_by: str = "/1073741824"     # what is downloaded

    def for_floor(self):
        return None

    def sample_seconds(self, seconds):
        return seconds + 1.5

    def calibrate(self, bench, participants):
        pass

    def _neighbour(self, bench, running):
        kind, log = running.values["neighbour"], bench.log("neighbour")
        if kind == "download":
            return drive.Downloader(bench.programs["load"], _url(running, self.disturbed_by), bench.seconds, bench.load_cpu, log)
        if kind == "still":
            return drive.StillReaders(running.port, self.disturbed_by, bench.seconds)
        return drive.Pipeliner("h2load", _url(running, self.target), bench.seconds, bench.load_cpu, log) if kind else None

    def sample(self, bench, running, turn):
        other = self._neighbour(bench, running)
        try:
            sample = super().sample(bench, running, turn)
        finally:
            got = other.stop() if other else None
        if other and got is None:
            raise drive.LoadFailed("its neighbour got nothing to the end")
        return {**sample, "neighbour": got, "neighbour_unit": other.unit} if other else sample


@dataclass
class Reload(Requests):
    """Requests while the configuration is loaded again and again."""
    unit: str = "requests that failed"
    every: float = 0.1

    def for_floor(self):
        return None

    def sample(self, bench, running, turn):
        argv = [bench.programs["load"], "--connections", self.connections, *self.options, "--seconds", bench.seconds,
                _url(running, self.target)]
        load = drive.Gated(argv, bench.load_cpu, bench.log("load"))
        try:
            load.go()
            end, reloads, trouble = time.monotonic() + bench.seconds, 0, 0
            while time.monotonic() < end:
                due = time.monotonic() + self.every
                try:
                    running.reload()
                    reloads += 1
                except OSError:
                    trouble += 1
                time.sleep(max(0.0, due - time.monotonic()))
            result = load.result(bench.seconds)
        finally:
            load.stop()
        raced = result["failed"]["raced"]
        return {"value": float(drive.failures(result) - raced), "failed": drive.failures(result) - raced, "raced": raced,
                "requests": result["requests"], "rate": result["requests"] / result["seconds"], "reloads": reloads,
                "reloads_refused": trouble, "p99": result["latency_us"]["p99"], "p50": result["latency_us"]["p50"]}


def load_all(folder=FOLDER):
    """Every scenario of the folder, in the order of the file names and of the lists in them."""
    found = []
    for path in sorted(folder.glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"scenarios.{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found += module.SCENARIOS
    names = [s.name for s in found]
    assert len(names) == len(set(names)), "two scenarios have one name"
    return found
