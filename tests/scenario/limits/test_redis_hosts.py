"""A store of several hosts: the primary among them is used, whichever that is just now."""
import pytest

from kit.process import wait_for
from kit.redis_groups import Pair, promote, replicate, wait_copied
from kit.store_load import CONFIG, Load, counted_there

STORE = "timeout: 1s"


@pytest.fixture
def pair(folder, free_port):
    made = []

    def make(*args):
        made.append(Pair(folder / "pair", free_port, args))
        return made[0]
    yield make
    for p in made:
        p.stop()


def hosts(*servers, login=""):
    return f"redis://{login}" + ",".join(s if isinstance(s, str) else s.address for s in servers) + "/0"


def take(g, n):
    """n answers from where counts are. The worker that took the request may have to find the primary first; then nothing is
    counted."""
    def answer():
        status = g.get("/exact", [("x-key", "k")]).status
        return status if status != 503 else None
    return [wait_for(answer, what="an answer of the primary") for _ in range(n)]


def test_the_primary_is_found(gateway, pair, free_port):
    """A host that is not there, then a replica; from the first request on."""
    p = pair()
    g = gateway(CONFIG, redis=hosts(f"127.0.0.1:{free_port()}", p.second, p.first), store=STORE)
    assert take(g, 6) == [200] * 5 + [429]
    assert p.first.commands("evalsha") and not p.second.commands("evalsha")
    g.wait_log(f"the primary is 127.0.0.1:{p.first.port}")


def test_promoted_under_load(gateway, pair):
    """The primary dies, its replica is promoted: counts go on there."""
    p = pair()
    g = gateway(CONFIG, redis=hosts(p.first, p.second), store=STORE)
    assert take(g, 3) == [200] * 3
    with Load(g) as load:
        wait_copied(p.first)
        p.first.stop()
        load.wait_more(50)
        assert load.seen["deny"][-1][:2] == (503, "limit-store-down"), "a replica is no store"
        promote(p.second)
        wait_for(lambda: counted_there(g, p.second), what="the limit at the new primary")
        load.wait_more(50)
    load.check()
    assert take(g, 3) == [200, 200, 429], "what was taken before counts"


def test_roles_change_under_load(gateway, pair):
    """Both live on: the one in use answers READONLY from now on."""
    p = pair()
    g = gateway(CONFIG, redis=hosts(p.first, p.second), store=STORE)
    assert take(g, 3) == [200] * 3
    with Load(g) as load:
        for old, new in ((p.first, p.second), (p.second, p.first)):
            wait_copied(old)
            promote(new)
            replicate(old, new)
            wait_for(lambda: counted_there(g, new), what="the limit at the new primary")
            load.wait_more(50)
    load.check()


def test_roles_change_in_silence(gateway, pair):
    """Nothing is asked while the roles change: one request finds out, and the supply is what it was."""
    p = pair()
    g = gateway(CONFIG, redis=hosts(p.first, p.second), store=STORE)
    assert take(g, 3) == [200] * 3
    wait_copied(p.first)
    promote(p.second)
    replicate(p.first, p.second)
    assert take(g, 3) == [200, 200, 429]


def test_a_user_who_may_not_ask(gateway, pair):
    """Without the right to ROLE the replica is found out by what it answers to a write."""
    p = pair()
    for r in p.both:
        r.client.execute_command("ACL", "SETUSER", "gw", "on", ">pw", "~sluice:rl:*", "-@all", "+ping", "+evalsha", "+eval", "+time",
                                 "+get", "+set")
    g = gateway(CONFIG, redis=hosts(p.second, p.first, login="gw:pw@"), store=STORE)
    wait_for(lambda: counted_there(g, p.first), what="the limit at the primary")
    assert take(g, 6) == [200] * 5 + [429]
    assert "pw@" not in g.log()
