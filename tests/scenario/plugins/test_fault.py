"""fault in a real gateway: delays and errors, in front of other plugins, and clients that leave while they wait."""
import json
import time

CONFIG = """
listeners: [{ name: public, address: "127.0.0.1:@public@" }]
plugins:
  slow: { use: fault, when: { query: { slow: "*" } }, delay: { time: 300ms } }
  broken: { use: fault, when: { path: /broken }, abort: { status: 504, share: 100%, detail: "As you asked." } }
  never: { use: fault, abort: { share: 0.0001% } }
routes: [{ name: all, plugins: [slow, broken, never], respond: { body: "done" } }]
"""


def test_delays_and_errors(gateway):
    g = gateway(CONFIG)
    start = time.monotonic()
    assert g.get("/?slow=1").body == b"done" and time.monotonic() - start >= 0.3
    r = g.get("/broken")
    assert r.status == 504 and json.loads(r.body)["detail"] == "As you asked."
    assert g.get("/").status == 200
    said = [json.dumps(e) for e in g.access(3)]
    assert [sum(word in e for e in said) for word in ("fault-delay", "fault-injected")] == [1, 1]


def test_a_client_that_leaves_while_it_waits(gateway, raw):
    g = gateway(CONFIG)
    with raw(g.port()) as c:
        c.send(b"GET /?slow=1 HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(0.05)
    g.access(1)
    assert g.get("/").status == 200
