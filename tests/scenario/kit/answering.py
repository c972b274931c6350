"""One server's side of an exchange, the same for HTTP/1.1 and HTTP/2: a Far is a server, a Call one request it got.

A behaviour is called with the Call once the head of a request is there, on a thread of its own:

    def behave(call):
        word = call.read(3)
        call.head(200, [("x-a", "b")], length=None)     # None: of unknown length
        call.send(word); call.end([("x-sum", "1")])

What a behaviour asserts fails the test; that the gateway left is no failure (Gone).
"""
import socket
import threading

import h2.errors

from .asking import ROOM, lower
from .h2origin import H2Origin
from .message import REQUEST_LINE, Fields, Malformed, content_length, is_chunked, parse_fields, split_head
from .origin import Origin
from .process import wait_for

DEADLINE = 20.0


class Gone(Exception):
    """The gateway gave the request up, or its connection ended."""


class Call:
    def __init__(self, method, path, fields, connection):
        self.method, self.path, self.fields, self.connection = method, path, fields, connection
        self.body, self.at, self.complete = b"", 0, False
        self.trailers = Fields()
        self.sent = 0                   # bytes of the response's body that have left
        self.left = threading.Event()   # the gateway gave the request up
        self.done = threading.Event()   # the behaviour has returned

    def header(self, name):
        return self.fields.get(name)

    def some(self):
        """The next bytes of the body, whatever there is; b"" at its end."""
        while len(self.body) == self.at and not self.complete:
            self.more()
        data, self.at = self.body[self.at:], len(self.body)
        return data

    def read(self, n):
        while len(self.body) < self.at + n and not self.complete:
            self.more()
        data, self.at = self.body[self.at:self.at + n], min(self.at + n, len(self.body))
        return data

    def rest(self):
        while self.some():
            pass
        return self.body

    def forget(self):
        """Drop what was read of the body: for bodies too large to be kept."""
        self.body, self.at = self.body[self.at:], 0

    def reply(self, status=200, body=b"", headers=(), length=True, trailers=()):
        """A whole response. length: with content-length."""
        self.head(status, headers, len(body) if length else None)
        if body:
            self.send(body)
        self.end(trailers)


class H1Call(Call):
    def __init__(self, peer, line, fields):
        m = REQUEST_LINE.match(line)
        if not m:
            raise Malformed(f"request line {line!r}")
        super().__init__(m[1].decode(), m[2].decode(), lower(fields), peer.number)
        self.peer, self.chunked, self.left_in = peer, is_chunked(fields), content_length(fields) or 0
        self.authority = self.header("host")
        self.complete = not self.chunked and not self.left_in
        self.bodiless, self.framing = False, None

    def more(self):
        reader = self.peer.reader
        try:
            if self.chunked and not self.left_in:
                self.left_in = int(reader.take_until(b"\r\n")[:-2], 16)
                if not self.left_in:
                    lines = []
                    while line := reader.take_until(b"\r\n")[:-2]:
                        lines.append(line)
                    self.trailers, self.complete = lower(parse_fields(lines)), True
                    return
            if not reader.buffer and not reader.fill():
                raise Gone
            data = reader.take(min(self.left_in, len(reader.buffer)))
            self.body += data
            self.left_in -= len(data)
            if self.chunked and not self.left_in:
                assert reader.take(2) == b"\r\n"
            self.complete = not self.chunked and not self.left_in
        except (OSError, Malformed):
            self.left.set()
            raise Gone from None

    def write(self, data):
        try:
            self.peer.send(data)
        except OSError:
            self.left.set()
            raise Gone from None

    def lines(self, status, headers):
        return f"HTTP/1.1 {status} Whatever\r\n".encode() + b"".join(f"{n}: {v}\r\n".encode("latin-1") for n, v in headers)

    def interim(self, status, headers=()):
        self.write(self.lines(status, headers) + b"\r\n")

    def head(self, status=200, headers=(), length=None):
        self.bodiless = self.method == "HEAD" or status in (204, 304)
        pairs = list(headers)
        self.framing = "length" if length is not None else "chunked"
        if length is not None and status != 204:
            pairs.append(("Content-Length", str(length)))
        elif not self.bodiless:
            pairs.append(("Transfer-Encoding", "chunked"))
        self.write(self.lines(status, pairs) + b"\r\n")

    def send(self, data):
        if self.bodiless:
            return
        self.write(b"%x\r\n%s\r\n" % (len(data), data) if self.framing == "chunked" else data)
        self.sent += len(data)

    def end(self, trailers=()):
        if self.framing == "chunked" and not self.bodiless:
            self.write(b"0\r\n" + b"".join(f"{n}: {v}\r\n".encode() for n, v in trailers) + b"\r\n")

    def fail(self):
        """The connection breaks."""
        self.peer.reset()
        raise Gone

    def drop(self):
        self.peer.close()
        raise Gone

    def gone(self, timeout=DEADLINE):
        """Wait for the gateway to give the request up."""
        self.peer.sock.settimeout(timeout)
        try:
            while self.peer.reader.fill():
                pass
        except TimeoutError:
            raise AssertionError("the gateway does not give the request up") from None
        except OSError:
            pass
        self.left.set()


class H2Call(Call):
    def __init__(self, stream, request):
        fields = lower(request.fields)
        super().__init__(request.method, request.path, Fields(p for p in fields if p[0][0] != ":"), request.connection)
        self.stream, self.request, self.conn = stream, request, stream.connection
        self.authority, self.scheme = fields.get(":authority"), fields.get(":scheme")
        self.bodiless = False

    def is_over(self):
        return self.request.reset is not None or self.stream.gone or self.conn.sock.fileno() < 0

    def wait(self, what, timeout=DEADLINE):
        """Under the lock: until what() is so, or the request is over."""
        assert self.conn.lock.wait_for(lambda: what() or self.is_over(), timeout), "nothing comes from the gateway"
        if not what():
            self.left.set()
            raise Gone

    def more(self):
        with self.conn.lock:
            self.wait(lambda: len(self.stream.body) > len(self.body) or self.request.complete)
            self.body = bytes(self.stream.body)
            self.stream.take()
            self.complete = self.request.complete
            self.trailers = lower(self.request.trailers)

    def forget(self):
        with self.conn.lock:
            del self.stream.body[:self.at]
        super().forget()

    def interim(self, status, headers=()):
        self.stream.interim(status, lower(headers))

    def head(self, status=200, headers=(), length=None):
        self.bodiless = self.method == "HEAD" or status in (204, 304)
        pairs = lower(headers)
        if length is not None and status != 204:
            pairs.append(("content-length", str(length)))
        self.stream.head(status, pairs, end=self.bodiless)

    def send(self, data):
        if self.bodiless:
            return
        self.stream.data(data)
        with self.conn.lock:
            self.wait(lambda: not self.stream.queue and not self.stream.gone)
        self.sent += len(data)

    def end(self, trailers=()):
        if not self.bodiless:
            self.stream.end(lower(trailers))

    def fail(self):
        self.stream.reset(h2.errors.ErrorCodes.INTERNAL_ERROR)
        raise Gone

    def drop(self):
        self.conn.close()
        raise Gone

    def gone(self, timeout=DEADLINE):
        with self.conn.lock:
            assert self.conn.lock.wait_for(self.is_over, timeout), "the gateway does not give the request up"
        self.left.set()


def echo(call):
    """The request's body as it comes, and its trailers."""
    length = call.header("content-length")
    call.head(200, [("x-method", call.method), ("x-path", call.path)], int(length) if length else None)
    while data := call.some():
        call.send(data)
    call.end(call.trailers)


class Far:
    """kind: h1, h2 (over TLS), h2c. calls: in order of arrival. failures: what went wrong in behaviours, as texts."""

    def __init__(self, kind, port, tls=None, behave=echo):
        self.kind, self.port = kind, port
        self.lock = threading.Lock()
        self.calls, self.failures, self.script = [], [], [behave]
        if kind == "h1":
            self.server = Origin(None, port, tls=tls, on_accept=self.serve_h1)
        else:
            self.server = H2Origin(self.serve_h2, port, tls=tls, takes_bodies=False)
        self.server.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)

    def behave(self, *behaviours):
        """One for each request, the last for all that follow; calls and failures are forgotten."""
        with self.lock:
            self.script, self.calls, self.failures = list(behaviours), [], []

    def connections(self):
        return self.server.connections if self.kind == "h1" else len(self.server.connections)

    def wait(self, n=1):
        """The n-th call, once it is there."""
        wait_for(lambda: len(self.calls) >= n, DEADLINE, f"{n} requests at the origin (it has {len(self.calls)})")
        return self.calls[n - 1]

    def done(self, n=1):
        """The n-th call, once its behaviour has returned."""
        call = self.wait(n)
        assert call.done.wait(DEADLINE), f"the origin is not through with {call.method} {call.path}"
        return call

    def run(self, call):
        with self.lock:
            self.calls.append(call)
            script = self.script
            behave = script.pop(0) if len(script) > 1 else script[0]
        try:
            behave(call)
        except (Gone, OSError):
            call.left.set()
        except Exception as e:  # a test that fails in another thread must fail
            self.failures.append(f"{type(e).__name__}: {e}")
        finally:
            call.done.set()

    def serve_h1(self, peer):
        try:
            while not peer.closed and (peer.reader.buffer or peer.reader.fill()):
                line, fields = split_head(peer.reader.take_until(b"\r\n\r\n"))
                call = H1Call(peer, line, fields)
                self.run(call)
                if not peer.closed and not call.left.is_set():
                    call.rest()
                if call.left.is_set():
                    break
        except (Malformed, AssertionError) as e:
            if not self.server.stopped.is_set():
                self.failures.append(str(e))
        except (Gone, OSError, ValueError):
            pass
        if not peer.closed:
            try:
                peer.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            peer.close()

    def serve_h2(self, stream, request):
        def run():
            call = H2Call(stream, request)
            self.run(call)
            stream.take()
        threading.Thread(target=run, daemon=True).start()
    serve_h2.early = True

    def stop(self):
        self.server.stop()
