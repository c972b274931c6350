"""Logs that nobody reads, and files that never end: nothing waits for them."""
import fcntl
import os
import re
import subprocess
import time
from signal import SIGHUP, SIGTERM

import pytest

from kit.configs import HELLO
from kit.gateway import find_program
from kit.process import wait_for

STDERR = 'log: { level: info, access: { path: "@dir@/access.log", format: json } }\n'
F_SETPIPE_SZ = 1031


def take(fd):
    """What there is in a pipe now."""
    data = b""
    try:
        while more := os.read(fd, 65536):
            data += more
    except BlockingIOError:
        pass
    return data


class Pipe:
    """Standard error of a gateway that is a pipe: nobody reads it until read() is called."""
    def __init__(self, path):
        os.mkfifo(path)
        self.fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(self.fd, F_SETPIPE_SZ, 4096)
        self.text = ""

    def read(self):
        self.text += take(self.fd).decode()
        return self.text


@pytest.fixture
def pipes():
    made = []
    yield made
    for p in made:
        os.close(p.fd)


@pytest.fixture
def piped(pipes, gateway, folder):  # pipes first: they are closed when the gateway has ended
    def start(config):
        place = folder / "gateway1"
        place.mkdir()
        pipes.append(Pipe(place / "stderr.log"))
        g = gateway(config)
        g.log = pipes[0].read
        return g, pipes[0]
    return start


def fill(g, reloads=60):
    """Have it log more than the queue and the pipe hold: every reload of a file with many mistakes."""
    g.write_config(HELLO + STDERR + "".join(f"nonsense{i}: {'x' * 60}\n" for i in range(90)))
    for _ in range(reloads):
        r = g.admin("/reload", "POST")
        assert r.status in (422, 400, 409, 503), r.status
    g.write_config(HELLO + STDERR)


def test_a_reader_of_standard_error_that_stalls_stops_nobody(piped):
    g, pipe = piped(HELLO + STDERR)
    fill(g)
    assert g.metrics()['sluice_log_dropped_total{log="error"}'] > 0, "lines are counted that found no room"
    for _ in range(20):
        assert g.get("/hello").status == 200
    assert g.admin("/healthz").status == 200 and g.admin("/readyz").status == 200
    r = g.admin("/reload", "POST")
    assert r.status == 200 and b"in-force" in r.body, "and a reload is no different"
    g.signal(SIGHUP)
    wait_for(lambda: re.search("lines of this log were dropped", pipe.read()), 10, "that it is told when it flows again")
    assert len(re.findall("lines of this log were dropped", pipe.text)) == 1, "once"
    for line in pipe.text.splitlines()[:-1]:
        assert re.match(r"\d{4}-\d\d-\d\dT\S+Z (error|warn |info |debug) ", line), f"whole lines: {line!r}"
    g.signal(SIGHUP)
    wait_for(lambda: "configuration" in pipe.read().rpartition("were dropped")[2], 10, "and goes on as before")


def test_a_gateway_ends_though_nobody_reads_its_log(piped):
    g, pipe = piped(HELLO + STDERR)
    fill(g)
    g.signal(SIGTERM)
    began = time.monotonic()
    assert g.process.wait(15) == 0
    assert time.monotonic() - began < 10, "the time for the last lines is bounded"
    g.stopped = True
    assert pipe.read()


def test_flags_of_a_shared_standard_error_stay(gateway, folder):
    """Who shares the pipe with the gateway is not suddenly told EAGAIN."""
    reader, writer = os.pipe()
    program, plugins = find_program()
    path = folder / "sluice.yaml"
    g = gateway(HELLO)
    path.write_text(g.config_path.read_text().replace(str(g.port()), "1").replace(str(g.port("admin")), "2"))
    process = subprocess.Popen([program, "run", "-c", path, "--plugin-dir", plugins], stderr=writer)
    os.read(reader, 10)
    assert not fcntl.fcntl(writer, fcntl.F_GETFL) & os.O_NONBLOCK
    process.kill()
    process.wait(10)
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("reader_comes", ["before", "later"])
def test_an_access_log_may_be_a_named_pipe(gateway, folder, reader_comes):
    path = folder / "access"
    os.mkfifo(path)
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK) if reader_comes == "before" else None
    g = gateway(HELLO + f'log: {{ access: {{ path: "{path}", format: json }} }}\n')
    for _ in range(3):
        assert g.get("/hello").status == 200
    fd = fd or os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    text = []
    wait_for(lambda: text.append(take(fd)) or b"".join(text).count(b"\n") >= 3, 5, "the lines")
    os.close(fd)
    for _ in range(3):
        assert g.get("/hello").status == 200, "a reader that goes stops nobody"
    g.signal(SIGTERM)
    assert g.process.wait(10) == 0


def test_lines_of_an_access_log_that_nobody_reads_are_counted(gateway, folder):
    path = folder / "access"
    os.mkfifo(path)
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(fd, F_SETPIPE_SZ, 4096)
    g = gateway(HELLO + f'log: {{ access: {{ path: "{path}", format: json }} }}\nruntime: {{ workers: 1 }}\n')
    target = "/hello?" + "q" * 1000
    with g.connect() as c:
        for _ in range(2000):
            assert c.get(target).status == 200
    wait_for(lambda: g.metrics()['sluice_log_dropped_total{log="access"}'] > 0, 5, "dropped lines to be counted")
    got = b""
    deadline = time.monotonic() + 10
    while b"dropped" not in g.log().encode() and time.monotonic() < deadline:
        got += take(fd)
        g.get("/hello")
    assert len(re.findall(r"access: \d+ lines were dropped", g.log())) == 1
    assert got
    os.close(fd)


# ---- files ----

def check(folder, config):
    path = folder / "sluice.yaml"
    path.write_text(config)
    program, plugins = find_program()
    return subprocess.run([program, "check", "-c", path, "--plugin-dir", plugins, "--plugin-dir", folder], capture_output=True,
                          text=True, timeout=10, check=False)


LISTENER = 'listeners: [{ name: a, address: "127.0.0.1:1"%s }]\nroutes: [{ name: r%s }]\n'
FILES = {
    "a certificate": LISTENER % (", tls: { certificates: [{ certificate: PATH, private_key: PATH }] }", ", respond: {}"),
    "authorities": LISTENER % ("", ", upstream: u") + "upstreams: { u: { servers: ['a.example:443'], tls: { ca: PATH } } }\n",
    "a key set": LISTENER % ("", ", plugins: [{ use: jwt, issuer: x, audience: y, algorithms: [RS256], jwks: 'file:PATH' }], respond: {}"),
    "a secret": LISTENER % ("", ", respond: {}") + "stores: { s: { redis: 'redis://127.0.0.1:1', password: 'file:PATH' } }\n",
}


@pytest.mark.parametrize("kind", ["named pipe", "device", "folder"])
@pytest.mark.parametrize("what", FILES)
def test_what_is_no_regular_file_is_refused_at_once(folder, what, kind):
    path = folder / "thing"
    if kind == "named pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    r = check(folder, FILES[what].replace("PATH", str(path)))
    assert r.returncode == 1, r.stdout + r.stderr
    assert ("Is a directory" if kind == "folder" else "it is not a regular file") in r.stderr, r.stderr


def test_a_named_pipe_is_no_module(folder):
    os.mkfifo(folder / "mine.so")
    r = check(folder, LISTENER % ("", ", plugins: [{ use: mine }], respond: {}"))
    assert r.returncode == 1 and "it is not a regular file" in r.stderr


def test_a_configuration_from_a_named_pipe_ends(folder):
    path = folder / "pipe.yaml"
    os.mkfifo(path)
    fd = os.open(path, os.O_RDWR)  # a writer that says nothing
    program, _ = find_program()
    began = time.monotonic()
    r = subprocess.run([program, "check", "-c", path], capture_output=True, text=True, timeout=20, check=False)
    assert r.returncode == 1 and "cannot read the file" in r.stderr and time.monotonic() - began < 10
    os.close(fd)


def test_mistakes_after_hup_are_lines_of_the_log(gateway):
    g = gateway(HELLO)
    g.reload(HELLO + "nonsense: 1\n", expect="the configuration in force stays")
    assert re.search(r"^\S+Z error config: \S+sluice\.yaml:\d+:\d+: .*nonsense", g.log(), re.M), g.log()


def test_a_journal_gets_priorities(gateway, folder):
    place = folder / "gateway1"
    place.mkdir()
    (place / "stderr.log").touch()
    st = os.stat(place / "stderr.log")
    g = gateway(HELLO, env={"JOURNAL_STREAM": f"{st.st_dev}:{st.st_ino}"})
    g.reload(HELLO + "nonsense: 1\n", expect="the configuration in force stays")
    assert re.search(r"^<3>\S+Z error ", g.log(), re.M) and re.search(r"^<6>\S+Z info ", g.log(), re.M)
    assert not re.search(r"^\d{4}-", g.log(), re.M)


STORIES = STDERR.replace("level: info,", "level: info, stories: { @whose@ },") + """
listeners:
  - { name: public, address: "127.0.0.1:@public@", trusted_proxies: [127.0.0.1] }
routes:
  - { name: shop, match: { path: /shop }, respond: { status: 200 } }
  - { name: rest, match: { path: /rest }, respond: { status: 200 } }
"""


@pytest.mark.parametrize("whose, told", [
    ("routes: [shop]", ["shop 192.0.2.7", "shop 10.1.1.1"]),
    ("clients: [192.0.2.7, 2001:db8::/32]", ["shop 192.0.2.7", "rest 192.0.2.7", "none 192.0.2.7"]),
    ("routes: [rest], clients: [10.0.0.0/8]", ["rest 10.1.1.1"]),
    ("", []),
])
def test_stories_of_chosen_requests(gateway, whose, told):
    g = gateway(STORIES, whose=whose)
    for path in ("shop", "rest", "none"):
        for client in ("192.0.2.7", "10.1.1.1"):
            g.get(f"/{path}", {"X-Forwarded-For": client})
    by_id = {a["id"]: f'{a["path"][1:]} {a["client"]}' for a in g.access(6)}
    stories = re.findall(r"info  request: (\S+) (?:on route \S+|without a route): \d+.* ms done", g.stop())
    assert sorted(by_id[i] for i in stories) == sorted(told)
