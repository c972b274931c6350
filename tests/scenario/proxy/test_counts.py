"""What is counted of exchanges that went wrong is what happened: in the log, and in the metrics."""
import pytest

from kit.bulk import large
from kit.origin import abort, drop, hang, raw as raw_bytes, reply
from kit.process import wait_for


def stale(behaviour):
    """Answers the first request of each connection, and does this to the second."""
    def behave(peer, request):
        peer.count = getattr(peer, "count", 0) + 1
        (reply(200, b"first") if peer.count == 1 else behaviour)(peer, request)
    return behave


def failures(g, reason):
    return g.metrics().get(f'sluice_upstream_failures_total{{upstream="app",reason="{reason}"}}', 0)


def asked(g, status):
    return g.metrics()[f'sluice_upstream_requests_total{{upstream="app",status="{status}"}}']


@pytest.mark.parametrize("how, reason", [(drop, "upstream-closed"), (abort, "upstream-reset")])
def test_failures_on_reused_connections_are_counted(proxied, raw, how, reason):
    g, up = proxied(stale(how), upstream="retries: 2")
    c = raw(g.port())
    assert c.request("POST", "/").response().status == 200
    assert c.request("POST", "/").response().status == 502
    line = g.access(2)[1]
    assert (line["reason"], line["tries"], line["server"]) == (reason, 1, up.address)
    assert failures(g, reason) == 1 and asked(g, "none") == 1 and asked(g, "2xx") == 1


def test_a_try_over_a_stale_connection_is_a_try(proxied, raw):
    g, _ = proxied(stale(drop), upstream="retries: 0")
    c = raw(g.port())
    for _ in range(2):
        assert c.get().status == 200
    assert [line["tries"] for line in g.access(2)] == [1, 2], "sent twice, answered once"
    assert failures(g, "upstream-closed") == 0, "it was answered"


def test_a_truncated_response_is_a_failure_of_the_upstream(proxied, raw):
    g, _ = proxied(raw_bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", close=True), upstream="retries: 0")
    raw(g.port()).request("GET", "/").rest()
    assert g.access(1)[0]["reason"] == "upstream-truncated"
    assert failures(g, "upstream-truncated") == 1 and asked(g, "2xx") == 1


def test_a_client_that_leaves_is_no_failure_of_the_upstream(proxied, raw):
    g, up = proxied(lambda peer, _: peer.reader.fill())
    c = raw(g.port()).request("GET", "/")
    up.wait(1)
    c.close()
    assert g.access(1)[0]["reason"] == "client-gone"
    assert failures(g, "client-gone") == 0
    assert g.metrics()['sluice_refusals_total{route="all",reason="client-gone"}'] == 1


def test_a_client_that_left_before_its_answer_is_499_in_the_log(proxied, raw):
    g, up = proxied(lambda peer, _: peer.reader.fill())
    c = raw(g.port()).request("GET", "/")
    up.wait(1)
    c.close()
    assert g.access(1)[0]["status"] == 499
    assert g.metrics()['sluice_requests_total{status="none"}'] == 1, "nobody was told a status"


def test_a_client_that_left_within_its_answer_keeps_its_status(proxied, raw):
    g, _ = proxied(large(1 << 30))
    c = raw(g.port()).request("GET", "/")
    c.response_head()
    c.reset()
    line = g.access(1)[0]
    assert (line["status"], line["reason"]) == (200, "client-gone")


def test_requests_that_outlive_the_shutdown_are_503_in_the_log(proxied, raw):
    g, up = proxied(hang, listener="timeouts: { idle: 5s }")
    raw(g.port()).request("GET", "/")
    up.wait(1)
    g.stop()
    line = g.access(1)[0]
    assert (line["status"], line["reason"]) == (503, "shutting-down")


def test_notes_name_the_plugin_that_made_them(gateway, free_port):
    g = gateway("""
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
stores:
  far: { redis: "redis://127.0.0.1:@redis@/0" }
plugins:
  per-client: { use: rate-limit, rate: 5/min, by: ip, store: far }
routes:
  - { name: hello, match: { path: /hello }, plugins: [per-client], respond: { body: "hello" } }
""", redis=free_port())
    assert g.get("/hello").status == 200, "the store is down: let through, with a note"
    note = g.access(1)[0]["notes"][0]
    assert g.metrics()[f'sluice_notes_total{{plugin="per-client",code="{note}"}}'] == 1
    results = {k: v for k, v in g.metrics().items() if k.startswith("sluice_store_commands_total") and v}
    assert results == {'sluice_store_commands_total{store="far",result="unreachable"}': 1}, "counted by the name of the store"


def test_times_have_a_bound_at_the_default_timeout(proxied):
    g, _ = proxied()
    g.get()
    assert 'sluice_upstream_response_seconds_bucket{upstream="app",le="15"}' in g.metrics()
