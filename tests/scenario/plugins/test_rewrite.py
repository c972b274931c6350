"""rewrite in a real gateway: what is forwarded, matched and logged, and what comes back to browsers."""
import shutil
import subprocess
from collections import Counter

import pytest

from kit.gateway import ROOT, GatewayDied
from kit.origin import echo, reply
from kit.pages import snippets, whole

PAGE = "plugins/rewrite/rewrite.md"
CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@", trusted_proxies: [127.0.0.1] }
  - name: early
    address: "127.0.0.1:@early@"
    plugins: [{ use: rewrite, strip_prefix: /api, regex: [{ match: "/old/(.*)", replace: "/seg/$1/x" }] }]
  - name: tls
    address: "127.0.0.1:@tls@"
    protocols: [h2, http/1.1]
    tls: { certificates: [{ certificate: "@cert@", private_key: "@key@" }] }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
plugins:
  shop: { use: rewrite, strip_prefix: /shop, responses: rewrite, query: { set: { ip: "{ip}" }, remove: [debug] } }
  seg: { use: rewrite, path: "/v2/{path:b}/{path:a}.json" }
  files: { use: rewrite, add_prefix: "/files/{header:X-Dir}" }
  watched: { use: rewrite, mode: report, path: /elsewhere, host: other.test }
  inside: { use: rewrite, host: "app.internal:8080", responses: rewrite }
routes:
  - { name: shop, match: { path: /shop/* }, plugins: [shop], upstream: app }
  - { name: seg, match: { path: "/seg/{a}/{b}" }, plugins: [seg], upstream: app }
  - { name: files, match: { path: /in/* }, plugins: [files], upstream: app }
  - { name: watched, match: { path: /watched }, plugins: [watched], upstream: app }
  - { name: inside, match: { path: /inside/* }, plugins: [inside], upstream: app }
  - { name: stays, match: { path: "/orders/*" }, upstream: app }
"""


@pytest.fixture(scope="module")
def answers():
    """What the service says, by path."""
    return {}


@pytest.fixture
def bed(gateway, origin, answers, server_cert):
    def behave(peer, request):
        answers.get(request.target.partition("?")[0], echo)(peer, request)
    up = origin(behave)
    return gateway(CONFIG, app=up.port, cert=server_cert.cert, key=server_cert.key), up


def asked(up):
    return up.requests[-1]


def test_what_is_forwarded_and_logged(bed):
    g, up = bed
    for path, expected in (("/shop/cart?debug=1&q=%2F&ip=1", "/cart?q=%2F&ip=127.0.0.1"), ("/shop", "/?ip=127.0.0.1"),
                           ("/shop/a/../b//c/%2e%41", "/b/c/.A?ip=127.0.0.1"), ("/shop/a%2fb", "/a%2Fb?ip=127.0.0.1"),
                           ("/seg/one/a%2Fb?q", "/v2/a%2Fb/one.json?q"), ("/seg/x%3Fy/%23", "/v2/%23/x%3Fy.json")):
        r = g.get(path)
        assert (r.status, r.header("x-target")) == (200, expected), path
    assert g.get("/watched?x").header("x-target") == "/watched?x" and asked(up).fields.get("host") != "other.test"
    lines = {line["path"]: line for line in g.access(7)}        # each worker writes its own
    line = lines["/shop/cart"]
    assert (line["rewritten_path"], line["rewritten_query"]) == ("/cart", "q=%2F&ip=127.0.0.1")
    line = lines["/seg/one/a%2Fb"]
    assert line["route"] == "seg" and line["rewritten_path"] == "/v2/a%2Fb/one.json"
    assert "rewritten_path" not in lines["/watched"]


def test_nobody_leaves_the_prefix(bed):
    g, up = bed
    for value in ("..", "../x", "a/../../x", ".", "/x", "a//b", "..%2Fx", "..;x", "%2e%2e", "a?b", "a#b", "%", "%00", "a\\..\\b"):
        r = g.get("/in/x", [("X-Dir", value)])
        assert r.status == 400 and b"rewrite-malformed" in r.body, value
    assert g.get("/in/x").status == 400
    for path in ("/in/../../x", "/in/..%2fx", "/in/%2e%2e/%2e%2e/x", "/in/..;/x", "/in/%5c../x"):
        assert g.get(path, [("X-Dir", "a")]).status == 400
    assert not up.requests
    reasons = Counter(line.get("reason") for line in g.access(20))
    assert reasons == {"rewrite-malformed": 14, "rewrite-missing": 1, "bad-target": 5}


def test_before_a_route_is_chosen(bed):
    g, up = bed
    r = g.get("/api/orders/7?x", listener="early")
    assert (r.status, r.header("x-target")) == (200, "/orders/7?x") and asked(up).fields.get("x-forwarded-prefix") == "/api"
    r = g.get("/old/1", listener="early")
    assert (r.status, r.header("x-target")) == (200, "/v2/x/1.json")
    line = next(line for line in g.access(2) if line["path"] == "/old/1")
    assert (line["route"], line["rewritten_path"]) == ("seg", "/v2/x/1.json")


def test_prefixes_of_proxies_before_us(bed):
    g, up = bed
    assert g.get("/shop/a", [("X-Forwarded-Prefix", "/outer/"), ("X-Forwarded-Prefix", "//evil.example, /mid")]).status == 200
    assert asked(up).fields.all("x-forwarded-prefix") == ["/outer/mid/shop"]
    g.get("/api/orders/1", [("X-Forwarded-Prefix", "/outer")], listener="early")
    assert asked(up).fields.all("x-forwarded-prefix") == ["/api"], "a stranger's is not believed"


def test_redirects_and_cookies_by_curl(bed, answers, folder):
    """A client that follows redirects and keeps cookies stays where the service is published."""
    if not shutil.which("curl"):
        pytest.skip("no curl")
    g, up = bed
    answers["/start"] = reply(302, b"", [("Location", "/login?to=/home"), ("Set-Cookie", "sid=1; Path=/; HttpOnly"),
                                         ("Set-Cookie", "deep=2; Path=/login")])
    url = f"http://127.0.0.1:{g.port('public')}"
    done = subprocess.run(["curl", "-sS", "-L", "-b", "", "-c", folder / "jar", "-w", "%{url_effective} %{http_code}", f"{url}/shop/start"],
                          capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == f"{url}/shop/login?to=/home 200"
    assert asked(up).target == "/login?to=/home&ip=127.0.0.1"
    assert sorted(asked(up).fields.get("cookie").split("; ")) == ["deep=2", "sid=1"]
    jar = (folder / "jar").read_text()
    assert "\t/shop\t" in jar and "\t/shop/login\t" in jar
    answers["/inside/go"] = reply(301, b"", [("Location", "http://app.internal:8080/inside/there"),
                                             ("Set-Cookie", "a=1; Domain=app.internal")])
    r = g.get("/inside/go", host="shop.test")
    assert asked(up).fields.get("host") == "app.internal:8080" and asked(up).fields.get("x-forwarded-host") == "shop.test"
    assert r.header("location") == "/inside/there" and r.header("set-cookie") == "a=1; Domain=shop.test"


def test_http2(bed, answers, h2):
    g, up = bed

    def to_login(peer, request):
        reply(302, b"", [("Location", f"https://{request.fields.get('host')}/login?a"), ("Set-Cookie", "a=1; Path=/")])(peer, request)
    answers["/private"] = to_login
    c = h2(g.port("tls"))
    r = c.request("GET", "/shop/private?x")
    assert up.requests[-1].target == "/private?x&ip=127.0.0.1" and up.requests[-1].fields.get("x-forwarded-prefix") == "/shop"
    fields = {n.lower(): v for n, v in dict(r.fields).items()}
    assert fields["location"] == f"https://{up.requests[-1].fields.get('host')}/shop/login?a" and fields["set-cookie"] == "a=1; Path=/shop"
    assert c.request("GET", "/in/x", [("x-dir", "..")]).status == 400


def test_mistakes_have_a_place(gateway):
    config = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  r:
    use: rewrite
    strip_prefix: [/a, b]
    regex:
      - { match: "/(x", replace: "/y" }
      - { match: "/(x)", replace: "/$2" }
    query: { set: { a: "{nothing here}" } }
routes:
  - { name: all, match: { path: /* }, plugins: [r], respond: { status: 200 } }
"""
    with pytest.raises(GatewayDied) as e:
        gateway(config)
    said = str(e.value)
    for place in ('sluice.yaml:7:24: error: plugins.r.strip_prefix[1]: "b" is no path in its normal form',
                  "sluice.yaml:9:18: error: plugins.r.regex[0].match: is no regular expression: missing closing parenthesis",
                  'sluice.yaml:10:35: error: plugins.r.regex[1].replace: "$2" names no group', "it has 1 group: $1 is the first",
                  "sluice.yaml:11:24: error: plugins.r.query.set.a: has the placeholder {nothing here}"):
        assert place in said, said


@pytest.mark.parametrize("heading", snippets(PAGE))
def test_snippets_of_the_page(gateway, heading):
    g = gateway(whole(snippets(PAGE)[heading]), app=1, files={"jwks.json": (ROOT / "conf/demo/jwks.json").read_bytes()})
    assert "error" not in g.log()
