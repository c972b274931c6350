"""Sockets that the gateway is started with, as by a socket unit of systemd."""
import contextlib
import socket
import threading

import pytest

from kit.client import RawClient
from kit.configs import HELLO
from kit.gateway import GatewayDied
from kit.process import wait_for

LOCAL = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
  - { name: local, address: "unix:@dir@/local.sock" }
routes:
  - { name: hello, match: { path: /hello }, respond: { body: "hello\\n" } }
"""


@contextlib.contextmanager
def sockets(*addresses):
    """Sockets that listen there; an address is a port, or the path of a socket."""
    with contextlib.ExitStack() as all_of_them:
        made = []
        for at in addresses:
            s = all_of_them.enter_context(socket.socket(socket.AF_INET if isinstance(at, int) else socket.AF_UNIX))
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("127.0.0.1", at) if isinstance(at, int) else str(at))
            s.listen(64)
            made.append(s)
        yield made


def test_listeners_and_the_admin_address_take_their_sockets(gateway, free_port, folder):
    public, admin, path = free_port(), free_port(), folder / "gateway1" / "local.sock"
    path.parent.mkdir()
    with sockets(public, admin, path) as given:
        g = gateway(LOCAL, sockets=given, public=public, admin=admin)
        for _ in range(10):
            assert g.get("/hello").status == 200
        assert g.admin("/readyz").status == 200
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(path))
            s.sendall(b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert s.recv(100).startswith(b"HTTP/1.1 200 ")
        g.stop()
        assert path.exists(), "its file is systemd's"


def test_a_connection_that_comes_between_two_processes_waits_for_the_second(gateway, free_port, raw):
    port = free_port()
    with sockets(port) as given:
        first = gateway(HELLO, sockets=given, public=port)
        assert first.get("/hello").status == 200
        first.stop()
        waiting = [raw(port).request("GET", "/hello") for _ in range(5)]
        second = gateway(HELLO, sockets=given, public=port)
        assert [c.response().status for c in waiting] == [200] * 5
        for c in waiting:
            c.close()
        second.stop()


def test_no_connection_is_refused_while_it_is_restarted_again_and_again(gateway, free_port):
    port, over, failed, served = free_port(), threading.Event(), [], []

    def ask():
        while not over.is_set():
            try:
                with RawClient(port) as c:
                    served.append(c.get("/hello").status)
            except (OSError, AssertionError) as e:
                failed.append(repr(e))

    with sockets(port) as given:
        g = gateway(HELLO, sockets=given, public=port)
        client = threading.Thread(target=ask, daemon=True)
        client.start()
        try:
            for _ in range(3):
                g.stop()
                g = gateway(HELLO, sockets=given, public=port)
            at = len(served)
            wait_for(lambda: len(served) > at, 5, "one more answer")
        finally:
            over.set()
            client.join(10)
        assert failed == [] and set(served) == {200}
        g.stop()


def test_a_listener_that_goes_and_comes_back_has_its_socket_again(gateway, free_port):
    one, two = free_port(), free_port()
    with sockets(one, two) as given:
        text = HELLO.replace("routes:", '  - { name: more, address: "127.0.0.1:@more@" }\nroutes:')
        g = gateway(text, sockets=given, public=one, more=two)
        for config in (HELLO, text):
            g.reload(config)
        for _ in range(10):
            assert g.get("/hello", listener="more").status == 200


def test_a_successor_takes_them_too(gateway, free_port):
    one, two = free_port(), free_port()
    with sockets(one, two) as given:
        g = gateway(HELLO, sockets=given, env={"LISTEN_FDNAMES": "web:spare"}, public=one)
        assert f"nothing is served on 127.0.0.1:{two}" in g.log() and "(spare)" in g.log()
        assert g.succeed().wait() == 0
        assert g.get("/hello").status == 200
        g.reload(HELLO.replace("routes:", f'  - {{ name: more, address: "127.0.0.1:{two}" }}\nroutes:'))
        with RawClient(two) as c:
            assert c.get("/hello").status == 200
        g.stop()
        given[0].settimeout(5)
        with socket.create_connection(("127.0.0.1", one)):
            given[0].accept()[0].close()  # it still listens, for who comes next


def test_what_is_no_listening_socket_is_not_used(gateway, free_port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        g = gateway(HELLO, sockets=[s])
        assert "descriptor 3 (without a name), which the gateway was started with, is no stream socket" in g.log()
        assert g.get("/hello").status == 200


def test_a_socket_for_both_versions_of_ip_is_refused(gateway, free_port):
    """Its IPv4 clients would be known by other addresses than those of the rules."""
    port = free_port()
    with socket.socket(socket.AF_INET6) as s:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        try:
            s.bind(("::", port))
        except OSError:
            pytest.skip("there is no IPv6")
        s.listen()
        with pytest.raises(GatewayDied, match="BindIPv6Only=ipv6-only"):
            gateway(HELLO.replace("127.0.0.1:@public@", "[::]:@public@"), sockets=[s], public=port)
