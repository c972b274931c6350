"""Plugins that work on bodies, with HTTP/1.1 and HTTP/2 on both sides."""
import threading
import time
from pathlib import Path

import pytest

from kit import h2origin, origin as h1origin
from kit.bulk import Watch, large, send_block, take
from kit.client import tls_context
from kit.configs import PLAIN_AND_TLS
from kit.memory import assert_below
from kit.message import Malformed
from kit.modules import build_module
from kit.process import wait_for
from kit.tokens import refusal

MIB = 1 << 20
CONFIG = PLAIN_AND_TLS + """
upstreams:
  app: { servers: ["127.0.0.1:@app@"], protocol: "@protocol@", retries: 1 }
routes:
  - { name: all, match: { path: /* }, plugins: [%s], %s }
"""
BOTH = pytest.mark.parametrize("client", ["h1", "h2"])
SIDES = pytest.mark.parametrize("client,upstream", [(c, u) for c in ("h1", "h2") for u in ("h1", "h2")],
                                ids=lambda v: v)
LINES = b"one\ntwo\nthree and more\n\nfive"
MARKED = b"> one\n> two\n> three and more\n> \n> five"


def probe(**options):
    return "{ use: body-probe, " + ", ".join(f"{k.replace('_', '-') if k in () else k}: {v}" for k, v in options.items()) + " }"


class Setting:
    """A gateway whose one route has these plugins, with a client and an upstream of any protocol."""

    def __init__(self, g, up, client, raw, h2):
        self.g, self.up, self.kind, self.raw, self.h2 = g, up, client, raw, h2

    def ask(self, method="GET", path="/", headers=(), body=None):
        """One whole request: what both kinds of answers have in common."""
        if self.kind == "h2":
            r = self.h2(self.g.port("tls")).request(method, path, list(headers), body)
            return r.status, r.body, dict(r.fields), dict(r.trailers)
        with self.raw(self.g.port("public")) as c:
            r = c.request(method, path, [("TE", "trailers"), ("Connection", "TE"), *headers], body).response(method)
            return r.status, r.body, {n.lower(): v for n, v in r.fields}, {n.lower(): v for n, v in r.trailers}

    def got(self, n=0):
        """What the upstream was sent: head fields, body, trailers."""
        wait_for(lambda: len(self.up.requests) > n and getattr(self.up.requests[n], "complete", True), what="the request")
        r = self.up.requests[n]
        trailers = {k.lower(): v for k, v in r.trailers}
        return {k.lower(): v for k, v in r.fields}, r.body, trailers


@pytest.fixture(scope="session")
def modules(tmp_path_factory):
    return build_module(tmp_path_factory.mktemp("modules"), "body-probe", Path(__file__).parent / "modules/body_probe.c",
                        flags=["-D_GNU_SOURCE"])


@pytest.fixture
def bodies(gateway, origin, h2_origin, raw, h2, modules, server_cert):
    def start(plugins, behaviour=None, client="h1", upstream="h1", route="upstream: app", **kw):
        make, kit = (h2_origin, h2origin) if upstream == "h2" else (origin, h1origin)
        up = make(behaviour(kit) if callable(behaviour) and not kw.pop("plain", False) else behaviour or kit.echo)
        g = gateway(CONFIG % (plugins, route), app=up.port, cert=server_cert.cert, key=server_cert.key,
                    protocol="h2c" if upstream == "h2" else "http/1.1", args=["--plugin-dir", modules], **kw)
        return Setting(g, up, client, raw, h2)
    return start


def answers(status=200, body=b"", headers=(), trailers=()):
    """A behaviour for either kind of upstream."""
    def make(kit):
        if kit is h2origin:
            return kit.answer(status, body, headers, trailers)
        return kit.reply(status, body, headers, trailers=trailers)
    return make


# ---- streams ----

@SIDES
@pytest.mark.parametrize("act,expected", [("pass", LINES), ("leave", LINES), ("upper", LINES.upper()), ("lines", MARKED),
                                          ("swallow", b""), ("replace", b"something else")])
def test_request_streams(bodies, client, upstream, act, expected):
    s = bodies(probe(request=act), client=client, upstream=upstream)
    status, body, _, _ = s.ask("POST", "/x", body=LINES)
    assert (status, body) == (200, expected)
    fields, got, _ = s.got()
    assert got == expected
    assert fields.get("content-length", str(len(expected))) == str(len(expected))


@SIDES
@pytest.mark.parametrize("early", ["true", "false"])
@pytest.mark.parametrize("act,expected", [("pass", LINES), ("leave", LINES), ("upper", LINES.upper()), ("lines", MARKED),
                                          ("swallow", b""), ("replace", b"something else")])
def test_response_streams(bodies, client, upstream, act, expected, early):
    s = bodies(probe(response=act, early=early), answers(200, LINES), client, upstream)
    status, body, fields, _ = s.ask()
    assert (status, body) == (200, expected)
    assert fields.get("content-length", str(len(expected))) == str(len(expected)), "never the old length"


@BOTH
def test_split_at_every_byte(bodies, client):
    """Whatever the pieces, the result is the same."""
    s = bodies(probe(request="lines", response="lines"), client=client)
    for at in range(1, len(LINES)):
        if client == "h2":
            c = s.h2(s.g.port("tls"))
            stream = c.start("POST", "/", end=False)
            c.data(stream, LINES[:at], end=False)
            wait_for(lambda: s.g.metrics().get("sluice_requests_active") == 1, what="the request")
            c.data(stream, LINES[at:])
            body = c.finish(stream).body
        else:
            c = s.raw(s.g.port("public"))
            c.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(LINES) + LINES[:at])
            wait_for(lambda: s.g.metrics().get("sluice_requests_active") == 1, what="the request")
            body = c.send(LINES[at:]).response().body
        assert body == MARKED.replace(b"> ", b"> > "), f"split at {at}"
        c.close()


def test_split_at_every_byte_by_the_upstream(bodies, raw):
    def dribble(peer, _request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(LINES))
        for i in range(len(LINES)):
            peer.send(LINES[i:i + 1])
            time.sleep(0.002)
    s = bodies(probe(response="lines"), dribble, plain=True)
    assert s.ask()[1] == MARKED


def test_order(bodies):
    """Requests in the order of the route, responses in reverse."""
    a, b = probe(request="lines", response="lines", mark='"a "'), probe(request="lines", response="lines", mark='"b "')
    s = bodies(f"{a}, {b}")
    assert s.ask("POST", body=b"x\ny\n")[1] == b"a b b a x\na b b a y\n"
    assert s.got()[1] == b"b a x\nb a y\n"


def test_large_bodies_through_three_stages(bodies):
    body = b"".join(b"line %d %s\n" % (i, b"x" * (i % 300)) for i in range(40_000))
    s = bodies(", ".join([probe(request="lines", response="lines", mark='"1"'), probe(request="upper", response="upper"),
                          probe(request="leave", response="pass", max="32MiB")]))
    expected = b"".join(b"1" + line + b"\n" for line in body.upper().split(b"\n")[:-1])
    status, got, _, _ = s.ask("POST", body=body)
    assert s.got()[1] == expected
    assert status == 200 and got == b"".join(b"1" + line + b"\n" for line in expected.split(b"\n")[:-1])


@SIDES
def test_without_a_body(bodies, client, upstream):
    """The hook hears of the end all the same, and may make one."""
    s = bodies(probe(request="replace", response="replace"), answers(200), client, upstream)
    status, body, fields, _ = s.ask("POST")
    assert (status, body) == (200, b"something else") and fields.get("content-length") != "0"
    fields, body, _ = s.got()
    assert body == b"something else" and fields["content-length"] == "14"


@pytest.mark.parametrize("method,status", [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_responses_that_cannot_have_one(bodies, method, status):
    s = bodies(probe(response="replace", early="true"), answers(status, b"" if method == "GET" else b"12345"))
    got, body, fields, _ = s.ask(method)
    assert (got, body) == (status, b"") and "content-length" not in fields


def test_an_http10_client(bodies, raw):
    s = bodies(probe(response="upper"), answers(200, b"abc" * 1000))
    c = raw(s.g.port("public")).send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    r = c.response()
    assert r.framing == "close" and r.body == b"ABC" * 1000


def test_read_only_keeps_the_length(bodies):
    s = bodies(probe(request="refuse", response="refuse", read_only="true"))
    status, body, fields, _ = s.ask("POST", body=LINES)
    assert (status, body, fields["content-length"]) == (200, LINES, str(len(LINES)))
    assert s.got()[0]["content-length"] == str(len(LINES))


def test_own_answers(bodies):
    s = bodies(probe(response="upper"), route='respond: { body: "hello" }')
    status, body, fields, _ = s.ask()
    assert (status, body, fields["content-length"]) == (200, b"HELLO", "5")


def test_errors_pass_the_hooks(bodies):
    s = bodies(probe(response="upper", early="true"), h1origin.drop, plain=True)
    status, body, _, _ = s.ask("POST", body=b"x")
    assert status == 502 and b"UPSTREAM-CLOSED" in body


# ---- trailers ----

@SIDES
def test_trailers_become_body(bodies, client, upstream):
    s = bodies(probe(response="trailers"), answers(200, b"body;", trailers=[("x-a", "1"), ("x-gone", "2")]), client, upstream)
    status, body, _, trailers = s.ask()
    assert (status, body) == (200, b"body;x-a=1;x-gone=2;")
    assert trailers == {"x-a": "1", "x-probe": "seen"}


@pytest.mark.parametrize("act", ["none", "pass"])
def test_trailers_behind_what_waits(bodies, act):
    """The upstream is done with a call while its client's window is shut: what it ended with goes behind what waits."""
    s = bodies(probe(response=act), answers(200, b"x" * 100000, [("content-type", "application/grpc")], [("grpc-status", "5")]),
               "h2", "h2")
    for _ in range(3):
        status, body, _, trailers = s.ask("POST", "/a.B/C", [("content-type", "application/grpc"), ("te", "trailers")], b"")
        assert (status, len(body), trailers) == (200, 100000, {"grpc-status": "5"})


@SIDES
def test_trailers_where_there_were_none(bodies, client, upstream):
    s = bodies(probe(request="trailers", response="trailers"), answers(200, b"body"), client, upstream)
    _, body, _, trailers = s.ask("POST", body=b"abc")
    assert body == b"body" and trailers == {"x-probe": "seen"}
    assert s.got()[1:] == (b"abc", {"x-probe": "seen"})


# ---- buffers ----

@SIDES
@pytest.mark.parametrize("act,expected", [("pass", LINES), ("leave", LINES), ("upper", LINES.upper()), ("replace", b"something else"),
                                          ("sleep", LINES)])
def test_buffers(bodies, client, upstream, act, expected):
    s = bodies(probe(request=act, response=act, take="buffer"), client=client, upstream=upstream)
    status, body, fields, _ = s.ask("POST", body=LINES)
    assert (status, body, fields["content-length"]) == (200, expected, str(len(expected))), "it is known, and said"
    fields, got, _ = s.got()
    assert got == expected and fields["content-length"] == str(len(expected))


@SIDES
def test_the_head_waits_for_the_body(bodies, client, upstream):
    s = bodies(probe(request="head", response="head", take="buffer"), client=client, upstream=upstream)
    _, _, fields, _ = s.ask("POST", body=LINES)
    assert fields["x-length"] == str(len(LINES)) and s.got()[0]["x-length"] == str(len(LINES))


@BOTH
@pytest.mark.parametrize("act", ["refuse", "sleep-refuse"])
def test_a_request_is_refused_by_its_body(bodies, client, act):
    s = bodies(probe(request=act, take="buffer"), client=client)
    status, body, fields, _ = s.ask("POST", body=b"a secret in it")
    assert status == 403 and b"probe-body" in body and fields["content-type"] == "application/problem+json"
    assert s.up.requests == [], "the upstream never heard of it"


@BOTH
def test_a_response_is_refused_by_its_body(bodies, client):
    s = bodies(", ".join([probe(response="upper"), probe(response="refuse", take="buffer")]), answers(200, b"a secret in it"), client)
    status, body, _, _ = s.ask()
    assert status == 403 and b"PROBE-BODY" in body, "and goes the rest of the way"


@BOTH
def test_failures(bodies, client):
    s = bodies(probe(response="fail", take="buffer"), answers(200, b"a secret in it"), client)
    assert s.ask()[0] == 500


@pytest.mark.parametrize("act", ["refuse", "fail"])
def test_a_stream_that_has_begun_is_broken_off(bodies, act):
    def behave(peer, _request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123456789")
        go.wait(10)
        peer.send(b"...secret.")
    go = threading.Event()
    s = bodies(probe(response=act), behave, plain=True)
    c = s.raw(s.g.port("public")).request()
    assert c.response_head().status == 200
    assert c.reader.take_until(b"0123456789")
    go.set()
    with pytest.raises(Malformed):
        c.reader.take(100)
    assert s.g.access(1)[0]["reason"] == "plugin-failed"
    assert ("sluice_refuse() is refused: the head of a response has gone to the client" in s.g.log()) == (act == "refuse")


@BOTH
@pytest.mark.parametrize("upstream", ["h1", "h2", None])
def test_an_answer_of_our_own_is_broken_off_at_once(bodies, client, upstream):
    """All of it is there when its head leaves, and more than leaves at a time: its end comes from within the call that began
    the request, or the response whose place it took."""
    plugins = [probe(response="fail-last", early="true"), probe(response="grow", early="true")]
    if upstream:
        s = bodies(", ".join([*plugins, probe(reply=1500)]), answers(200, b"x"), client, upstream)
    else:
        s = bodies(", ".join(plugins), client=client, route=f"respond: {{ body: {'a' * 1500} }}")
    for n in range(3):
        if client == "h2":
            assert s.h2(s.g.port("tls")).request("GET", "/").reset is not None
        else:
            with s.raw(s.g.port("public")) as c:
                assert c.request().response_head().status == 200
                with pytest.raises(Malformed):
                    c.reader.take(100000)
        assert s.g.access(n + 1)[n]["reason"] == "plugin-failed"


def test_a_request_stream_is_refused(bodies):
    """Its head went to the upstream, which hears no end; but the client has heard nothing yet."""
    s = bodies(probe(request="refuse"), h1origin.hang, plain=True)
    c = s.raw(s.g.port("public")).send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    wait_for(lambda: s.up.open == 1, what="the request at the upstream")
    assert refusal(c.send("6\r\nsecret\r\n").response()) == "probe-body"
    wait_for(lambda: s.up.open == 0, what="the end of it there")


@BOTH
@pytest.mark.parametrize("length", [True, False])
def test_too_long_to_hold(bodies, client, length):
    s = bodies(probe(request="pass", take="buffer", max="1KiB"), client=client)
    if client == "h1" and not length:
        body = b"400\r\n" + b"x" * 1024 + b"\r\n1\r\nx\r\n0\r\n\r\n"
        r = s.raw(s.g.port("public")).send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body).response()
        assert r.status == 413
    else:
        headers = [("content-length", "1025")] if client == "h2" and length else []
        assert s.ask("POST", headers=headers, body=b"x" * 1025)[0] == 413
    assert s.ask("POST", body=b"x" * 1024)[1] == b"x" * 1024
    assert len(s.up.requests) == 1


@BOTH
def test_a_response_too_long_to_hold(bodies, client):
    s = bodies(probe(response="pass", take="buffer", max="1KiB"), client=client)
    status, body, _, _ = s.ask("POST", body=b"x" * 1025)
    assert status == 502 and b"upstream-body-too-large" in body
    assert s.ask("POST", body=b"x" * 1024)[1] == b"x" * 1024


@SIDES
def test_too_long_goes_unseen(bodies, client, upstream):
    s = bodies(probe(request="upper", response="upper", take="buffer", max="1KiB", over="pass"), client=client, upstream=upstream)
    for n in (1025, 300_000):
        body = s.ask("POST", body=b"x" * n)[1]
        assert (len(body), set(body)) == (n, set(b"x"))
    assert s.ask("POST", body=b"x" * 1024)[1] == b"X" * 1024
    assert sum(line.get("notes") == ["body-unseen"] for line in s.g.access(3)) == 2


def test_more_is_held_than_was_asked_for(bodies):
    s = bodies(probe(request="lines", max="100"))
    assert s.ask("POST", body=b"x" * 100 + b"\n" + b"y" * 50)[0] == 200
    assert s.ask("POST", body=b"x" * 101 + b"\n")[0] == 200, "it came with its end"
    status, body, _, _ = s.ask("POST", body=b"x" * 70_000)
    assert status == 500 and b"plugin-failed" in body


def test_what_is_written_is_bounded(bodies):
    s = bodies(probe(request="spill"))
    assert s.ask("POST", body=b"x")[0] == 500
    assert s.g.metrics()['sluice_plugin_failures_total{plugin="all/0"}'] == 1


@pytest.mark.parametrize("act", ["sleep", "sleep-refuse"])
def test_streams_do_not_wait(bodies, act):
    s = bodies(probe(request=act))
    assert s.ask("POST", body=b"x")[0] == 500


# ---- what is around a request ----

def test_expect_100(bodies, raw):
    s = bodies(probe(request="upper", take="buffer"))
    c = raw(s.g.port("public")).send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    assert c.response_head().status == 100
    r = c.send("abc").response()
    assert r.body == b"ABC" and s.got()[1] == b"ABC"


def test_a_buffered_request_tries_another_server(bodies, free_port):
    """As long as nothing of it was passed on."""
    s = bodies(probe(request="upper", take="buffer"))
    port = s.up.port
    s.up.stop()
    status, body, _, _ = s.ask("POST", body=b"abc")
    assert status in (502, 503)
    s.up.start()
    assert s.up.port == port and s.ask("POST", body=b"abc")[1] == b"ABC"


def test_an_early_answer(bodies):
    def behave(peer, _request):
        pass

    def at_once(peer):
        peer.reader.take_until(b"\r\n\r\n")
        peer.send(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
        peer.stopped.wait(10)
    s = bodies(probe(request="upper", response="upper"), behave, plain=True)
    s.up.on_accept = at_once
    c = s.raw(s.g.port("public")).send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc")
    r = c.response()
    assert (r.status, r.body) == (403, b"NO")


@pytest.mark.parametrize("act,mode", [("lines", "stream"), ("leave", "stream"), ("pass", "buffer"), ("sleep", "buffer")])
def test_the_client_leaves(bodies, act, mode):
    """While its body is held, or its hook is parked."""
    s = bodies(probe(request=act, take=mode, ms="60s"), h1origin.hang, plain=True)
    length = 3 if act == "sleep" else 10
    c = s.raw(s.g.port("public")).send(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\nabc")
    wait_for(lambda: s.g.metrics().get("sluice_requests_active") == 1, what="the request")
    c.close()
    wait_for(lambda: s.g.metrics().get("sluice_requests_active") == 0, what="its end")
    wait_for(lambda: s.up.open == 0, what="that of the upstream's")


def test_the_upstream_fails_while_its_response_is_held(bodies):
    s = bodies(probe(response="upper", take="buffer", early="true"),
               h1origin.raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", close=True), plain=True)
    status, body, _, _ = s.ask()
    assert status == 502 and b"UPSTREAM-TRUNCATED" in body


def test_tunnels_have_no_bodies(bodies):
    def behave(peer, _request):
        peer.send(b"HTTP/1.1 101 Go\r\nUpgrade: chat\r\nConnection: upgrade\r\n\r\nhello")
        peer.stopped.wait(10)
    s = bodies(probe(request="upper", response="upper", early="true"), behave, plain=True, route="upgrade: [chat], upstream: app")
    c = s.raw(s.g.port("public")).request(headers=[("Upgrade", "chat"), ("Connection", "upgrade")])
    assert c.response_head().status == 101 and c.recv(5) == b"hello"


# ---- back-pressure ----

@BOTH
def test_a_slow_reader(bodies, client):
    """Each byte becomes 64: what is in between stays small, and the upstream waits."""
    size = 8 * MIB
    sent = []

    def behave(peer, _request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // 65536):
            send_block(peer.sock, 65536)
            sent.append(1)
    s = bodies(probe(response="grow"), behave, plain=True, client=client)
    with Watch(s.g) as watch:
        if client == "h1":
            c = s.raw(s.g.port("public")).request()
            c.response_head()
            before = len(c.reader.buffer)
        else:
            c = s.h2(s.g.port("tls"))
            c.auto_window = False
            stream = c.start()
            before = 0
            wait_for(lambda: sent, what="the upstream's first bytes")
        wait_for(lambda: settled(sent), 20, what="the upstream to be held back")
        assert len(sent) < size // 65536, "all of it has left the upstream"
        if client == "h1":
            got = before + take(c.sock, 16 * MIB)
            assert got >= 16 * MIB
        c.close()
    assert_below(watch.peak, 64 * MIB)
    wait_for(lambda: s.g.metrics().get("sluice_requests_active") == 0, what="the end of it")


def settled(sent, interval=0.3):
    """Whether nothing was sent for a while."""
    n = len(sent)
    time.sleep(interval)
    return len(sent) == n


def test_a_slow_upstream(bodies):
    size, sent = 64 * MIB, []
    s = bodies(probe(request="upper"), h1origin.hang, plain=True)
    s.up.on_accept = lambda peer: peer.stopped.wait(30)
    c = s.raw(s.g.port("public")).send(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n")

    def send():
        try:
            for _ in range(size // 65536):
                send_block(c.sock, 65536)
                sent.append(1)
        except OSError:
            pass
    c.sock.settimeout(None)
    t = threading.Thread(target=send, daemon=True)
    with Watch(s.g) as watch:
        t.start()
        wait_for(lambda: sent, what="the first bytes")
        wait_for(lambda: settled(sent), 20, what="the client to be held back")
    assert len(sent) < size // 65536
    assert_below(watch.peak, 64 * MIB)
    c.reset()
    t.join(10)


@pytest.mark.timeout(180)
def test_a_large_download_passes(bodies):
    size = 64 * MIB
    s = bodies(probe(response="pass"), large(size), plain=True)
    with Watch(s.g) as watch:
        c = s.raw(s.g.port("public")).request()
        r = c.response()
    assert len(r.body) == size
    assert_below(watch.peak, 64 * MIB)


def test_an_alpn_h1_client(bodies, raw):
    s = bodies(probe(response="lines"), answers(200, LINES))
    c = raw(s.g.port("tls"), tls=tls_context(alpn=["http/1.1"])).request()
    assert c.response().body == MARKED
