"""basic-auth in a real gateway: real clients, files that change, guessing, and what the upstream and the log see."""
import base64
import concurrent.futures
import os
import re
import shutil
import subprocess

import pytest

from kit.client import RawClient
from kit.gateway import GatewayDied
from kit.origin import echo

# bcrypt, SHA-512, yescrypt and Apache's MD5, as cheap as they may be; that of x is as costly as they usually are
HASHES = {
    "wonderland": "$2y$04$abcdefghijklmnopqrstuujZkTwHUiJ9XdZPwKfcfDo7dMp5DjlTu",
    "looking-glass": "$2y$04$abcdefghijklmnopqrstuu196or.tIX4ZphAF/FwsaEU.CYsQ1F8W",
    "map": "$2y$04$abcdefghijklmnopqrstuue0glulmVpePlpOJIeY53rhInVZ.FKWe",
    "apple": "$2y$04$abcdefghijklmnopqrstuuLwBkRtDQcZ4ReAFDyf0hFnrZ7TUmPeu",
    "lion": "$2y$04$abcdefghijklmnopqrstuuG38CWUkzGCxb4Q7o2osrex.j/C7y0Yu",
    "builder": "$6$rounds=1000$saltsalt$MmgSuXltk7MiPun6iqUg4EhT4rBBBKAvbQv9VWc6Md1rJUZOHgD9R7ybTSRlsQRjv7LqQhuL8A3dxin579TRL.",
    "chr\xefstmas": "$y$j75$F5Jx5fExrKuPp53xLKQ..1$qud4u0OHAH3TOsx0J2Qj4jwJkUYp7qItgBAuAhecP84",
    "x": "$2y$10$abcdefghijklmnopqrstuu4T826PRnz0Hu6YlprUuxkZxOOj5Fw5S",
    "secret": "$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0",
}
CHALLENGE = 'Basic realm="staff only", charset="UTF-8"'
CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@", trusted_proxies: [127.0.0.9] }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
plugins:
  staff: { use: basic-auth, file: users, realm: "staff only", refresh: 1s }
  keeps: { use: basic-auth, file: users, forward_credentials: true, groups_file: groups }
  who: { use: headers, request: { set: { X-User: "{consumer}", X-Groups: "{groups}" } } }
  few: { use: basic-auth, users: { eve: "${EVE}", dan: "file:dan.hash" }, failures: 3/h }
  admins: { use: basic-auth, file: users, groups_file: groups, groups: [admins] }
  watching: { use: basic-auth, file: users, mode: report }
routes:
  - { name: keeps, match: { path: /keeps }, plugins: [keeps, who], upstream: app }
  - { name: few, match: { path: /few }, plugins: [few], respond: { body: "in" } }
  - { name: admins, match: { path: /admins }, plugins: [admins], respond: { body: "in" } }
  - { name: watching, match: { path: /watching }, plugins: [watching], respond: { body: "in" } }
  - { name: staff, match: { path: /* }, plugins: [staff, who], upstream: app }
"""


def basic(user, password):
    return [("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())]


USERS = {"alice": HASHES["wonderland"], "bob": HASHES["builder"], "carol": HASHES["chr\u00efstmas"], "old": HASHES["secret"]}


def htpasswd(users):
    return "".join(f"{name}:{value}\n" for name, value in users.items())


@pytest.fixture
def running(gateway, origin):
    up = origin(echo)
    g = gateway(CONFIG, app=up.port, env={"EVE": HASHES["apple"]},
                files={"users": htpasswd(USERS), "groups": "admins: alice\nops: alice bob\n", "dan.hash": HASHES["lion"] + "\n"})
    g.up = up
    return g


def logins(g, instance, result):
    return g.metrics().get(f'sluice_plugin_basic_auth_logins_total{{instance="{instance}",result="{result}"}}', 0)


def test_who_is_admitted(running):
    g = running
    r = g.get("/")
    assert r.status == 401 and r.header("www-authenticate") == CHALLENGE
    for user, password in (("alice", "wonderland"), ("bob", "builder"), ("carol", "chr\u00efstmas"), ("old", "secret")):
        assert g.get("/", basic(user, password)).status == 200, user
        got = g.up.requests[-1].fields
        assert got.get("x-user") == user and "authorization" not in got and "x-groups" not in got
    assert {n.get("consumer") for n in g.access(5)} == {None, "alice", "bob", "carol", "old"}
    for user, password in (("alice", "Wonderland"), ("alice", ""), ("mallory", "wonderland"), ("", "")):
        r = g.get("/", basic(user, password))
        assert r.status == 401 and r.header("www-authenticate") == CHALLENGE and b"login-wrong" in r.body
    assert g.get("/", [("Authorization", "Basic !")]).status == 401
    assert g.get("/keeps", basic("alice", "wonderland")).status == 200
    got = g.up.requests[-1].fields
    assert got.get("authorization") == basic("alice", "wonderland")[0][1] and got.get("x-groups") == "admins,ops"
    assert g.get("/admins", basic("alice", "wonderland")).status == 200
    r = g.get("/admins", basic("bob", "builder"))
    assert r.status == 403 and "www-authenticate" not in r.fields
    assert g.get("/few", basic("eve", "apple")).status == 200 and g.get("/few", basic("dan", "lion")).status == 200
    assert g.get("/watching").status == 200
    everything = g.log() + (g.folder / "access.log").read_text()
    for secret in ("wonderland", "Wonderland", basic("alice", "wonderland")[0][1][6:], USERS["alice"][8:]):
        assert secret not in everything


def test_by_curl(running):
    if not shutil.which("curl"):
        pytest.skip("no curl here")
    url = f"http://127.0.0.1:{running.port('public')}/"
    for credentials, status in (("alice:wonderland", b"200"), ("alice:x", b"401")):
        done = subprocess.run(["curl", "-s", "-o", os.devnull, "-w", "%{http_code}", "--anyauth", "-u", credentials, url],
                              stdout=subprocess.PIPE, check=True)
        assert done.stdout == status


def test_a_file_changes_and_logins_are_remembered(running):
    g = running
    alice = basic("alice", "wonderland")
    for _ in range(3):
        assert g.get("/", alice).status == 200
    assert (logins(g, "staff", "verified"), logins(g, "staff", "remembered")) == (1, 2)
    fresh = g.folder / "users.new"
    fresh.write_text(htpasswd({**USERS, "dora": HASHES["map"], "alice": HASHES["looking-glass"]}))
    os.rename(fresh, g.folder / "users")
    g.wait_log("users has changed: 5 users")
    assert g.get("/", basic("dora", "map")).status == 200
    assert g.get("/", alice).status == 401
    assert g.get("/", basic("alice", "looking-glass")).status == 200
    (g.folder / "users").write_text("dora:map\n")
    g.wait_log(r"users:1: the entry of \"dora\" is no hash")
    assert g.get("/", basic("dora", "map")).status == 200
    assert g.metrics()['sluice_plugin_basic_auth_refused_files{instance="staff"}'] == 1
    (g.folder / "users").write_text(htpasswd(USERS))
    before = logins(g, "staff", "remembered")
    g.reload(CONFIG.replace("staff only", "crew only"))     # another instance: what was verified is still known
    assert g.get("/", basic("alice", "wonderland")).status == 200
    assert logins(g, "staff", "remembered") == before + 1


def test_guessing(running):
    g = running

    def ask(source, password):
        with RawClient(g.port("public"), source=(source, 0)) as c:
            return c.get("/few", basic("eve", password))
    assert ask("127.0.0.5", "apple").status == 200
    assert [ask("127.0.0.5", f"guess{n}").status for n in range(5)] == [401, 401, 401, 429, 429]
    r = ask("127.0.0.5", "pear")
    assert r.status == 429 and int(r.header("retry-after")) > 1000 and "www-authenticate" not in r.fields
    assert ask("127.0.0.5", "apple").status == 200          # remembered
    assert ask("127.0.0.6", "pear").status == 401           # another address has a budget of its own
    assert logins(g, "few", "limited") == 3


def test_many_at_once(gateway):
    """One browser's requests cost one hash, a crowd does not stop other requests, and what does not fit gets 503."""
    g = gateway("""
listeners: [{ name: public, address: "127.0.0.1:@public@" }]
plugins:
  slow: { use: basic-auth, users: { alice: "%s" }, threads: 1, queue: 2, failures: 1000/s }
routes:
  - { name: slow, match: { path: /slow }, plugins: [slow], respond: { body: "in" } }
  - { name: all, match: { path: /* }, respond: { body: "hello" } }
""" % HASHES["x"])
    with concurrent.futures.ThreadPoolExecutor(24) as crowd:
        same = list(crowd.map(lambda _: g.get("/slow", basic("alice", "x")).status, range(20)))
        assert same == [200] * 20 and g.metrics()['sluice_plugin_basic_auth_logins_total{instance="slow",result="verified"}'] <= 20
        many = [crowd.submit(lambda n=n: g.get("/slow", basic("alice", f"no{n}"))) for n in range(20)]
        assert g.get("/").status == 200
        got = [m.result() for m in many]
    assert {r.status for r in got} == {401, 503}
    assert all(r.header("retry-after") == "1" for r in got if r.status == 503)


def test_clients_leave_and_the_instance_is_replaced(gateway):
    config = """
listeners: [{ name: public, address: "127.0.0.1:@public@" }]
plugins:
  slow: { use: basic-auth, users: { alice: "%s" }, threads: 2, failures: 1000/s, realm: "%s" }
routes:
  - { name: slow, match: { path: /* }, plugins: [slow], respond: { body: "in" } }
"""
    g = gateway(config % (HASHES["x"], "one"))
    for realm in ("two", "three"):
        for n in range(12):
            with RawClient(g.port()) as c:
                c.request("GET", "/", basic("alice", f"{realm}{n}"))
        stays = RawClient(g.port())
        stays.request("GET", "/", basic("alice", "x"))
        g.reload(config % (HASHES["x"], realm))
        assert stays.response().status == 200       # verified by the instance that it came to
        stays.close()
        assert g.get("/").header("www-authenticate") == f'Basic realm="{realm}", charset="UTF-8"'


MISTAKES = {
    "file: nowhere": r":\d+:\d+: error: .*file: cannot read nowhere: No such file or directory",
    "file: plain": r":\d+:\d+: error: .*file: plain:2: the entry of \"bob\" is no hash, or one of an unknown kind(.|\n)*htpasswd -B",
    'users: { bob: "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=" }': r":\d+:\d+: error: .*users\.bob: the entry of \"bob\" is SHA-1 without a salt",
    "realm: a": r"neither file nor users is given",
}


@pytest.mark.parametrize("options", MISTAKES)
def test_mistakes(gateway, options):
    with pytest.raises(GatewayDied) as died:
        gateway('listeners: [{ name: a, address: "127.0.0.1:@a@" }]\n'
                "routes: [{ name: all, match: { path: /* }, plugins: [{ use: basic-auth, %s }], respond: { status: 204 } }]\n" % options,
                files={"plain": f"alice:{USERS['alice']}\nbob:secret-of-bob\n"})
    assert re.search(MISTAKES[options], str(died.value)), died.value
    assert "secret-of-bob" not in str(died.value) and "5en6G6" not in str(died.value)
