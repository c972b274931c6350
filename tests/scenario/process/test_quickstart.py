"""The two configurations that show the whole, with what they promise."""
import re
import shutil
import subprocess

import pytest

from kit.client import tls_context
from kit.gateway import ROOT, find_program
from kit.ports import free_port


def mint(*args):
    program, _ = find_program()
    return subprocess.run([program, "token", "mint", "--key", ROOT / "conf/demo/key.pem", "--sub", "alice", *args], capture_output=True,
                          text=True, check=True).stdout.strip()


def bearer(*args):
    return [("Authorization", "Bearer " + mint(*args))]


def start(gateway, folder, name, redis="127.0.0.1:6379"):
    """As it stands, with ports of its own, and where Redis is asked."""
    shutil.copytree(ROOT / "conf/demo", folder / "gateway1/demo")
    ports = {"6379": redis.rpartition(":")[2]}
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (ROOT / "conf" / name).read_text())
    text = re.sub(r"(127\.0\.0\.1|localhost):(\d+)", lambda m: f"{m[1]}:{ports.setdefault(m[2], free_port())}", text)
    return gateway(text)


@pytest.mark.smoke
def test_quickstart(gateway, folder):
    g = start(gateway, folder, "quickstart.yaml")
    assert g.get("/hello").body == b"hello\n"
    r = g.get("/api/orders/1")
    assert r.status == 401 and r.header("WWW-Authenticate").startswith("Bearer")
    assert g.get("/api/orders/1", bearer("--scope", "profile:read")).status == 403
    token = bearer("--scope", "orders:read")
    assert g.get("/api/orders/1", token).text == '{"order": 1, "state": "shipped"}\n'
    assert g.request("DELETE", "/api/orders/1", token).status == 405
    answers = [g.get("/api/limited", token) for _ in range(6)]
    assert [r.status for r in answers] == [200] * 5 + [429]
    assert int(answers[-1].header("Retry-After")) > 0


def orders(g, token, tls=None, n=1):
    with g.connect("public_tls" if tls else None, **({"tls": tls} if tls else {})) as c:
        return [c.get("/v1/orders/7", token).status for _ in range(n)]


def edge(gateway, folder, where):
    g = start(gateway, folder, "edge.yaml", where)
    plain, over_tls = g.listeners()[:2]
    g.values["public_tls"] = over_tls
    assert plain != over_tls
    return g


def test_edge(gateway, folder, redis):
    store = redis()
    g = edge(gateway, folder, store.address)
    context = tls_context()
    token = bearer("--scope", "orders:read")
    assert g.get("/hello").body == b"hello\n"
    assert orders(g, token) == [200] and orders(g, token, context) == [200]
    assert orders(g, []) == [401]
    with g.connect("public_tls", tls=context) as c:
        assert c.sock.version() == "TLSv1.3" and c.get("/hello").status == 200
    statuses = orders(g, token, n=30)
    assert 429 in statuses, "a burst of 20"
    assert store.client.dbsize() >= 1, "counted in Redis"


def test_edge_without_its_redis(gateway, folder):
    g = edge(gateway, folder, f"127.0.0.1:{free_port()}")
    token = bearer("--scope", "orders:read")
    assert orders(g, token, n=5) == [200] * 5, "each gateway counts by itself"
    assert 429 in orders(g, token, n=30)


def test_edge_loses_its_redis(gateway, folder, redis):
    store = redis()
    g = edge(gateway, folder, store.address)
    token = bearer("--scope", "orders:read")
    assert orders(g, token, n=3) == [200] * 3
    store.stop()
    statuses = [s for _ in range(3) for s in orders(g, token)]
    assert set(statuses) <= {200, 429}, "no error for the client"
    store.start()
    assert set(orders(g, token)) <= {200, 429}
