"""What was found, for people."""

from __future__ import annotations

from tests.simulation.results import Figure, Result

__all__ = ["report", "shown"]


def shown(figure: Figure) -> str:
    """A figure as it is written: ``never`` for what did not come to pass."""
    return "never" if figure is None else f"{figure:,}"


def report(name: str, result: Result) -> str:
    """The variants of a scenario, one a line, below its title."""
    heads = ["", *result.variants[0].figures]
    rows = [[each.name, *map(shown, each.figures.values())] for each in result.variants]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
        for row in (heads, *rows)
    ]
    return "\n".join([f"{name}: {result.title}", "", *lines, "", ""])
