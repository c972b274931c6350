"""The load generator, the servers and the floor: they do what they say, and they notice what goes wrong."""
import json
import struct
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import jwt
import pytest
from benchkit import material

from kit.origin import raw as raw_bytes, reply


def failed(result):
    return {k: v for k, v in result["failed"].items() if v}


def test_through_the_floor(serve, load):
    origin = serve("origin", after=(3,))
    floor = serve("floor", after=(origin,))
    r = load("-c", 8, "-n", 400, "-l", f"http://127.0.0.1:{floor}/1024")
    assert (r["requests"], r["bytes"], r["connections"], failed(r)) == (400, 400 * 1024, 8, {})
    r = load("-c", 4, "-n", 12, "-l", f"http://127.0.0.1:{floor}/3000000")
    assert (r["requests"], r["bytes"], failed(r)) == (12, 36000000, {})


def test_a_long_body_and_small_ones_share_the_origin(serve, load):
    port = serve("origin")
    r = load("-c", 2, "-n", 4, "-l", f"http://127.0.0.1:{port}/40000000")
    assert (r["requests"], r["bytes"], failed(r)) == (4, 160000000, {})


def test_a_run_that_is_asked_to_end_tells_what_came(serve, bench_programs):
    url = f"http://127.0.0.1:{serve('origin')}/{1 << 40}"

    def brought(seconds):
        program = subprocess.Popen([bench_programs["load"], "--until-term", "--gate", "-d", "3600", url], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        try:
            assert program.stdout.readline() == "ready\n"
            program.stdin.write("go\n")
            program.stdin.flush()
            time.sleep(seconds)
            program.terminate()
            said = json.loads(program.stdout.readline())
            assert said["requests"] == 0 and not failed(said)
            return said["bytes"]
        finally:
            program.kill()
            program.communicate()
    assert any(brought(seconds) for seconds in (0.1, 1, 5, 15))


def test_the_origin_listens_on_many_addresses(serve, load):
    origin = serve("origin", after=(252,))
    for address in ("127.0.0.1", "127.1.0.1", "127.1.0.250", "127.1.1.1"):
        assert load(f"http://{address}:{origin}/10")["bytes"] == 10


def test_uploads(serve, load):
    origin = serve("origin")
    r = load("-c", 3, "-n", 9, "-u", 2000000, "-l", f"http://127.0.0.1:{origin}/77")
    assert (r["requests"], r["bytes"], failed(r)) == (9, 9 * 77, {})


def test_new_connections(serve, load):
    r = load("-c", 4, "-n", 40, "-f", f"http://127.0.0.1:{serve('origin')}/")
    assert (r["requests"], r["connections"], failed(r)) == (40, 40, {})


def test_lists_go_round_and_tokens_go_along(origin, load, tmp_path):
    seen = []

    def note(peer, request):
        seen.append((request.target, request.header("authorization")))
        reply(200, b"ok")(peer, request)
    (tmp_path / "targets").write_text("/a\n/b\n/c\n")
    (tmp_path / "tokens").write_text("one\ntwo\n")
    up = origin(note)
    load("-n", 4, "-s", 1, "-p", tmp_path / "targets", "-t", tmp_path / "tokens", f"http://127.0.0.1:{up.port}/")
    assert seen == [("/b", "Bearer two"), ("/c", "Bearer one"), ("/a", "Bearer two"), ("/b", "Bearer one")]


def test_failures_are_told_apart(origin, load):
    def outcome(behaviour, *options):
        up = origin(behaviour)
        return failed(load(*options, f"http://127.0.0.1:{up.port}/10"))
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    assert outcome(reply(503, b"no")) == {"status": 1}
    assert outcome(raw_bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", close=True)) == {"broken": 1}
    assert outcome(raw_bytes(b"SSH-2.0-x\r\n\r\n", close=True)) == {"broken": 1}
    assert outcome(raw_bytes(whole), "-l") == {"broken": 1}
    # A kept connection that ends before the next answer begins is no failure of the answer.
    assert outcome(raw_bytes(whole, close=True), "-n", 3) in ({}, {"raced": 1})
    assert outcome(raw_bytes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n7\r\n1234567\r\n0\r\nA: b\r\n\r\n"),
                   "-n", 3, "-l") == {}
    assert outcome(raw_bytes(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + whole), "-n", 2) == {}


def test_nobody_listens(load, free_port, bench_programs):
    url = f"http://127.0.0.1:{free_port()}/"
    assert failed(load("-f", "-n", 3, url)) == {"connect": 3}
    assert subprocess.run([bench_programs["load"], url], capture_output=True).returncode == 2


def test_a_fixed_rate(serve, load):
    r = load("-c", 8, "-r", 400, "-d", 1, f"http://127.0.0.1:{serve('origin')}/")
    assert r["requests"] == 400
    assert 0.9 < r["seconds"] < 3


def test_a_server_that_stalls_is_charged_for_all_it_kept_waiting(origin, load):
    stalled = []

    def stall_once(peer, request):
        if not stalled:
            stalled.append(1)
            time.sleep(0.5)
        reply(200, b"ok")(peer, request)
    up = origin(stall_once)
    r = load("-c", 1, "-r", 100, "-d", 1, f"http://127.0.0.1:{up.port}/")
    # Without the correction one of a hundred would have waited; half of them did.
    assert r["requests"] == 100
    assert r["latency_us"]["p90"] > 300000
    assert r["latency_us"]["p50"] <= r["latency_us"]["p90"] <= r["latency_us"]["p99"] <= r["latency_us"]["max"]


TLS_CONFIG = """
listeners:
  - name: public
    address: 127.0.0.1:@public@
    tls: { certificates: [{ certificate: @cert@, private_key: @key@ }] }
routes:
  - { name: all, match: { path: /* }, respond: { body: "hello" } }
"""


def test_tls_and_resumption(gateway, server_cert, load):
    g = gateway(TLS_CONFIG, cert=server_cert.cert, key=server_cert.key)
    url = f"https://127.0.0.1:{g.port('public')}/"
    r = load("-c", 2, "-n", 20, url)
    assert (r["requests"], r["handshakes"], r["resumed"], failed(r)) == (20, 2, 0, {})
    r = load("-n", 10, "-f", url)
    assert (r["handshakes"], r["resumed"], r["tls"]) == (10, 0, "TLSv1.3 TLS_AES_128_GCM_SHA256")
    r = load("-n", 10, "-f", "-R", url)
    assert (r["handshakes"], r["resumed"], failed(r)) == (10, 9, {})


def test_websocket(serve, bench_programs):
    server = serve("websocket", "serve")
    for size in (1, 125, 126, 30000):
        r = subprocess.run([bench_programs["websocket"], "load", "3", "0.2", str(size), f"127.0.0.1:{server}/ws"], text=True,
                           capture_output=True, timeout=30)
        assert r.returncode == 0 and '"broken": 0}' in r.stdout and '"requests": 0,' not in r.stdout, r.stdout + r.stderr


def test_tokens(bench_programs, tmp_path):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = tmp_path / "key.pem"
    pem.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    tokens = subprocess.run([bench_programs["mint"], pem, "5", "3"], check=True, capture_output=True, text=True).stdout.split()
    said = [jwt.decode(t, key.public_key(), algorithms=["RS256"], audience="bench", issuer="https://issuer.example/") for t in tokens]
    assert [c["sub"] for c in said] == ["user-0", "user-1", "user-2", "user-0", "user-1"]
    assert len({c["jti"] for c in said}) == 5


@pytest.fixture(scope="module")
def keys(bench_programs, tmp_path_factory):
    return material.Material(tmp_path_factory.mktemp("keys"), bench_programs["mint"])


def test_tokens_by_an_elliptic_curve(keys):
    token = keys.tokens(1, "ES256").read_text().strip()
    claims = jwt.decode(token, keys.ec_public.read_text(), algorithms=["ES256"], audience="bench", issuer="https://issuer.example/")
    assert claims["sub"] == "user-0"
    key = jwt.PyJWKSet.from_json(keys.jwks.read_text())[jwt.get_unverified_header(token)["kid"]]
    assert jwt.decode(token, key.key, algorithms=["ES256"], audience="bench") == claims


@pytest.fixture
def authority(serve, keys):
    port = serve("authority", after=(keys.ec, keys.jwks))

    def ask(path, **form):
        body = urllib.parse.urlencode(form).encode() if form else None
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", body, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as e:
            with e:
                return {"status": e.code, **json.load(e)}
    ask.issuer = f"http://127.0.0.1:{port}"
    return ask


def test_the_authority_knows_opaque_tokens(authority, keys):
    tokens = keys.tokens(300, "opaque").read_text().split()
    assert len(set(tokens)) == 300
    said = authority("/introspect", token_type_hint="access_token", token=tokens[257])
    assert said["active"] is True and said["sub"] == "user-1" and said["aud"] == "bench" and said["exp"] > time.time()
    assert authority("/introspect", other="x") == {"active": False}


def test_the_authority_ends_logins(authority, keys):
    known = authority("/.well-known/openid-configuration")
    assert known["issuer"] == authority.issuer and known["token_endpoint"] == authority.issuer + "/token"
    assert authority("/jwks") == json.loads(keys.jwks.read_text())
    said = authority("/token", grant_type="authorization_code", code="a-nonce")
    claims = jwt.decode(said["id_token"], keys.ec_public.read_text(), algorithms=["ES256"], audience="bench", issuer=authority.issuer)
    assert claims["nonce"] == "a-nonce"
    assert authority("/token", grant_type="authorization_code")["error"] == "invalid_grant"
    assert authority("/nothing")["status"] == 404


LOGIN_CONFIG = """
listeners: [{ name: public, address: "127.0.0.1:@public@" }]
plugins:
  login:
    use: oidc
    issuer: @issuer@
    client_id: bench
    client_secret: of-the-bench
    secret: 8b0f5e2d7c1a4963b5d8e0f1a2c3948576
routes:
  - { name: all, match: { path: /* }, plugins: [login], respond: { body: "for {claim:sub}" } }
"""


def test_browsers_log_in(gateway, authority, bench_programs, origin):
    g = gateway(LOGIN_CONFIG, issuer=authority.issuer)
    url = f"http://127.0.0.1:{g.port('public')}/page"
    r = subprocess.run([bench_programs["login"], "3", "0.2", url], capture_output=True, text=True, timeout=30)
    assert r.returncode == 0 and not r.stderr, r.stderr
    said = json.loads(r.stdout.split("\n", 1)[1])
    assert said["requests"] >= 3 and not failed(said)
    field = subprocess.run([bench_programs["login"], "cookie", url], check=True, capture_output=True, text=True).stdout.strip()
    name, _, value = field.partition(": ")
    with urllib.request.urlopen(urllib.request.Request(url, headers={name: value}), timeout=10) as page:
        assert page.read() == b"for user"
    # a page without a login is none
    up = origin(reply(200, b"ok"))
    r = subprocess.run([bench_programs["login"], "1", "0.1", f"http://127.0.0.1:{up.port}/"], capture_output=True, text=True, timeout=30)
    said = json.loads(r.stdout.split("\n", 1)[1])
    assert said["requests"] == 0 and list(failed(said)) == ["status"]


def test_grpc_origin(serve, h2):
    c = h2(serve("h2origin"), tls=False)
    call = c.request("POST", "/x.Echo/Say", headers={"content-type": "application/grpc"}, body=b"\0" + struct.pack(">I", 3) + b"abc")
    assert call.body == b"\0\0\0\0\x03abc" and call.trailers == [("grpc-status", "0")]
    stream = c.request("POST", "/stream/3/2", headers={"content-type": "application/grpc"}, body=b"\0\0\0\0\0")
    assert stream.body == b"\0\0\0\0\x02xx" * 3 and stream.trailers == [("grpc-status", "0")]
    assert len(c.get("/100000").body) == 100000
