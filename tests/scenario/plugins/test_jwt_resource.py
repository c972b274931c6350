"""Metadata of protected resources (RFC 9728), and the way of a client that knows nothing but the resource's URL (MCP)."""
import json
import subprocess

import pytest

from kit.gateway import GatewayDied, find_program
from kit.provider import JWT, bearer
from kit.tokens import challenge, jwks, refusal

WELL_KNOWN = "/.well-known/oauth-protected-resource"
CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
  - { name: other, address: "127.0.0.1:@other@" }
  - { name: guarded, address: "127.0.0.1:@guarded@", plugins: [whole] }
plugins:
  tools: { use: jwt, issuer: "@issuer@", resource: "https://api.test/mcp", audience: "@audience@", scopes: ["orders:read"],
           resource_scopes: ["orders:read", "orders:write"], resource_name: "Tools & more", resource_documentation: "https://api.test/docs" }
  same: { use: jwt, issuer: "@issuer@", resource: "https://api.test/mcp", audience: "@audience@", scopes: ["orders:read"], leeway: 1s,
          resource_scopes: ["orders:read", "orders:write"], resource_name: "Tools & more", resource_documentation: "https://api.test/docs" }
  whole: { use: jwt, issuers: { "https://idp.test/": "file:jwks.json", batch: "file:jwks.json" }, resource: "https://api.test/" }
routes:
  - { name: tools, match: { path: /mcp, host: [api.test, "*.api.test"], listener: public }, plugins: [tools], respond: { status: 200, body: "in" } }
  - { name: more, match: { path: /mcp/*, host: api.test, listener: public }, plugins: [same], respond: { status: 200, body: "in" } }
  - { name: whole, match: { path: /whole }, plugins: [whole], respond: { status: 200, body: "in" } }
"""


@pytest.fixture
def setting(gateway, provider, rs256):
    issuer = provider(rs256)
    return gateway(CONFIG, issuer=issuer.url, audience=JWT, files={"jwks.json": jwks(rs256)}), issuer


def host(name):
    return [("Host", name)]


def test_a_client_finds_its_way(setting):
    """401 -> resource_metadata -> the document -> the authorization server's own document -> a token -> 200."""
    g, issuer = setting
    r = g.get("/mcp", host("api.test"))
    assert r.status == 401 and refusal(r) == "token-missing"
    scheme, told = challenge(r)
    assert scheme == "Bearer" and told["scope"] == "orders:read"
    url = told["resource_metadata"]
    assert url == f"https://api.test{WELL_KNOWN}/mcp", "the scheme and host by which clients call, not those of this connection"
    r = g.get(url.removeprefix("https://api.test"), host("api.test"))
    assert r.status == 200 and r.header("content-type") == "application/json"
    assert r.header("access-control-allow-origin") == "*" and r.header("cache-control") == "max-age=300"
    assert json.loads(r.body) == {
        "resource": "https://api.test/mcp", "authorization_servers": [issuer.url], "scopes_supported": ["orders:read", "orders:write"],
        "bearer_methods_supported": ["header"], "resource_name": "Tools & more", "resource_documentation": "https://api.test/docs"}
    assert g.get("/mcp", host("api.test") + bearer(issuer.token())).status == 200
    assert g.get("/mcp/x", host("api.test") + bearer(issuer.token())).status == 200


def test_where_the_document_is_served(setting):
    g, _ = setting
    path = WELL_KNOWN + "/mcp"
    assert g.get(path, host("x.api.test")).status == 200, "each host of the route"
    assert g.get(path, host("else.test")).status == 404
    assert g.get(path, host("api.test"), listener="other").status == 404, "the route's listeners alone"
    assert g.get(WELL_KNOWN, host("any.test")).status == 200
    assert g.get(path + "/", host("api.test")).status == 404
    head = g.request("HEAD", path, host("api.test"))
    assert head.status == 200 and head.body == b""
    asked = g.request("OPTIONS", path, [*host("api.test"), ("Origin", "https://app.test"), ("Access-Control-Request-Method", "GET"),
                                        ("Access-Control-Request-Headers", "mcp-protocol-version")])
    assert asked.status == 200 and asked.header("access-control-allow-headers") == "*"
    refused = g.request("POST", path, host("api.test"), b"x")
    assert refused.status == 405 and "GET" in refused.header("allow")


def test_on_a_listener(setting):
    """The plugin of the listener, before whom no route is reached, answers by itself."""
    g, _ = setting
    r = g.get(WELL_KNOWN, listener="guarded")
    assert r.status == 200 and json.loads(r.body)["authorization_servers"] == ["https://idp.test/"]
    assert r.header("access-control-allow-origin") == "*"
    assert g.get("/whole", listener="guarded").status == 401


def test_the_resource_is_the_audience(setting, rs256):
    g, _ = setting
    assert refusal(g.get("/whole", bearer(rs256.mint()))) == "token-audience"
    assert g.get("/whole", bearer(rs256.mint(aud=["https://api.test/"]))).status == 200


PLAIN = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  a: { use: jwt, issuer: "https://idp.test/", jwks: "file:jwks.json", resource: "@resource@" }
  b: { use: jwt, issuer: "https://idp.test/", jwks: "file:jwks.json", resource: "https://api.test/mcp", @more@ }
routes:
  - { name: a, match: { path: /a }, plugins: [a], respond: { status: 200, body: "in" } }
  - { name: b, match: { path: /b }, plugins: [{ use: any-of, of: [b, a] }], respond: { status: 200, body: "in" } }
  @route@
"""


@pytest.mark.parametrize(("resource", "more", "words"), [
    ("https://api.test/mcp", "scopes: [x]", "has another document for /.well-known/oauth-protected-resource/mcp"),
    ("api.test", "", "is no http:// or https:// URL"),
    ("https://api.test/?a=b", "", "has a query"),
    ("https://api.test/a b", "", "is no http:// or https:// URL"),
    ("https://api.test/*", "", "other characters"),
    ("https://me@api.test/", "", "has a user"),
    ("https:///a", "", "has no host"),
    ("https://api.test/a//b", "", "cannot be served"),
    ("", "", None),
    ("https://api.test/mcp", "", None),
])
def test_mistakes(gateway, rs256, resource, more, words):
    start = {"resource": resource, "more": more or "leeway: 1s", "route": "", "files": {"jwks.json": jwks(rs256)}}
    if not words:
        assert gateway(PLAIN, **start).get(WELL_KNOWN + "/mcp").status == 200
        return
    with pytest.raises(GatewayDied) as e:
        gateway(PLAIN, **start)
    assert words in str(e.value) and "sluice.yaml:" in str(e.value)


def test_a_route_of_the_file_comes_first(gateway, rs256):
    """And `explain` says who answers."""
    own = "- { name: own, match: { path: /.well-known/oauth-protected-resource/mcp }, respond: { status: 200, body: own } }"
    g = gateway(PLAIN, resource="https://api.test/one", more="leeway: 1s", route=own, files={"jwks.json": jwks(rs256)})
    assert g.get(WELL_KNOWN + "/mcp").body == b"own"
    assert json.loads(g.get(WELL_KNOWN + "/one").body)["resource"] == "https://api.test/one"
    program, plugins = find_program()
    done = subprocess.run([program, "explain", "-c", g.config_path, "--plugin-dir", plugins, "GET", f"http://api.test{WELL_KNOWN}/one"],
                          capture_output=True, text=True, check=True, cwd=g.folder)
    assert 'the document of plugin instance "a"' in done.stdout, done.stdout


BESIDE = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
  - { name: other, address: "127.0.0.1:@other@" }
  - { name: third, address: "127.0.0.1:@third@" }
plugins:
  a: { use: jwt, issuer: "https://idp.test/", jwks: "file:jwks.json", resource: "https://api.test/mcp" }
routes:
  - { name: a, match: { path: /a, listener: [public, other] }, plugins: [a], respond: { status: 200, body: "in" } }
  - { name: b, match: { path: /b, listener: [other, third] }, plugins: [a], respond: { status: 200, body: "in" } }
  - { name: posts, match: { path: "@path@", methods: POST }, respond: { status: 200, body: posts } }
  - { name: loud, match: { path: "@loud@" }, respond: { status: 200, body: loud } }
  - { name: asked, match: { path: "@path@", query: { own: "1" }, listener: [public, other] }, respond: { status: 200, body: asked } }
  - { name: there, match: { path: "@path@", listener: third, methods: GET }, respond: { status: 200, body: there } }
"""


def test_a_route_of_the_file_takes_what_it_takes_and_no_more(gateway, rs256):
    """By method, listener, condition and case of the path; and lists of listeners may have one in common."""
    path = WELL_KNOWN + "/mcp"
    g = gateway(BESIDE, path=path, loud=WELL_KNOWN + "/MCP", files={"jwks.json": jwks(rs256)})
    for listener in ("public", "other"):
        assert json.loads(g.get(path, listener=listener).body)["resource"] == "https://api.test/mcp"
        assert g.request("POST", path, listener=listener).body == b"posts"
        assert g.get(path + "?own=1", listener=listener).body == b"asked"
        assert g.get(WELL_KNOWN + "/MCP", listener=listener).body == b"loud"
    assert g.get(path, listener="third").body == b"there"


def test_one_authorization_server_for_each_tenant(gateway):
    """Azure's issuers have a mark in the place of the tenant, which is no URL of anybody."""
    g = gateway("""
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  login: { use: jwt, issuer: "https://idp.test/{tenantid}/v2.0", tenants: [t-1, t-2], jwks: "http://127.0.0.1:1/keys", resource: "https://api.test/mcp" }
routes:
  - { name: all, match: { path: /* }, plugins: [login], respond: { status: 200 } }
""")
    r = g.get("/.well-known/oauth-protected-resource/mcp", [("Host", "api.test")])
    assert json.loads(r.body)["authorization_servers"] == ["https://idp.test/t-1/v2.0", "https://idp.test/t-2/v2.0"]
