"""How a store reaches its Redis: users and what they may do, databases, TLS; and what is written there."""
import time

import pytest
import redis as client

from kit.process import wait_for

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
stores:
  shared: { redis: "@redis@", @store@ }
plugins:
  limit: { use: rate-limit, rate: @rate@, burst: 2, by: "header:x-key", store: shared, timeout: 1s, on_store_failure: deny }
routes:
  - { name: all, match: { path: /* }, plugins: [limit], respond: { status: 200 } }
"""


def start(gateway, url, store="timeout: 1s", rate="2/d"):
    return gateway(CONFIG, redis=url, store=store, rate=rate)


def ask(g, n=1, key="a"):
    return [g.get("/", [("x-key", key)]).status for _ in range(n)]


def test_database(gateway, redis):
    r = redis()
    g = start(gateway, f"redis://{r.address}/7")
    assert ask(g) == [200]
    assert r.client.dbsize() == 0
    seven = client.Redis(port=r.port, db=7, decode_responses=True)
    assert seven.keys() == ["sluice:rl:limit:v:a"]
    assert 0 < seven.pttl("sluice:rl:limit:v:a") <= 43200000, "keys go away by themselves"
    assert ask(start(gateway, f"redis://{r.address}/99")) == [503], "there are sixteen"


def test_a_password(gateway, redis):
    r = redis("--requirepass", "s3:cr@t/et")
    assert ask(start(gateway, f"redis://:s3%3Acr%40t%2Fet@{r.address}/0"), 3) == [200, 200, 429]
    assert ask(start(gateway, f"redis://{r.address}/0", 'password: "s3:cr@t/et"')) == [429]
    for url, store in ((f"redis://{r.address}/0", "timeout: 1s"), (f"redis://:wrong@{r.address}/0", "timeout: 1s")):
        g = start(gateway, url, store)
        assert ask(g, 2) == [503, 503]
        assert "wrong@" not in g.stop().replace("***", "")


@pytest.fixture
def limited_user(redis):
    """A user who may do what the gateway needs, and nothing else."""
    r = redis()
    r.client.execute_command("ACL", "SETUSER", "gw", "on", ">pw", "resetkeys", "~sluice:rl:*", "resetchannels", "-@all", "+ping",
                             "+select", "+evalsha", "+eval", "+time", "+get", "+set")
    return r


def test_a_user_with_few_rights(gateway, limited_user):
    r = limited_user
    g = start(gateway, f"redis://gw:pw@{r.address}/0")
    assert ask(g, 3) == [200, 200, 429]
    assert ask(start(gateway, f"redis://{r.address}/0", "user: gw, password: pw")) == [429]
    assert ask(start(gateway, f"redis://gw:no@{r.address}/0")) == [503]
    r.client.script_flush()
    assert ask(g, 1, "b") == [200], "the script is sent again"
    r.client.execute_command("ACL", "SETUSER", "gw", "-set")
    wait_for(lambda: ask(g, 1, "c") == [503], what="the right that is gone")


@pytest.fixture
def tls_redis(redis, free_port, server_cert, ca):
    def make(*more, cert=server_cert):
        port = free_port()
        return redis("--port", "0", "--tls-port", port, "--tls-cert-file", cert.cert, "--tls-key-file", cert.key,
                     "--tls-ca-cert-file", ca.path, *more, port=port)
    return make


def test_tls(gateway, tls_redis, ca, other_ca):
    r = tls_redis("--tls-auth-clients", "no")
    url = f"rediss://localhost:{r.port}/0"
    assert ask(start(gateway, url, f'tls: {{ ca: "{ca.path}" }}'), 3) == [200, 200, 429]
    assert ask(start(gateway, f"rediss://127.0.0.1:{r.port}", f'tls: {{ ca: "{ca.path}" }}'), 1, "b") == [200]
    g = start(gateway, url, f'tls: {{ ca: "{other_ca.path}" }}')
    assert ask(g) == [503]
    assert "certificate" in g.log()
    assert ask(start(gateway, url, "tls: { verify: false }"), 1, "c") == [200]
    assert ask(start(gateway, f"redis://127.0.0.1:{r.port}"), 1, "d") == [503], "plain text to a TLS port"


def test_tls_with_another_name(gateway, tls_redis, ca):
    r = tls_redis("--tls-auth-clients", "no", cert=ca.issue("redis.test"))
    url = f"rediss://127.0.0.1:{r.port}"
    assert ask(start(gateway, url, f'tls: {{ ca: "{ca.path}" }}')) == [503]
    assert ask(start(gateway, url, f'tls: {{ ca: "{ca.path}", server_name: redis.test }}')) == [200]


def test_tls_both_ways(gateway, tls_redis, ca):
    mine = ca.issue("gateway", client=True)
    r = tls_redis()
    url = f"rediss://127.0.0.1:{r.port}"
    assert ask(start(gateway, url, f'tls: {{ ca: "{ca.path}" }}')) == [503]
    store = f'tls: {{ ca: "{ca.path}", certificate: "{mine.cert}", private_key: "{mine.key}" }}'
    assert ask(start(gateway, url, store)) == [200]


def test_tls_in_a_cluster(gateway, tls_redis, ca):
    """A node that does not know what it is called: the name it was reached by goes on to count, and is the one to verify."""
    r = tls_redis("--tls-auth-clients", "no", "--cluster-enabled", "yes", "--tls-cluster", "yes")
    admin = client.Redis(port=r.port, ssl=True, ssl_ca_certs=str(ca.path), decode_responses=True)
    admin.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    wait_for(lambda: "cluster_state:ok" in str(admin.execute_command("CLUSTER INFO")) or
             dict(admin.execute_command("CLUSTER INFO")).get("cluster_state") == "ok", what="a cluster of one")
    g = start(gateway, f"rediss+cluster://localhost:{r.port}", f'tls: {{ ca: "{ca.path}" }}')
    g.wait_log("1 nodes have 16384 of 16384 slots")
    assert ask(g, 3) == [200, 200, 429]


def test_what_clients_are_told_holds(gateway, redis):
    """Whoever waits as long as Retry-After says is let through; until then nobody is."""
    r = redis()
    g = start(gateway, r.url, rate="2/s")
    with g.connect() as c:
        left = []
        while True:
            got = c.get("/", [("x-key", "z")])
            name, remaining, reset = got.header("ratelimit").split(";")
            assert name == '"limit"' and got.header("ratelimit-policy") == '"limit";q=2;w=1'
            left.append(int(remaining[2:]))
            if got.status == 429:
                break
        assert left[0] == 1 and left[-1] == 0 and left == sorted(left, reverse=True)
        seconds = int(got.header("retry-after"))
        assert seconds == 1 and reset == "t=1"
        time.sleep(seconds)
        assert c.get("/", [("x-key", "z")]).status == 200


def test_a_long_key_goes_by_its_digest(gateway, redis):
    r = redis()
    g = start(gateway, r.url)
    assert ask(g, 3, "k" * 2000) == [200, 200, 429] and ask(g, 1, "k" * 2001) == [200]
    keys = r.client.keys()
    assert len(keys) == 2 and all(len(k) < 100 for k in keys)


def test_script_flush_under_load(gateway, redis):
    """A script that Redis forgets is sent again, without a request failing or being counted twice."""
    r = redis()
    g = gateway(CONFIG.replace("burst: 2", "burst: 100"), redis=r.url, store="timeout: 1s", rate="100/d")
    seen = []
    with g.connect() as c:
        for i in range(130):
            if i % 10 == 0:
                r.client.script_flush()
            seen.append(c.get("/", [("x-key", "k")]).status)
    assert seen == [200] * 100 + [429] * 30
