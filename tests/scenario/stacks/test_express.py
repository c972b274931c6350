"""Express behind Sluice: conf/stacks/express.yaml, apps/express/app.js."""
import hashlib
import json
import shutil
from pathlib import Path

import pytest

from kit.stacks import APPS, CLIENT, Cookies, check_download, check_guarded, check_who, location, talk, upload

MODULES = Path("/usr/share/nodejs")
pytestmark = pytest.mark.skipif(not shutil.which("node") or not all((MODULES / m).is_dir() for m in ("express", "ws")),
                                reason="node with express and ws is not installed (Debian: node-express, node-ws)")


def run(start, **env):
    return start("express", ["node", APPS / "express/app.js"],
                 env={"PORT": "{port}", "FILE": "{folder}/file.bin", "NODE_PATH": str(MODULES), **env})


@pytest.fixture(scope="module")
def express(start):
    return run(start)


def test_who_asks(express):
    said = check_who(express, "/shop/who", known="/who")
    assert said["hostname"] == "localhost"


def test_http_leads_to_https(express):
    r = express.get("/shop/login?a=1", scheme="http")
    assert location(r, 308) == express.url("/shop/login?a=1")


def test_redirects_and_cookies_get_the_prefix(express):
    browser = Cookies()
    assert location(browser.take(express.get("/shop/login"))) == "/shop/home"
    assert browser.attributes["id"] == {"path": "/shop", "httponly": "", "secure": "", "samesite": "Lax"}
    assert json.loads(express.get("/shop/home", browser.field()).body) == {"cookie": "id=alice"}
    assert location(express.get("/shop/absolute")) == express.url("/shop/home")


def test_a_guarded_path(express):
    check_guarded(express)


def test_upload(express):
    r, body, _ = upload(express, "/shop/upload")
    said = {"type": "multipart/form-data; boundary=mark", "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    assert json.loads(r.body) == said


def test_download(express):
    check_download(express, "/shop/file")


def test_socket(express):
    assert talk(express, "/shop/socket", "one", b"\0" * 100_000, hears_first=True) == [f"hello {CLIENT} by https", "one", b"\0" * 100_000]


def test_without_its_settings(start):
    """What goes wrong: the shop takes Sluice for its client, and https for http; cookies are not Secure, and a path has other spellings."""
    express = run(start, FORGET="1")
    said = json.loads(express.get("/shop/who").body)
    assert (said["ip"], said["scheme"]) == ("127.0.0.1", "http")
    browser = Cookies()
    browser.take(express.get("/shop/login"))
    assert "secure" not in browser.attributes["id"]
    assert express.get("/shop/ADMIN/page").text == "for the inside"
