"""Everything at once: clients and servers that misbehave at random, while the configuration is loaded again and again. Every
response that is whole is the right one, and in the end nothing is left over."""
import os
import random
import threading
import time
from signal import SIGHUP

from kit.configs import proxy
from kit.message import Malformed, read_response
from kit.origin import raw as raw_bytes, reply
from kit.process import wait_for
from kit.soak import SECONDS

SEED = int(os.environ.get("SLUICE_SOAK_SEED", "0")) or random.randrange(1 << 30)
CONFIG = proxy(listener="timeouts: { head: 2s, body: 1s, idle: 2s }, max_body: 10MiB",
               upstream="timeouts: { response: 1s, connect: 1s }, health: { failures: 0 }, keepalive: 8, balance: least-requests",
               servers=("@a@", "@b@"))


def signed(request):
    """What a right answer to this request says."""
    return [("X-Target", request.target), ("X-Length", str(len(request.body)))]


class Servers:
    """An upstream that answers well most of the time."""

    def __init__(self, rng):
        self.rng = rng

    def __call__(self, peer, request):
        rng, fields = self.rng, signed(request)
        big = b"b" * rng.choice([0, 1, 1000, 70_000, 400_000])
        partial = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"p" * rng.randrange(1000)
        choice = rng.random()
        if choice < 0.55:
            reply(200, big, fields)(peer, request)
        elif choice < 0.75:
            reply(200, [big, big[:100]], fields, trailers=[("X-T", "1")])(peer, request)
        elif choice < 0.80:
            reply(rng.choice([204, 304, 404, 500]), b"", fields)(peer, request)
        elif choice < 0.84:
            reply(200, big, fields, close=True)(peer, request)
        elif choice < 0.87:
            reply(200, big, fields, delay=rng.random() / 5)(peer, request)
        elif choice < 0.89:
            raw_bytes(b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n")(peer, request)
            reply(200, big, fields)(peer, request)
        elif choice < 0.91:
            raw_bytes(partial, close=True)(peer, request)
        elif choice < 0.93:
            raw_bytes(partial, reset=True)(peer, request)
        elif choice < 0.95:
            raw_bytes(b"garbage\r\n\r\n")(peer, request)
        elif choice < 0.96:
            raw_bytes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcdeXX")(peer, request)
        elif choice < 0.97:
            peer.pause(1.5)
        else:
            peer.reset() if choice < 0.985 else peer.close()


class Client(threading.Thread):
    def __init__(self, g, number, end, wrong):
        super().__init__(daemon=True)
        self.g, self.number, self.end, self.wrong = g, number, end, wrong
        self.rng, self.count, self.good = random.Random(SEED + number), 0, 0

    def one(self):
        """A request: its bytes, method, target and the length of its body."""
        self.count += 1
        rng, target = self.rng, f"/{self.number}/{self.count}"
        method = rng.choice(["GET", "GET", "HEAD", "POST", "PUT"])
        body = b"" if method in ("GET", "HEAD") else b"q" * rng.choice([0, 1, 5000, 100_000])
        head = f"{method} {target} HTTP/1.1\r\nHost: a\r\n" + rng.choice(["", "TE: trailers\r\nConnection: TE\r\n"])
        if body and rng.random() < 0.5:
            data = head.encode() + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        else:
            data = head.encode() + (b"Content-Length: %d\r\n\r\n" % len(body) if method in ("POST", "PUT") else b"\r\n") + body
        return data, method, target, len(body)

    def check(self, r, target, length):
        if r.status in (200, 204, 304, 404, 500) and "x-target" in r.fields:
            self.good += 1
            if r.header("X-Target") != target or r.header("X-Length") != str(length):
                self.wrong.append((target, length, r.fields))

    def well(self, c):
        for _ in range(self.rng.randrange(1, 6)):
            data, method, target, length = self.one()
            c.send(data)
            self.check(c.response(method), target, length)

    def pipelined(self, c):
        sent = [self.one() for _ in range(self.rng.randrange(2, 6))]
        t = threading.Thread(target=self.quietly, args=(c, b"".join(s[0] for s in sent)), daemon=True)
        t.start()
        for _, method, target, length in sent:
            self.check(read_response(c.reader, method), target, length)
        t.join()

    @staticmethod
    def quietly(c, data):
        try:
            c.send(data)
        except OSError:
            pass

    def leaving(self, c):
        data = self.one()[0]
        c.send(data[:self.rng.randrange(len(data) + 1)])
        if self.rng.random() < 0.5:
            time.sleep(self.rng.random() / 50)
        self.rng.choice([c.close, c.reset, c.shutdown])()
        time.sleep(0.005)

    def half_read(self, c):
        c.send(self.one()[0])
        c.response_head()
        self.rng.choice([c.close, c.reset])()

    def garbage(self, c):
        c.send(self.one()[0][:20] + bytes(self.rng.randrange(256) for _ in range(self.rng.randrange(200))))
        c.sock.settimeout(0.1)
        c.rest()

    def dripping(self, c):
        data, method, target, length = self.one()
        step = max(1, len(data) // 20)
        for at in range(0, len(data), step):
            c.send(data[at:at + step])
            time.sleep(0.002)
        self.check(c.response(method), target, length)

    def run(self):
        ways = [self.well] * 6 + [self.pipelined] * 2 + [self.leaving] * 3 + [self.half_read, self.garbage, self.dripping]
        while time.monotonic() < self.end:
            try:
                with self.g.connect(timeout=8) as c:
                    self.rng.choice(ways)(c)
            except Malformed as e:
                if "X-" in str(e):
                    self.wrong.append(e)
            except OSError as e:
                if isinstance(e, ConnectionRefusedError):
                    self.wrong.append(e)


def test_soak(gateway, origin):
    print(f"SLUICE_SOAK_SEED={SEED}")
    servers = Servers(random.Random(SEED))
    a, b = origin([reply(200, b"well"), servers]), origin([reply(200, b"well"), servers])
    g = gateway(CONFIG, a=a.port, b=b.port)
    assert g.get().body == b"well"
    before, wrong, end = g.fds(), [], time.monotonic() + SECONDS
    clients = [Client(g, n, end, wrong) for n in range(12)]
    for c in clients:
        c.start()
    while time.monotonic() < end:
        time.sleep(0.1)
        g.signal(SIGHUP)
    for c in clients:
        c.join(20)
        assert not c.is_alive(), "a client that waits for ever"
    assert not wrong, wrong[:3]
    assert sum(c.good for c in clients) > 20 * SECONDS, "most of it went well"
    broken = [e for e in a.errors + b.errors if "the connection ended after" not in e and "no b" not in e]
    assert not broken, f"what reached the servers was well formed, if not always whole: {broken[:3]}"
    wait_for(lambda: g.fds() <= before + 2 * 2 * 8, 10, f"descriptors to be closed: {before} before")
    a.behave(reply(200, b"well"))
    b.behave(reply(200, b"well"))
    assert g.get("/end").body == b"well"
