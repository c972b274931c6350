"""Request targets in all their forms, and the paths upstreams receive."""
import pytest

from kit.origin import echo


def test_absolute_form(proxied, raw):
    g, up = proxied(echo)
    r = raw(g.port()).get("http://other.example:81/a?b=c", host="localhost")
    assert r.status == 200
    assert up.requests[0].target == "/a?b=c", "forwarded in origin form"
    assert up.requests[0].header("Host") == "other.example:81", "the target wins over Host"
    assert up.requests[0].header("X-Forwarded-Host") == "other.example:81"


def test_absolute_form_without_a_path(proxied, raw):
    g, up = proxied(echo)
    assert raw(g.port()).get("http://other.example").status == 200
    assert up.requests[0].target == "/"


OPTIONS = """
listeners: [{ name: main, address: "127.0.0.1:@main@" }]
upstreams: { app: { servers: ["127.0.0.1:@app@"] } }
routes:
  - { name: read, match: { path: /read, methods: [GET] }, upstream: app }
  - { name: write, match: { path: [/read, /write], methods: [PUT, POST] }, upstream: app }
  - { name: whole, match: { path: /whole }, upstream: app }
"""


def test_asterisk_form(proxied, raw):
    g, up = proxied(echo)
    for target in ("*", "http://localhost"):
        r = raw(g.port()).request("OPTIONS", target).response()
        assert r.status == 200 and r.header("X-Target") == "*", "forwarded as it is (RFC 9112 3.2.4)"
    c = raw(g.port())
    r = c.request("GET", "*").response()
    assert r.status == 400, "for OPTIONS alone"
    c.assert_closed()


def test_asterisk_form_that_no_route_takes(gateway, raw, origin):
    up = origin(echo)
    g = gateway(OPTIONS, app=up.port)
    for target in ("*", "http://localhost"):
        r = raw(g.port()).request("OPTIONS", target).response("OPTIONS")
        assert r.status == 204 and r.header("Allow") == "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS", "of the gateway as a whole"
    assert not up.requests


def test_options_that_no_route_takes(gateway, raw, origin):
    up = origin(echo)
    g = gateway(OPTIONS, app=up.port)
    r = raw(g.port()).request("OPTIONS", "/read").response("OPTIONS")
    assert r.status == 204 and r.header("Allow") == "GET, HEAD, POST, PUT, OPTIONS" and not r.body
    assert raw(g.port()).request("DELETE", "/read").response().header("Allow") == "GET, HEAD, POST, PUT, OPTIONS"
    assert raw(g.port()).request("OPTIONS", "/none").response().status == 404
    assert not up.requests
    assert raw(g.port()).request("OPTIONS", "/whole").response().status == 200, "a route that takes it gets it"
    assert up.requests[0].method == "OPTIONS"


def test_max_forwards(gateway, raw, origin):
    up = origin(echo)
    g = gateway(OPTIONS, app=up.port)
    r = raw(g.port()).request("OPTIONS", "/whole", [("Max-Forwards", "0")]).response("OPTIONS")
    assert r.status == 204 and r.header("Allow") == "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS"
    assert raw(g.port()).request("OPTIONS", "/none", [("Max-Forwards", "0")]).response().status == 404
    assert raw(g.port()).send("TRACE /whole HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n").response().status == 501
    assert not up.requests
    for sent, seen in ("1", "0"), ("10", "9"), ("x", "x"), ("99999999999999999999", "99999999999999999999"):
        raw(g.port()).request("OPTIONS", "/whole", [("Max-Forwards", sent)]).response()
        assert up.requests[-1].header("Max-Forwards") == seen
    raw(g.port()).get("/whole", headers=[("Max-Forwards", "0")])
    assert up.requests[-1].method == "GET" and up.requests[-1].header("Max-Forwards") == "0", "it is for OPTIONS and TRACE"


def test_head_goes_where_get_goes(gateway, raw, origin):
    up = origin(echo)
    g = gateway(OPTIONS, app=up.port)
    assert raw(g.port()).request("HEAD", "/read").response("HEAD").status == 200 and up.requests[-1].method == "HEAD"
    assert raw(g.port()).request("HEAD", "/write").response("HEAD").status == 405
    g.reload(OPTIONS + "  - { name: head, match: { path: /read, methods: [HEAD] }, respond: { status: 404 } }\n")
    assert raw(g.port()).request("HEAD", "/read").response("HEAD").status == 404
    assert raw(g.port()).request("GET", "/read").response().status == 200


@pytest.mark.parametrize("line", ["CONNECT example.com:443", "TRACE /", "CONNECT localhost:22"])
def test_methods_that_are_not_forwarded(proxied, raw, line):
    g, up = proxied(echo)
    r = raw(g.port()).send(f"{line} HTTP/1.1\r\nHost: localhost\r\n\r\n").response()
    assert r.status == 501 and b"method-not-supported" in r.body
    assert not up.requests


@pytest.mark.parametrize("method", ["GET", "PURGE", "M-SEARCH", "get", "X"])
def test_methods_pass_as_they_are(proxied, raw, method):
    g, up = proxied(echo)
    assert raw(g.port()).request(method, "/").response().header("X-Method") == method


@pytest.mark.parametrize("sent, forwarded", [
    ("/", "/"),
    ("/a//b", "/a/b"),
    ("/a/./b/../c", "/a/c"),
    ("/a/%2e%2e/b", "/b"),
    ("/%61%2d%2541", "/a-%2541"),
    ("/a%2fb", "/a%2Fb"),
    ("/a/", "/a/"),
    ("/a?", "/a?"),
    ("/a?x=/../y//z", "/a?x=/../y//z"),
    ("/a?%zz", "/a?%zz"),
    ("/a;v=1/b", "/a;v=1/b"),
    ("//host/path", "/host/path"),
])
def test_the_normal_form_is_forwarded(proxied, raw, sent, forwarded):
    g, up = proxied(echo)
    assert raw(g.port()).get(sent).status == 200
    assert up.requests[0].target == forwarded


@pytest.mark.parametrize("target", ["/..", "/a/../..", "/%2e%2e/%2e%2e", "/a\\b", "/%00", "/%", "/%4", "/%zz", "/a#b", "/a/..%2fb",
                                    "/a%5c../b", "/a/..;x/b", "a", "*", "http://", "ftp://a/", "http://u:p@a/", "/\x7f", "/caf\xe9",
                                    "http:///a", "?a"])
def test_targets_refused(proxied, raw, target):
    g, up = proxied(echo)
    c = raw(g.port())
    r = c.get(target)
    assert r.status == 400, "ambiguous or malformed"
    c.assert_closed()
    assert not up.requests and not up.errors


@pytest.mark.parametrize("host", ["", "a b", "a,b", "u@a", "a/b", "a:x", "a:99999", "[::1", "a..b", "[::1%25eth0]", "a%41", "\xe9"])
def test_hosts_refused(proxied, raw, host):
    g, up = proxied(echo)
    c = raw(g.port())
    r = c.get("/", host=host)
    assert r.status == 400 and b"bad-host" in r.body
    c.assert_closed()
    assert not up.requests
