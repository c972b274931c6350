"""PRIORITY_UPDATE (RFC 9218 7.1) from clients that play with it: nothing breaks, and rules are kept."""
import pytest

from kit.client import connect
from kit.h2frames import DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, PRIORITY_UPDATE, block, frame, frames, goaway

GET = block("GET")


def answer(peer, _request):
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")


def update(stream, value=b"u=1"):
    return frame(PRIORITY_UPDATE, 0, 0, stream.to_bytes(4, "big") + value)


def get(stream):
    return frame(HEADERS, END_HEADERS | END_STREAM, stream, GET)


def ended(got, stream):
    return any(kind == DATA and flags & END_STREAM and of == stream for kind, flags, of, _ in frames(got))


def read_until(sock, done):
    got = b""
    while not done(got):
        piece = sock.recv(65536)
        if not piece:
            break
        got += piece
    return got


def test_update_then_request_then_answer_again_and_again(proxied, raw):
    """With libnghttp2 before 1.61 a stream was freed here while a list still held it, and the next frame wrote into it."""
    g, _ = proxied(answer, listener="protocols: [h2, http/1.1]")
    for early in (0, 2, 20):
        with connect(g.port(), timeout=20) as sock:
            sock.sendall(PREFACE + frame(4) + frame(4, 1))
            for stream in range(1, 400, 2):
                sock.sendall(update(stream + early) + update(stream, b"u=5, i") + get(stream))
                assert ended(read_until(sock, lambda got, of=stream: ended(got, of) or goaway(got) is not None), stream)
    assert raw(g.port()).get("/").status == 200, "others are served"


@pytest.mark.parametrize("payload, code", [(b"\0\0\0\0u=1", 1), (b"\0\0\0\2u=1", 1), (b"\0\0\0", 6)])
def test_a_wrong_stream_ends_the_connection(proxied, payload, code):
    g, _ = proxied(answer, listener="protocols: [h2, http/1.1]")
    with connect(g.port(), timeout=20) as sock:
        sock.sendall(PREFACE + frame(4) + frame(PRIORITY_UPDATE, 0, 0, payload))
        assert goaway(read_until(sock, lambda got: goaway(got) is not None)) == code


def test_no_more_are_remembered_than_streams_are_allowed(proxied):
    g, _ = proxied(answer, listener="protocols: [h2, http/1.1]")
    with connect(g.port(), timeout=20) as sock:
        sock.sendall(PREFACE + frame(4) + b"".join(update(2 * i + 1) for i in range(128)) + get(1))
        assert ended(read_until(sock, lambda got: ended(got, 1) or goaway(got) is not None), 1)
        sock.sendall(b"".join(update(2 * i + 1) for i in range(128, 130)))
        assert goaway(read_until(sock, lambda got: goaway(got) is not None)) == 1
