"""Clients that say exactly what a test wants said: raw HTTP/1.1, with or without TLS, and HTTP/2."""
import socket
import ssl
import subprocess

from .message import Malformed, Reader, read_head, read_response

TIMEOUT = 10.0


def tls_context(ca=None, alpn=None, cert=None, key=None, version=None):
    """A client's context. ca: file of authorities, or None to accept anything."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca:
        context.load_verify_locations(ca)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(alpn)
    if cert:
        context.load_cert_chain(cert, key)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def connect(address, timeout=TIMEOUT, source=None):
    """address: a port of 127.0.0.1, a (host, port), or the path of a unix socket."""
    if isinstance(address, str):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(timeout)
        sock.connect(address)
        return sock
    host_port = ("127.0.0.1", address) if isinstance(address, int) else address
    sock = socket.create_connection(host_port, timeout, source)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


class RawClient:
    """One connection. Every read has a deadline, and every response is parsed strictly."""

    def __init__(self, address, tls=None, sni="localhost", timeout=TIMEOUT, source=None):
        self.sock = connect(address, timeout, source)
        if tls is not None:
            self.sock = tls.wrap_socket(self.sock, server_hostname=sni)
        self.reader = Reader(self.sock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.sock.sendall(data.encode("latin-1") if isinstance(data, str) else data)
        return self

    def request(self, method="GET", target="/", headers=(), body=None, host="localhost"):
        """Send one request: Host and, with a body, Content-Length are added unless headers has them."""
        pairs = list(headers.items() if isinstance(headers, dict) else headers)
        names = {n.lower() for n, _ in pairs}
        if host is not None and "host" not in names:
            pairs.insert(0, ("Host", host))
        if body is not None and not names & {"content-length", "transfer-encoding"}:
            pairs.append(("Content-Length", str(len(body))))
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in pairs) + "\r\n"
        return self.send(head.encode("latin-1") + (body or b""))

    def response(self, method="GET"):
        return read_response(self.reader, method)

    def response_head(self):
        return read_head(self.reader)

    def get(self, target="/", headers=(), **kw):
        return self.request("GET", target, headers, **kw).response()

    def recv(self, n):
        return self.reader.take(n)

    def rest(self):
        return self.reader.rest()

    def is_quiet(self, seconds=0.2):
        """Whether nothing arrives, not even the end, for that long."""
        if self.reader.buffer or self.reader.eof:
            return False
        self.sock.settimeout(seconds)
        try:
            self.reader.fill()
            return False
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(TIMEOUT)

    def assert_closed(self, timeout=TIMEOUT):
        """The other side closes, and has nothing more to say."""
        self.sock.settimeout(timeout)
        try:
            data = self.reader.rest()
        except ConnectionResetError:
            return
        except TimeoutError:
            raise AssertionError(f"the connection is still open after {timeout} s") from None
        if data:
            raise Malformed(f"bytes before the end of the connection: {data[:200]!r}")

    def shutdown(self):
        """End our direction; the other stays open."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """Close with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def close(self):
        self.sock.close()


def s_client(port, *args, stdin=b"", timeout=TIMEOUT):
    """What `openssl s_client` prints (both streams), for what Python's ssl does not show."""
    argv = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *args]
    r = subprocess.run(argv, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, check=False)
    return r.stdout.decode(errors="replace")
