"""Nobody gets a fresh limit by writing the same thing in another way, by another address of the same client, or by crowding others
out; and nobody is kept out by a limit that is gone."""
import pytest

from kit.tokens import refusal

CONFIG = """
listeners:
  - {{ name: public, address: "127.0.0.1:@public@", trusted_proxies: [127.0.0.1] }}
stores:
  small: {{ memory: 128KiB }}
  shared: {{ redis: "@redis@", timeout: 1s }}
plugins:
  limit: {{ use: rate-limit, rate: {rate}, by: "{by}", store: {store}, timeout: 2s, on_store_failure: deny{more} }}
  other: {{ use: rate-limit, rate: 3/d, by: "header:x-other", store: small, on_store_failure: deny }}
routes:
  - {{ name: users, match: {{ path: "/users/{{id}}" }}, plugins: [limit], respond: {{ status: 200 }} }}
  - {{ name: other, match: {{ path: /other }}, plugins: [other], respond: {{ status: 200 }} }}
  - {{ name: all, match: {{ path: /* }}, plugins: [limit], respond: {{ status: 200, body: "{{scheme}}" }} }}
"""


@pytest.fixture(params=["memory", "redis"])
def limited(request, gateway, redis):
    """limited(by): a gateway that lets three requests through for each value of it."""
    url = redis().url if request.param == "redis" else "redis://127.0.0.1:1"
    store = "shared" if request.param == "redis" else "small"

    def start(by, rate="3/d", more=""):
        g = gateway(CONFIG.format(by=by, rate=rate, store=store, more=more), redis=url)
        g.config_for = lambda rate, by=by: CONFIG.format(by=by, rate=rate, store=store, more=more)
        return g
    return start


def statuses(g, targets, headers=()):
    return [g.get(t, list(headers)).status for t in targets]


def test_a_parameter_cannot_be_written_so_that_it_counts_anew(limited):
    g = limited("query:key")
    assert statuses(g, ["/?key=secret", "/?key=%73ecret", "/?k%65y=secret", "/?key=s%65cre%74", "/?a=1&key=secret&b"]) == \
        [200, 200, 200, 429, 429]
    assert statuses(g, ["/?key=a+b", "/?key=a%20b", "/?key=a%2Bb"]) == [200] * 3


@pytest.mark.parametrize("by, ask", [
    ("query:key", lambda g, n: g.get(f"/?key=fresh{n}&key=secret")),
    ("query:key", lambda g, n: g.get(f"/?key=secret&k%65y=fresh{n}")),
    ("query:key", lambda g, n: g.get("/?" + "&".join(["key=secret"] * (n + 2)))),
    ("header:x-key", lambda g, n: g.get("/", [("x-key", f"fresh{n}"), ("x-key", "secret")])),
    ("cookie:key", lambda g, n: g.get("/", [("cookie", f"key=fresh{n}; key=secret")])),
    ("cookie:key", lambda g, n: g.get("/", [("cookie", f"key=fresh{n}"), ("cookie", "key=secret")])),
], ids=["parameter", "parameter-behind", "same-parameter", "field", "cookie", "two-cookie-fields"])
def test_a_fresh_copy_of_a_repeated_key_is_no_way_around_the_limit(limited, by, ask):
    g = limited(by, more=", missing: skip")
    answers = [ask(g, n) for n in range(5)]
    assert [(r.status, refusal(r)) for r in answers] == [(400, "repeated-key")] * 5


def test_a_part_of_the_path_cannot_be_escaped_around_the_limit(limited):
    g = limited("path:id")
    assert statuses(g, ["/users/@lice", "/users/%40lice", "/users/%40%6cice", "/users/@lic%65"]) == [200, 200, 200, 429]


def test_a_client_of_ipv6_has_one_limit_for_its_slash_64(limited):
    g = limited("ip")
    addresses = ["2001:db8:1:2::1", "2001:db8:1:2:ffff::2", "2001:db8:1:2:0:1:2:3", "2001:db8:1:2::4", "2001:db8:1:3::1"]
    assert [g.get("/", [("x-forwarded-for", a)]).status for a in addresses] == [200, 200, 200, 429, 200]


def test_scheme_is_what_a_trusted_proxy_tells(limited):
    g = limited("scheme")
    assert g.get("/", [("x-forwarded-proto", "https"), ("x-forwarded-for", "192.0.2.1")]).body == b"https"
    told = [("x-forwarded-proto", "https"), ("x-forwarded-for", "192.0.2.1")]
    assert statuses(g, ["/"] * 3, told) == [200, 200, 429]
    assert statuses(g, ["/"]) == [200], "which is not http"


def test_a_loosened_limit_keeps_nobody_out(limited):
    """1/h used up, then 100/s: who asks on gets in at once, not in an hour."""
    g = limited("header:x-key", rate="1/h")
    key = [("x-key", "a")]
    assert statuses(g, ["/"] * 3, key) == [200, 429, 429]
    g.reload(g.config_for("100/s"))
    seen = statuses(g, ["/"] * 40, key)
    assert 200 in seen, "the old time still counts"


def test_one_limit_full_of_keys_switches_off_no_other(gateway):
    """128 KiB hold some thousand keys: a flood of ten thousand takes nothing from the other limit of the same store."""
    g = gateway(CONFIG.format(by="header:x-key", rate="3/d", store="small", more=""), redis="redis://127.0.0.1:1")
    mine = [("x-other", "me")]
    assert statuses(g, ["/other"] * 4, mine) == [200, 200, 200, 429]
    assert statuses(g, ["/"] * 4, [("x-key", "used-up")]) == [200, 200, 200, 429]
    with g.connect("public") as c:
        for n in range(10000):
            assert c.get("/", [("x-key", f"k{n}")]).status == 200
    assert statuses(g, ["/other"] * 2, mine) == [429, 429]
    assert statuses(g, ["/"] * 2, [("x-key", "used-up")]) == [429, 429], "who is held back stays so"
    assert statuses(g, ["/"] * 4, [("x-key", "newcomer")]) == [200, 200, 200, 429], "a newcomer is counted"
    evictions = [line for line in g.admin("/metrics").body.decode().splitlines() if line.startswith("sluice_store_evictions_total")]
    assert any('store="small"' in line and "limit" in line and float(line.split()[-1]) > 1000 for line in evictions), evictions
