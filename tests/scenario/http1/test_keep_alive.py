"""Connections from clients: how long they live."""
import pytest

from kit.configs import HELLO
from kit.origin import echo, reply


@pytest.mark.smoke
def test_many_requests_on_one_connection(proxied, raw):
    g, up = proxied(echo)
    c = raw(g.port())
    for i in range(20):
        r = c.get(f"/{i}")
        assert r.status == 200 and r.header("X-Target") == f"/{i}", "each request has its own answer"
        assert "connection" not in r.fields, "HTTP/1.1 connections live on without saying so"
    assert len(up.requests) == 20


def test_close_is_granted(proxied, raw):
    g, _ = proxied()
    c = raw(g.port())
    r = c.get("/", [("Connection", "close")])
    assert r.header("Connection") == "close", "the last response says that it is the last"
    c.assert_closed()


def test_close_wins_over_keep_alive(proxied, raw):
    g, _ = proxied()
    c = raw(g.port())
    assert c.get("/", [("Connection", "keep-alive, close")]).header("Connection") == "close"
    c.assert_closed()


def test_http_1_0_closes(proxied, raw):
    g, up = proxied()
    c = raw(g.port())
    r = c.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n").response()
    assert (r.status, r.version, r.body) == (200, 1, b"ok")
    assert r.header("Connection") == "close"
    c.assert_closed()
    assert up.requests[0].version == 1, "the gateway speaks HTTP/1.1 for itself"


def test_http_1_0_keep_alive(proxied, raw):
    g, _ = proxied()
    c = raw(g.port())
    for _ in range(2):
        r = c.send("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n").response()
        assert r.header("Connection") == "keep-alive", "an HTTP/1.0 client has to be told"
    assert c.is_quiet()


def test_http_1_0_without_host(gateway, raw):
    g = gateway(HELLO)
    assert raw(g.port()).send("GET /hello HTTP/1.0\r\n\r\n").response().status == 200


def test_idle_connections_are_closed(proxied, raw):
    g, _ = proxied(listener="timeouts: { idle: 150ms }")
    fresh, used = raw(g.port()), raw(g.port())
    assert used.get().status == 200
    fresh.assert_closed(2)
    used.assert_closed(2)


def test_a_blank_line_between_requests_is_no_request(proxied, raw):
    g, up = proxied(listener="timeouts: { idle: 200ms }")
    c = raw(g.port())
    assert c.get().status == 200
    c.send("\r\n")
    assert c.get().status == 200, "old clients send a CRLF too many after a body"
    c.send("\r\n")
    c.send("\r").is_quiet(0.02)
    c.send("\n")
    assert c.get().status == 200, "also in two pieces"
    c.send("\r\n")
    c.assert_closed(2)  # in silence, not with 408: no request had begun
    assert len(up.requests) == 3


def test_a_closing_upstream_does_not_close_the_client(proxied, raw):
    g, up = proxied(reply(200, b"x", close=True))
    c = raw(g.port())
    for _ in range(3):
        r = c.get()
        assert r.body == b"x" and "connection" not in r.fields
    assert up.connections == 3
