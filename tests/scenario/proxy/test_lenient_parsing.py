"""Responses that depart from the standard: what is always taken, what `parsing: lenient` takes, and what nobody may take. And
that every refusal says in the log which line, field or byte it was."""
import socket
import threading

import pytest

from kit.configs import proxy
from kit.message import Malformed
from kit.origin import raw as raw_bytes, reply

ALONE = "retries: 0"
LENIENT = "retries: 0, parsing: lenient"
OK = b"HTTP/1.1 200 OK\r\n"

HARMLESS = {
    "blanks behind a chunk size": OK + b"Transfer-Encoding: chunked\r\n\r\n3  \r\nabc\r\n0 \t\r\n\r\n",
    "equal lengths": OK + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "a list of equal lengths": OK + b"Content-Length: 3, 3\r\n\r\nabc",
}
LENIENTLY = {
    "LF alone": b"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc",
    "LF alone in chunks": b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n3\nabc\n0\n\n",
    "blank lines first": b"\r\n\n" + OK + b"Content-Length: 3\r\n\r\nabc",
    "a control byte": OK + b"X-A: a\x01b\r\nContent-Length: 3\r\n\r\nabc",
    "bytes behind the end": OK + b"Content-Length: 3\r\n\r\nabcdef",
    "bytes behind the last chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\r\n",
}
NEVER = {
    "length and chunked": OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "different lengths": OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "a CR within a value": OK + b"X-A: a\rb\r\nContent-Length: 3\r\n\r\nabc",
    "a NUL": OK + b"X-A: a\0b\r\nContent-Length: 3\r\n\r\nabc",
    "a folded line": OK + b"X-A: a\r\n b\r\nContent-Length: 3\r\n\r\nabc",
    "a blank before the colon": OK + b"Content-Length : 3\r\n\r\nabc",
    "five blank lines": b"\r\n" * 5 + OK + b"Content-Length: 3\r\n\r\nabc",
    "not HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
}


@pytest.mark.parametrize("parsing", ["strict", "lenient"])
@pytest.mark.parametrize("name", HARMLESS)
def test_harmless_departures_are_always_taken(proxied, name, parsing):
    g, _ = proxied(raw_bytes(HARMLESS[name]), upstream=f"retries: 0, parsing: {parsing}")
    for _ in range(2):
        r = g.get()
        assert (r.status, r.body) == (200, b"abc")
        assert len(r.fields.all("content-length")) <= 1


@pytest.mark.parametrize("name", LENIENTLY)
def test_lenient_takes_what_strict_refuses(proxied, raw, name):
    g, _ = proxied([raw_bytes(LENIENTLY[name]), reply(200, b"next")], upstream=LENIENT)
    c = raw(g.port())
    r = c.get()
    assert (r.status, r.body) == (200, b"abc")
    assert all(ord(ch) >= 0x20 for _, v in r.fields for ch in v), "no control byte goes on"
    assert c.get().body == b"next", "what was too much is no answer to the next request"


@pytest.mark.parametrize("name", LENIENTLY)
def test_strict_refuses_and_says_why(proxied, raw, name):
    g, _ = proxied(raw_bytes(LENIENTLY[name]), upstream=ALONE)
    try:
        raw(g.port()).request("GET", "/").response()
    except (Malformed, OSError):
        pass  # it had begun
    line = g.access(1)[0]
    assert line["reason"].startswith("upstream-bad-") and "`parsing: lenient` takes it" in line["detail"], line


@pytest.mark.parametrize("parsing", ["strict", "lenient"])
@pytest.mark.parametrize("name", NEVER)
def test_what_could_be_read_in_two_ways_is_always_refused(proxied, name, parsing):
    g, _ = proxied(raw_bytes(NEVER[name]), upstream=f"retries: 0, parsing: {parsing}")
    assert g.get().status == 502
    assert g.access(1)[0]["detail"]


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_a_lenient_reader_throws_a_forbidden_body_away(proxied, raw, status):
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    g, up = proxied([raw_bytes(b"HTTP/1.1 " + status + b"\r\n\r\n" + evil), reply(200, b"good")], upstream=LENIENT)
    c = raw(g.port())
    assert c.get().status == int(status[:3])
    for _ in range(3):
        assert c.get().body == b"good"
    assert up.connections == 2, "that connection was not used again"


@pytest.mark.parametrize("status", [600, 999])
def test_a_status_above_599(proxied, status):
    behave = raw_bytes(b"HTTP/1.1 %d Odd\r\nContent-Length: 0\r\n\r\n" % status)
    g, _ = proxied(behave, upstream=LENIENT)
    assert g.get().status == status
    assert g.access(1)[0]["status"] == status
    assert g.metrics()['sluice_route_requests_total{route="all",status="5xx"}'] == 1, "counts as 5xx (RFC 9110 15)"


@pytest.mark.parametrize("answer, words", [
    (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 'line 1 is no status line: it begins with "SSH-2.0-OpenSSH_"'),
    (OK + b"A: b\r\nSet-Cookie: s3cr3t\x01\r\n\r\n", "line 3, field Set-Cookie: byte 0x01 at 19"),
    (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", "line 3: a second Content-Length"),
    (OK + b"Content-Length: 2\r\n\r\nabc", "1 bytes behind the end of the body"),
    (OK + b"Content-Length: 9\r\n\r\nabc", "6 bytes of the body are missing"),
    (OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", "the size of a chunk: byte 0x78"),
    (b"HTTP/1.1 204 No\r\n\r\nabc", "3 bytes behind a response 204, which has no body here"),
    (b"\x15\x03\x01\x00\x02\x02\x46", "the server speaks TLS: give the upstream a block `tls`"),
    (b"\0\0\x06\4\0\0\0\0\0\0\0\0\0\0\0", "the server speaks HTTP/2: write `protocol: h2c`"),
], ids=lambda v: v if isinstance(v, str) else "")
def test_a_refused_response_is_explained_in_the_log(proxied, raw, answer, words):
    g, _ = proxied(raw_bytes(answer, close=True), upstream=ALONE)
    try:
        raw(g.port()).request("GET", "/").response()
    except (Malformed, OSError):
        pass
    line = g.access(1)[0]
    assert words in line["detail"], line
    assert "s3cr3t" not in g.access_path.read_text() + g.log(), "values of fields are not quoted"


@pytest.mark.parametrize("answer, words", [
    (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "the server answers in HTTP/1: write `protocol: http/1.1`"),
    (b"", "the connection ended before the SETTINGS of HTTP/2: does the server speak it?"),
])
def test_http2_to_a_server_of_http1_is_explained(gateway, answer, words):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            peer, _ = listener.accept()
            with peer:
                peer.recv(65536)
                peer.sendall(answer)
        thread = threading.Thread(target=serve)
        thread.start()
        g = gateway(proxy(upstream="retries: 0, protocol: h2c"), app=listener.getsockname()[1])
        assert g.get().status == 502
        thread.join()
    assert g.access(1)[0]["detail"] == words


def test_why_a_server_cannot_be_reached_stands_in_its_line(gateway, free_port):
    g = gateway(proxy(), app=free_port())
    assert g.get().status == 502
    assert g.access(1)[0]["detail"] == "Connection refused"
