"""TCP ports that no other test, worker or test run on this machine has been given.

A port is chosen below the range of outgoing connections, held by a lock on a file, and checked to be free. Binding port 0
would not do: the gateway binds with SO_REUSEPORT, and two gateways that were given one port would share it in silence.

Some 20,000 ports are there for all processes of a run. So a process gives back the one that it was given longest ago when it
has HELD of them: the test that had it has long ended. What lives longer listens, and is found to do so.
"""
import collections
import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

FIRST = 11000
HELD = 1000
_random = random.SystemRandom()  # no test can seed it: processes that draw the same ports find them taken
_held = collections.deque()


def _last():
    try:
        low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        low = 32768
    return max(low, FIRST + 5000) - 1


def _lock(port):
    folder = Path(tempfile.gettempdir()) / "sluice-test-ports"
    folder.mkdir(exist_ok=True, mode=0o1777)
    fd = os.open(folder / str(port), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    return fd


def _is_free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    with socket.socket() as s:
        s.settimeout(0.2)
        return s.connect_ex(("127.0.0.1", port)) != 0


def free_port():
    """A port that is this process's own for the next HELD calls."""
    for _ in range(2000):
        port = _random.randint(FIRST, _last())
        fd = _lock(port)
        if fd is None:
            continue
        if _is_free(port):
            _held.append(fd)
            if len(_held) > HELD:
                os.close(_held.popleft())
            return port
        os.close(fd)
    raise RuntimeError("no free port")


def _listeners(table):
    """Rows of sockets that listen. They stand first, and what follows may be long: connections that ended a while ago."""
    try:
        with open(table, encoding="ascii") as f:
            next(f)
            for row in map(str.split, f):
                if row[3] != "0A":
                    return
                yield row
    except OSError:
        return


def is_listening(address):
    """Whether a socket of this machine listens on the port, or on the path; asks the kernel and connects to nothing."""
    if isinstance(address, str):  # flags 0x10000: it listens
        rows = (r.split() for r in Path("/proc/net/unix").read_text().splitlines()[1:])
        return any(r[3] == "00010000" and r[7:] == [address] for r in rows)
    want = f":{address:04X}"
    return any(row[1].endswith(want) for table in ("/proc/net/tcp", "/proc/net/tcp6") for row in _listeners(table))
