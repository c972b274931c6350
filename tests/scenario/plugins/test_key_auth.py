"""key-auth in a real gateway: real clients, a file that changes, keys in a real Redis, guessing, and what the upstream and the log see."""
import datetime
import hashlib
import os
import re
import shutil
import subprocess
import time

import pytest

from kit.client import RawClient
from kit.gateway import GatewayDied
from kit.origin import echo
from kit.process import wait_for
from kit.tokens import refusal

ALICE, BOB, CAROL, DAN = ("alice-4b1d0c6f", "bob-93f2aa71", "carol-0d7e5512", "dan-c21f88e4")


def sha256(key):
    return hashlib.sha256(key.encode()).hexdigest()


def at(seconds):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@", trusted_proxies: [127.0.0.9] }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
plugins:
  keys: { use: key-auth, file: keys, from: [header:X-API-Key, query:api_key, cookie:api_key], refresh: 1s, realm: "partners only" }
  keeps: { use: key-auth, file: keys, from: [query:api_key, header:X-API-Key], forward_key: true }
  bearer: { use: key-auth, file: keys, from: "scheme:Bearer" }
  few: { use: key-auth, keys: [{ sha256: "${EVE}", name: eve }, { sha256: "file:dan.sha256", name: dan, groups: [staff] }], failures: 3/h }
  admins: { use: key-auth, file: keys, groups: [admins] }
  watching: { use: key-auth, file: keys, mode: report }
  other: { use: key-auth, keys: [{ sha256: "${EVE}", name: eve }], realm: other }
  basic: { use: basic-auth, users: { al: "$2y$04$abcdefghijklmnopqrstuujZkTwHUiJ9XdZPwKfcfDo7dMp5DjlTu" } }
  gold: { use: access, rules: [{ name: gold, action: allow, when: { facts: { "consumer:plan": gold } } }] }
  who: { use: headers, request: { set: { X-User: "{consumer}", X-Groups: "{groups}", X-Plan: "{consumer:plan}" } } }
routes:
  - { name: keeps, match: { path: /keeps }, plugins: [keeps, who], upstream: app }
  - { name: bearer, match: { path: /bearer }, plugins: [bearer, who], upstream: app }
  - { name: few, match: { path: /few }, plugins: [few], respond: { body: "in" } }
  - { name: admins, match: { path: /admins }, plugins: [admins], respond: { body: "in" } }
  - { name: gold, match: { path: /gold }, plugins: [keys, gold], respond: { body: "in" } }
  - { name: watching, match: { path: /watching }, plugins: [watching, who], upstream: app }
  - { name: either, match: { path: /either }, plugins: [{ use: any-of, of: [keys, other, basic] }, who], upstream: app }
  - { name: keys, match: { path: /* }, plugins: [keys, who], upstream: app }
"""


def keyfile(**more):
    lines = {ALICE: "alice groups=admins,ops plan=gold", BOB: "bob", **more}
    return "# keys\n" + "".join(f"{sha256(key)} {rest}\n" for key, rest in lines.items())


@pytest.fixture
def running(gateway, origin):
    up = origin(echo)
    g = gateway(CONFIG, app=up.port, env={"EVE": sha256("eve-key")}, files={"keys": keyfile(), "dan.sha256": sha256(DAN) + "\n"})
    g.up = up
    return g


def key(text, name="X-API-Key"):
    return [(name, text)]


def checks(g, instance, result):
    return g.metrics().get(f'sluice_plugin_key_auth_checks_total{{instance="{instance}",result="{result}"}}', 0)


def told(request):
    return [request.fields.get(n) for n in ("x-user", "x-groups", "x-plan")]


def test_who_is_admitted(running):
    g = running
    r = g.get("/")
    assert r.status == 401 and refusal(r) == "key-missing" and r.header("www-authenticate") == 'ApiKey realm="partners only"'
    assert b"in the header field X-API-Key or the parameter api_key or the cookie api_key" in r.body
    assert g.get("/", key(ALICE)).status == 200
    assert told(g.up.requests[-1]) == ["alice", "admins,ops", "gold"] and "x-api-key" not in g.up.requests[-1].fields
    assert g.get(f"/a?x=1&api_key={BOB}&y=%20", [("X_API_Key", ALICE)]).status == 200
    assert told(g.up.requests[-1]) == ["bob", None, None] and g.up.requests[-1].target == "/a?x=1&y=%20"
    assert "x_api_key" not in g.up.requests[-1].fields
    assert g.get("/", [("Cookie", f"a=1; api_key={BOB}; b=2")]).status == 200
    assert told(g.up.requests[-1])[0] == "bob" and g.up.requests[-1].fields.get("cookie") == "a=1; b=2"
    assert g.get("/", [("Cookie", f"api_key={BOB}")]).status == 200 and "cookie" not in g.up.requests[-1].fields
    for fields, code in ((key(ALICE[:-1]), "key-wrong"), (key(sha256(ALICE)), "key-wrong"), (key(ALICE) * 2, "key-malformed"),
                         (key("a b"), "key-malformed"), (key("k" * 1025), "key-malformed")):
        r = g.get("/", fields)
        assert (r.status, refusal(r)) == (401, code) and r.header("www-authenticate") == 'ApiKey realm="partners only"'
    r = g.get(f"/?api_key={ALICE}&api_key={ALICE}")
    assert refusal(r) == "key-malformed"
    assert [g.get("/admins", key(k)).status for k in (ALICE, BOB)] == [200, 403]
    assert [g.get("/gold", key(k)).status for k in (ALICE, BOB)] == [200, 403]
    assert g.get("/bearer", key(f"Bearer {BOB}", "Authorization")).status == 200
    assert "authorization" not in g.up.requests[-1].fields
    assert g.get("/bearer", key("Basic YTpi", "Authorization")).header("www-authenticate") == 'Bearer realm="bearer"'
    assert g.get("/few", key("eve-key")).status == 200 and g.get("/few", key(DAN)).status == 200
    assert g.get("/watching", key(ALICE)).status == 200 and g.get("/watching").status == 200
    assert {n.get("consumer") for n in g.access(21)} == {None, "alice", "bob", "eve", "dan"}
    everything = g.log() + (g.folder / "access.log").read_text()
    for secret in (ALICE, ALICE[:-1], BOB, DAN, sha256(ALICE)):
        assert secret not in everything
    assert "api_key=***" in everything


def test_a_key_that_is_forwarded(running):
    g = running
    assert g.get("/keeps", [("x-api-key", ALICE), ("X_API_Key", BOB)]).status == 200
    got = g.up.requests[-1].fields
    assert got.get("x-api-key") == ALICE and "x_api_key" not in got
    assert g.get(f"/keeps?api_key={BOB}", key(ALICE)).status == 200
    got = g.up.requests[-1]
    assert told(got)[0] == "bob" and got.target == f"/keeps?api_key={BOB}" and "x-api-key" not in got.fields


def test_alternatives(running):
    """Two sets of keys in one field, and a password: what was not verified does not reach the upstream."""
    g = running
    for k, user in ((ALICE, "alice"), ("eve-key", "eve")):
        assert g.get("/either", key(k)).status == 200
        assert told(g.up.requests[-1])[0] == user and "x-api-key" not in g.up.requests[-1].fields
    r = g.get("/either")
    schemes = [c.split()[0] for c in r.fields.all("www-authenticate")]
    assert r.status == 401 and r.fields.all("www-authenticate")[0] == 'ApiKey realm="partners only"' and schemes == ["ApiKey", "Basic"]
    assert refusal(g.get("/either", key("nobody"))) == "key-wrong"
    login = [("Authorization", "Basic YWw6d29uZGVybGFuZA==")]
    assert g.get("/either?api_key=nobody", login + key("nobody")).status == 200
    got = g.up.requests[-1]
    assert told(got)[0] == "al" and "x-api-key" not in got.fields and got.target == "/either"


def test_by_curl(running):
    if not shutil.which("curl"):
        pytest.skip("no curl here")
    url = f"http://127.0.0.1:{running.port('public')}/"
    for more, status in ((["-H", f"X-API-Key: {ALICE}"], b"200"), (["-b", f"api_key={ALICE}"], b"200"),
                         (["-G", "--data-urlencode", f"api_key={ALICE}"], b"200"), ([], b"401")):
        done = subprocess.run(["curl", "-s", "-o", os.devnull, "-w", "%{http_code}", *more, url], stdout=subprocess.PIPE, check=True)
        assert done.stdout == status


def test_the_line_of_the_manual_makes_a_key(running):
    """As the manual shows it, word by word."""
    page = (os.path.dirname(__file__) + "/../../../plugins/key-auth/key-auth.md")
    with open(page, encoding="utf-8") as f:
        commands = re.search(r"\n((?:    .*\n)+)", f.read()).group(1)
    assert "openssl rand" in commands and "sha256sum" in commands
    g = running
    commands = commands.replace("/etc/sluice/keys", str(g.folder / "keys"))
    shown = subprocess.run(["sh", "-ec", commands], stdout=subprocess.PIPE, check=True, text=True).stdout
    made = shown.strip()
    assert re.fullmatch(r"[0-9a-f]{64}", made)
    g.wait_log("keys has changed: 3 keys")
    assert g.get("/", key(made)).status == 200 and told(g.up.requests[-1])[0] == "alice"


def test_a_file_changes(running):
    g = running
    assert g.get("/", key(CAROL)).status == 401
    fresh = g.folder / "keys.new"
    fresh.write_text(keyfile(**{CAROL: "carol", BOB: "bob plan=free"}))
    os.rename(fresh, g.folder / "keys")
    g.wait_log("keys has changed: 3 keys")
    assert g.get("/", key(CAROL)).status == 200     # although it was wrong a moment ago
    assert g.get("/", key(BOB)).status == 200 and told(g.up.requests[-1])[2] == "free"
    (g.folder / "keys").write_text(f"{sha256(ALICE)} alice\n{CAROL} carol\n")
    g.wait_log(r"keys:2: the line does not begin with the SHA-256 of a key")
    assert g.get("/", key(CAROL)).status == 200
    assert g.metrics()['sluice_plugin_key_auth_refused_files{instance="keys"}'] == 1
    assert CAROL not in g.log()
    (g.folder / "keys").write_text(f"{sha256(CAROL)} carol expires={at(2)}\n")
    g.wait_log("keys has changed: 1 keys")
    assert refusal(g.get("/", key(ALICE))) == "key-wrong"
    assert g.metrics()['sluice_plugin_key_auth_keys{instance="keys"}'] == 1
    wait_for(lambda: g.get("/", key(CAROL)).status == 401, what="the end of the key")
    assert refusal(g.get("/", key(CAROL))) == "key-expired" and checks(g, "keys", "expired") >= 2


def test_guessing(running):
    g = running

    def ask(source, text):
        with RawClient(g.port("public"), source=(source, 0)) as c:
            return c.get("/few", key(text))
    assert ask("127.0.0.5", "eve-key").status == 200
    assert [ask("127.0.0.5", "outdated").status for n in range(9)] == [401] * 9     # counts once
    assert [ask("127.0.0.5", f"guess{n}").status for n in range(4)] == [401, 401, 429, 429]
    r = ask("127.0.0.5", DAN)
    assert r.status == 429 and int(r.header("retry-after")) > 1000 and "www-authenticate" not in r.fields
    assert ask("127.0.0.5", "eve-key").status == 200        # was right from there before
    assert ask("127.0.0.6", DAN).status == 200              # another address has a budget of its own
    assert checks(g, "few", "limited") == 3


# ---- keys in Redis --------------------------------------------------------------------------------------------------------------------

SHARED = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
stores:
  shared: { redis: "@redis@", timeout: 1s }
plugins:
  keys: { use: key-auth, store: shared, cache_ttl: 300ms, wrong_ttl: 300ms, timeout: 1s, failures: 1000/s }
  stale: { use: key-auth, store: shared, cache_ttl: 100ms, on_store_failure: stale, stale_for: 1h }
  long: { use: key-auth, store: shared, cache_ttl: 1h, wrong_ttl: 1h, cache: 1, failures: 10000/s }
  plans: { use: rate-limit, by: consumer, plan: "consumer:plan", rate: 2/h, rates: { gold: { rate: 100/h, burst: 4 } }, store: shared }
  who: { use: headers, request: { set: { X-User: "{consumer}", X-Groups: "{groups}", X-Plan: "{consumer:plan}" } } }
routes:
  - { name: stale, match: { path: /stale }, plugins: [stale], respond: { body: "in" } }
  - { name: long, match: { path: /long }, plugins: [long], respond: { body: "in" } }
  - { name: plans, match: { path: /plans }, plugins: [keys, plans], respond: { body: "in" } }
  - { name: keys, match: { path: /* }, plugins: [keys, who], upstream: app }
"""


@pytest.fixture
def shared(gateway, origin, redis):
    up, r = origin(echo), redis()
    g = gateway(SHARED, app=up.port, redis=r.url)
    g.up, g.redis = up, r
    return g


def add(g, k, **fields):
    g.redis.client.hset("sluice:key:" + sha256(k), mapping=fields)


def test_keys_in_redis(shared):
    g = shared
    add(g, ALICE, name="alice", groups="admins,ops", plan="gold")
    add(g, BOB, name="bob", expires=at(3600))
    assert g.get("/", key(ALICE)).status == 200
    assert told(g.up.requests[-1]) == ["alice", "admins,ops", "gold"] and "x-api-key" not in g.up.requests[-1].fields
    assert g.get("/", key(BOB)).status == 200 and told(g.up.requests[-1]) == ["bob", None, None]
    assert refusal(g.get("/", key(CAROL))) == "key-wrong"
    add(g, CAROL, name="carol")
    wait_for(lambda: g.get("/", key(CAROL)).status == 200, what="the wrong key is looked up again")
    g.redis.client.delete("sluice:key:" + sha256(ALICE))
    began = time.monotonic()
    wait_for(lambda: refusal(g.get("/", key(ALICE))) == "key-wrong" if time.monotonic() - began > .5 else False, what="the key is revoked")
    add(g, BOB, expires=at(-1))
    wait_for(lambda: g.get("/", key(BOB)).status == 401, what="the key has ended")
    assert refusal(g.get("/", key(BOB))) == "key-expired"
    add(g, DAN, nam="dan")
    assert refusal(g.get("/", key(DAN))) == "key-wrong"
    g.wait_log(f"the hash sluice:key:{sha256(DAN)[:12]}... in the store has no name: it is not admitted")
    everything = g.log() + (g.folder / "access.log").read_text()
    for secret in (ALICE, BOB, CAROL, DAN):
        assert secret not in everything


def test_redis_is_asked_once(shared):
    g = shared
    add(g, ALICE, name="alice")
    for _ in range(50):
        assert g.get("/long", key(ALICE)).status == 200 and g.get("/long", key(BOB)).status == 401
    asked = {r: g.metrics().get(f'sluice_plugin_key_auth_lookups_total{{instance="long",result="{r}"}}', 0) for r in ("found", "absent")}
    assert asked == {"found": 1, "absent": 1}


def test_random_keys_do_not_evict_the_good_ones(shared):
    g = shared
    add(g, ALICE, name="alice")
    assert g.get("/long", key(ALICE)).status == 200
    with RawClient(g.port()) as c:
        for n in range(3000):
            assert c.get("/long", key(f"random{n}")).status == 401
    assert g.get("/long", key(ALICE)).status == 200
    assert g.metrics()['sluice_plugin_key_auth_lookups_total{instance="long",result="found"}'] == 1


def test_redis_is_down(shared):
    g = shared
    add(g, ALICE, name="alice")
    assert g.get("/", key(ALICE)).status == 200 and g.get("/stale", key(ALICE)).status == 200
    g.redis.stop()
    wait_for(lambda: g.get("/", key(ALICE)).status == 503, what="what is remembered ends")
    r = g.get("/", key(ALICE))
    assert refusal(r) == "key-store-down" and r.header("retry-after") == "1" and "www-authenticate" not in r.fields
    assert g.get("/stale", key(ALICE)).status == 200
    assert refusal(g.get("/stale", key(BOB))) == "key-store-down"
    wait_for(lambda: "key-store-down" in (g.access(1)[-1].get("notes") or []) if g.get("/stale", key(ALICE)).status == 200 else False)
    g.redis.start()
    add(g, BOB, name="bob")
    wait_for(lambda: g.get("/", key(BOB)).status == 200, what="the store answers again")


def test_redis_hangs(shared):
    g = shared
    add(g, ALICE, name="alice")
    assert g.get("/long", key(ALICE)).status == 200 and g.get("/stale", key(ALICE)).status == 200
    time.sleep(.15)     # what is remembered is stale now
    g.redis.pause()
    assert g.get("/long", key(ALICE)).status == 200
    assert g.get("/stale", key(ALICE)).status == 200
    assert refusal(g.get("/long", key(BOB))) == "key-store-down"
    g.redis.resume()


def test_plans(shared):
    """The rate follows from a fact of the key, and what was used of one plan is not taken from another."""
    g = shared
    add(g, ALICE, name="alice", plan="gold")
    add(g, BOB, name="bob", plan="unheard-of")
    add(g, CAROL, name="carol")
    assert [g.get("/plans", key(ALICE)).status for _ in range(6)] == [200] * 4 + [429] * 2
    for k in (BOB, CAROL):
        assert [g.get("/plans", key(k)).status for _ in range(3)] == [200, 200, 429]
    assert g.get("/plans", key(ALICE)).header("ratelimit-policy") == '"plans";q=100;w=3600'
    assert g.get("/plans", key(BOB)).header("ratelimit-policy") == '"plans";q=2;w=3600'
    add(g, CAROL, plan="gold")
    wait_for(lambda: g.get("/plans", key(CAROL)).status == 200, what="carol has another plan")
    add(g, CAROL, plan="free")
    wait_for(lambda: g.get("/plans", key(CAROL)).header("ratelimit-policy") == '"plans";q=2;w=3600', what="carol is back")
    assert g.get("/plans", key(CAROL)).status == 429
    assert set(g.redis.client.keys("sluice:rl:*")) == {"sluice:rl:plans:p:gold:v:alice", "sluice:rl:plans:v:bob", "sluice:rl:plans:v:carol",
                                                       "sluice:rl:plans:p:gold:v:carol"}


def test_a_user_with_few_rights(gateway, origin, redis):
    """All that the gateway needs in Redis is to read these hashes."""
    up, r = origin(echo), redis()
    r.client.execute_command("ACL", "SETUSER", "gw", "on", ">pw", "resetkeys", "~sluice:key:*", "resetchannels", "-@all", "+ping", "+select",
                             "+hgetall")
    g = gateway(SHARED, app=up.port, redis=f"redis://gw:pw@{r.address}/0")
    g.redis = r
    add(g, ALICE, name="alice")
    assert g.get("/", key(ALICE)).status == 200 and g.get("/", key(BOB)).status == 401
    r.client.execute_command("ACL", "SETUSER", "gw", "-hgetall")
    wait_for(lambda: g.get("/", key(ALICE)).status == 503, what="the right that is gone")


def test_a_reload_forgets_what_a_changed_instance_knew(shared):
    g = shared
    add(g, ALICE, name="alice")
    assert g.get("/long", key(ALICE)).status == 200
    g.redis.client.delete("sluice:key:" + sha256(ALICE))
    assert g.get("/long", key(ALICE)).status == 200
    g.reload(SHARED.replace("cache: 1,", "cache: 1, realm: new,"))
    wait_for(lambda: g.get("/long", key(ALICE)).status == 401, what="the instance is a new one")


MISTAKES = {
    "file: nowhere": r":\d+:\d+: error: .*file: cannot read nowhere: No such file or directory",
    "file: plain": r":\d+:\d+: error: .*file: plain:2: the line does not begin with the SHA-256 of a key(.|\n)*sha256sum",
    'keys: [{ sha256: "secret-of-bob", name: bob }]': r":\d+:\d+: error: .*keys\[0\]: the key has no SHA-256 of a key",
    "realm: a": r"none of keys, file and store is given(.|\n)*openssl rand -hex 32",
    "file: good, from: X-API-Key": r":\d+:\d+: error: .*from: \"X-API-Key\" is none of header:NAME",
    "file: good, cache_ttl: 5s": r":\d+:\d+: error: .*cache_ttl: is about keys in a store",
    "store: nowhere": r"nowhere",
}


@pytest.mark.parametrize("options", MISTAKES)
def test_mistakes(gateway, options):
    with pytest.raises(GatewayDied) as died:
        gateway('listeners: [{ name: a, address: "127.0.0.1:@a@" }]\n'
                "routes: [{ name: all, match: { path: /* }, plugins: [{ use: key-auth, %s }], respond: { status: 204 } }]\n" % options,
                files={"plain": f"{sha256('a')} alice\nsecret-of-bob bob\n", "good": f"{sha256('a')} alice\n"})
    assert re.search(MISTAKES[options], str(died.value)), died.value
    assert "secret-of-bob" not in str(died.value)
