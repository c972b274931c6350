"""A route's plugins: their order, instances written in place, several of one kind, and reloads of them."""
import concurrent.futures

from kit.origin import echo, reply
from kit.process import wait_for
from kit.tokens import jwks, refusal

HEAD = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
"""


def test_order_is_that_of_the_list(gateway, origin):
    up = origin(echo)
    g = gateway(HEAD + """
plugins:
  a: { use: headers, request: { add: { X-Seen: "a" }, set: { X-Last: "a" } }, response: { add: { X-Back: "a" }, set: { X-End: "a" } } }
  b: { use: headers, request: { add: { X-Seen: "b:{header:x-last}" }, set: { X-Last: "b" } }, response: { add: { X-Back: "b" }, set: { X-End: "b" } } }
routes:
  - { name: ab, match: { path: /ab }, plugins: [a, b], upstream: app }
  - { name: ba, match: { path: /ba }, plugins: [b, a], upstream: app }
  - { name: aba, match: { path: /aba }, plugins: [a, b, a], upstream: app }
""", app=up.port)

    def seen(path):
        r = g.get(path)
        fields = up.requests[-1].fields
        return fields.all("x-seen"), fields.get("x-last"), r.fields.all("x-back"), r.header("x-end")
    assert seen("/ab") == (["a", "b:a"], "b", ["b", "a"], "a")
    assert seen("/ba") == (["a"], "a", ["a", "b"], "b"), "b comes first, and finds no x-last"
    assert seen("/aba") == (["a", "b:a", "a"], "a", ["a", "b", "a"], "a")


def test_who_refuses_ends_the_request(gateway, origin, rs256):
    up = origin(echo)
    g = gateway(HEAD + """
plugins:
  login: { use: jwt, issuer: "https://idp.test/", audience: api, jwks: "file:jwks.json" }
  few: { use: rate-limit, rate: 1/d, burst: 2 }
  mark: { use: headers, response: { set: { X-Marked: "yes" } } }
routes:
  - { name: strict, match: { path: /strict }, plugins: [login, few], upstream: app }
  - { name: open, match: { path: /open }, plugins: [mark, few, login], upstream: app }
""", files={"jwks.json": jwks(rs256)}, app=up.port)
    headers = [("Authorization", f"Bearer {rs256.mint()}")]
    for _ in range(4):
        r = g.get("/strict")
        assert refusal(r) == "token-missing" and "ratelimit" not in r.fields
    assert [g.get("/strict", headers).status for _ in range(3)] == [200, 200, 429], "what login refused was not counted"
    r = g.get("/open")
    assert r.status == 429 and r.header("x-marked") == "yes"
    assert len(up.requests) == 2


def test_written_in_place(gateway, origin):
    g = gateway(HEAD + """
routes:
  - name: one
    match: { path: /one }
    plugins:
      - { use: rate-limit, rate: 1/d, burst: 1 }
      - use: headers
        response: { set: { X-Route: "{route}" } }
    respond: { status: 204 }
  - { name: two, match: { path: /two }, plugins: [{ use: rate-limit, rate: 1/d, burst: 1 }], respond: { status: 204 } }
""", app=1)
    r = g.get("/one")
    assert r.status == 204 and r.header("x-route") == "one" and r.header("ratelimit-policy") == '"one/0";q=1;w=86400'
    assert g.get("/two").status == 204, "each is an instance of its own"
    assert g.get("/one").status == 429 and g.get("/two").status == 429


def test_several_limits_on_one_route(gateway):
    g = gateway(HEAD + """
plugins:
  all: { use: rate-limit, rate: 100/d, burst: 6, by: route }
  each: { use: rate-limit, rate: 10/d, burst: 3, by: "header:x-key" }
  both: { use: rate-limit, rate: 10/d, burst: 4, by: ["header:x-key", "header:x-sub"], headers: false }
routes:
  - { name: all, match: { path: /* }, plugins: [all, each], respond: { status: 200 } }
  - { name: parts, match: { path: /parts }, plugins: [both], respond: { status: 200 } }
""", app=1)

    def ask(key):
        r = g.get("/", [("x-key", key)])
        return r.status, r.fields.all("ratelimit-policy"), [v.split(";")[:2] for v in r.fields.all("ratelimit")]
    policies = ['"all";q=100;w=86400', '"each";q=10;w=86400']
    assert ask("a") == (200, policies, [['"all"', "r=5"], ['"each"', "r=2"]])
    assert [ask("a")[0] for _ in range(3)] == [200, 200, 429]
    status, both, left = ask("a")  # the second refuses; the first has counted the request
    assert (status, both, left) == (429, policies, [['"all"', "r=1"], ['"each"', "r=0"]])
    assert ask("b")[0] == 200
    status, first, left = ask("b")  # now the first refuses, and the second is not asked
    assert (status, first, left) == (429, policies[:1], [['"all"', "r=0"]])

    def parts(key, sub):
        r = g.get("/parts", [("x-key", key), ("x-sub", sub)])
        assert "ratelimit" not in r.fields
        return r.status
    assert [parts("a", "1") for _ in range(5)] == [200] * 4 + [429]
    assert [parts("a", "2"), parts("b", "1"), parts("a1", "")] == [200] * 3


def test_reloads_under_load_change_the_list(gateway, origin, rs256):
    """Requests in progress finish with the plugins they began with; none fails."""
    up = origin(reply(200, b"ok", delay=0.005))
    login = 'plugins: [{ use: jwt, issuer: "https://idp.test/", audience: api, jwks: "file:jwks.json" }, mark], '
    config = HEAD + """
plugins:
  mark: { use: headers, response: { set: { X-Version: "@version@" } } }
routes:
  - { name: all, match: { path: /* }, %s upstream: app }
"""
    files = {"jwks.json": jwks(rs256)}
    g = gateway(config % login, files=files, app=up.port, version="0")
    headers = [("Authorization", f"Bearer {rs256.mint()}")]
    stop, seen = [], []

    def client():
        with g.connect("public") as c:
            while not stop:
                r = c.get("/", headers)
                seen.append((r.status, r.header("x-version")))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(client) for _ in range(4)]
        for version in range(1, 11):
            g.values["version"] = str(version)
            g.reload(config % (login if version % 2 == 0 else "plugins: [mark], "), files)
            wait_for(lambda version=version: (200, str(version)) in seen, what=f"version {version}")
        stop.append(True)
        for c in clients:
            c.result()
    assert {status for status, _ in seen} == {200}
    assert up.errors == []


def test_captures_of_the_path(gateway, origin):
    up = origin(echo)
    g = gateway(HEAD + """
plugins:
  tell: { use: headers, request: { set: { X-User: "{path:user}/{path:item}", X-None: "{path:nothing}" } } }
  each: { use: rate-limit, rate: 1/d, burst: 1, by: "path:user" }
routes:
  - { name: segments, match: { path: "/users/{user}/{item}" }, plugins: [tell, each], upstream: app }
  - { name: regex, match: { path: "regex:/r/(?<user>[a-z]+)-(?<item>.*)" }, plugins: [tell], upstream: app }
  - { name: plain, match: { path: /plain }, plugins: [tell], upstream: app }
""", app=up.port)
    assert g.get("/users/bob/a%2Fb").status == 200
    assert g.get("/users/bob/2").status == 429 and g.get("/users/eve/2").status == 200
    assert g.get("/r/bob-7").status == 200 and g.get("/plain").status == 200
    assert [r.header("x-user") for r in up.requests] == ["bob/a/b", "eve/2", "bob/7", up.requests[3].header("x-user")]


def test_plugins_are_counted(gateway, origin):
    up = origin(echo)
    g = gateway(HEAD + """
plugins:
  mark: { use: headers, response: { set: { X-Marked: "yes" } } }
  few: { use: rate-limit, rate: 1/d, burst: 1000 }
routes:
  - { name: all, match: { path: /* }, plugins: [mark, few], upstream: app }
""", app=up.port)
    for _ in range(50):
        assert g.get("/").status == 200

    def calls(name):
        return g.metrics().get(f'sluice_plugin_calls_total{{plugin="{name}"}}', 0)
    wait_for(lambda: calls("mark") >= 50 and calls("few") >= 50, what="the counts")
    for name in ("mark", "few"):
        assert calls(name) % 50 == 0, "each of its hooks, each time"
        assert 0 < g.metrics()[f'sluice_plugin_busy_seconds_total{{plugin="{name}"}}'] < 10
        assert g.metrics().get(f'sluice_plugin_failures_total{{plugin="{name}"}}', 0) == 0
