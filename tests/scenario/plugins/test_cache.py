"""cache in a real gateway: the behaviours that RFC 9111 asks of a shared cache, by what the upstream is asked and what clients get."""
import threading
import time
from email.utils import formatdate

import pytest

from kit.client import RawClient
from kit.gateway import GatewayDied
from kit.origin import reply
from kit.process import wait_for

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
plugins:
  pages: { use: cache%s }
routes:
  - { name: all, match: { path: /* }, plugins: [pages], upstream: app }
"""


def date(offset=0):
    return formatdate(time.time() + offset, usegmt=True)


class Site:
    """An upstream whose pages are set by their path: a function of the request, or (status, fields, body)."""

    def __init__(self, origin):
        self.pages, self.lock = {}, threading.Lock()
        self.up = origin(self.answer)

    def answer(self, peer, request):
        page = self.pages.get(request.target.split("?")[0], (404, [], b"none"))
        status, fields, body, *more = page(request) if callable(page) else page
        reply(status, body, fields, **(more[0] if more else {}))(peer, request)

    def asked(self, path):
        return [r for r in list(self.up.requests) if r.target.split("?")[0] == path]


@pytest.fixture
def site(origin):
    return Site(origin)


@pytest.fixture
def running(gateway, site):
    def begin(options="", config=CONFIG, **more):
        g = gateway(config % ((", " + options) if options else ""), app=site.up.port, **more)
        g.site = site
        return g
    return begin


def said(response):
    """What this cache has added to Cache-Status."""
    lines = response.fields.all("cache-status")
    return lines[-1] if lines else ""


def results(g, instance="pages"):
    start = f'sluice_plugin_cache_requests_total{{instance="{instance}",result="'
    return {k[len(start):-2]: v for k, v in g.metrics().items() if k.startswith(start)}


FRESH = ("Cache-Control", "max-age=60")
OLD = formatdate(time.time() - 100000, usegmt=True)


# Each row: what it is about, the fields of the first response, more fields of the first and second request, and whether the second is
# answered from the cache. A status stands in the place of fields.
def is_stored(status=200, fields=(), first=(), second=None, method="GET"):
    return status, list(fields), list(first), list(first if second is None else second), method


STORED = {
    "max-age": is_stored(fields=[FRESH]),
    "max-age, quoted": is_stored(fields=[("Cache-Control", 'max-age="60"')]),
    "max-age in upper case": is_stored(fields=[("Cache-Control", "MAX-AGE=60")]),
    "max-age, too large for an int": is_stored(fields=[("Cache-Control", "max-age=99999999999999999999")]),
    "max-age beside an unknown directive": is_stored(fields=[("Cache-Control", 'foo="max-age=0, no-store", max-age=60')]),
    "s-maxage over max-age": is_stored(fields=[("Cache-Control", "max-age=0, s-maxage=60")]),
    "max-age over Expires": is_stored(fields=[FRESH, ("Expires", OLD)]),
    "Expires": is_stored(fields=[("Expires", date(60))]),
    "Expires in RFC 850's form": is_stored(fields=[("Expires", time.strftime("%A, %d-%b-%y %H:%M:%S GMT", time.gmtime(time.time() + 60)))]),
    "Expires in asctime's form": is_stored(fields=[("Expires", time.asctime(time.gmtime(time.time() + 60)))]),
    "Expires from a clock that is wrong": is_stored(fields=[("Date", date(3600)), ("Expires", date(3660))]),
    "Age below the lifetime": is_stored(fields=[FRESH, ("Age", "50")]),
    "Age that is no number": is_stored(fields=[FRESH, ("Age", "abc")]),
    "the first of several ages": is_stored(fields=[FRESH, ("Age", "0, 100")]),
    "a status that is not cacheable by default": is_stored(299, [FRESH]),
    "an error that says so": is_stored(503, [FRESH]),
    "a redirect that says so": is_stored(302, [FRESH, ("Location", "/x")]),
    "404": is_stored(404, [FRESH]),
    "204": is_stored(204, [FRESH]),
    "must-revalidate while it is fresh": is_stored(fields=[("Cache-Control", "max-age=60, must-revalidate")]),
    "private fields only": is_stored(fields=[("Cache-Control", 'max-age=60, private="X-Me"')]),
    "no-store with must-understand": is_stored(fields=[("Cache-Control", "max-age=60, no-store, must-understand")]),
    "Authorization and public": is_stored(fields=[("Cache-Control", "public, max-age=60")], first=[("Authorization", "x y")]),
    "Authorization and s-maxage": is_stored(fields=[("Cache-Control", "s-maxage=60")], first=[("Authorization", "x y")]),
    "Authorization and must-revalidate": is_stored(fields=[("Cache-Control", "max-age=60, must-revalidate")],
                                                   first=[("Authorization", "x y")]),
    "Pragma of a response": is_stored(fields=[FRESH, ("Pragma", "no-cache")]),
    "Vary and the same field": is_stored(fields=[FRESH, ("Vary", "Foo")], first=[("Foo", "1")]),
    "Vary and a field that both lack": is_stored(fields=[FRESH, ("Vary", "Foo")]),
    "Vary, blanks in a list": is_stored(fields=[FRESH, ("Vary", "Accept-Language")], first=[("Accept-Language", "en, de")],
                                        second=[("Accept-Language", "EN,de")]),
    "two lines of Vary": is_stored(fields=[FRESH, ("Vary", "Foo"), ("Vary", "Bar")], first=[("Foo", "1"), ("Bar", "2")]),
    "request max-age above the age": is_stored(fields=[FRESH], second=[("Cache-Control", "max-age=30")]),
    "request min-fresh below the rest": is_stored(fields=[FRESH], second=[("Cache-Control", "min-fresh=30")]),
    "request max-stale": is_stored(fields=[("Cache-Control", "max-age=60"), ("Age", "90"), ("ETag", '"a"')],
                                   second=[("Cache-Control", "max-stale=60")]),
    "any request max-stale": is_stored(fields=[("Cache-Control", "max-age=60"), ("Age", "900"), ("ETag", '"a"')],
                                       second=[("Cache-Control", "max-stale")]),
    "request only-if-cached": is_stored(fields=[FRESH], second=[("Cache-Control", "only-if-cached")]),
    "Pragma that Cache-Control counts before": is_stored(fields=[FRESH], second=[("Pragma", "no-cache"), ("Cache-Control", "foo")]),
    "request no-store, of what is stored": is_stored(fields=[FRESH], second=[("Cache-Control", "no-store")]),
    "CDN-Cache-Control over Cache-Control": is_stored(fields=[("Cache-Control", "no-store"), ("CDN-Cache-Control", "max-age=60")]),
    "CDN-Cache-Control that is malformed": is_stored(fields=[FRESH, ("CDN-Cache-Control", "max-age=, &")]),
    "HEAD of a stored GET": is_stored(fields=[FRESH], method="HEAD"),
    "a first request with Range that gets the whole": is_stored(fields=[FRESH], first=[("Range", "bytes=0-1")], second=[]),
}
NOT_STORED = {
    "nothing says how long": is_stored(),
    "Last-Modified alone": is_stored(fields=[("Last-Modified", OLD)]),
    "no-store": is_stored(fields=[("Cache-Control", "no-store, max-age=60")]),
    "no-store in upper case": is_stored(fields=[("Cache-Control", "max-age=60"), ("Cache-Control", "No-Store")]),
    "private": is_stored(fields=[("Cache-Control", "private, max-age=60")]),
    "no-cache without a validator": is_stored(fields=[("Cache-Control", "no-cache, max-age=60")]),
    "max-age=0": is_stored(fields=[("Cache-Control", "max-age=0")]),
    "max-age that is negative": is_stored(fields=[("Cache-Control", "max-age=-60")]),
    "max-age that is no integer": is_stored(fields=[("Cache-Control", "max-age=60.5")]),
    "max-age with a letter": is_stored(fields=[("Cache-Control", "max-age=60a")]),
    "max-age in single quotes": is_stored(fields=[("Cache-Control", "max-age='60'")]),
    "max-age without a value": is_stored(fields=[("Cache-Control", "max-age")]),
    "max-age twice, with two values": is_stored(fields=[("Cache-Control", "max-age=60, max-age=90")]),
    "s-maxage=0 over max-age": is_stored(fields=[("Cache-Control", "max-age=60, s-maxage=0")]),
    "Expires in the past": is_stored(fields=[("Expires", OLD)]),
    "Expires: 0": is_stored(fields=[("Expires", "0")]),
    "Expires that is no date": is_stored(fields=[("Expires", "Thu, 99 Sep 2094 00:00:00 GMT")]),
    "Expires in another zone": is_stored(fields=[("Expires", date(60).replace("GMT", "EST"))]),
    "max-age=0 over Expires": is_stored(fields=[("Cache-Control", "max-age=0"), ("Expires", date(60))]),
    "Age above the lifetime": is_stored(fields=[FRESH, ("Age", "61")]),
    "Age too large for an int": is_stored(fields=[FRESH, ("Age", "99999999999999999999")]),
    "Date that tells an age": is_stored(fields=[FRESH, ("Date", date(-90))]),
    "Vary: *": is_stored(fields=[FRESH, ("Vary", "*")]),
    "Vary: * among others": is_stored(fields=[FRESH, ("Vary", "Foo, *")]),
    "Vary and another value": is_stored(fields=[FRESH, ("Vary", "Foo")], first=[("Foo", "1")], second=[("Foo", "2")]),
    "Vary and a field that is missing": is_stored(fields=[FRESH, ("Vary", "Foo")], first=[("Foo", "1")], second=[]),
    "Vary and a field in another case": is_stored(fields=[FRESH, ("Vary", "Foo")], first=[("Foo", "a")], second=[("Foo", "A")]),
    "two fields in Vary, one differs": is_stored(fields=[FRESH, ("Vary", "Foo, Bar")], first=[("Foo", "1"), ("Bar", "1")],
                                                 second=[("Foo", "1"), ("Bar", "2")]),
    "Authorization": is_stored(fields=[FRESH], first=[("Authorization", "x y")]),
    "Set-Cookie": is_stored(fields=[FRESH, ("Set-Cookie", "a=b")]),
    "206": is_stored(206, [FRESH, ("Content-Range", "bytes 0-3/4")]),
    "an error that says nothing": is_stored(500),
    "must-understand with a status that is not": is_stored(299, [("Cache-Control", "max-age=60, must-understand")]),
    "request no-store": is_stored(fields=[FRESH], first=[("Cache-Control", "no-store")], second=[]),
    "request no-cache": is_stored(fields=[FRESH], second=[("Cache-Control", "no-cache")]),
    "request Pragma": is_stored(fields=[FRESH], second=[("Pragma", "no-cache")]),
    "request max-age below the age": is_stored(fields=[FRESH, ("Age", "20")], second=[("Cache-Control", "max-age=10")]),
    "request min-fresh above the rest": is_stored(fields=[FRESH], second=[("Cache-Control", "min-fresh=90")]),
    "max-stale below what it is over": is_stored(fields=[FRESH, ("Age", "90"), ("ETag", '"a"')], second=[("Cache-Control", "max-stale=10")]),
    "max-stale and must-revalidate": is_stored(fields=[("Cache-Control", "max-age=60, must-revalidate"), ("Age", "90"), ("ETag", '"a"')],
                                               second=[("Cache-Control", "max-stale")]),
    "max-stale and s-maxage": is_stored(fields=[("Cache-Control", "s-maxage=60"), ("Age", "90"), ("ETag", '"a"')],
                                        second=[("Cache-Control", "max-stale")]),
    "CDN-Cache-Control: no-store": is_stored(fields=[FRESH, ("CDN-Cache-Control", "no-store")]),
    "CDN-Cache-Control over Expires": is_stored(fields=[("CDN-Cache-Control", "foo"), ("Expires", date(60))]),
    "request If-Match": is_stored(fields=[FRESH], second=[("If-Match", '"a"')]),
}


def test_what_is_stored(running):
    g = running()
    site = g.site
    wrong = []
    for expected, table in ((1, STORED), (2, NOT_STORED)):
        for i, (name, (status, fields, first, second, method)) in enumerate(table.items()):
            path = f"/{expected}/{i}"
            site.pages[path] = (status, [("X-Me", "1"), *fields], b"" if status == 204 else b"page")
            a = g.get(path, first)
            b = g.request(method, path, second)
            if len(site.asked(path)) != expected:
                wrong.append(f"{name}: asked {len(site.asked(path))} times")
            elif expected == 1 and ("hit" not in said(b) or b.status != status or b.header("age") is None):
                wrong.append(f"{name}: {b.status} {b.fields}")
            elif expected == 2 and "hit" in said(b):
                wrong.append(f"{name}: {b.fields}")
            elif a.status != status or (method == "GET" and b.body != a.body):
                wrong.append(f"{name}: {a.status} {a.body} {b.body}")
    assert not wrong, "\n".join(wrong)
    assert results(g)["hit"] >= len(STORED) - 5


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
    for options, says in (('ttl_by_status: { "99": 1s }', "no status that can be stored"), ("credentials: true", "key names no facts"),
                          ('status_name: "a b"', "is no token"), ("max_object: 1GiB", "is more than memory"),
                          ('tag_fields: ["a b"]', "no name of a header field"), ("key: nothing", "nothing")):
        with pytest.raises(GatewayDied, match=says):
            running(options)
