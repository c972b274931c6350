"""Requests passed on and nothing else."""
from benchkit.scenario import Requests

TLS = {"tls": True}
MIB = 1 << 20

SCENARIOS = [
    Requests("plain", "1 KiB, plain, 64 kept connections"),
    Requests("tls", "1 KiB over TLS 1.3, 64 kept connections", frozenset(["tls"]), TLS),
    Requests("tls12", "1 KiB over TLS 1.2, 64 kept connections", frozenset(["tls"]), TLS, options=("--tls12",)),
    Requests("body", "1 MiB, plain, 16 kept connections", target=f"/{MIB}", connections=16, options=("--length",)),
    Requests("body-tls", "1 MiB over TLS 1.3, 16 kept connections", frozenset(["tls"]), TLS, target=f"/{MIB}", connections=16,
             options=("--length",)),
    Requests("upload", "POST of 1 MiB, plain, 16 kept connections", frozenset(["plain", "upload"]), connections=16,
             options=("--upload", MIB)),
    Requests("upload-tls", "POST of 1 MiB over TLS 1.3, 16 kept connections", frozenset(["tls", "upload"]), TLS, connections=16,
             options=("--upload", MIB)),
    Requests("download", "1 GiB, plain, one client", target=f"/{1 << 30}", connections=1, count=1, options=("--length",)),
]
