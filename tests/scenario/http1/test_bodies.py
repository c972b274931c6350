"""Bodies in both framings, both ways, for both versions of clients."""
import pytest

from kit.origin import echo, raw as raw_bytes, reply

SIZES = [0, 1, 5, 16384, 100_000, 1_000_003]


def payload(n):
    return bytes(range(256)) * (n // 256) + bytes(n % 256)


def chunks(data, size):
    pieces = [data[i:i + size] for i in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize("n", SIZES)
def test_request_with_a_length(proxied, raw, n):
    g, up = proxied(echo)
    r = raw(g.port()).request("POST", "/", body=payload(n)).response()
    assert r.status == 200 and r.body == payload(n)
    assert up.requests[0].framing == "length", "a length that is known stays known"


@pytest.mark.parametrize("n", SIZES)
def test_chunked_request(proxied, raw, n):
    g, up = proxied(echo)
    c = raw(g.port()).request("POST", "/", [("Transfer-Encoding", "chunked")])
    r = c.send(chunks(payload(n), 7777)).response()
    assert r.status == 200 and r.body == payload(n)
    assert up.requests[0].framing == "chunked" and "content-length" not in up.requests[0].fields


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("kind", ["length", "chunked", "close"])
@pytest.mark.parametrize("n", [0, 5, 300_000])
def test_response(proxied, raw, version, kind, n):
    behaviour = {
        "length": reply(200, payload(n)),
        "chunked": reply(200, [payload(n)[i:i + 9999] for i in range(0, n, 9999)], chunked=True),
        "close": raw_bytes(b"HTTP/1.1 200 OK\r\n\r\n" + payload(n), close=True),
    }[kind]
    g, _ = proxied(behaviour)
    c = raw(g.port()).send(f"GET / HTTP/{version}\r\nHost: a\r\n\r\n")
    r = c.response()
    assert r.body == payload(n)
    expected = "length" if kind == "length" else "chunked" if version == "1.1" else "close"
    assert r.framing == expected, "the client's version decides the framing"
    if version == "1.0":
        c.assert_closed()
    else:
        assert c.get().body == payload(n), "the connection is still good"


def test_http_1_0_upstream(proxied, raw):
    g, up = proxied(raw_bytes(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", close=True))
    c = raw(g.port())
    assert c.get().body == b"ok" and c.get().body == b"ok"
    assert up.connections == 2, "an HTTP/1.0 server closes unless it says otherwise"


def test_http_1_0_upstream_that_keeps_alive(proxied, raw):
    g, up = proxied(raw_bytes(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"), upstream="keepalive: 8")
    c = raw(g.port())
    assert c.get().body == b"ok" and c.get().body == b"ok"
    assert up.connections == 1


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_messages_in_tiny_pieces(proxied, raw, size):
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX-T: 1\r\n\r\n"
    g, up = proxied(raw_bytes(data, pieces=size))
    c = raw(g.port())
    request = b"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"
    for i in range(0, len(request), size):
        c.send(request[i:i + size])
    assert c.response().body == b"hello world"
    assert up.requests[0].body == b"abc0123456789"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_no_body_where_one_is_usual(proxied, raw, method):
    g, up = proxied(echo)
    assert raw(g.port()).request(method, "/").response().status == 200
    assert up.requests[0].header("Content-Length") == "0", "so that no server waits for a body"


def test_a_body_where_none_is_usual(proxied, raw):
    g, up = proxied(echo)
    assert raw(g.port()).request("GET", "/", body=b"query").response().body == b"query"
    assert raw(g.port()).request("DELETE", "/", body=b"all").response().body == b"all"
    assert [r.method for r in up.requests] == ["GET", "DELETE"]


def test_an_unread_small_body_keeps_the_connection(gateway, raw):
    from kit.configs import HELLO
    g = gateway(HELLO)
    c = raw(g.port())
    assert c.request("POST", "/nowhere", body=b"x" * 1000).response().status == 404
    assert c.get("/hello").status == 200, "the rest of the refused request was read and thrown away"


def test_an_unread_large_body_closes_the_connection(gateway, raw):
    from kit.configs import HELLO
    g = gateway(HELLO)
    c = raw(g.port())
    r = c.request("POST", "/nowhere", [("Content-Length", "1000000000")]).response()
    assert r.status == 404 and r.header("Connection") == "close"
    c.assert_closed()
