"""``python -m tests.robustness``: hurt a real cluster in every way, and print a table."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import react

from tests.robustness.cluster.campaign import carry_out
from tests.robustness.cluster.faults import FAULTS
from tests.robustness.cluster.plan import Plan, Run
from tests.robustness.cluster.report import figures, summary, table
from tests.robustness.cluster.traffic import KINDS

#: How many seeds each kind of fault is tried with, unless it is to be short.
SEEDS = 5

#: How many operations of each kind are begun in a second then.
RATE = 120.0

#: How many violations of a run are printed.
SHOWN = 20


def main(argv: Sequence[str] | None = None) -> None:
    """Carry out what the command line says, and exit with 0 if all was well."""
    options = _parser().parse_args(argv)
    react(lambda reactor: Deferred.fromCoroutine(_carry_out(reactor, options)))


async def _carry_out(reactor: Any, options: argparse.Namespace) -> None:
    runs = await carry_out(reactor, _plans(options), _progress)
    _say(f"\n{table(runs)}\n")
    for run in runs:
        for violation in run.violations[:SHOWN]:
            _say(f"{run.plan.fault}, seed {run.plan.seed}: {violation}")
        if len(run.violations) > SHOWN:
            _say(f"{run.plan.fault}, seed {run.plan.seed}: {len(run.violations)} in all")
        if run.void is not None:
            _say(f"{run.plan.fault}, seed {run.plan.seed}: void: {run.void}")
    _say(summary(runs))
    if options.json is not None:
        options.json.write_text(json.dumps([figures(run) for run in runs], indent=2) + "\n")
    if any(run.violations or run.void is not None for run in runs):
        raise SystemExit(1)


def _plans(options: argparse.Namespace) -> list[Plan]:
    short = Plan(options.kinds[0], options.seed, kinds=options.ops, transport=options.transport)
    if options.short:
        return [attrs.evolve(short, fault=fault) for fault in options.kinds]
    long = attrs.evolve(short, rate=RATE, before=2.0, fault_time=5.0, after=3.0)
    seeds = range(options.seed, options.seed + SEEDS)
    return [
        attrs.evolve(long, fault=fault, seed=seed) for fault in options.kinds for seed in seeds
    ]


def _progress(run: Run) -> None:
    found = f"{len(run.violations)} violations" if run.violations else "well"
    line = f"{run.plan.fault}, seed {run.plan.seed}: {run.void or found}"
    sys.stderr.write(f"{line}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.robustness", description=__doc__)
    parser.add_argument("--short", action="store_true", help="each kind once, and not for long")
    parser.add_argument("--seed", type=int, default=1, help="the first seed (1)")
    parser.add_argument(
        "--kinds", type=_of(FAULTS), default=list(FAULTS), metavar="A,B", help=", ".join(FAULTS)
    )
    parser.add_argument(
        "--ops", type=_of(KINDS), default=list(KINDS), metavar="A,B", help=", ".join(KINDS)
    )
    parser.add_argument("--transport", choices=["direct", "treq"], default="direct")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    return parser


def _of(known: Any) -> Any:
    """Reads several of some names, separated by commas."""

    def several(text: str) -> list[str]:
        names = [name.strip() for name in text.split(",")]
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return names

    return several


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
