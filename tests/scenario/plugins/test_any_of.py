"""any-of and all-of: plugins that are alternatives of each other, and the consumers that their identities are."""
import base64

import pytest

from kit.bodies import pattern
from kit.gateway import GatewayDied
from kit.origin import echo, reply
from kit.tokens import jwks, refusal

ALICE = "$2y$04$abcdefghijklmnopqrstuujZkTwHUiJ9XdZPwKfcfDo7dMp5DjlTu"  # wonderland
CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
  - { name: guarded, address: "127.0.0.1:@guarded@", plugins: [{ use: any-of, of: [login, basic] }] }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
consumers:
  alice: { identities: ["login:sub-1", "basic:al"], groups: [admins], facts: { plan: gold } }
plugins:
  login: { use: jwt, issuer: https://idp.test/, audience: api, jwks: "file:jwks.json", claims_to_headers: { sub: X-User }, forward_token: false }
  basic: { use: basic-auth, users: { al: "@hash@", bob: "@hash@" }, realm: staff, failures: 1000/s }
  inside: { use: ip-access, allow: [10.0.0.0/8] }
  local: { use: ip-access, allow: [127.0.0.0/8] }
  get: { use: access, rules: [{ name: reads, action: allow, when: { methods: [GET] } }] }
  either: { use: any-of, of: [login, basic] }
  watched: { use: any-of, mode: report, of: [login, basic] }
  tell: { use: headers, request: { set: { X-Consumer: "{consumer}", X-Groups: "{groups}", X-Plan: "{consumer:plan}" } } }
routes:
  - { name: either, match: { path: /either }, plugins: [either, tell], upstream: app }
  - { name: watched, match: { path: /watched }, plugins: [watched, tell], upstream: app }
  - name: combined
    match: { path: /combined }
    plugins: [{ use: any-of, of: [{ use: all-of, of: [local, get, basic] }, { use: all-of, of: [inside, login] }] }, tell]
    upstream: app
  - { name: nested, match: { path: /nested }, plugins: [{ use: any-of, of: [inside, either] }], upstream: app }
  - { name: all, match: { path: /* }, upstream: app }
"""


def basic(user, password="wonderland"):
    return [("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())]


def bearer(token):
    return [("Authorization", f"Bearer {token}")]


@pytest.fixture
def setting(gateway, origin, rs256):
    up = origin(echo)
    return gateway(CONFIG, files={"jwks.json": jwks(rs256)}, app=up.port, hash=ALICE), up


def told(request):
    return [request.fields.get(n) for n in ("x-consumer", "x-groups", "x-plan")]


def test_either_admits(setting, rs256):
    """The same consumer, by a token or by a password."""
    g, up = setting
    for credentials in (bearer(rs256.mint(sub="sub-1")), basic("al")):
        assert g.get("/either", credentials).status == 200
        assert told(up.requests[-1]) == ["alice", "admins", "gold"]
        assert "authorization" not in up.requests[-1].fields
    assert g.get("/either", basic("bob")).status == 200
    assert told(up.requests[-1]) == ["bob", None, None]


def test_one_challenge_for_all(setting, rs256):
    g, up = setting
    r = g.get("/either")
    assert r.status == 401 and refusal(r) == "token-missing"
    assert r.fields.all("www-authenticate") == ['Bearer realm="login"', 'Basic realm="staff", charset="UTF-8"']
    wrong = g.get("/either", basic("al", "looking-glass"))
    assert wrong.status == 401 and refusal(wrong) == "login-wrong"
    assert wrong.fields.all("www-authenticate") == ['Bearer realm="login"', 'Basic realm="staff", charset="UTF-8"'], "as configured"
    old = g.get("/either", bearer(rs256.mint(sub="sub-1", expires_in=-3600)))
    assert old.status == 401 and refusal(old) == "token-expired"
    assert len(old.fields.all("www-authenticate")) == 2 and "invalid_token" in old.fields.all("www-authenticate")[0]
    assert up.requests == []


MANY = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
upstreams:
  judge: { servers: ["127.0.0.1:@judge@"] }
plugins:
  login: { use: jwt, issuer: https://idp.test/, jwks: "file:jwks.json", scopes: [read] }
  other: { use: jwt, issuer: https://other.test/, jwks: "file:jwks.json" }
  basic: { use: basic-auth, users: { al: "@hash@" } }
  staff: { use: basic-auth, users: { al: "@hash@" } }
  keys: { use: key-auth, from: ["header:X-API-Key"], keys: [{ sha256: "@digest@", name: al }] }
  asked: { use: ext-auth, upstream: judge, path: /verify }
routes:
  - { name: all, match: { path: /* }, plugins: [{ use: any-of, of: [keys, asked, login, basic, other, staff] }], respond: { status: 200 } }
"""


def test_each_scheme_once(gateway, origin, rs256):
    """In the order of the configuration, also those that an authorization server lists in one field."""
    judge = origin(reply(401, b"no", [("WWW-Authenticate", 'Digest realm="a, b", nonce="1", BASIC realm="c"'), ("WWW-Authenticate", "Negotiate")]))
    g = gateway(MANY, judge=judge.port, hash=ALICE, digest="ab" * 32, files={"jwks.json": jwks(rs256)})
    key, digest, c = 'ApiKey realm="keys"', 'Digest realm="a, b", nonce="1"', 'BASIC realm="c"'
    negotiate, login = "Negotiate", 'Bearer realm="login", scope="read"'
    assert g.get("/", [("X-API-Key", "x")]).fields.all("www-authenticate") == [key, digest, c, negotiate, login]
    assert g.get("/", basic("al", "looking-glass")).fields.all("www-authenticate") == [key, digest, c, negotiate, login]


def test_what_one_admits_is_not_taken_for_the_word_of_another(setting):
    """jwt has not run, or has refused, and X-User is its word."""
    g, up = setting
    assert g.get("/either", [*basic("al"), ("X-User", "root"), ("x_user", "root")]).status == 200
    assert "x-user" not in up.requests[-1].fields and "x_user" not in up.requests[-1].fields


@pytest.mark.parametrize("name", ["alice"])
def test_nobody_has_the_name_of_a_consumer(setting, rs256, name):
    g, up = setting
    assert g.get("/either", bearer(rs256.mint(sub=name))).status == 200
    assert told(up.requests[-1]) == [f"login:{name}", None, None]


def test_all_of_a_combination(setting, rs256):
    g, up = setting
    assert g.get("/combined", basic("al")).status == 200
    assert told(up.requests[-1])[0] == "alice"
    assert g.request("POST", "/combined", basic("al")).status == 403
    r = g.get("/combined", bearer(rs256.mint(sub="sub-1")))
    assert r.status in (401, 403), "the token is good, but the client is not inside"
    assert g.get("/nested", basic("al")).status == 200
    assert g.get("/nested").status == 401, "an address is no credential: those who ask for one say more"


def test_report(setting):
    g, up = setting
    assert g.get("/watched").status == 200
    assert g.access(1)[-1]["notes"] == ["report:token-missing"]
    assert g.metrics()['sluice_plugin_reports_total{plugin="login",code="token-missing"}'] == 1
    assert g.get("/watched", basic("al")).status == 200 and told(up.requests[-1])[0] == "alice"


def test_of_a_listener(setting, rs256):
    g, up = setting
    assert g.get("/", listener="guarded").status == 401
    assert g.get("/", basic("al"), listener="guarded").status == 200
    assert g.get("/either", bearer(rs256.mint()), listener="guarded").status == 401, "the listener's has taken the token away"
    assert len(up.requests) == 1


BODIES = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
  judge: { servers: ["127.0.0.1:@judge@"] }
plugins:
  asked: { use: ext-auth, upstream: judge, path: /verify, send_body: 1KiB }
  basic: { use: basic-auth, users: { al: "@hash@" } }
routes:
  - { name: all, match: { path: /* }, plugins: [{ use: any-of, of: [asked, basic] }], upstream: app }
  - { name: watched, match: { path: /watched }, plugins: [{ use: any-of, mode: report, of: [asked] }], upstream: app }
"""


@pytest.mark.parametrize("size", [0, 10, 1024, 1025, 300_000])
def test_one_that_waits_for_the_body(gateway, origin, size):
    """It refuses while the body is still to be sent on, or is too long for it; another one admits, and the body is whole."""
    up, judge = origin(echo), origin(reply(403, b"no"))
    g = gateway(BODIES, app=up.port, judge=judge.port, hash=ALICE)
    body = pattern(size)
    r = g.request("POST", "/a", basic("al"), body)
    assert r.status == 200 and r.body == body
    assert len(judge.requests) == (size <= 1024)
    refused = g.request("POST", "/a", [], body)
    assert refused.status == (401 if size <= 1024 else 413)
    assert g.request("POST", "/watched", [], body).body == body


HEAD = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  basic: { use: basic-auth, users: { al: "$2y$04$abcdefghijklmnopqrstuujZkTwHUiJ9XdZPwKfcfDo7dMp5DjlTu" } }
  inner: { use: any-of, of: [basic], mode: report }
  watches: { use: ip-access, deny: [10.0.0.1], mode: report }
  skips: { use: ip-access, deny: [10.0.0.1], on_error: skip }
  adds: { use: security-headers }
  none: []
"""
WRONG = {
    "{ use: any-of }": ("of is required", "alternatives"),
    "{ use: any-of, of: [] }": ("an empty one", "of: [NAME, NAME]"),
    "{ use: any-of, of: basic }": ("expected a list of plugins", "of: [NAME, NAME]"),
    "{ use: any-of, of: [basic], on_error: skip }": ("on_error", ""),
    "{ use: any-of, of: [basic], mode: off }": ("mode", "report"),
    "{ use: all-of, of: [basic], mode: report }": ("mode", ""),
    "{ use: any-of, of: [basik] }": ('no plugin instance or chain "basik"', "basic"),
    "{ use: any-of, of: [basic, watches] }": ("would admit every request", "to any-of itself"),
    "{ use: any-of, of: [basic, skips] }": ("by failing", "leave on_error out"),
    "{ use: any-of, of: [basic, adds] }": ("no hook on requests", "beside any-of"),
    "{ use: any-of, of: [basic, none] }": ("without plugins", ""),
    "{ use: any-of, of: [basic, inner] }": ("mode: report", ""),
    "{ use: any-of, of: [{ use: all-of, of: [basic, { use: any-of, of: [basic] }] }] }": ("another any-of", "as all-of"),
}


@pytest.mark.parametrize("text", WRONG)
def test_mistakes(gateway, text):
    with pytest.raises(GatewayDied) as e:
        gateway(HEAD + f"routes:\n  - {{ name: r, match: {{ path: /r }}, plugins: [{text}], respond: {{ status: 200 }} }}\n")
    said = str(e.value)
    assert all(part in said for part in WRONG[text]), said
    assert "sluice.yaml:" in said


CONSUMERS = {
    'al: { identities: ["basic"] }': ("is no identity", "INSTANCE:NAME"),
    'al: { identities: ["basik:al"] }': ('no plugin instance "basik"', "basic"),
    'al: { identities: ["basic:al"] }\n  bo: { identities: ["basic:al"] }': ("listed twice", "one consumer only"),
    "al: { groups: ['a,b'] }": ("no name of a group", ""),
}


@pytest.mark.parametrize("text", CONSUMERS)
def test_mistakes_of_consumers(gateway, text):
    with pytest.raises(GatewayDied) as e:
        gateway(HEAD + f"consumers:\n  {text}\n" + "routes:\n  - { name: r, match: { path: /r }, respond: { status: 200 } }\n")
    assert all(part in str(e.value) for part in CONSUMERS[text]), str(e.value)
