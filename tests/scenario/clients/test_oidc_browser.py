"""Chromium logs in: a page behind oidc, a script of it, tokens that are renewed, and a logout."""
import json
import shutil

import pytest

from kit.origin import reply
from kit.process import Process, wait_for
from kit.provider import CLIENT, JWT, SECRET

PROGRAM = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium"))), None)
pytestmark = pytest.mark.skipif(not PROGRAM, reason="neither chromium-headless-shell nor chromium is installed")

CONFIG = """
listeners:
  - name: public
    address: "127.0.0.1:@public@"
    tls: { certificates: [{ certificate: "@cert@", private_key: "@key@" }] }
plugins:
  login:
    use: oidc
    issuer: "@issuer@"
    client_id: CLIENT
    client_secret: SECRET
    secret: "cookies are sealed with these 32 bytes, or more"
    scopes: [profile, "orders:read"]
    authorization_params: { resource: "RESOURCE" }
    forward_access_token: true
    claims_to_headers: { sub: X-User }
    login_path: /login
    logout_path: /logout
    post_logout_redirect_uri: /goodbye
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
routes:
  - { name: app, match: { path: /* }, plugins: [login], upstream: app }
  - name: goodbye
    match: { path: /goodbye }
    respond: { content_type: text/html, body: "<script>fetch('/api/after').then(r => fetch('/report?' + r.status + r.headers.get('www-authenticate').split(' ')[0]))</script>" }
  - { name: report, match: { path: /report }, respond: { status: 204 } }
""".replace("CLIENT", CLIENT).replace("SECRET", SECRET).replace("RESOURCE", JWT)
# The access token lives for three seconds, and is renewed when a quarter of that is left.
PAGE = b"""<!doctype html><script>
(async () => {
  const ask = path => fetch(path).then(r => r.json());
  const first = await ask('/api/1');
  await new Promise(done => setTimeout(done, 2400));
  const many = await Promise.all([...Array(8).keys()].map(i => ask('/api/' + i)));
  await fetch('/page-report', { method: 'POST', body: JSON.stringify({ first, many, cookies: document.cookie }) });
  location = '/logout';
})();
</script>"""


def test_a_person_logs_in_and_out(gateway, provider, origin, server_cert, folder):
    said = {}

    def app(peer, request):
        if request.target.startswith("/api/"):
            told = {"user": request.header("x-user"), "token": request.header("authorization"), "cookie": request.header("cookie")}
            return reply(200, json.dumps(told).encode(), {"Content-Type": "application/json"})(peer, request)
        if request.target == "/page-report":
            said.update(json.loads(request.body))
            return reply(204)(peer, request)
        return reply(200, PAGE, {"Content-Type": "text/html"})(peer, request)
    up, issuer = origin(app), provider(access_token_ttl=3, rotate_refresh_token=True, always_refresh=True)
    g = gateway(CONFIG, app=up.port, issuer=issuer.url, cert=server_cert.cert, key=server_cert.key)
    site = f"https://localhost:{g.port()}"
    issuer.add_client(redirect_uris=[f"{site}/oidc/callback"], post_logout_redirect_uris=[f"{site}/goodbye"])
    browser = Process([PROGRAM, *([] if "headless" in PROGRAM else ["--headless=new"]), "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                       "--ignore-certificate-errors", f"--user-data-dir={folder}/chromium", "--remote-debugging-port=0", f"{site}/shop/?a=1"],
                      folder, folder / "chromium.log")
    try:
        wait_for(lambda: any(line.get("path") == "/report" for line in g.access()) or not browser.running(), 50, lambda: f"the last page:\n{browser.output()}")
    finally:
        browser.kill()
    tokens = {r["token"] for r in said["many"]}
    assert {r["user"] for r in said["many"]} == {"alice"} and {r["cookie"] for r in said["many"]} == {None} and said["cookies"] == ""
    assert said["first"]["token"] not in tokens or len(tokens) == 2, "others may go on with the old token"
    refreshes = [r for r in issuer.requests("/token") if r["form"]["grant_type"] == "refresh_token"]
    assert len(refreshes) == 1, "one for eight requests on all workers"
    lines = g.access()
    assert next(line["query"] for line in lines if line.get("path") == "/report") == "401OIDC", "the session has ended"
    assert [line["path"] for line in lines if line["status"] == 303] == ["/oidc/callback", "/logout"]
