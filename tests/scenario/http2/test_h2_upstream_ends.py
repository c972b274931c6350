"""Servers of HTTP/2 that refuse, reset, leave, stall and lie: what the client gets, and what is tried again."""
import threading
import time

import h2.errors
import pytest

from kit.configs import proxy
from kit.h2origin import answer, echo, hold, reset
from kit.memory import assert_below
from kit.message import Malformed
from kit.process import wait_for

H2 = "protocols: [h2, http/1.1]"
REFUSED, CANCEL = h2.errors.ErrorCodes.REFUSED_STREAM, h2.errors.ErrorCodes.CANCEL
INTERNAL = h2.errors.ErrorCodes.INTERNAL_ERROR


@pytest.fixture
def behind(proxied, h2_origin):
    def start(behaviours=None, upstream="", **kw):
        up = h2_origin(behaviours, **kw)
        g, _ = proxied(up=up, listener=H2, upstream="protocol: h2c" + (", " + upstream if upstream else ""))
        return g, up
    return start


@pytest.fixture
def two_behind(gateway, h2_origin):
    """(gateway, first, second): servers that are asked in turn."""
    def start(first, second, upstream=""):
        a, b = h2_origin(first), h2_origin(second)
        config = proxy(H2, "protocol: h2c" + (", " + upstream if upstream else ""), servers=("@a@", "@b@"))
        return gateway(config, a=a.port, b=b.port), a, b
    return start


# ---- tried again ----


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_refused_is_tried_again(behind, raw, method):
    """The server did nothing: whatever the method, another connection may succeed."""
    g, up = behind([reset(REFUSED), reset(REFUSED), echo])
    body = b"x" * 50000 if method == "POST" else None
    r = raw(g.port()).request(method, "/", body=body).response(method)
    assert (r.status, r.body) == (200, body or b"")
    assert [q.method for q in up.requests] == [method] * 3
    assert len({q.connection for q in up.requests}) == 3
    assert g.access(1)[0]["status"] == 200


def test_refused_for_ever(behind, raw):
    g, up = behind(reset(REFUSED))
    r = raw(g.port()).get()
    assert r.status == 503
    assert g.access(1)[0]["reason"] == "upstream-refused"
    assert 2 <= len(up.requests) <= 8  # bounded


def test_a_long_body_is_not_kept(behind, raw):
    """What is longer than the gateway keeps cannot be sent again."""
    def late(stream, request):
        if request.path != "/late":
            stream.respond(200, [], b"ok")
    g, up = behind(hold, window=1 << 20)
    c = raw(g.port()).request("POST", "/", body=b"x" * 200000)
    wait_for(lambda: up.requests and up.requests[0].complete, what="the body")
    up.streams[0].reset(REFUSED)
    assert c.response("POST").status == 503
    assert len(up.requests) == 1
    assert g.access(1)[0]["reason"] == "upstream-refused"


def test_aborted_goes_to_another_server(two_behind, raw):
    g, a, b = two_behind(reset(INTERNAL), answer(200, b"b"))
    c = raw(g.port())
    for _ in range(4):
        assert c.get().body == b"b"
    assert a.requests


def test_aborted_post_is_not_tried_again(two_behind, raw):
    g, a, b = two_behind(reset(INTERNAL), reset(INTERNAL))
    r = raw(g.port()).request("POST", "/", body=b"x").response("POST")
    assert r.status == 502
    assert len(a.requests) + len(b.requests) == 1
    assert g.access(1)[0]["reason"] == "upstream-aborted"


def test_goaway_in_the_middle(behind, h2):
    """Streams the server has seen finish there; the others go elsewhere, POSTs as well."""
    g, up = behind(hold)
    c = h2(g.port(), tls=False)
    seen = [c.start("GET", f"/seen/{i}") for i in range(3)]
    up.wait(3)
    first = up.connections[0]
    assert {q.connection for q in up.requests} == {1}
    unseen = [c.start("POST", f"/unseen/{i}", end=False) for i in range(3)]
    for s in unseen:
        c.data(s, b"body")
    up.wait(6)
    up.behave(echo)
    first.goaway(last=5)
    for s in unseen:
        r = c.finish(s)
        assert (r.status, r.body) == (200, b"body")
    for s in up.streams[:3]:
        s.respond(200, [], b"from the first")
    for s in seen:
        assert c.finish(s).body == b"from the first"
    wait_for(lambda: first not in up.open, what="the first connection to close")
    assert len(up.connections) == 2 and not up.errors


@pytest.mark.parametrize("clients", ["h1", "h2"])
def test_goaway_under_load(behind, gateway, raw, h2, clients):
    """Every connection ends after some requests, with others on their way: none is lost, none is dealt with twice."""
    lock, done = threading.Lock(), []

    def some(stream, request):
        c = stream.connection
        with lock:
            if c.requests >= 25 and not hasattr(c, "limit"):
                c.limit = stream.id
                c.goaway(last=stream.id)
            if stream.id > getattr(c, "limit", 1 << 31):
                return  # said so
            done.append(request.path)
        stream.respond(200, [], request.path.encode())
        if getattr(c, "limit", None) and c.requests > 60:
            c.close()
    g, up = behind(some, takes_bodies=True)
    failures, n = [], 60

    def client(k):
        try:
            if clients == "h2":
                c = h2(g.port(), tls=False)
                for i in range(0, n, 10):
                    streams = [c.start("GET", f"/{k}/{i + j}") for j in range(10)]
                    for j, s in enumerate(streams):
                        r = c.finish(s)
                        if (r.status, r.body) != (200, f"/{k}/{i + j}".encode()):
                            failures.append(r)
            else:
                c = raw(g.port())
                for i in range(n):
                    r = c.request("POST", f"/{k}/{i}", body=b"b" * 100).response("POST")
                    if (r.status, r.body) != (200, f"/{k}/{i}".encode()):
                        failures.append(r)
        except Exception as e:  # noqa: BLE001
            failures.append(e)
    threads = [threading.Thread(target=client, args=(k,), daemon=True) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert not failures, (failures[:3], g.access()[-3:])
    assert sorted(done) == sorted(f"/{k}/{i}" for k in range(8) for i in range(n))
    assert len(up.connections) > 8


def test_a_connection_that_drops(behind, h2):
    """All requests on it were idempotent and unanswered: they are sent again, over one new connection."""
    g, up = behind([answer(200)] + [hold])
    c = h2(g.port(), tls=False)
    assert c.get("/first").status == 200
    streams = [c.start("GET", f"/{i}") for i in range(10)]
    up.wait(11)
    up.behave(answer(200, b"again"))
    up.connections[0].close()
    for s in streams:
        assert c.finish(s).body == b"again"
    assert len(up.connections) == 2


# ---- what the client sees ----


def test_cut_response(behind, raw, h2):
    def cut(stream, _request):
        stream.head(200, [("content-length", "10")])
        stream.data(b"some")
        stream.reset(INTERNAL)
    g, _ = behind(cut)
    c = raw(g.port()).request("GET", "/")
    with pytest.raises(Malformed):
        c.response()
    r = h2(g.port(), tls=False).get("/")
    assert r.reset is not None and r.body in (b"", b"some")
    assert {line["reason"] for line in g.access(2)} == {"upstream-truncated"}


@pytest.mark.parametrize("fields, reason", [
    ([(":status", "200"), ("X-Upper", "b")], "upstream-bad-head"),
    ([(":status", "200"), ("x-a", "b\r\nx-evil: c")], "upstream-bad-head"),
    ([(":status", "200"), ("connection", "close")], "upstream-bad-head"),
    ([("x-a", "b")], "upstream-bad-head"),
    ([(":status", "101")], "upstream-bad-head"),
    ([(":status", "200"), ("content-length", "1"), ("content-length", "2")], "upstream-bad-framing"),
    ([(":status", "200"), ("x-a", "b" * 70000)], "upstream-head-too-large"),
])
def test_bad_heads(behind, raw, fields, reason):
    def bad(stream, _request):
        stream.connection.act(lambda c: c.send_headers(stream.id, fields))
    g, up = behind([bad, answer(200, b"fine")])
    c = raw(g.port())
    assert c.get().status == 502
    assert c.get().body == b"fine"
    assert g.access(1)[0]["reason"] == reason
    assert len(up.connections) == 1  # one bad answer does not cost the others their connection


@pytest.mark.parametrize("garbage", [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"\xff" * 64, b"\0\0\x05\x04\0\0\0\0\0abcde"])
def test_garbage(behind, raw, garbage):
    def bad(stream, _request):
        stream.connection.send_raw(garbage)
    g, up = behind([bad, answer(200, b"fine")], upstream="retries: 0")
    c = raw(g.port())
    assert c.request("POST", "/", body=b"").response("POST").status == 502
    assert c.get().body == b"fine"
    assert g.access(1)[0]["reason"] == "upstream-protocol"


def test_timeout_of_one(behind, h2):
    """The connection, and what else it carries, is not concerned."""
    def some(stream, request):
        if request.path == "/lively":
            stream.head(200)
            for i in range(12):
                threading.Timer(0.05 * i, stream.data, [b"."]).start()
            threading.Timer(0.65, stream.end).start()
    g, up = behind(some, upstream="timeouts: { response: 200ms }, retries: 0")
    c = h2(g.port(), tls=False)
    lively, silent = c.start("GET", "/lively"), c.start("GET", "/silent")
    assert c.finish(silent).status == 504
    r = c.finish(lively)
    assert (r.status, r.body) == (200, b"." * 12)
    wait_for(lambda: up.requests[1].reset == CANCEL, what="the reset")
    assert len(up.connections) == 1


def test_a_dead_server(behind, raw):
    g, up = behind([answer(200), hold, answer(200, b"alive")], upstream="timeouts: { response: 200ms }, retries: 0")
    c = raw(g.port())
    assert c.get().status == 200
    time.sleep(0.1)  # whatever the server had to say
    assert c.get().status == 504
    assert c.get().body == b"alive"
    assert len(up.connections) == 2  # nothing at all was heard on the first any more


def test_a_client_that_leaves(behind, raw, h2):
    g, up = behind(hold)
    c = h2(g.port(), tls=False)
    s = c.start("GET", "/")
    up.wait(1)
    c.reset(s)
    wait_for(lambda: up.requests[0].reset == CANCEL, what="the reset")
    other = raw(g.port()).request("GET", "/")
    up.wait(2)
    other.reset()
    wait_for(lambda: up.requests[1].reset == CANCEL, what="the reset")
    assert len(up.connections) <= 2 and len(up.open) == len(up.connections)


def test_floods(behind, raw):
    def flood(stream, _request):
        stream.connection.send_raw(b"\0\0\x08\x06\0\0\0\0\0xxxxxxxx" * 50000)
    g, up = behind([flood, answer(200, b"fine")], upstream="retries: 0")
    c = raw(g.port())
    assert c.request("POST", "/", body=b"").response("POST").status == 502
    assert c.get().body == b"fine"
    assert_below(g.rss(), 200 << 20)


# ---- configurations ----


def test_reload_under_load(behind, h2):
    """The connection carries over; with other settings it ends when its requests do. No request fails."""
    g, up = behind(echo)
    failures, stop = [], threading.Event()

    def client():
        try:
            c = h2(g.port(), tls=False)
            while not stop.is_set():
                for s in [c.start("GET", f"/{i}") for i in range(5)]:
                    r = c.finish(s)
                    if r.status != 200:
                        failures.append(r)
                if c.goaway:
                    c = h2(g.port(), tls=False)
        except Exception as e:  # noqa: BLE001
            failures.append(e)
    threads = [threading.Thread(target=client, daemon=True) for _ in range(4)]
    for t in threads:
        t.start()
    up.wait(50)
    before = len(up.connections)
    for _ in range(3):
        g.reload(proxy(H2, "protocol: h2c"))
    time.sleep(0.2)
    assert len(up.connections) == before
    g.reload(proxy(H2, "protocol: h2c, max_streams: 50"))
    wait_for(lambda: len(up.connections) > before, what="new connections")
    time.sleep(0.2)
    stop.set()
    for t in threads:
        t.join(20)
    assert not failures, failures[:3]
    wait_for(lambda: len(up.open) <= len(up.connections) - before, what="the old connections to close")
    assert not up.errors


def test_stop_with_requests_in_progress(behind, raw):
    g, up = behind(hold)
    c = raw(g.port()).request("GET", "/")
    up.wait(1)
    threading.Timer(0.3, lambda: up.streams[0].respond(200, [], b"late")).start()
    t = threading.Thread(target=g.stop, daemon=True)
    t.start()
    assert c.response().body == b"late"
    t.join(10)
