"""`sluice token inspect` and `sluice token verify`: what a token says, and how a route judges it, rule by rule."""
import hashlib
import json
import re
import subprocess
import time

import pytest

from kit.gateway import find_program
from kit.origin import reply
from kit.tokens import ISSUER, SigningKey, b64, forge, jwks, tamper

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:1", plugins: [outer] }
plugins:
  outer: { use: jwt, issuer: "https://outer.test/", jwks: "file:keys.json", algorithms: [ES256] }
  login: { use: jwt, issuer: "https://idp.test/", jwks: "file:keys.json", algorithms: [ES256], audience: api, clients: [shop], scopes: [read],
           match_claims: { org.plan: [gold, "regex:silver-.*"] }, forbid_claims: { nonce: "*" }, max_auth_age: 10m }
  other: { use: jwt, issuer: "https://idp.test/", jwks: "file:keys.json", algorithms: [ES256], audience: other }
  limit: { use: rate-limit, rate: 1/s, by: ip }
  fetched: { use: jwt, issuer: "https://idp.test/", jwks: "@keys@", algorithms: [ES256], audience: api }
  tried: { use: jwt, issuer: "https://idp.test/", jwks: "file:keys.json", algorithms: [ES256], audience: none, mode: report }
routes:
  - { name: orders, match: { path: /orders }, plugins: [limit, login], respond: { status: 200 } }
  - { name: either, match: { path: /either }, plugins: [{ use: any-of, of: [login, other] }], respond: { status: 200 } }
  - { name: both, match: { path: /both }, plugins: [login, other], respond: { status: 200 } }
  - { name: tried, match: { path: /tried }, plugins: [tried], respond: { status: 200 } }
  - { name: fetched, match: { path: /fetched }, plugins: [fetched], respond: { status: 200 } }
  - { name: open, match: { path: /open }, respond: { status: 200 } }
"""
KEY, STRANGER = SigningKey("ES256", "k1"), SigningKey("ES256", "k1")


def good(**more):
    return KEY.mint(**{"scope": "read write", "client_id": "shop", "org": {"plan": "silver-2"}, "auth_time": int(time.time()), **more})


@pytest.fixture
def token(folder):
    """token(*arguments, stdin): the command, beside a configuration."""
    (folder / "keys.json").write_text(jwks(KEY))

    def run(word, *args, stdin="", keys="http://127.0.0.1:1/", config=CONFIG):
        program, plugins = find_program()
        (folder / "sluice.yaml").write_text(config.replace("@keys@", keys))
        more = ["-c", folder / "sluice.yaml", "--plugin-dir", plugins] if word == "verify" else []
        return subprocess.run([program, "token", word, *more, *args], capture_output=True, text=True, timeout=20, check=False, input=stdin)
    return run


# ---- inspect ----

def test_inspect_says_what_a_token_claims_and_nothing_of_its_worth(token):
    text = forge({"alg": "none", "typ": "JWT", "x\x1b": 1}, {"iss": "https://a/", "exp": 1700000000, "nbf": "soon", "evil\u009b": "\x1b[2J"}, b"secret")
    r = token("inspect", stdin=f"Bearer {text}\n")
    assert r.returncode == 0 and not r.stderr
    assert "2023-11-14T22:13:20Z" in r.stdout and " d ago" in r.stdout and '"https://a/"' in r.stdout
    assert "\x1b" not in r.stdout and "\u009b" not in r.stdout and text.rpartition(".")[2] not in r.stdout
    assert "verified" in r.stdout and " valid" not in r.stdout
    told = json.loads(token("inspect", "--json", stdin=text).stdout)
    assert told["claims"]["nbf"] == "soon" and told["dates"]["exp"]["at"] == "2023-11-14T22:13:20Z" and told["verified"] is False
    assert set(told["dates"]) == {"exp"}


def test_a_token_among_the_arguments_is_warned_of(token):
    r = token("inspect", good())
    assert r.returncode == 0 and "standard input" in r.stderr and "in 5 min" in r.stdout.replace("in 4 min", "in 5 min")


@pytest.mark.parametrize("text, says", [
    ("a.b", "form"), ("", "no token"), ("!.e30.x", "header"), ("e30.e3.x", "claims"), ("W10.e30.x", "object"),
    (forge({"alg": "none"}, b'{"a":1,"a":2}'), "duplicate"), ("e30." * 5 + "x", "form")])
def test_inspect_of_what_is_no_token(token, text, says):
    r = token("inspect", stdin=text)
    assert r.returncode in (1, 2) and says in r.stderr and not r.stdout


def test_inspect_of_an_encrypted_token(token):
    r = token("inspect", stdin=forge({"alg": "RSA-OAEP", "enc": "A256GCM"}, b"x") + ".AAAA.BBBB")
    assert r.returncode == 0 and "RSA-OAEP" in r.stdout and "encrypted" in r.stdout


# ---- verify ----

def thumbprint(key):
    members = {k: v for k, v in key.jwk(kid=None, use=None, alg=None).items() if v is not None}
    digest = hashlib.sha256(json.dumps(members, sort_keys=True, separators=(",", ":")).encode()).digest()
    return members, b64(digest)


def test_verify_of_a_token_that_is_bound_to_a_key(token):
    config = CONFIG.replace("audience: none, mode: report", "dpop: accept")
    holder = SigningKey("ES256")
    jwk, jkt = thumbprint(holder)
    bound = good(cnf={"jkt": jkt})

    def verify(*more):
        return token("verify", *more, "tried", stdin=bound, config=config)

    def proof(url):
        return holder.sign_raw({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}, {
            "htm": "POST", "htu": url, "iat": int(time.time()), "jti": "j", "ath": b64(hashlib.sha256(bound.encode()).digest())})
    r = verify()
    assert r.returncode == 3 and jkt in r.stdout and "a proof by this key with each request" in r.stdout, r.stdout + r.stderr
    url = "https://api.test/tried"
    r = verify("--proof", proof(url), "--method", "POST", "--url", url)
    assert r.returncode == 0 and "ok    proof" in r.stdout, r.stdout + r.stderr
    r = verify("--json", "--proof", proof(url), "--url", url)
    assert r.returncode == 1 and failed(r)["tried"] == {"proof": "dpop-method"}
    assert verify("--proof", proof(url)).returncode == 2 and verify("--url", url).returncode == 2
    assert verify("--proof", proof(url), "--url", "api.test").returncode == 2



def failed(result):
    """instance -> rules that the token fails, with their codes."""
    told = json.loads(result.stdout)
    return {p["instance"]: {r["rule"]: r["code"] for r in p["rules"] if not r["passed"]} for p in told["plugins"]}


def test_verify_tells_every_rule(token):
    text = good()
    r = token("verify", "orders", stdin=text)
    assert r.returncode == 0 and r.stdout.endswith("route orders: admitted\n"), r.stdout + r.stderr
    for rule in ("max_size", "form", "types", "signature", "issuer", "audience", "clients", "exp", "match_claims", "forbid_claims", "scopes"):
        assert re.search(rf"^  ok    {rule}\b", r.stdout, re.M), rule
    assert text.rpartition(".")[2] not in r.stdout and "limit" not in r.stdout

    bad = good(aud="else", nonce="n", scope="write", exp=1700000000, org={"plan": "tin"}, auth_time=1700000000)
    r = token("verify", "--json", "orders", stdin=bad)
    assert r.returncode == 1 and json.loads(r.stdout)["verdict"] == "refused"
    assert failed(r) == {"login": {
        "audience": "token-audience", "exp": "token-expired", "match_claims": "token-claim", "forbid_claims": "token-claim",
        "max_auth_age": "login-too-old", "scopes": "token-scope"}}
    r = token("verify", "orders", stdin=bad)
    assert "login (jwt) refuses it: 401 token-audience\n" in r.stdout and "wanted: one of api" in r.stdout and "2023-11-14T22:13:20Z" in r.stdout


def test_verify_judges_the_signature(token, folder):
    assert failed(token("verify", "--json", "orders", stdin=STRANGER.mint())) .get("login", {})["signature"] == "token-signature"
    assert failed(token("verify", "--json", "orders", stdin=tamper(good(), sub="eve")))["login"] == {"signature": "token-signature"}
    (folder / "theirs.json").write_text(jwks(STRANGER))
    assert failed(token("verify", "--json", "--jwks", folder / "theirs.json", "orders", stdin=good()))["login"] == {"signature": "token-signature"}
    r = token("verify", "--jwks", folder / "sluice.yaml", "orders", stdin=good())
    assert r.returncode == 3 and "cannot be used" in r.stdout and r.stdout.endswith("unknown\n")
    assert token("verify", "--jwks", folder / "none.json", "orders", stdin=good()).returncode == 2
    for text in ("x.y.z", forge({"alg": "HS256"}, {"iss": ISSUER}, b"x"), "opaque"):
        assert token("verify", "orders", stdin=text).returncode == 1


def test_verify_fetches_keys_as_the_gateway_would(token, origin):
    up = origin(reply(200, jwks(KEY).encode(), {"Content-Type": "application/json"}))
    r = token("verify", "fetched", stdin=good(), keys=f"http://127.0.0.1:{up.port}/keys")
    assert r.returncode == 0, r.stdout + r.stderr
    r = token("verify", "--json", "fetched", stdin=good())
    assert r.returncode == 3 and failed(r)["fetched"] == {"signature": "jwks-unavailable"}


def test_verify_of_alternatives_and_of_several(token):
    other = good(aud="other")
    assert [token("verify", route, stdin=other).returncode for route in ("either", "both", "tried")] == [0, 1, 0]
    assert token("verify", "either", stdin=good(aud="none")).returncode == 1
    assert token("verify", "both", stdin=good(aud=["api", "other"])).returncode == 0
    r = token("verify", "open", stdin=good(iss="https://outer.test/"))      # the listener's, where the route has none
    assert r.returncode == 0 and "outer (jwt) admits it" in r.stdout


def test_verify_mistakes(token):
    assert token("verify", "nowhere", stdin=good()).returncode == 2
    assert token("verify", stdin=good()).returncode == 2
    assert token("verify", "orders", stdin="").returncode == 2
    assert token("verify", "orders", stdin=good(), config=CONFIG.replace("clients:", "client:")).returncode == 2
    r = token("verify", "open", stdin=good(), config=CONFIG.replace("plugins: [outer]", "plugins: []"))
    assert r.returncode == 3 and "no plugin" in r.stderr
