"""WebSockets through the gateway, with a real library on both sides."""
import asyncio
import os
import signal
import threading

import pytest
import websockets

from kit.configs import proxy
from kit.process import wait_for

CONFIG = proxy(route=", upgrade: [websocket]", upstream="timeouts: { tunnel: 10s }")


class EchoServer:
    """Answers every message with itself, on a thread with a loop of its own."""

    def __init__(self):
        self.port, self.codes = 0, []
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        wait_for(lambda: self.port, what="the echo server")

    def _run(self):
        asyncio.set_event_loop(self.loop)

        async def serve():
            server = await websockets.serve(self._echo, "127.0.0.1", 0, max_size=None)
            self.port = server.sockets[0].getsockname()[1]
        self.loop.run_until_complete(serve())
        self.loop.run_forever()

    async def _echo(self, ws, _path=None):
        try:
            async for message in ws:
                await ws.send(message)
        finally:
            self.codes.append(ws.close_code)

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)


@pytest.fixture
def echo_server():
    s = EchoServer()
    yield s
    s.stop()


def test_thousands_of_frames(gateway, echo_server):
    g = gateway(CONFIG, app=echo_server.port)

    async def talk(n):
        async with websockets.connect(f"ws://127.0.0.1:{g.port()}/chat", max_size=None) as ws:
            for i in range(n):
                message = os.urandom((i * 37) % 3000) if i % 2 else "é" * ((i * 11) % 700)
                await ws.send(message)
                assert await ws.recv() == message
            big = os.urandom(1 << 20)
            await ws.send(big)
            assert await ws.recv() == big
            await (await ws.ping())
        assert ws.close_code == 1000

    async def all_of_them():
        await asyncio.gather(*(talk(500) for _ in range(4)))
    asyncio.run(all_of_them())
    wait_for(lambda: echo_server.codes == [1000] * 4, what="four orderly ends")
    assert [line["status"] for line in g.access(4)] == [101] * 4


def test_fragmented_messages(gateway, echo_server):
    g = gateway(CONFIG, app=echo_server.port)

    async def talk():
        async with websockets.connect(f"ws://127.0.0.1:{g.port()}/") as ws:
            async def parts():
                for i in range(50):
                    yield f"part {i} "
            await ws.send(parts())
            assert await ws.recv() == "".join(f"part {i} " for i in range(50))
    asyncio.run(talk())


def test_a_stopping_gateway_says_goodbye(gateway, echo_server):
    g = gateway(CONFIG, app=echo_server.port)

    async def talk():
        async with websockets.connect(f"ws://127.0.0.1:{g.port()}/") as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"
            g.signal(signal.SIGTERM)
            with pytest.raises(websockets.ConnectionClosed) as end:
                await ws.recv()
            assert end.value.rcvd.code == 1001, "going away"
    asyncio.run(talk())
    wait_for(lambda: echo_server.codes == [1001], what="the upstream heard it too")
    g.stop()
