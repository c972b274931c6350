"""hmac-auth and upstream-signature in a real gateway. Signatures are made and verified by what RFC 9421 says, written here with Python's
hmac and cryptography."""
import base64
import functools
import hashlib
import hmac
import re
import socket
import time

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from kit.h2client import H2Client
from kit.origin import drop, echo
from kit.tokens import refusal

SECRET = "a secret of the scenario, of 32 bytes and more"


def b64(data):
    return base64.b64encode(data).decode()


class Mac:
    """hmac-sha256"""
    name = "hmac-sha256"

    def sign(self, text):
        return hmac.new(SECRET.encode(), text, hashlib.sha256).digest()

    def verify(self, signature, text):
        assert hmac.compare_digest(signature, self.sign(text))


class Pair:
    """A private key, and how RFC 9421 3.3 signs with it."""
    def __init__(self, name):
        self.name = name
        self.key = {"rsa-pss-sha512": self.rsa, "rsa-v1_5-sha256": self.rsa, "ed25519": ed25519.Ed25519PrivateKey.generate,
                    "ecdsa-p256-sha256": lambda: ec.generate_private_key(ec.SECP256R1()),
                    "ecdsa-p384-sha384": lambda: ec.generate_private_key(ec.SECP384R1())}[name]()
        pss = padding.PSS(mgf=padding.MGF1(hashes.SHA512()), salt_length=64)
        self.how = {"rsa-pss-sha512": (pss, hashes.SHA512()), "rsa-v1_5-sha256": (padding.PKCS1v15(), hashes.SHA256()), "ed25519": (),
                    "ecdsa-p256-sha256": (ec.ECDSA(hashes.SHA256()),), "ecdsa-p384-sha384": (ec.ECDSA(hashes.SHA384()),)}[name]
        self.half = {"ecdsa-p256-sha256": 32, "ecdsa-p384-sha384": 48}.get(name)

    @staticmethod
    @functools.cache
    def rsa():
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def sign(self, text):
        signature = self.key.sign(text, *self.how)
        if not self.half:
            return signature
        return b"".join(n.to_bytes(self.half, "big") for n in utils.decode_dss_signature(signature))

    def verify(self, signature, text):
        if self.half:
            assert len(signature) == 2 * self.half
            signature = utils.encode_dss_signature(*(int.from_bytes(part, "big") for part in (signature[:self.half], signature[self.half:])))
        self.key.public_key().verify(signature, text, *self.how)

    def public(self):
        return self.key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()

    def private(self):
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


ALL = ("rsa-pss-sha512", "rsa-v1_5-sha256", "ecdsa-p256-sha256", "ecdsa-p384-sha384", "ed25519")
MAC = Mac()
CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@", protocols: [h2, http/1.1], trusted_proxies: [127.0.0.9] }
  - { name: inner, address: "127.0.0.1:@inner@", protocols: [h2] }
upstreams:
  inner: { servers: ["127.0.0.1:@inner@"], protocol: h2c }
  app: { servers: ["127.0.0.1:@app@"] }
  pair: { servers: ["127.0.0.1:@app@", "127.0.0.1:@bad@"], retries: 2 }
plugins:
  signed: { use: hmac-auth, file: keys, refresh: 1s, max_body: 64KiB, failures: 1000/min }
  outside: { use: hmac-auth, file: keys, origin: "https://api.example.com" }
  keys: { use: key-auth, keys: [{ sha256: "@sha@", name: by-key }] }
  who: { use: headers, request: { set: { X-User: "{consumer}" } } }
@signers@
routes:
  - { name: loop, match: { listener: public, path: /loop }, plugins: [sign-ed25519], upstream: inner }
  - { name: outside, match: { path: /outside }, plugins: [outside, who], upstream: app }
  - { name: either, match: { path: /either }, plugins: [{ use: any-of, of: [keys, signed] }, who], upstream: app }
@routes@
  - { name: pair, match: { path: /pair }, plugins: [sign-hmac-sha256], upstream: pair }
  - { name: in, match: { path: /* }, plugins: [signed, who], upstream: app }
"""


@pytest.fixture(scope="module")
def pairs():
    return {name: Pair(name) for name in ALL}


@pytest.fixture
def running(gateway, origin, pairs):
    up, bad = origin(echo), origin(drop)
    keys = f"mac acme secret=base64:{b64(SECRET.encode())} plan=gold\n"
    signers = '  sign-hmac-sha256: { use: upstream-signature, secret: "file:mac", keyid: gw, tag: app, expires: 1m }\n'
    routes = "  - { name: hmac-sha256, match: { path: /hmac-sha256 }, plugins: [sign-hmac-sha256], upstream: app }\n"
    files = {"mac": SECRET}
    for name, pair in pairs.items():
        der = "".join(pair.public().splitlines()[1:-1])
        keys += f"{name} {name} public_key={der} algorithm={name}\n"
        files[f"{name}.pem"] = pair.private()
        signers += (f'  sign-{name}: {{ use: upstream-signature, private_key: "file:{name}.pem", algorithm: {name}, keyid: {name}, send_alg: true, '
                    'content_digest: sha-512, max_body: 1KiB, components: ["@method", "@target-uri", "content-digest", "x-note"], scheme: http }\n')
        routes += f"  - {{ name: {name}, match: {{ path: /{name} }}, plugins: [sign-{name}], upstream: app }}\n"
    g = gateway(CONFIG, app=up.port, bad=bad.port, sha=hashlib.sha256(b"a-key").hexdigest(), signers=signers, routes=routes,
                files={**files, "keys": keys})
    g.up, g.bad = up, bad
    return g


def base_of(values, covers, params):
    """RFC 9421 2.5"""
    listed = "(" + " ".join(f'"{name}"' for name in covers) + ")" + params
    return "".join(f'"{name}": {values[name]}\n' for name in covers) + f'"@signature-params": {listed}', listed


def sign(key, keyid, values, covers, created=None, more="", label="sig1"):
    base, listed = base_of(values, covers, f';created={int(time.time()) if created is None else created};keyid="{keyid}"{more}')
    return [("Signature-Input", f"{label}={listed}"), ("Signature", f"{label}=:{b64(key.sign(base.encode()))}:")]


def raw(port, message):
    """What is answered on a connection that asks once."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        s.sendall(message.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        return b"".join(iter(lambda: s.recv(65536), b""))


def request(g, method="GET", path="/a", query="", body=None):
    """What a client knows of its request."""
    host = "localhost"
    values = {"@method": method, "@authority": host, "@path": path, "@query": f"?{query}",
              "@target-uri": f"http://{host}{path}" + (f"?{query}" if query else "")}
    if body is not None:
        values["content-digest"] = f"sha-256=:{b64(hashlib.sha256(body).digest())}:"
    return values


COVERS = ("@method", "@authority", "@target-uri")


def checks(g, result):
    return g.metrics().get(f'sluice_plugin_hmac_auth_checks_total{{instance="signed",result="{result}"}}', 0)


def test_all_algorithms_are_verified(running, pairs):
    g = running
    for keyid, key in (("mac", MAC), *pairs.items()):
        assert g.get("/a", sign(key, keyid, request(g), COVERS)).status == 200
        assert g.up.requests[-1].fields.get("x-user") == ("acme" if key is MAC else keyid)
        assert refusal(g.get("/b", sign(key, keyid, request(g), COVERS))) == "signature-wrong"
        other = "ed25519" if keyid != "ed25519" else "hmac-sha256"
        assert refusal(g.get("/a", sign(key, keyid, request(g), COVERS, more=f';alg="{other}"'))) == "signature-algorithm"
    assert checks(g, "admitted") == 6 and checks(g, "wrong") == 12
    r = g.get("/a")
    assert (r.status, refusal(r)) == (401, "signature-missing") and r.header("www-authenticate") == 'Signature realm="signed"'
    assert r.header("accept-signature") == 'sig=("@method" "@authority" "@target-uri" "content-digest");created'


def test_a_body_that_differs_never_arrives(running):
    g = running
    body = b'{"hello": "world"}' * 100
    values = request(g, "POST", body=body)
    covers = (*COVERS, "content-digest")
    fields = [*sign(MAC, "mac", values, covers), ("Content-Digest", values["content-digest"])]
    assert g.request("POST", "/a", fields, body=body).status == 200 and g.up.requests[-1].body == body
    n = len(g.up.requests)
    assert refusal(g.request("POST", "/a", fields, body=body[:-1] + b"]")) == "signature-digest"
    assert refusal(g.request("POST", "/a", fields, body=body + b" ")) == "signature-digest"
    assert refusal(g.request("POST", "/a", fields, body=b"")) == "signature-digest"
    assert refusal(g.request("POST", "/a", sign(MAC, "mac", values, COVERS), body=body)) == "signature-covers"
    large = bytes(65 * 1024)
    values = request(g, "POST", body=large)
    fields = [*sign(MAC, "mac", values, covers), ("Content-Digest", values["content-digest"])]
    assert g.request("POST", "/a", fields, body=large).status == 413
    assert len(g.up.requests) == n


def test_http2_need_not_say_that_there_is_a_body(running):
    g = running
    fields = [(n.lower(), v) for n, v in sign(MAC, "mac", request(g), COVERS)]
    with H2Client(g.port(), tls=False) as c:
        assert c.get("/a", fields).status == 200 and g.up.requests[-1].fields.get("x-user") == "acme"
        fields = [(n.lower(), v) for n, v in sign(MAC, "mac", request(g, "POST"), COVERS)]
        assert c.request("POST", "/a", fields, body=b"").status == 200
        n = len(g.up.requests)
        r = c.request("POST", "/a", fields, body=b"a body")
        assert r.status == 401 and b"signature-covers" in r.body and len(g.up.requests) == n


def test_a_body_that_no_field_tells_of_is_seen(running):
    """Plugins see no Transfer-Encoding, and no Content-Length that the client names in Connection."""
    g = running
    fields = sign(MAC, "mac", request(g, "POST"), COVERS)
    head = "".join(f"{name}: {value}\r\n" for name, value in [("Host", "localhost"), *fields])
    n = len(g.up.requests)
    for more in ("Transfer-Encoding: chunked\r\n\r\n6\r\na body\r\n0\r\n\r\n", "Connection: content-length\r\nContent-Length: 6\r\n\r\na body"):
        answer = raw(g.port(), f"POST /a HTTP/1.1\r\n{head}{more}".encode())
        assert answer.startswith(b"HTTP/1.1 401 ") and b"signature-covers" in answer, more
    assert len(g.up.requests) == n
    answer = raw(g.port(), f"POST /a HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200 ")
    for path in ("/ed25519", "/ecdsa-p256-sha256"):
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n"
        assert raw(g.port(), f"{head}Transfer-Encoding: chunked\r\n\r\n6\r\na body\r\n0\r\n\r\n".encode()).startswith(b"HTTP/1.1 200 ")
        assert g.up.requests[-1].fields.get("content-digest") == f"sha-512=:{b64(hashlib.sha512(b'a body').digest())}:"


def test_the_signatures_of_others_are_passed_over(running):
    g = running
    (theirs, mark), (ours, value) = (("proxy=(\"@method\");expires=1.5", "proxy=:AAAA:"), (f[1] for f in sign(MAC, "mac", request(g), COVERS)))
    assert g.get("/a", [("Signature-Input", f"{theirs}, {ours}"), ("Signature", f"{mark}, {value}")]).status == 200
    assert refusal(g.get("/a", [("Signature-Input", theirs), ("Signature", mark)])) == "signature-malformed"


def test_replays_and_times(running):
    g = running
    once = sign(MAC, "mac", request(g), COVERS, more=';nonce="n-1"')
    assert [refusal(g.get("/a", once)) if i else g.get("/a", once).status for i in range(2)] == [200, "signature-replayed"]
    for age, code in ((400, "signature-expired"), (-60, "signature-expired")):
        assert refusal(g.get("/a", sign(MAC, "mac", request(g), COVERS, created=int(time.time()) - age))) == code
    (g.folder / "keys").write_text("# nobody\n")
    g.wait_log("keys has changed: 0 keys")
    assert refusal(g.get("/a", sign(MAC, "mac", request(g), COVERS))) == "signature-key"


def test_a_keyid_that_is_given_away_while_the_body_comes(running):
    """The request was signed by the key that there was: it is not that of the next owner."""
    g = running
    body = b"a body"
    values = request(g, "POST", body=body)
    fields = [("Host", "localhost"), *sign(MAC, "mac", values, (*COVERS, "content-digest")), ("Content-Digest", values["content-digest"])]
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    with socket.create_connection(("127.0.0.1", g.port()), timeout=10) as s:
        s.sendall(f"POST /a HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body[:1])
        n = len(g.up.requests)
        (g.folder / "keys").write_text(f"mac other secret=base64:{b64(SECRET[::-1].encode())}\n")
        g.wait_log("keys has changed: 1 key")
        s.sendall(body[1:])
        answer = b"".join(iter(lambda: s.recv(65536), b""))
    assert b"signature-key" in answer and len(g.up.requests) == n


def test_alternatives_and_the_url_as_clients_know_it(running):
    g = running
    assert g.get("/either", sign(MAC, "mac", request(g, path="/either"), COVERS)).status == 200
    assert g.get("/either", [("X-API-Key", "a-key"), ("Signature-Input", "a=()"), ("Signature", "a=:AAAA:")]).status == 200
    got = g.up.requests[-1].fields
    assert got.get("x-user") == "by-key" and "signature" not in got and "signature-input" not in got
    assert g.get("/either").status == 401
    values = {**request(g), "@authority": "api.example.com", "@target-uri": "https://api.example.com/outside"}
    assert g.get("/outside", sign(MAC, "mac", values, COVERS)).status == 200


def received(r, label, authority, scheme="http"):
    """The signature with that label, of a request that the server got: parameters, signature, base."""
    listed = re.search(rf'(?:^|, ){label}=(\([^)]*\)[^,]*)', r.fields.get("signature-input")).group(1)
    signature = base64.b64decode(re.search(rf'(?:^|, ){label}=:([^:]*):', r.fields.get("signature")).group(1))
    covers = re.findall(r'"([^"]*)"', listed[:listed.index(")")])
    path, _, query = r.target.partition("?")
    values = {"@method": r.method, "@authority": authority, "@path": path, "@query": f"?{query}", "@target-uri": f"{scheme}://{authority}{r.target}"}
    base, same = base_of({**{n: ", ".join(r.fields.all(n)) for n in covers if n[0] != "@"}, **values}, covers, listed[listed.index(")") + 1:])
    assert same == listed
    return covers, listed, signature, base.encode()


def test_requests_to_servers_are_signed(running, pairs):
    g = running
    host = "localhost"
    assert g.get("/hmac-sha256?a=1").status == 200
    covers, listed, signature, base = received(g.up.requests[-1], "sluice", host)
    MAC.verify(signature, base)
    assert covers == ["@method", "@authority", "@path", "@query"]
    created, expires = (int(re.search(rf";{name}=(\d+)", listed).group(1)) for name in ("created", "expires"))
    assert abs(created - time.time()) < 60 and expires == created + 60 and ';keyid="gw";tag="app"' in listed and ";nonce=" in listed
    for name, pair in pairs.items():
        assert g.request("POST", f"/{name}", [("X-Note", "a"), ("X-Note", "b")], body=b"a body").status == 200
        r = g.up.requests[-1]
        covers, listed, signature, base = received(r, "sluice", host)
        assert covers == ["@method", "@target-uri", "content-digest", "x-note"] and f';alg="{name}"' in listed
        assert r.fields.get("content-digest") == f"sha-512=:{b64(hashlib.sha512(b'a body').digest())}:"
        pair.verify(signature, base)
        with pytest.raises(InvalidSignature):
            pair.verify(signature, base + b" ")
    assert g.request("POST", "/ed25519", body=bytes(1025)).status == 413
    assert g.metrics()['sluice_plugin_upstream_signature_requests_total{instance="sign-ed25519",result="signed"}'] == 1


def test_over_http2_it_is_the_same(running):
    """Signed by the gateway, and verified behind HTTP/2 by the gateway."""
    g = running
    for body in (b"a body", b""):
        assert g.request("POST", "/loop?a=1", body=body).status == 200
        assert g.up.requests[-1].fields.get("x-user") == "ed25519" and g.up.requests[-1].body == body


def test_signatures_of_the_client_stay_beside_it(running):
    g = running
    host = "localhost"
    own = sign(MAC, "mac", request(g, path="/hmac-sha256"), COVERS, label="sluice")
    assert g.get("/hmac-sha256", own).status == 200
    for label in ("sluice", "sluice-2"):
        _, _, signature, base = received(g.up.requests[-1], label, host)
        MAC.verify(signature, base)
    assert g.get("/hmac-sha256", [("Signature-Input", "broken=("), ("Signature", "x")]).status == 200
    _, _, signature, base = received(g.up.requests[-1], "sluice", host)
    MAC.verify(signature, base)
    assert "broken" not in g.up.requests[-1].fields.get("signature-input")


def test_each_try_has_its_own_signature(running):
    g = running
    host = "localhost"
    assert [g.get("/pair").status for _ in range(4)] == [200] * 4
    seen = set()
    for r in g.up.requests + g.bad.requests:
        _, listed, signature, base = received(r, "sluice", host)
        MAC.verify(signature, base)
        assert r.fields.get("signature").count("sluice") == 1
        seen.add(re.search(r';nonce="([^"]*)"', listed).group(1))
    assert g.bad.requests and len(seen) == len(g.up.requests) + len(g.bad.requests)
