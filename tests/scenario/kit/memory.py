"""Bounds on a gateway's memory. A sanitizer has shadow memory and a quarantine of its own: there a test proves that the
gateway does the right thing, and not what it takes."""
import os

MIB = 1 << 20
SANITIZED = os.environ.get("SLUICE_SANITIZED") == "1"


def assert_below(got, bound, what="resident"):
    """got and bound in bytes."""
    assert SANITIZED or got < bound, f"{got / MIB:.1f} MiB {what}, {bound / MIB:.1f} at most"
