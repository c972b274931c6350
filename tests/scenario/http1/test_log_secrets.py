"""What the access log tells of requests that were refused: where they went, and no secret of them or of others."""
import json

import pytest

from kit.process import wait_for

CONFIG = """
log: {{ access: {{ path: "{log}", query: {query} }} }}
listeners:
  - {{ name: public, address: "127.0.0.1:@public@", protocols: [http/1.1, h2] }}
routes:
  - {{ name: all, match: {{ path: /* }}, respond: {{ body: ok }} }}
"""

SECRET = "sEcReT-0123456789"
TARGET = f"/x?access_token={SECRET}&a=1"
REFUSED = {
    "no-host": f"GET {TARGET} HTTP/1.1\r\n\r\n",
    "two-hosts": f"GET {TARGET} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "bad-field": f"GET {TARGET} HTTP/1.1\r\nHost: a\r\nBad Field: x\r\n\r\n",
    "two-lengths": f"POST {TARGET} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "bad-version": f"GET {TARGET} HTTP/3.1\r\nHost: a\r\n\r\n",
    "user": f"GET http://user:{SECRET}@a{TARGET} HTTP/1.1\r\nHost: a\r\n\r\n",
    "user-connect": f"CONNECT user:{SECRET}@a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "above-the-root": f"GET /../..{TARGET} HTTP/1.1\r\nHost: a\r\n\r\n",
    "bad-escape": f"GET /%zz{TARGET} HTTP/1.1\r\nHost: a\r\n\r\n",
    "fragment": f"GET /x#access_token={SECRET} HTTP/1.1\r\nHost: a\r\n\r\n",
    "stray-byte": f"GET /\x7f{TARGET} HTTP/1.1\r\nHost: a\r\n\r\n",
    "bare-lf": f"GET {TARGET} HTTP/1.1\nHost: a\n\n",
    "expect": f"POST {TARGET} HTTP/1.1\r\nHost: a\r\nExpect: x\r\nContent-Length: 1\r\n\r\n",
    "escaped-name": f"GET /../x?access%5Ftoken={SECRET} HTTP/1.1\r\nHost: a\r\n\r\n",
    "signed": f"GET /../x?X-Amz-Signature={SECRET}&X-Amz-Credential={SECRET}&sig={SECRET} HTTP/1.1\r\nHost: a\r\n\r\n",
    "too-long": f"GET /{'p' * 9000}{TARGET} HTTP/1.1\r\nHost: a\r\n\r\n",
}


@pytest.fixture
def logged(gateway, folder, raw):
    def start(query="keep"):
        log = folder / f"access-{query}.log"
        g = gateway(CONFIG.format(log=log, query=query))

        def line(request=None, ask=None, lines=1):
            if request:
                c = raw(g.port()).send(request.encode("latin-1"))
                assert 400 <= c.response().status <= 505
            else:
                ask(g)
            wait_for(lambda: log.exists() and len(log.read_text().splitlines()) >= lines)
            text = log.read_text()
            got = [json.loads(one) for one in text.splitlines()]
            return text, got[-1] if lines == 1 else got
        return line
    return start


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_request_is_logged_without_its_secrets(logged, name):
    text, line = logged()(REFUSED[name])
    assert SECRET not in text
    assert line["status"] >= 400 and line["reason"]
    assert line["path"], "an operator must find the URL"
    if "access_token" in REFUSED[name] and name not in ("too-long", "fragment"):
        assert line["query"] == "access_token=***&a=1"


@pytest.mark.parametrize("name", REFUSED)
def test_query_drop_holds_for_refused_requests(logged, name):
    text, line = logged("drop")(REFUSED[name])
    assert SECRET not in text and "query" not in line and "token" not in line["path"] and "token" not in text


def test_the_url_of_a_bad_target_is_found(logged):
    line = logged()("GET /a/../../b?x=1 HTTP/1.1\r\nHost: a\r\n\r\n")[1]
    assert (line["reason"], line["path"], line["query"], line["host"]) == ("bad-target", "/a/../../b", "x=1", "a")


@pytest.mark.parametrize("target", ["/../etc/passwd", "/abc/%zz/ddd", "/a/..;x/b", "/a/%00"])
@pytest.mark.parametrize("by", ["h1", "h2"])
def test_no_memory_of_other_requests_in_the_log(logged, raw, h2, target, by):
    """A refused target is shown as it came: what another request left in the gateway's memory is not."""
    line = logged()

    def ask(g):
        raw(g.port()).get("/fill", [("Authorization", f"Bearer {SECRET * 200}"), ("X-Fill", SECRET * 100)])
        if by == "h1":
            c = raw(g.port()).send(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            assert c.response().status == 400
        else:
            assert h2(g.port(), tls=False).request("GET", target).status == 400

    def both(g):
        for _ in range(5):
            ask(g)
    text, got = line(ask=both, lines=10)
    assert SECRET not in text
    assert {one["path"] for one in got} == {target, "/fill"}


def test_a_referer_is_logged_without_its_secrets(logged, raw):
    def ask(g):
        page = f"https://user:{SECRET}@a.test/cb?code={SECRET}&x=1"
        raw(g.port()).get("/x", [("Referer", page)])
    text, line = logged()(ask=ask)
    assert SECRET not in text and line["referer"] == "https://***@a.test/cb?code=***&x=1"


def test_http2_refusals_are_logged_without_secrets(logged, h2):
    def ask(g):
        c = h2(g.port(), tls=False)
        assert c.request("GET", f"/../x?access_token={SECRET}").status == 400
    text, line = logged()(ask=ask)
    assert SECRET not in text and (line["path"], line["query"]) == ("/../x", "access_token=***")
