"""Another try where that is safe, and none where it is not (RFC 9110 9.2.2)."""
import json
import time

import pytest

from kit.configs import proxy
from kit.message import read_request
from kit.origin import abort, drop, echo, hang, raw as raw_bytes, reply
from kit.process import wait_for

TWO = dict(servers=("@a@", "@b@"))


def code(r):
    return json.loads(r.body)["type"].rpartition(":")[2]


def stale(behaviour):
    """Answers the first request of each connection, and does this to the second."""
    def behave(peer, request):
        peer.count = getattr(peer, "count", 0) + 1
        (reply(200, b"first") if peer.count == 1 else behaviour)(peer, request)
    return behave


@pytest.mark.parametrize("how", [drop, abort])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_a_stale_connection_is_not_noticed(proxied, raw, how, method):
    g, up = proxied(stale(how), upstream="retries: 0")
    c = raw(g.port())
    for _ in range(3):
        r = c.request(method, "/").response(method)
        assert r.status == 200, "the server closed a kept connection: the request goes on a fresh one"


@pytest.mark.parametrize("how, want", [(drop, "upstream-closed"), (abort, "upstream-reset")])
@pytest.mark.parametrize("method", ["POST", "PATCH", "LOCK"])
def test_what_may_have_had_an_effect_is_not_repeated(proxied, raw, how, want, method):
    g, up = proxied(stale(how), upstream="retries: 2")
    c = raw(g.port())
    assert c.request(method, "/").response().status == 200
    r = c.request(method, "/").response()
    assert r.status == 502 and code(r) == want
    assert len(up.requests) == 2, "sent once and not again"


def test_a_closed_idle_connection_is_not_used(proxied, raw):
    """The server closes idle connections; the gateway sees that before it chooses one, whatever the method."""
    def behave(peer, request):
        reply(200, b"x")(peer, request)
        peer.pause(0.02)
        peer.close()
    g, up = proxied(behave, upstream="retries: 0")
    c = raw(g.port())
    for _ in range(5):
        assert c.request("POST", "/", body=b"x").response().status == 200
        wait_for(lambda: up.open == 0, 2, "the connection to be closed")


def test_a_request_whose_body_went_is_not_repeated(gateway, origin, raw):
    up = origin(stale(drop))
    g = gateway(proxy(upstream="retries: 2"), app=up.port)
    c = raw(g.port())
    assert c.request("PUT", "/", body=b"one").response().status == 200
    r = c.request("PUT", "/", body=b"two").response()
    assert r.status == 502, "its body is gone: streamed, not kept"


class SlowHandshakes:
    """A TLS context that takes its time from the second connection on."""

    def __init__(self, context):
        self.context, self.count = context, 0

    def wrap_socket(self, sock, **kw):
        self.count += 1
        if self.count > 1:
            time.sleep(0.3)
        return self.context.wrap_socket(sock, **kw)


def test_a_late_body_survives_the_retry(gateway, origin, ca, server_cert, raw):
    """A kept connection closes between the head of a request and its body, which comes while the next one is made."""
    def accept(peer):
        if peer.number > 1:
            return
        read_request(peer.reader)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        peer.reader.take_until(b"\r\n\r\n")
        peer.close()
    tls = SlowHandshakes(server_cert.server_context())
    up = origin(echo, tls=tls, on_accept=accept)
    g = gateway(proxy(servers=['"localhost:@app@"'], upstream=f"tls: {{ ca: {ca.path} }}, retries: 0"), app=up.port)
    c = raw(g.port())
    assert c.get().status == 200
    c.request("PUT", "/", [("Content-Length", "4")])
    wait_for(lambda: tls.count == 2, 5, "the gateway to try again")
    r = c.send("body").response()
    assert r.status == 200 and r.body == b"body", "whole, on the second connection"


def test_a_dead_server_is_passed_over(gateway, origin, free_port):
    up = origin(echo)
    g = gateway(proxy(**TWO), a=free_port(), b=up.port)
    for i in range(10):
        assert g.request("POST", "/", body=b"x").status == 200, "nothing was sent to the dead one: any method may go on"


@pytest.mark.parametrize("how", [drop, abort])
def test_idempotent_requests_go_on_to_the_next_server(gateway, origin, how):
    bad, good = origin(how), origin(reply(200, b"good"))
    g = gateway(proxy(upstream="health: { failures: 0 }", **TWO), a=bad.port, b=good.port)
    for _ in range(10):
        assert g.get().body == b"good"
    assert bad.requests, "the bad one was asked as well"


def test_answers_of_any_status_are_answers(gateway, origin):
    bad, good = origin(reply(500, b"bad")), origin(reply(200, b"good"))
    g = gateway(proxy(**TWO), a=bad.port, b=good.port)
    assert {g.get().status for _ in range(10)} == {200, 500}


def test_a_slow_answer_is_not_asked_for_again(gateway, origin):
    slow, other = origin(hang), origin(hang)
    g = gateway(proxy(upstream="timeouts: { response: 100ms }", **TWO), a=slow.port, b=other.port)
    assert g.get().status == 504
    assert len(slow.requests) + len(other.requests) == 1, "it may still be at work on it"


def test_half_a_head_is_asked_for_again(gateway, origin):
    """The client has seen nothing of it."""
    half, other = origin(raw_bytes(b"HTTP/1.1 200 O", close=True)), origin(raw_bytes(b"HTTP/1.1 200 O", close=True))
    g = gateway(proxy(**TWO), a=half.port, b=other.port)
    assert g.get().status == 502
    assert (len(half.requests), len(other.requests)) == (1, 1)
    other.behave(reply(200, b"whole"))
    assert {g.get().text for _ in range(4)} == {"whole"}
    assert g.request("POST", "/", body=b"x").status in (200, 502), "a POST is sent once"
    assert len(half.requests) + len(other.requests) <= 2 + 8 + 1


def test_half_a_body_is_not_asked_for_again(gateway, origin):
    half = raw_bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", close=True)
    one, other = origin(half), origin(half)
    g = gateway(proxy(**TWO), a=one.port, b=other.port)
    with g.connect() as c:
        c.request("GET", "/")
        assert c.response_head().status == 200
        c.rest()        # or the client may be the first who leaves
    assert g.access(1)[0]["reason"] == "upstream-truncated"
    assert len(one.requests) + len(other.requests) == 1


def test_retries_are_bounded(gateway, origin):
    ups = [origin(drop) for _ in range(4)]
    g = gateway(proxy(servers=("@a@", "@b@", "@c@", "@d@"), upstream="retries: 1, health: { failures: 0 }"),
                **{n: u.port for n, u in zip("abcd", ups)})
    r = g.get()
    assert r.status == 502 and code(r) == "upstream-closed"
    assert sum(len(u.requests) for u in ups) == 2


def test_none_left(gateway, free_port):
    r = gateway(proxy(**TWO), a=free_port(), b=free_port()).get()
    assert r.status == 502 and code(r) == "connect-failed"
