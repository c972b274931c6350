"""jwt and opaque tokens, with a certified authorization server (kit/provider.py): what it is asked, by whom, and how often."""
import threading

import pytest

from kit.provider import JWT, OPAQUE, SECRET, bearer
from kit.tokens import SigningKey, refusal

CONFIG = """
runtime: { workers: 2 }
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  login:
    use: jwt
    @issuer_option@
    scopes: ["orders:read"]
    introspection: { url: "@url@/token/introspection", client_id: "@client@", @credentials@, ttl: @ttl@, negative_ttl: 1s, @more@ }
routes:
  - { name: all, match: { path: /* }, plugins: [login], respond: { status: 200, body: "in as {claim:client_id}" } }
"""


def start(gateway, issuer, issuer_option="", client="gateway", credentials=f'client_secret: "{SECRET}"', ttl="60s", more="timeout: 5s", **kw):
    return gateway(CONFIG, url=issuer.url, issuer_option=issuer_option, client=client, credentials=credentials, ttl=ttl, more=more, **kw)


def ask(g, token):
    r = g.get("/", bearer(token))
    return r.body if r.status == 200 else (r.status, refusal(r))


def questions(issuer):
    return issuer.requests("/token/introspection")


def test_both_kinds_of_token_in_one_instance(gateway, provider, rs256):
    issuer = provider(rs256)
    g = start(gateway, issuer, issuer_option=f'issuer: "{issuer.url}"')
    assert ask(g, issuer.token(JWT)) == b"in as gateway" and not questions(issuer)
    token = issuer.token(OPAQUE)
    assert ask(g, token) == b"in as gateway"
    asked, = questions(issuer)
    assert asked["form"] == {"token": token, "token_type_hint": "access_token"} and asked["authorization"].startswith("Basic ")
    assert ask(g, issuer.token(OPAQUE, scope="orders:write")) == (403, "token-scope")
    assert ask(g, "made-up") == (401, "token-inactive")


def test_a_revoked_token_is_refused_after_ttl(gateway, provider, rs256):
    issuer = provider(rs256)
    g = start(gateway, issuer, ttl="0s")
    token = issuer.token(OPAQUE)
    assert ask(g, token) == b"in as gateway"
    issuer.revoke(token)
    assert ask(g, token) == (401, "token-inactive")


def test_a_jwt_that_was_revoked(gateway, provider, rs256):
    """With `tokens: all` the server is asked about a JWT as well, whose signature alone would still be good."""
    issuer = provider(rs256)
    g = start(gateway, issuer, issuer_option=f'issuer: "{issuer.url}"', more="timeout: 5s, tokens: all")
    assert ask(g, issuer.token(JWT)) == (401, "token-inactive"), "this server knows none of its JWTs, as RFC 7662 permits"
    assert len(questions(issuer)) == 1


def test_one_question_for_all_workers_and_connections(gateway, provider, rs256):
    issuer = provider(rs256)
    g = start(gateway, issuer)
    token, answers = issuer.token(OPAQUE), []
    threads = [threading.Thread(target=lambda: answers.append(ask(g, token))) for _ in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(20)
    assert answers == [b"in as gateway"] * 16
    assert len(questions(issuer)) == 1


@pytest.mark.parametrize("method", ["post", "private_key_jwt"])
def test_how_the_gateway_proves_who_it_is(gateway, provider, rs256, tmp_path, method):
    key = SigningKey("ES256")
    other = {"client_id": "asker", "token_endpoint_auth_method": "client_secret_post"}
    credentials = f'client_auth: post, client_secret: "{SECRET}"'
    if method == "private_key_jwt":
        other = {"client_id": "asker", "token_endpoint_auth_method": method, "client_secret": None, "token_endpoint_auth_signing_alg": "ES256",
                 "jwks": {"keys": [key.jwk()]}}
        (tmp_path / "client.pem").write_text(key.private_pem())
        credentials = f'client_auth: private_key_jwt, client_key: "file:{tmp_path}/client.pem", client_key_id: "{key.kid}"'
    issuer = provider(rs256, clients=[other])
    g = start(gateway, issuer, client="asker", credentials=credentials)
    assert ask(g, issuer.token(OPAQUE)) == b"in as gateway"
    assert ask(g, issuer.token(OPAQUE)) == b"in as gateway", "an assertion is good once"


def test_signed_answers(gateway, provider, rs256):
    issuer = provider(rs256, clients=[{"client_id": "asker", "introspection_signed_response_alg": "RS256"}])
    g = start(gateway, issuer, client="asker", issuer_option=f'issuer: "{issuer.url}"', more="timeout: 5s, format: jwt")
    assert ask(g, issuer.token(OPAQUE)) == b"in as gateway"
    assert ask(g, "made-up") == (401, "token-inactive")


def test_wrong_credentials_of_the_gateway_are_no_fault_of_the_client(gateway, provider, rs256):
    issuer = provider(rs256)
    g = start(gateway, issuer, credentials="client_secret: wrong")
    assert ask(g, issuer.token(OPAQUE)) == (503, "introspection-unavailable")
    g.wait_log("refuses the gateway's own credentials")
    assert "wrong" not in g.log()
