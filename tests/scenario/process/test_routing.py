"""Which route takes a request, where it is easily expected otherwise."""
import re
import subprocess

import pytest

from kit.gateway import find_program


@pytest.fixture
def check(folder):
    """The errors of a configuration: (line, column, message) of each."""
    def run(text):
        program, plugins = find_program()
        path = folder / "gateway.yaml"
        path.write_text(text)
        r = subprocess.run([program, "check", "-c", path, "--plugin-dir", plugins], capture_output=True, text=True, timeout=20, check=False)
        assert r.returncode == 1, r.stdout
        return [(int(line), int(col), text) for line, col, text in re.findall(r":(\d+):(\d+): error: (.*)", r.stderr)]
    return run


CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
  - { name: other, address: "127.0.0.1:@other@" }
routes:
  - { name: all, match: {}, respond: { status: 200, body: "all" } }
  - { name: user, match: { path: "regex:/u/[0-9]+" }, respond: { status: 200, body: "user" } }
  - { name: bound, match: { listener: other }, respond: { status: 200, body: "bound" } }
  - { name: hosted, match: { host: app.test, path: /* }, respond: { status: 200, body: "hosted" } }
"""


def test_an_expression_wins_against_a_catch_all(gateway):
    g = gateway(CONFIG)
    assert g.get("/u/7").body == b"user"
    assert g.get("/u/x").body == b"all"


def test_a_listener_is_only_a_condition(gateway):
    g = gateway(CONFIG)
    assert g.get("/", [("Host", "app.test")], listener="other").body == b"hosted", "the host counts before the listener"
    assert g.get("/", listener="other").body == b"bound"


LISTS = """
listeners:
  - { name: public, address: "127.0.0.1:@public@", trusted_proxies: [127.0.0.1] }
  - { name: other, address: "127.0.0.1:@other@" }
  - { name: third, address: "127.0.0.1:@third@" }
routes:
  - { name: lists, match: { host: [a.test, "*.b.test"], path: [/x, /y/*, "regex:/[0-9]+"] }, respond: { status: 200, body: "lists" } }
  - { name: bound, match: { host: a.test, path: /x, listener: [other, third] }, respond: { status: 200, body: "bound" } }
  - { name: office, match: { path: /c, client: [10.0.0.0/8, "2001:db8::/32"] }, respond: { status: 200, body: "office" } }
  - { name: home, match: { path: /c, client: [192.168.0.0/16] }, respond: { status: 200, body: "home" } }
  - { name: canary, match: { path: /k, cookies: { canary: "1" } }, respond: { status: 200, body: "canary" } }
  - { name: stable, match: { path: [/k, /c] }, respond: { status: 200, body: "stable" } }
"""


def test_lists_of_hosts_paths_and_listeners(gateway):
    g = gateway(LISTS)
    for host, path in ("a.test", "/x"), ("c.b.test", "/y/z"), ("c.b.test", "/12"), ("a.test", "/y"):
        assert g.get(path, [("Host", host)]).body == b"lists", (host, path)
    assert g.get("/z", [("Host", "a.test")]).status == 404
    assert g.get("/x", [("Host", "b.test")]).status == 404
    assert g.get("/x", [("Host", "a.test")], listener="other").body == b"bound"
    assert g.get("/x", [("Host", "a.test")], listener="third").body == b"bound"
    assert g.metrics()['sluice_route_requests_total{route="lists",status="2xx"}'] == 4, "one route, whatever its hosts and paths"


def test_the_client_as_trusted_proxies_tell_it(gateway):
    g = gateway(LISTS)

    def take(ip, listener="public"):
        return g.get("/c", [("X-Forwarded-For", ip)], listener=listener).body
    assert take("10.1.2.3") == b"office"
    assert take("2001:db8::9") == b"office"
    assert take("192.168.3.4") == b"home"
    assert take("203.0.113.5") == b"stable"
    assert take("10.1.2.3", "other") == b"stable", "nobody is believed there: the client is 127.0.0.1"


def test_cookies(gateway):
    g = gateway(LISTS)
    assert g.get("/k", [("Cookie", "id=7; canary=1")]).body == b"canary"
    assert g.get("/k", [("Cookie", "id=7"), ("Cookie", "canary=1")]).body == b"canary"
    assert g.get("/k", [("Cookie", "canary=2")]).body == b"stable"
    assert g.get("/k").body == b"stable"


def test_errors_point_to_the_member(check):
    found = check("""
listeners: [{ name: public, address: "127.0.0.1:8080" }]
routes:
  - name: a
    match: { host: [a.test, "b c"], path: [/x, "y"], listener: [public, pubic] }
    respond: {}
  - name: b
    match:
      path: [/p, /q]
      client: [10.0.0.0/8, 10.0.0.1/8]
      cookies: { "a b": "1" }
    respond: {}
""")
    assert [(line, col) for line, col, _ in found] == [(5, 29), (5, 48), (5, 73), (10, 28), (11, 25)]
    assert "routes[0].match.host[1]" in found[0][2] and "routes[0].match.path[1]" in found[1][2]
    assert 'there is no listener "pubic"' in found[2][2] and "bits are set behind the prefix" in found[3][2]


def test_routes_that_cannot_be_told_apart(check):
    found = check("""
listeners: [{ name: public, address: "127.0.0.1:8080" }]
routes:
  - { name: a, match: { path: [/x, /y] }, respond: {} }
  - { name: b, match: { path: [/z, /y, /x] }, respond: {} }
  - { name: c, match: { path: [/z, /*, /*], client: 10.0.0.0/8 }, respond: {} }
  - { name: d, match: { path: /z, client: 11.0.0.0/8 }, respond: {} }
""")
    assert [(line, col) for line, col, _ in found] == [(5, 40)], "of each pair of routes one, and none within a route"
    assert "cannot be told apart" in found[0][2] and "path /x" in found[0][2]


def test_an_ipv6_host_in_any_spelling(gateway):
    g = gateway("""
listeners: [{ name: public, address: "127.0.0.1:@public@" }]
routes:
  - { name: six, match: { host: ["[2001:DB8:0:0:0:0:0:1]", "example.com."] }, respond: { status: 200, body: "{host}" } }
""")
    for host in "[2001:db8::1]", "[2001:0DB8::0:1]:8080", "[2001:db8:0:0:0:0:0:1]":
        assert g.get("/", [("Host", host)]).body == b"[2001:db8::1]", host
    assert g.get("/", [("Host", "[2001:db8::2]")]).status == 404
    for host in "example.com", "EXAMPLE.com.", "example.com.:80":
        assert g.get("/", [("Host", host)]).body == b"example.com", host
