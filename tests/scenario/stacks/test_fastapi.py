"""FastAPI on uvicorn behind Sluice: conf/stacks/fastapi.yaml, apps/fastapi/app.py."""
import importlib.util
import json
import sys

import pytest

from kit.stacks import APPS, CLIENT, FILE, Cookies, check_guarded, check_upload, check_who, location, talk

pytestmark = pytest.mark.skipif(not all(map(importlib.util.find_spec, ("fastapi", "uvicorn", "multipart"))),
                                reason="FastAPI or uvicorn is not installed (Debian: python3-fastapi, python3-uvicorn, python3-multipart)")


def run(start, *args):
    return start("fastapi", [sys.executable, "-m", "uvicorn", "--app-dir", APPS / "fastapi", "--host", "127.0.0.1", "--port", "{port}",
                             *args, "app:app"], env={"FILE": "{folder}/file.bin", "PYTHONDONTWRITEBYTECODE": "1"})


@pytest.fixture(scope="module")
def api(start):
    return run(start, "--proxy-headers", "--forwarded-allow-ips", "127.0.0.1", "--root-path", "/shop")


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_who_asks(api, scheme):
    check_who(api, "/shop/who", scheme)


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_redirects_and_cookies(api, scheme):
    assert location(api.get("/shop/items", scheme=scheme), 307) == api.url("/shop/items/", scheme)
    browser = Cookies()
    assert location(browser.take(api.get("/shop/login", scheme=scheme))) == api.url("/shop/items/", scheme)
    assert browser.attributes["id"]["path"] == "/shop/"
    assert ("secure" in browser.attributes["id"]) is (scheme == "https")


def test_its_documentation_finds_itself(api):
    assert "/shop/openapi.json" in api.get("/shop/docs").text
    assert json.loads(api.get("/shop/openapi.json").body)["servers"] == [{"url": "/shop"}]


def test_a_guarded_path(api):
    check_guarded(api, evades="/shop/admin%2Fpage")


def test_upload(api):
    check_upload(api, "/shop/upload")


def test_download(api):
    """This version has no ranges: it answers with all of it."""
    r = api.get("/shop/file", [("Range", "bytes=0-9")])
    assert r.body == {200: FILE, 206: FILE[:10]}[r.status]


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_socket(api, scheme):
    messages = ["one", "two" * 10_000]
    assert talk(api, "/shop/socket", *messages, hears_first=True, scheme=scheme) == [f"hello {CLIENT} by {scheme}", *messages]


def test_without_its_options(start):
    """What goes wrong: redirects lead to http and out of the prefix, and the client is Sluice."""
    api = run(start, "--no-proxy-headers")
    assert location(api.get("/shop/items"), 307) == f"http://{api.authority()}/items/"
    assert json.loads(api.get("/shop/who").body)["ip"] == "127.0.0.1"
