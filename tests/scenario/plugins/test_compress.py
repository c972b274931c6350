"""compress in a real gateway: what curl and the decoders of Python read, streams, conditional and partial requests."""
import gzip
import json
import random
import subprocess
import time
import zlib

import brotli
import pytest
import zstandard

from kit.gateway import GatewayDied
from kit.origin import raw as raw_bytes, reply
from kit.process import wait_for

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@", protocols: [h2, http/1.1] }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
plugins:
  pack: { use: compress }
  plain: { use: compress, strip_accept_encoding: true }
  events: { use: compress, types: ["text/*"], encodings: [@coding@] }
  report: { use: compress, mode: report }
  small: { use: compress, memory: 4MiB, encodings: [zstd] }
routes:
  - { name: all, match: { path: /* }, plugins: [pack], upstream: app }
  - { name: twice, match: { path: /twice }, plugins: [pack, plain], upstream: app }
  - { name: events, match: { path: /events }, plugins: [events], upstream: app }
  - { name: report, match: { path: /report }, plugins: [report], upstream: app }
  - { name: small, match: { path: /small }, plugins: [small], upstream: app }
"""
RANDOM = random.Random(5)
ROWS = json.dumps([{"id": i, "name": f"user {RANDOM.randrange(10 ** 6)}", "balance": RANDOM.random()} for i in range(9000)]).encode()
DECODE = {
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": lambda b: zstandard.ZstdDecompressor().decompressobj().decompress(b),
}
INFLATE = {
    "gzip": lambda: zlib.decompressobj(31).decompress,
    "br": lambda: brotli.Decompressor().process,
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj().decompress,
}
CODINGS = pytest.mark.parametrize("coding", list(DECODE))


def rows(extra=(), **kw):
    return reply(200, ROWS, [("Content-Type", "application/json"), *extra], **kw)


def encoded(coding, *more):
    return [("Accept-Encoding", coding), *more]


@pytest.fixture
def start(gateway):
    return lambda up, coding="gzip": gateway(CONFIG.replace("@coding@", coding), app=up.port)


def test_each_coding_reads_back(start, origin, h2):
    up = origin(rows())
    g = start(up)
    for coding, decode in DECODE.items():
        up.behave(rows([("ETag", '"v1"'), ("Accept-Ranges", "bytes")]))
        r = g.get("/", encoded(coding))
        assert r.header("content-encoding") == coding and decode(r.body) == ROWS
        assert r.header("vary") == "Accept-Encoding" and r.header("etag") == 'W/"v1"' and "accept-ranges" not in r.fields
        assert "content-length" not in r.fields and len(r.body) < len(ROWS) // 2
        up.behave(rows(chunked=True))
        assert decode(g.get("/", encoded(coding)).body) == ROWS
        up.behave(reply(200, [b"piece %d\n" % i for i in range(1000)], [("Content-Type", "text/plain")]))
        assert decode(g.get("/", encoded(coding)).body) == b"".join(b"piece %d\n" % i for i in range(1000))
        up.behave(rows())
        r = h2(g.port(), tls=False).get("/", encoded(coding))
        assert r.header("content-encoding") == coding and decode(r.body) == ROWS
    m = g.metrics()
    for coding in DECODE:
        label = f'{{instance="pack",encoding="{coding}"}}'
        assert m["sluice_plugin_compress_responses_total" + label] == 4
        assert m["sluice_plugin_compress_input_bytes_total" + label] > 3 * len(ROWS)
        assert m["sluice_plugin_compress_output_bytes_total" + label] < 2 * len(ROWS)


def test_curl(start, origin, folder):
    up = origin(rows())
    g = start(up)
    for coding in [["--compressed"], *([["-H", f"Accept-Encoding: {c}", "--compressed"] for c in DECODE])]:
        done = subprocess.run(["curl", "-sS", "-D", folder / "head", *coding, f"http://127.0.0.1:{g.port()}/"], capture_output=True, check=True)
        assert done.stdout == ROWS
        head = (folder / "head").read_text().lower()
        assert f"content-encoding: {coding[1][17:] if len(coding) > 1 else 'zstd'}" in head


def test_who_is_left_alone(start, origin):
    up = origin(rows())
    g = start(up)
    for field in ([], encoded("identity"), encoded("gzip;q=0"), encoded("gzip", ("Cache-Control", "no-transform"))):
        r = g.get("/", field)
        assert r.body == ROWS and "content-encoding" not in r.fields and r.header("vary") == "Accept-Encoding"
        assert r.header("content-length") == str(len(ROWS))
    for extra in ([("Cache-Control", "no-transform")], [("Content-Encoding", "x")], [("Repr-Digest", "sha-256=:AA==:")]):
        up.behave(rows(extra))
        assert g.get("/", encoded("gzip")).body == ROWS
    up.behave(reply(200, b"short", [("Content-Type", "text/plain")]))
    assert g.get("/", encoded("gzip")).body == b"short"
    up.behave(rows())
    r = g.get("/twice", encoded("gzip"))
    assert gzip.decompress(r.body) == ROWS, "once, though two plugins stand in the list"
    assert "accept-encoding" not in up.requests[-1].fields


def test_head_is_that_of_get(start, origin):
    up = origin(rows([("ETag", '"v1"')]))
    g = start(up)
    r = g.request("HEAD", "/", encoded("br"))
    assert r.body == b"" and "content-length" not in r.fields
    assert (r.header("content-encoding"), r.header("etag"), r.header("vary")) == ("br", 'W/"v1"', "Accept-Encoding")
    r = g.request("HEAD", "/")
    assert r.header("content-length") == str(len(ROWS)) and r.header("etag") == '"v1"'


def test_a_client_asks_again_with_the_weak_tag(start, nginx, folder):
    """nginx gives strong tags for its files, and compares them weakly, as RFC 9110 13.1.2 says."""
    (folder / "rows").write_bytes(ROWS)
    g = start(nginx(f"root {folder}; default_type application/json;"))
    first = g.get("/rows", encoded("gzip"))
    weak, strong = first.header("etag"), g.get("/rows").header("etag")
    assert weak == "W/" + strong and gzip.decompress(first.body) == ROWS
    for tag in (weak, strong):
        r = g.get("/rows", encoded("gzip", ("If-None-Match", tag)))
        assert r.status == 304 and r.body == b"" and r.header("etag") == tag and r.header("vary") == "Accept-Encoding"
    r = g.get("/rows", encoded("gzip", ("Range", "bytes=5-9"), ("If-Range", strong)))
    assert r.status == 206 and r.body == ROWS[5:10] and "content-encoding" not in r.fields


def test_ranges_stay_what_they_are(start, origin):
    part = reply(206, ROWS[:100], [("Content-Type", "application/json"), ("Content-Range", f"bytes 0-99/{len(ROWS)}"), ("ETag", '"v1"')])
    g = start(origin(part))
    r = g.get("/", encoded("gzip", ("Range", "bytes=0-99")))
    assert r.status == 206 and r.body == ROWS[:100] and r.header("etag") == '"v1"'
    assert "content-encoding" not in r.fields and r.header("vary") == "Accept-Encoding"


@CODINGS
def test_events_are_not_held_back(start, origin, coding):
    more = []

    def events(peer, _request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for i in range(5):
            event = b"data: event %d\n\n" % i
            peer.send(b"%x\r\n%s\r\n" % (len(event), event))
            wait_for(lambda n=i: len(more) > n, what="the client to have read the event")
        peer.send(b"0\r\n\r\n")

    g = start(origin(events), coding)
    inflate, text = INFLATE[coding](), b""
    with g.connect() as c:
        c.request("GET", "/events", encoded(coding))
        assert c.response_head().header("content-encoding") == coding
        for i in range(5):
            while b"event %d\n\n" % i not in text:
                size = int(c.reader.take_until(b"\r\n").strip(), 16)
                text += inflate(c.recv(size + 2)[:-2])
            more.append(i)


@CODINGS
def test_a_slow_client_gets_it_all(start, origin, coding):
    body = RANDOM.randbytes(1 << 20).hex().encode()
    g = start(origin(reply(200, body, [("Content-Type", "application/json")])))
    with g.connect() as c:
        c.request("GET", "/", encoded(coding))
        time.sleep(0.1)
        assert DECODE[coding](c.response().body) == body


def test_a_body_that_breaks_off_is_not_passed_off_as_whole(start, origin, raw):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9000\r\n\r\n"
    g = start(origin(raw_bytes(head + b"x" * 5000, close=True)))
    c = raw(g.port())
    c.request("GET", "/", encoded("gzip"))
    assert c.response_head().status == 200
    rest = c.rest()
    assert not rest.endswith(b"0\r\n\r\n")
    assert g.access(1)[0]["reason"] == "upstream-truncated"


def test_beyond_the_memory_bodies_stay_as_they_are(start, origin):
    """Streams that stay open hold the memory of a worker; another request is answered all the same."""
    def endless(peer, _request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
        peer.stopped.wait(10)

    g = start(origin(endless))
    streams = [g.connect() for _ in range(12)]
    codings = []
    for c in streams:
        c.request("GET", "/small", encoded("zstd"))
        codings.append(c.response_head().header("content-encoding"))
    assert None in codings and "zstd" in codings
    assert g.metrics()['sluice_plugin_compress_memory_full_total{instance="small"}'] == codings.count(None)
    for c in streams:
        c.close()
    notes = [line.get("notes") for line in g.access(12)]
    assert sum("compress-memory-full" in str(n) for n in notes) == codings.count(None)


def test_report_changes_nothing(start, origin):
    g = start(origin(rows([("ETag", '"v1"')])))
    r = g.get("/report", encoded("gzip"))
    assert r.body == ROWS and r.header("etag") == '"v1"' and "content-encoding" not in r.fields and "vary" not in r.fields
    assert "report:body" in str(g.access(1)[0]["notes"])


def test_mistakes_have_a_place(gateway):
    config = CONFIG.replace("@coding@", "deflate").replace('types: ["text/*"]', 'types: ["text/html; charset=utf-8"]')
    with pytest.raises(GatewayDied) as e:
        gateway(config, app=1)
    said = str(e.value)
    assert 'error: plugins.events.types[0]: "text/html; charset=utf-8" is no media type' in said
    assert "write type/subtype without parameters" in said
    assert 'error: plugins.events.encodings[0]: "deflate" is no coding that this plugin has' in said
