"""Responses that are malformed, ambiguous, or followed by what nobody asked for."""
import json
import threading

import pytest

from kit.message import Malformed
from kit.origin import raw as raw_bytes, reply
from kit.process import wait_for

ALONE = "retries: 0"
HEADS = {
    "not-http": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "version": b"HTTP/2.0 200 OK\r\n\r\n",
    "no-status": b"HTTP/1.1 OK\r\n\r\n",
    "status-two-digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "status-four-digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "status-600": b"HTTP/1.1 600 OK\r\n\r\n",
    "status-099": b"HTTP/1.1 099 OK\r\n\r\n",
    "bare-lf": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "folded": b"HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n",
    "blank-before-colon": b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
    "no-colon": b"HTTP/1.1 200 OK\r\nContent-Length 0\r\n\r\n",
    "nul": b"HTTP/1.1 200 OK\r\nX-A: \0\r\nContent-Length: 0\r\n\r\n",
}
FRAMINGS = {
    "length-and-chunked": b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "two-lengths": b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    "list-of-lengths": b"Content-Length: 3, 4\r\n\r\nabc",
    "negative": b"Content-Length: -1\r\n\r\nabc",
    "gzip-chunked": b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "identity": b"Transfer-Encoding: identity\r\n\r\nabc",
    "chunked-twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "more-than-the-length": b"Content-Length: 2\r\n\r\nabc",
}


def code(r):
    return json.loads(r.body)["type"].rpartition(":")[2]


@pytest.mark.parametrize("name", HEADS)
def test_heads(proxied, name):
    g, _ = proxied(raw_bytes(HEADS[name]), upstream=ALONE)
    r = g.get()
    assert (r.status, code(r)) == (502, "upstream-bad-head")


@pytest.mark.parametrize("name", FRAMINGS)
def test_framing(proxied, name):
    g, _ = proxied(raw_bytes(b"HTTP/1.1 200 OK\r\n" + FRAMINGS[name]), upstream=ALONE)
    r = g.get()
    assert (r.status, code(r)) == (502, "upstream-bad-framing")


def test_chunked_from_http_1_0(proxied):
    g, _ = proxied(raw_bytes(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), upstream=ALONE)
    r = g.get()
    assert (r.status, code(r)) == (502, "upstream-bad-framing")


@pytest.mark.parametrize("chunks", [b"x\r\n", b"3\r\nabcd\r\n", b"3 3\r\nabc\r\n", b"3\nabc\n", b"-1\r\n", b"3\r\nabc\r\n0\r\nBad Name: x\r\n\r\n"])
def test_chunks(proxied, raw, chunks):
    g, _ = proxied(raw_bytes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks), upstream=ALONE)
    c = raw(g.port()).request("GET", "/")
    with pytest.raises((Malformed, ConnectionResetError)):
        r = c.response()
        assert r.status == 502
        raise Malformed("answered at once")
    try:
        assert not c.rest().endswith(b"0\r\n\r\n")
    except OSError:
        pass


def test_more_after_the_end_of_the_chunks(proxied, raw):
    """Another response, which the next client must not get."""
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    g, up = proxied([raw_bytes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + evil), reply(200, b"good")],
                    upstream=ALONE)
    c = raw(g.port()).request("GET", "/")
    with pytest.raises((Malformed, ConnectionResetError)):
        c.response()
    for _ in range(5):
        assert g.get().body == b"good"


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_a_body_where_none_may_be(proxied, raw, status):
    g, up = proxied([raw_bytes(b"HTTP/1.1 " + status + b"\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"), reply(200, b"good")],
                    upstream=ALONE)
    c = raw(g.port())
    r = c.get()
    assert r.status == 502 and code(r) == "upstream-bad-framing"
    for _ in range(5):
        assert c.get().body == b"good", "what the server said too much is no answer to the next request"


def test_a_body_to_head(proxied, raw):
    g, up = proxied([raw_bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"), reply(200, b"good")], upstream=ALONE)
    c = raw(g.port())
    assert c.request("HEAD", "/").response("HEAD").status == 502
    for _ in range(5):
        assert c.get().body == b"good"


def test_unasked_bytes_on_an_idle_connection(proxied, raw):
    """A response nobody asked for comes on a connection that is kept."""
    def behave(peer, _request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood")
        asked.wait(5)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
    asked = threading.Event()
    g, up = proxied(behave)
    c = raw(g.port())
    for _ in range(5):
        asked.clear()
        assert c.get().body == b"good"
        asked.set()
        wait_for(lambda: up.open == 0, 5, "such a connection to be closed")
    assert up.connections == 5


def test_a_head_that_is_too_large(proxied, raw):
    g, _ = proxied(raw_bytes(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 5000 + b"\r\nContent-Length: 0\r\n\r\n"), upstream="max_head: 4KiB, retries: 0")
    r = g.get()
    assert (r.status, code(r)) == (502, "upstream-head-too-large")


def test_a_head_without_end(proxied):
    g, _ = proxied(raw_bytes(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000), upstream=ALONE)
    r = g.get()
    assert (r.status, code(r)) == (502, "upstream-head-too-large")


def test_too_many_fields(proxied):
    g, _ = proxied(raw_bytes(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20 + b"Content-Length: 0\r\n\r\n"), upstream="max_fields: 10, retries: 0")
    r = g.get()
    assert (r.status, code(r)) == (502, "upstream-head-too-large")


def test_a_large_but_allowed_head(proxied):
    g, _ = proxied(reply(200, b"x", [(f"X-{i}", "y" * 250) for i in range(200)]), upstream="max_head: 128KiB, max_fields: 300")
    r = g.get()
    assert r.status == 200 and len(r.fields) >= 200
