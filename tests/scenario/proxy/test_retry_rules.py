"""Retries as the block `retry` of an upstream or a route says, bounds on one try, and a second server beside a slow one."""
import pytest

from kit.configs import proxy
from kit.gateway import GatewayDied
from kit.origin import abort, drop, echo, hang, raw as raw_bytes, reply
from kit.process import wait_for

TWO = dict(servers=("@a@", "@b@"))
CALM = "health: { failures: 0 }"
BUSY = reply(503, b"busy", [("Content-Type", "text/plain")])
GOOD = reply(200, b"good")


def pair(gateway, origin, bad, good=GOOD, upstream="", route=""):
    """A gateway before two servers, of one worker: they are asked first in turn."""
    one, two = origin(bad), origin(good)
    g = gateway("runtime: { workers: 1 }\n" + proxy(upstream=", ".join(x for x in (CALM, upstream) if x), route=route, **TWO), a=one.port, b=two.port)
    return g, one, two


def lines_with_two_tries(g, n):
    return [x for x in g.access(n) if x["tries"] == 2]


def test_an_unwanted_status_is_answered_by_another_server(gateway, origin):
    g, bad, good = pair(gateway, origin, BUSY, upstream="retry: { on: [502, 503], backoff: 0s }")
    for _ in range(6):
        assert g.get().body == b"good"
    assert bad.requests and bad.connections == 1, "its short response was read to the end, and the connection kept"
    tried = lines_with_two_tries(g, 6)
    assert len(tried) == len(bad.requests)
    server, reason, ms, unit = tried[0]["failures"][0].split()
    assert (server, reason, unit) == (f"127.0.0.1:{bad.port}", "503", "ms") and float(ms) >= 0
    assert tried[0]["server"] == f"127.0.0.1:{good.port}" and tried[0]["status"] == 200
    assert g.metrics()['sluice_upstream_retries_total{upstream="app",reason="503"}'] == len(tried)


def test_the_last_response_is_passed_on_as_it_is(gateway, origin):
    answer = reply(503, b"both busy", [("Content-Type", "text/x-own"), ("X-Own", "yes")])
    g, one, two = pair(gateway, origin, answer, answer, upstream="retry: { on: [503], backoff: 1ms }")
    r = g.get()
    assert r.status == 503 and r.body == b"both busy" and r.header("X-Own") == "yes"
    assert len(one.requests) + len(two.requests) == 2


def test_a_long_unwanted_response_is_not_read(gateway, origin):
    g, bad, _ = pair(gateway, origin, reply(503, b"x" * 200000), upstream="retry: { on: [503], backoff: 0s }")
    for _ in range(4):
        assert g.get().body == b"good"
    assert bad.connections == len(bad.requests) >= 2, "one connection for each"


def test_a_status_that_is_not_listed_is_an_answer(gateway, origin):
    g, _, _ = pair(gateway, origin, reply(500, b"bad"), upstream="retry: { on: [503] }")
    assert {g.get().status for _ in range(6)} == {200, 500}


@pytest.mark.parametrize("seconds, want", [("60", {200, 503}), ("0", {200}), ("Fri, 01 Jan 2100 00:00:00 GMT", {200, 503})])
def test_a_server_that_asks_for_patience(gateway, origin, seconds, want):
    g, _, _ = pair(gateway, origin, reply(503, b"later", [("Retry-After", seconds)]),
                   upstream="retry: { on: [503], within: 2s, backoff: 0s }")
    assert {g.get().status for _ in range(6)} == want


@pytest.mark.parametrize("rules, headers, want", [
    ("", [], {200, 503}),
    ("", [("Idempotency-Key", "7")], {200}),
    (", methods: [POST]", [], {200}),
])
def test_post_by_status(gateway, origin, rules, headers, want):
    """Its body goes to the second server as it went to the first."""
    g, _, _ = pair(gateway, origin, BUSY, echo, upstream=f"retry: {{ on: [503], backoff: 0s{rules} }}")
    got = [g.request("POST", "/", headers, b"order 1") for _ in range(6)]
    assert {r.status for r in got} == want
    assert {r.body for r in got if r.status == 200} == {b"order 1"}


@pytest.mark.parametrize("how", [drop, abort])
def test_a_kept_body_survives_a_lost_connection(gateway, origin, how):
    body = bytes(range(256)) * 200
    g, bad, _ = pair(gateway, origin, how, echo, upstream="retry: { on: [reset], backoff: 0s }")
    for _ in range(4):
        r = g.request("PUT", "/", {}, body)
        assert r.status == 200 and r.body == body
    assert bad.requests, "the first server got it as well"


def test_a_body_that_is_too_long_to_keep_is_sent_once(gateway, origin):
    g, _, _ = pair(gateway, origin, drop, echo, upstream="retry: { on: [reset], backoff: 0s, max_body: 1KiB }")
    assert {g.request("PUT", "/", {}, b"x" * 1025).status for _ in range(6)} == {200, 502}
    assert {g.request("PUT", "/", {}, b"x" * 1024).status for _ in range(6)} == {200}


def test_a_chunked_body_that_comes_in_pieces(gateway, origin, raw):
    """The unwanted response is there before the rest of the body."""
    def early(peer, _request):
        peer.close()
    def accept(peer):
        peer.reader.take_until(b"\r\n\r\n")
        peer.send(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
        peer.stopped.wait(0.2)
        peer.close()
    bad, good = origin(early, on_accept=accept), origin(echo)
    g = gateway("runtime: { workers: 1 }\n" + proxy(upstream=f"{CALM}, retry: {{ on: [503], backoff: 0s }}", **TWO),
                a=bad.port, b=good.port)
    for i in range(2):
        c = raw(g.port())
        c.request("PUT", "/", [("Transfer-Encoding", "chunked")])
        c.send(b"5\r\nfirst\r\n")
        wait_for(lambda: bad.connections or good.connections, 5, "a server to be asked")
        if i or bad.connections:
            wait_for(lambda: bad.connections, 5, "the bad one to be asked")
        r = c.send(b"6\r\nsecond\r\n0\r\n\r\n").response()
        assert r.status == 200 and r.body == b"firstsecond"


def test_a_try_has_its_own_time(gateway, origin):
    g, slow, _ = pair(gateway, origin, hang, upstream="timeouts: { try: 100ms, response: 5s }, retry: { on: [timeout] }")
    for _ in range(3):
        assert g.get().body == b"good"
    tried = lines_with_two_tries(g, 3)
    assert tried and tried[0]["failures"][0].split()[1] == "upstream-timeout"
    assert float(tried[0]["failures"][0].split()[2]) >= 100
    assert g.metrics()['sluice_timeouts_total{of="try"}'] == len(tried) == len(slow.requests)


def test_a_try_that_is_late_ends_the_request_where_no_other_may_follow(gateway, origin):
    g, _, _ = pair(gateway, origin, hang, hang, upstream="timeouts: { try: 80ms, response: 5s }")
    assert g.get().status == 504
    assert g.access(1)[0]["reason"] == "upstream-timeout" and g.access(1)[0]["tries"] == 1


def test_the_route_decides_before_the_upstream(gateway, origin):
    g, bad, _ = pair(gateway, origin, BUSY, upstream="retry: { on: [503] }", route=", retry: { on: [502] }")
    assert {g.get().status for _ in range(4)} == {200, 503}
    assert bad.requests


def test_tries_are_bounded_and_connects_can_be_left_out(gateway, origin, free_port):
    ups = [origin(BUSY) for _ in range(4)]
    names = dict(zip("abcd", ups))
    g = gateway(proxy(servers=("@a@", "@b@", "@c@", "@d@"), upstream=f"{CALM}, retry: {{ on: [503], tries: 3, backoff: 1ms }}"),
                **{n: u.port for n, u in names.items()})
    assert g.get().status == 503 and sum(len(u.requests) for u in ups) == 3
    line = g.access(1)[0]
    assert line["tries"] == 3 and [f.split()[1] for f in line["failures"]] == ["503", "503"]
    g = gateway(proxy(upstream=f"{CALM}, retry: {{ on: [503] }}", **TWO), a=free_port(), b=ups[0].port)
    assert 502 in {g.get().status for _ in range(4)}, "connect is not in the list"


def test_every_try_is_counted(gateway, origin, free_port):
    g = gateway(proxy(upstream=CALM, **TWO), a=free_port(), b=origin(GOOD).port)
    for _ in range(8):
        assert g.get().status == 200
    tried = lines_with_two_tries(g, 8)
    assert tried and tried[0]["failures"][0].split()[1] == "connect-failed"
    assert g.metrics()['sluice_upstream_retries_total{upstream="app",reason="connect-failed"}'] == len(tried)


def test_the_budget(gateway, origin):
    """Of the first requests a few may be tried again, whatever their number; then a share of them all."""
    g = gateway("runtime: { workers: 1 }\n" + proxy(upstream=f"{CALM}, retry: {{ on: [503], budget: 1%, backoff: 0s }}", **TWO),
                a=origin(BUSY).port, b=origin(BUSY).port)
    for _ in range(40):
        assert g.get().status == 503
    lines = g.access(40)
    out = [x for x in lines if "retry-budget" in x.get("notes", [])]
    again = [x for x in lines if x["tries"] == 2]
    assert len(out) + len(again) == 40 and len(again) >= 24 and out
    assert g.metrics()['sluice_upstream_retries_refused_total{upstream="app",reason="budget"}'] == len(out)


def test_no_try_begins_after_its_time(gateway, origin):
    g, _, _ = pair(gateway, origin, reply(503, b"late", delay=0.15), reply(503, b"late", delay=0.15),
                   upstream="retry: { on: [503], within: 100ms, backoff: 0s }")
    assert g.get().status == 503
    line = g.access(1)[0]
    assert line["tries"] == 1 and line["notes"] == ["retry-time"]


def test_a_server_that_is_down_is_not_a_second_try(gateway, origin, free_port):
    up = origin(BUSY)
    g = gateway("runtime: { workers: 1 }\n" + proxy(
        upstream="health: { failures: 1, retry_after: 1h, retry_after_max: 1h }, retry: { on: [connect, 503], backoff: 0s }",
        **TWO), a=free_port(), b=up.port)
    wait_for(lambda: g.get().status and g.metrics()["sluice_upstream_ejections_total"] == 1, 5, "one to be down")
    before = len(up.requests)
    assert [g.get().status for _ in range(4)] == [503] * 4
    assert len(up.requests) == before + 4, "one try each: there is no other server"


def test_http2_servers(gateway, h2_origin):
    """The status comes with the head; what is left of the stream is reset, and the connection goes on."""
    def busy(stream, _request):
        stream.head(503, end=False)
    def good(stream, request):
        stream.respond(200, body=request.body)
    one, two = h2_origin(busy), h2_origin(good)
    g = gateway(proxy(upstream=f"protocol: h2c, {CALM}, retry: {{ on: [503], methods: [POST], backoff: 0s }}", **TWO),
                a=one.port, b=two.port)
    for _ in range(4):
        r = g.request("POST", "/", {}, b"body")
        assert r.status == 200 and r.body == b"body"
    assert len(one.requests) >= 2 and len(one.connections) <= 2


def test_a_slow_server_is_overtaken(gateway, origin):
    g, slow, fast = pair(gateway, origin, reply(200, b"slow", delay=1.0), upstream="hedge: { after: 50ms }")
    for _ in range(3):
        assert g.get().body == b"good"
    lines = lines_with_two_tries(g, 3)
    assert lines and lines[0]["failures"][0].split()[:2] == [f"127.0.0.1:{slow.port}", "overtaken"]
    assert lines[0]["server"] == f"127.0.0.1:{fast.port}"
    assert g.metrics()['sluice_upstream_hedges_total{upstream="app",result="won"}'] == len(lines)
    wait_for(lambda: slow.open == 0, 5, "the connection to the slow server to be closed")


def test_the_first_server_may_still_win(gateway, origin):
    """Both take as long, and the second was asked later."""
    g, _, _ = pair(gateway, origin, reply(200, b"done", delay=0.4), reply(200, b"done", delay=0.4), upstream="hedge: { after: 50ms }")
    assert g.get().body == b"done"
    assert g.metrics()['sluice_upstream_hedges_total{upstream="app",result="lost"}'] == 1


def test_a_hedge_takes_over_when_the_first_fails(gateway, origin):
    def late_drop(peer, _request):
        peer.pause(0.25)
        peer.close()
    g, _, _ = pair(gateway, origin, late_drop, reply(200, b"good", delay=0.4),
                   upstream="hedge: { after: 50ms }, retries: 0")
    for _ in range(2):
        assert g.get().body == b"good"


def test_a_post_is_not_sent_twice_at_once(gateway, origin):
    g, one, two = pair(gateway, origin, reply(200, b"slow", delay=0.2), reply(200, b"slow", delay=0.2),
                       upstream="hedge: { after: 20ms }")
    assert g.request("POST", "/", {}, b"x").body == b"slow"
    assert len(one.requests) + len(two.requests) == 1


def test_hedge_over_http2_resets_the_loser(gateway, h2_origin):
    def slow(_stream, _request):
        pass
    def good(stream, _request):
        stream.respond(200, body=b"good")
    one, two = h2_origin(slow), h2_origin(good)
    g = gateway(proxy(upstream="protocol: h2c, hedge: { after: 50ms }", **TWO), a=one.port, b=two.port)
    for _ in range(2):
        assert g.get().body == b"good"
    wait_for(lambda: one.requests[0].reset is not None, 5, "RST_STREAM at the slow server")
    assert one.requests[0].reset == 8, "CANCEL"


@pytest.mark.parametrize("block, says", [
    ("retry: { on: [slow] }", 'no try can follow on "slow"'),
    ("retry: { on: [399] }", 'no try can follow on "399"'),
    ("retry: { methods: [CONNECT] }", "CONNECT"),
    ("retry: { budget: 0% }", "retry.budget"),
    ("retry: { tries: 9 }", "8"),
    ("hedge: { after: 100% }", "neither a time nor a percentile"),
    ("hedge: {}", "after"),
])
def test_mistakes(gateway, block, says):
    with pytest.raises(GatewayDied) as e:
        gateway(proxy(upstream=block), app=1)
    assert says in str(e.value)
