"""headers in a real gateway: both directions, placeholders, and the places of mistakes."""
import pytest

from kit.gateway import GatewayDied
from kit.origin import echo, reply
from kit.ports import free_port

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
  dead: { servers: ["127.0.0.1:@dead@"] }
plugins:
  out:
    use: headers
    response: { set: { X-Route: "{route}", X-Up: "{upstream}" }, add: { Vary: Origin }, remove: [X-Secret, Server] }
  in:
    use: headers
    request:
      set: { X-Client: "{ip}", X-Line: "{method} {scheme}://{host}{path} q={query:q} c={cookie:id}", X-Id: "{request_id}" }
      add: { X-Tag: one }
      remove: [X-Debug]
  host: { use: headers, request: { set: { Host: "inner.test:8080" } } }
  any-host: { use: headers, request: { set: { Host: "{header:X-Host}" } } }
  limit: { use: rate-limit, rate: 1/d }
routes:
  - { name: all, match: { path: /* }, plugins: [out, in], upstream: app }
  - { name: host, match: { path: /host }, plugins: [host], upstream: app }
  - { name: any-host, match: { path: /any-host }, plugins: [any-host], upstream: app }
  - { name: dead, match: { path: /dead }, plugins: [out], upstream: dead }
  - { name: limited, match: { path: /limited }, plugins: [out, limit], respond: { status: 204 } }
  - { name: hidden, match: { path: /hidden }, plugins: [{ use: rate-limit, rate: 1/d }, out], respond: { status: 204 } }
"""


def test_requests_and_responses(gateway, origin):
    up = origin(reply(200, b"ok", [("X-Secret", "s"), ("Vary", "Accept"), ("X-Route", "theirs")]))
    g = gateway(CONFIG, app=up.port)
    r = g.get("/a/b?x=1&q=2", [("X-Client", "forged"), ("x_client", "forged"), ("X-Tag", "zero"), ("X-Debug", "1"),
                               ("Cookie", "a=b; id=7"), ("X-Request-ID", "abc")])
    assert r.status == 200
    got = up.wait(1)[0].fields
    assert got.all("x-client") == ["127.0.0.1"] and "x_client" not in got and "x-debug" not in got
    assert got.all("x-tag") == ["zero", "one"]
    assert got.get("x-line") == "GET http://localhost/a/b q=2 c=7"
    assert got.get("x-id") == "abc"
    assert r.header("x-route") == "all" and r.header("x-up") == "app"
    assert r.fields.all("vary") == ["Accept", "Origin"] and "x-secret" not in r.fields


def test_a_missing_value_leaves_the_field_out(gateway, origin):
    up = origin(echo)
    g = gateway(CONFIG, app=up.port)
    g.get("/", [("X-Line", "forged")])
    assert "x-line" not in up.wait(1)[0].fields


def test_host(gateway, origin):
    up = origin(echo)
    g = gateway(CONFIG, app=up.port)
    assert g.get("/host", host="outer.test").status == 200
    got = up.wait(1)[0].fields
    assert got.get("host") == "inner.test:8080" and got.get("x-forwarded-host") == "outer.test"
    assert 'host="outer.test"' in got.get("forwarded")
    for bad in ('a"b', "a b", "a/b", "u@h", "", "a:99999"):
        assert g.get("/any-host", [("X-Host", bad)], host="outer.test").status == 200
        assert up.requests[-1].fields.get("host") == "outer.test"
    assert g.get("/any-host", [("X-Host", "h.test")], host="outer.test").status == 200
    assert up.requests[-1].fields.get("host") == "h.test"


def test_answers_of_the_gateway_too(gateway):
    g = gateway(CONFIG, app=1, dead=free_port())
    r = g.get("/dead")
    assert r.status == 502 and r.header("x-route") == "dead" and "server" not in r.fields
    assert g.get("/limited").status == 204
    r = g.get("/limited")
    assert r.status == 429 and r.header("x-route") == "limited"
    assert g.get("/hidden").status == 204
    r = g.get("/hidden")
    assert r.status == 429 and "x-route" not in r.fields, "what stands behind the refusal was not reached"


REPLACE = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
plugins:
  change:
    use: headers
    request: { replace: [{ field: Accept-Language, match: "(en|de).*", with: "$1" }] }
    response:
      replace:
        - { field: Location, match: "http://(.*)", with: "https://$1" }
        - { field: Set-Cookie, match: "(.*); Domain=inner[.]test(.*)", with: "$1; Domain={host}$2" }
routes:
  - { name: all, match: { path: /* }, plugins: [change], upstream: app }
"""


def test_parts_of_values(gateway, origin):
    up = origin(reply(302, b"", [("Location", "http://app.test/x"), ("Set-Cookie", "a=1; Domain=inner.test; Secure"), ("Set-Cookie", "b=2")]))
    g = gateway(REPLACE, app=up.port)
    r = g.get("/", [("Accept-Language", "de-CH, de;q=0.9")])
    assert up.wait(1)[0].fields.all("accept-language") == ["de"]
    assert r.header("location") == "https://app.test/x"
    assert r.fields.all("set-cookie") == ["a=1; Domain=localhost; Secure", "b=2"]


def test_mistakes_have_a_place(gateway, folder):
    config = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  h:
    use: headers
    request:
      set:
        X-A: "{header:x y}"
        Content-Length: 1
      remove: [X-B, "X C"]
    response:
      add: { X-D: "a}" }
      sett: { X-E: 1 }
routes:
  - { name: all, match: { path: /* }, plugins: [h], respond: { status: 200 } }
"""
    with pytest.raises(GatewayDied) as e:
        gateway(config)
    said = str(e.value)
    assert 'sluice.yaml:14:7: error: plugins.h.response: unknown key "sett"' in said and "did you mean set?" in said
    with pytest.raises(GatewayDied) as e:
        gateway(config.replace("sett: {", "set: {"))
    said = str(e.value)
    assert "sluice.yaml:9:14: error: plugins.h.request.set.X-A: has the placeholder {header:x y}: that is not the name of a header field" in said
    assert 'sluice.yaml:10:25: error: plugins.h.request.set.Content-Length: field "Content-Length" frames the message' in said
    assert 'sluice.yaml:11:21: error: plugins.h.request.remove[1]: field "X C" is no name of a header field' in said
    assert "sluice.yaml:13:19: error: plugins.h.response.add.X-D: has a } that nothing opened" in said
