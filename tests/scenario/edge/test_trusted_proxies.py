"""Who the client is, as trusted proxies tell it: in logs, limits and what goes on to upstreams; and who is not believed."""
import pytest

from kit.client import RawClient, tls_context
from kit.gateway import GatewayDied
from kit.origin import reply
from kit.process import wait_for

CONFIG = """
listeners:
  - name: public
    address: "127.0.0.1:@public@"
    protocols: [http/1.1, h2]
    trusted_proxies: [127.0.0.1, 10.0.0.0/8, "2001:db8:1::/48"]
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
routes:
  - { name: all, match: { path: /* }, upstream: app }
"""
FORWARDED = CONFIG.replace("    trusted_proxies", "    client_ip_from: forwarded\n    trusted_proxies")

TRUSTED, STRANGER = ("127.0.0.1", 0), ("127.0.0.2", 0)


@pytest.fixture
def site(gateway, origin):
    """site(): a gateway, and a function that asks it: the line of the log, and what the upstream was told of the client."""
    def start(config=CONFIG):
        up = origin(reply(200, b"ok"))
        g = gateway(config, app=up.port)

        def told(headers, source=TRUSTED):
            before = len(g.access())
            with RawClient(g.port(), source=source) as c:
                assert c.get("/x", headers, host="shop.example").status == 200
            line = g.access(before + 1)[-1]
            request = up.requests[-1]
            names = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded")
            return line, {n: request.fields.all(n) for n in names}
        return g, told
    return start


def test_a_proxy_names_the_client(site):
    _, told = site()
    line, fields = told([("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-Proto", "https")])
    assert (line["client"], line["peer"]) == ("203.0.113.7", "127.0.0.1")
    assert fields == {
        "x-forwarded-for": ["203.0.113.7, 127.0.0.1"], "x-forwarded-proto": ["https"], "x-forwarded-host": ["shop.example"],
        "forwarded": ['for=203.0.113.7;proto=https, for=127.0.0.1;proto=http;host="shop.example"']}


def test_a_field_that_has_the_client_alone(gateway, origin):
    """As docs/stacks.md shows it, for services that do not know the proxies."""
    up = origin(reply(200, b"ok"))
    plugin = "plugins:\n  client: { use: headers, request: { set: { X-Real-IP: \"{ip}\" } } }\n"
    g = gateway(CONFIG.replace("upstream: app }", "plugins: [client], upstream: app }") + plugin, app=up.port)
    for source, client in ((TRUSTED, "203.0.113.7"), (STRANGER, STRANGER[0])):
        with RawClient(g.port(), source=source) as c:
            assert c.get("/", [("X-Forwarded-For", "203.0.113.7"), ("X-Real-IP", "6.6.6.6")]).status == 200
        assert up.requests[-1].fields.all("x-real-ip") == [client]


def test_the_rightmost_that_is_not_trusted(site):
    _, told = site()
    chain = [("X-Forwarded-For", "6.6.6.6, 10.3.3.3"), ("X-Forwarded-For", "203.0.113.7 ,10.1.1.1"),
             ("X-Forwarded-For", "2001:db8:1::9")]
    line, fields = told(chain)
    assert line["client"] == "203.0.113.7"
    assert fields["x-forwarded-for"] == ["6.6.6.6, 10.3.3.3, 203.0.113.7 ,10.1.1.1, 2001:db8:1::9, 127.0.0.1"]


@pytest.mark.parametrize("value,client", [
    ("10.1.1.1, 10.2.2.2", "10.1.1.1"), ("unknown", "127.0.0.1"), ("203.0.113.7, what, 10.1.1.1", "10.1.1.1"),
    ("203.0.113.7:4711", "203.0.113.7"), ("[2001:db8::7]:80", "2001:db8::7"), ("::ffff:203.0.113.7", "203.0.113.7"),
    ('"', "127.0.0.1"), (",", "127.0.0.1")])
def test_odd_lists(site, value, client):
    _, told = site()
    line, fields = told([("X-Forwarded-For", value)])
    assert line["client"] == client
    assert fields["x-forwarded-for"] == [value + ", 127.0.0.1"]
    assert ("peer" in line) == (client != "127.0.0.1")


def test_a_proxy_that_says_nothing(site):
    _, told = site()
    line, fields = told([])
    assert line["client"] == "127.0.0.1" and "peer" not in line
    assert fields == {"x-forwarded-for": ["127.0.0.1"], "x-forwarded-proto": ["http"], "x-forwarded-host": ["shop.example"],
                      "forwarded": ['for=127.0.0.1;proto=http;host="shop.example"']}


LIES = [("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil.example"),
        ("Forwarded", "for=203.0.113.7;proto=https")]


@pytest.mark.parametrize("config", [CONFIG, FORWARDED], ids=["list", "standard"])
def test_strangers_are_not_believed(site, config):
    _, told = site(config)
    line, fields = told(LIES, STRANGER)
    assert line["client"] == "127.0.0.2" and "peer" not in line
    assert fields == {"x-forwarded-for": ["127.0.0.2"], "x-forwarded-proto": ["http"], "x-forwarded-host": ["shop.example"],
                      "forwarded": ['for=127.0.0.2;proto=http;host="shop.example"']}


def test_without_the_option_nobody_is(site):
    _, told = site(CONFIG.replace("    trusted_proxies", "#"))
    line, fields = told(LIES)
    assert line["client"] == "127.0.0.1"
    assert fields["x-forwarded-for"] == ["127.0.0.1"] and fields["x-forwarded-proto"] == ["http"]


def test_the_field_that_is_not_believed_is_written_anew(site):
    """A proxy that knows X-Forwarded-For alone lets a client's Forwarded through, and the other way about."""
    _, told = site()
    line, fields = told([("X-Forwarded-For", "203.0.113.7"), ("Forwarded", "for=6.6.6.6")])
    assert line["client"] == "203.0.113.7"
    assert fields["forwarded"] == ['for=203.0.113.7;proto=http, for=127.0.0.1;proto=http;host="shop.example"']
    _, told = site(FORWARDED)
    line, fields = told([("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil.example"),
                         ("Forwarded", "for=203.0.113.7")])
    assert line["client"] == "203.0.113.7"
    assert fields == {"x-forwarded-for": ["203.0.113.7, 127.0.0.1"], "x-forwarded-proto": ["http"],
                      "x-forwarded-host": ["shop.example"],
                      "forwarded": ['for=203.0.113.7, for=127.0.0.1;proto=http;host="shop.example"']}


def test_the_standard_field(site):
    _, told = site(FORWARDED)
    line, fields = told([("Forwarded", 'for=6.6.6.6, for="[2001:db8::7]:4711";proto=https;host="shop.example:8443"'),
                         ("Forwarded", "for=10.1.1.1;proto=http")])
    assert line["client"] == "2001:db8::7"
    assert fields == {
        "x-forwarded-for": ["2001:db8::7, 127.0.0.1"], "x-forwarded-proto": ["https"],
        "x-forwarded-host": ["shop.example:8443"],
        "forwarded": ['for=6.6.6.6, for="[2001:db8::7]:4711";proto=https;host="shop.example:8443", for=10.1.1.1;proto=http, '
                      'for=127.0.0.1;proto=http;host="shop.example"']}


def test_host_and_scheme_of_a_proxy_are_kept(site):
    _, told = site()
    _, fields = told([("X-Forwarded-Host", "shop.example:8443"), ("X-Forwarded-Proto", "HTTPS")])
    assert fields["x-forwarded-host"] == ["shop.example:8443"] and fields["x-forwarded-proto"] == ["https"]
    _, fields = told([("X-Forwarded-Proto", "gopher")])
    assert fields["x-forwarded-proto"] == ["http"]


def test_limits_go_by_the_client(gateway, origin):
    up = origin(reply(200, b"ok"))
    g = gateway(CONFIG.replace("upstream: app }", "upstream: app, plugins: [{ use: rate-limit, rate: 2/min, burst: 2, by: ip }] }"),
                app=up.port)

    def status(client, source=TRUSTED):
        with RawClient(g.port(), source=source) as c:
            return c.get("/x", [("X-Forwarded-For", client)]).status
    assert [status("203.0.113.7") for _ in range(3)] == [200, 200, 429]
    assert status("203.0.113.8") == 200
    assert [status(f"203.0.113.{i}", STRANGER) for i in range(3)] == [200, 200, 429]


def test_over_http2(gateway, origin, h2):
    up = origin(reply(200, b"ok"))
    g = gateway(CONFIG, app=up.port)
    c = h2(g.port(), tls=False)
    assert c.request("GET", "/x", [("x-forwarded-for", "203.0.113.7")]).status == 200
    assert c.request("GET", "/y", [("x-forwarded-for", "203.0.113.8")]).status == 200
    assert [line["client"] for line in g.access(2)] == ["203.0.113.7", "203.0.113.8"]


HAPROXY = """
listen l
    bind 127.0.0.1:{port}
    option forwardfor
    server s 127.0.0.1:%d %s
"""


def test_behind_haproxy(gateway, origin, haproxy):
    up = origin(reply(200, b"ok"))
    g = gateway(CONFIG, app=up.port)
    h = haproxy(HAPROXY % (g.port(), ""), mode="http")
    with RawClient(h.port, source=("127.5.5.5", 0)) as c:
        assert c.get("/x", [("X-Forwarded-For", "6.6.6.6")]).status == 200
    assert g.access(1)[0]["client"] == "127.5.5.5"
    assert up.requests[0].fields.all("x-forwarded-for") == ["6.6.6.6, 127.5.5.5, 127.0.0.1"]


def test_behind_nginx_with_tls(gateway, origin, nginx, server_cert, ca):
    up = origin(reply(200, b"ok"))
    g = gateway(CONFIG, app=up.port)
    n = nginx(listen="ssl", server=f"""
        ssl_certificate {server_cert.cert}; ssl_certificate_key {server_cert.key};
        location / {{ proxy_pass http://127.0.0.1:{g.port()}; proxy_set_header Host $host;
                      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                      proxy_set_header X-Forwarded-Proto $scheme; }}""")
    with RawClient(n.port, tls=tls_context(ca.path), source=("127.5.5.6", 0)) as c:
        assert c.get("/x").status == 200
    assert g.access(1)[0]["client"] == "127.5.5.6"
    assert up.requests[0].fields.all("x-forwarded-proto") == ["https"]


def test_a_proxy_behind_a_balancer(gateway, origin, raw):
    """The peer that is trusted, or not, is the one that the PROXY header names."""
    up = origin(reply(200, b"ok"))
    g = gateway(CONFIG.replace("    trusted_proxies", "    proxy_protocol: { from: [127.0.0.0/8] }\n    trusted_proxies"), app=up.port)

    def client(peer):
        before = len(g.access())
        c = raw(g.port()).send(f"PROXY TCP4 {peer} 198.51.100.1 1000 443\r\n".encode())
        assert c.get("/x", [("X-Forwarded-For", "203.0.113.7")]).status == 200
        return g.access(before + 1)[-1]["client"]
    assert client("10.1.1.1") == "203.0.113.7"
    assert client("192.0.2.1") == "192.0.2.1"
    assert client("127.0.0.1") == "203.0.113.7"


def test_over_a_unix_socket(gateway, origin, raw, folder):
    up, path = origin(reply(200, b"ok")), str(folder / "s.sock")
    config = CONFIG.replace('"127.0.0.1:@public@"', f'"unix:{path}"')
    for trusted, client, told in ((True, "203.0.113.7", "203.0.113.7"), (False, "unix", "unknown")):
        g = gateway(config.replace("[127.0.0.1,", "[unix," if trusted else "[127.0.0.1,"), app=up.port)
        wait_for((folder / "s.sock").exists)
        assert raw(path).get("/x", [("X-Forwarded-For", "203.0.113.7")]).status == 200
        assert g.access(1)[0]["client"] == client
        assert up.requests[-1].fields.all("x-forwarded-for") == [told]
        g.stop()


def test_the_request_id_is_kept_as_ever(site, gateway, origin):
    _, told = site()
    for source in (TRUSTED, STRANGER):
        line, _ = told([("X-Request-ID", "abc-123")], source)
        assert line["id"] == "abc-123"


def test_a_long_list(site):
    """All of it goes on, and nothing is cut."""
    _, told = site()
    proxies = ", ".join(f"10.0.{i // 250}.{i % 250 + 1}" for i in range(1500))
    line, fields = told([("X-Forwarded-For", "203.0.113.7, " + proxies)])
    assert line["client"] == "203.0.113.7"
    assert fields["x-forwarded-for"] == ["203.0.113.7, " + proxies + ", 127.0.0.1"]


def test_reload(gateway, origin, raw):
    up = origin(reply(200, b"ok"))
    g = gateway(CONFIG, app=up.port)
    old, xff = raw(g.port()), [("X-Forwarded-For", "203.0.113.7")]
    assert old.get("/a", xff).status == 200
    g.reload(CONFIG.replace("[127.0.0.1,", "[127.0.0.9,"))
    g.wait_in_force(2)
    assert raw(g.port()).get("/b", xff).status == 200
    assert old.get("/c", xff).status == 200
    assert {line["path"]: line["client"] for line in g.access(3)} == {
        "/a": "203.0.113.7", "/b": "127.0.0.1", "/c": "203.0.113.7"}


def test_mistakes(gateway):
    with pytest.raises(GatewayDied, match=r'trusted_proxies.*"10.0.0.300": expected an address|"10.0.0.300": expected'):
        gateway(CONFIG.replace("10.0.0.0/8", "10.0.0.300"), app=1)
    g = gateway(FORWARDED.replace("    trusted_proxies", "#"), app=1)
    assert "nobody is believed: trusted_proxies is empty" in g.log()
