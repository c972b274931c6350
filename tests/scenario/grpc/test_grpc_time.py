"""Deadlines of calls, and how long either side may be silent."""
import threading
import time
import urllib.parse

import grpc
import pytest

from kit.h2origin import hold
from kit.origin import hang
from kit.process import wait_for

CALL = [("content-type", "application/grpc"), ("te", "trailers")]
CANCEL = 8


def told(fields):
    fields = dict(fields)
    return int(fields["grpc-status"]), urllib.parse.unquote(fields["grpc-message"])


def begin(stream, _request):
    stream.head(200, [("content-type", "application/grpc")])
    stream.data(b"so far")


begin.early = True
PASSED = (4, "deadline-exceeded: The deadline of the request has passed.")


# ---- deadlines ----


def test_it_passes_before_the_answer(framed):
    g, up, c = framed(hold)
    r = c.request("POST", "/a.B/C", CALL + [("grpc-timeout", "1S")], b"x")
    assert (r.status, told(r.fields), r.trailers) == (200, PASSED, [])
    wait_for(lambda: up.requests[0].reset == CANCEL, what="the reset at the server")
    line = g.access(1)[0]
    assert (line["status"], line["grpc_status"], line["reason"]) == (200, 4, "deadline-exceeded")
    metrics = g.metrics()
    assert metrics['sluice_timeouts_total{of="deadline"}'] == 1
    assert metrics['sluice_grpc_calls_total{route="all",code="DEADLINE_EXCEEDED"}'] == 1
    assert metrics['sluice_upstream_failures_total{upstream="app",reason="deadline-exceeded"}'] == 1


def test_it_passes_in_the_middle(framed):
    """The stream ends as gRPC wants it: by trailers."""
    g, up, c = framed(begin)
    stream = c.start("POST", "/a.B/C", CALL + [("grpc-timeout", "2S")], end=False)
    r = c.finish(stream)
    assert (r.status, r.body, told(r.trailers)) == (200, b"so far", PASSED)
    wait_for(lambda: up.requests[0].reset == CANCEL, what="the reset at the server")
    assert g.access(1)[0]["grpc_status"] == 4


def test_it_passes_while_a_plugin_waits(framed, jwks_server, rs256):
    server = jwks_server(rs256)
    held = threading.Event()
    server.behave(lambda _peer, _request: held.wait(20))
    g, up, c = framed(plugins="login", config=f"""
plugins:
  login: {{ use: jwt, issuer: "https://idp.test/", audience: api, jwks: "{server.url}", key_wait: 20s }}
""")
    r = c.request("POST", "/a.B/C", CALL + [("grpc-timeout", "100m"), ("authorization", f"Bearer {rs256.mint()}")], b"x")
    held.set()
    assert told(r.fields) == PASSED and up.requests == []


def test_servers_are_not_blamed(framed):
    """However many clients give too little time: no server is left alone for that."""
    g, up, c = framed(hold, upstream="health: { failures: 2 }")
    streams = [c.start("POST", "/a.B/C", CALL + [("grpc-timeout", "50m")]) for _ in range(20)]
    for s in streams:
        assert told(c.finish(s).fields) == PASSED
    up.behave(begin)
    stream = c.start("POST", "/a.B/C", CALL)
    wait_for(lambda: c.pump() and c.responses[stream].body, what="an answer")


@pytest.mark.parametrize("said", ["", "1", "S", "1s", "1h", "-1S", "+1S", "1.5S", "123456789S", "1SS", "1 S", "0x1S"])
def test_malformed(framed, said):
    g, up, c = framed(hold)
    r = c.request("POST", "/a.B/C", CALL + [("grpc-timeout", said)], b"")
    assert told(r.fields) == (13, "grpc-timeout-malformed: The grpc-timeout must be one to eight digits followed by one of H M S m u n.")
    assert up.requests == []


def test_said_twice(framed):
    g, up, c = framed(hold)
    r = c.request("POST", "/a.B/C", CALL + [("grpc-timeout", "1S"), ("grpc-timeout", "1H")], b"")
    assert told(r.fields)[0] == 13 and up.requests == []


@pytest.mark.parametrize("bound, said, heard", [
    ("30s", "29S", 29), ("30s", "99999999u", 30), ("30s", None, 30), ("30s", "99999999H", 30), ("2h", "3H", 7200)])
def test_a_bound_for_deadlines(framed, bound, said, heard):
    """The server hears what is left of it."""
    g, up, c = framed(hold, route=f", grpc: {{ max_timeout: {bound} }}")
    c.start("POST", "/a.B/C", CALL + ([("grpc-timeout", said)] if said else []))
    left = up.wait(1)[0].header("grpc-timeout")
    assert heard - 20 < int(left[:-1]) * {"u": 1e-6, "m": 1e-3, "S": 1}[left[-1]] <= heard


@pytest.mark.parametrize("bound, said, heard", [("0s", "99999999H", "99999999H"), ("0s", None, None)])
def test_without_a_bound_the_deadline_is_the_clients(framed, bound, said, heard):
    g, up, c = framed(hold, route=f", grpc: {{ max_timeout: {bound} }}")
    c.start("POST", "/a.B/C", CALL + ([("grpc-timeout", said)] if said else []))
    assert up.wait(1)[0].header("grpc-timeout") == heard


def test_a_bound_ends_calls(called):
    """Of a client that gives as much time as it takes. Gateway and server both look at the clock: whoever is first."""
    g, up, c = called(route=", grpc: { max_timeout: 1500ms }")
    with pytest.raises(grpc.RpcError) as e:
        c.unary("Wait", timeout=None)
    assert e.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    call = c.split("Watch", timeout=None)
    assert next(call) == b"begun"
    with pytest.raises(grpc.RpcError) as e:
        next(call)
    assert e.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    wait_for(lambda: len(up.ended) == 2, what="both to be given up")
    assert all(left < 2 for _, _, left in up.seen)


def test_deadlines_of_the_library(called):
    _, up, c = called()
    with pytest.raises(grpc.RpcError) as e:
        c.unary("Wait", timeout=1)
    assert e.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    wait_for(lambda: up.ended, what="the server to hear of it")
    assert up.seen[0][2] < 2  # libraries round up
    assert c.unary("Unary", b"x", timeout=None) == b"x" and up.seen[1][2] is None


# ---- silence ----


def test_silence(called, server):
    """Neither the upstream's nor the listener's timeouts end a call whose connections live."""
    up = server(options=[("grpc.http2.min_recv_ping_interval_without_data_ms", 1), ("grpc.http2.max_ping_strikes", 0)])
    g, up, c = called(up=up, listener="timeouts: { body: 1s }", upstream="timeouts: { response: 1s, ping: 700ms }")
    quiet = threading.Event()

    def questions():
        yield b"1"
        quiet.wait(20)
        yield b"2"
    waiting, watching, talking = c.future("Wait"), c.split("Watch"), c.chat("Chat", questions())
    assert next(watching) == b"begun" and next(talking) == b"1"
    time.sleep(4)  # several times as long as anything else would be given
    assert not waiting.done()
    quiet.set()
    up.release.set()
    assert waiting.result() == b"" and list(watching) == [b"over"] and list(talking) == [b"2"]
    assert [line["grpc_status"] for line in g.access(3)] == [0, 0, 0]


def test_other_requests_keep_their_timeouts(framed):
    g, up, c = framed(hold, listener="timeouts: { body: 200ms }", upstream="timeouts: { response: 200ms, ping: 10m }")
    r = c.request("POST", "/x", [("content-type", "application/json")], b"{}")
    assert r.status == 504
    assert c.finish(c.start("POST", "/x", [("content-type", "application/json")], end=False)).status == 408


def test_a_dead_server(framed):
    """No answer to a PING: the connection is dead, and its calls end."""
    g, up, c = framed(begin, upstream="timeouts: { response: 1s, ping: 1s }")
    stream = c.start("POST", "/a.B/C", CALL)
    wait_for(lambda: c.pump() and c.responses[stream].body, what="its begin")
    with up.connections[0].lock:  # it says nothing any more
        r = c.finish(stream)
    assert told(r.trailers)[0] == 14 and g.access(1)[0]["reason"] == "upstream-stalled"
    c.start("POST", "/a.B/C", CALL)
    assert up.wait(2)[1].connection == 2


def test_a_dead_client(framed):
    """It does not answer PINGs, while the server waits for the rest of its request."""
    g, up, c = framed(hold, listener="timeouts: { body: 200ms }")
    c.start("POST", "/a.B/C", CALL, end=False)
    wait_for(lambda: up.requests and up.requests[0].reset == CANCEL, what="the reset at the server")
    line = g.access(1)[0]
    assert line["reason"] == "body-timeout" and line["grpc_status"] == 1


def test_both_silent_for_too_long(framed):
    g, up, c = framed(begin, route=", grpc: { idle: 1500ms }")
    stream = c.start("POST", "/a.B/C", CALL)
    r = c.finish(stream)
    assert r.body == b"so far"
    assert told(r.trailers) == (14, "call-idle: Neither side of the call sent anything for too long.")
    wait_for(lambda: up.requests[0].reset == CANCEL, what="the reset at the server")
    up.behave(hold)
    assert told(c.request("POST", "/a.B/C", CALL, b"").fields)[0] == 14
    assert [line["reason"] for line in g.access(2)] == ["call-idle"] * 2


def test_one_that_speaks_is_not_idle(framed):
    g, up, c = framed(begin, route=", grpc: { idle: 2s }")
    stream = c.start("POST", "/a.B/C", CALL, end=False)
    up.wait(1)
    for _ in range(12):
        c.data(stream, b"more", end=False)
        time.sleep(0.3)
    up.streams[0].end([("grpc-status", "0")])
    assert dict(c.finish(stream).trailers) == {"grpc-status": "0"}


def test_http1_behind_keeps_its_timeouts(called, origin):
    g, _, c = called(up=origin([hang]), protocol="http/1.1", upstream="timeouts: { response: 200ms }")
    with pytest.raises(grpc.RpcError) as e:
        c.unary("Unary", b"x")
    assert e.value.code() == grpc.StatusCode.UNAVAILABLE and e.value.details().startswith("upstream-timeout: ")
