"""The four kinds of call through the gateway, whatever protocol is before and behind it, and how they end."""
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from kit.h2client import H2Client
from kit.h2origin import hold
from kit.process import wait_for

MIB = 1 << 20
CANCEL = 8
CALL = [("content-type", "application/grpc"), ("te", "trailers")]


@pytest.fixture(params=["h2c", "tls"])
def clients(request):
    return request.param


@pytest.fixture(params=["h2c", "h2"])
def upstream(request):
    return request.param


@pytest.fixture
def any_way(called, clients, upstream):
    return called(clients, upstream, upstream="timeouts: { connect: 20s }")


# ---- every way ----


def test_unary(any_way):
    g, up, c = any_way
    assert c.unary("Unary", b"hello") == b"hello"
    assert c.unary("Unary", b"") == b""
    line = g.access(2)[0]
    assert (line["status"], line["grpc_status"], line["protocol"]) == (200, 0, "HTTP/2") and "reason" not in line
    assert line["path"] == "/test.Calls/Unary"
    assert g.metrics()['sluice_grpc_calls_total{route="all",code="OK"}'] == 2


def test_streams(any_way):
    _, up, c = any_way
    assert c.collect("Collect", (b"%d," % i for i in range(500))) == b"".join(b"%d," % i for i in range(500))
    assert [len(m) for m in c.split("Split", b"500 100")] == [100] * 500
    asked = [os.urandom(i * 7 % 900) for i in range(500)]
    assert list(c.chat("Chat", iter(asked))) == asked


def test_each_answers_before_the_next_question(any_way):
    """A conversation: nothing waits in the gateway for what follows."""
    _, _, c = any_way
    turn = threading.Semaphore(1)

    def questions():
        for i in range(50):
            turn.acquire()
            yield b"%d" % i
    for i, answer in enumerate(c.chat("Chat", questions())):
        assert answer == b"%d" % i
        turn.release()


def test_large_messages(any_way):
    _, _, c = any_way
    big = os.urandom(6 * MIB)
    assert c.unary("Unary", big) == big
    assert c.collect("Collect", iter([big[:MIB]] * 8)) == big[:MIB] * 8
    assert sum(len(m) for m in c.split("Split", b"8 1048576")) == 8 * MIB
    assert list(c.chat("Chat", iter([big[:3 * MIB], big[3 * MIB:]]))) == [big[:3 * MIB], big[3 * MIB:]]


def test_metadata(any_way):
    g, up, c = any_way
    sent = (("x-ask", "a, b"), ("ask-bin", bytes(range(256))), ("x-request-id", "mine"))
    answer, call = c.with_call("Metadata", b"m", metadata=sent)
    assert answer == b"m"
    seen = dict(up.seen[0][1])
    assert seen["x-ask"] == "a, b" and seen["ask-bin"] == bytes(range(256)) and seen["x-request-id"] == "mine"
    assert seen["x-forwarded-for"] == "127.0.0.1"
    first = dict(call.initial_metadata())
    assert first["x-first"] == "1" and first["first-bin"] == b"\x01\x00\xfe"
    last = dict(call.trailing_metadata())
    assert (last["x-last"], last["last-bin"]) == ("2", b"\xff\x00")
    # names that mean something else at the head of a response of HTTP
    assert (last["etag"], last["retry-after"], last["location"]) == ("t", "7", "here")
    assert last["x-request-id"] == "of the service"


def test_errors_of_the_service(any_way):
    """Before any message, by trailers alone: nothing is added to them but a date."""
    g, _, c = any_way
    codes = [code for code in grpc.StatusCode if code != grpc.StatusCode.OK]
    for code in codes:
        with pytest.raises(grpc.RpcError) as e:
            c.unary("Fail", f"{code.value[0]} because: 50% é".encode())
        assert (e.value.code(), e.value.details()) == (code, "because: 50% é")
        last = dict(e.value.trailing_metadata())
        assert last.pop("date")
        assert last == {"x-why": "as asked", "why-bin": b"\x00\xff"}
    lines = g.access(len(codes))
    assert [line["grpc_status"] for line in lines] == [code.value[0] for code in codes]
    assert all(line["status"] == 200 and "reason" not in line for line in lines)
    metrics = g.metrics()
    assert all(metrics[f'sluice_grpc_calls_total{{route="all",code="{code.name}"}}'] == 1 for code in codes)


def test_an_error_after_messages(any_way):
    g, _, c = any_way
    got = []
    with pytest.raises(grpc.RpcError) as e:
        for m in c.split("FailLate"):
            got.append(m)
    assert got == [b"one", b"two"]
    assert (e.value.code(), e.value.details()) == (grpc.StatusCode.DATA_LOSS, "it broke: 100% é")
    assert dict(e.value.trailing_metadata())["x-why"] == "late"
    assert g.access(1)[0]["grpc_status"] == 15


def test_compressed_messages(any_way):
    _, up, c = any_way
    text = b"again and again " * 5000
    assert c.unary("Unary", text, compression=grpc.Compression.Gzip) == text
    assert c.collect("Collect", iter([text] * 3), compression=grpc.Compression.Deflate) == text * 3


def test_unknown_methods_and_health(any_way):
    g, _, c = any_way
    assert c.unary("/grpc.health.v1.Health/Check") == b"\x08\x01"
    with pytest.raises(grpc.RpcError) as e:
        c.unary("/test.Calls/Nothing")
    assert e.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert [line.get("grpc_status") for line in g.access(2)] == [0, 12]


def test_many_at_once(any_way):
    """More calls over one channel than one connection carries at a time."""
    g, up, c = any_way
    bodies = [os.urandom(20000) for _ in range(300)]
    calls = [c.future("Unary", b) for b in bodies]
    assert [f.result() for f in calls] == bodies
    with ThreadPoolExecutor(8) as pool:
        def talk(n):
            asked = [b"%d/%d" % (n, i) for i in range(100)]
            return list(c.chat("Chat", iter(asked))) == asked
        assert all(pool.map(talk, range(24)))
    assert all(line["grpc_status"] == 0 for line in g.access(324, timeout=20))


# ---- how they end ----


def test_a_client_that_cancels(any_way):
    g, up, c = any_way
    call = c.future("Wait")
    wait_for(lambda: up.seen, what="the call")
    assert not up.ended
    call.cancel()
    wait_for(lambda: up.ended == ["Wait"], what="the server to hear of it")
    line = g.access(1)[0]
    assert (line["reason"], line["grpc_status"], line["status"]) == ("client-gone", 1, 499)
    assert g.metrics()['sluice_grpc_calls_total{route="all",code="CANCELLED"}'] == 1
    assert c.unary("Unary", b"and on") == b"and on"


def test_a_client_that_cancels_a_stream(any_way):
    g, up, c = any_way
    call = c.split("Watch")
    assert next(call) == b"begun"
    call.cancel()
    wait_for(lambda: up.ended == ["Watch"], what="the server to hear of it")
    line = g.access(1)[0]
    assert (line["reason"], line["grpc_status"], line["status"]) == ("client-gone", 1, 200)


def test_a_connection_that_goes(framed):
    """Its calls are given up, those of others go on."""
    g, up, c = framed(hold)
    with H2Client(g.port(), tls=False) as leaver:
        for _ in range(3):
            leaver.start("POST", "/test.Calls/Wait", CALL)
        up.wait(3)
        stays = c.start("POST", "/test.Calls/Wait", CALL)
        up.wait(4)
    wait_for(lambda: [q.reset for q in up.requests] == [CANCEL] * 3 + [None], what="three resets")
    assert [line["reason"] for line in g.access(3)] == ["client-gone"] * 3
    up.streams[3].head(200, [("content-type", "application/grpc"), ("grpc-status", "0")], end=True)
    assert c.finish(stays).header("grpc-status") == "0"


def test_a_server_that_dies(called, mortal_server, clients):
    """In the middle of a stream: the client learns of it by a status, not by a broken stream."""
    g, up, c = called(clients, up=mortal_server)
    call = c.split("Watch")
    assert next(call) == b"begun"
    up.kill()
    with pytest.raises(grpc.RpcError) as e:
        next(call)
    assert e.value.code() == grpc.StatusCode.UNAVAILABLE
    assert e.value.details() == "upstream-truncated: The upstream's response ended before it was complete."
    line = g.access(1)[0]
    assert (line["reason"], line["grpc_status"], line["status"]) == ("upstream-truncated", 14, 200)
    with pytest.raises(grpc.RpcError) as e:
        c.unary("Unary")
    assert (e.value.code(), e.value.details()) == (grpc.StatusCode.UNAVAILABLE,
                                                   "connect-failed: No connection to the upstream could be made.")


def test_a_server_that_stops(any_way):
    """It ends what is under way with a status of its own."""
    g, up, c = any_way
    call = c.split("Watch")
    assert next(call) == b"begun"
    up.server.stop(0).wait()
    with pytest.raises(grpc.RpcError) as e:
        next(call)
    assert e.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN)
    assert g.access(1)[0]["grpc_status"] == e.value.code().value[0]


def test_a_reload_in_the_middle(called):
    g, up, c = called()
    call = c.split("Watch")
    assert next(call) == b"begun"
    g.reload()
    g.wait_in_force(2)
    assert c.unary("Unary", b"new") == b"new"
    up.release.set()
    assert list(call) == [b"over"]
    assert [line["grpc_status"] for line in g.access(2)] == [0, 0]


def test_a_stop_in_the_middle(called):
    g, up, c = called()
    chat_on = threading.Event()

    def questions():
        yield b"1"
        chat_on.wait(20)
        yield b"2"
    talk = c.chat("Chat", questions())
    watch = c.split("Watch")
    assert next(watch) == b"begun" and next(talk) == b"1"
    g.signal(15)
    g.wait_log("stop|shut|drain")
    chat_on.set()
    up.release.set()
    assert list(watch) == [b"over"] and list(talk) == [b"2"]
    g.stop()
    assert [line["grpc_status"] for line in g.access(2)] == [0, 0]
