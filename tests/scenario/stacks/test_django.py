"""Django on gunicorn behind Sluice: conf/stacks/django.yaml, apps/django/."""
import importlib.util
import json
import re
import shutil
import urllib.parse

import pytest

from kit.stacks import APPS, FILE, Cookies, check_guarded, check_upload, check_who, location

pytestmark = pytest.mark.skipif(not shutil.which("gunicorn") or not importlib.util.find_spec("django"),
                                reason="Django or gunicorn is not installed (Debian: python3-django, gunicorn)")
FORM = ("Content-Type", "application/x-www-form-urlencoded")


def run(start, *args, **env):
    return start("django", ["gunicorn", "--chdir", APPS / "django", "--bind", "127.0.0.1:{port}", "--worker-class", "gthread",
                            "--threads", "8", "--keep-alive", "5", *args, "shop.wsgi"],
                 env={"FILE": "{folder}/file.bin", "PYTHONDONTWRITEBYTECODE": "1", **env})


@pytest.fixture(scope="module")
def django(start):
    return run(start)


def test_who_asks(django):
    said = check_who(django, "/shop/who")
    assert said["fields"]["SCRIPT_NAME"] == "/shop" and said["fields"]["PATH_INFO"] == "/who"


def test_http_leads_to_https(django):
    assert location(django.get("/shop/private?a=1", scheme="http"), 308) == django.url("/shop/private?a=1")


def test_a_host_that_is_not_ours(django):
    with django.connect() as c:
        assert c.get("/shop/who", host="127.0.0.1").status == 400, "ALLOWED_HOSTS sees the host that the client asked for"


def fill_in(django, browser, page, **fields):
    """The form of /shop/login/, as a browser sends it from a page."""
    token = re.search('value="([^"]+)"', browser.take(django.get("/shop/login/", browser.field())).text)[1]
    origin = re.match("https://[^/]+", page)[0]
    body = urllib.parse.urlencode({"csrfmiddlewaretoken": token, "user": "alice", **fields}).encode()
    return browser.take(django.request("POST", "/shop/login/", [FORM, ("Origin", origin), ("Referer", page), *browser.field()], body))


def test_a_form(django):
    browser = Cookies()
    assert location(django.get("/shop/private")) == django.url("/shop/login/?next=/shop/private")
    assert location(fill_in(django, browser, django.url("/shop/login/"))) == "/shop/private"
    assert {browser.attributes[c]["path"] for c in ("csrftoken", "sessionid")} == {"/shop"}
    assert all("secure" in a for a in browser.attributes.values())
    assert json.loads(django.get("/shop/private", browser.field()).body) == {"user": "alice"}


def test_forms_of_other_pages(django):
    assert fill_in(django, Cookies(), "https://forms.example/").status == 302, "CSRF_TRUSTED_ORIGINS"
    assert fill_in(django, Cookies(), "https://evil.example/").status == 403
    assert fill_in(django, Cookies(), django.url("/shop/login/"), csrfmiddlewaretoken="x" * 64).status == 403


def test_a_guarded_path(django):
    check_guarded(django, evades="/shop/admin%2Fpage")


def test_upload(django):
    check_upload(django, "/shop/upload")


def test_download(django):
    """Django has no ranges: it answers with all of it."""
    r = django.get("/shop/file", [("Range", "bytes=0-9")])
    assert r.status == 200 and r.body == FILE


def test_without_its_setting(start):
    """What goes wrong: Django takes https for http, and leads to https without end."""
    django = run(start, "--forwarded-allow-ips", "192.0.2.1", FORGET="1")
    assert location(django.get("/shop/who"), 301) == django.url("/shop/who")
