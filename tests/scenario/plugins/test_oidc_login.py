"""oidc with a certified provider: logging in, and what is refused."""
import json
import re
import urllib.parse

import pytest

from kit.origin import reply
from kit.person import PAGE, Person
from kit.provider import CLIENT, SECRET

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

    def __init__(self, gateway, issuer, origin, cert, more="", seal=KEY, files=None, **client):
        def behave(peer, request):
            told = {n.lower(): v for n, v in request.fields}
            reply(200, json.dumps({"target": request.target, **told}).encode(), {"Content-Type": "application/json"})(peer, request)
        self.issuer, self.cert, self.up = issuer, cert, origin(behave)
        self.text = CONFIG.format(cert=cert.cert, key=cert.key, client=CLIENT, secret=SECRET, seal=seal, more=more)
        if "public_client" in more or "client_key" in more:
            self.text = self.text.replace(f"client_secret: {SECRET}", "")
        self.g = gateway(self.text, issuer=issuer.url, app=self.up.port, files=files)
        self.url = f"https://localhost:{self.g.port()}"
        issuer.add_client(redirect_uris=[f"{self.url}/oidc/callback"], post_logout_redirect_uris=[f"{self.url}/"], **client)

    def person(self, user="alice"):
        return Person(self.cert.ca, user)


@pytest.fixture
def site(gateway, provider, origin, server_cert, rs256):
    def make(more="", client=None, files=None, **options):
        return Site(gateway, provider(**options), origin, server_cert, more, files=files, **(client or {}))
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
    first, back, page, again = s.g.access(4)
    assert (first["status"], back["status"], back["path"], again["consumer"]) == (302, 303, "/oidc/callback", "alice")
    assert "code=***" in back["query"] and "state=***" in back["query"]
    pushed, = s.issuer.requests("/request")
    assert {"state", "nonce", "code_challenge"} <= set(pushed["form"]) and pushed["form"]["scope"] == "openid profile email"
    # fields of the client are not ours, and our cookies are not for the application
    cookie = f"a=1; __Host-session={alice.cookies()['__Host-session']}; __Host-session.1=2;__Host-session-login-abcdefgh=3; b=4=5"
    said = alice.get(f"{s.url}/", headers={**PAGE, "X-User": "root", "x_user": "root", "X-Email": "root@x", "Cookie": cookie}).json()
    assert (said["x-user"], said["cookie"]) == ("alice", "a=1; b=4=5") and "x_user" not in said and said["x-email"] == "alice@test.example"
    assert all(secret not in s.g.log() for secret in (SECRET, KEY, pushed["form"]["state"]))


@pytest.mark.parametrize("auth", ["none", "private_key_jwt"])
def test_how_the_client_says_who_it_is(site, es256, auth):
    """And claims from the userinfo endpoint, without a pushed request."""
    client = {"token_endpoint_auth_method": auth, "client_secret": None, "grant_types": ["authorization_code"]}
    more = "public_client: true"
    if auth == "private_key_jwt":
        client["jwks"], more = {"keys": [es256.jwk()]}, "client_auth: private_key_jwt\n    client_key: file:client.pem"
    s = site(f"{more}\n    pushed_requests: never\n    userinfo: true", claims_by_userinfo=True, par=False, client=client, files={"client.pem": es256.private_pem()})
    assert s.person("bob").visit(f"{s.url}/").json()["x-user"] == "bob"
    asked, = s.issuer.requests("/token")
    assert "authorization" not in asked and len(asked["form"]["code_verifier"]) == 43 and len(s.issuer.requests("/me")) == 1
    assert ("client_assertion" in asked["form"]) == (auth == "private_key_jwt") and asked["form"]["client_id"] == CLIENT


def test_who_is_not_sent_to_a_login(site):
    s = site()
    for method, headers in [("GET", {"Accept": "application/json"}), ("GET", {}), ("POST", PAGE), ("HEAD", PAGE), ("GET", {**PAGE, "Sec-Fetch-Mode": "cors"}),
                            ("GET", {**PAGE, "Sec-Fetch-Dest": "iframe"}), ("GET", {**PAGE, "X-Requested-With": "XMLHttpRequest"}),
                            ("GET", {**PAGE, "Authorization": "Bearer x"}), ("GET", {**PAGE, "Sec-Purpose": "prefetch"})]:
        r = s.person().session.request(method, f"{s.url}/api", headers={"Accept": None, **headers}, allow_redirects=False, timeout=30)
        assert (r.status_code, r.headers["www-authenticate"], r.headers["cache-control"]) == (401, 'OIDC realm="login"', "no-store"), (method, headers)
        assert method == "HEAD" or r.json()["type"].endswith(":login-required")
        assert "set-cookie" not in r.headers
    assert not s.up.requests


# ---- attacks ----

def answer(r):
    return r.status_code, (r.json()["type"].rpartition(":")[2] if "problem" in r.headers.get("content-type", "") else r.headers.get("location"))


def test_a_state_is_of_one_browser_and_used_once(site):
    s = site()
    alice, mallory = s.person(), s.person("mallory")
    url = alice.visit(f"{s.url}/mine", until="/oidc/callback")
    hers = mallory.visit(f"{s.url}/evil", until="/oidc/callback")
    # login CSRF: mallory's answer in alice's browser; and alice's code in mallory's
    assert answer(alice.get(hers)) == (400, "login-state")
    assert answer(mallory.get(url)) == (400, "login-state")
    # code injection: alice's own state with mallory's code. PKCE and the nonce are of alice's login.
    code = re.search("code=([^&]+)", hers)[1]
    injected = re.sub("code=[^&]+", f"code={code}", url)
    assert answer(alice.get(injected)) == (403, "login-refused")
    # that login has ended, also with the right code
    assert answer(alice.get(url)) == (400, "login-state")
    assert alice.cookies("__Host-session") == {}
    # a login that ended well cannot be ended again
    url = alice.visit(f"{s.url}/mine", until="/oidc/callback")
    assert answer(alice.get(url)) == (303, "/mine")
    assert answer(alice.get(url)) == (400, "login-state")
    for broken in (f"{s.url}/oidc/callback", f"{s.url}/oidc/callback?code=x", url + "&state=x", url.replace("state=", "state=%zz"), url.replace("iss=", "x=")):
        assert answer(alice.get(broken)) == (400, "login-state"), broken


def test_answers_without_a_code_for_us(site):
    """Mix-up (RFC 9207): the answer names who gave it. And the user may refuse."""
    s = site()
    for change in (lambda u: re.sub("iss=[^&]+", "iss=https%3A%2F%2Fevil.test", u), lambda u: re.sub("&iss=[^&]+", "", u)):
        alice = s.person()
        assert answer(alice.get(change(alice.visit(f"{s.url}/", until="/oidc/callback")))) == (400, "login-state")
    nobody = s.person("refuse")
    assert answer(nobody.visit(f"{s.url}/")) == (403, "login-refused") and nobody.cookies() == {}
    assert not s.issuer.requests("/token")


def test_no_open_redirect(site):
    s = site()
    person = s.person()
    for target, to in [("//evil.test/", "/"), ("/\\evil.test", "/"), ("https://evil.test/", "/"), ("/\t/evil.test", "/"), ("javascript:alert(1)", "/"),
                       ("/ok\r\nX: y", "/"), ("", "/"), ("/" + "a" * 2000, "/"), ("/page?a=b", "/page?a=b")]:
        r = person.get(person.visit(f"{s.url}/login?return_to={urllib.parse.quote(target)}", until="/oidc/callback"))
        assert answer(r) == (303, to), target
    assert answer(person.get(person.visit(f"{s.url}/login?return_to=/a&return_to=//evil.test", until="/oidc/callback"))) == (303, "/")


def test_no_fixation(site):
    """A session that was there before a login is not the one after it; one of another gateway, key or client is none."""
    s = site()
    alice, mallory = s.person(), s.person("mallory")
    mallory.visit(f"{s.url}/")
    planted = mallory.cookies()["__Host-session"]
    jar(alice, s, "__Host-session", planted)
    assert alice.get(f"{s.url}/").json()["x-user"] == "mallory"     # who plants a whole session is not asked; browsers refuse __Host- from others
    url = alice.visit(f"{s.url}/login?return_to=/mine", until="/oidc/callback")
    assert answer(alice.get(url)) == (303, "/mine")
    assert alice.get(f"{s.url}/").json()["x-user"] == "alice" and alice.cookies()["__Host-session"] != planted
    good = alice.cookies()["__Host-session"]
    for bad in (good[:-1] + ("A" if good[-1] != "A" else "B"), good[2:], "2" + good[1:], "1.", "1." + "A" * 200, good + "A" * 9000, "9." + good[2:]):
        jar(alice, s, "__Host-session", bad)
        assert alice.get(f"{s.url}/").status_code == 302, bad[:20]
    # the name without __Host- is what plain http may set: it is another cookie
    other = s.person()
    jar(other, s, "session", good)
    assert other.get(f"{s.url}/").status_code == 302


def jar(person, site, name, value):
    person.session.cookies.clear()
    person.session.cookies.set(name, value, domain="localhost.local", path="/", secure=True)


def test_keys_of_cookies_are_changed_in_turn(site):
    s = site()
    alice = s.person()
    alice.visit(f"{s.url}/")
    new = "another secret for cookies, of at least 32 bytes"
    s.g.reload(s.text.replace(f'"{KEY}"', f'["{new}", "{KEY}"]'))
    assert alice.get(f"{s.url}/").status_code == 200
    s.g.reload(s.text.replace(KEY, new))
    assert alice.get(f"{s.url}/").status_code == 302


def test_several_tabs(site):
    s = site()
    alice = s.person()
    urls = [alice.visit(f"{s.url}/tab{i}", until="/oidc/callback") for i in range(3)]
    assert len(alice.cookies("__Host-session-login-")) == 3
    for i in (1, 0, 2):
        assert answer(alice.get(urls[i])) == (303, f"/tab{i}")
    for _ in range(10):
        alice.get(f"{s.url}/login")
    assert len(alice.cookies("__Host-session-login-")) == 6


def test_large_sessions(site):
    s = site("scopes: [profile]", claims={"alice": {"groups": [f"group-{i:04}" for i in range(300)]}, "bob": {"groups": ["x" * 20000]}})
    alice = s.person()
    said = alice.visit(f"{s.url}/").json()
    assert said["x-groups"].endswith("group-0299") and "cookie" not in said
    assert sorted(alice.cookies()) == ["__Host-session", "__Host-session.1", "__Host-session.2"][:len(alice.cookies())]
    assert len(alice.cookies()) > 1
    assert answer(s.person("bob").visit(f"{s.url}/")) == (500, "login-too-large")


# ---- the provider fails ----

def test_without_a_provider(gateway, origin, provider, server_cert):
    """It is gone: no login, and sessions go on."""
    s = Site(gateway, provider(), origin, server_cert)
    alice = s.person()
    alice.visit(f"{s.url}/")
    waiting = s.person()
    url = waiting.visit(f"{s.url}/", until="/oidc/callback")
    s.issuer.stop()
    assert alice.get(f"{s.url}/").json()["x-user"] == "alice"
    assert s.person().get(f"{s.url}/").status_code in (502, 503)
    assert answer(waiting.get(url))[0] in (403, 502, 503) and waiting.cookies() == {}
