"""gRPC-Web: browsers' calls to a server of the real library, by HTTP/1.1 and HTTP/2, binary and text."""
import base64
import struct
from concurrent.futures import ThreadPoolExecutor

import pytest

from kit.calls import grpc
from kit.configs import PLAIN_AND_TLS

ECHO = "/echo.Echo/"
CONFIG = PLAIN_AND_TLS + """
upstreams:
  app: { servers: ["127.0.0.1:@app@"], protocol: h2c }
plugins:
  web: { use: grpc-web, origins: ["https://app.example"] }
  few: { use: rate-limit, rate: 1/d, burst: 3, by: "header:x-who" }
routes:
  - { name: calls, match: { path: /* }, plugins: [web, few], upstream: app }
"""
BOTH = pytest.mark.parametrize("client", ["h1", "h2"])
TEXT = pytest.mark.parametrize("text", [False, True], ids=["binary", "text"])


class Echo(grpc.GenericRpcHandler):
    """Unary, Stream (each byte a message), and Fail."""

    def service(self, details):
        name = details.method.rsplit("/", 1)[1]
        if name == "Stream":
            return grpc.unary_stream_rpc_method_handler(self.stream)
        return grpc.unary_unary_rpc_method_handler(self.fail if name == "Fail" else self.unary)

    def unary(self, request, context):
        context.set_trailing_metadata((("x-trailer", "yes"), ("x-note", "a b")))
        return request[::-1]

    def stream(self, request, context):
        for i in range(len(request)):
            yield request[i:i + 1]

    def fail(self, request, context):
        context.abort(grpc.StatusCode.NOT_FOUND, "no such thing: \u00e9")


@pytest.fixture
def web(gateway, raw, h2, server_cert):
    pool = ThreadPoolExecutor(4)
    server = grpc.server(pool, handlers=[Echo()], options=[("grpc.so_reuseport", 0)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    g = gateway(CONFIG, app=port, cert=server_cert.cert, key=server_cert.key)

    def call(method, message, client="h1", text=False, headers=(), pieces=0, who="a"):
        """(HTTP status, head, messages, trailers) of a call."""
        body = b"\0" + struct.pack(">I", len(message)) + message
        if text:
            pieces = pieces or len(body)
            body = b"".join(base64.b64encode(body[i:i + pieces]) for i in range(0, len(body), pieces))
        kind = "application/grpc-web-text" if text else "application/grpc-web+proto"
        pairs = [("content-type", kind), ("accept", kind), ("x-grpc-web", "1"), ("x-who", who), *headers]
        if client == "h2":
            r = h2(g.port("tls")).request("POST", ECHO + method, pairs, body)
            head, trailers = dict(r.fields), r.trailers
        else:
            r = raw(g.port("public")).request("POST", ECHO + method, [("TE", "trailers"), ("Connection", "TE"), *pairs],
                                              body).response()
            head, trailers = {n.lower(): v for n, v in r.fields}, r.trailers
        assert not trailers, "they are in the body"
        assert r.status != 200 or head["content-type"] == ("application/grpc-web-text+proto" if text else kind)
        return r.status, head, *frames(segments(r.body) if text else r.body)
    call.gateway, call.raw, call.server = g, raw, server
    yield call
    server.stop(0).wait()
    pool.shutdown()


def segments(text):
    """Base64 that may be padded within."""
    assert len(text) % 4 == 0
    return b"".join(base64.b64decode(text[i:i + 4], validate=True) for i in range(0, len(text), 4))


def frames(body):
    messages, trailers = [], None
    while body:
        assert trailers is None, "nothing follows the trailers"
        flag, n = body[0], struct.unpack(">I", body[1:5])[0]
        data, body = body[5:5 + n], body[5 + n:]
        assert len(data) == n
        if flag == 0x80:
            trailers = dict(line.split(": ", 1) for line in data.decode().split("\r\n")[:-1])
        else:
            assert flag == 0
            messages.append(data)
    return messages, trailers


@BOTH
@TEXT
def test_unary(web, client, text):
    status, head, messages, trailers = web("Unary", b"hello", client, text)
    assert (status, messages) == (200, [b"olleh"])
    assert trailers["grpc-status"] == "0" and trailers["x-trailer"] == "yes" and trailers["x-note"] == "a b"
    assert "content-length" not in head and "access-control-allow-origin" not in head


@BOTH
@TEXT
def test_large(web, client, text):
    message = bytes(range(256)) * 4000
    _, _, messages, trailers = web("Unary", message, client, text)
    assert messages == [message[::-1]] and trailers["grpc-status"] == "0"


@pytest.mark.parametrize("pieces", [1, 2, 3, 4, 7])
def test_segments(web, pieces):
    assert web("Unary", b"hello, world", text=True, pieces=pieces)[2] == [b"hello, world"[::-1]]


@BOTH
@TEXT
def test_a_stream_of_messages(web, client, text):
    _, _, messages, trailers = web("Stream", b"abcdefg", client, text)
    assert messages == [b"a", b"b", b"c", b"d", b"e", b"f", b"g"] and trailers["grpc-status"] == "0"


@BOTH
@TEXT
def test_errors_of_the_service(web, client, text):
    status, head, messages, trailers = web("Fail", b"x", client, text)
    assert (status, messages) == (200, []) and "grpc-status" not in head
    assert trailers["grpc-status"] == "5" and trailers["grpc-message"] == "no such thing: %C3%A9"


@BOTH
@TEXT
def test_refused_by_the_gateway(web, client, text):
    for _ in range(3):
        assert web("Unary", b"x", client, text)[3]["grpc-status"] == "0"
    status, _, messages, trailers = web("Unary", b"x", client, text)
    assert (status, messages) == (200, []) and trailers["grpc-message"].startswith("rate-limited")
    assert [line["reason"] for line in web.gateway.access(4) if "reason" in line] == ["rate-limited"]


def test_text_that_is_none(web):
    r = web.raw(web.gateway.port("public")).request("POST", ECHO + "Unary", [("Content-Type", "application/grpc-web-text")],
                                                    b"AAAA*AAA").response()
    messages, trailers = frames(segments(r.body))
    assert (r.status, messages) == (200, []) and trailers["grpc-message"].startswith("grpc-web-text")
    assert trailers["grpc-status"] == "13"


@TEXT
def test_a_service_that_is_down(web, text):
    web.server.stop(0).wait()
    status, _, messages, trailers = web("Unary", b"x", text=text)
    assert (status, messages, trailers["grpc-status"]) == (200, [], "14")


def test_other_requests_pass(web):
    r = web.raw(web.gateway.port("public")).request("GET", "/other", [("X-Who", "c")]).response()
    assert r.header("content-type") == "application/grpc", "what a gRPC server says to that"
    assert "access-control-allow-origin" not in r.fields


def test_a_deadline(web):
    _, _, messages, trailers = web("Unary", b"x", headers=[("grpc-timeout", "0n")], who="b")
    assert messages == [] and trailers["grpc-status"] == "4"


def test_preflight(web):
    c = web.raw(web.gateway.port("public"))
    ask = [("Origin", "https://app.example"), ("Access-Control-Request-Method", "POST"),
           ("Access-Control-Request-Headers", "content-type,x-grpc-web")]
    r = c.request("OPTIONS", ECHO + "Unary", ask).response("OPTIONS")
    assert r.status == 204 and r.header("access-control-allow-origin") == "https://app.example"
    assert "x-grpc-web" in r.header("access-control-allow-headers") and r.header("access-control-max-age") == "3600"
    r = c.request("OPTIONS", ECHO + "Unary", [("Origin", "https://evil.example"), *ask[1:]]).response("OPTIONS")
    assert r.status == 403 and "access-control-allow-origin" not in r.fields


def test_pages_may_read(web):
    _, head, _, _ = web("Unary", b"x", headers=[("origin", "https://app.example")])
    assert head["access-control-allow-origin"] == "https://app.example" and head["vary"] == "Origin"
    assert "grpc-status" in head["access-control-expose-headers"]
