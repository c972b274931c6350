"""Runs the programs that make load, and reads the processor time of the proxy at the moment when load begins and ends."""
import json
import math
import re
import select
import signal
import socket
import subprocess
import threading
import time

from . import machine
from .process import Process

SLACK = 40.0    # seconds that a load may take beyond its own time


class LoadFailed(Exception):
    pass


def _line(process, seconds):
    ready, _, _ = select.select([process.proc.stdout], [], [], seconds)
    line = process.proc.stdout.readline() if ready else ""
    if not line:
        raise LoadFailed("the load did not come to an end" if not ready else "the load failed: " + process.log_tail(300).strip())
    return line


class Meter:
    """
    What the proxy costs from here on, which of its threads it costs, and how much of its processor others take meanwhile: not
    told when it may use more than one, since the load has its place there.
    """

    def __init__(self, running):
        self.running, self.started = running, time.monotonic()
        self.threads = running.process.thread_seconds()
        self.cpu, self.busy = running.process.cpu_seconds(), self._busy()

    def _busy(self):
        cpu = self.running.process.cpu
        return machine.busy_seconds(cpu) if isinstance(cpu, int) else None

    def add_to(self, result):
        own = self.running.process.cpu_seconds() - self.cpu
        elapsed = time.monotonic() - self.started
        if not self.running.process.running():
            raise LoadFailed("the proxy ended")
        result["cpu_seconds"] = own
        if self.busy is not None:
            result["foreign"] = max(0.0, self._busy() - self.busy - own) / elapsed if elapsed > 0.5 else 0.0
        result["threads"] = sorted((s - self.threads.get(t, 0.0) for t, s in self.running.process.thread_seconds().items()),
                                   reverse=True)
        return result


class Gated:
    """A load that waits, once its connections are open, and again at its end, with all of them still open."""

    def __init__(self, argv, cpu, log):
        log.unlink(missing_ok=True)
        self.process = Process([*argv[:-1], "--gate", argv[-1]], cpu=cpu, log=log, pipe=True)
        try:
            _line(self.process, SLACK)
        except LoadFailed:
            self.process.stop()
            raise

    def go(self):
        try:
            self.process.proc.stdin.write("go\n")
            self.process.proc.stdin.flush()
        except OSError:
            raise LoadFailed("the load ended early: " + self.process.log_tail(300).strip()) from None

    def result(self, seconds):
        line = _line(self.process, seconds + SLACK)
        try:
            return json.loads(line)
        except ValueError:
            raise LoadFailed(f"the load said: {line.strip()[:200]}") from None

    def stop(self):
        self.process.stop()


def measured(argv, seconds, running, cpu, log, at_end=None):
    """The result of a gated load, with the processor time that `running` took for it. at_end(): while its connections are open."""
    load = Gated(argv, cpu, log)
    try:
        meter = Meter(running)
        load.go()
        result = meter.add_to(load.result(seconds))
        if at_end:
            at_end(result)
        return result
    finally:
        load.stop()


def parse_h2load(text):
    """What h2load said, in the words of our own programs."""
    done = re.search(r"^requests: \d+ total, \d+ started, (\d+) done, \d+ succeeded, (\d+) failed, (\d+) errored, (\d+) timeout",
                     text, re.M)
    finished = re.search(r"^finished in ([\d.]+)(us|ms|s),", text, re.M)
    good = re.search(r"^status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text, re.M)
    if not done or not finished or not good:
        raise LoadFailed("h2load: " + (text.strip().splitlines() or ["no word"])[-1][:200])
    protocol = re.search(r"^TLS Protocol: (\S+)", text, re.M)
    cipher = re.search(r"^Cipher: (\S+)", text, re.M)
    application = re.search(r"^Application protocol: (\S+)", text, re.M)
    status = sum(int(good[i]) for i in (2, 3, 4))
    return {
        "requests": int(good[1]),
        "seconds": float(finished[1]) * {"us": 1e-6, "ms": 1e-3, "s": 1.0}[finished[2]],
        "failed": {"broken": max(0, int(done[2]) - status), "status": status, "stuck": int(done[4])},
        "tls": f"{protocol[1]} {cipher[1]}" if protocol and cipher else "",
        "application": application[1] if application else "",
    }


def h2load(argv, seconds, running, cpu, log):
    """The same for h2load; opening its few connections is part of it."""
    log.unlink(missing_ok=True)
    process = Process(["h2load", *argv], cpu=cpu, log=log, pipe=True)
    try:
        meter = Meter(running)
        try:
            text, _ = process.proc.communicate(timeout=seconds + SLACK)
        except subprocess.TimeoutExpired:
            raise LoadFailed("h2load did not come to an end") from None
        return meter.add_to(parse_h2load(text))
    finally:
        process.stop()


POLITE = ("nice", "-n", "10")    # what disturbs must not take the processor from what measures


class Downloader:
    """One connection that asks for a body again and again until it is stopped."""
    unit = "MiB/s"

    def __init__(self, program, url, seconds, cpu, log):
        self.load = Gated([*POLITE, program, "--until-term", "--seconds", 3600, url], cpu, log)
        self.load.go()

    def stop(self):
        """What it got in a second, or None."""
        try:
            self.load.process.signal(signal.SIGTERM)
            result = self.load.result(0)
            return result["bytes"] / result["seconds"] / (1 << 20)
        except LoadFailed:
            return None
        finally:
            self.load.stop()


class Pipeliner:
    """One connection that always has many small requests under way."""
    unit = "requests/s"
    MANY = 64

    def __init__(self, program, url, seconds, cpu, log):
        self.seconds = math.ceil(seconds) + 1
        log.unlink(missing_ok=True)
        self.process = Process([*POLITE, program, "--h1", "-t1", "-c1", f"-m{self.MANY}", f"-D{self.seconds}", url], cpu=cpu,
                               log=log, pipe=True)
        try:
            _line(self.process, SLACK)
        except LoadFailed:
            self.process.stop()
            raise

    def stop(self):
        """What it got in a second, or None."""
        try:
            result = parse_h2load(self.process.proc.communicate(timeout=self.seconds + SLACK)[0])
            return result["requests"] / result["seconds"]
        except (LoadFailed, subprocess.TimeoutExpired):
            return None
        finally:
            self.process.stop()


class StillReaders:
    """Clients that begin one after another, ask for a long body and read nothing of it."""
    unit = "still readers"
    MANY = 50

    def __init__(self, port, target, seconds):
        self.request = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        self.port, self.sockets, self.ended = port, [], threading.Event()
        self.pause = 0.7 * seconds / self.MANY
        self.thread = threading.Thread(target=self._begin, daemon=True)
        self.thread.start()

    def _begin(self):
        try:
            while len(self.sockets) < self.MANY and not self.ended.wait(self.pause):
                s = socket.create_connection(("127.0.0.1", self.port), timeout=5)
                self.sockets.append(s)
                s.sendall(self.request)
        except OSError:
            pass        # stop() tells that they are too few

    def stop(self):
        """How many began, or None when these are less than nine of ten."""
        self.ended.set()
        self.thread.join(10)
        began = len(self.sockets)
        for s in self.sockets:
            s.close()
        return began if began >= self.MANY * 0.9 else None


def failures(result):
    return sum(result["failed"].values())
