"""The life of HTTP/2 connections: windows, deadlines, floods, and how they end."""
import threading
import time
from signal import SIGTERM

import hpack
import pytest

from kit.bulk import Watch, large
from kit.client import connect
from kit.configs import HELLO, proxy
from kit.memory import assert_below
from kit.origin import echo, hang, reply
from kit.process import wait_for

H2 = "protocols: [h2, http/1.1]"
PLAIN = HELLO.replace('@public@" }', '@public@", protocols: [h2, http/1.1] }')
MIB = 1 << 20


def frame(kind, flags=0, stream=0, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def think(peer, _request):
    """Answers nothing, and sees the other side leave."""
    peer.reader.fill()


def until_goaway(c, timeout=10):
    end = time.monotonic() + timeout
    while c.goaway is None and time.monotonic() < end:
        if not c.pump():
            break
    return c.goaway


@pytest.mark.parametrize("size", [MIB, 8 * MIB])
def test_large_answer(proxied, h2, size):
    g, _ = proxied(large(size), listener=H2)
    c = h2(g.port(), tls=False)
    with Watch(g) as watch:
        r = c.get("/")
    assert len(r.body) == size and r.reset is None
    assert_below(watch.peak, 128 * MIB)


def test_a_reader_that_does_not_read(proxied, h2):
    """Window and socket fill, and the upstream is held back."""
    sent = []

    def behave(peer, _request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (256 * MIB))
        for _ in range(256):
            peer.send(b"x" * MIB)
            sent.append(1)
    g, _ = proxied(behave, listener=H2)
    c = h2(g.port(), tls=False)
    c.auto_window = False
    s = c.start("GET", "/")
    time.sleep(0.5)
    assert len(sent) < 32, f"{len(sent)} MiB were read ahead"
    other = c.start("GET", "/")
    c.reset(s)
    c.reset(other)


def test_a_large_upload_to_a_slow_upstream(proxied, h2):
    go = threading.Event()

    def slow(peer):
        peer.reader.take_until(b"\r\n\r\n")
        go.wait(10)
        got = len(peer.reader.buffer)
        while got < 8 * MIB:
            got += len(peer.sock.recv(1 << 16))
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
    g, up = proxied(listener=H2)
    up.on_accept = slow
    c = h2(g.port(), tls=False)
    s = c.start("POST", "/", [("content-length", str(8 * MIB))], end=False)
    room = c.conn.local_flow_control_window(s)
    threading.Timer(0.3, go.set).start()
    c.data(s, b"x" * (8 * MIB))
    assert room <= 256 << 10, "no more than a window is taken on trust"
    assert c.finish(s).body == b"done"


def test_reset_stops_the_upstream(proxied, h2):
    g, up = proxied(think, listener=H2)
    c = h2(g.port(), tls=False)
    s = c.start("GET", "/")
    up.wait(1)
    c.reset(s)
    wait_for(lambda: up.open == 0, 5, "the upstream connection to be closed")
    assert g.access(1)[0]["reason"] == "client-gone"


def test_client_leaves(proxied, h2):
    g, up = proxied(think, listener=H2)
    c = h2(g.port(), tls=False)
    for _ in range(5):
        c.start("GET", "/")
    up.wait(5)
    c.close()
    wait_for(lambda: up.open == 0, 5, "the upstream connections to be closed")
    assert {line["reason"] for line in g.access(5)} == {"client-gone"}


def test_idle(gateway, h2):
    g = gateway(PLAIN.replace("protocols", "timeouts: { idle: 200ms }, protocols"))
    c = h2(g.port(), tls=False)
    start = time.monotonic()  # before the answer: how long this side takes to see it does not matter
    assert c.get("/hello").status == 200
    goaway = until_goaway(c)
    assert goaway.error_code == 0 and 0.1 < time.monotonic() - start < 2
    while c.pump():
        pass


def test_a_body_that_does_not_come(proxied, h2):
    g, _ = proxied(hang, listener=H2 + ", timeouts: { body: 200ms }")
    c = h2(g.port(), tls=False)
    s = c.start("POST", "/", end=False)
    assert c.finish(s).status == 408
    assert g.access(1)[0]["reason"] == "body-timeout"


LONG = "runtime: { workers: 2, shutdown_grace: 20s }\n"


class Frames:
    """A client that reads frames as they are: the h2 library takes nothing any more once it has seen a GOAWAY."""

    def __init__(self, port):
        self.sock = connect(port)
        self.buffer, self.frames, self.decoder = b"", [], hpack.Decoder()
        self.sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4) + frame(4, 1))

    def get(self, stream, path):
        pairs = [(":method", "GET"), (":scheme", "http"), (":authority", "localhost"), (":path", path)]
        self.sock.sendall(frame(1, 5, stream, hpack.Encoder().encode(pairs)))

    def read(self):
        """One frame more, or None at the end."""
        while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[:3], "big"):
            data = self.sock.recv(65536)
            if not data:
                assert not self.buffer
                return None
            self.buffer += data
        n = int.from_bytes(self.buffer[:3], "big")
        kind, flags, stream = self.buffer[3], self.buffer[4], int.from_bytes(self.buffer[5:9], "big")
        payload, self.buffer = self.buffer[9:9 + n], self.buffer[9 + n:]
        if kind == 6 and not flags & 1:
            self.sock.sendall(frame(6, 1, 0, payload))
        if kind == 1:
            payload = dict(self.decoder.decode(payload))
        self.frames.append((kind, flags, stream, payload))
        return self.frames[-1]

    def until_end(self):
        while self.read():
            pass
        return self.frames

    def of(self, kind, stream=0):
        return [f[3] for f in self.frames if f[0] == kind and f[2] == stream]

    def last_streams(self):
        return [int.from_bytes(p[:4], "big") for p in self.of(7)]


def test_a_header_block_that_does_not_end(gateway):
    g = gateway(PLAIN.replace("protocols", "timeouts: { head: 200ms }, protocols"))
    c = Frames(g.port())
    c.get(1, "/hello")
    c.sock.sendall(frame(1, 1, 3, hpack.Encoder().encode([(":method", "GET")])))
    c.until_end()
    assert c.of(1, 1)[0][":status"] == "200" and c.of(1, 3)[0][":status"] == "408"
    assert c.last_streams() == [3]
    assert g.access(2)[1]["reason"] == "head-timeout"


@pytest.mark.smoke
def test_stop_finishes_what_is_under_way(gateway, origin):
    up = origin(reply(200, b"late", delay=0.5))
    g = gateway(proxy(listener=H2) + LONG, app=up.port)
    c, idle = Frames(g.port()), Frames(g.port())
    c.get(1, "/")
    up.wait(1)
    g.signal(SIGTERM)
    c.until_end()
    assert c.of(1, 1)[0][":status"] == "200" and b"".join(c.of(0, 1)) == b"late"
    assert c.last_streams() == [0x7fffffff, 1]
    idle.until_end()
    assert idle.last_streams() == [0x7fffffff, 0]
    g.stop()


def test_requests_that_cross_the_goaway_are_served(gateway, origin):
    up = origin(echo)
    g = gateway(proxy(listener=H2) + LONG, app=up.port)
    c = Frames(g.port())
    c.get(1, "/")
    while not c.of(1, 1):
        c.read()
    g.signal(SIGTERM)
    time.sleep(0.2)  # the notice lies in the socket; the client does not look
    c.get(3, "/crossing")
    c.until_end()
    assert c.of(1, 3)[0]["x-target"] == "/crossing"
    assert c.last_streams() == [0x7fffffff, 3]
    g.stop()
