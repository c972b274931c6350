"""What `check` warns of, and the gateway at start and reload: no mistakes, and yet hardly what was meant."""
import re
import subprocess

import pytest

from kit.gateway import find_program


def check(path):
    program, plugins = find_program()
    return subprocess.run([program, "check", "-c", str(path), "--plugin-dir", plugins], capture_output=True, text=True, timeout=20,
                          check=False)


def warned(folder, text):
    """[(line, message)] of a configuration that is good all the same."""
    path = folder / "gateway.yaml"
    path.write_text(text)
    r = check(path)
    assert r.returncode == 0 and "good" in r.stdout and "error" not in r.stderr, r.stderr
    return [(int(line), text) for line, text in re.findall(r":(\d+):\d+: warning: (.*)", r.stderr)]


PLAIN = 'listeners: [{ name: http, address: "127.0.0.1:%d" }]\n'


def test_a_route_that_nothing_reaches_names_both_places(folder):
    found = warned(folder, PLAIN % 1 + """routes:
  - { name: api, match: { path: /api/* }, respond: { status: 200 } }
  - { name: files, match: { path: "regex:/api/.*[.]png" }, respond: { status: 200 } }
  - { name: all, match: {}, respond: { status: 200 } }
  - { name: good, match: { path: "regex:/[a-z]+" }, respond: { status: 200 } }
  - { name: bare, match: { path: "regex:v1/.*" }, respond: { status: 200 } }
""")
    assert [line for line, _ in found] == [4, 7]
    assert 'no request reaches route "files": route "api"' in found[0][1] and f"{folder}/gateway.yaml:3:5" in found[0][1]
    assert "must match the whole path, which begins with /" in found[1][1]


def test_a_route_meant_for_tls_that_a_plain_listener_serves(folder, server_cert):
    text = f"""listeners:
  - {{ name: http, address: "127.0.0.1:1" }}
  - {{ name: https, address: "127.0.0.1:2", tls: {{ certificates: [{{ certificate: "{server_cert.cert}", private_key: "{server_cert.key}" }}] }} }}
upstreams: {{ app: {{ servers: ["127.0.0.1:3"] }} }}
routes:
  - {{ name: redirect, match: {{ listener: http }}, respond: {{ status: 308, headers: {{ location: "https://app.test/" }} }} }}
  - {{ name: app, match: {{ host: app.test@ }}, upstream: app }}
"""
    found = warned(folder, text.replace("@", ""))
    assert [line for line, _ in found] == [7]
    assert 'route "app" is served without TLS on listener "http", ahead of route "redirect"' in found[0][1]
    assert f"{folder}/gateway.yaml:6:5" in found[0][1]
    assert warned(folder, text.replace("@", ", listener: https")) == []


@pytest.mark.parametrize("address, more, match, said", [
    ("0.0.0.0:1", "", "", True),
    ("0.0.0.0:1", ", plugins: [cors]", "", True),          # the listener with TLS has it too: no redirect
    ("127.0.0.1:1", "", "", False),
    ("0.0.0.0:1", "", ", listener: tls", False),
    ("0.0.0.0:1", "", ", listener: [plain, tls]", False),
    ("0.0.0.0:1", ", trusted_proxies: [10.0.0.0/8]", "", False),
    ("0.0.0.0:1", ", plugins: [{ use: redirect, scheme: https, hosts: \"*\" }]", "", False),
])
def test_credentials_in_clear_text(folder, server_cert, address, more, match, said):
    found = warned(folder, f"""listeners:
  - {{ name: plain, address: "{address}"{more} }}
  - {{ name: tls, address: "0.0.0.0:2", plugins: [cors], tls: {{ certificates: [{{ certificate: "{server_cert.cert}", private_key: "{server_cert.key}" }}] }} }}
plugins:
  cors: {{ use: cors, origins: ["https://app.test"] }}
  login: {{ use: key-auth, keys: [{{ name: a, sha256: "{64 * "0"}" }}] }}
upstreams: {{ app: {{ servers: ["127.0.0.1:3"] }} }}
routes:
  - {{ name: app, match: {{ path: /app{match} }}, plugins: [login], upstream: app }}
""")
    assert [line for line, _ in found] == ([2] if said else [])
    assert not said or ('listener "plain" is without TLS and reaches what listener "tls" is for: credentials that plugin instance "login" '
                        'reads for route "app" may come in clear text') in found[0][1]


def test_what_nothing_uses(folder):
    found = warned(folder, PLAIN % 1 + """upstreams:
  used: { servers: ["127.0.0.1:1"] }
  old: { servers: ["127.0.0.1:2"] }
stores: { here: { memory: 1MiB } }
plugins: { spare: { use: headers, request: { set: { a: b } } } }
routes: [{ name: r, match: { path: /a }, upstream: used }]
""")
    assert [(line, re.sub(r"^\S+ ", "", text)) for line, text in found] == [
        (4, 'no route and no plugin leads to upstream "old"'), (5, 'no plugin uses the store "here"'),
        (6, 'no route, listener or upstream uses the plugin instance "spare"')]


def test_port_443_without_tls_and_a_log_without_folder(folder):
    found = warned(folder, PLAIN % 443 + 'log: { access: "none/access.log" }\nroutes: [{ name: r, respond: { status: 200 } }]\n')
    assert [line for line, _ in found] == [1, 2]
    assert "without TLS on port 443" in found[0][1] and "none/ cannot be reached" in found[1][1]


def test_warnings_are_in_the_log_at_start_and_reload(gateway):
    text = """listeners:
  - { name: public, address: "127.0.0.1:@public@" }
upstreams:
  old: { servers: ["127.0.0.1:1"] }
routes:
  - { name: r, match: { path: /a }, respond: { status: 200 } }
"""
    g = gateway(text)
    assert g.log().count('warning: upstreams.old: no route and no plugin leads to upstream "old"') == 1
    g.reload(text + '  - { name: s, match: { path: /b }, respond: { status: 200 } }\n')
    assert g.log().count('warning: upstreams.old: no route and no plugin leads to upstream "old"') == 2
    assert g.get("/b").status == 200


@pytest.mark.parametrize("text,hint,others", [
    ('listeners: [{ name: a }]\nroutes: [{ name: r, respond: {} }]\n', None, 1),
    ('listeners: [{ name: a, address: "127.0.0.1:1", timeout: 5s }]\nroutes: [{ name: r, respond: {} }]\n', "did you mean timeouts?", 1),
    (PLAIN % 1 + "routes:\n  - name: r\n    match:\n      host: *.example.com\n    respond: {}\n", '"*.example.com"', 1),
    (PLAIN % 1 + 'stores: { s: { redis: "nonsense" } }\nplugins: { p: { use: rate-limit, rate: 1/s, by: ip, store: s } }\n'
     "routes: [{ name: r, plugins: [p], respond: {} }]\n", None, 1),
])
def test_hints_are_of_use(folder, text, hint, others):
    path = folder / "bad.yaml"
    path.write_text(text)
    r = check(path)
    assert r.returncode == 1 and r.stderr.count(" error: ") == others, r.stderr
    assert ": text" not in r.stderr and "[text]" not in r.stderr
    assert hint is None or any(hint in line for line in r.stderr.splitlines() if "hint:" in line), r.stderr


def test_one_is_one(folder):
    path = folder / "gateway.yaml"
    path.write_text(PLAIN % 1 + "routes: [{ name: r, respond: {} }]\n")
    assert "1 route, 0 upstreams, 1 listener, 0 plugin instances: good" in check(path).stdout


@pytest.mark.parametrize("option", ["--version", "-V", "version"])
def test_version_by_every_usual_name(option):
    program, _ = find_program()
    r = subprocess.run([program, option], capture_output=True, text=True, timeout=20, check=False)
    assert r.returncode == 0 and re.fullmatch(r"sluice \d+\.\d+\.\d+\S* \(plugin ABI \d+\)\n", r.stdout)
