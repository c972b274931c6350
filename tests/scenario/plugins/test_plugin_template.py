"""contrib/plugin-template and contrib/plugin-examples build out of tree against the public header alone, and do what is said of
them in their README and in docs/plugins/authoring.md."""
import fcntl
import gzip
import hashlib
import os
import shutil
import ssl
import subprocess
import threading
from pathlib import Path

import pytest

from kit.client import tls_context
from kit.gateway import ROOT, find_program
from kit.origin import drop, reply
from kit.process import wait_for
from kit.tokens import refusal


@pytest.fixture(scope="session")
def examples_built(tmp_path_factory):
    """contrib/plugin-examples, built once for all workers of a run."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with open(shared / "plugin-examples.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return build(shared, "plugin-examples")[0]


@pytest.fixture
def example_tree(folder, examples_built):
    """A copy of it that a test may change."""
    return shutil.copytree(examples_built, folder / "plugin-examples")


def build(folder, name, *targets):
    tree = folder / name
    if not tree.exists():
        shutil.copytree(ROOT / "contrib" / name, tree)
    env = {**os.environ, "PKG_CONFIG_PATH": str(Path(find_program()[0]).parents[1]), "CFLAGS": "-O1 -Werror"}
    done = subprocess.run(["make", "-C", tree, *targets], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return tree, done.stdout + done.stderr


def config_of(tree):
    """Its sluice.yaml, on a port of the test's."""
    return (tree / "sluice.yaml").read_text().replace("127.0.0.1:8080", "127.0.0.1:@public@")


def test_template(folder, gateway):
    tree, _ = build(folder, "plugin-template")
    program, _ = find_program()
    listed = subprocess.run([program, "plugins", "require-header", "--plugin-dir", tree], capture_output=True, text=True, check=True)
    for option in ("header", "values", "status", "strip"):
        assert option in listed.stdout
    g = gateway(config_of(tree), args=["--plugin-dir", tree])
    assert refusal(g.get("/")) == "header-missing"
    assert refusal(g.get("/", {"X-Tenant": "red"})) == "header-value"
    assert g.get("/", {"X-Tenant": "green"}).body == b"in\n"


def test_templates_own_test(folder):
    _, said = build(folder, "plugin-template", "check", f"SLUICE_SRC={ROOT}", f"SLUICE_BUILD={Path(find_program()[0]).parents[2]}")
    assert "2 test(s)" in said and "FAILED" not in said


@pytest.fixture
def examples(example_tree, gateway, origin):
    """(gateway, folder, the service that decides)"""
    tree = example_tree
    service = origin(reply(204, headers={"X-User": "alice"}))
    config = config_of(tree).replace("127.0.0.1:9000/decide\"", f"127.0.0.1:{service.port}/decide\"\n    timeout: 5s")
    config = config.replace("by: consumer\n", "by: consumer\n    every: 1s\n", 1)
    return gateway(config, files={"denied.txt": (tree / "denied.txt").read_text()}, args=["--plugin-dir", tree]), tree, service


def test_deny_list(examples):
    g, _, service = examples
    assert g.get("/").status == 200
    service.behave(reply(204, headers={"X-User": "mallory"}))
    assert refusal(g.get("/")) == "denied"
    (g.folder / "denied.txt").write_text("eve\nalice\nbob\n")
    wait_for(lambda: g.get("/").status == 200, what="the changed list")
    for user in ("alice", "bob", "eve"):
        service.behave(reply(204, headers={"X-User": user}))
        assert refusal(g.get("/")) == "denied", user
    (g.folder / "denied.txt").unlink()
    g.wait_log("cannot read denied.txt: No such file or directory; the list stays as it was")
    assert refusal(g.get("/")) == "denied"


def test_ask(examples):
    g, tree, service = examples
    assert g.get("/a?b=c", [("Authorization", "Basic x")]).status == 200
    asked = service.wait(1)[0].fields
    assert asked.get("x-original-method") == "GET" and asked.get("x-original-target") == "/a?b=c"
    assert asked.get("authorization") == "Basic x"
    for status, want in ((401, (401, "ask-refused")), (403, (403, "ask-refused")), (500, (503, "ask-down")), (302, (503, "ask-down"))):
        service.behave(reply(status, b""))
        r = g.get("/")
        assert (r.status, refusal(r)) == want
    service.behave(drop)
    assert refusal(g.get("/")) == "ask-down"
    g.reload(g.config_path.read_text().replace("  may-they:\n", "  may-they:\n    fail_open: true\n"), {})
    wait_for(lambda: g.get("/").status == 200, what="the changed policy")
    assert "requests are refused" in g.log() and "requests pass unasked" in g.log()


def test_tenant(example_tree, gateway, origin):
    """Many ask at the same time for one key: the service is asked once, and the one who asked first may leave."""
    gate = threading.Event()

    def slow(peer, request):
        gate.wait(10)
        reply(200, b"blue")(peer, request)
    service = origin(slow)
    g = gateway("""
runtime: { workers: 1 }
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
routes:
  - name: all
    match: { path: /* }
    plugins: [{ use: tenant, url: "http://127.0.0.1:@app@/", timeout: 10s }, { use: headers, response: { set: { X-Tenant: "{tenant}" } } }]
    respond: { body: "in\n" }
""", app=service.port, args=["--plugin-dir", example_tree])
    waiting = [g.connect() for _ in range(5)]
    for c in waiting:
        c.request("GET", "/", {"X-Api-Key": "k"})
    asked = service.wait(1)[0]
    assert asked.fields.get("x-api-key") == "k"
    waiting[0].reset()
    gate.set()
    for c in waiting[1:]:
        r = c.response()
        assert r.status == 200 and r.fields.get("x-tenant") == "blue"
    assert g.get("/", {"X-Api-Key": "k"}).fields.get("x-tenant") == "blue"
    assert len(service.requests) == 1
    service.behave(reply(404))
    assert refusal(g.get("/", {"X-Api-Key": "other"})) == "key-unknown"
    assert refusal(g.get("/")) == "key-missing"
    service.behave(reply(500))
    assert refusal(g.get("/", {"X-Api-Key": "third"})) == "tenant-down"


def test_ask_with_the_body(examples):
    g, _, service = examples
    g.reload(g.config_path.read_text().replace("  may-they:\n", "  may-they:\n    max_body: 1KiB\n"), {})
    g.wait_in_force(2)
    assert g.request("POST", "/", body=b"may I?").status == 200
    assert service.requests[-1].body == b"may I?" and service.requests[-1].method == "POST"
    asked = len(service.requests)
    assert g.request("POST", "/", body=b"x" * 1025).status == 413
    assert len(service.requests) == asked


def test_pages(example_tree, gateway):
    big = bytes(range(256)) * 20000
    g = gateway("""
listeners:
  - name: public
    address: "127.0.0.1:@public@"
    max_memory: 128KiB
    plugins: [{ use: pages, pages: { /robots.txt: { file: robots.txt }, /big: { file: big, type: application/octet-stream } } }]
routes:
  - { name: all, match: { path: /* }, respond: { body: "in\\n" } }
""", files={"robots.txt": "User-agent: *\n", "big": big}, args=["--plugin-dir", example_tree])
    r = g.get("/robots.txt")
    assert (r.status, r.body, r.header("content-type")) == (200, b"User-agent: *\n", "text/plain; charset=utf-8")
    assert r.header("cache-control") == "max-age=300"
    assert g.get("/big").body == big, "more than a request may take of memory"
    assert g.request("POST", "/robots.txt").body == g.get("/").body == b"in\n"


def test_cors(example_tree, gateway, origin):
    up = origin()
    g = gateway(f"""
listeners:
  - name: public
    address: "127.0.0.1:@public@"
    plugins: [{{ use: cors, origins: ["https://*.shop.example"], methods: [GET, PUT], headers: [X-Token] }}]
upstreams: {{ up: {{ servers: ["{up.address}"] }} }}
routes:
  - {{ name: all, match: {{ path: /*, methods: [GET] }}, upstream: up }}
""", args=["--plugin-dir", example_tree])
    page = {"Origin": "https://a.shop.example"}
    r = g.request("OPTIONS", "/x", {**page, "Access-Control-Request-Method": "PUT"})
    told = {name: r.header(f"access-control-{name}") for name in ("allow-origin", "allow-methods", "allow-headers", "max-age")}
    assert (r.status, told) == (204, {"allow-origin": "https://a.shop.example", "allow-methods": "GET, PUT",
                                      "allow-headers": "X-Token", "max-age": "600"}), "although the route takes no OPTIONS"
    assert r.header("vary") == "Origin" and up.requests == []
    assert g.get("/", page).header("access-control-allow-origin") == "https://a.shop.example"
    assert g.request("PUT", "/", page).header("access-control-allow-origin") == "https://a.shop.example", "of a 405, too"
    assert g.get("/", {"Origin": "https://evil.example"}).header("access-control-allow-origin") is None


def test_gzip(example_tree, gateway, origin):
    text = b"".join(b"line %d of the text\n" % (n * n) for n in range(50000))
    up = origin(reply(200, text, headers={"Content-Type": "text/plain", "ETag": '"v1"'}))
    g = gateway(f"""
listeners: [{{ name: public, address: "127.0.0.1:@public@", protocols: [http/1.1, h2] }}]
upstreams: {{ up: {{ servers: ["{up.address}"] }} }}
routes:
  - {{ name: all, match: {{ path: /* }}, plugins: [{{ use: gzip }}], upstream: up }}
""", args=["--plugin-dir", example_tree])
    plain, packed = g.get("/"), g.get("/", {"Accept-Encoding": "br, gzip"})
    assert plain.body == text and plain.header("content-encoding") is None and plain.header("vary") == "Accept-Encoding"
    assert packed.header("content-encoding") == "gzip" and packed.header("etag") == 'W/"v1"'
    assert gzip.decompress(packed.body) == text and len(packed.body) < len(text) / 3
    head = g.request("HEAD", "/", {"Accept-Encoding": "gzip"})
    assert head.body == b"" and head.header("content-length") != str(len(text))


def test_deny_list_without_its_file(example_tree):
    tree = example_tree
    (tree / "denied.txt").unlink()
    program, plugins = find_program()
    done = subprocess.run([program, "check", "-c", tree / "sluice.yaml", "--plugin-dir", tree, "--plugin-dir", plugins],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "sluice.yaml:8:11: error: plugins.gone.file: cannot read denied.txt: No such file or directory" in done.stderr


def test_redact(example_tree, gateway, origin):
    def dribble(peer, request):
        peer.send(b"HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: %d\r\n\r\n" % len(text))
        for i in range(len(text)):
            peer.send(text[i:i + 1])
    text = b"class classified classifclassified classifie"
    up = origin(dribble)
    g = gateway("""
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
routes:
  - { name: all, match: { path: /* }, plugins: [{ use: redact, word: classified, max: 1KiB }], upstream: app }
""", app=up.port, args=["--plugin-dir", example_tree])
    r = g.get("/")
    assert r.body == b"class ********** classif********** classifie" and "etag" not in r.fields
    up.behave(reply(200, text * 1000))
    assert g.get("/").body == b"class ********** classif********** classifie" * 1000
    r = g.request("POST", body=b"a classified matter")
    assert r.status == 422 and refusal(r) == "word-in-body"
    assert g.request("POST", body=b"x" * 1025).status == 413
    assert len(up.requests) == 2


def test_canary(example_tree, gateway, origin):
    stable, fresh = origin(reply(200, b"stable")), origin(reply(200, b"next"))
    config = (example_tree / "canary.yaml").read_text().replace("127.0.0.1:8080", "127.0.0.1:@public@")
    config = config.replace("9001", "@stable@").replace("9002", "@next@")
    g = gateway(config, stable=stable.port, next=fresh.port, args=["--plugin-dir", example_tree])
    callers = {n: g.get("/", {"Cookie": f"session={n}"}).body for n in range(200)}
    share = [n for n, body in callers.items() if body == b"next"]
    assert 8 <= len(share) <= 35, "about one in ten"
    assert g.get("/").body == b"stable", "a caller that nobody knows"
    for n in share[:4] + [n for n in callers if n not in share][:4]:
        assert g.get("/", {"Cookie": f"session={n}"}).body == callers[n]
    line = next(line for line in g.access(201) if line["upstream"] == "next")
    assert line["notes"] == ["canary"] and line["route"] == "app"
    g.reload(config.replace("percent: 10", "percent: 20").replace("@stable@", str(stable.port)).replace("@next@", str(fresh.port)))
    g.wait_in_force(2)
    more = [n for n in callers if g.get("/", {"Cookie": f"session={n}"}).body == b"next"]
    assert set(share) < set(more), "it grew, and kept its callers"
    done = subprocess.run([find_program()[0], "check", "-c", example_tree / "canary.yaml", "--plugin-dir", example_tree],
                          capture_output=True, text=True, check=False)
    assert (done.returncode, "leads to upstream" in done.stderr) == (0, False)


GATE = """
runtime: { workers: 2 }
listeners:
  - { name: plain, address: "127.0.0.1:@plain@", plugins: [few] }
  - name: secure
    address: 127.0.0.1:@secure@
    plugins: [guests]
    tls: { certificates: [{ certificate: "@cert@", private_key: "@key@" }], client_ca: "@ca@" }
plugins:
  few: { use: gate, rate: 5/min }
  guests: { use: gate, rate: 1000/s, names: [localhost], guests: { "@alice@": alice } }
routes:
  - { name: all, match: { path: /* }, plugins: [{ use: headers, response: { set: { X-Guest: "{guest}" } } }], respond: { body: "in" } }
"""


def test_gate(example_tree, gateway, ca, server_cert):
    """A limit that all workers share, before TLS; names and certificates after it."""
    alice, mallory = (ca.issue(f"{name}.test", client=True) for name in ("alice", "mallory"))
    der = ssl.PEM_cert_to_DER_cert(Path(alice.cert).read_text())
    g = gateway(GATE, args=["--plugin-dir", example_tree], cert=server_cert.cert, key=server_cert.key, ca=ca.path,
                alice=hashlib.sha256(der).hexdigest())
    for _ in range(5):
        assert g.get("/", listener="plain").status == 200
    for _ in range(3):
        with g.connect("plain") as c:
            c.assert_closed()
    with g.connect("secure", tls=tls_context(cert=alice.cert, key=alice.key)) as c:
        assert [c.get("/").header("x-guest") for _ in range(2)] == ["alice"] * 2
        assert g.metrics()['sluice_plugin_gate_connections{instance="guests"}'] == 1
    for cert, sni in ((mallory, "localhost"), (alice, "other.test")):
        with g.connect("secure", tls=tls_context(cert=cert.cert, key=cert.key), sni=sni) as c:
            c.assert_closed()
    m = g.metrics()
    for plugin, reason, n in (("few", "connects-too-often", 3), ("guests", "unknown-certificate", 1), ("guests", "unknown-name", 1)):
        assert m[f'sluice_plugin_connections_refused_total{{plugin="{plugin}",reason="{reason}"}}'] == n
    wait_for(lambda: g.metrics()['sluice_plugin_gate_connections{instance="guests"}'] == 0)
