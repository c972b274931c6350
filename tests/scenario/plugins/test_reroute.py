"""Plugins that send a request elsewhere: another target, host or upstream, with HTTP/1.1 and HTTP/2 on both sides."""
import subprocess
from pathlib import Path

import pytest

from kit import h2origin, origin as h1origin
from kit.configs import PLAIN_AND_TLS
from kit.gateway import GatewayDied, find_program
from kit.modules import build_module
from kit.origin import drop, hang, reply
from kit.process import wait_for

CONFIG = PLAIN_AND_TLS + """
upstreams:
  app: { servers: ["127.0.0.1:@app@"], protocol: "@protocol@" }
  other: { servers: ["127.0.0.1:@other@" %s }
routes:
  - { name: all, match: { path: /* }, plugins: [%s], %s }
"""
SIDES = pytest.mark.parametrize("client,upstream", [(c, u) for c in ("h1", "h2") for u in ("h1", "h2")],
                                ids=lambda v: v)
WHENS = pytest.mark.parametrize("when", ["request", "wait", "buffer"])


def probe(**options):
    return "{ use: reroute-probe, " + ", ".join(f"{k}: {v}" for k, v in options.items()) + " }"


class Setting:
    def __init__(self, g, app, other, client, raw, h2):
        self.g, self.app, self.other, self.client, self.raw, self.h2 = g, app, other, client, raw, h2

    def ask(self, path="/", method="GET", headers=(), body=None):
        """Status, body and fields of the response."""
        if self.client == "h2":
            r = self.h2(self.g.port("tls")).request(method, path, list(headers), body)
            return r.status, r.body, {n.lower(): v for n, v in dict(r.fields).items()}
        with self.raw(self.g.port("public")) as c:
            r = c.request(method, path, headers, body).response(method)
            return r.status, r.body, {n.lower(): v for n, v in r.fields}

    @staticmethod
    def got(up, n=0):
        """Target, host and fields of a request that the upstream was sent."""
        wait_for(lambda: len(up.requests) > n, what="the request")
        r = up.requests[n]
        fields = {k.lower(): v for k, v in r.fields}
        if hasattr(r, "target"):
            return r.target, fields["host"], fields
        return r.path, fields[":authority"] if ":authority" in fields else r.authority, fields


@pytest.fixture(scope="session")
def modules(tmp_path_factory):
    return build_module(tmp_path_factory.mktemp("modules"), "reroute-probe", Path(__file__).parent / "modules/reroute_probe.c")


@pytest.fixture
def setting(gateway, origin, h2_origin, raw, h2, modules, server_cert):
    def start(plugin, client="h1", upstream="h1", route="upstream: app", more='], protocol: "@protocol@"', app=None, other=None):
        make, kit = (h2_origin, h2origin) if upstream == "h2" else (origin, h1origin)
        answers = h2origin.answer if upstream == "h2" else reply
        app = make(app or answers(200, b"app"))
        other = make(other or answers(200, b"other"))
        g = gateway(CONFIG % (more, plugin, route), app=app.port, other=other.port, cert=server_cert.cert, key=server_cert.key,
                    protocol="h2c" if upstream == "h2" else "http/1.1", args=["--plugin-dir", modules])
        return Setting(g, app, other, client, raw, h2)
    return start


# ---- target and host ----

@SIDES
@WHENS
def test_target_host_and_upstream(setting, client, upstream, when):
    s = setting(probe(path="/new", query='"q=1"', set='{ q: "a&b", tenant: blue }', host="inner.test", to="other", when=when),
                client, upstream)
    status, body, fields = s.ask("/old?access_token=1&x", "POST", [("Host", "a.test")] if client == "h1" else [], b"body")
    assert (status, body, fields["x-refused"]) == (200, b"other", "0")
    assert (fields["x-target"], fields["x-upstream"]) == ("/new?q=a%26b&tenant=blue", "other")
    target, host, sent = s.got(s.other)
    assert (target, host) == ("/new?q=a%26b&tenant=blue", "inner.test")
    assert sent["x-forwarded-host"].startswith("a.test" if client == "h1" else "localhost")
    assert not s.app.requests
    line = s.g.access(1)[0]
    assert (line["path"], line["query"]) == ("/old", "access_token=***&x")
    assert (line["rewritten_path"], line["rewritten_query"]) == ("/new", "q=a%26b&tenant=blue")
    assert (line["upstream"], line["route"], line["server"]) == ("other", "all", f"127.0.0.1:{s.other.port}")
    counted = s.g.metrics()
    assert counted['sluice_upstream_requests_total{upstream="other",status="2xx"}'] == 1
    assert counted['sluice_upstream_requests_total{upstream="app",status="2xx"}'] == 0
    assert counted['sluice_route_requests_total{route="all",status="2xx"}'] == 1


@SIDES
def test_a_parameter_is_taken_away(setting, client, upstream):
    s = setting(probe(remove="[key, none]"), client, upstream)
    for asked, sent in (("/a?key=S3cret&b=1&k%65y=2", "/a?b=1"), ("/a?key=S3cret", "/a"), ("/a?b=%7e", "/a?b=%7e"), ("/a?", "/a?")):
        n = len(s.app.requests)
        assert s.ask(asked)[2]["x-refused"] == "0"
        assert s.got(s.app, n)[0] == sent


def test_what_is_set_is_masked_as_well(setting):
    s = setting(probe(set="{ access_token: S3cret }"))
    s.ask("/a")
    assert s.got(s.app)[0] == "/a?access_token=S3cret"
    line = s.g.access(1)[0]
    assert line["rewritten_query"] == "access_token=***" and "S3cret" not in str(line) + s.g.log()
    s.ask("/b?access_token=S3cret2")
    assert "S3cret" not in str(s.g.access(2))


@pytest.mark.parametrize("bad", ["//a", "/a/../b", "/%7Ea", "/a%2f", "a", '"*"', '"/a?b"', '"/a b"', r'"/a\r\nX: y"'])
def test_a_path_that_is_none(setting, bad):
    s = setting(probe(path=bad))
    assert s.ask("/x?y")[2]["x-refused"] == "1"
    assert s.got(s.app)[0] == "/x?y"
    assert s.g.wait_log(r'plugin instance "all/0" \(reroute-probe\) in on_request: the target of the request stays as it is: the path')
    assert "rewritten_path" not in s.g.access(1)[0]


@pytest.mark.parametrize("bad", ['"a b"', '"a@b"', '"a:99999"', '""', r'"a\r\nX: y"'])
def test_a_host_that_is_none(setting, bad):
    s = setting(probe(host=bad))
    assert s.ask("/", headers=[("Host", "a.test")])[2]["x-refused"] == "1"
    assert s.got(s.app)[1] == "a.test"
    assert s.g.wait_log(r'plugin instance "all/0" \(reroute-probe\) in on_request: the host of the request stays as it is')


@pytest.mark.parametrize("when", ["stream", "response"])
def test_too_late(setting, when):
    s = setting(probe(path="/new", remove="[a]", set="{ b: c }", host="inner.test", to="other", when=when))
    status, body, fields = s.ask("/old?a=1", "POST", [("Host", "a.test")], b"body")
    assert (status, body) == (200, b"app")
    if when == "response":
        assert fields["x-refused"] == "5"
    assert s.got(s.app)[:2] == ("/old?a=1", "a.test")
    # the first of five lines; the others are counted
    assert s.g.wait_log(r'plugin instance "all/0" \(reroute-probe\) in on_\w+: the \w+ of the request stays as it is: only on_request and a BUFFER hook')


@SIDES
def test_targets_of_all_forms(setting, client, upstream):
    s = setting(probe(path="/new", no_query="true"), client, upstream)
    assert s.ask("*", "OPTIONS")[0] == 200
    assert s.got(s.app)[0] == "/new"
    if client == "h1":
        assert s.ask("http://a.test/x?y", headers=[("Host", "a.test")])[0] == 200
        assert s.got(s.app, 1)[:2] == ("/new", "a.test")
    s = setting(probe(set="{ a: b }"), client, upstream)
    assert s.ask("*", "OPTIONS")[2]["x-refused"] == "1"
    assert s.got(s.app)[0] == "*"


# ---- upstreams ----

@SIDES
def test_a_route_that_answers_by_itself_forwards(setting, client, upstream):
    s = setting(probe(to="other"), client, upstream, "respond: { body: own }")
    assert s.ask("/x", "POST", body=b"body")[:2] == (200, b"other")
    r = s.other.requests[0]
    wait_for(lambda: r.body == b"body", what="the body")
    assert s.g.access(1)[0]["upstream"] == "other"


def test_the_upstreams_own_options_hold(setting):
    s = setting(probe(to="other"), more='], timeouts: { response: 200ms }, retries: 0', other=hang)
    assert s.ask()[0] == 504
    line = s.g.access(1)[0]
    assert (line["reason"], line["upstream"], line["tries"]) == ("upstream-timeout", "other", 1)
    assert s.g.metrics()['sluice_upstream_failures_total{upstream="other",reason="upstream-timeout"}'] == 1


def test_a_retry_asks_for_the_same(setting):
    """One server hangs up: the next one gets what the plugin made of the request."""
    s = setting(probe(to="other", path="/new", query="a", host="inner.test"), more=', "127.0.0.1:@app@"]', other=drop)
    for _ in range(4):
        assert s.ask("/old")[:2] == (200, b"app")
    assert s.got(s.other)[:2] == ("/new?a", "inner.test")
    assert {s.got(s.app, i)[:2] for i in range(4)} == {("/new?a", "inner.test")}
    lines = s.g.access(4)
    assert {line["upstream"] for line in lines} == {"other"} and max(line["tries"] for line in lines) == 2


def test_a_reload_that_moves_upstreams(setting, modules):
    """The instance is kept; which upstream it names is the new configuration's."""
    s = setting(probe(to="other"))
    assert s.ask()[1] == b"other"
    config = s.g.config_path.read_text()
    head, block = config.split("upstreams:\n")
    lines = block.splitlines(keepends=True)
    lines[0], lines[1] = lines[1].replace(str(s.other.port), str(s.app.port)), lines[0]
    s.g.reload(head + "upstreams:\n" + "".join(lines), {})
    s.g.wait_in_force(2)
    assert s.ask()[1] == b"app"
    assert s.g.access(2)[1]["upstream"] == "other"


def test_an_upstream_that_is_not_there(setting, gateway, folder, modules):
    with pytest.raises(GatewayDied, match=r'error: routes\[0\].*to: there is no upstream "othr"(.|\n)*did you mean "other"\?'):
        setting(probe(to="othr"))
    program, _ = find_program()
    text = """
listeners: [{ name: public, address: "127.0.0.1:1" }]
plugins:
  p: { use: reroute-probe, to: aside }
upstreams: { aside: { servers: ["127.0.0.1:2"] } }
routes: [{ name: all, match: { path: /* }, plugins: [p], respond: {} }]
"""
    (folder / "c.yaml").write_text(text)
    done = subprocess.run([program, "check", "-c", folder / "c.yaml", "--plugin-dir", modules], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0 and "aside" not in done.stderr


def test_a_tunnel_goes_there(setting):
    """The route says which protocols may be changed to, the upstream for how long it may be silent."""
    def agree(peer, _request):
        peer.send(b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
        peer.send(peer.sock.recv(4))
        peer.stopped.wait(5)
    s = setting(probe(to="other", path="/new", no_query="true"), route="upstream: app, upgrade: [echo]",
                more='], timeouts: { tunnel: 300ms }', other=agree)
    c = s.raw(s.g.port("public"))
    c.send(b"GET /old HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
    assert c.response_head().status == 101
    c.send(b"ping")
    assert c.recv(4) == b"ping"
    assert s.got(s.other)[0] == "/new"
    c.assert_closed()
    line = s.g.access(1)[0]
    assert (line["status"], line["upstream"], line["reason"]) == (101, "other", "tunnel-idle")
