"""USR2 and sluice upgrade: a new process takes the place of the running one, and no client notices."""
import json
import os
import re
import socket
import subprocess
import threading
from signal import SIGTERM, SIGUSR2

from kit.bulk import large, take
from kit.client import RawClient
from kit.configs import HELLO, proxy
from kit.origin import hang, reply
from kit.ports import is_listening
from kit.process import Adopted, adopt_orphans, wait_for
from kit.soak import times

LONG = "runtime: { workers: 2, shutdown_grace: 20s }\n"
UNIX = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
  - { name: local, address: "unix:@dir@/local.sock" }
routes:
  - { name: hello, match: { path: /hello }, respond: { status: 200, body: "hello\\n" } }
admin: { address: "unix:@dir@/admin.sock" }
"""


class Load(threading.Thread):
    """Asks again and again, until it is stopped; `kept` on one connection, while that is kept open."""

    def __init__(self, g, kept):
        super().__init__(daemon=True)
        self.port, self.kept, self.over, self.served, self.failed = g.port(), kept, False, 0, []
        self.start()

    def run(self):
        c = None
        while not self.over:
            try:
                c = c or RawClient(self.port)
                r = c.get("/hello")
                assert r.status == 200, r.status
                self.served += 1
                if not self.kept or r.header("Connection") == "close":
                    c.close()
                    c = None
            except (OSError, AssertionError) as e:
                self.failed.append(repr(e))
                c = None
        if c:
            c.close()

    def stop(self):
        self.over = True
        self.join()
        assert self.failed == [] and self.served


def test_under_load_no_connection_is_refused_and_no_request_lost(gateway):
    g = gateway(HELLO + LONG)
    loads = [Load(g, kept) for kept in (True, True, False)]
    try:
        gone = [g.succeed() for _ in range(times(3, 20))]
        assert [old.wait() for old in gone] == [0] * len(gone)
    finally:
        for load in loads:
            load.over = True
    for load in loads:
        load.stop()


def test_requests_under_way_are_finished_by_the_old_process(gateway, origin, raw):
    size = 16 << 20
    up = origin([large(size), reply(200, b"new")])
    g = gateway(proxy() + LONG, app=up.port)
    c = raw(g.port()).request("GET", "/")
    c.response_head()
    old = g.succeed()
    assert g.get("/").body == b"new"
    assert old.running()
    got = len(c.reader.buffer)
    assert got + take(c.sock, size - got) == size
    c.close()
    assert old.wait() == 0


def test_the_file_is_read_anew_and_listeners_may_come(gateway, folder):
    g = gateway(HELLO + LONG)
    text = g.config_path.read_text().replace("listeners:", f"listeners:\n  - {{ name: more, address: 'unix:{folder}/more' }}")
    g.config_path.write_text(text.replace("workers: 2", "workers: 3").replace("hello\\n", "new\\n"))
    assert g.succeed().wait() == 0
    assert g.get("/hello").body == b"new\n"
    assert is_listening(f"{folder}/more")
    g.config_path.write_text(text.replace("workers: 2", "workers: 1"))
    assert g.succeed().wait() == 0
    # one worker has the sockets of three: each of them is looked after
    for _ in range(20):
        assert g.get("/hello").body == b"hello\n"


def test_unix_sockets_and_the_admin_address_go_over(gateway):
    g = gateway(UNIX + LONG)
    local, admin = g.folder / "local.sock", g.folder / "admin.sock"
    before = local.stat().st_ino, admin.stat().st_ino
    assert g.succeed().wait() == 0
    assert (local.stat().st_ino, admin.stat().st_ino) == before
    for path, target in ((local, "/hello"), (admin, "/readyz")):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(path))
            s.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            assert s.recv(100).startswith(b"HTTP/1.1 200 ")
    g.stop()
    assert not local.exists() and not admin.exists(), "they are those of the last process"


def test_a_successor_that_cannot_start_changes_nothing(gateway):
    g = gateway(HELLO + LONG)
    good, pid = g.config_path.read_text(), g.pid
    g.config_path.write_text(good.replace("respond:", "respons:"))
    g.signal(SIGUSR2)
    g.wait_log(r"successor \d+ could not start \(it ended with status 1\): this process goes on")
    assert g.pid == pid and g.get("/hello").status == 200
    assert g.admin("/readyz").status == 200
    g.config_path.write_text(good)
    assert g.succeed().wait() == 0
    assert g.get("/hello").status == 200


def test_one_that_fails_with_the_sockets_in_hand_leaves_them_as_they_are(gateway, free_port):
    """It has bound what is new, and had duplicates of all others: the process that stays must not notice."""
    g = gateway(UNIX + LONG)
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        text = g.config_path.read_text()
        g.config_path.write_text(text.replace("routes:", f'  - {{ name: taken, address: "127.0.0.1:{taken.getsockname()[1]}" }}\nroutes:'))
        g.signal(SIGUSR2)
        g.wait_log(r"listener taken cannot listen on")
        g.wait_log(r"could not start")
    assert (g.folder / "local.sock").exists() and (g.folder / "admin.sock").exists()
    for _ in range(20):
        assert g.get("/hello").status == 200


def test_the_command_says_what_came_of_it(gateway):
    """sluice upgrade."""
    adopt_orphans()
    g = gateway(HELLO + LONG)
    good = g.config_path.read_text()

    def upgrade(*options):
        return subprocess.run([g.program, "upgrade", "-c", g.config_path, *options], capture_output=True, text=True, timeout=20)
    g.config_path.write_text(good.replace("respond:", "respons:"))
    r = upgrade()
    assert r.returncode == 1 and re.search(r"successor \d+ could not start \(it ended with status 1\): this process goes on", r.stderr)
    g.config_path.write_text(good)
    old = g.process
    r = upgrade("--json")
    assert r.returncode == 0
    doc = json.loads(r.stdout)
    assert doc["state"] == "handed-over"
    g.process = Adopted(doc["pid"], g.stderr_path)
    assert old.wait() == 0
    assert json.loads(g.admin("/status").body)["pid"] == doc["pid"]


def test_told_to_stop_meanwhile(gateway):
    """Both end, and well: the new one may serve already."""
    adopt_orphans()
    g = gateway(HELLO + LONG)
    g.signal(SIGUSR2)
    pid = int(g.wait_log(r"successor (\d+) is starting")[1])
    g.signal(SIGTERM)
    g.stop()
    if "serves: this process ends" in g.log():
        os.kill(pid, SIGTERM)
    assert Adopted(pid, g.stderr_path).wait() in (0, -SIGTERM)


def test_a_successor_does_not_come_while_the_process_drains(gateway, origin, raw):
    up = origin(hang)
    g = gateway(proxy() + "runtime: { workers: 2, shutdown_grace: 500ms }\n", app=up.port)
    raw(g.port()).request("GET", "/")
    up.wait(1)
    g.signal(SIGTERM)
    wait_for(lambda: not is_listening(g.port()), 3, "the listener to be closed")
    g.signal(SIGUSR2)
    g.wait_log("no successor is started: the process does not serve")
    g.stop()
