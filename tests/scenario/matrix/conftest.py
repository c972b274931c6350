"""Every protocol in front of every protocol: one gateway for all pairs, and a Pair for each of them.

A pair is named CLIENT-UPSTREAM. h1: HTTP/1.1 on plain TCP; h2: HTTP/2 over TLS; h2c: HTTP/2 without. The origin is chosen by the
host of a request; a Pair asks for the right one by itself. What all pairs must do stands in one test, once.
"""
import itertools

import pytest

from kit import answering, asking, certs
from kit.gateway import Gateway
from kit.ports import free_port
from kit.process import wait_for

PAIRS = ["h1-h1", "h1-h2", "h2-h1", "h2-h2", "h1-h2c", "h2c-h1", "h2c-h2c"]

# health: failures on purpose must not count against the servers of other tests.
UPSTREAM = """
  {kind}: {{ servers: ["127.0.0.1:@{kind}@"], protocol: {protocol}{tls}, health: {{ failures: 0 }} }}
  short-{kind}: {{ servers: ["127.0.0.1:@{kind}@"], protocol: {protocol}{tls}, health: {{ failures: 0 }}, retries: 0,
    timeouts: {{ response: 1s }} }}"""
ROUTE = """
  - {{ name: {kind}, match: {{ host: {kind}.test, path: /* }}, upstream: {kind}, request_trailers: [x-sum] }}
  - {{ name: ident-{kind}, match: {{ host: {kind}.test, path: /ident/* }}, plugins: [ident], upstream: {kind},
      request_trailers: [x-sum, x-user-id, x_user_id, x-gone, x-tag] }}
  - {{ name: short-{kind}, match: {{ host: short.{kind}.test, path: /* }}, upstream: short-{kind} }}
  - {{ name: login-{kind}, match: {{ host: {kind}.test, path: /login/* }}, plugins: [login], upstream: {kind} }}
  - {{ name: spent-{kind}, match: {{ host: {kind}.test, path: /spent/* }}, plugins: [spent], upstream: {kind} }}"""
LISTENER = """
  - {{ name: {name}, address: "127.0.0.1:@{name}@", protocols: [h2, http/1.1]{tls}{more} }}"""
STRICT = ", timeouts: { head: 1s, body: 1s }, max_head: 4KiB, max_body: 100000"
NAMES = ["h1.test", "h2.test", "h2c.test", "short.h1.test", "short.h2.test", "short.h2c.test"]


def config(cert, jwks):
    listeners, upstreams, routes = "", "", ""
    for tls, prefix in (("", "plain"), (f", tls: {{ certificates: [ {{ certificate: {cert.cert}, private_key: {cert.key} }} ] }}", "tls")):
        listeners += LISTENER.format(name=prefix, tls=tls, more="") + LISTENER.format(name=f"{prefix}_strict", tls=tls, more=STRICT)
    for kind, protocol, tls in (("h1", "http/1.1", ""), ("h2", "h2", f", tls: {{ ca: {cert.ca}, server_name: h2.test }}"),
                                ("h2c", "h2c", "")):
        upstreams += UPSTREAM.format(kind=kind, protocol=protocol, tls=tls)
        routes += ROUTE.format(kind=kind)
    return f"""
listeners:{listeners}
plugins:
  login: {{ use: jwt, issuer: "https://idp.test/", audience: api, jwks: "file:{jwks}", algorithms: [RS256] }}
  ident: {{ use: headers, request: {{ set: {{ X-User-Id: nobody }}, remove: [X-Gone], add: {{ X-Tag: ours }} }} }}
  spent: {{ use: rate-limit, rate: 1/h, by: "header:X-Who" }}
upstreams:{upstreams}
routes:{routes}
"""


class World:
    """A gateway and an origin for each protocol, for all tests that run in one process."""

    def __init__(self, folder, rs256):
        from kit import tokens
        cert = certs.Authority(folder / "ca").issue(*NAMES)
        jwks = folder / "jwks.json"
        jwks.write_text(tokens.jwks(rs256))
        self.far = {kind: answering.Far(kind, free_port(), tls=cert.server_context(alpn=["h2"]) if kind == "h2" else None)
                    for kind in ("h1", "h2", "h2c")}
        self.gateway = Gateway(folder / "gateway", config(cert, jwks), **{kind: far.port for kind, far in self.far.items()})

    def stop(self):
        try:
            self.gateway.stop()
        finally:
            for far in self.far.values():
                far.stop()


class Pair:
    def __init__(self, world, name, ids=itertools.count(1)):
        self.client, self.upstream = name.split("-")
        self.gateway, self.far = world.gateway, world.far[self.upstream]
        self.callers, self.ids, self.name = [], ids, name
        self.h1_client, self.h1_upstream = self.client == "h1", self.upstream == "h1"
        self.behave(answering.echo)

    def caller(self, strict=False, short=False):
        """strict: short deadlines and small limits for clients; short: a short deadline for the upstream."""
        port = self.gateway.port(("tls" if self.client == "h2" else "plain") + ("_strict" if strict else ""))
        kind = asking.H1Caller if self.h1_client else asking.H2Caller
        caller = kind(port, tls=self.client == "h2", authority=f"short.{self.upstream}.test" if short else f"{self.upstream}.test")
        self.callers.append(caller)
        return caller

    def behave(self, *behaviours):
        self.far.behave(*behaviours)

    def ask(self, method="GET", path="/", headers=(), body=None, sized=True):
        """One whole exchange on a connection of its own."""
        return asking.ask(self.caller(), method, path, headers, body, sized)

    def new_id(self):
        """A request id: its line of the access log is found by it."""
        return f"{self.name}.{next(self.ids)}"

    def line(self, request_id):
        def find():
            return next((line for line in reversed(self.gateway.access()) if line["id"] == request_id), None)
        return wait_for(find, 10, f"the access log to tell of {request_id}")


@pytest.fixture(scope="session")
def world(tmp_path_factory, rs256):
    w = World(tmp_path_factory.mktemp("matrix"), rs256)
    yield w
    w.stop()


@pytest.fixture(params=PAIRS)
def pair(request, world):
    p = Pair(world, request.param)
    begin = len(world.gateway.log())
    yield p
    for c in p.callers:
        c.close()
    failures = list(p.far.failures)
    if failures or getattr(request.node, "failed", False):
        print(f"---- {world.gateway.config_path}, what it logged meanwhile:\n{world.gateway.log()[begin:][-6000:]}")
    world.gateway.check_reports()
    assert world.gateway.process.running(), "the gateway died"
    assert not failures, "\n".join(failures)
