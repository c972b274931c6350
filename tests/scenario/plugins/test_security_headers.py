"""security-headers in a real gateway: every answer, TLS and proxies in front, what the upstream says, mistakes, and the page's snippets."""
import socket

import pytest

from kit.manual import check, complete, snippets
from kit.origin import reply
from kit.ports import free_port

CONFIG = """
listeners:
  - { name: plain, address: "127.0.0.1:@plain@", plugins: [safe], trusted_proxies: [127.0.0.1] }
  - name: tls
    address: "127.0.0.1:@tls@"
    protocols: [h2, http/1.1]
    plugins: [safe]
    tls: { certificates: [{ certificate: "@cert@", private_key: "@key@" }] }
  - { name: ruling, address: "127.0.0.1:@ruling@", plugins: [ruling] }
  - { name: trying, address: "127.0.0.1:@trying@", plugins: [trying] }
plugins:
  safe: { use: security-headers, profile: api }
  pages: { use: security-headers }
  ruling: { use: security-headers, upstream_fields: replace, remove: [X-Secret] }
  trying: { use: security-headers, upstream_fields: replace, mode: report }
  limit: { use: rate-limit, rate: 1/d }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
  dead: { servers: ["127.0.0.1:@dead@"] }
routes:
  - { name: app, match: { path: /app, methods: [GET] }, upstream: app }
  - { name: pages, match: { path: /pages }, plugins: [pages], upstream: app }
  - { name: limited, match: { path: /limited }, plugins: [limit], respond: { status: 204 } }
  - { name: dead, match: { path: /dead }, upstream: dead }
"""
THEIRS = [("Server", "Apache/2.2.8"), ("X-Powered-By", "PHP/5"), ("X-Secret", "s"), ("Referrer-Policy", "origin"),
          ("X-Frame-Options", "SAMEORIGIN"), ("Strict-Transport-Security", "max-age=1")]
API = {"content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
       "x-content-type-options": "nosniff", "x-frame-options": "DENY", "referrer-policy": "no-referrer",
       "cross-origin-resource-policy": "same-origin"}
NAMES = {*API, "strict-transport-security", "permissions-policy", "cross-origin-opener-policy"}


@pytest.fixture
def safe(gateway, origin, server_cert):
    up = origin(reply(200, b"ok", THEIRS))
    return gateway(CONFIG, app=up.port, dead=free_port(), cert=server_cert.cert, key=server_cert.key)


@pytest.fixture
def ask(raw):
    def go(g, listener, method, path, headers=()):
        with raw(g.port(listener)) as c:
            return c.request(method, path, list(headers)).response(method)
    return go


def told(r):
    fields = [(n.lower(), v) for n, v in r.fields if n.lower() in NAMES]
    assert len(fields) == len(dict(fields)), "nothing is said twice"
    return dict(fields)


def test_answers_of_the_gateway(safe, ask):
    for method, path, status in (("GET", "/nowhere", 404), ("POST", "/app", 405), ("GET", "/limited", 204), ("GET", "/limited", 429),
                                 ("GET", "/dead", 502), ("HEAD", "/nowhere", 404)):
        r = ask(safe, "plain", method, path)
        assert (r.status, told(r)) == (status, API), path
        assert "server" not in r.fields and r.header("date")


def test_what_the_upstream_says_stays(safe, ask):
    r = ask(safe, "plain", "GET", "/app")
    assert told(r) == {**API, "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'",
                       "x-frame-options": "SAMEORIGIN", "referrer-policy": "origin", "strict-transport-security": "max-age=1"}
    assert "server" not in r.fields and "x-powered-by" not in r.fields and r.header("x-secret") == "s"


def test_what_the_upstream_says_is_replaced(safe, ask):
    r = ask(safe, "ruling", "GET", "/app")
    assert told(r) == {"content-security-policy": "base-uri 'self'; object-src 'none'; frame-ancestors 'self'",
                       "x-content-type-options": "nosniff", "x-frame-options": "SAMEORIGIN",
                       "referrer-policy": "strict-origin-when-cross-origin", "cross-origin-opener-policy": "same-origin-allow-popups",
                       "cross-origin-resource-policy": "same-site",
                       "permissions-policy": "browsing-topics=(), camera=(), geolocation=(), microphone=(), payment=(), usb=()"}, "no HSTS over http"
    assert "x-secret" not in r.fields and r.header("server") == "Apache/2.2.8"


def test_a_route_before_its_listener(safe, ask):
    r = ask(safe, "plain", "GET", "/pages")
    assert r.header("permissions-policy").startswith("browsing-topics") and r.header("cross-origin-resource-policy") == "same-site"
    assert r.header("content-security-policy") == "base-uri 'self'; object-src 'none'"


def test_hsts_over_tls(safe, h2):
    r = h2(safe.port("tls")).request("GET", "/nowhere", [])
    assert r.status == 404 and r.header("strict-transport-security") == "max-age=31536000"


def test_hsts_behind_a_proxy(safe, ask):
    for headers, hsts in ((["https"], "max-age=31536000"), (["http"], None), ([], None)):
        r = ask(safe, "plain", "GET", "/nowhere", [("X-Forwarded-Proto", v) for v in headers])
        assert r.header("strict-transport-security") == hsts
    with socket.create_connection(("127.0.0.1", safe.port("plain")), source_address=("127.0.0.2", 0)) as s:
        s.sendall(b"GET /nowhere HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: s.recv(65536), b""))
    assert b" 404 " in answer and b"nosniff" in answer and b"trict-" not in answer, "nobody believes a stranger"


def test_a_report_changes_nothing(safe, ask):
    r = ask(safe, "trying", "GET", "/app")
    assert [(n, v) for n, v in r.fields if (n, v) in THEIRS] == THEIRS and "x-content-type-options" not in r.fields
    assert safe.access(1)[0]["notes"] == ["report:field"]


@pytest.mark.parametrize("snippet", snippets("plugins/security-headers/security-headers.md"))
def test_snippets(tmp_path, snippet):
    status, out = check(tmp_path, complete(snippet))
    assert status == 0, out


def test_there_are_snippets():
    assert len(snippets("plugins/security-headers/security-headers.md")) == 7


@pytest.mark.parametrize("options, line, says, hint", [
    ("content_security_policy: default-src self", 6, "plugins.safe.content_security_policy: without quotes", "write 'self' in single quotes"),
    ("strict_transport_security: { preload: true }", 6, "plugins.safe.strict_transport_security.preload", "give both"),
    ("referrer_policy: never", 6, 'plugins.safe.referrer_policy: "never" means nothing here', "one of no-referrer"),
    ("permissions_policy: \"camera 'none'\"", 6, "is not a permission", "write camera=()"),
    ("hsts: true", 6, 'unknown key "hsts"', "")])
def test_mistakes(tmp_path, options, line, says, hint):
    status, out = check(tmp_path, f"""listeners:
  - {{ name: public, address: "127.0.0.1:1", plugins: [safe] }}
plugins:
  safe:
    use: security-headers
    {options}
routes: [{{ name: a, respond: {{ status: 204 }} }}]
""")
    assert status == 1 and f"sluice.yaml:{line}:" in out and says in out and hint in out, out
