"""What Sluice refuses and what fails in it, told to gRPC clients as errors of gRPC."""
import json
import urllib.parse

import grpc
import pytest

from kit import tokens
from kit.configs import proxy
from kit.h2origin import hold
from kit.origin import reply
from kit.ports import free_port
from kit.process import wait_for

CALL = [("content-type", "application/grpc"), ("te", "trailers")]
LOGIN = 'plugins: { login: { use: jwt, issuer: "https://idp.test/", audience: api, jwks: "file:jwks.json" } }'
FEW = "plugins: { few: { use: rate-limit, rate: 1/h, by: ip } }"


def told(fields):
    """(grpc-status, grpc-message) of a response's head or trailers."""
    fields = dict(fields)
    return int(fields["grpc-status"]), urllib.parse.unquote(fields["grpc-message"])


@pytest.mark.parametrize("kind", ["application/grpc", "application/grpc+proto", "application/grpc; charset=utf-8",
                                  "Application/GRPC+json;x=y"])
def test_which_requests_are_calls(gateway, h2, kind):
    g = gateway(proxy("protocols: [h2]").replace("/*", "/here"), app=free_port())
    r = h2(g.port(), tls=False).request("POST", "/", [("content-type", kind), ("x-request-id", "r-1")], b"")
    assert told(r.fields) == (12, "no-route: No route matches this request.")
    assert (r.status, r.body, r.trailers, r.reset) == (200, b"", [], None)
    assert r.header("content-type") == "application/grpc" and r.header("content-length") is None
    assert r.header("x-request-id") == "r-1"
    line = g.access(1)[0]
    assert (line["status"], line["grpc_status"], line["reason"]) == (200, 12, "no-route")
    metrics = g.metrics()
    assert metrics['sluice_grpc_calls_total{route="",code="UNIMPLEMENTED"}'] == 1
    assert metrics['sluice_refusals_total{route="",reason="no-route"}'] == 1


@pytest.mark.parametrize("method, kind", [
    ("POST", "application/grpc-web"), ("POST", "application/grpc-web+proto"), ("POST", "application/grpc-web-text"),
    ("POST", "application/grpcx"), ("POST", "application/json"), ("POST", "text/application/grpc"),
    ("PUT", "application/grpc")])
def test_which_are_not(gateway, h2, method, kind):
    g = gateway(proxy("protocols: [h2]").replace("/*", "/here"), app=free_port())
    r = h2(g.port(), tls=False).request(method, "/", [("content-type", kind)], b"")
    assert r.status == 404 and r.header("content-type") == "application/problem+json"
    assert json.loads(r.body)["type"].endswith(":no-route") and r.header("grpc-status") is None
    assert "grpc_status" not in g.access(1)[0]


def test_over_http1(gateway, raw):
    """It is no gRPC; but who asks like that understands this answer best."""
    g = gateway(proxy().replace("/*", "/here"), app=free_port())
    r = raw(g.port()).request("POST", "/", [("Content-Type", "application/grpc")], b"x").response("POST")
    assert (r.status, r.header("grpc-status"), r.header("content-length"), r.body) == (200, "12", "0", b"")


def test_tokens(called, rs256):
    g, up, c = called(plugins="login", config=LOGIN, files={"jwks.json": tokens.jwks(rs256)})
    with pytest.raises(grpc.RpcError) as e:
        c.unary("Unary", b"x", metadata=(("x-request-id", "r-1"),))
    assert e.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert e.value.details() == "token-missing: a bearer token is required"
    last = dict(e.value.trailing_metadata())
    assert last["www-authenticate"].startswith("Bearer") and last["x-request-id"] == "r-1"
    line = g.access(1)[0]
    assert (line["status"], line["grpc_status"], line["reason"]) == (200, 16, "token-missing")
    good = rs256.mint()
    assert c.unary("Unary", b"x", metadata=(("authorization", f"Bearer {good}"),)) == b"x"
    with pytest.raises(grpc.RpcError) as e:
        list(c.chat("Chat", iter([b"1" * 100000] * 30), metadata=(("authorization", f"Bearer {good}x"),)))
    assert e.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert len(up.seen) == 1


def test_limits(called):
    g, _, c = called(plugins="few", config=FEW)
    assert c.unary("Unary", b"x") == b"x"
    with pytest.raises(grpc.RpcError) as e:
        c.unary("Unary", b"x")
    assert e.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert e.value.details().startswith("rate-limited: Too many requests. Try again in ")
    last = dict(e.value.trailing_metadata())
    assert int(last["retry-after"]) > 3000 and last["ratelimit"] and last["ratelimit-policy"]
    assert g.access(2)[1]["grpc_status"] == 8
    assert g.metrics()['sluice_grpc_calls_total{route="all",code="RESOURCE_EXHAUSTED"}'] == 1


def test_no_server(gateway, channel):
    g = gateway(proxy("protocols: [h2]", "protocol: h2c"), app=free_port())
    with pytest.raises(grpc.RpcError) as e:
        channel(g.port()).unary("Unary")
    assert e.value.code() == grpc.StatusCode.UNAVAILABLE
    assert e.value.details() == "connect-failed: No connection to the upstream could be made."
    assert g.access(1)[0]["grpc_status"] == 14


def test_what_is_no_grpc_passes(called, origin):
    """A server that answers a call with something else is not translated: that is the library's work, and it knows how."""
    up = origin([reply(503, b"<p>down", {"Content-Type": "text/html", "Retry-After": "5"})])
    g, _, c = called(up=up, protocol="http/1.1")
    with pytest.raises(grpc.RpcError) as e:
        c.unary("Unary", b"x")
    assert e.value.code() == grpc.StatusCode.UNAVAILABLE and "503" in e.value.details()
    line = g.access(1)[0]
    assert line["status"] == 503 and "grpc_status" not in line and "reason" not in line
    assert g.metrics()['sluice_grpc_calls_total{route="all",code="none"}'] == 1


def test_what_servers_hear(framed):
    """te and the encodings go on as they came, the deadline with what is left of it."""
    def answer(stream, _request):
        stream.head(200, [("content-type", "application/grpc"), ("grpc-encoding", "gzip"), ("grpc-accept-encoding", "gzip")])
        stream.data(b"\1\0\0\0\1x")
        stream.end([("grpc-status", "0"), ("grpc-message", "")])
    _, up, c = framed(answer)
    asked = CALL + [("grpc-timeout", "30S"), ("grpc-encoding", "gzip"), ("grpc-accept-encoding", "identity,gzip"),
                    ("user-agent", "grpc-test/1")]
    r = c.request("POST", "/a.B/C", asked, b"\1\0\0\0\1y")
    assert (r.body, r.trailers) == (b"\1\0\0\0\1x", [("grpc-status", "0"), ("grpc-message", "")])
    assert r.header("grpc-encoding") == "gzip" and r.header("content-length") is None
    q = up.requests[0]
    assert (q.path, q.body, q.header("content-length")) == ("/a.B/C", b"\1\0\0\0\1y", None)
    left = q.header("grpc-timeout")
    assert left.endswith("u") and 20e6 < int(left[:-1]) <= 30e6
    assert [(n, q.header(n)) for n, _ in asked if n != "grpc-timeout"] == [pair for pair in asked if pair[0] != "grpc-timeout"]
    assert not up.errors


def test_a_bad_field(framed, h2):
    g, _, _ = framed(hold)
    c = h2(g.port(), tls=False, strict=False)
    r = c.request("POST", "/a.B/C", CALL + [("x-bad", "a\x01b")], b"")
    assert told(r.fields) == (13, "bad-field: A header field is malformed.")
    assert g.access(1)[0]["grpc_status"] == 13


def test_a_body_that_is_too_large(framed):
    g, _, c = framed(hold, listener="max_body: 1KiB")
    r = c.request("POST", "/a.B/C", CALL, b"x" * 2000)
    assert told(r.fields)[0] == 8 and g.access(1)[0]["reason"] == "body-too-large"


@pytest.mark.parametrize("length", [None, "100"])
def test_a_stream_that_breaks(framed, length):
    """All that came before arrives, and then a status; but not where the response has said how long it is."""
    def breaks(stream, _request):
        stream.head(200, [("content-type", "application/grpc")] + ([("content-length", length)] if length else []))
        stream.data(b"so far")
    breaks.early = True
    g, up, c = framed(breaks)
    stream = c.start("POST", "/a.B/C", CALL, end=False)
    wait_for(lambda: c.pump() and c.responses[stream].body == b"so far", what="what came before")
    up.streams[0].reset()
    r = c.finish(stream)
    assert r.body == b"so far" and g.access(1)[0]["reason"] == "upstream-truncated"
    if length:
        assert r.reset == 2 and not r.trailers
    else:
        assert told(r.trailers) == (14, "upstream-truncated: The upstream's response ended before it was complete.")
    assert g.access()[0]["grpc_status"] == 14
    assert c.conn.get_next_available_stream_id() and not c.goaway
