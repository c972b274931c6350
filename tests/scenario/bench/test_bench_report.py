"""What the benchmark makes of its measurements: tables, ratios, JSON, the chart. All on numbers made up here."""
import json
import re
import xml.etree.ElementTree as xml
from types import SimpleNamespace

import pytest
from benchkit import chart, drive, report, template


def participant(peer, values, variant="", refused=None, broke=False, **more):
    samples = [{"value": float(v), "requests": 1000, "rate": 5000.0, "busy": 1.0, "failed": 0, **more} for v in values]
    return SimpleNamespace(peer=SimpleNamespace(name=peer), variant=variant, refused=refused, failed=broke, facts={}, samples=samples)


def record(*participants, name="plain", title="1 KiB, plain", unit="us of CPU per request", compare_with=""):
    what = SimpleNamespace(name=name, title=title, unit=unit, what="requests", compare_with=compare_with)
    return report.scenario_record(what, participants)


def whole(*records):
    return {"machine": {"cpu": "Test <CPU> & more", "processors": 2, "system": "Debian", "kernel": "6.1", "hypervisor": True},
            "versions": {"sluice": "0.1", "nginx": "1.22.1-9"}, "options": {"rounds": 3, "seconds": 1.0, "cpus": [0, 1]},
            "scenarios": list(records), "left_out": []}


@pytest.fixture
def plain():
    return record(participant("floor", [10, 11, 10]), participant("sluice", [12, 12.5, 12]), participant("nginx", [16, 15, 15]),
                  participant("haproxy", [], refused="did not start"), participant("hitch", [5, 5, 5]))


def test_medians_and_spread(plain):
    by_name = {p["peer"]: p for p in plain["participants"]}
    assert by_name["nginx"]["summary"]["value"] == 15
    assert by_name["nginx"]["summary"]["spread"] == pytest.approx(1 / 15)
    assert "summary" not in by_name["haproxy"]


def test_ratios_leave_out_what_is_no_proxy(plain):
    assert report.floor_of(plain) == 10
    assert report.best_other(plain) == 15
    rows = {line.split()[0]: line for line in report.table(plain)[2:]}
    assert re.search(r"sluice\s+12\.0\s+4 %\s+1\.20\s+0\.80\s", rows["sluice"])
    assert re.search(r"nginx\s+15\.0\s+7 %\s+1\.50\s+1\.00\s", rows["nginx"])
    assert "not supported: did not start" in rows["haproxy"]


def test_variants_compare_with_their_like():
    r = record(participant("floor", [10]), participant("sluice", [12], "1 route"), participant("sluice", [13], "100 routes"),
               participant("nginx", [15], "1 route"), participant("nginx", [26], "100 routes"))
    text = "\n".join(report.table(r))
    assert re.search(r"sluice, 100 routes\s+13\.0\s+0 %\s+1\.30\s+0\.50", text)
    assert re.search(r"sluice, 1 route\s+12\.0\s+0 %\s+1\.20\s+0\.80", text)


def test_variants_are_compared_with_the_first():
    r = record(participant("sluice", [10], "1 worker", busiest=1.0, fullest=None),
               participant("sluice", [11], "2 workers", busiest=0.54, fullest=0.5), compare_with="1 worker")
    head, one, two = report.table(r)[1:]
    assert "busiest  fullest" in head
    assert "100 %        -" in one and " x 1 worker" not in one
    assert re.search(r"54 %\s+50 %\s+1\.10 x 1 worker$", two)


def test_what_a_neighbour_got_is_told():
    r = record(participant("nginx", [900, 1100], neighbour=512.0, neighbour_unit="MiB/s"), unit="us at the 99th percentile")
    assert report.table(r)[2].endswith("the neighbour: 512 MiB/s")


def test_the_overview(plain):
    alone = record(participant("sluice", [7]), name="alone")
    refused = record(participant("sluice", [], refused="unknown key"), participant("nginx", [3]), name="none")
    broken = record(participant("sluice", [], refused="FAILED: the proxy ended", broke=True), name="broken")
    ill = record(participant("sluice", [5], failed=2), participant("h2o", [10]), name="ill")
    lines = report.text(whole(plain, alone, refused, broken, ill)).split("\n\n")[1].splitlines()
    assert [line.split()[0] for line in lines] == ["scenario", "plain", "alone", "none", "broken", "ill"]
    assert re.search(r"^plain\s+us of CPU per request\s+12\.0\s+15\.0\s+nginx\s+0\.80\s+1\.20$", lines[1])
    assert re.search(r"request\s+7\.00\s+-\s+-\s+-$", lines[2])
    assert "not supported" in lines[3] and re.search(r"\sfailed$", lines[4]) and "5.00!" in lines[5]
    assert report.overview(whole(record(participant("nginx", [1])))) == []


def test_what_broke_fails_the_run_and_is_not_called_unsupported():
    r = record(participant("sluice", [], refused="FAILED: the proxy ended", broke=True))
    assert report.table(r)[2].endswith("sluice  FAILED: the proxy ended")
    assert report.verdict(whole(r), False) == ["plain: FAILED: the proxy ended"]


def test_columns_without_numbers_are_left_out(plain):
    assert "p99 us" not in report.table(plain)[1]
    assert "p99 us" in report.table(record(participant("sluice", [1], p99=250)))[1]


def test_failures_are_told_and_fail_the_run():
    r = record(participant("sluice", [12, 12], **{"failed": 3}), participant("nginx", [15, 15], raced=10))
    text = "\n".join(report.table(r))
    assert "6 FAILED" in text and "20 raced (1 % of requests)" in text
    assert report.verdict(whole(r), False) == ["plain: 6 requests failed"]
    refused = record(participant("sluice", [], refused="unknown key"))
    assert report.verdict(whole(refused), False) == []
    assert report.verdict(whole(refused), True) == ["plain: not supported: unknown key"]


def test_a_tls_scenario_tells_who_spoke_something_else():
    r = record(participant("sluice", [1], tls="TLSv1.3 X"), participant("h2o", [1], tls="TLSv1.2 Y"), title="1 KiB over TLS 1.3")
    lines = report.table(r)
    assert "spoke" not in lines[2] and "spoke TLSv1.2 Y" in lines[3]


def test_a_busy_machine_is_told(plain):
    quiet, busy = whole(record(participant("sluice", [1], foreign=0.01))), whole(record(participant("sluice", [1], foreign=0.3)))
    assert "do not quote" not in report.text(quiet)
    assert "Others took 30 % of the proxy's processor" in report.text(busy)


def test_numbers():
    assert [report.number(v) for v in (None, 0, 0.54, 1.234, 12.34, 123.4, 1234.5, 1234567)] == \
        ["-", "0", "0.54", "1.23", "12.3", "123", "1,234", "1,234,567"]


def test_json_holds_every_sample(plain, tmp_path):
    path = tmp_path / "result.json"
    report.write_json(path, whole(plain))
    back = json.loads(path.read_text())
    assert [s["value"] for s in back["scenarios"][0]["participants"][2]["samples"]] == [16, 15, 15]
    assert not list(tmp_path.glob("*.new"))


SVG = "{http://www.w3.org/2000/svg}"


def bars(svg):
    return [e for e in xml.fromstring(svg).iter(SVG + "rect") if e.get("class") in ("own", "peer", "floor")]


def test_the_chart(plain):
    svg = chart.svg(whole(plain, record(participant("sluice", [], refused="no"), participant("nginx", [3]), name="h2",
                                        title="gRPC <calls> & streams")))
    root = xml.fromstring(svg)
    assert svg.count("prefers-color-scheme: dark") == 1
    width, height = float(root.get("width")), float(root.get("height"))
    for e in root.iter(SVG + "rect"):
        assert float(e.get("x", 0)) >= 0 and float(e.get("x", 0)) + float(e.get("width")) <= width
        assert float(e.get("y", 0)) + float(e.get("height")) <= height
    ground = next(root.iter(SVG + "rect"))
    assert (ground.get("class"), float(ground.get("width")), float(ground.get("height"))) == ("ground", width, height)
    texts = ["".join(t.itertext()) for t in root.iter(SVG + "text")]
    assert "gRPC <calls> & streams" in texts and "not supported" in texts
    assert "12.0 · 1.20x" in texts
    lengths = {b.get("class"): float(b.get("width")) for b in bars(svg)[:2]}
    assert lengths["own"] / lengths["floor"] == pytest.approx(1.2, abs=0.02)


def test_one_slow_bar_does_not_flatten_the_others():
    svg = chart.svg(whole(record(participant("floor", [10]), participant("sluice", [12]), participant("nginx", [15]),
                                 participant("caddy", [900]))))
    lengths = [float(b.get("width")) for b in bars(svg)]
    assert lengths[1] > max(lengths) / 6 and lengths[3] == max(lengths)


def test_an_empty_report_makes_a_chart_too():
    texts = ["".join(t.itertext()) for t in xml.fromstring(chart.svg(whole())).iter(SVG + "text")]
    assert "sluice 0.1, nginx 1.22.1" in texts and "Test <CPU> & more, Debian, Linux 6.1" in texts
    assert "not run: h2 (time is up)" in report.text({**whole(), "left_out": ["h2 (time is up)"]})


# ---- templates -------------------------------------------------------------------------------------------------------

def test_a_template():
    text = "a @n@ @n + 1@\n#: if on\nyes\n#: else\nno\n#: end\n  #: for i, s in enumerate(list)\n@i@=@s@\n#: end\nmail me@example\n"
    assert template.render(text, {"n": 1, "on": True, "list": ["x", "y"]}) == "a 1 2\nyes\n0=x\n1=y\nmail me@example\n"
    assert template.render(text, {"n": 1, "on": False, "list": []}) == "a 1 2\nno\nmail me@example\n"


@pytest.mark.parametrize("bad", ["#: if x\n", "#: end\n", "#: for i in x\n#: else\n#: end\n", "@nothing_here@\n"])
def test_a_bad_template(bad):
    with pytest.raises(template.TemplateError, match="line 1|line 2"):
        template.render(bad, {"x": []})


# ---- h2load ----------------------------------------------------------------------------------------------------------

H2LOAD = """starting benchmark...
TLS Protocol: TLSv1.3
Cipher: TLS_AES_128_GCM_SHA256
Application protocol: h2

finished in 350.12ms, 85688.10 req/s, 90.22MB/s
requests: 31000 total, 31256 started, 31000 done, 30990 succeeded, 10 failed, 4 errored, 0 timeout
status codes: 30990 2xx, 0 3xx, 2 4xx, 4 5xx
"""


def test_what_h2load_says():
    r = drive.parse_h2load(H2LOAD)
    assert (r["requests"], r["seconds"], r["application"]) == (30990, pytest.approx(0.35012), "h2")
    assert r["failed"] == {"broken": 4, "status": 6, "stuck": 0}
    assert r["tls"] == "TLSv1.3 TLS_AES_128_GCM_SHA256"
    with pytest.raises(drive.LoadFailed):
        drive.parse_h2load("connection refused")
