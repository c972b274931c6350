"""Fields by which proxies tell whom a request is from: those of strangers go, in every spelling, and nobody sees them."""
import pytest

from kit.client import RawClient
from kit.gateway import GatewayDied
from kit.origin import reply

CONFIG = """
listeners:
  - name: public
    address: "127.0.0.1:@public@"
    protocols: [http/1.1, h2]
    trusted_proxies: [127.0.0.9]%s
plugins:
  shown: { use: headers, request: { set: { X-Seen: "{header:X-Real-IP}" } } }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
routes:
  - { name: all, match: { path: /* }, plugins: [shown], upstream: app }
  - { name: inner, match: { path: /*, headers: { X-Real-IP: 10.0.0.1 } }, upstream: app }
"""
TRUSTED, STRANGER = ("127.0.0.9", 0), ("127.0.0.2", 0)  # over HTTP/2 the client is 127.0.0.1: a stranger too

TWINS = ["X_Forwarded_For", "X_Forwarded-Proto", "x_forwarded_host", "X-Forwarded_Port", "X_Request_ID", "X_Real_IP",
         "X_Original_URL", "content_type", "X_FORWARDED_PREFIX", "SCRIPT_NAME", "PATH_INFO"]
FAMILY = ["X-Real-IP", "X-Forwarded-Prefix", "X-Forwarded-Ssl", "X-Forwarded-Server", "X-Forwarded-Client-Cert", "X-Original-URL",
          "X-Original-Host", "X-Rewrite-URL", "X-Client-IP", "X-Cluster-Client-IP", "True-Client-IP", "CF-Connecting-IP",
          "X-Envoy-Internal", "X-SSL-Client-Verify", "Client-Cert", "Remote-User", "Proxy", "Script-Name", "X-Script-Name", "Path-Info"]


@pytest.fixture
def site(gateway, origin, h2):
    """site(options): ask(fields, source, by): what the upstream got, and the line of the log."""
    def start(options=""):
        up = origin(reply(200, b"ok"))
        g = gateway(CONFIG % options, app=up.port)

        def ask(fields, source=STRANGER, by="h1", host="shop.example", path="/x"):
            before = len(g.access())
            if by == "h1":
                with RawClient(g.port(), source=source) as c:
                    assert c.get(path, fields, host=host).status == 200
            else:
                c = h2(g.port(), tls=False)
                assert c.request("GET", path, [(n.lower(), v) for n, v in fields], authority=host).status == 200
            return up.requests[-1].fields, g.access(before + 1)[-1]
        return ask
    return start


def names_of(fields):
    return {n.lower() for n, _ in fields}


@pytest.mark.parametrize("by", ["h1", "h2"])
def test_the_family_of_strangers_goes(site, by):
    ask = site()
    fields, line = ask([(n, "6.6.6.6") for n in FAMILY] + [("X-Kept", "1"), ("X-Real_IP", "6.6.6.6")], by=by)
    assert not names_of(fields) & {n.lower() for n in FAMILY + ["X-Real_IP"]}
    assert fields.all("x-kept") == ["1"]
    assert fields.all("x-seen") == [], "plugins do not see them"
    assert line["route"] == "all", "and neither do routes"


@pytest.mark.parametrize("by,source", [("h1", TRUSTED), ("h1", STRANGER), ("h2", ("127.0.0.1", 0))],
                         ids=["trusted", "stranger", "stranger-h2"])
def test_twins_go_whoever_sends_them(site, by, source):
    fields, line = site()([(n, "6.6.6.6") for n in TWINS] + [("X-Custom_Name", "1")], source=source, by=by)
    assert not names_of(fields) & {n.lower() for n in TWINS}
    assert fields.all("x-custom_name") == ["1"]
    assert line["client"] == source[0] and line["id"] != "6.6.6.6"


def test_the_family_of_trusted_proxies_passes(site):
    fields, line = site()([(n, "10.0.0.1") for n in FAMILY], source=TRUSTED)
    assert {n.lower() for n in FAMILY} <= names_of(fields)
    assert line["route"] == "inner"


def test_keep_lets_a_field_pass_from_anybody(site):
    keep = "\n    forwarded: { keep: [X-Forwarded-Port, x-real-ip, x-forwarded-for, X-Forwarded-Proto] }"
    fields, line = site(keep)([("X-Forwarded-Port", "8443"), ("X-Real-IP", "6.6.6.6"), ("X-Forwarded-For", "6.6.6.6"),
                               ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil"), ("X_Real_IP", "7.7.7.7")])
    assert fields.all("x-forwarded-port") == ["8443"] and fields.all("x-real-ip") == ["6.6.6.6"]
    assert fields.all("x-forwarded-for") == ["6.6.6.6, 127.0.0.2"] and fields.all("x-forwarded-proto") == ["https"]
    assert fields.all("x-forwarded-host") == ["shop.example"] and fields.all("x_real_ip") == []
    assert line["client"] == "127.0.0.2", "it passes, but nobody here believes it"
    assert fields.all("forwarded") == ['for=127.0.0.2;proto=http;host="shop.example"']


@pytest.mark.parametrize("host,port", [("shop.example", "80"), ("shop.example:8080", "8080"), ("[::1]", "80"), ("[::1]:81", "81")])
def test_sluice_says_the_port(site, host, port):
    fields, _ = site()([], host=host)
    assert fields.all("x-forwarded-port") == [port]


def test_the_port_goes_with_the_scheme_that_a_proxy_tells(site):
    ask = site()
    fields, _ = ask([("X-Forwarded-Proto", "https")], source=TRUSTED)
    assert fields.all("x-forwarded-port") == ["443"]
    fields, _ = ask([("X-Forwarded-Proto", "https"), ("X-Forwarded-Port", "8443")], source=TRUSTED)
    assert fields.all("x-forwarded-port") == ["8443"]


def test_connection_cannot_take_away_what_a_proxy_says(site):
    """A client can make a careless proxy pass `Connection: X-Forwarded-For` on; it must not become that proxy by it."""
    fields, line = site()([("X-Forwarded-For", "203.0.113.7"), ("X-Real-IP", "203.0.113.7"),
                           ("Connection", "X-Forwarded-For, X-Real-IP, X-Custom"), ("X-Custom", "1")], source=TRUSTED)
    assert line["client"] == "203.0.113.7"
    assert fields.all("x-forwarded-for") == ["203.0.113.7, 127.0.0.9"] and fields.all("x-real-ip") == ["203.0.113.7"]
    assert fields.all("x-custom") == []


@pytest.mark.parametrize("name,why", [("x_real_ip", "never passes"), ("x-custom", "none of the fields"), ("via", "none of the fields"),
                                      ("x-request-id", "none of the fields")])
def test_keep_names_fields_of_the_family(gateway, name, why):
    with pytest.raises(GatewayDied, match=why):
        gateway(CONFIG % f"\n    forwarded: {{ keep: [{name}] }}", app=1)


@pytest.mark.parametrize("name", ["X-Tenant", "User-Agent", "Referer", "Traceparent", "X-Request-ID"])
def test_nobody_sees_what_connection_names(gateway, origin, raw, name):
    """Not routes, not plugins, not the log: it was said to the gateway alone (RFC 9110 7.6.1)."""
    up = origin(reply(200, b"ok"))
    g = gateway("""
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
routes:
  - { name: plain, match: { path: /* }, upstream: app,
      plugins: [{ use: headers, request: { set: { X-Seen: "{header:NAME}" } } }] }
  - { name: hidden, match: { path: /*, headers: { NAME: "*" } }, upstream: app }
""".replace("NAME", name), app=up.port)
    value = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert raw(g.port()).get("/x", [(name, value), ("Connection", f"close, {name}")]).status == 200
    line = g.access(1)[-1]
    assert line["route"] == "plain" and value not in str(line) and value[3:35] not in str(line)
    assert value not in str(list(up.requests[-1].fields))
