"""One client's side of an exchange, the same for HTTP/1.1 and HTTP/2: a Caller begins exchanges, an Ask is one of them.

    ask = caller.begin("POST", "/x", [("Accept", "a/b")], body=True)   # True: of unknown length; an int: of that length
    ask.send(b"one"); ask.head(); ask.read(3); ask.end([("X-Sum", "1")]); ask.finish()

Fields are in lower case on both. A response that was cut short has `whole` False; it is no error here.
"""
import socket
import threading

import h2.errors
import h2.exceptions

from .client import RawClient, tls_context
from .h2client import H2Client
from .message import Fields, Malformed, content_length, is_chunked, parse_fields, read_head

ROOM = 256 << 10  # what a socket takes for who does not read: the system's own limit may be tens of MiB
LOST = (ConnectionResetError, BrokenPipeError)


def lower(pairs):
    return Fields((n.lower(), v) for n, v in pairs)


class Ask:
    def __init__(self, method):
        self.method = method
        self.status, self.fields, self.interim = 0, Fields(), []
        self.body, self.trailers = b"", Fields()
        self.whole = False   # the response came to its proper end
        self.code = None     # HTTP/2: why the stream was reset, if it was
        self.at = 0          # bytes of the body that were read

    def header(self, name):
        return self.fields.get(name)

    def more(self):
        """Receive something; False when the response is over."""
        raise NotImplementedError

    def took(self, n):
        """n bytes of the body were read."""

    def some(self):
        """The next bytes of the body, whatever there is; b"" at its end."""
        while len(self.body) == self.at and self.more():
            pass
        data, self.at = self.body[self.at:], len(self.body)
        self.took(len(data))
        return data

    def read(self, n):
        """n bytes of the body, or fewer at its end."""
        begin, end = self.at, self.at + n
        while self.at < end:
            if len(self.body) == self.at and not self.more() and len(self.body) == self.at:
                break
            got = min(len(self.body), end) - self.at
            self.at += got
            self.took(got)
        return self.body[begin:self.at]

    def finish(self):
        self.head()
        while self.some():
            pass
        return self

    def forget(self):
        """Drop what was read of the body: for bodies too large to be kept."""
        self.body, self.at = self.body[self.at:], 0


class H1Ask(Ask):
    def __init__(self, c, method, body):
        super().__init__(method)
        self.c, self.chunked = c, body is True
        self.framing, self.left, self.over = None, 0, False

    def send(self, data):
        self.c.send(b"%x\r\n%s\r\n" % (len(data), data) if self.chunked else data)
        return self

    def end(self, trailers=()):
        if self.chunked:
            self.c.send(b"0\r\n" + b"".join(f"{n}: {v}\r\n".encode() for n, v in trailers) + b"\r\n")
        return self

    def exchange(self, data):
        """Send a whole body and read the whole response at the same time."""
        def send():
            try:
                for at in range(0, len(data), 65536):
                    self.send(data[at:at + 65536])
                self.end()
            except OSError:
                pass
        t = threading.Thread(target=send, daemon=True)
        t.start()
        self.finish()
        t.join(10)
        return self

    def hint(self):
        """The next interim response."""
        r = read_head(self.c.reader)
        assert 100 <= r.status < 200, r.status
        self.interim.append((r.status, lower(r.fields)))
        return self.interim[-1]

    def head(self):
        while not self.status:
            r = read_head(self.c.reader)
            if 100 <= r.status < 200:
                self.interim.append((r.status, lower(r.fields)))
                continue
            self.status, self.fields = r.status, lower(r.fields)
            self.frame(r)
        return self

    def frame(self, r):
        chunked, length = is_chunked(r.fields), content_length(r.fields)
        if r.status == 204:
            assert not chunked and length is None, "a 204 with a framing field"
        if self.method == "HEAD" or r.status in (204, 304):
            self.framing = "none"
        else:
            self.framing = "chunked" if chunked else "close" if length is None else "length"
        self.left = length if self.framing == "length" else 0
        if self.framing == "none" or (self.framing == "length" and not self.left):
            self.over = self.whole = True

    def more(self):
        if self.over:
            return False
        try:
            self.whole = self.over = not self.step()
        except (Malformed, *LOST):
            self.over = True
        return not self.over

    def step(self):
        """One piece of the body; False at its end."""
        reader = self.c.reader
        if self.framing == "chunked" and not self.left:
            self.left = int(reader.take_until(b"\r\n")[:-2], 16)
            if not self.left:
                lines = []
                while line := reader.take_until(b"\r\n")[:-2]:
                    lines.append(line)
                self.trailers = lower(parse_fields(lines))
                return False
        if not reader.buffer and not reader.fill():
            if self.framing != "close":
                raise Malformed("cut short")
            return False
        data = reader.take(min(len(reader.buffer), self.left) if self.framing != "close" else len(reader.buffer))
        self.body += data
        if self.framing == "close":
            return True
        self.left -= len(data)
        if self.framing == "length":
            return self.left > 0
        if not self.left and reader.take(2) != b"\r\n":
            raise Malformed("a chunk does not end in CRLF")
        return True

    def cancel(self):
        self.over = True
        self.c.close()


class H2Ask(Ask):
    def __init__(self, c, stream, method):
        super().__init__(method)
        self.c, self.stream, self.r = c, stream, c.responses[stream]
        self.acked = 0

    def send(self, data):
        self.c.data(self.stream, data, end=False)
        self.update()
        return self

    def end(self, trailers=()):
        try:
            if trailers:
                self.c.conn.send_headers(self.stream, lower(trailers), end_stream=True)
            else:
                self.c.conn.end_stream(self.stream)
            self.c.flush()
        except h2.exceptions.ProtocolError:  # the gateway was faster, and wants no more of it
            assert self.r.ended
        return self

    def exchange(self, data):
        self.c.auto_window = True
        self.send(data).end()
        self.finish()
        return self

    def update(self):
        r = self.r
        self.interim = [(int(dict(i)[":status"]), lower(p for p in i if p[0] != ":status")) for i in r.interim]
        self.status, self.fields, self.body = r.status, lower(r.fields), r.body
        self.trailers, self.whole, self.code = lower(r.trailers), r.whole, r.reset

    def pump(self):
        if self.r.ended or self.c.eof:
            return False
        try:
            alive = self.c.pump()
        except LOST:
            alive = False
        self.update()
        return alive

    def more(self):
        return self.pump()

    def hint(self):
        n = len(self.interim)
        while len(self.r.interim) == n:
            assert self.pump(), "the stream ended"
        return self.interim[n]

    def head(self):
        self.update()
        while not self.r.status:
            if not self.pump():
                raise Malformed(f"the stream ended without a response: {self.r}, {self.c.goaway}")
        self.update()
        return self

    def took(self, n):
        """Now the gateway may send as much again."""
        if n and not self.c.auto_window:
            self.c.conn.acknowledge_received_data(n, self.stream)
            self.c.flush()

    def forget(self):
        super().forget()
        self.r.body = self.body

    def cancel(self):
        self.c.reset(self.stream)


class H1Caller:
    """A connection for every exchange in progress."""
    kind = "h1"

    def __init__(self, port, tls=False, authority="localhost"):
        self.port, self.authority = port, authority
        self.context = tls_context(alpn=["http/1.1"]) if tls else None
        self.opened, self.last = [], None

    def connect(self):
        self.opened.append(RawClient(self.port, tls=self.context))
        self.opened[-1].sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
        return self.opened[-1]

    def begin(self, method="GET", path="/", headers=(), body=None):
        reuse = self.last is not None and self.last.over and self.last.whole and self.last.header("connection") != "close"
        c = self.last.c if reuse else self.connect()
        pairs = list(headers)
        if body is True:
            pairs.append(("Transfer-Encoding", "chunked"))
        elif body is not None:
            pairs.append(("Content-Length", str(body)))
        c.request(method, path, pairs, host=self.authority)
        self.last = H1Ask(c, method, body)
        return self.last

    def close(self):
        for c in self.opened:
            c.close()


class H2Caller:
    """One connection; every exchange is a stream of it. The windows of its streams open as bodies are read."""
    kind = "h2"

    def __init__(self, port, tls=False, authority="localhost"):
        self.c = H2Client(port, tls=None if tls else False, authority=authority)
        self.c.auto_window = False
        self.c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)

    def begin(self, method="GET", path="/", headers=(), body=None):
        pairs = [(n.lower(), v) for n, v in headers]
        if body is not None and body is not True:
            pairs.append(("content-length", str(body)))
        return H2Ask(self.c, self.c.start(method, path, pairs, end=body is None), method)

    def close(self):
        self.c.close()


def ask(caller, method="GET", path="/", headers=(), body=None, sized=True):
    """A whole exchange. body: bytes; sized: with content-length."""
    if body is None:
        return caller.begin(method, path, headers).finish()
    return caller.begin(method, path, headers, len(body) if sized else True).exchange(body)
