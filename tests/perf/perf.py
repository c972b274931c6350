#!/usr/bin/env python3
"""perf.py: does a request still cost what it did? Counts instructions and system calls of the real gateway under valgrind.

Each scenario runs twice, with N requests and with 2N, and the difference is divided by N: what start, connections and the end
cost drops out. Counts do not depend on how busy the machine is, so that a change of a few percent shows. They are compared with
baseline.json; more by the tolerance is a failure, less is told, so that the baseline can be brought down by --update.
"""
import argparse
import http.server
import json
import os
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = not sys.pycache_prefix  # nothing beside the sources
sys.path.insert(0, str(HERE.parent.parent / "contrib" / "bench"))

import credentials  # noqa: E402
from benchkit import drive, machine, material, peers, process, programs, template  # noqa: E402
import sessions  # noqa: E402
from benchkit.main import DEFAULTS, SERVERS_MOST, server_addresses  # noqa: E402

BASELINE = HERE / "baseline.json"
TOLERANCE = 0.03      # counts repeat within half of a percent; where the size of reads decides, within more
START_SECONDS = 120
WARM_UP = 20
MEASURES = ("instructions", "syscalls")
# Library code chosen by the processor's features would make counts of one machine useless on another.
SAME_EVERYWHERE = {"OPENSSL_ia32cap": ":0"}


@dataclass
class Scenario:
    name: str
    title: str
    requests: int
    settings: dict = field(default_factory=dict)
    target: str = "/1024"
    options: tuple = ()
    tokens: int = 0
    heads: str = ""       # credentials, see credentials.py
    session: bool = False
    h2: bool = False
    origin: str = "h1"
    redis: bool = False
    first: str = ""       # what the server that is asked first does, `refuses` or `resets`; those that answer are backups
    tolerance: float = TOLERANCE


MIB = 1 << 20
HEADERS = HERE.parent.parent / "gateway" / "include"
# Modules of hooks.c: name of the plugin, and what of it is compiled.
MODULES = {"one-hook": [], "three-hooks": ["-DALL_HOOKS"]}
TLS = {"tls": True}
# A server that fails each time is asked each time, and each request may go to another.
NEVER_RESTS = "health: { failures: 0 }"
RETRIES = "upstream: origin\n    retry: { on: [connect, reset, 503], tries: 3, budget: 100%, backoff: 0s }"
JWT = "jwt, issuer: @issuer@, audience: @audience@, jwks: file:@jwks@"
SCENARIOS = [
    Scenario("plain", "GET of 1 KiB, kept connection", 4000),
    Scenario("hook", "the same, with a plugin whose on_request does nothing", 4000, {"plugin": "one-hook"}),
    Scenario("hooks", "the same, on_response and on_complete too", 4000, {"plugin": "three-hooks"}),
    Scenario("ip-access", "the plain GET, admitted by its address", 4000, {"plugin": "ip-access, allow: [10.0.0.0/8, 127.0.0.0/8]"}),
    Scenario("access", "the plain GET, permitted by the second of two rules", 4000, {"plugin": "access, rules: "
             "[{ name: a, action: deny, when: { path: /admin/* } }, { name: b, action: allow, when: { methods: [GET], path: /* } }]"}),
    Scenario("redirect", "a GET that is redirected to https", 4000, {"plugin": "redirect, scheme: https, hosts: [localhost, 127.0.0.1]"},
             options=("--status", 308)),
    Scenario("rewrite", "GET of 1 KiB, with a prefix stripped and told", 4000, {"plugin": "rewrite, strip_prefix: /api"}, target="/api/1024"),
    Scenario("basic-auth", "the plain GET, with a password that is remembered", 4000,
             {"plugin": "basic-auth, users: { alice: $2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW }"},
             options=("--field", "Authorization: Basic YWxpY2U6c2VjcmV0")),
    Scenario("ext-auth", "the plain GET, permitted by a verdict that is remembered", 4000, {"plugin": "ext-auth, upstream: origin, path: /16, "
             "request_headers: [X-User], consumer: X-User, cache: { ttl: 1h, key: [header:authorization, method, path] }"},
             options=("--field", "Authorization: Bearer abc")),
    Scenario("ext-auth-asked", "the same, with the service asked each time", 2000, {"plugin": "ext-auth, upstream: origin, path: /16, "
             "request_headers: [X-User], consumer: X-User"}, options=("--field", "Authorization: Bearer abc")),
    Scenario("key-auth", "the plain GET, with an API key", 4000,
             {"plugin": "key-auth, keys: [{ sha256: d16a80956c32f3f5fb979bea408abac8c3eef6c54ecb234279e337146cf87b47, name: alice, facts: { plan: gold } }]"},
             options=("--field", "X-API-Key: key-of-alice")),
    Scenario("hmac-auth", "the plain GET, with a signature by hmac-sha256", 4000, {"plugin": "hmac-auth, parameters: [keyid], replay: \"off\", "
             "origin: \"http://perf.example\", keys: [{ keyid: perf, name: alice, secret: 0123456789abcdef0123456789abcdef }]"},
             options=("--field", 'Signature-Input: s=("@method" "@authority" "@target-uri");keyid="perf"\r\n'
                      "Signature: s=:+rKkoC7w9U4M9FNnM0l7ZbqD8TWMS0u0f0wg4x2gn5o=:")),
    Scenario("upstream-signature", "the plain GET, signed for the server by hmac-sha256", 4000,
             {"plugin": "upstream-signature, keyid: perf, secret: 0123456789abcdef0123456789abcdef"}),
    Scenario("cache", "GET of 1 KiB from the cache", 4000, {"plugin": "cache, ttl: 1h"}),
    Scenario("lua", "the plain GET, with a script that reads a field and sets one of the request and one of the response", 4000,
             {"plugin": "lua, script: \"function on_request() sluice.request.set('X-Path', sluice.request.get('Host') or 'none') end "
              "function on_response() sluice.response.set('X-Script', 'done') end\""}),
    Scenario("body", "GET of 1 MiB", 400, target=f"/{MIB}", tolerance=0.08),
    Scenario("upload", "POST of 1 MiB", 400, options=("--upload", MIB), tolerance=0.08),
    Scenario("tls", "GET of 1 KiB over TLS 1.3, kept connection", 3000, TLS),
    Scenario("jwt", "the same, with 16 known tokens and a limit in memory", 2000, {**TLS, "jwt": True, "limit": "local"}, tokens=16),
    Scenario("jwt-redis", "the same, with the limit in Redis", 2000, {**TLS, "jwt": True, "limit": "redis"}, tokens=16, redis=True),
    Scenario("dpop", "the plain GET, with a known token and a new proof of its key", 400, {"jwt": True, "dpop": True}, heads="proofs"),
    Scenario("jwt-cookie", "the plain GET, with a known token in a cookie", 3000, {"plugin": JWT + ", from: [cookie:session]"}, heads="cookie"),
    Scenario("jwt-claims", "the plain GET, with a known token, claims of which go on as text", 3000,
             {"plugin": JWT + ", claims_to_headers: { sub: X-User, scope: X-Scope, exp: X-Until }"}, heads="signed"),
    Scenario("jwt-claims-json", "the same, as JSON, and all claims in one field", 3000, {"plugin": JWT +
             ", claims_format: json, claims_field: X-Claims, claims_to_headers: { sub: X-User, scope: X-Scope, exp: X-Until }"}, heads="signed"),
    Scenario("jwt-hs256", "the plain GET, with a token signed by a shared secret, which is verified each time", 2000,
             {"plugin": "jwt, issuer: @issuer@, audience: @audience@, jwks: secret:file:@secret@, algorithms: [HS256], cache: 0"}, heads="hs256"),
    Scenario("jwe", "the plain GET, with an encrypted token, which is decrypted and verified each time", 100,
             {"plugin": JWT + ", decryption_keys: file:@rsa@, cache: 0"}, heads="jwe", tolerance=0.08),
    Scenario("introspect", "the plain GET, with an opaque token that the authorization server is asked about", 1500, {"plugin": "jwt, audience: @audience@, "
             "introspection: { url: 'http://127.0.0.1:@authority@/introspect', client_id: bench, client_secret: of-the-bench }"}, heads="opaque"),
    Scenario("oidc-session", "the plain GET, of a browser that has logged in, whose session lies in its cookie", 2000, {"plugin": sessions.PLUGIN},
             session=True),
    Scenario("oidc-session-redis", "the same, with the session in Redis", 2000, {"plugin": f"{sessions.PLUGIN}, store: shared"}, session=True, redis=True),
    Scenario("upstream-token", "the plain GET, with the gateway's own token for the upstream", 4000,
             {"plugin": "upstream-token, token_endpoint: @tokens@, client_id: a, client_secret: b, wait: 30s"}),
    Scenario("token-exchange", "the plain GET, with a token of 480 bytes that was exchanged before", 4000,
             {"plugin": "upstream-token, grant: token_exchange, token_endpoint: @tokens@, client_id: a, client_secret: b, "
              "token_exchange: { verified_by: none }"}, options=("--field", f"Authorization: Bearer {'abcdefghij' * 48}")),
    Scenario("cors", "GET of 1 KiB from a page of a permitted origin", 4000, {"plugin": 'cors, origins: ["https://app.example.com"]'},
             options=("--field", "Origin: https://app.example.com")),
    Scenario("compress", "GET of 64 KiB, compressed by gzip", 400, {"plugin": "compress"}, target="/65536",
             options=("--field", "Accept-Encoding: gzip"), tolerance=0.08),
    Scenario("security-headers", "the same as plain, with the fields for pages", 4000, {"plugin": "security-headers"}),
    Scenario("error-pages", "GET of 1 KiB, with error-pages", 4000, {"plugin": "error-pages"}),
    Scenario("routes", "GET of 1 KiB, 10,000 routes", 4000, {"routes": 10000}),
    Scenario("servers", "GET of 1 KiB from 1,000 servers in turn", 4000, {"server_count": 1000}),
    Scenario("random-two", "the same, the better of two at random", 6000, {"server_count": 1000, "balance": "balance: random-two"}),
    Scenario("least-latency", "the same, the one whose response comes sooner", 6000, {"server_count": 1000, "balance": "balance: least-latency"}),
    Scenario("hash", "GET of 1 KiB, one of 1,000 servers by a header field", 4000,
             {"server_count": 1000, "balance": "balance: hash\n    hash: { by: header:X-User }"}, options=("--field", "X-User: alice")),
    Scenario("sticky", "the plain GET of a client without a cookie, which gets one", 4000, {"balance": "sticky: { cookie: lb }"}),
    Scenario("limits", "the plain GET, on a route with limits, and with a deadline that is passed on", 4000, {"goes":
             "upstream: origin\n    timeouts: { request: 60s, response: 20s, idle: 20s, deadline: x-request-timeout }\n    max_body: 1MiB"}),
    Scenario("split", "the plain GET, to one of two upstreams by a cookie", 4000,
             {"goes": "split: { by: cookie:sid, to: { origin: 95, other: 5 } }"}, options=("--field", "Cookie: sid=5e8f0c2a9b7d4e1f")),
    Scenario("mirror", "the plain GET, with a copy for another upstream", 2000,
             {"goes": "upstream: origin\n    mirror: { to: other, max_copies: 1000 }"}, tolerance=0.08),
    Scenario("retry", "the plain GET, with rules for retries that it does not need", 4000,
             {"goes": RETRIES}),
    Scenario("retry-refused", "the same, the first server refuses the connection", 2000, {"goes": RETRIES, "balance": NEVER_RESTS},
             first="refuses", tolerance=0.08),
    Scenario("retry-reset", "the same, the first server resets the connection when it has the request", 1000,
             {"goes": RETRIES, "balance": NEVER_RESTS}, first="resets", tolerance=0.08),
    Scenario("h2", "GET of 1 KiB, HTTP/2 over TLS 1.3", 3000, {**TLS, "h2": True}, h2=True),
    Scenario("h2-h2c", "the same, HTTP/2 to the server as well", 3000, {**TLS, "h2": True, "h2c": True}, h2=True, origin="h2c"),
]


class NotSupported(Exception):
    pass


def build_modules(folder):
    """Compiles hooks.c. Returns the folder of its modules."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, flags in MODULES.items():
        command = [*shlex.split(os.environ.get("CC", "cc")), "-std=gnu11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden",
                   "-I", str(HEADERS), *flags, "-o", str(folder / f"{name}.so"), str(HERE / "hooks.c")]
        subprocess.run(command, check=True)
    return folder


# ---- what valgrind says ----------------------------------------------------------------------------------------------

def instructions(text):
    """The total of a callgrind file."""
    found = re.search(r"^totals: (\d+)", text, re.M) or re.search(r"^summary: (\d+)", text, re.M)
    if not found:
        raise ValueError("no total in what callgrind wrote")
    return int(found[1])


def system_calls(text):
    """How many there were, by --trace-syscalls; clocks, which cost no system call outside of valgrind, left out."""
    return sum(1 for m in re.finditer(r"^SYSCALL\[\d+,\d+\]\(\s*\d+\) sys_(\w+)", text, re.M) if m[1] != "clock_gettime")


# ---- comparing -------------------------------------------------------------------------------------------------------

def compare(measured, baseline):
    """(lines to print, whether something got worse). measured: {name: {"instructions": ..} or {"not_supported": why}}"""
    lines, worse = [], False
    known = baseline.get("scenarios", {})
    width = max(map(len, measured), default=0)
    for name, now in measured.items():
        before = known.get(name)
        if "not_supported" in now:
            lines.append(f"{name:{width}}  not supported: {now['not_supported']}" + ("; it was in the baseline" if before else ""))
            worse = worse or before is not None
            continue
        cells, word = [], "" if before else "  new"
        for key in MEASURES:
            text = f"{now[key]:>12,.1f} {key}"
            if before:
                change = now[key] / before[key] - 1 if before[key] else 0.0
                limit = before.get("tolerance", TOLERANCE)
                text += f" {100 * change:+6.1f} %"
                if change > limit:
                    word, worse = f"  WORSE than {before[key]:,.1f} {key}, by more than {100 * limit:.0f} %", True
                elif change < -limit and not word:
                    word = f"  better than {before[key]:,.1f} {key}: make update-perf"
            cells.append(text)
        lines.append(f"{name:{width}}  {'   '.join(cells)}{word}")
    return lines, worse


def differences(old, new):
    """What of the tools is not as it was when the baseline was made."""
    return [f"{k} is {new.get(k)}, was {old.get(k)}" for k in sorted({*old, *new}) if old.get(k) != new.get(k)]


# ---- measuring -------------------------------------------------------------------------------------------------------

def reset_each(listener):
    """A server that takes a request and resets its connection."""
    while True:
        with listener.accept()[0] as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.recv(65536)


class Tokens(http.server.BaseHTTPRequestHandler):
    """A token endpoint: every client and every token gets the same one, of 700 bytes."""
    ANSWER = json.dumps({"access_token": "klmnopqrst" * 70, "token_type": "Bearer", "expires_in": 3600,
                         "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}).encode()

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.ANSWER)))
        self.end_headers()
        self.wfile.write(self.ANSWER)

    def log_message(self, *_):
        pass


class Bed:
    """The servers behind, and what the gateway's configuration needs."""

    def __init__(self, options):
        self.out = Path(options.out).resolve()
        self.gateway = str(Path(options.gateway).resolve())
        self.plugin_dirs = [str(Path(options.plugin_dir).resolve()), str(build_modules(self.out / "modules"))]
        self.programs = programs.build(self.out / "bin")
        self.material = material.Material(self.out / "keys", self.programs["mint"])
        self.servers, self.ports, self.bad, self.tokens = [], {}, {}, None

    def server(self, name, command):
        """The port of a server, started when it is first asked for."""
        if name not in self.ports:
            port = peers.free_port(21000)
            server = process.Process(command(port), log=self.out / f"{name}.log")
            self.servers.append(server)
            if not peers.wait_for_port(port, server):
                raise RuntimeError(f"{name} did not start: {server.log_tail()}")
            self.ports[name] = port
        return self.ports[name]

    def origin(self, kind):
        program = {"h1": "origin", "h2c": "h2origin"}[kind]
        more = [SERVERS_MOST] if kind == "h1" else []      # addresses that it listens at
        return self.server(program, lambda port: [self.programs[program], port, *more])

    def first_server(self, what):
        """The address of a server that answers nothing."""
        if what not in self.bad:
            self.bad[what] = bad = socket.socket()
            bad.bind(("127.0.0.1", 0))      # the port is taken, though nobody listens
            if what == "resets":
                bad.listen()
                threading.Thread(target=reset_each, args=(bad,), daemon=True).start()
        return f"127.0.0.1:{self.bad[what].getsockname()[1]}"

    def servers_of(self, s):
        """The servers of its upstream, as the configuration lists them."""
        good = server_addresses(self.origin(s.origin), s.settings.get("server_count", 1))
        return [self.first_server(s.first), *(f"{{ address: {a}, backup: true }}" for a in good)] if s.first else good

    def authority(self):
        m = self.material
        return self.server("authority", lambda port: [self.programs["authority"], port, m.ec, m.jwks])

    def token_endpoint(self):
        if not self.tokens:
            self.tokens = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tokens)
            threading.Thread(target=self.tokens.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.tokens.server_port}/token"

    def redis(self):
        if not shutil.which("redis-server"):
            raise NotSupported("no redis-server here")
        return self.server("redis", lambda port: ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
                                                  "--appendonly", "no", "--dir", self.out])

    def stop(self):
        for server in self.servers:
            server.stop()


def write_config(bed, s, folder, port):
    m = bed.material
    values = {**DEFAULTS, **s.settings, "port": port, "servers": bed.servers_of(s), "jwks": m.jwks,
              "certificate": m.certificate, "key": m.key, "issuer": material.ISSUER, "audience": material.AUDIENCE,
              "redis_port": bed.redis() if s.redis else 0, "gateway": bed.gateway, "plugin_dirs": [a for d in bed.plugin_dirs for a in ("--plugin-dir", d)]}
    values.update(rsa=m.rsa, secret=credentials.secret_file(m), authority=bed.authority() if s.heads == "opaque" else 0)
    values["tokens"] = bed.token_endpoint() if "@tokens@" in values["plugin"] else ""
    values["plugin"] = template.render(values["plugin"], values)
    command = peers.configure(peers.PEERS["sluice"], folder, values)
    check = subprocess.run([command[0], "check", *command[2:]], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if check.returncode:
        raise NotSupported(((check.stderr or check.stdout).strip().splitlines() or ["configuration refused"])[0])
    return command


def send(bed, s, port, n, strict=True):
    """n requests, one at a time on one connection; all must succeed where it is strict."""
    url = f"{'https' if s.settings.get('tls') else 'http'}://127.0.0.1:{port}{s.target}"
    if s.h2:
        argv = ["h2load", "-t1", "-c1", "-m1", f"-n{n}", "--tls13-ciphers=TLS_AES_128_GCM_SHA256", "--groups=X25519", url]
    else:
        argv = [bed.programs["load"], "--requests", n, *s.options]
        if s.tokens:
            argv += ["--tokens", bed.material.warm_tokens(s.tokens)]
        if s.heads:
            argv += ["--heads", credentials.heads(bed.material, s.heads, n, s.target)]
        if s.session:
            argv += ["--field", sessions.field(bed.redis() if s.redis else None)]
        if s.settings.get("routes"):
            argv += ["--targets", bed.material.targets(s.settings["routes"])]
        argv.append(url)
    r = subprocess.run(list(map(str, argv)), capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600)
    if s.h2:
        result = drive.parse_h2load(r.stdout)
        if result["application"] != "h2":
            raise NotSupported(f"speaks {result['application'] or 'no HTTP/2'}")
    else:
        result = json.loads(r.stdout.splitlines()[1])
    if strict and (result["requests"] != n or drive.failures(result)):
        kinds = ", ".join(f"{k}: {v}" for k, v in result["failed"].items() if v)
        raise NotSupported(f"{n - result['requests']} of {n} requests failed ({kinds})")


def count(bed, s, n):
    """(instructions, system calls) of the gateway's whole life with n requests."""
    folder = bed.out / s.name
    shutil.rmtree(folder, ignore_errors=True)
    port = peers.free_port(22000)
    command = write_config(bed, s, folder, port)
    total, trace = folder / "callgrind.out", folder / "trace.log"
    valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={total}", "--trace-syscalls=yes", f"--log-file={trace}", "--"]
    gateway = process.Process([*valgrind, *command], log=folder / "output.log", cwd=folder, env=SAME_EVERYWHERE)
    try:
        if not peers.wait_for_port(port, gateway, START_SECONDS):
            raise NotSupported(f"does not start: {gateway.log_tail(300).strip()}")
        send(bed, s, port, WARM_UP, strict=False)   # connections behind open; under valgrind a deadline may pass meanwhile
        send(bed, s, port, n)
        gateway.signal(signal.SIGTERM)
        if gateway.proc.wait(60) != 0:
            raise RuntimeError(f"{s.name}: the gateway ended with {gateway.proc.returncode}: {gateway.log_tail(500)}")
    finally:
        gateway.stop()
    return instructions(total.read_text()), system_calls(trace.read_text(errors="replace"))


def measure(bed, s):
    try:
        once, twice = count(bed, s, s.requests), count(bed, s, 2 * s.requests)
    except NotSupported as e:
        return {"not_supported": str(e)}
    return {"instructions": round((twice[0] - once[0]) / s.requests, 1), "syscalls": round((twice[1] - once[1]) / s.requests, 2)}


def toolchain(options):
    first = (machine.output(os.environ.get("CC", "cc").split()[0], "--version") or "?").splitlines()[0]
    return {"compiler": first, "flags": options.flags, "valgrind": machine.output("valgrind", "--version"), **machine.libraries()}


def parse(argv):
    a = argparse.ArgumentParser(prog="perf.py", description=__doc__.splitlines()[0])
    a.add_argument("--gateway", required=True)
    a.add_argument("--plugin-dir", required=True)
    a.add_argument("--out", default="perf.out", help="work files")
    a.add_argument("--flags", default="", help="how the gateway was compiled, for the record")
    a.add_argument("--only", help="scenarios, separated by commas")
    a.add_argument("--update", action="store_true", help="write the baseline")
    return a.parse_args(argv)


def update(baseline, measured, options):
    kept = baseline.get("scenarios", {}) if options.only else {}
    limits = {s.name: s.tolerance for s in SCENARIOS}
    for name, m in measured.items():
        if "not_supported" not in m:
            kept[name] = {**m, "tolerance": limits[name]}
    order = [s.name for s in SCENARIOS if s.name in kept]
    text = json.dumps({"toolchain": toolchain(options), "scenarios": {n: kept[n] for n in order}}, indent=1)
    BASELINE.write_text(text + "\n")


def main(argv=None):
    options = parse(argv)
    if not shutil.which("valgrind"):
        print("perf: valgrind is missing (Debian: valgrind)", file=sys.stderr)
        return 2
    names = options.only.split(",") if options.only else [s.name for s in SCENARIOS]
    unknown = set(names) - {s.name for s in SCENARIOS}
    if unknown:
        print(f"perf: no scenario {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    process.guard()
    baseline = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    bed, measured = Bed(options), {}
    try:
        for s in [s for s in SCENARIOS if s.name in names]:
            print(f"{s.name}: {s.title}", flush=True)
            measured[s.name] = measure(bed, s)
    finally:
        bed.stop()
    lines, worse = compare(measured, baseline)
    print("\nfor a request, against the baseline:", *lines, sep="\n")
    if options.update:
        update(baseline, measured, options)
        print(f"wrote {BASELINE}")
        return 0
    changed = differences(baseline.get("toolchain", {}), toolchain(options))
    if changed:
        print("\nother tools than the baseline's:", *changed, sep="\n  ")
    if worse:
        print(f"\nWhere it went: callgrind_annotate {bed.out}/NAME/callgrind.out", file=sys.stderr)
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
