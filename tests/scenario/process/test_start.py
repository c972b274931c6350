"""Starting, and refusing to."""
import os
import re
import signal
import socket
import subprocess

import pytest

from kit.client import RawClient
from kit.configs import HELLO
from kit.gateway import GatewayDied, find_program
from kit.ports import is_listening


def test_it_says_what_it_serves(gateway):
    g = gateway(HELLO)
    g.wait_log(f"public on 127.0.0.1:{g.port()}")


@pytest.mark.parametrize("how", ["listening", "another gateway"])
def test_a_port_that_is_taken(gateway, free_port, how):
    port = free_port()
    if how == "listening":
        other = socket.create_server(("127.0.0.1", port))
    else:
        other = gateway(HELLO, public=port)
    g = gateway(HELLO, public=port, wait=False)
    text = g.ended(1)
    assert f"public cannot listen on 127.0.0.1:{port}" in text and "another program has this address" in text
    if how == "listening":
        other.close()
    else:
        assert other.get("/hello").status == 200, "the first one is not disturbed"


def test_a_bad_file(gateway):
    with pytest.raises(GatewayDied, match=r"sluice\.yaml:4:\d+: error: .*unknown key \"pth\"(.|\n)*did you mean path"):
        gateway('\nlisteners: [{ name: a, address: "127.0.0.1:@a@" }]\n'
                'routes:\n  - { name: x, match: { pth: /x }, respond: {} }\n')


def test_a_file_that_is_not_there():
    program, _ = find_program()
    r = subprocess.run([program, "run", "-c", "/no/such/file.yaml"], capture_output=True, text=True, timeout=10, check=False)
    assert r.returncode == 1 and "/no/such/file.yaml" in r.stderr and "No such file" in r.stderr


def test_the_second_listener_cannot_be_had(gateway, free_port):
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        g = gateway("""
listeners:
  - { name: first, address: "127.0.0.1:@first@" }
  - { name: second, address: "127.0.0.1:@second@" }
routes: [{ name: a, respond: { body: a } }]
""", second=port, wait=False)
        assert "second cannot listen" in g.ended(1)
    assert not is_listening(g.port("first"))


@pytest.mark.parametrize("workers", ["1", "4", "auto"])
def test_workers(gateway, workers):
    g = gateway(HELLO + f"runtime: {{ workers: {workers}, shutdown_grace: 1s }}\n")
    n = len(os.sched_getaffinity(0)) if workers == "auto" else int(workers)
    names = [open(f"/proc/{g.pid}/task/{t}/comm").read().strip() for t in os.listdir(f"/proc/{g.pid}/task")]
    assert len([n for n in names if re.fullmatch(r"sluice-\d+", n)]) == n
    assert all(g.get("/hello").status == 200 for _ in range(8))


def test_a_unix_socket(gateway, folder):
    path = folder / "s"
    g = gateway(f"""
listeners:
  - {{ name: unix, address: "unix:{path}" }}
  - {{ name: public, address: "127.0.0.1:@public@" }}
routes: [{{ name: a, match: {{ path: /hello }}, respond: {{ body: "hello\\n" }} }}]
""")
    for _ in range(4):
        with RawClient(str(path)) as c:
            assert c.get("/hello").body == b"hello\n"
    g.kill()
    g2 = gateway(f"""
listeners: [{{ name: unix, address: "unix:{path}" }}]
routes: [{{ name: a, match: {{ path: /hello }}, respond: {{ body: "again\\n" }} }}]
""")
    with RawClient(str(path)) as c:
        assert c.get("/hello").body == b"again\n", "a socket nobody answers on is taken over"
    assert g2.process.running()


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_signals_that_end_it(gateway, sig):
    g = gateway(HELLO)
    assert g.get("/hello").status == 200
    g.stop(sig)
