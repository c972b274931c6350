"""Certificates, keys, tokens and lists of targets: made once, kept in the work folder."""
import base64
import hashlib
import json
import secrets
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
        self.ec, self.ec_public = self.folder / "ec.pem", self.folder / "ec-public.pem"
        if not self.both.exists():
            self._make_certificate()
        if not self.ec_public.exists():
            self._make_token_keys()

    def _make_certificate(self):
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 365,
                 "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                 "-keyout", self.key, "-out", self.certificate)
        self.both.write_text(self.certificate.read_text() + self.key.read_text())
        self.both.chmod(0o600)

    def _make_token_keys(self):
        _openssl("genrsa", "-out", self.rsa, 2048)
        _openssl("rsa", "-in", self.rsa, "-pubout", "-out", self.rsa_public)
        modulus = int(_openssl("rsa", "-in", self.rsa, "-noout", "-modulus").strip().split("=")[1], 16)
        rsa = {"kty": "RSA", "kid": "bench", "alg": "RS256", "use": "sig", "e": "AQAB", "n": _base64url(modulus.to_bytes(256, "big"))}
        _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.ec)
        self.jwks.write_text(json.dumps({"keys": [rsa, {**self._ec_key(), "kid": "bench-ec", "alg": "ES256", "use": "sig"}]}))
        _openssl("ec", "-in", self.ec, "-pubout", "-out", self.ec_public)

    def _ec_key(self):
        """The two numbers of a point end its key in DER."""
        der = subprocess.run(["openssl", "ec", "-in", self.ec, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
        return {"kty": "EC", "crv": "P-256", "x": _base64url(der[-64:-32]), "y": _base64url(der[-32:])}

    def tokens(self, count, kind="RS256", subjects=256):
        """A file of at least so many tokens, all different, their subjects going round. kind: how they are signed, or `opaque`."""
        path = self.folder / f"tokens-{kind}-{subjects}.txt"
        old = not path.exists() or path.stat().st_mtime < time.time() - TOKEN_DAYS * 86400
        if old or _lines(path) < count:
            with open(path, "wb") as out:
                if kind == "opaque":    # see authority.c
                    out.writelines(b"user-%d.%s\n" % (i % subjects, secrets.token_hex(16).encode()) for i in range(count))
                else:
                    key = {"RS256": self.rsa, "ES256": self.ec}[kind]
                    subprocess.run([self.mint, key, str(count), str(subjects)], stdout=out, check=True)
        return path

    def warm_tokens(self, count, kind="RS256"):
        """A file of exactly so many tokens: sent in turn, each comes again and again."""
        path = self.folder / f"tokens-{kind}-warm-{count}.txt"
        path.write_text("".join(Path(self.tokens(count, kind)).read_text().splitlines(True)[:count]))
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
