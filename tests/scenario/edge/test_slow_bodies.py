"""Bodies that come too slowly, requests that take too long, bodies that nobody wants, and what small pieces of them may hold."""
import time

import pytest

from kit.bulk import Watch
from kit.client import connect
from kit.configs import proxy
from kit.h2frames import DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, RST_STREAM, SETTINGS, block, frame, frames
from kit.memory import assert_below
from kit.process import wait_for

KIB, MIB = 1024, 1 << 20
POST = b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n"


def hang(peer, _request):
    peer.stopped.wait()


def read_all(peer):
    """Takes what comes and says nothing."""
    while peer.sock.recv(65536):
        pass


def refuses(extra=""):
    return proxy(listener="protocols: [h2, http/1.1]" + extra).replace("upstream: app }", "respond: { status: 403, body: no } }")


def trickle(c, piece, until, pause=0.1):
    """Send a piece again and again until the connection has something to say."""
    c.settimeout(pause)
    end = time.monotonic() + until
    got = b""
    while time.monotonic() < end:
        try:
            c.sendall(piece)
            got = c.recv(65536)
            break
        except TimeoutError:
            continue
    return got


@pytest.mark.parametrize("version", ["h1", "h2"])
@pytest.mark.parametrize("demand, reason, of", [("min_rate: 1KiB", "body-too-slow", "rate"),
                                                ("timeouts: { request: 1s }", "request-timeout", "request")])
def test_a_body_that_trickles_is_answered_408(proxied, version, demand, reason, of):
    g, up = proxied(listener=f"protocols: [h2, http/1.1], {demand}")
    up.on_accept = read_all
    with connect(g.port(), timeout=20) as c:
        if version == "h1":
            c.sendall(POST)
            assert trickle(c, b"x", 15).startswith(b"HTTP/1.1 408 ")
        else:
            c.sendall(PREFACE + frame(SETTINGS) + frame(HEADERS, END_HEADERS, 1, block("POST", "/up")))
            answered = lambda: any(line.get("status") == 408 for line in g.access())
            end = time.monotonic() + 15
            while not answered() and time.monotonic() < end:
                c.sendall(frame(DATA, 0, 1, b"x"))
                time.sleep(0.1)
            assert answered()
        line = g.access(1)[0]
        assert line["status"] == 408 and line["reason"] == reason
        assert g.metrics()[f'sluice_timeouts_total{{of="{of}"}}'] == 1
    wait_for(lambda: up.open == 0, 10, "the upstream's connection to be closed")


def test_a_body_that_is_fast_enough_passes(proxied, raw):
    g, up = proxied(listener="min_rate: 1KiB, timeouts: { request: 20s }")
    c = raw(g.port()).request("POST", "/", [("Content-Length", "14000")])
    for _ in range(70):
        c.send(b"x" * 200)
        time.sleep(0.1)
    assert c.response().status == 200 and up.requests[0].body == b"x" * 14000


def test_a_slow_upload_that_is_refused_is_not_cut(gateway):
    """Three seconds of it, with pauses: its client reads the answer when it has sent all."""
    g = gateway(refuses())
    with connect(g.port(), timeout=20) as c:
        c.sendall(POST)
        for _ in range(10):
            time.sleep(0.3)
            c.sendall(b"x" * 1000)
        assert c.recv(65536).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize("version", ["h1", "h2"])
@pytest.mark.parametrize("bound", ["time: 500ms", "size: 100KiB", "silence: 300ms"])
def test_what_nobody_wants_is_read_within_bounds(gateway, version, bound):
    g = gateway(refuses(f", linger: {{ {bound} }}"))
    piece, pause = (b"x" * 16000, 0) if "size" in bound else (b"x", 0.5 if "silence" in bound else 0.05)
    with connect(g.port(), timeout=10) as c:
        got = b""
        if version == "h2":
            c.sendall(PREFACE + frame(SETTINGS) + frame(HEADERS, END_HEADERS, 1, block("POST", "/up")))
        else:
            c.sendall(POST)

        def is_over():
            nonlocal got
            try:
                c.sendall(piece if version == "h1" else frame(DATA, 0, 1, piece))
                c.settimeout(0.01)
                got += c.recv(65536)
            except TimeoutError:
                return False
            except OSError:
                return version == "h1"
            return any(kind == RST_STREAM and payload == b"\0\0\0\0" for kind, _, _, payload in frames(got))
        wait_for(is_over, 8, "it to end", interval=pause)
        assert b"403" in got or version == "h2"


@pytest.mark.parametrize("version", ["h1", "h2", "tunnel"])
def test_small_pieces_do_not_hold_a_block_each(proxied, version):
    """Pieces of 1,025 bytes, each read for itself, that wait for an upstream that takes nothing."""
    g, up = proxied(listener="protocols: [h2, http/1.1]", upstream="timeouts: { response: 60s }")
    n, pieces = 30, 110

    def take_the_head(peer):
        peer.reader.take_until(b"\r\n\r\n")
        if version == "tunnel":
            peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        peer.stopped.wait()
    up.on_accept = take_the_head
    if version == "tunnel":
        g.reload(proxy(listener="protocols: [h2, http/1.1]", route=", upgrade: [x]"))
    cs = [connect(g.port(), timeout=20) for _ in range(n)]
    before = g.rss()
    with Watch(g) as watch:
        for c in cs:
            if version == "h2":
                c.sendall(PREFACE + frame(SETTINGS) + frame(HEADERS, END_HEADERS, 1, block("POST", "/up")))
            elif version == "h1":
                c.sendall(POST)
            else:
                c.sendall(b"GET /up HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        for _ in range(pieces):
            for c in cs:
                c.sendall(b"x" * 1025 if version != "h2" else frame(DATA, 0, 1, b"x" * 1025))
            time.sleep(0.005)
    assert_below(watch.peak - before, n * 300 * KIB + 6 * MIB, f"more for {n * pieces} pieces")
    for c in cs:
        c.close()


def test_references_to_large_fields_do_not_hold_a_head_each(proxied):
    """A field of 4 KB in the table of the compression, and heads of 20 bytes that name it seven times: 32 KiB each."""
    g, up = proxied(hang, listener="protocols: [h2, http/1.1]", upstream="timeouts: { response: 60s }")
    connections, streams = 10, 127
    keep = b"\x40\x05large\x7f\xa1\x1e" + b"v" * 4000  # a length of 4000: RFC 7541 5.1
    before = g.rss()
    sent = PREFACE + frame(SETTINGS) + frame(HEADERS, END_HEADERS | END_STREAM, 1, block("GET", "/up") + keep)
    sent += b"".join(frame(HEADERS, END_HEADERS | END_STREAM, 2 * i + 3, block("GET", "/up") + b"\xbe" * 7) for i in range(streams))
    assert len(sent) < 8000
    with Watch(g) as watch:
        cs = [connect(g.port(), timeout=20) for _ in range(connections)]
        for c in cs:
            c.sendall(sent)
        wait_for(lambda: g.metrics()["sluice_streams_refused_memory_total"] >= connections * 60, 20, "those beyond the budget to be refused")
    assert_below(watch.peak - before, connections * 2 * MIB + 8 * MIB, "more than at rest")
    assert g.wait_log(r"requests are refused: those in progress take too much memory")
    assert g.metrics()["sluice_streams_refused_total"] >= connections * 60
    for c in cs:
        c.close()


def test_a_thousand_connection_options_are_refused(proxied, raw):
    g, up = proxied()
    c = raw(g.port()).request("GET", "/", [("Connection", "x-a," * 1000)])
    assert c.response().status == 400
    assert g.access(1)[0]["reason"] == "bad-field"
    c = raw(g.port()).request("GET", "/", [("Connection", "x-named, x-other"), ("X-Named", "1"), ("x-other", "2"), ("X-Stays", "3")])
    assert c.response().status == 200
    names = [name.lower() for name, _ in up.requests[0].fields]
    assert "x-stays" in names and "x-named" not in names and "x-other" not in names
