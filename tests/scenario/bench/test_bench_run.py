"""The benchmark as a whole, small: its configurations are valid, it runs, and it leaves nothing behind."""
import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest
from benchkit import main, material, peers, scenario

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
            values = {**settings, "port": 8080, "redis_port": 6379, "servers": main.server_addresses(9000, settings["server_count"]),
                      "certificate": m.certificate, "key": m.key, "jwks": m.jwks, "issuer": material.ISSUER,
                      "audience": material.AUDIENCE, "gateway": GATEWAY,
                      "plugin_dirs": ["--plugin-dir", PLUGIN_DIR]}
            command = peers.configure(peers.PEERS["sluice"], tmp_path / "c", values)
            r = subprocess.run([command[0], "check", *command[2:]], capture_output=True, text=True, timeout=60)
            assert r.returncode == 0, f"{s.name}: {r.stdout}{r.stderr}"
    assert len(done) > 8


def test_every_peer_can_be_configured_for_what_it_takes_part_in(tmp_path):
    values = {"port": 1, "admin_port": 2, "redis_port": 3, "root": True, "programs": {"floor": "/floor"}, "gateway": "/sluice",
              "plugin_dirs": [], **{n: f"/{n}" for n in ("certificate", "key", "both", "jwks", "rsa_public", "issuer", "audience")}}
    for s in scenario.load_all():
        for more in s.variants.values():
            settings = {**main.DEFAULTS, **s.settings, **more}
            for peer in peers.PEERS.values():
                if s.takes_part(peer):
                    servers = main.server_addresses(9000, settings["server_count"])
                    command = peers.configure(peer, tmp_path / "c", {**values, **settings, "servers": servers})
                    assert "@" not in "".join(command), (s.name, peer.name)


def test_the_floor_is_asked_for_what_it_can(tmp_path):
    floor = peers.PEERS["floor"]
    for s in scenario.load_all():
        for p in main.participants_of(s, [floor]):
            assert not p.settings.get("tls") and not p.settings.get("routes"), s.name
            assert "--tls12" not in getattr(p.scenario, "options", ()), s.name


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


@two_processors
def test_nothing_is_left_when_it_is_killed(tmp_path):
    bench = subprocess.Popen(command(tmp_path, "--scenario", "plain", "--rounds", "1", "--secs", "20"), stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_for(lambda: any("--gate" in Path(f"/proc/{p}/cmdline").read_text() for p in of_folder(tmp_path)), 40, "load")
        time.sleep(0.2)
    finally:
        bench.send_signal(signal.SIGKILL)
        bench.wait()
    wait_for(lambda: not of_folder(tmp_path), what="its processes to end")
