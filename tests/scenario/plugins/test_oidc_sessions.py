"""oidc with sessions in Redis, of two gateways, and a certified provider that ends them."""
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from kit.gateway import ROOT
from kit.origin import reply
from kit.person import PAGE, Person
from kit.provider import CLIENT, SECRET
from kit.process import wait_for

KEY = "sessions are sealed with these 32 bytes, or more"
CONFIG = """
admin: {{ address: "127.0.0.1:@admin@" }}
listeners:
  - {{ name: public, address: "127.0.0.1:@public@" }}
stores:
  sessions: {{ redis: "{redis}" }}
plugins:
  login:
    use: oidc
    issuer: "@issuer@"
    client_id: {client}
    client_secret: {secret}
    secret: "{seal}"
    store: sessions
    store_timeout: 1s
    logout_path: /logout
    post_logout_redirect_uri: /bye
    backchannel_logout_path: /oidc/logged-out
    frontchannel_logout_path: /oidc/frame
    claims_to_headers: {{ sub: X-User }}
    {more}
upstreams:
  app: {{ servers: ["127.0.0.1:@app@"] }}
routes:
  - {{ name: bye, match: {{ path: /bye }}, respond: {{ body: bye }} }}
  - {{ name: all, match: {{ path: /* }}, plugins: [login], upstream: app }}
"""


class Site:
    """Two gateways before one application, as behind a balancer: a browser's cookies are for both."""

    def __init__(self, gateway, issuer, origin, redis, more, limited):
        def behave(peer, request):
            told = {n.lower(): v for n, v in request.fields}
            reply(200, json.dumps(told).encode(), {"Content-Type": "application/json"})(peer, request)
        self.persons = []
        self.issuer, self.redis, up = issuer, redis(), origin(behave)
        text = CONFIG.format(redis=self.limited_url() if limited else self.redis.url, client=CLIENT, secret=SECRET, seal=KEY, more=more)
        self.gateways = [gateway(text, issuer=issuer.url, app=up.port) for _ in range(2)]
        self.urls = [f"http://localhost:{g.port()}" for g in self.gateways]
        issuer.add_client(redirect_uris=[f"{u}/oidc/callback" for u in self.urls], post_logout_redirect_uris=[f"{u}/bye" for u in self.urls],
                          backchannel_logout_uri=f"{self.urls[0]}/oidc/logged-out", backchannel_logout_session_required=True)

    def limited_url(self):
        """Of a user who has the rights that the manual names, and no others."""
        manual = (ROOT / "plugins/oidc/oidc.md").read_text()
        said = re.search(r"The user of the store needs (.*?), on keys `(.*?)`", manual, re.S)
        rights = [f"+{c.lower()}" for c in ["PING", *re.findall(r"`([A-Z]+)`", said[1])]]
        self.redis.client.execute_command("ACL", "SETUSER", "gateway", "on", ">word", f"~{said[2]}", *rights)
        return self.redis.url.replace("redis://", "redis://gateway:word@")

    def keys(self, kind="s"):
        return self.redis.client.keys(f"sluice:oidc:{kind}:*")

    def person(self, user="alice"):
        """Somebody who has logged in at the first gateway."""
        person = Person(None, user)
        self.persons.append(person)
        assert person.visit(f"{self.urls[0]}/").json()["x-user"] == user
        return person

    def sees(self, person):
        """What both gateways answer."""
        return [person.get(f"{u}/").status_code for u in self.urls]


@pytest.fixture
def site(gateway, provider, origin, redis):
    made = []

    def make(more="", limited=False, **options):
        made.append(Site(gateway, provider(**options), origin, redis, more, limited))
        return made[-1]
    yield make
    for person in made[0].persons:      # else the gateways wait for their connections
        person.session.close()


def test_the_store(site):
    """Two gateways share a session, which a logout at one ends at the other. While the store is gone nobody is sent round in circles; when it comes back
    empty, people log in again."""
    s = site()
    alice, bob = s.person(), s.person("bob")
    assert s.sees(alice) == s.sees(bob) == [200, 200] and len(alice.cookies()["session"]) == 45
    seen = {k: s.redis.client.get(k) for k in s.keys()}
    assert len(seen) == 2 and not any(w in str(seen) for w in ("alice", "bob", alice.cookies()["session"][2:]))
    copy = dict(alice.session.cookies)
    assert alice.visit(f"{s.urls[1]}/logout").text == "bye"
    alice.session.cookies.update(copy)
    assert s.sees(alice) == [302, 302] and s.sees(bob) == [200, 200] and len(s.keys()) == 1
    s.redis.stop()
    for headers in (PAGE, {"Accept": "application/json"}):
        r = bob.get(f"{s.urls[0]}/", headers=headers)
        assert r.status_code == 503 and r.json()["type"].endswith(":login-store-down") and "set-cookie" not in r.headers
    s.redis.start()
    wait_for(lambda: bob.get(f"{s.urls[0]}/").status_code == 302, what="the store to be found again")
    assert bob.visit(f"{s.urls[0]}/").json()["x-user"] == "bob" and s.gateways[0].access(1)
    shown = s.gateways[0].metrics()
    assert shown['sluice_plugin_oidc_logins_total{instance="login",result="done"}'] == 3
    assert shown['sluice_plugin_oidc_store_calls_total{instance="login",result="failed"}'] >= 2


def test_the_provider_logs_a_user_out(site):
    """Over the back channel, when its session ends there: one browser's at both gateways, and no other's. The rights in Redis are those of the manual."""
    s = site(limited=True)
    alice, other = s.person(), s.person()
    ended = alice.visit(f"{s.issuer.url}/session/end")
    assert "logged out" in ended.text
    wait_for(lambda: s.sees(alice) == [302, 302], what="the end of the session")
    assert s.sees(other) == [200, 200] and len(s.keys()) == 1
    told = wait_for(lambda: next((e for e in s.gateways[0].access() if e["path"] == "/oidc/logged-out"), None), what="its line in the log")
    assert (told["method"], told["status"]) == ("POST", 200) and "backchannel" not in s.issuer.log()
    # a logout here leads to one there, which tells of it; there is nothing left to end
    assert other.visit(f"{s.urls[0]}/logout").text == "bye"
    assert s.sees(other) == [302, 302] and s.keys() == []


def test_tokens_are_renewed_once(site):
    """With a refresh token that is good once, by requests at both gateways at the same moment."""
    s = site("forward_access_token: true", access_token_ttl=1, rotate_refresh_token=True, always_refresh=True)
    alice = s.person()
    first = alice.get(f"{s.urls[1]}/").json()["authorization"]
    time.sleep(1.1)

    def ask(url):
        return Person.get(alice, f"{url}/").json()["authorization"]
    with ThreadPoolExecutor(12) as pool:
        got = list(pool.map(ask, s.urls * 6))
    assert set(got) != {first} and len(set(got)) == 1
    assert len([r for r in s.issuer.requests("/token") if r["form"]["grant_type"] == "refresh_token"]) == 1
