"""Facts and numbers of an exchange that plugins read, in each phase, and that on_complete and the access log say the same."""
import base64
import hashlib
import re
import socket
import ssl
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kit import h2origin, origin as h1origin
from kit.certs import DAY, Cert, key_pem, new_key
from kit.client import tls_context
from kit.gateway import GatewayDied
from kit.modules import build_module
from kit.origin import hang, raw as raw_bytes, reply

CONFIG = """
listeners:
  - { name: plain, address: "127.0.0.1:@plain@", trusted_proxies: [127.0.0.1] }
  - name: secure
    address: 127.0.0.1:@secure@
    protocols: [h2, http/1.1]
    tls:
      certificates: [{ certificate: "@cert@", private_key: "@key@" }]
      %s
upstreams:
  app: { servers: ["127.0.0.1:@app@"], protocol: "@protocol@", timeouts: { response: 1s } }
plugins:
  probe: { use: fact-probe, body: %s }
  into: { use: headers, request: { set: %s } }
routes:
  - { name: here, match: { path: /here }, plugins: [probe], respond: { status: 200, body: "hello" } }
  - { name: away, match: { path: /* }, plugins: [probe, into], upstream: app }
"""


@pytest.fixture(scope="session")
def modules(tmp_path_factory):
    return build_module(tmp_path_factory.mktemp("modules"), "fact-probe", Path(__file__).parent / "modules/fact_probe.c")


class Setting:
    def __init__(self, g, up):
        self.g, self.up = g, up

    def told(self, n=1, phase="complete"):
        """What the probe said of the n-th request in a phase."""
        self.g.wait_log(f"(?s)({phase} end.*){{{n}}}")
        lines = re.findall(rf": {phase} (?:end|(\w+)=(.*))", self.g.log())
        at = 0
        for _ in range(n - 1):
            at = lines.index(("", ""), at) + 1
        return dict(lines[at:lines.index(("", ""), at)])


@pytest.fixture
def setting(gateway, origin, h2_origin, modules, server_cert):
    def start(app=None, protocol="http/1.1", tls="", body="false", fields="{ X-Seen: yes }"):
        up = (h2_origin if protocol == "h2c" else origin)(
            app or (h2origin.answer if protocol == "h2c" else reply)(200, b"from the app"))
        g = gateway(CONFIG % (tls, body, fields), app=up.port, protocol=protocol, cert=server_cert.cert, key=server_cert.key,
                    args=["--plugin-dir", modules])
        return Setting(g, up)
    return start


def assert_as_logged(told, line):
    """What on_complete read is what the access log says."""
    assert int(told["STATUS"]) == line["status"]
    assert int(told.get("TRIES", 0)) == line.get("tries", 0)
    assert (int(told["BYTES_IN"]), int(told["BYTES_OUT"])) == (line["bytes_in"], line["bytes_out"])
    assert int(told["DURATION_US"]) == round(line["duration_ms"] * 1000)
    assert int(told.get("CONNECT_US", 0)) == round(line.get("connect_ms", 0) * 1000)
    assert int(told.get("RESPONSE_US", 0)) == round(line.get("response_ms", 0) * 1000)
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(int(told["START_MS"]) / 1000)) + f".{int(told['START_MS']) % 1000:03}Z"
    assert at == line["time"]
    for fact, name in (("REASON", "reason"), ("SERVER", "server"), ("PROTOCOL", "protocol"), ("LISTENER", "listener"),
                       ("CLIENT_IP", "client"), ("ROUTE", "route"), ("TLS_VERSION", "tls"), ("REQUEST_ID", "id"),
                       ("METHOD", "method"), ("UPSTREAM", "upstream")):
        assert told.get(fact, "") == line.get(name, ""), name


# ---- numbers ----

def test_when_they_become_known(setting, raw):
    s = setting()
    with raw(s.g.port("plain")) as c:
        assert c.request("POST", "/a?b=c", [("Host", "a.test")], b"12345").response().body == b"from the app"
        port = str(c.sock.getsockname()[1])
    asked, answered, told = s.told(phase="request"), s.told(phase="response"), s.told()
    for late in ("STATUS", "UPSTREAM_STATUS", "RESPONSE_US", "CONNECT_US", "REASON", "SERVER", "UPSTREAM_PROTOCOL"):
        assert late not in asked, late
    assert (asked["TRIES"], asked["REQUEST_BODY"], asked["RESPONSE_BODY"], asked["BYTES_OUT"]) == ("0", "0", "0", "0")
    assert (asked["PROTOCOL"], asked["LISTENER"], asked["PEER"], asked["PEER_PORT"]) == ("HTTP/1.1", "plain", "127.0.0.1", port)
    assert (asked["CLIENT_PORT"], asked["CONNECTION_REQUESTS"], asked["CONNECTION_KEPT"]) == (port, "1", "1")
    assert not any(name.startswith(("TLS", "CLIENT_CERT")) for name in asked)
    assert (answered["STATUS"], answered["UPSTREAM_STATUS"], answered["TRIES"]) == ("200", "200", "1")
    assert (answered["SERVER"], answered["UPSTREAM_PROTOCOL"]) == (f"127.0.0.1:{s.up.port}", "HTTP/1.1")
    assert "REASON" not in told
    assert (told["REQUEST_BODY"], told["RESPONSE_BODY"], told["CONNECTION_KEPT"]) == ("5", "12", "1")
    assert int(told["DURATION_US"]) >= int(answered["DURATION_US"]) >= int(asked["DURATION_US"])
    assert asked["START_MS"] == answered["START_MS"] == told["START_MS"]
    assert_as_logged(told, s.g.access(1)[0])


@pytest.mark.parametrize("body", ["false", "true"], ids=["direct", "staged"])
@pytest.mark.parametrize("protocol", ["http/1.1", "h2c"])
@pytest.mark.parametrize("client", ["h1", "h2"])
def test_as_in_the_access_log(setting, h2, client, protocol, body):
    s = setting(protocol=protocol, body=body)
    sent, more = b"x" * 100_000, b"!!" if body == "true" else b""
    if client == "h2":
        r = h2(s.g.port("secure")).request("POST", "/a", [], sent)
        got = r.body
    else:
        with s.g.connect("secure", tls=tls_context(), sni="localhost") as c:
            got = c.request("POST", "/a", [("Host", "localhost")], sent).response().body
    assert got == b"from the app" + more
    told = s.told()
    assert (told["REQUEST_BODY"], told["RESPONSE_BODY"]) == ("100000", str(len(got)))
    assert told["UPSTREAM_PROTOCOL"] == ("HTTP/2" if protocol == "h2c" else "HTTP/1.1")
    assert told["PROTOCOL"] == ("HTTP/2" if client == "h2" else "HTTP/1.1")
    assert (told["TLS_VERSION"], told["TLS_SNI"]) == ("TLSv1.3", "localhost") and told["TLS_CIPHER"].startswith("TLS_")
    assert told.get("TLS_ALPN") == ("h2" if client == "h2" else None)
    assert_as_logged(told, s.g.access(1)[0])


def test_the_gateways_own_answer(setting, raw):
    s = setting()
    with raw(s.g.port("plain")) as c:
        c.get("/here")
        c.request("GET", "/here", [("Host", "a.test"), ("Connection", "close")]).response()
    first, last = s.told(1), s.told(2)
    assert (first["TRIES"], first["RESPONSE_BODY"]) == ("0", "5")
    assert not {"UPSTREAM", "SERVER", "UPSTREAM_STATUS", "CONNECT_US", "RESPONSE_US"} & set(first)
    assert (first["CONNECTION_REQUESTS"], first["CONNECTION_KEPT"]) == ("1", "1")
    assert (last["CONNECTION_REQUESTS"], last["CONNECTION_KEPT"]) == ("2", "0")
    assert_as_logged(first, s.g.access(2)[0])
    assert_as_logged(last, s.g.access(2)[1])


def test_a_server_that_does_not_answer(setting, raw):
    s = setting(hang)
    with raw(s.g.port("plain")) as c:
        assert c.get("/a").status == 504
    answered, told = s.told(phase="response"), s.told()
    assert answered["REASON"] == told["REASON"] == "upstream-timeout"
    assert (told["STATUS"], told["TRIES"]) == ("504", "1") and "UPSTREAM_STATUS" not in told
    assert_as_logged(told, s.g.access(1)[0])


def test_a_response_that_breaks_off(setting, raw):
    s = setting(raw_bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", close=True))
    c = raw(s.g.port("plain"))
    c.request("GET", "/a")
    assert c.response_head().status == 200
    told = s.told()
    assert (told["REASON"], told["STATUS"], told["UPSTREAM_STATUS"]) == ("upstream-truncated", "200", "200")
    assert (told["RESPONSE_BODY"], told["CONNECTION_KEPT"]) == ("3", "0")
    assert_as_logged(told, s.g.access(1)[0])


def test_a_client_that_leaves(setting):
    s = setting(hang)
    with socket.create_connection(("127.0.0.1", s.g.port("plain"))) as c:
        c.sendall(b"GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n")
        s.up.wait(1)
    told = s.told()
    assert (told["STATUS"], told["REASON"], told["CONNECTION_KEPT"]) == ("499", "client-gone", "0")
    assert_as_logged(told, s.g.access(1)[0])


def test_what_a_proxy_tells(setting, raw):
    s = setting()
    with raw(s.g.port("plain")) as c:
        c.request("GET", "/a", [("Host", "a.test"), ("X-Forwarded-For", "192.0.2.9")]).response()
        port = str(c.sock.getsockname()[1])
    told = s.told()
    assert (told["CLIENT_IP"], told["PEER"], told["PEER_PORT"]) == ("192.0.2.9", "127.0.0.1", port)
    assert "CLIENT_PORT" not in told
    assert_as_logged(told, s.g.access(1)[0])


def test_facts_in_fields(setting, raw, h2):
    s = setting(fields='{ X-By: "{protocol} {listener} {peer}", X-Tls: "{tls_version} {tls_sni} {tls_alpn}", X-No: "{reason}" }')
    h2(s.g.port("secure")).request("GET", "/a", [])
    with raw(s.g.port("plain")) as c:
        c.get("/a")
    s.up.wait(2)
    first, second = ({k.lower(): v for k, v in r.fields} for r in s.up.requests[:2])
    assert (first["x-by"], first["x-tls"]) == ("HTTP/2 secure 127.0.0.1", "TLSv1.3 localhost h2")
    assert second["x-by"] == "HTTP/1.1 plain 127.0.0.1"
    assert not {"x-tls", "x-no"} & set(second)


# ---- client certificates ----

def issue(ca, folder, subject, names, days=(-1, 10), usage=ExtendedKeyUsageOID.CLIENT_AUTH):
    """A client's certificate with these attributes and names."""
    private, now = new_key(), ca.certificate.not_valid_before + 30 * DAY
    certificate = (
        x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(k, v) for k, v in subject]))
        .issuer_name(ca.subject).public_key(private.public_key()).serial_number(0xabcdef0123456789abcdef)
        .not_valid_before(now + days[0] * DAY).not_valid_after(now + days[1] * DAY)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .sign(ca.private, hashes.SHA256()))
    cert, key = Path(folder) / "client.crt", Path(folder) / "client.key"
    cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(key_pem(private))
    return Cert(cert, key, ca.path), certificate


ALICE = [(NameOID.ORGANIZATION_NAME, "Example, Inc."), (NameOID.COMMON_NAME, "Alicé\n=x")]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
@pytest.mark.parametrize("client", ["h1", "h2"])
def test_a_clients_certificate(setting, h2, ca, folder, client, version):
    cert, parsed = issue(ca, folder, ALICE, [
        x509.DNSName("alice.test"), x509.RFC822Name("alice@example.test"), x509.DNSName("two.test"),
        x509.UniformResourceIdentifier("spiffe://example.test/alice"), x509.DNSName("evil.test, admin.test")])
    s = setting(tls=f'client_ca: "{ca.path}"',
                fields='{ Client-Cert: ":{client_cert_der}:", X-Who: "{client_cert_subject}", X-Pem: "{client_cert_pem}" }')
    context = tls_context(cert=cert.cert, key=cert.key, version=version, alpn=["h2"] if client == "h2" else ["http/1.1"])
    if client == "h2":
        assert h2(s.g.port("secure"), tls=context).request("GET", "/a", []).status == 200
    else:
        with s.g.connect("secure", tls=context, sni="localhost") as c:
            assert c.get("/a").status == 200
    der = parsed.public_bytes(serialization.Encoding.DER)
    for phase in ("request", "response", "complete"):
        told = s.told(phase=phase)
        assert told["CLIENT_CERT_SUBJECT"].replace("\\x5c", "\\") == r"CN=Alicé\0A=x,O=Example\, Inc."
        assert told["CLIENT_CERT_ISSUER"] == f"CN={ca.name}"
        assert told["CLIENT_CERT_DNS"] == "alice.test, two.test"
        assert told["CLIENT_CERT_URI"] == "spiffe://example.test/alice"
        assert told["CLIENT_CERT_EMAIL"] == "alice@example.test"
        assert told["CLIENT_CERT_SERIAL"] == "ABCDEF0123456789ABCDEF"
        assert told["CLIENT_CERT_SHA256"] == hashlib.sha256(der).hexdigest()
        assert told["CLIENT_CERT_DER"] == base64.b64encode(der).decode()
        assert ssl.PEM_cert_to_DER_cert(told["CLIENT_CERT_PEM"].replace("~", "\n")) == der
    s.up.wait(1)
    fields = {k.lower(): v for k, v in s.up.requests[0].fields}
    assert fields["client-cert"] == f":{base64.b64encode(der).decode()}:"
    assert "x-pem" not in fields
    assert_as_logged(s.told(), s.g.access(1)[0])


def status(s, **kw):
    """The status, or None when the handshake fails."""
    try:
        with s.g.connect("secure", tls=tls_context(**kw), sni="localhost") as c:
            return c.get("/here").status
    except (OSError, ssl.SSLError, AssertionError):
        return None


def test_who_is_let_in(setting, ca, other_ca, folder):
    names = [x509.DNSName("a.test")]
    good, _ = issue(ca, folder, ALICE, names)
    good = dict(cert=good.cert, key=good.key)
    assert status(s := setting(tls=f'client_ca: "{ca.path}"'), **good) == 200
    assert status(s) is None
    s.g.wait_log("tls-handshake: .*certificate")
    for days, usage, by in (((-9, -1), ExtendedKeyUsageOID.CLIENT_AUTH, ca), ((-1, 9), ExtendedKeyUsageOID.SERVER_AUTH, ca),
                            ((-1, 9), ExtendedKeyUsageOID.CLIENT_AUTH, other_ca)):
        bad, _ = issue(by, folder, ALICE, names, days=days, usage=usage)
        assert status(s, cert=bad.cert, key=bad.key) is None
    assert len(s.g.access(1)) == 1


def test_a_certificate_that_is_not_required(setting, ca, other_ca, folder):
    s = setting(tls=f'client_ca: "{ca.path}"\n      client_certificate: optional')
    assert status(s) == 200
    assert not any(name.startswith("CLIENT_CERT") for name in s.told())
    bad, _ = issue(other_ca, folder, ALICE, [x509.DNSName("a.test")])
    assert status(s, cert=bad.cert, key=bad.key) is None
    assert len(s.g.access(1)) == 1


def test_where_clients_are_not_verified(setting, ca, folder):
    cert, _ = issue(ca, folder, ALICE, [x509.DNSName("a.test")])
    s = setting()
    assert status(s, cert=cert.cert, key=cert.key) == 200
    assert not any(name.startswith("CLIENT_CERT") for name in s.told())


def test_a_resumed_session(setting, ca, folder):
    """It has the certificate of its first connection, and is not resumed when other authorities are in force."""
    cert, parsed = issue(ca, folder, ALICE, [x509.DNSName("a.test")])
    s = setting(tls=f'client_ca: "{ca.path}"')
    context, session = tls_context(cert=cert.cert, key=cert.key), None
    for resumed in (False, True):
        sock = context.wrap_socket(socket.create_connection(("127.0.0.1", s.g.port("secure"))), server_hostname="localhost",
                                   session=session)
        sock.sendall(b"GET /here HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        while sock.recv(4096):
            pass
        assert sock.session_reused == resumed
        session = sock.session
        sock.close()
    assert s.told(2)["CLIENT_CERT_SHA256"] == parsed.fingerprint(hashes.SHA256()).hex()
    text = Path(s.g.config_path).read_text()
    s.g.reload(text.replace("client_ca:", "client_certificate: optional\n      client_ca:"))
    with context.wrap_socket(socket.create_connection(("127.0.0.1", s.g.port("secure"))), server_hostname="localhost",
                             session=session) as sock:
        sock.sendall(b"GET /here HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert sock.recv(4096) and not sock.session_reused


def test_a_file_without_authorities(setting, folder):
    (folder / "none.pem").write_text("nothing\n")
    with pytest.raises(GatewayDied) as died:
        setting(tls=f'client_ca: "{folder / "none.pem"}"')
    assert "tls.client_ca: no authorities can be read from" in str(died.value)
