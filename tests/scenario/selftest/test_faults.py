"""What tests/faults is made of: its servers fail as they are told, its path does, and its judge sees what went wrong."""
import socket
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
for part in ("contrib/bench", "tests/faults"):
    sys.path.insert(0, str(ROOT / part))

from faultkit import judge, network, programs, report, rows, world  # noqa: E402


@pytest.fixture(scope="module")
def tools(tmp_path_factory):
    return programs.build(tmp_path_factory.mktemp("tools"), ["-O0", "-Werror"])


@pytest.fixture
def servers(tools, folder):
    """Of a world without namespaces, each behind its path."""
    w = world.World(network.Loopback(3), tools, folder, paths=True)
    yield w.servers
    w.close()


def ask(address, target="/orders", timeout=2.0):
    """What comes for a request: bytes, or the exception that came in their place."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout) as s:
            s.sendall(f"GET {target} HTTP/1.1\r\nHost: app\r\nX-Run: me\r\n\r\n".encode())
            return s.recv(65536)
    except OSError as e:
        return e


def test_a_server_fails_as_it_is_told(servers):
    server = servers[0]
    direct = f"{server.host}:{server.port}"
    assert ask(direct).startswith(b"HTTP/1.1 200") and b"X-Served-By: s0" in ask(server.address)
    server.tell("status 503 100")
    assert ask(direct).startswith(b"HTTP/1.1 503") and ask(direct, "/health").startswith(b"HTTP/1.1 503")
    server.tell("health ok")
    assert ask(direct, "/health").startswith(b"HTTP/1.1 200")
    server.tell("reset")
    assert isinstance(ask(direct), ConnectionResetError)
    server.tell("close")
    assert ask(direct) == b""
    server.tell("cut")
    assert 0 < len(ask(direct)) < 60
    server.tell("hang")
    assert isinstance(ask(direct, timeout=0.2), TimeoutError)
    server.tell("delay 150")
    begun = time.monotonic()
    assert ask(direct).startswith(b"HTTP/1.1 200") and time.monotonic() - begun >= 0.15
    server.keep_counts()
    assert server.counts == {"me": 8}


def test_a_path_delays_stalls_and_forgets(servers):
    server = servers[1]
    server.path.tell("delay 80")
    begun = time.monotonic()
    assert ask(server.address).startswith(b"HTTP/1.1 200") and time.monotonic() - begun >= 0.16
    server.path.tell("pass")
    host, _, port = server.address.rpartition(":")
    with socket.create_connection((host, int(port)), 2) as s:
        s.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert s.recv(65536)
        server.path.tell("forget")
        s.settimeout(0.1)
        s.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(TimeoutError):
            s.recv(1)
        server.path.tell("pass")
        s.settimeout(2)
        with pytest.raises(ConnectionResetError):
            s.recv(1)
    server.path.tell("stall")
    assert isinstance(ask(server.address, timeout=0.2), TimeoutError)


PLAN = rows.Plan(warm=1, normal=1, fault=2, after=1, rate=100)


def requests(**other):
    """A request each 10 ms for five seconds, all well but those of other: {"150": (took, how)} by their number."""
    for n in range(500):
        took, how = other.get(str(n), (10.0, "ok"))
        yield judge.Request(n / 100, took, 200 if how == "ok" else 503, "s1", 1, how)


def judged(row=None, **other):
    found = judge.judge(list(requests(**other)), PLAN, 0.0)
    found.update(retries=1.0, reached=500, sent=500)
    return found, list(report.broken(row or rows.Row("r", "", (), plan=PLAN), found))


def test_nothing_is_wrong_where_all_is_well():
    found, broken = judged()
    assert not broken and found["fault"]["requests"] == 200 and found["fault"]["p99"] == 10 and found["fault"]["unrest"] == 0


def test_one_error_is_seen_in_each_phase():
    for n, phase in ((110, "normal"), (250, "fault"), (450, "after")):
        found, broken = judged(**{str(n): (10.0, "status")})
        assert found[phase]["errors"] == 1 and len(broken) == 1 and f"1 x status 503 ({phase})" in broken[0][0]


def test_slow_requests_are_noticed_for_as_long_as_they_last():
    slow = {str(n): (300.0, "ok") for n in range(210, 340)}     # of the fault, 2.0 s to 4.0 s: in six windows
    found, broken = judged(**slow)
    assert found["fault"]["unrest"] == 1.5 and "for 1.50 s" in broken[0][0] and broken[0][1]
    found, broken = judged(**dict(list(slow.items())[:80]))     # in four
    assert found["fault"]["unrest"] == 1.0 and not broken


def test_promises_about_retries():
    row = rows.Row("r", "", (), plan=PLAN, retries=0.5)
    assert "sent again" in judged(row)[1][0][0]
    row = rows.Row("r", "", (), plan=PLAN, once=True)
    found = judged(row)[0]
    found["reached"] = 501
    assert "reached servers 501 times" in list(report.broken(row, found))[0][0]


def outcome(errors, unrest, retries=1.0):
    phase = {"errors": errors, "unrest": unrest, "requests": 100}
    return {"normal": phase | {"errors": 0}, "fault": phase, "after": phase | {"errors": 0, "unrest": 0}, "retries": retries}


@pytest.mark.parametrize("ours, theirs, is_better", [
    ((0, 0.5), (0, 0.25), False),         # one window: chance
    ((0, 0.75), (0, 0.25), True),
    ((0, 0.75), (1, 0.25), True),         # one error is chance too
    ((0, 0.75), (9, 0.0), False),
    ((9, 0.5), (3, 0.5), False),
    ((40, 0.5), (9, 3.0), True),
    ((0, 3.0), (0, 0.0, 20.1), False),    # more retries than the row permits
    ((0, 3.0), (0, 0.0, None), True)])
def test_who_did_better(ours, theirs, is_better):
    row, record = rows.Row("r", "", (), plan=PLAN), {"gateways": {"sluice": outcome(*ours), "peer": outcome(*theirs)}}
    assert report.better(row, record) == (["peer"] if is_better else [])
    assert [by_time for _, by_time in report.behind(row, record)] == ([True] if is_better else [])


def test_a_bad_namespace_is_told():
    if network.probe()["netns"]:
        pytest.skip("no network namespaces here")
    net = network.Namespaces(1)
    try:
        net.blackhole(0, True)
        with pytest.raises(RuntimeError, match="ip -n"):
            net.blackhole(0, True)
    finally:
        net.close()
