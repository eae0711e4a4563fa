"""``python -m tests.simulation``: simulate, and print a table for each scenario."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.simulation.report import report
from tests.simulation.results import Result, to_json
from tests.simulation.scenarios import SCENARIOS, SEED, simulate


def main(argv: Sequence[str] | None = None) -> None:
    """Carry out what the command line says."""
    options = _parser().parse_args(argv)
    results: dict[str, Result] = {}
    for name in options.only or SCENARIOS:
        results[name] = simulate(name, options.seed)
        sys.stdout.write(report(name, results[name]))
        sys.stdout.flush()
    if options.text is not None:
        text = "".join(report(name, each) for name, each in results.items())
        options.text.write_text(text, "utf-8")
    if options.json is not None:
        options.json.write_text(to_json(results, options.seed), "utf-8")
    if options.svg is not None:
        from tests.simulation.plots import draw

        for file, picture in draw(results).items():
            (options.svg / file).write_text(picture, "utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED, help=f"of all that is random ({SEED})")
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", choices=SCENARIOS, help=", ".join(SCENARIOS)
    )
    parser.add_argument("--text", type=Path, metavar="FILE", help="write the tables there as well")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument(
        "--svg", type=Path, metavar="FOLDER", help="draw pictures there (needs matplotlib)"
    )
    return parser


if __name__ == "__main__":
    main()
