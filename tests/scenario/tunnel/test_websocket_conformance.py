"""Every kind of frame through every pair of versions, well formed or not: what leaves is what came, byte for byte, and the
ends close in their order. The echo server is a strict one (wsproto): what it says about a broken frame must come back."""
import os
import time

import pytest

from kit.configs import proxy
from kit.process import wait_for
from kit.tunnels import LISTENER, PAIRS, guest, talking, upstream_speaks
from kit.websocket import (BINARY, CLOSE, CONT, DEFLATE, PING, PONG, TEXT, Socket, close, echo, frame, parse)

SIZES = [0, 1, 2, 124, 125, 126, 127, 128, 65535, 65536, 65537, 1 << 20]
BYE = close(1000)


class Pair:
    """A gateway with an echo server behind it, for many tunnels."""

    def __init__(self, name, gateway, far, deflate=False):
        self.name, self.logs, self.deflate = name, [], deflate
        agreed = [("Sec-WebSocket-Extensions", DEFLATE)] if deflate else []
        self.behave = talking(echo(self.logs, deflate), headers=agreed)
        up = far(self.behave)
        self.gateway = gateway(proxy(LISTENER, upstream_speaks(name), route=", upgrade: [websocket]"), app=up.port)
        self.shared = None

    def open(self):
        """Where streams can share a connection, they do."""
        headers = [("Sec-WebSocket-Extensions", DEFLATE)] if self.deflate else []
        if not self.name.startswith("h2"):
            return guest(self.name)(self.gateway.port(), protocol="websocket", headers=headers)
        g = guest(self.name)(self.gateway.port(), protocol="websocket", headers=headers, on=self.shared)
        self.shared = self.shared or g
        return g

    def exchange(self, *pieces):
        """Send these bytes, one piece after the other, and end; what came back until its end. All of it is checked against
        what the server got and said."""
        n = len(self.logs)
        c = self.open()
        for piece in pieces:
            c.send(piece)
        c.shutdown()
        back = c.rest()
        if c is not self.shared and self.name.startswith("h1"):
            c.close()
        wait_for(lambda: len(self.logs) > n and (self.logs[n].over or self.behave.errors), what="the server's end")
        assert not self.behave.errors
        log = self.logs[n]
        assert bytes(log.received) == b"".join(pieces), "what came is what was sent"
        assert back == bytes(log.sent), "and back"
        return log, parse(back)


@pytest.fixture(params=PAIRS)
def name(request):
    return request.param


@pytest.fixture
def make_pair(gateway, origin, h2_origin):
    def make(name, **kw):
        return Pair(name, gateway, lambda b: h2_origin(b, connect=True) if name.endswith("h2") else origin(b), **kw)
    return make


@pytest.fixture
def pair(name, make_pair):
    return make_pair(name)


def said(frames):
    """The messages among them, (opcode, payload) each; control frames by themselves."""
    out, parts = [], None
    for f in frames:
        assert f.rsv == 0
        if f.opcode >= CLOSE:
            out.append((f.opcode, f.payload))
        elif f.opcode == CONT:
            parts = (parts[0], parts[1] + f.payload)
        else:
            parts = (f.opcode, f.payload)
        if f.opcode < CLOSE and f.fin:
            out.append(parts)
    return out


def cut(data, n):
    return [data[i:i + n] for i in range(0, len(data), n)]


# ---- 1: sizes --------------------------------------------------------------------------------------------------------

def test_sizes(pair):
    for opcode in (TEXT, BINARY):
        for n in SIZES:
            payload = b"t" * n if opcode == TEXT else os.urandom(n)
            log, frames = pair.exchange(frame(opcode, payload), BYE)
            assert said(frames) == [(opcode, payload), (CLOSE, b"\x03\xe8")], n
            assert log.code == 1000
    line = pair.gateway.access(2 * len(SIZES))[0]
    assert line["status"] == 101 and "reason" not in line


def test_sizes_in_pieces(pair):
    """The same bytes cut at other places than between frames."""
    payloads = [os.urandom(n) for n in SIZES[:-1]]
    data = b"".join(frame(BINARY, p) for p in payloads) + BYE
    for step in (997, 4096, 65536, len(data)):
        _, frames = pair.exchange(*cut(data, step))
        assert said(frames) == [(BINARY, p) for p in payloads] + [(CLOSE, b"\x03\xe8")]


def test_byte_by_byte(pair):
    data = frame(TEXT, "é" * 20) + frame(PING, b"p") + frame(BINARY, b"x" * 126) + BYE
    _, frames = pair.exchange(*cut(data, 1))
    assert said(frames) == [(TEXT, "é".encode() * 20), (PONG, b"p"), (BINARY, b"x" * 126), (CLOSE, b"\x03\xe8")]


def test_many_small_frames_at_once(pair):
    n = 3000
    data = b"".join(frame(BINARY, b"%d" % i) for i in range(n)) + BYE
    _, frames = pair.exchange(data)
    assert said(frames) == [(BINARY, b"%d" % i) for i in range(n)] + [(CLOSE, b"\x03\xe8")]


# ---- 2: fragments and control frames ---------------------------------------------------------------------------------

FRAGMENTS = [
    ([frame(TEXT, "a", fin=False), frame(CONT, "b")], [(TEXT, b"ab")]),
    ([frame(BINARY, b"", fin=False), frame(CONT, b"", fin=False), frame(CONT, b"")], [(BINARY, b"")]),
    ([frame(TEXT, "a", fin=False), frame(PING, "p"), frame(CONT, "b")], [(PONG, b"p"), (TEXT, b"ab")]),
    ([frame(TEXT, "a", fin=False), *[frame(PING, bytes([i])) for i in range(10)], frame(PONG, "?"), frame(CONT, "b")],
     [(PONG, bytes([i])) for i in range(10)] + [(TEXT, b"ab")]),
    ([frame(TEXT, b"\xc3", fin=False), frame(CONT, b"\xa9")], [(TEXT, "é".encode())]),
    ([frame(BINARY, b"x" * 1000, fin=False), *[frame(CONT, b"y" * 1000, fin=False)] * 98, frame(CONT, b"z")],
     [(BINARY, b"x" * 1000 + b"y" * 98000 + b"z")]),
    ([frame(PONG, "unasked"), frame(TEXT, "a")], [(TEXT, b"a")]),
]


@pytest.mark.parametrize("together", [True, False])
def test_fragments(pair, together):
    for frames, want in FRAGMENTS:
        pieces = [b"".join(frames) + BYE] if together else [*frames, BYE]
        log, back = pair.exchange(*pieces)
        assert said(back) == want + [(CLOSE, b"\x03\xe8")] and log.code == 1000


def test_pings(pair):
    payloads = [b"", b"hello", bytes(range(125)), b"\xff\xfe\xfd", b"x" * 125]
    _, back = pair.exchange(*(frame(PING, p) for p in payloads * 10), BYE)
    assert said(back) == [(PONG, p) for p in payloads * 10] + [(CLOSE, b"\x03\xe8")]


# ---- 3: what is broken -----------------------------------------------------------------------------------------------

BROKEN = {
    "continuation of nothing": (frame(CONT, "x"), 1002),
    "two messages in one": (frame(TEXT, "x", fin=False) + frame(TEXT, "y"), 1002),
    "a ping in pieces": (frame(PING, "x", fin=False), 1002),
    "a long ping": (frame(PING, b"x" * 126), 1002),
    "a long close": (frame(CLOSE, b"\x03\xe8" + b"x" * 124), 1002),
    "rsv 1": (frame(TEXT, "x", rsv=4), 1002),
    "rsv 2": (frame(TEXT, "x", rsv=2), 1002),
    "rsv 3 of a ping": (frame(PING, "x", rsv=1), 1002),
    **{f"opcode {o}": (frame(o, "x"), 1002) for o in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "no mask": (frame(TEXT, "x", mask=None), 1002),
    "a length in too many bytes": (frame(TEXT, "x", form=126), 1002),
    "a length in eight bytes": (frame(BINARY, b"x" * 200, form=127), 1002),
    "bad text": (frame(TEXT, b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80"), 1007),
    "text cut short": (frame(TEXT, b"\xe2\x82"), 1007),
    "bad text in pieces": (frame(TEXT, b"\xce", fin=False) + frame(CONT, b"\xff"), 1007),
    "an overlong form": (frame(TEXT, b"\xc0\xaf"), 1007),
    "a reason that is no text": (close(1000, b"\xff"), 1007),
    "half a code": (frame(CLOSE, b"\x03"), 1002),
}


@pytest.mark.parametrize("step", [1 << 20, 1])
def test_broken_frames(pair, step):
    for what, (data, code) in BROKEN.items():
        before = frame(TEXT, "before")
        log, back = pair.exchange(*cut(before + data, step))
        assert log.code == code, what
        assert said(back)[0] == (TEXT, b"before") and back[-1].opcode == CLOSE, what
        assert back[-1].payload[:2] == code.to_bytes(2, "big"), what


def test_what_follows_the_end_is_passed_on(pair):
    """It is the ends that refuse it."""
    log, back = pair.exchange(frame(TEXT, "a") + BYE + frame(TEXT, "too late") + b"\xff" * 100)
    assert said(back) == [(TEXT, b"a"), (CLOSE, b"\x03\xe8")] and log.code == 1000


def test_an_end_in_the_middle_of_a_frame(pair):
    for n in range(1, 12):
        log, back = pair.exchange(frame(TEXT, "whole"), frame(BINARY, b"not whole" * 100)[:n])
        assert said(back) == [(TEXT, b"whole")] and log.code is None


# ---- 4: closing ------------------------------------------------------------------------------------------------------

CODES = {None: 1005, 1000: 1000, 1001: 1001, 1002: 1002, 1003: 1003, 1007: 1007, 1008: 1008, 1009: 1009, 1010: 1010, 1011: 1011,
         3000: 3000, 3999: 3999, 4000: 4000, 4999: 4999,
         0: 1002, 999: 1002, 1004: 1002, 1005: 1002, 1006: 1002, 1015: 1002, 1016: 1002, 1100: 1002, 2000: 1002, 2999: 1002,
         5000: 1002, 65535: 1002}


def test_codes(pair):
    for code, want in CODES.items():
        log, back = pair.exchange(close(code))
        assert log.code == want, code
        payload = b"" if code is None else want.to_bytes(2, "big")
        assert back[-1].opcode == CLOSE and back[-1].payload[:2] == payload, code


def test_reasons(pair):
    for reason in (b"x", "Größe".encode(), b"y" * 123):
        log, back = pair.exchange(close(4001, reason))
        assert log.code == 4001 and said(back) == [(CLOSE, (4001).to_bytes(2, "big") + reason)]


@pytest.mark.parametrize("first", ["client", "server"])
def test_the_order_of_ends(name, gateway, origin, h2_origin, first):
    """Goodbye and its answer, then the end of whoever said it first; or without waiting for the other."""
    order = []

    def server(host):
        if first == "server":
            host.send(frame(CLOSE, b"\x03\xe9", mask=None))
            order.append(host.take(8))
            order.append(host.some())
        else:
            order.append(host.take(8))
            host.send(frame(CLOSE, b"\x03\xe9", mask=None))
        order.append("server ends")
        host.shutdown()
    behave = talking(server)
    up = h2_origin(behave, connect=True) if name.endswith("h2") else origin(behave)
    g = gateway(proxy(LISTENER, upstream_speaks(name), route=", upgrade: [websocket]"), app=up.port)
    c = guest(name)(g.port(), protocol="websocket")
    bye = close(1001)
    if first == "server":
        assert c.recv(4) == b"\x88\x02\x03\xe9"
        assert not order
        c.send(bye)
        c.shutdown()
        c.assert_closed()
        assert order == [bye, b"", "server ends"]
    else:
        c.send(bye)
        assert c.recv(4) == b"\x88\x02\x03\xe9"
        c.assert_closed()
        assert order == [bye, "server ends"]
        c.shutdown()
    assert "reason" not in g.access(1)[0] and not behave.errors


# ---- 5: compression --------------------------------------------------------------------------------------------------

def test_compression(name, make_pair):
    """Negotiated by the ends, and passed through: the frames that pass are compressed ones."""
    pair = make_pair(name, deflate=True)
    c = pair.open()
    assert c.header("sec-websocket-extensions") == DEFLATE
    s = Socket(c, deflate=True)
    messages = ["", "a", "hello " * 500, os.urandom(3000), b"\0" * 300000, *(f"message {i}" for i in range(200))]
    for m in messages:
        s.send(m)
        assert s.recv() == m
    s.send("in ", "three ", "parts")
    assert s.recv() == "in three parts"
    s.close()
    log = pair.logs[0]
    assert log.code == 1000
    compressed = [f for f in parse(bytes(log.sent)) if f.rsv == 4]
    assert len(compressed) >= len(messages)
    assert len(log.received) < 50000, "300000 zeros are a few bytes"


# ---- 6: many ---------------------------------------------------------------------------------------------------------

def test_a_conversation_of_thousands(pair):
    s = Socket(pair.open())
    start, n = time.monotonic(), 0
    while n < 2000 and (n < 200 or time.monotonic() - start < 10):  # a slow machine does fewer
        batch = [os.urandom(i % 300) if i % 2 else "é" * (i % 100) for i in range(n, n + 100)]
        for m in batch:
            s.send(m)
        assert [s.recv() for _ in batch] == batch
        s.ping(b"%d" % n)
        n += len(batch)
    s.close()
    assert s.pongs == n / 100 and pair.logs[0].code == 1000
