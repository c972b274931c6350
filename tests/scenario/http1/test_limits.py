"""Limits on what clients may send, and for how long."""
import json
import time

import pytest

from kit.configs import HELLO
from kit.origin import echo, hang
from kit.process import wait_for


def code(r):
    return json.loads(r.body)["type"].rpartition(":")[2]


def padded(total):
    """A request whose head is so many bytes."""
    head = "GET /hello HTTP/1.1\r\nHost: a\r\nX-Pad: {}\r\n\r\n"
    return head.format("x" * (total - len(head) + 2))


def test_largest_head(proxied, raw):
    g, up = proxied(echo, listener="max_head: 4KiB")
    c = raw(g.port())
    assert c.send(padded(4096)).response().status == 200
    r = c.send(padded(4097)).response()
    assert r.status == 431 and code(r) == "head-too-large"
    c.assert_closed()
    assert len(up.requests) == 1


def test_a_head_without_end_is_refused_in_time(gateway, raw):
    g = gateway(HELLO)
    c = raw(g.port()).send("GET / HTTP/1.1\r\nX: " + "x" * (32 << 10))
    r = c.response()
    assert r.status == 431 and code(r) == "head-too-large"
    c.assert_closed()


def test_largest_head_in_pieces(proxied, raw):
    g, _ = proxied(echo, listener="max_head: 8KiB")
    c = raw(g.port())
    data = padded(8192)
    for i in range(0, len(data), 999):
        c.send(data[i:i + 999])
        time.sleep(0.002)
    assert c.response().status == 200


def test_most_fields(proxied, raw):
    g, up = proxied(echo, listener="max_fields: 10")
    c = raw(g.port())
    assert c.get("/", [(f"X-{i}", "1") for i in range(9)]).status == 200
    r = c.get("/", [(f"X-{i}", "1") for i in range(10)])
    assert r.status == 431 and code(r) == "too-many-fields"
    c.assert_closed()
    assert len(up.requests) == 1


def test_longest_target(proxied, raw):
    g, up = proxied(echo, listener="max_target: 256")
    c = raw(g.port())
    assert c.get("/" + "x" * 255).status == 200
    r = c.get("/" + "x" * 256)
    assert r.status == 414 and code(r) == "target-too-long"
    c.assert_closed()
    assert len(up.requests) == 1


def test_largest_body_by_length(proxied, raw):
    g, up = proxied(echo, listener="max_body: 1000")
    c = raw(g.port())
    assert c.request("POST", "/", body=b"x" * 1000).response().status == 200
    r = c.request("POST", "/", body=b"x" * 1001).response()
    assert r.status == 413 and code(r) == "body-too-large"
    assert c.request("POST", "/", body=b"x").response().status == 200, "a small rest is read, and the connection goes on"
    assert len(up.requests) == 2, "refused by what its head says"


def test_largest_chunked_body(proxied, raw):
    g, up = proxied(echo, listener="max_body: 1000")
    c = raw(g.port())
    chunked = [("Transfer-Encoding", "chunked")]
    c.request("POST", "/", chunked).send(b"3e8\r\n" + b"x" * 1000 + b"\r\n0\r\n\r\n")
    assert c.response().status == 200
    c.request("POST", "/", chunked).send(b"3e8\r\n" + b"x" * 1000 + b"\r\n1\r\nx\r\n0\r\n\r\n")
    r = c.response()
    assert r.status == 413 and code(r) == "body-too-large"
    c.assert_closed()
    assert len(up.requests) == 1, "what was over the limit never became a whole request"


def test_expect_is_refused_by_the_length(proxied, raw):
    g, _ = proxied(echo, listener="max_body: 1000")
    c = raw(g.port()).request("POST", "/", [("Expect", "100-continue"), ("Content-Length", "1001")])
    r = c.response()
    assert r.status == 413 and not r.interim
    c.assert_closed()


def test_versions(gateway, raw):
    g = gateway(HELLO)
    for version, status in (("2.0", 505), ("1.2", 505), ("3.0", 505), ("0.9", 505)):
        c = raw(g.port()).send(f"GET /hello HTTP/{version}\r\nHost: a\r\n\r\n")
        assert c.response().status == status
        c.assert_closed()


def test_http2_preface_on_an_http1_listener(gateway, raw):
    g = gateway(HELLO)
    c = raw(g.port()).send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert c.response().status in (400, 505)
    c.assert_closed()


# ---- time ----

def test_head_timeout(proxied, raw):
    g, up = proxied(listener="timeouts: { head: 150ms }")
    c = raw(g.port()).send("GET / HTTP/1.1\r\nHost: a\r\nX-")
    r = c.response()
    assert r.status == 408 and code(r) == "head-timeout" and r.header("Connection") == "close"
    c.assert_closed()
    assert not up.requests


def test_head_timeout_is_not_moved_by_more_bytes(proxied, raw):
    g, _ = proxied(listener="timeouts: { head: 300ms }")
    c = raw(g.port()).send("GET / HTTP/1.1\r\nHost: a\r\nX: ")
    begin = time.monotonic()
    try:
        while time.monotonic() - begin < 3 and c.is_quiet(0.03):
            c.send("x")
    except OSError:
        pass
    assert time.monotonic() - begin < 2, "a drip does not keep a connection for ever"
    assert c.response().status == 408


def test_byte_by_byte_but_in_time(proxied, raw):
    g, up = proxied(echo, listener="timeouts: { head: 5s, body: 1s }")
    c = raw(g.port())
    for byte in b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello":
        c.send(bytes([byte]))
        time.sleep(0.003)
    r = c.response()
    assert r.status == 200 and r.body == b"hello"


def test_head_timeout_on_a_kept_connection(proxied, raw):
    g, _ = proxied(listener="timeouts: { head: 150ms, idle: 10s }")
    c = raw(g.port())
    assert c.get().status == 200
    assert c.send("GET").response().status == 408
    c.assert_closed()


@pytest.mark.parametrize("how", ["length", "chunked"])
def test_body_timeout(proxied, raw, how):
    g, up = proxied(echo, listener="timeouts: { body: 150ms }")
    framing, part = (("Content-Length", "5"), b"ab") if how == "length" else (("Transfer-Encoding", "chunked"), b"5\r\nab")
    c = raw(g.port()).request("POST", "/", [framing]).send(part)
    r = c.response()
    assert r.status == 408 and code(r) == "body-timeout"
    c.assert_closed()
    assert not up.requests


def test_body_timeout_is_between_reads(proxied, raw):
    g, _ = proxied(echo, listener="timeouts: { body: 200ms }")
    c = raw(g.port()).request("POST", "/", [("Content-Length", "6")])
    for byte in b"abcdef":
        time.sleep(0.08)
        c.send(bytes([byte]))
    assert c.response().body == b"abcdef", "slow, but never silent for long"


def test_a_waiting_client_has_no_body_timeout(proxied, raw):
    """The upstream is slow, not the client: its whole request is there."""
    g, up = proxied(hang, listener="timeouts: { body: 100ms, head: 100ms, idle: 100ms }", upstream="timeouts: { response: 500ms }")
    c = raw(g.port()).request("POST", "/", body=b"x")
    r = c.response()
    assert r.status == 504 and code(r) == "upstream-timeout"


def test_slow_clients_do_not_disturb_others(gateway, raw):
    g = gateway(HELLO + "runtime: { workers: 1, shutdown_grace: 1s }\n")
    slow = [raw(g.port()).send("GET /hel") for _ in range(200)]
    assert all(raw(g.port()).get("/hello").status == 200 for _ in range(20))
    for c in slow:
        c.send("lo HTTP/1.1\r\nHost: a\r\n\r\n")
    assert all(c.response().body == b"hello\n" for c in slow)


def test_most_connections(gateway, raw):
    g = gateway(HELLO + "runtime: { workers: 1, shutdown_grace: 1s, max_connections: 2 }\n")
    a, b = raw(g.port()), raw(g.port())
    assert a.get("/hello").status == 200 and b.get("/hello").status == 200
    raw(g.port()).assert_closed(2)
    assert a.get("/hello").status == 200, "those that were there are not disturbed"
    b.close()

    def room():
        try:
            return raw(g.port()).get("/hello").status == 200
        except (AssertionError, OSError):
            return False
    wait_for(room, 5, "room for another one")
