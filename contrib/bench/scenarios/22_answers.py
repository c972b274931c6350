"""Answers that the proxy gives by itself: from its cache, a redirect, and a refusal of a request without credentials."""
from benchkit.scenario import Requests

CACHE = {"cache": True, "plugin": "cache, ttl: 1h"}
USERS = 'basic-auth, realm: proxy, users: { alice: "$2y$04$abcdefghijklmnopqrstuujZkTwHUiJ9XdZPwKfcfDo7dMp5DjlTu" }'


class Answers(Requests):
    """Who only passes bytes on does nothing of the kind."""

    def for_floor(self):
        return None


SCENARIOS = [
    Requests("cache", "1 KiB from the cache", frozenset(["plain", "cache"]), CACHE),
    Requests("cache-64k", "64 KiB from the cache, 16 kept connections", frozenset(["plain", "cache"]), CACHE, target=f"/{64 << 10}",
             connections=16, options=("--length",)),
    Answers("redirect", "301 to https", frozenset(["plain", "answers"]),
            {"answer": 301, "plugin": "redirect, scheme: https, status: 301, hosts: [127.0.0.1]"}, options=("--status", 301)),
    Answers("denied", "401 for a request without a password", frozenset(["plain", "answers"]), {"answer": 401, "plugin": USERS},
            options=("--status", 401)),
]
