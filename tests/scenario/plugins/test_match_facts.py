"""match.facts: routes that are chosen by what the plugins of a listener state, and by other facts of the request."""
import subprocess
from pathlib import Path

import pytest

from kit.gateway import find_program
from kit.modules import build_module
from kit.tokens import jwks

HEAD = """
listeners:
  - { name: public, address: "127.0.0.1:@public@", plugins: [%s] }
  - name: tls
    address: 127.0.0.1:@tls@
    protocols: [h2, http/1.1]
    plugins: [%s]
    tls: { certificates: [{ certificate: "@cert@", private_key: "@key@" }] }
  - { name: bare, address: "127.0.0.1:@bare@" }
routes:
"""
LOGIN = '{ use: jwt, issuer: "https://idp.test/", audience: api, jwks: "file:jwks.json" }'
CLIENTS = pytest.mark.parametrize("client", ["h1", "h2"])


@pytest.fixture
def ask(h2, raw):
    """ask(g, client, path, headers): status, body and fields."""
    def go(g, client, path="/", headers=()):
        if client == "h2":
            r = h2(g.port("tls")).request("GET", path, list(headers))
            return r.status, r.body.decode(), {n.lower(): v for n, v in dict(r.fields).items()}
        with raw(g.port("public")) as c:
            r = c.request("GET", path, headers).response("GET")
            return r.status, r.body.decode(), {n.lower(): v for n, v in r.fields}
    return go


@pytest.fixture(scope="session")
def modules(tmp_path_factory):
    return build_module(tmp_path_factory.mktemp("modules"), "tenant-probe", Path(__file__).parent / "modules/tenant_probe.c")


def start(gateway, server_cert, plugins, routes, **more):
    return gateway(HEAD % (plugins, plugins) + routes, cert=server_cert.cert, key=server_cert.key, **more)


@CLIENTS
def test_a_claim_chooses_the_route(gateway, server_cert, rs256, ask, client):
    g = start(gateway, server_cert, LOGIN, """
  - { name: gold, match: { path: /*, facts: { "claim:plan": gold } }, respond: { body: "gold" } }
  - { name: paid, match: { path: /*, facts: { "claim:plan": [silver, "regex:bronze-[0-9]"] } }, respond: { body: "paid" } }
  - { name: any, match: { path: /any, facts: { "claim:plan": "*" } }, respond: { body: "any" } }
  - { name: rest, match: { path: /* }, respond: { body: "rest" } }
""", files={"jwks.json": jwks(rs256)})

    def body(path="/", **claims):
        status, text, _ = ask(g, client, path, [("authorization", f"Bearer {rs256.mint(**claims)}")])
        assert status == 200
        return text
    assert [body(plan=p) for p in ("gold", "silver", "bronze-1", "bronze-x", "lead")] == ["gold", "paid", "paid", "rest", "rest"]
    assert [body(), body("/any"), body("/any", plan="lead"), body("/any", plan="gold")] == ["rest", "rest", "any", "any"]
    assert ask(g, client)[0] == 401
    assert g.get("/", listener="bare").body == b"rest", "there nobody states the claim"
    assert {n.get("route") for n in g.access(11)} == {"gold", "paid", "any", "rest", None}


@CLIENTS
def test_routing_waits_for_a_fact_that_is_stated_late(gateway, server_cert, modules, ask, client):
    g = start(gateway, server_cert, "{ use: tenant-probe }", """
  - { name: acme, match: { facts: { tenant: localhost } }, respond: { body: "acme" } }
  - { name: rest, respond: { body: "rest" } }
""", args=["--plugin-dir", modules])
    assert ask(g, client, headers=[] if client == "h2" else [("Host", "localhost.test")])[1] == "acme"
    if client == "h1":
        assert ask(g, client, headers=[("Host", "other.test")])[1] == "rest"


def test_a_fact_is_read_once_and_only_where_it_is_asked_for(gateway, server_cert, modules, ask):
    routes = "".join(f"""
  - {{ name: r{i}, match: {{ path: /many, facts: {{ "plan:name": p{i} }} }}, respond: {{ body: "{i}" }} }}""" for i in range(20))
    g = start(gateway, server_cert, "{ use: tenant-probe, ms: 1ms }", routes + """
  - { name: plain, match: { path: /plain }, respond: { body: "plain" } }
""", args=["--plugin-dir", modules])
    status, body, fields = ask(g, "h1", "/many", [("X-Plan", "p17")])
    assert (status, body, fields["x-asked"]) == (200, "17", "1")
    status, _, fields = ask(g, "h1", "/many", [("X-Plan", "none")])
    assert (status, fields["x-asked"]) == (404, "1")
    assert ask(g, "h1", "/plain")[2]["x-asked"] == "0"


def test_facts_of_the_request(gateway, server_cert, ask):
    g = start(gateway, server_cert, "", """
  - { name: canary, match: { path: /*, facts: { "cookie:canary": "1" } }, respond: { body: "canary" } }
  - { name: local, match: { path: /*, facts: { ip: [10.0.0.1, 127.0.0.1], "header:x-a": "regex:a+" } }, respond: { body: "local" } }
  - { name: rest, match: { path: /* }, respond: { body: "rest" } }
""")
    assert ask(g, "h1", headers=[("Cookie", "a=b; canary=1")])[1] == "canary"
    assert ask(g, "h1", headers=[("X-A", "aaa")])[1] == "local"
    assert ask(g, "h1", headers=[("X-A", "aaa"), ("X-A", "aaa")])[1] == "rest", "several lines are one value"
    assert ask(g, "h1", headers=[("Cookie", "canary=11")])[1] == "rest"


def test_another_method(gateway, server_cert, ask):
    g = start(gateway, server_cert, "", """
  - { name: post, match: { path: /x, methods: [POST], facts: { "header:x-a": "1" } }, respond: { body: "post" } }
""")
    assert ask(g, "h1", "/x")[0] == 404, "the condition is not met, whatever the method"
    status, _, fields = ask(g, "h1", "/x", [("X-A", "1")])
    assert (status, fields["allow"]) == (405, "POST, OPTIONS")


CHECKED = """listeners:
  - { name: in, address: "127.0.0.1:1", plugins: [%s] }
  - { name: out, address: "127.0.0.1:2" }
plugins:
  login: { use: jwt, issuer: "https://idp.test/", audience: api, jwks: "https://idp.test/jwks" }
routes:
  - name: r
    match: { path: /, listener: in, facts: { %s } }
    plugins: [%s]
    respond: {}
  - { name: s, match: { path: / }, respond: {} }
"""


@pytest.mark.parametrize("listener,fact,route,says,hint", [
    ("", '"claim:plan": gold', "login", '60: error: routes[0].match.facts["claim:plan"]: no plugin of a listener of route "r" states '
     '"claim:plan" before a route is chosen', "put the plugin that states it into `plugins` of the listener"),
    ("login", "upstream: a", "", '"upstream" is not known yet when a route is chosen', "a condition may ask for facts of the request"),
    ("login", '"path:id": a', "", '"path:id" is not known yet when a route is chosen', ""),
    ("login", "plan: a", "", 'there is no fact "plan"', ""),
    ("login", "sub: a", "", 'there is no fact "sub"', "did you mean claim:sub?"),
    ("login", 'consumer: "regex:("', "", "at character", ""),
])
def test_check_refuses(tmp_path, listener, fact, route, says, hint):
    code, told = check(tmp_path, CHECKED % (listener, fact, route))
    assert code == 1 and "sluice.yaml:8:" in told and says in told and hint in told


def test_check_accepts(tmp_path):
    code, told = check(tmp_path, CHECKED % ("login", '"claim:plan": [gold, silver], consumer: "*", ip: 127.0.0.1', "login"))
    assert code == 0, told
    code, told = check(tmp_path, CHECKED.replace("listener: in, ", "") % ("login", '"claim:plan": gold', ""))
    assert code == 0, "one of the listeners states it: " + told


def test_routes_that_one_request_could_take_both(tmp_path):
    text = CHECKED % ("login", '"claim:plan": [gold, silver]', "")
    for value, code in (("silver", 1), ("[lead, silver]", 1), ("lead", 0)):
        got, told = check(tmp_path, text + '  - { name: t, match: { path: /, listener: in, facts: { "claim:plan": %s } }, respond: {} }\n'
                          % value)
        assert got == code and ("cannot be told apart" in told) == bool(code), told


def check(tmp_path, text):
    program, plugins = find_program()
    (tmp_path / "sluice.yaml").write_text(text)
    done = subprocess.run([program, "check", "-c", tmp_path / "sluice.yaml", "--plugin-dir", plugins], capture_output=True,
                          text=True, check=False)
    return done.returncode, done.stderr
