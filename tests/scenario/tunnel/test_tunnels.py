"""After a 101 the connection is a tunnel: bytes as they come, each side ends for itself, silence is bounded."""
import pytest

from kit.configs import proxy
from kit.origin import reply
from kit.process import wait_for

ECHO = proxy(route=", upgrade: [echo, websocket]")
ASK = [("Connection", "Upgrade"), ("Upgrade", "echo")]
AGREE = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"


def talking(then):
    """An upstream that agrees to the change, and what it does on the tunnel."""
    def behave(peer, request):
        behave.asked = request
        peer.send(AGREE)
        then(peer)
    return behave


def echo_to_the_end(peer):
    while peer.reader.buffer or peer.reader.fill():
        data, peer.reader.buffer = peer.reader.buffer, b""
        peer.send(data)


@pytest.fixture
def tunnel(gateway, origin, raw):
    def make(then, config=ECHO, early=b""):
        behave = talking(then)
        up = origin(behave)
        g = gateway(config, app=up.port)
        c = raw(g.port()).request("GET", "/t", headers=ASK)
        if early:
            c.send(early)
        head = c.response_head()
        assert head.status == 101 and head.header("upgrade") == "echo" and head.header("connection").lower() == "upgrade"
        return g, up, c, behave
    return make


@pytest.mark.smoke
def test_bytes_pass_both_ways(tunnel):
    g, _, c, behave = tunnel(echo_to_the_end)
    assert behave.asked.header("upgrade") == "echo" and behave.asked.header("connection").lower() == "upgrade"
    for data in (b"a", b"\x00\xff" * 5000, b"GET / HTTP/1.1\r\n\r\n", b"z" * 300000):
        c.send(data)
        assert c.recv(len(data)) == data
    c.shutdown()
    c.assert_closed()
    line = g.access(1)[0]
    assert line["status"] == 101 and "reason" not in line and line["bytes_in"] > 310000


def test_bytes_sent_with_the_request_wait_for_the_tunnel(tunnel):
    _, _, c, _ = tunnel(echo_to_the_end, early=b"early")
    assert c.recv(5) == b"early"


def test_each_side_ends_for_itself(tunnel):
    def half(peer):
        assert peer.reader.rest() == b"all of it", "the client's end arrives"
        peer.send(b"and an answer after it")
    _, up, c, _ = tunnel(half)
    c.send(b"all of it")
    c.shutdown()
    assert c.rest() == b"and an answer after it"
    assert not up.errors


def test_the_upstream_may_end_first(tunnel):
    def leave(peer):
        peer.send(b"bye")
        peer.close()
    _, _, c, _ = tunnel(leave)
    assert c.recv(3) == b"bye"
    c.assert_closed()


def test_a_reset_ends_the_other_side(tunnel):
    def break_off(peer):
        assert peer.reader.take(2) == b"go"
        peer.reset()
    g, _, c, _ = tunnel(break_off)
    c.send(b"go")
    c.assert_closed()
    line = g.access(1)[0]
    assert line["status"] == 101 and line["reason"] == "upstream-reset"


def test_silence_is_bounded(tunnel):
    g, _, c, _ = tunnel(lambda peer: peer.stopped.wait(5),
                        config=proxy(route=", upgrade: [echo]", upstream="timeouts: { tunnel: 150ms }"))
    c.assert_closed()
    assert g.access(1)[0]["reason"] == "tunnel-idle"


def test_a_slow_reader_slows_the_writer(tunnel):
    sent, done = [], []

    def flood(peer):
        peer.sock.settimeout(0.5)
        try:
            while sum(sent) < 64 << 20:
                sent.append(peer.sock.send(b"x" * 65536))
        except TimeoutError:
            done.append(True)
    g, _, _, _ = tunnel(flood)
    wait_for(lambda: done, what="the writer to be stopped")
    assert sum(sent) < 32 << 20, "what nobody reads is not taken in"
    assert g.rss() < 64 << 20


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


def test_an_upstream_may_decline(gateway, origin, raw):
    up = origin([reply(403, b"no"), reply(200, b"next")])
    g = gateway(ECHO, app=up.port)
    c = raw(g.port())
    assert c.get("/t", headers=ASK).status == 403
    assert c.get("/n").body == b"next", "the connection is an ordinary one still"


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
])
def test_another_protocol_than_asked_for_is_refused(gateway, origin, raw, answer):
    up = origin(lambda peer, _: peer.send(answer))
    g = gateway(ECHO, app=up.port)
    r = raw(g.port()).get("/t", headers=ASK)
    assert r.status == 502 and g.access(1)[0]["reason"] == "upstream-bad-head"


def test_plugins_decide_before_there_is_a_tunnel(gateway, origin, raw):
    up = origin(talking(echo_to_the_end))
    config = proxy(route=", upgrade: [echo]", plugins="{ use: rate-limit, rate: 1/h, burst: 1 }")
    g = gateway(config, app=up.port)
    first = raw(g.port()).request("GET", "/t", headers=ASK)
    assert first.response_head().status == 101
    assert raw(g.port()).get("/t", headers=ASK).status == 429


def test_a_reload_leaves_tunnels_alone(tunnel):
    g, up, c, _ = tunnel(echo_to_the_end)
    g.reload(ECHO)
    c.send(b"still here")
    assert c.recv(10) == b"still here"


def test_a_stopping_gateway_cuts_what_it_cannot_say_goodbye_to(tunnel):
    g, _, c, _ = tunnel(echo_to_the_end, config=ECHO + "runtime: { workers: 1, shutdown_grace: 300ms }\n")
    g.stop()
    c.assert_closed()
