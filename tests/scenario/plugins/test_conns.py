"""Hooks of connections: before TLS, after the handshake, at the end; what they decide, what they know, and the state that the
requests of a connection share."""
import contextlib
import re
import socket
import ssl
import subprocess
import time
from pathlib import Path
from signal import SIGABRT, SIGTERM

import pytest

from kit.client import tls_context
from kit.gateway import find_program
from kit.memory import SANITIZED
from kit.modules import build_module
from kit.origin import hang
from kit.process import wait_for

CONFIG = """
listeners:
  - { name: plain, address: "127.0.0.1:@plain@", protocols: [http/1.1, h2], plugins: [@plugins@], timeouts: { idle: 10s } }
  - name: secure
    address: 127.0.0.1:@secure@
    protocols: [h2, http/1.1]
    plugins: [@plugins@]
    tls: { certificates: [{ certificate: "@cert@", private_key: "@key@" }] @tls@ }
  - { name: balanced, address: "127.0.0.1:@balanced@", plugins: [@plugins@], proxy_protocol: { from: [127.0.0.1] } }
  - { name: bare, address: "127.0.0.1:@bare@" }
plugins:
  probe: { use: conn-probe @options@ }
  other: { use: conn-probe, tag: other, logs: false }
routes:
  - { name: routed, match: { path: /routed }, plugins: [probe], respond: { body: "routed" } }
  - { name: all, match: { path: /* }, respond: { body: "hello" } }
"""
PROXY = b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
REFUSED = 'sluice_connections_refused_total{reason="plugin"}'


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    return build_module(tmp_path_factory.mktemp("conns"), "conn-probe", Path(__file__).parent / "modules/conn_probe.c")


@pytest.fixture
def probed(gateway, modules, server_cert):
    """probed(options, plugins, tls): a gateway whose listeners have the probe; expand(options): its file with others."""
    def start(options="", plugins="probe", tls="", config=CONFIG, **more):
        values = dict(cert=server_cert.cert, key=server_cert.key, plugins=plugins, options=options and ", " + options, tls=tls and ", " + tls)
        return gateway(config, args=["--plugin-dir", modules], **values, **more)
    return start


def changed(g, **values):
    """The configuration with other values, for a reload."""
    g.values.update(values)
    return CONFIG


def told(g, phase, n=1):
    """What the probe said in a phase, of each connection: its number, and its facts."""
    def lines():
        return re.findall(rf"probe: {phase} (\d+)(.*)", g.log())
    wait_for(lambda: len(lines()) >= n, what=lambda: f"{n} times {phase}:\n{g.log()[-3000:]}")
    return [(int(number), dict(re.findall(r" (\w+)=([^ ]+)", rest))) for number, rest in lines()]


def events(g, instance="probe"):
    m = g.metrics()
    return {e: m.get(f'sluice_plugin_conn_probe_events_total{{instance="{instance}",event="{e}"}}', 0)
            for e in ("connect", "secured", "disconnect", "clean-up")}


def all_over(g, n, instance="probe"):
    """Until n connections began, ended and were cleaned up."""
    wait_for(lambda: events(g, instance)["clean-up"] >= n, what=lambda: str(events(g, instance)))
    e = events(g, instance)
    assert e["connect"] == e["disconnect"] == e["clean-up"] == n, e


# ---- what they know ----

def test_a_plain_connection(probed):
    g = probed()
    with g.connect("plain") as c:
        port = str(c.sock.getsockname()[1])
        assert [c.get().header("x-visit") for _ in range(3)] == ["1:1", "1:2", "1:3"]
    number, facts = told(g, "disconnect")[0]
    assert number == 1 and facts == {"LISTENER": "plain", "PEER": "127.0.0.1", "PEER_PORT": port, "CLIENT_IP": "127.0.0.1", "requests": "3"}
    assert told(g, "connect")[0][1]["requests"] == "0"
    assert "probe: secured" not in g.log()
    g.wait_log("probe: clean-up 1")
    at = [g.log().index(f"probe: {what} 1") for what in ("connect", "complete", "disconnect", "clean-up")]
    assert at == sorted(at), "all requests are complete before on_disconnect"


@pytest.mark.parametrize("client", ["h1", "h2"])
def test_over_tls(probed, h2, client):
    g = probed()
    if client == "h2":
        c = h2(g.port("secure"), sni="localhost")
        assert c.get("/").header("x-visit") == "1:1"
    else:
        c = g.connect("secure", tls=tls_context(alpn=["http/1.1"]))
        assert c.get().header("x-visit") == "1:1"
    c.close()
    before, after = told(g, "connect")[0][1], told(g, "secured")[0][1]
    assert not any(name.startswith("TLS") for name in before)
    assert (after["TLS_VERSION"], after["TLS_SNI"]) == ("TLSv1.3", "localhost")
    assert after["TLS_ALPN"] == ("h2" if client == "h2" else "http/1.1") and after["TLS_CIPHER"].startswith("TLS_")
    assert after["requests"] == "0"
    all_over(g, 1)


def test_a_clients_certificate(probed, ca):
    cert = ca.issue("alice.test", client=True)
    g = probed(tls=f'client_ca: "{ca.path}"')
    with g.connect("secure", tls=tls_context(cert=cert.cert, key=cert.key)) as c:
        assert c.get().status == 200
    facts = told(g, "secured")[0][1]
    assert facts["CLIENT_CERT_SUBJECT"] == "CN=alice.test" and len(facts["CLIENT_CERT_SHA256"]) == 64
    assert not any(name.startswith("CLIENT") and name != "CLIENT_IP" for name in told(g, "connect")[0][1])


def test_a_failed_handshake_is_no_secured_connection(probed):
    g = probed()
    with g.connect("secure") as c:
        c.send(b"GET / HTTP/1.1\r\n\r\n")
        assert b"400" in c.rest()
    all_over(g, 1)
    assert events(g)["secured"] == 0


def test_behind_a_balancer(probed):
    g = probed()
    with g.connect("balanced") as c:
        time.sleep(0.1)
        assert "probe: connect" not in g.log(), "who the client is, is not known yet"
        c.send(PROXY + GET)
        assert c.response().header("x-visit") == "1:1"
    facts = told(g, "connect")[0][1]
    assert (facts["PEER"], facts["PEER_PORT"], facts["CLIENT_IP"]) == ("192.0.2.1", "56324", "192.0.2.1")
    with g.connect("balanced") as c:
        c.send(b"PROXY UNKNOWN\r\n" + GET)
        assert c.response().header("x-visit") == "2:1"
    assert told(g, "connect", 2)[1][1]["PEER"] == "127.0.0.1"
    with g.connect("balanced") as c:
        c.send(b"NO PROXY\r\n")
        c.assert_closed()
    all_over(g, 2)


def test_a_trusted_proxy_is_no_client(probed):
    g = probed()
    g.reload(changed(g).replace("proxy_protocol:", "trusted_proxies: [192.0.2.1], proxy_protocol:"))
    with g.connect("balanced") as c:
        c.send(PROXY + GET)
        c.response()
    facts = told(g, "connect")[0][1]
    assert facts["PEER"] == "192.0.2.1" and "CLIENT_IP" not in facts


# ---- what they decide ----

def test_refused_before_tls(probed):
    g = probed("connect: refuse, logs: false")
    for listener in ("plain", "secure"):
        with g.connect(listener) as c:
            c.assert_closed()
    with g.connect("balanced") as c:
        c.send(PROXY + GET)
        c.assert_closed()
    all_over(g, 3)
    assert g.metrics()[REFUSED] == 3 and events(g)["secured"] == 0
    assert g.metrics()['sluice_plugin_connections_refused_total{plugin="probe",reason="probe-refused"}'] == 3
    g.wait_log(r'warn +listener: plain: a connection from 127.0.0.1 is refused: probe-refused, by plugin instance "probe"')
    assert g.get("/", listener="bare").status == 200


def test_refused_after_the_handshake(probed):
    g = probed("secured: refuse")
    sock = socket.create_connection(("127.0.0.1", g.port("secure")))
    with tls_context().wrap_socket(sock, suppress_ragged_eofs=False) as tls:
        assert tls.recv(100) == b"", "TLS was ended properly"
    all_over(g, 1)
    assert g.metrics()[REFUSED] == 1 and not g.access()
    assert g.get("/", listener="plain").status == 200


def test_a_later_plugin_does_not_hear_of_it(probed):
    g = probed("connect: refuse", plugins="probe, other")
    with g.connect("plain") as c:
        c.assert_closed()
    all_over(g, 1)
    assert events(g, "other")["connect"] == events(g, "other")["disconnect"] == 0


@pytest.mark.parametrize("act, why", [
    ("fail", "it returned SLUICE_FAIL"),
    ("wait", "it returned SLUICE_WAIT, and a hook of a connection cannot wait"),
    ("reply", r"it returned SLUICE_REPLY without sluice_conn_refuse\(\)"),
])
@pytest.mark.parametrize("phase", ["connect", "secured"])
def test_a_failure(probed, phase, act, why):
    g = probed(f"{phase}: {act}")
    try:
        with g.connect("secure", tls=tls_context()) as c:
            c.assert_closed()
    except OSError:
        assert phase == "connect"
    g.wait_log(rf'error plugin: plugin instance "probe" \(conn-probe\) in on_{phase}: {why}; listener secure, peer 127.0.0.1')
    all_over(g, 1)
    m = g.metrics()
    assert m['sluice_plugin_failures_total{plugin="probe"}'] == m[REFUSED] == 1
    assert m['sluice_plugin_connections_refused_total{plugin="probe",reason="plugin-failed"}'] == 1


def test_a_failure_is_skipped(probed):
    g = probed("connect: fail, secured: fail, on_error: skip")
    with g.connect("secure", tls=tls_context()) as c:
        assert c.get().status == 200
    assert g.metrics()['sluice_plugin_skipped_total{plugin="probe"}'] == 2
    g.wait_log("on_error: skip, so the connection goes on")


@pytest.mark.parametrize("act, code", [("refuse", "probe-refused"), ("fail", "plugin-failed")])
def test_a_report(probed, act, code):
    g = probed(f"connect: {act}, mode: report")
    assert g.get(listener="plain").status == 200
    m = g.metrics()
    assert m[f'sluice_plugin_reports_total{{plugin="probe",code="{code}"}}'] == 1 and m[REFUSED] == 0
    if act == "refuse":
        g.wait_log(r'warn +plugin: plugin instance "probe" \(conn-probe\) in on_connect: it would have refused the connection: probe-refused; '
                   "listener plain, peer 127.0.0.1")


def test_a_budget(probed):
    g = probed("connect: slow, budget: 5ms")
    assert g.get(listener="plain").status == 200
    g.wait_log(r"in on_connect: it took \d+\.\d ms, and its budget is 5 ms; listener plain, peer 127.0.0.1")
    assert g.metrics()['sluice_plugin_over_budget_total{plugin="probe"}'] == 1


def test_a_worker_that_hangs_names_the_hook(probed):
    g = probed("connect: hang", config=CONFIG + "runtime: { workers: 1 }\n")
    with g.connect("plain"):
        g.wait_log(r'worker 0 .*plugin instance "probe" \(conn-probe\) in on_connect', timeout=20)
    g.kill()


@pytest.mark.skipif(SANITIZED, reason="a sanitizer has its own report of a crash")
def test_a_crash_names_the_hook(probed):
    g = probed("secured: crash")
    with contextlib.suppress(OSError), g.connect("secure", tls=tls_context()) as c:
        c.rest()
    log = g.ended(-SIGABRT)
    assert re.search(r"sluice: crash: SIGABRT.*, plugin instance probe, plugin conn-probe, in on_secured, peer 127.0.0.1", log)


# ---- the state ----

def test_requests_of_an_h2_connection_share_it(probed, h2):
    g = probed()
    c = h2(g.port("secure"))
    streams = [c.start("GET", "/") for _ in range(5)]
    assert sorted(c.finish(s).header("x-visit") for s in streams) == [f"1:{n}" for n in range(1, 6)]
    c.close()
    d = h2(g.port("plain"), tls=False)
    assert d.get("/").header("x-visit") == "2:1"
    d.close()
    all_over(g, 2)


def test_an_instance_of_listener_and_route_has_one_state(probed):
    g = probed()
    with g.connect("plain") as c:
        assert c.get("/").header("x-visit") == "1:1"
        c.request("GET", "/routed")
        assert c.response().fields.all("x-visit") == ["1:2", "1:3"]
    assert g.get("/routed", listener="bare").header("x-visit") == "none"


def test_no_state_is_kept_unasked(probed):
    g = probed("keeps: false")
    assert g.get(listener="plain").header("x-visit") == "none"
    wait_for(lambda: events(g)["disconnect"] == 1)
    assert events(g)["clean-up"] == 0


def test_check_tells_of_hooks_that_never_run(probed, modules):
    g = probed(plugins="other")
    program, plugins = find_program()
    said = subprocess.run([program, "check", "-c", g.config_path, "--plugin-dir", plugins, "--plugin-dir", modules],
                          capture_output=True, text=True, check=True)
    assert re.search(r'sluice.yaml:\d+:\d+: warning: .*plugin instance "probe" has hooks of connections, which do not run for the plugins of a '
                     "route", said.stdout + said.stderr), said.stdout + said.stderr


# ---- the end, once, whatever it is ----

def idle(g, listener="plain"):
    """A connection with one request behind it."""
    c = g.connect(listener, **({"tls": tls_context()} if listener == "secure" else {}))
    assert c.get().status == 200
    return c


@pytest.mark.parametrize("how", ["close", "reset", "shutdown"])
def test_the_client_ends_it(probed, how):
    g = probed()
    c = idle(g)
    getattr(c, how)()
    all_over(g, 1)
    c.close()


def test_a_client_leaves_before_its_request(probed):
    g = probed()
    for listener in ("plain", "secure"):
        g.connect(listener).close()
    all_over(g, 2)
    g.connect("plain").send(b"GET / HT").close()
    all_over(g, 3)


AWAY = CONFIG.replace("routes:\n", '''upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
routes:
  - { name: away, match: { path: /away }, upstream: app }
''')


@pytest.mark.parametrize("how", ["client", "shutdown"])
@pytest.mark.parametrize("client", ["h1", "h2"])
def test_requests_in_progress_are_complete_before(probed, origin, h2, client, how):
    up = origin(hang)
    g = probed(app=up.port, config=AWAY + "runtime: { shutdown_grace: 100ms }\n")
    if client == "h2":
        c = h2(g.port("secure"))
        for _ in range(3):
            c.start("GET", "/away")
    else:
        c = g.connect("plain")
        c.request("GET", "/away")
    n = 3 if client == "h2" else 1
    up.wait(n)
    c.close() if how == "client" else g.stop()
    wait_for(lambda: "probe: clean-up 1" in g.log())
    log = g.log()
    assert len(re.findall(r"probe: complete 1\b", log)) == n
    assert log.rindex("probe: complete 1") < log.index("probe: disconnect 1") < log.index("probe: clean-up 1")
    assert log.count("probe: disconnect") == log.count("probe: clean-up") == 1


def test_the_idle_timeout_ends_it(probed):
    g = probed()
    g.reload(changed(g).replace("idle: 10s", "idle: 100ms"))
    with idle(g) as c:
        c.assert_closed()
    all_over(g, 1)


def test_a_drain_ends_it(probed):
    g = probed()
    with idle(g), idle(g, "secure"):
        log = g.stop(SIGTERM)
    for number in ("1", "2"):
        for what in ("disconnect", "clean-up"):
            assert len(re.findall(rf"probe: {what} {number}\b", log)) == 1, what


def test_a_shutdown_in_the_middle_of_a_request_ends_it(probed):
    g = probed()
    config = changed(g) + "runtime: { shutdown_grace: 100ms }\n"
    g.reload(config)
    with g.connect("plain") as c:
        c.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        told(g, "connect")
        log = g.stop(SIGTERM)
    assert len(re.findall(r"probe: clean-up 1\b", log)) == len(re.findall(r"probe: disconnect 1\b", log)) == 1


def test_a_listener_that_is_removed_ends_it(probed):
    g = probed()
    with idle(g) as c:
        g.reload(re.sub(r"  - \{ name: plain.*\n", "", changed(g)))
        c.assert_closed()
    all_over(g, 1)


# ---- reloads ----

def alive(g):
    return g.metrics()["sluice_configurations_alive"]


def test_an_instance_that_stays(probed):
    """A connection goes on with its state, and does not hold the configuration that it began with."""
    g = probed()
    with idle(g) as c:
        for n in range(3):
            g.reload(changed(g) + f"# {n}\n")
            assert c.get().header("x-visit") == f"1:{n + 2}"
        wait_for(lambda: alive(g) == 1)
    all_over(g, 1)


@pytest.mark.parametrize("new", [{"options": ", tag: new"}, {"plugins": "other", "options": ", tag: new"}, {"plugins": "", "options": ", tag: new"}],
                         ids=["changed", "another", "none"])
def test_an_instance_that_is_replaced(probed, new):
    """Its connections end with the instance that they began with, which lives as long; new ones have the new list."""
    g = probed()
    g.reload(changed(g).replace("plugins: [probe], respond", "respond"))
    with idle(g) as c:
        g.reload(changed(g, **new).replace("plugins: [probe], respond", "respond"))
        visit = c.get().header("x-visit")    # of the instance in force, which does not know this connection
        assert visit == ("none" if new.get("plugins", "x") else None)
        wait_for(lambda: alive(g) == 2)      # the older configuration stays with the instance
        assert events(g)["disconnect"] == 0
    wait_for(lambda: "probe: clean-up 1" in g.log())
    wait_for(lambda: alive(g) == 1)
    assert len(re.findall(r"probe: disconnect 1\b", g.log())) == len(re.findall(r"probe: clean-up 1\b", g.log())) == 1
    with g.connect("plain") as c:
        assert c.get().header("x-visit") == ("2:1" if new.get("plugins", "x") else None)


def test_reloads_among_short_connections(probed):
    g = probed("logs: false")
    for n in range(6):
        g.reload(changed(g, options=f", logs: false, tag: t{n // 2}"), wait=False)
        for _ in range(20):
            assert g.get(listener="plain").status == 200
    wait_for(lambda: alive(g) == 1)
    all_over(g, 120)


def test_ten_thousand_connections_leave_nothing(probed):
    n = 1000 if SANITIZED else 10000
    g = probed("logs: false", plugins="probe, other")

    def some(k):
        for i in range(k):
            with socket.create_connection(("127.0.0.1", g.port("plain"))) as s:
                if i % 4 == 0:
                    s.sendall(GET)
                    assert s.recv(10).startswith(b"HTTP/1.1 ")
    some(n // 4)
    all_over(g, n // 4)
    before = g.rss()
    some(n - n // 4)
    all_over(g, n)
    all_over(g, n, "other")
    wait_for(lambda: g.metrics()["sluice_connections_active"] <= 1)
    assert SANITIZED or g.rss() - before < 1 << 20, "as much as after the first quarter"
