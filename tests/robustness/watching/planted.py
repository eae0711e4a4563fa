"""All faults that are planted in the watch loop, as data: what is planted, and what finds it.

The true loop is tried on the same, and must not be found to do wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import attrs

from tests.keys.poll.test_changes import LateCourse
from tests.robustness import planted as loops
from tests.robustness.watching import faulty
from tests.robustness.watching.courses import (
    BURSTS,
    DROPPED,
    FAILED,
    FORGOTTEN,
    HOLES,
    OVERRUN,
    OVERRUN_TWICE,
    QUIET,
    REMOVED,
    SPARSE,
    STUCK,
    Forgetful,
    Racing,
    asks_at_once,
    lost,
    misses_another_store,
    twice,
)
from txetcd.keys.poll import Poll

__all__ = ["PLANTS", "Plant"]


@attrs.frozen
class Plant:
    """A fault in the loop.

    Attributes:
        what: What is planted.
        make: The poll with it.
        found: Whether a poll is found to do wrong.
    """

    what: str
    make: type[Poll]
    found: Callable[[type[Poll]], object]


#: All of them, by name.
PLANTS: dict[str, Plant] = {
    "resumes-at-the-header": Plant(
        "the cursor goes to the index in the head of the answer (the first client did so)",
        loops.ResumesAtTheHeader,
        lost(BURSTS),
    ),
    "skips-ahead": Plant(
        "where history was cleared, it goes on behind the gap (the first client did so)",
        loops.SkipsAhead,
        lost(OVERRUN),
    ),
    "never-sleeps": Plant(
        "the delays of the schedule are not waited for (the first client did so)",
        loops.NeverSleeps,
        asks_at_once,
    ),
    "delivers-the-doorbell": Plant(
        "what wakes a parked wait is told as the next change",
        loops.DeliversTheDoorbell,
        lost(DROPPED),
    ),
    "trusts-silence": Plant(
        "a wait that broke is taken for one that nothing had matched",
        loops.TrustsSilence,
        lost(FAILED),
    ),
    "never-verifies": Plant(
        "after a failure it is not looked whether the history is still the same",
        loops.NeverVerifies,
        partial(misses_another_store, told_since=3),
    ),
    "trusts-the-head": Plant(
        "silence after the head of a wait is taken for its end",
        loops.TrustsTheHead,
        lost(STUCK, partial(LateCourse, seed=1)),
    ),
    "goes-too-far": Plant(
        "the cursor goes one index beyond what the end of a wait proves",
        loops.GoesTooFar,
        lost(QUIET, Racing),
    ),
    "tells-every-answer": Plant(
        "several scans that found the same change tell it each",
        loops.TellsEveryAnswer,
        twice(SPARSE),
    ),
    "tells-across-a-gap": Plant(
        "of several scans one fails, and what lies beyond it is told",
        loops.TellsAcrossAGap,
        lost(HOLES),
    ),
    "tells-the-last-first": Plant(
        "what several scans found is told in another order",
        loops.TellsTheLastFirst,
        twice(BURSTS),
    ),
    "begins-anew": Plant(
        "after a failure it goes on from where it began",
        faulty.BeginsAnew,
        twice(BURSTS),
    ),
    "skips-what-failed": Plant(
        "after a failure it goes on behind what it had asked for",
        faulty.SkipsWhatFailed,
        lost(FAILED),
    ),
    "forgets-what-was-found": Plant(
        "of several scans one fails, and what the others found is dropped",
        faulty.ForgetsWhatWasFound,
        lost(HOLES),
    ),
    "takes-any-store": Plant(
        "after a failure before any change, another store is taken for the one that was read",
        faulty.TakesAnyStore,
        partial(misses_another_store, told_since=0),
    ),
    "never-rearms": Plant(
        "a wait that the server has forgotten is never made anew",
        faulty.NeverRearms,
        lost(FORGOTTEN, Forgetful),
    ),
    "goes-on-before-the-snapshot": Plant(
        "what a snapshot shows is told once more as a change",
        faulty.GoesOnBeforeTheSnapshot,
        twice(OVERRUN_TWICE),
    ),
    "goes-on-behind-the-snapshot": Plant(
        "the first change after a snapshot is left out",
        faulty.GoesOnBehindTheSnapshot,
        lost([("set", "/w/a"), *OVERRUN_TWICE]),
    ),
    "says-nothing-of-removals": Plant(
        "removals are not told",
        faulty.SaysNothingOfRemovals,
        lost(REMOVED),
    ),
    "says-nothing-of-gaps": Plant(
        "where history was lost, no snapshot is told",
        faulty.SaysNothingOfGaps,
        lost(OVERRUN),
    ),
    "tells-an-old-snapshot": Plant(
        "where history was lost, the first snapshot is told again",
        faulty.TellsAnOldSnapshot,
        lost([("set", "/w/a"), *OVERRUN_TWICE]),
    ),
}
