"""Servers that are found while the gateway runs: names by their TTL, SRV records, a watched file. A real name server changes what it
says, fails, falls silent and stops, while requests go on: none of them may fail."""
import json
import os
import threading
import time

import pytest

from kit.origin import reply
from kit.process import wait_for

NAMES = """
runtime:
  workers: 2
  shutdown_grace: 2s
  resolve: { servers: ["@dns@"], min_ttl: 200ms, negative_ttl: 200ms, timeout: 400ms, stale: STALE, family: both }
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
upstreams:
  app: { servers: ["app.test:@port@"], retries: 3 }
  svc: { discover: { srv: _http._tcp.svc.test }, retries: 3 }
  slow: { servers: ["slow.test:@port@"] }
  many: { servers: ["many.test:@port@"] }
  host: { servers: ["localhost:@port@"] }
routes:
  - { name: app, match: { path: /app }, upstream: app }
  - { name: svc, match: { path: /svc }, upstream: svc }
  - { name: slow, match: { path: /slow }, upstream: slow }
  - { name: many, match: { path: /many }, upstream: many }
  - { name: host, match: { path: /host }, upstream: host }
"""
FILE = """
runtime: { workers: 2, shutdown_grace: 2s }
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
upstreams:
  app: { discover: { file: servers.json } }
routes:
  - { name: all, match: { path: /* }, upstream: app }
"""


class Load:
    """Requests for these targets, one after another on a thread each, until it is stopped."""

    def __init__(self, g, *targets):
        self.g, self.stopped, self.failed, self.n = g, threading.Event(), [], 0
        self.threads = [threading.Thread(target=self.run, args=(t,)) for t in targets]
        for t in self.threads:
            t.start()

    def run(self, target):
        while not self.stopped.wait(0.005):
            r = self.g.get(target)
            self.n += 1
            if r.status != 200:
                self.failed.append((target, r.status, r.text))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for t in self.threads:
            t.join()
        if not _[0]:
            assert not self.failed, self.failed[:3]
            assert self.n > 50, "there was load"


def reached(g, target="/", n=12):
    return "".join(sorted({g.get(target).text for _ in range(n)}))


def reaches(g, want, target="/"):
    """Soon these and no others: each worker hears of a change by itself."""
    wait_for(lambda: reached(g, target) == want, what=f"{target} at {want}")


def upstream(g, name):
    return next(u for u in json.loads(g.admin("/status").body)["upstreams"] if u["name"] == name)


def names(g):
    return {n["name"]: n for n in json.loads(g.admin("/status").body)["names"]}


def srv(*ports):
    return [f"srv-host=_http._tcp.svc.test,svc{i}.test,{port},0,{weight}" for i, (port, weight) in enumerate(ports)]


@pytest.fixture
def spread(origin):
    """Servers a, b, c on one port of three addresses."""
    first = origin(reply(200, b"a"), host="127.0.0.2")
    return [first] + [origin(reply(200, name), host=host, port=first.port) for name, host in
                      ((b"b", "127.0.0.3"), (b"c", "127.0.0.4"))]


def start_names(gateway, dnsmasq, spread, stale="1h"):
    port = spread[0].port
    hosts = {"app.test": ["127.0.0.2"], "svc0.test": ["127.0.0.2"], "svc1.test": ["127.0.0.3"],
             "many.test": [f"127.1.0.{i}" for i in range(1, 150)]}
    slow = "host-record=slow.test,127.0.0.4,50"
    dns = dnsmasq(hosts, [*srv((port, 1)), slow])
    g = gateway(NAMES.replace("STALE", stale), dns=dns.address, port=port)
    return g, dns, hosts, [slow]


def test_names_change_under_load(gateway, dnsmasq, spread):
    g, dns, hosts, more = start_names(gateway, dnsmasq, spread)
    port = spread[0].port
    for target, want in (("/app", "a"), ("/svc", "a"), ("/slow", "c")):
        reaches(g, want, target)
    with Load(g, "/app", "/svc"):
        # A and AAAA
        hosts["app.test"] = ["127.0.0.3", "127.0.0.4"]
        dns.set(hosts)
        g.wait_log(r"info  upstream: app: 2 servers added, 1 removed, 2 in all \(dns\)")
        reaches(g, "bc", "/app")
        hosts["app.test"] = ["127.0.0.3"]
        dns.set(hosts)
        g.wait_log(r"app: 0 servers added, 1 removed, 1 in all \(dns\)")
        reaches(g, "b", "/app")
        # SRV, by a restart: for a moment nobody answers
        dns.stop()
        dns.start([*srv((port, 1), (port, 3)), *more])
        g.wait_log(r"svc: 1 server added, 0 removed, 2 in all \(srv\)")
        reaches(g, "ab", "/svc")
        # the name is gone, by mistake: the addresses stay
        del hosts["app.test"]
        dns.set(hosts)
        g.wait_log(r"warn  upstream: app: app.test cannot be resolved: there is no such name; the addresses known stay in use")
        reaches(g, "b", "/app")
        hosts["app.test"] = ["127.0.0.2"]
        dns.set(hosts)
        g.wait_log(r"info  upstream: app: app.test is resolved")
        reaches(g, "a", "/app")
        # silence, and no server at all
        at = len(g.log())
        dns.pause()
        g.wait_log(r"app.test cannot be resolved: no name server answers in time", after=at)
        dns.resume()
        g.wait_log(r"app.test is resolved", after=at)
        at = len(g.log())
        dns.stop()
        g.wait_log(r"app.test cannot be resolved: each name server failed, refused to answer or cannot be reached", after=at)
        assert names(g)["app.test"]["stale"] is True
        assert names(g)["app.test"]["failure"] == "server-failure"
        reaches(g, "a", "/app")
        reaches(g, "ab", "/svc")
    m = g.metrics()
    for reason in ("no-name", "timeout", "server-failure"):
        assert m[f'sluice_resolve_failures_by_reason_total{{reason="{reason}"}}'] >= 1
        assert m[f'sluice_upstream_discovery_failures_total{{upstream="app",reason="{reason}"}}'] >= 1
    assert m['sluice_upstream_servers{upstream="app",source="dns"}'] == 1
    assert m['sluice_upstream_servers{upstream="svc",source="srv"}'] == 2
    assert time.time() - m['sluice_upstream_resolved_timestamp_seconds{upstream="app"}'] < 60
    assert upstream(g, "svc")["discovery"]["error"]


def test_what_names_are(gateway, dnsmasq, spread):
    g, dns, hosts, _ = start_names(gateway, dnsmasq, spread, stale="300ms")
    reaches(g, "c", "/slow")
    wait_for(lambda: upstream(g, "svc")["discovery"].get("servers") == 1, what="services")
    wait_for(lambda: names(g).get("many.test", {}).get("answers"), what="many addresses, over TCP")
    n = names(g)
    assert 40 < n["slow.test"]["ttl_s"] <= 50 and not n["slow.test"]["stale"]
    assert "ttl_s" not in n["localhost"] and n["localhost"]["answers"], "of /etc/hosts"
    assert n["many.test"]["answers"] == 64, "a bound"
    assert n["_http._tcp.svc.test"]["type"] == "srv"
    g.wait_log(r"many.test has 149 addresses, of which 64 are used")
    discovery = upstream(g, "svc")["discovery"]
    assert (discovery["source"], discovery["srv"], discovery["servers"]) == ("srv", "_http._tcp.svc.test", 1)
    # asked once by both workers, and not again before its time
    assert dns.queries("slow.test") == 2, "A and AAAA"
    assert dns.queries("localhost") == 0
    # what is known is not used for ever
    reaches(g, "a", "/app")
    dns.stop()
    g.wait_log(r"app: app.test could not be resolved for so long that its addresses are not used any more")
    wait_for(lambda: g.get("/app").status == 503, what="no server")
    assert g.get("/slow").text == "c", "its answer still counts"


def write(g, text):
    """As a deployment does: the file is there whole or not at all."""
    path = g.config_path.parent / "servers.json"
    new = path.with_suffix(".new")
    new.write_text(text)
    os.replace(new, path)
    return path


def test_priorities_of_services(gateway, dnsmasq, spread):
    """RFC 2782: those of a greater number serve when nobody of a smaller one does."""
    a, b, _ = spread
    records = [f"srv-host=_http._tcp.svc.test,svc{i}.test,{a.port},{i},1" for i in range(2)]
    dns = dnsmasq({"svc0.test": ["127.0.0.2"], "svc1.test": ["127.0.0.3"]}, records)
    g = gateway(NAMES.replace("STALE", "1h"), dns=dns.address, port=a.port)
    reaches(g, "a", "/svc")
    a.stop()
    reaches(g, "b", "/svc")


def test_a_file_changes_under_load(gateway, origin):
    gone = threading.Event()
    a, b, c = (origin(reply(200, name)) for name in (b"a", b"b", b"c"))
    g = gateway(FILE, files={"servers.json": json.dumps([a.address])})
    reaches(g, "a")
    with Load(g, "/1", "/2"):
        write(g, json.dumps([{"address": a.address, "weight": 2}, b.address]))
        g.wait_log(r"info  upstream: app: 1 server added, 0 removed, 1 changed, 2 in all \(file\)")
        reaches(g, "ab")
        # a mistake changes nothing and is told with its place
        at = len(g.log())
        path = write(g, f'["{a.address}",\n {{"address": "http://b"}}]')
        g.wait_log(rf"{path}:2:14: error: \[1\].address: a server is host:port, without a scheme", after=at)
        g.wait_log(rf"warn  upstream: app: no servers from {path}: .*; those known stay in use", after=at)
        reaches(g, "ab")
        assert "a server is host:port" in upstream(g, "app")["discovery"]["error"]
        path.unlink()
        g.wait_log(r"servers.json: error: cannot be read|servers.json.*cannot be read", after=at)
        reaches(g, "ab")
        # a server goes while it has a request: that one ends well, and no other is sent
        b.behave(lambda peer, request: (gone.wait(5), reply(200, b"b")(peer, request)))
        hanging = [g.connect() for _ in range(6)]
        for h in hanging:
            h.request("GET", "/slow")
        wait_for(lambda: b.open and any(r.target == "/slow" for r in b.requests), what="a request at b")
        write(g, json.dumps([a.address, c.address]))
        g.wait_log(r"app: 1 server added, 1 removed, 1 changed, 2 in all \(file\)")
        gone.set()
        for h in hanging:
            h.response()
            h.close()
        reaches(g, "ac")
        wait_for(lambda: b.open == 0, what="the connections to b are closed")
        # a reload finds the same servers
        g.reload()
        reaches(g, "ac")
    m = g.metrics()
    assert m['sluice_upstream_servers{upstream="app",source="file"}'] == 2
    assert m['sluice_upstream_discovery_failures_total{upstream="app",reason="bad-file"}'] == 1
    assert m['sluice_upstream_discovery_failures_total{upstream="app",reason="unreadable"}'] == 1
    assert m['sluice_upstream_discovered_servers{upstream="app"}'] == 2
    write(g, "[]")
    g.wait_log(r"app: 0 servers added, 2 removed, 0 in all \(file\)")
    wait_for(lambda: g.get().status == 503, what="no server")


def test_a_file_that_comes_later(gateway, origin):
    up = origin(reply(200, b"a"))
    g = gateway(FILE)
    g.wait_log(r"servers.json: warning: cannot be read")
    write(g, json.dumps([up.address]))
    g.wait_log(r"app: 1 server added")
    reaches(g, "a")
