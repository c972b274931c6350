"""Access tokens, sound and forged, and the key sets they are verified with."""
import base64
import json
import re
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

ISSUER, AUDIENCE = "https://idp.test/", "api"
CURVES = {"ES256": ("P-256", ec.SECP256R1, 32), "ES384": ("P-384", ec.SECP384R1, 48), "ES512": ("P-521", ec.SECP521R1, 66)}


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def b64_int(n, size=None):
    return b64(n.to_bytes(size or (n.bit_length() + 7) // 8, "big"))


class SigningKey:
    """A key pair of one algorithm, with its entry for a JWKS."""

    def __init__(self, alg="RS256", kid=None, bits=2048):
        self.alg, self.kid = alg, kid if kid is not None else f"{alg.lower()}-key"
        if alg in CURVES:
            self.private = ec.generate_private_key(CURVES[alg][1]())
        elif alg == "EdDSA":
            self.private = ed25519.Ed25519PrivateKey.generate()
        else:
            self.private = rsa.generate_private_key(65537, bits)
        self.public = self.private.public_key()

    def private_pem(self):
        return self.private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                          serialization.NoEncryption()).decode()

    def public_pem(self):
        return self.public.public_bytes(serialization.Encoding.PEM,
                                        serialization.PublicFormat.SubjectPublicKeyInfo).decode()

    def jwk(self, **members):
        entry = {"kid": self.kid, "use": "sig", "alg": self.alg}
        if self.alg in CURVES:
            curve, _, size = CURVES[self.alg]
            n = self.public.public_numbers()
            entry.update(kty="EC", crv=curve, x=b64_int(n.x, size), y=b64_int(n.y, size))
        elif self.alg == "EdDSA":
            x = self.public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            entry.update(kty="OKP", crv="Ed25519", x=b64(x))
        else:
            n = self.public.public_numbers()
            entry.update(kty="RSA", n=b64_int(n.n), e=b64_int(n.e))
        entry.update(members)
        return {k: v for k, v in entry.items() if v is not None}

    def private_jwk(self, **members):
        """With what only the owner has: for a server that signs by it."""
        n = self.private.private_numbers() if self.alg != "EdDSA" else None
        if self.alg in CURVES:
            secret = {"d": b64_int(n.private_value, CURVES[self.alg][2])}
        elif n:
            secret = {k: b64_int(v) for k, v in (("d", n.d), ("p", n.p), ("q", n.q), ("dp", n.dmp1), ("dq", n.dmq1), ("qi", n.iqmp))}
        else:
            raw = serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
            secret = {"d": b64(self.private.private_bytes(*raw))}
        return {**self.jwk(), **secret, **members}

    def mint(self, sub="alice", scope=None, expires_in=300, header=None, **claims):
        """A sound token. A claim given as None is left out; header adds to or, by None, takes from the JOSE header."""
        now = int(time.time())
        body = {"iss": ISSUER, "aud": AUDIENCE, "sub": sub, "iat": now, "exp": now + expires_in, "scope": scope}
        body.update(claims)
        body = {k: v for k, v in body.items() if v is not None}
        head = {"kid": self.kid, **(header or {})}
        alg = head.pop("alg", self.alg)
        return jwt.encode(body, self.private, algorithm=alg, headers={k: v for k, v in head.items() if v is not None})

    def sign_raw(self, header, payload):
        """A token whose first two parts are just these bytes (or dicts), with a true signature over them."""
        head, body = (b64(p if isinstance(p, bytes) else json.dumps(p).encode()) for p in (header, payload))
        algorithm = jwt.get_algorithm_by_name(self.alg) if hasattr(jwt, "get_algorithm_by_name") else \
            jwt.api_jws.PyJWS()._algorithms[self.alg]
        return f"{head}.{body}.{b64(algorithm.sign(f'{head}.{body}'.encode(), self.private))}"


def forge(header, payload, signature=b""):
    """Any three parts: dicts become JSON, bytes stay."""
    parts = [json.dumps(p).encode() if isinstance(p, dict) else p for p in (header, payload)]
    return ".".join([b64(parts[0]), b64(parts[1]), b64(signature)])


def tamper(token, **claims):
    """The token with changed claims and the old signature."""
    head, body, signature = token.split(".")
    payload = json.loads(base64.urlsafe_b64decode(body + "=="))
    payload.update(claims)
    return ".".join([head, b64(json.dumps(payload).encode()), signature])


def jwks(*keys):
    return json.dumps({"keys": [k.jwk() if isinstance(k, SigningKey) else k for k in keys]})


def challenge(response):
    """The one challenge of a response as (scheme, parameters); (None, {}) when it has none (RFC 9110 11.6.1)."""
    text = response.header("www-authenticate")
    if text is None:
        return None, {}
    scheme, _, rest = text.partition(" ")
    parameters = re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', rest)
    assert rest == ", ".join(f'{n}="{v}"' for n, v in parameters), f"WWW-Authenticate: {text}"
    return scheme, {n: re.sub(r"\\(.)", r"\1", v) for n, v in parameters}


def refusal(response):
    """The code of a problem document (RFC 9457), checked to be one that goes with its response; None for other bodies."""
    if response.header("content-type") != "application/problem+json":
        return None
    document = json.loads(response.body)
    assert document["status"] == response.status and document["title"] and document["request_id"], document
    base, _, code = document["type"].rpartition(":")
    assert base == "urn:sluice:problem", document
    return code
