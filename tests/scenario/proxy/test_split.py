"""A route with several upstreams: who goes where, and what is told of it."""
import hashlib
import json
import subprocess

from kit.gateway import find_program
from kit.origin import reply

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
upstreams:
  stable: { servers: ["127.0.0.1:@stable@"] }
  canary: { servers: ["127.0.0.1:@canary@"] }
routes:
  - name: app
    match: { path: /* }
    split: { by: cookie:sid, to: { stable: STABLE, canary: CANARY } }
  - name: random
    match: { path: /random }
    split: { to: { stable: 1, canary: 1 } }
"""


def config(stable, canary):
    return CONFIG.replace("STABLE", str(stable)).replace("CANARY", str(canary))


def where(g, users):
    """Who of them goes to the canary, each asked on a connection of its own."""
    out = set()
    for user in users:
        r = g.get("/", [("Cookie", f"sid={user}")])
        assert r.status == 200
        if r.text == "canary":
            out.add(user)
    return out


def test_users_stay_and_a_change_of_weights_moves_few(gateway, origin):
    ports = {"stable": origin(reply(200, b"stable")).port, "canary": origin(reply(200, b"canary")).port}
    users = range(60)
    g = gateway(config(70, 30), **ports)
    first = where(g, users)
    assert 5 < len(first) < 35
    assert where(g, users) == first, "whatever the worker"
    assert where(gateway(config(70, 30), **ports), users) == first, "whatever the process"
    g.reload(config(70, 60))
    second = where(g, users)
    assert first < second, "nobody is moved back"
    g.reload(config(1, 0))
    assert where(g, users) == set()
    g.reload(config(0, 1))
    assert where(g, users) == set(users)


def test_what_is_told(gateway, origin):
    ports = {"stable": origin(reply(200, b"stable")).port, "canary": origin(reply(200, b"canary")).port}
    g = gateway(config(95, 5), **ports)
    told = [g.get("/random").text for _ in range(24)]
    assert {"stable", "canary"} == set(told)
    assert sorted(line["upstream"] for line in g.access(24)) == sorted(told)
    metrics = g.metrics()
    for name in ("stable", "canary"):
        assert metrics[f'sluice_upstream_requests_total{{upstream="{name}",status="2xx"}}'] == told.count(name)
    program, plugins = find_program()

    def explain(*args):
        return subprocess.run([program, "explain", "-c", g.config_path, "--plugin-dir", plugins, *args, "GET", f"http://a:{g.port()}/"],
                              capture_output=True, text=True, check=True).stdout
    text = explain()
    assert "split      stable weight 95, 95.00 % of the requests, by cookie:sid\n" in text
    assert "           canary weight 5, 5.00 % of the requests, by cookie:sid\n" in text
    shares = json.loads(explain("--json"))["split"]
    assert [(s["upstream"]["name"], s["weight"], float(s["percent"])) for s in shares] == [("stable", 95, 95), ("canary", 5, 5)]
    assert "warning" not in subprocess.run([program, "check", "-c", g.config_path, "--plugin-dir", plugins], capture_output=True, text=True,
                                           check=True).stderr


def test_by_what_a_plugin_of_the_route_finds_out(gateway, origin):
    """The consumer is known when the route's plugins have run."""
    ports = {"stable": origin(reply(200, b"stable")).port, "canary": origin(reply(200, b"canary")).port}
    users = [f"user{i}" for i in range(12)]
    keys = ", ".join(f"{{ name: {u}, sha256: {hashlib.sha256(u.encode()).hexdigest()} }}" for u in users)
    g = gateway(config(1, 1).replace("by: cookie:sid", "by: consumer").replace("    split: { by", f"""    plugins: [{{ use: key-auth, keys: [{keys}] }}]
    split: {{ by"""), **ports)
    first = [g.get("/", [("X-API-Key", u)]).text for u in users]
    assert set(first) == {"stable", "canary"}
    assert [g.get("/", [("X-API-Key", u)]).text for u in users] == first
    assert g.get("/", [("X-API-Key", "nobody")]).status == 401
    refused = next(line for line in g.access(25) if line["status"] == 401)
    assert not refused.get("upstream"), "none was chosen"
