"""Hashes, chance, latency; weights, backups, zones, panic: which server gets a request, told by real servers."""
import threading
from collections import Counter

from kit.configs import proxy
from kit.origin import reply
from kit.process import wait_for

ONE_WORKER = "runtime: { workers: 1, shutdown_grace: 1s }\n"


def named(origin, *names):
    return {n: origin(reply(200, n.encode())) for n in names}


def start(gateway, ups, upstream="", servers=None, runtime=ONE_WORKER):
    text = proxy(upstream=upstream, servers=servers or [f"@{n}@" for n in ups])
    return gateway(text + runtime, **{n: u.port for n, u in ups.items()})


def entry(name, **options):
    more = "".join(f", {k}: {v}" for k, v in options.items())
    return f'{{ address: "127.0.0.1:@{name}@"{more} }}'


def ask(g, n, **headers):
    with g.connect() as c:
        return Counter(c.get(headers=headers).text for _ in range(n))


def by_user(g, users, field="X-User", value="u{}"):
    """Which server each user's requests go to, each over a new connection, which any worker may take."""
    return {u: g.get(headers={field: value.format(u)}).text for u in users}


def test_a_hash_sends_each_key_to_one_server(gateway, origin):
    ups = named(origin, "a", "b", "c")
    config = "balance: hash, hash: { by: header:X-User }"
    two = start(gateway, ups, config, runtime="runtime: { workers: 2, shutdown_grace: 1s }\n")
    first = by_user(two, range(24))
    assert set(first.values()) == {"a", "b", "c"}
    assert by_user(two, range(24)) == first, "whichever worker it is"
    other = start(gateway, ups, config, servers=["@c@", "@a@", "@b@"])
    assert by_user(other, range(24)) == first, "another gateway, with the servers in another order"
    assert len(ask(two, 40)) == 3, "requests without the header are spread"


def test_a_hash_moves_only_keys_of_a_server_that_is_down(gateway, origin):
    ups = named(origin, "a", "b", "c")
    g = start(gateway, ups, "balance: hash, hash: header:X-User, health: { failures: 1, retry_after: 30s }")
    before = by_user(g, range(24))
    ups["b"].stop()
    after = by_user(g, range(24))
    assert all(after[u] == s for u, s in before.items() if s != "b")
    assert set(after.values()) == {"a", "c"}


def test_a_hash_by_cookie_and_by_path(gateway, origin):
    ups = named(origin, "a", "b", "c")
    g = start(gateway, ups, "balance: hash, hash: { by: cookie:sid, balance: off }")
    first = by_user(g, range(12), "Cookie", "x=1; sid=u{}; y=2")
    assert first == by_user(g, range(12), "Cookie", "sid=u{}") and len(set(first.values())) == 3
    g = start(gateway, ups, "balance: hash, hash: path")
    assert len({g.get("/one?n=%d" % i).text for i in range(6)}) == 1, "the query is no part of the path"


def test_a_hash_bounds_what_one_server_has_to_do(gateway, origin):
    release = threading.Event()

    def slow(name):
        def behave(peer, request):
            release.wait(5)
            reply(200, name)(peer, request)
        return behave
    ups = {n: origin(slow(n.encode())) for n in "ab"}
    g = start(gateway, ups, "balance: hash, hash: { by: header:X-User, balance: 1.25 }")
    clients = [g.connect().request("GET", "/", headers={"X-User": "the same"}) for _ in range(8)]
    wait_for(lambda: sum(len(u.requests) for u in ups.values()) == 8, 5)
    assert sorted(len(u.requests) for u in ups.values()) == [3, 5], "1.25 times four, and the rest goes to the next"
    release.set()
    for c in clients:
        c.response()
        c.close()


def test_random_two_spreads(gateway, origin):
    counts = ask(start(gateway, named(origin, "a", "b", "c"), "balance: random-two"), 90)
    assert all(counts[n] >= 12 for n in "abc"), counts


def test_least_latency_prefers_who_answers_soon(gateway, origin):
    ups = named(origin, "a", "b")

    def late(peer, request):
        threading.Event().wait(0.03)
        reply(200, b"a")(peer, request)
    ups["a"].behave(late)
    counts = ask(start(gateway, ups, "balance: least-latency"), 40)
    assert counts["b"] >= 34, counts


def test_a_server_that_answers_500_draws_no_requests(gateway, origin):
    ups = named(origin, "a", "b")
    ups["a"].behave(reply(500, b"a"))
    counts = ask(start(gateway, ups, "balance: least-latency"), 40)
    assert counts["b"] >= 30, counts


def test_a_backup_waits_for_the_others_to_be_down(gateway, origin):
    ups = named(origin, "a", "b", "spare")
    g = start(gateway, ups, "health: { failures: 1, retry_after: 200ms, retry_after_max: 200ms }",
              ["@a@", "@b@", entry("spare", backup="true")])
    assert set(ask(g, 10)) == {"a", "b"}
    ups["a"].stop()
    assert set(ask(g, 10)) == {"b"}
    ups["b"].stop()
    assert set(ask(g, 10)) == {"spare"}
    ups["b"].start()
    wait_for(lambda: set(ask(g, 4)) == {"b"}, 5, "the first ones to serve again", interval=0.05)


def test_the_own_zone_comes_first(gateway, origin):
    ups = named(origin, "a1", "a2", "b1", "b2")
    servers = [entry(n, zone=n[0]) for n in ups]
    g = start(gateway, ups, "health: { failures: 1, retry_after: 30s }", servers,
              "runtime: { workers: 1, shutdown_grace: 1s, zone: a }\n")
    assert set(ask(g, 20)) == {"a1", "a2"}
    ups["a1"].stop()
    ask(g, 4)
    counts = ask(g, 70)     # half of the zone is up, of the 70 % that would do: five of seven stay
    assert 40 <= counts["a2"] <= 60 and counts["b1"] + counts["b2"] == 70 - counts["a2"], counts
    ups["a2"].stop()
    assert set(ask(g, 10)) == {"b1", "b2"}


def test_panic_asks_all(gateway, origin):
    ups = named(origin, "a", "b", "c")
    g = start(gateway, ups, "health: { failures: 1, retry_after: 30s, panic: 100% }, retries: 0")
    for n in "ab":
        ups[n].stop()
    wait_for(lambda: ask(g, 3)["c"] < 3, 3, "servers that are down to be asked")
    for n in "ab":
        ups[n].start()
    wait_for(lambda: ask(g, 9) == {"a": 3, "b": 3, "c": 3}, 3, "all to be found up, long before their rest is over")


def test_weight_0(gateway, origin):
    ups = named(origin, "a", "b")
    g = start(gateway, ups, servers=[entry("a", weight=0), "@b@"])
    assert ask(g, 10) == {"b": 10}
    ups["b"].stop()
    assert g.get().status == 502, "not even when no other is there"


def test_connections_of_one_server_are_bounded(gateway, origin):
    ups = named(origin, "a", "b")
    release = threading.Event()

    def slow(peer, request):
        release.wait(5)
        reply(200, b"slow")(peer, request)
    for u in ups.values():
        u.behave(slow)
    g = start(gateway, ups, servers=[entry("a", max_connections=1), "@b@"])
    clients = [g.connect().request("GET", "/") for _ in range(6)]
    wait_for(lambda: sum(len(u.requests) for u in ups.values()) == 6, 5)
    assert ups["a"].connections == 1 and ups["b"].connections == 5
    release.set()
    for c in clients:
        c.response()
        c.close()


def test_a_server_that_is_added_starts_slowly(gateway, origin):
    ups = named(origin, "a", "b", "c")
    values = {n: u.port for n, u in ups.items()}
    old = proxy(upstream="slow_start: 10m", servers=["@a@", "@b@"]) + ONE_WORKER
    g = gateway(old, **values)
    assert ask(g, 20) == {"a": 10, "b": 10}
    g.reload(old.replace('"127.0.0.1:@b@"', '"127.0.0.1:@b@", "127.0.0.1:@c@"'))
    counts = ask(g, 63)
    assert 2 <= counts["c"] <= 4, counts
    g.reload(old.replace("slow_start: 10m", "slow_start: 0s").replace('"127.0.0.1:@b@"', '"127.0.0.1:@b@", "127.0.0.1:@c@"'))
    assert ask(g, 30) == {"a": 10, "b": 10, "c": 10}
