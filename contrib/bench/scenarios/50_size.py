"""How cost grows with the configuration."""
from benchkit.scenario import Requests

SCENARIOS = [
    Requests("routes", "1 KiB, plain, one of so many routes by path", frozenset(["plain", "routes"]),
             variants={f"{n:,} route{'s' * (n > 1)}": {"routes": n} for n in (1, 100, 10000)}),
    Requests("servers", "1 KiB, plain, so many servers in turn", frozenset(["plain", "servers"]),
             variants={f"{n:,} server{'s' * (n > 1)}": {"server_count": n} for n in (1, 1000)}),
    Requests("balance", "1 KiB, plain, 10,000 paths, one of 1,000 servers by each way to choose", frozenset(["plain", "servers"]),
             {"server_count": 1000}, {way: {"way": way} for way in ("round-robin", "least-requests", "random-two", "hash")}, paths=10000),
]
