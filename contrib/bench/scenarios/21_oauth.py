"""More of OAuth 2.0 and OpenID Connect: other signatures, tokens that the authorization server is asked about, proofs, logins."""
from benchkit.scenario import Logins, Remembered, Requests, WithSession

LOCAL = {"tls": True, "jwt": True, "limit": "local"}
ES256 = {**LOCAL, "alg": "ES256"}
OPAQUE = {**LOCAL, "opaque": True}
OIDC = {"oidc": True}

SCENARIOS = [
    Requests("jwt-cold-es256", "TLS, tokens (ES256), limit in memory: every token new", frozenset(["tls", "jwt"]), ES256, tokens="cold",
             kind="ES256", count=3000),
    Requests("introspect-hit", "TLS, opaque tokens, limit in memory: 256 tokens that come again", frozenset(["tls", "introspect"]), OPAQUE,
             tokens="warm", kind="opaque"),
    Requests("introspect-miss", "TLS, opaque tokens, limit in memory: every token new, and asked about", frozenset(["tls", "introspect"]),
             OPAQUE, tokens="cold", kind="opaque", count=3000),
    Requests("dpop", "TLS, a known token (RS256), limit in memory: every proof new (ES256)", frozenset(["tls", "proofs"]),
             {**LOCAL, "dpop": True}, tokens="cold", kind="proofs", count=3000),
    Remembered("jwt-memory", "100,000 tokens (ES256) remembered, in a memory with 262,144 places", frozenset(["plain", "remember"]),
               {"jwt": True, "alg": "ES256", "limit": "local", "remembered": 262144}),
    Logins("login", "logins by OpenID Connect, plain, 16 kept connections: three requests, a code, an ID token (ES256)",
           frozenset(["plain", "login"]), OIDC),
    WithSession("session", "1 KiB, plain, 64 kept connections, with the session of a login in its cookie", frozenset(["plain", "login"]), OIDC),
]
