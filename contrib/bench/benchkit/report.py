"""What came out: one value for each participant of a scenario, as a table and as JSON."""
import json
import os
import statistics

FORMAT = 1
FOREIGN_MOST = 0.05     # of the proxy's processor: above this a run is not to be quoted
UNITS = {"us": "us", "KiB": "KiB", "bytes": "bytes", "requests": "failed"}
MEASURES = ("value", "rate", "busy", "busiest", "fullest", "p50", "p99", "p999", "neighbour", "failed", "raced")


def write_json(path, data):
    """Whole or not at all."""
    temporary = f"{path}.new"
    with open(temporary, "w") as f:
        json.dump(data, f, indent=1)
        f.write("\n")
    os.replace(temporary, path)


def summary(samples):
    """Medians of all measures, and how far the values lie apart: (largest - smallest) / median."""
    out = {}
    for key in MEASURES:
        values = [s[key] for s in samples if s.get(key) is not None]
        if values:
            out[key] = sum(values) if key in ("failed", "raced") else statistics.median(values)
    values = [s["value"] for s in samples]
    middle = statistics.median(values) if values else 0
    out["spread"] = (max(values) - min(values)) / middle if middle else 0.0
    return out


def scenario_record(scenario, participants):
    """The part of the JSON for one scenario. Participants have peer, variant, samples, facts and refused."""
    return {
        "name": scenario.name, "title": scenario.title, "unit": scenario.unit, "what": scenario.what,
        "compare_with": scenario.compare_with,
        "participants": [{
            "peer": p.peer.name, "variant": p.variant, "refused": p.refused, "failed": p.failed, "facts": p.facts, "samples": p.samples,
            **({"summary": summary(p.samples)} if p.samples else {}),
        } for p in participants],
    }


def measured(record, variant=None):
    """{peer: value} of those that have one."""
    return {p["peer"]: p["summary"]["value"] for p in record["participants"]
            if "summary" in p and variant in (None, p["variant"])}


def best_peer(record, variant=None):
    """(value, name) of the smallest among the peers: neither this project nor what does no proxy's work. (None, "") without one."""
    values = [(v, n) for n, v in measured(record, variant).items() if n not in ("sluice", "floor", "hitch")]
    return min(values) if values else (None, "")


def best_other(record, variant=None):
    return best_peer(record, variant)[0]


def floor_of(record):
    return measured(record).get("floor")


def number(value, digits=3):
    """Three digits or so, and never an exponent."""
    if value is None:
        return "-"
    if value and abs(value) < 10 ** (digits - 1):
        whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
        return f"{value:.{max(0, digits - max(whole, 1))}f}"
    return f"{value:,.0f}"


def percent(share):
    return f"{100 * share:.0f} %" if share is not None else "-"


def ratio(value, base):
    return f"{value / base:.2f}" if value is not None and base else "-"


def _notes(p, scenario):
    notes, s = [], p.get("summary", {})
    if p["refused"]:
        notes.append(p["refused"] if p.get("failed") else f"not supported: {p['refused']}")
    same = [x["summary"]["value"] for x in scenario["participants"]
            if x["peer"] == p["peer"] and x["variant"] == scenario["compare_with"] and "summary" in x]
    if s and same and p["variant"] != scenario["compare_with"]:
        notes.append(f"{ratio(s['value'], same[0])} x {scenario['compare_with']}")
    if "neighbour" in s:
        notes.append(f"the neighbour: {number(s['neighbour'])} {p['samples'][0]['neighbour_unit']}")
    if s.get("failed") and "failed" not in scenario["unit"]:
        kinds = sorted({k for x in p["samples"] for k in x.get("failures", {})})
        notes.append(f"{s['failed']:.0f} FAILED" + (f" ({', '.join(kinds)})" if kinds else ""))
    if s.get("raced"):
        total = sum(x["requests"] for x in p["samples"]) or 1
        notes.append(f"{s['raced']:.0f} raced ({100 * s['raced'] / total:.2g} % of requests)")
    tls = {x["tls"] for x in p["samples"] if x.get("tls")}
    if "TLS 1.3" in scenario["title"] and any(not t.startswith("TLSv1.3") for t in tls):
        notes.append("spoke " + ", ".join(sorted(tls)))
    resumed = sum(x.get("resumed", 0) for x in p["samples"])
    if "resumed" in scenario["title"] and p["samples"] and p["peer"] != "floor":
        opened = sum(x.get("connections", 0) for x in p["samples"]) or 1
        if resumed < 0.95 * opened:
            notes.append(f"resumed {100 * resumed / opened:.0f} %")
    if any(x["rate"] < 0.98 * x["asked"] for x in p["samples"] if "asked" in x):
        notes.append("did not keep up in every round")
    if "reloads" in (p["samples"] or [{}])[0]:
        notes.append(f"{sum(x['reloads'] for x in p['samples'])} reloads")
    return "; ".join(notes)


def table(record):
    """Lines of text for one scenario."""
    rows = [("", UNITS.get(record["unit"].split()[0], ""), "spread", "x floor", "x best", "per s",
             "busy", "busiest", "fullest", "p50 us", "p99 us", "p99.9")]
    notes = [""]
    for p in record["participants"]:
        name = p["peer"] + (f", {p['variant']}" if p["variant"] else "")
        s = p.get("summary")
        if not s:
            rows.append((name, *[""] * (len(rows[0]) - 1)))
        else:
            rows.append((name, number(s["value"]), f"{100 * s['spread']:.0f} %", ratio(s["value"], floor_of(record)),
                         "" if p["peer"] == "floor" else ratio(s["value"], best_other(record, p["variant"])),
                         number(s.get("rate")), number(s.get("busy"), 2), percent(s.get("busiest")), percent(s.get("fullest")), number(s.get("p50")), number(s.get("p99")),
                         number(s.get("p999"))))
        notes.append(_notes(p, record))
    used = [i for i in range(len(rows[0])) if i == 0 or any(r[i] not in ("", "-") for r in rows[1:])]
    widths = {i: max(len(r[i]) for r in rows) for i in used}
    lines = [f"{record['name']}: {record['title']} ({record['unit']})"]
    for row, note in zip(rows, notes):
        cells = [row[i].ljust(widths[i]) if i == 0 else row[i].rjust(widths[i]) for i in used]
        lines.append(("  " + "  ".join(cells) + (f"  {note}" if note else "")).rstrip())
    return lines


def aligned(rows, left=1):
    """Lines of text: so many columns to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))).rstrip() for row in rows]


def overview(report):
    """One row for what this project did in each scenario, or none at all."""
    rows = []
    for record in report["scenarios"]:
        for p in record["participants"]:
            if p["peer"] != "sluice":
                continue
            name = record["name"] + (f", {p['variant']}" if p["variant"] else "")
            if "summary" not in p:
                rows.append((name, "", "failed" if p.get("failed") else "not supported", "", "", "", ""))
                continue
            value, (best, who) = p["summary"]["value"], best_peer(record, p["variant"])
            failed = p["summary"].get("failed") and "failed" not in record["unit"]
            rows.append((name, record["unit"], number(value) + ("!" if failed else ""), number(best), who, ratio(value, best),
                         ratio(value, floor_of(record))))
    head = ("scenario", "unit", "sluice", "best peer", "", "x best", "x floor")
    return aligned([head, *rows], 2) if rows else []


def foreign(report):
    """Share of the proxy's processor that others took, in the median of all samples."""
    shares = [s["foreign"] for r in report["scenarios"] for p in r["participants"] for s in p["samples"] if "foreign" in s]
    return statistics.median(shares) if shares else 0.0


def text(report):
    """The whole report as text."""
    machine = report["machine"]
    lines = [f"{machine['cpu']}, {machine['processors']} processors, {machine['system']}, Linux {machine['kernel']}",
             ", ".join(f"{n} {v}" for n, v in report["versions"].items() if v),
             f"{report['options']['rounds']} rounds of {report['options']['seconds']} s, medians"]
    if foreign(report) > FOREIGN_MOST:
        lines.append(f"Others took {100 * foreign(report):.0f} % of the proxy's processor: do not quote these numbers.")
    if report["left_out"]:
        lines.append("not run: " + ", ".join(report["left_out"]))
    summary = overview(report)
    if summary:
        lines += ["", *summary]
    for record in report["scenarios"]:
        lines += ["", *table(record)]
    return "\n".join(lines) + "\n"


def verdict(report, required):
    """What makes a run a failure: this project's refusals where it was required, and its failed requests."""
    bad = []
    for record in report["scenarios"]:
        for p in record["participants"]:
            if p["peer"] != "sluice":
                continue
            if p["refused"] and (required or p.get("failed")):
                bad.append(f"{record['name']}: {'' if p.get('failed') else 'not supported: '}{p['refused']}")
            elif p.get("summary", {}).get("failed"):
                bad.append(f"{record['name']}: {p['summary']['failed']:.0f} requests failed")
    return bad
