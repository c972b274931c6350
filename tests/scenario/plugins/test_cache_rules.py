"""cache in a real gateway: which responses are stored, and which of them may be used for a request (RFC 9111 3, 4)."""
import time

import pytest

from kit.cached import FRESH, OLD, Site, date, results, said, start


@pytest.fixture
def site(origin):
    return Site(origin)


@pytest.fixture
def running(gateway, site):
    return start(gateway, site)


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
    "Expires": is_stored(fields=[("Expires", date(3600))]),
    "Expires in RFC 850's form": is_stored(fields=[("Expires", time.strftime("%A, %d-%b-%y %H:%M:%S GMT", time.gmtime(time.time() + 3600)))]),
    "Expires in asctime's form": is_stored(fields=[("Expires", time.asctime(time.gmtime(time.time() + 3600)))]),
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
    "max-age=0 over Expires": is_stored(fields=[("Cache-Control", "max-age=0"), ("Expires", date(3600))]),
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
    "CDN-Cache-Control over Expires": is_stored(fields=[("CDN-Cache-Control", "foo"), ("Expires", date(3600))]),
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
