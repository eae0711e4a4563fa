"""Runs of many kinds, one after another, on one cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs

from tests.robustness.cluster.plan import Plan, Run
from tests.robustness.cluster.run import run
from tests.robustness.cluster.scene import Scene

__all__ = ["ATTEMPTS", "carry_out"]

#: How often a run that shows nothing is made, each time with another seed.
ATTEMPTS = 3

#: How far apart those seeds are.
OTHER_SEED = 1000


async def carry_out(
    reactor: Any, plans: Sequence[Plan], told: Callable[[Run], None] = lambda run: None
) -> list[Run]:
    """Make runs, each until it shows something, but not for ever.

    Args:
        reactor: Runs all of it.
        plans: How they go.
        told: Told of each as it ends, of those that show nothing as well.

    Returns:
        For each plan the last run.  One that is void was so each time.
    """
    scene = Scene(reactor)
    try:
        await scene.start()
        return [await _sound(scene, plan, told) for plan in plans]
    finally:
        await scene.stop()


async def _sound(scene: Scene, plan: Plan, told: Callable[[Run], None]) -> Run:
    for attempt in range(ATTEMPTS):
        made = await run(scene, attrs.evolve(plan, seed=plan.seed + attempt * OTHER_SEED))
        told(made)
        # What it did wrong counts, whatever else it shows.
        if made.void is None or made.violations:
            break
    return made
