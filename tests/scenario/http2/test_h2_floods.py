"""Clients of HTTP/2 that cost more than they bring: each flood ends, costs little, is counted, and is told of by its name."""
import itertools
import re
import select

import pytest

from kit.bulk import Watch
from kit.client import connect
from kit.h2frames import PREFACE, block, frame, frames, goaway
from kit.memory import assert_below
from kit.process import wait_for

MIB = 1 << 20
GET, POST = block("GET"), block("POST")
ONE_BYTE = b"\x5c\x011"  # content-length: 1


def many(*args):
    """The same frame, over and over."""
    return lambda _: frame(*args)


# What is sent, by number of the round; what it counts as, and how the log calls it.
FLOODS = {
    "ping": (many(6, 0, 0, b"12345678"), "frames"),
    "settings": (many(4, 0, 0, b"\0\4\0\1\0\0"), "frames"),
    "empty settings": (many(4), "frames"),
    "priority": (many(2, 0, 7, b"\0\0\0\0\1"), "frames"),
    "priority update": (many(16, 0, 0, b"\0\0\0\1u=1"), "frames"),
    "empty data": (many(0, 0, 1), "frames"),
    "window update": (many(8, 0, 1, b"\0\0\0\1"), "frames"),
    "unknown": (many(0xef, 0, 0, b"x"), "frames"),
    "rapid reset": (lambda i: frame(1, 5, 2 * i + 3, GET) + frame(3, 0, 2 * i + 3, b"\0\0\0\x08"), "resets"),
    "made you reset by data": (lambda i: frame(1, 4, 2 * i + 3, POST + ONE_BYTE) + frame(0, 0, 2 * i + 3, b"12"), "resets"),
    "made you reset by a window": (lambda i: frame(1, 4, 2 * i + 3, POST) + frame(8, 0, 2 * i + 3, b"\x7f\xff\xff\xff"), "resets"),
    "empty continuation": (lambda i: frame(9, 0, 3) if i else frame(1, 1, 3, b"\x82"), "header-block"),
    "large continuation": (lambda i: frame(9 if i else 1, 0 if i else 1, 3, b"\x00\x7f\x81\x7f" + b"x" * 16000), "header-block"),
}
WORDS = {"frames": "too many frames that only cost", "resets": "too many requests that were reset",
         "header-block": "a header block that is too long", "answers": "it asks for more than it reads"}


def think(peer, _request):
    """Answers nothing, and sees the other side leave."""
    peer.reader.fill()


def begin(g, settings=b""):
    """A connection with a request in progress."""
    sock = connect(g.port(), timeout=20)
    sock.sendall(PREFACE + frame(4, 0, 0, settings) + frame(1, 4, 1, POST))
    return sock


def pour(sock, build):
    """Send until the other side has enough; what it said meanwhile."""
    got, left, rounds = b"", b"", itertools.count()
    sock.setblocking(False)
    try:
        while goaway(got) is None:
            left = left or b"".join(build(next(rounds)) for _ in range(16))
            readable, writable, _ = select.select([sock], [sock], [], 20)
            if readable:
                piece = sock.recv(65536)
                if not piece:
                    break
                got += piece
            elif writable:
                left = left[sock.send(left):]
    except OSError:
        pass
    return got


def ended(g, of):
    return g.metrics()[f'sluice_client_floods_total{{of="{of}"}}']


def told(g, of):
    assert ended(g, of) == 1
    wait_for(lambda: re.search(f"client-flood: 127.0.0.1, connection \\d+: {WORDS[of]}", g.log()), 10, "a line of log")
    wait_for(lambda: [line for line in g.access() if line.get("reason") == "client-flood"], 10, "the request's line")


@pytest.mark.parametrize("name", FLOODS)
def test_flood(proxied, raw, name):
    build, of = FLOODS[name]
    g, up = proxied(think, listener="protocols: [h2, http/1.1]")
    sock = begin(g)
    wait_for(lambda: up.open == 1, 20, "the request to reach the upstream")
    before = g.rss()
    with Watch(g) as watch:
        got = pour(sock, build)
    wait_for(lambda: ended(g, of) == 1, 20, "the connection to be ended")
    assert goaway(got) in (11, None), "ENHANCE_YOUR_CALM, unless a reset of TCP was faster"
    assert_below(watch.peak - before, 24 * MIB, "more than at rest")
    told(g, of)
    wait_for(lambda: g.metrics()["sluice_requests_active"] == 0, 20, "all requests to be over")
    assert up.open < 32, "hundreds of requests that nobody wanted left few connections behind"
    up.behave(lambda peer, _: peer.send(b"HTTP/1.1 204 No\r\n\r\n"))
    assert raw(g.port()).get("/").status == 204, "others are served"
    sock.close()


def test_answers_that_are_not_read(proxied):
    """The client takes nothing, and asks for answers: 64 wait for it, and no more."""
    sent = []

    def endless(peer, _request):
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            peer.send(b"x" * 65536)
            sent.append(1)
    g, _ = proxied(endless, listener="protocols: [h2, http/1.1]")
    sock = begin(g, b"\0\4\x7f\xff\xff\xff")
    sock.sendall(frame(0, 1, 1) + frame(8, 0, 0, b"\x7f\xff\0\0"))
    before = g.rss()
    with Watch(g) as watch:
        seen = [0] * 20

        def stands_still():
            seen.append(len(sent))
            return seen[-1] == seen[-20] > 0
        wait_for(stands_still, 20, "the response to fill all there is", interval=0.02)
        for _ in range(100):
            try:
                sock.sendall(frame(6, 0, 0, b"12345678"))
            except OSError:
                break
        wait_for(lambda: ended(g, "answers") == 1, 20, "the connection to be ended")
    assert_below(watch.peak - before, 24 * MIB, "more than at rest")
    told(g, "answers")
    sock.close()


def test_too_many_requests_at_a_time(proxied, h2):
    """128 are in progress: more are refused, and counted, as long as the client may not know of the limit."""
    g, up = proxied(think, listener="protocols: [h2, http/1.1]")
    sock = connect(g.port(), timeout=20)
    sock.sendall(PREFACE + frame(4) + b"".join(frame(1, 5, 2 * i + 1, GET) for i in range(140)))
    wait_for(lambda: g.metrics()["sluice_streams_refused_total"] == 12, 20, "those beyond the limit to be refused")
    assert g.metrics()["sluice_requests_active"] == 128
    sock.close()
    wait_for(lambda: up.open == 0, 20, "the upstream's connections to be closed")


@pytest.mark.parametrize("entries, code", [(32, None), (33, 11)])
def test_settings_with_many_entries(proxied, entries, code):
    g, _ = proxied(think, listener="protocols: [h2, http/1.1]")
    sock = connect(g.port(), timeout=20)
    sock.sendall(PREFACE + frame(4) + frame(4, 0, 0, b"\0\4\0\1\0\0" * entries) + frame(6, 0, 0, b"12345678"))
    got = b""
    while goaway(got) is None and not any(kind == 6 for kind, *_ in frames(got)):
        piece = sock.recv(65536)
        assert piece, "it ended without a word"
        got += piece
    assert goaway(got) == code
    sock.close()
