"""Certificates, keys, tokens and lists of targets: made once, kept in the work folder."""
import base64
import hashlib
import json
import subprocess
import time
from pathlib import Path

TOKEN_DAYS = 20      # younger than what mint gives them
ISSUER, AUDIENCE = "https://issuer.example/", "bench"


def _openssl(*args):
    return subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, text=True).stdout


def _base64url(n):
    return base64.urlsafe_b64encode(n).rstrip(b"=").decode()


def _sha256(text):
    return _base64url(hashlib.sha256(text.encode()).digest())


def _lines(path):
    with open(path, "rb") as f:
        return sum(1 for _ in f)


class Material:
    def __init__(self, folder, mint):
        self.folder = Path(folder)
        self.mint = mint
        self.folder.mkdir(parents=True, exist_ok=True)
        self.certificate, self.key = self.folder / "cert.pem", self.folder / "key.pem"
        self.both = self.folder / "both.pem"
        self.rsa, self.rsa_public, self.jwks = (self.folder / n for n in ("rsa.pem", "rsa-public.pem", "jwks.json"))
        if not self.both.exists():
            self._make_certificate()
        if not self.jwks.exists():
            self._make_token_key()

    def _make_certificate(self):
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 365,
                 "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                 "-keyout", self.key, "-out", self.certificate)
        self.both.write_text(self.certificate.read_text() + self.key.read_text())
        self.both.chmod(0o600)

    def _make_token_key(self):
        _openssl("genrsa", "-out", self.rsa, 2048)
        _openssl("rsa", "-in", self.rsa, "-pubout", "-out", self.rsa_public)
        modulus = int(_openssl("rsa", "-in", self.rsa, "-noout", "-modulus").strip().split("=")[1], 16)
        key = {"kty": "RSA", "kid": "bench", "alg": "RS256", "use": "sig", "e": "AQAB", "n": _base64url(modulus.to_bytes(256, "big"))}
        self.jwks.write_text(json.dumps({"keys": [key]}))

    def tokens(self, count, subjects=256):
        """A file of at least so many tokens, all different, their subjects going round."""
        path = self.folder / f"tokens-{subjects}.txt"
        old = not path.exists() or path.stat().st_mtime < time.time() - TOKEN_DAYS * 86400
        if old or _lines(path) < count:
            with open(path, "wb") as out:
                subprocess.run([self.mint, self.rsa, str(count), str(subjects)], stdout=out, check=True)
        return path

    def warm_tokens(self, count):
        """A file of exactly so many tokens: sent in turn, each comes again and again."""
        path = self.folder / f"tokens-warm-{count}.txt"
        path.write_text("".join(Path(self.tokens(count)).read_text().splitlines(True)[:count]))
        return path

    def proofs(self, count, url):
        """A file of that many heads: one token that is bound to a key, and each time another proof of it (RFC 9449)."""
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
        issuer = serialization.load_pem_private_key(self.rsa.read_bytes(), None)
        client = ec.generate_private_key(ec.SECP256R1())
        point = client.public_key().public_numbers()
        jwk = {"crv": "P-256", "kty": "EC", "x": _base64url(point.x.to_bytes(32, "big")), "y": _base64url(point.y.to_bytes(32, "big"))}
        thumbprint = _sha256(json.dumps(jwk, sort_keys=True, separators=(",", ":")))

        def text(*parts):
            return ".".join(_base64url(json.dumps(p).encode()) for p in parts)

        def proof(n):
            signed = text({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk},
                          {"htm": "GET", "htu": url, "iat": now, "jti": f"proof-{n}", "ath": _sha256(token)})
            r, s = utils.decode_dss_signature(client.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
            return f"{signed}.{_base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"
        now = int(time.time())
        signed = text({"alg": "RS256", "kid": "bench", "typ": "at+jwt"},
                      {"iss": ISSUER, "aud": AUDIENCE, "sub": "user", "iat": now, "exp": now + 86400, "cnf": {"jkt": thumbprint}})
        token = f"{signed}.{_base64url(issuer.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"
        path = self.folder / "proofs.txt"
        path.write_text("".join(f"Authorization: DPoP {token}\tDPoP: {proof(n)}\n" for n in range(count)))
        return path

    def targets(self, routes, suffix="/item"):
        """A file with one target for each route, in an order that helps no cache: multiples of a prime."""
        path = self.folder / f"targets-{routes}.txt"
        step = 7919 if routes % 7919 else 7907
        path.write_text("".join(f"/svc-{i * step % routes}{suffix}\n" for i in range(routes)))
        return path
