"""Responses that have no body, whatever their fields say."""
import pytest

from kit.origin import raw as raw_bytes, reply


@pytest.mark.parametrize("head, want", [
    (b"Content-Length: 1234\r\n", "1234"),
    (b"Transfer-Encoding: chunked\r\n", None),
    (b"", None),
])
def test_head(proxied, raw, head, want):
    g, up = proxied(raw_bytes(b"HTTP/1.1 200 OK\r\nETag: \"a\"\r\n" + head + b"\r\n"))
    c = raw(g.port())
    for _ in range(2):
        r = c.request("HEAD", "/").response("HEAD")
        assert r.status == 200 and r.header("ETag") == '"a"'
        assert r.header("Content-Length") == want, "the length a GET would have had"
        assert c.is_quiet(0.05), "and no byte of it"
    assert up.connections == 1


def test_head_of_an_answer_of_its_own(proxied, raw):
    g, _ = proxied()
    g2 = raw(g.port())
    r = g2.request("HEAD", "/../..").response("HEAD")
    assert r.status == 400
    g2.assert_closed()


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_a_body(proxied, raw, status):
    g, up = proxied([reply(status, b"", [("ETag", '"x"')]), reply(200, b"next")])
    c = raw(g.port())
    r = c.get()
    assert r.status == status and r.header("ETag") == '"x"'
    assert "transfer-encoding" not in r.fields
    assert c.get().body == b"next"
    assert up.connections == 1


def test_304_keeps_its_length(proxied, raw):
    g, _ = proxied([raw_bytes(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 55\r\n\r\n"), reply(200, b"next")])
    c = raw(g.port())
    assert c.get().header("Content-Length") == "55"
    assert c.get().body == b"next"


def test_204_loses_its_length(proxied, raw):
    g, up = proxied([raw_bytes(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"), reply(200, b"next")])
    c = raw(g.port())
    assert "content-length" not in c.get().fields, "RFC 9110 8.6"
    assert c.get().body == b"next"


def test_an_empty_body_of_known_length(proxied, raw):
    g, _ = proxied(reply(200, b""))
    r = raw(g.port()).get()
    assert r.header("Content-Length") == "0" and r.framing == "length"
