"""What requests say about a server: failures that count, how many may be out, and servers that stand still."""
import signal
import threading
import time
from collections import Counter

from kit.configs import proxy
from kit.origin import hang, reply
from kit.process import wait_for

ONE_WORKER = "runtime: { workers: 1, shutdown_grace: 1s }\n"


def ask(g, n):
    with g.connect() as c:
        return Counter(c.get().text for _ in range(n))


def start(gateway, ups, upstream, more=ONE_WORKER):
    text = proxy(upstream=upstream, servers=[f"@{n}@" for n in ups])
    return gateway(text + more, **{n: u.port for n, u in ups.items()})


def test_statuses_count_when_they_are_listed(gateway, origin):
    ups = {"a": origin(reply(503, b"ill")), "b": origin(reply(200, b"b"))}
    g = start(gateway, ups, "health: { failures: 2, retry_after: 30s }")
    assert ask(g, 10) == {"ill": 5, "b": 5}, "an answer is an answer"
    g.stop()
    g = start(gateway, ups, "health: { failures: 2, retry_after: 30s, count: [connect, 503] }")
    assert ask(g, 12) == {"ill": 2, "b": 10}
    g.wait_log("failed too often in a row.*The upstream answered with a status")


def test_some_servers_stay(gateway, origin):
    ups = {n: origin(reply(503, n.encode())) for n in "ab"}
    g = start(gateway, ups, "health: { failures: 1, retry_after: 30s, max_ejected: 50%, count: [503] }")
    seen = ask(g, 20)
    assert sorted(seen.values()) == [1, 19], seen


def test_a_server_that_stands_still_costs_one_request(gateway, nginx):
    ups = {n: nginx(f"location / {{ return 200 {n}; }}") for n in "ab"}
    g = start(gateway, ups, "timeouts: { response: 8s }, health: { stall: 100ms, retry_after: 30s }", "")
    for _ in range(4):
        assert set(ask(g, 6)) == {"a", "b"}
    ups["a"].process.signal(signal.SIGSTOP)
    try:
        stuck = []

        def waits():
            c = g.connect().request("GET", "/")
            stuck.append(c)
        for _ in range(4):
            waits()
        g.wait_log("is silent for")
        begin = time.monotonic()
        assert ask(g, 30) == {"b": 30} and time.monotonic() - begin < 4
        m = g.metrics()
        label = f'{{upstream="app",server="127.0.0.1:{ups["a"].port}"}}'
        assert m["sluice_upstream_server_failures_total" + label] == 0
        assert m["sluice_upstream_server_up" + label] == 0 and m["sluice_upstream_stalls_total"] >= 1
    finally:
        ups["a"].process.signal(signal.SIGCONT)
    for c in stuck:
        assert c.response().status == 200, "who waited is served"
        c.close()
    g.wait_log("is heard again")
    wait_for(lambda: set(ask(g, 6)) == {"a", "b"}, 5, "both again")


def test_a_server_that_is_slow_alone_is_used(gateway, origin):
    go = threading.Event()

    def slow(peer, request):
        if request.target == "/poll":
            go.wait(10)
        reply(200, b"a")(peer, request)
    up = origin(slow)
    g = start(gateway, {"a": up}, "health: { stall: 50ms }")
    poll = g.connect().request("GET", "/poll")
    up.wait(1)
    g.wait_log("is silent for")
    assert ask(g, 5) == {"a": 5}
    go.set()
    assert poll.response().text == "a"
    poll.close()


def test_a_killed_server_comes_back(gateway, origin):
    ups = {n: origin(reply(200, n.encode())) for n in "ab"}
    g = start(gateway, ups, "health: { failures: 1, retry_after: 100ms, retry_after_max: 100ms }")
    for _ in range(2):  # flapping
        ups["a"].stop()
        assert ask(g, 6) == {"b": 6}
        ups["a"].start()
        wait_for(lambda: set(ask(g, 6)) == {"a", "b"}, 5, "both")


def test_an_outlier(gateway, origin):
    turn = iter(range(10**6))

    def half(peer, request):
        reply(503 if next(turn) % 2 else 200, b"x")(peer, request)
    ups = {n: origin(reply(200, n.encode())) for n in "abcde"}
    ups["x"] = origin(half)
    g = start(gateway, ups, "health: { failures: 3, retry_after: 30s, count: [503], outliers: { requests: 5, interval: 50ms } }")

    def out():
        return ask(g, 60)["x"] == 0
    wait_for(out, 5, "x to be taken out")
    g.wait_log("succeeds far less often")


def test_silence_is_not_shared_where_others_hear(gateway, origin):
    """hang: the server answers others all the time."""
    def behave(peer, request):
        (hang if request.target == "/hang" else reply(200, b"a"))(peer, request)
    ups = {"a": origin(behave), "b": origin(behave)}
    g = start(gateway, ups, "health: { stall: 200ms }")
    c = g.connect().request("GET", "/hang")
    begin = time.monotonic()
    while time.monotonic() - begin < 0.8:
        assert g.get().status == 200
    assert "is silent for" not in g.log()
    c.close()
