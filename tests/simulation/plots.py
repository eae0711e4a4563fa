"""The pictures for the documentation.

They have no background, and colours that can be read on a light one and on a dark one.
This module needs ``matplotlib``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from io import StringIO
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from tests.simulation.look import (
    BAD,
    BETTER,
    FONTS,
    GOOD,
    OTHERS,
    OURS,
    PLAIN,
    SETTINGS,
    TEXT,
    WARNING,
    Look,
)
from tests.simulation.results import Result

__all__ = ["draw"]

def draw(results: Mapping[str, Result]) -> dict[str, str]:
    """The pictures of those scenarios that are there, by the names of their files."""
    pictures = {}
    with matplotlib.rc_context(SETTINGS):
        for name, (needed, make) in PICTURES.items():
            if all(each in results for each in needed):
                found = make(*(results[each] for each in needed))
                pictures[f"simulation-{name}.svg"] = _svg(found)
    return pictures


def _svg(figure: Figure) -> str:
    text = StringIO()
    figure.savefig(
        text, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
    )
    svg = re.sub(r"font: ([\d.]+px|[\w ]+ [\d.]+px) [^;\"]*", rf"font: \1 {FONTS}", text.getvalue())
    # A hundredth of a point is less than anybody sees.
    return re.sub(r"-?\d+\.\d{3,}", lambda found: f"{float(found[0]):.2f}", svg)


#: What is drawn of each column of the first picture, besides those without retries.
COLUMNS: list[dict[str, Look]] = [
    {
        "retries without a budget": BAD,
        "the default": GOOD,
        "the default, AdaptiveLimit": BETTER,
    },
    {
        "the default": BAD,
        "min_per_second=1, ratio=0.1": GOOD,
        "the default, AdaptiveLimit": BETTER,
    },
]


def _overload(stall: Result, fleet: Result) -> Figure:
    figure = Figure(figsize=(8.4, 5.4))
    axes = figure.subplots(2, 2, sharex=True, sharey="row")
    for (sent, answered), result, looks in zip(axes.T, (stall, fleet), COLUMNS, strict=True):
        settings = result.settings
        for axis, series in ((sent, "sent"), (answered, "answered")):
            _lines(axis, result, series, {"no retries": PLAIN, **looks})
            _grey(axis, settings["stalls"], settings["goes_on"], settings["ends"])
        clients = settings["clients"]
        sent.set_title("one client" if clients == 1 else f"{clients} clients")
        sent.legend(loc="upper right")
        answered.set_xlabel("seconds; the server stalls while it is grey")
    # Room for the legends.
    axes[0][0].set_ylim(0, 4200)
    axes[0][0].set_ylabel("requests sent per second")
    axes[1][0].set_ylabel("answers per second")
    return figure


def _grey(axis: Any, begin: float, end: float, last: float) -> None:
    axis.axvspan(begin, end, color=TEXT, alpha=0.15, linewidth=0)
    axis.set_xlim(0, last - 1)
    axis.grid(axis="y")


def _lines(axis: Any, result: Result, series: str, looks: Mapping[str, Look]) -> None:
    for name, (colour, style) in looks.items():
        axis.plot(result.variant(name).series[series], color=colour, linestyle=style, label=name)


def _hedging(result: Result) -> Figure:
    figure = Figure(figsize=(8.4, 3.4))
    axis = figure.subplots()
    looks = [BAD, PLAIN, BETTER, GOOD]
    for each, (colour, style) in zip(result.variants, looks, strict=True):
        more = each.figures["more sent %"]
        label = f"{each.name}: {more:g} % more requests"
        axis.plot(
            each.series["all but"], each.series["ms"], color=colour, linestyle=style, label=label
        )
    axis.set(xscale="log", yscale="log", xlim=(0.6, 0.001))
    axis.set_xticks([0.5, 0.1, 0.01, 0.001], ["half", "one in 10", "one in 100", "one in 1000"])
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_ylabel("milliseconds")
    axis.set_title("all requests but … take at most so long")
    axis.grid(axis="y")
    axis.legend(loc="upper left")
    return figure


def _balancing(slow: Result, alike: Result) -> Figure:
    figure = Figure(figsize=(8.4, 2.6))
    left, middle, right = figure.subplots(1, 3, sharey=True)
    for axis, result, title in (
        (left, slow, "% of requests, first is slow"),
        (middle, alike, "% of requests, all alike"),
    ):
        _shares(axis, result)
        axis.set_title(title)
    names = [each.name for each in slow.variants]
    times = [each.figures["p99 ms"] for each in slow.variants]
    bars = right.barh(names, times, color=[WARNING, OTHERS, OURS], height=0.6)
    right.bar_label(bars, [f"{each:.0f}" for each in times], padding=3)
    right.set_xlim(0, max(filter(None, times)) * 1.2)
    right.set_title("p99, first is slow, ms")
    left.invert_yaxis()
    return figure


def _shares(axis: Any, result: Result) -> None:
    names = [each.name for each in result.variants]
    begin = [0.0] * len(names)
    for n in range(result.settings["servers"]):
        shares = [each.series["shares %"][n] for each in result.variants]
        colour = WARNING if n == 0 and result.settings["slow"] else OTHERS
        axis.barh(names, shares, left=begin, color=colour, height=0.6, alpha=1 - 0.2 * (n % 2))
        begin = [a + b for a, b in zip(begin, shares, strict=True)]
    axis.set_xlim(0, 100)


def _members(result: Result) -> Figure:
    figure = Figure(figsize=(8.4, 2.8))
    axis = figure.subplots()
    looks = {"refuses, no accrual": BAD, "refuses, the default": GOOD, "hangs, the default": BETTER}
    settings = result.settings
    _lines(axis, result, "sent to it", looks)
    _grey(axis, settings["dies"], settings["back"], settings["ends"])
    axis.set_xlabel("seconds; the member is dead while it is grey")
    axis.set_ylabel("sent to it per second")
    axis.legend(loc="upper right")
    return figure


#: What each picture shows, and how it is made.
PICTURES: dict[str, tuple[tuple[str, ...], Callable[..., Figure]]] = {
    "overload": (("stall", "fleet"), _overload),
    "hedging": (("hedging",), _hedging),
    "balancing": (("one slow", "alike"), _balancing),
    "members": (("members",), _members),
}
