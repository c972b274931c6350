"""Bodies whose every piece is known by its place, so that one that is lost, doubled or out of order is seen."""

PERIOD = bytes(range(251))  # a prime: no block of a power of two repeats


def pattern(size):
    return (PERIOD * (size // len(PERIOD) + 1))[:size]
