"""Clients that stay with a server by a cookie."""
import re
from collections import Counter

import pytest

from kit.configs import proxy
from kit.origin import reply

ONE_WORKER = "runtime: { workers: 1, shutdown_grace: 1s }\n"
KEY = "key: 0123456789abcdef0123456789abcdef"


def named(origin, *names):
    return {n: origin(reply(200, n.encode())) for n in names}


def start(gateway, ups, sticky=f"cookie: lb, {KEY}", more="", servers=None, **options):
    text = proxy(upstream=f"sticky: {{ {sticky} }}{more}", servers=servers or [f"@{n}@" for n in ups], **options)
    return gateway(text + ONE_WORKER, **{n: u.port for n, u in ups.items()})


def cookie(response):
    """NAME=VALUE of what it sets; None: nothing."""
    set_cookie = response.header("set-cookie")
    return set_cookie.split(";")[0] if set_cookie else None


def test_a_client_stays(gateway, origin):
    g = start(gateway, named(origin, "a", "b", "c"))
    served = Counter()
    for _ in range(6):
        first = g.get()
        mine = cookie(first)
        for _ in range(4):
            again = g.get(headers={"Cookie": f"x=1; {mine}; y=2"})
            assert again.text == first.text and cookie(again) is None
        served[first.text] += 1
    assert served == {"a": 2, "b": 2, "c": 2}, "those without a cookie are balanced"


def test_what_the_cookie_says(gateway, origin):
    g = start(gateway, named(origin, "a"))
    assert re.fullmatch(r"lb=[\w-]{22}; Path=/; Secure; HttpOnly; SameSite=Lax", g.get().header("set-cookie"))
    g = start(gateway, named(origin, "a"), f"cookie: __Host-s, {KEY}, same_site: none, ttl: 90m, http_only: false")
    assert re.fullmatch(r"__Host-s=[\w-]{22}; Path=/; Max-Age=5400; Secure; SameSite=None", g.get().header("set-cookie"))


def test_servers_do_not_see_it(gateway, origin):
    ups = named(origin, "a")
    g = start(gateway, ups)
    mine = cookie(g.get())
    for sent, seen in ((f"{mine}", None), (f"x=1; {mine}; y=2", "x=1; y=2"), (f"x=1;{mine};y=2", "x=1; y=2"),
                       (f"lb=forged; {mine}", None), ("xlb=1; lbx=2", "xlb=1; lbx=2")):
        g.get(headers={"Cookie": sent})
        assert ups["a"].requests[-1].fields.get("cookie") == seen


@pytest.mark.parametrize("forged", ["", "x", "A" * 22, "A" * 23, "127.0.0.1", "*" * 22])
def test_what_is_forged_is_ignored(gateway, origin, forged):
    g = start(gateway, named(origin, "a", "b"))
    answers = [g.get(headers={"Cookie": f"lb={forged}"}) for _ in range(4)]
    assert {r.text for r in answers} == {"a", "b"} and all(cookie(r) for r in answers)


def test_a_server_that_is_gone_has_a_successor(gateway, origin):
    ups = named(origin, "a", "b")
    g = start(gateway, ups)
    first = g.get()
    ups[first.text].stop()
    moved = g.get(headers={"Cookie": cookie(first)})
    assert moved.status == 200 and moved.text != first.text and cookie(moved)
    assert g.get(headers={"Cookie": cookie(moved)}).text == moved.text


def test_weight_0_keeps_who_is_there(gateway, origin):
    ups = named(origin, "a", "b")
    g = start(gateway, ups)
    first = {r.text: cookie(r) for r in (g.get(), g.get())}
    text = proxy(upstream=f"sticky: {{ cookie: lb, {KEY} }}",
                 servers=['{ address: "127.0.0.1:@a@", weight: 0 }', "@b@"]) + ONE_WORKER
    g.reload(text)
    assert g.get(headers={"Cookie": first["a"]}).text == "a"
    assert {g.get().text for _ in range(4)} == {"b"}, "nobody new"


def test_gateways_with_one_key_agree_and_keys_rotate(gateway, origin):
    ups = named(origin, "a", "b", "c")
    one = start(gateway, ups)
    first = one.get()
    two = start(gateway, ups, servers=["@c@", "@b@", "@a@"])
    assert all(two.get(headers={"Cookie": cookie(first)}).text == first.text for _ in range(3))
    new = "another-key-of-32-bytes-or-so"
    rotated = start(gateway, ups, f"cookie: lb, key: [{new}, 0123456789abcdef0123456789abcdef]")
    again = rotated.get(headers={"Cookie": cookie(first)})
    assert again.text == first.text and cookie(again) != cookie(first), "it gets one of the new key"
    later = start(gateway, ups, f"cookie: lb, key: {new}")
    assert all(later.get(headers={"Cookie": cookie(again)}).text == first.text for _ in range(3))


def test_a_key_from_a_file(gateway, origin):
    ups = named(origin, "a", "b")
    text = proxy(upstream='sticky: { cookie: lb, key: "file:lb.key" }', servers=["@a@", "@b@"]) + ONE_WORKER
    g = gateway(text, files={"lb.key": "0123456789abcdef0123456789abcdef\n"}, a=ups["a"].port, b=ups["b"].port)
    first = g.get()
    other = start(gateway, ups)
    assert all(other.get(headers={"Cookie": cookie(first)}).text == first.text for _ in range(3))


def test_over_http2(gateway, origin, h2):
    ups = named(origin, "a", "b")
    g = start(gateway, ups, listener="protocols: [h2, http/1.1]")
    client = h2(g.port(), tls=False)
    first = client.get("/")
    mine = cookie(first)
    for _ in range(4):
        again = client.get("/", headers=[("cookie", "x=1"), ("cookie", mine)])
        assert again.body == first.body and cookie(again) is None
    assert ups[first.body.decode()].requests[-1].fields.get("cookie") == "x=1"


def test_the_cache_keeps_no_cookie(gateway, origin):
    ups = {"a": origin(reply(200, b"page", [("Cache-Control", "max-age=60")]))}
    g = start(gateway, ups, plugins="{ use: cache, memory: 8MiB }")
    assert cookie(g.get()), "the first is served by a server"
    second = g.get()
    assert second.text == "page" and cookie(second) is None, "a hit has no server"
    assert len(ups["a"].requests) == 1
