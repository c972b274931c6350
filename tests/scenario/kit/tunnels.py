"""Tunnels over either version of HTTP on either side: the same few verbs for a test, whatever carries the bytes.

`Guest` is the client's end, opened through the gateway; a behaviour made by talking() runs on a `Host`, the upstream's end.
Between HTTP/2 and HTTP/1.1 a WebSocket's key and accept are the gateway's; any other protocol has none.
"""
import base64
import hashlib
import os
import threading
import time

import h2.errors

from .client import RawClient
from .h2client import H2Client
from .message import Malformed
from .origin import Peer
from .process import wait_for

PAIRS = ["h1-h1", "h1-h2", "h2-h1", "h2-h2"]
LISTENER = "protocols: [h2, http/1.1]"
opened = []  # guests, for whoever closes them
SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def upstream_speaks(pair, more=""):
    """Options of an upstream for the second half of a pair."""
    return ", ".join(filter(None, ["protocol: h2c" if pair.endswith("h2") else "", more]))


def accept_for(key):
    return base64.b64encode(hashlib.sha1(key.encode() + SUFFIX).digest()).decode()


# ---- the upstream's end ----------------------------------------------------------------------------------------------

class Host1:
    def __init__(self, peer):
        self.peer = peer

    def agree(self, request, headers=(), protocol=None):
        pairs = [("Connection", "upgrade"), ("Upgrade", protocol or request.header("upgrade")), *headers]
        if request.header("sec-websocket-key"):
            pairs.append(("Sec-WebSocket-Accept", accept_for(request.header("sec-websocket-key"))))
        head = "HTTP/1.1 101 Switching Protocols\r\n" + "".join(f"{n}: {v}\r\n" for n, v in pairs) + "\r\n"
        self.peer.send(head.encode())

    def send(self, data):
        self.peer.send(data)

    def offer(self, data, seconds=0.5):
        """Send as far as it goes; False when nothing has moved for that long."""
        self.peer.sock.settimeout(seconds)
        try:
            self.peer.sock.send(data)
            return True
        except TimeoutError:
            return False

    def some(self):
        """What has come, at least a byte; empty at the end."""
        reader = self.peer.reader
        if not reader.buffer and not reader.fill():
            return b""
        data, reader.buffer = reader.buffer, b""
        return data

    def take(self, n):
        return self.peer.reader.take(n)

    def rest(self):
        return self.peer.reader.rest()

    def shutdown(self):
        self.peer.sock.shutdown(1)

    def close(self):
        self.peer.close()

    def reset(self):
        self.peer.reset()

    def wait(self, seconds):
        self.peer.stopped.wait(seconds)


class Host2:
    """A stream; the connection's thread fills its body."""

    def __init__(self, stream):
        self.stream, self.taken = stream, 0

    def agree(self, request, headers=(), protocol=None):
        assert protocol in (None, request.header(":protocol"))
        self.stream.head(200, [(n.lower(), v) for n, v in headers])

    def send(self, data):
        self.stream.data(data)
        wait_for(lambda: not self.stream.queue or self.stream.request.reset is not None, what="room for what is sent",
                 interval=0.001)

    def offer(self, data, seconds=0.5):
        self.stream.data(data)
        end = time.monotonic() + seconds
        while self.stream.queue and time.monotonic() < end:
            time.sleep(0.005)
        return not self.stream.queue

    def _wait(self, n):
        s = self.stream
        wait_for(lambda: len(s.body) - self.taken >= n or s.request.complete or s.request.reset is not None,
                 what=f"{n} bytes of the tunnel", interval=0.001)
        if s.request.reset is not None:
            raise ConnectionResetError(s.request.reset)

    def _pop(self, n):
        data = bytes(self.stream.body[self.taken:self.taken + n])
        self.taken += n
        return data

    def some(self):
        self._wait(1)
        return self._pop(len(self.stream.body) - self.taken)

    def take(self, n):
        self._wait(n)
        if len(self.stream.body) - self.taken < n:
            raise Malformed(f"the tunnel ended before {n} bytes")
        return self._pop(n)

    def rest(self):
        data = b""
        while part := self.some():
            data += part
        return data

    def shutdown(self):
        self.stream.end()

    def close(self):
        self.stream.end()

    def reset(self):
        self.stream.reset(h2.errors.ErrorCodes.CANCEL)

    def wait(self, seconds):
        end = time.monotonic() + seconds
        while self.stream.request.reset is None and self.stream.connection.sock.fileno() >= 0 and time.monotonic() < end:
            time.sleep(0.01)


def talking(then, **agree):
    """A behaviour for an origin of either version: it agrees to the change, and then(host). .asked: the request;
    .errors: what went wrong in then()."""
    def run(host, request):
        behave.asked = request
        try:
            host.agree(request, **agree)
            then(host)
        except (OSError, Malformed, AssertionError) as e:
            behave.errors.append(e)

    def behave(at, request):
        if isinstance(at, Peer):
            run(Host1(at), request)
            at.close()
        else:
            threading.Thread(target=run, args=(Host2(at), request), daemon=True).start()
    behave.early, behave.errors, behave.asked = True, [], None
    return behave


def echo_to_the_end(host):
    while data := host.some():
        host.send(data)
    host.shutdown()


# ---- the client's end ------------------------------------------------------------------------------------------------

class Guest1:
    """By Upgrade. early: bytes sent right behind the head."""

    def __init__(self, address, path="/t", protocol="echo", headers=(), early=b""):
        self.raw = RawClient(address)
        opened.append(self)
        pairs = [("Connection", "Upgrade"), ("Upgrade", protocol), *headers]
        self.key = base64.b64encode(os.urandom(16)).decode() if protocol == "websocket" else None
        if self.key:
            pairs += [("Sec-WebSocket-Key", self.key), ("Sec-WebSocket-Version", "13")]
        self.raw.request("GET", path, headers=pairs)
        if early:
            self.raw.send(early)
        self.response = self.raw.response_head()
        self.status, self.agreed = self.response.status, self.response.status == 101
        if self.agreed:
            assert self.response.header("upgrade") == protocol and self.response.header("connection").lower() == "upgrade"
            assert self.response.header("sec-websocket-accept") == (accept_for(self.key) if self.key else None)

    def header(self, name):
        return self.response.header(name)

    def send(self, data):
        self.raw.send(data)

    def recv(self, n):
        return self.raw.recv(n)

    def some(self):
        reader = self.raw.reader
        if not reader.buffer and not reader.fill():
            return b""
        data, reader.buffer = reader.buffer, b""
        return data

    def rest(self):
        return self.raw.rest()

    def shutdown(self):
        self.raw.shutdown()

    def reset(self):
        self.raw.reset()

    def assert_closed(self, timeout=10.0):
        self.raw.assert_closed(timeout)

    def close(self):
        self.raw.close()


class Guest2:
    """By extended CONNECT, on a connection of its own or that of another."""

    def __init__(self, address, path="/t", protocol="echo", headers=(), early=b"", on=None):
        self.h2 = on.h2 if on else H2Client(address, tls=False)
        self.h2.outlives_goaway = True
        opened.append(self)
        if protocol == "websocket":
            headers = [*headers, ("sec-websocket-version", "13")]
        self.stream = self.h2.start("CONNECT", path, [(n.lower(), v) for n, v in headers], end=False, protocol=protocol)
        self.response, self.taken = self.h2.responses[self.stream], 0
        if early:
            self.send(early)
        while not self.response.status and not self.response.ended:
            assert self.h2.pump(), "the connection ended"
        self.status, self.agreed = self.response.status, self.response.status == 200
        if self.agreed:
            assert not {"upgrade", "connection", "sec-websocket-accept", "content-length"} & dict(self.response.fields).keys()

    def header(self, name):
        return self.response.header(name)

    def send(self, data):
        self.h2.data(self.stream, data, end=False)

    def _pop(self, n):
        data = self.response.body[self.taken:self.taken + n]
        self.taken += n
        return data

    def _until(self, done):
        while not done() and not self.response.ended:
            assert self.h2.pump(), f"the connection ended: {self.h2.goaway}"
        if self.response.reset is not None and not done():
            raise ConnectionResetError(self.response.reset)

    def recv(self, n):
        self._until(lambda: len(self.response.body) - self.taken >= n)
        assert len(self.response.body) - self.taken >= n, "the tunnel ended"
        return self._pop(n)

    def some(self):
        self._until(lambda: len(self.response.body) > self.taken)
        return self._pop(len(self.response.body) - self.taken)

    def rest(self):
        self._until(lambda: False)
        return self._pop(len(self.response.body) - self.taken)

    def shutdown(self):
        self.h2.conn.end_stream(self.stream)
        self.h2.flush()

    def reset(self):
        self.h2.reset(self.stream)

    def assert_closed(self, timeout=10.0):
        end = time.monotonic() + timeout
        while not self.response.ended and self.h2.pump():
            assert time.monotonic() < end, "the stream is open still"
        data = self.response.body[self.taken:]
        assert not data, f"bytes before the end of the tunnel: {data[:200]!r}"

    def close(self):
        self.h2.close()


def guest(pair):
    return Guest2 if pair.startswith("h2") else Guest1
