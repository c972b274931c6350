"""Fetches of plugins over the pools of an upstream: what its servers see of them."""
import json
import time
from pathlib import Path

import pytest

from kit import h2origin
from kit.modules import build_module
from kit.origin import drop, hang, reply
from kit.ports import free_port
from kit.process import wait_for

CONFIG = """
runtime: { workers: 1 }
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  ask: { use: fetch-probe, to: svc OPTIONS }
upstreams:
  svc: { servers: [SERVERS], retries: 1, protocol: "PROTOCOL" }
routes:
  - { name: all, match: { path: /* }, plugins: [ask], respond: { status: 204 } }
"""
GONE = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
routes:
  - { name: all, match: { path: /* }, respond: { status: 204 } }
"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    return build_module(tmp_path_factory.mktemp("fetch"), "fetch-probe", Path(__file__).parent / "modules/fetch_probe.c")


@pytest.fixture
def asking(gateway, modules):
    def start(*servers, options="", protocol="http/1.1"):
        text = CONFIG.replace("OPTIONS", options).replace("PROTOCOL", protocol)
        text = text.replace("SERVERS", ", ".join(f'"{s}"' for s in servers))
        return gateway(text, args=["--plugin-dir", modules])
    return start


def server_of(g):
    return json.loads(g.admin("/status").body)["upstreams"][0]["servers"][0]


def test_connections_are_kept(asking, origin):
    up = origin(reply(200, b"x"))
    g = asking(up.address)
    for _ in range(10):
        r = g.get("/")
        assert r.status == 200 and r.body == b"x"
    assert up.connections == 1 and len(up.requests) == 10
    assert up.requests[0].target == "/fetched?x=1"


def test_the_upstream_of_the_request_itself(gateway, modules, origin):
    up, other = origin(reply(200, b"own")), origin(reply(200, b"other"))
    g = gateway("""
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  own: { use: fetch-probe, own: true }
  later: { use: fetch-probe, own: true, background: true }
  both: { use: fetch-probe, own: true, to: other }
upstreams:
  app: { servers: ["%s"] }
  other: { servers: ["%s"] }
routes:
  - { name: own, match: { path: /own }, plugins: [own], upstream: app }
  - { name: none, match: { path: /none }, plugins: [own], respond: { status: 204 } }
  - { name: both, match: { path: /both }, plugins: [both], upstream: app }
  - { name: later, match: { path: /later }, plugins: [later], upstream: app }
""" % (up.address, other.address), args=["--plugin-dir", modules])
    assert g.get("/own").body == b"own" and up.requests[0].target == "/fetched?x=1"
    assert b"the exchange has no upstream" in g.get("/none").body
    assert b"asks for that of the exchange" in g.get("/both").body
    assert g.get("/later").status == 200
    wait_for(lambda: "fetched: 0 200" in g.log())
    assert len(up.requests) == 3 and not other.requests


def test_connections_to_a_url_are_kept(gateway, modules, origin):
    up = origin(reply(200, b"x"))
    text = CONFIG.replace("to: svc OPTIONS", f'url: "http://{up.address}/fetched"').replace("PROTOCOL", "http/1.1")
    g = gateway(text.replace("SERVERS", f'"{up.address}"'), args=["--plugin-dir", modules])
    assert [g.get("/").body for _ in range(10)] == [b"x"] * 10
    assert up.connections == 1
    up.stop()
    up.start()
    assert g.get("/").body == b"x"


def test_balanced_and_a_server_that_is_down(asking, origin):
    a, b = origin(reply(200, b"a")), origin(reply(200, b"b"))
    g = asking(a.address, b.address)
    assert sorted(g.get("/").body for _ in range(8)) == [b"a"] * 4 + [b"b"] * 4
    a.stop()
    assert [g.get("/").body for _ in range(4)] == [b"b"] * 4


def test_tried_again(asking, origin):
    a, b = origin(drop), origin(reply(200, b"b"))
    g = asking(a.address, b.address)
    assert [g.get("/").body for _ in range(4)] == [b"b"] * 4
    assert len(a.requests) >= 1


def test_nobody_answers(asking):
    g = asking(f"127.0.0.1:{free_port()}")
    r = g.get("/")
    assert r.status == 503 and b"svc: " in r.body


def test_deadline_and_a_client_that_leaves(asking, origin):
    up = origin(hang)
    g = asking(up.address, options=", timeout: 300ms")
    began = time.monotonic()
    assert g.get("/").status == 504
    assert time.monotonic() - began < 5
    wait_for(lambda: server_of(g)["connections"] == 0, what="the connection of the fetch to be closed")
    c = g.connect()
    c.request("GET", "/")
    up.wait(2)
    assert server_of(g)["in_flight"] == 1
    c.reset()
    wait_for(lambda: server_of(g)["connections"] == 0, what="the fetch to be cancelled")


def test_a_redirect_is_an_answer(asking, origin):
    up = origin(reply(302, b"", headers=[("Location", "/elsewhere")]))
    g = asking(up.address)
    r = g.get("/")
    assert r.status == 299 and r.header("x-location") == "/elsewhere" and len(up.requests) == 1


def test_http2(asking, h2_origin):
    up = h2_origin(h2origin.answer(200, b"two"))
    g = asking(f"127.0.0.1:{up.port}", protocol="h2c")
    assert [g.get("/").body for _ in range(5)] == [b"two"] * 5
    assert len(up.connections) == 1


def test_in_the_background_over_a_reload(asking, origin):
    up = origin(reply(200, b"x", delay=1.0))
    g = asking(up.address, options=", background: true")
    assert g.get("/").status == 204
    up.wait(1)
    g.reload(GONE)
    g.wait_log(r"fetched: 0 200")
    assert g.get("/").status == 204


@pytest.mark.parametrize("version,header", [("v1", b"PROXY UNKNOWN\r\n"), ("v2", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0")])
def test_a_proxy_header_names_no_client(asking, origin, version, header):
    begun = []

    def on_accept(peer):
        begun.append(peer.reader.take(len(header)))
    up = origin(reply(200, b"x"), on_accept=on_accept)
    g = asking(up.address, protocol=f'http/1.1", proxy_protocol: "{version}')
    assert [g.get("/").body for _ in range(2)] == [b"x"] * 2
    assert begun == [header]
