"""The strict reader refuses what a sloppy gateway might send."""
import pytest

from kit.message import Malformed, Reader, read_request, read_response


class Bytes:
    """A socket that gives its bytes a few at a time."""

    def __init__(self, data, step=3):
        self.data, self.step = data, step

    def recv(self, _n):
        piece, self.data = self.data[:self.step], self.data[self.step:]
        return piece


def response(data, method="GET"):
    return read_response(Reader(Bytes(data)), method)


def test_length():
    r = response(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\nx-a:2\r\n\r\nhello")
    assert (r.status, r.reason, r.body, r.framing) == (200, "OK", b"hello", "length")
    assert r.fields.all("X-a") == ["1", "2"]
    with pytest.raises(Malformed, match="stands 2 times"):
        r.header("x-a")


def test_chunked_with_trailers():
    r = response(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0a\r\n0123456789\r\n0\r\nT: v\r\n\r\n")
    assert r.body == b"abc0123456789" and r.chunks == [3, 10] and r.trailers == [("T", "v")]


def test_until_close():
    r = response(b"HTTP/1.1 200 OK\r\n\r\nall there is")
    assert r.body == b"all there is" and r.framing == "close"


def test_no_body():
    assert response(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD").body == b""
    assert response(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n").body == b""
    r = response(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")
    assert r.status == 204 and r.interim[0].status == 103


def test_pipelined():
    reader = Reader(Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\nb", 1000))
    assert [read_response(reader).body, read_response(reader).status] == [b"a", 404]


@pytest.mark.parametrize("data", [
    b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    b"HTTP/1.1 200\r\n\r\n",
    b"HTTP/2 200 OK\r\n\r\n",
    b"HTTP/1.1 020 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nA : b\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nA: b\nB: c\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nA: \0\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
    b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\na",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
    b"",
])
def test_malformed(data):
    with pytest.raises(Malformed):
        response(data)


def test_request():
    reader = Reader(Bytes(b"POST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxy"))
    r = read_request(reader)
    assert (r.method, r.target, r.body, r.header("host")) == ("POST", "/a?b", b"xy", "h")
    assert read_request(reader) is None
    with pytest.raises(Malformed):
        read_request(Reader(Bytes(b"GET  / HTTP/1.1\r\n\r\n")))
