"""Active checks: a server that says it is not well gets no requests, whatever its requests say."""
import json
from collections import Counter

import pytest
from kit.calls import Server
from kit.configs import proxy
from kit.h2origin import answer
from kit.origin import drop, hang, reply
from kit.process import wait_for

EVERY = "every: 60ms, timeout: 500ms, jitter: 0%"


def checked(well, other=reply(200, b"served")):
    """Answers /health as told, everything else as other."""
    def behave(peer, request):
        (well if request.target.startswith("/health") else other)(peer, request)
    return behave


def start(gateway, ups, options, upstream=""):
    text = proxy(upstream=f"health: {{ check: {{ {EVERY}, {options} }} }}{upstream}", servers=[f"@{n}@" for n in ups])
    return gateway(text, **{n: u.port for n, u in ups.items()})


def state(g, port):
    (servers,) = [u["servers"] for u in json.loads(g.admin("/status").body)["upstreams"]]
    return next(s for s in servers if s["address"].endswith(f":{port}"))


def check(g, port):
    """What the last check said; nothing before the first has ended."""
    return state(g, port).get("check", {"verdict": None, "result": None})


def ask(g, n):
    with g.connect() as c:
        return Counter(c.get().text for _ in range(n))


def test_a_server_that_says_it_is_ill_gets_no_requests(gateway, origin):
    ups = {n: origin(checked(reply(200, b"fine"), reply(200, n.encode()))) for n in "ab"}
    g = start(gateway, ups, "path: /health")
    wait_for(lambda: g.admin("/readyz").status == 200, 5, "the first round")
    assert state(g, ups["a"].port)["check"]["verdict"] == "up"
    assert set(ask(g, 10)) == {"a", "b"}
    ups["a"].behave(checked(reply(503, b"no"), reply(200, b"a")))
    g.wait_log(f"server 127.0.0.1:{ups['a'].port} is down: its checks fail: status 503")
    wait_for(lambda: ask(g, 8) == {"b": 8}, 5, "every worker to hear")
    seen = state(g, ups["a"].port)
    assert seen["state"] == "down" and seen["check"]["result"] == "status" and seen["check"]["status"] == 503
    m = g.metrics()
    label = f'upstream="app",server="127.0.0.1:{ups["a"].port}"'
    assert m[f"sluice_server_check_up{{{label}}}"] == 0
    assert m[f'sluice_server_check_failures_total{{{label},reason="status"}}'] >= 2
    ups["a"].behave(checked(reply(200, b"fine"), reply(200, b"a")))
    g.wait_log(f"server 127.0.0.1:{ups['a'].port} is up: its checks pass")
    wait_for(lambda: set(ask(g, 8)) == {"a", "b"}, 5, "every worker to hear")


def test_its_first_check_decides_before_traffic(gateway, origin):
    ups = {"a": origin(checked(reply(500))), "b": origin(checked(reply(204), reply(200, b"b")))}
    g = start(gateway, ups, "path: /health")
    wait_for(lambda: g.admin("/readyz").status == 200, 5, "the first round")
    wait_for(lambda: state(g, ups["a"].port)["workers"]["up"] == 2 and ask(g, 6) == {"b": 6}, 5, "every worker to hear")


def test_readiness_waits_for_the_first_round(gateway, origin):
    up = origin(checked(hang))
    g = gateway(proxy(upstream="health: { check: { path: /health, timeout: 1s } }"), app=up.port)
    r = g.admin("/readyz")
    assert r.status == 503 and "first check of 1 servers" in r.body.decode()
    wait_for(lambda: g.admin("/readyz").status == 200, 5, "the check to time out")
    assert check(g, up.port)["result"] == "timeout"


@pytest.mark.parametrize("options, well, ill", [
    ("path: /health, expect: [204, 300-399]", reply(302), reply(200)),
    ("path: /health, body: pong", reply(200, b"ping pong"), reply(200, b"ping")),
    ("path: /health, body: 'regex:^o(k|kay)$'", reply(200, b"ok"), reply(200, b"not ok")),
    ("path: /health", reply(200), drop),
])
def test_what_is_expected(gateway, origin, options, well, ill):
    up = origin(checked(well))
    g = start(gateway, {"app": up}, options)
    wait_for(lambda: check(g, up.port)["verdict"] == "up", 5)
    up.behave(checked(ill))
    wait_for(lambda: check(g, up.port)["verdict"] == "down", 5)


def test_the_request(gateway, origin):
    up = origin(checked(reply(200)))
    g = start(gateway, {"app": up}, "path: '/health?deep=1', method: OPTIONS, host: app.test, headers: { X-Check: yes }")
    wait_for(lambda: check(g, up.port)["verdict"] == "up", 5)
    r = up.requests[0]
    assert (r.method, r.target, r.header("host"), r.header("x-check")) == ("OPTIONS", "/health?deep=1", "app.test", "yes")


def test_a_connection_is_enough(gateway, origin):
    up = origin(reply(200))
    g = start(gateway, {"app": up}, "kind: tcp, rise: 1, fall: 1")
    wait_for(lambda: check(g, up.port)["verdict"] == "up", 5)
    up.stop()
    wait_for(lambda: check(g, up.port)["result"] == "connect", 5)
    up.start()
    wait_for(lambda: check(g, up.port)["verdict"] == "up", 5)


def test_tls(gateway, origin, ca, other_ca):
    cert = ca.issue("localhost", "127.0.0.1")
    up = origin(checked(reply(200)), tls=cert.server_context())
    g = start(gateway, {"app": up}, "kind: tls", f", tls: {{ ca: {ca.path} }}")
    wait_for(lambda: check(g, up.port)["verdict"] == "up", 5)
    g.stop()
    g = start(gateway, {"app": up}, "path: /health", f", tls: {{ ca: {other_ca.path} }}")
    wait_for(lambda: check(g, up.port)["result"] == "tls", 5)


def test_http2(gateway, h2_origin):
    up = h2_origin(answer(200, b"fine"))
    g = start(gateway, {"app": up}, "path: /health", ", protocol: h2c")
    wait_for(lambda: check(g, up.port)["verdict"] == "up", 5)
    up.behave(answer(503))
    wait_for(lambda: check(g, up.port)["verdict"] == "down", 5)


def test_grpc(gateway):
    server = Server()
    try:
        up = type("up", (), {"port": server.port})
        g = start(gateway, {"app": up}, "kind: grpc", ", protocol: h2c")
        wait_for(lambda: check(g, up.port)["verdict"] == "up", 5)
        g.stop()
        g = start(gateway, {"app": up}, "kind: grpc, service: test.Unknown", ", protocol: h2c")
        wait_for(lambda: check(g, up.port)["verdict"] == "down", 5)
        assert check(g, up.port)["result"] == "not-serving"
    finally:
        server.stop()


def test_a_reload_keeps_what_is_known(gateway, origin):
    up = origin(checked(reply(503)))
    g = start(gateway, {"app": up}, "path: /health, fall: 1")
    wait_for(lambda: check(g, up.port)["verdict"] == "down", 5)
    g.reload()
    assert check(g, up.port)["verdict"] == "down"
    g.reload(proxy())
    wait_for(lambda: "check" not in state(g, up.port) and state(g, up.port)["state"] == "up", 5, "no checks, no verdict")
    assert g.get().status == 200
