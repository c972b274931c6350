"""Fetches through a proxy, readiness that waits for keys, and what an operator sees of their sources."""
import json
import socket
import threading

from kit.origin import abort, hang, reply
from kit.process import wait_for
from kit.tokens import jwks, refusal

CONFIG = """
runtime: { workers: 1, @runtime@ }
admin: { address: "127.0.0.1:@admin@" }
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  login: { use: jwt, issuer: "https://idp.test/", audience: api, jwks: "@jwks@", @more@ }
routes:
  - { name: all, match: { path: /* }, plugins: [login], respond: { status: 200, body: "in" } }
"""


def start(gateway, jwks_url, more="key_wait: 3s", runtime="drain_delay: 0s", **kw):
    return gateway(CONFIG, jwks=jwks_url, more=more, runtime=runtime, **kw)


def ask(g, token):
    r = g.get("/", [("Authorization", f"Bearer {token}")])
    return (r.status, refusal(r)) if r.status != 200 else 200


def tunnel_to(port):
    """A proxy that makes every tunnel to this port of the own host, whatever it is asked for."""
    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def behave(peer, _request):
        with socket.create_connection(("127.0.0.1", port)) as server:
            peer.send(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n")
            back = threading.Thread(target=pump, args=(server, peer.sock), daemon=True)
            back.start()
            pump(peer.sock, server)
            back.join(5)
        peer.close()
    return behave


# ---- proxies ----

def test_a_proxy_for_all_fetches(gateway, origin, rs256):
    """The name is one that only the proxy knows, so nothing can have been asked directly."""
    proxy = origin(reply(200, jwks(rs256).encode()))
    g = start(gateway, "http://idp.invalid/keys", files={"proxy.secret": "gate:s3cret\n"},
              runtime=f'fetch_proxy: {{ url: "http://127.0.0.1:{proxy.port}", credentials: "file:proxy.secret" }}')
    assert ask(g, rs256.mint()) == 200
    request = proxy.requests[0]
    assert request.target == "http://idp.invalid/keys" and request.fields.get("host") == "idp.invalid"
    assert request.fields.get("proxy-authorization") == "Basic Z2F0ZTpzM2NyZXQ="
    assert "s3cret" not in g.log() + g.admin("/status").text


def test_a_tunnel_for_https(gateway, origin, jwks_server, rs256, server_cert):
    server = jwks_server(rs256, tls=server_cert.server_context())
    proxy = origin(tunnel_to(server.origin.port))
    g = start(gateway, "https://api.example.com/jwks.json",
              more=f'ca_file: "{server_cert.ca}", fetch_proxy: "http://127.0.0.1:{proxy.port}"')
    assert ask(g, rs256.mint()) == 200
    request = proxy.requests[0]
    assert (request.method, request.target) == ("CONNECT", "api.example.com:443")
    assert server.origin.requests[0].fields.get("host") == "api.example.com"
    assert server.origin.requests[0].fields.get("proxy-authorization") is None


def test_a_proxy_that_refuses(gateway, origin, rs256):
    proxy = origin(reply(407, b"who are you?", [("Proxy-Authenticate", "Basic")]))
    g = start(gateway, "https://idp.invalid/keys", more=f'key_wait: 200ms, fetch_proxy: "http://127.0.0.1:{proxy.port}"')
    assert ask(g, rs256.mint()) == (503, "jwks-unavailable")
    g.wait_log(f"idp.invalid through the proxy 127.0.0.1:{proxy.port}:")
    g.wait_log("the proxy answered CONNECT with 407: it wants other credentials")


# ---- readiness and status ----

def dependency(g):
    seen = json.loads(g.admin("/status").text)["dependencies"]
    assert len(seen) == 1
    return seen[0]


def test_readiness_waits_for_the_first_keys(gateway, jwks_server, rs256):
    server = jwks_server(rs256)
    server.behave(reply(500, b""))
    g = start(gateway, server.url, more="ready_wait: 1m, max_stale: 10s, refresh: 10s")
    wait_for(lambda: "it answered with status 500" in dependency(g).get("error", ""), what="the first failure")
    r = g.admin("/readyz")
    assert r.status == 503
    reason = json.loads(r.text)["reasons"]
    assert len(reason) == 1 and reason[0].startswith(f"starting: login waits for https://idp.test/: keys from {server.url}: ")
    seen = dependency(g)
    assert (seen["plugin"], seen["name"], seen["source"]) == ("login", "https://idp.test/", server.url)
    assert seen["state"] == "awaited" and seen["entries"] == 0 and seen["failures"] >= 1 and "age_s" not in seen
    label = 'instance="login",dependency="https://idp.test/"'
    m = g.metrics()
    assert m[f"sluice_dependency_usable{{{label}}}"] == 0 and m[f"sluice_dependency_failures_total{{{label}}}"] >= 1
    assert f"sluice_dependency_age_seconds{{{label}}}" not in m
    server.set_keys(rs256)
    wait_for(lambda: g.admin("/readyz").status == 200, what="readiness")
    seen = dependency(g)
    assert seen["state"] == "ok" and seen["entries"] == 1 and "error" not in seen
    assert seen["age_s"] < 30 and 0 < seen["next_in_s"] <= 10
    m = g.metrics()
    assert m[f"sluice_dependency_usable{{{label}}}"] == 1 and m[f"sluice_dependency_entries{{{label}}}"] == 1
    server.behave(hang)
    g.reload(CONFIG.replace('"@jwks@"', f'"{server.url}?other"'))  # a source that is new
    assert g.admin("/readyz").status == 200, "a gateway that was ready stays so"
    assert dependency(g)["state"] == "awaited"


def test_readiness_does_not_wait_for_ever(gateway, jwks_server, rs256):
    server = jwks_server(rs256)
    server.behave(abort)
    g = start(gateway, server.url, more="ready_wait: 1s, key_wait: 100ms")
    wait_for(lambda: g.admin("/readyz").status == 200, 10, what="the end of ready_wait")
    assert ask(g, rs256.mint()) == (503, "jwks-unavailable")
