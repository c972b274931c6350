"""Plugins of a listener: they run for each of its requests before a route is chosen, also where there is none."""
import concurrent.futures
import subprocess
from pathlib import Path

import pytest

from kit.gateway import find_program
from kit.modules import build_module
from kit.origin import reply
from kit.process import wait_for
from kit.tokens import jwks
from kit.tunnels import Guest1, Guest2, echo_to_the_end, talking

HEAD = """
listeners:
  - { name: public, address: "127.0.0.1:@public@", plugins: [%s] }
  - { name: bare, address: "127.0.0.1:@bare@" }
  - name: tls
    address: 127.0.0.1:@tls@
    protocols: [h2, http/1.1]
    plugins: [%s]
    tls: { certificates: [{ certificate: "@cert@", private_key: "@key@" }] }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
  other: { servers: ["127.0.0.1:@other@"] }
"""
ROUTES = """
routes:
  - { name: app, match: { path: /app/* }, upstream: app }
  - { name: get, match: { path: /get, methods: [GET] }, plugins: [{ use: headers, response: { set: { X-Route: "{route}" } } }], respond: { body: "got" } }
"""
LOGIN = '{ use: jwt, issuer: "https://idp.test/", audience: api, jwks: "file:jwks.json" }'
CLIENTS = pytest.mark.parametrize("client", ["h1", "h2"])


@pytest.fixture
def listening(gateway, server_cert):
    """listening(plugins, rest): a gateway whose listeners public and tls have these plugins."""
    def start(plugins, rest=ROUTES, app=1, other=1, **more):
        return gateway(HEAD % (plugins, plugins) + rest, app=app, other=other, cert=server_cert.cert, key=server_cert.key, **more)
    return start


@pytest.fixture
def ask(h2, raw):
    """ask(g, client, path, ...): status, fields, body and the code of a refusal."""
    def go(g, client, path, method="GET", headers=()):
        if client == "h2":
            r = h2(g.port("tls")).request(method, path, list(headers))
            return r.status, {n.lower(): v for n, v in dict(r.fields).items()}, r.body
        with raw(g.port("public")) as c:
            r = c.request(method, path, headers).response(method)
            return r.status, {n.lower(): v for n, v in r.fields}, r.body
    return go


MARK = '{ use: headers, response: { set: { Access-Control-Allow-Origin: "*" } } }'


@CLIENTS
def test_every_answer_carries_the_field(listening, origin, ask, client):
    g = listening(MARK, app=origin(reply(200, b"app")).port)
    for path, method, status in (("/app/x", "GET", 200), ("/get", "GET", 200), ("/none", "GET", 404), ("/get", "DELETE", 405)):
        got, fields, _ = ask(g, client, path, method)
        assert (got, fields.get("access-control-allow-origin")) == (status, "*"), path
    assert fields["allow"] == "GET, HEAD, OPTIONS"
    assert "access-control-allow-origin" not in g.get("/none", listener="bare").fields
    assert {(n["listener"], n["path"], n.get("reason")) for n in g.access(5) if n["status"] != 200} == {
        ("public" if client == "h1" else "tls", "/none", "no-route"), ("bare", "/none", "no-route"),
        ("public" if client == "h1" else "tls", "/get", "method-not-allowed")}


def test_a_request_that_is_none_meets_no_plugin(listening, raw):
    g = listening(MARK)
    with raw(g.port("public")) as c:
        c.send(b"GET / HTTP/1.1\r\nHost: a\r\nBad Field: x\r\n\r\n")
        r = c.response()
    assert r.status == 400 and "access-control-allow-origin" not in r.fields
    assert g.metrics().get('sluice_plugin_calls_total{plugin="listener:public/0"}', 0) == 0


@CLIENTS
def test_a_limit(listening, ask, client):
    g = listening("few", "plugins: { few: { use: rate-limit, rate: 1/d, burst: 2 } }" + ROUTES)
    got = [ask(g, client, path) for path in ("/none", "/get", "/get")]
    assert [r[0] for r in got] == [404, 200, 429]
    assert [("ratelimit" in r[1]) for r in got] == [True] * 3
    line = next(n for n in g.access(3) if n["status"] == 429)
    assert line["reason"] == "rate-limited" and not line.get("route")


@CLIENTS
def test_a_token(listening, ask, client, rs256):
    g = listening("login", "plugins: { login: " + LOGIN + " }" + ROUTES, files={"jwks.json": jwks(rs256)})
    token = [("authorization", f"Bearer {rs256.mint()}")]
    assert ask(g, client, "/none")[0] == 401
    assert ask(g, client, "/none", headers=token)[0] == 404
    assert ask(g, client, "/get", headers=token)[0] == 200
    assert {(n["status"], n.get("consumer")) for n in g.access(3)} == {(401, None), (404, "alice"), (200, "alice")}
    assert g.get("/get", listener="bare").status == 200


def test_keep_alive(listening, raw):
    """One connection, each of its requests judged anew."""
    g = listening("few, " + MARK, "plugins: { few: { use: rate-limit, rate: 1/d, burst: 5 } }" + ROUTES)
    with raw(g.port("public")) as c:
        got = [c.get(path).status for path in ("/get", "/none", "/get", "/none", "/get", "/get", "/none")]
    assert got == [200, 404, 200, 404, 200, 429, 429]


def test_wait_and_go_elsewhere(listening, origin, ask, tmp_path):
    """A plugin that waits, and sets target and upstream in the callback: that is what is routed."""
    modules = build_module(tmp_path, "reroute-probe", Path(__file__).parent / "modules/reroute_probe.c")
    up, other = origin(reply(200, b"app")), origin(reply(200, b"other"))
    g = listening("{ use: reroute-probe, path: /app/new, to: other, when: wait }", app=up.port, other=other.port,
                  args=["--plugin-dir", modules])
    for n, client in enumerate(("h1", "h2")):
        status, _, body = ask(g, client, "/none")
        assert (status, body, other.requests[n].target) == (200, b"other", "/app/new")
    line = g.access(1)[0]
    assert (line["route"], line["upstream"], line["path"], line["rewritten_path"]) == ("app", "other", "/none", "/app/new")
    assert not up.requests


def test_reload_while_requests_run(listening, origin):
    """Requests in progress finish with the plugins that they began with, on the connections that they have; none fails."""
    up = origin(reply(200, b"ok", delay=0.005))
    mark = '{ use: headers, response: { set: { X-Version: "@version@" } } }'
    rest = "plugins: { few: { use: rate-limit, rate: 100000/s } }" + ROUTES
    g = listening(mark, rest, app=up.port, version="0")
    stop, seen = [], []

    def client():
        with g.connect("public") as c:
            while not stop:
                r = c.get("/app/x")
                seen.append((r.status, r.header("x-version")))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(client) for _ in range(4)]
        for version in range(1, 7):
            g.values["version"] = str(version)
            plugins = [mark, "few, " + mark, ""][version % 3]
            g.reload(HEAD % (plugins, "") + rest)
            want = str(version) if plugins else None
            wait_for(lambda want=want: (200, want) in seen[-8:], what=f"version {version}")
        stop.append(True)
        for c in clients:
            c.result()
    assert {status for status, _ in seen} == {200}
    assert up.errors == []


def test_a_renamed_listener_keeps_its_plugins(listening, raw):
    g = listening(MARK)
    with raw(g.port("public")) as c:
        assert c.get("/get").header("access-control-allow-origin") == "*"
        g.reload((HEAD % (MARK.replace('"*"', '"new"'), "") + ROUTES).replace("name: public,", "name: renamed,"))
        wait_for(lambda: c.get("/none").header("access-control-allow-origin") == "new", what="the new plugins on the old connection")


@pytest.mark.parametrize("guest", [Guest1, Guest2])
def test_a_tunnel(gateway, origin, guest):
    """The listener's plugins judge the handshake; the route says which protocols pass."""
    up = origin(talking(echo_to_the_end))
    g = gateway("""
listeners:
  - name: public
    address: "127.0.0.1:@public@"
    protocols: [h2, http/1.1]
    plugins: [{ use: rate-limit, rate: 1/d, burst: 2 }]
upstreams: { app: { servers: ["127.0.0.1:@app@"] } }
routes:
  - { name: chat, match: { path: /chat }, upgrade: [websocket], upstream: app }
""", app=up.port)
    for agreed in (True, True, False):
        c = guest(g.port(), "/chat", "websocket")
        assert c.agreed == agreed
        if agreed:
            c.send(b"hello")
            assert c.recv(5) == b"hello"
        c.close()


def test_a_plugin_that_only_reports(listening, ask):
    g = listening("{ use: rate-limit, rate: 1/d, mode: report }")
    assert [ask(g, "h1", "/get")[0] for _ in range(3)] == [200] * 3
    wait_for(lambda: sum("report:rate-limited" in n.get("notes", []) for n in g.access(3)) == 2, what="the two that it would have refused")


# ---- chains ----

CHAINS = """
plugins:
  public: [mark, inner, { use: rate-limit, rate: 1/d, burst: 3 }]
  inner: [{ use: headers, response: { add: { X-Order: inner } } }]
  mark: { use: headers, response: { add: { X-Order: mark } } }
"""


def test_a_chain_stands_for_its_plugins(listening, ask):
    g = listening("public", CHAINS + """
routes:
  - { name: a, match: { path: /a }, plugins: [{ use: headers, response: { add: { X-Order: first } } }, inner, mark], respond: {} }
  - { name: b, match: { path: /b }, respond: {} }
""")
    assert g.get("/a").fields.all("x-order") == ["mark", "inner", "first", "inner", "mark"]
    assert g.get("/b").fields.all("x-order") == ["inner", "mark"]
    assert g.get("/a").header("ratelimit-policy") == '"public/2";q=1;w=86400'
    assert g.get("/b").status == 429
    assert ask(g, "h2", "/b")[0] == 429, "the limit is the chain's, whoever uses it"
    assert g.metrics()['sluice_plugin_calls_total{plugin="inner/0"}'] > 0


def check(tmp_path, text):
    program, plugins = find_program()
    (tmp_path / "sluice.yaml").write_text(text)
    done = subprocess.run([program, "check", "-c", tmp_path / "sluice.yaml", "--plugin-dir", plugins], capture_output=True,
                          text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("plugins,place,says,hint", [
    ("a: [b]\n  b: [c]\n  c: [a]", "5:7: error: plugins.c[0]", 'chain "a" contains itself: a > b > c > a', "take one of these names out of its list"),
    ("a: [a]", "3:7: error: plugins.a[0]", 'chain "a" contains itself: a > a', "take one of these names out of its list"),
    ("cors: [marc]\n  mark: { use: headers, response: { remove: [A] } }", "3:10: error: plugins.cors[0]", 'there is no plugin instance or chain "marc"', 'did you mean "mark"?'),
    ("a: [[b]]", "3:7: error: plugins.a[0]", "expected the name of an instance or a chain, or a block with `use`", ""),
])
def test_wrong_chains(tmp_path, plugins, place, says, hint):
    code, told = check(tmp_path, f"""listeners: [{{ name: public, address: "127.0.0.1:1" }}]
plugins:
  {plugins}
routes: [{{ name: r, match: {{ path: / }}, respond: {{}} }}]
""")
    assert code == 1 and f"sluice.yaml:{place}: {says}" in told and hint in told
    assert told.count("error:") == 1, told


def test_a_chain_that_is_too_long(tmp_path):
    code, told = check(tmp_path, """listeners: [{ name: public, address: "127.0.0.1:1" }]
plugins:
  m: { use: headers, response: { remove: [A] } }
  ten: [m, m, m, m, m, m, m, m, m, m]
  all: [ten, ten, ten, ten, ten, ten, ten]
routes: [{ name: r, match: { path: / }, plugins: [all], respond: {} }]
""")
    assert code == 1 and "sluice.yaml:5:39: error: plugins.all[6]: the list has more than 64 plugins, those of its chains included" in told


def test_facts_that_come_too_late(tmp_path):
    code, told = check(tmp_path, """listeners:
  - name: public
    address: "127.0.0.1:1"
    plugins:
      - { use: rate-limit, rate: 1/s, by: route }
      - { use: rate-limit, rate: 1/s, by: "claim:sub" }
      - { use: headers, response: { set: { X-Route: "{route}" } } }
  - { name: other, address: "127.0.0.1:2", plugins: [login] }
plugins:
  login: { use: jwt, issuer: "https://idp.test/", audience: api, jwks: "https://idp.test/jwks" }
routes:
  - { name: r, match: { path: / }, plugins: [{ use: rate-limit, rate: 1/s, by: "claim:sub" }], respond: {} }
  - { name: s, match: { path: /s, listener: other }, plugins: [{ use: rate-limit, rate: 1/s, by: "claim:sub" }], respond: {} }
""")
    assert code == 0
    assert 'sluice.yaml:5:9: warning: listeners[0].plugins[0]: "route" has no value here: the plugins of listener "public" run before a route is chosen' in told
    assert 'sluice.yaml:6:9: warning: listeners[0].plugins[1]: "claim:sub" has no value here: no plugin before it states it on listener "public"' in told
    assert ('warning: routes[0].plugins[0]: "claim:sub" has no value here: in requests of listener "public" no plugin before it states '
            'it on route "r"') in told
    assert told.count("warning:") == 3, told
