"""Every configuration of conf/ passes `sluice check` and starts as it stands, but for the ports."""
import re
import shutil
import subprocess

import pytest

from kit.client import RawClient
from kit.gateway import ROOT, find_program
from kit.ports import free_port
from kit.tunnels import Guest1, Guest2, echo_to_the_end, talking

FILES = sorted(p.name for p in (ROOT / "conf").glob("*.yaml"))


def own_ports(text):
    """Each address of this machine gets a port of its own; Redis' stays, so that there is none. Defaults of the environment
    stand for themselves: the kit reads the ports from the text."""
    ports = {}
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)
    return re.sub(r"(?<!redis://)127\.0\.0\.1:(\d+)", lambda m: f"127.0.0.1:{ports.setdefault(m[1], free_port())}", text)


@pytest.mark.parametrize("ask", [Guest1, Guest2])
@pytest.mark.parametrize("path", ["/chat/room", "/stream/1"])
def test_tunnels(gateway, origin, h2_origin, ask, path):
    up = origin(talking(echo_to_the_end)) if path == "/chat/room" else h2_origin(talking(echo_to_the_end), connect=True)
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (ROOT / "conf/websocket.yaml").read_text())
    text = text.replace(":9000" if path == "/chat/room" else ":9001", f":{up.port}").replace(":8080", f":{free_port()}")
    g = gateway(text)
    c = ask(g.port(), path, "websocket")
    c.send(b"hello")
    assert c.agreed and c.recv(5) == b"hello"
    c.close()


def test_there_are_some():
    assert {"quickstart.yaml", "edge.yaml", "headers.yaml", "behind-proxy.yaml"} <= set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_check(name):
    program, plugins = find_program()
    done = subprocess.run([program, "check", "-c", ROOT / "conf" / name, "--plugin-dir", plugins], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", FILES)
def test_start(name, gateway, folder):
    shutil.copytree(ROOT / "conf/demo", folder / "gateway1/demo")
    g = gateway(own_ports((ROOT / "conf" / name).read_text()))
    assert "error" not in g.log()
    if name == "headers.yaml":
        with RawClient(g.port()) as c:
            r = c.get("/")
        assert r.status == 200 and r.body == b"hello\n"
        assert r.header("cache-control") == "no-store" and "x-powered-by" not in r.fields
