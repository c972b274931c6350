"""What the service behind jwt is told of a token, and that nobody else can tell it."""
import pytest

from kit.gateway import GatewayDied
from kit.origin import echo
from kit.tokens import jwks, refusal

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
plugins:
  login:
    use: jwt
    issuer: https://idp.test/
    audience: api
    jwks: "file:jwks.json"
    claims_to_headers: { sub: X-User, realm_access.roles: X-Roles, level: X-Level, "https://a.test/t": X-Tenant }
    optional: @optional@
    forward_token: @forward@
    consumer: client_id
  tell: { use: headers, request: { set: { X-Consumer: "{consumer}", X-Scope: "{claim:scope}" } } }
  each: { use: rate-limit, rate: 1/d, burst: 2, by: consumer, missing: skip }
routes:
  - { name: all, match: { path: /* }, plugins: [login, tell], upstream: app }
  - { name: limited, match: { path: /limited }, plugins: [login, each], upstream: app }
"""
OURS = ("x-user", "x-roles", "x-level", "x-tenant", "x-consumer", "x-scope")


@pytest.fixture
def setting(gateway, origin, rs256):
    """(gateway, upstream) with these options."""
    def make(optional="false", forward="true"):
        up = origin(echo)
        return gateway(CONFIG, files={"jwks.json": jwks(rs256)}, app=up.port, optional=optional, forward=forward), up
    return make


def bearer(token):
    return [("Authorization", f"Bearer {token}")]


def told(request):
    return {n: request.fields.all(n) for n in OURS if n in request.fields}


def test_claims_reach_the_upstream(setting, rs256):
    g, up = setting()
    token = rs256.mint(sub="alice", client_id="web", scope="a b", realm_access={"roles": ["r1", "r2"]}, level=3,
                       **{"https://a.test/t": True})
    assert g.get("/", bearer(token)).status == 200
    got = up.wait(1)[0]
    assert told(got) == {"x-user": ["alice"], "x-roles": ["r1 r2"], "x-level": ["3"], "x-tenant": ["true"],
                         "x-consumer": ["web"], "x-scope": ["a b"]}
    assert got.fields.get("authorization") == f"Bearer {token}"


FORGED = ["X-User", "x-user", "X_User", "x_USER", "X-ROLES", "X_Level", "X-Tenant", "x_tenant", "X-Consumer", "x_consumer", "X_Scope"]


@pytest.mark.parametrize("optional", ["false", "true"])
def test_a_client_cannot_send_them_itself(setting, rs256, optional):
    g, up = setting(optional)
    forged = [(n, "root") for n in FORGED] * 2
    with g.connect() as c:
        for credentials in (bearer(rs256.mint(sub="alice")), []):
            r = c.get("/", forged + credentials)
            if optional == "false" and not credentials:
                assert refusal(r) == "token-missing"
            else:
                assert r.status == 200
    for request in up.requests:
        assert "root" not in [v for _, v in request.fields]
        assert {n.replace("_", "-") for n in request.fields.names()} & set(OURS) == set(told(request)) <= {"x-user"}
    assert len(up.requests) == (1 if optional == "false" else 2)


def test_a_bad_token_is_refused_where_none_is_needed(setting, rs256):
    g, up = setting("true")
    assert refusal(g.get("/", bearer("a.b.c"))) == "token-malformed"
    assert refusal(g.get("/", bearer(rs256.mint(exp=1)))) == "token-expired"
    assert up.requests == []


def test_the_token_can_be_kept_here(setting, rs256):
    g, up = setting(forward="false")
    with g.connect() as c:
        for _ in range(2):  # verified, and remembered
            assert c.get("/", bearer(rs256.mint())).status == 200
    assert all("authorization" not in r.fields for r in up.wait(2))


def test_a_claim_cannot_break_out_of_its_field(setting, rs256):
    g, up = setting()
    for sub in ("a\r\nX-Admin: 1", "a\nb", "a\0b", "a\x7f", "\x1b[31m"):
        r = g.get("/", [("X-User", "root")] + bearer(rs256.mint(sub=sub)))
        assert r.status in (200, 401), sub
    for request in up.requests:
        assert "x-user" not in request.fields and "x-admin" not in request.fields
    assert up.errors == []
    assert g.get("/", bearer(rs256.mint(sub="Zoë"))).status == 200
    assert up.requests[-1].fields.get("x-user").encode("latin-1").decode() == "Zoë"


def test_the_consumer_is_counted(setting, rs256):
    g, _ = setting("true")
    statuses = [g.get("/limited", bearer(rs256.mint(sub=f"user{i}", client_id="web"))).status for i in range(3)]
    assert statuses == [200, 200, 429], "one consumer, whoever its users are"
    assert g.get("/limited", bearer(rs256.mint(client_id="app"))).status == 200
    assert [g.get("/limited").status for _ in range(3)] == [200] * 3, "nobody in particular is not counted"


@pytest.mark.parametrize(("field", "why"), [("X-Request-ID", "is written by the gateway itself"), ("Content-Length", "frames the message"),
                                            ("Authorization", "brings the token")])
def test_check_refuses_claims_to_headers_that_no_request_could_carry(gateway, rs256, field, why):
    config = CONFIG.replace("sub: X-User", f"sub: {field}").replace("@optional@", "false").replace("@forward@", "true")
    with pytest.raises(GatewayDied) as e:
        gateway(config, files={"jwks.json": jwks(rs256)}, app=1)
    said = str(e.value)
    assert f'sluice.yaml:12:31: error: plugins.login.claims_to_headers.sub: field "{field}" {why}' in said
    assert "hint: give the claim a field that nothing else writes, such as X-Token-Subject" in said
