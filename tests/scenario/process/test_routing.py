"""Which route takes a request, where it is easily expected otherwise."""

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
  - { name: other, address: "127.0.0.1:@other@" }
routes:
  - { name: all, match: {}, respond: { status: 200, body: "all" } }
  - { name: user, match: { path: "regex:/u/[0-9]+" }, respond: { status: 200, body: "user" } }
  - { name: bound, match: { listener: other }, respond: { status: 200, body: "bound" } }
  - { name: hosted, match: { host: app.test, path: /* }, respond: { status: 200, body: "hosted" } }
"""


def test_an_expression_wins_against_a_catch_all(gateway):
    g = gateway(CONFIG)
    assert g.get("/u/7").body == b"user"
    assert g.get("/u/x").body == b"all"


def test_a_listener_is_only_a_condition(gateway):
    g = gateway(CONFIG)
    assert g.get("/", [("Host", "app.test")], listener="other").body == b"hosted", "the host counts before the listener"
    assert g.get("/", listener="other").body == b"bound"
