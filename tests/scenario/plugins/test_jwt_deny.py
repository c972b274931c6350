"""jwt with a deny list: tokens that were revoked are refused by all workers, within a moment and without a restart, and what becomes of
requests while Redis is away."""
import json
import time

import pytest

from kit.process import wait_for
from kit.tokens import ISSUER, challenge, jwks, refusal

CONFIG = """
runtime: { workers: 2 }
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
admin: { address: "127.0.0.1:@admin@" }
stores:
  revoked: { redis: "@redis@", timeout: 1s, connect_timeout: 500ms }
plugins:
  login:
    use: jwt
    issuer: "https://idp.test/"
    jwks: "file:jwks.json"
    key_wait: @key_wait@
    deny: { store: revoked, @more@ }
  open:
    use: jwt
    issuer: "https://idp.test/"
    jwks: "file:jwks.json"
    deny: { store: revoked, @more@, on_failure: allow }
routes:
  - { name: open, match: { path: /open }, plugins: [open], respond: { status: 200 } }
  - { name: all, match: { path: /* }, plugins: [login], respond: { status: 200, body: "@body@" } }
"""
KEY, HOUR = "sluice:deny", 3600
TRIES = 12  # connections, so that both workers are asked


@pytest.fixture
def guarded(gateway, redis, rs256):
    def start(more="refresh: 1h, max_stale: 2h", key_wait="5s", server=None, **kw):
        server = server or redis(**kw)
        g = gateway(CONFIG, files={"jwks.json": jwks(rs256)}, redis=server.url, more=more, key_wait=key_wait, body="in")
        return g, server
    return start


def answers(g, token, path="/"):
    """What the workers say, each on new connections."""
    said = set()
    for _ in range(TRIES):
        r = g.get(path, {"Authorization": f"Bearer {token}"})
        said.add((r.status, refusal(r)))
    return said


IN, OUT, UNKNOWN = {(200, None)}, {(401, "token-revoked")}, {(503, "deny-list-unavailable")}


def become(g, token, what):
    wait_for(lambda: answers(g, token) == what, what=f"{what} for the token")


def deny(server, member, until=None, publish=True):
    until = until or int(time.time()) + HOUR
    server.client.zadd(KEY, {member: until})
    if publish:
        assert server.client.publish(KEY, f"{member} {until}") == 1, "one connection of the gateway listens"


def listed(g):
    return next(d for d in json.loads(g.admin("/status").body)["dependencies"] if d["name"] == f"deny:{KEY}")


def test_denied_in_all_workers_at_once(guarded, rs256):
    g, server = guarded()
    token, other = rs256.mint(jti="t1", sid="s1"), rs256.mint(sub="bob", jti="t2")
    assert answers(g, token) == answers(g, other) == IN
    for member in ("jti:t1", f"{ISSUER}|sid:s1", "sub:alice"):
        wait_for(lambda: server.client.pubsub_numsub(KEY)[0][1] == 1, what="a connection to the channel")
        deny(server, member)
        become(g, token, OUT)
        assert answers(g, other) == IN
        server.client.zrem(KEY, member)
        server.client.publish(KEY, f"{member} 0")
        become(g, token, IN)
    deny(server, "https://another.test/|sub:alice")
    deny(server, f"sub@{int(time.time()) - 10}:alice")
    deny(server, "nonsense")
    deny(server, "sub:bob")
    become(g, other, OUT)
    assert answers(g, token) == IN, "of another issuer, issued later, or no member at all"
    deny(server, f"sub@{int(time.time()) + 10}:alice")
    become(g, token, OUT)
    r = g.get("/", {"Authorization": f"Bearer {token}"})
    assert challenge(r)[1]["error"] == "invalid_token"
    assert g.log().count("denies nothing") == 1 and "alice" not in g.log()
    assert listed(g)["state"] == "failing" and "malformed" in listed(g)["error"]


def test_what_was_there_before_is_known_to_the_first_request(guarded, redis, rs256):
    server = redis()
    deny(server, "sub:alice", publish=False)
    deny(server, "sub:bob", until=int(time.time()) - 25 * HOUR, publish=False)
    g, _ = guarded(server=server)
    assert answers(g, rs256.mint()) == OUT
    assert answers(g, rs256.mint(sub="bob")) == IN
    wait_for(lambda: server.client.zrange(KEY, 0, -1) == ["sub:alice"], what="the list without what matters no more")


def test_redis_is_restarted_and_lost(guarded, rs256):
    g, server = guarded()
    token = rs256.mint()
    assert answers(g, token) == IN
    server.stop()
    assert answers(g, token) == IN, "the list is not too old yet"
    wait_for(lambda: listed(g)["state"] == "failing", what="the loss in the state")
    server.start()
    deny(server, "sub:alice", publish=False)
    become(g, token, OUT)
    wait_for(lambda: listed(g)["state"] == "ok" and listed(g)["entries"] == 1, what="the list in the state")


def test_a_message_that_was_lost_costs_a_refresh(guarded, rs256):
    g, server = guarded(more="refresh: 1s")
    token = rs256.mint()
    assert answers(g, token) == IN
    deny(server, "sub:alice", publish=False)
    become(g, token, OUT)


def test_redis_is_away_for_too_long(guarded, rs256):
    g, server = guarded(more="refresh: 1s, max_stale: 1s")
    token, denied = rs256.mint(), rs256.mint(sub="bob")
    deny(server, "sub:bob", publish=False)
    become(g, denied, OUT)
    server.stop()
    become(g, token, UNKNOWN)
    assert answers(g, denied) == answers(g, denied, "/open") == OUT, "what is known stays"
    assert answers(g, token, "/open") == IN
    assert g.log().count("is not to be relied on: Redis is away for longer than max_stale") == 2, "of each instance"
    server.start()
    become(g, token, IN)


def test_nobody_is_let_in_before_the_list_is_there(guarded, rs256, redis):
    server = redis()
    server.stop()
    g, _ = guarded(server=server, key_wait="300ms")
    token = rs256.mint()
    assert answers(g, token) == UNKNOWN
    server.start()
    become(g, token, IN)


def test_a_reload_leaves_no_gap(guarded, rs256):
    g, server = guarded()
    token = rs256.mint()
    wait_for(lambda: server.client.pubsub_numsub(KEY)[0][1] == 1, what="a connection to the channel")
    deny(server, "sub:alice")
    become(g, token, OUT)
    scans = server.commands("zscan")
    text = g.config_path.read_text()
    for i in range(3):
        g.reload(text.replace('"in"', f'"in {i}"').replace("refresh: 1h", f"refresh: {50 + i}m"))
        assert answers(g, token) == OUT
    wait_for(lambda: server.client.pubsub_numsub(KEY)[0][1] == 1, what="one connection to the channel")
    deny(server, "sub:bob")
    become(g, rs256.mint(sub="bob"), OUT)
    assert server.commands("zscan") == scans, "it was not read again"


def test_100_000_entries(guarded, rs256, redis):
    server, until = redis(), int(time.time()) + HOUR
    for at in range(0, 100_000, 10_000):
        server.client.zadd(KEY, {f"{ISSUER}|sub:user-{i:06}": until for i in range(at, at + 10_000)})
    g, _ = guarded(server=server)
    assert answers(g, rs256.mint(sub="user-099999")) == OUT
    assert answers(g, rs256.mint()) == IN
    assert listed(g)["entries"] == 100_000
    server.client.zadd(KEY, {"jti:one-too-many": until})
    server.client.publish(KEY, f"jti:one-too-many {until}")
    become(g, rs256.mint(), UNKNOWN)
    assert listed(g)["state"] == "lost" and "max_entries" in listed(g)["error"]
