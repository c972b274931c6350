"""Answers that come while the request is still on its way."""
import threading

import pytest

from kit.bulk import take
from kit.origin import reply


def early(status, body=b"no", then="close", read=0):
    """Answers after the head and `read` bytes of the body."""
    def accept(peer):
        peer.reader.take_until(b"\r\n\r\n")
        if read:
            peer.reader.take(read)
        close = b"Connection: close\r\n" if then == "close" else b""
        peer.send(b"HTTP/1.1 %d Early\r\nContent-Length: %d\r\n%s\r\n%s" % (status, len(body), close, body))
        if then == "close":
            peer.close()
        elif then == "read":
            take(peer.sock, 1 << 40)
        else:
            peer.stopped.wait(3)
    return accept


@pytest.mark.parametrize("status", [200, 413, 401])
@pytest.mark.parametrize("then", ["close", "read", "stay"])
def test_a_large_upload_is_answered_early(proxied, raw, status, then):
    g, up = proxied()
    up.on_accept = early(status, then=then)
    c = raw(g.port()).request("POST", "/", [("Content-Length", str(200 << 20))])

    def send():
        try:
            for _ in range(200):
                c.sock.sendall(b"\0" * (1 << 20))
        except OSError:
            pass
    t = threading.Thread(target=send, daemon=True)
    t.start()
    r = c.response()
    assert r.status == status and r.body == b"no", "the answer arrives though nobody reads the rest of the request"
    assert r.header("Connection") == "close"
    t.join(1.5)
    assert not t.is_alive(), "the client is not left hanging: what it still sends is read and thrown away"


def test_a_small_rest_keeps_the_connection(proxied, raw):
    g, up = proxied(reply(200, b"next"))
    up.on_accept = early(413)
    c = raw(g.port()).request("POST", "/", [("Content-Length", "1000")])
    r = c.response()
    assert r.status == 413 and r.body == b"no"
    up.on_accept = None
    c.send(b"x" * 1000)
    assert c.get().body == b"next", "the rest was read and thrown away"


def test_the_upstream_connection_is_not_used_again(proxied, raw):
    """Its server still waits for the rest of the request."""
    g, up = proxied(reply(200, b"fresh"))
    up.on_accept = early(200, then="stay")
    c = raw(g.port()).request("POST", "/", [("Content-Length", "10")])
    assert c.response().status == 200
    up.on_accept = None
    assert raw(g.port()).get().body == b"fresh"
    assert up.connections == 2


def test_the_answer_ends_while_the_body_trickles(proxied, raw):
    g, up = proxied()
    up.on_accept = early(200, body=b"done", then="stay", read=3)
    c = raw(g.port()).request("POST", "/", [("Transfer-Encoding", "chunked")]).send("3\r\nabc\r\n")
    r = c.response()
    assert r.body == b"done" and r.header("Connection") == "close"
    c.assert_closed()
