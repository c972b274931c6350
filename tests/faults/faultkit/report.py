"""What came out: a table for people, one for the manual, JSON, and what Sluice did not keep."""
import math

from . import judge
from .gateways import SLUICE

HEAD = ("fault", "gateway", "errors", "p99 before", "p99", "longest", "noticed", "errors after", "noticed after", "retries")


def _cells(record, name):
    found = record["gateways"][name]
    if is_unfit(found):
        return (record["name"], name, *["did not work" if h == "errors" else "-" for h in HEAD[2:]])
    fault, after = found["fault"], found["after"]
    retries = "-" if found["retries"] is None else f"{found['retries']:.1f} %"
    return (record["name"], name, str(fault["errors"]), f"{found['normal']['p99']:.1f} ms", f"{fault['p99']:.0f} ms", f"{fault['max']:.0f} ms",
            f"{fault['unrest']:.2f} s", str(after["errors"]), f"{after['unrest']:.2f} s", retries)


def rows(result):
    return [_cells(record, name) for record in result["rows"] for name in record["gateways"]]


def text(result):
    lines = [HEAD, *rows(result)]
    wide = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    out, last = [], None
    for line in lines:
        if last not in (None, line[0]):
            out.append("")
        last = line[0]
        out.append("  ".join(c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(line, wide))).rstrip())
    return "\n".join(out)


# ---- the manual's page, docs/design/faults.md ----

def _table(result, chosen, cell):
    """A row for each of these, a column for each gateway."""
    records = [r for r in result["rows"] if r["name"] in chosen]
    names = [n for n in result["versions"] if any(n in r["gateways"] for r in records)]
    out = ["| | " + " | ".join(f"{n.removesuffix('-built')} {result['versions'][n]}" for n in names) + " |", "| --- |" + " --- |" * len(names)]
    for record in records:
        found = [record["gateways"].get(n) for n in names]
        out.append(f"| `{record['name']}`: {record['title']} | "
                   + " | ".join("" if not f else "did not work" if is_unfit(f) else cell(f) for f in found) + " |")
    return "\n".join(out)


def _of_fault(found):
    fault, after = found["fault"], found["after"]
    retries = "?" if found["retries"] is None else f"{found['retries']:.1f} %"
    return f"{fault['errors'] + after['errors']}; {fault['p99']:.0f} ms; {fault['unrest'] + after['unrest']:.2f} s; {retries}"


def _of_deploy(found):
    return f"{found['fault']['errors'] + found['after']['errors']}; {max(found['fault']['max'], found['after']['max']):.0f} ms"


def update_page(path, result, faults, deploys, upstream):
    """Puts what was found between the marks of the page."""
    blocks = {"upstream": f"```yaml\n{upstream}```", "faults": _table(result, faults, _of_fault), "deploys": _table(result, deploys, _of_deploy),
              "when": f"Made on {result['when'][:10]}: {result['machine']['cpu']}, {result['machine']['processors']} processors, "
                      f"Linux {result['machine']['kernel'].partition('-')[0]}."}
    page = path.read_text()
    for name, block in blocks.items():
        begin, end = f"<!-- {name}: made by tests/faults/faults --page -->\n", f"\n<!-- {name}: end -->"
        head, _, rest = page.partition(begin)
        if end not in rest:
            raise ValueError(f"{path}: the marks of {name} are not there")
        page = head + begin + block + end + rest.partition(end)[2]
    path.write_text(page)


# ---- what was promised ----

def broken(row, found):
    """What Sluice did not keep in a row, in words; and whether a slow machine may be the reason."""
    phases = [(name, found[name]) for name in ("normal", "fault", "after")]
    errors = sum(p["errors"] for _, p in phases)
    if row.errors is not None and errors > row.errors:
        how = ", ".join(f"{n} x {what} ({name})" for name, p in phases for what, n in p["how"].items())
        yield f"{errors} requests failed: {how}", False
    for (name, p), most in zip(phases[1:], (row.unrest, row.unrest_after)):
        if p["unrest"] > most:
            yield f"clients noticed the fault for {p['unrest']:.2f} s (phase {name}; at most {most} s)", True
    longest = max(p["max"] for _, p in phases)
    if longest > row.longest_ms:
        yield f"a request took {longest:.0f} ms (at most {row.longest_ms} ms)", True
    yield from ((words, False) for words in found.get("unkept", ()))
    if row.once and found["reached"] != found["sent"]:
        yield f"{found['sent']} requests that may not be repeated reached servers {found['reached']} times", False
    if found["retries"] is None:
        yield "its retries were not told", False
    elif found["retries"] > row.retries:
        yield f"{found['retries']} % of the requests were sent again (at most {row.retries} %)", False


def is_unfit(found):
    """Not one request went well before the fault: this gateway cannot be compared in this row."""
    return found["normal"]["errors"] == found["normal"]["requests"]


def _worth(found):
    """Errors, and for how long clients noticed something."""
    return found["fault"]["errors"] + found["after"]["errors"], round(found["fault"]["unrest"] + found["after"]["unrest"], 2)


def _fewer(ours, theirs):
    """Whether their errors are fewer than ours: -1, 0, 1. Counts as far apart as two standard deviations of chance are the same."""
    if abs(ours - theirs) <= 2 * math.sqrt(ours + theirs):
        return 0
    return 1 if theirs < ours else -1


def _is_better(ours, theirs):
    (errors, noticed), (their_errors, their_noticed) = _worth(ours), _worth(theirs)
    fewer = _fewer(errors, their_errors)
    return fewer > 0 or (fewer == 0 and noticed - their_noticed > judge.WINDOW)


def better(row, record):
    """Names of the peers that did better than Sluice in a row, by more than the measurement can tell: fewer errors; or as many, and noticed for a
    shorter time. Who sent more requests again than the row permits has passed the trouble on to the servers, and did no better."""
    ours = record["gateways"].get(SLUICE)
    return [n for n, found in record["gateways"].items()
            if ours and n != SLUICE and not is_unfit(found) and (found["retries"] or 0) <= max(row.retries, 1.0) and _is_better(ours, found)]


def behind(row, record):
    """What broken() says, of a row in which a peer did better."""
    for name in better(row, record):
        (errors, noticed), (their_errors, their_noticed) = (_worth(record["gateways"][n]) for n in (SLUICE, name))
        yield f"{name} did better: {their_errors} errors against {errors}, noticed for {their_noticed:.2f} s against {noticed:.2f} s", True
