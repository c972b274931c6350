"""Every configuration of conf/ passes `sluice check` and starts as it stands, but for the ports."""
import base64
import hmac
import json
import re
import shutil
import socket
import subprocess
import time

import pytest

from kit.client import RawClient
from kit.gateway import ROOT, find_program
from kit.modules import is_linked
from kit.person import Person
from kit.ports import free_port
from kit.provider import SECRET
from kit.tunnels import Guest1, Guest2, echo_to_the_end, talking

# files in a folder *.d are parts, which another one includes
FILES = sorted(str(p.relative_to(ROOT / "conf")) for p in (ROOT / "conf").rglob("*.yaml") if not p.parent.name.endswith(".d"))


def own_ports(text):
    """Each address of this machine gets a port of its own; Redis' stays, so that there is none. Defaults of the environment
    stand for themselves: the kit reads the ports from the text. Nobody waits for a balancer to notice the end."""
    ports = {}
    text = text.replace("${SLUICE_DRAIN_DELAY:-10s}", "50ms")
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
    assert {"quickstart.yaml", "edge.yaml", "headers.yaml", "behind-proxy.yaml", "introspection.yaml", "issuers.yaml", "forwarded.yaml",
            "uploads.yaml", "include.yaml", "listener-plugins.yaml", "stacks/django.yaml"} <= set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_check(name):
    program, plugins = find_program()
    done = subprocess.run([program, "check", "-c", ROOT / "conf" / name, "--plugin-dir", plugins], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr
    # the demo's key comes out of a checkout
    warnings = [w for w in done.stderr.splitlines() if " warning: " in w and "can be read by everybody" not in w]
    assert warnings == []


@pytest.fixture
def example(gateway, folder):
    """example(NAME): a gateway that runs conf/NAME.yaml."""
    def start(name):
        if name == "lua" and not is_linked("lua", "libluajit"):
            pytest.skip("built without LuaJIT")
        for place in ("gateway1/demo", "demo"):     # files in a folder of conf/ say ../demo
            shutil.copytree(ROOT / "conf/demo", folder / place)
        shutil.copytree(ROOT / "conf/routes.d", folder / "gateway1/routes.d")
        return gateway(own_ports((ROOT / "conf" / f"{name}.yaml").read_text()))
    return start


# what is not there in a test
NO_PROVIDER = r".* error oidc/login: (discovery at|keys from|discovery).*\n"
ABSENT = {"oidc.yaml": NO_PROVIDER, "oidc-redis.yaml": NO_PROVIDER}


@pytest.mark.parametrize("name", FILES)
def test_start(name, example):
    said = example(name.removesuffix(".yaml")).log()
    assert "error" not in re.sub(ABSENT.get(name, "$^"), "", said)


def test_headers(example):
    with RawClient(example("headers").port()) as c:
        r = c.get("/")
    assert r.status == 200 and r.body == b"hello\n"
    assert r.header("cache-control") == "no-store" and "x-powered-by" not in r.fields


def test_canary(example):
    g = example("canary")
    first = g.get("/", {"Cookie": "sid=alice"}).body
    assert first in (b"stable\n", b"canary\n")
    assert {g.get("/", {"Cookie": "sid=alice"}).body for _ in range(5)} == {first}
    assert g.request("POST", "/", {"Content-Length": str((1 << 20) + 1)}).status == 413


def test_ip_access(example):
    g = example("ip-access")
    assert g.get("/admin/").body == b"hello, 127.0.0.1\n"
    for source, status in (("127.0.0.1", 200), ("127.0.0.2", 403)):
        with RawClient(g.port(), source=(source, 0)) as c:
            assert c.get("/admin/x").status == status
    with RawClient(g.port(), source=("127.0.0.2", 0)) as c:
        assert c.get("/").status == 200


def test_include(example):
    g = example("include")
    assert g.get("/shop/cart").body == b"the shop\n"
    assert g.get("/shop", {"Cookie": "canary=1"}).body == b"the new shop\n"
    assert b"<html" in g.get("/manual").body.lower()
    assert g.get("/admin/users").body == b"the office\n"
    with RawClient(g.port()) as c:
        assert c.request("HEAD", "/manual").response("HEAD").status == 200
        assert c.request("HEAD", "/none").response("HEAD").status == 404


def test_fault(example):
    g = example("fault")
    assert [g.get("/", {"X-Fault": kind}).status for kind in ("none", "delay", "abort")] == [200, 200, 503]


def test_access(example):
    g = example("access")

    def status(method, path, *more):
        token = {"Authorization": f"Bearer {mint('key.pem', 'https://issuer.example/', 'alice', *more)}"} if more else {}
        return g.request(method, path, token).status
    assert status("GET", "/orders/1") == 200 and status("POST", "/orders") == 401
    assert status("POST", "/orders", "--scope", "orders:read") == 403
    assert status("POST", "/orders", "--scope", "orders:read orders:write") == 200
    assert status("GET", "/admin/x", "--scope", "orders:write") == 403


def test_redirect(example):
    g = example("redirect")
    https = [("X-Forwarded-Proto", "https")]
    for host, path, fields, status, location in (
            ("shop.example", "/cart?page=2", [], 308, "https://shop.example/cart?page=2"),
            ("shop.example", "/users/7", https, 301, "/people/7"), ("evil.example", "/", [], 421, None),
            ("old.example", "/a", https, 301, "https://shop.example/a"), ("shop.example", "/a", https, 200, None),
            ("shop.example", "/.well-known/acme-challenge/x", [], 200, None)):
        r = g.get(path, fields, host=host)
        assert (r.status, r.header("location")) == (status, location)


def test_rewrite(example):
    g = example("rewrite")
    for path, said in (("/shop/cart?page=2", "/cart?page=2 /shop\n"), ("/blog/2024/hello", "/archive/2024/hello.html \n"),
                       ("/blog/x/y", "/posts/x/y \n"), ("/item/7?debug=1", "/item.php?id=7 \n")):
        assert g.get(path).body.decode() == said
    r = g.get("/shop/private")
    assert (r.header("location"), r.header("set-cookie")) == ("/shop/login", "from=private; Path=/shop")


def test_cors(example):
    g = example("cors")
    page = {"Origin": "http://localhost:8082"}
    r = g.request("OPTIONS", "/hello", {**page, "Access-Control-Request-Method": "PUT"})
    assert (r.status, r.header("access-control-allow-origin")) == (204, page["Origin"])
    r = g.get("/orders", page)
    assert (r.status, r.header("access-control-allow-origin")) == (401, page["Origin"])


def test_security_headers(example):
    g = example("security-headers")
    for path, status, frames in (("/", 200, "'self' https://portal.example.com"), ("/api/orders", 200, "'none'"), ("/nowhere", 404, "'none'")):
        r = g.get(path)
        assert r.status == status and r.header("content-security-policy").endswith(f"frame-ancestors {frames}")
        assert "x-powered-by" not in r.fields and r.header("x-frame-options") == {"/": None}.get(path, "DENY")


def test_key_auth(example):
    g = example("key-auth")
    assert g.get("/api/").status == 401
    r = g.get("/api/", {"X-API-Key": "acme-key"})
    assert r.body == b"hello acme of plan gold, your key stayed at the gateway: []\n"
    assert r.header("ratelimit-policy") == '"per-partner";q=1000;w=60'
    r = g.get("/api/?api_key=initech-key")
    assert r.body == b"hello initech of plan free, your key stayed at the gateway: []\n"
    assert r.header("ratelimit-policy") == '"per-partner";q=10;w=60'
    assert g.get("/api/", {"X-API-Key": "old-key"}).status == 401
    assert [g.get("/api/orders", {"X-API-Key": key}).status for key in ("acme-key", "initech-key")] == [200, 403]


def test_hmac_auth(example):
    """Signed by what RFC 9421 says."""
    g = example("hmac-auth")
    r = g.get("/orders")
    assert (r.status, r.header("accept-signature")) == (401, 'sig=("@method" "@authority" "@target-uri" "content-digest");created')
    host = "localhost"
    params = f'("@method" "@authority" "@target-uri");created={int(time.time())};keyid="acme-1"'
    base = f'"@method": GET\n"@authority": {host}\n"@target-uri": http://{host}/orders\n"@signature-params": {params}'
    mac = base64.b64encode(hmac.digest(b"not a secret: it stands in conf/hmac-auth.yaml", base.encode(), "sha256")).decode()
    assert g.get("/orders", {"Signature-Input": f"sig={params}", "Signature": f"sig=:{mac}:"}).body == b"hello acme\n"


def test_upstream_signature(example):
    g = example("upstream-signature")
    assert g.get("/orders").body == b"hello gateway\n"
    assert g.request("POST", "/orders", {}, body=b"a body").body == b"hello gateway\n"
    with RawClient(g.listeners()[1]) as past:
        assert past.get("/orders").status == 401


def test_oidc(gateway, provider):
    """A login at a provider, as the file's head says."""
    issuer = provider()
    text = own_ports((ROOT / "conf/oidc.yaml").read_text()).replace("https://idp.example.com/realms/shop", issuer.url).replace("replace-me", SECRET)
    g = gateway(text)
    site = f"http://localhost:{g.port()}"
    issuer.add_client("shop", redirect_uris=[f"{site}/oidc/callback"], post_logout_redirect_uris=[f"{site}/goodbye"])
    alice = Person(None)
    assert alice.visit(f"{site}/").text == "hello alice, alice@test.example; your cookies stayed at the gateway: []\n"
    assert "Goodbye" in alice.visit(f"{site}/logout").text
    assert alice.get(f"{site}/").status_code == 302 and alice.get(f"{site}/", headers={}).status_code == 401


def test_oidc_in_redis(gateway, provider, redis):
    """The same with a store, which is emptied as the file's head says."""
    issuer, store = provider(), redis()
    text = own_ports((ROOT / "conf/oidc-redis.yaml").read_text()).replace("https://idp.example.com/realms/shop", issuer.url).replace("replace-me", SECRET)
    g = gateway(text.replace("redis://127.0.0.1:6379/0", store.url))
    site = f"http://localhost:{g.port()}"
    issuer.add_client("shop", redirect_uris=[f"{site}/oidc/callback"], post_logout_redirect_uris=[f"{site}/goodbye"])
    alice = Person(None)
    assert alice.visit(f"{site}/").text == "hello alice, alice@test.example; your cookies stayed at the gateway: []\n"
    store.client.delete(*store.client.keys("sluice:oidc:*"))
    assert alice.get(f"{site}/").status_code == 302


def test_basic_auth(example):
    g = example("basic-auth")

    def ask(path, user=None):
        return g.get(path, {"Authorization": "Basic " + base64.b64encode(f"{user}:secret".encode()).decode()} if user else {})
    r = ask("/tool/")
    assert r.status == 401 and r.header("www-authenticate") == 'Basic realm="Internal tools", charset="UTF-8"'
    assert ask("/tool/", "bob").body == b"hello bob, your password stayed at the gateway: []\n"
    assert [ask("/tool/admin", user).status for user in ("alice", "bob", "carol")] == [200, 403, 401]


def test_ext_auth(example):
    g = example("ext-auth")
    for path, cookie, status, told in (("/orders?page=2", None, 302, "/login?rd=%2Forders%3Fpage%3D2"), ("/login?rd=%2Forders", None, 303, "/"),
                                       ("/orders?page=2", "session=alice", 200, None), ("/admin", "session=bob", 403, None)):
        r = g.get(path, {"X-User": "root", **({"Cookie": cookie} if cookie else {})})
        assert (r.status, r.header("location")) == (status, told)
        assert status != 200 or r.body == b"hello alice\n"


def test_lua(example):
    g = example("lua")
    assert g.get("/hello").body == b"good morning, 127.0.0.1\n"
    r = g.get("/tool", {"X-Key": "k2"})
    assert r.status == 401 and json.loads(r.body)["type"].endswith(":stranger")
    r = g.get("/tool", {"X-Key": "k1"})
    assert r.body == b"hello ann, your key stayed at the gateway: []\n" and r.header("server-timing").startswith("app;dur=")


def mint(key, issuer, user, *more):
    args = [find_program()[0], "token", "mint", "--key", ROOT / "conf/demo" / key, "--iss", issuer, "--sub", user, *more]
    return subprocess.run(args, capture_output=True, text=True, check=True).stdout.strip()


def test_two_ways_to_log_in(example):
    g = example("any-of")
    password = [{"Authorization": "Basic " + base64.b64encode(f"{user}:secret".encode()).decode()} for user in ("alice", "bob")]
    token = {"Authorization": f"Bearer {mint('key.pem', 'https://issuer.example/', '9f3c1b')}"}
    refused = g.get("/orders")
    assert refused.status == 401 and [c.split()[0] for c in refused.fields.all("www-authenticate")] == ["Bearer", "Basic"]
    assert {g.get(path, c).body for path in ("/orders", "/admin") for c in (password[0], token)} == {b"alice in [admins], plan gold\n"}
    assert g.get("/orders", password[1]).body == b"bob in [], plan \n" and g.get("/admin", password[1]).status == 403


def test_each_issuer_signs_for_itself_alone(example):
    g = example("issuers")
    ours, theirs = "https://issuer.example/", "https://partner.example/"

    def ask(key, issuer, user):
        return g.get("/v1/orders", {"Authorization": f"Bearer {mint(key, issuer, user)}"})
    r = ask("key.pem", ours, "alice")
    assert r.status == 200 and json.loads(r.body) == {"issuer": ours, "user": "alice"}
    r = ask("partner.pem", theirs, "bob")
    assert r.status == 200 and json.loads(r.body) == {"issuer": theirs, "user": "bob"}
    for key, issuer in (("key.pem", theirs), ("partner.pem", ours)):
        r = ask(key, issuer, "mallory")
        assert r.status == 401 and json.loads(r.body)["type"].endswith(":token-key-unknown")


def test_a_server_is_asked_about_tokens_that_are_no_jwt(example):
    g = example("introspection")
    assert g.get("/v1/orders", {"Authorization": "Bearer 2YotnFZFEjr1zCsicMWpAA"}).body == b"for bob\n"
    assert g.get("/v1/orders", {"Authorization": f"Bearer {mint('key.pem', 'https://issuer.example/', 'alice')}"}).body == b"for alice\n"
    assert g.get("/v1/orders").status == 401


def test_services_get_tokens_of_the_gateways_own(example):
    g = example("upstream-token")
    assert g.get("/stock", {"Authorization": "Bearer of-the-client"}).body == b"stock was called with: Bearer token-of-the-gateway\n"
    token = mint("key.pem", "https://issuer.example/", "alice")
    assert g.get("/orders", {"Authorization": f"Bearer {token}"}).body == b"orders was called with: Bearer token-for-orders\n"
    assert g.get("/orders").status == 401


def test_a_bearer_token_without_a_key_and_a_challenge_for_proofs(example):
    g = example("dpop")
    r = g.get("/v1/orders")
    assert r.status == 401 and [c.split()[0] for c in r.fields.all("www-authenticate")] == ["Bearer", "DPoP"]
    token = mint("key.pem", "https://issuer.example/", "alice")
    assert json.loads(g.get("/v1/orders", {"Authorization": f"Bearer {token}"}).body) == {"user": "alice"}
    assert g.get("/v1/orders", {"Authorization": f"DPoP {token}"}).status == 401


def test_forwarded_fields_of_a_proxy_and_of_a_stranger(example):
    g = example("forwarded")
    sent = {"X-Forwarded-For": "192.0.2.1", "X-Real-IP": "192.0.2.1", "X-Client-DN": "root"}
    told = json.loads(g.get("/", sent).body)
    assert told == {"for": "192.0.2.1, 127.0.0.1", "real_ip": "192.0.2.1", "dn": "root"}
    with socket.create_connection(("127.0.0.1", g.port()), source_address=("127.0.0.2", 0)) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" +
                  "".join(f"{k}: {v}\r\n" for k, v in sent.items()).encode() + b"\r\n")
        answer = b"".join(iter(lambda: s.recv(65536), b""))
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"for": "127.0.0.2", "real_ip": "192.0.2.1", "dn": ""}


def test_listener_plugins(example):
    g = example("listener-plugins")

    def token(*more):
        return {"Authorization": f"Bearer {mint('key.pem', 'https://issuer.example/', 'alice', *more)}"}
    for listener, path, headers, status, body in (
            ("public", "/nowhere", {}, 404, None), ("public", "/hello", {}, 200, b"hello\n"), ("members", "/nowhere", {}, 401, None),
            ("members", "/nowhere", token(), 404, None), ("members", "/orders", token(), 200, b"alice, take a number\n"),
            ("members", "/orders", token("--claim", "plan=gold"), 200, b"alice, come in\n")):
        with RawClient(g.listeners()[listener == "members"]) as c:
            r = c.get(path, headers)
        assert r.status == status and r.body == (body or r.body)
        assert r.header("access-control-allow-origin") == "*" and r.header("referrer-policy") == "no-referrer"
        assert listener == "members" or '"listener:public/1"' in r.header("ratelimit-policy")


def test_cache(example):
    g = example("cache")
    first = g.get("/")
    assert first.header("cache-status") == "sluice; fwd=uri-miss; stored" and "surrogate-key" not in first.fields
    again = g.get("/?utm_source=letter")
    assert again.body == first.body and again.header("cache-status").startswith("sluice; hit; ttl=")
    assert g.get("/", {"Cookie": "session=1"}).body != first.body


def test_uploads(example):
    g = example("uploads")
    assert g.request("PUT", "/files/a", body=b"x" * 100000).status == 201
    with RawClient(g.port()) as c:      # the bound of the listener holds
        c.request("PUT", "/files/a", [("Content-Length", str(2 << 30))])
        assert c.response().status == 413
