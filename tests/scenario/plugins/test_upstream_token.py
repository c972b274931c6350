"""upstream-token: tokens of a certified authorization server (kit/provider.py) for upstreams; exchanges, and servers that lie, with one of the tests."""
import base64
import gzip
import json
import threading
import time
import urllib.parse

import pytest

from kit.origin import hang, raw, reply
from kit.process import wait_for
from kit.provider import JWT, SECRET, bearer
from kit.tokens import SigningKey, jwks, refusal

CONFIG = """
runtime: { workers: 2 }
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  token: { use: upstream-token, issuer: "@issuer@", client_id: gateway, @credentials@, resource: "%s", scopes: ["orders:read"], @more@ }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
routes:
  - { name: all, match: { path: /* }, plugins: [token], upstream: app }
""" % JWT
CREDENTIALS = f'client_secret: "{SECRET}"'


def start(gateway, issuer, up, credentials=CREDENTIALS, more="ready_wait: 10s, wait: 20s"):
    return gateway(CONFIG, issuer=issuer.url, app=up.port, credentials=credentials, more=more)


def claims(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def sent(up):
    """What the upstream got, one list for each request."""
    return [r.fields.all("authorization") for r in up.requests]


def at_once(n, ask):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(ask())) for _ in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(20)
    return answers


# ---- client credentials ----

def test_a_token_of_a_certified_provider(gateway, provider, origin, rs256):
    issuer, up = provider(rs256), origin(reply(200, b"in"))
    g = start(gateway, issuer, up)
    assert at_once(16, lambda: g.get("/", bearer("of-the-client")).status) == [200] * 16
    values = {tuple(v) for v in sent(up)}
    assert len(values) == 1, "one token for all workers"
    (value,), = values
    said = claims(value.removeprefix("Bearer "))
    assert (said["aud"], said["client_id"], said["scope"], said["iss"]) == (JWT, "gateway", "orders:read", issuer.url)
    asked, = issuer.requests("/token")
    assert asked["form"] == {"grant_type": "client_credentials", "scope": "orders:read", "resource": JWT}
    assert g.metrics()['sluice_plugin_upstream_token_fetches_total{instance="token",result="granted"}'] == 1
    assert value.split()[1] not in g.log() and SECRET not in g.log()
    # a reload that changes the instance does not ask for another token
    g.reload(g.config_path.read_text().replace("ready_wait: 10s", "ready_wait: 9s"))
    assert g.get("/").status == 200
    assert sent(up)[-1] == [value] and len(issuer.requests("/token")) == 1


def test_a_client_that_signs(gateway, provider, origin, rs256, tmp_path):
    key = SigningKey("ES256")
    issuer = provider(rs256, clients=[{"client_id": "gateway", "token_endpoint_auth_method": "private_key_jwt", "client_secret": None,
                                       "token_endpoint_auth_signing_alg": "ES256", "jwks": {"keys": [key.jwk()]}}])
    (tmp_path / "client.pem").write_text(key.private_pem())
    up = origin(reply(200, b"in"))
    g = start(gateway, issuer, up, f'client_auth: private_key_jwt, client_key: "file:{tmp_path}/client.pem", client_key_id: "{key.kid}"')
    assert g.get("/").status == 200
    assert claims(sent(up)[0][0].split()[1])["client_id"] == "gateway"


def test_a_token_that_the_upstream_refuses_is_replaced(gateway, provider, origin, rs256):
    issuer, up = provider(rs256), origin(reply(200, b"in"))
    g = start(gateway, issuer, up, more="wait: 20s, min_refresh: 1s")
    assert g.get("/").status == 200
    time.sleep(1.1)  # min_refresh
    up.behave(reply(401, b"", [("WWW-Authenticate", "Bearer")]))
    assert g.get("/").status == 401
    up.behave(reply(200, b"in"))
    wait_for(lambda: len(issuer.requests("/token")) == 2)
    assert g.get("/").status == 200
    first, refused, new = sent(up)
    assert first == refused != new


def test_wrong_credentials_are_no_fault_of_the_client(gateway, provider, origin, rs256):
    issuer, up = provider(rs256), origin(reply(200, b"in"))
    g = start(gateway, issuer, up, "client_secret: wrong-one", more="wait: 200ms")
    r = g.get("/")
    assert (r.status, refusal(r)) == (503, "upstream-token-unavailable") and r.fields.get("retry-after") == "1"
    g.wait_log("no token from .*: it refuses, with invalid_client")
    assert "wrong-one" not in g.log() and not up.requests
    state, = json.loads(g.admin("/status").text)["dependencies"]
    assert state["state"] == "awaited" and "invalid_client" in state["error"]


GOOD = json.dumps({"access_token": "t", "token_type": "Bearer", "expires_in": 300}).encode()
JSON = [("Content-Type", "application/json")]


def endless(peer, _request):
    """100 MiB, or as much of it as is taken."""
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 104857600\r\n\r\n" + b'{"access_token":"')
    for _ in range(100):
        peer.send(b"a" * (1 << 20))


LIES = {
    "wrong-type": (reply(200, GOOD, [("Content-Type", "text/html")]), "text/html, not JSON"),
    "endless": (endless, "no token from"),
    "zipped": (reply(200, gzip.compress(GOOD), JSON + [("Content-Encoding", "gzip")]), "encoded"),
    "redirect": (reply(302, b"", [("Location", "/token")]), "a redirect, which is not followed"),
    "cut": (raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n" + GOOD, close=True), "no token from"),
    "silent": (hang, "no token from"),
    "bound": (reply(200, GOOD.replace(b"Bearer", b"DPoP"), JSON), "DPoP"),
    "split": (reply(200, json.dumps({"access_token": "t\r\nX-Admin: 1", "token_type": "Bearer"}).encode(), JSON), "cannot be sent"),
}


def test_no_server_that_lies_gets_anything_through(gateway, origin):
    up, servers = origin(reply(200, b"in")), {name: origin(behave) for name, (behave, _) in LIES.items()}
    plugins = "".join(f'  {name}: {{ use: upstream-token, token_endpoint: "http://127.0.0.1:{s.port}/token", client_id: c, client_secret: s, wait: 300ms, '
                      "timeout: 200ms }\n" for name, s in servers.items())
    routes = "".join(f"  - {{ name: {name}, match: {{ path: /{name} }}, plugins: [{name}], upstream: app }}\n" for name in servers)
    g = gateway(f'listeners:\n  - {{ name: public, address: "127.0.0.1:@public@" }}\nplugins:\n{plugins}upstreams:\n  app: {{ servers: ["{up.address}"] }}\n'
                f'routes:\n{routes}  - {{ name: all, match: {{ path: /* }}, upstream: app }}\n')
    answers = {}
    threads = [threading.Thread(target=lambda n=name: answers.update({n: g.get(f"/{n}")})) for name in servers]
    for t in threads:
        t.start()
    assert g.get("/free").body == b"in"  # meanwhile
    for t in threads:
        t.join(20)
    assert {n: (r.status, refusal(r)) for n, r in answers.items()} == {n: (503, "upstream-token-unavailable") for n in servers}
    assert [r.target for r in up.requests] == ["/free"]
    for name, (_, why) in LIES.items():
        g.wait_log(f"upstream-token/{name}: .*{why}")


# ---- token exchange ----

EXCHANGE = """
runtime: { workers: 2 }
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  login: { use: jwt, issuer: "https://idp.test/", jwks: "file:keys.json" }
  orders: { use: upstream-token, grant: token_exchange, token_endpoint: "http://127.0.0.1:@as@/token", client_id: gateway, client_secret: s3cret,
            audience: [orders], @more@ }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
routes:
  - { name: all, match: { path: /* }, plugins: [@chain@], upstream: app }
"""


def exchange(peer, request):
    """Gives out `SUBJECT-for-AUDIENCE`; mallory gets nothing, and the tokens of carol are no longer good here."""
    form = dict(urllib.parse.parse_qsl(request.body.decode()))
    who = claims(form["subject_token"])["sub"]
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:token-exchange"
    if who in ("mallory", "carol"):
        error = "invalid_target" if who == "mallory" else "invalid_grant"
        reply(400, json.dumps({"error": error}).encode(), JSON)(peer, request)
    else:
        reply(200, json.dumps({"access_token": f"{who}-for-{form['audience']}", "token_type": "Bearer", "expires_in": 300,
                               "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}).encode(), JSON, delay=0.1)(peer, request)


@pytest.fixture
def exchanging(gateway, origin, rs256):
    def make(chain="login, orders", more="min_refresh: 10s"):
        up, server = origin(reply(200, b"in")), origin(exchange)
        g = gateway(EXCHANGE, files={"keys.json": jwks(rs256)}, app=up.port, chain=chain, more=more, **{"as": server.port})
        g.up, g.server = up, server
        tokens = {who: rs256.mint(sub=who, iss="https://idp.test/") for who in ("alice", "bob", "carol", "dave", "mallory")}
        g.ask = lambda who: g.get("/", bearer(tokens[who]))
        return g
    return make


def test_a_clients_token_becomes_one_for_the_upstream(exchanging):
    g = exchanging()
    assert [r.status for r in at_once(12, lambda: g.ask("alice"))] == [200] * 12
    assert sent(g.up) == [["Bearer alice-for-orders"]] * 12
    assert len(g.server.requests) == 1, "one exchange for all workers"
    assert g.ask("bob").status == 200 and sent(g.up)[-1] == ["Bearer bob-for-orders"]
    # a reload keeps what was exchanged
    g.reload(g.config_path.read_text().replace("min_refresh: 10s", "min_refresh: 11s"))
    assert g.ask("alice").status == 200 and len(g.server.requests) == 2
    # and it serves on while the server is down
    g.server.stop()
    assert g.ask("alice").status == 200
    r = g.ask("dave")
    assert (r.status, refusal(r)) == (503, "upstream-token-unavailable")
    g.wait_log("tokens cannot be exchanged")


def test_what_refusals_mean_for_the_client(exchanging):
    g = exchanging()
    for _ in range(2):
        r = g.ask("mallory")
        assert (r.status, refusal(r)) == (403, "token-exchange-refused")
        r = g.ask("carol")
        assert (r.status, refusal(r)) == (401, "token-exchange-invalid") and 'error="invalid_token"' in r.fields.get("www-authenticate")
    assert len(g.server.requests) == 2, "refusals are remembered"
    r = g.get("/", bearer("made-up"))
    assert r.status == 401 and refusal(r).startswith("token-")
    assert g.get("/").status == 401
    assert len(g.server.requests) == 2 and not g.up.requests


def test_tokens_that_nobody_has_verified_are_not_exchanged(exchanging):
    g = exchanging(chain="orders, login")
    r = g.ask("alice")
    assert (r.status, refusal(r)) == (401, "token-exchange-unverified")
    assert not g.server.requests
    g.wait_log('hint: put the plugin that states it first: "login" before "orders"')
    g = exchanging(chain="orders", more="token_exchange: { verified_by: none }")
    assert g.ask("alice").status == 200 and sent(g.up) == [["Bearer alice-for-orders"]]
