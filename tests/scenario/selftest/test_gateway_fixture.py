"""The gateway fixture sees to it that a gateway starts, and that one which ends badly fails its test."""
from pathlib import Path

import pytest

from kit.gateway import Gateway, GatewayDied

FAKE = Path(__file__).with_name("fake_gateway")
CONFIG = 'listeners: [{ name: a, address: "127.0.0.1:@a@" }, { name: b, address: "127.0.0.1:@b@" }]\nextra: @word@\n'


def fake(folder, mode, **kw):
    return Gateway(folder, CONFIG + f"# fake: {mode}\n", program=FAKE, word="given", **kw)


@pytest.mark.smoke
def test_life(folder):
    g = fake(folder, "well", files={"tls/x.pem": "port @a@", "raw.bin": b"@a@\0"})
    assert g.port("a") != g.port("b") and g.port() == g.port("a")
    assert (folder / "tls/x.pem").read_text() == f"port {g.port('a')}"
    assert (folder / "raw.bin").read_bytes() == b"@a@\0"
    assert "extra: given" in g.config_path.read_text() and str(g.port("admin")) in g.config_path.read_text()
    assert g.get("/x").body == b"hi" and g.get("/x", listener="b").body == b"hi"
    assert g.access(2) == [{"status": 200}, {"status": 200}]
    assert g.rss() > 1 << 20 and g.fds() > 3 and g.threads() >= 3
    g.reload()
    a, pid = g.port("a"), g.pid
    g.reload(CONFIG + "# fake: well\n# second\n")
    assert g.port("a") == a and g.pid == pid and "# second" in g.config_path.read_text()
    assert "reloaded" in g.stop()


def test_refused_configuration(folder):
    with pytest.raises(GatewayDied, match="no such key"):
        fake(folder, "refuse")


@pytest.mark.parametrize("mode, why", [("race", "ThreadSanitizer"), ("status", "status 3, not 0"), ("stuck", "did not stop")])
def test_bad_end(folder, mode, why):
    g = fake(folder, mode)
    with pytest.raises(AssertionError, match=why):
        g.stop(timeout=1 if mode == "stuck" else 10)
    assert not g.process.running()
