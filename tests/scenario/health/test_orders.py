"""What operators set while the gateway runs: `sluice server` and POST /servers."""
import json
import subprocess
import threading
from collections import Counter

import pytest
from kit.client import RawClient
from kit.configs import proxy
from kit.gateway import find_program
from kit.origin import reply
from kit.process import wait_for


def start(gateway, origin, names="ab"):
    ups = {n: origin(reply(200, n.encode())) for n in names}
    g = gateway(proxy(servers=[f"@{n}@" for n in names]), **{n: u.port for n, u in ups.items()})
    return g, ups


def sluice(g, *words):
    return subprocess.run([find_program()[0], "server", "--admin", f"127.0.0.1:{g.port('admin')}", *map(str, words)],
                          capture_output=True, text=True, timeout=30, check=False)


def post(g, query, headers=(), host="localhost"):
    with RawClient(g.port("admin")) as c:
        return c.request("POST", "/servers?" + query, headers, host=host).response("POST")


def ask(g, n):
    with g.connect() as c:
        return Counter(c.get().text for _ in range(n))


def address(up):
    return f"127.0.0.1:{up.port}"


@pytest.mark.parametrize("word, shown", [("drain", "drained"), ("disable", "disabled")])
def test_no_new_requests(gateway, origin, word, shown):
    g, ups = start(gateway, origin)
    assert set(ask(g, 6)) == {"a", "b"}
    done = sluice(g, word, "app", address(ups["a"]))
    assert (done.returncode, done.stdout) == (0, "set\n"), done
    assert ask(g, 10) == {"b": 10}, "every worker knows when the command has returned"
    g.wait_log(f"server {address(ups['a'])} is set to {'drain' if word == 'drain' else 'disabled'}, weight of the file, by 127.0.0.1")
    assert f"{address(ups['a'])}: {shown} (set by an operator)" in sluice(g, "list").stdout
    m = g.metrics()
    label = f'{{upstream="app",server="{address(ups["a"])}"}}'
    assert m["sluice_upstream_server_barred" + label] == 1 and m["sluice_upstream_server_up" + label] == 0
    g.reload()
    assert ask(g, 10) == {"b": 10}, "it holds over reloads"
    assert sluice(g, "enable", "app", address(ups["a"])).returncode == 0
    assert set(ask(g, 6)) == {"a", "b"}


def test_requests_under_way_finish(gateway, origin):
    g, ups = start(gateway, origin, "a")
    go = threading.Event()

    def slow(peer, request):
        go.wait(10)
        reply(200, b"done")(peer, request)
    ups["a"].behave(slow)
    c = g.connect().request("GET", "/")
    ups["a"].wait(1)
    assert sluice(g, "drain", "app", address(ups["a"])).returncode == 0
    assert g.get().status == 503, "the only server is drained: no other takes the requests"
    go.set()
    assert c.response().text == "done"
    c.close()


def test_weights(gateway, origin):
    g, ups = start(gateway, origin)
    assert post(g, f"upstream=app&server={address(ups['a'])}&weight=3").status == 200
    # the turn in which the weight changed may be cut short
    wait_for(lambda: ask(g, 40) == {"a": 30, "b": 10}, 5, "its share")
    doc = json.loads(g.admin("/status").body)
    assert {s["address"]: s.get("set_weight") for s in doc["upstreams"][0]["servers"]} == {address(ups["a"]): 3, address(ups["b"]): None}
    assert sluice(g, "weight", 0, "app", address(ups["a"])).returncode == 0
    assert ask(g, 10) == {"b": 10}
    assert sluice(g, "weight", "file", "app", address(ups["a"])).returncode == 0
    wait_for(lambda: ask(g, 40) == {"a": 20, "b": 20}, 5)


@pytest.mark.parametrize("query, code", [
    ("upstream=app", "bad-parameter"),
    ("upstream=app&server=127.0.0.1:1", "bad-parameter"),
    ("upstream=app&server=127.0.0.1:1&state=gone", "bad-parameter"),
    ("upstream=app&server=127.0.0.1:1&weight=101", "bad-parameter"),
    ("upstream=app&server=127.0.0.1:1&colour=red", "bad-parameter"),
    ("upstream=app&server=127.0.0.1:1&state=drain", "no-server"),
])
def test_mistakes(gateway, origin, query, code):
    g, _ = start(gateway, origin, "a")
    r = post(g, query)
    assert json.loads(r.body)["type"].endswith(":" + code)


def test_who_may(gateway, origin):
    g, ups = start(gateway, origin, "a")
    query = f"upstream=app&server={address(ups['a'])}&state=disabled"
    assert post(g, query, [("Origin", "http://evil.test")]).status == 403
    assert post(g, query, [("Via", "1.1 other")]).status == 403
    assert post(g, query, host="gateway.example.com").status == 421
    assert g.admin("/servers?" + query).status == 405
    assert g.get().status == 200


def test_wrong_words(gateway, origin):
    g, ups = start(gateway, origin, "a")
    for words in [(), ("list", "app"), ("drain", "app"), ("weight", "app", address(ups["a"])), ("stop", "app", "x")]:
        r = sluice(g, *words)
        assert r.returncode == 2 and "sluice server" in r.stderr
    r = sluice(g, "drain", "app", "127.0.0.1:1")
    assert r.returncode == 1 and "127.0.0.1:1" in r.stderr
