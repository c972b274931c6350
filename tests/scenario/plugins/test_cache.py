"""cache in a real gateway: what the upstream is asked and what clients get. Which responses are stored is in test_cache_rules.py."""
import shutil
import subprocess
import threading
import time

import pytest

from kit.cached import CONFIG, FRESH, OLD, Site, date, results, said, start
from kit.client import RawClient
from kit.gateway import GatewayDied
from kit.process import wait_for


@pytest.fixture
def site(origin):
    return Site(origin)


@pytest.fixture
def running(gateway, site):
    return start(gateway, site)


def test_fields(running):
    """What a stored response has, and what it has not."""
    g = running()
    g.site.pages["/a"] = (200, [FRESH, ("X-A", "1"), ("X-A", "2"), ("Connection", "X-Hop"), ("X-Hop", "1"), ("Keep-Alive", "x"),
                                ("Proxy-Authenticate", "Basic"), ("Surrogate-Key", "k"), ("Age", "7"), ("Date", date(-7)),
                                ("Cache-Control", 'private="X-Mine", no-cache="X-Checked"'), ("X-Mine", "1"), ("X-Checked", "1"),
                                ("Content-Type", "text/x-y"), ("Cache-Status", "other; hit")], b"page")
    a = g.get("/a")
    assert a.fields.all("cache-status") == ["other; hit", "sluice; fwd=uri-miss; stored"] and "surrogate-key" not in a.fields
    assert a.header("x-mine") == "1"
    b = g.get("/a")
    assert b.status == 200 and b.body == b"page" and len(g.site.up.requests) == 1
    assert b.fields.all("x-a") == ["1", "2"] and b.header("content-type") == "text/x-y" and b.header("content-length") == "4"
    for name in ("x-hop", "keep-alive", "proxy-authenticate", "surrogate-key", "x-mine", "x-checked"):
        assert name not in b.fields, name
    assert b.header("date") == a.header("date") and 7 <= int(b.header("age")) <= 9
    status = b.header("cache-status")
    assert status.startswith("sluice; hit; ttl=5")
    g.site.pages["/undated"] = (200, [FRESH], b"x")
    g.get("/undated")
    assert abs(time.time() - time.mktime(time.strptime(g.get("/undated").header("date"), "%a, %d %b %Y %H:%M:%S GMT")) + time.timezone) < 5


def test_variants_live_side_by_side(running):
    g = running()
    g.site.pages["/v"] = lambda r: (200, [FRESH, ("Vary", "Accept-Language"), ("ETag", '"%s"' % r.fields.get("accept-language"))],
                                    (r.fields.get("accept-language") or "none").encode())
    for _ in range(2):
        for language in ("en", "de", "fr"):
            assert g.get("/v", [("Accept-Language", language)]).body == language.encode()
        assert g.get("/v").body == b"none"
    assert len(g.site.up.requests) == 4
    assert said(g.get("/v", [("Accept-Language", "it")])) == "sluice; fwd=vary-miss; stored"


def test_only_if_cached(running):
    g = running()
    r = g.get("/none", [("Cache-Control", "only-if-cached")])
    assert r.status == 504 and b"cache-only" in r.body and not g.site.up.requests
    g.site.pages["/b"] = (200, [FRESH], b"b")
    assert g.get("/b", [("X", "1")]).status == 200 and g.get("/b", [("Cache-Control", "only-if-cached")]).body == b"b"


def test_slashes_that_are_kept_go_by_the_cache(running):
    """The service may have another page behind each of these paths."""
    g = running(config=CONFIG.replace('@public@"', '@public@", merge_slashes: false'))
    for path in ("/a/b", "/a//b", "//a/b"):
        g.site.pages[path] = (200, [FRESH], path.encode())
    for _ in range(2):
        for path in ("/a/b", "/a//b", "//a/b"):
            assert g.get(path).body == path.encode()
    assert len(g.site.asked("/a/b")) == 1 and len(g.site.asked("/a//b")) == 2 and results(g)["bypass"] == 4


def test_hosts_that_are_forwarded_as_one_are_told_apart(gateway, site):
    """A service may make links of X-Forwarded-Host."""
    config = CONFIG.replace("plugins: [pages]", "plugins: [inside, pages]").replace(
        "routes:", "  inside: { use: rewrite, host: inside.example }\nroutes:")
    g = start(gateway, site)(config=config)
    site.pages["/a"] = lambda r: (200, [FRESH], f"{r.fields.get('host')} {r.fields.get('x-forwarded-host')}".encode())
    for _ in range(2):
        for host in ("a.example", "b.example", "a.example:8080"):
            assert g.get("/a", [("Host", host)]).body == f"inside.example {host}".encode()
    assert len(site.up.requests) == 3


def test_what_a_proxy_tells_of_the_address_is_told_apart(gateway, site):
    """From a trusted proxy, or a field that the listener keeps; a stranger's word is not believed, and makes no difference."""
    names = ("x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-forwarded-prefix", "forwarded")
    site.pages["/a"] = lambda r: (200, [FRESH], "|".join(r.fields.get(n) or "-" for n in names).encode())
    public = 'address: "127.0.0.1:@public@"'

    def ask(g, *fields):
        return g.get("/a", [("Host", "a.example"), *fields]).body

    def differ(g, *rows):
        bodies = [ask(g, *row) for row in rows]
        assert len(set(bodies)) == len(rows), bodies
        assert [ask(g, *row) for row in rows] == bodies

    told = ([("X-Forwarded-Host", "evil.example")], [("X-Forwarded-Port", "8443")], [("X-Forwarded-Prefix", "/p")], [("X-Forwarded-Proto", "https")])
    trusts = start(gateway, site)(config=CONFIG.replace(public, public + ', trusted_proxies: ["127.0.0.1"]'))
    differ(trusts, [], *told)
    keeps = start(gateway, site)(config=CONFIG.replace(public, public + ", forwarded: { keep: [X-Forwarded-Host, X-Forwarded-Prefix] }"))
    differ(keeps, [], told[0], told[2])
    before = len(site.up.requests)
    assert len({ask(keeps, *row) for row in ([], told[1], told[3])}) == 1 and len(site.up.requests) == before
    reads = start(gateway, site)(config=CONFIG.replace(public, public + ', trusted_proxies: ["127.0.0.1"], client_ip_from: forwarded'))
    differ(reads, [("Forwarded", "for=192.0.2.1;host=a.test")], [("Forwarded", "for=192.0.2.1;host=b.test")])
    before = len(site.up.requests)
    ask(reads, ("Forwarded", "for=192.0.2.9;host=b.test"))
    assert len(site.up.requests) == before, "the client's address is not in the key"


# ---- validation ------------------------------------------------------------------------------------------------------

def checked(fields, etag='"v1"', modified=None, body=b"page", more=()):
    """A page that answers conditions by 304."""
    def page(r):
        matches = (r.fields.get("if-none-match") == etag if etag and "if-none-match" in r.fields
                   else modified is not None and r.fields.get("if-modified-since") == modified)
        own = ([("ETag", etag)] if etag else []) + ([("Last-Modified", modified)] if modified else [])
        return (304, own + list(more), b"") if matches else (200, own + list(fields), body)
    return page


def test_a_stale_response_is_validated(running):
    g = running()
    site = g.site
    site.pages["/e"] = checked([("Cache-Control", "max-age=1"), ("Age", "5"), ("X-Kept", "old"), ("X-New", "old")],
                               more=[("Cache-Control", "max-age=60"), ("X-New", "new"), ("Content-Type", "no/no"), ("Content-Length", "0")])
    assert said(g.get("/e")) == "sluice; fwd=uri-miss; stored"
    b = g.get("/e")
    assert b.status == 200 and b.body == b"page" and site.up.requests[1].fields.get("if-none-match") == '"v1"'
    assert said(b).startswith("sluice; fwd=stale; fwd-status=304; ttl=")
    assert b.header("x-new") == "new" and b.header("x-kept") == "old" and b.header("content-type") != "no/no"
    c = g.get("/e")
    assert said(c).startswith("sluice; hit") and c.header("x-new") == "new" and c.body == b"page"
    assert len(site.up.requests) == 2

    site.pages["/m"] = checked([("Cache-Control", "no-cache")], etag=None, modified=OLD)
    for _ in range(3):
        assert g.get("/m").body == b"page"
    assert [r.fields.get("if-modified-since") for r in site.asked("/m")] == [None, OLD, OLD]
    assert results(g)["revalidated"] == 3


def test_what_has_changed_takes_the_place(running):
    g = running()
    g.site.pages["/c"] = checked([("Cache-Control", "max-age=0")])
    assert g.get("/c").body == b"page"
    g.site.pages["/c"] = checked([FRESH], etag='"v2"', body=b"newer")
    for _ in range(2):
        assert g.get("/c").body == b"newer"
    assert len(g.site.up.requests) == 2
    # what is not to be stored any more is forgotten
    g.site.pages["/d"] = checked([("Cache-Control", "max-age=0")])
    g.get("/d")
    g.site.pages["/d"] = (200, [("Cache-Control", "no-store")], b"secret")
    g.get("/d")
    g.get("/d")
    assert "if-none-match" not in g.site.up.requests[-1].fields


def test_a_304_for_another_etag_gives_its_fields_to_nobody(running):
    g = running()
    g.site.pages["/o"] = (200, [("Cache-Control", "max-age=0"), ("ETag", '"v1"'), ("X-A", "old")], b"page")
    g.get("/o")
    g.site.pages["/o"] = lambda r: ((304, [("ETag", '"v2"'), ("X-A", "new"), FRESH], b"") if "if-none-match" in r.fields
                                    else (200, [("ETag", '"v2"'), FRESH], b"newer"))
    r = g.get("/o")
    assert (r.status, r.body, r.header("etag"), r.header("x-a")) == (200, b"page", '"v1"', "old")
    assert g.get("/o").body == b"newer" and "if-none-match" not in g.site.up.requests[-1].fields


def test_the_clients_own_conditions(running):
    """A client's copy is judged by what is stored, If-None-Match before If-Modified-Since."""
    g = running()
    g.site.pages["/c"] = (200, [FRESH, ("ETag", '"v1"'), ("Last-Modified", OLD), ("Content-Type", "text/x"), ("Vary", "Foo")], b"page")
    g.get("/c")
    for fields, status in (([("If-None-Match", '"v1"')], 304), ([("If-None-Match", 'W/"v1"')], 304), ([("If-None-Match", '"a", "v1"')], 304),
                           ([("If-None-Match", "*")], 304), ([("If-None-Match", '"a"'), ("If-None-Match", '"v1"')], 304),
                           ([("If-None-Match", '"v2"')], 200), ([("If-None-Match", '"v2"'), ("If-Modified-Since", date())], 200),
                           ([("If-None-Match", '"v1"'), ("If-Modified-Since", "x")], 304), ([("If-Modified-Since", OLD)], 304),
                           ([("If-Modified-Since", date())], 304), ([("If-Modified-Since", "Mon, 01 Jan 1990 00:00:00 GMT")], 200),
                           ([("If-Modified-Since", "x")], 200)):
        for method in ("GET", "HEAD"):
            r = g.request(method, "/c", fields)
            assert r.status == status, (method, fields)
            if status == 304:
                assert r.header("etag") == '"v1"' and r.header("vary") == "Foo" and r.header("cache-control") and r.header("date")
                assert "content-type" not in r.fields and "last-modified" not in r.fields and r.body == b""
    assert len(g.site.up.requests) == 1
    # a client that asks while the stored response is stale
    g.site.pages["/s"] = checked([("Cache-Control", "max-age=0")])
    g.get("/s")
    assert g.get("/s", [("If-None-Match", '"v1"')]).status == 304
    assert g.get("/s", [("If-None-Match", '"other"')]).status == 200
    # one that nobody can answer but the upstream
    g.site.pages["/u"] = checked([FRESH])
    assert g.get("/u", [("If-None-Match", '"v1"')]).status == 304
    assert said(g.get("/u")) == "sluice; fwd=uri-miss; stored"


def test_ranges(running):
    g = running()
    g.site.pages["/r"] = (200, [FRESH, ("ETag", '"v1"'), ("Last-Modified", OLD), ("Content-Type", "text/x")], b"0123456789")
    g.get("/r")
    for fields, status, body, said in (
            ([("Range", "bytes=2-4")], 206, b"234", "bytes 2-4/10"), ([("Range", "bytes=7-")], 206, b"789", "bytes 7-9/10"),
            ([("Range", "bytes=-3")], 206, b"789", "bytes 7-9/10"), ([("Range", "bytes=0-100")], 206, b"0123456789", "bytes 0-9/10"),
            ([("Range", "bytes=10-")], 416, b"", "bytes */10"), ([("Range", "bytes=-0")], 416, b"", "bytes */10"),
            ([("Range", "bytes=4-2")], 200, b"0123456789", None), ([("Range", "lines=1-2")], 200, b"0123456789", None),
            ([("Range", "bytes=0-1,3-4")], 200, b"0123456789", None), ([("Range", "bytes=0-1"), ("If-Range", '"v1"')], 206, b"01", "bytes 0-1/10"),
            ([("Range", "bytes=0-1"), ("If-Range", '"v2"')], 200, b"0123456789", None),
            ([("Range", "bytes=0-1"), ("If-Range", 'W/"v1"')], 200, b"0123456789", None),
            ([("Range", "bytes=0-1"), ("If-Range", OLD)], 206, b"01", "bytes 0-1/10"),
            ([("Range", "bytes=0-1"), ("If-Range", date())], 200, b"0123456789", None),
            ([("Range", "bytes=0-1"), ("If-None-Match", '"v1"')], 304, b"", None)):
        r = g.get("/r", fields)
        assert (r.status, r.body, r.header("content-range")) == (status, body, said), fields
    assert g.request("HEAD", "/r", [("Range", "bytes=0-1")]).status == 200
    assert len(g.site.up.requests) == 1
    # a part that comes from the upstream is passed on, and not stored
    g.site.pages["/p"] = (206, [FRESH, ("Content-Range", "bytes 0-3/10")], b"0123")
    for _ in range(2):
        assert g.get("/p", [("Range", "bytes=0-3")]).status == 206
    assert len(g.site.asked("/p")) == 2


def test_head_tells_of_a_change(running):
    g = running()
    g.site.pages["/h"] = (200, [("Cache-Control", "no-cache"), ("ETag", '"v1"')], b"page")
    g.get("/h")
    assert g.request("HEAD", "/h").status == 200
    g.get("/h")
    assert g.site.up.requests[-1].fields.get("if-none-match") == '"v1"', "nothing differs"
    g.site.pages["/h"] = (200, [("Cache-Control", "no-cache"), ("ETag", '"v2"')], b"page")
    g.request("HEAD", "/h")
    g.get("/h")
    assert "if-none-match" not in g.site.up.requests[-1].fields


def test_a_get_with_a_body(running, h2):
    """A service may answer by it, and the key does not know it."""
    g = running(config=CONFIG.replace('@public@"', '@public@", protocols: [h2, http/1.1]'))
    g.site.pages["/b"] = lambda r: (200, [FRESH], r.body or b"none")
    assert g.request("GET", "/b", body=b"mine").body == b"mine" and g.get("/b").body == b"none"
    g.site.pages["/c"] = g.site.pages["/b"]
    assert g.request("GET", "/c", [("Transfer-Encoding", "chunked")], b"4\r\nmine\r\n0\r\n\r\n").body == b"mine"
    assert g.get("/c").body == b"none"
    g.site.pages["/d"] = g.site.pages["/b"]
    with h2(g.port("public"), tls=False) as c:
        assert c.request("GET", "/d", body=b"mine").body == b"mine" and c.get("/d").body == b"none"


# ---- staleness -------------------------------------------------------------------------------------------------------

def test_stale_if_error(running):
    g = running("stale_if_error: 0s")
    site = g.site
    stale = ("Cache-Control", "max-age=1, stale-if-error=600")
    for path, control in (("/a", stale), ("/must", ("Cache-Control", "max-age=1, must-revalidate, stale-if-error=600")),
                          ("/none", ("Cache-Control", "max-age=1")), ("/over", ("Cache-Control", "max-age=1, stale-if-error=2"))):
        site.pages[path] = (200, [control, ("Age", "10"), ("ETag", '"a"')], b"old")
        assert g.get(path).body == b"old"
        site.pages[path] = (503, [], b"down")
    r = g.get("/a")
    assert (r.status, r.body) == (200, b"old") and said(r).startswith("sluice; hit; ttl=-")
    assert int(r.header("age")) >= 10
    for path in ("/must", "/none", "/over"):
        assert g.get(path).body == b"down", path
    site.pages["/a"] = (404, [], b"gone")
    assert g.get("/a").status == 404 and g.get("/a").status == 404
    site.pages["/b"] = (200, [stale, ("Age", "10")], b"old")
    g.get("/b")
    site.up.stop()
    assert g.get("/b").body == b"old"       # the upstream is gone
    assert g.get("/c").status == 502


def test_stale_while_revalidate(running):
    g = running()
    site = g.site
    site.pages["/a"] = checked([("Cache-Control", "max-age=1, stale-while-revalidate=600"), ("Age", "10")],
                               more=[("Cache-Control", "max-age=60")])
    g.get("/a", [("X-Who", "me")])
    r = g.get("/a", [("X-Who", "you"), ("Range", "bytes=0-1")])
    assert r.status == 206 and said(r).startswith("sluice; hit; ttl=-")
    wait_for(lambda: results(g).get("refreshed") == 1)
    asked = site.asked("/a")
    assert len(asked) == 2 and asked[1].fields.get("if-none-match") == '"v1"' and asked[1].fields.get("x-who") == "you"
    assert "range" not in asked[1].fields and asked[1].fields.get("host") == asked[0].fields.get("host")
    r = g.get("/a")
    assert said(r).startswith("sluice; hit; ttl=5") and r.body == b"page" and len(site.asked("/a")) == 2
    # an upstream that fails changes nothing, and one that has something new is believed
    site.pages["/b"] = (200, [("Cache-Control", "max-age=1, stale-while-revalidate=600"), ("Age", "10")], b"old")
    g.get("/b")
    site.pages["/b"] = (500, [], b"down")
    assert g.get("/b").body == b"old"
    wait_for(lambda: results(g).get("refresh-failed") == 1)
    site.pages["/b"] = (200, [FRESH], b"new")
    assert g.get("/b").body == b"old"
    wait_for(lambda: results(g).get("refreshed") == 2)
    assert g.get("/b").body == b"new" and said(g.get("/b")).startswith("sluice; hit")


# ---- waiting for each other ------------------------------------------------------------------------------------------

def at_once(g, path, n, fields=()):
    got = []

    def ask():
        got.append(g.get(path, list(fields)))
    threads = [threading.Thread(target=ask) for _ in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return got


def test_one_asks_and_the_others_wait(running):
    g = running()
    go = threading.Event()

    def slow(_request):
        go.wait(10)
        return 200, [FRESH], b"page"
    g.site.pages["/s"] = slow
    threading.Timer(0.4, go.set).start()
    got = at_once(g, "/s", 12)
    assert [r.body for r in got] == [b"page"] * 12 and len(g.site.asked("/s")) == 1
    said = [r.header("cache-status").split("; ttl")[0] for r in got]
    assert said.count("sluice; fwd=uri-miss; stored") == 1 and "sluice; fwd=uri-miss; collapsed" in said


def test_what_is_not_stored_is_not_waited_for_twice(running):
    g = running()
    go = threading.Event()

    def slow(_request):
        go.wait(10)
        return 200, [("Cache-Control", "private")], b"mine"
    g.site.pages["/p"] = slow
    threading.Timer(0.4, go.set).start()
    assert [r.body for r in at_once(g, "/p", 6)] == [b"mine"] * 6 and len(g.site.asked("/p")) == 6
    go.clear()
    threads = threading.Thread(target=at_once, args=(g, "/p", 3))
    threads.start()
    wait_for(lambda: len(g.site.asked("/p")) == 9)     # all at once
    go.set()
    threads.join()


def test_who_waits_does_not_wait_for_ever(running):
    g = running("coalesce: 200ms")
    go = threading.Event()

    def slow(_request):
        go.wait(10)
        return 200, [FRESH], b"page"
    g.site.pages["/s"] = slow
    asking = threading.Thread(target=at_once, args=(g, "/s", 3))
    asking.start()
    wait_for(lambda: len(g.site.asked("/s")) == 3)
    go.set()
    asking.join()


def test_a_leader_that_leaves_is_replaced(running):
    g = running()
    go = threading.Event()

    def slow(_request):
        go.wait(10)
        return 200, [FRESH], b"page"
    g.site.pages["/s"] = slow
    leader = RawClient(g.port("public"))
    leader.request("GET", "/s")
    wait_for(lambda: len(g.site.asked("/s")) == 1)
    threading.Timer(0.3, leader.close).start()
    threading.Timer(0.9, go.set).start()
    got = at_once(g, "/s", 5)
    assert [r.body for r in got] == [b"page"] * 5 and len(g.site.asked("/s")) == 2


# ---- keys, invalidation, purging ---------------------------------------------------------------------------------------

def test_keys(running):
    g = running('key: ["header:X-Tenant"], ignore_query: [utm_*, fbclid], sort_query: true')
    g.site.pages["/k"] = lambda r: (200, [FRESH], (r.target + "|" + "+".join(r.fields.all("x-tenant"))).encode())
    first = g.get("/k?b=2&a=1&utm_source=x", [("X-Tenant", "t1")]).body
    assert g.get("/k?a=1&b=2&fbclid=7", [("X-Tenant", "t1")]).body == first
    assert g.get("/k?a=1&b=3", [("X-Tenant", "t1")]).body != first
    assert g.get("/k?a=1&b=2", [("X-Tenant", "t2")]).body != first and g.get("/k?a=1&b=2").body != first
    assert g.get("/k", [("X-Tenant", "t1"), ("X-Tenant", "t2")]).status == 200 and len(g.site.up.requests) == 5
    assert g.get("/k", [("X-Tenant", "t1"), ("X-Tenant", "t2")]).status == 200 and len(g.site.up.requests) == 6
    # another host, and the same host with a port, are other keys
    before = len(g.site.up.requests)
    for host in ("a.test", "b.test", "a.test:81", "A.TEST"):
        g.get("/k?host=1", host=host)
    assert len(g.site.up.requests) == before + 3
    long = "/k?" + "x" * 3000
    assert g.get(long).body == g.get(long).body and g.get(long + "y").body != g.get(long).body
    assert len([r for r in g.site.up.requests if len(r.target) > 2000]) == 2


def test_unsafe_methods_invalidate(running):
    g = running()
    page = (200, [FRESH], b"page")

    def fill(*paths):
        for path in paths:
            g.site.pages[path] = page
            assert g.get(path).status == 200

    def is_kept(path):
        before = len(g.site.asked(path))
        g.site.pages[path] = page
        g.get(path)
        return len(g.site.asked(path)) == before
    for method, status, fields, gone, stay in (
            ("POST", 200, [], ["/a"], ["/b"]), ("PUT", 204, [], ["/a"], ["/b"]), ("DELETE", 303, [("Location", "/b")], ["/a", "/b"], ["/c"]),
            ("M-NEW", 201, [("Content-Location", "http://localhost/b")], ["/a", "/b"], ["/c"]),
            ("POST", 200, [("Location", "http://other.test/b")], ["/a"], ["/b"]), ("POST", 500, [], [], ["/a", "/b"]),
            ("POST", 404, [], [], ["/a"]), ("OPTIONS", 200, [], [], ["/a"])):
        fill("/a", "/b", "/c")
        g.site.pages["/a"] = (status, fields, b"" if status == 204 else b"done")
        assert g.request(method, "/a").status == status
        assert [p for p in gone + stay if is_kept(p)] == stay, (method, status)


def purge(g, query, status=200):
    r = g.admin("/purge?" + query, "POST")
    assert r.status == status, r.body


def test_purge(running):
    g = running(config=CONFIG.replace("use: cache", "use: cache, forward_tags: true"))
    deep = "/d/" + "x" * 200 + "/y"
    paths = ["/a/b", "/a/b?q=1", "/a/c", "/x", deep]

    def page(r):
        return 200, [FRESH, ("Surrogate-Key", "all " + ("ab" if r.target.startswith("/a/b") else "other")), ("Cache-Tag", "t1,t2")], b"page"
    for p in paths:
        g.site.pages[p.split("?")[0]] = page

    def gone(query):
        for p in paths:
            g.get(p)
        purge(g, query)
        before = len(g.site.up.requests)
        for p in paths:
            g.get(p)
        return [r.target for r in g.site.up.requests[before:]]
    assert gone("cache=cache/pages&path=/a/b") == ["/a/b", "/a/b?q=1"]
    assert gone("cache=cache/pages&prefix=/a/") == ["/a/b", "/a/b?q=1", "/a/c"]
    assert gone("cache=cache/pages&tag=ab") == ["/a/b", "/a/b?q=1"]
    assert gone("cache=cache/pages&tag=other&path=/none") == ["/a/c", "/x", deep]
    assert gone("cache=cache/pages&all=true") == paths and gone("cache=cache/pages&tag=t2") == paths
    assert gone(f"cache=cache/pages&path={deep}") == [deep]
    assert gone("cache=cache/pages&path=/a") == []
    for query, status in (("", 400), ("cache=cache/pages", 400), ("cache=cache/none&all=true", 404), ("cache=cache/pages&path=a", 400),
                          ("cache=cache/pages&prefix=/a", 400), ("cache=cache/pages&all=1", 400), ("cache=cache/pages&x=1", 400),
                          ("cache=cache/pages&tag=" + "x" * 200, 400)):
        purge(g, query, status)
    assert g.admin("/purge?cache=cache/pages&all=true").status == 405


def test_tags_outlive_a_validation(running):
    g = running()
    g.site.pages["/e"] = checked([("Cache-Control", "max-age=0"), ("Surrogate-Key", "k")], more=[FRESH])
    g.get("/e")
    assert "surrogate-key" not in g.get("/e").fields and said(g.get("/e")).startswith("sluice; hit")
    purge(g, "cache=cache/pages&tag=k")
    assert said(g.get("/e")) == "sluice; fwd=uri-miss; stored"


# ---- options, other plugins ------------------------------------------------------------------------------------------

def test_options(running):
    g = running('ttl: 60s, ttl_by_status: { "404": 60s, "302": 0s }, heuristic: 10, set_cookie: strip, client_directives: false, '
                'unless: { headers: { X-By: "*" } }, max_object: 4KiB, status_name: "edge"')
    site = g.site

    def asked(path, page, first=(), second=()):
        site.pages[path] = page
        g.get(path, list(first))
        got = g.get(path, list(second))
        return len(site.asked(path)), got
    assert asked("/ttl", (200, [], b"x"))[0] == 1 and asked("/404", (404, [], b"x"))[0] == 1 and asked("/302", (302, [], b"x"))[0] == 2
    assert asked("/500", (500, [], b"x"))[0] == 2
    n, r = asked("/h", (200, [("Last-Modified", date(-10000))], b"x"))
    assert n == 1 and 990 <= int(r.header("cache-status").split("ttl=")[1]) <= 1000 and said(r).startswith("edge; hit")
    n, r = asked("/cookie", (200, [FRESH, ("Set-Cookie", "a=b")], b"x"))
    assert n == 1 and "set-cookie" not in r.fields
    assert asked("/cc", (200, [FRESH], b"x"), second=[("Cache-Control", "no-cache"), ("Pragma", "no-cache")])[0] == 1
    n, r = asked("/by", (200, [FRESH], b"x"), second=[("X-By", "1")])
    assert n == 2 and "cache-status" not in r.fields
    assert asked("/large", (200, [FRESH], b"x" * 5000))[0] == 2
    assert asked("/chunked", (200, [FRESH], [b"x" * 3000, b"y" * 3000]))[0] == 2
    assert asked("/small", (200, [FRESH], [b"x" * 1000, b"y" * 1000]))[0] == 1
    assert asked("/own", (200, [("Cache-Control", "no-store")], b"x"))[0] == 2


def test_a_response_that_breaks_off_is_not_stored(running, raw):
    g = running()
    g.site.up.behave(lambda peer, request: (peer.send(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 9\r\n\r\nabc"), peer.close()),
                     g.site.answer)
    c = raw(g.port("public"))
    c.request("GET", "/t")
    assert c.response_head().status == 200
    wait_for(lambda: len(g.access(1)) == 1)
    g.site.pages["/t"] = (200, [FRESH], b"whole")
    assert g.get("/t").body == b"whole" and len(g.site.up.requests) == 2


def test_who_has_logged_in(gateway, site):
    """A user whom a plugin identified has given credentials, though the upstream sees no Authorization."""
    config = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
plugins:
  login: { use: basic-auth, users: { alice: "$2y$04$abcdefghijklmnopqrstuujZkTwHUiJ9XdZPwKfcfDo7dMp5DjlTu" } }
  who: { use: headers, request: { set: { X-User: "{consumer}" } } }
  pages: { use: cache }
  each: { use: cache, key: consumer, credentials: true }
routes:
  - { name: each, match: { path: /each/* }, plugins: [login, who, each], upstream: app }
  - { name: all, match: { path: /* }, plugins: [login, who, pages], upstream: app }
"""
    g = gateway(config, app=site.up.port)
    alice = [("Authorization", "Basic YWxpY2U6d29uZGVybGFuZA==")]
    for path, fields, asked in (("/a", [FRESH], 2), ("/p", [("Cache-Control", "public, max-age=60")], 1), ("/each/a", [FRESH], 1)):
        site.pages[path] = (200, fields, b"page")
        for _ in range(2):
            assert g.get(path, alice).body == b"page"
        assert len(site.asked(path)) == asked, path
        assert g.get(path).status == 401


def test_upgrades_and_tunnels_go_by(running):
    g = running(config=CONFIG.replace("upstream: app }", "upstream: app, upgrade: [websocket] }"))
    g.site.pages["/ws"] = (200, [FRESH], b"page")
    g.get("/ws")
    assert said(g.get("/ws")).startswith("sluice; hit")
    r = g.get("/ws", [("Connection", "upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Key", "x" * 22 + "=="), ("Sec-WebSocket-Version", "13")])
    assert r.status == 200 and said(r) == "" and len(g.site.asked("/ws")) == 2


def test_over_http2(running, h2):
    g = running(config=CONFIG.replace('@public@"', '@public@", protocols: [h2, http/1.1]'))
    g.site.pages["/a"] = (200, [FRESH, ("ETag", '"a"')], b"page" * 5000)
    with h2(g.port("public"), tls=False) as c:
        for _ in range(3):
            assert c.get("/a").body == b"page" * 5000
        assert c.get("/a", [("range", "bytes=0-3")]).body == b"page"
        assert c.get("/a", [("if-none-match", '"a"')]).status == 304
    assert len(g.site.up.requests) == 1
    # the port that the client names is a part of the key, as services write it into links
    with h2(g.port("public"), tls=False, authority="localhost:1") as c:
        assert c.get("/a").header("cache-status") == "sluice; fwd=uri-miss; stored"


def test_by_curl(running):
    """Conditions and ranges as a real client asks for them."""
    if not shutil.which("curl"):
        pytest.skip("no curl here")
    g = running()
    g.site.pages["/a"] = (200, [FRESH, ("ETag", '"a"'), ("Last-Modified", OLD)], b"0123456789")
    url = f"http://127.0.0.1:{g.port('public')}/a"

    def curl(*args):
        done = subprocess.run(["curl", "-s", "-w", " %{http_code}", *args, url], stdout=subprocess.PIPE, cwd=g.folder, check=True)
        return done.stdout
    assert curl("--etag-save", "etag") == b"0123456789 200"
    assert curl("--etag-compare", "etag") == b" 304" and curl("-z", OLD) == b" 304"
    assert curl("-r", "2-4") == b"234 206" and curl("-r", "20-") == b" 416"
    (g.folder / "part").write_bytes(b"0123")
    assert curl("-C", "-", "-o", "part") == b" 206" and (g.folder / "part").read_bytes() == b"0123456789"
    assert len(g.site.up.requests) == 1


def test_reload_keeps_what_is_stored(running):
    g = running()
    g.site.pages["/a"] = (200, [FRESH], b"page")
    g.get("/a")
    g.reload((CONFIG % ", ttl: 1s").replace("@app@", str(g.site.up.port)))
    assert said(g.get("/a")).startswith("sluice; hit") and len(g.site.up.requests) == 1


def test_mode_report_changes_nothing(running):
    g = running("mode: report")
    g.site.pages["/a"] = checked([("Cache-Control", "max-age=0")])
    for _ in range(3):
        assert g.get("/a").body == b"page"
    assert g.get("/a", [("If-None-Match", '"v1"')]).status == 304
    assert not any(r.fields.get("if-none-match") for r in g.site.up.requests[:3])


def test_mistakes(running):
    for options, says in (('ttl_by_status: { "99": 1s }', "no status that can be stored"), ("credentials: true", "key names no fact that says who asks"),
                          ('status_name: "a b"', "is no token"), ("max_object: 1GiB", "is more than memory"),
                          ('tag_fields: ["a b"]', "no name of a header field"), ("key: nothing", "nothing")):
        with pytest.raises(GatewayDied, match=says):
            running(options)
