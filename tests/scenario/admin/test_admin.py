"""The admin address: health, status, metrics and commands, by HTTP and by the program's own commands."""
import json
import os
import socket
import stat
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from signal import SIGUSR1

import pytest
from kit.client import RawClient
from kit.gateway import find_program
from kit.origin import hang, reply
from kit.process import wait_for

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
routes:
  - { name: hello, match: { path: /hello }, respond: { body: "hello\\n" } }
  - { name: app, match: { path: /app/* }, upstream: app }
"""
ALONE = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
routes:
  - { name: hello, match: { path: /hello }, respond: { body: "hello\\n" } }
"""
BROKEN = ALONE.replace("match:", "mach:")


def problem(r):
    assert r.header("content-type") == "application/problem+json"
    doc = json.loads(r.body)
    assert doc["status"] == r.status
    return doc


def post(g, path, headers=(), body=None, host="localhost"):
    with RawClient(g.port("admin")) as c:
        return c.request("POST", path, headers, body, host=host).response("POST")


def sluice(*args, timeout=30):
    return subprocess.run([find_program()[0], *map(str, args)], capture_output=True, text=True, timeout=timeout, check=False)


def ended(g, status=0):
    assert g.process.wait(20) == status
    g.stop(status=status)


# ---- looking ----

def test_health_and_readiness(gateway):
    g = gateway(ALONE)
    assert (g.admin("/healthz").status, g.admin("/healthz").body) == (200, b"alive\n")
    wait_for(lambda: g.admin("/readyz").status == 200, 5, "readiness")
    head = g.admin("/readyz", "HEAD")
    assert head.status == 200 and head.header("content-length") == "6" and head.body == b""
    assert head.header("cache-control") == "no-store"


def test_what_is_not_there(gateway):
    g = gateway(ALONE)
    assert problem(g.admin("/nothing"))["type"].endswith(":not-found")
    r = g.admin("/status", "POST")
    assert r.status == 405 and r.header("allow") == "GET, HEAD"
    assert problem(r)["type"].endswith(":method-not-allowed")
    assert g.admin("/reload").header("allow") == "POST"
    assert g.admin("/stop", "DELETE").status == 405
    listed = [line.split()[:2] for line in g.admin("/").text.splitlines()]
    assert ["GET", "/healthz"] in listed and ["POST", "/reload"] in listed


def test_a_bad_request_is_refused_like_anywhere(gateway, raw):
    g = gateway(ALONE)
    c = raw(g.port("admin"))
    c.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n")
    assert problem(c.response())["type"].endswith(":bad-host")
    c.assert_closed()
    c = raw(g.port("admin"))
    assert c.get("/" + "x" * 5000).status == 414


def test_status(gateway, origin):
    up = origin(reply(200, b"ok"))
    g = gateway(CONFIG, app=up.port)
    for _ in range(5):
        assert g.get("/app/x").status == 200
    doc = json.loads(g.admin("/status").body)
    assert doc["state"] == "serving" and doc["pid"] == g.pid and doc["uptime_s"] > 0
    assert doc["config"]["file"] == str(g.config_path) and doc["config"]["id"] == 1
    assert doc["config"]["routes"] == 2 and doc["config"]["loaded_at"].endswith("Z")
    assert doc["config"]["listeners"] == [{"name": "public", "address": f"127.0.0.1:{g.port()}", "tls": False}]
    assert doc["snapshots"] == 1
    assert [(w["id"], w["silent"], w["config"]) for w in doc["workers"]] == [(0, False, 1), (1, False, 1)]
    (app,) = doc["upstreams"]
    (server,) = app["servers"]
    assert app["name"] == "app" and server["address"] == f"127.0.0.1:{up.port}" and server["state"] == "up"
    assert server["latency_us"] > 0
    assert server["requests"] == 5 and server["failures"] == 0 and server["connects"] + server["reused"] == 5
    assert server["workers"] == {"up": 2, "down": 0, "trial": 0, "suspect": 0}


def test_status_tells_what_is_under_way(gateway, origin, raw):
    up = origin(hang)
    g = gateway(CONFIG, app=up.port)
    clients = [raw(g.port()) for _ in range(4)]
    for c in clients[:3]:
        c.request("GET", "/app/slow")
    up.wait(3)
    doc = json.loads(g.admin("/status").body)
    assert doc["connections"] == 4 and doc["requests"] == 3
    assert sum(w["requests"] for w in doc["workers"]) == 3
    assert doc["upstreams"][0]["servers"][0]["in_flight"] == 3
    for c in clients:
        c.close()
    wait_for(lambda: json.loads(g.admin("/status").body)["requests"] == 0, 5, "the end of the requests")


def test_status_tells_of_a_server_that_is_down(gateway):
    g = gateway(CONFIG)
    for _ in range(30):
        g.get("/app/x")
    server = json.loads(g.admin("/status").body)["upstreams"][0]["servers"][0]
    assert server["connect_failures"] > 0 and server["workers"]["down"] + server["workers"]["trial"] > 0
    assert server["state"] in ("down", "partly-up")


def test_counters_move(gateway, origin):
    up = origin(reply(200, b"ok"))
    g = gateway(CONFIG, app=up.port)
    before = g.metrics()
    for _ in range(5):
        g.get("/app/x")
    g.get("/nothing")

    def moved(name):
        return g.metrics().get(name, 0) - before.get(name, 0)
    wait_for(lambda: moved('sluice_requests_total{status="2xx"}') == 5, 5, "five requests")
    assert moved('sluice_requests_total{status="4xx"}') == 1
    assert moved('sluice_route_requests_total{route="app",status="2xx"}') == 5
    assert moved('sluice_route_duration_seconds_count{route="app"}') == 5
    assert moved('sluice_upstream_requests_total{upstream="app",status="2xx"}') == 5
    assert post(g, "/reload").status == 200
    assert moved('sluice_reloads_total{result="ok"}') == 1
    assert g.metrics()["sluice_workers"] == 2


def test_who_asks_is_no_client(gateway):
    g = gateway(ALONE)
    g.get("/hello")
    first = g.metrics()
    for _ in range(5):
        assert g.metrics()["sluice_connections_accepted_total"] == first["sluice_connections_accepted_total"]
    assert g.metrics()['sluice_listener_connections_total{listener="public"}'] >= 1
    assert not any('"admin"' in name for name in g.metrics())
    wait_for(lambda: g.metrics()["sluice_connections_active"] == 0, 5, "the end of the client's connection")


def test_metrics(gateway, origin):
    up = origin(reply(200, b"ok"))
    g = gateway(CONFIG, app=up.port)
    r = g.admin("/metrics")
    assert r.header("content-type") == "text/plain; version=0.0.4; charset=utf-8"
    server = f'{{upstream="app",server="127.0.0.1:{up.port}"}}'
    assert g.metrics()[f"sluice_upstream_server_up{server}"] == 1, "0 or 1, however many workers there are"
    for _ in range(7):
        g.get("/app/x")
    assert g.metrics()[f"sluice_upstream_server_requests_total{server}"] == 7
    assert g.metrics()["sluice_workers_silent"] == 0


def test_metrics_are_well_formed(gateway):
    g = gateway(ALONE)
    seen, family, kind = set(), None, None
    for line in g.admin("/metrics").text.splitlines():
        if line.startswith("# HELP "):
            family = line.split(" ", 3)[2]
            assert family not in seen, f"{family} comes twice"
            seen.add(family)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == family and kind in ("counter", "gauge", "histogram")
            assert (kind == "counter") == name.endswith("_total")
        else:
            name, value = line.partition("{")[0].split(" ")[0], line.rpartition(" ")[2]
            assert name == family or (kind == "histogram" and name.startswith(family))
            float(value)
    assert "sluice_workers_silent" in seen and "process_resident_memory_bytes" in seen


def test_fifty_scrapes_under_load(gateway, origin):
    up = origin(reply(200, b"x" * 100))
    g = gateway(CONFIG, app=up.port)
    stop, served = threading.Event(), []

    def load():
        with g.connect() as c:
            while not stop.is_set():
                assert c.get("/app/x").status == 200
                served.append(1)
    loaders = [threading.Thread(target=load) for _ in range(4)]
    for t in loaders:
        t.start()
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda i: g.admin("/metrics" if i % 2 else "/status"), range(200)))
    stop.set()
    for t in loaders:
        t.join()
    assert [r.status for r in answers] == [200] * 200
    assert served and up.errors == []
    assert not any(w["silent"] for w in json.loads(g.admin("/status").body)["workers"])


# ---- who may ----

@pytest.mark.parametrize("host", ["evil.example.com", "localhost.example.com", "127.0.0.1.nip.io"])
def test_names_that_a_page_could_have(gateway, host):
    g = gateway(ALONE)
    with RawClient(g.port("admin")) as c:
        r = c.request("GET", "/metrics", host=host).response()
    assert problem(r)["type"].endswith(":foreign-host") and r.status == 421
    assert post(g, "/stop", host=host).status == 421
    assert g.admin("/healthz").status == 200


def test_a_probe_by_a_listed_host_name_is_answered(gateway):
    listed = 'admin: { address: "127.0.0.1:@admin@", hosts: [gateway.example.com, "*.pods.example"] }\n'
    g = gateway(ALONE + listed)
    for host, status in (("gateway.example.com", 200), ("Gateway.Example.com:9180", 200), ("a.pods.example", 200),
                         ("evil.example.com", 421), ("pods.example", 421)):
        with RawClient(g.port("admin")) as c:
            assert c.request("GET", "/metrics", host=host).response().status == status, host
    g.reload(ALONE + listed.replace("gateway.example.com, ", ""), expect="is in force")
    with RawClient(g.port("admin")) as c:
        assert c.request("GET", "/metrics", host="gateway.example.com").response().status == 421, "and follows a reload"


@pytest.mark.parametrize("field, code", [
    (("Origin", "http://localhost"), "from-browser"), (("Sec-Fetch-Site", "cross-site"), "from-browser"),
    (("Referer", "http://127.0.0.1/"), "from-browser"), (("X-Forwarded-For", "127.0.0.1"), "passed-on"),
    (("Forwarded", "for=127.0.0.1"), "passed-on"), (("Via", "1.1 proxy"), "passed-on")])
def test_commands_not_from_pages_or_proxies(gateway, field, code):
    g = gateway(ALONE)
    r = post(g, "/stop", [field])
    assert r.status == 403 and problem(r)["type"].endswith(":" + code)
    with RawClient(g.port("admin")) as c:
        assert c.get("/metrics", [field]).status == 200
    g.wait_log(f"refused: {code}")


def own_address():
    """An address of this machine that is not a loopback one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
            return s.getsockname()[0]
        except OSError:
            return None


def test_commands_not_from_elsewhere(gateway):
    ip = own_address()
    if not ip or ip.startswith("127."):
        pytest.skip("this machine has no other address")
    g = gateway(ALONE + 'admin: { address: "0.0.0.0:@admin@" }\n')
    with RawClient((ip, g.port("admin"))) as c:
        r = c.request("POST", "/stop", host=f"{ip}:{g.port('admin')}").response("POST")
        assert r.status == 403 and problem(r)["type"].endswith(":not-local")
        assert c.get("/readyz", host="gateway").status == 200
        assert c.request("GET", "/metrics", host=ip).response().status == 200
    assert sluice("reload", "-c", g.config_path).returncode == 0, "it listens everywhere, and so on the loopback address"


def test_a_unix_socket(gateway):
    g = gateway(ALONE + "admin: { address: unix:admin.sock }\n")
    path = g.folder / "admin.sock"
    wait_for(path.exists, 5, "the socket")
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    with RawClient(str(path)) as c:
        assert c.get("/healthz", host="anything.example.com").status == 200
    r = sluice("status", "-c", g.config_path)
    assert r.returncode == 0 and "serving" in r.stdout
    r = sluice("status", "--admin", f"unix:{path}", "--json")
    assert json.loads(r.stdout)["pid"] == g.pid
    assert sluice("drain", "-c", g.config_path).returncode == 0
    ended(g)
    assert not path.exists()
    assert sluice("status", "-c", g.config_path).returncode == 3


def test_bodies_are_thrown_away(gateway, raw):
    g = gateway(ALONE)
    c = raw(g.port("admin"))
    assert c.request("POST", "/reload", body=b"x" * 40000).response("POST").status == 200
    assert c.get("/healthz").status == 200
    assert c.request("POST", "/reload", [("Transfer-Encoding", "chunked")], b"3\r\nabc\r\n0\r\n\r\n").response("POST").status == 200
    c.assert_closed()


# ---- reload ----

def test_reload_by_http(gateway):
    g = gateway(ALONE)
    g.write_config(ALONE.replace("hello\\n", "servus\\n"))
    r = post(g, "/reload")
    assert r.status == 200
    doc = json.loads(r.body)
    assert doc["state"] == "in-force" and doc["config"]["id"] == 2
    for _ in range(10):
        assert g.get("/hello").body == b"servus\n"
    status = json.loads(g.admin("/status").body)
    assert [w["config"] for w in status["workers"]] == [2, 2] and status["reloads"] == 1


def test_a_bad_file_changes_nothing(gateway):
    g = gateway(ALONE)
    g.write_config(BROKEN)
    r = post(g, "/reload")
    doc = problem(r)
    assert r.status == 422 and doc["type"].endswith(":bad-configuration")
    (item,) = doc["diagnostics"]["items"]
    assert (item["line"], item["file"], item["message"]) == (5, str(g.config_path), 'unknown key "mach"')
    assert f"{g.config_path}:5:" in doc["detail"]
    assert g.get("/hello").body == b"hello\n"
    status = json.loads(g.admin("/status").body)
    assert status["config"]["id"] == 1 and status["reloads_failed"] == 1


def test_reload_by_command(gateway):
    g = gateway(ALONE)
    r = sluice("reload", "-c", g.config_path)
    assert (r.returncode, r.stdout, r.stderr) == (0, "configuration 2 is in force\n", "")
    g.write_config(BROKEN)
    r = sluice("reload", "-c", g.config_path)
    assert r.returncode == 1 and r.stdout == "" and f"{g.config_path}:5:" in r.stderr
    assert "did you mean" in r.stderr
    assert json.loads(sluice("reload", "-c", g.config_path, "--json").stdout)["status"] == 422


def test_many_reloads_at_once(gateway):
    g = gateway(ALONE)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(g, "/reload").status, range(24)))
    assert set(answers) <= {200, 503} and answers.count(200) >= 8
    status = json.loads(g.admin("/status").body)
    assert status["reloads"] == answers.count(200) == status["config"]["id"] - 1
    wait_for(lambda: json.loads(g.admin("/status").body)["snapshots"] == 1, 5, "the end of the old configurations")


def test_an_older_configuration_in_use_is_counted(gateway, origin, raw):
    up = origin(hang)
    g = gateway(CONFIG, app=up.port)
    c = raw(g.port())
    c.request("GET", "/app/slow")
    up.wait(1)
    assert post(g, "/reload").status == 200
    assert json.loads(g.admin("/status").body)["snapshots"] == 2
    c.close()
    wait_for(lambda: json.loads(g.admin("/status").body)["snapshots"] == 1, 5, "the end of the old configuration")


def test_a_listener_that_cannot_be_had(gateway):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        g = gateway(ALONE)
        g.write_config(ALONE.replace("routes:", f'  - {{ name: more, address: "127.0.0.1:{port}" }}\nroutes:'))
        doc = problem(post(g, "/reload"))
        assert doc["status"] == 422 and "more" in doc["detail"] and str(port) in doc["detail"]
        assert g.get("/hello").status == 200


def test_a_new_admin_address_needs_a_restart(gateway, free_port):
    g = gateway(ALONE)
    g.write_config(ALONE + f'admin: {{ address: "127.0.0.1:{free_port()}" }}\n')
    r = sluice("reload", "--admin", f"127.0.0.1:{g.port('admin')}")
    assert r.returncode == 0
    g.wait_log("admin.address has changed")
    assert g.admin("/healthz").status == 200


# ---- logs ----

@pytest.mark.parametrize("how", ["signal", "command"])
def test_reopen(gateway, how):
    g = gateway(ALONE)
    g.get("/hello")
    assert len(g.access(1)) == 1
    moved = g.access_path.with_suffix(".1")
    g.access_path.rename(moved)
    if how == "signal":
        g.signal(SIGUSR1)
    else:
        r = sluice("reopen", "-c", g.config_path)
        assert (r.returncode, r.stdout) == (0, "reopening\n")
    wait_for(g.access_path.exists, 5, "a new log file")
    g.get("/hello")
    assert len(g.access(1)) == 1 and len(moved.read_text().splitlines()) == 1


# ---- ending ----

def test_drain_lets_requests_finish(gateway, origin, raw):
    go = threading.Event()

    def slow(_peer, _request):
        go.wait(10)
        return reply(200, b"late")(_peer, _request)
    up = origin(slow)
    g = gateway(CONFIG + "runtime: { workers: 2, shutdown_grace: 20s }\n", app=up.port)
    c = raw(g.port())
    c.request("GET", "/app/slow")
    up.wait(1)
    assert json.loads(post(g, "/drain").body) == {"state": "draining"}
    r = g.admin("/readyz")
    assert r.status == 503 and "draining" in problem(r)["reasons"][0]
    assert g.admin("/healthz").status == 200
    assert json.loads(g.admin("/status").body)["state"] == "draining"
    assert post(g, "/drain").status == 202, "asked again, it still waits"
    assert problem(post(g, "/reload"))["status"] == 409
    wait_for(lambda: not connects(g.port()), 5, "the end of accepting")
    go.set()
    assert c.response().body == b"late"
    ended(g)


def connects(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def test_stop_ends_at_once(gateway, origin, raw):
    up = origin(hang)
    g = gateway(CONFIG + "runtime: { workers: 2, shutdown_grace: 60s }\n", app=up.port)
    c = raw(g.port())
    c.request("GET", "/app/slow")
    up.wait(1)
    r = sluice("stop", "-c", g.config_path)
    assert (r.returncode, r.stdout) == (0, "stopping\n")
    ended(g)
    c.assert_closed()


def test_status_that_nobody_reads_holds_nothing_up(gateway, raw):
    g = gateway(ALONE)
    lazy = [raw(g.port("admin")) for _ in range(20)]
    for c in lazy:
        c.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)
    assert g.get("/hello").status == 200
    assert g.admin("/healthz").status == 200
    assert post(g, "/stop").status == 202
    ended(g)


# ---- starting ----

def test_the_address_is_taken(gateway):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        g = gateway(ALONE + f'admin: {{ address: "127.0.0.1:{port}" }}\n', wait=False)
        ended(g, 1)
    assert f"admin.address: cannot listen on 127.0.0.1:{port}: Address already in use" in g.log()


def test_an_address_that_is_none(gateway):
    g = gateway(ALONE + 'admin: { address: "localhost" }\n', wait=False)
    ended(g, 1)
    assert 'admin.address: "localhost" is no address to listen on' in g.log()


def test_no_admin_address(gateway):
    g = gateway(ALONE + "admin:\n")
    assert g.get("/hello").status == 200
    r = sluice("status", "-c", g.config_path)
    assert r.returncode == 1 and "has no admin address" in r.stderr


# ---- the commands ----

def test_nobody_there(free_port):
    r = sluice("status", "--admin", f"127.0.0.1:{free_port()}")
    assert r.returncode == 3 and "Connection refused" in r.stderr
    assert sluice("reload", "--admin", "unix:/nowhere/admin.sock").returncode == 3


def test_somebody_else_there(origin):
    up = origin(reply(200, b"<html>"))
    for args in (["status"], ["stop"]):
        r = sluice(*args, "--admin", f"127.0.0.1:{up.port}")
        assert r.returncode == 3 and "not a gateway's admin address" in r.stderr


@pytest.mark.parametrize("args", [["status"], ["reload", "-c", "x", "--admin", "y"], ["stop", "--admin", "127.0.0.1:1", "now"],
                                  ["drain", "--no-such-option"], ["status", "--admin", "localhost:80"]])
def test_wrong_usage(args):
    r = sluice(*args)
    assert r.returncode == 2 and r.stderr


def test_a_file_that_is_not_there():
    r = sluice("status", "-c", "/nowhere/sluice.yaml")
    assert r.returncode == 1 and "/nowhere/sluice.yaml" in r.stderr


def test_status_for_people(gateway, origin):
    up = origin(reply(200, b"ok"))
    g = gateway(CONFIG, app=up.port)
    g.get("/app/x")
    text = sluice("status", "-c", g.config_path).stdout
    assert f"pid {g.pid}, serving" in text
    assert "2 routes, 1 upstream, " in text and f"listener public on 127.0.0.1:{g.port()}" in text
    assert f"upstream app\n  127.0.0.1:{up.port}: up, 1 request, 0 failed, 0 under way" in text


def test_help():
    listed = sluice("help")
    assert listed.returncode == 0
    names = [line.split()[0] for line in listed.stdout.splitlines() if line.startswith("  ")]
    assert {"run", "check", "status", "reload", "reopen", "drain", "stop", "token", "version"} <= set(names)
    for name in set(names) - {"help"}:
        r = sluice("help", name)
        assert r.returncode == 0 and r.stdout.startswith(f"usage: sluice {name}")
    assert sluice("reload", "--help").stdout == sluice("help", "reload").stdout
    assert sluice("help", "nonsense").returncode == 2 and sluice("nonsense").returncode == 2


def test_a_socket_left_behind(gateway, folder):
    """A gateway that was killed leaves its socket; the next one takes its place."""
    path = folder / "left.sock"
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))
    assert os.path.exists(path)
    g = gateway(ALONE + f"admin: {{ address: unix:{path} }}\n")
    with RawClient(str(path)) as c:
        assert c.get("/healthz").status == 200
    assert g.get("/hello").status == 200
