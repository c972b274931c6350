"""Answers of a route itself: placeholders in fields and body, a body from a file, and redirects that lead where the operator says."""
import json

import pytest

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@", trusted_proxies: [127.0.0.1] }
routes:
  - name: away
    match: { path: /away/* }
    respond: { status: 301, headers: { Location: "https://{host}{target}" } }
  - name: moved
    match: { path: "/users/{id}" }
    respond: { status: 302, headers: { Location: "/people/{path:id}" } }
  - name: back
    match: { path: /back }
    respond: { status: 303, headers: { Location: "{query:next}" } }
  - name: tail
    match: { path: "regex:/tail(?<rest>.*)" }
    respond: { status: 302, headers: { Location: "{path:rest}", X-Rest: "{path:rest}" } }
  - name: json
    match: { path: /json }
    respond: { content_type: application/json, body: '{"ip":"{ip}","q":"{query:q}","deep":{"a":{}}}' }
  - name: html
    match: { path: /html }
    respond: { content_type: text/html, body: "<p style='{color: red}'>{query:q}</p>" }
  - name: file
    match: { path: /file }
    respond: { content_type: text/html, body: "file:page.html" }
  - name: all
    match: { path: /x }
    respond: { headers: { X-Seen: "{method} {scheme} {host} {header:x-a}", X-Set: "{query:q}", X-Braces: "{{}}" }, body: "{route}" }
"""


@pytest.fixture
def g(gateway):
    return gateway(CONFIG, files={"page.html": "<b>{ip} is not replaced</b>\n"})


def location(r):
    return r.header("location")


def test_a_redirect_to_https_keeps_host_path_and_query(g):
    r = g.get("/away/a%20b?x=1%202&y", [("host", "Shop.example:8080")])
    assert r.status == 301 and location(r) == "https://shop.example/away/a%20b?x=1%202&y"


@pytest.mark.parametrize("host", ["evil.test@shop.example", "evil.test/x", "evil.test?x", "evil.test#x", "a\tb", "a b", "a\\b"])
def test_a_host_that_is_none_reaches_no_redirect(g, raw, host):
    c = raw(g.port())
    c.send(b"GET /away/ HTTP/1.1\r\nHost: " + host.encode() + b"\r\nConnection: close\r\n\r\n")
    assert c.response().status == 400


@pytest.mark.parametrize("target, leads", [
    ("/users/a%2Fb", "/people/a%2Fb"),
    ("/users/%2F%2Fevil.test", "/people/%2F%2Fevil.test"),
    ("/back?next=//evil.test/", "%2F%2Fevil.test%2F"),
    ("/back?next=https://evil.test/", "https%3A%2F%2Fevil.test%2F"),
    ("/back?next=%0d%0aX-Evil:%201", "%0D%0AX-Evil%3A%201"),
    ("/tail//evil.test", "/evil.test"),
    ("/tailhttps:evil.test", "./https:evil.test"),
])
def test_a_request_does_not_choose_where_a_redirect_leads(g, target, leads):
    r = g.get(target)
    assert location(r) == leads and r.header("x-evil") is None


def test_no_value_begins_another_header_line(g):
    r = g.get("/x?q=a%0d%0aX-Evil:%201", [("x-a", "1")])
    assert r.status == 200 and r.header("x-evil") is None and r.header("x-set") is None
    assert r.header("x-seen").startswith("GET http ") and r.header("x-seen").endswith(" 1")
    assert r.header("x-braces") == "{}" and r.body == b"all"
    r = g.get("/x?q=plain", [("x-a", "1"), ("x-forwarded-proto", "https"), ("x-forwarded-for", "192.0.2.1")])
    assert r.header("x-set") == "plain" and r.header("x-seen").startswith("GET https ")


def test_a_field_without_its_value_is_left_out(g):
    assert g.get("/x").header("x-seen") is None


def test_values_stay_within_a_body(g):
    r = g.get("/json?q=%22%7D%2C%0a%5c")
    assert json.loads(r.body) == {"ip": "127.0.0.1", "q": '"},\n\\', "deep": {"a": {}}}
    r = g.get("/html?q=%3Cscript%3E%26")
    assert r.body == b"<p style='{color: red}'>&lt;script&gt;&amp;</p>"


def test_a_body_from_a_file(g):
    r = g.get("/file")
    assert r.body == b"<b>{ip} is not replaced</b>\n" and r.header("content-type") == "text/html"
