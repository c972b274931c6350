"""After a 101 the connection is a tunnel: bytes as they come, each side ends for itself, silence is bounded. Whatever version
of HTTP either side speaks: with HTTP/2 a stream is the tunnel (RFC 8441)."""
import contextlib

import pytest

from kit.configs import proxy
from kit.memory import assert_below
from kit.origin import reply
from kit.process import wait_for
from kit.tunnels import LISTENER, PAIRS, echo_to_the_end, guest, talking, upstream_speaks

ECHO = proxy(route=", upgrade: [echo, websocket]")
ASK = [("Connection", "Upgrade"), ("Upgrade", "echo")]


@pytest.fixture(params=PAIRS)
def pair(request):
    return request.param


@pytest.fixture
def far(pair, origin, h2_origin):
    """An upstream of the pair's second half."""
    return lambda behave: h2_origin(behave, connect=True) if pair.endswith("h2") else origin(behave)


def config(pair, upstream="", plugins="", more=""):
    return proxy(LISTENER, upstream_speaks(pair, upstream), plugins, route=", upgrade: [echo, websocket]") + more


@pytest.fixture
def tunnel(pair, gateway, far):
    guests = []

    def make(then, early=b"", upstream="", more=""):
        behave = talking(then)
        up = far(behave)
        g = gateway(config(pair, upstream, more=more), app=up.port)
        c = guest(pair)(g.port(), early=early)
        guests.append(c)
        assert c.agreed
        return g, up, c, behave
    yield make
    for c in guests:
        c.close()


@pytest.mark.smoke
def test_bytes_pass_both_ways(tunnel, pair):
    g, _, c, behave = tunnel(echo_to_the_end)
    if pair.endswith("h2"):
        assert behave.asked.method == "CONNECT" and behave.asked.header(":protocol") == "echo" and behave.asked.path == "/t"
        assert not {"upgrade", "connection"} & dict(behave.asked.fields).keys()
    else:
        assert behave.asked.method == "GET" and behave.asked.target == "/t"
        assert behave.asked.header("upgrade") == "echo" and behave.asked.header("connection").lower() == "upgrade"
    for data in (b"a", b"\x00\xff" * 5000, b"GET / HTTP/1.1\r\n\r\n", b"z" * 300000):
        c.send(data)
        assert c.recv(len(data)) == data
    c.shutdown()
    c.assert_closed()
    line = g.access(1)[0]
    assert line["status"] == 101 and "reason" not in line and line["bytes_in"] > 310000 and line["method"] == "GET"
    assert not behave.errors


def test_bytes_sent_with_the_request_wait_for_the_tunnel(tunnel):
    _, _, c, _ = tunnel(echo_to_the_end, early=b"early")
    assert c.recv(5) == b"early"


def test_each_side_ends_for_itself(tunnel):
    def half(host):
        assert host.rest() == b"all of it", "the client's end arrives"
        host.send(b"and an answer after it")
        host.close()
    g, _, c, behave = tunnel(half)
    c.send(b"all of it")
    c.shutdown()
    assert c.rest() == b"and an answer after it"
    assert "reason" not in g.access(1)[0]
    assert not behave.errors


def test_the_upstream_may_end_first(tunnel):
    def leave(host):
        host.send(b"bye")
        host.close()
    _, _, c, _ = tunnel(leave)
    assert c.recv(3) == b"bye"
    c.assert_closed()


def test_what_is_said_after_the_other_end_arrives(tunnel):
    got = []

    def listen(host):
        host.send(b"bye")
        host.shutdown()
        host.wait(0.1)
        got.append(host.rest())
    g, _, c, behave = tunnel(listen)
    assert c.rest() == b"bye"
    c.send(b"q" * 1000000)
    c.shutdown()
    assert "reason" not in g.access(1)[0]
    wait_for(lambda: got or behave.errors, what="the end of the upstream's reading")
    assert got == [b"q" * 1000000]


def test_a_reset_ends_the_other_side(tunnel, pair):
    def break_off(host):
        assert host.take(2) == b"go"
        host.reset()
    g, _, c, _ = tunnel(break_off)
    c.send(b"go")
    c.assert_closed()
    if pair.startswith("h2"):
        assert c.response.reset == 8, "CANCEL stands for the reset (RFC 8441 5)"
    line = g.access(1)[0]
    assert line["status"] == 101 and line["reason"] == "upstream-reset"


def test_a_reset_right_behind_the_last_bytes_ends_the_other_side(tunnel):
    """It has no event of its own; the default of `tunnel` would let it be unseen for much longer."""
    def break_off(host):
        assert host.take(2) == b"go"
        host.send(b"last")
        host.reset()
    g, _, c, _ = tunnel(break_off)
    c.send(b"go")
    with contextlib.suppress(ConnectionError):   # the reset goes on, and may overtake what came before it
        c.rest()
    assert g.access(1)[0]["reason"] == "upstream-reset"


def test_a_client_that_breaks_off_is_told_to_the_upstream(tunnel):
    def until_lost(host):
        host.send(b"go")
        while host.some():
            pass
        host.shutdown()
    g, up, c, behave = tunnel(until_lost)
    assert c.recv(2) == b"go"
    c.reset()
    line = g.access(1)[0]
    assert line["status"] == 101 and line["reason"] == "client-gone"
    if behave.asked.method == "CONNECT":
        wait_for(lambda: up.requests[0].reset == 8, what="RST_STREAM with CANCEL")


def test_silence_is_bounded(tunnel, pair):
    g, up, c, _ = tunnel(lambda host: host.wait(5), upstream="timeouts: { tunnel: 150ms }")
    c.assert_closed()
    assert g.access(1)[0]["reason"] == "tunnel-idle"
    if pair.endswith("h2"):
        wait_for(lambda: up.requests[0].reset == 8, what="RST_STREAM with CANCEL")


def test_silence_of_a_tunnel_that_is_half_closed_is_bounded(tunnel):
    def half(host):
        host.shutdown()
        host.wait(5)
    g, _, c, _ = tunnel(half, upstream="timeouts: { tunnel: 300ms }")
    c.assert_closed()
    assert g.access(1)[0]["reason"] == "tunnel-idle"


def test_other_deadlines_do_not_count_in_a_tunnel(pair, gateway, far):
    """Neither that of a request's body, nor that of a response."""
    up = far(talking(echo_to_the_end))
    g = gateway(proxy(LISTENER + ", timeouts: { body: 2s }", upstream_speaks(pair, "timeouts: { response: 2s }"),
                      route=", upgrade: [echo]"), app=up.port)
    c = guest(pair)(g.port())
    c.send(b"one")
    assert c.recv(3) == b"one"
    with pytest.raises(AssertionError):
        wait_for(g.access, timeout=2.5, what="an end that must not come")
    c.send(b"two")
    assert c.recv(3) == b"two"
    c.shutdown()
    c.assert_closed()


def test_a_slow_reader_slows_the_writer(tunnel):
    sent, done = [], []

    def flood(host):
        while sum(sent) < 64 << 20 and host.offer(b"x" * 65536):
            sent.append(65536)
        done.append(True)
    g, _, _, _ = tunnel(flood)
    wait_for(lambda: done, what="the writer to be stopped", timeout=30)
    assert sum(sent) < 32 << 20, "what nobody reads is not taken in"
    assert_below(g.rss(), 64 << 20)


def test_a_slow_upstream_slows_the_client(pair, gateway, origin, h2_origin):
    behave = talking(lambda host: host.wait(10))
    up = h2_origin(behave, connect=True, takes_bodies=False) if pair.endswith("h2") else origin(behave)
    g = gateway(config(pair), app=up.port)
    c = guest(pair)(g.port())
    sent, stuck = 0, False
    sock = c.h2.sock if pair.startswith("h2") else c.raw.sock
    sock.settimeout(0.5)
    while sent < 64 << 20 and not stuck:
        if pair.startswith("h2"):
            room = min(c.h2.conn.local_flow_control_window(c.stream), 16384)
            try:
                c.h2.data(c.stream, b"x" * room, end=False) if room else c.h2.pump(0.5)
            except TimeoutError:
                stuck = True
            sent += room
        else:
            try:
                sent += sock.send(b"x" * 65536)
            except TimeoutError:
                stuck = True
    assert stuck and sent < 32 << 20
    assert_below(g.rss(), 64 << 20)
    c.close()


def test_plugins_decide_before_there_is_a_tunnel(pair, gateway, far):
    up = far(talking(echo_to_the_end))
    g = gateway(config(pair, plugins="{ use: rate-limit, rate: 1/h, burst: 1 }"), app=up.port)
    first = guest(pair)(g.port())
    second = guest(pair)(g.port())
    assert first.agreed and second.status == 429


def test_a_reload_leaves_tunnels_alone(tunnel, pair):
    g, _, c, _ = tunnel(echo_to_the_end)
    g.reload(config(pair))
    c.send(b"still here")
    assert c.recv(10) == b"still here"


def test_a_stopping_gateway_cuts_what_it_cannot_say_goodbye_to(tunnel):
    g, _, c, _ = tunnel(echo_to_the_end, more="runtime: { workers: 1, shutdown_grace: 300ms }\n")
    g.stop()
    c.assert_closed()


def test_an_upstream_may_decline(pair, gateway, origin, h2_origin):
    if pair.endswith("h2"):
        up = h2_origin([declining(403, b"no"), declining(200, b"next")], connect=True)
    else:
        up = origin([reply(403, b"no"), reply(200, b"next")])
    g = gateway(config(pair), app=up.port)
    c = guest(pair)(g.port())
    assert c.status == 403
    if pair.startswith("h2"):
        assert c.h2.finish(c.stream).body == b"no"
        assert c.h2.get("/n").body == b"next", "the connection is an ordinary one still"
    else:
        assert c.recv(2) == b"no"
        assert c.raw.get("/n").body == b"next", "the connection is an ordinary one still"
    assert len(up.connections) == 1 if pair.endswith("h2") else up.connections == 1


def declining(status, body):
    def behave(stream, _request):
        stream.respond(status, [("content-length", str(len(body)))], body)
    behave.early = True
    return behave


@pytest.mark.parametrize("headers", [
    [("Connection", "Upgrade"), ("Upgrade", "other")],
    [("Connection", "Upgrade"), ("Upgrade", "echo, other")],
    [("Connection", "Upgrade"), ("Upgrade", "echo"), ("Upgrade", "echo")],
    [("Upgrade", "echo")],
])
def test_what_the_route_does_not_list_is_not_asked_for(gateway, origin, raw, headers):
    up = origin(reply(200, b"plain"))
    g = gateway(ECHO, app=up.port)
    r = raw(g.port()).get("/t", headers=headers)
    assert r.status == 200 and r.body == b"plain"
    assert "upgrade" not in up.requests[0].fields


def test_a_request_with_a_body_is_no_tunnel(gateway, origin, raw):
    up = origin(reply(200, b"plain"))
    g = gateway(ECHO, app=up.port)
    c = raw(g.port())
    c.request("POST", "/t", headers=ASK, body=b"body")
    assert c.response().status == 200 and "upgrade" not in up.requests[0].fields


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
])
def test_another_protocol_than_asked_for_is_refused(gateway, origin, raw, answer):
    up = origin(lambda peer, _: peer.send(answer))
    g = gateway(ECHO, app=up.port)
    r = raw(g.port()).get("/t", headers=ASK)
    assert r.status == 502 and g.access(1)[0]["reason"] == "upstream-bad-head"
