"""Requests that two servers could read in two ways: refused with 400 and a stable code, the connection closed, and no byte
of them sent on. Each is followed by a request that a smuggler would want to be hidden or seen."""
import json

import pytest

from kit.origin import echo, raw as raw_bytes

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


def post(*lines, body=b"", version=b"1.1"):
    return b"POST /x HTTP/%s\r\nHost: a\r\n%s\r\n%s" % (version, b"".join(line + b"\r\n" for line in lines), body)


CHUNKS = b"3\r\nabc\r\n0\r\n\r\n"
FRAMING = {
    "length-and-chunked": post(b"Content-Length: 3", b"Transfer-Encoding: chunked", body=CHUNKS),
    "chunked-and-length": post(b"Transfer-Encoding: chunked", b"Content-Length: 3", body=CHUNKS),
    "length-0-and-chunked": post(b"Content-Length: 0", b"Transfer-Encoding: chunked", body=CHUNKS),
    "two-codings": post(b"Transfer-Encoding: gzip, chunked", body=CHUNKS),
    "chunked-not-last": post(b"Transfer-Encoding: chunked, gzip", body=CHUNKS),
    "chunked-twice": post(b"Transfer-Encoding: chunked, chunked", body=CHUNKS),
    "chunked-in-two-fields": post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=CHUNKS),
    "identity-and-chunked": post(b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked", body=CHUNKS),
    "identity": post(b"Transfer-Encoding: identity", b"Content-Length: 3", body=b"abc"),
    "empty-coding": post(b"Transfer-Encoding:", b"Content-Length: 3", body=b"abc"),
    "coding-with-parameter": post(b"Transfer-Encoding: chunked;q=1", body=CHUNKS),
    "quoted-coding": post(b'Transfer-Encoding: "chunked"', body=CHUNKS),
    "coding-with-comma": post(b"Transfer-Encoding: ,chunked", body=CHUNKS),
    "coding-vertical-tab": post(b"Transfer-Encoding: \x0bchunked", body=CHUNKS),
    "xchunked": post(b"Transfer-Encoding: xchunked", body=CHUNKS),
    "cow": post(b"Transfer-Encoding: cow", b"Content-Length: 3", body=b"abc"),
    "chunked-in-1.0": post(b"Transfer-Encoding: chunked", body=CHUNKS, version=b"1.0"),
    "two-lengths": post(b"Content-Length: 3", b"Content-Length: 5", body=b"abcde"),
    "two-equal-lengths": post(b"Content-Length: 3", b"Content-Length: 3", body=b"abc"),
    "list-of-lengths": post(b"Content-Length: 3, 3", body=b"abc"),
    "list-of-different-lengths": post(b"Content-Length: 3, 0", body=b"abc"),
    "plus": post(b"Content-Length: +3", body=b"abc"),
    "minus": post(b"Content-Length: -3", body=b"abc"),
    "hexadecimal": post(b"Content-Length: 0x3", body=b"abc"),
    "blank-inside": post(b"Content-Length: 1 3", body=b"abc"),
    "decimal-point": post(b"Content-Length: 3.0", body=b"abc"),
    "no-digits": post(b"Content-Length:", body=b"abc"),
    "overflow": post(b"Content-Length: 18446744073709551619", body=b"abc"),
    "beyond-63-bits": post(b"Content-Length: 9223372036854775808", body=b"abc"),
    "unicode-digits": post(b"Content-Length: \xd9\xa3", body=b"abc"),
}
FIELDS = {
    "blank-before-colon": post(b"Content-Length : 3", body=b"abc"),
    "tab-before-colon": post(b"Transfer-Encoding\t: chunked", body=CHUNKS),
    "blank-in-name": post(b"Transfer Encoding: chunked", body=CHUNKS),
    "folded": post(b"X-A: 1", b" Content-Length: 3", body=b"abc"),
    "folded-with-tab": post(b"Transfer-Encoding:", b"\tchunked", body=CHUNKS),
    "folded-first": b"GET /x HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n",
    "no-colon": post(b"Content-Length 3", body=b"abc"),
    "no-name": post(b": x"),
    "nul-in-value": post(b"X-A: a\0b"),
    "nul-in-name": post(b"Content-Length\0: 3", body=b"abc"),
    "cr-in-value": post(b"X-A: a\rContent-Length: 3", body=b"abc"),
    "control-in-value": post(b"X-A: a\x01b"),
    "delete-in-value": post(b"X-A: a\x7fb"),
    "high-byte-in-name": post(b"Content-L\xe9ngth: 3"),
    "parentheses-in-name": post(b"X(A): 1"),
    "lf-inside": post(b"X-A: 1\nContent-Length: 3", body=b"abc"),
    "lf-after-a-field": b"POST /x HTTP/1.1\r\nHost: a\r\nX-A: 1\nX-B: 2\r\n\r\n",
    "lf-at-the-end": b"GET /x HTTP/1.1\r\nHost: a\r\n\n",
    "lf-lf-at-the-end": b"GET /x HTTP/1.1\r\nHost: a\n\n",
}
LINES = {
    "lf-after-the-line": b"GET /x HTTP/1.1\nHost: a\r\n\r\n",
    "cr-after-the-line": b"GET /x HTTP/1.1\rHost: a\r\n\r\n",
    "two-blanks": b"GET  /x HTTP/1.1\r\nHost: a\r\n\r\n",
    "tab": b"GET\t/x HTTP/1.1\r\nHost: a\r\n\r\n",
    "blank-before": b" GET /x HTTP/1.1\r\nHost: a\r\n\r\n",
    "blank-after": b"GET /x HTTP/1.1 \r\nHost: a\r\n\r\n",
    "no-version": b"GET /x\r\nHost: a\r\n\r\n",
    "http-0.9": b"GET /x\r\n\r\n",
    "version-words": b"GET /x HTTP/1.1x\r\nHost: a\r\n\r\n",
    "version-lower-case": b"GET /x http/1.1\r\nHost: a\r\n\r\n",
    "version-long": b"GET /x HTTP/01.1\r\nHost: a\r\n\r\n",
    "method-delimiter": b"G(ET /x HTTP/1.1\r\nHost: a\r\n\r\n",
    "nul-in-line": b"GET /x\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    "empty-lines": b"\r\n" * 5 + b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n",
    "lf-before": b"\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n",
    "tls-hello": b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + b"x" * 40 + b"\r\n\r\n",
}
HOSTS = {
    "two-hosts": b"GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "two-equal-hosts": b"GET /x HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "no-host": b"GET /x HTTP/1.1\r\nX-A: 1\r\n\r\n",
    "no-host-absolute": b"GET http://a/x HTTP/1.1\r\nX-A: 1\r\n\r\n",
    "list-of-hosts": b"GET /x HTTP/1.1\r\nHost: a, b\r\n\r\n",
}


def refused(g, raw, data, codes):
    c = raw(g.port())
    c.send(data + SMUGGLED)
    r = c.response()
    assert r.status == 400, "refused, never repaired"
    assert r.header("Content-Type") == "application/problem+json"
    document = json.loads(r.body)
    assert document["type"].removeprefix("urn:sluice:problem:") in codes, document
    assert r.header("Connection") == "close"
    c.assert_closed()


def test_sanity(proxied, raw):
    """The same without the trick is forwarded."""
    g, up = proxied(echo)
    c = raw(g.port()).send(post(b"Content-Length: 3", body=b"abc") + post(b"Transfer-Encoding: ChunkeD", body=CHUNKS) + SMUGGLED)
    assert [c.response().body for _ in range(3)] == [b"abc", b"abc", b""]


@pytest.mark.parametrize("name", FRAMING)
def test_framing(proxied, raw, name):
    g, up = proxied(echo)
    refused(g, raw, FRAMING[name], {"bad-framing"} if "vertical" not in name else {"bad-framing", "bad-field"})
    assert not up.requests and not up.connections, "the upstream saw nothing"


@pytest.mark.parametrize("name", FIELDS)
def test_fields(proxied, raw, name):
    g, up = proxied(echo)
    refused(g, raw, FIELDS[name], {"bad-field"})
    assert not up.requests and not up.connections


@pytest.mark.parametrize("name", LINES)
def test_request_lines(proxied, raw, name):
    g, up = proxied(echo)
    refused(g, raw, LINES[name], {"bad-request-line", "bad-target"})
    assert not up.requests and not up.connections


@pytest.mark.parametrize("name", HOSTS)
def test_hosts(proxied, raw, name):
    g, up = proxied(echo)
    refused(g, raw, HOSTS[name], {"bad-host"})
    assert not up.requests and not up.connections


CHUNK = {
    "no-crlf-after-data": b"3\r\nabcX0\r\n\r\n",
    "lf-after-size": b"3\nabc\r\n0\r\n\r\n",
    "lf-after-data": b"3\r\nabc\n0\r\n\r\n",
    "cr-after-size": b"3\rabc\r\n0\r\n\r\n",
    "negative": b"-3\r\nabc\r\n0\r\n\r\n",
    "plus": b"+3\r\nabc\r\n0\r\n\r\n",
    "prefix": b"0x3\r\nabc\r\n0\r\n\r\n",
    "blank-before-size": b" 3\r\nabc\r\n0\r\n\r\n",
    "blank-after-size": b"3 \r\nabc\r\n0\r\n\r\n",
    "not-hexadecimal": b"g\r\nabc\r\n0\r\n\r\n",
    "empty-size": b"\r\nabc\r\n0\r\n\r\n",
    "no-size": b";a=b\r\nabc\r\n0\r\n\r\n",
    "too-many-digits": b"00000000000000003\r\nabc\r\n0\r\n\r\n",
    "overflow": b"10000000000000003\r\nabc\r\n0\r\n\r\n",
    "size-too-small": b"2\r\nabc\r\n0\r\n\r\n",
    "nul-in-extension": b"3;a=\0\r\nabc\r\n0\r\n\r\n",
    "lf-in-extension": b"3;a\nb\r\nabc\r\n0\r\n\r\n",
    "cr-in-extension": b"3;a\rb\r\nabc\r\n0\r\n\r\n",
    "long-extension": b"3;" + b"a" * 5000 + b"\r\nabc\r\n0\r\n\r\n",
    "junk-after-last": b"3\r\nabc\r\n0\r\nGET /smuggled HTTP/1.1\r\n\r\n",
    "lf-at-the-end": b"3\r\nabc\r\n0\r\n\n",
}


@pytest.mark.parametrize("name", CHUNK)
def test_chunks(proxied, raw, name):
    """The head is good and is forwarded; when the body turns out bad, the upstream must not take it for whole."""
    g, up = proxied(echo)
    refused(g, raw, post(b"Transfer-Encoding: chunked", body=CHUNK[name]), {"bad-chunk"})
    assert not up.requests, "an incomplete request was never complete at the upstream"


def test_chunks_after_the_answer_began(proxied, raw):
    """Too late for a 400: the connection ends, and the response is not passed off as whole."""
    def early(peer, _request=None):
        peer.reader.take_until(b"\r\n\r\n")
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")
        peer.pause(2)
        peer.close()
    g, up = proxied()
    up.on_accept = early
    c = raw(g.port()).send(post(b"Transfer-Encoding: chunked", body=b"3\r\nabc\r\n"))
    assert c.response_head().status == 200 and c.recv(4) == b"part"
    c.send("XX\r\n")
    c.assert_closed(2)


def test_what_follows_a_body_is_the_next_request(proxied, raw):
    """Content-Length decides, not what the bytes look like."""
    g, up = proxied(echo)
    body = SMUGGLED
    c = raw(g.port()).send(post(b"Content-Length: %d" % len(body), body=body) + post(b"Content-Length: 0"))
    assert c.response().body == body and c.response().body == b""
    assert [r.target for r in up.requests] == ["/x", "/x"]


def test_responses_cannot_be_split(proxied, raw):
    """A CR or LF inside a field of a response is refused: no second response comes of it."""
    for bad in (b"X-A: a\rb", b"X-A: a\nX-B: c", b"X-A: a\0b"):
        g, _ = proxied(raw_bytes(b"HTTP/1.1 200 OK\r\n" + bad + b"\r\nContent-Length: 2\r\n\r\nok"))
        r = raw(g.port()).get()
        assert r.status == 502 and b"upstream-bad-head" in r.body
