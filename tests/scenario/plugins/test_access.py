"""access in a real gateway: rules over facts of jwt, 401 and 403, reasons in the log, report mode, and conditions that plugins change."""
import json
from collections import Counter

import pytest

from kit.gateway import GatewayDied
from kit.tokens import jwks

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
  - { name: early, address: "127.0.0.1:@early@", plugins: [strip, stop] }
plugins:
  login: { use: jwt, issuer: "https://idp.test/", audience: api, jwks: "file:jwks.json", optional: true }
  rules:
    use: access
    challenge: 'Bearer realm="api"'
    rules:
      - { name: read, action: allow, when: { methods: [GET], path: /orders/* } }
      - { name: write, action: allow, code: writers-only, when: { path: /orders/*, facts: { consumer: "*" } },
          has_all: { "claim:scope": [orders:write] } }
      - { name: secret, action: deny, code: nobody-here, detail: "Not even you.", when: { path: /admin/secret } }
      - { name: admin, action: allow, when: { path: /admin/* }, has_any: { "claim:groups": [admin, operator] } }
  trial:
    use: access
    mode: report
    rules: [{ name: none, action: allow, when: { path: /nowhere } }]
  strip: { use: headers, request: { remove: [X-Internal] } }
  stop: { use: access, rules: [{ name: internal, action: deny, code: internal-field, when: { headers: { X-Internal: "*" } } }], otherwise: allow }
routes:
  - { name: trial, match: { path: /trial }, plugins: [trial], respond: { body: "tried" } }
  - { name: internal, match: { path: /early, headers: { X-Internal: "*" } }, respond: { body: "internal" } }
  - { name: early, match: { path: /early }, respond: { body: "outside" } }
  - { name: all, match: { path: /* }, plugins: [login, rules], respond: { body: "done" } }
"""


@pytest.fixture
def g(gateway, rs256):
    return gateway(CONFIG, files={"jwks.json": jwks(rs256)})


def test_who_may_do_what(g, rs256):
    def ask(method, path, **claims):
        token = {"Authorization": f"Bearer {rs256.mint(**claims)}"} if claims else {}
        return g.request(method, path, token)
    assert ask("GET", "/orders/1").status == 200
    r = ask("POST", "/orders/1")
    assert r.status == 401 and r.header("www-authenticate") == 'Bearer realm="api"'
    assert json.loads(r.body)["type"].endswith(":access-no-rule")
    r = ask("POST", "/orders/1", sub="alice", scope="orders:read")
    assert r.status == 403 and "www-authenticate" not in r.fields
    assert ask("POST", "/orders/1", sub="alice", scope="orders:read orders:write").status == 200
    assert ask("GET", "/admin/users", sub="alice", groups=["staff"]).status == 403
    assert ask("GET", "/admin/users", sub="alice", groups=["staff", "operator"]).status == 200
    r = ask("GET", "/admin/secret", sub="alice", groups=["admin"])
    assert r.status == 403 and json.loads(r.body)["detail"] == "Not even you."
    assert Counter(e.get("reason") for e in g.access(7)) == {None: 3, "access-no-rule": 3, "nobody-here": 1}


def test_report_mode_lets_requests_pass(g):
    r = g.get("/trial")
    assert r.status == 200 and r.body == b"tried"
    assert "access-no-rule" in json.dumps(g.access(1))


def test_a_field_that_a_plugin_removed_is_not_there(g):
    """Neither a condition of a later plugin nor a route is met by it."""
    r = g.get("/early", {"X-Internal": "1"}, listener="early")
    assert r.status == 200 and r.body == b"outside"
    assert g.get("/early", {"X-Internal": "1"}).body == b"internal"


def test_fields_of_the_connection_can_be_asked_for(gateway, raw):
    """They are not forwarded, and are there all the same."""
    g = gateway("""
listeners: [{ name: public, address: "127.0.0.1:@public@" }]
plugins:
  no-switch:
    use: access
    otherwise: allow
    rules: [{ name: no-switch, action: deny, when: { path: /chat, headers: { Upgrade: "*" } } }]
routes:
  - { name: socket, match: { path: /route, headers: { Upgrade: websocket } }, respond: { body: "socket" } }
  - { name: all, plugins: [no-switch], respond: { body: "page" } }
""")
    switch = [("Connection", "Upgrade"), ("Upgrade", "websocket")]
    with raw(g.port()) as c:
        assert c.request("GET", "/chat", switch).response("GET").status == 403
    with raw(g.port()) as c:
        assert c.request("GET", "/route", switch).response("GET").body == b"socket"
    assert g.get("/chat").body == b"page" and g.get("/route").body == b"page"


def test_a_group_with_a_blank_or_a_comma_is_not_several(g, rs256):
    def status(*groups):
        return g.get("/admin/users", {"Authorization": f"Bearer {rs256.mint(sub='m', groups=list(groups))}"}).status
    assert [status("my admin"), status("x,admin"), status("x", "admin")] == [403, 403, 200]


def test_mistakes_are_found_where_they_stand(gateway):
    with pytest.raises(GatewayDied) as died:
        gateway("""
listeners: [{ name: public, address: "127.0.0.1:@public@" }]
plugins:
  rules:
    use: access
    rules:
      - name: a
        action: allow
        when:
          pth: /x
      - name: b
        action: allow
        when:
          path: x
      - name: c
        action: allow
        when:
          facts: { adress: x }
routes: [{ name: all, plugins: [rules], respond: { status: 204 } }]
""")
    said = str(died.value)
    assert ':10:11: error: plugins.rules.rules[0].when: unknown key "pth"' in said and "did you mean path?" in said, said
    assert ":14:17: error: plugins.rules.rules[1].when.path: a path starts with" in said, said
    assert ":18:28: error: plugins.rules.rules[2].when.facts.adress: there is no fact" in said, said


FROM = """
listeners:
  - { name: public, address: "127.0.0.1:@public@", trusted_proxies: [127.0.0.0/8] }
plugins:
  inside:
    use: access
    rules: [{ name: inside, action: allow, from: [10.0.0.0/8, "2001:db8::/32"] }, { name: read, action: allow, when: { methods: [GET] }, from: 192.0.2.7 }]
routes:
  - { name: all, match: { path: /* }, plugins: [inside], respond: { body: "in" } }
"""


def test_where_clients_are(gateway):
    g = gateway(FROM)

    def ask(address, method="GET"):
        return g.request(method, "/", {"X-Forwarded-For": address}).status
    assert [ask(a) for a in ("10.1.2.3", "2001:db8::7", "192.0.2.7", "192.0.2.8", "11.0.0.1")] == [200, 200, 200, 403, 403]
    assert ask("192.0.2.7", "POST") == 403 and ask("10.1.2.3", "POST") == 200
    with pytest.raises(GatewayDied, match=r"from\[0\].*10.0.0.0/33"):
        gateway(FROM.replace("10.0.0.0/8", "10.0.0.0/33"))
