"""A slow reader slows the writer, and memory stays flat."""
import threading
import time

import pytest

from kit.bulk import Watch, large, send_block, take
from kit.memory import SANITIZED, assert_below
from kit.process import wait_for

GIB = 1 << 30
MIB = 1 << 20
BOUND = 64 * MIB


@pytest.mark.slow
def test_a_large_download_by_a_slow_reader(proxied, raw):
    size = 2 * GIB if not SANITIZED else 256 * MIB
    sent = []

    def behave(peer, _request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // MIB):
            send_block(peer.sock, MIB)
            sent.append(1)
    g, _ = proxied(behave)
    c = raw(g.port()).request("GET", "/")
    with Watch(g) as watch:
        c.response_head()
        time.sleep(0.3)  # nothing is read: let it fill whatever it can
        filled = len(sent)
        assert filled < 64, f"the upstream is held back, not read ahead of the client: {filled} MiB"
        got = len(c.reader.buffer)
        for _ in range(20):
            got += take(c.sock, 64 << 10)
            time.sleep(0.01)
        got += take(c.sock, size - got)
    assert got == size
    assert_below(watch.peak, BOUND)


@pytest.mark.slow
def test_a_large_upload_to_a_slow_upstream(proxied, raw):
    size = 2 * GIB if not SANITIZED else 256 * MIB
    got, go, sent = [], threading.Event(), []

    def slow(peer):
        peer.reader.take_until(b"\r\n\r\n")
        total = len(peer.reader.buffer)
        go.wait(10)
        for _ in range(20):
            total += take(peer.sock, 64 << 10)
            time.sleep(0.01)
        total += take(peer.sock, size - total)
        got.append(total)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        peer.stopped.wait(5)
    g, up = proxied()
    up.on_accept = slow
    c = raw(g.port()).request("POST", "/", [("Content-Length", str(size))])

    def send():
        for _ in range(size // MIB):
            send_block(c.sock, MIB)
            sent.append(1)
    with Watch(g) as watch:
        t = threading.Thread(target=send, daemon=True)
        t.start()
        time.sleep(0.3)
        assert len(sent) < 64, f"the client is held back: {len(sent)} MiB"
        go.set()
        t.join(50)
        c.sock.settimeout(50)
        assert c.response().status == 200
    assert got == [size]
    assert_below(watch.peak, BOUND)


def test_many_slow_readers(proxied, raw):
    n = 200
    g, up = proxied(large(4 * MIB), upstream="keepalive: 0")
    with Watch(g) as watch:
        clients = [raw(g.port()).request("GET", "/") for _ in range(n)]
        for c in clients:
            assert c.response_head().status == 200
        time.sleep(0.2)
        for c in clients[::10]:
            left = 4 * MIB - len(c.reader.buffer)
            assert take(c.sock, left) == left, "readers that wake up get all of it"
        for c in clients:
            c.close()
    assert_below(watch.peak, 128 * MIB)
    wait_for(lambda: up.open == 0, 10, "upstream connections of clients that left to be closed")


def test_chunked_download_in_tiny_chunks(proxied, raw):
    chunk = b"1\r\nx\r\n" * 10_000

    def behave(peer, _request):
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(50):
            peer.send(chunk)
        peer.send(b"0\r\n\r\n")
    g, _ = proxied(behave)
    with Watch(g) as watch:
        c = raw(g.port()).request("GET", "/")
        time.sleep(0.2)
        r = c.response()
    assert len(r.body) == 500_000
    assert_below(watch.peak, BOUND)


def test_pipelined_requests_do_not_pile_up(proxied, raw):
    """A client that sends requests and reads nothing is held back."""
    g, _ = proxied(large(100_000))
    c = raw(g.port(), timeout=1)
    one = b"GET /" + b"x" * 4000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"
    sent = 0
    with Watch(g) as watch:
        try:
            while sent < 128 * MIB:
                c.sock.sendall(one * 100)
                sent += 100 * len(one)
        except TimeoutError:
            pass
    assert sent < 64 * MIB
    assert_below(watch.peak, BOUND)
    c.reset()
