"""The example udp-log: the access log as datagrams to a real socket."""
import json
import re
import socket
import time

import pytest

from kit.gateway import ROOT
from kit.modules import build_module

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
log: { access: { path: "@dir@/access.log", sinks: udp } }
plugins:
  udp: { use: udp-log, host: @host@, port: "@collector@", format: @format@, name: "gw-1" }
routes:
  - { name: all, match: { path: /* }, respond: { status: 204 } }
"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    return build_module(tmp_path_factory.mktemp("udp"), "udp-log", ROOT / "contrib/plugin-examples/udp_log.c")


@pytest.fixture
def collector():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        s.settimeout(15)
        yield s


@pytest.fixture
def start(gateway, modules, collector):
    def make(form, host="localhost"):
        config = CONFIG.replace("@format@", form).replace("@host@", host)
        return gateway(config, args=["--plugin-dir", modules], collector=collector.getsockname()[1])
    return make


def test_json(start, collector):
    g = start("json")
    g.get("/a?token=x", {"User-Agent": 'q"\\'})
    g.get("/b")
    lines = g.access(2)
    got = [json.loads(collector.recv(65536)) for _ in range(2)]
    # each request has a connection, and so perhaps a worker, of its own: there is no order between them
    by_path = lambda records: sorted(records, key=lambda r: r["path"])   # noqa: E731
    assert by_path(got) == by_path(lines) and by_path(got)[0]["query"] == "token=***"


def test_syslog(start, collector):
    g = start("syslog")
    g.get("/a")
    head, _, line = collector.recv(65536).decode().partition(" access - ")
    assert json.loads(line) == g.access(1)[0]
    assert re.fullmatch(rf"<134>1 \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z - gw-1 {g.pid}", head), head


def test_gelf(start, collector):
    g = start("gelf")
    g.get("/a", {"User-Agent": 'q"\\'})
    m, line = json.loads(collector.recv(65536)), g.access(1)[0]
    assert m["version"] == "1.1" and m["host"] == "gw-1" and '"GET /a HTTP/1.1" 204' in m["short_message"]
    assert abs(m["timestamp"] - time.time()) < 60 and m["_request_id"] == line["id"] and "_id" not in m
    assert {k: m["_" + k] for k in line if k not in ("id", "time")} == {k: v for k, v in line.items() if k not in ("id", "time")}


def test_a_collector_that_is_not_there(start):
    g = start("json", "no-such-host.invalid")
    g.get("/a")
    g.wait_log(r"udp-log/udp: no-such-host\.invalid:\d+ cannot be reached: ", 20)
    assert g.metrics()['sluice_plugin_udp_log_lost_total{instance="udp"}'] == 1
