"""A scripted upstream on raw sockets: it records what arrived, and answers as the test says, well or badly.

A behaviour is called with (peer, request) for each request and may use peer.send(), peer.close(), peer.reset() and
peer.sock. The makers below cover the usual ones. A list of behaviours is used up one for each request; the last stays.
"""
import socket
import ssl
import threading
import time

from .message import Malformed, Reader, read_request
from .process import wait_for


def reply(status=200, body=b"", headers=(), chunked=False, close=False, delay=0.0, reason="Whatever", trailers=()):
    """A well-formed response. chunked: body in one chunk, or a list of chunks. trailers: after the chunks."""
    def behave(peer, request):
        if delay:
            peer.pause(delay)
        pairs = list(headers.items() if isinstance(headers, dict) else headers)
        chunks = [c if isinstance(c, bytes) else c.encode() for c in (body if isinstance(body, list) else [body])]
        data = b"".join(chunks)
        if chunked or trailers or isinstance(body, list):
            pairs.append(("Transfer-Encoding", "chunked"))
            data = b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks if c) + b"0\r\n"
            data += b"".join(f"{n}: {v}\r\n".encode("latin-1") for n, v in trailers) + b"\r\n"
        elif status not in (204, 304) and "content-length" not in {n.lower() for n, _ in pairs}:
            pairs.append(("Content-Length", str(len(data))))
        if close:
            pairs.append(("Connection", "close"))
        head = f"HTTP/1.1 {status} {reason}\r\n" + "".join(f"{n}: {v}\r\n" for n, v in pairs) + "\r\n"
        bodiless = request.method == "HEAD" or status in (204, 304)
        peer.send(head.encode("latin-1") + (b"" if bodiless else data))
        if close:
            peer.close()
    return behave


def echo(peer, request):
    """Answers with the request's body, and with its target and method in fields."""
    reply(200, request.body, [("X-Method", request.method), ("X-Target", request.target)])(peer, request)


def raw(data, close=False, reset=False, pieces=0, interval=0.0, delay=0.0):
    """These very bytes; pieces: so many bytes at a time, with a pause of interval between them."""
    def behave(peer, _request):
        payload = data.encode("latin-1") if isinstance(data, str) else data
        if delay:
            peer.pause(delay)
        step = pieces or len(payload) or 1
        for at in range(0, len(payload), step):
            peer.send(payload[at:at + step])
            if interval:
                peer.pause(interval)
        if reset:
            peer.reset()
        elif close:
            peer.close()
    return behave


def hang(peer, _request):
    """Reads the request, and never answers."""
    peer.stopped.wait()


def drop(peer, _request):
    """Closes without a word."""
    peer.close()


def abort(peer, _request):
    """Closes with RST."""
    peer.reset()


class Peer:
    """One connection of the upstream's side."""

    def __init__(self, sock, number, stopped):
        self.sock, self.number, self.stopped = sock, number, stopped
        self.reader = Reader(sock)
        self.closed = False

    def send(self, data):
        self.sock.sendall(data)

    def pause(self, seconds):
        self.stopped.wait(seconds)

    def close(self):
        self.closed = True
        self.sock.close()

    def reset(self):
        self.closed = True
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()


class Origin:
    """requests: what was read, in order of arrival. connections: how many were accepted. errors: what was malformed."""

    def __init__(self, behaviours, port, tls=None, on_accept=None, host="127.0.0.1", read_bodies=True):
        self.script = list(behaviours) if isinstance(behaviours, (list, tuple)) else [behaviours]
        self.port, self.host, self.tls, self.on_accept = port, host, tls, on_accept
        self.requests, self.errors = [], []
        self.connections, self.open = 0, 0
        self.stopped = threading.Event()
        self.lock = threading.Lock()
        self.peers = set()
        self.listener = None
        self.start()

    @property
    def address(self):
        return f"{self.host}:{self.port}"

    def start(self):
        self.stopped.clear()
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((self.host, self.port))
        self.listener.listen(512)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def stop(self):
        """Close the listening socket and every connection. start() opens again on the same port."""
        self.stopped.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        with self.lock:
            peers = list(self.peers)
        for peer in peers:
            try:
                peer.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def wait(self, n=1, timeout=10.0):
        """The first n requests, once they are there."""
        wait_for(lambda: len(self.requests) >= n, timeout, f"{n} requests at the origin (it has {len(self.requests)})")
        return self.requests[:n]

    def behave(self, *behaviours):
        """Replace what is left of the script."""
        with self.lock:
            self.script = list(behaviours)

    def _next(self):
        with self.lock:
            return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                number = self.connections
            threading.Thread(target=self._serve, args=(sock, number), daemon=True).start()

    def _serve(self, sock, number):
        peer = None
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
            peer = Peer(sock, number, self.stopped)
            with self.lock:
                self.peers.add(peer)
                self.open += 1
            if self.on_accept:
                self.on_accept(peer)
            while not peer.closed and not self.stopped.is_set():
                request = read_request(peer.reader)
                if request is None:
                    break
                request.connection = number
                request.at = time.monotonic()
                with self.lock:
                    self.requests.append(request)
                self._next()(peer, request)
        except Malformed as e:
            self.errors.append(str(e))
        except (OSError, ssl.SSLError, ValueError):
            pass
        finally:
            sock.close()
            if peer:
                with self.lock:
                    self.peers.discard(peer)
                    self.open -= 1
