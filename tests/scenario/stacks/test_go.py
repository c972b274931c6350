"""A Go program behind Sluice: conf/stacks/go.yaml, apps/go/main.go."""
import json
import os
import shutil

import pytest

from kit.applications import output
from kit.stacks import APPS, FILE, Cookies, check_download, check_guarded, check_upload, check_who, location

pytestmark = pytest.mark.skipif(not shutil.which("go"), reason="Go is not installed (Debian: golang-go)")


def build(folder):
    env = {**os.environ, "GOCACHE": str(folder.parent / "go-cache"), "GOFLAGS": "", "GO111MODULE": "off", "GOPROXY": "off"}
    output("go", "build", "-o", folder / "shop", APPS / "go/main.go", timeout=150, env=env)
    (folder / "file.bin").write_bytes(FILE)


def run(start, gateway):
    return start("go", ["{folder}/shop", "-listen", "127.0.0.1:{port}", "-file", "{folder}/file.bin", "-gateway", gateway], prepare=build)


@pytest.fixture(scope="module")
def shop(start):
    return run(start, "127.0.0.1")


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_who_asks(shop, scheme):
    said = check_who(shop, "/shop/who", scheme)
    assert said["fields"]["X-Forwarded-Prefix"] == ["/shop"]


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_redirects_and_cookies(shop, scheme):
    browser = Cookies()
    assert location(browser.take(shop.get("/shop/login", scheme=scheme))) == shop.url("/shop/home", scheme)
    assert browser.attributes["id"]["path"] == "/shop/"
    assert ("secure" in browser.attributes["id"]) is (scheme == "https")


def test_a_guarded_path(shop):
    check_guarded(shop, evades="/shop/admin%2Fpage")


def test_upload(shop):
    check_upload(shop, "/shop/upload")


def test_download(shop):
    check_download(shop, "/shop/file")


def test_a_program_that_does_not_know_its_gateway(start):
    """What goes wrong: it takes Sluice for the client, and leads to http and out of the prefix."""
    shop = run(start, "192.0.2.1")
    assert json.loads(shop.get("/shop/who").body)["ip"] == "127.0.0.1"
    assert location(shop.get("/shop/login")) == f"http://{shop.authority()}/home"
