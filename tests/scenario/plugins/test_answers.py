"""Answers of plugins with fields of their own and a body that they lend: at every time, to every kind of client."""
import socket
from pathlib import Path

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
  - { name: count, match: { path: /count }, plugins: [{ use: answer-probe, count: true }], respond: { status: 204 } }
  - { name: all, match: { path: /* }, plugins: [mark, %s], upstream: app }
"""
CLIENTS = pytest.mark.parametrize("client", ["h1", "tls", "h2"])
TIMES = ["request", "wait", "request-body", "response", "response-body"]


def probe(**options):
    return "{ use: answer-probe, " + ", ".join(f"{k}: {v}" for k, v in options.items()) + " }"


@pytest.fixture(scope="session")
def modules(tmp_path_factory):
    return build_module(tmp_path_factory.mktemp("modules"), "answer-probe", Path(__file__).parent / "modules/answer_probe.c")


class Setting:
    def __init__(self, g, up, raw, h2):
        self.g, self.up, self.raw, self.h2 = g, up, raw, h2

    def connect(self, client):
        return self.raw(self.g.port("public")) if client == "h1" else self.raw(self.g.port("tls"), tls=tls_context())

    def ask(self, client, method="GET", path="/", body=None):
        """Status, body, and all fields of the response."""
        if client == "h2":
            r = self.h2(self.g.port("tls")).request(method, path, [], body)
            return r.status, r.body, [(n.lower(), v) for n, v in r.fields]
        with self.connect(client) as c:
            r = c.request(method, path, [], body).response(method)
            assert c.request("GET", "/count").response().status == 200, "the connection goes on"
            return r.status, r.body, [(n.lower(), v) for n, v in r.fields]

    def counts(self):
        return [int(n) for n in self.g.get("/count").body.split()]

    def assert_given_back(self, times=1):
        wait_for(lambda: self.counts() == [times, times], what="the body to be given back")


@pytest.fixture
def answering(gateway, origin, raw, h2, modules, server_cert):
    def start(plugin, **kw):
        up = origin(reply(200, b"of the upstream", headers=[("X-Upstream", "1")]))
        g = gateway(CONFIG % plugin, app=up.port, cert=server_cert.cert, key=server_cert.key, args=["--plugin-dir", modules], **kw)
        return Setting(g, up, raw, h2)
    return start


@CLIENTS
@pytest.mark.parametrize("at", TIMES)
def test_fields_and_a_large_body(answering, client, at):
    """Larger than max_memory; what the gateway adds stands there once; the upstream's fields are gone."""
    s = answering(probe(at=at))
    status, body, fields = s.ask(client, "POST" if at == "request-body" else "GET", body=b"x" if at == "request-body" else None)
    assert (status, len(body), body.count(0)) == (200, 3 * MIB, 3 * MIB)
    assert [v for n, v in fields if n == "set-cookie"] == ["a=1", "b=2"]
    for name, value in [("date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("content-type", "application/x-lent"), ("server", "sluice"),
                        ("content-length", str(3 * MIB)), ("etag", '"e"'), ("x-before", "seen")]:
        assert [v for n, v in fields if n == name] == [value], name
    assert not [n for n, _ in fields if n in ("connection", "x-upstream")]
    s.assert_given_back()
    s.g.wait_log(r"in on_re.*: field Content-Length of the answer frames the message, and is left out")


@CLIENTS
def test_messages_without_a_body(answering, client):
    s = answering(probe())
    status, body, fields = s.ask(client, "HEAD")
    assert (status, body, dict(fields)["content-length"]) == (200, b"", str(3 * MIB))
    s.assert_given_back()


@CLIENTS
@pytest.mark.parametrize("code", [204, 205, 304, 418, 599])
def test_statuses(answering, client, code):
    s = answering(probe(status=code, size=100))
    status, body, fields = s.ask(client)
    assert (status, len(body)) == (code, 100 if code > 400 else 0)
    assert dict(fields)["etag"] == '"e"'
    s.assert_given_back()


@pytest.mark.parametrize("code", [101, 199, 600])
def test_statuses_that_are_refused(answering, code):
    s = answering(probe(status=code))
    status, _, fields = s.ask("h1")
    assert status == 500 and "etag" not in dict(fields)
    s.assert_given_back()
    s.g.wait_log(r"in on_request: sluice_answer_with\(\) is refused: the status is not 200 to 599")


@pytest.mark.parametrize("at", ["request", "wait", "request-body", "response", "response-body"])
def test_a_failure_takes_nothing_along(answering, at):
    s = answering(probe(at=at, fail="true"))
    method, body = ("POST", b"x") if at == "request-body" else ("GET", None)
    status, text, fields = s.ask("h1", method, body=body)
    assert status == 500 and b"plugin-failed" in text
    names = [n for n, _ in fields]
    assert "x-failed" not in names and "etag" not in names and "set-cookie" not in names
    assert "x-before" in names, "what another plugin asked for stays"
    s.assert_given_back()


def test_too_large_to_be_copied(answering):
    s = answering(probe(copied="true"))
    assert s.ask("h1")[0] == 500
    s.g.wait_log(r"sluice_answer_with\(\) is refused: the answer does not fit into the memory of the request")


def test_too_late(answering):
    """A response that is under way is broken off, and the log says why."""
    s = answering(probe(at="stream", late="true"))
    with socket.create_connection(("127.0.0.1", s.g.port("public"))) as c:
        c.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        c.settimeout(10)
        text = b""
        while data := c.recv(65536):
            text += data
        assert b" 200 " in text and not text.endswith(b"0\r\n\r\n")
    s.g.wait_log(r"sluice_answer_with\(\) is refused: the head of a response has gone to the client")
    s.assert_given_back()


@CLIENTS
def test_the_client_leaves(answering, client):
    s = answering(probe(size="64MiB"))
    if client == "h2":
        c = s.h2(s.g.port("tls"))
        c.start("GET", "/")
    else:
        c = s.connect(client)
        c.request("GET", "/")
    wait_for(lambda: s.counts()[0] == 1, what="the answer")
    assert s.counts() == [1, 0], "it is lent until the client is gone"
    c.close()
    s.assert_given_back()


@pytest.mark.parametrize("client", ["h1", "tls"])
def test_many_slow_receivers_share_one_body(answering, client):
    """64 MiB for each of them are in the memory of the gateway once, which is the plugin's."""
    s = answering(probe(size="64MiB"))
    s.ask(client)
    before = s.g.rss()
    clients = [s.connect(client) for _ in range(20)]
    for c in clients:
        c.request("GET", "/")
    wait_for(lambda: s.counts()[0] == 21, what="the answers")
    assert_below(s.g.rss() - before, 32 * MIB, "20 answers of 64 MiB")
    for c in clients:
        c.close()
    s.assert_given_back(21)
