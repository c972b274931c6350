"""Sessions of the plugin oidc, sealed as it seals them, so that requests need no login and no provider."""
import base64
import hashlib
import hmac
import json
import os
import socket
import time

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SECRET, ISSUER, CLIENT = "what sessions of the measurement are sealed with", "http://127.0.0.1:1", "perf"
PLUGIN = f'oidc, issuer: "{ISSUER}", client_id: {CLIENT}, client_secret: secret, secret: "{SECRET}", claims_to_headers: {{ sub: X-User }}'
PURPOSE = f"session\n{ISSUER}\n{CLIENT}\nsession\nopenid-"
ID = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def derive(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def sealed(purpose):
    """plugins/oidc/seal.c: mark, salt, nonce, ciphertext and tag."""
    now = int(time.time() * 1000)
    claims = {"iss": ISSUER, "sub": "alice", "name": "Alice of Tests", "email": "alice@test.example", "groups": ["staff", "alice"], "sid": "5e8f0c2a9b7d4e1f"}
    text = json.dumps({"c": claims, "b": now, "u": now, "e": 0, "n": 0}).encode()
    key = derive(SECRET.encode(), b"sluice oidc 1")
    head, nonce = derive(key, b"mark")[:1] + os.urandom(16), os.urandom(12)
    return b64(head + nonce + AESGCM(derive(key, head)).encrypt(nonce, text, purpose.encode()))


def field(port=None):
    """The field of a client that has logged in. port: of the Redis that has the session; None: it lies in the cookie."""
    if port is None:
        return f"Cookie: session=1.{sealed(PURPOSE)}"
    name = "sluice:oidc:s:" + b64(hashlib.sha256(f"{PURPOSE}\0{ID}\0".encode()).digest())
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(f"SET {name} {sealed(name)} PX 86400000\r\n".encode())
        if s.recv(100) != b"+OK\r\n":
            raise RuntimeError("Redis does not keep the session")
    return f"Cookie: session=1.{ID}"
