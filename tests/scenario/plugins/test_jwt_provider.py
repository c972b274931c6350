"""jwt with a certified authorization server (kit/provider.py): discovery, tokens that it issues, and the change of its keys."""
import base64
import json
import threading
import time

from kit.provider import JWT, OPAQUE, bearer
from kit.tokens import SigningKey, refusal

ES256 = "https://api.test/ES256"
CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  login: { use: jwt, issuer: "@issuer@", audience: "@audience@", scopes: ["orders:read"], min_refresh: 1s, key_wait: 5s }
routes:
  - { name: all, match: { path: /* }, plugins: [login], respond: { status: 200, body: "in" } }
"""


def ask(g, token):
    r = g.get("/", bearer(token))
    return r.status if r.status == 200 else (r.status, refusal(r))


def test_a_token_of_a_certified_provider(gateway, provider, rs256, es256):
    issuer = provider(rs256, es256)
    g = gateway(CONFIG, issuer=issuer.url, audience=JWT)
    assert ask(g, issuer.token()) == 200
    assert ask(g, issuer.token(scope="orders:write")) == (403, "token-scope")
    assert ask(g, issuer.token("https://api.test/ES256")) == (401, "token-audience")
    assert ask(g, issuer.token(OPAQUE)) == (401, "token-malformed")
    assert ask(g, provider(rs256).token()) == (401, "token-issuer"), "the same key, another issuer"
    assert [r["path"] for r in issuer.requests("/.well-known")] == ["/.well-known/openid-configuration"]
    assert [r["path"] for r in issuer.requests("/jwks")] == ["/jwks"]


def test_algorithms_of_a_certified_provider(gateway, provider, rs256, es256):
    # The key set does not bind the RSA key to one algorithm, as providers with PS256 have it.
    issuer = provider(Unbound(rs256), es256, SigningKey("EdDSA"))
    config = CONFIG.replace('audience: "@audience@"', "algorithms: [ES256, PS256, EdDSA]")
    g = gateway(config, issuer=issuer.url)
    assert [ask(g, issuer.token(f"https://api.test/{alg}")) for alg in ("ES256", "PS256", "EdDSA", "RS256")] == [200] * 3 + [(401, "token-algorithm")]


class Unbound:
    def __init__(self, key):
        self.key = key

    def private_jwk(self):
        return self.key.private_jwk(alg=None)


class Asking:
    """Fresh tokens, asked with one after the other, while something changes."""

    def __init__(self, g, issuer):
        self.g, self.issuer, self.answers, self.stop, self.changed = g, issuer, [], threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        after = 0
        while after < 3 and not self.stop.is_set():
            token = self.issuer.token(ES256)
            after += self.changed.is_set()
            self.answers.append((ask(self.g, token), header(token)["kid"]))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        if error[0]:
            self.stop.set()
        self.changed.set()
        self.thread.join(40)


def header(token):
    import base64
    head = token.partition(".")[0]
    return json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))


def test_no_request_fails_while_keys_change(gateway, provider, rs256, es256):
    """The provider signs by another key at once. Its name is new, and the old key stays; or it has the old key's name and place."""
    tried = {}
    for kid in ("new", es256.kid):
        issuer = provider(rs256, es256)
        g, old = gateway(CONFIG, issuer=issuer.url, audience=ES256), issuer.token(ES256)
        assert ask(g, old) == 200
        tried[kid] = issuer, g, old
    time.sleep(1.1)  # min_refresh
    for kid, (issuer, g, old) in tried.items():
        new = SigningKey("ES256", kid=kid)
        with Asking(g, issuer) as asking:
            issuer.change(*([new, es256, rs256] if kid == "new" else [new, rs256]))
        wrong = [a for a in asking.answers if a[0] != 200]
        assert not wrong and len(asking.answers) >= 3
        assert asking.answers[-1] == (200, new.kid)
        assert ask(g, old) == (200 if kid == "new" else (401, "token-signature"))
        assert len(issuer.requests("/jwks")) == 2
