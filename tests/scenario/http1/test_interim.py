"""Interim responses, and Expect: 100-continue."""
import pytest

from kit.configs import HELLO
from kit.origin import echo, raw as raw_bytes

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_early_hints_are_passed_on(proxied, raw):
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: X-Secret\r\nX-Secret: 1\r\n\r\n"
    g, _ = proxied(raw_bytes(hints + OK))
    r = raw(g.port()).get()
    assert [(i.status, i.header("Link")) for i in r.interim] == [(103, "</a.css>; rel=preload")]
    assert "x-secret" not in r.interim[0].fields, "hop-by-hop in interim responses too"
    assert r.status == 200 and r.body == b"ok"


def test_hints_come_before_the_answer_is_there(proxied, raw):
    def behave(peer, request):
        peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        peer.pause(5)
    g, up = proxied(behave)
    c = raw(g.port()).request("GET", "/")
    assert c.response_head().status == 103
    up.stop()


def test_many_interim_responses(proxied, raw):
    one = b"HTTP/1.1 102 Processing\r\n\r\n"
    g, _ = proxied(raw_bytes(one * 10 + OK))
    assert len(raw(g.port()).get().interim) == 10
    g2, _ = proxied(raw_bytes(one * 100 + OK))
    r = raw(g2.port()).get()
    assert r.status == 502, "a server that only promises is not answering"


def test_http_1_0_clients_see_none(proxied, raw):
    g, _ = proxied(raw_bytes(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK))
    r = raw(g.port()).send("GET / HTTP/1.0\r\n\r\n").response()
    assert r.status == 200 and not r.interim


def test_100_of_the_upstream_is_swallowed(proxied, raw):
    g, _ = proxied(raw_bytes(b"HTTP/1.1 100 Continue\r\n\r\n" + OK))
    r = raw(g.port()).request("POST", "/", body=b"x").response()
    assert r.status == 200 and not r.interim, "nobody asked for it"


def test_101_that_nobody_asked_for(proxied, raw):
    g, _ = proxied(raw_bytes(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"))
    assert raw(g.port()).get().status == 502


# ---- Expect ----

def test_expect_is_met(proxied, raw):
    g, up = proxied(echo)
    c = raw(g.port()).request("POST", "/", [("Expect", "100-continue"), ("Content-Length", "5")])
    assert c.response_head().status == 100, "the client waits for this"
    r = c.send("hello").response()
    assert r.status == 200 and r.body == b"hello"
    assert "expect" not in up.requests[0].fields, "it was met here"
    assert c.get("/next").status == 200


def test_expect_with_the_body_at_once(proxied, raw):
    g, _ = proxied(echo)
    c = raw(g.port()).send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello")
    r = c.response()
    assert r.status == 200 and r.body == b"hello"
    assert not r.interim, "who has sent the body does not wait (RFC 9110 10.1.1)"


def test_expect_of_a_chunked_body(proxied, raw):
    g, _ = proxied(echo)
    c = raw(g.port()).request("POST", "/", [("Expect", "100-continue"), ("Transfer-Encoding", "chunked")])
    assert c.response_head().status == 100
    assert c.send("5\r\nhello\r\n0\r\n\r\n").response().body == b"hello"


def test_refused_before_the_body(gateway, raw):
    g = gateway(HELLO)
    c = raw(g.port()).request("POST", "/nowhere", [("Expect", "100-continue"), ("Content-Length", "1000")])
    r = c.response()
    assert r.status == 404 and not r.interim, "no 100: the body is not wanted"
    assert r.header("Connection") == "close", "nobody can know whether the body follows"
    c.assert_closed()


def test_no_100_when_no_server_is_there(gateway, raw, free_port):
    from kit.configs import PROXY
    g = gateway(PROXY, app=free_port())
    c = raw(g.port()).request("POST", "/", [("Expect", "100-continue"), ("Content-Length", "1000")])
    r = c.response()
    assert r.status == 502 and not r.interim, "the body is asked for once a server is there to take it"
    c.assert_closed()


def test_expect_without_a_body(proxied, raw):
    g, _ = proxied()
    r = raw(g.port()).get("/", [("Expect", "100-continue")])
    assert r.status == 200 and not r.interim


def test_http_1_0_expects_nothing(proxied, raw):
    g, up = proxied(echo)
    c = raw(g.port()).send("POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    assert c.is_quiet(0.1)
    assert c.send("hello").response().body == b"hello"
    assert "expect" not in up.requests[0].fields


@pytest.mark.parametrize("value", ["200-ok", "100-continue, x", ""])
def test_other_expectations(proxied, raw, value):
    g, up = proxied(echo)
    c = raw(g.port()).request("POST", "/", [("Expect", value), ("Content-Length", "5")])
    r = c.response()
    assert r.status == 417
    c.assert_closed()
    assert not up.requests


def test_the_upstream_refuses_while_the_client_waits(proxied, raw):
    """The gateway has asked for the body; the server answers without it."""
    def refuse(peer, _request=None):
        peer.reader.take_until(b"\r\n\r\n")
        peer.send(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        peer.pause(1)
        peer.close()
    g, up = proxied()
    up.on_accept = refuse
    c = raw(g.port()).request("POST", "/", [("Expect", "100-continue"), ("Content-Length", "100000")])
    r = c.response()
    assert r.status == 413 and r.body == b"no"
    c.assert_closed()


