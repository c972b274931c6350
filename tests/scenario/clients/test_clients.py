"""Real clients through the gateway: curl, nghttp, wrk, and the httpx library."""
import asyncio
import json
import os
import re
import ssl
import subprocess
import threading

import pytest

from kit.answering import echo

BODY = os.urandom(1_500_000)  # large enough that curl asks for 100-continue


def hello(call):
    call.reply(200, b"hello\n", [("x-path", call.path)])


# ---- curl ----

CURL = {"http1.1": ("plain", "--http1.1", "1.1"), "http1.1-tls": ("tls", "--http1.1", "1.1"), "http2": ("tls", "--http2", "2"),
        "http2-prior-knowledge": ("plain", "--http2-prior-knowledge", "2"), "upgrade-h2c": ("plain", "--http2", "1.1")}


@pytest.fixture(params=CURL)
def curl(request, run):
    """curl(site, path, options...): (version, status, head, body). upgrade-h2c: it offers, and stays with HTTP/1.1."""
    listener, option, version = CURL[request.param]

    def go(site, path, *args, **kw):
        base = getattr(site, listener)
        out = run("curl", "-sS", option, "--cacert", site.ca, "-o", "-", "-w", "%{stderr}%{http_version} %{http_code}", "-D",
                  site.gateway.folder / "head", *args, base + path, **kw)
        head = (site.gateway.folder / "head").read_text()
        last = [line for line in head.splitlines() if line.startswith("HTTP/")][-1].split()
        assert last[0] == f"HTTP/{version}"
        return int(last[1]), head.lower(), out
    return go


def test_curl(site, curl, kind):
    s = site(echo, kind=kind)
    assert curl(s, "/a/../b?q=1")[0] == 200
    assert s.far.done(1).path == "/b?q=1"
    status, head, body = curl(s, "/post", "--data-binary", "@-", stdin=BODY)
    assert status == 200 and body == BODY and "content-length: 1500000" in head
    status, head, body = curl(s, "/put", "-T", "-", stdin=BODY)  # of unknown length
    assert status == 200 and body == BODY and s.far.done(3).method == "PUT" and "content-length" not in s.far.done(3).fields
    status, head, body = curl(s, "/head", "-I")
    assert status == 200 and s.far.done(4).method == "HEAD"


def test_curl_hears_events_at_once(site, kind, server_cert):
    """curl -N prints the first event while the origin waits for a word about it."""
    heard = threading.Event()

    def behave(call):
        call.head(200, [("content-type", "text/event-stream")])
        call.send(b"data: first\n\n")
        assert heard.wait(20)
        call.send(b"data: second\n\n")
        call.gone()
    s = site(behave, kind=kind)
    p = subprocess.Popen(["curl", "-sN", "--http2", "--cacert", s.ca, s.tls + "/events"], stdout=subprocess.PIPE)
    try:
        assert [p.stdout.readline() for _ in range(2)] == [b"data: first\n", b"\n"]
        heard.set()
        assert p.stdout.readline() == b"data: second\n"
    finally:
        p.kill()
        p.wait()
    assert s.far.done().left.is_set(), "curl left, and so did the gateway"


def test_curl_sees_that_half_is_not_all(site, kind, run):
    def behave(call):
        call.head(200, [])
        call.send(b"half")
        call.fail()
    s = site(behave, kind=kind)
    for option, base in (("--http1.1", s.plain), ("--http2", s.tls)):
        r = subprocess.run(["curl", "-sS", option, "--cacert", s.ca, base + "/"], capture_output=True, timeout=30, check=False)
        assert r.returncode in (18, 56, 92), r


# ---- nghttp, wrk ----


def test_nghttp(site, kind, run):
    s = site(hello, kind=kind)
    urls = [f"{s.tls}/{i}" for i in range(20)]
    out = run("nghttp", "--no-verify-peer", "-v", *urls).decode()
    assert len(re.findall(r":status: 200", out)) == 20
    out = run("nghttp", "-m", "10", s.plain + "/x").decode()
    assert out == "hello\n" * 10
    assert {call.path for call in s.far.calls} == {f"/{i}" for i in range(20)} | {"/x"}


def test_nghttp_sends_trailers_and_a_body(site, kind, run, folder):
    (folder / "body").write_bytes(BODY)
    s = site(echo, kind=kind)
    out = run("nghttp", "--no-verify-peer", "-d", folder / "body", "--no-content-length", "--trailer", "x-sum: 1", s.tls + "/post")
    assert out == BODY and s.far.done().trailers == [("x-sum", "1")]


def test_wrk(site, nginx, run):
    s = site(port=nginx("location / { return 200 ok; }").port)
    out = run("wrk", "-t1", "-c16", "-d1s", s.plain + "/x").decode()
    n = int(re.search(r"(\d+) requests in", out)[1])
    assert n > 0 and "Non-2xx" not in out and "Socket errors" not in out
    metrics = s.gateway.metrics()
    assert metrics['sluice_requests_total{status="2xx"}'] >= n and metrics['sluice_requests_total{status="5xx"}'] == 0


# ---- httpx ----


@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
def test_httpx(site, kind, http2, rs256):
    httpx = pytest.importorskip("httpx", reason="python3-httpx is not installed")
    s = site(echo, kind=kind)
    context = ssl.create_default_context(cafile=s.ca)

    def pieces():
        for at in range(0, len(BODY), 50_000):
            yield BODY[at:at + 50_000]
    with httpx.Client(http2=http2, verify=context) as client:
        for i in range(5):
            r = client.post(f"{s.tls}/{i}", json={"n": i})
            assert r.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
            assert r.status_code == 200 and json.loads(r.content) == {"n": i}
        assert client.post(s.tls + "/stream", content=pieces()).content == BODY
        with client.stream("POST", s.tls + "/lines", content=b"a\nb\nc\n") as r:
            assert list(r.iter_lines()) == ["a\n", "b\n", "c\n"] or list(r.iter_lines()) == ["a", "b", "c"]


def test_httpx_many_at_once(site, kind):
    httpx = pytest.importorskip("httpx", reason="python3-httpx is not installed")
    s = site(hello, kind=kind)

    async def go():
        context = ssl.create_default_context(cafile=s.ca)
        async with httpx.AsyncClient(http2=True, verify=context, timeout=30) as client:
            return await asyncio.gather(*(client.get(f"{s.tls}/{i}") for i in range(60)))
    answers = asyncio.run(go())
    assert [r.headers["x-path"] for r in answers] == [f"/{i}" for i in range(60)]
    assert {r.http_version for r in answers} == {"HTTP/2"}
