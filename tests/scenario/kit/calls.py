"""gRPC with the real library on both sides: messages are bytes, no protobuf is needed.

A server has the methods of a service "test.Calls", one for each kind of call, and some that fail in a way of their own. Run as a
program it is a process that can be killed: prints its port and serves until then.
"""
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # tests fork to run programs, and children never call the library

import grpc  # noqa: E402

SERVICE = "test.Calls"
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1), ("grpc.so_reuseport", 0)]


class Server:
    """port. seen: (method, metadata, time left or None) of each call, in order. ended: how the watched calls ended."""

    def __init__(self, credentials=None, address="127.0.0.1:0", workers=32, options=()):
        self.seen, self.ended, self.release = [], [], threading.Event()
        self.pool = ThreadPoolExecutor(workers)
        self.server = grpc.server(self.pool, options=OPTIONS + list(options))
        handlers = {
            "Unary": grpc.unary_unary_rpc_method_handler(self.unary),
            "Collect": grpc.stream_unary_rpc_method_handler(self.collect),
            "Split": grpc.unary_stream_rpc_method_handler(self.split),
            "Chat": grpc.stream_stream_rpc_method_handler(self.chat),
            "Fail": grpc.unary_unary_rpc_method_handler(self.fail),
            "FailLate": grpc.unary_stream_rpc_method_handler(self.fail_late),
            "Metadata": grpc.unary_unary_rpc_method_handler(self.metadata),
            "Wait": grpc.unary_unary_rpc_method_handler(self.wait),
            "Watch": grpc.unary_stream_rpc_method_handler(self.watch),
        }
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers), Health()))
        self.port = (self.server.add_secure_port(address, credentials) if credentials
                     else self.server.add_insecure_port(address))
        assert self.port, f"no server at {address}"
        self.server.start()

    def stop(self, grace=0):
        self.release.set()
        self.server.stop(grace).wait()
        self.pool.shutdown()  # the library aborts when a call's last thread outlives its server

    def note(self, name, context):
        left = context.time_remaining()
        # without a deadline the library says a time nobody lives to see
        self.seen.append((name, list(context.invocation_metadata()), left if left is not None and left < 1e8 else None))

    def unary(self, request, context):
        self.note("Unary", context)
        return request

    def collect(self, requests, context):
        self.note("Collect", context)
        return b"".join(requests)

    def split(self, request, context):
        """ "N SIZE": N messages of that size."""
        self.note("Split", context)
        n, size = map(int, request.split())
        for i in range(n):
            yield bytes([i & 255]) * size

    def chat(self, requests, context):
        self.note("Chat", context)
        yield from requests

    def fail(self, request, context):
        """ "CODE TEXT", before any message: the answer is its trailers alone."""
        self.note("Fail", context)
        code, _, text = request.decode().partition(" ")
        context.set_trailing_metadata((("x-why", "as asked"), ("why-bin", b"\x00\xff")))
        context.abort(next(c for c in grpc.StatusCode if c.value[0] == int(code)), text)

    def fail_late(self, request, context):
        self.note("FailLate", context)
        yield b"one"
        yield b"two"
        context.set_trailing_metadata((("x-why", "late"),))
        context.abort(grpc.StatusCode.DATA_LOSS, "it broke: 100% é")

    def metadata(self, request, context):
        self.note("Metadata", context)
        context.send_initial_metadata((("x-first", "1"), ("first-bin", b"\x01\x00\xfe")))
        context.set_trailing_metadata((("x-last", "2"), ("last-bin", b"\xff\x00"), ("etag", "t"), ("retry-after", "7"),
                                       ("location", "here"), ("x-request-id", "of the service")))
        return request

    def watched(self, name, context):
        """An event that is set when the call is over. Asked for first of all: a call that is cancelled is not pulled on."""
        over = threading.Event()

        def on_over():
            if not self.release.is_set():
                self.ended.append(name)
            over.set()
        if not context.add_callback(on_over):
            on_over()
        return over

    def wait(self, request, context):
        """Until the test says so, or the call is over."""
        over = self.watched("Wait", context)
        self.note("Wait", context)
        while not self.release.wait(0.01) and not over.is_set():
            pass
        return request

    def watch(self, request, context):
        """One message, and then silence."""
        over = self.watched("Watch", context)
        self.note("Watch", context)
        yield b"begun"
        while not self.release.wait(0.01) and not over.is_set():
            pass
        yield b"over"


class Health(grpc.GenericRpcHandler):
    """grpc.health.v1.Health/Check, in protobuf's bytes: SERVING for the server as a whole and for test.Calls."""

    def service(self, details):
        if details.method != "/grpc.health.v1.Health/Check":
            return None
        return grpc.unary_unary_rpc_method_handler(self.check)

    @staticmethod
    def check(request, context):
        if request and SERVICE.encode() not in request:
            context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return b"\x08\x01"


class Process:
    """A server that can be killed."""

    def __init__(self):
        self.proc = subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
        self.port = int(self.proc.stdout.readline())

    def kill(self):
        self.proc.kill()
        self.proc.wait(10)
        self.proc.stdout.close()
        self.proc.stdin.close()

    stop = kill


class Channel:
    """Calls to a gateway: c.unary("Unary", b"x"), and the other kinds; keywords as of grpc (timeout, metadata)."""

    def __init__(self, port, ca=None, options=()):
        options = OPTIONS + [("grpc.enable_retries", 0)] + list(options)
        if ca:
            with open(ca, "rb") as f:
                credentials = grpc.ssl_channel_credentials(f.read())
            self.channel = grpc.secure_channel(f"localhost:{port}", credentials,
                                               options + [("grpc.ssl_target_name_override", "localhost")])
        else:
            self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", options)
        self.close = self.channel.close

    @staticmethod
    def path(name):
        return name if name.startswith("/") else f"/{SERVICE}/{name}"

    def unary(self, name, request=b"", timeout=30, **kw):
        return self.channel.unary_unary(self.path(name))(request, timeout=timeout, **kw)

    def with_call(self, name, request=b"", timeout=30, **kw):
        """(answer, call): the call has initial_metadata() and trailing_metadata()."""
        return self.channel.unary_unary(self.path(name)).with_call(request, timeout=timeout, **kw)

    def future(self, name, request=b"", timeout=30, **kw):
        return self.channel.unary_unary(self.path(name)).future(request, timeout=timeout, **kw)

    def collect(self, name, requests, timeout=30, **kw):
        return self.channel.stream_unary(self.path(name))(requests, timeout=timeout, **kw)

    def split(self, name, request=b"", timeout=30, **kw):
        return self.channel.unary_stream(self.path(name))(request, timeout=timeout, **kw)

    def chat(self, name, requests, timeout=30, **kw):
        return self.channel.stream_stream(self.path(name))(requests, timeout=timeout, **kw)


def main():
    server = Server()
    print(server.port, flush=True)
    sys.stdin.read()  # ends when the test does


if __name__ == "__main__":
    main()
