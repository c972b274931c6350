"""Several workers, and neighbours on one."""
from benchkit.scenario import Neighbour, Spread

# The second worker has the processor that load and servers run on: what a request costs can be compared, what there is in all cannot.
WORKERS = {"1 worker": {"workers": 1}, "2 workers": {"workers": 2}}
HERE, IN_TLS = {"status": True}, {"status": True, "tls": True}

SCENARIOS = [
    Spread("scaling", "1 KiB, plain, 128 kept connections; a second worker shares the load's processor", frozenset(["plain", "workers"]),
           HERE, WORKERS, connections=128),
    Spread("scaling-tls", "1 KiB over TLS 1.3, 128 kept connections; a second worker shares the load's processor",
           frozenset(["tls", "workers"]), IN_TLS, WORKERS, connections=128),
    Neighbour("neighbour", "2,000 requests of 1 KiB a second on 32 connections, one worker, beside what is busy or stands still",
              frozenset(["plain", "workers"]), connections=32,
              variants={"alone": {}, "with a download": {"neighbour": "download"}, "with a pipeliner": {"neighbour": "pipeline"},
                        "while 50 still readers begin": {"neighbour": "still"}}),
]
