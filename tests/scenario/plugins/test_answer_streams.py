"""Answers that plugins write piece by piece: to every kind of client, slow ones and those that leave, through the hooks of other plugins,
and from plugins that stop in the middle."""
import json
import socket
from pathlib import Path
from signal import SIGTERM

import pytest

from kit.client import tls_context
from kit.configs import PLAIN_AND_TLS
from kit.memory import assert_below
from kit.modules import build_module
from kit.origin import reply
from kit.process import wait_for

MIB = 1 << 20
CONFIG = PLAIN_AND_TLS + """
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
plugins:
  mark: { use: headers, response: { set: { X-Before: seen } } }
routes:
  - { name: count, match: { path: /count }, plugins: [{ use: stream-probe, count: true }], respond: { status: 204 } }
  - { name: all, match: { path: /* }, plugins: [mark, %s], upstream: app }
"""
CLIENTS = pytest.mark.parametrize("client", ["h1", "tls", "h2"])
LENGTHS = pytest.mark.parametrize("length", ["false", "true"])


def probe(**options):
    return "{ use: stream-probe, " + ", ".join(f"{k}: {v}" for k, v in options.items()) + " }"


def body_probe(**options):
    return "{ use: body-probe, early: true, max: 4MiB, " + ", ".join(f"{k}: {v}" for k, v in options.items()) + " }"


@pytest.fixture(scope="session")
def modules(tmp_path_factory):
    folder = tmp_path_factory.mktemp("modules")
    build_module(folder, "body-probe", Path(__file__).parent / "modules/body_probe.c", flags=["-D_GNU_SOURCE"])
    return build_module(folder, "stream-probe", Path(__file__).parent / "modules/stream_probe.c")


class Setting:
    def __init__(self, g, up, raw, h2):
        self.g, self.up, self.raw, self.h2 = g, up, raw, h2

    def connect(self, client):
        return self.raw(self.g.port("public")) if client == "h1" else self.raw(self.g.port("tls"), tls=tls_context())

    def ask(self, client, method="GET"):
        """Status, body, fields and trailers."""
        if client == "h2":
            r = self.h2(self.g.port("tls")).request(method, "/", [], None)
            return r.status, r.body, {n.lower(): v for n, v in r.fields}, {n.lower(): v for n, v in r.trailers}
        with self.connect(client) as c:
            r = c.request(method, "/", [("TE", "trailers"), ("Connection", "TE")], None).response(method)
            assert c.request("GET", "/count").response().status == 200, "the connection goes on"
            return r.status, r.body, {n.lower(): v for n, v in r.fields}, {n.lower(): v for n, v in r.trailers}

    def begin(self, client):
        """The answer has begun, and this client has read none of it."""
        if client == "h2":
            c = self.h2(self.g.port("tls"))
            c.start("GET", "/")
        else:
            c = self.connect(client).request("GET", "/")
        wait_for(lambda: self.counts()[0] == 1, what="the answer")
        return c

    def counts(self):
        """How many answers the plugin began, and of how many the exchange has ended."""
        return [int(n) for n in self.g.get("/count").body.split()]

    def assert_over(self, times=1):
        wait_for(lambda: self.counts() == [times, times], what="the end of the answer")

    def under_way(self, text):
        """The requests under way of which the admin interface says so."""
        return [r for r in json.loads(self.g.admin("/requests").body)["requests"] if text in str(r)]

    def reason(self):
        """That of the answer, in the access log."""
        [line] = wait_for(lambda: [a for a in self.g.access() if a["route"] == "all"], what="the line in the access log")
        return line.get("reason")

    def cut(self, version="1.1"):
        """What a client gets until the connection ends, and whether it is told that this is not all."""
        with socket.create_connection(("127.0.0.1", self.g.port("public")), timeout=20) as c:
            c.sendall(f"GET / HTTP/{version}\r\nHost: x\r\n\r\n".encode())
            text = b""
            try:
                while data := c.recv(65536):
                    text += data
            except ConnectionResetError:
                return text, True
            return text, False


@pytest.fixture
def streaming(gateway, origin, raw, h2, modules, server_cert):
    def start(plugins, body=b"fetched ", config=CONFIG):
        up = origin(reply(200, body))
        g = gateway(config % plugins.replace("@up@", f'"http://127.0.0.1:{up.port}/"'), app=up.port, cert=server_cert.cert,
                    key=server_cert.key, args=["--plugin-dir", modules])
        return Setting(g, up, raw, h2)
    return start


# ---- whole answers ----

@CLIENTS
@LENGTHS
@pytest.mark.parametrize("at", ["request", "wait", "response"])
def test_whole_answers(streaming, client, length, at):
    s = streaming(probe(length=length, at=at, trailers="true"))
    status, body, fields, trailers = s.ask(client)
    assert (status, len(body), body.count(0)) == (200, MIB, MIB)
    assert fields["x-own"] == "yes" and fields["x-before"] == "seen" and fields["content-type"] == "application/x-stream"
    assert fields.get("content-length") == (str(MIB) if length == "true" else None)
    if at != "response":  # there it is the field of the response that is replaced
        assert fields["x-asked"] == "yes"
    if client == "h2" or length == "false":
        assert trailers == {"x-sum": "42"}
    s.assert_over()


@CLIENTS
@pytest.mark.parametrize("options", [dict(act="sleep", size=100000), dict(act="fetch", url="@up@")])
def test_pieces_that_come_with_time(streaming, client, options):
    s = streaming(probe(**options))
    assert s.ask(client)[1] == (bytes(100000) if options["act"] == "sleep" else b"fetched fetched ")
    s.assert_over()


def test_a_piece_leaves_before_the_next_is_there(streaming):
    s = streaming(probe(act="stop", size=200, idle="60s"))
    with socket.create_connection(("127.0.0.1", s.g.port("public")), timeout=20) as c:
        c.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        text = b""
        while b"\r\n\r\n64\r\n" + bytes(100) not in text:
            text += c.recv(65536)
        [r] = s.under_way("'stream'")
        assert r["waits_for"] == "plugin all/1, for a timer"
    s.assert_over()


@CLIENTS
@LENGTHS
def test_head(streaming, client, length):
    """Nobody writes."""
    s = streaming(probe(length=length, act="fail"))
    status, body, fields, _ = s.ask(client, "HEAD")
    assert (status, body) == (200, b"")
    assert fields.get("content-length") == (str(MIB) if length == "true" else None)
    s.assert_over()


@LENGTHS
def test_http_1_0(streaming, length):
    s = streaming(probe(length=length))
    text, broken = s.cut("1.0")
    head, _, body = text.partition(b"\r\n\r\n")
    assert not broken and b"chunked" not in head.lower() and len(body) == MIB
    assert (b"\r\nContent-Length: 1048576\r\n" in head) == (length == "true")


# ---- other plugins ----

@CLIENTS
@pytest.mark.parametrize("take", ["stream", "buffer"])
@pytest.mark.parametrize("options", [dict(act="fetch", url="@up@"), dict(size="2MiB", length="true", trailers="true")])
def test_body_hooks_of_other_plugins(streaming, client, take, options):
    """They see it like an upstream's response."""
    s = streaming(body_probe(response="upper", take=take) + ", " + probe(**options))
    _, body, fields, trailers = s.ask(client)
    assert body == (b"FETCHED FETCHED " if "url" in options else bytes(2 * MIB))
    assert "url" in options or trailers == {"x-sum": "42"}
    assert "content-length" not in fields or int(fields["content-length"]) == len(body)
    s.assert_over()


def test_a_body_hook_that_has_had_enough(streaming):
    s = streaming("{ use: body-probe, early: true, response: upper, take: buffer, max: 64KiB }, " + probe(size="1GiB"))
    status, body, _, _ = s.ask("h1")
    assert status == 502 and b"upstream-body-too-large" in body
    s.assert_over()


@CLIENTS
def test_another_answer_in_its_place(streaming, client):
    """A response hook of another plugin replaces it: nobody writes, and the waits go on."""
    s = streaming("{ use: body-probe, reply: 100 }, " + probe(act="fail"))
    status, body, fields, _ = s.ask(client)
    assert (status, body) == (200, b"a" * 100) and "x-own" not in fields
    s.assert_over()
    assert s.reason() is None


def test_report_answers_nothing(streaming):
    s = streaming(probe(mode="report"))
    status, body, fields, _ = s.ask("h1")
    assert (status, body) == (200, b"fetched ") and "x-own" not in fields and "x-asked" not in fields
    assert s.g.metrics()['sluice_plugin_reports_total{plugin="all/1",code="reply"}'] == 1
    s.assert_over()


def test_the_budget_holds_for_each_call(streaming):
    s = streaming(probe(act="block", budget="5ms"))
    assert len(s.ask("h1")[1]) == MIB
    s.g.wait_log(r'"all/1".* in the writing of an answer: it took .* and its budget is 5 ms')
    assert s.g.metrics()['sluice_plugin_over_budget_total{plugin="all/1"}'] >= 1


# ---- failures ----

@pytest.mark.parametrize("act, why", [
    ("stop", "it wrote nothing of its answer for longer than its idle_ms"),
    ("idle", "its write hook neither wrote, nor waited, nor ended the answer"),
    ("fail", "it returned SLUICE_FAIL"),
    ("spill", "it wrote more than it may")])
@pytest.mark.parametrize("on_error", ["deny", "skip"])
def test_plugins_that_fail(streaming, act, why, on_error):
    """The client does not take it for complete; the log names the plugin. What is under way cannot be skipped."""
    s = streaming(probe(act=act, idle="300ms", on_error=on_error))
    text, _ = s.cut()
    assert b" 200 " in text and not text.endswith(b"0\r\n\r\n")
    s.g.wait_log(r"stream-probe.*in the writing of an answer: " + why + "; route all")
    assert "the request goes on" not in s.g.log()
    assert s.reason() == "plugin-failed"
    s.assert_over()


def test_http_1_0_is_told_that_this_is_not_all(streaming):
    """Where the end of the connection would be the end of the answer."""
    s = streaming(probe(act="fail"))
    assert s.cut("1.0")[1], "the connection is reset"


def test_http_2_is_told_that_this_is_not_all(streaming, h2):
    s = streaming(probe(act="fail", size=2000))
    r = h2(s.g.port("tls")).request("GET", "/")
    assert r.status == 200 and r.reset is not None


def test_shorter_than_it_said(streaming):
    s = streaming(probe(act="short", length="true"))
    assert len(s.cut()[0]) < MIB
    s.g.wait_log("it ended its answer before the length that it had said")


@pytest.mark.parametrize("on_error", ["deny", "skip"])
def test_a_failure_before_the_head_has_gone(streaming, on_error):
    """A body hook before it holds the head: the client gets a 500, without what the plugin asked for."""
    s = streaming(body_probe(response="upper", take="buffer") + ", " + probe(act="fail", on_error=on_error))
    status, body, fields, _ = s.ask("h1")
    assert status == 500 and b"PLUGIN-FAILED" in body.upper()
    assert "x-own" not in fields and "x-asked" not in fields and fields["x-before"] == "seen"
    s.assert_over()


def test_a_request_that_is_about_to_be_cut_off(streaming):
    """A stream has no time there: the client gets what the gateway says."""
    s = streaming(probe(at="response"))
    with socket.create_connection(("127.0.0.1", s.g.port("public")), timeout=20) as c:
        c.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nno number\r\n")
        text = b""
        while data := c.recv(65536):
            text += data
    assert text.startswith(b"HTTP/1.1 400 ") and b"X-Own" not in text
    s.assert_over()


# ---- clients ----

@CLIENTS
def test_slow_clients_hold_the_plugin(streaming, client):
    """A client that reads nothing makes the plugin wait, without a deadline of its own; its answer is not in memory."""
    s = streaming(probe(size="1GiB", idle="100ms"))
    before = s.g.rss()
    c = s.begin(client)
    [r] = wait_for(lambda: s.under_way("'full'"), what="the hold")
    assert r["waits_for"] == "the client, which takes no more of the response"
    wait_for(lambda: [h for h in s.under_way("'full'") if h["state_ms"] > 500], what="the deadline to pass")
    assert_below(s.g.rss() - before, 16 * MIB, "1 GiB for a client that reads nothing")
    assert s.counts() == [1, 0] and "idle_ms" not in s.g.log()
    c.close()
    s.assert_over()


@pytest.mark.parametrize("client", ["h1", "tls"])
def test_a_client_that_reads_late_gets_all_of_it(streaming, client):
    s = streaming(probe(size="40MiB", idle="100ms", length="true"))
    c = s.begin(client)
    wait_for(lambda: [r for r in s.under_way("'full'") if r["state_ms"] > 300], what="the hold")
    assert c.response().body == bytes(40 * MIB)
    s.assert_over()


@CLIENTS
@pytest.mark.parametrize("act", ["stop", "sleep"])
def test_clients_that_leave(streaming, client, act):
    """The plugin waits, or writes now and then: its wait is dropped, and its clean-up runs."""
    s = streaming(probe(act=act, size="1GiB", idle="600s"))
    c = s.begin(client)
    c.close()
    s.assert_over()
    assert s.reason() == "client-gone"


# ---- the gateway ----

def test_a_reload_in_the_middle(streaming):
    s = streaming(probe(act="sleep", size=600000))
    c = s.begin("h1")
    s.g.reload(CONFIG % "{ use: headers, response: { set: { X-New: yes } } }")
    r = c.response()
    assert len(r.body) == 600000 and r.header("X-Own") == "yes" and r.header("X-New") is None
    assert c.request("GET", "/").response().header("X-New") == "yes"
    s.assert_over()


def test_what_is_under_way_is_finished_at_the_end(streaming):
    s = streaming(probe(act="sleep", size=600000), config=CONFIG + "runtime: { shutdown_grace: 20s }\n")
    c = s.begin("h1")
    s.g.signal(SIGTERM)
    assert len(c.response().body) == 600000
    s.g.stop()


def test_what_takes_too_long_is_broken_off_at_the_end(streaming):
    s = streaming(probe(act="stop", size=200, idle="600s"), config=CONFIG + "runtime: { shutdown_grace: 300ms }\n")
    c = s.begin("h1")
    s.g.signal(SIGTERM)
    assert not c.rest().endswith(b"0\r\n\r\n")
    s.g.stop()
