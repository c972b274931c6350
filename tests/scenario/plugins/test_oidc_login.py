"""oidc with a certified provider: logging in, and what is refused."""
import json
import re
import urllib.parse

import pytest

from kit.origin import echo, reply
from kit.person import PAGE, Person
from kit.provider import CLIENT, SECRET
from kit.tokens import SigningKey, refusal

KEY = "cookies are sealed with these 32 bytes, or more"
CONFIG = """
listeners:
  - name: public
    address: "127.0.0.1:@public@"
    tls: {{ certificates: [{{ certificate: "{cert}", private_key: "{key}" }}] }}
plugins:
  login:
    use: oidc
    issuer: "@issuer@"
    client_id: {client}
    client_secret: {secret}
    secret: "{seal}"
    login_path: /login
    claims_to_headers: {{ sub: X-User, groups: X-Groups, email: X-Email }}
    {more}
upstreams:
  app: {{ servers: ["127.0.0.1:@app@"] }}
routes:
  - {{ name: all, match: {{ path: /* }}, plugins: [login], upstream: app }}
"""


class Site:
    """An application behind a login. more: options of the plugin."""

    def __init__(self, gateway, issuer, origin, cert, more="", seal=KEY, **client):
        def behave(peer, request):
            told = {n.lower(): v for n, v in request.fields}
            reply(200, json.dumps({"target": request.target, **told}).encode(), {"Content-Type": "application/json"})(peer, request)
        self.issuer, self.cert, self.up = issuer, cert, origin(behave)
        self.text = CONFIG.format(cert=cert.cert, key=cert.key, client=CLIENT, secret=SECRET, seal=seal, more=more)
        self.g = gateway(self.text, issuer=issuer.url, app=self.up.port)
        self.url = f"https://localhost:{self.g.port()}"
        issuer.add_client(redirect_uris=[f"{self.url}/oidc/callback"], post_logout_redirect_uris=[f"{self.url}/"], **client)

    def person(self, user="alice"):
        return Person(self.cert.ca, user)


@pytest.fixture
def site(gateway, provider, origin, server_cert, rs256):
    def make(more="", issuer=None, client=None, **options):
        return Site(gateway, issuer or provider(**options), origin, server_cert, more, **(client or {}))
    return make


def test_log_in(site):
    s = site("scopes: [profile, email]")
    alice = s.person()
    r = alice.visit(f"{s.url}/page?a=1&b=%2F")
    assert r.status_code == 200 and r.url == f"{s.url}/page?a=1&b=%2F"
    said = r.json()
    assert (said["target"], said["x-user"], said["x-groups"], said["x-email"]) == ("/page?a=1&b=%2F", "alice", "staff alice", "alice@test.example")
    assert "cookie" not in said and "authorization" not in said
    assert list(alice.cookies()) == ["__Host-session"]
    assert alice.get(f"{s.url}/again").json()["x-user"] == "alice"
    line = s.g.access(5)[-1]
    assert line["consumer"] == "alice"
