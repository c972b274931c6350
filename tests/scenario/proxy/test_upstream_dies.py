"""Upstreams that fail at every point: what the client is told, and that it never takes half a response for whole."""
import json
import threading
import time

import pytest

from kit.bulk import take
from kit.configs import PROXY, proxy
from kit.message import Malformed
from kit.origin import abort, drop, hang, raw as raw_bytes

ALONE = "retries: 0"


def code(r):
    return json.loads(r.body)["type"].rpartition(":")[2]


def failed(g, status, want, method="GET"):
    r = g.request(method)
    assert (r.status, code(r)) == (status, want)


def cut_short(g, raw, got=b""):
    """The client sees a head, perhaps some of the body, and then that it is not all."""
    c = raw(g.port()).request("GET", "/")
    head = c.response_head()
    assert head.status == 200
    with pytest.raises((Malformed, ConnectionResetError)):
        if "content-length" in head.fields:
            c.recv(int(head.header("Content-Length")))
        else:
            rest = c.rest()
            assert got in rest
            assert rest.endswith(b"0\r\n\r\n") is False, "passed off as whole"
            raise Malformed("ended without its last chunk")
    return head


def test_nobody_listens(gateway, free_port):
    failed(gateway(PROXY, app=free_port()), 502, "connect-failed")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("how, want", [(drop, "upstream-closed"), (abort, "upstream-reset")])
def test_before_the_head(proxied, method, how, want):
    g, up = proxied(how, upstream=ALONE)
    failed(g, 502, want, method)


@pytest.mark.parametrize("reset, want", [(False, "upstream-closed"), (True, "upstream-reset")])
@pytest.mark.parametrize("part", [b"HTTP/1.1 200 OK\r\nContent-Le", b"H", b"HTTP/1.1 200 OK\r\n"])
def test_in_the_middle_of_the_head(proxied, reset, want, part):
    g, _ = proxied(raw_bytes(part, close=not reset, reset=reset), upstream=ALONE)
    r = g.get()
    assert r.status == 502 and code(r) in (want, "upstream-closed" if reset else want)


def test_after_interim_responses(proxied):
    g, _ = proxied(raw_bytes(b"HTTP/1.1 103 Early Hints\r\n\r\n", close=True), upstream=ALONE)
    r = g.get()
    assert [i.status for i in r.interim] == [103] and r.status == 502 and code(r) == "upstream-closed"


@pytest.mark.parametrize("reset", [False, True])
def test_in_a_body_of_known_length(proxied, raw, reset):
    g, _ = proxied(raw_bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", close=not reset, reset=reset))
    cut_short(g, raw)


@pytest.mark.parametrize("part", [b"", b"5\r\nabc", b"3\r\nabc\r\n", b"3\r\nabc\r\n0\r\n", b"3\r\nabc\r\n0\r\nX-T: 1\r\n", b"3"])
@pytest.mark.parametrize("reset", [False, True])
def test_in_a_chunked_body(proxied, raw, part, reset):
    g, _ = proxied(raw_bytes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + part, close=not reset, reset=reset))
    cut_short(g, raw)


def test_a_body_that_ends_with_the_connection_is_reset(proxied, raw):
    """Nothing else tells a client of HTTP/1.0 that it is not whole."""
    def behave(peer, _request):
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        peer.pause(0.1)
        peer.close()
    g, _ = proxied(behave)
    c = raw(g.port()).send("GET / HTTP/1.0\r\n\r\n")
    assert c.response_head().status == 200
    with pytest.raises(ConnectionResetError):
        c.rest()


def test_reset_of_a_body_that_ends_with_the_connection(proxied, raw):
    def behave(peer, _request):
        peer.send(b"HTTP/1.1 200 OK\r\n\r\npart")
        peer.pause(0.1)
        peer.reset()
    g, _ = proxied(behave)
    c = raw(g.port()).request("GET", "/")
    c.response_head()
    assert not c.rest().endswith(b"0\r\n\r\n"), "a reset is no end"


def test_while_the_request_is_sent(proxied, raw):
    def accept(peer):
        peer.reader.take_until(b"\r\n\r\n")
        peer.reset()
    g, up = proxied(upstream=ALONE)
    up.on_accept = accept
    c = raw(g.port()).request("POST", "/", [("Content-Length", str(50 << 20))])
    try:
        c.send(b"x" * (50 << 20))
    except OSError:
        pass
    r = c.response()
    assert r.status == 502 and code(r) in ("upstream-reset", "upstream-closed")


def test_the_next_request_gets_another_connection(proxied, raw):
    from kit.origin import reply
    g, up = proxied([raw_bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", close=True), reply(200, b"fine")])
    cut_short(g, raw)
    assert g.get().body == b"fine"


# ---- time ----

def test_response_timeout(proxied):
    g, _ = proxied(hang, upstream="timeouts: { response: 150ms }, retries: 0")
    failed(g, 504, "upstream-timeout")


@pytest.mark.parametrize("part", [b"HTTP/1.1 200 OK\r\nConte", b"HTTP/1.1 103 Early Hints\r\n\r\n"])
def test_response_timeout_in_the_head(proxied, part):
    def behave(peer, _request):
        peer.send(part)
        peer.stopped.wait(5)
    g, _ = proxied(behave, upstream="timeouts: { response: 150ms }, retries: 0")
    failed(g, 504, "upstream-timeout")


@pytest.mark.parametrize("framing", [b"Content-Length: 10", b"Transfer-Encoding: chunked"])
def test_stalled_in_the_body(proxied, raw, framing):
    def behave(peer, _request):
        peer.send(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n3\r\nabc\r\n")
        peer.stopped.wait(5)
    g, up = proxied(behave, upstream="timeouts: { response: 150ms }")
    cut_short(g, raw)


def test_connect_timeout(gateway):
    import socket
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = []
        for _ in range(4):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(listener.getsockname())
            fillers.append(s)
        g = gateway(proxy(upstream="timeouts: { connect: 150ms }"), app=listener.getsockname()[1])
        failed(g, 504, "connect-timeout")
        for s in fillers:
            s.close()


def test_an_upstream_that_stops_reading(proxied, raw):
    def accept(peer):
        peer.reader.take_until(b"\r\n\r\n")
        peer.stopped.wait(5)
    g, up = proxied(upstream="timeouts: { response: 200ms }, retries: 0")
    up.on_accept = accept
    c = raw(g.port()).request("POST", "/", [("Content-Length", str(100 << 20))])
    try:
        c.sock.settimeout(3)
        c.send(b"x" * (100 << 20))
    except OSError:
        pass
    c.sock.settimeout(10)
    r = c.response()
    assert r.status == 504 and code(r) == "upstream-timeout"


def test_an_upstream_that_reads_slowly_is_not_timed_out(proxied, raw):
    """It never stands still for as long as the timeout, though all of it takes longer."""
    size = 32 << 20

    def accept(peer):
        peer.reader.take_until(b"\r\n\r\n")
        total = len(peer.reader.buffer)
        while total < size:
            total += take(peer.sock, min(256 << 10, size - total))
            time.sleep(0.005)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        peer.stopped.wait(5)
    g, up = proxied(upstream="timeouts: { response: 300ms }, retries: 0")
    up.on_accept = accept
    c = raw(g.port()).request("POST", "/", [("Content-Length", str(size))])
    threading.Thread(target=lambda: c.send(b"x" * size), daemon=True).start()
    assert c.response().status == 200
