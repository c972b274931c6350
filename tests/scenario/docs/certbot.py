#!/usr/bin/env python3
"""certbot, as far as docs/howto/tls.md needs it: it proves by HTTP-01 that the names lead here, puts a certificate below
/etc/letsencrypt, and runs the hook. It asks by the names, as an authority does, so that the gateway's routes are tried.

HOWTO_ETC is the folder of the gateway; beside it lie letsencrypt/ and .curlrc. HOWTO_CERTS has the certificates to hand out.
"""
import argparse
import os
import secrets
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

LETSENCRYPT = Path(os.environ["HOWTO_ETC"]).parent / "letsencrypt"


def prove(name, port):
    """The authority's question arrives at the port of --http-01-port."""
    token, proof = secrets.token_urlsafe(8), secrets.token_urlsafe(16)

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path.endswith(token) else 404)
            self.end_headers()
            self.wfile.write(proof.encode() if self.path.endswith(token) else b"")

        def log_message(self, *_args):
            pass
    server = HTTPServer(("127.0.0.1", port), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    done = subprocess.run(["curl", f"http://{name}/.well-known/acme-challenge/{token}"], capture_output=True, text=True, timeout=10, check=False)
    server.shutdown()
    server.server_close()
    if done.stdout != proof:
        sys.exit(f"certbot: {name} does not lead here: {done.stdout or done.stderr}")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("command", choices=["certonly", "renew"])
    p.add_argument("--standalone", action="store_true")
    p.add_argument("--http-01-port", type=int)
    p.add_argument("--force-renewal", action="store_true")
    p.add_argument("--deploy-hook")
    p.add_argument("-d", "--domain", action="append", default=[])
    a = p.parse_args()
    known = LETSENCRYPT / "names"
    if a.command == "renew":
        a.deploy_hook, *a.domain = known.read_text().split()
    for name in a.domain:
        prove(name, int(os.environ["HOWTO_ACME_PORT"]))
    live = LETSENCRYPT / "live" / a.domain[0]
    live.mkdir(parents=True, exist_ok=True)
    for name, ending in (("fullchain", "pem"), ("privkey", "key")):
        shutil.copy(f"{os.environ['HOWTO_CERTS']}/{a.command}.{ending}", live / f"{name}.pem")
    known.write_text("\n".join([a.deploy_hook, *a.domain]))
    subprocess.run(a.deploy_hook, shell=True, env={**os.environ, "RENEWED_LINEAGE": str(live)}, check=True)


main()
