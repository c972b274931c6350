"""Tomcat behind Sluice, as Spring Boot embeds it: conf/stacks/tomcat.yaml, apps/tomcat/."""
import shutil
from pathlib import Path

import pytest

from kit.applications import output
from kit.process import wait_for
from kit.stacks import APPS, CLIENT, FILE, Cookies, check_download, check_guarded, check_upload, check_who, location, talk, upload

HOME = Path("/usr/share/tomcat10")
THERE = (HOME / "bin/catalina.sh").is_file() and shutil.which("java") and shutil.which("ecj")
pytestmark = pytest.mark.skipif(not THERE, reason="Tomcat, Java or its compiler is not installed "
                                "(Debian: tomcat10-common, default-jre-headless, ecj)")


def prepare(folder):
    """A CATALINA_BASE, in which the shop is an unpacked application."""
    for place in ("conf", "logs", "temp", "webapps/shop/WEB-INF/classes"):
        (folder / place).mkdir(parents=True)
    for name in ("server.xml", "web.xml", "context.xml"):
        shutil.copy(APPS / "tomcat" / name, folder / "conf")
    jars = ":".join(map(str, (HOME / "lib").glob("*-api.jar")))
    output("ecj", "-17", "-proc:none", "-d", folder / "webapps/shop/WEB-INF/classes", "-cp", jars, APPS / "tomcat/Shop.java", timeout=90)
    (folder / "webapps/shop/file.bin").write_bytes(FILE)


@pytest.fixture(scope="module")
def tomcat(start):
    options = "-Xmx128m -XX:TieredStopAtLevel=1 -Dhttp.port={port}"
    return start("tomcat", [HOME / "bin/catalina.sh", "run"], prepare=prepare, ready="Server startup in",
                 env={"CATALINA_HOME": str(HOME), "CATALINA_BASE": "{folder}", "CATALINA_OPTS": options})


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_who_asks(tomcat, scheme):
    said = check_who(tomcat, "/shop/who", scheme)
    assert said["secure"] is (scheme == "https")


def test_its_access_log_has_the_client(tomcat):
    tomcat.get("/shop/home?log")
    log = tomcat.application / "logs/access.log"
    wait_for(lambda: f"{CLIENT} 200 GET /shop/home?log HTTP/1.1\n" in log.read_text(), what=lambda: log.read_text())


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_redirects_and_cookies(tomcat, scheme):
    browser = Cookies()
    assert location(browser.take(tomcat.get("/shop/login", scheme=scheme))) == "home", "Tomcat's redirects are relative"
    assert browser.attributes["JSESSIONID"]["path"] == "/shop"
    assert ("secure" in browser.attributes["JSESSIONID"]) is (scheme == "https")
    session = browser["JSESSIONID"]
    assert tomcat.get("/shop/home", browser.field(), scheme).text == f"{session} true"
    assert tomcat.get("/shop/absolute", scheme=scheme).header("location") == tomcat.url("/shop/home", scheme)
    assert location(tomcat.get("/shop", scheme=scheme)) == "/shop/"


def test_a_guarded_path(tomcat):
    check_guarded(tomcat, evades="/shop/admin;a=1/page", option="path_parameters")


def test_upload(tomcat):
    check_upload(tomcat, "/shop/upload")


def test_an_upload_above_its_bound(tomcat):
    """Tomcat answers, reads 2 MiB more (maxSwallowSize) and closes: the client gets the answer."""
    r, _, _ = upload(tomcat, "/shop/upload", 24 << 20)
    assert r.status == 413, r.text


def test_download(tomcat):
    check_download(tomcat, "/shop/file.bin")


def test_socket(tomcat):
    assert talk(tomcat, "/shop/socket", "one", b"\0" * 5000) == ["one", b"\0" * 5000]
