"""conf/providers.yaml judges tokens of the shapes that providers publish: their access tokens pass, and what is easily taken for one
does not. The claims are those of the providers' own manuals; the demo's key signs them."""
import json
import re
import shutil
import time

import jwt

from kit.gateway import ROOT
from kit.ports import free_port
from kit.tokens import challenge, refusal

KEY = (ROOT / "conf/demo/key.pem").read_bytes()
KID = json.loads((ROOT / "conf/demo/jwks.json").read_text())["keys"][0]["kid"]
NOW = int(time.time())
TENANT, OTHER_TENANT, FOREIGN_TENANT = (f"11111111-aaaa-4bbb-8ccc-00000000000{n}" for n in (1, 2, 9))
APP, SHOP = "22222222-aaaa-4bbb-8ccc-000000000001", "33333333-aaaa-4bbb-8ccc-000000000001"
GOOGLE = "407408718192.apps.googleusercontent.com"


def times(**more):
    return {"iat": NOW, "exp": NOW + 300, **more}


# https://www.keycloak.org/docs/latest/server_admin/: the claim typ tells access tokens from ID and refresh tokens
KEYCLOAK = times(iss="https://keycloak.example/realms/acme", aud=["orders-api", "account"], sub="f1", typ="Bearer", azp="shop", jti="j",
                 sid="s", acr="1", scope="openid profile", realm_access={"roles": ["offline_access", "orders"]},
                 resource_access={"account": {"roles": ["view-profile"]}}, preferred_username="alice")
KEYCLOAK_ID = times(iss=KEYCLOAK["iss"], aud="shop", sub="f1", typ="ID", azp="shop", at_hash="h", auth_time=NOW, preferred_username="alice")
# https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles
AUTH0 = times(iss="https://acme.eu.auth0.com/", aud=["https://orders.example/", "https://acme.eu.auth0.com/userinfo"], sub="auth0|1",
              azp="sH0pCl1ent", scope="openid profile read:orders")
AUTH0_ID = times(iss=AUTH0["iss"], aud="sH0pCl1ent", sub="auth0|1", nonce="n", name="Alice", sid="s")
# https://developer.okta.com/docs/api/openapi/okta-oauth/guides/overview/#access-token
OKTA = times(iss="https://acme.okta.com/oauth2/default", aud="api://default", ver=1, jti="AT.1", cid="0oa1shop", uid="00u1",
             scp=["openid", "orders.read"], sub="alice@acme.example", auth_time=NOW)
OKTA_ID = times(iss=OKTA["iss"], aud="0oa1shop", ver=1, jti="ID.1", sub="00u1", amr=["pwd"], idp="00o1", nonce="n", at_hash="h")
# https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
ENTRA = times(iss=f"https://login.microsoftonline.com/{TENANT}/v2.0", tid=TENANT, aud=APP, azp=SHOP, azpacr="1", oid="o", sub="s", ver="2.0",
              scp="Orders.Read User.Read", nbf=NOW, uti="u")
ENTRA_ID = {**{k: v for k, v in ENTRA.items() if k not in ("azp", "azpacr", "scp")}, "nonce": "n", "name": "Alice"}
ENTRA_V1 = times(iss=f"https://sts.windows.net/{TENANT}/", tid=TENANT, aud="api://orders", appid=SHOP, appidacr="1", idp="i", oid="o", sub="s",
                 ver="1.0", roles=["Orders.Read.All"], nbf=NOW)
# https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html
COGNITO = times(iss="https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Example", client_id="1shopclient", token_use="access",
                scope="openid orders/read", auth_time=NOW, sub="aaa", username="alice", jti="j", origin_jti="o", version=2)
COGNITO_ID = times(iss=COGNITO["iss"], aud="1shopclient", token_use="id", sub="aaa", auth_time=NOW, email="alice@acme.example",
                   **{"cognito:username": "alice"})
# https://developers.google.com/identity/openid-connect/openid-connect#an-id-tokens-payload
GOOGLE_ID = times(iss="https://accounts.google.com", azp=GOOGLE, aud=GOOGLE, sub="10769150350006150715113082367", hd="example.com",
                  email="alice@example.com", email_verified=True, at_hash="h")
# RFC 9068 2.2, RFC 9470 6.2
RFC9068 = times(iss="https://issuer.example/", aud="demo", sub="alice", client_id="shop", jti="j", scope="payments", acr="mfa", auth_time=NOW)

# provider -> what it is -> (claims, None or the reason of the refusal). The first is good; others are changes of it, or whole.
CASES = {
    "keycloak": [
        ("good", KEYCLOAK, None), ("ID token", KEYCLOAK_ID, "token-audience"),
        ("ID token for the API", {**KEYCLOAK_ID, "aud": "orders-api"}, "token-claim"),
        ("of another realm", {**KEYCLOAK, "iss": "https://keycloak.example/realms/master"}, "token-issuer"),
        ("for another API", {**KEYCLOAK, "aud": "account"}, "token-audience"),
        ("of another client", {**KEYCLOAK, "azp": "admin-cli"}, "token-client"),
        ("without the role", {**KEYCLOAK, "realm_access": {"roles": ["offline_access"]}}, "access-no-rule"),
        ("role of a client", {**KEYCLOAK, "realm_access": {}, "resource_access": {"shop": {"roles": ["orders"]}}}, "access-no-rule")],
    "auth0": [
        ("good", AUTH0, None), ("by RFC 9068", {**AUTH0, "client_id": "sH0pCl1ent"}, None), ("ID token", AUTH0_ID, "token-audience"),
        ("ID token for the API", {**AUTH0_ID, "aud": "https://orders.example/", "azp": "sH0pCl1ent"}, "token-claim"),
        ("without the slash", {**AUTH0, "iss": "https://acme.eu.auth0.com"}, "token-issuer"),
        ("of another tenant", {**AUTH0, "iss": "https://evil.eu.auth0.com/"}, "token-issuer"),
        ("for userinfo only", {**AUTH0, "aud": "https://acme.eu.auth0.com/userinfo"}, "token-audience"),
        ("without the scope", {**AUTH0, "scope": "openid read:orders2"}, "token-scope")],
    "okta": [
        ("good", OKTA, None), ("ID token", OKTA_ID, "token-audience"),
        ("ID token for the API", {**OKTA_ID, "aud": "api://default"}, "token-client"),
        ("of the org's server", {**OKTA, "iss": "https://acme.okta.com", "aud": "https://acme.okta.com"}, "token-issuer"),
        ("of another client", {**OKTA, "cid": "0oa2other"}, "token-client"),
        ("without the scope", {**OKTA, "scp": ["openid"]}, "token-scope"), ("without scopes", {**OKTA, "scp": []}, "token-scope")],
    "entra": [
        ("good", ENTRA, None), ("of the other tenant", {**ENTRA, "iss": ENTRA["iss"].replace(TENANT, OTHER_TENANT), "tid": OTHER_TENANT}, None),
        ("ID token", {**ENTRA_ID, "aud": SHOP}, "token-audience"), ("ID token for the API", ENTRA_ID, "token-client"),
        ("of a foreign tenant", {**ENTRA, "iss": ENTRA["iss"].replace(TENANT, FOREIGN_TENANT), "tid": FOREIGN_TENANT}, "token-issuer"),
        ("in the name of a tenant", {**ENTRA, "tid": OTHER_TENANT}, "token-issuer"),
        ("without tid", {k: v for k, v in ENTRA.items() if k != "tid"}, "token-issuer"),
        ("of version 1", {**ENTRA, "iss": f"https://sts.windows.net/{TENANT}/", "ver": "1.0"}, "token-issuer"),
        ("for Graph", {**ENTRA, "aud": "00000003-0000-0000-c000-000000000000"}, "token-audience"),
        ("without a user", {**{k: v for k, v in ENTRA.items() if k != "scp"}, "roles": ["Orders.Read"]}, "token-scope")],
    "entra-v1": [
        ("good", ENTRA_V1, None), ("of version 2", {**ENTRA_V1, "iss": ENTRA["iss"], "ver": "2.0"}, "token-issuer"),
        ("of another application", {**ENTRA_V1, "appid": APP}, "token-client"),
        ("of a user", {**ENTRA_V1, "scp": "Orders.Read.All"}, "token-claim"),
        ("without the role", {**ENTRA_V1, "roles": ["Orders.Read"]}, "token-claim")],
    "cognito": [
        ("good", COGNITO, None), ("ID token", COGNITO_ID, "token-client"),
        ("ID token with the client", {**COGNITO_ID, "client_id": "1shopclient"}, "token-claim"),
        ("of another pool", {**COGNITO, "iss": COGNITO["iss"] + "2"}, "token-issuer"),
        ("of another client", {**COGNITO, "client_id": "2otherclient"}, "token-client"),
        ("without the scope", {**COGNITO, "scope": "aws.cognito.signin.user.admin"}, "token-scope")],
    "google": [
        ("good", GOOGLE_ID, None), ("the old name", {**GOOGLE_ID, "iss": "accounts.google.com"}, None),
        ("for another app", {**GOOGLE_ID, "aud": "1.apps.googleusercontent.com"}, "token-audience"),
        ("by another app", {**GOOGLE_ID, "azp": "1.apps.googleusercontent.com"}, "token-client"),
        ("a private account", {k: v for k, v in GOOGLE_ID.items() if k != "hd"}, "token-claim"),
        ("an unverified address", {**GOOGLE_ID, "email_verified": False}, "token-claim"),
        ("another name", {**GOOGLE_ID, "iss": "http://accounts.google.com"}, "token-issuer"),
        ("access token", "ya29.a0AfH6SMBexample", "token-malformed")],
    "payments": [
        ("good", RFC9068, None), ("the other scope", {**RFC9068, "scope": "a admin"}, None),
        ("without jti", {**RFC9068, "jti": None}, "token-claim"), ("a password", {**RFC9068, "acr": "pwd"}, "login-acr"),
        ("an old login", {**RFC9068, "auth_time": NOW - 700}, "login-too-old"), ("neither scope", {**RFC9068, "scope": "a"}, "token-scope")],
}


def sign(claims, typ="at+jwt"):
    return claims if isinstance(claims, str) else jwt.encode(claims, KEY, "ES256", {"kid": KID, "typ": typ})


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def test_shapes_of_all_providers(gateway, folder):
    shutil.copytree(ROOT / "conf/demo", folder / "gateway1/demo")
    ports = {}
    g = gateway(re.sub(r"127\.0\.0\.1:(\d+)", lambda m: f"127.0.0.1:{ports.setdefault(m[1], free_port())}",
                       (ROOT / "conf/providers.yaml").read_text()))
    wrong = []
    for provider, cases in CASES.items():
        for what, claims, code in cases:
            typ = "at+jwt" if provider == "payments" else "JWT"
            r = g.get(f"/{provider}", bearer(sign(claims, typ)))
            status = {None: 200, "token-scope": 403, "access-no-rule": 403}.get(code, 401)
            if (r.status, refusal(r)) != (status, code):
                wrong.append(f"{provider}, {what}: {r.status} {refusal(r)}, not {code}")
    assert not wrong, "\n".join(wrong)

    # a type that is not that of an access token
    for typ in ("JWT", "logout+jwt", None):
        assert refusal(g.get("/payments", bearer(sign(RFC9068, typ)))) == "token-type"
    # what a client is told that has to ask for more
    _, said = challenge(g.get("/payments", bearer(sign({**RFC9068, "acr": "pwd"}))))
    assert (said["error"], said["acr_values"], said["max_age"]) == ("insufficient_user_authentication", "phr mfa", "600")
    r = g.get("/payments", bearer(sign({**RFC9068, "scope": "a"})))
    assert challenge(r)[1]["scope"] == "payments"
    assert json.loads(r.body)["detail"].endswith("the scope that is needed: one of payments, admin")
