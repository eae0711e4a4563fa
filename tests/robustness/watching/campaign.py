"""Runs of many seeds, one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs

from tests.robustness.watching.faults import kinds_for
from tests.robustness.watching.plan import Plan, Run
from tests.robustness.watching.run import run

__all__ = ["ATTEMPTS", "carry_out", "long_plans", "short_plans"]

#: How often a run that shows nothing is made, each time with another seed.
ATTEMPTS = 3

#: How far apart those seeds are.
OTHER_SEED = 1000

#: What a member that is alone suffers otherwise than one of three, and is worth a short run.
ALONE = ("none", "killed", "flood-cut-off", "wiped")


def short_plans(seed: int) -> list[Plan]:
    """Each kind of fault once: a cluster of three, and a member that is alone."""
    return [
        Plan(seed, 3, kinds_for(3)),
        Plan(seed + 1, 1, ALONE),
    ]


def long_plans(seed: int) -> Iterator[Plan]:
    """All kinds for one seed after another, without end; every other one is a cluster of three."""
    while True:
        size = 3 if seed % 2 else 1
        yield Plan(seed, size, kinds_for(size))
        seed += 1


async def carry_out(
    reactor: Any, plan: Plan, told: Callable[[Run], None] = lambda run: None
) -> Run:
    """Make a run until it shows something, but not for ever.

    Args:
        reactor: Runs all of it.
        plan: How it goes.
        told: Told of each that is made, of those that show nothing as well.

    Returns:
        The last one.  If it is void, all were.
    """
    for attempt in range(ATTEMPTS):
        made = await run(reactor, attrs.evolve(plan, seed=plan.seed + attempt * OTHER_SEED))
        told(made)
        # What it did wrong counts, whatever else it shows; unless it was done by etcd.
        if made.void is None or (made.wrongs and not made.damaged):
            break
    return made
