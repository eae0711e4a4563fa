"""The runs as tables, and as figures for a program to read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from tests.robustness.watching.naive import NAIVE
from tests.robustness.watching.plan import Phase, Run, Watch
from tests.robustness.watching.promises import PROMISES

__all__ = ["figures", "percentile", "summary", "tables"]

WORDS = [promise.word for promise in PROMISES]

LEGEND = """\
Told: events that a watcher was told, or trees that were published.  Snapshots: told, among them
those that a watch begins with.  Gaps: snapshots that declare changes not told one by one, which the
server no longer had; covered: how many those were.  Naive: what a plain client of the server has
lost, and was told twice, of the same traffic behind the same faults."""

RECOVERY = """\
Hits: what the fault struck: requests under way, or changes.  Recovery, in seconds: from the end of
the fault (for a member that is killed: from that) until a watcher was told of something written
since; of each watcher that was behind what the fault struck."""


def tables(runs: Sequence[Run]) -> str:
    """What each way of watching was told, and how it recovered from each kind of fault."""
    sound = [run for run in runs if run.unknown is None]
    parts = [_grid(_watchers(sound)), LEGEND, _grid(_faults(sound)), RECOVERY]
    return "\n\n".join(parts)


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that so many are not above; 0 if there is none."""
    ranked = sorted(values)
    if not ranked:
        return 0.0
    return ranked[max(0, -int(-share * len(ranked) // 1) - 1)]


def summary(runs: Sequence[Run]) -> str:
    """The totals, in two lines: how much there was, and what was wrong."""
    sound = [run for run in runs if run.unknown is None]
    verdicts = [watch.verdict for run in sound for watch in run.watches]
    counts = (
        f"{sum(verdict.count(promise) for verdict in verdicts)} {promise.word}"
        for promise in PROMISES
    )
    trees = sum(watch.verdict.snapshots for run in sound for watch in run.watches if watch.is_tree)
    changes, told = sum(run.changes for run in sound), sum(run.told for run in sound)
    seeds = ", ".join(str(run.plan.seed) for run in sound)
    return (
        f"{changes:,} changes; {told:,} events told, and {trees:,} trees; "
        f"{sum(verdict.gaps for verdict in verdicts)} gaps declared; seeds {seeds}\n"
        + ", ".join(counts)
    )


# --- the tables ------------------------------------------------------------------------------


def _grid(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        first, *others = zip(row, widths, strict=True)
        cells = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _watchers(runs: Sequence[Run]) -> list[list[str]]:
    by_name: dict[str, list[Watch]] = defaultdict(list)
    for run in runs:
        for watch in run.watches:
            by_name[watch.name].append(watch)
    rows = [["watcher", "told", "snapshots", "gaps", "covered", *WORDS]]
    rows += [_watcher(name, watches) for name, watches in by_name.items()]
    rows += [_naive(kind, [run.naive[kind] for run in runs if kind in run.naive]) for kind in NAIVE]
    return rows


def _watcher(name: str, watches: Sequence[Watch]) -> list[str]:
    verdicts = [watch.verdict for watch in watches]
    snapshots = sum(verdict.snapshots for verdict in verdicts)
    is_tree = watches[0].is_tree
    told = snapshots if is_tree else sum(verdict.events for verdict in verdicts)
    cells = [told, "-" if is_tree else snapshots]
    cells += [sum(verdict.gaps for verdict in verdicts)]
    cells += [sum(verdict.covered for verdict in verdicts)]
    cells += [sum(verdict.count(promise) for verdict in verdicts) for promise in PROMISES]
    return [name, *map(str, cells)]


def _naive(kind: str, outcomes: Sequence[tuple[int, int, int]]) -> list[str]:
    told, lost, twice = (sum(column) for column in zip((0, 0, 0), *outcomes, strict=True))
    shown = {"lost": str(lost), "twice": str(twice)}
    return [f"naive {kind}", str(told), "-", "-", "-", *(shown.get(word, "-") for word in WORDS)]


def _faults(runs: Sequence[Run]) -> list[list[str]]:
    by_fault: dict[str, list[Phase]] = defaultdict(list)
    for run in runs:
        for phase in run.phases:
            by_fault[phase.fault].append(phase)
    rows = [["fault", "times", "hits", "watchers", "median", "99 %", "longest"]]
    rows += [_fault(name, phases) for name, phases in by_fault.items()]
    return rows


def _fault(name: str, phases: Sequence[Phase]) -> list[str]:
    times = [seconds for phase in phases for seconds in phase.recovery]
    shown = [percentile(times, share) for share in (0.5, 0.99, 1.0)]
    hits = sum(phase.hits for phase in phases)
    return [name, str(len(phases)), str(hits), str(len(times)), *(f"{each:.3f}" for each in shown)]


def figures(run: Run) -> dict[str, Any]:
    """A run, in the types that JSON has."""
    return {
        "seed": run.plan.seed,
        "members": run.plan.size,
        "changes": run.changes,
        "seconds": round(run.seconds, 2),
        "told": run.told,
        "void": run.void,
        "watches": [_figures_of(watch) for watch in run.watches],
        "naive": {
            kind: dict(zip(("told", "lost", "twice"), outcome, strict=True))
            for kind, outcome in run.naive.items()
        },
        "faults": [
            {
                "fault": phase.fault,
                "hits": phase.hits,
                "recovery": [round(seconds, 4) for seconds in phase.recovery],
            }
            for phase in run.phases
        ],
        "wrongs": run.wrongs,
    }


def _figures_of(watch: Watch) -> dict[str, Any]:
    verdict = watch.verdict
    return {
        "watcher": watch.name,
        "events": verdict.events,
        "snapshots": verdict.snapshots,
        "gaps": verdict.gaps,
        "covered": verdict.covered,
        "failures": watch.failures,
        **{promise.word: verdict.count(promise) for promise in PROMISES},
    }
