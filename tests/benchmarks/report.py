"""The report: a table for each case, and what it was made on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tests.benchmarks.clients import CLIENTS
from tests.benchmarks.results import CaseResult, Results

__all__ = ["case_table", "layers_table", "machine_lines"]

#: The figures and what heads their columns.
COLUMNS = {
    "rate": "per second",
    "memory": "KiB each",
    "milliseconds": "ms",
    "cpu": "CPU µs each",
}

#: Who the others are compared with, and what that is called.
REFERENCES = {"treq": "/ treq", "aetcd": "/ aetcd"}

_LABELS = {each.name: each.label for each in CLIENTS}


def case_table(case: CaseResult) -> str:
    """The medians of a case, each with what it is divided by treq's and aetcd's."""
    figures = [name for name in COLUMNS if any(case.median(each, name) for each in case.outcomes)]
    head = [case.title]
    for figure in figures:
        head += [COLUMNS[figure], *REFERENCES.values()]
    rows = [_row(case, client, figures) for client in case.outcomes]
    return _aligned([head, *rows])


def _row(case: CaseResult, client: str, figures: Iterable[str]) -> list[str]:
    outcome = case.outcomes[client]
    label = _LABELS.get(client, client)
    if outcome.kind:
        said = {"error": "error: ", "n/a": "n/a: ", "absent": ""}[outcome.kind] + outcome.why
        return [label, " ".join(said.split())]
    row = [label]
    for figure in figures:
        row.append(_number(case.median(client, figure)))
        row += [_times(case.ratio(client, figure, each)) for each in REFERENCES]
    return row


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _times(ratio: float | None) -> str:
    if ratio is None:
        return ""
    return f"{ratio:.1f}×" if ratio >= 10 else f"{ratio:.2f}×"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """Text in columns, the first to the left; a row of two cells is a label and a remark."""
    head = rows[0]
    full = [row for row in rows if len(row) == len(head)]
    widths = [max(len(row[column]) for row in full) for column in range(len(head))]
    widths[0] = max(len(row[0]) for row in rows)
    lines = []
    for row in rows:
        if len(row) != len(head):
            lines.append(f"{row[0]:<{widths[0]}}  {row[1]}")
            continue
        cells = [f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join([f"{row[0]:<{widths[0]}}", *cells]).rstrip())
    lines.insert(1, "-" * len(lines[0]))
    return "\n".join(lines)


def machine_lines(machine: dict[str, Any], settings: dict[str, Any]) -> str:
    """What it was made on, and how."""
    versions = {**machine["clients"], **machine["below"]}
    told = ", ".join(f"{name} {each}" for name, each in versions.items())
    return (
        f"{machine['python']} on {machine['platform']}; {machine['cpus']} × {machine['cpu']}\n"
        f"etcd {machine['etcd']}, with v2, not waiting for its disk\n"
        f"{told}\n"
        f"medians of {settings['rounds']} rounds of {settings['seconds']} s each, "
        f"after {settings['warm_up']} s of warming up"
    )


def layers_table(results: Results) -> str:
    """What each layer of txetcd costs."""
    rows = [[name, f"{cost:.2f}"] for name, cost in results.layers.items()]
    return _aligned([["layers of txetcd", "CPU µs"], *rows])
