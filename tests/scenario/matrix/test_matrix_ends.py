"""Exchanges that do not end well: who is told what, and that half a message is never passed on for a whole one."""
import json
import os
import threading

import h2.errors
import pytest

from kit.answering import echo
from kit.asking import ask
from kit.message import Malformed
from kit.process import wait_for

HTTP2_BEHIND = ["h1-h2", "h2-h2", "h1-h2c", "h2c-h2c"]


over_http2 = pytest.mark.parametrize("pair", HTTP2_BEHIND, indirect=True)


def code(r):
    assert r.header("content-type") == "application/problem+json"
    return json.loads(r.body)["type"].rpartition(":")[2]


def marked(pair):
    request_id = pair.new_id()
    return request_id, [("X-Request-ID", request_id)]


# ---- the client leaves ----


def test_a_client_that_leaves_before_the_answer(pair):
    request_id, fields = marked(pair)
    pair.behave(lambda call: call.gone(), echo)
    a = pair.caller().begin("GET", "/", fields)
    pair.far.wait()
    a.cancel()
    assert pair.far.done().left.is_set()
    assert pair.line(request_id)["reason"] == "client-gone"
    assert pair.ask("POST", body=b"next").body == b"next"


@pytest.mark.parametrize("sized", [True, False], ids=["sized", "unsized"])
def test_a_client_that_leaves_in_its_body(pair, sized):
    """The origin never takes half a request for a whole one."""
    def behave(call):
        call.rest()
        whole.append(call)
    whole = []
    pair.behave(behave, echo)
    a = pair.caller().begin("POST", body=100 if sized else True).send(b"half")
    call = pair.far.wait()
    a.cancel()
    assert pair.far.done().left.is_set() and not call.complete and not whole
    assert pair.ask("POST", body=b"next").body == b"next"


def test_a_client_that_leaves_in_the_answer(pair):
    request_id, fields = marked(pair)

    def behave(call):
        call.head(200)
        while True:
            call.send(b"x" * 65536)
    pair.behave(behave, echo)
    a = pair.caller().begin("GET", "/", fields).head()
    a.read(100_000)
    a.cancel()
    assert pair.far.done().left.is_set()
    line = pair.line(request_id)
    assert line["status"] == 200 and line["reason"] == "client-gone"
    assert pair.ask("POST", body=b"next").body == b"next"


def test_others_are_not_disturbed(pair):
    """Half of 40 exchanges leave; the others get their answers."""
    go = threading.Event()

    def behave(call):
        assert go.wait(20)
        call.reply(200, call.path.encode())
    pair.behave(behave)
    c = pair.caller()
    asks = [c.begin("GET", f"/{i}") for i in range(40)]
    pair.far.wait(40)
    for a in asks[::2]:
        a.cancel()
    go.set()
    assert [a.finish().body for a in asks[1::2]] == [b"/%d" % i for i in range(1, 40, 2)]


# ---- the upstream fails ----


@pytest.mark.parametrize("how", ["fail", "drop"])
def test_an_upstream_that_fails_before_its_head(pair, how):
    """fail: this request alone (a reset); drop: the connection closes. POST is not tried again."""
    request_id, fields = marked(pair)

    def behave(call):
        call.rest()
        getattr(call, how)()
    pair.behave(behave, echo)
    c = pair.caller()
    r = ask(c, "POST", "/", fields, b"body")
    assert r.status == 502 and r.whole
    assert code(r) in (("upstream-closed",) if how == "drop" else ("upstream-reset", "upstream-aborted"))
    assert pair.line(request_id)["reason"] == code(r) and len(pair.far.calls) == 1
    assert ask(c, "POST", body=b"next").body == b"next"


@pytest.mark.parametrize("how", ["fail", "drop"])
@pytest.mark.parametrize("length", [100, None], ids=["sized", "unsized"])
def test_an_upstream_that_fails_in_its_body(pair, how, length):
    """The client gets what came, and sees that it is not all."""
    request_id, fields = marked(pair)
    go = threading.Event()

    def behave(call):
        call.head(200, [], length)
        call.send(b"part")
        assert go.wait(20)
        getattr(call, how)()
    pair.behave(behave, echo)
    a = pair.caller().begin("GET", "/", fields).head()
    assert a.status == 200 and a.read(4) == b"part"
    go.set()
    assert not a.finish().whole, "passed on for whole"
    assert a.body == b"part"
    assert pair.line(request_id)["reason"] in ("upstream-truncated", "upstream-reset", "upstream-closed")
    assert pair.ask("POST", body=b"next").body == b"next"


def test_an_upstream_that_sends_less_than_it_said(pair):
    def behave(call):
        call.head(200, [], 10)
        call.send(b"short")
        if pair.h1_upstream:
            call.drop()
        call.end()
    pair.behave(behave)
    r = pair.caller().begin().finish()
    assert not r.whole and b"short".startswith(r.body)


def test_an_upstream_that_sends_more_than_it_said(pair):
    """Not a byte of what is too much reaches the client."""
    def behave(call):
        call.head(200, [], 5)
        call.send(b"right and wrong")
        call.end()
    pair.behave(behave)
    a = pair.caller().begin()
    try:
        a.finish()
    except Malformed:
        pass
    assert a.status == 502 or b"right".startswith(a.body)


# ---- time ----


def test_a_silent_upstream(pair):
    request_id, fields = marked(pair)
    pair.behave(lambda call: call.gone(), echo)
    r = pair.caller(short=True).begin("GET", "/", fields).finish()
    assert r.status == 504 and code(r) == "upstream-timeout"
    assert pair.line(request_id)["reason"] == "upstream-timeout"
    assert pair.far.done().left.is_set(), "the request was given up"


def test_a_body_that_stops(pair):
    """timeouts.body of the listener; the origin is told that nothing more comes."""
    request_id, fields = marked(pair)
    pair.behave(lambda call: call.rest(), echo)
    a = pair.caller(strict=True).begin("POST", "/", fields, body=True).send(b"half").finish()
    assert a.status == 408 and code(a) == "body-timeout"
    assert pair.line(request_id)["reason"] == "body-timeout"
    assert not pair.far.done().complete


def test_a_head_that_stops(pair):
    """timeouts.head of the listener. HTTP/2: a block that goes on in CONTINUATION frames which do not come."""
    c = pair.caller(strict=True)
    if pair.h1_client:
        a = c.connect().send(f"GET / HTTP/1.1\r\nHost: {pair.upstream}.test\r\nX-")
        assert a.response().status == 408
        a.assert_closed()
    else:
        c.c.send_raw(b"\0\0\1\1\0\0\0\0\1\x82")  # HEADERS without END_HEADERS
        while c.c.pump():
            pass
        assert c.c.goaway is not None
    assert not pair.far.calls


def test_a_reader_that_stops(pair):
    """timeouts.body also bounds how long a response may wait for its reader."""
    request_id, fields = marked(pair)

    def behave(call):
        call.head(200)
        while True:
            call.send(b"x" * 65536)
    pair.behave(behave)
    pair.caller(strict=True).begin("GET", "/", fields).head()
    assert pair.far.done().left.is_set()
    assert pair.line(request_id)["reason"] == "client-stalled"


# ---- tried again ----


def test_a_kept_connection_that_was_closed(pair):
    """It closes between two requests: no client notices, whatever the method."""
    c = pair.caller()
    for method in ("GET", "POST", "PUT"):
        pair.behave(lambda call: (call.reply(200, b"first"), call.drop()), echo)
        assert ask(c).body == b"first"
        pair.far.done()
        assert ask(c, method, "/", [], b"next").body == b"next"


def test_idempotent_requests_are_tried_again(pair):
    """The kept connection breaks under a GET, which goes on another; under a POST it is the client that is told."""
    c = pair.caller()
    for method, status, n in (("GET", 200, 2), ("POST", 502, 1)):
        pair.behave(echo)
        assert ask(c).status == 200, "this worker keeps a connection now"
        pair.behave(lambda call: call.drop(), echo)
        assert ask(c, method).status == status and len(pair.far.calls) == n


@over_http2
def test_refused_streams_and_goaway(pair):
    """HTTP/2 servers that say that they did nothing: even POST is sent again, with its body."""
    body = os.urandom(1000)
    request_id, fields = marked(pair)

    def refuse(call):
        call.stream.reset(h2.errors.ErrorCodes.REFUSED_STREAM)

    def goaway(call):
        call.conn.goaway(last=call.stream.id - 2 if call.stream.id > 1 else 0)
        call.gone()
    pair.behave(refuse, goaway, echo)
    r = ask(pair.caller(), "POST", "/", fields, body)
    assert r.status == 200 and r.body == body
    assert pair.line(request_id)["status"] == 200 and len(pair.far.calls) == 3


@over_http2
def test_goaway_under_load(pair):
    """The server ends its connections now and then; none of 200 requests is lost."""
    n = [0]
    lock = threading.Lock()

    def behave(call):
        with lock:
            n[0] += 1
            last = n[0] % 25 == 0
        call.reply(200, call.path.encode())
        if last:
            call.conn.goaway()
    pair.behave(behave)
    c = pair.caller()
    for batch in range(10):
        asks = [c.begin("POST", f"/{batch}/{i}") for i in range(20)]
        for i, a in enumerate(asks):
            assert (a.finish().status, a.body, a.whole) == (200, f"/{batch}/{i}".encode(), True)
    wait_for(lambda: len(pair.far.calls) >= 200, 10)
