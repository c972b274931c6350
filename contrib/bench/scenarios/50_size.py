"""How cost grows with the configuration."""
from benchkit.scenario import Requests

SCENARIOS = [
    Requests("routes", "1 KiB, plain, one of so many routes by path", frozenset(["plain", "routes"]),
             variants={f"{n:,} route{'s' * (n > 1)}": {"routes": n} for n in (1, 100, 10000)}),
    Requests("servers", "1 KiB, plain, so many servers in turn", frozenset(["plain", "servers"]),
             variants={f"{n:,} server{'s' * (n > 1)}": {"server_count": n} for n in (1, 1000)}),
]
