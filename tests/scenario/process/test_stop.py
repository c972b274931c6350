"""Ending well: what is under way finishes, nothing new begins."""
import contextlib
import json
import select
import socket
import time
from signal import SIGINT, SIGQUIT, SIGTERM

import pytest

from kit.bulk import large, take
from kit.configs import HELLO, proxy
from kit.origin import echo, hang, reply
from kit.ports import is_listening
from kit.process import wait_for
from kit.soak import times

LONG = "runtime: { workers: 2, shutdown_grace: 20s }\n"
SHORT = "runtime: { workers: 2, shutdown_grace: 300ms }\n"


def closed(g, timeout=3):
    wait_for(lambda: not is_listening(g.port()), timeout, "the listener to be closed")


@pytest.mark.smoke
def test_a_request_under_way_is_finished(gateway, origin, raw):
    up = origin(reply(200, b"late", delay=0.4))
    g = gateway(proxy() + LONG, app=up.port)
    c = raw(g.port()).request("GET", "/")
    up.wait(1)
    g.signal(SIGTERM)
    closed(g)
    r = c.response()
    assert r.status == 200 and r.body == b"late"
    assert r.header("Connection") == "close", "and it is the last on its connection"
    c.assert_closed()
    g.stop()


def test_a_body_under_way_is_finished(gateway, origin, raw):
    size = 64 << 20
    up = origin(large(size))
    g = gateway(proxy() + LONG, app=up.port)
    c = raw(g.port()).request("GET", "/")
    c.response_head()
    g.signal(SIGTERM)
    closed(g)
    got = len(c.reader.buffer)
    assert got + take(c.sock, size - got) == size
    c.close()
    g.stop()


def test_an_upload_under_way_is_finished(gateway, origin, raw):
    up = origin(echo)
    g = gateway(proxy() + LONG, app=up.port)
    c = raw(g.port()).request("POST", "/", [("Content-Length", "10")]).send("01234")
    wait_for(lambda: up.open, 5, "the request at the upstream")
    g.signal(SIGTERM)
    closed(g)
    r = c.send("56789").response()
    assert r.body == b"0123456789" and r.header("Connection") == "close"
    g.stop()


def test_new_connections_are_refused(gateway, origin, raw):
    up = origin(reply(200, b"late", delay=0.5))
    g = gateway(proxy() + LONG, app=up.port)
    c = raw(g.port()).request("GET", "/")
    up.wait(1)
    g.signal(SIGTERM)
    closed(g)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", g.port()), 1)
    assert c.response().status == 200


def test_idle_connections_are_closed(gateway, raw):
    g = gateway(HELLO + LONG)
    used, fresh = raw(g.port()), raw(g.port())
    assert used.get("/hello").status == 200
    begin = time.monotonic()
    g.signal(SIGTERM)
    used.assert_closed(5)
    fresh.assert_closed(5)
    g.stop()
    assert time.monotonic() - begin < 5, "kept connections do not use up the grace"


def test_idle_connections_to_servers_are_closed_first(gateway, raw):
    """A gateway may be its own upstream: these are clients, for which it would wait."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        g = gateway(proxy() + LONG, app=server.getsockname()[1])
        c = raw(g.port()).request("GET", "/")
        up, _ = server.accept()
        with up:
            assert up.recv(65536).startswith(b"GET / ")
            up.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            assert c.response().status == 200
            wait_for(lambda: g.metrics()["sluice_requests_active"] == 0, 5, "the end of the request")
            g.signal(SIGTERM)
            readable, _, _ = select.select([up, c.sock], [], [], 10)
            assert up in readable and up.recv(1) == b""
    g.stop()


def test_a_request_that_comes_on_a_kept_connection_is_answered(gateway, raw):
    g = gateway(HELLO + LONG)
    c = raw(g.port())
    assert c.get("/hello").status == 200
    g.signal(SIGTERM)
    closed(g)
    r = c.get("/hello")
    assert r.status == 200 and r.header("Connection") == "close", "it may have been on its way"
    c.assert_closed()


def test_no_connection_is_lost_to_the_close(gateway):
    """Those the kernel had accepted when the listener closed are served."""
    g = gateway(HELLO + LONG)
    clients = [g.connect() for _ in range(100)]
    for c in clients:
        c.request("GET", "/hello")
    g.signal(SIGTERM)
    assert all(c.response().status == 200 for c in clients)
    for c in clients:
        c.close()


def test_a_connection_whose_client_was_not_told_to_close_it_takes_one_more_request(gateway, origin, raw):
    """The head of the response went before the signal came."""
    size = 32 << 20
    up = origin([large(size), reply(200, b"last")])
    g = gateway(proxy() + LONG, app=up.port)
    c = raw(g.port()).request("GET", "/")
    assert c.response_head().header("Connection") is None
    g.signal(SIGTERM)
    closed(g)
    got = len(c.reader.buffer)
    assert got + take(c.sock, size - got) == size
    c.reader.buffer = b""
    r = c.get("/")
    assert r.body == b"last" and r.header("Connection") == "close"
    c.assert_closed()


def leaving(gateway, delay):
    g = gateway(HELLO + f"runtime: {{ workers: 2, shutdown_grace: 20s, drain_delay: {delay} }}\n")
    g.signal(SIGTERM)
    g.wait_log("stopping in .* not ready any more")
    return g


def test_with_a_delay_it_is_not_ready_first_and_serves_on(gateway, raw):
    g = leaving(gateway, "20s")
    r = g.admin("/readyz")
    assert r.status == 503 and "leaving: the gateway was told to stop" in r.text
    assert json.loads(g.admin("/status").body)["state"] == "leaving"
    c = raw(g.port())
    r = c.get("/hello")
    assert r.status == 200 and r.header("Connection") is None, "it is as usual"
    g.signal(SIGTERM)  # the second one cuts the delay short
    closed(g)
    r = c.get("/hello")
    assert r.status == 200 and r.header("Connection") == "close"
    c.close()
    assert g.process.wait(5) == 0


def test_the_delay_ends_by_itself(gateway):
    g = leaving(gateway, "100ms")
    closed(g)
    assert g.process.wait(5) == 0


def test_quit_does_not_wait_for_the_delay(gateway):
    g = leaving(gateway, "20s")
    begin = time.monotonic()
    g.stop(SIGQUIT)
    assert time.monotonic() - begin < 5


@contextlib.contextmanager
def full():
    """A port at which connections are neither made nor refused."""
    with socket.socket() as s, contextlib.ExitStack() as fillers:
        s.bind(("127.0.0.1", 0))
        s.listen(0)
        for _ in range(3):
            c = fillers.enter_context(socket.socket())
            c.setblocking(False)
            c.connect_ex(s.getsockname())
        yield s.getsockname()[1]


TWO = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
  far: { servers: ["127.0.0.1:@far@"], timeouts: { connect: 20s } }
routes:
  - { name: app, match: { path: /app }, upstream: app }
  - { name: far, match: { path: /far }, upstream: far }
"""


def test_at_the_end_of_the_grace_what_no_server_was_asked_about_is_answered(gateway, origin, raw):
    up = origin(hang)
    with full() as far:
        g = gateway(TWO + SHORT, app=up.port, far=far)
        asked, waits = raw(g.port()).request("POST", "/app"), raw(g.port()).request("POST", "/far")
        up.wait(1)
        wait_for(lambda: any(r["state"] == "connect" for r in json.loads(g.admin("/requests").body)["requests"]), 5, "connect")
        g.signal(SIGTERM)
        r = waits.response()
        assert r.status == 503 and r.header("Retry-After") == "1" and "shutting-down" in r.text
        assert r.header("Connection") == "close"
        asked.assert_closed(5)
        g.process.wait(5)
    lines = {line["path"]: (line["status"], line["reason"]) for line in g.access(2)}
    assert lines == {"/far": (503, "shutting-down"), "/app": (503, "shutting-down")}


def test_the_grace_ends(gateway, origin, raw):
    up = origin(hang)
    g = gateway(proxy() + SHORT, app=up.port)
    c = raw(g.port()).request("GET", "/")
    up.wait(1)
    begin = time.monotonic()
    g.signal(SIGTERM)
    c.assert_closed(5)
    assert 0.2 < time.monotonic() - begin < 3
    assert "shutdown_grace is over" in g.stop()


def test_the_grace_ends_in_the_middle_of_a_body(gateway, origin, raw):
    up = origin(large(1 << 30))
    g = gateway(proxy() + SHORT, app=up.port)
    c = raw(g.port()).request("GET", "/")
    c.response_head()
    g.signal(SIGTERM)
    g.stop()
    got = 0
    try:
        got = take(c.sock, 1 << 30)
    except OSError:
        pass
    assert got < 1 << 30


@pytest.mark.parametrize("first, second", [(SIGTERM, SIGQUIT), (SIGTERM, SIGTERM), (SIGINT, SIGINT)])
def test_asked_twice_it_ends_at_once(gateway, origin, raw, first, second):
    up = origin(hang)
    g = gateway(proxy() + LONG, app=up.port)
    raw(g.port()).request("GET", "/")
    up.wait(1)
    g.signal(first)
    closed(g)
    begin = time.monotonic()
    g.stop(second)
    assert time.monotonic() - begin < 3


def test_asked_again_and_again(gateway):
    """Whenever the second signal comes, also while the last pieces are put away, the end is a good one."""
    for pause in range(0, 20, times(3, 1)):
        g = gateway(HELLO)
        g.signal(SIGTERM)
        time.sleep(pause / 5000)
        g.stop(SIGTERM)


def test_quit_ends_it_at_once_whatever_is_under_way(gateway, origin, raw):
    up = origin([hang, large(1 << 30), echo])
    g = gateway(proxy() + LONG, app=up.port)
    raw(g.port()).request("GET", "/hang")
    up.wait(1)
    raw(g.port()).request("GET", "/large").response_head()
    raw(g.port()).request("POST", "/", [("Content-Length", "100")]).send("some")
    raw(g.port()).send("GET / HT")
    raw(g.port())
    begin = time.monotonic()
    g.stop(SIGQUIT)
    assert time.monotonic() - begin < 3
