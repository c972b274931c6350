"""Clients that leave at every point of an exchange: the upstream's work is called off, and nothing is left behind."""
import pytest

from kit.bulk import large
from kit.origin import echo, hang, reply
from kit.process import wait_for


def gone(up):
    wait_for(lambda: up.open == 0, 5, "the upstream's connections to be closed")


def leave(c, how):
    if how == "close":
        c.close()
    elif how == "reset":
        c.reset()
    else:
        c.shutdown()


HOWS = ["close", "reset", "half-close"]


@pytest.mark.parametrize("how", HOWS)
def test_before_a_head(proxied, raw, how):
    g, up = proxied()
    leave(raw(g.port()), how)
    leave(raw(g.port()).send("GET / HT"), how)
    assert g.get().status == 200
    assert len(up.requests) == 1


@pytest.mark.parametrize("how", HOWS)
def test_while_the_upstream_thinks(proxied, raw, how):
    g, up = proxied(lambda peer, _: peer.reader.fill())
    c = raw(g.port()).request("GET", "/")
    up.wait(1)
    leave(c, how)
    gone(up)


@pytest.mark.parametrize("how", HOWS)
def test_in_the_middle_of_a_request_body(proxied, raw, how):
    g, up = proxied(echo)
    c = raw(g.port()).request("POST", "/", [("Content-Length", "100")]).send("half")
    wait_for(lambda: up.open == 1, 5, "the request to reach the upstream")
    leave(c, how)
    gone(up)
    assert not up.requests, "half a request is none"


@pytest.mark.parametrize("how", HOWS)
def test_in_the_middle_of_a_response_body(proxied, raw, how):
    g, up = proxied(large(1 << 30))
    c = raw(g.port()).request("GET", "/")
    c.response_head()
    c.recv(100_000)
    leave(c, how)
    gone(up)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_while_a_connection_is_made(gateway, raw, free_port, how):
    """The upstream's address does not answer at all."""
    import socket
    listener = socket.socket()
    listener.bind(("127.0.0.1", free_port()))
    listener.listen(0)
    fillers = []
    for _ in range(4):  # fill the queue, so that further SYNs get no answer
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(listener.getsockname())
        fillers.append(s)
    from kit.configs import proxy
    g = gateway(proxy(upstream="timeouts: { connect: 5s }"), app=listener.getsockname()[1])
    before = g.fds()
    c = raw(g.port()).request("GET", "/")
    wait_for(lambda: g.fds() >= before + 2, 5, "the gateway to try")
    leave(c, how)
    wait_for(lambda: g.fds() <= before + 1, 5, "the client's descriptor to be closed")
    for s in fillers:
        s.close()
    listener.close()


def test_a_small_response_nobody_takes(proxied, raw):
    g, up = proxied(reply(200, b"x" * 1000, delay=0.1))
    for _ in range(20):
        raw(g.port()).request("GET", "/").reset()
    assert g.get().status == 200


def test_nothing_is_left_behind(proxied, raw):
    g, up = proxied(large(1 << 20), upstream="keepalive: 0")
    assert g.get().status == 200
    gone(up)
    before = g.fds()
    for i in range(100):
        c = raw(g.port()).request("GET", "/")
        if i % 2:
            c.recv(1000)
        c.reset() if i % 3 else c.close()
    wait_for(lambda: g.fds() <= before, 5, f"descriptors to be closed ({g.fds()} against {before})")
    gone(up)


def test_a_client_that_stops_reading(proxied, raw):
    g, up = proxied(large(1 << 30), listener="timeouts: { body: 200ms }")
    c = raw(g.port()).request("GET", "/")
    c.response_head()
    gone(up)
    with pytest.raises((AssertionError, OSError)):
        c.recv(1 << 30)


def test_a_stopped_reader_of_a_whole_response(gateway, raw):
    """All of it is in the gateway's hands, and the client takes none."""
    g = gateway("""
listeners: [{ name: public, address: "127.0.0.1:@public@", timeouts: { body: 200ms } }]
routes: [{ name: a, match: { path: /a }, respond: { body: "@big@" } }]
""", big="x" * 900_000)
    before = g.fds()
    c = raw(g.port())
    c.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n" * 20)
    wait_for(lambda: g.fds() == before + 1, 5, "the connection")
    wait_for(lambda: g.fds() == before, 5, "the gateway to give up on it")


def test_hang_up_with_a_request_waiting(proxied, raw):
    g, up = proxied(hang, upstream="timeouts: { response: 10s }")
    c = raw(g.port()).send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
    up.wait(1)
    c.close()
    wait_for(lambda: g.fds() and len(up.requests) == 1, 2)
