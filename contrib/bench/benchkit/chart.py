"""A report as one SVG: a panel of bars for each scenario. It brings its own background, light or dark as the reader has it."""
from xml.sax.saxutils import escape

from . import report as _report

COLUMNS, WIDTH, GAP, MARGIN = 2, 470, 24, 20
HEAD, BAR, STEP, NAME, VALUE = 44, 13, 19, 128, 74

# Plain rules, no variables: what draws SVG outside of browsers often knows none.
_COLOURS = """
text {{ fill: {text}; }}
.dim {{ fill: {dim}; }}
.ground {{ fill: {ground}; }}
.rule {{ stroke: {line}; }}
.own {{ fill: {own}; }}
.peer {{ fill: {peer}; }}
.floor {{ fill: {floor}; }}
"""
LIGHT = _COLOURS.format(ground="#ffffff", text="#1f2328", dim="#59636e", line="#d1d9e0", own="#0969da", peer="#8c959f", floor="#d4a72c")
DARK = _COLOURS.format(ground="#0d1117", text="#f0f6fc", dim="#9198a1", line="#3d444d", own="#4493f8", peer="#6e7681", floor="#bb8009")
STYLE = f"""
text {{ font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }}
.title {{ font-weight: 600; font-size: 13px; }}
.dim {{ font-size: 11px; }}
.strong {{ font-weight: 600; }}
.rule {{ stroke-width: 1; }}
{LIGHT}
@media (prefers-color-scheme: dark) {{
{DARK}
}}
"""


def _text(x, y, content, kind="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(content)}</text>'


def _shorten(content, most):
    return content if len(content) <= most else content[: most - 1].rstrip() + "…"


def _rows(record):
    """(name, class, value or None, note)"""
    rows = []
    for p in record["participants"]:
        name = p["peer"] + (f", {p['variant']}" if p["variant"] else "")
        kind = {"sluice": "own", "floor": "floor"}.get(p["peer"], "peer")
        if "summary" in p:
            rows.append((name, kind, p["summary"]["value"], ""))
        elif p["peer"] == "sluice":
            rows.append((name, kind, None, "failed" if p.get("failed") else "not supported"))
    return rows


def _panel_height(record):
    return HEAD + STEP * max(1, len(_rows(record))) + 10


def _panel(record, x, y):
    rows = _rows(record)
    values = sorted(v for _, _, v, _ in rows if v is not None)
    top = values[-1] if values else 1.0
    # One slow participant must not flatten the rest: a bar that is much longer than most others is cut off.
    middle = values[len(values) // 2] if values else 1.0
    scale = min(top, 4 * middle) if middle > 0 else top
    room = WIDTH - NAME - VALUE
    out = [_text(x, y + 14, _shorten(record["title"], 66), "title"), _text(x, y + 29, record["unit"], "dim"),
           f'<line class="rule" x1="{x + NAME}" y1="{y + HEAD - 6}" x2="{x + NAME}" y2="{y + HEAD + STEP * len(rows) - 2}"/>']
    for i, (name, kind, value, note) in enumerate(rows):
        line = y + HEAD + i * STEP
        out.append(_text(x + NAME - 8, line + BAR - 3, _shorten(name, 22), "strong" if kind == "own" else "", "end"))
        if value is None:
            out.append(_text(x + NAME + 6, line + BAR - 3, note, "dim"))
            continue
        length = room * min(value, scale) / scale if scale else 0
        cut = value > scale
        out.append(f'<rect class="{kind}" x="{x + NAME}" y="{line}" width="{max(length, 1):.1f}" height="{BAR}" rx="1.5">'
                   f"<title>{escape(name)}: {_report.number(value)}</title></rect>")
        if cut:
            out.append(f'<rect class="ground" x="{x + NAME + length - 14:.1f}" y="{line - 1}" width="4" height="{BAR + 2}"/>')
        label = _report.number(value) + ("" if kind == "floor" else _times(value, _report.floor_of(record)))
        out.append(_text(x + NAME + max(length, 1) + 5, line + BAR - 3, label, "strong" if kind == "own" else "dim"))
    return out


def _times(value, floor):
    return f" · {value / floor:.2f}x" if floor else ""


def _facts(report):
    """Three lines under the title."""
    machine, busy = report["machine"], _report.foreign(report)
    warning = f"measured while others took {100 * busy:.0f} % of the processor: not to be quoted; " if busy > _report.FOREIGN_MOST else ""
    versions = ", ".join(f"{n} {v.split('-')[0].split('+')[0]}" for n, v in report["versions"].items() if v)
    return (f"{warning}less is better; 1.20x is 1.2 times what the floor takes, a program that passes bytes on and reads nothing",
            versions, f"{machine['cpu']}, {machine['system']}, Linux {machine['kernel']}")


def svg(report, title="Cost of one request"):
    """The text of an SVG file."""
    records = [r for r in report["scenarios"] if _report.measured(r)]
    heights = [0.0] * COLUMNS
    body, start = [], 100
    for record in records:
        column = heights.index(min(heights))
        body += _panel(record, MARGIN + column * (WIDTH + GAP), start + heights[column])
        heights[column] += _panel_height(record)
    width = 2 * MARGIN + COLUMNS * WIDTH + (COLUMNS - 1) * GAP
    height = start + max(heights) + MARGIN
    head = [f'<rect class="ground" width="{width}" height="{height:.0f}"/>', _text(MARGIN, 28, title, "title")]
    head += [_text(MARGIN, 46 + 15 * i, _shorten(line, 150), "dim") for i, line in enumerate(_facts(report))]
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:.0f}" width="{width}" '
                      f'height="{height:.0f}" role="img" aria-label="{escape(title)}">', f"<style>{STYLE}</style>", *head, *body,
                      "</svg>", ""])
