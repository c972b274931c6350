"""ext-auth in a real gateway, with real services that decide: what they are told, what comes of their answers, and what is
remembered. Clients of HTTP/1.1 and HTTP/2; a service in Python, and nginx."""
import concurrent.futures
import json
import shutil
import subprocess
import time
import urllib.parse

import pytest
import yaml

from kit import h2origin
from kit.client import RawClient
from kit.gateway import GatewayDied
from kit.h2client import H2Client
from kit.manual import check, complete, snippets
from kit.origin import drop, echo, hang, raw, reply
from kit.process import wait_for
from kit.tunnels import Guest1, Guest2, echo_to_the_end, talking

LISTENER = '{ name: public, address: "127.0.0.1:@public@", protocols: [h2, http/1.1] }'
CONFIG = """
runtime: { workers: WORKERS }
listeners:
  - LISTENER
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
  auth: { servers: ["127.0.0.1:@auth@"], retries: 0 MORE }
plugins:
  login: { use: ext-auth, upstream: auth, OPTIONS }
routes:
  - { name: all, match: { path: /* }, plugins: [login], upstream: app, upgrade: [websocket] }
"""
VERIFY = "path: /verify, request_headers: [X-User], consumer: X-User"


def config(options=VERIFY, more="", workers=2):
    text = CONFIG.replace("LISTENER", LISTENER).replace("OPTIONS", options).replace("WORKERS", str(workers))
    return text.replace("MORE", more and ", " + more)


def service(peer, request):
    """Sessions by cookie, tokens by Authorization: what such services do."""
    sessions, tokens = {"sid=alice1": "alice", "sid=bob1": "bob"}, {"Bearer t-alice": "alice"}
    user = next((sessions[c] for c in (request.header("cookie") or "").split("; ") if c in sessions), None) or tokens.get(request.header("authorization"))
    uri = request.header("x-forwarded-uri") or ""
    if user and uri.startswith("/admin") and user != "alice":
        return reply(403, f"{user} may not\n".encode(), [("Content-Type", "text/plain")])(peer, request)
    if user:
        return reply(200, b"in", [("X-User", user), ("X-Tenant", f"of-{user}"), ("X-Groups", "staff"), ("X-Groups", "ops"),
                                  ("Set-Cookie", "seen=1; Path=/"), ("Set-Cookie", "plan=gold; Path=/")])(peer, request)
    if "text/html" in (request.header("accept") or ""):
        back = urllib.parse.parse_qs(urllib.parse.urlsplit(request.target).query).get("rd", [""])[0]
        return reply(302, b"", [("Location", "/login?" + urllib.parse.urlencode({"rd": back})),
                                ("Set-Cookie", "csrf=7; Path=/")])(peer, request)
    return reply(401, b"who are you?\n", [("Content-Type", "text/plain"), ("WWW-Authenticate", 'Basic realm="a"'),
                                          ("WWW-Authenticate", "Bearer"), ("X-Internal", "x")])(peer, request)


@pytest.fixture
def protected(gateway, origin):
    """protected(options, behaviour, ...): a gateway before a service that answers everything, with a service that decides."""
    def start(options=VERIFY, behaviour=service, app=echo, workers=2, more="", **values):
        auth, up = origin(behaviour), origin(app)
        g = gateway(config(options, more, workers), auth=auth.port, app=up.port, **values)
        g.auth, g.up = auth, up
        return g
    return start


SID = {"Cookie": "sid=alice1"}


def verdicts(g, result):
    return g.metrics().get(f'sluice_plugin_ext_auth_verdicts_total{{instance="login",result="{result}"}}', 0)


def ask2(g, path="/", headers=(), method="GET", body=None):
    with H2Client(("127.0.0.1", g.port()), tls=False, authority="shop.test:8443") as c:
        return c.request(method, path, [(n.lower(), v) for n, v in headers], body) if body else c.get(path, [(n.lower(), v) for n, v in headers])


# ---- who comes in ----------------------------------------------------------------------------------------------------

def test_who_comes_in(protected):
    g = protected()
    r = g.get("/a")
    assert r.status == 401 and r.body == b"who are you?\n" and len(g.up.requests) == 0
    assert r.fields.all("www-authenticate") == ['Basic realm="a"', "Bearer"]
    assert r.header("cache-control") == "no-store" and "x-internal" not in r.fields
    r = g.get("/a", SID)
    assert r.status == 200 and r.fields.all("set-cookie") == ["seen=1; Path=/", "plan=gold; Path=/"]
    assert g.up.requests[-1].header("x-user") == "alice" and g.up.requests[-1].header("cookie") == "sid=alice1"
    assert g.get("/a", {"Authorization": "Bearer t-alice"}).status == 200
    r = g.get("/admin/x", {"Cookie": "sid=bob1"})
    assert r.status == 403 and r.body == b"bob may not\n"
    assert g.request("HEAD", "/admin/x", {"Cookie": "sid=bob1"}).status == 403
    lines = g.access(5)
    assert sorted((n["status"], n.get("consumer"), n.get("notes")) for n in lines) == [
        (200, "alice", None), (200, "alice", None), (401, None, ["auth-refused"]), (403, None, ["auth-refused"]), (403, None, ["auth-refused"])]
    assert (verdicts(g, "allowed"), verdicts(g, "refused")) == (2, 3)
    assert g.metrics()['sluice_plugin_ext_auth_question_seconds_count{instance="login"}'] == 5
    everything = g.log() + (g.folder / "access.log").read_text()
    for secret in ("sid=alice1", "alice1", "t-alice", "csrf", "plan=gold"):
        assert secret not in everything


def test_clients_of_http2(protected):
    g = protected()
    r = ask2(g, "/a?b=c")
    assert r.status == 401 and r.body == b"who are you?\n" and len(g.up.requests) == 0
    r = ask2(g, "/a?b=c", [("Cookie", "sid=alice1")])
    assert r.status == 200 and [v for n, v in r.fields if n == "set-cookie"] == ["seen=1; Path=/", "plan=gold; Path=/"]
    assert g.up.requests[-1].header("x-user") == "alice"
    told = g.auth.requests[-1]
    assert told.header("x-forwarded-host") == "shop.test:8443" and told.header("x-forwarded-uri") == "/a?b=c"
    assert told.header("x-original-url") == "http://shop.test:8443/a?b=c"
    r = ask2(g, "/a", [("Cookie", "x=1"), ("Cookie", "y=2")])      # crumbs of one cookie (RFC 9113 8.2.3)
    assert g.auth.requests[-1].header("cookie") == "x=1; y=2"


@pytest.mark.parametrize("http2", [False, True])
def test_what_the_service_is_told(protected, http2):
    g = protected("path: /verify, send_headers: ['*'], request_headers: [X-User]")
    lies = [("X-Forwarded-Uri", "/public"), ("X_Forwarded_Uri", "/public"), ("X-Original-URL", "/public"), ("X-Forwarded-Method", "GET"),
            ("X-Forwarded-Host", "evil"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "10.0.0.1"), ("X-User", "root"),
            ("X_User", "root"), ("X-Kept", "k"), ("If-None-Match", "*"), ("Cookie", "sid=alice1")]
    if http2:
        assert ask2(g, "/x/../admin?q=1", lies, "DELETE", b"body").status == 200
    else:
        with RawClient(g.port()) as c:
            c.request("DELETE", "/x/../admin?q=1", lies + [("Host", "shop.test:8443"), ("Content-Length", "4"), ("Expect", "100-continue")], b"body")
            assert c.response().status == 200
    told = g.auth.requests[-1]
    assert told.method == "GET" and told.target == "/verify" and told.body == b""
    names = told.fields.names()
    for name, value in (("x-forwarded-uri", "/admin?q=1"), ("x-forwarded-method", "DELETE"), ("x-original-method", "DELETE"),
                        ("x-forwarded-proto", "http"), ("x-forwarded-host", "shop.test:8443"), ("x-forwarded-for", "127.0.0.1"),
                        ("x-original-url", "http://shop.test:8443/admin?q=1"), ("x-kept", "k"), ("cookie", "sid=alice1")):
        assert names.count(name) == 1 and told.header(name) == value
    assert not {"x_forwarded_uri", "if-none-match", "expect", "transfer-encoding"} & set(names)
    assert told.header("host") == "auth" and told.header("x-request-id") == g.access(1)[0]["id"]
    assert len(g.up.requests) == 1
    up = g.up.requests[0]
    assert up.header("x-user") == "alice" and [n for n, _ in up.fields if n.lower() in ("x-user", "x_user")] == ["X-User"]
    assert up.header("x-kept") == "k" and up.body == b"body" and up.header("if-none-match") == "*"


def test_fields_only_of_the_service(protected):
    """A name that the service does not answer with is nobody's, for later plugins and for the upstream; nor in trailers."""
    g = protected("path: /verify, request_headers: [X-User, X-Role], on_failure: allow")
    assert g.get("/", {**SID, "X-Role": "root", "x_role": "root"}).status == 200
    assert not {"x-role", "x_role"} & set(g.up.requests[-1].fields.names())
    g.auth.stop()
    assert g.get("/", {"X-User": "root", "X-Role": "root"}).status == 200
    assert not {"x-role", "x-user"} & set(g.up.requests[-1].fields.names())
    assert [n["notes"] for n in g.access(2) if "notes" in n] == [["auth-unavailable"]]


# ---- a login page ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_login_by_curl(gateway, origin, folder, server_cert, version):
    """A browser's way: redirected to the login page, logged in there, and back at the page that it wanted."""
    if not shutil.which("curl"):
        pytest.skip("no curl here")

    def portal(peer, request):
        url = urllib.parse.urlsplit(request.target)
        if url.path == "/verify":
            return service(peer, request)
        form = urllib.parse.parse_qs(request.body.decode())
        if request.method == "POST" and form.get("password") == ["wonderland"]:
            back = urllib.parse.parse_qs(url.query)["rd"][0]
            return reply(303, b"", [("Location", back), ("Set-Cookie", "sid=alice1; Path=/; HttpOnly")])(peer, request)
        return reply(200, b"<form method=post>", [("Content-Type", "text/html")])(peer, request)
    auth, up = origin(portal), origin(echo)
    text = config("path: /verify, query: { rd: '{scheme}://{header:host}{target}' }, response_headers: [], consumer: X-User").replace(
        "routes:", "routes:\n  - { name: login, match: { path: /login }, upstream: auth }")
    tls = f'tls: {{ certificates: [{{ certificate: "{server_cert.cert}", private_key: "{server_cert.key}" }}] }} }}'
    g = gateway(text.replace(LISTENER, LISTENER.replace(" }", ", " + tls)), auth=auth.port, app=up.port)
    base = f"https://localhost:{g.port()}"

    def curl(*args):
        done = subprocess.run(["curl", "-s", version, "--cacert", server_cert.ca, "-b", folder / "jar", "-c", folder / "jar", "-w", "\n%{http_code} %{url_effective}", *args],
                              stdout=subprocess.PIPE, check=True)
        return done.stdout.decode().rpartition("\n")[2]
    wanted = base + "/orders?page=2&sort=a%20b"
    login = base + "/login?" + urllib.parse.urlencode({"rd": wanted})
    assert curl("-L", "-H", "Accept: text/html", wanted) == f"200 {login}"
    assert curl("-L", "-H", "Accept: text/html", "-d", "password=wonderland", login) == f"200 {wanted}"
    assert up.requests[-1].target == "/orders?page=2&sort=a%20b"
    (folder / "jar").unlink()
    assert curl(wanted).startswith("401 ")


def test_a_redirect_is_not_followed(protected):
    g = protected("path: /verify, query: { rd: '{target}' }")
    r = g.get("/a?x=1&rd=http://evil/", {"Accept": "text/html"})
    assert r.status == 302 and r.header("location") == "/login?rd=%2Fa%3Fx%3D1%26rd%3Dhttp%3A%2F%2Fevil%2F"
    assert r.header("set-cookie") == "csrf=7; Path=/" and len(g.auth.requests) == 1
    assert g.auth.requests[0].target == "/verify?rd=%2Fa%3Fx%3D1%26rd%3Dhttp%3A%2F%2Fevil%2F"


# ---- no verdict ------------------------------------------------------------------------------------------------------

BROKEN = {"500": reply(500, b"secret-trace"), "drop": drop, "hang": hang, "garbage": raw(b"SMTP ready\r\n\r\n", close=True),
          "304": reply(304), "cut": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", close=True),
          "large": reply(200, b"x" * 70000)}


@pytest.mark.parametrize("kind", BROKEN)
def test_no_verdict(protected, kind):
    g = protected(VERIFY + ", timeout: 300ms", BROKEN[kind])
    r = g.get("/", SID)
    assert r.status == 503 and json.loads(r.body)["type"].endswith(":auth-unavailable") and len(g.up.requests) == 0
    assert g.access(1)[0]["reason"] == "auth-unavailable" and verdicts(g, "unavailable") == 1
    g.wait_log("ext-auth/login: no verdict: ")
    assert "alice1" not in g.log() and "secret-trace" not in g.log()


def test_nobody_there_and_back_again(protected):
    g = protected()
    g.auth.stop()
    assert g.get("/", SID).status == 503
    g.auth.start()
    wait_for(lambda: g.get("/", SID).status == 200, what="a verdict, when the service is back")


def test_another_server_of_the_service(gateway, origin):
    bad, good, up = origin(drop), origin(service), origin(echo)
    text = config().replace('"127.0.0.1:@auth@"], retries: 0', f'"127.0.0.1:@auth@", "{good.address}"], retries: 1')
    g = gateway(text, auth=bad.port, app=up.port)
    assert [g.get("/", SID).status for _ in range(6)] == [200] * 6 and bad.requests


def test_report_and_errors(protected):
    g = protected(VERIFY + ", mode: report")
    r = g.get("/", {"X-User": "guest"})
    assert r.status == 200 and g.up.requests[-1].header("x-user") == "guest"
    assert "report:reply" in str(g.access(1)[0]["notes"])


# ---- bodies ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("http2", [False, True])
def test_the_body_goes_to_both(protected, http2):
    def judge(peer, request):
        reply(200 if b"please" in request.body else 403, b"say please")(peer, request)
    g = protected("path: /verify, send_body: 64KiB", judge)

    def post(body):
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
        if http2:
            return ask2(g, "/", headers, "POST", body)
        with RawClient(g.port()) as c:
            c.request("POST", "/", headers, body)
            return c.response()
    body = b"please " + b"x" * 50000
    assert post(body).status == 200
    assert g.auth.requests[-1].body == body and g.up.requests[-1].body == body
    assert g.auth.requests[-1].method == "POST" and g.auth.requests[-1].header("content-type") == "text/plain"
    assert post(b"now").status == 403 and len(g.up.requests) == 1
    assert post(b"x" * 70000).status == 413 and len(g.auth.requests) == 2
    assert g.get("/").status == 403 and g.auth.requests[-1].body == b""


def test_a_chunked_body(protected):
    g = protected("path: /verify, send_body: 1KiB, method: request", reply(200))
    with RawClient(g.port()) as c:
        c.send(b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert c.response().status == 200
    told = g.auth.requests[0]
    assert (told.method, told.body, told.header("transfer-encoding")) == ("PUT", b"abcde", None)
    assert g.up.requests[0].body == b"abcde"


# ---- what is remembered ----------------------------------------------------------------------------------------------

REMEMBER = VERIFY + ", response_headers: [], cache: { ttl: 60s, negative_ttl: 60s }"


def plain(peer, request):
    """As the service, without cookies."""
    if request.header("cookie") == "sid=alice1":
        return reply(200, b"", [("X-User", "alice")])(peer, request)
    return reply(401, b"no\n", [("WWW-Authenticate", "Bearer")])(peer, request)


def test_remembered_by_all_workers_and_over_a_reload(protected):
    g = protected(REMEMBER, plain)
    for _ in range(10):
        assert g.get("/", SID).status == 200 and g.up.requests[-1].header("x-user") == "alice"
        r = g.get("/")
        assert r.status == 401 and r.body == b"no\n" and r.header("www-authenticate") == "Bearer"
    assert len(g.auth.requests) == 2 and ask2(g, "/other", [("Cookie", "sid=alice1")]).status == 200 and len(g.auth.requests) == 3
    assert g.metrics()['sluice_plugin_ext_auth_remembered_total{instance="login"}'] == 18
    g.reload(config(REMEMBER + ", timeout: 3s"))
    assert g.get("/", SID).status == 200 and len(g.auth.requests) == 3
    g.reload(config(REMEMBER.replace("[X-User]", "[X-User, X-More]")))
    assert g.get("/", SID).status == 200 and len(g.auth.requests) == 4      # other fields: asked anew
    g.auth.stop()
    assert g.get("/", SID).status == 200 and g.get("/", {"Cookie": "sid=bob1"}).status == 503


def test_a_short_life(protected):
    g = protected(REMEMBER, reply(200, b"", [("Cache-Control", "private, max-age=1")]))
    assert g.get("/").status == 200 and g.get("/").status == 200 and len(g.auth.requests) == 1
    wait_for(lambda: g.get("/").status == 200 and len(g.auth.requests) == 2, what="the service to be asked again")


@pytest.mark.parametrize("count", [30])
def test_many_at_once_ask_once(protected, count):
    def slow(peer, request):
        peer.pause(0.5)
        plain(peer, request)
    g = protected(REMEMBER, slow, workers=1)
    with concurrent.futures.ThreadPoolExecutor(count) as crowd:
        got = list(crowd.map(lambda _: g.get("/", SID).status, range(count)))
    assert got == [200] * count and len(g.auth.requests) == 1


def test_who_asked_leaves(protected):
    def slow(peer, request):
        peer.pause(0.5)
        plain(peer, request)
    g = protected(REMEMBER, slow, workers=1)
    first = RawClient(g.port())
    first.request("GET", "/", list(SID.items()))
    g.auth.wait(1)
    with concurrent.futures.ThreadPoolExecutor(5) as crowd:
        others = [crowd.submit(g.get, "/", SID) for _ in range(5)]
        time.sleep(0.1)
        first.reset()
        assert [o.result().status for o in others] == [200] * 5


def test_clients_leave_and_the_instance_is_replaced(protected):
    g = protected(REMEMBER, hang)
    for n in range(12):
        with RawClient(g.port()) as c:
            c.request("GET", f"/{n % 3}", list(SID.items()))
    stays = RawClient(g.port())
    stays.request("GET", "/", list(SID.items()))
    wait_for(lambda: any(r.header("x-forwarded-uri") == "/" for r in g.auth.requests), what="the question")
    g.reload(config("path: /other"))
    assert stays.response().status == 503


# ---- other services, other places ------------------------------------------------------------------------------------

def test_nginx_decides(gateway, nginx, origin, folder):
    """A real service: nginx with a password file, which knows nothing of gateways."""
    (folder / "htpasswd").write_text("alice:$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0\n")
    auth = nginx(f"""
        location = /verify {{ auth_basic "staff"; auth_basic_user_file {folder}/htpasswd; try_files /nonexistent @in; }}
        location @in {{ add_header X-User $remote_user; add_header X-Saw $http_x_forwarded_uri; return 204; }}""")
    up = origin(echo)
    g = gateway(config(VERIFY + ", facts: [X-Saw]").replace("plugins: [login]", "plugins: [login, told]").replace(
        "routes:", "  told: { use: headers, request: { set: { X-Told: '{auth:x-saw} {consumer}' } } }\nroutes:"), auth=auth.port, app=up.port)
    r = g.get("/a")
    assert r.status == 401 and r.header("www-authenticate") == 'Basic realm="staff"' and b"401 Authorization Required" in r.body
    assert r.header("content-type") == "text/html"
    r = g.get("/a?b", {"Authorization": "Basic YWxpY2U6c2VjcmV0"})
    assert r.status == 200 and up.requests[-1].header("x-user") == "alice" and up.requests[-1].header("x-told") == "/a?b alice"
    assert g.get("/a", {"Authorization": "Basic YWxpY2U6c2VjcmV1"}).status == 401
    auth.stop()
    assert g.get("/a", {"Authorization": "Basic YWxpY2U6c2VjcmV0"}).status == 503


def test_a_service_of_http2(gateway, h2_origin, origin):
    auth, up = h2_origin(h2origin.answer(200, b"", [("x-user", "alice")])), origin(echo)
    g = gateway(config(VERIFY, more="protocol: h2c"), auth=auth.port, app=up.port)
    assert [g.get("/", SID).status for _ in range(3)] == [200] * 3 and up.requests[-1].header("x-user") == "alice"
    assert dict(auth.requests[0].fields)["x-forwarded-uri"] == "/" and len(auth.connections) <= 2


def test_by_a_url_with_tls(gateway, origin, ca, server_cert):
    auth, up = origin(service, tls=server_cert.server_context()), origin(echo)
    text = config(f'url: "https://localhost:{auth.port}/verify?x=1", ca_file: "{ca.path}", request_headers: [X-User]').replace(
        "upstream: auth, ", "")
    g = gateway(text, auth=auth.port, app=up.port)
    assert g.get("/").status == 401 and g.get("/", SID).status == 200 and auth.requests[0].target == "/verify?x=1"
    assert auth.requests[0].header("host") == f"localhost:{auth.port}"
    g = gateway(text.replace(f', ca_file: "{ca.path}"', ""), auth=auth.port, app=up.port)
    assert g.get("/", SID).status == 503 and len(auth.requests) == 2       # a certificate that nobody vouches for


@pytest.mark.parametrize("ask", [Guest1, Guest2])
@pytest.mark.parametrize("body", ["", ", send_body: 1KiB"])
def test_tunnels(protected, ask, body):
    g = protected("path: /verify, method: request" + body, app=talking(echo_to_the_end))
    assert ask(g.port(), "/chat", "websocket").status == 401
    c = ask(g.port(), "/chat", "websocket", headers=list(SID.items()))
    assert c.agreed and g.auth.requests[-1].header("x-forwarded-method") == "GET" and g.auth.requests[-1].method == "GET"
    c.send(b"hello")
    assert c.recv(5) == b"hello"
    c.close()


def test_on_a_listener_for_routes_and_limits(gateway, origin):
    auth = origin(service)
    g = gateway("""
listeners:
  - { name: public, address: "127.0.0.1:@public@", plugins: [login] }
upstreams:
  auth: { servers: ["127.0.0.1:@auth@"] }
plugins:
  login: { use: ext-auth, upstream: auth, path: "/verify{path}", facts: [X-Tenant], groups: X-Groups, refusal: problem }
  each: { use: rate-limit, rate: 1/h, by: "auth:x-tenant" }
  pages: { use: error-pages, pages: [{ status: [401], text: "sorry\\n", always: true }] }
routes:
  - { name: alice, match: { path: /*, facts: { "auth:x-tenant": of-alice } }, plugins: [each], respond: { body: "{groups}" } }
  - { name: all, match: { path: /* }, respond: { body: "all" } }
""", auth=auth.port)
    r = g.get("/nowhere")
    assert r.status == 401 and json.loads(r.body)["type"].endswith(":auth-refused") and "Bearer" in r.fields.all("www-authenticate")
    assert g.access(1)[0]["reason"] == "auth-refused"
    assert g.get("/x/y", SID).body == b"staff,ops" and auth.requests[-1].target == "/verify/x/y"
    assert g.get("/", SID).status == 429 and g.get("/", {"Cookie": "sid=bob1"}).body == b"all"


def test_a_client_without_a_host(protected):
    g = protected()
    with RawClient(g.port()) as c:
        c.send(b"GET /a HTTP/1.0\r\nCookie: sid=alice1\r\n\r\n")
        assert c.response().status == 200
    told = g.auth.requests[0]
    assert told.header("x-forwarded-uri") == "/a" and "x-original-url" not in told.fields and "x-forwarded-host" not in told.fields


SNIPPETS = snippets("plugins/ext-auth/ext-auth.md")


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_snippets(tmp_path, snippet):
    whole = yaml.safe_load(complete(snippet))
    whole.setdefault("upstreams", {}).setdefault("auth", {"servers": ["127.0.0.1:4180"]})
    status, out = check(tmp_path, yaml.safe_dump(whole, sort_keys=False))
    assert status == 0 and "warning" not in out, out


def test_there_are_snippets():
    assert len(SNIPPETS) == 5


def test_one_of_several_ways(gateway, origin):
    auth, up = origin(service), origin(echo)
    text = config().replace("plugins: [login]", "plugins: [{ use: any-of, of: [login, staff] }]").replace(
        "routes:", """  staff: { use: basic-auth, users: { carol: "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW" } }
consumers:
  boss: { identities: ["login:alice"], facts: { plan: gold } }
routes:""")
    g = gateway(text, auth=auth.port, app=up.port)
    assert g.get("/", SID).status == 200 and up.requests[-1].header("x-user") == "alice"
    assert g.get("/", {"Authorization": "Basic Y2Fyb2w6c2VjcmV0", "X-User": "alice"}).status == 200
    assert "x-user" not in up.requests[-1].fields
    assert sorted(n["consumer"] for n in g.access(2)) == ["boss", "carol"]
    r = g.get("/")
    assert r.status == 401 and r.fields.all("www-authenticate") == ['Basic realm="a"', "Bearer"]     # each scheme once
    assert g.get("/", {"Accept": "text/html"}).status == 302        # nothing to judge: the way to the login page
    assert g.get("/", {"Accept": "text/html", "Authorization": "Basic Y2Fyb2w6d3Jvbmc="}).status == 302


def test_refused(gateway):
    with pytest.raises(GatewayDied) as e:
        gateway(config("path: /verify, send_headers: [Cookie, X-Forwarded-Uri]"), app=1, auth=1)
    assert 'plugins.login.send_headers[1]: "X-Forwarded-Uri" is always sent' in str(e.value) and "sluice.yaml:" in str(e.value)
