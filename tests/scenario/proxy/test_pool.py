"""Kept connections to upstreams."""
import threading

import pytest

from kit.configs import proxy
from kit.origin import echo, reply
from kit.process import wait_for

ONE_WORKER = "runtime: { workers: 1, shutdown_grace: 1s }\n"


@pytest.mark.smoke
def test_connections_are_reused(proxied, raw):
    g, up = proxied(echo)
    for _ in range(5):
        c = raw(g.port())
        for _ in range(10):
            assert c.request("POST", "/", body=b"abc").response().body == b"abc"
        c.close()
    assert up.connections <= 2, "one for each worker at most"


def test_none_is_kept(proxied, raw):
    g, up = proxied(upstream="keepalive: 0")
    c = raw(g.port())
    for _ in range(3):
        assert c.get().status == 200
    assert up.connections == 3
    wait_for(lambda: up.open == 0, 5, "all to be closed")


def test_a_stray_late_answer_is_nobodys_with_keepalive_0(proxied, raw):
    """A server that answers once more, late: on a kept connection nobody could tell that from the answer to the next request."""
    def stray(peer):
        peer.reader.take_until(b"\r\n\r\n")
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nown")
        peer.stopped.wait(0.2)
        try:
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray")
        except OSError:
            pass
    g, up = proxied(upstream="keepalive: 0")
    up.on_accept = stray
    c = raw(g.port())
    for _ in range(4):
        assert c.get().body == b"own"
    assert up.connections == 4


def test_so_many_are_kept(gateway, origin):
    up = origin(reply(200, b"x", delay=0.1))
    g = gateway(proxy(upstream="keepalive: 2") + ONE_WORKER, app=up.port)
    clients = [g.connect().request("GET", "/") for _ in range(6)]
    for c in clients:
        assert c.response().status == 200
        c.close()
    wait_for(lambda: up.open == 2, 5, f"all but two to be closed ({up.open} are open)")


def test_idle_ones_are_closed(proxied, raw):
    g, up = proxied(upstream="timeouts: { idle: 150ms }")
    assert raw(g.port()).get().status == 200
    wait_for(lambda: up.open == 0, 3, "the idle connection to be closed")


def test_close_is_heeded(proxied, raw):
    g, up = proxied(reply(200, b"x", [("Connection", "close")]))
    c = raw(g.port())
    for _ in range(3):
        assert c.get().body == b"x"
    assert up.connections == 3


def test_an_exchange_has_a_connection_to_itself(gateway, origin):
    """No response goes to another client, however many come and go at once."""
    up = origin(echo)
    g = gateway(proxy(), app=up.port)
    wrong = []

    def client(i):
        with g.connect() as c:
            for j in range(50):
                r = c.request("POST", f"/{i}/{j}", body=f"{i}-{j}".encode()).response()
                if r.body != f"{i}-{j}".encode() or r.header("X-Target") != f"/{i}/{j}":
                    wrong.append((i, j, r))
    threads = [threading.Thread(target=client, args=(i,)) for i in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(20)
    assert not wrong and len(up.requests) == 800
    assert up.connections <= 32
