"""Messages are the same whatever stands on either side: methods, statuses, bodies, trailers, fields, sizes."""
import pytest

from kit.answering import echo
from kit.asking import ask
from kit.bodies import pattern

HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te"}


def answering(*args, **kw):
    return lambda call: call.reply(*args, **kw)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "M-SEARCH", "get"])
def test_methods(pair, method):
    pair.behave(lambda call: call.reply(200, b"done", [("x-method", call.method)]))
    r = pair.ask(method, "/a/./b?q=1&r=%2f")
    assert (r.status, r.body, r.header("x-method"), r.whole) == (200, b"done", method, True)
    call = pair.far.done()
    assert call.path == "/a/b?q=1&r=%2f" and call.rest() == b""
    assert call.authority == f"{pair.upstream}.test"


@pytest.mark.parametrize("status", [200, 201, 301, 400, 404, 418, 500, 503, 599])
def test_statuses(pair, status):
    pair.behave(answering(status, b"why", [("x-why", "because")]))
    r = pair.ask()
    assert (r.status, r.body, r.header("x-why")) == (status, b"why", "because")


def test_head(pair):
    pair.behave(answering(200, b"x" * 1234))
    c = pair.caller()
    for _ in range(2):
        r = ask(c, "HEAD")
        assert (r.status, r.header("content-length"), r.body, r.whole) == (200, "1234", b"", True)
    assert [call.method for call in pair.far.calls] == ["HEAD", "HEAD"]


@pytest.mark.parametrize("status", [204, 304])
def test_bodiless(pair, status):
    pair.behave(lambda call: call.reply(status, b"", [("etag", '"a"')], length=False), echo)
    c = pair.caller()
    r = ask(c)
    assert (r.status, r.body, r.header("etag"), r.whole) == (status, b"", '"a"', True)
    assert ask(c, "POST", body=b"next").body == b"next"


# ---- bodies ----


@pytest.mark.parametrize("sized", [True, False], ids=["sized", "unsized"])
@pytest.mark.parametrize("size", [0, 1, 16384, 16385, 1_000_000])
def test_bodies(pair, size, sized):
    body = pattern(size)
    r = pair.ask("POST", "/", [], body, sized)
    assert r.whole and r.body == body
    call = pair.far.done()
    assert call.complete and call.body == body
    assert call.header("content-length") == (str(size) if sized else None)
    assert r.header("content-length") == (str(size) if sized else None)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_bodies_of_methods_that_seldom_have_one(pair, method):
    r = pair.ask(method, "/", [], b"body")
    assert r.body == b"body" and r.header("x-method") == method


@pytest.mark.parametrize("length", [True, False])
def test_large_response(pair, length):
    pair.behave(answering(200, b"\xa5" * 3_000_000, length=length))
    r = pair.ask()
    assert r.whole and r.body == b"\xa5" * 3_000_000
    assert r.header("content-length") == ("3000000" if length else None)


def test_requests_without_a_body_have_none(pair):
    pair.behave(answering(200, b"ok"))
    pair.ask("GET")
    call = pair.far.done()
    assert call.header("content-length") is None and call.header("transfer-encoding") is None


# ---- trailers ----


TE = [("TE", "trailers"), ("Connection", "TE")]


def te(pair):
    return TE if pair.h1_client else TE[:1]


def test_request_trailers(pair):
    r = pair.caller().begin("POST", "/", body=True).send(b"abc").end([("X-Sum", "3"), ("Content-Type", "late"), ("Host", "evil")])
    assert r.finish().body == b"abc"
    assert pair.far.done().trailers == [("x-sum", "3")], "and those that must not be trailers are dropped"


FORGED = [("X-User-Id", "admin"), ("x_user_id", "admin"), ("X-Gone", "1"), ("X-Real-IP", "6.6.6.6"), ("X-Forwarded-For", "6.6.6.6"),
          ("x_forwarded_for", "6.6.6.6"), ("X-Forwarded-User", "admin"), ("X-Request-ID", "forged")]


def test_identity_in_trailers(pair):
    """What a plugin says of the caller cannot be said again behind the body, whatever the route lets through there."""
    r = pair.caller().begin("POST", "/ident/x", body=True).send(b"abc").end(FORGED + [("X-Sum", "3"), ("X-Other", "4"), ("X-Tag", "5")])
    assert r.finish().body == b"abc"
    got = pair.far.done()
    assert got.trailers == [("x-sum", "3"), ("x-tag", "5")]
    assert got.header("x-user-id") == "nobody"


def test_identity_in_trailers_of_a_call(pair):
    """gRPC's trailers are metadata of any name, but for the same ones."""
    r = pair.caller().begin("POST", "/ident/x", te(pair) + [("Content-Type", "application/grpc")], body=True).send(b"abc")
    r = r.end(FORGED + [("X-Any", "4")])
    assert r.finish().body == b"abc"
    assert pair.far.done().trailers == [("x-any", "4")]


def test_trailers_that_no_route_lets_through(pair):
    r = pair.caller().begin("POST", "/", body=True).send(b"abc").end([("X-Other", "4"), ("X-Summary", "5")])
    assert r.finish().body == b"abc"
    assert pair.far.done().trailers == []


def test_response_trailers(pair):
    pair.behave(answering(200, b"abc", length=False, trailers=[("X-Sum", "3"), ("Set-Cookie", "a=b"), ("Content-Length", "9")]))
    r = pair.ask("GET", "/", te(pair))
    assert r.whole and r.body == b"abc" and r.trailers == [("x-sum", "3")]
    assert pair.far.done().header("te") == "trailers"


def test_trailers_behind_an_empty_body(pair):
    pair.behave(answering(200, b"", length=False, trailers=[("grpc-status", "5")]))
    r = pair.ask("GET", "/", te(pair))
    assert (r.status, r.body, r.whole, r.trailers) == (200, b"", True, [("grpc-status", "5")])


# ---- fields ----


def test_fields_arrive_as_they_are(pair):
    fields = [("x-one", "1"), ("x-two", "a, b"), ("x-one", "again"), ("x-empty", ""), ("x-latin", "caf\xe9"), ("accept", "*/*")]
    pair.behave(answering(200, b"", [("x-r", "1"), ("x-r", "2"), ("set-cookie", "a=1"), ("set-cookie", "b=2"), ("x-none", "")]))
    r = pair.ask("GET", "/", [f for f in fields if f[0] != "x-latin"])
    call = pair.far.done()
    for n in ("x-one", "x-two", "x-empty", "accept"):
        assert call.fields.all(n) == [v for name, v in fields if name == n]
    assert r.fields.all("x-r") == ["1", "2"] and r.fields.all("set-cookie") == ["a=1", "b=2"] and r.header("x-none") == ""


def test_cookies_are_one_field(pair):
    pieces = [("Cookie", "a=1"), ("Cookie", "b=2")] if not pair.h1_client else [("Cookie", "a=1; b=2")]
    pair.behave(answering(200))
    pair.ask("GET", "/", [("x-first", "1"), *pieces, ("x-last", "1")])
    assert pair.far.done().fields.all("cookie") == ["a=1; b=2"]


def test_fields_of_a_connection_stay_there(pair):
    pair.behave(lambda call: call.reply(200, b"ok", [("connection", "x-mine"), ("x-mine", "1"), ("keep-alive", "timeout=5"),
                                                     ("proxy-connection", "x"), ("x-yours", "2")]
                                        if pair.h1_upstream else [("x-yours", "2")]))
    sent = [("Connection", "X-Hop, Upgrade"), ("X-Hop", "1"), ("Keep-Alive", "5"), ("Upgrade", "h9"),
            ("Proxy-Connection", "x")] if pair.h1_client else []
    r = pair.ask("GET", "/", [*sent, ("X-End", "1")])
    call = pair.far.done()
    assert call.header("x-end") == "1" and "x-hop" not in call.fields
    assert not HOP_BY_HOP - {"connection"} & set(call.fields.names())
    if not pair.h1_upstream:
        assert "connection" not in call.fields and "host" not in call.fields
    assert r.header("x-yours") == "2"
    assert not set(r.fields.names()) & {"x-mine", "keep-alive", "proxy-connection"}


def test_te_is_told_as_trailers_alone(pair):
    pair.behave(answering(200))
    pair.ask("GET", "/", [("TE", "gzip;q=1, trailers"), ("Connection", "TE")] if pair.h1_client else [("TE", "trailers")])
    assert pair.far.done().header("te") == "trailers"


def test_who_asks_is_told(pair):
    pair.behave(answering(200))
    request_id = pair.new_id()
    pair.ask("GET", "/", [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Proto", "gopher"), ("X-Forwarded-Host", "evil.test"),
                          ("Forwarded", "for=6.6.6.6"), ("X-Request-ID", request_id)])
    call = pair.far.done()
    scheme = "https" if pair.client == "h2" else "http"
    assert call.header("x-forwarded-for") == "127.0.0.1" and call.header("x-forwarded-proto") == scheme
    assert call.header("x-forwarded-host") == f"{pair.upstream}.test"
    assert "6.6.6.6" not in (call.header("forwarded") or "")
    assert call.header("via") == ("1.1 sluice" if pair.h1_client else "2 sluice")
    assert call.header("x-request-id") == request_id
    if not pair.h1_upstream:
        assert call.scheme == ("https" if pair.upstream == "h2" else "http")
    line = pair.line(request_id)
    assert line["protocol"] == ("HTTP/1.1" if pair.h1_client else "HTTP/2") and line["status"] == 200
    assert line["upstream"] == pair.upstream and line["server"].endswith(f":{pair.far.port}") and line["tries"] == 1


def test_a_request_id_is_made_where_there_is_none(pair):
    pair.behave(answering(200))
    pair.ask()
    pair.ask("GET", "/", [("X-Request-ID", "not one")])
    ids = [call.header("x-request-id") for call in pair.far.calls]
    assert len(set(ids)) == 2 and all(len(i) == 32 and int(i, 16) for i in ids)


def test_a_date_where_there_is_none(pair):
    pair.behave(answering(200), answering(200, b"", [("date", "Thu, 01 Jan 1970 00:00:00 GMT")]))
    c = pair.caller()
    assert ask(c).header("date").endswith(" GMT")
    assert ask(c).header("date") == "Thu, 01 Jan 1970 00:00:00 GMT"


# ---- sizes ----


def test_large_heads(pair):
    """Nearly all that the listener (32 KiB) and the upstream (64 KiB) allow, and then more."""
    pair.behave(lambda call: call.reply(200, b"ok", [(f"x-{i}", "r" * 4000) for i in range(15)]))
    fields = [(f"x-{i}", "q" * 4000) for i in range(8 - 1)]
    r = pair.ask("GET", "/", fields)
    assert r.status == 200 and r.body == b"ok" and r.header("x-14") == "r" * 4000
    assert pair.far.done().header("x-6") == "q" * 4000
    r = pair.ask("GET", "/", fields + [("x-8", "q" * 6000)])
    assert r.status == 431 and r.header("content-type") == "application/problem+json" and b"head-too-large" in r.body
    pair.behave(lambda call: call.reply(200, b"ok", [(f"x-{i}", "r" * 4000) for i in range(17)]))
    r = pair.ask()
    assert r.status == 502 and b"upstream-head-too-large" in r.body


def test_many_fields(pair):
    pair.behave(answering(200, b"", [(f"r-{i}", "1") for i in range(180)]))
    r = pair.ask("GET", "/", [(f"q-{i}", "1") for i in range(90)])
    assert r.status == 200 and r.header("r-179") == "1" and pair.far.done().header("q-89") == "1"
    r = pair.ask("GET", "/", [(f"q-{i}", "1") for i in range(101)])
    assert r.status == 431 and b"too-many-fields" in r.body and len(pair.far.calls) == 1


def test_a_body_that_is_too_large(pair):
    """max_body of the listener is 100,000 bytes."""
    c = pair.caller(strict=True)
    assert ask(c, "POST", body=b"x" * 100_000).body == b"x" * 100_000
    n = len(pair.far.calls)
    r = pair.caller(strict=True).begin("POST", body=100_001).head()
    assert r.status == 413 and len(pair.far.calls) == n, "known from the head"
    pair.behave(lambda call: (call.rest(), call.reply(200)))
    r = pair.caller(strict=True).begin("POST", body=True)
    try:
        r.send(b"x" * 100_001)
    except OSError:
        pass
    assert r.head().status == 413
    assert not any(call.done.wait(20) and call.complete for call in pair.far.calls)


def test_a_body_that_is_too_large_for_an_answer_that_has_begun(pair):
    """Too late for a 413: the answer breaks off, and does not pass for whole."""
    def behave(call):
        call.head(200)
        call.send(b"part")
        call.rest()
    pair.behave(behave)
    r = pair.caller(strict=True).begin("POST", body=True).head()
    assert r.status == 200 and r.read(4) == b"part"
    try:
        r.send(b"x" * 100_001)
    except OSError:
        pass
    assert not r.finish().whole and not pair.far.done().complete
    if not pair.h1_client:
        assert r.code not in (None, 0), "NO_ERROR says that the response is whole (RFC 9113 8.1)"


def test_many_at_once(pair):
    """100 exchanges in progress, none of which ends before all have begun."""
    import threading
    all_here = threading.Barrier(100)

    def behave(call):
        all_here.wait(20)
        call.reply(200, call.path.encode())
    pair.behave(behave)
    c = pair.caller()
    asks = [c.begin("GET", f"/{i}") for i in range(100)]
    assert [a.finish().body for a in asks] == [b"/%d" % i for i in range(100)]
    assert all(a.whole for a in asks)
