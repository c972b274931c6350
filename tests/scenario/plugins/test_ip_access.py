"""ip-access in a real gateway: routes, listeners, connections before TLS, trusted proxies, files that change."""
import os
import re
import ssl

import pytest

from kit.client import RawClient, tls_context
from kit.gateway import GatewayDied
from kit.process import wait_for

CONFIG = """
listeners:
  - name: public
    address: "127.0.0.1:@public@"
    trusted_proxies: [127.0.0.9]
  - name: guarded
    address: "127.0.0.1:@guarded@"
    trusted_proxies: [127.0.0.9]
    tls: { certificates: [{ certificate: "@cert@", private_key: "@key@" }] }
    plugins: [blocked]
plugins:
  blocked: { use: ip-access, deny: ["file:blocked.txt"], drop: true, refresh: 1s }
  office: { use: ip-access, allow: [127.0.0.1, 10.0.0.0/8, "2001:db8::/32"], deny: [10.0.0.13] }
  peers: { use: ip-access, allow: [127.0.0.9], by: peer, status: 404 }
  watching: { use: ip-access, allow: [10.0.0.0/8], mode: report }
routes:
  - { name: office, match: { path: /office }, plugins: [office], respond: { body: "in" } }
  - { name: peers, match: { path: /peers }, plugins: [peers], respond: { body: "in" } }
  - { name: watching, match: { path: /watching }, plugins: [watching], respond: { body: "in" } }
  - { name: all, match: { path: /* }, respond: { body: "hello" } }
"""


@pytest.fixture
def running(gateway, server_cert):
    return gateway(CONFIG, cert=server_cert.cert, key=server_cert.key, files={"blocked.txt": "127.0.0.2 # one\n"})


def ask(g, path, source="127.0.0.1", told=None):
    """What a client at that address gets; told: what it says of its own client."""
    with RawClient(g.port("public"), source=(source, 0)) as c:
        return c.get(path, [("X-Forwarded-For", told)] if told else [])


def shakes_hands(g, source):
    """Whether the listener with TLS talks to that address."""
    try:
        with RawClient(g.port("guarded"), tls=tls_context(), source=(source, 0)) as c:
            return c.get("/").body == b"hello"
    except (ConnectionError, ssl.SSLError):
        return False


def test_by_the_clients_address(running):
    g = running
    assert ask(g, "/office").status == 200
    r = ask(g, "/office", "127.0.0.3")
    assert r.status == 403 and b"urn:sluice:problem:address-not-allowed" in r.body
    # a trusted proxy is believed, a stranger is not
    for told, expected in (("10.0.0.1", 200), ("10.0.0.13", 403), ("::ffff:10.0.0.1", 200), ("2001:db8::1", 200),
                           ("192.0.2.1", 403)):
        assert ask(g, "/office", "127.0.0.9", told).status == expected, told
    assert ask(g, "/office", "127.0.0.3", "10.0.0.1").status == 403
    assert {n["reason"] for n in g.access(8) if n["status"] == 403} == {"address-not-allowed", "address-denied"}


def test_by_the_peers_address(running):
    assert ask(running, "/peers", "127.0.0.9", "192.0.2.1").status == 200
    assert ask(running, "/peers", "127.0.0.1", "127.0.0.9").status == 404


def test_report_lets_pass(running):
    assert ask(running, "/watching").status == 200
    assert "address-not-allowed" in str(running.access(1)[0])


def test_connections_are_closed_before_tls_and_a_file_changes(running):
    g = running
    blocked = g.folder / "blocked.txt"
    assert shakes_hands(g, "127.0.0.1") and not shakes_hands(g, "127.0.0.2")
    fresh = blocked.with_suffix(".new")
    fresh.write_text("127.0.0.4\n")
    os.rename(fresh, blocked)
    wait_for(lambda: not shakes_hands(g, "127.0.0.4"))
    assert shakes_hands(g, "127.0.0.2")
    blocked.write_text("127.0.0.4\nnonsense\n")
    g.wait_log(r"blocked\.txt:2: the entry is no address")
    assert not shakes_hands(g, "127.0.0.4") and shakes_hands(g, "127.0.0.2")
    assert g.metrics()['sluice_plugin_ip_access_refused_files{instance="blocked"}'] == 1
    assert any(n.startswith("sluice_plugin_connections_refused_total") and 'reason="address-denied"' in n for n in g.metrics())
    # a trusted proxy is not closed, whoever its clients are: each request is judged
    assert shakes_hands(g, "127.0.0.9")


MISTAKES = {
    "allow: [10.0.0.0/8, 10.0.0.1/8]": r":\d+:\d+: error: .*allow\[1\]: .*has bits behind the prefix; the network is 10\.0\.0\.0/8",
    'deny: ["file:nowhere.txt"]': r":\d+:\d+: error: .*deny\[0\]: cannot read nowhere\.txt: No such file or directory",
    'deny: ["file:bad.txt"]': r":\d+:\d+: error: .*deny\[0\]: bad\.txt:2: the entry is no address",
    "by: peer": r"neither allow nor deny has an entry",
}


@pytest.mark.parametrize("options", MISTAKES)
def test_mistakes(gateway, options):
    with pytest.raises(GatewayDied) as died:
        gateway('listeners: [{ name: a, address: "127.0.0.1:@a@", plugins: [{ use: ip-access, %s }] }]\n'
                "routes: [{ name: all, match: { path: /* }, respond: { status: 204 } }]\n" % options,
                files={"bad.txt": "10.0.0.0/8\nnonsense\n"})
    assert re.search(MISTAKES[options], str(died.value)), died.value
