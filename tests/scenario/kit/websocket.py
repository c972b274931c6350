"""WebSockets on the wsproto library over any tunnel, frames made and read byte by byte, and a record of what passed."""
import struct
from dataclasses import dataclass, field

from wsproto.connection import CLIENT, SERVER, Connection, ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, TextMessage
from wsproto.extensions import PerMessageDeflate

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
DEFLATE = "permessage-deflate"


def frame(opcode, payload=b"", fin=True, rsv=0, mask=b"\x37\xfa\x21\x3d", form=None):
    """A frame as a client sends it; mask None: as a server does. form: 126 or 127, a longer length than is needed."""
    payload = payload.encode() if isinstance(payload, str) else payload
    n = len(payload)
    form = form or (n if n < 126 else 126 if n < 65536 else 127)
    head = bytes([fin << 7 | rsv << 4 | opcode, (mask is not None) << 7 | form])
    if form > 125:
        head += n.to_bytes(2 if form == 126 else 8, "big")
    if mask is None:
        return head + payload
    pad = (mask * (n // 4 + 1))[:n]
    return head + mask + (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(n, "big")


def close(code=None, reason=b""):
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason)


@dataclass
class Frame:
    opcode: int
    payload: bytes
    fin: bool
    rsv: int


def parse(data):
    """The frames of a server, which must be whole."""
    frames, at = [], 0
    while at < len(data):
        first, n = data[at], data[at + 1]
        at += 2
        assert n < 128, "a server does not mask"
        if n > 125:
            size = 2 if n == 126 else 8
            n = int.from_bytes(data[at:at + size], "big")
            at += size
        assert at + n <= len(data), "the last frame is not whole"
        frames.append(Frame(first & 15, data[at:at + n], bool(first & 128), first >> 4 & 7))
        at += n
    return frames


@dataclass
class Log:
    """What one end of the upstream's side has got and said, and how it ended."""
    received: bytearray = field(default_factory=bytearray)
    sent: bytearray = field(default_factory=bytearray)
    code: int = None       # of the close frame that came, or of what was wrong
    over: bool = False     # the client's end arrived behind it


def answer(ws, event, say):
    """Echo. False: it is over."""
    if isinstance(event, (TextMessage, BytesMessage)):
        say(ws.send(Message(data=event.data, message_finished=event.message_finished)))
    elif isinstance(event, Ping):
        say(ws.send(event.response()))
    elif isinstance(event, CloseConnection):
        if ws.state is not ConnectionState.CLOSED:
            say(ws.send(event.response()))
        return False
    return True


def echo(logs, deflate=False):
    """For talking(then=...): an echo server; each tunnel appends its Log."""
    def then(host):
        log = Log()
        logs.append(log)
        extensions = []
        if deflate:
            extensions = [PerMessageDeflate()]
            extensions[0].accept(DEFLATE)
        ws = Connection(SERVER, extensions)

        def say(data):
            log.sent += data
            host.send(data)

        open_ = True
        while data := host.some():
            log.received += data
            if not open_:
                continue
            ws.receive_data(data)
            for event in ws.events():
                if isinstance(event, CloseConnection):
                    log.code = int(event.code)
                open_ = answer(ws, event, say)
                if not open_:
                    host.shutdown()
                    break
        if open_:
            host.shutdown()
        log.over = True
    return then


class Socket:
    """A client on a Guest: messages, whole."""

    def __init__(self, guest, deflate=False):
        self.guest = guest
        extensions = []
        if deflate:
            extensions = [PerMessageDeflate()]
            extensions[0].finalize(DEFLATE)
        self.ws = Connection(CLIENT, extensions)
        self.code, self.pongs = None, 0
        self.parts, self.messages = [], []

    def send(self, *parts):
        for i, part in enumerate(parts):
            self.guest.send(self.ws.send(Message(data=part, message_finished=i + 1 == len(parts))))

    def ping(self, payload=b""):
        self.guest.send(self.ws.send(Ping(payload)))

    def close(self, code=1000):
        """Say goodbye, hear it, and end."""
        self.guest.send(self.ws.send(CloseConnection(code)))
        while self.code is None:
            assert self.pump(), "the end without goodbye"
        self.guest.shutdown()
        self.guest.assert_closed()

    def pump(self):
        data = self.guest.some()
        if not data:
            return False
        self.ws.receive_data(data)
        for event in self.ws.events():
            if isinstance(event, (TextMessage, BytesMessage)):
                self.parts.append(event.data)
                if event.message_finished:
                    self.messages.append((b"" if isinstance(event, BytesMessage) else "").join(self.parts))
                    self.parts = []
            elif isinstance(event, CloseConnection):
                self.code = int(event.code)
                if self.ws.state is not ConnectionState.CLOSED:
                    self.guest.send(self.ws.send(event.response()))
            else:
                self.pongs += 1
        return True

    def recv(self):
        while not self.messages:
            assert self.code is None and self.pump(), f"the socket is closed: {self.code}"
        return self.messages.pop(0)
