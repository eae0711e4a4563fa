"""Courses of events, each made for some fault in the loop, and what is found by them.

Each is played to a poll on a store in memory, with a clock that is moved; see `planted`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.task import Clock

from tests.keys.poll.test_poll import Course, Watcher, play
from tests.keys.store import Parked, Store
from txetcd import Action, Backoff, NodeOp, NotSent
from txetcd.errors import WatchEnded
from txetcd.keys.poll import Poll
from txetcd.keys.poll.pulse import HEAD_TIME, REARM

__all__ = [
    "BURSTS",
    "DROPPED",
    "FAILED",
    "FORGOTTEN",
    "HOLES",
    "OVERRUN",
    "OVERRUN_TWICE",
    "QUIET",
    "REMOVED",
    "SPARSE",
    "STUCK",
    "Forgetful",
    "Racing",
    "asks_at_once",
    "lost",
    "misses_another_store",
    "twice",
]

Steps = Sequence[tuple[str, Any]]

#: Connections are cut while changes come fast.
BURSTS: Steps = [("burst", 3), ("cut", None), ("burst", 10), ("advance", 0.05)] * 5

#: More changes than the history holds, while nobody is connected.
OVERRUN: Steps = [("burst", 3), ("cut", None), ("burst", 40)]

#: As that, and the watch goes on.
OVERRUN_TWICE: Steps = [*OVERRUN, ("advance", 0.5)] * 2

#: A member drops changes as it catches up, and wakes a parked wait by a later one.
DROPPED: Steps = [("burst", 3), ("cut_off", None), ("burst", 5), ("catch_up", True), ("burst", 1)]

#: A wait fails, and changes come before the next.
FAILED: Steps = [("burst", 2), ("fail", 1), ("cut", None), ("burst", 5)]

#: Keys come and go.
REMOVED: Steps = [("set", "/w/a"), ("set", "/w/b"), ("delete", "/w/a"), ("advance", 0.05)]

#: Before anything was told a wait finds a change, which is stuck on its way behind the head.
STUCK: Steps = [
    ("advance", 0.1), ("noise", 2), ("cut", None), ("burst", 3), ("stall", True),
    *[("advance", 0.05)] * 120,
]  # fmt: skip

#: Nothing matches for so long that waits are hung up.
QUIET: Steps = [("burst", 1), ("noise", 1), *[("advance", 0.5)] * round(3 * REARM)]

#: Scans that find one change together: unrelated ones lie between.
SPARSE: Steps = [
    ("burst", 3), ("cut", None), ("burst", 4), ("noise", 1), ("burst", 4), ("advance", 0.05)
]  # fmt: skip

#: One of several scans fails.
HOLES: Steps = [
    ("cut", None), ("burst", 12), ("fail_some", [False] * 5 + [True]), ("advance", 0.05)
]  # fmt: skip


def lost(course: Steps, course_of: Any = Course) -> Callable[[type[Poll]], object]:
    return lambda make: play(course, make, course_of).lost


def twice(course: Steps, course_of: Any = Course) -> Callable[[type[Poll]], object]:
    return lambda make: play(course, make, course_of).twice


# --- other courses, and what no judge of a course can see --------------------------------------


class RacingStore(Store):
    """A key is changed when a wait that proves something has just ended, before the next."""

    def _hung_up(self, parked: Parked) -> None:
        self.parked.remove(parked)
        if parked.state.index >= (parked.op.wait_index or 0):
            self.set("/w/race", b"%d" % self.index)
        parked.reply.errback(WatchEnded())


class Racing(Course):
    store_of = RacingStore


class Forgetful(Course):
    """The server forgets the waits that are parked, and says nothing."""

    def forget(self, _: None) -> None:
        self.store.parked.clear()


FORGOTTEN: Steps = [
    ("burst", 3), ("forget", None), ("burst", 1), ("advance", REARM), ("advance", HEAD_TIME)
]  # fmt: skip


def asks_at_once(make: type[Poll]) -> bool:
    """Whether a server that is down is asked more than once before the clock has moved."""
    store, clock = Store(), Clock()
    store.failures = [NotSent("refused")] * 10
    watcher = Watcher(store, clock, backoff=Backoff.constant(1).take(5), make=make)
    watcher.session.close()
    return len(store.asked) > 1


def misses_another_store(make: type[Poll], told_since: int) -> bool:
    """Whether no snapshot is told when the data were wiped, and more changes made than before.

    Args:
        make: The poll.
        told_since: How many changes were told after the first snapshot.
    """
    store, clock = Store(), Clock()
    store.set("/w/a", b"old")
    watcher = Watcher(store, clock, make=make)
    for number in range(told_since):
        store.set(f"/w/{number}", b"old")
    told = len(watcher.told)
    store.wipe()
    for number in range(told_since + 5):
        store.set(f"/w/{number}", b"new")
    for _ in range(50):
        clock.advance(0.01)
    after = watcher.told[told:]
    watcher.session.close()
    return not any(isinstance(op, NodeOp) and op.action is Action.GET for op in after)
