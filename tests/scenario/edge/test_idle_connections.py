"""What a connection costs that has had its answer and waits for the next request: docs/design/performance.md has the figures.
The bounds lie some 10 % above what it takes with the libraries of Debian 12."""
import re
import resource
from pathlib import Path

import pytest

from kit.client import tls_context
from kit.memory import SANITIZED
from kit.process import wait_for
from kit.soak import times

CONFIG = """
runtime: { workers: 1 }
listeners:
  - { name: public, address: "127.0.0.1:@public@", protocols: [h2, http/1.1]@options@ }
routes:
  - { name: hello, match: { path: /hello }, respond: { body: "hello\\n" } }
"""
TLS = ", tls: { certificates: [{ certificate: %s, private_key: %s }] }"
WARM_UP = 50
# What a worker keeps for all its connections together grows with the first of these, and is not what one connection costs.
REQUESTS = 2000
pytestmark = pytest.mark.skipif(SANITIZED, reason="a sanitizer's memory is not the gateway's")


def many(over):
    """Of TLS, whose handshakes take the test's time, fewer will do: each takes so much that little else counts beside it."""
    return 1500 if over == "plain" else times(500, 1500)


@pytest.fixture(autouse=True)
def many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * many("plain"):
        pytest.skip(f"{hard} open files are too few")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * many("plain")), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def kib(g):
    """Memory that it has to itself, without what is mapped from files."""
    return int(re.search(r"^Anonymous:\s+(\d+)", Path(f"/proc/{g.pid}/smaps_rollup").read_text(), re.M)[1])


@pytest.mark.parametrize(("over", "protocol", "bound"), [("plain", "http/1.1", 0.6), ("tls", "http/1.1", 16.0),
                                                         ("plain", "h2", 3.0), ("tls", "h2", 18.5)])
def test_memory(gateway, raw, h2, server_cert, over, protocol, bound):
    g = gateway(CONFIG, options=TLS % (server_cert.cert, server_cert.key) if over == "tls" else "")
    n = many(over)
    contexts = {p: tls_context(alpn=[p]) if over == "tls" else None for p in ("http/1.1", "h2")}

    def http1():
        client = raw(g.port(), tls=contexts["http/1.1"])
        assert client.get("/hello").body == b"hello\n"
        return client

    def http2():
        client = h2(g.port(), tls=contexts["h2"] or False)
        assert client.get("/hello").body == b"hello\n"
        return client

    for _ in range(WARM_UP):
        http1().close()
    client = http1()
    for _ in range(REQUESTS):
        client.get("/hello")
    client.close()
    wait_for(lambda: g.metrics()["sluice_connections_active"] == 0)
    before = kib(g)
    kept = [http2() if protocol == "h2" else http1() for _ in range(n)]
    # one of HTTP/2 puts its memory away after a second
    each = wait_for(lambda: (kib(g) - before) / n < bound and (kib(g) - before) / n, 30.0,
                    f"less than {bound} KiB for a connection")
    print(f"{over} {protocol}: {each:.2f} KiB for a connection")
    assert g.metrics()["sluice_connections_active"] == n
    assert kept[0].get("/hello").body == kept[-1].get("/hello").body == b"hello\n"
