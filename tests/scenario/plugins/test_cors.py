"""cors in a real gateway: on its own answers, before authentication and without routes, with what upstreams say, over both protocols."""
import pytest

from kit.manual import check, complete, snippets
from kit.origin import reply
from kit.ports import free_port
from kit.tokens import jwks, refusal

PAGE = "https://app.example"
CONFIG = """
listeners:
  - name: public
    address: "127.0.0.1:@public@"
    protocols: [h2, http/1.1]
    plugins: [browsers]
  - { name: keeping, address: "127.0.0.1:@keeping@", plugins: [keeping] }
  - { name: strict, address: "127.0.0.1:@strict@", protocols: [h2, http/1.1], plugins: [strict] }
  - { name: trying, address: "127.0.0.1:@trying@", plugins: [trying] }
  - { name: open, address: "127.0.0.1:@open@", plugins: [open] }
  - { name: bare, address: "127.0.0.1:@bare@" }
plugins:
  browsers: { use: cors, origins: ["https://app.example", "https://*.shop.example"], methods: [GET, PUT], headers: [X-Token], credentials: true }
  keeping: { use: cors, origins: ["https://app.example"], upstream_fields: keep, preflights: forward }
  strict: { use: cors, origins: ["https://app.example"], other_origins: refuse }
  trying: { use: cors, origins: ["https://app.example"], other_origins: refuse, mode: report }
  open: { use: cors, origins: ["*"], expose: ["*"] }
  of-route: { use: cors, origins: ["https://app.example"] }
  login: { use: jwt, issuer: "https://idp.test/", audience: api, jwks: "file:jwks.json" }
  limit: { use: rate-limit, rate: 1/d }
  strip: { use: headers, request: { remove: [Origin] } }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
  dead: { servers: ["127.0.0.1:@dead@"] }
routes:
  - { name: app, match: { path: /app, methods: [GET, PUT] }, plugins: [strip], upstream: app }
  - { name: any, match: { path: /any }, upstream: app }
  - { name: private, match: { path: /private }, plugins: [login], upstream: app }
  - { name: limited, match: { path: /limited }, plugins: [limit], respond: { status: 204 } }
  - { name: dead, match: { path: /dead }, upstream: dead }
  - { name: socket, match: { path: /socket }, upgrade: [websocket], upstream: app }
  - { name: of-route, match: { path: /of-route, methods: [GET, OPTIONS] }, plugins: [of-route, login], upstream: app }
"""
THEIRS = [("Access-Control-Allow-Origin", "*"), ("access-control-allow-origin", "null"), ("Access-Control-Allow-Methods", "BREW"),
          ("Vary", "Accept"), ("X-Mine", "1")]


@pytest.fixture
def cors(gateway, origin, rs256):
    """A gateway with all of these, and the upstream behind it."""
    up = origin(reply(200, b"ok", THEIRS))
    g = gateway(CONFIG, app=up.port, dead=free_port(), files={"jwks.json": jwks(rs256)})
    g.up = up
    return g


def told(r):
    """What a response says about CORS, without the prefix of the names."""
    return {n.lower()[15:]: v for n, v in r.fields if n.lower().startswith("access-control-")}


@pytest.fixture
def ask(raw):
    """ask(g, listener, method, path, headers)"""
    def go(g, listener, method, path, headers=()):
        with raw(g.port(listener)) as c:
            return c.request(method, path, list(headers)).response(method)
    return go


def preflight(method, origin=PAGE, *more):
    return [("Origin", origin), ("Access-Control-Request-Method", method), *more]


def test_preflights_come_before_everything(cors, ask):
    for path in ("/app", "/private", "/dead", "/nowhere"):
        r = ask(cors, "public", "OPTIONS", path, preflight("PUT"))
        assert (r.status, r.body) == (204, b"")
        assert told(r) == {"allow-origin": PAGE, "allow-credentials": "true", "allow-methods": "GET, PUT", "allow-headers": "X-Token",
                           "max-age": "3600"}
        assert r.header("vary") == "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
    r = ask(cors, "public", "OPTIONS", "/app", preflight("PUT", "https://app.example.evil.com"))
    assert (r.status, refusal(r), told(r)) == (403, "origin-refused", {})
    assert ask(cors, "public", "OPTIONS", "/app", preflight("DELETE", PAGE, ("Access-Control-Request-Headers", "x-token,x-other"))).status == 204
    assert cors.up.requests == []
    lines = cors.access(6)
    assert [line["status"] for line in lines if line.get("reason") == "origin-refused"] == [403]
    assert [set(line["notes"]) for line in lines if line.get("notes")] == [{"cors-method", "cors-headers"}]


@pytest.mark.parametrize("origin_of_page", [PAGE, "https://a.b.shop.example", "https://evil.example", "null", None])
def test_every_response_has_the_fields(cors, ask, origin_of_page):
    sent = [("Origin", origin_of_page)] if origin_of_page else []
    for method, path, status in (("GET", "/app", 200), ("GET", "/private", 401), ("GET", "/limited", 204), ("GET", "/limited", 429),
                                 ("GET", "/dead", 502), ("GET", "/nowhere", 404), ("POST", "/app", 405), ("HEAD", "/any", 200)):
        r = ask(cors, "public", method, path, sent)
        allowed = {"allow-origin": origin_of_page, "allow-credentials": "true"} if origin_of_page in (PAGE, "https://a.b.shop.example") else {}
        assert (r.status, told(r)) == (status, allowed), path
        assert "Origin" in r.fields.all("vary") and r.fields.all("access-control-allow-origin") == [*filter(None, [allowed.get("allow-origin")])]
    assert "origin" not in cors.up.requests[0].fields, "a later plugin may remove it"


def test_http2(cors, h2):
    c = h2(cors.port("public"), tls=False)
    r = c.request("OPTIONS", "/private", [(n.lower(), v) for n, v in preflight("PUT")])
    assert r.status == 204 and r.header("access-control-allow-origin") == PAGE
    r = c.request("GET", "/private", [("origin", PAGE)])
    assert r.status == 401 and r.header("access-control-allow-origin") == PAGE


@pytest.mark.parametrize("host", ["localhost", "[::1]", "127.0.0.1"])
def test_the_origin_of_the_service_itself_over_http2(cors, h2, host):
    port = cors.port("strict")
    c = h2(port, tls=False, authority=f"{host}:{port}")
    for origin_of_page, status in ((f"http://{host}:{port}", 200), (f"http://{host}", 403), (f"https://{host}:{port}", 403)):
        assert c.request("GET", "/any", [("origin", origin_of_page)]).status == status


def test_what_the_upstream_says_is_kept(cors, ask):
    r = ask(cors, "keeping", "GET", "/any", [("Origin", PAGE)])
    assert r.fields.all("access-control-allow-origin") == ["*", "null"] and r.fields.all("vary") == ["Accept", "Origin"]
    r = ask(cors, "keeping", "OPTIONS", "/any", preflight("PUT"))
    assert r.status == 200 and r.header("access-control-allow-methods") == "BREW"
    assert told(ask(cors, "keeping", "GET", "/dead", [("Origin", PAGE)])) == {"allow-origin": PAGE}


def test_every_origin(cors, ask):
    for sent in ([], [("Origin", "https://whoever.example")]):
        r = ask(cors, "open", "GET", "/any", sent)
        assert told(r) == {"allow-origin": "*", "expose-headers": "*"} and r.fields.all("vary") == ["Accept"]


def test_other_origins_refused(cors, ask):
    port = cors.port("strict")
    for origin_of_page, status in ((PAGE, 200), ("https://evil.example", 403), ("null", 403), (f"http://localhost:{port}", 200),
                                   (f"http://localhost:{port + 1}", 403), (None, 200)):
        sent = [("Origin", origin_of_page)] if origin_of_page else []
        r = ask(cors, "strict", "POST", "/any", [("Host", f"localhost:{port}"), ("Content-Length", "0"), *sent])
        assert (r.status, refusal(r) if status == 403 else None) == (status, "origin-refused" if status == 403 else None)
    n = len(cors.up.requests)
    r = ask(cors, "strict", "GET", "/socket", [("Origin", "https://evil.example"), ("Connection", "Upgrade"), ("Upgrade", "websocket"),
                                               ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")])
    assert r.status == 403 and len(cors.up.requests) == n


def test_a_report_changes_nothing(cors, ask):
    r = ask(cors, "trying", "GET", "/any", [("Origin", "https://evil.example")])
    assert r.status == 200 and r.fields.all("access-control-allow-origin") == ["*", "null"] and r.fields.all("vary") == ["Accept"]
    assert ask(cors, "trying", "OPTIONS", "/any", preflight("PUT")).status == 200
    notes = {line["method"]: set(line["notes"]) for line in cors.access(2)}
    assert notes == {"GET": {"report:origin-refused", "report:field"}, "OPTIONS": {"report:reply", "report:field", "cors-method"}}


def test_a_plugin_of_a_route(cors, ask):
    r = ask(cors, "bare", "OPTIONS", "/of-route", preflight("GET"))
    assert r.status == 204 and told(r)["allow-origin"] == PAGE
    r = ask(cors, "bare", "GET", "/of-route", [("Origin", PAGE)])
    assert r.status == 401 and told(r) == {"allow-origin": PAGE}


def test_repeated_origins(cors, ask):
    r = ask(cors, "public", "GET", "/app", [("Origin", PAGE), ("Origin", "https://evil.example")])
    assert r.status == 400
    assert told(ask(cors, "public", "GET", "/app", [("Origin", f"{PAGE} https://evil.example")])) == {}


@pytest.mark.parametrize("snippet", snippets("plugins/cors/cors.md"))
def test_snippets(tmp_path, snippet):
    assert check(tmp_path, complete(snippet, login={"use": "rate-limit", "rate": "1/s"}))[0] == 0


def test_there_are_snippets():
    assert len(snippets("plugins/cors/cors.md")) == 6


@pytest.mark.parametrize("options, place, says, hint", [
    ('origins: ["https://App.example.com/"]', "6:5", 'plugins.browsers.origins[0]: "https://App.example.com/" is not an origin',
     'write "https://app.example.com"'),
    ('origins: ["*"]\n    credentials: true', "7:5", "plugins.browsers.credentials: cookies cannot be permitted", "name the origins"),
    ("origins: ['regex:https://a.example']", "6:5", "the dot in front of", "for a dot"),
    ('origins: ["https://a"]\n    methods: [get]', "7:5", "plugins.browsers.methods[0]", "in capitals"),
    ('origin: ["https://a"]', "6:5", 'unknown key "origin"', "did you mean origins")])
def test_mistakes(tmp_path, options, place, says, hint):
    status, out = check(tmp_path, f"""listeners:
  - {{ name: public, address: "127.0.0.1:1", plugins: [browsers] }}
plugins:
  browsers:
    use: cors
    {options}
routes: [{{ name: a, respond: {{ status: 204 }} }}]
""")
    assert status == 1 and f"sluice.yaml:{place.split(':')[0]}:" in out and says in out and hint in out, out
