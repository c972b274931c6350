"""Answers of the gateway's own: problem documents (RFC 9457)."""
import json

import pytest

from kit.configs import HELLO, PROXY


@pytest.mark.smoke
def test_a_problem_document(gateway):
    r = gateway(HELLO).get("/nowhere", [("X-Request-ID", "me-1")])
    assert r.status == 404 and r.header("Content-Type") == "application/problem+json"
    document = json.loads(r.body)
    assert document == {"type": "urn:sluice:problem:no-route", "title": "No route matches this request.",
                        "status": 404, "request_id": "me-1"}
    assert r.header("X-Request-ID") == "me-1" and r.header("Server") == "sluice"
    assert "connection" not in r.fields, "nothing is wrong with the connection"


def test_ids_agree(gateway):
    r = gateway(HELLO).get("/nowhere")
    assert json.loads(r.body)["request_id"] == r.header("X-Request-ID"), "one id in field, document and log"


def test_method_not_allowed(gateway):
    g = gateway("""
listeners: [{ name: public, address: "127.0.0.1:@public@" }]
routes:
  - { name: a, match: { path: /a, methods: [GET, POST] }, respond: { body: "a" } }
""")
    r = g.request("DELETE", "/a")
    assert r.status == 405 and json.loads(r.body)["type"].endswith(":method-not-allowed")
    assert {m.strip() for m in r.header("Allow").split(",")} >= {"GET", "POST"}


@pytest.mark.parametrize("request_line, status", [("GET /nowhere", 404), ("GET /..", 400), ("TRACE /", 501)])
def test_to_head_and_1_0(gateway, raw, request_line, status):
    g = gateway(HELLO)
    r = raw(g.port()).send(f"{request_line} HTTP/1.0\r\n\r\n").response()
    assert r.status == status and json.loads(r.body)["status"] == status


def test_head_has_the_length_and_no_body(gateway, raw):
    c = raw(gateway(HELLO).port())
    r = c.request("HEAD", "/nowhere").response("HEAD")
    assert r.status == 404 and int(r.header("Content-Length")) > 50
    assert c.get("/hello").status == 200


def test_unreachable_upstream(gateway, free_port):
    r = gateway(PROXY, app=free_port()).get("/")
    document = json.loads(r.body)
    assert r.status == 502 and document["type"] == "urn:sluice:problem:connect-failed"
    assert "127.0.0.1" not in r.text and "errno" not in r.text, "a client learns nothing about the inside"


def test_respond(gateway):
    g = gateway("""
listeners: [{ name: public, address: "127.0.0.1:@public@" }]
routes:
  - { name: a, match: { path: /a }, respond: { status: 201, body: "{}", content_type: application/json, headers: { X-A: "1" } } }
  - { name: b, match: { path: /b }, respond: { status: 204 } }
  - { name: c, match: { path: /c }, respond: { status: 302, headers: { Location: /a } } }
""")
    a, b, c = g.get("/a"), g.get("/b"), g.get("/c")
    assert (a.status, a.body, a.header("Content-Type"), a.header("X-A")) == (201, b"{}", "application/json", "1")
    assert (b.status, b.framing) == (204, "none")
    assert (c.status, c.header("Location"), c.body) == (302, "/a", b"")
