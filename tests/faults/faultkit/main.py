"""The command line. Rows are dealt out to a few processes of this program, so that all of them take little time."""
import argparse
import fnmatch
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from benchkit import machine, process

from . import gateways, network, programs, report, run
from .deploys import DEPLOYS
from .rows import FAULTS

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent.parent
PAUSE = 0.2
ROWS = {**FAULTS, **DEPLOYS}


def select(names, patterns, kind):
    if not patterns:
        return list(names)
    for pattern in patterns.split(","):
        if not fnmatch.filter(names, pattern):
            raise SystemExit(f"faults: no {kind} {pattern}; there are: {', '.join(names)}")
    return [n for n in names if any(fnmatch.fnmatch(n, p) for p in patterns.split(","))]


def parse(argv):
    a = argparse.ArgumentParser(prog="faults", description="Lets servers fail behind Sluice and behind other proxies, and says what clients noticed.")
    a.add_argument("--rows", metavar="NAMES", help="faults, separated by commas; * is a wildcard")
    a.add_argument("--gateways", metavar="NAMES", help="the same for gateways; sluice is always there")
    a.add_argument("--lanes", type=int, metavar="N", help="rows that are run at the same time (2; with more than three gateways 1)")
    a.add_argument("--seconds", type=float, metavar="S", help="no row is begun that would end later (340 by the number of lanes)")
    a.add_argument("--out", default=str(ROOT / "build-faults"), metavar="DIR", help="work files, one folder for each row (build-faults)")
    a.add_argument("--json", metavar="FILE", help="write all figures there")
    a.add_argument("--page", metavar="FILE", help="put the tables between the marks of this page: docs/design/faults.md")
    a.add_argument("--list", action="store_true", help="list the rows, the gateways and what this kernel can do, and end")
    a.add_argument("--lane", metavar="FILE", help=argparse.SUPPRESS)
    return a.parse_args(argv)


def listing(names, chosen, can):
    for name in names:
        print(f"{name:16} {ROWS[name].title}")
    for kind in chosen:
        print(f"{kind.name:16} {kind.version_text()} ({kind.program})")
    for what, why in can.items():
        print(f"{what:16} {why or 'yes'}")


# ---- a lane: the rows that one process runs, one after the other ----

def run_lane(options, names, chosen, can, out):
    process.guard()
    parent = os.getppid()
    tools = programs.build(out / "programs")
    end = time.monotonic() + options.seconds
    with open(options.lane, "w", encoding="ascii") as lines:
        for name in names:
            row = ROWS[name]
            if os.getppid() != parent:
                return 1    # nobody wants to know any more
            record = {"name": name, "title": row.title}
            if time.monotonic() + row.plan.seconds > end:
                record["skipped"] = "time is up"
            else:
                record.update(attempt(row, chosen, can, tools, out))
            print(json.dumps(record), file=lines, flush=True)
            time.sleep(PAUSE)
    return 0


def attempt(row, chosen, can, tools, out):
    """What came of a row. A bar about time is tried a second time: the machine may have been slow for a moment."""
    why = run.missing(row, can, chosen)
    if why:
        return {"skipped": why}
    for again in (False, True):
        try:
            record = run.run_row(row, chosen, can, tools, out / row.name)
        except Exception as e:
            return {"broken": [f"{type(e).__name__}: {e}"]}
        broken = [*report.broken(row, record["gateways"][gateways.SLUICE]), *report.behind(row, record)]
        record.update(broken=[words for words, _ in broken], second_try=again)
        if not broken or not all(by_time for _, by_time in broken):
            break
    return record


# ---- all of them ----

def say(record):
    if "skipped" in record:
        print(f"skipped {record['name']}: {record['skipped']}", flush=True)
        return
    for words in record["broken"]:
        print(f"FAILED {record['name']}: {words}", flush=True)
    if not record["broken"]:
        print(f"passed {record['name']} (by {record['way']}{', at the second try' if record['second_try'] else ''})", flush=True)


def run_lanes(options, names, argv, out):
    """The records of all rows, in their order."""
    lanes = [names[n::options.lanes] for n in range(options.lanes)]
    started = []
    for n, lane in enumerate(filter(None, lanes)):
        told = out / f"lane{n}"
        command = [sys.executable, "-B", HERE / "faults", *argv, "--rows", ",".join(lane), "--lane", told]
        started.append((lane, told, subprocess.Popen([str(c) for c in command])))
    records = {}
    try:
        for lane, told, child in started:
            child.wait()
            for line in told.read_text().splitlines() if told.exists() else ():
                record = json.loads(line)
                records[record["name"]] = record
    finally:
        for _, _, child in started:
            child.terminate()
            child.wait()
    return [records.get(name, {"name": name, "title": ROWS[name].title, "broken": ["its process ended without a word"]}) for name in names]


def conclude(result, options):
    done = [r for r in result["rows"] if "gateways" in r]
    shown = {**result, "rows": done}
    print(f"\n{report.text(shown)}\n")
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=1) + "\n")
    if options.page:
        report.update_page(Path(options.page), shown, FAULTS, DEPLOYS, gateways.upstream_block())
    failed = sum(bool(r.get("broken")) for r in result["rows"])
    passed = sum(not r["broken"] for r in done)
    if not done:
        print("FAILED: no fault was tried", file=sys.stderr)
        failed += not failed
    print(f"{passed} passed, {failed} failed, {len(result['rows']) - passed - failed} skipped")
    return 1 if failed else 0


def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    options = parse(argv)
    names = select(ROWS, options.rows, "row")
    known = gateways.kinds(os.environ)
    wanted = {gateways.SLUICE, *select(known, options.gateways, "gateway")}
    chosen = [kind for name, kind in known.items() if name in wanted]
    options.lanes = options.lanes or (2 if len(chosen) <= 3 else 1)
    options.seconds = options.seconds or 340 / options.lanes
    out = Path(options.out).resolve()
    for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, lambda number, _: sys.exit(128 + number))
    network.sweep()
    can = network.probe()
    if options.list:
        listing(names, chosen, can)
        return 0
    if options.lane:
        return run_lane(options, names, chosen, can, out)
    programs.build(out / "programs")
    for what, why in can.items():
        print(f"{what}: {why or 'yes'}", flush=True)
    result = {"when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "machine": machine.facts(), "load_before": machine.load(),
              "kernel": can, "times": gateways.TIMES, "versions": {k.name: k.version_text() for k in chosen}}
    result["rows"] = run_lanes(options, names, argv, out)
    for record in result["rows"]:
        say(record)
    return conclude(result, options)
