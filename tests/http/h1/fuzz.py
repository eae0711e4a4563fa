"""The laws of `tests.http.h1.laws`, against mutations of the corpus.

::

    python -m tests.http.h1.fuzz --count 1000000 --seed 1 --jobs 2

Each response is read whole and byte by byte, and once more by a parser that has read others
before, if there is one.  What is drawn depends on the seed alone, and not
on the number of jobs.  Where a law does not hold, the case is printed, and the exit status is
1; it is 2 if too few were responses for the run to mean much.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing import get_context
from typing import NamedTuple

from tests.http.h1.corpus import cases
from tests.http.h1.laws import RESPONSE, Case, check, check_again
from tests.http.h1.mutate import Mutator
from txetcd.http.h1 import Limits, ResponseParser

__all__ = ["LEAST_RESPONSES", "Block", "Result", "blocks", "run"]

#: How many are drawn with one seed, and read by one process.
BLOCK = 10_000

#: With a smaller share of responses, nearly everything is refused early, and little is shown.
LEAST_RESPONSES = 0.1


class Block(NamedTuple):
    """Mutants to read."""

    seed: int
    number: int
    size: int


class Result(NamedTuple):
    """What became of a block: how many ended in what, and whatever broke a law."""

    block: Block
    kinds: Counter[str]
    violation: str = ""


def run(block: Block) -> Result:
    """Draw the mutants of a block, and hold all laws against each."""
    mutator = Mutator(list(cases().values()), f"{block.seed}/{block.number}")
    kinds: Counter[str] = Counter()
    used: dict[Limits, ResponseParser | None] = {}
    for index in range(block.size):
        case = mutator.next()
        try:
            kinds[check(case).kind] += 1
            used[case.limits] = check_again(case, used.get(case.limits))
        except Exception as error:
            return Result(block, kinds, _reproducer(block, index, case, error))
    return Result(block, kinds)


def _reproducer(block: Block, index: int, case: Case, error: Exception) -> str:
    return (
        f"seed {block.seed}, block {block.number}, mutant {index}:\n"
        f"check({case!r})\n"
        f"{type(error).__name__}: {error}"
    )


def blocks(count: int, seed: int) -> Iterator[Block]:
    """As many blocks as have so many mutants."""
    for number, start in enumerate(range(0, count, BLOCK)):
        yield Block(seed, number, min(BLOCK, count - start))


def _results(jobs: int, blocks: Iterator[Block]) -> Iterator[Result]:
    with get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(run, blocks)


def main(arguments: list[str]) -> int:
    """Read as many mutants as are wanted; the exit status."""
    wanted = _parse(arguments)
    begun = time.monotonic()
    kinds: Counter[str] = Counter()
    for result in _results(wanted.jobs, blocks(wanted.count, wanted.seed)):
        kinds += result.kinds
        if result.violation:
            sys.stdout.write(result.violation + "\n")
            return 1
    sys.stdout.write(_report(kinds, time.monotonic() - begun))
    return 0 if kinds[RESPONSE] >= LEAST_RESPONSES * kinds.total() else 2


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.http.h1.fuzz", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--count", type=int, default=1_000_000, help="how many mutants")
    parser.add_argument("--seed", type=int, default=1, help="what is drawn depends on it")
    parser.add_argument("--jobs", type=int, default=2, help="how many processes")
    return parser.parse_args(arguments)


def _report(kinds: Counter[str], seconds: float) -> str:
    total = kinds.total()
    lines = [f"{total:,} responses, each whole and byte by byte, {total / seconds:,.0f}/s"]
    lines += [f"{count / total:7.2%}  {kind}" for kind, count in kinds.most_common()]
    return "\n".join((*lines, ""))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
