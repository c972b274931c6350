"""A route's expression met a cookie of more than 4 KiB, and the client got a 500: values of any length are matched."""

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@", max_head: 128KiB }
routes:
  - { name: all, match: {}, respond: { status: 200, body: "all" } }
  - { name: cookie, match: { path: /c, headers: { cookie: "regex:(?:[^;]*; )*sid=a+" } }, respond: { status: 200, body: "cookie" } }
  - { name: query, match: { path: /q, query: { q: "regex:z*" } }, respond: { status: 200, body: "query" } }
"""


def test_long_cookies_and_query_values_are_matched(gateway):
    g = gateway(CONFIG)
    for n in (1000, 4096, 4097, 20000, 60000):
        cookie = "a=" + "b" * n + "; sid=aaa"
        assert g.get("/c", [("Cookie", cookie)]).body == b"cookie", n
        r = g.get("/c", [("Cookie", cookie + "-")])
        assert (r.status, r.body) == (200, b"all"), n
        r = g.get("/c", [("Cookie", "a=" + "b" * n), ("Cookie", "sid=a")])
        assert r.status in (200, 400), n  # two lines are one value, or are refused; never a failure of the gateway
    for n in (1000, 4096, 4097, 6000):
        assert g.get("/q?q=" + "z" * n).body == b"query", n
        assert g.get("/q?q=" + "%7a" * (n // 3)).body == b"query", n
        assert g.get("/q?q=" + "z" * n + "y").body == b"all", n
