"""Bodies are passed on as they come."""
import threading

import pytest

from kit.process import wait_for


def dripping(peer, _request=None):
    """Says a line whenever the test lets it."""
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for word in ("one", "two", "three"):
        go.wait(5)
        go.clear()
        peer.send(b"%x\r\n%s\r\n" % (len(word), word.encode()))
    go.wait(5)
    peer.send(b"0\r\n\r\n")


go = threading.Event()


@pytest.mark.smoke
def test_a_response_is_not_buffered(proxied, raw):
    go.clear()
    g, _ = proxied(dripping)
    c = raw(g.port()).request("GET", "/")
    assert c.response_head().status == 200, "the head comes before any of the body is there"
    for word in (b"one", b"two", b"three"):
        go.set()
        assert c.reader.take_until(b"\r\n") == b"%x\r\n" % len(word) and c.recv(len(word) + 2) == word + b"\r\n"
    go.set()
    assert c.recv(5) == b"0\r\n\r\n"


def test_a_response_by_length_is_not_buffered(proxied, raw):
    def behave(peer, _request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nfirst")
        peer.stopped.wait(5)
    g, up = proxied(behave)
    c = raw(g.port()).request("GET", "/")
    c.response_head()
    assert c.recv(5) == b"first"
    up.stop()


@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_a_request_is_not_buffered(proxied, raw, framing):
    got = []

    def collect(peer):
        while peer.reader.fill():
            got.append(peer.reader.buffer)
            if peer.reader.buffer.endswith((b"third", b"0\r\n\r\n")):
                peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                break
        peer.stopped.wait(2)
    g, up = proxied()
    up.on_accept = collect
    c = raw(g.port())
    c.request("POST", "/", [("Transfer-Encoding", "chunked") if framing == "chunked" else ("Content-Length", "16")])
    for word in (b"first", b"second", b"third"):
        c.send(b"%x\r\n%s\r\n" % (len(word), word) if framing == "chunked" else word)
        wait_for(lambda w=word: got and w in got[-1], 3, f"{word} at the upstream")
    if framing == "chunked":
        c.send("0\r\n\r\n")
    assert c.response().status == 200


def test_both_directions_at_once(proxied, raw):
    """A conversation: the answer begins before the request ends, and goes on with it."""
    def converse(peer):
        peer.reader.take_until(b"\r\n\r\n")
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(5):
            size = int(peer.reader.take_until(b"\r\n")[:-2], 16)
            data = peer.reader.take(size + 2)[:-2]
            peer.send(b"%x\r\n%s\r\n" % (size, data.upper()))
        peer.reader.take_until(b"0\r\n\r\n")
        peer.send(b"0\r\n\r\n")
        peer.stopped.wait(2)
    g, up = proxied()
    up.on_accept = converse
    c = raw(g.port()).request("POST", "/", [("Transfer-Encoding", "chunked")])
    c.response_head()
    for i in range(5):
        c.send(f"3\r\nab{i}\r\n")
        assert c.recv(8) == f"3\r\nAB{i}\r\n".encode()
    c.send("0\r\n\r\n")
    assert c.recv(5) == b"0\r\n\r\n"


def test_server_sent_events_outlive_the_response_timeout(proxied, raw):
    """Silence is bounded, not the whole."""
    def behave(peer, _request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(8):
            peer.pause(0.1)
            peer.send(b"9\r\ndata: x\n\n\r\n")
        peer.send(b"0\r\n\r\n")
    g, _ = proxied(behave, upstream="timeouts: { response: 300ms }")
    r = raw(g.port()).get()
    assert r.body == b"data: x\n\n" * 8
