"""Which server gets a request; which gets none for a while."""
import threading
import time
from collections import Counter

import pytest

from kit.configs import proxy
from kit.origin import drop, reply
from kit.process import wait_for

ONE_WORKER = "runtime: { workers: 1, shutdown_grace: 1s }\n"


def named(origin, *names):
    return {n: origin(reply(200, n.encode())) for n in names}


def start(gateway, ups, upstream="", servers=None):
    text = proxy(upstream=upstream, servers=servers or [f"@{n}@" for n in ups])
    return gateway(text + ONE_WORKER, **{n: u.port for n, u in ups.items()})


def ask(g, n):
    with g.connect() as c:
        return Counter(c.get().text for _ in range(n))


def test_round_robin(gateway, origin):
    g = start(gateway, named(origin, "a", "b", "c"))
    assert ask(g, 30) == {"a": 10, "b": 10, "c": 10}


def test_weights(gateway, origin):
    ups = named(origin, "a", "b")
    g = start(gateway, ups, servers=['{ address: "127.0.0.1:@a@", weight: 3 }', "@b@"])
    assert ask(g, 40) == {"a": 30, "b": 10}


def test_weighted_turns_are_spread(gateway, origin):
    ups = named(origin, "a", "b")
    g = start(gateway, ups, servers=['{ address: "127.0.0.1:@a@", weight: 3 }', "@b@"])
    with g.connect() as c:
        order = "".join(c.get().text for _ in range(40))
    assert "aaaa" not in order and "bb" not in order, order


def test_least_requests(gateway, origin):
    ups = named(origin, "a", "b")
    release = threading.Event()

    def slow(peer, request):
        release.wait(10)
        reply(200, b"slow")(peer, request)
    ups["a"].behave(slow)
    g = start(gateway, ups, "balance: least-requests")
    waiting = g.connect()
    clients = []
    while not ups["a"].requests:
        waiting = g.connect().request("GET", "/")
        clients.append(waiting)
        wait_for(lambda: len(ups["a"].requests) + len(ups["b"].requests) == len(clients), 5)
    assert ask(g, 20) == {"b": 20}, "a has one to do, b has none"
    release.set()
    for c in clients:
        c.response()
        c.close()


def test_least_requests_spreads_when_equal(gateway, origin):
    g = start(gateway, named(origin, "a", "b"), "balance: least-requests")
    counts = ask(g, 40)
    assert counts["a"] >= 10 and counts["b"] >= 10, counts


def test_a_dead_server_is_skipped_and_tried_again(gateway, origin):
    ups = named(origin, "a", "b")
    g = start(gateway, ups, "health: { failures: 2, retry_after: 300ms }")
    assert ask(g, 10) == {"a": 5, "b": 5}
    ups["a"].stop()
    assert ask(g, 20) == {"b": 20}, "nobody notices"
    g.wait_log("server 127.0.0.1:%d " % ups["a"].port)
    ups["a"].start()
    wait_for(lambda: ask(g, 4)["a"], 5, "the server to be used again", interval=0.05)
    g.wait_log("is back")
    wait_for(lambda: ask(g, 10) == {"a": 5, "b": 5}, 5, "both to be served again")


def test_a_failing_server_gets_one_request_to_prove_itself(gateway, origin):
    ups = named(origin, "a", "b")
    ups["a"].behave(drop)
    g = start(gateway, ups, "health: { failures: 1, retry_after: 200ms, retry_after_max: 200ms }")
    begin = time.monotonic()
    while time.monotonic() < begin + 1:
        assert ask(g, 10) == {"b": 10}
    # a rest is 200 ms, give or take an eighth
    assert 2 <= len(ups["a"].requests) <= (time.monotonic() - begin) / 0.17 + 1, "one request after each rest, not more"


def test_all_down_is_still_tried(gateway, origin):
    ups = named(origin, "a", "b")
    g = start(gateway, ups, "health: { failures: 1, retry_after: 30s }")
    for u in ups.values():
        u.stop()
    assert g.get().status == 502
    for u in ups.values():
        u.start()
    assert g.get().status == 200, "better a server that was down than none"


def test_most_connections(gateway, origin):
    release = threading.Event()

    def slow(peer, request):
        release.wait(5)
        reply(200, b"slow")(peer, request)
    up = origin(slow)
    g = start(gateway, {"a": up}, "max_connections: 2, max_queue: 1, timeouts: { queue: 5s }")
    clients = [g.connect().request("GET", "/") for _ in range(2)]
    up.wait(2)
    queued = g.connect().request("GET", "/")
    assert queued.is_quiet(0.1)
    r = g.get()
    assert r.status == 503 and "queue-full" in r.text and r.header("retry-after") == "1"
    release.set()
    assert queued.response().status == 200
    assert all(c.response().status == 200 for c in clients)
    assert up.connections == 2
    for c in [queued, *clients]:
        c.close()


def test_a_queue_does_not_wait_for_ever(gateway, origin):
    up = origin(lambda peer, _: peer.stopped.wait(5))
    g = start(gateway, {"a": up}, "max_connections: 1, timeouts: { queue: 100ms }")
    with g.connect() as c:
        c.request("GET", "/")
        up.wait(1)
        r = g.get()
        assert r.status == 503 and "queue-timeout" in r.text


def test_one_that_leaves_the_queue(gateway, origin):
    release = threading.Event()

    def slow(peer, request):
        release.wait(5)
        reply(200, request.target.encode())(peer, request)
    up = origin(slow)
    g = start(gateway, {"a": up}, "max_connections: 1, timeouts: { queue: 5s }")
    one, two, three = [g.connect() for _ in range(3)]
    one.request("GET", "/1")
    up.wait(1)
    two.request("GET", "/2")
    two.is_quiet(0.05)
    three.request("GET", "/3")
    three.is_quiet(0.05)
    two.close()
    three.is_quiet(0.05)
    release.set()
    assert one.response().body == b"/1" and three.response().body == b"/3"
    assert [r.target for r in up.requests] == ["/1", "/3"]
    one.close(), three.close()


@pytest.mark.parametrize("name", ["localhost"])
def test_names_are_resolved(gateway, origin, name):
    up = origin()
    g = gateway(proxy(servers=[f'"{name}:@app@"']), app=up.port)
    for _ in range(5):
        assert g.get().status == 200, "on 127.0.0.1, whatever else the name stands for"


def test_names_that_do_not_exist(gateway):
    g = gateway(proxy(servers=['"no-such-host.invalid:80"'], upstream="timeouts: { connect: 3s }"))
    r = g.get()
    assert r.status == 503 and "not-resolved" in r.text
