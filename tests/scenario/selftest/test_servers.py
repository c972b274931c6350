"""Upstreams, clients, certificates and tokens work with each other, without a gateway between them."""
import socket
import ssl
import time

import jwt
import pytest
import redis as redis_module

from kit import origin as o
from kit import tokens
from kit.client import RawClient, s_client, tls_context
from kit.message import Malformed
from kit.ports import free_port, is_listening
from kit.servers import openssl


def test_ports_are_distinct():
    ports = [free_port() for _ in range(200)]
    assert len(set(ports)) == 200


def test_is_listening():
    port = free_port()
    assert not is_listening(port)
    with socket.create_server(("127.0.0.1", port)):
        assert is_listening(port)


def test_origin_records_and_replies(origin, raw):
    up = origin([o.reply(200, b"one"), o.reply(201, [b"t", b"wo"], trailers=[("X-T", "1")]), o.echo])
    c = raw(up.port)
    assert c.get("/a", {"X-A": "b"}).body == b"one"
    second = c.get("/b")
    assert (second.status, second.body, second.trailers) == (201, b"two", [("X-T", "1")])
    for body in (b"x" * 100000, b"y"):  # the last behaviour stays
        assert c.request("PUT", "/c", body=body).response().body == body
    assert [r.target for r in up.requests] == ["/a", "/b", "/c", "/c"]
    assert up.requests[0].header("x-a") == "b" and up.connections == 1


def test_origin_misbehaves(origin, raw):
    up = origin([o.drop, o.abort, o.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", close=True), o.hang])
    for _ in range(2):
        c = raw(up.port)
        c.request()
        c.assert_closed()
    with pytest.raises(Malformed):
        raw(up.port).get()
    c = raw(up.port)
    c.request()
    assert c.is_quiet(0.2)
    up.wait(4)


def test_origin_restarts(origin, raw):
    up = origin()
    assert raw(up.port).get().status == 200
    up.stop()
    with pytest.raises(OSError):
        raw(up.port).get()
    up.start()
    assert raw(up.port).get().status == 200


def test_origin_reports_malformed_requests(origin, raw):
    up = origin()
    raw(up.port).send(b"GET /a b HTTP/1.1\r\n\r\n").assert_closed()
    assert "request line" in up.errors[0]


def test_slow_pieces(origin, raw):
    up = origin(o.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd", pieces=10, interval=0.05))
    start = time.monotonic()
    assert raw(up.port).get().body == b"abcd"
    assert time.monotonic() - start > 0.15


def test_assert_closed_notices_an_open_connection(origin, raw):
    c = raw(origin().port)
    with pytest.raises(AssertionError, match="still open"):
        c.assert_closed(timeout=0.2)


def test_tls(origin, server_cert, ca, other_ca):
    up = origin(tls=server_cert.server_context(alpn=["http/1.1"]))
    with RawClient(up.port, tls=tls_context(ca.path, alpn=["http/1.1"]), sni="api.example.com") as c:
        assert c.get().status == 200
        assert c.sock.selected_alpn_protocol() == "http/1.1"
    with pytest.raises(ssl.SSLCertVerificationError):
        RawClient(up.port, tls=tls_context(other_ca.path))
    with pytest.raises(ssl.SSLCertVerificationError):
        RawClient(up.port, tls=tls_context(ca.path), sni="elsewhere.test")
    assert "Verify return code: 0" in s_client(up.port, "-CAfile", ca.path, "-servername", "localhost", stdin=b"Q")


def test_certificates(ca):
    code, text = openssl("verify", "-CAfile", ca.path, ca.issue("a.test", key="rsa").cert)
    assert code == 0, text
    code, text = openssl("verify", "-CAfile", ca.path, ca.issue("old.test", days=(-9, -1)).cert)
    assert code != 0 and "expired" in text


def test_client_certificate(origin, server_cert, ca):
    up = origin(tls=server_cert.server_context(client_ca=ca.path))
    mine = ca.issue("client-7", client=True)
    with RawClient(up.port, tls=tls_context(ca.path, cert=mine.cert, key=mine.key)) as c:
        assert c.get().status == 200
    with pytest.raises((OSError, Malformed)):
        RawClient(up.port, tls=tls_context(ca.path)).get()


def test_nginx(nginx, raw, server_cert, ca):
    n = nginx("location /a { return 200 there; } location / { root /nonexistent; }")
    assert raw(n.port).get("/a").body == b"there"
    assert raw(n.port).get("/b").status == 404
    tls = nginx(f"ssl_certificate {server_cert.cert}; ssl_certificate_key {server_cert.key}; return 200 secret;", listen="ssl http2")
    assert raw(tls.port, tls=tls_context(ca.path)).get().body == b"secret"


def test_h2(nginx, h2, server_cert):
    n = nginx(f"ssl_certificate {server_cert.cert}; ssl_certificate_key {server_cert.key};"
              "location /a { return 200 there; } location /up { client_max_body_size 1k; return 200 x; }", listen="ssl http2")
    c = h2(n.port)
    streams = [c.start(path="/a") for _ in range(5)]
    assert [c.finish(s).body for s in reversed(streams)] == [b"there"] * 5
    assert c.request("POST", "/a", body=b"x" * 10).status == 200
    assert c.get("/none").status == 404


def test_redis(redis):
    r = redis()
    r.client.set("k", "v")
    assert r.client.get("k") == "v" and r.commands("get") == 1
    r.pause()
    with pytest.raises(redis_module.exceptions.TimeoutError):
        redis_module.Redis(port=r.port, socket_timeout=0.2).ping()
    r.resume()
    assert r.client.ping()
    r.stop()
    with pytest.raises(redis_module.exceptions.ConnectionError):
        r.client.ping()
    r.start()
    assert r.client.get("k") is None
    with pytest.raises(redis_module.exceptions.AuthenticationError):
        redis_module.Redis(port=redis("--requirepass", "s3cret").port).ping()


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"])
def test_tokens(alg):
    key = tokens.SigningKey(alg)
    kind = jwt.algorithms.get_default_algorithms()[alg]
    public = kind.from_jwk(key.jwk())
    check = {"algorithms": [alg], "audience": tokens.AUDIENCE, "issuer": tokens.ISSUER}
    claims = jwt.decode(key.mint(scope="a b", team=7), public, **check)
    assert claims["sub"] == "alice" and claims["scope"] == "a b" and claims["team"] == 7
    assert jwt.decode(key.sign_raw({"alg": alg}, {"aud": "api", "iss": tokens.ISSUER}), public, **check)
    with pytest.raises(jwt.ExpiredSignatureError):
        jwt.decode(key.mint(expires_in=-10), public, **check)
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(tokens.tamper(key.mint(), sub="root"), public, **check)


def test_jwks_server(jwks_server, rs256, es256):
    s = jwks_server(rs256, es256)
    client = jwt.PyJWKClient(s.url)
    assert [k.key_id for k in client.get_signing_keys()] == [rs256.kid, es256.kid]
    s.behave(o.reply(500))
    with pytest.raises(Exception, match="500"):
        client.fetch_data()
    assert s.hits == 2
