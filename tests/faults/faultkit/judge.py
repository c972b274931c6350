"""What the lines of a load say: errors, percentiles, and for how long clients noticed something."""
from collections import Counter, namedtuple

Request = namedtuple("Request", "due took_ms status server connection how")

WINDOW = 0.25        # seconds
BAR_MS = 50.0        # a percentile below this is normal,
BAR_FACTOR = 3       # and so is one below so many times that of the normal phase


def read(path):
    with open(path, encoding="ascii") as lines:
        for line in lines:
            due, took, status, server, connection, how = line.split()
            yield Request(int(due) / 1e9, int(took) / 1e3, int(status), server, int(connection), how)


def percentile(values, share):
    """The smallest value that so large a share of all does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)] if ordered else 0.0


def failed(requests):
    return [r for r in requests if r.how != "ok"]


def windows(requests, begin, end):
    """The requests of each part of a phase."""
    parts = [[] for _ in range(max(1, round((end - begin) / WINDOW)))]
    for r in requests:
        parts[min(int((r.due - begin) / WINDOW), len(parts) - 1)].append(r)
    return parts


def unrest(requests, begin, end, bar):
    """Seconds of a phase in whose windows a request failed, or the p99 was above the bar."""
    bad = sum(bool(failed(part)) or percentile([r.took_ms for r in part], 99) > bar for part in windows(requests, begin, end))
    return bad * WINDOW


def phase(requests, begin, end, bar):
    chosen = [r for r in requests if begin <= r.due < end]
    bad = failed(chosen)
    times = [r.took_ms for r in chosen]
    return {"requests": len(chosen), "errors": len(bad), "how": dict(Counter(f"{r.how} {r.status}" if r.status else r.how for r in bad)),
            "p50": round(percentile(times, 50), 2), "p99": round(percentile(times, 99), 2), "max": round(max(times, default=0.0), 2),
            "unrest": unrest(chosen, begin, end, bar) if bar else None,
            "served": dict(sorted(Counter(r.server for r in chosen).items()))}


def judge(requests, plan, start):
    """{phase: what came of it} of a row; start: when its load began."""
    at = start + plan.warm
    normal = phase(requests, at, at + plan.normal, None)
    bar = max(BAR_MS, BAR_FACTOR * normal["p99"])
    fault = phase(requests, at + plan.normal, at + plan.normal + plan.fault, bar)
    after = phase(requests, at + plan.normal + plan.fault, start + plan.seconds, bar)
    return {"bar": round(bar, 1), "normal": normal, "fault": fault, "after": after}
