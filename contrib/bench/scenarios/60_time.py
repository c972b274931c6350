"""How long requests take, and whether all are answered while the configuration changes."""
from benchkit.scenario import Latency, Reload

SCENARIOS = [
    Latency("latency", "1 KiB, plain, at a fixed rate", connections=64),
    Latency("latency-tls", "1 KiB over TLS 1.3, at a fixed rate", frozenset(["tls"]), {"tls": True}, connections=64),
    Reload("reload", "kept connections, a reload every 100 ms", frozenset(["plain", "reload"]), {"reload": True}, connections=32),
    Reload("reload-connect", "new connections, a reload every 100 ms", frozenset(["plain", "reload"]), {"reload": True},
           connections=32, options=("--fresh",)),
]
