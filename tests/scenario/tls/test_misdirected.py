"""Requests for a host that their connection was not made for (RFC 9110 7.4): 421, on that request alone."""
import pytest

from kit.client import RawClient, tls_context

CONFIG = """
listeners:
  - name: public
    address: 127.0.0.1:@public@
    protocols: [h2, http/1.1]
    tls: { certificates: [ { certificate: "@cert@", private_key: "@key@" }, { certificate: "@cert2@", private_key: "@key2@" } ]%s }%s
routes:
  - { name: all, match: { path: /* }, respond: { status: 200, body: "hello" } }
"""


@pytest.fixture
def start(gateway, ca):
    def make(tls="", listener=""):
        one = ca.issue("a.test", "b.test", "*.wild.test", "127.0.0.3", stem="one")
        two = ca.issue("other.test", stem="two")
        return gateway(CONFIG % (tls, listener), cert=one.cert, key=one.key, cert2=two.cert, key2=two.key)
    return make


def statuses(g, h2, by, sni, hosts):
    if by == "h2":
        c = h2(g.port(), sni=sni)
        return [c.request("GET", "/", authority=host).status for host in hosts]
    with RawClient(("127.0.0.1", g.port()), tls=tls_context(), sni=sni) as c:
        return [c.get("/", host=host).status for host in hosts]


BOTH = pytest.mark.parametrize("by", ["h1", "h2"])


@BOTH
def test_a_host_unlike_sni_is_421_where_the_certificate_does_not_cover_it(start, h2, by):
    hosts = ["a.test", "b.test", "x.wild.test", "other.test", "a.test:8443", "evil.test", "A.TEST", "b.test"]
    assert statuses(start(), h2, by, "a.test", hosts) == [200, 200, 200, 421, 200, 421, 200, 200]


@BOTH
def test_the_name_that_was_asked_for_is_served_whatever_the_certificate_says(start, h2, by):
    assert statuses(start(), h2, by, "unknown.test", ["unknown.test", "a.test", "elsewhere.test"]) == [200, 200, 421]


def test_without_sni_the_certificate_decides(start, h2):
    hosts = ["a.test", "127.0.0.3", "127.0.0.1", "other.test", "127.0.0.4", "[::1]"]
    assert statuses(start(), h2, "h1", None, hosts) == [200, 200, 200, 421, 421, 421], \
        "and an address that the client connected to needs no name"


@BOTH
def test_a_certificate_that_is_not_shown_covers_nothing(start, h2, by):
    assert statuses(start(), h2, by, "other.test", ["other.test", "a.test", "other.test"]) == [200, 421, 200]


def test_the_refusal_has_a_code(start, h2):
    g = start()
    c = h2(g.port(), sni="a.test")
    r = c.request("GET", "/", authority="evil.test")
    assert r.status == 421 and b'"type":"urn:sluice:problem:misdirected"' in r.body
    line = g.access(1)[0]
    assert (line["reason"], line["host"]) == ("misdirected", "evil.test") and "route" not in line


@BOTH
def test_trusted_proxies_may_ask_for_any_host(start, h2, by):
    g = start(listener="\n    trusted_proxies: [127.0.0.1]")
    assert statuses(g, h2, by, "a.test", ["a.test", "evil.test"]) == [200, 200]


@BOTH
def test_the_option_lets_any_host_through(start, h2, by):
    assert statuses(start(tls=", match_host: false"), h2, by, "a.test", ["a.test", "evil.test"]) == [200, 200]
