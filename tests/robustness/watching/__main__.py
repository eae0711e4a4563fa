"""``python -m tests.robustness.watching``: hurt a real etcd in every way, and judge watches."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import react

from tests.robustness.watching.campaign import carry_out, long_plans, short_plans
from tests.robustness.watching.faults import FAULTS
from tests.robustness.watching.naive import NAIVE
from tests.robustness.watching.plan import Plan, Run
from tests.robustness.watching.report import figures, summary, tables

#: How many seeds there are at least, and how many events are told, unless it is to be short.
SEEDS = 20
EVENTS = 1_000_000

#: How many wrongs of a run are printed.
SHOWN = 20


def main(argv: Sequence[str] | None = None) -> None:
    """Carry out what the command line says, and exit with 0 if all was well."""
    options = _parser().parse_args(argv)
    react(lambda reactor: Deferred.fromCoroutine(_carry_out(reactor, options)))


async def _carry_out(reactor: Any, options: argparse.Namespace) -> None:
    runs: list[Run] = []
    for plan in _plans(options):
        if _is_enough(runs, options):
            break
        runs.append(await carry_out(reactor, plan, _progress))
        # What was made so far is not to be lost if it is ended.
        _write(runs, options)
    text = "\n\n".join([tables(runs), *_wrongs(runs), summary(runs)])
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
    if any(run.wrongs or run.void is not None for run in runs) or not _bites(runs):
        raise SystemExit(1)


def _plans(options: argparse.Namespace) -> Iterable[Plan]:
    plans = short_plans(options.seed) if options.short else long_plans(options.seed)
    for plan in plans:
        kinds = [kind for kind in plan.kinds if kind in options.kinds]
        yield attrs.evolve(plan, kinds=kinds)


def _is_enough(runs: Sequence[Run], options: argparse.Namespace) -> bool:
    if options.short:
        return False
    seeds = SEEDS if options.seeds is None else options.seeds
    events = (0 if options.seeds else EVENTS) if options.events is None else options.events
    return len(runs) >= seeds and sum(run.told for run in runs) >= events


def _bites(runs: Sequence[Run]) -> bool:
    """Whether each of the plain clients has lost something: if not, nothing was hard."""
    return all(sum(run.naive[kind][1] for run in runs if run.naive) > 0 for kind in NAIVE)


def _wrongs(runs: Sequence[Run]) -> list[str]:
    """What is to be said of single runs."""
    lines = []
    for run in runs:
        shown = run.wrongs[:SHOWN]
        if len(run.wrongs) > SHOWN:
            shown.append(f"{len(run.wrongs)} in all")
        if run.void is not None:
            shown.append(f"void: {run.void}")
        lines += [f"seed {run.plan.seed}: {each}" for each in shown]
    return ["\n".join(lines)] if lines else []


def _write(runs: Sequence[Run], options: argparse.Namespace) -> None:
    if options.json is not None:
        options.json.write_text(json.dumps([figures(run) for run in runs], indent=1) + "\n")
    if options.text is not None:
        options.text.write_text(f"{tables(runs)}\n\n{summary(runs)}\n")


def _progress(run: Run) -> None:
    found = f"{len(run.wrongs)} wrongs" if run.wrongs else "well"
    sys.stderr.write(
        f"seed {run.plan.seed}, {run.plan.size} members: {run.void or found}; "
        f"{run.told} events of {run.changes} changes in {run.seconds:.0f} s\n"
    )


def _parser() -> argparse.ArgumentParser:
    name = "python -m tests.robustness.watching"
    parser = argparse.ArgumentParser(prog=name, description=__doc__)
    parser.add_argument("--short", action="store_true", help="each kind once, in three minutes")
    parser.add_argument("--seed", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--seeds", type=int, help=f"how many seeds, at least ({SEEDS})")
    parser.add_argument(
        "--events", type=int, help=f"how many events are told, at least ({EVENTS}; 0 with --seeds)"
    )
    parser.add_argument(
        "--kinds", type=_kinds, default=list(FAULTS), metavar="A,B", help=", ".join(FAULTS)
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--text", type=Path, metavar="FILE", help="write the tables there")
    return parser


def _kinds(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in FAULTS:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(FAULTS)}")
    return names


if __name__ == "__main__":
    main()
