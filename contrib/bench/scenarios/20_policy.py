"""Access tokens verified and callers counted, over TLS: RS256 with a 2048-bit key, issuer, audience and expiry checked."""
from benchkit.scenario import Requests

NEEDS = frozenset(["tls", "jwt"])
LOCAL = {"tls": True, "jwt": True, "limit": "local"}

SCENARIOS = [
    Requests("jwt", "TLS, tokens, limit in memory: 256 tokens that come again", NEEDS, LOCAL, tokens="warm"),
    Requests("jwt-cold", "TLS, tokens, limit in memory: every token new", NEEDS, LOCAL, tokens="cold", count=3000),
    Requests("full", "TLS, tokens, limit counted in Redis: 256 tokens", NEEDS | {"shared-limit"},
             {"tls": True, "jwt": True, "limit": "redis"}, tokens="warm"),
]
