"""A store that Sentinel leads to: the primary is found and followed, without a restart, while traffic goes on."""
import re
import socket
import threading

import pytest

from kit.gateway import ROOT
from kit.process import wait_for
from kit.redis_groups import Pair, Sentinel, wait_copied
from kit.store_load import CONFIG, Load, counted_there


class Impostor:
    """Takes connections like a sentinel, and answers the question with these bytes."""

    def __init__(self, answer):
        self.answer, self.asked = answer, 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        with peer:
            while data := peer.recv(4096):
                if b"PING" in data:
                    peer.sendall(b"+PONG\r\n")
                if b"get-master-addr-by-name" in data:
                    self.asked += 1
                    peer.sendall(self.answer)

    def stop(self):
        self.socket.close()


@pytest.fixture
def watched(folder, free_port):
    """watched(server=password, sentinel=password): a pair and its sentinel."""
    made = []

    def make(server=None, sentinel=None):
        pair = Pair(folder / "pair", free_port, ["--requirepass", server, "--masterauth", server] if server else [])
        made.append(pair)
        more = [f"requirepass {sentinel}"] if sentinel else []
        more += [f"sentinel auth-pass mymaster {server}"] if server else []
        s = Sentinel(folder / "sentinel", free_port(), pair.first, "\n".join(more))
        made.append(s)
        return pair, s
    yield make
    for m in reversed(made):
        m.stop()


def take(g, n):
    return [g.get("/exact", [("x-key", "k")]).status for _ in range(n)]


def wait_followed(g, r):
    """Until both workers are there."""
    wait_for(lambda: g.log().count(f"the primary is {r.address}") >= 2, what="the workers at the primary")


def test_failover_under_load(gateway, watched, free_port):
    """By command, so that the old primary lives on as a replica. Passwords differ; the first sentinel is not there."""
    pair, s = watched(server="s3rver", sentinel="w4tcher")
    g = gateway(CONFIG, redis=f"redis+sentinel://:s3rver@127.0.0.1:{free_port()},{s.address}/mymaster",
                store="timeout: 1s, sentinel_password: w4tcher")
    assert take(g, 3) == [200] * 3
    assert pair.first.commands("evalsha") and not pair.second.commands("evalsha")
    with Load(g) as load:
        wait_copied(pair.first)
        s.failover(pair.second)
        wait_followed(g, pair.second)
        assert counted_there(g, pair.second)
        load.wait_more(50)
    load.check()
    assert take(g, 3) == [200, 200, 429], "what was taken before counts"
    log = g.log()
    assert "s3rver" not in log and "w4tcher" not in log


def test_primary_killed_under_load(gateway, watched):
    pair, s = watched()
    g = gateway(CONFIG, redis=f"redis+sentinel://{s.address}/mymaster/0", store="timeout: 1s")
    s.wait_ready()
    with Load(g) as load:
        wait_for(lambda: counted_there(g, pair.first), what="the limit at the first primary")
        pair.first.stop()
        wait_for(lambda: load.seen["deny"][-1][:2] == (503, "limit-store-down"), what="a request that cannot be counted")
        s.wait_primary(pair.second)
        wait_for(lambda: counted_there(g, pair.second), what="the limit at the new primary")
        load.wait_more(50)
    load.check()


def test_sentinels_gone(gateway, watched):
    """They are asked where to connect, and not needed while the connection is good."""
    pair, s = watched()
    g = gateway(CONFIG, redis=f"redis+sentinel://{s.address}/mymaster", store="timeout: 1s")
    assert take(g, 2) == [200] * 2
    wait_followed(g, pair.first)
    s.stop()
    assert take(g, 4) == [200] * 3 + [429]


@pytest.mark.parametrize("password", ["wrong", None])
def test_a_password_that_sentinel_refuses(gateway, watched, password):
    pair, s = watched(sentinel="w4tcher")
    g = gateway(CONFIG, redis=f"redis+sentinel://{s.address}/mymaster",
                store="timeout: 1s" + (f", sentinel_password: {password}" if password else ""))
    assert take(g, 2) == [503] * 2
    assert "w4tcher" not in g.log()


def test_answers_that_are_no_addresses(gateway, watched):
    """What a sentinel says is not believed without a look: the next one is asked."""
    pair, s = watched()
    answers = [b"*-1\r\n", b"$2\r\nno\r\n", b":7\r\n", b"-ERR no such thing\r\n", b"*1\r\n$9\r\n127.0.0.1\r\n",
               b"*2\r\n$9\r\n127.0.0.1\r\n$1\r\n0\r\n", b"*2\r\n$9\r\n127.0.0.1\r\n$5\r\n65536\r\n",
               b"*2\r\n$0\r\n\r\n$4\r\n6379\r\n", b"*2\r\n$3\r\na b\r\n$4\r\n6379\r\n", b"*2\r\n$9\r\n127.0.0.1\r\n*0\r\n",
               b"*2\r\n$300\r\n" + b"a" * 300 + b"\r\n$4\r\n6379\r\n", b"!\r\n",
               b"*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%d\r\n" % (len(str(pair.second.port)), pair.second.port)]  # a replica
    fakes = [Impostor(a) for a in answers]
    try:
        g = gateway(CONFIG, redis="redis+sentinel://" + ",".join(x.address for x in [*fakes, s]) + "/mymaster", store="timeout: 1s")
        wait_for(lambda: counted_there(g, pair.first), what="the primary that the last one names")
        assert all(f.asked for f in fakes)
        wait_followed(g, pair.first)
        assert take(g, 6) == [200] * 5 + [429]
    finally:
        for f in fakes:
            f.stop()


def test_the_example(gateway, watched, free_port):
    """conf/redis-sentinel.yaml, with a real pair behind it."""
    pair, s = watched()
    text = re.sub(r"\$\{SLUICE_SENTINELS:-[^}]*\}", s.address, (ROOT / "conf/redis-sentinel.yaml").read_text())
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)
    g = gateway(re.sub(r"127\.0\.0\.1:(8080|9180)", lambda _: f"127.0.0.1:{free_port()}", text))
    wait_followed(g, pair.first)
    assert g.get("/hello").status == 200
    assert pair.first.commands("evalsha") == 1
