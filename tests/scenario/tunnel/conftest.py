"""Guests of a test leave before its gateway stops, which would wait for them."""
import pytest

from kit.tunnels import opened


@pytest.fixture(autouse=True)
def guests_leave(gateway):
    yield
    while opened:
        opened.pop().close()
