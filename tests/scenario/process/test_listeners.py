"""Listeners that come, move and go while the gateway runs, and the files of unix sockets."""
import os
import socket
import stat
import threading
import time

import pytest

from kit.client import RawClient
from kit.configs import HELLO
from kit.gateway import find_program
from kit.process import wait_for

BOTH = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
  - { name: other, address: "@address@" }
routes:
  - { name: hello, match: { path: /hello }, respond: { body: "hello\\n" } }
  - { name: slow, match: { path: /slow }, upstream: app }
upstreams: { app: { servers: ["127.0.0.1:@app@"] } }
"""
ONE = BOTH.replace('  - { name: other, address: "@address@" }\n', "")


def both(address):
    return BOTH.replace("@address@", address)


def moved(ip):
    return HELLO.replace("127.0.0.1:@public@", f"{ip}:@public@")


def test_an_address_moves_to_all_addresses_and_back_without_a_lost_connection(gateway):
    g = gateway(moved("127.0.0.1"))
    port, failures, done, over = g.port(), [], [0], threading.Event()

    def ask():
        while not over.is_set():
            try:
                with RawClient(port) as c:
                    assert c.get("/hello", [("Connection", "close")]).status == 200
                done[0] += 1
            except Exception as e:  # noqa: BLE001: whatever it is, it is a failure
                failures.append(repr(e))
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for t in threads:
        t.start()
    for i in range(6):
        before = done[0]
        g.reload(moved("0.0.0.0" if i % 2 == 0 else "127.0.0.1"), expect="configuration .* is in force")
        wait_for(lambda before=before: failures or done[0] >= before + 10)
    over.set()
    for t in threads:
        t.join()
    assert not failures, failures[:3]
    assert "another program has this address" not in g.log()


def test_another_program_is_still_found(gateway):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        g = gateway(HELLO)
        g.reload(HELLO.replace("127.0.0.1:@public@", f"0.0.0.0:{port}"), expect="the configuration in force stays")
        assert "another program has this address" in g.log()


@pytest.mark.parametrize("busy", [False, True])
def test_connections_of_a_removed_listener_are_drained(gateway, origin, folder, busy):
    from kit.origin import reply
    up = origin(reply(200, b"late", delay=0.5))
    port = socket.socket()
    port.bind(("127.0.0.1", 0))
    number = port.getsockname()[1]
    port.close()
    g = gateway(both(f"127.0.0.1:{number}"), app=up.port)
    with RawClient(number) as c:
        assert c.get("/hello").status == 200
        if busy:
            c.request("GET", "/slow")
            up.wait(1)
        g.reload(ONE, expect="1 listener")
        if busy:
            r = c.response()
            assert r.status == 200 and r.header("Connection") == "close", "the answer under way is given"
        c.assert_closed(timeout=5)
    assert g.get("/hello").status == 200


def test_what_is_left_of_a_removed_listener_is_closed_with_the_grace(gateway, origin):
    from kit.origin import hang
    up = origin(hang)
    port = socket.socket()
    port.bind(("127.0.0.1", 0))
    number = port.getsockname()[1]
    port.close()
    g = gateway(both(f"127.0.0.1:{number}"), app=up.port)  # the grace is two seconds
    with RawClient(number) as c:
        c.request("GET", "/slow")
        up.wait(1)
        began = time.monotonic()
        g.reload(ONE, expect="1 listener")
        c.assert_closed(timeout=10)
        assert 1.5 < time.monotonic() - began < 6
    assert g.get("/hello").status == 200


def test_the_file_of_a_removed_unix_listener_goes(gateway, folder):
    path = folder / "s"
    g = gateway(both(f"unix:{path}"), app=1)
    assert stat.S_ISSOCK(os.stat(path).st_mode)
    g.reload(ONE, expect="1 listener")
    wait_for(lambda: not path.exists(), 5, "the file to go")
    g.reload(both(f"unix:{path}"), expect="2 listeners")
    assert path.exists()
    g.stop()
    assert not path.exists(), "and with the gateway"


def test_a_file_that_somebody_else_put_there_stays(gateway, folder):
    path = folder / "s"
    g = gateway(both(f"unix:{path}"), app=1)
    path.unlink()
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))
        g.reload(ONE, expect="1 listener")
        g.stop()
        assert path.exists()


def test_mode_and_group_of_a_unix_listener(gateway, folder):
    path = folder / "s"

    def config(mode):
        options = f'mode: "{mode}", user: "{os.getuid()}", group: "{os.getgid()}"'
        return BOTH.replace('"@address@"', f'"unix:{path}", {options}')
    g = gateway(config("0600"), app=1)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    g.reload(config("0666"), expect="2 listeners")
    wait_for(lambda: stat.S_IMODE(os.stat(path).st_mode) == 0o666, 5, "the new mode")
    with RawClient(str(path)) as c:
        assert c.get("/hello").status == 200


@pytest.mark.parametrize("address, options, says", [
    ("127.0.0.1:1", 'mode: "0660"', "only unix sockets have files"),
    ("unix:s", 'mode: "rw"', "are no permissions"),
    ("unix:s", 'mode: "1777"', "are no permissions"),
    ("unix:s", "user: nobody-of-that-name", 'there is no user "nobody-of-that-name"'),
    ("unix:s", "group: nobody-of-that-name", 'there is no group "nobody-of-that-name"'),
])
def test_wrong_access_options_are_mistakes(folder, address, options, says):
    import subprocess
    path = folder / "sluice.yaml"
    path.write_text(f'listeners: [{{ name: a, address: "{address}", {options} }}]\nroutes: [{{ name: r, respond: {{}} }}]\n')
    r = subprocess.run([find_program()[0], "check", "-c", path], capture_output=True, text=True, check=False)
    assert r.returncode == 1 and says in r.stderr and "sluice.yaml:1:" in r.stderr, r.stderr
