"""GET /requests: what is in progress, and what each request waits for."""
import json
from contextlib import ExitStack
from pathlib import Path

import pytest
from kit.client import RawClient
from kit.modules import build_module
from kit.origin import hang, raw
from kit.process import wait_for

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
  dead: { servers: ["127.0.0.1:@nobody@", "127.0.0.1:@app@"], retries: 1, timeouts: { connect: 2s } }
plugins:
  sleeper: { use: probe, request: sleep, ms: 20s }
routes:
  - { name: app, match: { path: /app/* }, upstream: app }
  - { name: dead, match: { path: /dead/* }, upstream: dead }
  - { name: slow, match: { path: /slow/* }, plugins: [sleeper], upstream: app }
"""
LARGE = 64 << 20


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    return build_module(tmp_path_factory.mktemp("modules"), "probe",
                        Path(__file__).parent.parent / "plugins/modules/probe.c")


@pytest.fixture
def start(gateway, origin, modules):
    def begin(*behaviours):
        up = origin(list(behaviours) or hang)
        return gateway(CONFIG, app=up.port, args=["--plugin-dir", modules])
    return begin


def look(g, query=""):
    r = g.admin("/requests" + query)
    assert r.status == 200, r.text
    return json.loads(r.body)


def the_one(g, waits_for):
    """The one request in progress, once it waits for that."""
    def found():
        doc = look(g)
        return [x for x in doc["requests"] if doc["total"] == 1 and waits_for in x["waits_for"]]
    wait_for(found, 10, f"a request that waits for {waits_for}")
    return found()[0]


def test_nothing_in_progress(start):
    assert look(start()) == {"total": 0, "left_out": 0, "silent_workers": 0, "requests": []}


def test_a_slow_upstream(start):
    g = start()
    with RawClient(g.port()) as c:
        c.request("GET", "/app/x?token=geheim&n=1")
        one = the_one(g, "the head of the response")
        assert one["state"] == "forward" and one["route"] == "app" and one["listener"] == "public"
        assert one["bounded_by"] == "timeouts.response, timeouts.try of the route, else of the upstream; route timeouts.request"
        assert (one["method"], one["path"], one["query"]) == ("GET", "/app/x", "token=***&n=1")
        assert one["client"] == "127.0.0.1" and one["server"].startswith("127.0.0.1:")
        assert one["bytes_in"] > 0 and one["bytes_out"] == 0 and one["failures"] == []
        assert one["request_body"]["state"] == "ended"
        before = one["state_ms"]
        wait_for(lambda: the_one(g, "the head")["state_ms"] > before, 10, "time to pass")
    wait_for(lambda: look(g)["total"] == 0, 10, "the client to be missed")


def test_a_client_that_stalls_in_its_body(start):
    g = start()
    with RawClient(g.port()) as c:
        c.send(b"POST /app/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf")
        one = the_one(g, "the client, for the rest of the request's body")
        assert one["request_body"] == {"way": "direct", "state": "moves", "holds": []}


def test_a_client_that_does_not_read(start):
    g = start(raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE + bytes(LARGE)))
    with RawClient(g.port()) as c:
        c.request("GET", "/app/large")
        one = the_one(g, "the client, which takes no more of the response")
        assert one["state"] == "stream" and one["status"] == 200
        assert [h["hold"] for h in one["response_body"]["holds"]] == ["full"]


def test_a_plugin_that_waits(start):
    g = start()
    with RawClient(g.port()) as c:
        c.request("GET", "/slow/x")
        one = the_one(g, "plugin sleeper, for a timer")
        assert one["state"] == "request-hooks"
        [waiting] = one["plugins"]
        assert (waiting["instance"], waiting["hook"], waiting["waits_for"]) == ("sleeper", "on_request", "a timer")
        wait_for(lambda: the_one(g, "sleeper")["plugins"][0]["ms"] > waiting["ms"], 10, "time to pass")


def test_which_servers_failed(start):
    g = start()
    with ExitStack() as stack:
        for _ in range(4):  # the second of a worker goes to the server that is not busy: the dead one
            stack.enter_context(RawClient(g.port())).request("GET", "/dead/x")
        wait_for(lambda: any(x["failures"] for x in look(g)["requests"]), 10, "a failure")
        [failed] = [x for x in look(g)["requests"] if x["failures"]][:1]
        assert [f["reason"] for f in failed["failures"]] == ["connect-failed"]
        assert failed["failures"][0]["server"] != failed["server"] and failed["tries"] == 1


def test_some_of_them(start):
    g = start()
    with RawClient(g.port()) as a, RawClient(g.port()) as b, RawClient(g.port()) as c:
        a.request("GET", "/slow/first")
        wait_for(lambda: look(g)["total"] == 1, 10, "the first")
        b.request("GET", "/app/second")
        c.request("GET", "/app/third")
        wait_for(lambda: look(g)["total"] == 3, 10, "all of them")
        doc = look(g, "?limit=1")
        assert (doc["total"], doc["left_out"]) == (3, 2)
        assert [x["path"] for x in doc["requests"]] == ["/slow/first"], "the oldest"
        assert {x["path"] for x in look(g, "?route=app")["requests"]} == {"/app/second", "/app/third"}
        assert look(g, "?client=192.0.2.1")["total"] == 0
        assert look(g, "?client=127.0.0.1&route=slow")["total"] == 1
        known = doc["requests"][0]["id"]
        assert [x["id"] for x in look(g, f"?id={known}")["requests"]] == [known]


@pytest.mark.parametrize("query", ["?limit=0", "?limit=1001", "?limit=", "?routes=app", "?route="])
def test_a_query_that_it_does_not_have(start, query):
    r = start().admin("/requests" + query)
    doc = json.loads(r.body)
    assert r.status == 400 and doc["type"].endswith(":bad-parameter") and doc["detail"] == query[1:]
