"""HTTP/2 from clients, and to servers."""
from benchkit.scenario import H2

TLS, OVER_H2C = {"tls": True, "h2": True}, {"tls": True, "h2": True, "h2c": True}
H2C = frozenset(["tls", "h2", "h2c"])
GRPC = ("-H", "content-type: application/grpc", "-H", "te: trailers")
MESSAGE = b"\0\0\0\0\x40" + b"m" * 64

SCENARIOS = [
    H2("h2", "1 KiB, HTTP/2 over TLS 1.3, 8 connections x 32 streams", frozenset(["tls", "h2"]), TLS),
    H2("h2-h2c", "the same, HTTP/2 to the server as well", H2C, OVER_H2C, origin="h2c"),
    H2("grpc", "gRPC calls with 64 bytes each way", H2C, OVER_H2C, origin="h2c", target="/bench.Echo/Say", options=GRPC, body=MESSAGE),
    H2("grpc-stream", "gRPC streams of 100 messages of 64 bytes, for a message", H2C, OVER_H2C, origin="h2c",
       target="/stream/100/64", options=GRPC, body=MESSAGE, streams=4, messages=100, what="messages"),
]
