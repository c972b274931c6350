"""Configurations with holes: the peers are configured by files that look like what they become.

    @name@ or @expression@      replaced by its value
    #: for NAME in EXPRESSION   the lines up to its end, once for each; NAME, NAME for pairs
    #: if EXPRESSION            the lines up to its end, or to `#: else`
    #: else
    #: end

Expressions are Python over the given values. The templates are part of the program, so nothing is fenced in.
"""
import re

_HOLE = re.compile(r"@([A-Za-z_'\"(][^@\n]*)@")
_BUILTINS = {f.__name__: f for f in (enumerate, int, len, max, min, range, str)}
_MARK = re.compile(r"^\s*#:\s*(if|for|else|end)\b\s*(.*?)\s*$")


class TemplateError(ValueError):
    pass


def _parse(lines, at, open_mark):
    """The items from lines[at] up to what closes open_mark, and where that stands."""
    items = []
    while at < len(lines):
        mark = _MARK.match(lines[at])
        if not mark:
            items.append((at, lines[at]))
            at += 1
            continue
        word, rest = mark.groups()
        if word in ("else", "end"):
            if not open_mark or (word == "else" and open_mark != "if"):
                raise TemplateError(f"line {at + 1}: `{word}` without what it belongs to")
            return items, at
        first, end = _parse(lines, at + 1, word)
        second = []
        if end < len(lines) and _MARK.match(lines[end])[1] == "else":
            second, end = _parse(lines, end + 1, "else-part")
        if end >= len(lines):
            raise TemplateError(f"line {at + 1}: `{word}` has no end")
        items.append((at, (word, rest, first, second)))
        at = end + 1
    return items, at


def _value(expression, values, line):
    try:
        return eval(expression, {**values, "__builtins__": _BUILTINS})
    except Exception as e:
        raise TemplateError(f"line {line + 1}: {expression}: {e}") from e


def _expand(items, values, out):
    for line, item in items:
        if isinstance(item, str):
            out.append(_HOLE.sub(lambda m: str(_value(m[1], values, line)), item))
            continue
        word, rest, first, second = item
        if word == "if":
            _expand(first if _value(rest, values, line) else second, values, out)
            continue
        names, _, expression = rest.partition(" in ")
        names = [n.strip() for n in names.split(",")]
        for value in _value(expression, values, line):
            _expand(first, {**values, **dict(zip(names, value if len(names) > 1 else [value]))}, out)


def render(text, values):
    lines = text.split("\n")
    items, _ = _parse(lines, 0, None)
    out = []
    _expand(items, dict(values), out)
    return "\n".join(out)
