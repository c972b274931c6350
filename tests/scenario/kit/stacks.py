"""An application that really runs, and a gateway in front of it on its file of conf/stacks/; and what is asked of every one of them."""
import asyncio
import hashlib
import json
import re
import shutil
from contextlib import contextmanager
from pathlib import Path

import websockets

from .applications import output
from .client import RawClient, tls_context
from .gateway import ROOT, Gateway
from .ports import free_port

APPS = ROOT / "tests/scenario/stacks/apps"
FILE = bytes(range(250)) * 1200
CLIENT = "127.0.0.3"            # the client's address, another one than the gateway's
# What a client says to pose as another one, or to have another path served. None of it may reach an application.
FORGED = [("X-Forwarded-For", "192.0.2.66"), ("X-Forwarded-Proto", "gopher"), ("X-Forwarded-Host", "evil.example"),
          ("X-Forwarded-Port", "666"), ("X-Forwarded-Prefix", "/evil"), ("X-Forwarded-Ssl", "off-evil"), ("X-Real-IP", "192.0.2.66"),
          ("Forwarded", "for=192.0.2.66;host=evil.example;proto=gopher"), ("X-Original-URL", "/evil"), ("X_Forwarded_For", "192.0.2.66"),
          ("SCRIPT_NAME", "/evil"), ("PATH_INFO", "/evil")]
EVIL = re.compile(r"192\.0\.2\.66|evil|gopher|\b666\b")


class Stack:
    """name: of the file in conf/stacks. port: of the application, whose output is in a file `output` of its folder."""

    def __init__(self, folder, name, port, application):
        self.name, self.folder, self.port, self.application = name, Path(folder), port, application
        self.ports, self.gateway, self.count = {}, None, 0
        shutil.copytree(ROOT / "conf/demo", self.folder / "demo")       # beside the configurations, as in conf/
        self.start_gateway()

    def start_gateway(self, old="", new=""):
        """On the file as it stands: what differs is given by the environment, as its comment says."""
        self.count += 1
        self.ports = {n: free_port() for n in ("http", "https", "admin")}
        env = {"SLUICE_APP": f"127.0.0.1:{self.port}", "SLUICE_HTTPS_PORT": str(self.ports["https"]),
               **{f"SLUICE_{n.upper()}": f"127.0.0.1:{p}" for n, p in self.ports.items()}}
        text = (ROOT / f"conf/stacks/{self.name}.yaml").read_text()
        assert old in text
        self.gateway = Gateway(self.folder / f"stacks{self.count}", text.replace(old, new) if old else text, env=env,
                               admin=self.ports["admin"])

    @contextmanager
    def changed(self, old, new):
        """For a while, a gateway on the file with `new` in the place of `old`."""
        kept = self.gateway, self.ports
        self.start_gateway(old, new)
        try:
            yield
            self.gateway.stop()
        finally:
            self.gateway.kill()
            self.gateway, self.ports = kept

    def stop(self):
        self.gateway.stop()

    def told(self):
        """What both have said, to be shown when a test failed."""
        said = (self.application / "output").read_text(errors="replace")
        return f"---- {self.name}\n{said[-6000:]}\n---- its gateway\n{self.gateway.log()[-6000:]}"

    # ---- as a client ----

    def authority(self, scheme="https"):
        return f"localhost:{self.ports[scheme]}"

    def url(self, path="", scheme="https"):
        return f"{scheme}://{self.authority(scheme)}{path}"

    def connect(self, scheme="https", **kw):
        tls = tls_context(ROOT / "conf/demo/tls.crt") if scheme == "https" else None
        return RawClient(self.ports[scheme], tls=tls, source=(CLIENT, 0), timeout=30.0, **kw)

    def request(self, method, path, headers=(), body=None, scheme="https"):
        with self.connect(scheme) as c:
            return c.request(method, path, headers, body, host=self.authority(scheme)).response(method)

    def get(self, path, headers=(), scheme="https"):
        return self.request("GET", path, headers, scheme=scheme)


class Cookies(dict):
    """Those of one browser: name -> value, and the attributes that came with the last of each."""

    def __init__(self):
        super().__init__()
        self.attributes = {}

    def take(self, response):
        for line in response.fields.all("set-cookie"):
            pair, *attributes = line.split("; ")
            name, _, value = pair.partition("=")
            self[name] = value
            self.attributes[name] = {a.partition("=")[0].lower(): a.partition("=")[2] for a in attributes}
        return response

    def field(self):
        return [("Cookie", "; ".join(f"{k}={v}" for k, v in self.items()))] if self else []


# ---- what is asked of each ----

def check_who(stack, path, scheme="https", known=None):
    """The application knows the client and the URL that it asked for, whatever the client says of itself. known: the path as the
    application knows it, if that is another one."""
    r = stack.get(path, FORGED, scheme)
    assert r.status == 200, r.text
    said = json.loads(r.body)
    assert not EVIL.search(r.text), f"what the client forged reached the application: {r.text}"
    wanted = {"ip": CLIENT, "scheme": scheme, "host": stack.authority(scheme), "url": stack.url(known or path, scheme)}
    assert {k: said[k] for k in wanted} == wanted
    return said


def form(size):
    """A multipart body with a field and a file: (fields, body, the file)."""
    file = hashlib.sha256(b"seed").digest() * (size // 32)
    head = (b'--mark\r\nContent-Disposition: form-data; name="note"\r\n\r\nfragile\r\n--mark\r\n'
            b'Content-Disposition: form-data; name="file"; filename="a.bin"\r\nContent-Type: application/octet-stream\r\n\r\n')
    body = head + file + b"\r\n--mark--\r\n"
    return [("Content-Type", "multipart/form-data; boundary=mark"), ("Content-Length", str(len(body)))], body, file


def upload(stack, path, size=4 << 20, scheme="https"):
    """(answer, body, file) of a client that waits for 100 before it sends the body."""
    fields, body, file = form(size)
    with stack.connect(scheme) as c:
        c.request("POST", path, fields + [("Expect", "100-continue")], host=stack.authority(scheme))
        r = c.response_head()
        if r.status == 100:
            c.send(body)
            r = c.response("POST")
    return r, body, file


def check_upload(stack, path):
    r, _, file = upload(stack, path)
    assert r.status == 200, r.text
    wanted = {"name": "a.bin", "note": "fragile", "size": len(file), "sha256": hashlib.sha256(file).hexdigest()}
    assert json.loads(r.body) == wanted
    if shutil.which("curl"):            # by HTTP/2, and in curl's words
        (stack.folder / "a.bin").write_bytes(file)
        assert json.loads(output("curl", "-sS", "--http2", "--cacert", ROOT / "conf/demo/tls.crt", "-F", "note=fragile", "-F",
                                 f"file=@{stack.folder / 'a.bin'}", stack.url(path))) == wanted


def check_download(stack, path):
    """Whole, in part, and what has changed since."""
    whole, content = stack.get(path), FILE
    assert whole.status == 200 and whole.body == content
    mark = whole.header("etag") or whole.header("last-modified")
    if not mark.startswith("W/"):       # If-Range compares strongly (RFC 9110 13.1.5)
        r = stack.get(path, [("Range", "bytes=1000-1999"), ("If-Range", mark)])
        assert (r.status, r.body) == (206, content[1000:2000])
    r = stack.get(path, [("Range", "bytes=-500")])
    assert (r.status, r.body, r.header("content-range")) == (206, content[-500:], f"bytes 299500-299999/{len(content)}")
    r = stack.get(path, [("Range", "bytes=0-9"), ("If-Range", '"another"')])
    assert (r.status, r.body) == (200, content)
    assert stack.get(path, [("Range", "bytes=300000-")]).status == 416
    field = ("If-None-Match", whole.header("etag")) if "etag" in whole.fields else ("If-Modified-Since", whole.header("last-modified"))
    assert stack.get(path, [field]).status == 304


def talk(stack, path, *messages, hears_first=False, scheme="https"):
    """What a WebSocket says to each message; and what it said before, with hears_first."""
    async def run():
        tls = {"ssl": tls_context(ROOT / "conf/demo/tls.crt")} if scheme == "https" else {}
        url = stack.url(path, scheme).replace("http", "ws", 1)
        async with websockets.connect(url, local_addr=(CLIENT, 0), open_timeout=30, **tls) as ws:
            heard = [await asyncio.wait_for(ws.recv(), 30)] if hears_first else []
            for message in messages:
                await ws.send(message)
                heard.append(await asyncio.wait_for(ws.recv(), 30))
        return heard
    return asyncio.run(run())


# Other spellings of /shop/admin/page, which one or another application reads as the same.
SPELLINGS = [f"/shop{p}" for p in (
    "/admin/page", "/%61dmin/page", "//admin/page", "/x/../admin/page", "/ADMIN/page", "/admin%2Fpage", "%2Fadmin/page", "/admin%5Cpage",
    "/admin;a=1/page", "/;a/admin/page", "/.;/admin/page", "/admin%3Ba/page", "/admin%252Fpage", "/admin/page/", "/admin./page",
    "/admin%20/page", "/admin%09/page")]


def check_guarded(stack, evades=None, option="escaped_slashes"):
    """A route with a plugin cannot be got round: no spelling of its path reaches the page by another route. evades: one that does where
    the listener keeps what its option refuses, so that it is known what that is for."""
    if evades:
        with stack.changed(f"{option}: refuse", f"{option}: keep"):
            assert stack.get("/shop/admin/page").status == 403
            assert stack.get(evades).text == "for the inside"
    with RawClient(stack.ports["https"], tls=tls_context(ROOT / "conf/demo/tls.crt")) as c:     # from 127.0.0.1
        assert c.get("/shop/admin/page", host=stack.authority()).text == "for the inside"
    for path in SPELLINGS:
        for fields in ([], [("SCRIPT_NAME", "/x"), ("X-Script-Name", "/x"), ("PATH_INFO", "/admin/page"), ("X-Original-URL", "/admin/page"),
                            ("X-Rewrite-URL", "/admin/page")]):
            r = stack.get(path, fields)
            assert r.status in (400, 403, 404) and b"inside" not in r.body, (path, fields, r.status, r.text)
    assert stack.get("/shop/x/admin/page", [("SCRIPT_NAME", "/x"), ("X-Script-Name", "/x")]).status == 404


def location(response, status=302):
    assert response.status == status, response.text
    return response.header("location")
