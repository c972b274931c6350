"""What requests of perf.py bring along: files with fields for `load --heads`, one request a line."""
import base64
import hashlib
import hmac
import json
import os
import time

from benchkit import material

KNOWN = 16      # so many tokens come again and again
SECRET = "a secret of the bench, and of nobody else"


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _json(value):
    return _base64url(json.dumps(value).encode())


def _hs256(n):
    now = int(time.time())
    claims = {"iss": material.ISSUER, "aud": material.AUDIENCE, "sub": f"user-{n}", "client_id": "load", "scope": "read write", "jti": str(n),
              "iat": now, "exp": now + 86400}
    signed = f"{_json({'alg': 'HS256', 'typ': 'at+jwt'})}.{_json(claims)}"
    return f"{signed}.{_base64url(hmac.digest(SECRET.encode(), signed.encode(), hashlib.sha256))}"


def _encrypted(token, public):
    """The token within another one (RFC 7516), for the owner of the private key."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    head = _json({"alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT"})
    key, iv = os.urandom(32), os.urandom(12)
    sealed = AESGCM(key).encrypt(iv, token.encode(), head.encode())
    for_owner = public.encrypt(key, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
    return ".".join([head, *map(_base64url, (for_owner, iv, sealed[:-16], sealed[-16:]))])


def _jwe(m, count):
    from cryptography.hazmat.primitives import serialization
    public = serialization.load_pem_public_key(m.rsa_public.read_bytes())
    return [_encrypted(token, public) for token in _signed(m, count)]


def _signed(m, count):
    return m.tokens(count).read_text().split()[:count]


MAKERS = {
    "hs256": lambda m, n: [_hs256(i) for i in range(KNOWN)],
    "jwe": lambda m, n: _jwe(m, KNOWN),
    "signed": lambda m, n: _signed(m, KNOWN),
    "cookie": lambda m, n: _signed(m, KNOWN),
    "opaque": lambda m, n: m.tokens(n, "opaque").read_text().split()[:n],
}


def secret_file(m):
    """Where the secret of hs256 is."""
    path = m.folder / "secret"
    path.write_text(SECRET)
    return path


def heads(m, kind, count, target):
    """The file for so many requests."""
    if kind == "proofs":
        return m.proofs(count, f"https://bench.example{target}")
    before = "Cookie: theme=dark; session=" if kind == "cookie" else "Authorization: Bearer "
    path = m.folder / f"heads-{kind}.txt"
    path.write_text("".join(f"{before}{token}\n" for token in MAKERS[kind](m, count)))
    return path
