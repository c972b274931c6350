"""Where jwt gets its keys, and what it does while it cannot get any."""
import concurrent.futures
import gzip
import json
import threading
import time

import pytest

from kit.origin import abort, drop, hang, raw, reply
from kit.process import wait_for
from kit.tokens import SigningKey, jwks, refusal

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  login: { use: jwt, issuer: "@issuer@", audience: api, jwks: "@jwks@", min_refresh: 1s, leeway: 0s, @more@ }
routes:
  - { name: all, match: { path: /* }, plugins: [login], respond: { status: 200, body: "in" } }
"""
DISCOVERY = CONFIG.replace(' jwks: "@jwks@",', "")


def start(gateway, config=CONFIG, issuer="https://idp.test/", more="key_wait: 2s", **kw):
    return gateway(config, issuer=issuer, more=more, **kw)


def ask(g, token, path="/"):
    r = g.get(path, [("Authorization", f"Bearer {token}")])
    return (r.status, refusal(r)) if r.status != 200 else 200


def stranger(key):
    """A token that no known key has signed: it makes the gateway look for new keys."""
    return key.mint(header={"kid": "stranger"})


# ---- sources ----

def test_over_http(gateway, jwks_server, rs256, es256):
    server = jwks_server(rs256, es256)
    g = start(gateway, jwks=server.url)
    assert ask(g, rs256.mint()) == 200 and ask(g, es256.mint()) == 200
    assert server.hits == 1
    request = server.origin.requests[0]
    assert request.target == "/jwks.json" and request.fields.get("host") == f"127.0.0.1:{server.origin.port}"
    assert "keys are fetched without TLS" in g.log()


@pytest.mark.parametrize("framing", ["chunked", "close"])
def test_however_it_is_framed(gateway, jwks_server, rs256, framing):
    server = jwks_server(rs256)
    document = jwks(rs256).encode()
    if framing == "chunked":
        server.behave(reply(200, [document[:5], document[5:100], document[100:]]))
    else:
        server.behave(raw(b"HTTP/1.0 200 OK\r\n\r\n" + document, close=True))
    assert ask(start(gateway, jwks=server.url), rs256.mint()) == 200


def test_over_https(gateway, jwks_server, rs256, server_cert):
    server = jwks_server(rs256, tls=server_cert.server_context())
    g = start(gateway, jwks=server.url, more=f'ca_file: "{server_cert.ca}"')
    assert ask(g, rs256.mint()) == 200
    assert "without TLS" not in g.log()


@pytest.mark.parametrize("wrong", ["authority", "name", "system"])
def test_over_https_with_a_certificate_that_does_not_hold(gateway, jwks_server, rs256, ca, other_ca, server_cert, wrong):
    cert = ca.issue("elsewhere.test") if wrong == "name" else server_cert
    server = jwks_server(rs256, tls=cert.server_context())
    more = {"authority": f'ca_file: "{other_ca.path}"', "name": f'ca_file: "{ca.path}"', "system": "scopes: []"}[wrong]
    g = start(gateway, jwks=server.url, more=f"key_wait: 300ms, {more}")
    assert ask(g, rs256.mint()) == (503, "jwks-unavailable")
    assert server.hits == 0, "not even a request was sent"
    assert "keys from https://" in g.log() and "no keys yet" in g.log()


def test_authorities_are_read_again_with_a_reload(gateway, jwks_server, rs256, ca, other_ca, server_cert, tmp_path):
    """As after a change of the authority: the file stays, its content is another one."""
    server = jwks_server(rs256, tls=server_cert.server_context())
    file = tmp_path / "ca.pem"
    file.write_bytes(open(other_ca.path, "rb").read())
    g = start(gateway, jwks=server.url, more=f'key_wait: 300ms, ca_file: "{file}"')
    assert ask(g, rs256.mint()) == (503, "jwks-unavailable")
    after = tmp_path / "after.pem"
    after.write_bytes(open(ca.path, "rb").read())
    after.rename(file)
    g.reload()
    wait_for(lambda: ask(g, rs256.mint()) == 200)


OAUTH = "/.well-known/oauth-authorization-server/realm"


def provider(origin, key, tls=None, **changes):
    """An OpenID provider: its discovery document, and its keys. changes: of the document."""
    def serve(peer, request):
        documents = {up.at: json.dumps(up.document), "/realm/keys": jwks(*up.keys)}
        body = documents.get(request.target)
        reply(200 if body else 404, (body or "").encode())(peer, request)
    up = origin(serve, tls=tls)
    up.issuer = f"http{'s' if tls else ''}://127.0.0.1:{up.port}/realm"
    up.document = {"issuer": up.issuer, "jwks_uri": f"{up.issuer}/keys", "x": ["y"], **changes}
    up.keys, up.at = [key], "/realm/.well-known/openid-configuration"
    return up


def test_discovery(gateway, origin, rs256):
    up = provider(origin, rs256)
    g = start(gateway, DISCOVERY, issuer=up.issuer)
    assert ask(g, rs256.mint(iss=up.issuer)) == 200
    assert ask(g, rs256.mint(iss=up.issuer + "/")) == (401, "token-issuer")
    assert [r.target for r in up.requests] == ["/realm/.well-known/openid-configuration", "/realm/keys"]


def test_discovery_over_https(gateway, origin, rs256, server_cert):
    up = provider(origin, rs256, tls=server_cert.server_context())
    g = start(gateway, DISCOVERY, issuer=up.issuer, more=f'ca_file: "{server_cert.ca}"')
    assert ask(g, rs256.mint(iss=up.issuer)) == 200


@pytest.mark.parametrize("changes,said", [
    ({"issuer": "https://evil.test/"}, "it names another issuer"),
    ({"issuer": None}, "it names another issuer"),
    ({"jwks_uri": None}, "its jwks_uri is missing or not a URL"),
    ({"jwks_uri": "file:///etc/passwd"}, "its jwks_uri is missing or not a URL"),
])
def test_discovery_that_cannot_be_believed(gateway, origin, rs256, changes, said):
    up = provider(origin, rs256, **changes)
    g = start(gateway, DISCOVERY, issuer=up.issuer, more="key_wait: 200ms")
    assert ask(g, rs256.mint(iss=up.issuer)) == (503, "jwks-unavailable")
    g.wait_log(said)
    assert {r.target for r in up.requests} == {"/realm/.well-known/openid-configuration", OAUTH}, "never the keys"


def test_discovery_by_rfc_8414(gateway, origin, rs256):
    up = provider(origin, rs256)
    up.at = OAUTH
    g = start(gateway, DISCOVERY, issuer=up.issuer)
    assert ask(g, rs256.mint(iss=up.issuer)) == 200
    assert [r.target for r in up.requests] == ["/realm/.well-known/openid-configuration", OAUTH, "/realm/keys"]
    time.sleep(1.1)  # min_refresh
    assert ask(g, stranger(rs256)) == (401, "token-key-unknown")
    assert [r.target for r in up.requests[3:]] == [OAUTH, "/realm/keys"], "the way that worked is remembered"


def test_discovery_does_not_leave_tls(gateway, origin, rs256, server_cert):
    up = provider(origin, rs256, tls=server_cert.server_context(), jwks_uri="http://127.0.0.1:1/keys")
    g = start(gateway, DISCOVERY, issuer=up.issuer, more=f'key_wait: 200ms, ca_file: "{server_cert.ca}"')
    assert ask(g, rs256.mint(iss=up.issuer)) == (503, "jwks-unavailable")
    g.wait_log("its jwks_uri is not https")


# ---- rotation ----

def test_rotation(gateway, jwks_server, rs256):
    server, new = jwks_server(rs256), SigningKey("RS256", kid="new")
    g = start(gateway, jwks=server.url)
    old_token = rs256.mint()
    assert ask(g, old_token) == 200
    server.set_keys(rs256, new)
    time.sleep(1.1)  # min_refresh
    assert ask(g, new.mint()) == 200, "an unknown kid has the keys fetched, and the request waits for them"
    assert ask(g, old_token) == 200 and server.hits == 2
    server.set_keys(new)
    time.sleep(1.1)
    assert ask(g, stranger(new)) == (401, "token-key-unknown")
    assert ask(g, old_token) == (401, "token-key-unknown"), "a remembered token goes with its key"
    assert ask(g, new.mint()) == 200


def test_a_new_key_under_an_old_kid_is_accepted_soon(gateway, jwks_server, rs256):
    server, new = jwks_server(rs256), SigningKey("RS256", kid=rs256.kid)
    g = start(gateway, jwks=server.url)
    assert ask(g, rs256.mint()) == 200
    server.set_keys(new)
    time.sleep(1.1)  # min_refresh
    assert ask(g, new.mint()) == 200, "a signature that does not hold has the keys fetched, as an unknown kid does"
    assert ask(g, rs256.mint()) == (401, "token-signature")
    assert server.hits <= 3


def test_an_issuer_that_says_it_has_no_keys_is_believed(gateway, jwks_server, rs256):
    server = jwks_server(rs256)
    g = start(gateway, jwks=server.url)
    token = rs256.mint()
    assert ask(g, token) == 200
    server.set_keys()
    time.sleep(1.1)
    assert ask(g, stranger(rs256)) == (401, "token-key-unknown")
    assert ask(g, token) == (401, "token-key-unknown")
    assert "0 keys from" in g.log()
    server.set_keys(rs256)
    time.sleep(1.1)
    assert ask(g, token) == 200


def test_keys_that_cannot_be_refreshed_have_a_maximum_age(gateway, jwks_server, rs256):
    server = jwks_server(rs256)
    g = start(gateway, jwks=server.url, more="refresh: 10s, max_stale: 10s, key_wait: 100ms, fetch_timeout: 200ms")
    token = rs256.mint()
    wait_for(lambda: ask(g, token) == 200, 35, what="the first keys")  # a busy machine may miss the 200 ms
    server.behave(abort)
    assert ask(g, token) == 200
    wait_for(lambda: ask(g, token) == (503, "jwks-unavailable"), 15, what="the end of max_stale")
    assert "could not be fetched anew for longer than max_stale" in g.log()
    server.behave(reply(200, jwks(rs256).encode()))
    wait_for(lambda: ask(g, token) == 200, 35, what="keys again")


def test_the_keys_url_is_read_from_discovery_again(gateway, origin, rs256):
    up, new = provider(origin, rs256), SigningKey("ES256", kid="new")
    g = start(gateway, DISCOVERY, issuer=up.issuer)
    assert ask(g, rs256.mint(iss=up.issuer)) == 200
    elsewhere = origin(reply(200, jwks(new).encode()))
    up.document["jwks_uri"] = f"http://127.0.0.1:{elsewhere.port}/new-keys"  # the old URL goes on answering
    time.sleep(1.1)
    assert ask(g, new.mint(iss=up.issuer)) == 200
    assert ask(g, rs256.mint(iss=up.issuer)) == (401, "token-key-unknown")


SHARED = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  a: { use: jwt, issuer: "https://idp.test/", audience: api, jwks: "@jwks@" }
  b: { use: jwt, issuer: "https://idp.test/", audience: api, jwks: "@jwks@", scopes: [read] }
  c: { use: jwt, issuer: "https://idp.test/", audience: [api, other], jwks: "@jwks@", leeway: 1s }
routes:
  - { name: a, match: { path: /a }, plugins: [a], respond: { status: 200 } }
  - { name: b, match: { path: /b }, plugins: [b], respond: { status: 200 } }
  - { name: c, match: { path: /c }, plugins: [c], respond: { status: 200 } }
"""


def test_instances_of_one_issuer_share_one_fetch(gateway, jwks_server, rs256):
    server = jwks_server(rs256)
    g = gateway(SHARED, jwks=server.url)
    token = rs256.mint(scope="read")
    for path in ("/a", "/b", "/c"):
        assert ask(g, token, path) == 200
    assert server.hits == 1


ISSUERS = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  login: { use: jwt, issuer: ["@one@", "@two@"], audience: api, min_refresh: 1s }
  own: { use: jwt, issuers: { "https://c.test/": "file:c.json", "@two@": discover }, audience: api }
routes:
  - { name: all, match: { path: /* }, plugins: [login], respond: { status: 200 } }
  - { name: own, match: { path: /own }, plugins: [own], respond: { status: 200 } }
"""


def test_several_issuers_on_one_route(gateway, origin, rs256, es256):
    one, two = provider(origin, rs256), provider(origin, es256)
    g = gateway(ISSUERS, one=one.issuer, two=two.issuer, files={"c.json": jwks(rs256)})
    assert ask(g, rs256.mint(iss=one.issuer)) == 200 and ask(g, es256.mint(iss=two.issuer)) == 200
    assert ask(g, rs256.mint(iss=two.issuer)) == (401, "token-key-unknown"), "no issuer signs for another"
    assert ask(g, es256.mint(iss=one.issuer)) == (401, "token-key-unknown")
    assert ask(g, rs256.mint(iss="https://evil.test/")) == (401, "token-issuer")
    assert ask(g, rs256.mint(iss="https://c.test/")) == (401, "token-issuer"), "that one is trusted on another route"
    assert ask(g, rs256.mint(iss="https://c.test/"), "/own") == 200 and ask(g, es256.mint(iss=two.issuer), "/own") == 200
    assert ask(g, rs256.mint(iss=one.issuer), "/own") == (401, "token-issuer")
    one.stop()
    assert ask(g, es256.mint(iss=two.issuer)) == 200, "an issuer that is away is no trouble for the other"


def test_the_first_failed_fetch_does_not_end_the_wait(gateway, jwks_server, rs256):
    server, asked = jwks_server(rs256), []

    def fail_once(peer, request):
        asked.append(time.monotonic())
        (reply(500, b"") if len(asked) == 1 else reply(200, jwks(rs256).encode()))(peer, request)
    server.behave(fail_once)
    g = start(gateway, jwks=server.url, more="key_wait: 3s")
    assert ask(g, rs256.mint()) == 200
    assert len(asked) == 2


def test_unknown_kids_do_not_make_the_gateway_hammer_the_provider(gateway, jwks_server, rs256):
    server = jwks_server(rs256)
    g = start(gateway, jwks=server.url)
    assert ask(g, rs256.mint()) == 200
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: ask(g, rs256.mint(header={"kid": f"k{i}"})), range(80)))
    took = time.monotonic() - began
    assert set(answers) == {(401, "token-key-unknown")}
    assert server.hits <= 2 + took, "at most one fetch for each min_refresh"
    assert ask(g, rs256.mint()) == 200


def test_many_wait_for_one_fetch(gateway, jwks_server, rs256):
    server, new = jwks_server(rs256), SigningKey("ES256", kid="new")
    g = start(gateway, jwks=server.url)
    assert ask(g, rs256.mint()) == 200
    server.behave(reply(200, jwks(new).encode(), delay=0.3))
    time.sleep(1.1)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(g, new.mint()), range(16)))
    assert answers == [200] * 16
    assert server.hits == 2


# ---- a provider that fails ----

FAILURES = {
    "drop": drop, "abort": abort, "hang": hang, "error": reply(500, b"oops"),
    "redirect-loop": reply(302, b"", [("Location", "/jwks.json")]),
    "encoded": reply(200, gzip.compress(b'{"keys": []}'), [("Content-Encoding", "gzip")]),
    "typed": reply(200, b'{"keys": []}', [("Content-Type", "text/html")]),
    "html": reply(200, b"<html>login</html>"), "empty": reply(200, b""), "list": reply(200, b"[]"),
    "huge": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n" + b" " * (1 << 20)),
    "endless": reply(200, [b'{"keys": [' + b" " * (5 << 20) + b"]}"]),
    "endless-head": raw(b"HTTP/1.1 200 OK\r\nX: " + b"a" * (1 << 20)),
    "cut": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{}", close=True), "noise": raw(b"\x16\x03\x01\x02\x00\x01" * 50, close=True),
    "crawl": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + b" " * 9999, pieces=1, interval=0.1),
}


def several(names, urls, more):
    """A gateway's configuration with an instance and a route for each way to fail."""
    plugins = "".join(f'  p-{n}: {{ use: jwt, issuer: "https://idp.test/", audience: api, jwks: "{urls[n]}", min_refresh: 1s, {more} }}\n'
                      for n in names)
    routes = "".join(f'  - {{ name: {n}, match: {{ path: /{n} }}, plugins: [p-{n}], respond: {{ status: 200 }} }}\n' for n in names)
    return f'listeners:\n  - {{ name: public, address: "127.0.0.1:@public@" }}\nplugins:\n{plugins}routes:\n{routes}'


def at_once(g, names, token):
    """{name: (answer, seconds)} of a request to each route, all at the same time."""
    def one(name):
        began = time.monotonic()
        return name, (ask(g, token(), f"/{name}"), time.monotonic() - began)
    with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        return dict(pool.map(one, names))


def test_failures_while_there_are_keys(gateway, jwks_server, rs256):
    servers = {n: jwks_server(rs256) for n in FAILURES}
    g = gateway(several(FAILURES, {n: s.url for n, s in servers.items()}, "key_wait: 500ms, fetch_timeout: 400ms"))
    for n in FAILURES:
        wait_for(lambda n=n: ask(g, rs256.mint(), f"/{n}") == 200, what=f"first keys of {n}")
    for n, s in servers.items():
        s.behave(FAILURES[n])
    time.sleep(1.1)
    answers = at_once(g, FAILURES, lambda: stranger(rs256))
    assert {n: a for n, (a, _) in answers.items() if a != (401, "token-key-unknown")} == {}
    assert {n: t for n, (_, t) in answers.items() if t > 4} == {}, "none waits much longer than key_wait, however busy the machine is"
    assert {n: s.hits for n, s in servers.items() if s.hits < 2} == {}, "all were asked again"
    answers = at_once(g, FAILURES, rs256.mint)
    assert {n: a for n, (a, _) in answers.items() if a != 200} == {}, "the old keys stay in force"
    said = g.log()
    for n, s in servers.items():
        assert f"keys from {s.url}: " in said, n
    assert said.count("the old keys stay in force") >= len(FAILURES)
    for n, s in servers.items():  # and when they are well again, the gateway finds out by itself
        s.behave(reply(200, jwks(rs256).encode()))
    assert {n: a for n, (a, _) in at_once(g, FAILURES, rs256.mint).items() if a != 200} == {}


def test_failures_before_there_are_keys(gateway, jwks_server, rs256):
    servers = {n: jwks_server(rs256) for n in FAILURES}
    for n, s in servers.items():
        s.behave(FAILURES[n])
    g = gateway(several(FAILURES, {n: s.url for n, s in servers.items()}, "key_wait: 500ms, fetch_timeout: 400ms"))
    answers = at_once(g, FAILURES, rs256.mint)
    assert {n: a for n, (a, _) in answers.items() if a != (503, "jwks-unavailable")} == {}
    assert {n: t for n, (_, t) in answers.items() if t > 4} == {}, "none waits much longer than key_wait, however busy the machine is"
    for n, s in servers.items():
        s.behave(reply(200, jwks(rs256).encode()))
    for n in FAILURES:
        wait_for(lambda n=n: ask(g, rs256.mint(), f"/{n}") == 200, 15, what=f"keys of {n} after it recovered")


def test_a_slow_first_answer_is_waited_for(gateway, jwks_server, rs256):
    server = jwks_server(rs256)
    server.behave(reply(200, jwks(rs256).encode(), delay=0.5))
    g = start(gateway, jwks=server.url)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: ask(g, rs256.mint()), range(8))) == [200] * 8
    assert server.hits == 1


def test_garbage_costs_no_wait_for_keys(gateway, jwks_server, rs256):
    server = jwks_server(rs256)
    server.behave(hang)
    g = start(gateway, jwks=server.url, more="key_wait: 5s")
    began = time.monotonic()
    assert ask(g, "a.b.c") == (401, "token-malformed")
    assert time.monotonic() - began < 2


def test_a_client_that_leaves_while_it_waits(gateway, jwks_server, rs256):
    server, let_go = jwks_server(rs256), threading.Event()

    def when_told(peer, request):
        assert let_go.wait(10)
        reply(200, jwks(rs256).encode())(peer, request)
    server.behave(when_told)
    g = start(gateway, jwks=server.url, more="key_wait: 10s, fetch_timeout: 10s")
    clients = [g.connect() for _ in range(5)]
    for c in clients:
        c.request("GET", "/", [("Authorization", f"Bearer {rs256.mint()}")])
    wait_for(lambda: g.metrics().get("sluice_requests_active") == 5, what="parked requests")
    for c in clients:
        c.reset()
    wait_for(lambda: g.metrics().get("sluice_requests_active") == 0, what="their end")
    let_go.set()
    assert ask(g, rs256.mint()) == 200
    assert [line.get("reason") for line in g.access(6)].count("client-gone") == 5


# ---- reload ----

def test_a_reload_keeps_the_keys(gateway, jwks_server, rs256):
    server = jwks_server(rs256)
    g = start(gateway, jwks=server.url)
    token = rs256.mint()
    assert ask(g, token) == 200
    server.origin.stop()
    g.reload(CONFIG + '  - { name: more, match: { path: /more }, respond: { status: 204 } }\n')
    assert ask(g, token) == 200 and g.get("/more").status == 204
    changed = CONFIG.replace("audience: api", "audience: [api, other], scopes: [read]")  # another instance, of the same source
    g.reload(changed)
    began = time.monotonic()
    assert ask(g, token) == (403, "token-scope")
    assert ask(g, rs256.mint(scope="read", aud="other")) == 200
    assert time.monotonic() - began < 1, "no request waited"
    assert server.hits == 1


def test_a_reload_reads_a_changed_key_file(gateway, rs256):
    new = SigningKey("RS256", kid="new")
    g = start(gateway, jwks="file:jwks.json", files={"jwks.json": jwks(rs256)})
    token = rs256.mint()
    assert ask(g, token) == 200
    g.reload(CONFIG, files={"jwks.json": jwks(new)})
    wait_for(lambda: ask(g, new.mint()) == 200, what="the new key")
    assert ask(g, token) == (401, "token-key-unknown")
    g.reload(CONFIG, files={"jwks.json": "{}"}, expect="error")
    assert "the key set has no array of keys" in g.log()
    assert ask(g, new.mint()) == 200, "a bad file changes nothing"


# ---- the memory of verified tokens ----

def test_a_remembered_token_expires(gateway, rs256):
    g = start(gateway, jwks="file:jwks.json", files={"jwks.json": jwks(rs256)})
    end = int(time.time()) + 2
    token = rs256.mint(exp=end)
    with g.connect() as c:
        headers = [("Authorization", f"Bearer {token}")]
        assert c.get("/", headers).status == 200 and c.get("/", headers).status == 200
        while time.time() < end + 0.02:
            time.sleep(0.01)
        assert refusal(c.get("/", headers)) == "token-expired"


def test_more_tokens_than_are_remembered(gateway, rs256, es256):
    g = start(gateway, jwks="file:jwks.json", files={"jwks.json": jwks(rs256, es256)}, more="cache: 8")
    tokens = [es256.mint(sub=f"u{i}") for i in range(60)]
    with g.connect() as c:
        for _ in range(3):
            for t in tokens:
                assert c.get("/", [("Authorization", f"Bearer {t}")]).status == 200
        assert refusal(c.get("/", [("Authorization", f"Bearer {tokens[0][:-2]}AA")])) in ("token-signature", "token-malformed")
