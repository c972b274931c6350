"""An HTTP/2 client on the h2 library: whole requests in one line, or the connection itself for what is unusual."""
import time
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.errors
import h2.events

from .client import TIMEOUT, connect, tls_context


@dataclass
class H2Response:
    status: int = 0
    fields: list = field(default_factory=list)
    pieces: list = field(default_factory=list, repr=False)  # of the body, joined when it is asked for: it may be large
    trailers: list = field(default_factory=list)
    interim: list = field(default_factory=list)
    ended: bool = False
    whole: bool = False  # ended by END_STREAM
    reset: int = None    # error code of RST_STREAM
    tunnel: bool = False  # its end is not that of what is sent

    @property
    def body(self):
        if len(self.pieces) != 1:
            self.pieces = [b"".join(self.pieces)]
        return self.pieces[0]

    @body.setter
    def body(self, data):
        self.pieces = [data]

    def header(self, name):
        return next((v for n, v in self.fields if n == name), None)


class H2Client:
    """tls=None: TLS with ALPN h2, any certificate; tls=False: prior knowledge on plain TCP."""

    def __init__(self, address, tls=None, sni="localhost", authority="localhost", timeout=TIMEOUT, strict=True):
        self.timeout, self.authority = timeout, authority
        self.sock = connect(address, timeout)
        self.scheme = "http"
        if tls is not False:
            self.sock = (tls or tls_context(alpn=["h2"])).wrap_socket(self.sock, server_hostname=sni)
            assert self.sock.selected_alpn_protocol() == "h2", "the server did not choose h2"
            self.scheme = "https"
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8", validate_outbound_headers=strict,
                                           normalize_outbound_headers=strict)
        self.conn = h2.connection.H2Connection(config)
        self.responses, self.events = {}, []
        self.goaway, self.eof = None, False
        self.outlives_goaway, self.raw = False, b""  # the library takes nothing any more once it has seen one
        self.auto_window = True
        self.conn.initiate_connection()
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def flush(self):
        data = self.conn.data_to_send()
        if data:
            self.sock.sendall(data)

    def send_raw(self, data):
        """Bytes straight to the socket, behind the library's back."""
        self.flush()
        self.sock.sendall(data)

    def start(self, method="GET", path="/", headers=(), end=True, authority=None, protocol=None):
        """Open a stream with its head; returns its id. protocol: of an extended CONNECT."""
        stream = self.conn.get_next_available_stream_id()
        pairs = list(headers.items() if isinstance(headers, dict) else headers)
        head = [(":method", method), (":scheme", self.scheme), (":authority", authority or self.authority), (":path", path)]
        if protocol:
            head = [(":method", "CONNECT"), (":protocol", protocol)] + head[1:]
        self.responses[stream] = H2Response(tunnel=protocol is not None)
        self.conn.send_headers(stream, head + pairs, end_stream=end)
        self.flush()
        return stream

    def data(self, stream, body, end=True):
        """Send a body within the windows, reading meanwhile."""
        at = 0
        while True:
            room = min(self.conn.local_flow_control_window(stream), self.conn.max_outbound_frame_size, len(body) - at)
            if at < len(body) and room <= 0:
                r = self.responses[stream]
                if (r.ended and not r.tunnel) or r.reset is not None:
                    return
                self.pump()
                continue
            last = at + room == len(body)
            self.conn.send_data(stream, body[at:at + room], end_stream=end and last)
            self.flush()
            at += room
            if last:
                return

    def pump(self, timeout=None):
        """Read once and act on it; False at the end of the connection."""
        self.sock.settimeout(timeout or self.timeout)
        data = self.sock.recv(65536)
        if not data:
            self.eof = True
            return False
        for event in self.conn.receive_data(self.without_goaway(data) if self.outlives_goaway else data):
            self.on_event(event)
        self.flush()
        return True

    def without_goaway(self, data):
        """Whole frames, but no GOAWAY: its payload is in self.goaway."""
        self.raw += data
        kept = []
        while len(self.raw) >= 9 and len(self.raw) >= (n := 9 + int.from_bytes(self.raw[:3], "big")):
            if self.raw[3] == 7:
                self.goaway = self.raw[9:n]
            else:
                kept.append(self.raw[:n])
            self.raw = self.raw[n:]
        return b"".join(kept)

    def on_event(self, event):
        self.events.append(event)
        r = self.responses.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = event
        elif r is None:
            return
        elif isinstance(event, h2.events.InformationalResponseReceived):
            r.interim.append(event.headers)
        elif isinstance(event, h2.events.ResponseReceived):
            r.status = int(dict(event.headers)[":status"])
            r.fields = [(n, v) for n, v in event.headers if not n.startswith(":")]
        elif isinstance(event, h2.events.DataReceived):
            r.pieces.append(event.data)
            if self.auto_window and event.flow_controlled_length:
                self.conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            r.trailers = event.headers
        elif isinstance(event, h2.events.StreamReset):
            r.reset, r.ended = int(event.error_code), True
        elif isinstance(event, h2.events.StreamEnded):
            r.ended = r.whole = True

    def finish(self, stream, timeout=None):
        """The response of a stream, once it has ended or was reset."""
        end = time.monotonic() + (timeout or self.timeout)
        r = self.responses[stream]
        while not r.ended:
            assert time.monotonic() < end, f"stream {stream} did not end: {r}"
            assert self.pump(), f"the connection ended before stream {stream}: {r}, {self.goaway}"
        return r

    def request(self, method="GET", path="/", headers=(), body=None, authority=None):
        stream = self.start(method, path, headers, end=body is None, authority=authority)
        if body is not None:
            self.data(stream, body)
        return self.finish(stream)

    def get(self, path="/", headers=()):
        return self.request("GET", path, headers)

    def reset(self, stream, code=h2.errors.ErrorCodes.CANCEL):
        self.conn.reset_stream(stream, code)
        self.flush()

    def close(self):
        self.sock.close()
