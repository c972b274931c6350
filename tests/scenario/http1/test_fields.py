"""What the gateway writes into heads on their way through, and what it takes out."""
import re

import pytest

from kit.configs import HELLO
from kit.origin import reply

HOP = [("Keep-Alive", "timeout=5"), ("Proxy-Connection", "keep-alive"), ("Proxy-Authenticate", "Basic"),
       ("Proxy-Authorization", "Basic x"), ("TE", "deflate"), ("Upgrade", "x")]


@pytest.mark.parametrize("name, value", HOP)
def test_hop_by_hop_of_requests(proxied, raw, name, value):
    g, up = proxied()
    raw(g.port()).get("/", [(name, value), ("X-End", "1")])
    assert name not in up.requests[0].fields and up.requests[0].header("X-End") == "1"


@pytest.mark.parametrize("name, value", [h for h in HOP if h[0] != "TE"])
def test_hop_by_hop_of_responses(proxied, raw, name, value):
    g, _ = proxied(reply(200, b"x", [(name, value), ("X-End", "1")]))
    r = raw(g.port()).get("/")
    assert name not in r.fields and r.header("X-End") == "1"


def test_nominated_by_connection(proxied, raw):
    g, up = proxied(reply(200, b"x", [("X-Hop", "1"), ("Connection", "x-hop, X-Other"), ("X-Other", "1"), ("X-End", "1")]))
    r = raw(g.port()).get("/", [("Connection", "X-Private , keep-alive"), ("X-Private", "1"), ("x-private", "2"), ("X-End", "1")])
    fields = up.requests[0].fields
    assert "x-private" not in fields and "connection" not in fields and fields.get("X-End") == "1"
    assert "x-hop" not in r.fields and "x-other" not in r.fields and r.header("X-End") == "1"


@pytest.mark.parametrize("name", ["Host", "Content-Length", "X-Forwarded-For", "X-Request-ID", "Authorization", "Via"])
def test_connection_cannot_take_what_matters(proxied, raw, name):
    """A client must not strip what the gateway adds, nor the framing."""
    g, up = proxied()
    r = raw(g.port()).request("POST", "/", [("Connection", name), ("Authorization", "Bearer x")], body=b"abc").response()
    assert r.status == 200
    assert up.requests[0].body == b"abc"
    if name != "Authorization":
        assert name in up.requests[0].fields, "added for this hop, or needed on it"


def test_other_fields_pass_as_they_are(proxied, raw):
    sent = [("Accept", "*/*"), ("x-MiXed", "CaSe"), ("X-Twice", "1"), ("X-Twice", "2"), ("X-Empty", ""),
            ("Cookie", "a=b; c=d"), ("X-Latin", "caf\xe9"), ("X-Tab", "a\tb")]
    back = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Odd_Name!", "x"), ("Server", "origin"),
            ("Date", "Thu, 01 Jan 1970 00:00:00 GMT")]
    g, up = proxied(reply(200, b"x", back))
    r = raw(g.port()).get("/", sent)
    assert [f for f in up.requests[0].fields if f in sent] == sent, "order, case and repetition are kept"
    assert [f for f in r.fields if f in back] == back


def test_blanks_around_values_are_cut(proxied, raw):
    g, up = proxied()
    raw(g.port()).send("GET / HTTP/1.1\r\nHost:a\r\nX-A:  \t b c \t \r\n\r\n").response()
    assert b"\r\nX-A: b c\r\n" in up.requests[0].head


# ---- who asked ----

@pytest.mark.smoke
def test_forwarding_fields(proxied, raw):
    g, up = proxied()
    raw(g.port()).get("/", host="shop.example:8080")
    r = up.requests[0]
    assert r.header("Host") == "shop.example:8080", "Host is what the client said"
    assert r.header("X-Forwarded-For") == "127.0.0.1"
    assert r.header("X-Forwarded-Proto") == "http"
    assert r.header("X-Forwarded-Host") == "shop.example:8080"
    assert r.header("Forwarded") == 'for=127.0.0.1;proto=http;host="shop.example:8080"'
    assert r.header("Via") == "1.1 sluice"


def test_claims_of_the_client_are_replaced(proxied, raw):
    g, up = proxied()
    raw(g.port()).get("/", [("X-Forwarded-For", "1.2.3.4"), ("x-forwarded-for", "5.6.7.8"), ("X-Forwarded-Proto", "https"),
                            ("X-Forwarded-Host", "evil"), ("Forwarded", "for=9.9.9.9"), ("Via", "1.0 mine")])
    r = up.requests[0]
    assert r.header("X-Forwarded-For") == "127.0.0.1" and r.header("X-Forwarded-Proto") == "http"
    assert r.header("X-Forwarded-Host") == "localhost" and "9.9.9.9" not in r.header("Forwarded")
    assert r.fields.all("Via") == ["1.0 mine", "1.1 sluice"], "Via is a list of those on the way"


def test_via_tells_the_client_version(proxied, raw):
    g, up = proxied()
    raw(g.port()).send("GET / HTTP/1.0\r\nHost: a\r\n\r\n").response()
    assert up.requests[0].header("Via") == "1.0 sluice"


def test_http_1_0_without_host_is_forwarded(proxied, raw):
    g, up = proxied()
    assert raw(g.port()).send("GET / HTTP/1.0\r\n\r\n").response().status == 200
    r = up.requests[0]
    assert len(r.fields.all("Host")) == 1, "HTTP/1.1 wants a Host, if an empty one"
    assert "X-Forwarded-Host" not in r.fields


def test_ipv6_clients(gateway, origin, free_port):
    import socket
    from kit.client import RawClient
    up = origin()
    port = free_port()
    try:
        socket.create_server(("::1", port), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    g = gateway("""
listeners: [{ name: six, address: "[::1]:@six@" }]
upstreams: { app: { servers: ["127.0.0.1:@app@"] } }
routes: [{ name: all, match: { path: /* }, upstream: app }]
""", app=up.port, six=port)
    assert g.process.running()
    with RawClient(("::1", port)) as c:
        assert c.get(host="[::1]:80").status == 200
    r = up.requests[0]
    assert r.header("X-Forwarded-For") == "::1"
    assert r.header("Forwarded") == 'for="[::1]";proto=http;host="[::1]:80"'


# ---- which request ----

def test_request_id_is_made(proxied, raw):
    g, up = proxied()
    c = raw(g.port())
    for _ in range(3):
        c.get()
    ids = [r.header("X-Request-ID") for r in up.requests]
    assert len(set(ids)) == 3 and all(re.fullmatch("[0-9a-f]{32}", i) for i in ids)


def test_request_id_is_kept(proxied, raw):
    g, up = proxied()
    raw(g.port()).get("/", [("x-request-id", "abc-123_~.+/=:")])
    assert up.requests[0].fields.all("X-Request-ID") == ["abc-123_~.+/=:"]


@pytest.mark.parametrize("bad", ["", "a b", "a\"b", "x" * 129, "caf\xe9", "a,b", "<script>"])
def test_request_id_that_is_none(proxied, raw, bad):
    g, up = proxied()
    raw(g.port()).get("/", [("X-Request-ID", bad)])
    assert re.fullmatch("[0-9a-f]{32}", up.requests[0].header("X-Request-ID")), "it will stand in logs: only what is harmless"


def test_request_id_twice(proxied, raw):
    g, up = proxied()
    raw(g.port()).get("/", [("X-Request-ID", "first"), ("X-Request-ID", "second")])
    assert up.requests[0].fields.all("X-Request-ID") == ["first"]


def test_request_id_of_an_answer_of_its_own(gateway):
    g = gateway(HELLO)
    assert g.get("/hello", [("X-Request-ID", "mine")]).header("X-Request-ID") == "mine"
    assert re.fullmatch("[0-9a-f]{32}", g.get("/hello").header("X-Request-ID"))


def test_trace_context_passes(proxied, raw):
    g, up = proxied()
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    raw(g.port()).get("/", [("traceparent", parent), ("tracestate", "a=b"), ("baggage", "c=d")])
    r = up.requests[0]
    assert (r.header("traceparent"), r.header("tracestate"), r.header("baggage")) == (parent, "a=b", "c=d")


# ---- dates ----

DATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z][a-z] 20\d\d \d\d:\d\d:\d\d GMT")


def test_date_of_an_answer_of_its_own(gateway):
    assert DATE.fullmatch(gateway(HELLO).get("/hello").header("Date"))


def test_date_where_the_upstream_has_none(proxied, raw):
    g, _ = proxied(reply(200, b"x"))
    assert DATE.fullmatch(raw(g.port()).get().header("Date")), "RFC 9110 6.6.1: who has a clock adds it"
