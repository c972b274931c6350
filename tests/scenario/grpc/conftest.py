"""Fixtures for gRPC: a server and a channel of the real library, and a gateway between them by any of the four ways."""
import pytest

from kit.calls import Channel, Process, Server, grpc
from kit.configs import proxy


@pytest.fixture
def server():
    """server(credentials=None): a server of kit.calls."""
    started = []

    def start(**kw):
        s = Server(**kw)
        started.append(s)
        return s
    yield start
    for s in started:
        s.stop()


@pytest.fixture
def mortal_server():
    """One in a process of its own, to be killed."""
    s = Process()
    yield s
    if s.proc.poll() is None:
        s.kill()


@pytest.fixture
def channel():
    """channel(port, ca=None): calls to that port of this machine."""
    opened = []

    def connect(port, **kw):
        c = Channel(port, **kw)
        opened.append(c)
        return c
    yield connect
    for c in opened:
        c.close()


@pytest.fixture
def called(gateway, server, channel, server_cert):
    """called(clients="tls", protocol="h2", listener="...", upstream="...", route=", ..."): (gateway, server, channel), with a
    route for everything, a listener for HTTP/2 alone, and an upstream of that protocol."""
    def start(clients="h2c", protocol="h2c", up=None, listener="", upstream="", config="", plugins="", route="", **kw):
        cert, credentials = server_cert, None
        listener = "protocols: [h2]" + (", " + listener if listener else "")
        upstream = f"protocol: {protocol}" + (", " + upstream if upstream else "")
        if clients == "tls":
            listener += f', tls: {{ certificates: [{{ certificate: "{cert.cert}", private_key: "{cert.key}" }}] }}'
        if protocol == "h2":
            upstream += f", tls: {{ ca: {cert.ca}, server_name: localhost }}"
            with open(cert.key, "rb") as key, open(cert.cert, "rb") as chain:
                credentials = grpc.ssl_server_credentials([(key.read(), chain.read())])
        up = up or server(credentials=credentials)
        g = gateway(proxy(listener, upstream, plugins, route=route) + config, app=up.port, **kw)
        return g, up, channel(g.port(), ca=cert.ca if clients == "tls" else None)
    return start


@pytest.fixture
def framed(gateway, h2_origin, h2):
    """framed(behaviours, ...): (gateway, origin, client), both ends scripted: frames instead of calls."""
    def start(behaviours=None, listener="", upstream="", plugins="", route="", config="", **kw):
        up = h2_origin(behaviours)
        g = gateway(proxy("protocols: [h2]" + (", " + listener if listener else ""),
                          "protocol: h2c" + (", " + upstream if upstream else ""), plugins, route=route) + config,
                    app=up.port, **kw)
        return g, up, h2(g.port(), tls=False)
    return start
