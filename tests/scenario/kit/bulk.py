"""Large bodies: made and taken as fast as sockets go, without ever being held."""
import threading

BLOCK = b"\0" * (1 << 20)


def send_block(sock, n):
    """n bytes."""
    while n:
        sock.sendall(BLOCK if n >= len(BLOCK) else BLOCK[:n])
        n -= min(n, len(BLOCK))


def take(sock, n, into=bytearray(1 << 20)):
    """Receive and forget n bytes; how many came before the end."""
    left = n
    view = memoryview(into)
    while left:
        got = sock.recv_into(view[:min(left, len(into))])
        if not got:
            break
        left -= got
    return n - left


def large(n):
    """An upstream's answer of n bytes."""
    def behave(peer, _request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % n)
        send_block(peer.sock, n)
    return behave


class Watch:
    """The largest resident memory of a gateway while the block runs."""

    def __init__(self, gateway, interval=0.02):
        self.gateway, self.interval = gateway, interval
        self.peak, self.ended = 0, threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.ended.wait(self.interval):
            self.peak = max(self.peak, self.gateway.rss())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        self.peak = max(self.peak, self.gateway.rss())
