"""redirect in a real gateway: where it leads by HTTP/1 and HTTP/2, and where nobody can make it lead."""
import subprocess

import pytest

from kit.gateway import GatewayDied
from kit.origin import echo
from kit.pages import snippets, whole

PAGE = "plugins/redirect/redirect.md"
CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
  - name: plain
    address: "127.0.0.1:@plain@"
    trusted_proxies: [127.0.0.1]
    plugins: [{ use: redirect, scheme: https, hosts: [shop.test, "*.shop.test"], except: [/.well-known/acme-challenge/*] }]
  - name: tls
    address: "127.0.0.1:@tls@"
    protocols: [h2, http/1.1]
    plugins: [{ use: redirect, scheme: https, hosts: "*" }]
    tls: { certificates: [{ certificate: "@cert@", private_key: "@key@" }] }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
plugins:
  people: { use: redirect, path: "/people/{path:id}" }
  www: { use: redirect, host: "www.{host}", hosts: [shop.test], status: 301 }
  tenant: { use: redirect, scheme: https, host: "{path:name}.shop.test", path: /in, query: drop }
  raw: { use: redirect, path: "/{header:X-To}" }
  watched: { use: redirect, mode: report, path: /elsewhere }
routes:
  - { name: users, match: { path: "/users/{id}" }, plugins: [people], respond: { status: 404 } }
  - { name: www, match: { path: /www/* }, plugins: [www], upstream: app }
  - { name: tenant, match: { path: "/t/{name}" }, plugins: [tenant], respond: { status: 404 } }
  - { name: raw, match: { path: /raw }, plugins: [raw], respond: { status: 404 } }
  - { name: watched, match: { path: /watched }, plugins: [watched], respond: { body: seen } }
  - { name: all, match: { path: /* }, upstream: app }
"""


@pytest.fixture
def bed(gateway, origin, server_cert):
    up = origin(echo)
    return gateway(CONFIG, app=up.port, cert=server_cert.cert, key=server_cert.key), up


def led(r):
    return r.status, r.header("location")


def test_to_https(bed):
    g, up = bed
    for host, path, expected in (("shop.test", "/a%2Fb?q=1&r", (308, "https://shop.test/a%2Fb?q=1&r")),
                                 ("www.SHOP.test:8080", "/x/../y", (308, "https://www.shop.test/y")),
                                 ("shop.test.", "/?", (308, "https://shop.test/?")),
                                 ("evil.test", "/", (421, None)), ("shop.test.evil.test", "/", (421, None)),
                                 ("shop.test", "//evil.test/x", (308, "https://shop.test/evil.test/x")),
                                 ("shop.test", "/.well-known/acme-challenge/tok", (200, None)),
                                 ("evil.test", "/.well-known/acme-challenge/../x", (421, None))):
        assert led(g.get(path, listener="plain", host=host)) == expected, (host, path)
    assert led(g.get("/a", [("X-Forwarded-Proto", "https")], listener="plain", host="shop.test")) == (200, None)
    assert g.request("POST", "/a", body=b"x" * 100, listener="plain", host="shop.test").status == 308
    assert len(up.requests) == 2


def test_without_a_host(bed, raw):
    g, _up = bed
    for port, status in ((g.port("plain"), 400), (g.port("public"), 307)):
        with raw(port) as c:
            c.send(b"GET /users/7 HTTP/1.0\r\n\r\n")
            r = c.response()
            assert r.status == status
            assert r.header("location") == ("/people/7" if status == 307 else None)
    assert [line.get("reason") for line in g.access(2) if line["status"] == 400] == ["redirect-no-host"]
    with raw(g.port("plain")) as c:
        c.send(b"GET http://shop.test/y HTTP/1.1\r\nHost: evil.test\r\n\r\n")
        assert led(c.response()) == (308, "https://shop.test/y")


def test_paths_and_hosts(bed):
    g, up = bed
    assert led(g.get("/users/a%2Fb?x=%22")) == (307, "/people/a%2Fb?x=%22")
    assert led(g.get("/users/..%5Cevil.test")) == (400, None)
    assert led(g.get("/www/a", host="shop.test:8080")) == (301, "http://www.shop.test:8080/www/a")
    assert led(g.get("/www/a", host="other.test")) == (421, None)
    assert led(g.get("/t/blue?x")) == (307, "https://blue.shop.test/in")
    for name in ("evil.test%2F", "a%40b", "a%3A1", "%0d%0aSet-Cookie:x", "a%5Cb", "a%20b", "%C3%A9", "a%00"):
        assert led(g.get(f"/t/{name}"))[0] == 400, name
    for to in ("/evil.test", "//evil.test", "/\\evil.test", "..", "a//b", "./"):
        assert led(g.get("/raw", [("X-To", to)])) == (400, None), to
    assert led(g.get("/raw", [("X-To", "\\evil.test")])) == (307, "/%5Cevil.test")
    assert g.get("/watched").body == b"seen" and not up.requests


def test_http2(bed, h2):
    g, up = bed
    c = h2(g.port("tls"))
    assert c.request("GET", "/users/7?q").status == 307
    r = c.request("GET", "/plain")
    assert r.status == 200 and up.requests[-1].target == "/plain", "it came by https"


def test_curl_follows(bed):
    g, up = bed
    url = f"http://127.0.0.1:{g.port('public')}"
    done = subprocess.run(["curl", "-sS", "-L", "-d", "body", "-w", "%{url_effective} %{http_code}", f"{url}/users/7"],
                          capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == f"body{url}/people/7 200"
    assert (up.requests[-1].method, up.requests[-1].body) == ("POST", b"body")


def test_mistakes_have_a_place(gateway):
    config = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  a: { use: redirect, scheme: https }
  b: { use: redirect, host: "{query:to}", status: 304, except: [/a*] }
routes:
  - { name: all, match: { path: /* }, plugins: [a, b], respond: { status: 200 } }
"""
    with pytest.raises(GatewayDied) as e:
        gateway(config)
    said = str(e.value)
    assert "sluice.yaml:6:" in said and "status" in said
    with pytest.raises(GatewayDied) as e:
        gateway(config.replace("304", "302"))
    said = str(e.value)
    for place in ("sluice.yaml:5:3: error: plugins.a: hosts is missing", "hint: name the hosts that you serve",
                  'sluice.yaml:6:29: error: plugins.b.host: a value of the request would choose where "{query:to}" leads',
                  'sluice.yaml:6:65: error: plugins.b.except[0]: "/a*" is no path and no prefix'):
        assert place in said, said


@pytest.mark.parametrize("heading", snippets(PAGE))
def test_snippets_of_the_page(gateway, heading):
    assert "error" not in gateway(whole(snippets(PAGE)[heading]), app=1).log()
