"""DPoP (RFC 9449) with clients that make proofs by another library: whose token it is, for which request, and how often."""
import base64
import hashlib
import itertools
import json
import time
import uuid

import pytest

from kit.tokens import SigningKey, b64, jwks, refusal

CONFIG = """
runtime: { workers: 2 }
listeners:
  - { name: public, address: "127.0.0.1:@public@", trusted_proxies: [127.0.0.1] }
stores:
  shared: { redis: "@redis@", timeout: 1s }
plugins:
  login: { use: jwt, issuer: "https://idp.test/", jwks: "file:jwks.json", dpop: @mode@@more@ }
routes:
  - { name: all, match: { path: /* }, plugins: [login], respond: { status: 200, body: "{claim:sub}" } }
"""


class Holder:
    """A client with a key of its own, and a token that is bound to it."""

    def __init__(self, issuer, alg="ES256"):
        self.key = SigningKey(alg)
        jwk = self.key.jwk(kid=None, use=None, alg=None)
        self.jwk = {k: v for k, v in jwk.items() if v is not None}
        text = json.dumps(self.jwk, sort_keys=True, separators=(",", ":"))
        self.token = issuer.mint(cnf={"jkt": b64(hashlib.sha256(text.encode()).digest())})

    def proof(self, url, method="GET", **claims):
        body = {"htm": method, "htu": url, "iat": int(time.time()), "jti": str(uuid.uuid4()),
                "ath": b64(hashlib.sha256(self.token.encode()).digest()), **claims}
        return self.key.sign_raw({"typ": "dpop+jwt", "alg": self.key.alg, "jwk": self.jwk}, body)

    def fields(self, proof):
        return [("Authorization", f"DPoP {self.token}"), ("DPoP", proof)]


@pytest.fixture
def guarded(gateway, rs256):
    """guarded(mode, more): a gateway; its url(path) is what a client writes in a proof."""
    def start(mode="accept", more="", redis="redis://127.0.0.1:1"):
        g = gateway(CONFIG, files={"jwks.json": jwks(rs256)}, redis=redis, mode=mode, more=more)
        g.url = lambda path: f"http://localhost{path}"
        return g
    return start


@pytest.mark.parametrize("alg", ["ES256", "EdDSA"])
def test_only_the_owner_of_the_key_uses_the_token(guarded, rs256, alg):
    g, alice, mallory = guarded(), Holder(rs256, alg), Holder(rs256)

    def ask(path="/orders", method="GET", fields=()):
        r = g.request(method, path, list(fields)) if method != "GET" else g.get(path, list(fields))
        return r.status, refusal(r)
    good = alice.proof(g.url("/orders"))
    assert ask(fields=alice.fields(good)) == (200, None)
    assert ask(fields=alice.fields(good)) == (401, "dpop-replayed")
    assert ask(fields=alice.fields(alice.proof(g.url("/other")))) == (401, "dpop-uri")
    assert ask(path="/o/../%6Frders?all=1", fields=alice.fields(alice.proof("HTTP://LOCALHOST:80/orders#x"))) == (200, None)
    assert ask(fields=alice.fields(alice.proof(g.url("/orders"), "POST"))) == (401, "dpop-method")
    assert ask(fields=alice.fields(alice.proof(g.url("/orders"), iat=int(time.time()) - 120))) == (401, "dpop-expired")
    assert ask(fields=[("Authorization", f"DPoP {alice.token}")]) == (401, "dpop-missing")
    # who stole the token, and has a key of his own
    assert ask(fields=[("Authorization", f"Bearer {alice.token}")]) == (401, "dpop-required")
    stolen = mallory.proof(g.url("/orders"), ath=b64(hashlib.sha256(alice.token.encode()).digest()))
    assert ask(fields=alice.fields(stolen)) == (401, "dpop-key")
    assert ask(fields=[("Authorization", f"Bearer {rs256.mint()}")]) == (200, None)


def test_each_worker_knows_the_proofs_of_the_others(guarded, rs256):
    g, alice = guarded("require"), Holder(rs256)
    proofs = [alice.proof(g.url("/")) for _ in range(20)]
    clients = [g.connect() for _ in range(8)]
    for proof in proofs:
        statuses = [c.get("/", alice.fields(proof)).status for c in clients]
        assert sorted(statuses) == [200] + [401] * 7
    for c in clients:
        c.close()


def test_gateways_share_what_they_have_seen(guarded, rs256, redis):
    url = redis().url
    first, second = (guarded(more=", dpop_store: shared, dpop_store_timeout: 2s", redis=url) for _ in range(2))
    alice = Holder(rs256)
    for one, other in itertools.permutations((first, second)):
        proof = alice.proof(one.url("/"))
        assert one.get("/", alice.fields(proof)).status == 200
        assert refusal(other.get("/", alice.fields(proof))) == "dpop-replayed"


def test_without_the_store_nobody_is_admitted_unless_that_is_said(guarded, rs256):
    alice = Holder(rs256)
    g = guarded(more=", dpop_store: shared")
    r = g.get("/", alice.fields(alice.proof(g.url("/"))))
    assert (r.status, refusal(r)) == (503, "dpop-store-down")
    g = guarded(more=", dpop_store: shared, dpop_on_store_failure: allow")
    assert g.get("/", alice.fields(alice.proof(g.url("/")))).status == 200
    assert "dpop-store-down" in g.access(1)[0].get("notes", [])


def test_a_client_learns_the_nonce_and_asks_again(guarded, rs256):
    g, alice = guarded("require", ", dpop_nonce: true, dpop_nonce_key: 0123456789abcdef0123456789abcdef"), Holder(rs256)
    r = g.get("/", alice.fields(alice.proof(g.url("/"))))
    assert (r.status, refusal(r)) == (401, "dpop-nonce")
    assert 'error="use_dpop_nonce"' in r.header("www-authenticate") and r.header("www-authenticate").startswith("DPoP ")
    assert g.get("/", alice.fields(alice.proof(g.url("/"), nonce=r.header("dpop-nonce")))).status == 200
    forged = b64(base64.urlsafe_b64decode(r.header("dpop-nonce") + "=")[::-1])
    assert g.get("/", alice.fields(alice.proof(g.url("/"), nonce=forged))).status == 401


def test_the_path_is_that_before_a_rewrite(gateway, rs256):
    g = gateway("""
listeners:
  - { name: public, address: "127.0.0.1:@public@", plugins: [outer], escaped_slashes: decode, path_parameters: strip }
plugins:
  outer: { use: rewrite, strip_prefix: /v1 }
  login: { use: jwt, issuer: "https://idp.test/", jwks: "file:jwks.json", dpop: require }
  inner: { use: rewrite, path: /in }
routes:
  - { name: after, match: { path: /after }, plugins: [login, inner], respond: { status: 200, body: "{path}" } }
  - { name: before, match: { path: /* }, plugins: [inner, login], respond: { status: 200, body: "{path}" } }
""", files={"jwks.json": jwks(rs256)})
    alice = Holder(rs256)

    def ask(path, proved=None):
        r = g.get(path, alice.fields(alice.proof(f"http://localhost{proved or path}")))
        return r.status, refusal(r)
    for path in ("/after", "/before", "/v1/after", "/v1/x", "/a%2Fb", "/a;p=1/b", "//a/%61"):
        assert ask(path) == (200, None), path
    assert ask("/v1/after", "/after") == (401, "dpop-uri")
    assert ask("/x", "/in") == (401, "dpop-uri")
    assert ask("/a%2Fb", "/a/b") == (401, "dpop-uri")


def test_the_url_is_that_before_the_balancer(guarded, rs256):
    g, alice = guarded(), Holder(rs256)
    told = [("X-Forwarded-Proto", "https")]
    assert g.get("/", alice.fields(alice.proof("https://localhost/")) + told).status == 200
    assert refusal(g.get("/", alice.fields(alice.proof("http://localhost/")) + told)) == "dpop-uri"
    g = guarded(more=', dpop_origin: "https://api.example.com"')
    assert g.get("/", alice.fields(alice.proof("https://api.example.com/"))).status == 200
