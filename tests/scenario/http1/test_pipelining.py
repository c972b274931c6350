"""Requests sent ahead on one connection."""
import pytest

from kit.configs import HELLO
from kit.origin import echo, reply


def pipeline(*targets):
    return "".join(f"GET {t} HTTP/1.1\r\nHost: a\r\n\r\n" for t in targets)


@pytest.mark.smoke
def test_answers_come_in_order(proxied, raw):
    g, up = proxied(echo)
    targets = [f"/{i}" for i in range(50)]
    c = raw(g.port()).send(pipeline(*targets))
    assert [c.response().header("X-Target") for _ in targets] == targets
    assert [r.target for r in up.requests] == targets, "one after the other reached the upstream"


def test_requests_with_bodies(proxied, raw):
    g, up = proxied(echo)
    post = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
    chunked = "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ndef\r\n0\r\n\r\n"
    c = raw(g.port()).send(post + chunked + post)
    assert [c.response().body for _ in range(3)] == [b"abc", b"def", b"abc"]
    assert not up.errors


def test_a_slow_first_answer_comes_first(proxied, raw):
    g, _ = proxied([reply(200, b"slow", delay=0.2), reply(200, b"fast")])
    c = raw(g.port()).send(pipeline("/1", "/2"))
    assert [c.response().body, c.response().body] == [b"slow", b"fast"]


def test_answers_of_its_own_in_a_pipeline(gateway, raw):
    g = gateway(HELLO)
    c = raw(g.port()).send(pipeline(*["/hello", "/nowhere"] * 20))
    assert [c.response().status for _ in range(40)] == [200, 404] * 20


def test_a_bad_request_in_the_middle(proxied, raw):
    g, up = proxied(echo)
    bad = "GET /bad HTTP/1.1\r\nHost: a\r\nBad Field: x\r\n\r\n"
    c = raw(g.port()).send(pipeline("/1", "/2") + bad + pipeline("/3", "/4"))
    assert [c.response().header("X-Target") for _ in range(2)] == ["/1", "/2"], "what came before is answered"
    r = c.response()
    assert r.status == 400 and r.header("Connection") == "close"
    c.assert_closed()
    assert [r.target for r in up.requests] == ["/1", "/2"], "what came after it is never read as a request"


def test_after_close_nothing_is_answered(proxied, raw):
    g, up = proxied(echo)
    c = raw(g.port()).send("GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + pipeline("/2"))
    assert c.response().header("X-Target") == "/1"
    c.assert_closed()
    assert [r.target for r in up.requests] == ["/1"]


def test_a_long_pipeline_is_read_in_pieces(proxied, raw):
    g, _ = proxied(echo)
    targets = [f"/{i}/{'x' * 200}" for i in range(500)]
    c = raw(g.port()).send(pipeline(*targets))
    assert [c.response().header("X-Target") for _ in targets] == targets, "more than is read ahead of an answer"


def test_half_closed_after_an_answer_is_made(gateway, raw):
    g = gateway(HELLO)
    for _ in range(50):
        c = raw(g.port()).send(pipeline("/hello"))
        c.shutdown()
        assert c.response().body == b"hello\n", "a client that is done sending still gets what is ready"
        c.assert_closed()
