"""TLS towards upstream servers: who is believed, what is shown, and what a failure is called."""
import re
import ssl

import pytest

from kit.gateway import GatewayDied
from kit.origin import echo, reply
from kit.process import wait_for
from kit.tokens import refusal

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
upstreams:
  app: { servers: ["@host@:@app@"], retries: 0, health: { failures: 0 }, tls: { @tls@ } }
routes:
  - { name: all, match: { path: /* }, upstream: app }
"""


def start(gateway, up, tls, host="127.0.0.1"):
    return gateway(CONFIG, app=up.port, tls=tls, host=host)


def names_of(context):
    """Names that clients ask this server for, as they come."""
    asked = []
    context.sni_callback = lambda _sock, name, _context: asked.append(name)
    return asked


def test_requests_and_bodies(gateway, origin, server_cert):
    up = origin(echo, tls=server_cert.server_context())
    g = start(gateway, up, f'ca: "{server_cert.ca}"')
    with g.connect() as c:
        for n in (0, 1, 16384, 3 << 20):
            r = c.request("POST", f"/{n}", body=b"x" * n).response()
            assert r.status == 200 and r.body == b"x" * n
    assert up.connections == 1, "the connection is kept"
    assert up.requests[0].fields.get("x-forwarded-proto") == "http"


FAILURES = {
    "another authority": "certificate verify failed: unable to get local issuer certificate",
    "another name": "certificate verify failed: IP address mismatch: it is not for 127.0.0.1",
    "expired": "certificate verify failed: certificate has expired",
    "not valid yet": "certificate verify failed: certificate is not yet valid",
    "for clients only": "certificate verify failed: unsuitable certificate purpose",
    "the system's authorities": "certificate verify failed: ",
    "no TLS at all": "wrong version number",
    "closes": "closed by the other side during the handshake|Connection reset by peer",
    "too old": "upstream: app: server 127.0.0.1:",
    "wants a certificate": "",
}


@pytest.mark.parametrize("why", FAILURES)
def test_failures(gateway, origin, ca, other_ca, server_cert, why):
    cert = {"another name": lambda: ca.issue("elsewhere.test"), "expired": lambda: ca.issue(days=(-9, -1)),
            "not valid yet": lambda: ca.issue(days=(1, 9)), "for clients only": lambda: ca.issue(client=True)}.get(why, lambda: server_cert)()
    context = cert.server_context(client_ca=ca.path if why == "wants a certificate" else None)
    if why == "too old":
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    accept = {"closes": lambda peer: peer.close(), "no TLS at all": lambda peer: peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")}.get(why)
    up = origin(reply(200, b"secret"), tls=None if why in ("no TLS at all", "closes") else context, on_accept=accept)
    authority = {"another authority": f'ca: "{other_ca.path}"', "the system's authorities": ""}.get(why, f'ca: "{ca.path}"')
    g = start(gateway, up, authority)
    # in TLS 1.3 a server looks at the client's certificate after the client's handshake is done (RFC 8446 4.4.2.4)
    codes = {"upstream-tls", "upstream-reset", "upstream-closed"} if why == "wants a certificate" else {"upstream-tls"}
    for _ in range(3):
        r = g.get("/")
        assert r.status == 502 and refusal(r) in codes
        assert b"secret" not in r.body
    assert up.requests == [], "no request left for a server that is not the one that was meant"
    assert {line["reason"] for line in g.access(3)} <= codes
    assert re.search(FAILURES[why], g.log()), g.log()


def test_verification_can_be_switched_off(gateway, origin, other_ca):
    up = origin(echo, tls=other_ca.issue("elsewhere.test").server_context())
    assert start(gateway, up, "verify: false").get("/").status == 200


def test_names(gateway, origin, ca):
    """What is asked for and verified: server_name, else the server's name; an address is verified and not asked for."""
    for tls, host, cert, asked in (("server_name: inner.test", "127.0.0.1", ("inner.test",), "inner.test"),
                                   ("server_name: a.inner.test", "127.0.0.1", ("*.inner.test",), "a.inner.test"),
                                   ("", "localhost", ("localhost",), "localhost"), ("", "127.0.0.1", ("127.0.0.1",), None)):
        context = ca.issue(*cert).server_context()
        names = names_of(context)
        up = origin(echo, tls=context)
        g = start(gateway, up, ", ".join(filter(None, (f'ca: "{ca.path}"', tls))), host)
        assert g.get("/").status == 200, (tls, host)
        assert names[-1] == asked
        g.stop()


def test_both_ways(gateway, origin, ca, other_ca, server_cert):
    mine, foreign = ca.issue("gateway", client=True), other_ca.issue("gateway", client=True)
    shown = []

    def look(peer, request):
        shown.append(dict(x[0] for x in peer.sock.getpeercert()["subject"])["commonName"])
        reply(200, b"ok")(peer, request)
    up = origin(look, tls=server_cert.server_context(client_ca=ca.path))
    pair = '''ca: "{}", certificate: "{}", private_key: "{}"'''
    assert start(gateway, up, pair.format(ca.path, mine.cert, mine.key)).get("/").status == 200
    assert shown == ["gateway"]
    r = start(gateway, up, pair.format(ca.path, foreign.cert, foreign.key)).get("/")
    assert r.status == 502 and refusal(r) in ("upstream-tls", "upstream-closed", "upstream-reset")
    with pytest.raises(GatewayDied) as e:
        start(gateway, up, pair.format(ca.path, mine.cert, foreign.key))
    assert re.search(r"sluice\.yaml:5:\d+: error: upstreams\.app\.tls\.(private_key|certificate): ", str(e.value)), str(e.value)


def test_sessions_are_resumed(gateway, origin, server_cert):
    """A new connection to the same server does not begin from nothing."""
    context, reused = server_cert.server_context(), []

    def look(peer, request):
        reused.append(peer.sock.session_reused)
        reply(200, b"ok", close=True)(peer, request)
    up = origin(look, tls=context)
    g = gateway(CONFIG + "runtime: { workers: 1 }\n", app=up.port, tls=f'ca: "{server_cert.ca}"', host="127.0.0.1")
    with g.connect() as c:
        for _ in range(4):
            assert c.get("/").status == 200
    assert up.connections == 4 and reused[0] is False and any(reused[1:])


def test_a_reload_changes_whom_it_trusts(gateway, origin, ca, other_ca, server_cert):
    up = origin(echo, tls=server_cert.server_context())
    g = start(gateway, up, f'ca: "{ca.path}"')
    with g.connect() as c:
        assert c.get("/").status == 200
        g.values["tls"] = f'ca: "{other_ca.path}"'
        g.reload(CONFIG)
        wait_for(lambda: c.get("/").status == 502, what="the new authorities, also on kept connections")
        g.values["tls"] = f'ca: "{ca.path}"'
        g.reload(CONFIG)
        wait_for(lambda: c.get("/").status == 200, what="the old ones")


def test_mistakes(gateway, folder):
    for tls, said in (('ca: "/nowhere/ca.pem"', r"upstreams\.app\.tls\.ca: .*No such file"), ("ca: sluice.yaml", r"upstreams\.app\.tls\.ca: "),
                      ('certificate: "/nowhere/x.pem"', r"upstreams\.app\.tls\.certificate: "), ("verfy: false", r'unknown key "verfy"'),
                      ("min_version: 1.1", r"upstreams\.app\.tls\.min_version: expected one of")):
        with pytest.raises(GatewayDied) as e:
            gateway(CONFIG, app=1, tls=tls, host="127.0.0.1")
        assert re.search(rf"sluice\.yaml:5:\d+: error: .*{said}", str(e.value)), str(e.value)
