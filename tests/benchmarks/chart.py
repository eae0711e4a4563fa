"""The chart for the documentation: an SVG, written by hand.

It has no background, and colours that can be read on a light one and on a dark one.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

import attrs

from tests.benchmarks.clients import CLIENTS
from tests.benchmarks.results import Results

__all__ = ["Bar", "bars", "draw"]

WIDTH = 760
#: Where the names end, and each of the two charts begins.
NAMES_END = 120
PANELS = (132, 470)
#: How long the longest bar is; beside it there is room for its number.
LONGEST = 220
#: Where the first bar is, how far each is from the next, and how thick.
TOP, STEP, THICK = 76, 30, 18

#: On white, and on furo's dark page, each of these has a contrast above 3, the text above 4.
TEXT = "#757c85"
FONTS = "system-ui, -apple-system, Segoe UI, Roboto, sans-serif"
OURS = "#1f9d73"
OTHERS = "#8593a3"

#: How a figure of a panel is written, and which way is good.
HEADINGS = (("gets per second", "more is better"), ("CPU µs per get", "less is better"))


@attrs.frozen
class Bar:
    """One client: two bars, side by side.

    Attributes:
        label: Its name.
        rate: Gets per second.
        cpu: Microseconds of CPU time for each.
        ours: Whether to draw it as ours.
    """

    label: str
    rate: float
    cpu: float
    ours: bool


def bars(results: Results, case: str = "get-32") -> list[Bar]:
    """The clients that have figures in a case, in the order of the report.

    wrk is left out: it is no client of etcd, and would dwarf all of them.
    """
    found = results.case(case)
    chosen = []
    for client in CLIENTS:
        if not client.distribution:
            continue
        rate = found and found.median(client.name, "rate")
        cpu = found and found.median(client.name, "cpu")
        if rate and cpu:
            chosen.append(Bar(client.label, rate, cpu, client.distribution == "txetcd"))
    return chosen


def draw(chosen: Sequence[Bar], note: str) -> str:
    """The chart, as the text of a file.

    Args:
        chosen: What it shows, from the top.
        note: What stands below it, in small type.
    """
    height = TOP + STEP * len(chosen) + 34
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"',
        f'  viewBox="0 0 {WIDTH} {height}" role="img" fill="{TEXT}" font-family="{FONTS}">',
        "<title>Gets with 32 in flight: how many per second, and their CPU time</title>",
        _text(0, 20, "get, 32 in flight", size=16, weight=600),
    ]
    for x, (heading, direction) in zip(PANELS, HEADINGS, strict=True):
        parts += [
            _text(x, 48, heading, size=13, weight=600),
            _text(x, 64, direction, size=11),
        ]
    for row, bar in enumerate(chosen):
        parts += _row(bar, TOP + STEP * row, chosen)
    parts += [_text(0, height - 8, note, size=11), "</svg>", ""]
    return "\n".join(parts)


def _row(bar: Bar, y: int, chosen: Sequence[Bar]) -> list[str]:
    weight = 600 if bar.ours else 400
    middle = y + THICK - 4
    parts = [_text(NAMES_END, middle, bar.label, size=13, weight=weight, anchor="end")]
    longest = (max(each.rate for each in chosen), max(each.cpu for each in chosen))
    for x, value, most in zip(PANELS, (bar.rate, bar.cpu), longest, strict=True):
        length = max(1.0, LONGEST * value / most)
        colour = OURS if bar.ours else OTHERS
        parts += [
            f'<rect x="{x}" y="{y}" width="{length:.1f}" height="{THICK}" rx="2" fill="{colour}"/>',
            _text(x + length + 6, middle, f"{value:,.0f}", size=13, weight=weight),
        ]
    return parts


def _text(
    x: float, y: float, words: str, *, size: int, weight: int = 400, anchor: str = "start"
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{escape(words)}</text>'
    )
