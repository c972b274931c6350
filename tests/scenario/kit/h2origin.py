"""A scripted upstream that speaks HTTP/2, on the h2 library: prior knowledge, or TLS with ALPN.

A behaviour is called with (stream, request) once a request is complete, or with its head when the behaviour has an
attribute `early`. It answers by stream.respond(), .head(), .data(), .end(), .reset(), .interim(); from any thread, at any
time. A list of behaviours is used up one for each request; the last stays.
"""
import socket
import ssl
import threading
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from .process import wait_for

GONE = (h2.exceptions.ProtocolError, KeyError)  # the other side was faster; the library forgets streams that are closed

@dataclass
class H2Request:
    method: str
    path: str
    fields: list
    connection: int           # which one, counted from 1
    stream: int
    body: bytes = b""
    trailers: list = field(default_factory=list)
    complete: bool = False
    reset: int = None         # error code, once the gateway gave it up

    def header(self, name):
        return next((v for n, v in self.fields if n == name), None)


def answer(status=200, body=b"", headers=(), trailers=(), length=True):
    """A well-formed response; length: with content-length."""
    def behave(stream, _request):
        pairs = list(headers) + ([("content-length", str(len(body)))] if length and status not in (204, 304) else [])
        stream.respond(status, pairs, body, trailers)
    return behave


def echo(stream, request):
    """The request's body, with its method and path in fields."""
    stream.respond(200, [("x-method", request.method), ("x-path", request.path)], request.body, request.trailers)


def hold(_stream, _request):
    """No answer, until the test gives one."""


def reset(code):
    def behave(stream, _request):
        stream.reset(code)
    return behave


class Stream:
    def __init__(self, connection, request):
        self.connection, self.request, self.id = connection, request, request.stream
        self.queue, self.ending, self.ended = bytearray(), None, False
        self.gone = False    # it was reset, or its connection ended
        self.body = bytearray()
        self.untaken = 0     # bytes of the request body that were not acknowledged

    def interim(self, status, headers=()):
        self.connection.act(lambda c: c.send_headers(self.id, [(":status", str(status)), *headers]))

    def head(self, status=200, headers=(), end=False):
        self.connection.act(lambda c: c.send_headers(self.id, [(":status", str(status)), *headers], end_stream=end))

    def data(self, body):
        """Queued; sent as the gateway's windows allow."""
        with self.connection.lock:
            self.queue += body
            self.connection.pump(self)

    def end(self, trailers=()):
        with self.connection.lock:
            self.ending = list(trailers)
            self.connection.pump(self)

    def respond(self, status=200, headers=(), body=b"", trailers=()):
        self.head(status, headers)
        self.data(body)
        self.end(trailers)

    def reset(self, code=h2.errors.ErrorCodes.INTERNAL_ERROR):
        self.connection.act(lambda c: c.reset_stream(self.id, code))

    def take(self, n=None):
        """Acknowledge n bytes of the request body, or all of it: for origins that do not take bodies by themselves."""
        n = self.untaken if n is None else min(n, self.untaken)
        self.untaken -= n
        if n:
            self.connection.act(lambda c: c.acknowledge_received_data(n, self.id))


class Connection:
    """One connection, on a thread of its own."""

    def __init__(self, origin, sock, number):
        self.origin, self.sock, self.number = origin, sock, number
        self.lock = threading.Condition(threading.RLock())  # notified whenever something was received
        self.streams = {}
        self.last = None     # after a GOAWAY: the last stream that is answered
        self.requests = 0
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8", validate_outbound_headers=False,
                                           normalize_outbound_headers=False)
        self.conn = h2.connection.H2Connection(config)
        self.conn.local_settings = h2.settings.Settings(client=False, initial_values={
            h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: origin.max_streams,
            h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: origin.window,
            **({h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL: 1} if origin.connect else {})})
        self.conn.initiate_connection()
        self.flush()

    def flush(self):
        data = self.conn.data_to_send()
        if data:
            try:
                self.sock.sendall(data)
            except OSError:
                pass

    def act(self, what):
        """Do something with the connection; nothing when the other side was faster."""
        with self.lock:
            try:
                what(self.conn)
            except GONE:
                pass
            self.flush()

    def pump(self, stream):
        try:
            while stream.queue:
                room = min(self.conn.local_flow_control_window(stream.id), self.conn.max_outbound_frame_size)
                if room <= 0:
                    break
                self.conn.send_data(stream.id, bytes(stream.queue[:room]))
                del stream.queue[:room]
            if not stream.queue and stream.ending is not None and not stream.ended:
                stream.ended = True
                if stream.ending:
                    self.conn.send_headers(stream.id, stream.ending, end_stream=True)
                else:
                    self.conn.end_stream(stream.id)
        except GONE:
            stream.queue.clear()
            stream.gone = True
        self.flush()

    def goaway(self, last=None, code=h2.errors.ErrorCodes.NO_ERROR):
        """last: the last stream that is dealt with; None: the last there was, and later ones get no answer."""
        with self.lock:
            if last is None:
                last = self.last = max(self.streams, default=0)
            self.flush()
            self.sock.sendall(b"\0\0\x08\x07\0\0\0\0\0" + last.to_bytes(4, "big") + int(code).to_bytes(4, "big"))

    def send_raw(self, data):
        with self.lock:
            self.flush()
            self.sock.sendall(data)

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def run(self):
        try:
            while True:
                data = self.sock.recv(65536)
                if not data:
                    return
                with self.lock:
                    events = self.conn.receive_data(data)
                    self.flush()
                for event in events:
                    self.on_event(event)
                with self.lock:
                    for stream in list(self.streams.values()):
                        if stream.queue:
                            self.pump(stream)
                    self.flush()
                    self.lock.notify_all()
        except (OSError, h2.exceptions.ProtocolError) as e:
            if isinstance(e, h2.exceptions.ProtocolError):
                self.origin.errors.append(e)
        finally:
            self.sock.close()
            with self.lock:
                self.lock.notify_all()

    def on_event(self, event):
        stream = self.streams.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.RequestReceived):
            self.begin(event)
        elif stream is None:
            return
        elif isinstance(event, h2.events.DataReceived):
            stream.body += event.data
            n = event.flow_controlled_length
            if self.origin.takes_bodies:
                self.act(lambda c: c.acknowledge_received_data(n, stream.id))
            else:
                stream.untaken += n
        elif isinstance(event, h2.events.TrailersReceived):
            stream.request.trailers = event.headers
        elif isinstance(event, h2.events.StreamReset):
            stream.request.reset = int(event.error_code)
        elif isinstance(event, h2.events.StreamEnded):
            stream.request.body = bytes(stream.body)
            stream.request.complete = True
            if not getattr(stream.behave, "early", False):
                stream.behave(stream, stream.request)

    def begin(self, event):
        head = dict(event.headers)
        request = H2Request(head[":method"], head[":path"], event.headers, self.number, event.stream_id)
        with self.lock:
            if self.last is not None and event.stream_id > self.last:
                return
            stream = self.streams[event.stream_id] = Stream(self, request)
        self.requests += 1
        stream.behave = self.origin.begin(stream, request)
        if getattr(stream.behave, "early", False):
            stream.behave(stream, request)


class H2Origin:
    """requests: in order of arrival. streams: the same. connections: all there were. errors: what broke the protocol.
    connect: says that it takes extended CONNECT."""

    def __init__(self, behaviours, port, tls=None, max_streams=100, window=65535, takes_bodies=True, on_accept=None,
                 connect=False):
        self.script = list(behaviours) if isinstance(behaviours, (list, tuple)) else [behaviours]
        self.port, self.tls, self.max_streams, self.window = port, tls, max_streams, window
        self.takes_bodies, self.on_accept, self.connect = takes_bodies, on_accept, connect
        self.requests, self.streams, self.connections, self.errors = [], [], [], []
        self.lock = threading.Lock()
        self.listener = None
        self.start()

    @property
    def open(self):
        return [c for c in self.connections if c.sock.fileno() >= 0]

    def start(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen(512)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def stop(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for c in self.open:
            c.close()

    def behave(self, *behaviours):
        with self.lock:
            self.script = list(behaviours)

    def begin(self, stream, request):
        with self.lock:
            self.requests.append(request)
            self.streams.append(stream)
            return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    def wait(self, n=1, timeout=10.0):
        """The first n requests, once they are there."""
        wait_for(lambda: len(self.requests) >= n, timeout, f"{n} requests at the origin (it has {len(self.requests)})")
        return self.requests[:n]

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self.on_accept:
                self.on_accept(sock)
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
        except (OSError, ssl.SSLError) as e:
            self.errors.append(e)
            sock.close()
            return
        with self.lock:
            c = Connection(self, sock, len(self.connections) + 1)
            self.connections.append(c)
        c.run()
