"""Connections that come, stay and change."""
from benchkit.scenario import Idle, IdleH2, Messages, Requests

TLS = {"tls": True}

SCENARIOS = [
    Requests("connect", "a new connection for each request, plain", connections=32, options=("--fresh",)),
    Requests("handshake", "a new TLS 1.3 connection for each request, full handshake", frozenset(["tls"]), TLS, connections=32,
             options=("--fresh",)),
    Requests("handshake-resumed", "a new TLS 1.3 connection for each request, resumed", frozenset(["tls"]), TLS, connections=32,
             options=("--fresh", "--resume")),
    Messages("websocket", "WebSocket messages of 128 bytes, there and back, 64 connections", frozenset(["plain", "websocket"]),
             {"websocket": True}, origin="websocket"),
    Idle("idle", "5,000 kept plain connections", frozenset(["plain", "idle"])),
    Idle("idle-tls", "5,000 kept TLS 1.3 connections", frozenset(["tls", "idle"]), TLS),
    IdleH2("idle-h2", "5,000 kept connections of HTTP/2 over TLS 1.3", frozenset(["tls", "h2", "idle"]), {"tls": True, "h2": True}),
]
