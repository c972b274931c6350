"""Metrics that plugins declare, and lines of the log about a request: the example `meter`, and plugins that declare wrongly."""
from pathlib import Path

import pytest

from kit.gateway import ROOT, GatewayDied
from kit.modules import build_module
from kit.origin import hang, reply
from kit.process import wait_for

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
plugins:
  one: { use: meter, by: "header:X-Who"%s }
  two: { use: meter }
routes:
  - { name: a, match: { path: /a }, plugins: [one], upstream: app }
  - { name: b, match: { path: /b }, plugins: [one, two], respond: { body: "b" } }
"""


@pytest.fixture(scope="session")
def modules(tmp_path_factory):
    return build_module(tmp_path_factory.mktemp("modules"), "meter", ROOT / "contrib/plugin-examples/meter.c")


@pytest.fixture
def start(gateway, origin, modules):
    def make(app=None, more=""):
        up = origin(app or reply(200, b"a"))
        return gateway(CONFIG % more, app=up.port, args=["--plugin-dir", modules]), up
    return make


def test_what_is_counted(start):
    g, _ = start()
    for who in ("x", "x", 'q"\\'):
        g.get("/a", {"X-Who": who})
    g.get("/b", {"X-Who": "x"})
    m = g.metrics()
    assert m['sluice_plugin_meter_requests_total{instance="one",by="x"}'] == 3
    assert m['sluice_plugin_meter_requests_total{instance="one",by="q\\"\\\\"}'] == 1
    assert m['sluice_plugin_meter_requests_total{instance="two",by="GET"}'] == 1
    assert m['sluice_plugin_meter_duration_seconds_count{instance="one"}'] == 4
    assert m['sluice_plugin_meter_duration_seconds_bucket{instance="one",le="+Inf"}'] == 4
    assert 0 < m['sluice_plugin_meter_duration_seconds_sum{instance="one"}'] < 5
    assert m['sluice_plugin_meter_in_progress{instance="one"}'] == 0
    text = g.admin("/metrics").body.decode()
    assert text.count("# TYPE sluice_plugin_meter_requests_total counter") == 1
    assert text.count("# HELP sluice_plugin_meter_duration_seconds How long requests took.") == 1


def test_a_gauge_while_it_lasts(start):
    g, up = start(hang)
    c = g.connect()
    c.request("GET", "/a", [("Host", "a.test")])
    up.wait(1)
    assert g.metrics()['sluice_plugin_meter_in_progress{instance="one"}'] == 1
    c.close()
    wait_for(lambda: g.metrics()['sluice_plugin_meter_in_progress{instance="one"}'] == 0, what="the end of the request")


def test_clients_cannot_fill_the_page(start):
    g, _ = start()
    with g.connect() as c:
        for n in range(150):
            assert c.request("GET", "/b", [("Host", "a.test"), ("X-Who", f"v{n}")]).response().status == 200
    of_one = {k: v for k, v in g.metrics().items() if k.startswith('sluice_plugin_meter_requests_total{instance="one"')}
    assert len(of_one) == 101 and of_one['sluice_plugin_meter_requests_total{instance="one",by="other"}'] == 50


def test_counts_go_on_over_a_reload(start):
    g, _ = start()
    g.get("/b", {"X-Who": "x"})
    text = Path(g.config_path).read_text()
    g.reload(text.replace('by: "header:X-Who"', 'slow: 5s, by: "header:X-Who"'))
    g.wait_in_force(2)
    g.get("/b", {"X-Who": "x"})
    m = g.metrics()
    assert m['sluice_plugin_meter_requests_total{instance="one",by="x"}'] == 2
    assert m['sluice_plugin_meter_requests_total{instance="two",by="GET"}'] == 2


def test_a_line_about_a_request(start):
    """One a second, whatever clients do."""
    g, _ = start(more=", slow: 0ms")
    with g.connect() as c:
        for n in range(30):
            c.request("GET", "/b", [("Host", "a.test"), ("X-Request-Id", f"n{n}")]).response()
    g.access(30)
    lines = [line for line in g.log().splitlines() if "meter/one: took" in line]
    assert 1 <= len(lines) < 30
    assert f'(request {g.access(30)[0]["id"]} on route b)' in lines[0] and "ended with 200" in lines[0]


WRONG = """
#include <sluice/plugin.h>
static const sluice_metric *m;
static int check(sluice_instance *inst, void *conf)
{
	(void)conf;
	const uint64_t bounds[] = { 1, 2 };
	m = sluice_metric_declare(inst, &(sluice_metric_desc){ .size = sizeof(sluice_metric_desc), %s });
	return m ? 0 : -1;
}
static sluice_verdict on_request(sluice_exchange *x, const void *conf)
{
	(void)conf;
	sluice_metric_add(m, SLUICE_STR(""), -1);
	sluice_metric_set(m, SLUICE_STR(""), 1);
	sluice_metric_observe(m, SLUICE_STR(""), 1);
	sluice_metric_add(NULL, SLUICE_STR(""), 1);
	return sluice_metric_declare(NULL, NULL) ? SLUICE_FAIL : SLUICE_NEXT;
}
SLUICE_PLUGIN("wrong", .version = "1", .summary = "declare", .check = check, .on_request = on_request);
"""
WRONG_CONFIG = """
listeners: [{ name: public, address: "127.0.0.1:@public@" }]
routes:
  - { name: a, match: { path: /* }, plugins: [{ use: wrong }], respond: { body: "b" } }
"""


@pytest.mark.parametrize("desc,says", [
    ('.name = "Bad", .help = "x"', "a metric's name has up to 64"),
    ('.name = "good"', "a metric needs a sentence of help"),
    ('.name = "good", .help = "x", .label = "le"', "a label's name"),
    ('.name = "good", .help = "x", .bounds = bounds, .n_bounds = 2', "only a histogram has bounds"),
    ('.kind = SLUICE_METRIC_HISTOGRAM, .name = "good", .help = "x"', "a histogram has 1 to 32 bounds"),
], ids=["name", "help", "label", "bounds", "no-bounds"])
def test_a_wrong_description(gateway, folder, desc, says):
    with pytest.raises(GatewayDied) as died:
        gateway(WRONG_CONFIG, args=["--plugin-dir", build_module(folder / "m", "wrong", WRONG % desc, ["-Wno-unused"])])
    assert says in str(died.value) and "sluice.yaml:4:" in str(died.value)


def test_a_wrong_use(gateway, folder):
    g = gateway(WRONG_CONFIG, args=["--plugin-dir", build_module(folder / "m", "wrong", WRONG % '.name = "good", .help = "x"',
                                                                 ["-Wno-unused"])])
    assert g.get("/").status == 200
    g.wait_log("sluice_metric_add.. is refused: it is for counters, which only grow, and for gauges")
    assert [v for k, v in g.metrics().items() if k.startswith("sluice_plugin_wrong_good_total{instance=")] == [0]
