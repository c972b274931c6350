"""jwt in a real gateway: which tokens pass, and what is said of those that do not (RFC 7519, 8725, 9068, 6750)."""
import base64
import json
import time

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from kit.origin import echo
from kit.tokens import AUDIENCE, ISSUER, SigningKey, b64, challenge, forge, jwks, refusal, tamper

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  login: { use: jwt, issuer: "https://idp.test/", audience: [api, other-api], jwks: "file:jwks.json", leeway: 30s, max_size: 4KiB }
routes:
  - { name: all, match: { path: /* }, plugins: [login], respond: { status: 200, body: "in" } }
"""


def bearer(token):
    return [("Authorization", f"Bearer {token}")]


def without_signature(token):
    return token.rsplit(".", 1)[0] + "."


def flipped(token, at=-1):
    """One bit of the signature is another."""
    head, _, signature = token.rpartition(".")
    raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
    raw[at] ^= 1
    return f"{head}.{b64(bytes(raw))}"


def der(token):
    """An ES256 signature as OpenSSL would write it, which is not how JWS does."""
    head, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    return f"{head}.{b64(encode_dss_signature(int.from_bytes(raw[:32], 'big'), int.from_bytes(raw[32:], 'big')))}"


def spare_bits(token):
    """The same bytes, in another spelling: the last character carries bits that belong to no byte."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


def hs256(payload, secret, kid):
    """Signed with the public key as if that were a shared secret. PyJWT would not do it, so it is done by hand."""
    import hashlib
    import hmac
    text = forge({"alg": "HS256", "typ": "JWT", "kid": kid}, payload).rsplit(".", 1)[0]
    return f"{text}.{b64(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())}"


@pytest.fixture
def login(gateway, rs256, es256):
    """ask(token) -> response, of a gateway that knows both keys."""
    g = gateway(CONFIG, files={"jwks.json": jwks(rs256, es256)})
    c = g.connect()

    def ask(token, headers=None):
        return c.get("/", bearer(token) if headers is None else headers)
    yield ask
    c.close()


def check(ask, cases):
    """cases: name -> (token, code or None). All of them are tried before any is complained of."""
    wrong = {}
    for name, (token, code) in cases.items():
        r = ask(token)
        got = refusal(r)
        want_status = 200 if code is None else 401
        scheme, parameters = challenge(r)
        if r.status != want_status or got != code:
            wrong[name] = f"{r.status} {got}, not {want_status} {code}"
        elif code and (scheme != "Bearer" or parameters.get("error") != "invalid_token" or parameters["realm"] != "login"):
            wrong[name] = f"challenge {parameters}"
        elif code and token and token in r.body.decode():
            wrong[name] = "the answer quotes the token"
    assert not wrong, json.dumps(wrong, indent=1)


def test_good_ones(login, rs256, es256):
    now = int(time.time())
    check(login, {
        "RS256": (rs256.mint(), None),
        "ES256": (es256.mint(), None),
        "audience list": (rs256.mint(aud=["x", "other-api"]), None),
        "at+jwt": (rs256.mint(header={"typ": "at+jwt"}), None),
        "application/at+JWT": (rs256.mint(header={"typ": "application/at+JWT"}), None),
        "no typ": (rs256.mint(header={"typ": None}), None),
        "no kid": (rs256.mint(header={"kid": None}), None),
        "expired within the leeway": (rs256.mint(exp=now - 5), None),
        "not yet, within the leeway": (rs256.mint(nbf=now + 20), None),
        "issued just now by a fast clock": (rs256.mint(iat=now + 20), None),
        "fractions of seconds": (rs256.mint(exp=now + 60.5, nbf=now - 0.5), None),
        "no iat": (rs256.mint(iat=None), None),
        "own keys in the header are not looked at": (rs256.mint(header={"jwk": SigningKey().jwk(), "jku": "http://x/"}), None),
        "unicode": (rs256.mint(name="Zoë \U0001f600", deep={"a": [{"b": None}]}), None),
    })


def test_dates(login, rs256):
    now = int(time.time())
    check(login, {
        "expired": (rs256.mint(exp=now - 60), "token-expired"),
        "expired at the leeway's end": (rs256.mint(exp=now - 31), "token-expired"),
        "expired in 1970": (rs256.mint(exp=0), "token-expired"),
        "not before": (rs256.mint(nbf=now + 600), "token-not-yet-valid"),
        "issued tomorrow": (rs256.mint(iat=now + 86400), "token-not-yet-valid"),
        "without exp": (rs256.mint(exp=None), "token-claim"),
        "exp is text": (rs256.sign_raw({"alg": "RS256", "kid": rs256.kid}, {"iss": ISSUER, "aud": AUDIENCE, "exp": str(now + 60)}),
                        "token-claim"),
        "exp is true": (rs256.sign_raw({"alg": "RS256", "kid": rs256.kid}, {"iss": ISSUER, "aud": AUDIENCE, "exp": True}),
                        "token-claim"),
        "exp is null": (rs256.sign_raw({"alg": "RS256", "kid": rs256.kid}, {"iss": ISSUER, "aud": AUDIENCE, "exp": None}),
                        "token-claim"),
        "exp in milliseconds": (rs256.mint(exp=(now + 60) * 1000), "token-claim"),
        "exp below zero": (rs256.mint(exp=-1), "token-claim"),
        "exp beyond all numbers": (rs256.sign_raw({"alg": "RS256", "kid": rs256.kid},
                                                  b'{"iss":"%s","aud":"api","exp":1e999}' % ISSUER.encode()), "token-claim"),
        "nbf is text": (rs256.sign_raw({"alg": "RS256", "kid": rs256.kid},
                                       {"iss": ISSUER, "aud": AUDIENCE, "exp": now + 60, "nbf": "now"}), "token-claim"),
    })


def test_issuer_and_audience(login, rs256):
    check(login, {
        "another issuer": (rs256.mint(iss="https://evil.test/"), "token-issuer"),
        "no slash": (rs256.mint(iss=ISSUER.rstrip("/")), "token-issuer"),
        "other case": (rs256.mint(iss=ISSUER.upper()), "token-issuer"),
        "no issuer": (rs256.mint(iss=None), "token-issuer"),
        "issuer list": (rs256.sign_raw({"alg": "RS256", "kid": rs256.kid},
                                       {"iss": [ISSUER], "aud": AUDIENCE, "exp": int(time.time()) + 60}), "token-issuer"),
        "another audience": (rs256.mint(aud="shop"), "token-audience"),
        "part of the audience": (rs256.mint(aud="api2"), "token-audience"),
        "no audience": (rs256.mint(aud=None), "token-audience"),
        "empty audience": (rs256.mint(aud=[]), "token-audience"),
        "nested audience": (rs256.mint(aud=[["api"]]), "token-audience"),
    })


def test_algorithms(login, rs256, es256):
    good = rs256.mint()
    payload = {"iss": ISSUER, "aud": AUDIENCE, "sub": "admin", "exp": int(time.time()) + 60}
    rs384 = SigningKey("RS256")
    check(login, {
        "none": (forge({"alg": "none"}, payload), "token-algorithm"),
        "None with a signature": (forge({"alg": "None", "kid": rs256.kid}, payload, b"x"), "token-algorithm"),
        "nOnE": (forge({"alg": "nOnE"}, payload), "token-algorithm"),
        "empty": (forge({"alg": ""}, payload, b"x"), "token-algorithm"),
        "no alg": (forge({"typ": "JWT"}, payload, b"x"), "token-malformed"),
        "alg is a list": (forge({"alg": ["RS256"]}, payload, b"x"), "token-malformed"),
        "lower case": (forge({"alg": "rs256", "kid": rs256.kid}, payload, b"x"), "token-algorithm"),
        "HS256 with the public key": (hs256(payload, rs256.public_pem(), rs256.kid), "token-algorithm"),
        "HS256 without kid": (hs256(payload, rs256.public_pem(), None), "token-algorithm"),
        "RS384 is not accepted": (pyjwt.encode(payload, rs256.private, "RS384", {"kid": rs256.kid}), "token-algorithm"),
        "PS256 is not accepted": (pyjwt.encode(payload, rs256.private, "PS256", {"kid": rs256.kid}), "token-algorithm"),
        "ES256 by the kid of RSA": (pyjwt.encode(payload, es256.private, "ES256", {"kid": rs256.kid}), "token-algorithm"),
        "RS256 by the kid of EC": (pyjwt.encode(payload, rs256.private, "RS256", {"kid": es256.kid}), "token-algorithm"),
        "somebody else's key": (pyjwt.encode(payload, rs384.private, "RS256", {"kid": rs256.kid}), "token-signature"),
        "somebody else's key, brought along": (pyjwt.encode(payload, rs384.private, "RS256",
                                                            {"kid": rs256.kid, "jwk": rs384.jwk()}), "token-signature"),
        "tampered claims": (tamper(good, sub="admin"), "token-signature"),
        "tampered end": (flipped(good), "token-signature"),
        "tampered start": (flipped(good, 0), "token-signature"),
        "tampered EC": (flipped(es256.mint()), "token-signature"),
        "short signature": (good.rpartition(".")[0] + "." + b64(bytes(16)), "token-signature"),
        "no signature": (without_signature(good), "token-malformed"),
        "signature of zeros": (forge({"alg": "ES256", "kid": es256.kid}, payload, bytes(64)), "token-signature"),
        "signature in DER": (der(es256.mint()), "token-signature"),
        "signature of another token": (good.rpartition(".")[0] + "." + rs256.mint(sub="bob").rpartition(".")[2], "token-signature"),
        "kid unknown": (rs256.mint(header={"kid": "nobody"}), "token-key-unknown"),
        "kid is a path": (rs256.mint(header={"kid": "../../etc/passwd"}), "token-key-unknown"),
        "kid is a number": (rs256.sign_raw({"alg": "RS256", "kid": 7}, payload), "token-malformed"),
        "kid is endless": (rs256.mint(header={"kid": "k" * 1000}), "token-malformed"),
    })


def test_malformed(login, rs256):
    good = rs256.mint()
    h, p, s = good.split(".")
    head = {"alg": "RS256", "kid": rs256.kid}
    payload = {"iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 60}
    text = json.dumps(payload).encode()
    check(login, {
        "one part": (h, "token-malformed"),
        "two parts": (f"{h}.{p}", "token-malformed"),
        "four parts": (f"{good}.{s}", "token-malformed"),
        "five parts, encrypted": (f"{h}.{s}.{p}.{p}.{s}", "token-malformed"),
        "dots": ("..", "token-malformed"),
        "empty head": (f".{p}.{s}", "token-malformed"),
        "padding": (f"{h}.{p}.{s}==", "token-malformed"),
        "standard base64": (f"{h}.{p}.{s[:-1]}+", "token-malformed"),
        "another spelling of the signature": (spare_bits(good), "token-malformed"),
        "head is no JSON": (rs256.sign_raw(b"not json", payload), "token-malformed"),
        "head is a list": (rs256.sign_raw(b"[]", payload), "token-malformed"),
        "claims are no JSON": (rs256.sign_raw(head, b"{"), "token-malformed"),
        "claims are a list": (rs256.sign_raw(head, b"[1]"), "token-malformed"),
        "something behind the claims": (rs256.sign_raw(head, text + b"{}"), "token-malformed"),
        "NUL in the claims": (rs256.sign_raw(head, text + b"\0"), "token-malformed"),
        "NUL in a claim": (rs256.sign_raw(head, text.replace(b'"api"', b'"api\\u0000"')), "token-malformed"),
        "bytes that are no UTF-8": (rs256.sign_raw(head, text.replace(b'"api"', b'"api\xff"')), "token-malformed"),
        "claims nested deeper than anybody needs": (rs256.sign_raw(head, text[:-1] + b',"x":' + b"[" * 500 + b"]" * 500 + b"}"),
                                                    "token-malformed"),
        "iss twice": (rs256.sign_raw(head, b'{"iss":"https://evil.test/",' + text[1:]), "token-malformed"),
        "exp twice": (rs256.sign_raw(head, text[:-1] + b',"exp":9999999999}'), "token-malformed"),
        "alg twice": (rs256.sign_raw(b'{"alg":"none","alg":"RS256","kid":"%s"}' % rs256.kid.encode(), payload), "token-malformed"),
        "too large": (rs256.mint(fill="x" * 4000), "token-too-large"),
    })


def test_extensions(login, rs256):
    payload = {"iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 60}
    check(login, {
        "unknown crit": (rs256.sign_raw({"alg": "RS256", "kid": rs256.kid, "crit": ["exp"], "exp": 1}, payload), "token-critical"),
        "empty crit": (rs256.sign_raw({"alg": "RS256", "kid": rs256.kid, "crit": []}, payload), "token-critical"),
        "crit is no list": (rs256.sign_raw({"alg": "RS256", "kid": rs256.kid, "crit": "b64"}, payload), "token-critical"),
        "unencoded payload": (rs256.sign_raw({"alg": "RS256", "kid": rs256.kid, "b64": False}, payload), "token-critical"),
        "an ID token's typ": (rs256.mint(header={"typ": "id_token"}), "token-type"),
        "a logout token": (rs256.mint(header={"typ": "logout+jwt"}), "token-type"),
        "a DPoP proof": (rs256.mint(header={"typ": "dpop+jwt"}), "token-type"),
    })


def test_what_is_no_bearer_token(login, rs256):
    token = rs256.mint()
    for headers in ([], [("Authorization", "Basic YTpi")], [("Authorization", "Token abc")], [("X-Authorization", token)]):
        r = login(None, headers)
        assert (r.status, refusal(r)) == (401, "token-missing"), headers
        # RFC 6750 3: a request without credentials is not told of an error
        assert challenge(r) == ("Bearer", {"realm": "login"})
    for value in (f"bearer {token}", f"BEARER {token}", f"Bearer   {token}"):
        assert login(None, [("Authorization", value)]).status == 200, value
    for value, code in (("Bearer", "token-malformed"), (f"Bearer {token} {token}", "token-ambiguous"),
                        (f"Bearer {token}, Bearer x", "token-ambiguous"), (f"Basic YTpi, Bearer {token}", "token-ambiguous"),
                        (f"Bearer\t{token}", "token-malformed"), (f"Bearer={token}", "token-malformed"), ("bearer,", "token-malformed"),
                        (f"Token {token}", "token-scheme"), (f"DPoP {token}", "token-scheme"), (token, "token-scheme")):
        r = login(None, [("Authorization", value)])
        assert refusal(r) == code, value
        if code == "token-ambiguous":
            assert r.status == 400 and challenge(r)[1]["error"] == "invalid_request"


OPTIONAL = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
plugins:
  maybe: { use: jwt, issuer: "https://idp.test/", audience: api, jwks: "file:jwks.json", optional: true, forward_token: false }
  pass: { use: jwt, issuer: "https://idp.test/", audience: api, jwks: "file:jwks.json", optional: true }
routes:
  - { name: maybe, match: { path: /maybe }, plugins: [maybe], upstream: app }
  - { name: pass, match: { path: /pass }, plugins: [pass], upstream: app }
"""


def test_optional_lets_no_forged_token_through(gateway, origin, rs256):
    app = origin(echo)
    g = gateway(OPTIONAL, app=app.port, files={"jwks.json": jwks(rs256)})
    forged = tamper(rs256.mint(), sub="root")
    assert g.get("/pass").status == 200 and g.get("/maybe").status == 200
    served = len(app.requests)
    for value in (f"Bearer {forged}", f"Bearer\t{forged}", f"Bearer \t{forged}", f"bearer,{forged}", f"Bearer={forged}", f"Bearer{forged}",
                  f"Bearer\x80{forged}", f"\"Bearer {forged}\"", f"Basic YTpi, Bearer {forged}", f"JWT {forged}", forged, "Bearer"):
        for path in ("/pass", "/maybe"):
            assert g.get(path, [("Authorization", value)]).status in (400, 401), value
    assert g.get("/pass", bearer("x") + [("Authorization", "Basic YTpi")]).status == 400
    assert len(app.requests) == served, "the service has seen none of them"
    assert g.get("/pass", [("Authorization", "Basic YTpi")]).status == 200
    assert app.requests[-1].fields.get("authorization") == "Basic YTpi", "another scheme is the service's business"


def test_forward_token_false_drops_every_authorization(gateway, origin, rs256):
    app = origin(echo)
    g = gateway(OPTIONAL, app=app.port, files={"jwks.json": jwks(rs256)})
    for value in ("Basic YTpi", "secret-api-key", f"Bearer {rs256.mint()}"):
        assert g.get("/maybe", [("Authorization", value)]).status == 200
        assert app.requests[-1].fields.get("authorization") is None, value


def test_two_authorization_fields_are_refused(login, rs256):
    r = login(None, bearer(rs256.mint()) + bearer("x"))
    assert r.status == 400


SCOPES = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
plugins:
  scoped: { use: jwt, issuer: "https://idp.test/", audience: api, jwks: "file:jwks.json", scopes: ["orders:read", "orders:write"] }
  claims:
    use: jwt
    issuer: "https://idp.test/"
    audience: api
    jwks: "file:jwks.json"
    realm: Shop "one"
    resource_metadata: https://api.test/.well-known/oauth-protected-resource
    claims: { tenant: [acme, globex], realm_access.roles: editor, verified: "true" }
    required: [jti]
    max_age: 1h
routes:
  - { name: scoped, match: { path: /scoped }, plugins: [scoped], upstream: app }
  - { name: claims, match: { path: /claims }, plugins: [claims], upstream: app }
"""


def test_scopes(gateway, origin, rs256):
    up = origin(echo)
    g = gateway(SCOPES, files={"jwks.json": jwks(rs256)}, app=up.port)
    for scope in ("orders:read orders:write", "x orders:write y orders:read", ["orders:read", "orders:write"]):
        assert g.get("/scoped", bearer(rs256.mint(scope=scope))).status == 200, scope
    assert g.get("/scoped", bearer(rs256.mint(scp=["orders:read", "orders:write"]))).status == 200
    for scope in (None, "", "orders:read", "orders:readorders:write", "ORDERS:READ orders:write", "orders:read,orders:write", {}, 7):
        r = g.get("/scoped", bearer(rs256.mint(scope=scope)))
        assert (r.status, refusal(r)) == (403, "token-scope"), scope
        scheme, parameters = challenge(r)
        assert scheme == "Bearer" and parameters["error"] == "insufficient_scope"
        assert parameters["scope"] == "orders:read orders:write"
    assert up.wait(4) and len(up.requests) == 4, "nothing that was refused reached the upstream"
    assert [line.get("reason") for line in g.access(12)].count("token-scope") == 8


def test_claims(gateway, origin, rs256):
    up = origin(echo)
    g = gateway(SCOPES, files={"jwks.json": jwks(rs256)}, app=up.port)
    good = {"tenant": "acme", "realm_access": {"roles": ["viewer", "editor"]}, "verified": True, "jti": "1"}
    assert g.get("/claims", bearer(rs256.mint(**good))).status == 200
    assert g.get("/claims", bearer(rs256.mint(**{**good, "tenant": ["x", "acme"]}))).status == 200
    assert g.get("/claims", bearer(rs256.mint(**{**good, "tenant": "globex"}))).status == 200, "one of several values"
    now = int(time.time())
    for change, name in (({"tenant": "acme2"}, "tenant"), ({"tenant": None}, "tenant"), ({"realm_access": {"roles": ["viewer"]}}, "realm_access"),
                         ({"realm_access": {"roles": "editors"}}, "realm_access"), ({"verified": False}, "verified"),
                         ({"jti": None}, "jti"), ({"iat": None}, "iat")):
        r = g.get("/claims", bearer(rs256.mint(**{**good, **change})))
        assert (r.status, refusal(r)) == (401, "token-claim"), change
        assert name in json.loads(r.body)["detail"], change
        scheme, parameters = challenge(r)
        assert parameters["realm"] == 'Shop "one"' and parameters["error"] == "invalid_token"
        assert parameters["resource_metadata"] == "https://api.test/.well-known/oauth-protected-resource"
    r = g.get("/claims", bearer(rs256.mint(**good, iat=now - 3700, expires_in=9999)))
    assert (r.status, refusal(r)) == (401, "token-too-old")
    assert len(up.requests) == 3


def test_tokens_do_not_reach_the_log(gateway, rs256):
    g = gateway(CONFIG, files={"jwks.json": jwks(rs256)})
    tokens = [rs256.mint(), tamper(rs256.mint(), sub="admin"), rs256.mint(iss="https://evil.test/"), "garbage.gar-bage.garbage"]
    for token in tokens:
        g.get(f"/?access_token={token}", bearer(token))
    lines = g.access(4)
    g.stop()
    said = g.log() + g.access_path.read_text()
    assert {line.get("reason") for line in lines} == {None, "token-signature", "token-issuer", "token-malformed"}
    for token in tokens:
        assert token not in said and token.split(".")[2] not in said


def test_a_token_reaches_no_log_no_page_and_no_shared_cache(gateway, rs256):
    """At the level debug, wherever the token stands, and whatever becomes of it."""
    g = gateway("""
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  login:
    use: jwt
    issuer: "https://idp.test/"
    jwks: "file:jwks.json"
    from: [scheme:Bearer, "query:tok", "cookie:sid", "header:X-Tok"]
    introspection: { url: "http://127.0.0.1:1/ask?key=hush-url", client_id: gw, client_secret: hush-secret, timeout: 200ms }
routes:
  - { name: all, match: { path: /* }, plugins: [login], respond: { status: 200, body: "in" } }
""", files={"jwks.json": jwks(rs256)})
    good, opaque = rs256.mint(), "opaque-0123456789-token"
    secrets = [good, good.rpartition(".")[2], opaque, "hush-url", "hush-secret"]
    pages = []

    def ask(path="/", fields=()):
        r = g.get(path, list(fields))
        pages.append(str(r) + r.text)
        return r.status, r.header("cache-control")
    assert ask(f"/a?tok={good}&b=1") == (200, "private")
    assert ask("/", bearer(good)) == (200, None)
    assert ask("/", [("Cookie", f"sid={good}")]) == (200, None)
    assert ask("/", [("X-Tok", good), ("Referer", f"http://a/?tok={good}")]) == (200, None)
    assert ask(f"/?tok={good}x")[0] == 401
    assert ask(f"/?tok={opaque}")[0] == 503
    assert ask("/", bearer(opaque))[0] == 503
    assert ask(f"/?tok={good}", bearer(good))[0] == 400
    assert ask(f"/?%74ok={good}") == (200, "private")
    g.access(9)
    pages += [g.log(), g.access_path.read_text(), g.admin("/status").text, g.admin("/metrics").text]
    assert "introspection at http://127.0.0.1:1/ask fails" in g.log()
    for secret in secrets:
        assert not [page for page in pages if secret in page], secret
