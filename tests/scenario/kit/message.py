"""HTTP/1.1 read strictly: what the gateway sends must be right to the byte, so nothing here is forgiven (RFC 9112).

`Reader` takes bytes from a socket; read_response() and read_request() return messages or raise `Malformed`.
"""
import re
from dataclasses import dataclass, field

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*\Z")
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9][0-9]) ([\t\x20-\x7e\x80-\xff]*)\Z")
REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) HTTP/1\.([01])\Z")


class Malformed(AssertionError):
    """The bytes are no message of HTTP/1.1."""


class Fields(list):
    """Header fields in order, as (name, value) pairs of str; looked up without regard to case."""

    def all(self, name):
        return [v for n, v in self if n.lower() == name.lower()]

    def get(self, name, default=None):
        """The value of a field that may stand there once at most."""
        values = self.all(name)
        if len(values) > 1:
            raise Malformed(f"{name} stands {len(values)} times: {values}")
        return values[0] if values else default

    def __contains__(self, name):
        return bool(self.all(name)) if isinstance(name, str) else list.__contains__(self, name)

    def names(self):
        return [n.lower() for n, _ in self]


@dataclass
class Message:
    version: int = 1
    fields: Fields = field(default_factory=Fields)
    body: bytes = b""
    trailers: Fields = field(default_factory=Fields)
    head: bytes = b""
    chunks: list = field(default_factory=list)  # sizes, when the body came in chunks
    framing: str = "none"  # none, length, chunked, close

    def header(self, name, default=None):
        return self.fields.get(name, default)

    @property
    def text(self):
        return self.body.decode()


@dataclass
class Response(Message):
    status: int = 0
    reason: str = ""
    interim: list = field(default_factory=list)  # the 1xx responses before it


@dataclass
class Request(Message):
    method: str = ""
    target: str = ""
    connection: int = 0  # number of the connection it came on, from 1


class Reader:
    """Bytes of one direction of a connection."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""
        self.eof = False

    def fill(self):
        if self.eof:
            return False
        data = self.sock.recv(65536)
        if not data:
            self.eof = True
        self.buffer += data
        return bool(data)

    def take(self, n):
        parts, have = [self.buffer], len(self.buffer)  # joined once: bodies may be large
        try:
            while have < n:
                self.buffer = b""
                if not self.fill():
                    raise Malformed(f"the connection ended after {have} of {n} bytes: {b''.join(parts)[:200]!r}")
                parts.append(self.buffer)
                have += len(self.buffer)
        finally:
            self.buffer = b"".join(parts)
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def take_until(self, mark, most=1 << 20):
        while mark not in self.buffer:
            if len(self.buffer) > most or not self.fill():
                raise Malformed(f"no {mark!r} in {self.buffer[:400]!r}")
        n = self.buffer.index(mark) + len(mark)
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def rest(self):
        """All that still comes, to the end of the connection."""
        parts, self.buffer = [self.buffer], b""
        try:
            while self.fill():
                parts.append(self.buffer)
                self.buffer = b""
        except OSError:
            self.buffer = b"".join(parts)  # what came so far is still to be read
            raise
        return b"".join(parts)


def parse_fields(lines):
    fields = Fields()
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.match(name):
            raise Malformed(f"field line {line!r}")
        value = value.strip(b" \t")
        if not VALUE.match(value):
            raise Malformed(f"field value {value!r}")
        fields.append((name.decode(), value.decode("latin-1")))
    return fields


def split_head(head):
    if not head.endswith(b"\r\n\r\n"):
        raise Malformed(f"head {head!r}")
    lines = head[:-4].split(b"\r\n")
    for line in lines:
        if b"\r" in line or b"\n" in line or b"\0" in line:
            raise Malformed(f"bare CR, LF or NUL in {line!r}")
    return lines[0], parse_fields(lines[1:])


def read_chunked(reader, message):
    parts = []  # joined once: bodies may be large
    while True:
        line = reader.take_until(b"\r\n")[:-2]
        size = line.split(b";")[0]
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,16}", size):
            raise Malformed(f"chunk size line {line!r}")
        n = int(size, 16)
        if n == 0:
            break
        message.chunks.append(n)
        parts.append(reader.take(n))
        if reader.take(2) != b"\r\n":
            raise Malformed("a chunk does not end in CRLF")
    message.body = b"".join(parts)
    lines = []
    while True:
        line = reader.take_until(b"\r\n")[:-2]
        if not line:
            break
        lines.append(line)
    message.trailers = parse_fields(lines)


def content_length(fields):
    values = fields.all("content-length")
    if not values:
        return None
    if len(values) != 1 or not re.fullmatch(r"[0-9]{1,18}", values[0]):
        raise Malformed(f"content-length {values}")
    return int(values[0])


def is_chunked(fields):
    codings = fields.all("transfer-encoding")
    if not codings:
        return False
    if [c.lower() for c in codings] != ["chunked"]:
        raise Malformed(f"transfer-encoding {codings}")
    if "content-length" in fields:
        raise Malformed("both transfer-encoding and content-length")
    return True


def read_request(reader):
    """The next request, or None when the connection ended between requests."""
    while not reader.buffer:
        if not reader.fill():
            return None
    head = reader.take_until(b"\r\n\r\n")
    line, fields = split_head(head)
    m = REQUEST_LINE.match(line)
    if not m:
        raise Malformed(f"request line {line!r}")
    request = Request(method=m[1].decode(), target=m[2].decode(), version=int(m[3]), fields=fields, head=head)
    length = content_length(fields)
    if is_chunked(fields):
        request.framing = "chunked"
        read_chunked(reader, request)
    elif length is not None:
        request.framing = "length"
        request.body = reader.take(length)
    return request


def read_head(reader):
    """A response's head alone; its body is still to be read."""
    head = reader.take_until(b"\r\n\r\n")
    line, fields = split_head(head)
    m = STATUS_LINE.match(line)
    if not m:
        raise Malformed(f"status line {line!r}")
    return Response(status=int(m[2]), reason=m[3].decode("latin-1"), version=int(m[1]), fields=fields, head=head)


def read_response(reader, method="GET"):
    """The next final response, with the interim ones before it. method: of the request it answers."""
    interim = []
    response = read_head(reader)
    while 100 <= response.status < 200 and response.status != 101:
        if is_chunked(response.fields) or content_length(response.fields) is not None:
            raise Malformed(f"{response.status} with a body")
        interim.append(response)
        response = read_head(reader)
    response.interim = interim
    chunked, length = is_chunked(response.fields), content_length(response.fields)
    if response.status in (101, 204) and (chunked or length is not None):
        raise Malformed(f"{response.status} with a framing field")
    if method == "HEAD" or response.status in (101, 204, 304) or (method == "CONNECT" and response.status < 300):
        return response
    if chunked:
        response.framing = "chunked"
        read_chunked(reader, response)
    elif length is not None:
        response.framing = "length"
        response.body = reader.take(length)
    else:
        response.framing = "close"
        response.body = reader.rest()
    return response
