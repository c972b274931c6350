"""Fixtures of the scenarios and of bugs/. scenario/README.md says how to use them; what they are made of is in scenario/kit/."""
import itertools
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "scenario"))

from kit import certs as kit_certs  # noqa: E402
from kit import client, configs, h2client, h2origin as kit_h2origin, kinds, origin as kit_origin, provider as kit_provider, servers, tokens  # noqa: E402
from kit.ended import ended  # noqa: E402
from kit.gateway import Gateway  # noqa: E402
from kit.ports import free_port as kit_free_port  # noqa: E402


def pytest_configure(config):
    """Bytecode of the tests themselves may have a place (tools/run-scenarios); programs that a test starts write none. The process
    that starts the workers has to hand the place on."""
    starts_workers = not hasattr(config, "workerinput") and config.getoption("numprocesses", None)
    if not starts_workers and os.environ.pop("PYTHONPYCACHEPREFIX", None):
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"


def pytest_collection_modifyitems(items):
    """What CI runs under which sanitizer: kit/kinds.py."""
    here = Path(__file__).parent
    for item in items:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        for mark in kinds.of(str(item.path.relative_to(here).with_suffix("")).removeprefix("scenario/"), params):
            item.add_marker(mark)


def pytest_runtest_makereport(item, call):
    """Remember a failed test, so that its folder is kept and what the gateway logged is shown."""
    if call.excinfo and not call.excinfo.errisinstance(pytest.skip.Exception):
        item.failed = True


@pytest.fixture
def folder(request):
    """A short-named folder (unix sockets fit in it), kept when the test fails."""
    path = Path(tempfile.mkdtemp(prefix="slc-"))
    yield path
    if getattr(request.node, "failed", False):
        print(f"kept: {path}")
    else:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def free_port():
    return kit_free_port


@pytest.fixture
def gateway(folder, request):
    """gateway(config, files={}, args=[], env={}, wait=True, **values): a running gateway, stopped and checked at the end."""
    started = []

    def start(config, **kw):
        g = Gateway(folder / f"gateway{len(started) + 1}", config, **kw)
        started.append(g)
        return g
    yield start
    if getattr(request.node, "failed", False):
        for g in started:
            print(f"---- {g.config_path}\n{g.config_path.read_text()}\n---- {g.stderr_path}\n{g.log()[-6000:]}")
    failures = []
    for g in started:
        try:
            g.stop()
        except AssertionError as e:
            failures.append(str(e))
    assert not failures, "\n".join(failures)


@pytest.fixture
def origin():
    """origin(behaviours, tls=None): a scripted upstream; see kit/origin.py for behaviours."""
    def make(behaviours=None, port=None, **kw):
        return kit_origin.Origin(behaviours or kit_origin.reply(200, b"ok"), port or kit_free_port(), **kw)
    with ended(make) as start:
        yield start


@pytest.fixture
def h2_origin():
    """h2_origin(behaviours, tls=context): a scripted upstream that speaks HTTP/2; see kit/h2origin.py."""
    def make(behaviours=None, **kw):
        return kit_h2origin.H2Origin(behaviours or kit_h2origin.answer(200, b"ok"), kit_free_port(), **kw)
    with ended(make) as start:
        yield start


@pytest.fixture
def proxied(gateway, origin):
    """proxied(behaviours, listener="max_head: 4KiB", upstream="retries: 0"): (gateway, origin), where the gateway passes
    everything on to that one scripted origin. More keywords go to the gateway."""
    def start(behaviours=None, listener="", upstream="", plugins="", route="", up=None, **kw):
        up = up or origin(behaviours)
        return gateway(configs.proxy(listener, upstream, plugins, route=route), app=up.port, **kw), up
    return start


@pytest.fixture
def nginx(folder):
    def make(server="location / { return 200 ok; }", **kw):
        port = kit_free_port()
        return servers.Nginx(folder / f"nginx{port}", port, server, **kw)
    with ended(make) as start:
        yield start


@pytest.fixture
def haproxy(folder):
    """haproxy(sections, mode="tcp"): a real HAProxy; {port} in the sections is its port."""
    def make(sections, port=None, **kw):
        port = port or kit_free_port()
        return servers.HAProxy(folder / f"haproxy{port}", port, sections, **kw)
    with ended(make) as start:
        yield start


@pytest.fixture
def redis(folder):
    count = itertools.count(1)

    def make(*args, port=None):
        return servers.Redis(folder / f"redis{next(count)}", port or kit_free_port(), args)
    with ended(make) as start:
        yield start


@pytest.fixture
def dnsmasq(folder):
    """dnsmasq(hosts, options, ttl): a real name server; see kit/servers.py."""
    def make(hosts=None, options=(), **kw):
        port = kit_free_port()
        return servers.Dnsmasq(folder / f"dnsmasq{port}", port, hosts, options, **kw)
    with ended(make) as start:
        yield start


@pytest.fixture
def raw():
    """raw(port, tls=context, sni=name): a client that sends exactly what it is told."""
    with ended(client.RawClient, "close") as connect:
        yield connect


@pytest.fixture
def h2():
    """h2(port): an HTTP/2 client over TLS; tls=False for prior knowledge."""
    with ended(h2client.H2Client, "close") as connect:
        yield connect


@pytest.fixture(scope="session")
def ca(tmp_path_factory):
    """An authority: ca.issue(names...) makes certificates, ca.path verifies them."""
    return kit_certs.Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def other_ca(tmp_path_factory):
    return kit_certs.Authority(tmp_path_factory.mktemp("other"), "Other CA")


@pytest.fixture(scope="session")
def server_cert(ca):
    return ca.issue("localhost", "127.0.0.1", "api.example.com", "*.example.com")


@pytest.fixture(scope="session")
def rs256():
    return tokens.SigningKey("RS256")


@pytest.fixture(scope="session")
def es256():
    return tokens.SigningKey("ES256")


@pytest.fixture
def jwks_server(origin):
    """jwks_server(key, ...): serves a key set; .url, .hits, .set_keys(...), .behave(...) to let it fail."""
    class Server:
        def __init__(self, *keys, **kw):
            self.origin = origin(kit_origin.drop, **kw)
            self.url = f"http{'s' if kw.get('tls') else ''}://127.0.0.1:{self.origin.port}/jwks.json"
            self.set_keys(*keys)

        def set_keys(self, *keys):
            self.behave(kit_origin.reply(200, tokens.jwks(*keys).encode(), {"Content-Type": "application/json"}))

        def behave(self, *behaviours):
            self.origin.behave(*behaviours)

        @property
        def hits(self):
            return len(self.origin.requests)
    return Server


@pytest.fixture(scope="session")
def provider_server(tmp_path_factory):
    """One for all processes of the run."""
    base = tmp_path_factory.getbasetemp()
    server = kit_provider.Provider((base.parent if base.name.startswith("popen-") else base) / "provider")
    yield server
    server.close()


@pytest.fixture
def provider(provider_server, rs256, request):
    """provider(key, ..., clients=[...], **options): an issuer of a certified authorization server; see kit/provider.py. Without keys, that of rs256."""
    def make(*keys, **kw):
        return provider_server.issuer(*(keys or [rs256]), **kw)
    with ended(make) as start:
        yield start
    if getattr(request.node, "failed", False):
        print(f"---- oidc-provider\n{(provider_server.folder / 'output').read_text()[-3000:]}")
