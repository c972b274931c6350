"""The how-tos: each configuration that they show starts, each command says what they show, and each page is found."""
import json
import re
import shutil
import subprocess

import jsonschema
import pytest
import yaml

from kit.ended import ended
from kit.gateway import ROOT, YAML, find_program
from kit.howto import FENCE, KNOWN, PAGES, Runner, blocks, lacking, same
from kit.origin import Origin, reply
from kit.ports import free_port
from kit.servers import HAProxy, Nginx, Redis
from kit.tokens import jwks
from kit.tunnels import accept_for

NAMES = sorted(p.name for p in PAGES.glob("*.md") if p.name != "README.md")
TOLD = {n.lower(): n for n in ("X-Forwarded-Prefix", "X-Real-IP", "X-User", "X-Groups", "X-Plan", "Accept-Encoding", "Cookie")}
ACME = "127.0.0.1:8888"         # certbot listens there itself


def service(name):
    """What stands for the services of the pages: it says what it was asked for, and some of the fields that it got."""
    special = {
        "/login": reply(302, b"", {"Location": "/welcome", "Set-Cookie": "session=7; Path=/"}, reason="Found"),
        "/broken": reply(500, b"<h1>Exception in thread main</h1>\n", {"Content-Type": "text/html"}, reason="Internal Server Error"),
        "/long": reply(200, b'{"line": "of many"}\n' * 500, {"Content-Type": "application/json"}, reason="OK"),
        "/page": reply(200, f"{name}\n".encode(), {"Content-Type": "text/plain", "Cache-Control": "max-age=60"}, reason="OK"),
        "/verify": verify,
    }

    def behave(peer, request):
        if request.header("upgrade") == "websocket":
            accept = accept_for(request.header("sec-websocket-key"))
            peer.send(f"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode())
            peer.send(b"\x88\x00")
            return peer.close()
        last = "/" + request.target.partition("?")[0].rpartition("/")[2]
        if last in special:
            return special[last](peer, request)
        text = f"{name} {request.method} {request.target}\n{''.join(told(request))}"
        return reply(200, text.encode(), {"Content-Type": "text/plain"}, reason="OK")(peer, request)
    return behave


def told(request):
    """Lines about the fields that the service got; of credentials their scheme."""
    for name, value in request.fields:
        if name.lower() in TOLD:
            yield f"  {TOLD[name.lower()]}: {value}\n"
        elif name.lower() == "x-forwarded-host" and value != request.header("host"):
            yield f"  X-Forwarded-Host: {value}\n"
        elif name.lower() == "authorization":
            yield f"  Authorization: {value.split()[0]} ...\n"


def verify(peer, request):
    """A service that is asked whether a request may pass."""
    if request.header("cookie") == "session=alice":
        return reply(200, b"", {"X-User": "alice", "X-Groups": "staff"}, reason="OK")(peer, request)
    return reply(302, b"", {"Location": "https://login.example.com/"}, reason="Found")(peer, request)


def discovery(peer, request):
    """The documents of an OpenID provider."""
    url = f"http://{request.header('host')}"
    document = {"issuer": url, "jwks_uri": f"{url}/keys", "authorization_endpoint": f"{url}/auth", "token_endpoint": f"{url}/token"}
    return reply(200, json.dumps(document if "well-known" in request.target else {"keys": []}).encode(), {"Content-Type": "application/json"})(peer, request)


def tokens(peer, request):
    """A token endpoint."""
    issued = {"access_token": "for-the-service", "token_type": "Bearer", "expires_in": 300}
    if b"token-exchange" in request.body:
        issued["issued_token_type"] = "urn:ietf:params:oauth:token-type:access_token"
    return reply(200, json.dumps(issued).encode(), {"Content-Type": "application/json"})(peer, request)


@pytest.fixture
def run(folder, ca, es256, tmp_path):
    """run(page): all of its blocks."""
    hosts = ["shop.example.com", "app.example.com", "api.example.com", "tools.example.com", "www.example.com", "example.com"]
    certs = {"certonly": ca.issue(*hosts), "renew": ca.issue(*hosts, days=(-1, 89.5))}
    for command, cert in certs.items():
        shutil.copy(cert.cert, tmp_path / f"{command}.pem")
        shutil.copy(cert.key, tmp_path / f"{command}.key")
    acme = free_port()
    env = {"HOWTO_CA": ca.path, "HOWTO_CERTS": str(tmp_path), "HOWTO_ACME_PORT": str(acme)}
    for name, claims in (("TOKEN", {"sub": "alice"}), ("GOLD", {"sub": "bob", "plan": "gold"})):
        env[name] = es256.mint(iss="https://login.example.com/", aud="shop", expires_in=600, **claims)
    runners = []

    def stand_in(address):
        """The store's port is that of Redis; certbot listens by itself."""
        return Redis(folder / "redis", free_port()) if address.endswith(":6379") else Origin(service(address), free_port())
    with ended(stand_in) as serve, ended(lambda make: make()) as start:
        keys = Origin(reply(200, jwks(es256).encode(), {"Content-Type": "application/json"}), free_port())
        idp, issuing = Origin(discovery, free_port()), Origin(tokens, free_port())
        peers = {"nginx": lambda text, _port: start(lambda: Nginx(folder / "run-nginx", free_port(), http=text)),
                 "haproxy": lambda text, port: start(lambda: HAProxy(folder / "run-haproxy", port, text, mode="http"))}

        def page(name):
            r = Runner(name, folder, lambda address: acme if address == ACME else serve(address).port, peers, env,
                       {"https://login.example.com/keys": f"http://127.0.0.1:{keys.port}/",
                        "https://login.example.com/token": f"http://127.0.0.1:{issuing.port}/token",
                        "https://login.example.com/realms/tools": f"http://127.0.0.1:{idp.port}"})
            runners.append(r)
            prepare(r.etc, certs["certonly"])
            r.run()
        yield page
        for r in runners:
            r.stop()
        keys.stop()
        idp.stop()
        issuing.stop()


def prepare(etc, cert):
    """What pages have in /etc/sluice: a certificate (except the page that fetches one), users, error pages."""
    (etc / "tls").mkdir(parents=True)
    shutil.copy(cert.cert, etc / "tls/fullchain.pem")
    shutil.copy(cert.key, etc / "tls/privkey.pem")
    shutil.copy(ROOT / "conf/demo/users.htpasswd", etc / "users.htpasswd")
    shutil.copy(ROOT / "conf/demo/users.groups", etc / "users.groups")
    for path in (etc / "tls/privkey.pem", etc / "users.htpasswd"):
        path.chmod(0o600)
    live = etc.parent / "letsencrypt/live/shop.example.com"
    shutil.copytree(etc / "tls", live)
    (etc.parent / "haproxy").mkdir()
    (etc.parent / "haproxy/shop.pem").write_text((live / "fullchain.pem").read_text() + (live / "privkey.pem").read_text())
    (etc / "maintenance.html").write_text("<h1>We are back soon.</h1>\n")


@pytest.mark.parametrize("page", NAMES)
def test_page(run, page):
    missing = lacking(page)
    if missing:
        pytest.skip(f"neither the build nor the tree has {', '.join(missing)}")
    run(page)


@pytest.mark.parametrize("page", NAMES)
def test_each_block_is_run(page):
    """Blocks are fenced, and of a kind that Runner knows; a page has one configuration at least, and is a page."""
    found = blocks(page)
    text = (PAGES / page).read_text()
    assert {b.kind for b in found} <= KNOWN and "yaml" in {b.kind for b in found}
    rest = FENCE.sub("", text)
    assert "```" not in rest and not re.search(r"^(\t|    )", rest, re.M), "a block that is not fenced, or not closed"
    assert 40 <= text.count("\n") <= 120
    for block in found:
        assert block.kind != "console" or re.search(r"^\$ ", block.text, re.M)
    words = {b.kind: b.word for b in found}
    assert all(word is None or (kind, word) in (("console", "both"), ("yaml", "alone")) or (kind == "sh" and word.startswith("file=")) for kind, word in words.items())


@pytest.fixture(scope="module")
def schemas():
    """Each block of options that there is, as a schema that permits leaving others out."""
    program, plugins = find_program()
    root = json.loads(subprocess.run([program, "schema", "--plugin-dir", plugins], capture_output=True, text=True, check=True).stdout)
    found = []

    def walk(node):
        if isinstance(node, dict):
            if isinstance(node.get("properties"), dict):
                found.append({"type": "object", "properties": node["properties"], "additionalProperties": False, **{k: v for k, v in root.items() if k in ("$defs", "definitions")}})
            for child in node.values():
                walk(child)
        elif isinstance(node, list):
            for child in node:
                walk(child)
    walk(root)
    return found


def words_of(page):
    """Sluice's words in the tables of a page: what stands in the last column and is an option with a value, or an option to which a
    reader adds one."""
    for row in re.findall(r"^\|.*\|$", (PAGES / page).read_text(), re.M):
        for code in re.findall(r"`([^`]*)`", row.rstrip("|").rpartition("|")[2]):
            if re.match(r"[a-z_]+:( |$)", code):
                yield row, code.replace("...", "x")


@pytest.mark.parametrize("page", NAMES)
def test_options_in_tables_exist(page, schemas):
    if lacking(page):
        pytest.skip("a plugin is still to come")
    for row, code in words_of(page):
        options = yaml.load(f"{{ {code} }}", YAML)
        fits = [s for s in schemas if set(options) <= set(s["properties"])] if None in options.values() else [
            s for s in schemas if jsonschema.Draft202012Validator(s).is_valid(options)]
        assert fits, f"{row}: no block has {code}"


def test_tables_are_looked_at():
    assert all(len(list(words_of(page))) > 15 for page in ("nginx.md", "haproxy.md", "traefik.md"))


def test_each_page_is_listed_and_installed():
    index, installed = (PAGES / "README.md").read_text(), (ROOT / "docs/local.am").read_text()
    assert re.findall(r"\]\((\w[\w-]*\.md)\)", index) == list(dict.fromkeys(re.findall(r"\]\((\w[\w-]*\.md)\)", index)))
    for name in NAMES:
        assert f"]({name})" in index, f"docs/howto/README.md does not lead to {name}"
    for name in [*NAMES, "README.md"]:
        assert f"%reldir%/howto/{name}" in installed, f"docs/local.am does not install {name}"
    assert "](howto/README.md)" in (ROOT / "docs/README.md").read_text()


def test_output_that_differs_is_found():
    said = "HTTP/1.1 200 OK\nDate: Mon, 30 Nov 2026 13:00:00 GMT\nServer: sluice\n\nhello\n"
    for shown, fits in ((said.replace("13:00:00", "14:00:00"), True), ("HTTP/1.1 200 OK\n...\n\nhello\n", True), ("...\nhello\n", True),
                        (said.replace("hello", "hullo"), False), ("HTTP/1.1 200 OK\n", False), ("...\nServer: other\n...\n", False), ("", False)):
        assert bool(same(shown, said)) == fits, shown
