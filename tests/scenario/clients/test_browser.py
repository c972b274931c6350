"""Chromium through the gateway, over HTTP/2: what a page of today does, and a WebSocket."""
import asyncio
import base64
import hashlib
import json
import shutil
import threading
import urllib.parse

import pytest
import websockets
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from kit.answering import Gone, echo
from kit.calls import Server
from kit.ended import ended
from kit.process import Process, wait_for
from kit.tokens import jwks

PROGRAM = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium"))), None)
pytestmark = pytest.mark.skipif(not PROGRAM, reason="neither chromium-headless-shell nor chromium is installed")

# All of it happens in the page; what came of it is sent as the last request.
PAGE = """<!doctype html><link rel=stylesheet href=/style.css><script>
const events = () => new Promise((done, fail) => {
	const heard = [], source = new EventSource('/events');
	source.onmessage = e => {
		heard.push(e.data);
		fetch('/heard', { method: 'POST', body: e.data });
		if (heard.length == 3) { source.close(); done(heard); }
	};
	source.onerror = fail;
});
const socket = () => new Promise((done, fail) => {
	const got = [], ws = new WebSocket(`wss://${location.host}/socket`);
	ws.onopen = () => { ws.send('one'); ws.send(new Uint8Array(100000)); };
	ws.onmessage = e => { got.push(e.data.length || e.data.size); if (got.length == 2) ws.close(1000); };
	ws.onclose = e => done([got, e.code, e.wasClean]);
	ws.onerror = () => fail('the socket failed');
});
const leave = async () => {
	const abort = new AbortController();
	const gone = fetch('/slow', { signal: abort.signal }).catch(e => e.name);
	await fetch('/slow-is-there');
	abort.abort();
	return gone;
};
(async () => {
	const out = {};
	try {
		out.many = await Promise.all([...Array(30).keys()].map(i => fetch(`/get/${i}`).then(r => r.text())));
		out.post = await fetch('/echo', { method: 'POST', body: 'x'.repeat(300000) }).then(r => r.text()).then(t => t.length);
		out.missing = await fetch('/missing').then(async r => [r.status, (await r.json()).title]);
		out.head = await fetch('/head', { method: 'HEAD' }).then(async r => [r.headers.get('x-path'), await r.text()]);
		out.events = await events();
		out.aborted = await leave();
		out.socket = await socket();
		out.protocols = [...new Set(performance.getEntriesByType('resource').map(e => e.nextHopProtocol).filter(p => p))];
	} catch (e) { out.error = String(e); }
	await fetch('/report', { method: 'POST', body: JSON.stringify(out) });
})();
</script>"""


class SocketServer:
    """A WebSocket server that answers each message with itself."""

    def __init__(self):
        self.loop, self.port = asyncio.new_event_loop(), 0
        threading.Thread(target=self.run, daemon=True).start()
        wait_for(lambda: self.port, what="the WebSocket server")

    def run(self):
        async def answer(ws, _path=None):
            async for message in ws:
                await ws.send(message)

        async def serve():
            server = await websockets.serve(answer, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(serve())
        self.loop.run_forever()

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)


class Application:
    """What the origin answers to the page."""

    def __init__(self):
        self.heard, self.slow, self.gone, self.report = [], threading.Event(), threading.Event(), None

    def __call__(self, call):
        path = call.path
        if path == "/":
            call.reply(200, PAGE.encode(), [("content-type", "text/html; charset=utf-8"), ("set-cookie", "a=1; Secure"),
                                            ("set-cookie", "b=2; Secure")])
        elif path == "/style.css":
            call.reply(200, b"body { color: red }", [("content-type", "text/css")])
        elif path.startswith("/get/"):
            assert call.header("cookie") == "a=1; b=2"
            call.reply(200, path[5:].encode(), length=False)
        elif path == "/echo":
            echo(call)
        elif path == "/missing":
            call.reply(404, b'{"title": "gone"}', [("content-type", "application/problem+json")])
        elif path == "/head":
            call.reply(200, b"none of it", [("x-path", path)])
        elif path == "/events":
            self.events(call)
        elif path == "/heard":
            self.heard.append(call.rest().decode())
            call.reply(204)
        elif path == "/slow":
            self.slow.set()
            call.gone()
            self.gone.set()
        elif path == "/slow-is-there":
            assert self.slow.wait(20)
            call.reply(204)
        elif path == "/report":
            self.report = json.loads(call.rest())
            call.reply(204)
        else:
            call.reply(404)

    def events(self, call):
        """The next one once the page has told of the one before."""
        call.head(200, [("content-type", "text/event-stream"), ("cache-control", "no-cache")])
        try:
            for i in range(3):
                call.send(b"data: event %d\n\n" % i)
                wait_for(lambda n=i: f"event {n}" in self.heard, 20, f"event {i} to be heard")
            call.gone()
        except Gone:
            pass


def fingerprint(path):
    with open(path, "rb") as f:
        key = x509.load_pem_x509_certificate(f.read()).public_key()
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(spki).digest()).decode()


@pytest.fixture
def socket_server():
    s = SocketServer()
    yield s
    s.stop()


@pytest.fixture
def browse(folder, server_cert):
    """browse(url): a browser opens it, and lives as long as the test."""
    def start(url):
        args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--no-proxy-server", "--headless", "--remote-debugging-port=0",
                f"--user-data-dir={folder / 'browser'}", f"--ignore-certificate-errors-spki-list={fingerprint(server_cert.cert)}"]
        return Process([PROGRAM, *args, url], folder, folder / "browser.log", {"HOME": str(folder)})
    with ended(start, "kill") as browser:
        yield browser


def test_a_page(site, kind, browse, socket_server):
    app = Application()
    s = site(app, kind=kind, upstreams=f'sockets: {{ servers: ["127.0.0.1:{socket_server.port}"] }}',
             routes="- { name: socket, match: { path: /socket }, upstream: sockets, upgrade: [websocket] }")
    browser = browse(s.tls + "/")
    wait_for(lambda: app.report or not browser.running(), 50, f"the page's report:\n{browser.output()}")
    out = app.report
    assert out and "error" not in out, out
    assert out["many"] == [str(i) for i in range(30)]
    assert out["post"] == 300_000 and out["missing"] == [404, "gone"] and out["head"] == ["/head", ""]
    assert out["events"] == ["event 0", "event 1", "event 2"]
    assert out["aborted"] == "AbortError" and app.gone.wait(20), "the origin hears that the page does not wait any more"
    assert out["socket"] == [[3, 100_000], 1000, True]
    assert out["protocols"] == ["h2"]

    def of_page():
        return [line for line in s.gateway.access() if line["path"] in ("/", "/echo") or line["path"].startswith("/get/")]
    wait_for(lambda: len(of_page()) == 32, 20, "the access log")
    assert {(line["protocol"], line["status"], line.get("reason")) for line in of_page()} == {("HTTP/2", 200, None)}
    socket = wait_for(lambda: [line for line in s.gateway.access() if line["path"] == "/socket"], 20, "the socket's end")[0]
    assert (socket["protocol"], socket["status"]) == ("HTTP/2", 101), "the browser asks for it on the connection it has"


ACROSS = """
listeners:
  - { name: pages, address: "127.0.0.1:@pages@" }
  - { name: api, address: "127.0.0.1:@api@", plugins: [browsers] }
  - { name: others, address: "127.0.0.1:@others@", plugins: [others] }
plugins:
  browsers:
    use: cors
    origins: ["http://127.0.0.1:@pages@"]
    methods: [PUT]
    headers: [X-Token]
    expose: ["*"]
    credentials: true
  others: { use: cors, origins: ["https://app.example"], headers: ["*"] }
  login: { use: jwt, issuer: "https://idp.test/", audience: api, jwks: "file:jwks.json" }
routes:
  - { name: page, match: { listener: pages, path: / }, respond: { content_type: text/html, body: "file:page.html" } }
  - { name: cookie, match: { path: /cookie }, respond: { headers: { Set-Cookie: "a=1; Path=/" }, body: set } }
  - { name: private, match: { path: /private }, plugins: [login], respond: { body: in } }
  - { name: app, match: { path: /app, methods: [GET, PUT] }, respond: { headers: { X-Cookie: "{cookie:a}" }, body: "{method} {header:X-Token}" } }
  - { name: report, match: { listener: pages, path: /report }, respond: { status: 204 } }
"""
# Each call: its status, its body and a field that has to be exposed; or that the browser did not let it.
ACROSS_PAGE = """<!doctype html><script>
const call = (port, path, more = {}) => fetch(`http://127.0.0.1:${port}${path}`, { credentials: 'include', ...more })
  .then(async r => [r.status, (await r.text()).slice(0, 20), r.headers.get('x-cookie')], e => e.name);
(async () => {
  const out = [], token = { headers: { 'X-Token': 't' } };
  for (const [path, more] of [['/cookie'], ['/app'], ['/app', { method: 'PUT', ...token }], ['/app', { method: 'DELETE' }],
      ['/app', { headers: { 'X-Other': '1' } }], ['/private', token], ['/nowhere']])
    out.push(await call(@api@, path, more));
  for (const [path, more] of [['/app'], ['/app', { method: 'PUT', ...token }]])
    out.push(await call(@others@, path, { ...more, credentials: 'omit' }));
  await fetch('/report?' + encodeURIComponent(btoa(JSON.stringify(out))));
})();
</script>"""


def reported(g, browser):
    """What the page tells when it is through."""
    def report():
        return next((line["query"] for line in g.access() if line.get("path") == "/report"), None)
    wait_for(lambda: report() or not browser.running(), 50, f"the page's report:\n{browser.output()}")
    return base64.b64decode(urllib.parse.unquote(report()))


def test_a_page_of_another_origin(gateway, browse, rs256):
    """The plugin cors: what the browser lets a page do, and read."""
    g = gateway(ACROSS, files={"page.html": ACROSS_PAGE, "jwks.json": jwks(rs256)})
    cookie, get, put, delete, field, private, nowhere, other, other_put = json.loads(
        reported(g, browse(f"http://127.0.0.1:{g.port('pages')}/")))
    assert cookie[:2] == [200, "set"]
    assert get == [200, "GET ", "1"] and put == [200, "PUT t", "1"], "with the cookie, and the field can be read"
    assert delete == field == "TypeError", "not permitted by the preflight"
    assert private[0] == 401 and nowhere[0] == 404, "the page can read what the gateway says"
    assert other == other_put == "TypeError", "this page may not read, and may not even send"

    def told():
        calls = [(line["method"], line.get("path"), line["status"]) for line in g.access()]
        return calls.count(("OPTIONS", "/app", 204)) == 3 and ("OPTIONS", "/app", 403) in calls and ("GET", "/app", 200) in calls
    wait_for(told, 10, "the access log to tell of the preflights")


GUARDED = """
listeners:
  - { name: pages, address: "127.0.0.1:@pages@" }
  - { name: safe, address: "127.0.0.1:@safe@", plugins: [{ use: security-headers, remove: [] }] }
  - { name: bare, address: "127.0.0.1:@bare@" }
routes:
  - { name: page, match: { listener: pages, path: / }, respond: { content_type: text/html, body: "file:page.html" } }
  - name: framed
    match: { path: /framed }
    respond: { content_type: text/html, body: "<script>fetch('/ran-in-a-frame')</script>" }
  - { name: ran, match: { path: /ran-in-a-frame }, respond: { status: 204 } }
  - { name: text, match: { path: /text }, respond: { content_type: text/plain, body: "ran = 1" } }
  - { name: report, match: { listener: pages, path: /report }, respond: { status: 204 } }
"""
# The page is of localhost, the others of 127.0.0.1: another site.
GUARDED_PAGE = """<!doctype html><script>
const add = (tag, src) => new Promise(done => {
  const e = document.createElement(tag);
  e.onload = () => done('loaded');
  e.onerror = () => done('refused');
  e.src = src;
  document.documentElement.append(e);
});
const at = (port, path) => `http://127.0.0.1:${port}${path}`;
(async () => {
  const out = [];
  for (const port of [@bare@, @safe@]) {
    await add('iframe', at(port, '/framed'));
    out.push(await add('script', at(port, '/text')), await fetch(at(port, '/text'), { mode: 'no-cors' }).then(r => r.type, e => e.name));
  }
  await new Promise(done => setTimeout(done, 300));
  await fetch('/report?' + encodeURIComponent(btoa(JSON.stringify(out))));
})();
</script>"""


def test_a_page_that_would_use_another_site(gateway, browse):
    """The plugin security-headers: another site may neither show a page in a frame, nor load it, nor run text as a script."""
    g = gateway(GUARDED, files={"page.html": GUARDED_PAGE})
    out = json.loads(reported(g, browse(f"http://localhost:{g.port('pages')}/")))
    assert out == ["loaded", "opaque", "refused", "TypeError"]

    def ran():
        return sum(line.get("path") == "/ran-in-a-frame" for line in g.access())
    # The frame is a process of its own: the page's report may overtake what it asks for.
    wait_for(ran, 10, "the frame of the listener without the plugin")
    assert ran() == 1, "not that of the listener with it"


CALLS = """
listeners:
  - { name: pages, address: "127.0.0.1:@pages@" }
  - { name: calls, address: "127.0.0.1:@calls@" }
upstreams:
  app: { servers: ["127.0.0.1:@app@"], protocol: h2c }
routes:
  - name: page
    match: { listener: pages, path: / }
    respond:
      content_type: text/html
      body: |
        <!doctype html><script>
        const call = async (method, text) => {
          const type = 'application/grpc-web' + (text ? '-text' : '+proto'), frame = '\\0\\0\\0\\0\\x03abc';
          const r = await fetch('http://127.0.0.1:@calls@/test.Calls/' + method, { method: 'POST',
            headers: { 'content-type': type, 'accept': type, 'x-grpc-web': '1' },
            body: text ? btoa(frame) : Uint8Array.from(frame, c => c.charCodeAt(0)) });
          const body = String.fromCharCode(...new Uint8Array(await r.arrayBuffer()));
          return text ? body.match(/.{4}/g).map(atob).join('') : body;
        };
        (async () => {
          let out;
          try {
            out = [await call('Unary', false), await call('Unary', true), await call('NoSuch', true)].join('|');
          } catch (e) { out = String(e); }
          await fetch('/report?' + encodeURIComponent(btoa(out)));
        })();
        </script>
  - { name: report, match: { listener: pages, path: /report }, respond: { status: 204 } }
  - name: calls
    match: { listener: calls, path: /* }
    plugins: [{ use: grpc-web, origins: ["http://127.0.0.1:@pages@"] }]
    upstream: app
"""


def test_calls_of_a_page(gateway, browse):
    """gRPC-Web from a page of another origin: the browser asks first, then calls."""
    server = Server()
    try:
        g = gateway(CALLS, app=server.port)
        binary, text, missing = reported(g, browse(f"http://127.0.0.1:{g.port('pages')}/")).split(b"|")
    finally:
        server.stop()
    assert binary.startswith(b"\0\0\0\0\3abc\x80\0\0\0") and b"grpc-status: 0\r\n" in binary
    assert text == binary
    assert missing.startswith(b"\x80\0\0\0") and b"grpc-status: 12\r\n" in missing

    def told():
        calls = [(line["method"], line["status"]) for line in g.access() if line["route"] == "calls"]
        return ("OPTIONS", 204) in calls and calls.count(("POST", 200)) == 3
    wait_for(told, 10, "the access log to tell of a preflight and three calls")
