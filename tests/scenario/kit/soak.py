"""How often a test repeats what goes wrong only now and then: a few times in each run, many times in `make soak`."""
import os

SECONDS = float(os.environ.get("SLUICE_SOAK_SECONDS", "2"))     # of a test that goes on at random
SOAKING = "SLUICE_SOAK_SECONDS" in os.environ


def times(few, many):
    return many if SOAKING else few
