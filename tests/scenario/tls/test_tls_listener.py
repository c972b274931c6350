"""TLS towards clients: which certificate, which version, resumption, and clients that do not play by the rules."""
import concurrent.futures
import datetime
import hashlib
import os
import re
import socket
import ssl
import time

import pytest
from cryptography import x509

from kit.client import connect, s_client, tls_context
from kit.gateway import GatewayDied
from kit.memory import assert_below
from kit.message import Reader, read_response
from kit.origin import reply
from kit.process import wait_for

CONFIG = """
listeners:
  - name: public
    address: 127.0.0.1:@public@
    timeouts: { head: 500ms, body: 3s, idle: 5s }
    protocols: @protocols@
    tls:
      certificates:
@certificates@
      @more@
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
routes:
  - { name: all, match: { path: /* }, respond: { status: 200, body: "hello" } }
  - { name: app, match: { path: /app/* }, upstream: app }
"""


@pytest.fixture
def start(gateway, server_cert):
    def make(*certs, more="", protocols="[http/1.1]", app=1, config=CONFIG, **kw):
        rows = "\n".join(f'        - {{ certificate: "{c.cert}", private_key: "{c.key}" }}' for c in certs or (server_cert,))
        return gateway(config, certificates=rows, more=more, protocols=protocols, app=app, **kw)
    return make


def shown(g, name, context=None):
    """The certificate that a client gets who asks for the name (None: for no name)."""
    context = context or tls_context()
    with context.wrap_socket(connect(g.port()), server_hostname=name) as s:
        return s.getpeercert(binary_form=True)


def der(cert):
    return ssl.PEM_cert_to_DER_cert(open(cert.cert).read().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n")


def status(g, context=None, sni="localhost"):
    with g.connect(tls=context or tls_context(), sni=sni) as c:
        return c.get("/").status


def with_route(name):
    return CONFIG + f"  - {{ name: {name}, match: {{ path: /{name} }}, respond: {{ status: 204 }} }}\n"


# ---- names ----

def test_names_choose_the_certificate(start, ca):
    first, exact, wild = ca.issue("first.test"), ca.issue("api.wild.test", "other.test"), ca.issue("*.wild.test", "wild.test")
    g = start(first, exact, wild)
    for name, want in (("first.test", first), ("api.wild.test", exact), ("other.test", exact), ("x.wild.test", wild), ("wild.test", wild),
                       ("API.Wild.Test", exact), ("X.WILD.test", wild), ("a.b.wild.test", first), ("unknown.test", first), (None, first)):
        assert shown(g, name) == der(want), name
    verified = tls_context(ca=first.ca)
    for name in ("first.test", "api.wild.test", "x.wild.test"):
        with g.connect(tls=verified, sni=name) as c:
            assert c.get("/", host=name).body == b"hello"


def test_two_kinds_of_keys_for_one_name(start, ca):
    ec, rsa = ca.issue("both.test"), ca.issue("both.test", key="rsa")
    g = start(ec, rsa)
    assert shown(g, "both.test") == der(ec)
    for sigalgs, kind in (("rsa_pss_rsae_sha256", "RSA-PSS|rsa_pss"), ("ecdsa_secp256r1_sha256", "ECDSA|ecdsa")):
        out = s_client(g.port(), "-servername", "both.test", "-sigalgs", sigalgs)
        assert re.search(f"Peer signature type: ({kind})", out), out


# ---- versions, ciphers, protocols ----

@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_versions(start, version):
    g = start()
    with g.connect(tls=tls_context(version=getattr(ssl.TLSVersion, version))) as c:
        assert c.sock.version() == version.replace("_", ".")
        assert c.get("/").body == b"hello" and c.get("/").status == 200
    assert g.access(2)[0]["tls"] == version.replace("_", ".")


def test_old_protocols_are_refused(start):
    g = start()
    for flag in ("-tls1", "-tls1_1"):
        out = s_client(g.port(), flag, "-cipher", "DEFAULT@SECLEVEL=0")
        assert "alert protocol version" in out, out
    strict = start(more="min_version: 1.3")
    with pytest.raises(ssl.SSLError, match="(?i)protocol.version"):
        status(strict, tls_context(version=ssl.TLSVersion.TLSv1_2))
    assert status(strict) == 200
    old = start(more="max_version: 1.2")
    with old.connect(tls=tls_context()) as c:
        assert c.sock.version() == "TLSv1.2" and c.get("/").status == 200
    with pytest.raises(ssl.SSLError, match="(?i)protocol.version"):
        status(old, tls_context(version=ssl.TLSVersion.TLSv1_3))


def test_versions_in_the_wrong_order(start):
    with pytest.raises(GatewayDied, match=r"listeners\[0\]\.tls\.max_version: it is older than min_version"):
        start(more="min_version: 1.3\n      max_version: 1.2")


def test_weak_ciphers_are_refused(start):
    g = start()
    for cipher in ("AES128-SHA", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "NULL", "aNULL"):
        out = s_client(g.port(), "-tls1_2", "-cipher", f"{cipher}@SECLEVEL=0")
        assert "handshake failure" in out or "no ciphers available" in out or "no cipher match" in out, (cipher, out)
    assert "ECDHE-ECDSA-AES128-GCM-SHA256" in s_client(g.port(), "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")


def test_alpn(start):
    def chosen(g, offered):
        with tls_context(alpn=offered).wrap_socket(connect(g.port()), server_hostname="localhost") as s:
            return s.selected_alpn_protocol()
    g = start()
    assert chosen(g, ["http/1.1"]) == "http/1.1" and chosen(g, ["h2", "http/1.1"]) == "http/1.1"
    assert chosen(g, None) is None and status(g) == 200
    for offered in (["h2"], ["spdy/3", "imap"]):  # RFC 7301 3.2
        with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
            chosen(g, offered)


def test_no_renegotiation_and_no_early_data(start):
    g = start()
    out = s_client(g.port(), "-tls1_2", stdin=b"R\n")
    assert "no renegotiation" in out or "no_renegotiation" in out or "unexpected" in out, out
    out = s_client(g.port(), "-tls1_3", "-ign_eof", stdin=b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert "Max Early Data: 0" in out and "hello" in out, out
    assert "Compression: NONE" in s_client(g.port(), "-tls1_2")


# ---- resumption ----

def resumed(g, context, session, name="localhost"):
    """(whether the session was resumed, a session for the next time)"""
    sock = context.wrap_socket(connect(g.port()), server_hostname=name, session=session)
    with sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert read_response(Reader(sock)).status == 200
        return sock.session_reused, sock.session


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_resumption_on_any_worker_and_across_reloads(start, version):
    g = start()
    context = tls_context(version=getattr(ssl.TLSVersion, version))
    _, session = resumed(g, context, None)
    for i in range(24):
        if i in (8, 16):
            g.reload(with_route(f"r{i}"))
        again, session = resumed(g, context, session)
        assert again, f"connection {i}"


def test_resumption_can_be_switched_off(start):
    g = start(more="session_tickets: false")
    context = tls_context()
    _, session = resumed(g, context, None)
    assert resumed(g, context, session)[0] is False


def test_a_forged_ticket_is_no_session(start):
    """A ticket of another gateway means a whole handshake, not an error."""
    a, b = start(), start()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = tls_context(version=version)
        _, session = resumed(a, context, None)
        assert resumed(b, context, session)[0] is False
        assert resumed(a, context, session)[0] is True


# ---- certificates that change ----

def test_a_reload_brings_new_certificates(start, ca, folder):
    old = ca.issue("localhost", stem="current")
    g = start(old)
    was = der(old)
    with g.connect(tls=tls_context()) as c:
        assert c.get("/").status == 200
        renewed = ca.issue("localhost", stem="current")
        g.reload()
        wait_for(lambda: shown(g, "localhost") == der(renewed) != was, what="the new certificate")
        assert c.get("/").status == 200, "an open connection goes on"
        key = open(renewed.key).read()
        open(renewed.key, "w").write("garbage")
        g.reload(expect="error")
        assert re.search(r"sluice\.yaml:9:\d+: error: listeners\[0\]\.tls\.certificates\[0\]\.private_key: ", g.log()), g.log()
        assert shown(g, "localhost") == der(renewed), "a bad file changes nothing"
        assert c.get("/").status == 200
        open(renewed.key, "w").write(key)


def test_reloads_under_load(start, ca):
    g = start()
    context, stop, seen = tls_context(), [], []

    def client():
        while not stop:
            with g.connect("public", tls=context) as c:
                for _ in range(3):
                    seen.append(c.get("/").status)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(client) for _ in range(4)]
        for i in range(8):
            g.reload(with_route(f"r{i}"))
            at = len(seen)
            wait_for(lambda at=at: len(seen) > at + 10 or any(c.done() for c in clients), what="answers")
        stop.append(True)
        for c in clients:
            c.result()
    assert set(seen) == {200}


@pytest.mark.parametrize("change,place,said", [
    ("missing", r":9:26:", r"tls\.certificates\[0\]\.certificate: .*cannot.*No such file"),
    ("no pem", r":9:26:", r"tls\.certificates\[0\]\.certificate: "),
    ("other key", r":9:\d+:", r"tls\.certificates\[0\].*key"),
    ("no key", r":9:\d+:", r"tls\.certificates\[0\].*private_key: "),
    ("encrypted", r":9:\d+:", r"tls\.certificates\[0\].*private_key: "),
])
def test_mistakes(start, ca, folder, change, place, said):
    cert = ca.issue("mistake.test", stem=f"mistake-{change.replace(' ', '-')}")
    if change == "missing":
        os.unlink(cert.cert)
    elif change == "no pem":
        open(cert.cert, "w").write("hello")
    elif change == "other key":
        cert.key = ca.issue("another.test").key
    elif change == "no key":
        open(cert.key, "w").write("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    elif change == "encrypted":
        from cryptography.hazmat.primitives import serialization
        key = serialization.load_pem_private_key(open(cert.key, "rb").read(), None)
        open(cert.key, "wb").write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                     serialization.BestAvailableEncryption(b"pw")))
    with pytest.raises(GatewayDied) as e:
        start(cert)
    assert re.search(rf"sluice\.yaml{place} error: listeners\[0\]\.{said}", str(e.value)), str(e.value)


def test_an_expired_certificate_is_told(start, ca):
    g = start(ca.issue("localhost", days=(-9, -1)))
    assert re.search(r"warn.*expired|expired", g.log())
    assert status(g) == 200


# ---- clients that do not play by the rules ----

def closed_within(sock, seconds):
    sock.settimeout(seconds)
    try:
        while sock.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def client_hello():
    """The first bytes of a handshake."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    conn = tls_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        conn.do_handshake()
    return outgoing.read()


def test_garbage(start):
    g = start()
    hello = client_hello()
    noise = [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 1000, b"\xff" * 70000, os.urandom(5000), b"\x16\x03\x01\xff\xff" + os.urandom(100),
             b"\x16\x03\x01\0\0" * 100, b"\x15\x03\x01\0\x02\x02\x28", hello[:20], hello[:-1], hello + b"garbage", hello + hello,
             b"\x80\x2e\x01\0\x02", b"SSH-2.0-x\r\n", b""]
    for data in noise:
        for end in ("wait", "close", "reset"):
            s = connect(g.port())
            s.sendall(data)
            if end == "wait":
                assert closed_within(s, 5), data[:20]
            elif end == "reset":
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            s.close()
    assert status(g) == 200
    before = g.fds()
    assert before < 100


def test_a_slow_handshake_ends(start):
    g = start()
    began = time.monotonic()
    sockets = [connect(g.port()) for _ in range(10)]
    for s, n in zip(sockets, range(10)):
        s.sendall(client_hello()[:n * 30])
    for s in sockets:
        assert closed_within(s, 5)
        s.close()
    assert time.monotonic() - began < 4, "the time for a head is the time for a handshake"


def test_records_of_one_byte_and_many_requests_in_one(start):
    g = start()
    with g.connect(tls=tls_context()) as c:
        for byte in b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n":
            c.send(bytes([byte]))
        assert c.response().body == b"hello"
        c.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)
        assert [c.response().body for _ in range(50)] == [b"hello"] * 50


class HalfClosing:
    """A client that can say close_notify and go on listening, which Python's sockets cannot."""

    def __init__(self, port, version=None):
        self.sock = connect(port)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = tls_context(version=version).wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.buffer = b""
        self.call(self.tls.do_handshake)

    def call(self, fn, *args):
        while True:
            try:
                result = fn(*args)
                self.sock.sendall(self.outgoing.read())
                return result
            except ssl.SSLWantReadError:
                self.sock.sendall(self.outgoing.read())
                self.feed()

    def feed(self):
        """One record: more would be taken for data behind the goodbye."""
        head = self.sock.recv(5, socket.MSG_WAITALL)
        if len(head) < 5:
            self.incoming.write_eof()
            return
        self.incoming.write(head + self.sock.recv(int.from_bytes(head[3:], "big"), socket.MSG_WAITALL))

    def say_goodbye(self):
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        self.sock.sendall(self.outgoing.read())

    def recv(self, n):
        """Bytes of the application; b"" after the gateway's close_notify."""
        try:
            return self.call(self.tls.read, n)
        except ssl.SSLZeroReturnError:
            return b""


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_that_is_done_sending_gets_the_rest(start, origin, version):
    """Once the answer is on its way, close_notify ends the client's direction alone (RFC 8446 6.1)."""
    up = origin(reply(200, b"x" * 100000))
    g = start(app=up.port)
    c = HalfClosing(g.port(), version)
    c.call(c.tls.write, b"GET /app/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
    first = c.recv(1 << 14)
    g.access(1)
    c.say_goodbye()
    rest = b""
    while data := c.recv(65536):
        rest += data
    assert (first + rest).endswith(b"x" * 100000), "and then the gateway says goodbye as well"
    c.sock.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_that_says_goodbye_early_is_gone(start, origin, version):
    up = origin(lambda peer, _: peer.sock.recv(1))
    g = start(app=up.port)
    c = HalfClosing(g.port(), version)
    c.call(c.tls.write, b"GET /app/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
    up.wait(1)
    c.say_goodbye()
    assert c.recv(1) == b""
    assert g.access(1)[0]["reason"] == "client-gone"
    wait_for(lambda: up.open == 0, what="the end of the upstream's connection")


def test_a_client_that_leaves_is_noticed(start, origin):
    up = origin(lambda peer, _: peer.sock.recv(1))
    g = start(app=up.port)
    c = g.connect(tls=tls_context())
    c.request("GET", "/app/x")
    up.wait(1)
    c.sock.close()
    line = g.access(1)[0]
    assert line["reason"] == "client-gone" and line["duration_ms"] < 3000
    wait_for(lambda: up.open == 0, what="the end of the upstream's connection")


# ---- bodies ----

SIZE = 48 << 20


def pattern(n):
    block = hashlib.sha256(b"seed").digest() * 2048
    return (block * (n // len(block) + 1))[:n]


def digest_of(sock_recv, n):
    h, left = hashlib.sha256(), n
    while left:
        data = sock_recv(min(left, 1 << 16))
        assert data, f"{left} bytes are missing"
        h.update(data)
        left -= len(data)
    return h.hexdigest()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_big_download_to_a_slow_reader(start, origin, version):
    body = pattern(SIZE)
    up = origin(reply(200, body))
    g = start(app=up.port)
    with g.connect(tls=tls_context(version=version)) as c:
        c.request("GET", "/app/big")
        head = c.response_head()
        assert head.header("content-length") == str(SIZE)
        before = g.rss()
        for _ in range(10):  # it reads nothing for a while: the gateway must not take in the rest
            time.sleep(0.03)
            assert_below(g.rss() - before, 16 << 20, "more while nobody reads")
        first, c.reader.buffer = c.reader.buffer, b""
        h = hashlib.sha256(first)
        left = SIZE - len(first)
        while left:
            data = c.sock.recv(1 << 16)
            assert data
            h.update(data)
            left -= len(data)
    assert h.digest() == hashlib.sha256(body).digest()


def test_a_big_upload_to_a_slow_upstream(start, origin):
    seen = []

    def slow(peer, request):
        seen.append(hashlib.sha256(request.body).hexdigest())
        reply(200, b"ok")(peer, request)
    up = origin(slow, on_accept=lambda peer: peer.pause(0.4))
    g = start(app=up.port)
    body = pattern(SIZE)
    with g.connect(tls=tls_context()) as c:
        before = g.rss()
        c.sock.settimeout(20)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            sent = pool.submit(c.request, "POST", "/app/big", (), body)
            time.sleep(0.3)
            assert not sent.done(), "the upstream's slowness is felt by the client"
            assert_below(g.rss() - before, 16 << 20, "more")
            sent.result()
        assert c.response().status == 200
    assert seen == [hashlib.sha256(body).hexdigest()]


def test_an_upload_cut_off_is_not_passed_off_as_whole(start, origin):
    up = origin(reply(200, b"ok"))
    g = start(app=up.port)
    c = g.connect(tls=tls_context())
    c.request("POST", "/app/x", [("Transfer-Encoding", "chunked")])
    c.send(b"5\r\nhello\r\n")
    wait_for(lambda: up.open == 1, what="the request at the upstream")
    c.sock.close()
    assert g.access(1)[0]["reason"] == "client-gone"
    wait_for(lambda: up.open == 0 or up.errors, what="the end at the upstream")
    assert up.requests == []


# ---- what operators watch ----

def test_days_until_certificates_end_are_metrics(start, ca):
    first, second = ca.issue("first.test"), ca.issue("second.test")
    g = start(first, second)
    metrics = g.metrics()
    for cert in (first, second):
        labels = f'{{listener="public",certificate="{cert.cert}"}}'
        end = not_after(cert)
        assert metrics[f"sluice_certificate_expiry_timestamp_seconds{labels}"] == end
        assert abs(metrics[f"sluice_certificate_days_left{labels}"] - (end - time.time()) // 86400) <= 1


def not_after(cert):
    return x509.load_der_x509_certificate(der(cert)).not_valid_after.replace(tzinfo=datetime.timezone.utc).timestamp()


# ---- handshakes that fail ----

def test_plain_http_on_a_tls_port_is_answered_and_told(start):
    g = start(config=CONFIG + "runtime: { workers: 1 }\n")  # each worker keeps its own count of what it left out
    for _ in range(5):
        with g.connect() as c:  # in clear text
            r = c.request("GET", "/").response()
            assert r.status == 400 and r.header("Connection") == "close"
            assert r.header("Content-Type") == "application/problem+json" and "use https://" in r.text
            c.assert_closed()
    said = re.findall(r"warn  listener: public: a connection from 127\.0\.0\.1 is refused: plain-http", g.log())
    assert 1 <= len(said) < 5, "not so often that whoever provokes it fills the log"
    assert g.metrics()['sluice_connections_refused_total{reason="plain-http"}'] == 5
    time.sleep(1.1)
    with g.connect() as c:
        assert c.request("GET", "/").response().status == 400
    g.wait_log(r"plain-http; \d more since the last line")
    assert status(g) == 200


def test_plain_http_on_a_tls_port_is_answered_without_a_reset(start):
    g = start()
    with g.connect() as c:
        assert c.request("GET", "/", [("X-Long", "a" * 20000)]).response().status == 400
        assert c.sock.recv(1) == b"", "what was sent was read: a reset would be an error here"


def test_a_handshake_that_fails_is_told_with_its_reason(start):
    g = start(more="min_version: 1.3")
    with pytest.raises(ssl.SSLError):
        status(g, tls_context(version=ssl.TLSVersion.TLSv1_2))
    g.wait_log(r"warn  listener: public: a connection from 127\.0\.0\.1 is refused: tls-handshake: .*unsupported protocol")
    assert g.metrics()['sluice_connections_refused_total{reason="tls-handshake"}'] == 1
    assert g.metrics()["sluice_tls_handshake_failures_total"] == 1


def test_a_client_that_leaves_during_the_handshake_is_told(start):
    g = start()
    with g.connect() as c:
        c.send(b"\x16\x03\x01")
    g.wait_log(r"is refused: tls-handshake: ")
    assert status(g) == 200


# ---- keys that others can read ----

@pytest.mark.parametrize("mode, who", [(0o644, "everybody"), (0o640, "its group"), (0o600, None), (0o400, None)])
def test_a_private_key_that_others_can_read_is_warned_of(start, ca, mode, who):
    cert = ca.issue("mode.test")
    os.chmod(cert.key, mode)
    g = start(cert)
    said = re.search(rf"warning: .*private_key: the private key in \S+ can be read by (.*) \(mode {mode:o}\): chmod 600 it", g.log())
    assert (said and said[1]) == who, g.log()
    with g.connect(tls=tls_context(), sni="mode.test") as c:
        assert c.get("/", host="mode.test").status == 200
