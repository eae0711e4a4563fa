"""The runs as a table, and as figures for a program to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from tests.robustness.cluster.plan import Run
from tests.robustness.cluster.violation import Kind

__all__ = ["figures", "summary", "table"]

LEGEND = """\
Operations: answered / ambiguous / failed; an answer is what etcd said, be it that a condition does
not hold.  Watch: changes / snapshots / passing failures that it was told of.  Rate: operations a
second, all kinds together.  Hits: requests under way that the fault struck.  Worst: the slowest
operation, in seconds."""


def table(runs: Sequence[Run]) -> str:
    """A row for each kind of fault, all its runs together."""
    kinds = list(dict.fromkeys(kind for run in runs for kind in run.plan.kinds))
    words = [kind.value for kind in Kind]
    rows = [["fault", *kinds, "watch", *words, "rate", "hits", "worst", "seeds"]]
    for fault in dict.fromkeys(run.plan.fault for run in runs):
        rows += [_row(kinds, [run for run in runs if run.plan.fault == fault])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [_line(row, widths) for row in rows]
    return "\n".join([*lines, "", LEGEND])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
    return "  ".join(cells).rstrip()


def _row(kinds: Sequence[str], runs: Sequence[Run]) -> list[str]:
    fault, sound = runs[0].plan.fault, [run for run in runs if run.void is None]
    void = [run.plan.seed for run in runs if run.void is not None]
    seeds = ",".join(str(run.plan.seed) for run in sound)
    seconds = sum(run.seconds for run in sound) or 1.0
    found = Counter(each.kind for run in runs for each in run.violations)
    return [
        fault,
        *(_outcomes(run.outcomes[kind] for run in sound) for kind in kinds),
        "/".join(str(sum(told)) for told in zip(*(run.watched for run in sound), strict=True))
        or "-",
        *(str(found[kind]) for kind in Kind),
        f"{sum(run.operations for run in sound) / seconds:.0f}",
        str(sum(run.hits for run in sound)),
        f"{max((run.worst for run in sound), default=0.0):.2f}",
        " ".join(filter(None, [seeds, f"void: {','.join(map(str, void))}" if void else ""])),
    ]


def _outcomes(counts: Iterable[Counter[str]]) -> str:
    total = sum(counts, Counter[str]())
    return "/".join(str(total[each]) for each in ("answered", "ambiguous", "failed"))


def summary(runs: Iterable[Run]) -> str:
    """The totals, in a line: ``"0 lost, 0 doubled, 0 misreported, 0 leaked"``."""
    found = Counter(each.kind for run in runs for each in run.violations)
    return ", ".join(f"{found[kind]} {kind.value}" for kind in Kind)


def figures(run: Run) -> dict[str, Any]:
    """A run, in the types that JSON has."""
    changes, snapshots, failures = run.watched
    return {
        "fault": run.plan.fault,
        "seed": run.plan.seed,
        "transport": run.plan.transport,
        "void": run.void,
        "hits": run.hits,
        "seconds": round(run.seconds, 2),
        "rate": round(run.rate, 1),
        "worst": round(run.worst, 3),
        "operations": run.outcomes,
        "errors": run.errors,
        "watch": {"changes": changes, "snapshots": snapshots, "failures": failures},
        "violations": [str(each) for each in run.violations],
    }
