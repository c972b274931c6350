"""A store that is a Redis Cluster: keys are counted where their slots are, wherever these go."""
import re

import pytest

from kit.gateway import ROOT
from kit.process import wait_for
from kit.redis_groups import Cluster, wait_copied
from kit.store_load import CONFIG, Load

STORE = "timeout: 1s"


@pytest.fixture
def cluster(folder, free_port):
    made = []

    def make(**kw):
        made.append(Cluster(folder / "cluster", free_port, **kw))
        return made[0]
    yield make
    for c in made:
        c.stop()


def take(g, key, n=1):
    """n answers from where the key is counted. While a node is being found, nothing is counted and the answer is 503."""
    def answer():
        status = g.get("/exact", [("x-key", key)]).status
        return status if status != 503 else None
    return [wait_for(answer, timeout=30, what="an answer of the node") for _ in range(n)]


def name(key):
    """What the limit is called in Redis."""
    return f"sluice:rl:exact:v:{key}"


def keys_of(cluster, node, n=1):
    """Keys whose slots are at that node."""
    found = (f"k{i}" for i in range(10000) if cluster.home(name(f"k{i}")) is node)
    return [next(found) for _ in range(n)]


def wait_map(g, times=2):
    """Until both workers know who has what."""
    wait_for(lambda: g.log().count("of 16384 slots") >= times, what="the map of slots")


def test_keys_are_where_they_belong(gateway, cluster, free_port):
    """The first host is not there. Every limit is exact, and once the map is known no node is asked in vain."""
    c = cluster()
    g = gateway(CONFIG, redis=c.url.replace("//", f"//127.0.0.1:{free_port()},"), store=STORE)
    wait_map(g)
    for n in c.nodes:
        n.client.config_resetstat()
    for i in range(20):
        assert take(g, f"k{i}", 6) == [200] * 5 + [429]
    for n in c.nodes:
        here = {name(f"k{i}") for i in range(20) if c.home(name(f"k{i}")) is n}
        assert set(n.client.keys()) == here and here
        assert "errorstat_MOVED" not in n.client.info("errorstats")
        assert n.commands("evalsha") == 6 * len(here)


def test_a_slot_moves_under_load(gateway, cluster):
    """ASK while it moves, MOVED once it has: nothing is counted twice, nothing is forgotten."""
    c = cluster()
    g = gateway(CONFIG, redis=c.url, store=STORE)
    wait_map(g)
    key = keys_of(c, c.nodes[0])[0]
    slot, old, new = c.slot(name(key)), c.nodes[0], c.nodes[1]
    assert take(g, key, 3) == [200] * 3
    with Load(g) as load:
        new.client.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", old.id)
        old.client.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", new.id)
        assert old.client.execute_command("MIGRATE", "127.0.0.1", new.port, name(key), 0, 5000) in ("OK", True, b"OK")
        assert take(g, key) == [200], "asked at the new node"
        for n in (new, old, c.nodes[2]):
            n.client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", new.id)
        assert take(g, key, 3) == [200, 429, 429]
        load.wait_more(30)
    load.check()
    assert new.client.exists(name(key)) and old.client.keys(name(key)) == []
    assert {"errorstat_ASK", "errorstat_MOVED"} <= set(old.client.info("errorstats"))


def test_a_node_stops_under_load(gateway, cluster):
    """Its slots fail, at once; the others' limits are exact meanwhile."""
    c = cluster()
    g = gateway(CONFIG, redis=c.url, store=STORE)
    wait_map(g)
    lost, kept = keys_of(c, c.nodes[2])[0], keys_of(c, c.nodes[0])[0]
    assert take(g, kept, 2) == [200] * 2 and take(g, lost, 2) == [200] * 2
    with Load(g) as load:
        c.nodes[2].stop()
        wait_for(lambda: g.get("/exact", [("x-key", lost)]).status == 503, what="a request that cannot be counted")
        assert take(g, kept, 4) == [200] * 3 + [429]
        load.wait_more(50)
        c.nodes[2].start()
        assert take(g, lost) == [200]
        load.wait_more(50)
    load.check()


def test_a_replica_takes_over_under_load(gateway, cluster):
    c = cluster(replica=True)
    g = gateway(CONFIG, redis=c.url, store=STORE)
    wait_map(g)
    old, new = c.nodes[0], c.nodes[3]
    key = keys_of(c, old)[0]
    assert take(g, key, 3) == [200] * 3
    with Load(g) as load:
        wait_copied(old)
        new.client.execute_command("CLUSTER", "FAILOVER")
        wait_for(lambda: new.client.role()[0] in ("master", b"master"), timeout=60, what="the failover")
        assert take(g, key, 3) == [200, 200, 429]
        load.wait_more(30)
    load.check()
    assert any(name(key) == k for k in new.client.keys())


def test_a_user_with_few_rights(gateway, cluster):
    """The rights that the manual names are enough, also while a slot moves."""
    c = cluster()
    for n in c.nodes:
        n.client.execute_command("ACL", "SETUSER", "gw", "on", ">pw", "resetkeys", "~sluice:rl:*", "resetchannels", "-@all", "+ping",
                                 "+evalsha", "+eval", "+time", "+get", "+set", "+cluster|slots", "+asking")
    g = gateway(CONFIG, redis=c.url.replace("//", "//gw:pw@"), store=STORE)
    wait_map(g)
    key = keys_of(c, c.nodes[0])[0]
    slot = c.slot(name(key))
    c.nodes[1].client.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", c.nodes[0].id)
    c.nodes[0].client.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", c.nodes[1].id)
    assert take(g, key, 6) == [200] * 5 + [429]
    assert "errorstat_ASK" in c.nodes[0].client.info("errorstats")
    assert "gw:pw" not in g.log()


def test_one_that_is_no_cluster(gateway, redis):
    """It is used like one that has all slots, and the log says so."""
    r = redis()
    g = gateway(CONFIG, redis=f"redis+cluster://{r.address}", store=STORE)
    g.wait_log("no map of slots from")
    assert take(g, "a", 6) == [200] * 5 + [429]


def test_the_example(gateway, cluster, free_port):
    """conf/redis-cluster.yaml, with a real cluster behind it."""
    c = cluster()
    text = re.sub(r"redis\+cluster://\$\{SLUICE_REDIS_NODES:-[^}]*\}", c.url, (ROOT / "conf/redis-cluster.yaml").read_text())
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)
    g = gateway(re.sub(r"127\.0\.0\.1:(8080|9180)", lambda _: f"127.0.0.1:{free_port()}", text))
    wait_map(g)
    assert g.get("/hello").status == 200
    assert sum(n.commands("evalsha") for n in c.nodes) == 1
