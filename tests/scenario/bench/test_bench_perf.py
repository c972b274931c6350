"""make check-perf: what it reads out of valgrind's files, and what it calls worse."""
import json
import socket
from types import SimpleNamespace

import perf
import pytest

TRACE = """SYSCALL[12,1]( 12) sys_brk ( 0x0 ) --> [pre-success] Success(0x4000000)
SYSCALL[12,2](232) sys_epoll_wait ( 8, 0x40, 32, 849 ) --> [async] ...
SYSCALL[12,2](232) ... [async] --> Success(0x1)
SYSCALL[12,2](228) sys_clock_gettime( 1, 0x58 )[sync] --> Success(0x0)
--12-- a remark
SYSCALL[12,2](45) sys_recvfrom ( 15, 0x80, 16384, 0, 0x0, 0x0 ) --> [async] ...
SYSCALL[12,2](45) ... [async] --> Success(0x4c)
"""


def test_reading():
    assert perf.instructions("version: 1\nevents: Ir\nsummary: 5\n\nfn=(1) main\n1 5\n\ntotals: 7\n") == 7
    with pytest.raises(ValueError):
        perf.instructions("nothing")
    assert perf.system_calls(TRACE) == 3


def test_comparing():
    baseline = {"scenarios": {"plain": {"instructions": 1000.0, "syscalls": 6.0, "tolerance": 0.03},
                              "tls": {"instructions": 1000.0, "syscalls": 6.0}, "h2": {"instructions": 1.0, "syscalls": 1.0}}}
    lines, worse = perf.compare({"plain": {"instructions": 1029.0, "syscalls": 6.0}}, baseline)
    assert not worse and "+2.9 %" in lines[0] and "WORSE" not in lines[0]
    lines, worse = perf.compare({"plain": {"instructions": 1031.0, "syscalls": 6.0}}, baseline)
    assert worse and "WORSE than 1,000.0 instructions, by more than 3 %" in lines[0]
    lines, worse = perf.compare({"tls": {"instructions": 900.0, "syscalls": 7.0}}, baseline)
    assert worse and "WORSE than 6.0 syscalls" in lines[0]
    lines, worse = perf.compare({"tls": {"instructions": 900.0, "syscalls": 6.0}}, baseline)
    assert not worse and "better than 1,000.0 instructions: make update-perf" in lines[0]
    assert perf.compare({"new": {"instructions": 1.0, "syscalls": 1.0}}, baseline)[1] is False
    assert perf.compare({"new": {"not_supported": "why"}}, baseline) == (["new  not supported: why"], False)
    assert perf.compare({"h2": {"not_supported": "why"}}, baseline)[1] is True


def test_the_baseline_covers_every_scenario():
    known = json.loads(perf.BASELINE.read_text())["scenarios"]
    assert sorted(known) == sorted(s.name for s in perf.SCENARIOS)
    assert all(m["instructions"] > 0 and m["syscalls"] > 0 for m in known.values())


def test_other_tools_are_named():
    assert perf.differences({"a": "1", "b": "2"}, {"a": "1", "b": "3"}) == ["b is 3, was 2"]


def test_servers_that_are_asked_first_refuse_or_reset():
    bed = SimpleNamespace(bad={})
    refuses, resets = (tuple(perf.Bed.first_server(bed, what).split(":")) for what in ("refuses", "resets"))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(refuses, 5)
    for _ in range(2):
        with socket.create_connection(resets, 5) as c:
            c.sendall(b"GET / HTTP/1.1\r\n\r\n")
            with pytest.raises(ConnectionResetError):
                c.recv(1)
    assert perf.Bed.first_server(bed, "resets") == ":".join(resets)
