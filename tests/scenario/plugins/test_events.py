"""The example `events`: streams that other requests write into, on every worker and to both protocols, over reloads and the end."""
import threading
import time
from signal import SIGTERM

import pytest

from kit.gateway import ROOT
from kit.modules import build_module
from kit.process import wait_for

CONFIG = """
runtime: { workers: 2, shutdown_grace: 500ms }
listeners:
  - { name: public, address: "127.0.0.1:@public@", protocols: [h2, http/1.1] }
plugins:
  live: { use: events, lifetime: %s }
routes:
  - { name: live, match: { path: /live }, plugins: [live], respond: { status: 204 } }
"""
READERS = 8


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    return build_module(tmp_path_factory.mktemp("events"), "events", ROOT / "contrib/plugin-examples/events.c")


@pytest.fixture
def live(gateway, modules):
    def start(lifetime="1h"):
        return gateway(CONFIG % lifetime, args=["--plugin-dir", modules])
    return start


def tell(g, line):
    r = g.request("POST", "/live", body=line.encode())
    assert r.status == 202, r.body


def read_until(c, text):
    while text not in c.reader.buffer:
        c.reader.fill()
        assert not c.reader.eof, bytes(c.reader.buffer)
    return bytes(c.reader.buffer)


def test_all_that_listen_are_told(live, h2):
    """Connections of their own, so that both workers have some."""
    g = live()
    readers = [g.connect() for _ in range(READERS)]
    for c in readers:
        c.request("GET", "/live")
        assert c.response_head().header("Content-Type") == "text/event-stream"
    two = h2(g.port(), tls=False)
    stream = two.start("GET", "/live")
    wait_for(lambda: two.pump(0.2) or two.responses[stream].status == 200, what="the stream of HTTP/2")
    readers[0].close()  # nobody notices
    threads = [threading.Thread(target=tell, args=(g, f"line-{i}")) for i in range(20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    tell(g, "last")
    texts = {read_until(c, b"data: last\n\n").replace(b"\r\n", b"\n") for c in readers[1:]}
    for text in texts:
        assert all(f"data: line-{i}\n".encode() in text for i in range(20))
    wait_for(lambda: two.pump(0.2) or b"data: last\n\n" in two.responses[stream].body, what="the last line by HTTP/2")
    for c in readers[1:]:
        c.close()


def test_who_comes_again_is_told_the_rest(live):
    g = live("1s")
    tell(g, "one")
    tell(g, "two")
    c = g.connect()
    c.request("GET", "/live", [("Last-Event-ID", "1")])
    assert b"id: 2\ndata: two\n\n" in read_until(c, b"data: two\n\n")
    time.sleep(1.1)
    tell(g, "three")  # its lifetime is over: that is for the next request
    assert b"three" not in read_until(c, b"\r\n0\r\n\r\n")
    assert g.request("POST", "/live", body=b"two\nlines").status == 400


def test_a_reload_and_the_end(live):
    """A stream goes on with the instance that began it."""
    g = live()
    c = g.connect()
    c.request("GET", "/live")
    c.response_head()
    g.reload(CONFIG % "2h")
    tell(g, "to the new one")
    assert c.is_quiet(0.3)
    g.signal(SIGTERM)
    assert not c.rest().endswith(b"0\r\n\r\n")
    g.stop()
