"""WebSockets through the gateway with a real library on both sides: where a side speaks HTTP/1.1 it is websockets, on its own
sockets; where it speaks HTTP/2, wsproto on a stream."""
import asyncio
import os
import signal
import threading

import pytest
import websockets

from kit.configs import proxy
from kit.origin import reply
from kit.process import wait_for
from kit.tunnels import LISTENER, PAIRS, Guest1, Guest2, talking, upstream_speaks
from kit.websocket import Socket, echo


class EchoServer:
    """Answers every message with itself, on a thread with a loop of its own."""

    def __init__(self):
        self.port, self.codes, self.server = 0, [], None
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        wait_for(lambda: self.port, what="the echo server")

    def _run(self):
        asyncio.set_event_loop(self.loop)

        async def serve():
            self.server = await websockets.serve(self._echo, "127.0.0.1", 0, max_size=None, close_timeout=2)
            self.port = self.server.sockets[0].getsockname()[1]
        self.loop.run_until_complete(serve())
        self.loop.run_forever()

    async def _echo(self, ws, _path=None):
        try:
            async for message in ws:
                await ws.send(message)
        finally:
            self.codes.append(ws.close_code)

    def stop(self):
        async def close():
            self.server.close()
            await self.server.wait_closed()
        asyncio.run_coroutine_threadsafe(close(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)


class EchoServer2:
    """The same on an origin of HTTP/2."""

    def __init__(self, h2_origin):
        self.logs = []
        self.port = h2_origin(talking(echo(self.logs)), connect=True).port

    @property
    def codes(self):
        return [log.code for log in self.logs if log.over]

    def stop(self):
        pass


@pytest.fixture(params=PAIRS)
def pair(request):
    return request.param


@pytest.fixture
def echo_server(pair, h2_origin):
    s = EchoServer2(h2_origin) if pair.endswith("h2") else EchoServer()
    yield s
    s.stop()


@pytest.fixture
def port(pair, gateway, echo_server):
    """A gateway before the echo server; port.gateway is it."""
    config = proxy(LISTENER, upstream_speaks(pair, "timeouts: { tunnel: 10s }"), route=", upgrade: [websocket]")
    return gateway(config, app=echo_server.port)


def messages(n):
    return [os.urandom((i * 37) % 3000) if i % 2 else "é" * ((i * 11) % 700) for i in range(n)]


async def talk(port, n):
    async with websockets.connect(f"ws://127.0.0.1:{port}/chat", max_size=None) as ws:
        for message in [*messages(n), os.urandom(1 << 20)]:
            await ws.send(message)
            assert await ws.recv() == message
        await (await ws.ping())
    assert ws.close_code == 1000


def talk2(port, n):
    s = Socket(Guest2(port, "/chat", "websocket"))
    for message in [*messages(n), os.urandom(1 << 20)]:
        s.send(message)
        assert s.recv() == message
    s.ping()
    s.close()
    assert s.code == 1000 and s.pongs == 1


def test_thousands_of_frames(pair, port, echo_server):
    async def all_of_them():
        await asyncio.gather(*(talk(port.port(), 400) for _ in range(4)))
    if pair.startswith("h2"):
        for _ in range(4):
            talk2(port.port(), 200)
    else:
        asyncio.run(all_of_them())
    wait_for(lambda: echo_server.codes == [1000] * 4, what="four orderly ends")
    lines = port.access(4)
    assert [line["status"] for line in lines] == [101] * 4 and not any("reason" in line for line in lines)


def test_fragmented_messages(pair, port):
    parts = [f"part {i} " for i in range(50)]

    async def one():
        async def pieces():
            for part in parts:
                yield part
        async with websockets.connect(f"ws://127.0.0.1:{port.port()}/") as ws:
            await ws.send(pieces())
            return await ws.recv()
    if pair.startswith("h2"):
        s = Socket(Guest2(port.port(), protocol="websocket"))
        s.send(*parts)
        got = s.recv()
        s.close()
    else:
        got = asyncio.run(one())
    assert got == "".join(parts)


def test_a_stopping_gateway_says_goodbye(pair, port, echo_server):
    async def one():
        async with websockets.connect(f"ws://127.0.0.1:{port.port()}/") as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"
            port.signal(signal.SIGTERM)
            with pytest.raises(websockets.ConnectionClosed) as end:
                await ws.recv()
            return end.value.rcvd.code
    if pair.startswith("h2"):
        s = Socket(Guest2(port.port(), protocol="websocket"))
        s.send("hello")
        assert s.recv() == "hello"
        port.signal(signal.SIGTERM)
        while s.code is None:
            assert s.pump(), "the end without goodbye"
        code = s.code
        assert s.guest.h2.goaway is not None
        s.guest.shutdown()
        s.guest.assert_closed()
    else:
        code = asyncio.run(one())
    assert code == 1001, "going away"
    wait_for(lambda: echo_server.codes == [1001], what="the upstream heard it too")
    port.stop()


@pytest.mark.parametrize("guest", [Guest1, Guest2])
def test_a_route_that_lacks_it_is_named(gateway, origin, guest):
    up = origin(reply(404, b""))
    g = gateway(proxy(listener="protocols: [h2, http/1.1]"), app=up.port)
    for _ in range(2):
        assert guest(g.port(), "/t", "websocket").response.status in (404, 501)
    line = next(n for n, text in enumerate(g.config_path.read_text().splitlines(), 1) if "name: all" in text)
    g.wait_log(rf'route "all" does not let through: to allow it, add upgrade: \[websocket\] to the route at \S+sluice.yaml:{line}')
    assert [entry["detail"] for entry in g.access(2)] == ["the route lacks upgrade: [websocket]"] * 2
    assert g.log().count("asked for a WebSocket") == 1
