"""A gRPC service behind Sluice: conf/stacks/grpc.yaml, apps/grpc/app.py; the client is the real library, too."""
import hashlib
import json
import queue
import sys

import pytest

from kit.calls import Channel, grpc
from kit.gateway import ROOT
from kit.stacks import APPS, EVIL

FORGED = (("x-forwarded-for", "192.0.2.66"), ("x-forwarded-proto", "gopher"), ("x-forwarded-host", "evil.example"),
          ("x-real-ip", "192.0.2.66"), ("forwarded", "for=192.0.2.66"), ("x-forwarded-client-cert", "By=evil"))


@pytest.fixture(scope="module")
def orders(start):
    return start("grpc", [sys.executable, APPS / "grpc/app.py", "{port}"])


@pytest.fixture
def channel(orders):
    c = Channel(orders.ports["https"], ca=ROOT / "conf/demo/tls.crt")
    yield c
    c.close()


def call(name):
    return f"/shop.v1.Orders/{name}"


def test_who_calls(channel):
    said = json.loads(channel.unary(call("Who"), metadata=FORGED, timeout=10))
    assert (said["ip"], said["scheme"]) == ("127.0.0.1", "https") and said["peer"].startswith("ipv4:127.0.0.1:")
    assert said["fields"]["x-forwarded-host"] == "localhost"
    assert not EVIL.search(json.dumps(said)) and 5 < said["left"] <= 10


def test_a_call_without_a_deadline_gets_that_of_the_route(channel):
    assert 10 < json.loads(channel.unary(call("Who"), timeout=None))["left"] <= 30


def test_upload(channel):
    parts = [bytes([i]) * 100_000 for i in range(50)]
    said = json.loads(channel.collect(call("Upload"), iter(parts)))
    assert said == {"size": 5_000_000, "sha256": hashlib.sha256(b"".join(parts)).hexdigest()}


def test_download(channel):
    parts = list(channel.split(call("Download"), b"80"))
    assert parts == [bytes([i]) * 65536 for i in range(80)]


def test_both_ways_at_once(channel):
    say = queue.Queue()
    heard = channel.chat(call("Watch"), iter(say.get, None))
    for message in (b"one", b"two"):
        say.put(message)
        assert next(heard) == message, "before the next is said"
    say.put(None)
    assert not list(heard)


def test_refusals_arrive(channel):
    with pytest.raises(grpc.RpcError) as e:
        channel.unary(call("Refuse"))
    assert (e.value.code(), e.value.details()) == (grpc.StatusCode.FAILED_PRECONDITION, "sold out")
    assert ("x-why", "sold out") in [(m.key, m.value) for m in e.value.trailing_metadata()]
    with pytest.raises(grpc.RpcError) as e:
        channel.unary("/shop.v1.Others/Get")
    assert e.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_without_h2c(orders):
    """What goes wrong: Sluice asks by HTTP/1.1, which the service does not speak."""
    with orders.changed("protocol: h2c ", "protocol: http/1.1 "):
        c = Channel(orders.ports["https"], ca=ROOT / "conf/demo/tls.crt")
        with pytest.raises(grpc.RpcError) as e:
            c.unary(call("Who"))
        c.close()
        assert e.value.code() == grpc.StatusCode.UNAVAILABLE
