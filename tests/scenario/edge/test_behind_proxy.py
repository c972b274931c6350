"""conf/behind-proxy.yaml does what its comments say."""
import re

from kit.gateway import ROOT
from kit.ports import free_port


def test_as_it_stands(gateway, raw):
    ports = {}
    text = re.sub(r"127\.0\.0\.1:(\d+)", lambda m: f"127.0.0.1:{ports.setdefault(m[1], free_port())}",
                  (ROOT / "conf/behind-proxy.yaml").read_text()).replace("path: stderr", 'path: "@dir@/access.log"')
    text = text.replace("${SLUICE_DRAIN_DELAY:-10s}", "100ms")
    g = gateway(text)
    header = b"PROXY TCP4 192.0.2.1 198.51.100.7 50000 8080\r\n"
    assert raw(ports["8080"]).send(header).get("/hello").body == b"hello\n"
    assert raw(ports["8081"]).get("/hello", [("X-Forwarded-For", "192.0.2.2")]).body == b"hello\n"
    assert raw(ports["8080"]).send(header.replace(b".1 ", b".3 ", 1)).get("/other").body == b"from the service\n"
    raw(ports["8080"]).send(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").assert_closed()
    lines = g.access(4)
    assert sorted((line["route"], line["client"]) for line in lines) == [
        ("demo-service", "192.0.2.3"), ("hello", "192.0.2.1"), ("hello", "192.0.2.2"), ("service", "192.0.2.3")]
