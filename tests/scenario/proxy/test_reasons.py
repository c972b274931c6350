"""What the access log says of exchanges that did not go well: one line for each, and why."""
import pytest

from kit.bulk import large
from kit.configs import HELLO, proxy
from kit.origin import abort, drop, echo, hang, raw as raw_bytes, reply
from kit.process import wait_for

HEAD = b"HTTP/1.1 200 OK\r\n"


def line(g, **want):
    """The one line, which says this."""
    got = g.access(1)[0]
    assert {k: got.get(k) for k in want} == want, got
    return got


def test_a_good_one(proxied, raw):
    g, up = proxied(reply(200, b"hello"))
    r = raw(g.port()).get("/a/b?c=d", [("User-Agent", "me"), ("Referer", "http://there/")], host="Shop.Example:80")
    got = line(g, client="127.0.0.1", listener="public", route="all", method="GET", host="shop.example", path="/a/b", query="c=d",
               protocol="HTTP/1.1", status=200, upstream="app", server=up.address, tries=1, user_agent="me", referer="http://there/")
    assert "reason" not in got
    assert got["bytes_out"] == len(r.head) + 5
    assert got["id"] == up.requests[0].header("X-Request-ID"), "the same id at the upstream"
    assert 0 <= got["response_ms"] <= got["duration_ms"]


def test_bytes_are_counted(proxied, raw):
    g, up = proxied(echo)
    c = raw(g.port())
    c.request("POST", "/", body=b"x" * 100_000).response()
    c.request("POST", "/", [("Transfer-Encoding", "chunked")]).send(b"5\r\nhello\r\n0\r\n\r\n").response()
    first, second = g.access(2)
    assert 100_000 < first["bytes_in"] < 100_200 and 100_000 < first["bytes_out"] < 100_300
    assert second["bytes_in"] < 150 and second["bytes_out"] < 300, "each exchange has its own count"


@pytest.mark.parametrize("behaviour, reason, status", [
    (drop, "upstream-closed", 502),
    (abort, "upstream-reset", 502),
    (raw_bytes(b"nonsense\r\n\r\n"), "upstream-bad-head", 502),
    (raw_bytes(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n"), "upstream-bad-framing", 502),
    (raw_bytes(HEAD + b"X: " + b"x" * 100_000), "upstream-head-too-large", 502),
    (hang, "upstream-timeout", 504),
    (raw_bytes(HEAD + b"Content-Length: 9\r\n\r\nabc", close=True), "upstream-truncated", 200),
    (raw_bytes(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", close=True), "upstream-truncated", 200),
    (raw_bytes(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd"), "upstream-bad-chunk", 200),
    (raw_bytes(HEAD + b"Content-Length: 9\r\n\r\nabc"), "upstream-stalled", 200),
], ids=lambda v: v if isinstance(v, str) else "")
def test_faults_of_the_upstream(proxied, raw, behaviour, reason, status):
    g, _ = proxied(behaviour, upstream="retries: 0, timeouts: { response: 200ms }")
    c = raw(g.port()).request("GET", "/")
    try:
        c.rest() if status == 200 else c.response()
    except (AssertionError, OSError):
        pass
    line(g, reason=reason, status=status)


def test_nobody_listens(gateway, free_port):
    g = gateway(proxy(), app=free_port())
    g.get()
    line(g, reason="connect-failed", status=502, tries=1, server=f"127.0.0.1:{g.port('app')}")


def test_tries_are_counted(gateway, origin, free_port):
    up = origin()
    g = gateway(proxy(servers=("@a@", "@b@")) + "runtime: { workers: 1, shutdown_grace: 1s }\n", a=free_port(), b=up.port)
    for _ in range(4):
        g.get()
    lines = g.access(4)
    assert {entry["tries"] for entry in lines} == {1, 2} and all(entry["server"] == up.address for entry in lines)
    assert not any("reason" in entry for entry in lines), "it went well in the end"


# ---- clients ----

def test_gone_while_the_upstream_thinks(proxied, raw):
    g, up = proxied(lambda peer, _: peer.reader.fill())
    c = raw(g.port()).request("GET", "/")
    up.wait(1)
    c.close()
    line(g, reason="client-gone")


def test_gone_in_the_middle_of_its_body(proxied, raw):
    g, up = proxied(echo)
    c = raw(g.port()).request("POST", "/", [("Content-Length", "100")]).send("half")
    wait_for(lambda: up.open, 5, "the request to reach the upstream")
    c.close()
    line(g, reason="client-gone")


def test_gone_in_the_middle_of_the_response(proxied, raw):
    g, _ = proxied(large(1 << 30))
    c = raw(g.port()).request("GET", "/")
    c.response_head()
    c.reset()
    got = line(g, reason="client-gone", status=200)
    assert 0 < got["bytes_out"] < 1 << 30


def test_stopped_reading(proxied, raw):
    g, _ = proxied(large(1 << 30), listener="timeouts: { body: 200ms }")
    raw(g.port()).request("GET", "/").response_head()
    line(g, reason="client-stalled", status=200)


def test_slow_with_its_body(proxied, raw):
    g, _ = proxied(echo, listener="timeouts: { body: 100ms }")
    raw(g.port()).request("POST", "/", [("Content-Length", "5")]).send("ab").response()
    line(g, reason="body-timeout", status=408)


def test_slow_with_its_head(proxied, raw):
    g, _ = proxied(listener="timeouts: { head: 100ms }")
    raw(g.port()).send("GET /x HTTP/1.1\r\nHo").response()
    line(g, reason="head-timeout", status=408)


def test_never_asked_anything(proxied, raw):
    g, _ = proxied(listener="timeouts: { idle: 100ms }")
    raw(g.port()).assert_closed()
    c = raw(g.port()).send("GET")
    c.close()
    raw(g.port()).get("/real")
    assert [entry["path"] for entry in g.access(1)] == ["/real"], "connections without a request are none"


@pytest.mark.parametrize("data, reason, status", [
    (b"GET /x HTTP/1.1\r\nBad Field: 1\r\n\r\n", "bad-field", 400),
    (b"GET /.. HTTP/1.1\r\nHost: a\r\n\r\n", "bad-target", 400),
    (b"\x16\x03\x01\x02\x00\r\n\r\n", "bad-request-line", 400),
    (b"GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "bad-framing", 400),
    (b"GET /x HTTP/1.1\r\n\r\n", "bad-host", 400),
    (b"GET /x HTTP/9.9\r\nHost: a\r\n\r\n", "bad-version", 505),
    (b"TRACE /x HTTP/1.1\r\nHost: a\r\n\r\n", "method-not-supported", 501),
    (b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n", "no-route", 404),
], ids=lambda v: v if isinstance(v, str) else "")
def test_refusals(gateway, raw, data, reason, status):
    g = gateway(HELLO)
    assert raw(g.port()).send(data).response().status == status
    line(g, reason=reason, status=status)


def test_a_line_is_a_line(gateway, raw):
    """Nothing a client says breaks the log."""
    g = gateway(HELLO)
    c = raw(g.port())
    c.get('/hello?"}\\n{"', [("User-Agent", 'a"b\\c\t\xff\x80'), ("Referer", "\xc3\x28")], host="x")
    c.send(b"GET /\xff\xfe\x00\x1b[31m HTTP/1.1\r\n\r\n").response()
    lines = g.access(2)
    assert len(lines) == 2 and lines[0]["query"] == '"}\\n{"'
    raw_text = g.access_path.read_bytes()
    assert b"\x1b" not in raw_text and raw_text.count(b"\n") == 2
    raw_text.decode("utf-8")


def test_secrets_stay_out(proxied, raw):
    g, _ = proxied()
    raw(g.port()).get("/", [("Authorization", "Bearer s3cr3t"), ("Cookie", "session=s3cr3t"), ("X-Api-Key", "s3cr3t")])
    g.access(1)
    assert "s3cr3t" not in g.access_path.read_text() + g.log()


@pytest.mark.parametrize("why", ["No such file or directory", "Connection refused", "Permission denied"])
def test_a_unix_socket_says_why_it_cannot_be_reached(gateway, folder, why):
    import os
    import socket
    path = folder / "up"
    if why == "Connection refused":
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(str(path))
    elif why == "Permission denied":
        if os.getuid() == 0:
            pytest.skip("nothing is denied to root")
        path.mkdir(mode=0)
        path /= "s"
    g = gateway(proxy(servers=[f'"unix:{path}"']))
    assert g.get("/").status in (502, 503)
    g.wait_log(rf"warn  upstream: app: server unix:{path}\S* .*{why}")
