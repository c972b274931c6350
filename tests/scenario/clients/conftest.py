"""A site for real clients: a gateway with a plain and a TLS listener, both of HTTP/1.1 and HTTP/2, in front of one origin."""
import shutil
import subprocess

import pytest

from kit.answering import Far
from kit.ports import free_port

CONFIG = """
listeners:
  - {{ name: plain, address: "127.0.0.1:@plain@", protocols: [h2, http/1.1] }}
  - {{ name: tls, address: "127.0.0.1:@tls@", protocols: [h2, http/1.1], tls: {{ certificates: [ {{ certificate: {cert}, private_key: {key} }} ] }} }}
upstreams:
  app: {{ servers: ["127.0.0.1:@app@"], protocol: {protocol}, timeouts: {{ connect: 20s }} }}
  {upstreams}
routes:
  - {{ name: all, match: {{ path: /* }}, upstream: app, request_trailers: [x-sum] }}
  {routes}
"""


class Site:
    def __init__(self, gateway, far, cert):
        self.gateway, self.far, self.ca = gateway, far, cert.ca
        self.plain, self.tls = (f"{scheme}://localhost:{gateway.port(name)}" for scheme, name in (("http", "plain"), ("https", "tls")))


@pytest.fixture
def site(gateway, server_cert):
    """site(behave, kind="h1", port=None, upstreams="", routes=""): what an origin of kind h1 or h2c answers; or, with a port, another one behind it. More
    upstreams and routes, if need be."""
    started = []

    def start(*behaviours, kind="h1", port=None, upstreams="", routes=""):
        far = None
        if port is None:
            far = Far(kind, free_port())
            far.behave(*behaviours)
            started.append(far)
        protocol = {"h1": "http/1.1"}.get(kind, kind)
        config = CONFIG.format(cert=server_cert.cert, key=server_cert.key, protocol=protocol, upstreams=upstreams, routes=routes)
        return Site(gateway(config, app=port or far.port), far, server_cert)
    yield start
    for far in started:
        far.stop()
    assert not [f for far in started for f in far.failures]


@pytest.fixture(params=["h1", "h2c"])
def kind(request):
    """What the origin speaks."""
    return request.param


@pytest.fixture
def run():
    """run("curl", ...): what it printed, as bytes; it must end well. Skips where the program is not installed."""
    def start(program, *args, stdin=b"", timeout=50):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
        r = subprocess.run([program, *map(str, args)], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           timeout=timeout, check=False)
        assert r.returncode == 0, f"{program} ended with {r.returncode}: {r.stderr.decode(errors='replace')[-2000:]}"
        return r.stdout
    return start
