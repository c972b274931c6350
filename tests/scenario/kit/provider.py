"""A certified authorization server, oidc-provider on Node.js (provider/provider.js): one process for all test processes of a run, and in it an issuer of its
own for each test, so that tests neither meet nor wait for a start. tests/tools/install-provider puts its packages into the build folder."""
import itertools
import os
import shutil
import subprocess
import urllib.parse
from pathlib import Path

import pytest
import requests

from .applications import locked
from .gateway import ROOT, find_program
from .ports import free_port
from .process import wait_for

CLIENT, SECRET = "gateway", "secret-of-the-gateway-with-32-or-more-bytes"
OPTIONS = {"scopes": ["profile", "email", "orders:read", "orders:write"], "access_token_ttl": 300, "id_token_ttl": 300, "refresh_token_ttl": 3600,
           "rotate_refresh_token": False, "always_refresh": False, "pkce_required": True, "par": True, "par_required": False, "dpop_nonce": False,
           "claims_by_userinfo": False, "resource": None, "claims": {}}
JWT, OPAQUE = "https://api.test/jwt", "https://api.test/opaque"


def modules():
    """The folder with oidc-provider; skips where the registry was not reached when it was to be installed."""
    folder = Path(find_program()[0]).resolve().parents[2] / "tests/provider"
    if not (folder / "node_modules/oidc-provider").is_dir():
        unreachable = folder / "unreachable"
        if unreachable.exists():
            pytest.skip(f"oidc-provider is not installed: {unreachable.read_text().strip()}")
        raise AssertionError(f"oidc-provider is not installed in {folder}: run tests/tools/install-provider {folder}, as make check-scenarios does")
    return folder


class Provider:
    """This test process's hold on the server."""

    def __init__(self, root):
        self.count, self.folder = itertools.count(1), root
        root.mkdir(exist_ok=True, parents=True)
        with locked(root / "lock"):
            self.port, self.lease = self.running() or self.start(modules())
        self.control = f"http://127.0.0.1:{self.port}/control"
        self.session = requests.Session()
        self.session.trust_env = False

    def take(self, port):
        session = requests.Session()
        session.trust_env = False
        try:
            return session.get(f"http://127.0.0.1:{port}/control/lease", stream=True, timeout=(2, 60))
        except requests.RequestException:
            return None

    def running(self):
        """(port, lease) of the server that another process has started."""
        state = self.folder / "port"
        lease = state.exists() and self.take(int(state.read_text()))
        return (int(state.read_text()), lease) if lease else None

    def start(self, installed):
        port, output = free_port(), self.folder / "output"
        with open(output, "ab") as out:     # it outlives this process, if others use it
            process = subprocess.Popen([shutil.which("node"), ROOT / "tests/scenario/provider/provider.js"], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                       start_new_session=True, env={**os.environ, "PORT": str(port), "MODULES": str(installed)})
        lease = wait_for(lambda: self.take(port) or process.poll() is not None, 60, lambda: f"oidc-provider:\n{output.read_text()[-3000:]}")
        assert lease is not True, f"oidc-provider ended:\n{output.read_text()[-3000:]}"
        (self.folder / "port").write_text(str(port))
        return port, lease

    def issuer(self, *keys, clients=(), **options):
        return Issuer(self, f"{os.getpid()}-{next(self.count)}", keys, clients, options)

    def close(self):
        self.lease.close()


class Issuer:
    """An issuer with these keys (kit.tokens.SigningKey). Its client CLIENT has SECRET; `clients` are further ones, or the same with other members. options:
    OPTIONS with other values."""

    def __init__(self, provider, name, keys, clients, options):
        self.provider, self.name, self.keys, self.options = provider, name, list(keys), {**OPTIONS, **options}
        self.clients = {CLIENT: client(CLIENT)}
        for c in clients:
            self.clients[c["client_id"]] = client(**c)
        self.url = self.change()

    def change(self, *keys, **options):
        """The same issuer with other keys or options. What it has issued stays."""
        self.keys, known = list(keys) or self.keys, self.__dict__.get("url")
        self.options.update(options)
        said = {**self.options, "name": self.name, "keys": [k.private_jwk() for k in self.keys], "clients": list(self.clients.values())}
        r = self.provider.session.post(f"{self.provider.control}/issuers{'/' + self.name if known else ''}", json=said, timeout=30)
        assert r.status_code == 200, r.text
        return r.json()["issuer"]

    def add_client(self, client_id=CLIENT, **members):
        self.clients[client_id] = client(client_id, **members)
        self.change()

    def post(self, path, **form):
        """What a client that authenticates by its secret gets: the whole response."""
        return self.provider.session.post(self.url + path, data=form, auth=(CLIENT, SECRET), timeout=30)

    def token(self, resource=JWT, scope="orders:read", **form):
        """An access token for the client itself, of the form that the resource's name says."""
        r = self.post("/token", grant_type="client_credentials", resource=resource, scope=scope, **form)
        assert r.status_code == 200, r.text
        return r.json()["access_token"]

    def introspect(self, token):
        return self.post("/token/introspection", token=token).json()

    def revoke(self, token):
        assert self.post("/token/revocation", token=token).status_code == 200

    def requests(self, path=""):
        """Those that came to paths that begin so: dicts with method, path, authorization, dpop, form (a dict of its fields)."""
        said = self.provider.session.get(f"{self.provider.control}/issuers/{self.name}", timeout=30).json()["requests"]
        return [{**r, "form": dict(urllib.parse.parse_qsl(r["form"]))} for r in said if r["path"].startswith(path)]

    def log(self):
        return (self.provider.folder / "output").read_text()

    def stop(self):
        self.provider.session.delete(f"{self.provider.control}/issuers/{self.name}", timeout=30)


def client(client_id, **members):
    """Of any grant, unless members say otherwise."""
    usual = {"client_id": client_id, "client_secret": SECRET, "redirect_uris": ["https://localhost/callback"],
             "grant_types": ["authorization_code", "refresh_token", "client_credentials"], "response_types": ["code"]}
    return {k: v for k, v in {**usual, **members}.items() if v is not None}


def bearer(token):
    return [("Authorization", f"Bearer {token}")]

