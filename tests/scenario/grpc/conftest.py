"""Fixtures for gRPC: a server and a channel of the real library, and a gateway between them by any of the four ways."""
import pytest

from kit.calls import Channel, Process, Server, grpc
from kit.configs import proxy
from kit.ended import ended


@pytest.fixture
def server():
    """server(credentials=None): a server of kit.calls."""
    with ended(Server) as start:
        yield start


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
    with ended(Channel, "close") as connect:
        yield connect


def grpc_config(protocol, listener, upstream, plugins, route, config):
    """A listener for HTTP/2 alone, an upstream of that protocol, a route for everything; and what else the test wants of each."""
    return proxy(", ".join(filter(None, ["protocols: [h2]", listener])),
                 ", ".join(filter(None, [f"protocol: {protocol}", upstream])), plugins, route=route) + config


@pytest.fixture
def called(gateway, server, channel, server_cert):
    """called(clients="tls", protocol="h2", listener="...", upstream="...", route=", ..."): (gateway, server, channel), with a
    route for everything, a listener for HTTP/2 alone, and an upstream of that protocol."""
    def start(clients="h2c", protocol="h2c", up=None, listener="", upstream="", config="", plugins="", route="", **kw):
        cert, credentials = server_cert, None
        if clients == "tls":
            tls = f'tls: {{ certificates: [{{ certificate: "{cert.cert}", private_key: "{cert.key}" }}] }}'
            listener = f"{listener}, {tls}" if listener else tls
        if protocol == "h2":
            tls = f"tls: {{ ca: {cert.ca}, server_name: localhost }}"
            upstream = f"{upstream}, {tls}" if upstream else tls
            with open(cert.key, "rb") as key, open(cert.cert, "rb") as chain:
                credentials = grpc.ssl_server_credentials([(key.read(), chain.read())])
        up = up or server(credentials=credentials)
        g = gateway(grpc_config(protocol, listener, upstream, plugins, route, config), app=up.port, **kw)
        return g, up, channel(g.port(), ca=cert.ca if clients == "tls" else None)
    return start


@pytest.fixture
def framed(gateway, h2_origin, h2):
    """framed(behaviours, ...): (gateway, origin, client), both ends scripted: frames instead of calls."""
    def start(behaviours=None, listener="", upstream="", plugins="", route="", config="", **kw):
        up = h2_origin(behaviours)
        g = gateway(grpc_config("h2c", listener, upstream, plugins, route, config), app=up.port, **kw)
        return g, up, h2(g.port(), tls=False)
    return start
