"""``python -m tests.benchmarks``: measure, and print a table for each case."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks import chart
from tests.benchmarks.cases import CASES
from tests.benchmarks.clients import CLIENTS
from tests.benchmarks.costs import layer_costs
from tests.benchmarks.job import Sizes
from tests.benchmarks.report import case_table, layers_table, machine_lines
from tests.benchmarks.results import CaseResult, Results
from tests.benchmarks.run import Plan, run


def main(argv: Sequence[str] | None = None) -> None:
    """Carry out what the command line says."""
    options = _parser().parse_args(argv)
    # So that the server and the processes under way are ended, as by Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    plan = _plan(options)
    results = run(plan, _print_case)
    if options.only is None:
        results.layers = layer_costs()
    if results.layers:
        print(layers_table(results), end="\n\n")
    print(machine_lines(results.machine, results.settings))
    _write(options, results)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    names, clients = [each.name for each in CASES], [each.name for each in CLIENTS]
    parser.add_argument("--quick", action="store_true", help="only see that everything runs")
    parser.add_argument("--rounds", type=_positive, help="how often each measures each (3)")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=names, help=", ".join(names))
    parser.add_argument(
        "--clients", nargs="+", metavar="NAME", choices=clients, help=", ".join(clients)
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the chart there")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _plan(options: Any) -> Plan:
    return Plan(
        cases=[each for each in CASES if options.only is None or each.name in options.only],
        clients=[
            each for each in CLIENTS if options.clients is None or each.name in options.clients
        ],
        rounds=options.rounds or (1 if options.quick else 3),
        sizes=Sizes.quick() if options.quick else Sizes(),
    )


def _print_case(case: CaseResult) -> None:
    print(case_table(case), end="\n\n", flush=True)


def _write(options: Any, results: Results) -> None:
    if options.json is not None:
        text = json.dumps(results.to_dict(), indent=1, ensure_ascii=False)
        options.json.write_text(f"{text}\n", encoding="utf-8")
    if options.svg is None:
        return
    chosen = chart.bars(results)
    if not chosen:
        sys.exit("There is no chart without figures for get-32.")
    machine = results.machine
    note = f"{machine['python']}, etcd {machine['etcd']}, {machine['cpus']} CPUs: {machine['cpu']}"
    options.svg.write_text(chart.draw(chosen, note), encoding="utf-8")


if __name__ == "__main__":
    main()
