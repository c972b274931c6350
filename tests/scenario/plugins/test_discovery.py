"""discover and sluice_servers_set(): a plugin finds the servers of an upstream."""
import json
import os
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from kit.gateway import ROOT, Gateway, find_program
from kit.modules import build_module
from kit.origin import hang, reply
from kit.process import wait_for
from kit.tokens import refusal

CONFIG = """
runtime: { workers: 2, shutdown_grace: 2s }
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  finder: { use: PLUGIN }
upstreams:
  app: { discovery: finder UPSTREAM }
routes:
  - { name: all, match: { path: /* }, upstream: app }
"""
FROM_FILE = "file-servers, file: servers.txt, every: 100ms"
NAMES = "abcd"


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    folder = tmp_path_factory.mktemp("discovery")
    build_module(folder, "discovery-probe", Path(__file__).parent / "modules/discovery_probe.c")
    build_module(folder, "probe", Path(__file__).parent / "modules/probe.c")
    return build_module(folder, "file-servers", ROOT / "contrib/plugin-examples/file_servers.c")


def config(plugin=FROM_FILE, upstream=""):
    return CONFIG.replace("PLUGIN", plugin).replace("UPSTREAM", ", " + upstream if upstream else "")


class Finding:
    """A gateway whose servers stand in servers.txt, and four upstream servers."""

    def __init__(self, gateway, origin, modules, text, first):
        self.ups = {name: origin(reply(200, name.encode())) for name in NAMES}
        files = {"servers.txt": self.lines(first)} if first else {}
        self.g = gateway(text, files=files, args=["--plugin-dir", modules], **{n: u.port for n, u in self.ups.items()})
        self.path = self.g.config_path.parent / "servers.txt"

    def lines(self, names):
        return "".join(f"app {self.ups[n].address}\n" for n in names)

    def write(self, text):
        """As a deployment does: the file is there whole or not at all."""
        new = self.path.with_suffix(".new")
        new.write_text(text)
        os.replace(new, self.path)

    def set(self, names):
        after = len(self.g.log())
        self.write(self.lines(names))
        self.g.wait_log(rf"app: .*removed.*, {len(names)} in all \(plugin finder\)", after=after)

    def reached(self, n=16):
        return "".join(sorted(set(self.g.get().text for _ in range(n))))

    def upstream(self):
        return json.loads(self.g.admin("/status").body)["upstreams"][0]


@pytest.fixture
def finding(gateway, origin, modules):
    def make(first="ab", plugin=FROM_FILE, upstream=""):
        return Finding(gateway, origin, modules, config(plugin, upstream), first)
    return make


def test_servers_are_there_from_the_first_request(finding):
    f = finding("ab")
    assert f.reached() == "ab"
    f.g.wait_log(r"info  upstream: app: 2 servers added, 0 removed, 2 in all \(plugin finder\)")


def test_servers_come_and_go(finding):
    f = finding("ab")
    assert f.reached() == "ab"
    f.set("bcd")
    f.g.wait_log(r"app: 2 servers added, 1 removed, 3 in all \(plugin finder\)")
    wait_for(lambda: f.reached() == "bcd", 5, "the new servers to be asked")
    wait_for(lambda: f.ups["a"].open == 0, 5, "idle connections to the old one to be closed")
    found = f.upstream()
    assert found["discovery"]["plugin"] == "finder" and found["discovery"]["servers"] == 3
    assert abs(found["discovery"]["set_at_ms"] / 1000 - time.time()) < 20
    assert {s["address"] for s in found["servers"]} == {f.ups[n].address for n in "bcd"}
    metrics = f.g.metrics()
    assert metrics['sluice_upstream_discovered_servers{upstream="app"}'] == 3
    assert abs(metrics['sluice_upstream_discovered_timestamp_seconds{upstream="app"}'] - time.time()) < 20


def test_one_that_stays_keeps_its_connections(finding):
    f = finding("a")
    with f.g.connect() as c:
        assert c.get().text == "a"
        for names in ("ab", "ac", "a"):
            f.set(names)
        wait_for(lambda: c.get().text == "a" and f.upstream()["servers"][0]["address"] == f.ups["a"].address, 5)
        assert f.ups["a"].connections == 1


def test_a_request_is_finished_where_it_began(finding):
    f = finding("a")
    release = threading.Event()

    def slow(peer, request):
        release.wait(10)
        reply(200, b"slow")(peer, request)
    f.ups["a"].behave(slow)
    with f.g.connect() as c:
        c.request("GET", "/")
        f.ups["a"].wait(1)
        f.set("b")
        wait_for(lambda: f.reached() == "b", 5, "the other to be asked")
        release.set()
        assert c.response().text == "slow"
    wait_for(lambda: f.ups["a"].open == 0, 5, "the connection to be closed when it is free")


def test_no_request_is_lost_while_sets_change(finding):
    f = finding("ab")
    wrong, count, stop = [], Counter(), threading.Event()

    def ask():
        while not stop.is_set():
            with f.g.connect() as c:
                for _ in range(20):
                    r = c.get()
                    count[r.text] += 1
                    if r.status != 200:
                        wrong.append((r.status, r.text))
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for t in threads:
        t.start()
    sets = ["ab", "bc", "cd", "da", "abcd", "c", "abd", "b", "acd", "d"] * 2
    for names in sets[1:] + ["abc"]:
        f.set(names)
    stop.set()
    for t in threads:
        t.join()
    assert not wrong, wrong[:5]
    assert set(count) == set(NAMES) and sum(count.values()) > 100
    assert all(line["status"] == 200 for line in f.g.access(sum(count.values())))


def test_a_set_that_cannot_be_changes_nothing(finding):
    f = finding("ab")
    f.write(f.lines("cd") + "app nowhere\n")
    f.g.wait_log(r'warn  plugin: plugin instance "finder" \(file-servers\) in a timer: the servers of upstream app stay as they are: '
                 r'"nowhere" is not the address of a server')
    assert f.reached() == "ab"


def test_more_servers_than_there_may_be(finding):
    f = finding("", "discovery-probe, does: many", 'servers: ["127.0.0.1:@a@"]')
    f.g.wait_log(r"the servers of upstream app stay as they are: there are more than 10000")
    assert f.reached() == "a"


def test_servers_of_the_file_are_the_start(finding):
    f = finding("", FROM_FILE, 'servers: ["127.0.0.1:@d@"]')
    assert f.reached() == "d"
    assert f.upstream()["discovery"] == {"source": "plugin", "plugin": "finder", "servers": 0}
    f.set("a")
    wait_for(lambda: f.reached() == "a", 5, "what was found to be asked")


def test_from_a_url(finding, origin):
    says = origin(reply(200, b""))
    f = finding("", f"discovery-probe, does: fetch, url: \"http://{says.address}/servers\", after: 100ms")
    says.behave(reply(200, "\n".join(f.ups[n].address for n in "cd").encode()))
    wait_for(lambda: f.g.get().status == 200, 5, "servers to be there")
    wait_for(lambda: f.reached() == "cd", 5, "both to be asked")
    says.behave(reply(500))
    time.sleep(0.5)
    assert f.reached() == "cd", "what was found last stays"


# ---- no servers ----

def test_without_a_set_requests_wait_for_a_while(finding):
    f = finding("", "discovery-probe, does: never", "timeouts: { connect: 300ms }")
    began = time.monotonic()
    assert refusal(f.g.get()) == "no-server"
    assert 0.25 < time.monotonic() - began < 5
    line = f.g.access(1)[0]
    assert (line["status"], line["reason"]) == (503, "no-server")


def test_a_request_that_waits_gets_the_first_server(finding):
    f = finding("", upstream="timeouts: { connect: 20s }")
    with f.g.connect() as c:
        c.request("GET", "/")
        time.sleep(0.3)
        f.set("c")
        assert c.response().text == "c"


def test_without_servers_nobody_waits(finding):
    f = finding("", "discovery-probe, does: none", "timeouts: { connect: 20s }")
    f.g.wait_log(r"app: 0 servers added, \d+ removed, 0 in all")
    began = time.monotonic()
    assert refusal(f.g.get()) == "no-server"
    assert time.monotonic() - began < 10


# ---- reload ----

def test_a_reload_keeps_the_set(finding):
    f = finding("", FROM_FILE, 'servers: ["127.0.0.1:@d@"]')
    f.set("ab")
    f.g.reload(config(upstream='servers: ["127.0.0.1:@d@"], keepalive: 9'))
    assert f.reached() == "ab"
    # another instance, which has found nothing yet
    f.g.reload(config("discovery-probe", 'servers: ["127.0.0.1:@d@"]'))
    f.g.wait_log("discovery-probe/finder: finds servers of app")
    assert f.reached() == "ab"
    # the first one comes back, and goes on
    f.write(f.lines("c"))
    f.g.reload(config())
    wait_for(lambda: f.reached() == "c", 5, "the file to be read")
    f.set("bd")
    wait_for(lambda: f.reached() == "bd", 5, "the file to be read again")


def test_a_reload_to_servers_of_the_file(finding):
    f = finding("ab")
    f.g.reload(config().replace("discovery: finder", 'servers: ["127.0.0.1:@d@"]'))
    wait_for(lambda: f.reached() == "d", 5, "the file's own servers to be asked")
    assert "discovery" not in f.upstream()


def test_an_upstream_that_is_gone_is_told(finding):
    f = finding("ab")
    f.g.reload(config().replace("app: {", "other: {").replace("upstream: app", "upstream: other"))
    f.g.wait_log(r'the servers of upstream app stay as they are: no upstream of that name has this instance as its `discovery`')


def test_a_new_upstream_of_the_same_instance(finding):
    f = finding("ab")
    f.write(f.lines("ab") + f"new {f.ups['d'].address}\n")
    text = config().replace("upstreams:\n", "upstreams:\n  new: { discovery: finder }\n")
    f.g.reload(text.replace("routes:\n", "routes:\n  - { name: new, match: { path: /new }, upstream: new }\n"))
    wait_for(lambda: f.g.get("/new").text == "d", 5, "its servers to be found")
    assert f.reached() == "ab"


def test_one_that_cannot_begin_is_refused_at_a_reload(finding):
    f = finding("ab")
    f.g.reload(config("discovery-probe, does: fail"), expect=r"could not start", wait=False)
    f.g.wait_log(r'plugin instance "finder" \(discovery-probe\) could not start')
    f.set("cd")
    wait_for(lambda: f.reached() == "cd", 5, "the instance in force to go on")


def test_one_that_cannot_begin_is_refused_at_the_start(folder, modules):
    g = Gateway(folder / "refused", config("discovery-probe, does: fail"), args=["--plugin-dir", modules], wait=False)
    g.wait_log(r'plugin instance "finder" \(discovery-probe\) could not start')
    g.ended(1)


def test_with_a_balancer_and_health(gateway, origin, modules):
    """Servers that were found are servers like any other: one that fails rests, and is passed over."""
    f = Finding(gateway, origin, modules, config(upstream="health: { failures: 1, retry_after: 30s }, retries: 1"), "ab")
    f.ups["a"].stop()
    assert f.reached() == "b"
    f.set("abc")
    assert f.reached(24) == "bc"
    f.ups["c"].behave(hang)
    f.set("b")
    assert f.reached() == "b"


# ---- what is written in the file ----

FILE = """listeners:
  - { name: public, address: "127.0.0.1:8080" }
plugins:
  finder: { use: file-servers, file: servers.txt }
  body: { use: probe }
upstreams:
  app:
    KEY
routes:
  - { name: all, match: { path: /* }, upstream: app, plugins: [body] }
"""


@pytest.mark.parametrize("key, at, why, hint", [
    ("discovery: findr", "8:16", 'there is no plugin instance "findr"', 'did you mean "finder"?'),
    ("discovery: body", "8:16", 'plugin probe of "body" finds no servers', "name an instance of a plugin that has discover"),
    ("retries: 1", "7:3", "the upstream has no servers", "list them in `servers`, or say how they are found in `discover`"),
])
def test_what_cannot_be(tmp_path, modules, key, at, why, hint):
    done = check(FILE.replace("KEY", key), tmp_path, modules)
    assert done.returncode != 0
    assert f"sluice.yaml:{at}" in done.stderr and why in done.stderr and hint in done.stderr, done.stderr


def test_an_instance_that_only_finds_servers_is_used(tmp_path, modules):
    done = check(FILE.replace("KEY", "discovery: finder"), tmp_path, modules)
    assert done.returncode == 0 and "finder" not in done.stderr, done.stderr


def check(text, tmp_path, modules):
    path = tmp_path / "sluice.yaml"
    path.write_text(text)
    return subprocess.run([find_program()[0], "check", "-c", path, "--plugin-dir", modules], capture_output=True, text=True, check=False)
