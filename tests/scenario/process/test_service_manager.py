"""What the gateway tells the service manager (sd_notify)."""
import re
import socket
from signal import SIGHUP, SIGTERM

import pytest

from kit.configs import HELLO
from kit.process import wait_for


class Manager:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, folder):
        self.path, self.socket, self.heard = folder / "notify", socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), []
        self.socket.bind(str(self.path))
        self.socket.setblocking(False)

    def has(self, pattern):
        try:
            while True:
                self.heard.append(self.socket.recv(4096).decode())
        except BlockingIOError:
            pass
        return [m for m in self.heard if re.match(pattern, m)]

    def wait(self, pattern, n=1):
        return wait_for(lambda: len(self.has(pattern)) >= n and self.has(pattern), 10, lambda: f"{pattern} among {self.heard}")


@pytest.fixture
def manager(folder):
    m = Manager(folder)
    yield m
    m.socket.close()


def test_ready_reloading_stopping(gateway, manager):
    g = gateway(HELLO, env={"NOTIFY_SOCKET": str(manager.path)})
    manager.wait("READY=1")
    g.signal(SIGHUP)
    assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", manager.wait("RELOADING=1")[0])
    manager.wait("READY=1", 2)
    g.signal(SIGTERM)
    manager.wait("STOPPING=1")
    assert not manager.has("WATCHDOG"), "nobody asked for it"


def test_the_watchdog_is_told_that_all_workers_turn(gateway, manager):
    g = gateway(HELLO, env={"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "1000000"})
    manager.wait("WATCHDOG=1", 2)
    g.stop()


def test_the_watchdog_of_another_process_is_not_ours(gateway, manager):
    g = gateway(HELLO, env={"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"})
    manager.wait("READY=1")
    g.stop()
    assert not manager.has("WATCHDOG")


def test_a_successor_becomes_the_service(gateway, manager):
    g = gateway(HELLO, env={"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "200000"})
    old = g.succeed()
    assert int(manager.wait("MAINPID=")[0].split("\n")[0][8:]) == g.pid
    assert old.wait() == 0
    assert not manager.has("STOPPING"), "the service goes on"
    assert len(manager.has("READY")) == 1, "and was ready all the time"
    n = len(manager.has("WATCHDOG=1"))
    manager.wait("WATCHDOG=1", n + 1)
