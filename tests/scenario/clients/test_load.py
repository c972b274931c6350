"""20,000 requests over 10 connections of HTTP/2 with 100 streams each: not one is lost, and the counters agree."""
import re
import threading

import pytest

N = 20_000
NGINX = "keepalive_requests 1000000; location / { return 200 'ok'; }"


def load(run, url):
    out = run("h2load", "-n", N, "-c", 10, "-m", 100, "-t", 1, url).decode()
    m = re.search(r"requests: (\d+) total, (\d+) started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", out)
    assert m and [int(n) for n in m.groups()] == [N, N, N, N, 0, 0, 0], out
    assert f"status codes: {N} 2xx, 0 3xx, 0 4xx, 0 5xx" in out, out


def agree(g):
    """What the gateway has counted is what was sent."""
    metrics = g.metrics()
    by_status = {s: metrics[f'sluice_requests_total{{status="{s}"}}'] for s in ("2xx", "3xx", "4xx", "5xx", "none")}
    assert by_status == {"2xx": N, "3xx": 0, "4xx": 0, "5xx": 0, "none": 0}
    assert metrics['sluice_requests_by_protocol_total{protocol="h2"}'] == N
    assert metrics["sluice_requests_active"] == 0
    assert metrics['sluice_upstream_requests_total{upstream="app",status="2xx"}'] == N


@pytest.mark.parametrize("listener", ["plain", "tls"])
@pytest.mark.parametrize("kind", ["h1", "h2c"])
def test_none_is_lost(site, nginx, run, kind, listener):
    s = site(kind=kind, port=nginx(NGINX, listen="http2" if kind == "h2c" else "").port)
    load(run, getattr(s, listener))
    agree(s.gateway)


@pytest.mark.parametrize("kind", ["h1", "h2c"])
def test_none_is_lost_while_the_configuration_is_loaded_again(site, nginx, run, kind):
    s = site(kind=kind, port=nginx(NGINX, listen="http2" if kind == "h2c" else "").port)
    over, loads = threading.Event(), []

    def reload():
        while not over.is_set():
            loads.append(s.gateway.reload())
            over.wait(0.05)
    t = threading.Thread(target=reload, daemon=True)
    t.start()
    load(run, s.plain)
    over.set()
    t.join(20)
    assert loads, "nothing was loaded meanwhile"
    agree(s.gateway)
    assert s.gateway.metrics()['sluice_reloads_total{result="ok"}'] >= len(loads)
