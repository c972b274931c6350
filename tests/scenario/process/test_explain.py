"""`sluice explain`: how a configuration takes a request, and why, without a network."""
import json
import re
import subprocess

import pytest

from kit.gateway import find_program
from kit.modules import build_module

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:8080", plugins: [stamp] }
  - { name: inner, address: "127.0.0.1:9090" }
log: { access: { path: off } }
upstreams:
  orders: { servers: ["10.0.0.5:9000", { address: "10.0.0.6:9000", weight: 2 }] }
plugins:
  stamp: { use: headers, request: { set: { A: b } } }
  each: { use: rate-limit, rate: 100/min, by: ip, mode: report }
  seen: { use: headers, on_error: skip, response: { set: { A: b } } }
routes:
  - { name: orders, match: { host: shop.test, path: "/v1/orders/{id}" }, plugins: [each, seen], upstream: orders }
  - { name: any-order, match: { path: "/v1/*" }, respond: { status: 404 } }
  - { name: beta, match: { host: shop.test, path: "/v1/orders/{id}", headers: { X-Beta: "1" } }, respond: { status: 200 } }
  - { name: inner, match: { path: /inner, listener: inner }, respond: { status: 200 } }
  - { name: post, match: { path: /post, methods: [POST] }, respond: { status: 200 } }
"""
ORDER = "http://shop.test:8080/v1/orders/7?a=b"


@pytest.fixture
def explain(folder):
    def run(*args, config=CONFIG):
        program, plugins = find_program()
        path = folder / "sluice.yaml"
        path.write_text(config)
        return subprocess.run([program, "explain", "-c", path, "--plugin-dir", plugins, *args], capture_output=True, text=True,
                              timeout=20, check=False)
    return run


@pytest.fixture
def explained(explain):
    def run(*args, config=CONFIG, status=0):
        r = explain("--json", *args, config=config)
        assert r.returncode == status, r.stderr
        return json.loads(r.stdout)
    return run


def why(e):
    return {r["route"]: r["why"] for r in e["routes"]}


def test_as_text(explain):
    r = explain("GET", ORDER)
    assert r.returncode == 0 and not r.stderr
    assert r.stdout == """\
listener   public on 127.0.0.1:8080 (it has the URL's port)
route      orders: host shop.test, path /v1/orders/{id}
           {id} is "7"
plugins    1 stamp (headers, of the listener): on_request, on_response
           2 each (rate-limit): on_request; mode: report, it changes nothing
           3 seen (headers): on_request, on_response; on_error: skip
responses  seen, stamp
upstream   orders, round-robin over 2 servers
           10.0.0.5:9000 weight 1
           10.0.0.6:9000 weight 2
not taken  any-order: matches, but the host of `orders` is more specific
           beta: header `x-beta` is missing
           inner: path is "/v1/orders/7", which "/inner" does not match
           post: path is "/v1/orders/7", which "/post" does not match
"""


def test_tries(explain, explained):
    config = """
listeners:
  - { name: public, address: "127.0.0.1:8080", defaults: { hedge: { after: 200ms, grpc: true } } }
  - { name: inner, address: "127.0.0.1:9090" }
upstreams: { app: { servers: ["10.0.0.5:9000", "10.0.0.6:9000"], retry: { on: [reset, 503, unavailable], methods: [GET, PURGE], budget: 100% }, timeouts: { try: 2s } } }
routes: [{ name: all, match: { path: /* }, upstream: app }]
"""
    text = explain("GET", "http://a:8080/", config=config).stdout
    assert """\
           tries as the route or its listener says
           up to 3 servers, after reset, 503, UNAVAILABLE; GET, PURGE; within 5000 ms; pauses from 25 ms; bodies up to 65536 bytes
           each server has 2000 ms
           a second server after 200 ms, for gRPC calls too
""" in text
    u = explained("GET", "http://a:8080/", config=config)["upstream"]
    assert (u["rules"], u["try_ms"], u["hedge"]) == ("route", 2000, {"after_ms": 200, "grpc": True})
    assert u["retry"] == {"tries": 3, "on": ["reset", "503", "UNAVAILABLE"], "methods": ["GET", "PURGE"], "budget_percent": "100.00",
                          "within_ms": 5000, "backoff_ms": 25, "max_body": 65536}
    u = explained("GET", "http://a:9090/", config=config)["upstream"]
    assert u["rules"] == "upstream" and "hedge" not in u


def test_as_json(explained):
    e = explained("GET", ORDER)
    assert e["listener"] == {"name": "public", "address": "127.0.0.1:8080", "tls": False, "why": "it has the URL's port"}
    assert e["request"] == {"method": "GET", "host": "shop.test", "path": "/v1/orders/7", "captures": {"id": "7"}}
    assert e["route"] == "orders" and e["refused"] is None and e["status"] is None and e["open"] is False
    assert [(p["instance"], p["of"], p["mode"], p["on_error"]) for p in e["plugins"]] == [
        ("stamp", "listener", "enforce", "deny"), ("each", "route", "report", "deny"), ("seen", "route", "enforce", "skip")]
    assert e["responses"] == ["seen", "stamp"]
    assert e["upstream"] == {"name": "orders", "balance": "round-robin", "tls": False, "servers": [
        {"address": "10.0.0.5:9000", "weight": 1}, {"address": "10.0.0.6:9000", "weight": 2}]}
    assert {r["route"]: (r["verdict"], r.get("part")) for r in e["routes"]} == {
        "orders": ("wins", None), "any-order": ("outranked", "host"), "beta": ("fails", "headers"), "inner": ("fails", "path"),
        "post": ("fails", "path")}


KNOCK = """
#include <sluice/plugin.h>
static sluice_verdict hook(sluice_conn *c, const void *conf) { (void)c, (void)conf; return SLUICE_NEXT; }
static sluice_verdict done(sluice_exchange *x, const void *conf) { (void)x, (void)conf; return SLUICE_NEXT; }
SLUICE_PLUGIN("knock", .summary = "knock", .on_complete = done, .on_connect = hook, .on_secured = hook, .on_disconnect = hook);
"""


def test_hooks_of_connections(explained, folder):
    config = CONFIG.replace("stamp: { use: headers, request: { set: { A: b } } }", "stamp: { use: knock }")
    e = explained("--plugin-dir", str(build_module(folder / "m", "knock", KNOCK)), "GET", ORDER, config=config)
    assert e["plugins"][0]["hooks"] == ["on_connect", "on_secured", "on_complete", "on_disconnect"] and e["responses"] == ["seen"]


def test_header_fields_and_hosts(explained):
    assert explained("GET", ORDER, "-H", "X-Beta: 1")["route"] == "beta"
    e = explained("GET", "/v1/orders/7", "-H", "Host: shop.test")
    assert e["route"] == "orders" and "--listener" in e["listener"]["why"]
    assert explained("GET", "http://other.test/v1/orders/7", "-H", "Host: shop.test")["route"] == "orders", "a Host field counts"
    assert "`x-beta` is \"2\", not \"1\"" in why(explained("GET", ORDER, "-H", "X-Beta: 2"))["beta"]


def test_listeners(explained, explain):
    assert explained("GET", "http://a.test:9090/inner")["route"] == "inner"
    assert explained("GET", "http://a.test/inner", "--listener", "inner")["route"] == "inner"
    e = explained("GET", "http://a.test/inner", status=1)
    assert e["listener"]["name"] == "public" and e["listener"]["why"].startswith("none has the URL's port; this is the first one")
    assert why(e)["inner"] == 'listener is "public", not "inner"'
    assert "none is for its scheme" in explained("GET", "https://a.test/v1/a")["listener"]["why"]
    assert explain("GET", "/", "-H", "Host: a", "--listener", "none").returncode == 2


def test_what_is_refused(explain, explained):
    e = explained("GET", "http://a.test/none", status=1)
    assert e["refused"]["status"] == 404 and e["refused"]["code"] == "no-route" and e["route"] is None
    assert [p["instance"] for p in e["plugins"]] == ["stamp"], "the listener's plugins see it all the same"
    e = explained("GET", "http://a.test/post", status=1)
    assert e["refused"] == {"status": 405, "code": "method-not-allowed", "allow": "POST, OPTIONS"}
    r = explain("GET", "http://a.test/post")
    assert r.returncode == 1 and "refused    405 method-not-allowed" in r.stdout and "other routes take POST" in r.stdout
    e = explained("GET", "http://a.test/%zz", status=1)
    assert e["refused"]["code"] == "bad-target" and e["plugins"] == [] and e["routes"] == []


def test_options_that_the_gateway_answers(explain, explained):
    e = explained("OPTIONS", "http://a.test/post")
    assert e["status"] == 204 and e["refused"] is None and e["route"] is None
    assert "answer     204 by the gateway itself, with the methods that there are: POST, OPTIONS\n" in explain("OPTIONS", "http://a.test/post").stdout


def test_secrets_stay_out(explain):
    config = CONFIG.replace('X-Beta: "1"', 'Authorization: "Bearer a"')
    r = explain("GET", ORDER, "-H", "Authorization: Bearer s3cr3t-7", config=config)
    assert "s3cr3t-7" not in r.stdout + r.stderr and "(hidden)" in r.stdout


def test_facts_are_not_known(explain, explained):
    config = CONFIG.replace('headers: { X-Beta: "1" }', 'facts: { ip: 192.0.2.7 }')
    e = explained("GET", ORDER, config=config)
    assert e["open"] and e["route"] == "orders"
    assert {r["route"]: r["verdict"] for r in e["routes"]}["beta"] == "not-known"
    assert "unless one takes it of which not all is known here" in explain("GET", ORDER, config=config).stdout


def test_many_routes(explain):
    more = "".join(f"  - {{ name: r{i}, match: {{ path: /r{i} }}, respond: {{ status: 200 }} }}\n" for i in range(40))
    short = explain("GET", ORDER, config=CONFIG + more).stdout
    assert "beta: header" in short and "and 32 more of another host or path; --all shows them" in short
    whole = explain("--all", "GET", ORDER, config=CONFIG + more).stdout
    assert "r39: path is" in whole and "--all" not in whole


@pytest.mark.parametrize("args", [[], ["GET"], ["GET", "/x"], ["GET", "ftp://a/"], ["GET", "http://"], ["GET", "http://a/", "more"],
                                  ["GET", "http://a/", "-H", "no field"], ["GET", "http://a/", "-H", "A: b\r\nC: d"], ["--nonsense"]])
def test_wrong_usage(explain, args):
    r = explain(*args)
    assert r.returncode == 2 and r.stderr and not r.stdout


def test_mistakes_are_those_of_check(explain):
    r = explain("GET", ORDER, config=CONFIG.replace("[each, seen]", "[each, sen]"))
    assert r.returncode == 2 and not r.stdout
    assert re.search(r'sluice\.yaml:\d+:\d+: error: .*there is no plugin instance or chain "sen"', r.stderr) and 'did you mean "seen"' in r.stderr


def test_it_says_what_a_gateway_does(explained, gateway):
    config = CONFIG.replace("127.0.0.1:8080", "127.0.0.1:@public@").replace("127.0.0.1:9090", "127.0.0.1:@inner@").replace(
        "log: { access: { path: off } }\n", "")
    g = gateway(config)
    for method, path, host in (("GET", "/v1/x", "a.test"), ("POST", "/post", "a.test"), ("GET", "/post", "a.test"), ("GET", "/none", "a.test"),
                               ("GET", "/v1/orders/7", "shop.test")):
        got = g.request(method, path, [("Host", host), ("X-Beta", "1")])
        said = explained(method, f"http://{host}{path}", "-H", "X-Beta: 1", status=1 if got.status in (405,) or path == "/none" else 0)
        assert got.status == (said["refused"]["status"] if said["refused"] else said["status"])


ALTERNATIVES = """
listeners:
  - { name: public, address: "127.0.0.1:8080" }
plugins:
  a: { use: ip-access, allow: [10.0.0.1] }
  b: { use: ip-access, allow: [10.0.0.2] }
  either: { use: any-of, of: [a, { use: all-of, of: [b, a] }] }
routes:
  - { name: r, match: { path: /r }, plugins: [a, either], respond: { status: 200 } }
"""


def test_alternatives(explain, explained):
    e = explained("GET", "http://shop.test:8080/r", config=ALTERNATIVES)
    assert [p["any_of"] for p in e["plugins"]] == [None, {"group": 1, "alternative": 1}, *[{"group": 1, "alternative": 2}] * 2]
    assert "2 a (ip-access): on_connect, on_request; alternative 1 of any-of 1\n" in explain("GET", "http://shop.test:8080/r", config=ALTERNATIVES).stdout


LISTS = """
listeners:
  - { name: public, address: "127.0.0.1:8080" }
  - { name: inner, address: "127.0.0.1:9090" }
log: { access: { path: off } }
routes:
  - { name: shop, match: { host: [shop.test, "*.shop.test"], path: [/cart, "/items/{id}"] }, respond: { status: 200 } }
  - { name: office, match: { host: shop.test, path: /cart, client: [10.0.0.0/8, "2001:db8::/32"] }, respond: { status: 200 } }
  - { name: canary, match: { host: shop.test, path: /cart, listener: [inner], cookies: { canary: "1" } }, respond: { status: 200 } }
"""


def test_lists_name_what_matched(explain, explained):
    r = explain("GET", "http://a.shop.test:8080/items/7", config=LISTS)
    assert "route      shop: host *.shop.test (2 of 2), path /items/{id} (2 of 2)\n" in r.stdout
    assert 'office: host is "a.shop.test", not "shop.test"\n' in r.stdout
    e = explained("GET", "http://a.shop.test:8080/items/7", config=LISTS)
    assert e["matched"] == {"host": "*.shop.test", "path": "/items/{id}"}
    assert why(explained("GET", "http://shop.test:8080/other", config=LISTS, status=1))["shop"] == \
        'path is "/other", which "/cart" or "/items/{id}" does not match'


def test_a_client_is_known_when_it_is_told(explain, explained):
    e = explained("GET", "http://shop.test:8080/cart", config=LISTS)
    assert e["route"] == "shop" and e["open"]
    assert why(e)["office"] == 'takes the request if its client is in "10.0.0.0/8" or "2001:db8::/32", which is not known here'
    assert why(e)["canary"] == 'listener is "public", not "inner"'
    e = explained("--client", "10.1.2.3", "GET", "http://shop.test:8080/cart", config=LISTS)
    assert e["route"] == "office" and not e["open"]
    assert why(e)["shop"] == 'matches by host "shop.test" and path "/cart", but `office` has more conditions'
    e = explained("--client", "192.0.2.1", "GET", "http://shop.test:8080/cart", config=LISTS)
    assert e["route"] == "shop" and why(e)["office"] == 'client is 192.0.2.1, not in "10.0.0.0/8" or "2001:db8::/32"'
    e = explained("-H", "Cookie: canary=1", "--client", "::1", "GET", "http://shop.test:9090/cart", config=LISTS)
    assert e["route"] == "canary"
    r = explain("--client", "x", "GET", ORDER)
    assert r.returncode == 2 and "--client takes an address" in r.stderr
