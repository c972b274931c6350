"""The benchmark as a whole, small: its configurations are valid, it runs, and it leaves nothing behind."""
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as xml
from pathlib import Path
from types import SimpleNamespace

import pytest
from benchkit import drive, main, material, peers, scenario

from kit.gateway import find_program
from kit.ports import free_port
from kit.process import wait_for

GATEWAY, PLUGIN_DIR = find_program()
BENCH = Path(main.__file__).resolve().parents[1] / "bench"
two_processors = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="it takes two processors")


def test_every_scenario_has_a_valid_configuration(tmp_path, bench_programs):
    m = material.Material(tmp_path / "keys", bench_programs["mint"])
    done = set()
    for s in scenario.load_all():
        for more in s.variants.values():
            settings = {**main.DEFAULTS, **s.settings, **more}
            if str(settings) in done:
                continue
            done.add(str(settings))
            values = {**settings, "port": 8080, "admin_port": 8081, "redis_port": 6379,
                      "servers": main.server_addresses(9000, settings["server_count"]),
                      "certificate": m.certificate, "key": m.key, "jwks": m.jwks, "issuer": material.ISSUER,
                      "audience": material.AUDIENCE, "authority": 9100, "gateway": GATEWAY,
                      "plugin_dirs": ["--plugin-dir", PLUGIN_DIR]}
            command = peers.configure(peers.PEERS["sluice"], tmp_path / "c", values)
            r = subprocess.run([command[0], "check", *command[2:]], capture_output=True, text=True, timeout=60)
            assert r.returncode == 0, f"{s.name}: {r.stdout}{r.stderr}"
    assert len(done) > 8


VALUES = {"port": 1, "admin_port": 2, "redis_port": 3, "authority": 4, "root": True, "programs": {"floor": "/floor"}, "gateway": "/sluice",
          "plugin_dirs": [], **{n: f"/{n}" for n in ("certificate", "key", "both", "jwks", "rsa_public", "ec_public", "issuer", "audience")}}


def test_every_peer_can_be_configured_for_what_it_takes_part_in(tmp_path):
    for s in scenario.load_all():
        for more in s.variants.values():
            settings = {**main.DEFAULTS, **s.settings, **more}
            for peer in peers.PEERS.values():
                if s.takes_part(peer):
                    servers = main.server_addresses(9000, settings["server_count"])
                    command = peers.configure(peer, tmp_path / "c", {**VALUES, **settings, "servers": servers})
                    assert "@" not in "".join(command), (s.name, peer.name)


def test_every_peer_is_told_how_to_choose(tmp_path):
    balance = next(s for s in scenario.load_all() if s.name == "balance")
    taking = [p for p in peers.PEERS.values() if balance.takes_part(p)]
    assert {p.name for p in taking} == {"sluice", "nginx", "haproxy", "caddy"}
    for peer in taking:
        texts = set()
        for more in balance.variants.values():
            settings = {**main.DEFAULTS, **balance.settings, **more}
            servers = main.server_addresses(9000, settings["server_count"])
            peers.configure(peer, tmp_path / peer.name, {**VALUES, **settings, "servers": servers})
            texts.add((tmp_path / peer.name / peer.template).read_text())
        assert len(texts) == len(balance.variants) == 4, peer.name


def test_the_floor_is_asked_for_what_it_can(tmp_path):
    floor = peers.PEERS["floor"]
    for s in scenario.load_all():
        for p in main.participants_of(s, [floor]):
            assert not p.settings.get("tls") and not p.settings.get("routes"), s.name
            assert "--tls12" not in getattr(p.scenario, "options", ()), s.name


def test_what_matters_most_comes_first():
    everything = scenario.load_all()
    order = [s.name for s in main.by_weight(everything)]
    assert order[:len(main.FIRST)] == main.FIRST
    assert sorted(order) == sorted(s.name for s in everything)


def test_samples_are_as_long_as_the_budget_allows():
    everything, all_peers = scenario.load_all(), list(peers.PEERS.values())
    weighty = [s for s in everything if s.name in main.FIRST]
    secs = main.fitting_secs(everything, all_peers, 5, 25)
    assert main.SECS_LEAST < secs < main.SECS_MOST
    assert sum(main.estimate(s, all_peers, 5, secs) for s in weighty) <= 25 * 60
    assert main.fitting_secs(everything, all_peers, 5, 1000) == main.SECS_MOST
    assert main.fitting_secs(everything, all_peers, 5, 1) == main.SECS_LEAST
    idle = next(s for s in everything if s.name == "idle")
    assert main.estimate(idle, all_peers, 50, 1) == main.estimate(idle, all_peers, 3, 1)


class Fixture:
    """A bench that starts nothing: peers are made of what start() says."""
    rounds = 2

    def __init__(self, start):
        self.start, self.said = start, []

    def say(self, text):
        self.said.append(text)

    def mend(self):
        pass


def running():
    alive = SimpleNamespace(running=lambda: True, log_tail=lambda n: "")
    return SimpleNamespace(process=alive, stop=lambda: None)


@dataclasses.dataclass
class Trouble(scenario.Scenario):
    """Goes wrong for one peer, at one point."""
    whose: str = ""
    at: str = ""
    error: Exception = None

    def for_floor(self):
        return None

    def _point(self, at, who):
        if (at, who) == (self.at, self.whose):
            raise self.error

    def probe(self, bench, r):
        self._point("probe", r.name)

    def calibrate(self, bench, participants):
        self._point("calibrate", self.whose)

    def sample(self, bench, r, turn):
        self._point("sample", r.name)
        return {"value": 1.0, "requests": 1, "failed": 0}


@pytest.mark.parametrize("error", [drive.LoadFailed("no word"), ZeroDivisionError("division by zero"), OSError("pipe")])
@pytest.mark.parametrize("at", ["start", "probe", "sample"])
def test_what_goes_wrong_with_one_peer_ends_its_row_alone(at, error, capsys):
    def start(p):
        if at == "start" and p.peer.name == "caddy":
            raise error
        p.running = running()
        p.running.name = p.peer.name
    what = Trouble("t", "trouble", whose="caddy", at=at, error=error)
    record = main.run_scenario(Fixture(start), what, [peers.PEERS["nginx"], peers.PEERS["caddy"], peers.PEERS["h2o"]])
    by_name = {p["peer"]: p for p in record["participants"]}
    assert len(by_name["nginx"]["samples"]) == len(by_name["h2o"]["samples"]) == 2
    assert by_name["caddy"]["failed"] and str(error) in by_name["caddy"]["refused"] and not by_name["caddy"]["samples"]


def test_a_scenario_that_cannot_be_calibrated_ends_alone():
    def start(p):
        p.running = running()
        p.running.name = p.peer.name
    what = Trouble("t", "trouble", whose="nginx", at="calibrate", error=drive.LoadFailed("nobody answered"))
    record = main.run_scenario(Fixture(start), what, [peers.PEERS["nginx"], peers.PEERS["h2o"]])
    assert [p["refused"] for p in record["participants"]] == ["FAILED: nobody answered"] * 2


def test_a_peer_that_ends_during_its_sample_has_no_number():
    def start(p):
        p.running = running()
        p.running.name = p.peer.name
        p.running.process.running = lambda: p.peer.name != "h2o"
        p.running.process.log_tail = lambda n: "out of memory"
    record = main.run_scenario(Fixture(start), Trouble("t", "trouble"), [peers.PEERS["nginx"], peers.PEERS["h2o"]])
    assert [len(p["samples"]) for p in record["participants"]] == [2, 0]
    assert record["participants"][1]["refused"] == "FAILED: the proxy ended; it ended: out of memory"


def test_peers_built_from_source_take_part_beside_the_others(tmp_path, monkeypatch, capsys):
    program = tmp_path / "nginx"
    program.write_text("#!/bin/sh\necho nginx version: nginx/9.9\n")
    program.chmod(0o755)
    monkeypatch.setenv("PEER_HAPROXY", str(program))
    o = main.parse(["--peer", f"nginx={program}"])
    mine, theirs = o.peers["nginx-built"], o.peers["nginx"]
    assert mine.binary == str(program) and mine.installed() and mine.version_text() == "nginx version: nginx/9.9"
    assert theirs.binary == "/usr/sbin/nginx" and "haproxy-built" in o.peers and "jwt" in theirs.can and "jwt" not in mine.can
    taking = [s for s in scenario.load_all() if s.takes_part(mine)]
    assert {s.name for s in taking} < {s.name for s in scenario.load_all() if s.takes_part(theirs)}
    assert any(s.only for s in taking)
    for bad in ("nginx", "apache=/x", "sluice=/x", f"nginx={tmp_path}/none"):
        with pytest.raises(SystemExit):
            main.parse(["--peer", bad])
    assert "is no program" in capsys.readouterr().err


def test_paths_may_be_relative(tmp_path, monkeypatch):
    (tmp_path / "b/gateway/app").mkdir(parents=True)
    (tmp_path / "b/plugins/modules").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    o = main.parse(["--gateway", "b/gateway/app/sluice", "--plugin-dir", "b/plugins/modules", "--plugin-dir", "more"])
    main.find_gateway(o)
    assert o.gateway == str(tmp_path / "b/gateway/app/sluice")
    assert o.plugin_dir == [str(tmp_path / "b/plugins/modules"), str(tmp_path / "more")]
    o = main.parse(["--gateway", "b/gateway/app/sluice"])
    main.find_gateway(o)
    assert o.plugin_dir == [str(tmp_path / "b/plugins/modules")]


def command(out, *more):
    return [sys.executable, str(BENCH), "--no-install", "--only", "sluice", "--out", str(out), "--gateway", GATEWAY,
            "--plugin-dir", PLUGIN_DIR, "--ports", str(free_port()), *more]


def of_folder(folder):
    """Processes whose command line or folder is there."""
    found = []
    for p in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in p.joinpath("cmdline").read_bytes() and int(p.name) != os.getpid():
                found.append(p.name)
        except OSError:
            pass
    return found


def waits_at_a_gate(pid):
    """Whether it is a load. (The benchmark itself has an option that begins like this one.)"""
    try:
        return b"--gate" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


@pytest.mark.slow
@two_processors
def test_a_run(tmp_path):
    r = subprocess.run(command(tmp_path, "--scenario", "plain,jwt,idle", "--rounds", "1", "--secs", "0.4", "--require"), text=True,
                       capture_output=True, timeout=55)
    assert r.returncode == 0, r.stdout + r.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    assert [s["name"] for s in result["scenarios"]] == ["plain", "jwt", "idle"]
    plain = {p["peer"]: p for p in result["scenarios"][0]["participants"]}
    assert plain["floor"]["samples"][0]["requests"] > 100 and plain["sluice"]["samples"][0]["value"] > 0
    assert result["scenarios"][2]["participants"][0]["samples"][0]["value"] > 0
    xml.fromstring((tmp_path / "result.svg").read_text())
    assert "x floor" in (tmp_path / "result.txt").read_text()
    wait_for(lambda: not of_folder(tmp_path), what="its processes to end")


def samples_of(folder, name):
    """{variant: sample} of sluice in one scenario, measured once and shortly."""
    r = subprocess.run(command(folder, "--scenario", name, "--rounds", "1", "--secs", "0.4"), text=True, capture_output=True,
                       timeout=55)
    assert r.returncode == 0, r.stdout + r.stderr
    record = json.loads((folder / "result.json").read_text())["scenarios"][0]
    return {p["variant"]: p["samples"][0] for p in record["participants"] if p["peer"] == "sluice"}


@pytest.mark.slow
@two_processors
def test_logins_and_tokens_that_are_asked_about(tmp_path):
    r = subprocess.run(command(tmp_path, "--scenario", "introspect-hit,login,session", "--rounds", "1", "--secs", "0.3", "--require"),
                       text=True, capture_output=True, timeout=55)
    assert r.returncode == 0, r.stdout + r.stderr
    found = {s["name"]: p["samples"][0] for s in json.loads((tmp_path / "result.json").read_text())["scenarios"]
             for p in s["participants"] if p["peer"] == "sluice"}
    assert sorted(found) == ["introspect-hit", "login", "session"]
    assert all(s["requests"] > 10 and s["value"] > 0 and not s["failed"] for s in found.values())


@pytest.mark.slow
@two_processors
def test_how_work_is_spread_over_workers(tmp_path):
    samples = samples_of(tmp_path, "scaling")
    one, two = samples["1 worker"], samples["2 workers"]
    assert one["held"] == [128] and one["fullest"] == 1
    assert sum(two["held"]) == 128 and len(two["held"]) == 2 and 0.5 <= two["fullest"] <= 1
    assert 0 < two["busiest"] <= 1 and "foreign" in one and "foreign" not in two


@pytest.mark.slow
@two_processors
def test_what_a_busy_connection_does_to_its_neighbours(tmp_path):
    samples = samples_of(tmp_path, "neighbour")
    assert "neighbour" not in samples["alone"]
    assert samples["with a download"]["neighbour"] > 0 and samples["with a pipeliner"]["neighbour"] > 0
    assert all(s["requests"] > 100 and s["p999"] >= s["p50"] for s in samples.values())
    wait_for(lambda: not of_folder(tmp_path), what="its processes to end")


@two_processors
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
def test_nothing_is_left_when_it_is_stopped(tmp_path, how):
    bench = subprocess.Popen(command(tmp_path, "--scenario", "plain", "--rounds", "1", "--secs", "20"), stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_for(lambda: any(waits_at_a_gate(p) for p in of_folder(tmp_path)), 40, "load")
        time.sleep(0.2)
    finally:
        bench.send_signal(how)
        try:
            status = bench.wait(30)
        finally:
            bench.kill()
            bench.wait()
    assert status == {signal.SIGKILL: -9, signal.SIGINT: 130, signal.SIGTERM: 143}[how]
    wait_for(lambda: not of_folder(tmp_path), what="its processes to end")
