"""The four cases in which etcd loses changes, played on an etcd in memory with a watch of ours."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from txetcd import Action, Backoff, Data, NodeOp
from txetcd.testing import MemoryEtcd

__all__ = ["CASES", "Case", "Play"]

#: How many changes behind a stream is dropped.
BEHIND = 100

#: More changes than the history holds.
MANY = 1000

#: The time before a watch that failed goes on, in seconds: more than between two changes.
DELAY = 1.5


class Play:
    """What happens to a key, and what a watch tells of it.

    Attributes:
        changes: The index of each change, as it is written in the picture.
        told: The places of the changes that were told, from 0 on.
        snapshots: From which place to which a snapshot was told instead.
        marks: What else happened, each before the change at a place.
        memory: Where it happens.
    """

    def __init__(self) -> None:
        self.changes: list[str] = []
        self.told: set[int] = set()
        self.snapshots: list[tuple[int, int]] = []
        self.marks: list[tuple[int, str]] = []
        self._clock = Clock()
        self.memory = MemoryEtcd(self._clock)
        # Changes are made elsewhere, so that they are made whatever befalls this member.
        self._elsewhere = self.memory.client(through=self.memory.peer)
        self._client = self.memory.client()
        self._busy: Deferred[None] | None = None
        #: The place of what was told last.
        self._last = -1

    def mark(self, words: str) -> None:
        """Something else happens."""
        self.marks.append((len(self.changes), words))

    def change(self, times: int = 1) -> None:
        """Write the key, so often that it is one thing in the picture."""
        place = len(self.changes)
        index = 0

        def done(op: NodeOp) -> None:
            nonlocal index
            index = op.node.modified_index

        for _ in range(times):
            # The value is the place, so that what is told says where it belongs.
            self._elsewhere.key("/colour").set(str(place)).addCallback(done)
        self.changes.append(f"…{index}" if times > 1 else str(index))
        self._clock.advance(1)

    def changes_one_by_one(self, number: int) -> None:
        """Write it so often, each time apart."""
        for _ in range(number):
            self.change()

    def watch(self, after_index: int | None = None) -> None:
        """Begin to watch."""
        key = self._client.key("/colour")
        key.events(backoff=Backoff.constant(DELAY), after_index=after_index).register(self._told)

    def be_busy(self) -> None:
        """Take time over what is told next."""
        self._busy = Deferred()

    def be_ready(self) -> None:
        """Go on."""
        busy, self._busy = self._busy, None
        assert busy is not None
        busy.callback(None)

    def _told(self, result: NodeOp | Failure) -> Deferred[None] | None:
        # What fails on the way is told too, and is not in the picture.
        if isinstance(result, NodeOp):
            place = int(result.node.text) if isinstance(result.node, Data) else -1
            if result.action is not Action.GET:
                self.told.add(place)
            elif place > self._last:
                self.snapshots.append((self._last + 1, place))
            self._last = place
        return self._busy


@attrs.frozen
class Case:
    """A case.

    Attributes:
        title: What it is.
        alone: The places of the changes that a client is told which trusts etcd.
        happens: What happens.
    """

    title: str
    alone: frozenset[int]
    happens: Callable[[Play], None]

    def play(self) -> Play:
        """Let it happen."""
        play = Play()
        self.happens(play)
        return play


def _from_the_past(play: Play) -> None:
    play.changes_one_by_one(3)
    play.mark("the stream is asked for, from index 4 on")
    play.watch(after_index=int(play.changes[0]) - 1)
    play.changes_one_by_one(4)


def _behind(play: Play) -> None:
    play.watch()
    play.changes_one_by_one(3)
    play.mark("the reader is busy")
    play.be_busy()
    play.change()
    play.change(BEHIND)
    play.changes_one_by_one(3)
    play.be_ready()
    play.mark("it goes on")
    play.changes_one_by_one(2)


def _by_snapshot(play: Play) -> None:
    play.watch()
    play.changes_one_by_one(3)
    play.mark("the member is cut off")
    play.memory.fall_behind()
    play.change()
    play.change(MANY)
    play.change()
    play.mark("it is sent the data as a whole")
    play.memory.catch_up(from_snapshot=True)
    play.changes_one_by_one(4)


def _wiped(play: Play) -> None:
    play.watch()
    play.changes_one_by_one(2)
    play.change(BEHIND)
    play.change()
    play.mark("the data are wiped")
    play.memory.restart(wipe=True)
    play.changes_one_by_one(6)


CASES = (
    Case("1   A stream from the past", frozenset({0}), _from_the_past),
    Case("2   A stream that falls behind", frozenset({0, 1, 2, 3, 4}), _behind),
    Case(
        "3   A member that catches up from a snapshot",
        frozenset({0, 1, 2, 6, 7, 8, 9}),
        _by_snapshot,
    ),
    Case("4   A store that was wiped", frozenset({0, 1, 2, 3}), _wiped),
)
