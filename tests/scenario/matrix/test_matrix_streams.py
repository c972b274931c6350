"""Bodies are passed on as they come, both ways at once, and no faster than they are taken."""
import json
import os
import threading

import pytest

from kit.answering import echo
from kit.asking import ask
from kit.bulk import Watch
from kit.memory import assert_below
from kit.process import wait_for

MIB = 1 << 20


# ---- as they come ----


@pytest.mark.parametrize("sized", [True, False], ids=["sized", "unsized"])
def test_a_conversation(pair, sized):
    """Each side speaks only when it has heard the other: nothing waits in between."""
    words = [b"one", b"two", b"three", b"four"]
    length = sum(map(len, words))

    def behave(call):
        call.head(200, [], length if sized else None)
        for word in words:
            assert call.read(len(word)) == word
            call.send(word.upper())
        assert call.some() == b""
        call.end()
    pair.behave(behave)
    a = pair.caller().begin("POST", body=length if sized else True).head()
    for word in words:
        a.send(word)
        assert a.read(len(word)) == word.upper()
    assert a.end().finish().whole


def test_the_head_comes_before_the_body(pair):
    go = threading.Event()

    def behave(call):
        call.head(200, [("x-early", "1")])
        assert go.wait(20)
        call.send(b"late")
        call.end()
    pair.behave(behave)
    a = pair.caller().begin().head()
    assert a.header("x-early") == "1" and not a.whole
    go.set()
    assert a.finish().body == b"late"


def test_both_ways_at_once(pair):
    """Much more than all buffers together, echoed while it is sent."""
    body = os.urandom(64 << 10) * 64
    r = pair.ask("POST", "/", [], body, sized=False)
    assert r.whole and r.body == body


# ---- server-sent events, long polling ----


def test_server_sent_events(pair):
    """The origin says one event and waits until the client has it; far longer than timeouts.response allows in all."""
    heard = threading.Event()

    def behave(call):
        call.head(200, [("content-type", "text/event-stream"), ("cache-control", "no-cache")])
        for i in range(8):
            call.send(b"id: %d\ndata: tick\n\n" % i)
            assert heard.wait(20), "the event was not passed on"
            heard.clear()
            threading.Event().wait(0.15)
        call.gone()
    pair.behave(behave)
    a = pair.caller(short=True).begin("GET", "/events", [("Accept", "text/event-stream")]).head()
    assert a.header("content-type") == "text/event-stream"
    for i in range(8):
        event = b"id: %d\ndata: tick\n\n" % i
        assert a.read(len(event)) == event
        heard.set()
    a.cancel()
    assert pair.far.done().left.is_set(), "the client left, and so does the upstream's stream"


def test_events_that_stop_are_ended(pair):
    """timeouts.response bounds the silence between two events."""
    request_id = pair.new_id()

    def behave(call):
        call.head(200, [("content-type", "text/event-stream")])
        call.send(b"data: last\n\n")
        call.gone()
    pair.behave(behave)
    r = pair.caller(short=True).begin("GET", "/", [("X-Request-ID", request_id)]).finish()
    assert r.body == b"data: last\n\n" and not r.whole
    assert pair.line(request_id)["reason"] == "upstream-stalled"
    pair.far.done()


def test_long_polling(pair):
    """No answer for a while, then one; meanwhile others come and go, and one that waits leaves."""
    news = threading.Event()

    def behave(call):
        if call.path == "/poll":
            assert news.wait(20)
            call.reply(200, b"news")
        elif call.path == "/leave":
            call.gone()
        else:
            call.reply(200, b"quick")
    pair.behave(behave)
    c = pair.caller()
    poll, leave = c.begin("GET", "/poll"), c.begin("GET", "/leave")
    pair.far.wait(2)
    for _ in range(3):
        assert ask(c, "GET", "/quick").body == b"quick"
    leave.cancel()
    wait_for(lambda: any(call.left.is_set() for call in pair.far.calls), 20, "the one that left to be given up")
    news.set()
    assert poll.finish().body == b"news"


# ---- no faster than they are taken ----


def test_a_reader_that_does_not_read(pair):
    """The origin is stopped, the gateway keeps little, and all of it arrives once the client reads."""
    size, block = (48 if pair.h1_upstream else 24) * MIB, b"r" * 65536  # more than sockets hold of what is not read
    stuck = threading.Event()

    def behave(call):
        call.head(200)
        while call.sent < size:
            call.send(block)
            stuck.set()
        call.end()
    pair.behave(behave)
    a = pair.caller().begin().head()
    call = pair.far.wait()
    assert stuck.wait(20)
    with Watch(pair.gateway) as watch:
        before = settled(lambda: call.sent)
        assert before < size, "the origin was not stopped"
        grown = watch.peak
        n = 0
        while data := a.some():
            n += len(data)
            a.forget()
    assert n == size and a.whole
    assert_below(watch.peak, grown + 16 * MIB)


def settled(value, quiet=15):
    """value() once it has not changed for a while."""
    last, same = value(), 0

    def still():
        nonlocal last, same
        now = value()
        last, same = now, same + 1 if now == last else 0
        return same >= quiet
    wait_for(still, 20, "standstill", interval=0.02)
    return last


def test_a_server_that_does_not_read(pair):
    """The client is stopped, the gateway keeps little, and all of it arrives once the server reads."""
    size, block = (48 if pair.h1_client else 24) * MIB, b"q" * 65536
    go, got, sent = threading.Event(), [], []

    def behave(call):
        assert go.wait(20)
        n = 0
        while data := call.some():
            n += len(data)
            call.forget()
        got.append(n)
        call.reply(200)
    pair.behave(behave)
    a = pair.caller().begin("POST", body=True)

    def upload():
        for _ in range(size // len(block)):
            a.send(block)
            sent.append(1)
        a.end()
    t = threading.Thread(target=upload, daemon=True)
    with Watch(pair.gateway) as watch:
        t.start()
        pair.far.wait()
        assert settled(lambda: len(sent)) < size // len(block), "the client was not stopped"
        grown = watch.peak
        go.set()
        t.join(30)
        assert not t.is_alive()
    assert a.head().status == 200 and got == [size]
    assert_below(watch.peak, grown + 16 * MIB)


# ---- interim responses, and answers that come early ----


def test_early_hints(pair):
    go = threading.Event()

    def behave(call):
        call.interim(103, [("link", "</a.css>; rel=preload")])
        assert go.wait(20)
        call.interim(103, [("link", "</b.css>")])
        call.reply(200, b"page")
    pair.behave(behave)
    a = pair.caller().begin()
    status, fields = a.hint()
    assert status == 103 and fields.get("link") == "</a.css>; rel=preload", "passed on before there is an answer"
    go.set()
    a.finish()
    assert [f.get("link") for _, f in a.interim] == ["</a.css>; rel=preload", "</b.css>"] and a.body == b"page"


def test_expect(pair):
    """The client waits for 100; the body is sent when it has come."""
    pair.behave(echo)
    a = pair.caller().begin("POST", "/", [("Expect", "100-continue")], body=5)
    assert a.hint()[0] == 100
    a.send(b"hello").end()
    assert a.finish().body == b"hello"
    assert "expect" not in pair.far.done().fields


def test_expect_that_is_refused(pair):
    """By the origin, from the head alone."""
    def behave(call):
        call.reply(413, b"no")
    pair.behave(behave)
    a = pair.caller().begin("POST", "/", [("Expect", "100-continue")], body=100_000).finish()
    assert (a.status, a.body, a.whole) == (413, b"no", True)


@pytest.mark.parametrize("sized", [True, False], ids=["sized", "unsized"])
def test_an_answer_before_the_request_is_complete(pair, sized):
    """It is the answer; the rest of the request is not wanted."""
    def behave(call):
        call.read(5)
        call.reply(403, b"enough")
    pair.behave(behave, echo)
    c = pair.caller()
    a = c.begin("POST", body=1000 if sized else True).send(b"first").finish()
    assert (a.status, a.body, a.whole) == (403, b"enough", True)
    if pair.h1_client:
        assert (a.header("connection") == "close") != sized, "what is left is read where that is little, and known to be"
        if sized:
            a.send(b"x" * 995)
    else:
        assert a.code in (None, 0), "NO_ERROR (RFC 9113 8.1)"
    assert ask(c, "POST", body=b"next").body == b"next"


def test_an_answer_that_begins_early_and_goes_on(pair):
    """Head and half of the body come while the request is still sent; neither direction waits for the other."""
    def behave(call):
        call.head(200)
        call.send(b"half")
        call.send(call.rest())
        call.end()
    pair.behave(behave)
    a = pair.caller().begin("POST", body=True).send(b"abc")
    assert a.head().read(4) == b"half"
    a.send(b"def").end()
    assert a.finish().body == b"halfabcdef" and a.whole


# ---- the gateway's own answers ----


def code(r):
    assert r.header("content-type") == "application/problem+json"
    return json.loads(r.body)["type"].rpartition(":")[2]


def test_refused_by_a_plugin(pair, rs256):
    """401 without a token, and the body that comes with the request does no harm to the next one."""
    c = pair.caller()
    r = ask(c, "POST", "/login/x", body=b"x" * 1000)
    assert r.status == 401 and r.header("www-authenticate").startswith("Bearer") and code(r) == "token-missing"
    assert r.whole and not pair.far.calls
    r = ask(c, "POST", "/login/x", [("Authorization", f"Bearer {rs256.mint()}")], b"hello")
    assert (r.status, r.body) == (200, b"hello")
    assert "authorization" in pair.far.done().fields


def test_too_many_requests(pair):
    who = [("X-Who", pair.new_id())]
    c = pair.caller()
    assert ask(c, "GET", "/spent/x", who).status == 200
    r = ask(c, "GET", "/spent/x", who)
    assert r.status == 429 and int(r.header("retry-after")) > 0 and code(r) == "rate-limited"
    assert len(pair.far.calls) == 1


def test_problems_have_no_body_for_head(pair):
    r = pair.ask("HEAD", "/login/x")
    assert r.status == 401 and r.body == b"" and int(r.header("content-length")) > 0


def test_no_route(pair):
    c = pair.caller()
    r = ask(c, "GET", "/", [("Host", "elsewhere.test")]) if pair.h1_client else None
    if r is None:
        c.c.authority = "elsewhere.test"
        r = ask(c)
    # over TLS the name is not the certificate's either
    want = (421, "misdirected") if pair.client == "h2" else (404, "no-route")
    assert (r.status, code(r)) == want and r.header("x-request-id")
