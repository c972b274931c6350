"""What a listener may do otherwise: Via, slashes in paths; fields that stand there twice; the type of a problem."""
import json

import pytest

from kit.gateway import GatewayDied
from kit import configs

H2 = "protocols: [http/1.1, h2]"


def ask(g, raw, h2, by, target, headers=()):
    if by == "h1":
        return raw(g.port()).get(target, list(headers))
    return h2(g.port(), tls=False).request("GET", target, [(n.lower(), v) for n, v in headers])


BOTH = pytest.mark.parametrize("by", ["h1", "h2"])


@BOTH
def test_via_false_writes_none(proxied, raw, h2, by):
    g, up = proxied(listener=H2 + ", via: false")
    ask(g, raw, h2, by, "/", [("Via", "1.1 before")])
    assert up.requests[0].fields.all("via") == ["1.1 before"]


@BOTH
@pytest.mark.parametrize("target,sent", [
    ("/bucket//key", "/bucket//key"), ("/unsafe/https://img.test//x.png", "/unsafe/https://img.test//x.png"),
    ("//a", "//a"), ("/a/./b//c/../d", "/a/b//d"), ("/%41//b", "/A//b"), ("/a/b?x=//y", "/a/b?x=//y"), ("/a//?x", "/a//?x")])
def test_slashes_that_are_kept(proxied, raw, h2, by, target, sent):
    g, up = proxied(listener=H2 + ", merge_slashes: false")
    assert ask(g, raw, h2, by, target).status == 200
    assert up.requests[0].target == sent


@BOTH
@pytest.mark.parametrize("target", ["/a//../b", "//..", "/a//%2e%2e/b", "/..//b"])
def test_dots_behind_kept_slashes_can_be_read_in_two_ways(proxied, raw, h2, by, target):
    g, up = proxied(listener=H2 + ", merge_slashes: false")
    assert ask(g, raw, h2, by, target).status == 400
    assert not up.requests and g.access(1)[0]["reason"] == "bad-target"


@BOTH
@pytest.mark.parametrize("target", ["//admin", "/admin//x", "//admin//x", "///admin/./x"])
def test_kept_slashes_get_past_no_route(gateway, raw, h2, by, target):
    """An upstream may merge them: what is closed below /admin is closed however many slashes lead there."""
    g = gateway("""
listeners:
  - { name: public, address: "127.0.0.1:@public@", protocols: [http/1.1, h2], merge_slashes: false }
routes:
  - { name: all, match: { path: /* }, respond: { body: open } }
  - { name: admin, match: { path: /admin/* }, respond: { status: 403 } }
  - { name: top, match: { path: /admin }, respond: { status: 403 } }
""")
    assert ask(g, raw, h2, by, target).status == 403


@BOTH
@pytest.mark.parametrize("options,target,status,sent", [
    ("", "/admin%2Fx", 200, "/admin%2Fx"),
    ("escaped_slashes: decode", "/admin%2fx", 403, None),
    ("escaped_slashes: decode", "/a%2Fb;c?d=%2F", 200, "/a/b;c?d=%2F"),
    ("escaped_slashes: refuse", "/admin%2Fx", 400, None),
    ("", "/admin;a=1/x", 200, "/admin;a=1/x"),
    ("path_parameters: strip", "/admin;a=1/x", 403, None),
    ("path_parameters: strip", "/a;b=1/c;d", 200, "/a/c"),
    ("path_parameters: refuse", "/admin;a=1/x", 400, None),
])
def test_spellings_get_past_no_route(gateway, origin, raw, h2, by, options, target, status, sent):
    up = origin()
    g = gateway("""
listeners:
  - { name: public, address: "127.0.0.1:@public@", protocols: [http/1.1, h2], OPTIONS }
upstreams: { app: { servers: ["127.0.0.1:@app@"] } }
routes:
  - { name: all, match: { path: /* }, upstream: app }
  - { name: admin, match: { path: /admin/* }, respond: { status: 403 } }
""".replace("OPTIONS", options or "via: true"), app=up.port)
    assert ask(g, raw, h2, by, target).status == status
    assert [r.target for r in up.requests] == ([sent] if sent else [])
    assert status != 400 or g.access(1)[0]["reason"] == "path-ambiguous"


@BOTH
@pytest.mark.parametrize("fields,status,left", [
    ([("Content-Type", "a/b"), ("Content-Type", "a/b")], 200, ["a/b"]),
    ([("Content-Type", "a/b"), ("Content-Type", "a/c")], 400, None),
    ([("Authorization", "Basic eA=="), ("Authorization", "Basic eA==")], 200, ["Basic eA=="]),
    ([("Authorization", "Basic eA=="), ("Authorization", "Basic eQ==")], 400, None),
    ([("Origin", "http://a"), ("Origin", "http://b")], 400, None),
    ([("traceparent", "00-1"), ("traceparent", "00-1")], 200, ["00-1"]),
    ([("traceparent", "00-1"), ("traceparent", "00-2")], 200, []),
    ([("User-Agent", "a"), ("User-Agent", "b")], 200, ["a", "b"])])
def test_repeated_fields_are_refused_only_where_they_can_be_read_in_two_ways(proxied, raw, h2, by, fields, status, left):
    g, up = proxied(listener=H2)
    assert ask(g, raw, h2, by, "/", fields).status == status
    assert left is None or up.requests[0].fields.all(fields[0][0].lower()) == left


def test_the_type_of_a_problem_is_the_operators(gateway, raw):
    config = configs.HELLO + 'problems: { type: "https://api.example.com/problems/" }\n'
    assert json.loads(raw(gateway(config).port()).get("/x").body)["type"] == "https://api.example.com/problems/no-route"
    assert json.loads(raw(gateway(configs.HELLO).port()).get("/x").body)["type"] == "urn:sluice:problem:no-route"


def test_an_empty_type_of_a_problem(gateway):
    with pytest.raises(GatewayDied, match="problems.type"):
        gateway(configs.HELLO + 'problems: { type: "" }\n')
