"""app.py PORT: a service shop.v1.Orders on grpcio, whose messages are bytes: no protobuf is needed."""
import hashlib
import json
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc


def who(_request, context):
    """What the service knows of its caller."""
    metadata = {k: v for k, v in context.invocation_metadata() if isinstance(v, str)}
    left = context.time_remaining()
    return json.dumps({"peer": context.peer(), "ip": metadata["x-forwarded-for"].rpartition(",")[2].strip(), "fields": metadata,
                       "scheme": metadata["x-forwarded-proto"], "left": left if left and left < 1e8 else None}).encode()


def upload(requests, _context):
    """A stream of parts: how many bytes, and their sum."""
    data = b"".join(requests)
    return json.dumps({"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}).encode()


def download(request, _context):
    """N parts of 64 KiB."""
    for i in range(int(request)):
        yield bytes([i & 255]) * 65536


def watch(requests, _context):
    """Says again what it is told, for as long as the client wants."""
    yield from requests


def refuse(_request, context):
    context.set_trailing_metadata((("x-why", "sold out"),))
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "sold out")


def main():
    server = grpc.server(ThreadPoolExecutor(16), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.v1.Orders", {
        "Who": grpc.unary_unary_rpc_method_handler(who),
        "Upload": grpc.stream_unary_rpc_method_handler(upload),
        "Download": grpc.unary_stream_rpc_method_handler(download),
        "Watch": grpc.stream_stream_rpc_method_handler(watch),
        "Refuse": grpc.unary_unary_rpc_method_handler(refuse),
    }),))
    server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
