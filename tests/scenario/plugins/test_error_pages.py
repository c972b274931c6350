"""error-pages in a real gateway: pages for browsers, documents for programs, upstreams' errors, maintenance."""
import json

import pytest

from kit.gateway import GatewayDied
from kit.origin import reply
from kit.ports import free_port
from kit.process import wait_for

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@", plugins: [pages], protocols: [h2, http/1.1] }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
  dead: { servers: ["127.0.0.1:@dead@"] }
plugins:
  pages:
    use: error-pages
    pages:
      - { status: 404, file: "@dir@/missing.html" }
      - { status: [401, 4xx, 5xx], text: "<p>{{status}} {{code}} {{request_id}} {{retry_after}}</p>", type: text/html }
    maintenance: { file: "@dir@/closed", except: { paths: [/open] } }
  theirs: { use: error-pages, upstream: pages }
  report: { use: error-pages, upstream: all, mode: report }
  limit: { use: rate-limit, rate: 1/d }
  login: { use: jwt, issuer: "https://issuer.example/", audience: "a", jwks: "file:@dir@/keys.json", algorithms: [RS256] }
routes:
  - { name: app, match: { path: /app }, upstream: app }
  - { name: theirs, match: { path: /theirs }, plugins: [theirs], upstream: app }
  - { name: report, match: { path: /report }, plugins: [report], upstream: app }
  - { name: dead, match: { path: /dead }, upstream: dead }
  - { name: open, match: { path: /open }, respond: { body: "open" } }
  - { name: limited, match: { path: /limited }, plugins: [limit], respond: { status: 204 } }
  - { name: login, match: { path: /login }, plugins: [login], respond: { status: 204 } }
  - { name: own, match: { path: /own }, respond: { status: 410, body: "moved out" } }
  - { name: bare, match: { path: /bare }, respond: { status: 410 } }
"""
BROWSER = [("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")]
MISSING = "<style>p { color: red }</style><p>{{path}} at {{host}}</p>"


@pytest.fixture
def start(gateway, rs256):
    files = {"missing.html": MISSING, "keys.json": json.dumps({"keys": [rs256.jwk()]})}
    return lambda app=1: gateway(CONFIG, app=app, dead=free_port(), files=files)


def is_problem(r, code):
    return r.header("content-type") == "application/problem+json" and json.loads(r.body)["type"].endswith(code)


def test_browsers_get_pages_and_programs_documents(start, h2):
    g = start()
    r = g.get("/%3Cscript%3E/x", BROWSER)
    assert r.status == 404 and r.header("content-type") == "text/html; charset=utf-8" and r.header("vary") == "Accept"
    assert r.text == "<style>p { color: red }</style><p>/%3Cscript%3E/x at localhost</p>"
    assert r.header("content-length") == str(len(r.body))
    for accept in ([], [("Accept", "*/*")], [("Accept", "application/json")]):
        r = g.get("/nowhere", accept)
        assert r.status == 404 and is_problem(r, "no-route") and r.header("vary") == "Accept"
    r = g.get("/dead", BROWSER)
    line = [line for line in g.access(5) if line["status"] == 502][0]
    assert r.status == 502 and r.text == f"<p>502 {line['reason']} {line['id']} </p>", "log and page tell the same"
    r = g.request("HEAD", "/nowhere", BROWSER)
    assert r.status == 404 and r.header("content-type").startswith("text/html") and r.body == b""
    r = h2(g.port(), tls=False).get("/nowhere", BROWSER)
    assert r.status == 404 and b"/nowhere at" in r.body


def test_the_head_stays(start):
    g = start()
    assert g.get("/limited", BROWSER).status == 204
    r = g.get("/limited", BROWSER)
    assert r.status == 429 and r.text.startswith("<p>429 rate-limited ") and r.fields.all("retry-after") != []
    assert r.text.endswith(f" {r.header('retry-after')}</p>") and len(r.fields.all("retry-after")) == 1
    r = g.get("/login", BROWSER)
    assert r.status == 401 and r.header("www-authenticate").startswith("Bearer") and r.text.startswith("<p>401 ")


def test_answers_on_purpose_stay(start):
    g = start()
    assert g.get("/own", BROWSER).text == "moved out"
    assert g.get("/bare", BROWSER).text.startswith("<p>410 ")


def test_errors_of_upstreams(start, origin):
    up = origin(reply(500, b"<h1>trace</h1>", [("Content-Type", "text/html"), ("ETag", '"a"'), ("Set-Cookie", "a=b")]))
    g = start(up.port)
    assert g.get("/app", BROWSER).text == "<h1>trace</h1>"
    r = g.get("/theirs", BROWSER)
    assert r.status == 500 and "<h1>Internal Server Error</h1>" in r.text and "etag" not in r.fields and r.header("set-cookie") == "a=b"
    assert "trace" not in r.text
    r = g.get("/report", BROWSER)
    assert r.text == "<h1>trace</h1>" and r.header("etag") == '"a"'
    up.behave(reply(500, b"x" * 300000, [("Content-Type", "text/plain")], chunked=True))
    assert "<h1>Internal Server Error</h1>" in g.get("/theirs", BROWSER).text
    up.behave(reply(422, b'{"field": "name"}', [("Content-Type", "application/json")]))
    assert g.get("/theirs", BROWSER).body == b'{"field": "name"}'
    up.behave(reply(200, b"<h1>ok</h1>", [("Content-Type", "text/html")]))
    assert g.get("/theirs", BROWSER).text == "<h1>ok</h1>"


def test_maintenance(start, folder):
    g = start()
    assert g.get("/open").body == b"open"
    closed = folder / "gateway1/closed"
    closed.touch()
    wait_for(lambda: g.get("/own").status == 503, what="maintenance")
    r = g.get("/own", BROWSER)
    assert r.text.startswith("<p>503 maintenance ") and r.header("retry-after") == "300" and r.header("cache-control") == "no-store"
    assert is_problem(g.get("/nowhere"), "maintenance") and g.get("/open").body == b"open"
    closed.unlink()
    wait_for(lambda: g.get("/own").status == 410, what="the end of maintenance")


def test_a_changed_page_is_there_after_a_reload(start, folder):
    g = start()
    (folder / "gateway1/missing.html").write_text("<p>new</p>")
    assert b"new" not in g.get("/nowhere", BROWSER).body
    g.reload()
    assert g.get("/nowhere", BROWSER).body == b"<p>new</p>"


def test_mistakes_have_a_place(gateway):
    config = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  pages:
    use: error-pages
    pages:
      - { status: [404, 200], text: a }
      - { status: 5xx, text: "{{stauts}}" }
routes:
  - { name: all, match: { path: /* }, plugins: [pages], respond: { status: 200 } }
"""
    with pytest.raises(GatewayDied) as e:
        gateway(config)
    said = str(e.value)
    assert 'sluice.yaml:8:25: error: plugins.pages.pages[0].status[1]: "200" is no status of an error' in said
    assert "sluice.yaml:9:30: error: plugins.pages.pages[1].text: has no such placeholder: {{stauts}}" in said
    assert "{{status}}, {{title}}" in said
