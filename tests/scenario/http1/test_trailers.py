"""Trailer fields, both ways."""
import pytest

from kit.origin import echo, reply

CHUNKED = [("Transfer-Encoding", "chunked")]


def test_of_a_request(proxied, raw):
    g, up = proxied(echo, route=", request_trailers: [X-Sum]")
    c = raw(g.port()).request("POST", "/", CHUNKED + [("Trailer", "X-Sum")])
    assert c.send("3\r\nabc\r\n0\r\nX-Sum: 99\r\n\r\n").response().status == 200
    assert up.requests[0].trailers == [("X-Sum", "99")]


def test_of_a_response(proxied, raw):
    g, _ = proxied(reply(200, [b"abc"], trailers=[("X-Sum", "99"), ("Digest", "x")]))
    c = raw(g.port())
    assert c.get("/", [("TE", "trailers"), ("Connection", "TE")]).trailers == [("X-Sum", "99"), ("Digest", "x")]
    r = c.get("/")
    assert r.body == b"abc" and not r.trailers, "a client that does not say TE: trailers gets none (RFC 9110 6.5.1)"


def test_te_is_said_again(proxied, raw):
    g, up = proxied()
    c = raw(g.port())
    c.get("/", [("TE", "trailers, deflate;q=0.5"), ("Connection", "TE")])
    c.get("/")
    first, second = up.requests
    assert first.header("TE") == "trailers" and first.header("Connection") == "TE"
    assert "te" not in second.fields and "connection" not in second.fields


@pytest.mark.parametrize("name", ["Content-Length", "Transfer-Encoding", "Host", "Authorization", "Set-Cookie",
                                  "Content-Type", "Content-Encoding", "Connection", "Trailer", "Cookie", "Cache-Control"])
def test_fields_that_must_not_be_trailers(proxied, raw, name):
    g, up = proxied(reply(200, [b"abc"], trailers=[(name, "1"), ("X-Ok", "1")]), route=", request_trailers: [x-ok]")
    c = raw(g.port()).request("POST", "/", CHUNKED + [("TE", "trailers"), ("Connection", "TE")])
    r = c.send(f"3\r\nabc\r\n0\r\n{name}: 1\r\nX-Ok: 1\r\n\r\n").response()
    assert up.requests[0].trailers == [("X-Ok", "1")], "dropped from the request"
    assert r.trailers == [("X-Ok", "1")], "and from the response"


@pytest.mark.parametrize("trailer", ["Bad Name: x", "no colon", " folded: x", "X: a\0b", "X-A: 1\n", ": x"])
def test_malformed_of_a_request(proxied, raw, trailer):
    g, _ = proxied(echo)
    c = raw(g.port()).request("POST", "/", CHUNKED)
    r = c.send(f"3\r\nabc\r\n0\r\n{trailer}\r\n\r\n").response()
    assert r.status == 400
    c.assert_closed()


def test_of_a_request_too_many(proxied, raw):
    g, _ = proxied(echo)
    c = raw(g.port()).request("POST", "/", CHUNKED)
    r = c.send("3\r\nabc\r\n0\r\n" + "".join(f"X-{i}: 1\r\n" for i in range(65)) + "\r\n").response()
    assert r.status == 400
    c.assert_closed()


def test_of_a_request_too_long(proxied, raw):
    g, _ = proxied(echo)
    c = raw(g.port()).request("POST", "/", CHUNKED)
    r = c.send("3\r\nabc\r\n0\r\nX: " + "x" * 9000 + "\r\n\r\n").response()
    assert r.status == 400
    c.assert_closed()


@pytest.mark.parametrize("name", ["Host", "Content-Length", "X-Real-IP", "X_Forwarded_For", "Authorization", "no name"])
def test_a_route_cannot_let_these_through(gateway, name):
    from kit.gateway import GatewayDied
    from kit import configs
    with pytest.raises(GatewayDied, match="cannot stand behind a body"):
        gateway(configs.proxy(route=f', request_trailers: ["{name}"]'), app=1)
