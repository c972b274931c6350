"""Bodies so long that the gateway passes them from socket to socket without reading them (plain HTTP/1.1 on both sides)."""
import hashlib

import pytest

from kit.message import Malformed
from kit.origin import raw as raw_bytes, reply
from kit.process import wait_for

BODY = b"".join(hashlib.sha256(str(i).encode()).digest() for i in range(3 << 15))  # 3 MiB that tell where they belong
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY)


def test_whole_and_in_order(proxied, raw):
    g, up = proxied(reply(200, BODY))
    c = raw(g.port())
    for _ in range(4):
        assert c.get("/").body == BODY
    assert up.connections == 1


def test_many_at_once(proxied, raw):
    g, _ = proxied(reply(200, BODY))
    clients = [raw(g.port()).request("GET", "/") for _ in range(30)]
    for c in clients:
        assert c.response().body == BODY


def test_a_slow_reader(proxied, raw):
    """What it does not take waits with the server: the gateway neither grows nor loses a byte."""
    g, _ = proxied(reply(200, BODY))
    c = raw(g.port()).request("GET", "/")
    head = c.response_head()
    assert head.status == 200
    body = b""
    while len(body) < len(BODY):
        body += c.recv(min(100_001, len(BODY) - len(body)))
    assert body == BODY


@pytest.mark.parametrize("sent", [300_000, len(BODY) - 1])
@pytest.mark.parametrize("reset", [False, True])
def test_cut_short(proxied, raw, sent, reset):
    g, _ = proxied(raw_bytes(HEAD + BODY[:sent], close=not reset, reset=reset))
    c = raw(g.port()).request("GET", "/")
    assert c.response_head().status == 200
    with pytest.raises((Malformed, OSError, AssertionError)):
        c.recv(len(BODY))


def test_bytes_behind_the_end(proxied):
    """They are nobody's: not passed on, and their connection is not used again."""
    g, up = proxied(raw_bytes(HEAD + BODY + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    for _ in range(3):
        assert g.get().body == BODY
    assert up.connections == 3


def test_the_client_leaves(proxied, raw):
    g, _ = proxied(reply(200, BODY), upstream="keepalive: 0")
    before = g.fds()
    for _ in range(20):
        c = raw(g.port()).request("GET", "/")
        c.recv(1000)
        c.reset()
    wait_for(lambda: g.fds() <= before, 5, "descriptors to be closed")
    assert g.get().body == BODY


def test_next_to_http_1_0_and_head(proxied, raw):
    g, _ = proxied(reply(200, BODY))
    c = raw(g.port())
    c.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
    assert c.response().body == BODY
    assert g.request("HEAD").body == b""
    assert g.get().body == BODY
