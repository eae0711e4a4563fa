"""How anything is measured that is done again and again.

The *figures* are

``rate``
    Operations (or events) in a second, by the clock on the wall.
``cpu``
    Microseconds of CPU time for each, of the client's process with all its threads.
``memory``
    KiB for each watch.
``milliseconds``
    For all of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from tests.benchmarks.concurrency import Concurrency
from tests.benchmarks.job import Job

__all__ = ["Figures", "Step", "figures_since", "measured"]

Figures = dict[str, float]

#: One operation.
Step = Callable[[], Coroutine[Any, Any, None]]


async def _repeated(concurrency: Concurrency, steps: Sequence[Step], seconds: float) -> Figures:
    """The figures of steps that are each repeated, at once, for a time."""
    wall, cpu = time.perf_counter(), time.process_time()
    until = wall + seconds
    counts = await concurrency.together([_repeat(step, until) for step in steps])
    return figures_since(sum(counts), wall, cpu)


async def _repeat(step: Step, until: float) -> int:
    """How often a step was made before a time; at least once."""
    count = 0
    now = time.perf_counter
    while not count or now() < until:
        await step()
        count += 1
    return count


def figures_since(count: int, wall: float, cpu: float) -> Figures:
    """The figures of so many operations, from the clocks when they began."""
    cpu_seconds, seconds = time.process_time() - cpu, time.perf_counter() - wall
    return {"rate": count / seconds, "cpu": cpu_seconds / count * 1e6}


async def measured(concurrency: Concurrency, steps: Sequence[Step], job: Job) -> Figures:
    """The figures of steps that are repeated at once, after the same as a warm-up."""
    await _repeated(concurrency, steps, job.sizes.warm_up)
    return await _repeated(concurrency, steps, job.sizes.seconds)
