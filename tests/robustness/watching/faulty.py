"""The watch loop with faults in it, besides those of `tests.robustness.planted`."""

from __future__ import annotations

from typing import Any

from txetcd import Action, Backoff, Key, NodeOp, ReplyLost
from txetcd.keys.events import KeyEvents
from txetcd.keys.poll import Poll
from txetcd.keys.poll.changes import Changes
from txetcd.keys.poll.pulse import Pulse
from txetcd.keys.poll.snapshot import Snapshot

__all__ = [
    "BeginsAnew",
    "EventsOf",
    "ForgetsWhatWasFound",
    "GoesOnBeforeTheSnapshot",
    "GoesOnBehindTheSnapshot",
    "NeverRearms",
    "SaysNothingOfGaps",
    "SaysNothingOfRemovals",
    "SkipsWhatFailed",
    "TakesAnyStore",
    "TellsAnOldSnapshot",
]


class EventsOf(KeyEvents):
    """The events below a key, as a poll of another class brings them."""

    def __init__(self, top: Key, make: type[Poll], backoff: Backoff) -> None:
        super().__init__(top._session, top.path, True, backoff)
        self._make = make

    def _poll(self) -> Poll:
        return self._make(self._session, self._path, self._recursive, self._backoff)


class _Follows(Poll):
    """Follows changes by a loop of another class."""

    changes: type[Changes]

    def _follow(self, index: int, last: NodeOp | None = None) -> Changes:
        return self.changes(
            self._session, self._path, self._recursive, index, self._pulse, last=last
        )


class BeginsAnew(_Follows):
    """Goes on, after a failure, from where it began."""

    class changes(Changes):  # noqa: N801
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._start = self.index

        async def next(self) -> NodeOp:
            try:
                return await super().next()
            except ReplyLost:
                self.index = self._start
                raise


class SkipsWhatFailed(_Follows):
    """Goes on, after a failure, behind what it had asked for."""

    class changes(Changes):  # noqa: N801
        async def next(self) -> NodeOp:
            try:
                return await super().next()
            except ReplyLost:
                self.index += 1
                raise


class ForgetsWhatWasFound(_Follows):
    """Drops what scans have found when one of them fails, and goes on behind it."""

    class changes(Changes):  # noqa: N801
        async def _find(self) -> None:
            await super()._find()
            if self._doubtful and self._found:
                last = self._found[-1]
                assert isinstance(last, NodeOp)
                self._found.clear()
                self.index = last.node.modified_index + 1


class TakesAnyStore(Poll):
    """Goes on with whatever store it finds, where nothing was told since the snapshot."""

    def _goes_on(self, index: int, snapshot: Snapshot) -> bool:
        assert self._changes is not None
        self._changes.trust()
        return True


class NeverRearms(Poll):
    """Leaves a wait parked for as long as the server does not answer."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._pulse = _Patient(self._session.clock)


class _Patient(Pulse):
    def rest(self, endable: bool) -> float:
        return 1e9


class GoesOnBeforeTheSnapshot(Poll):
    """Goes on from the last change that the snapshot shows, and not from behind it."""

    def _follow(self, index: int, last: NodeOp | None = None) -> Changes:
        return super()._follow(index - 1, last)


class GoesOnBehindTheSnapshot(Poll):
    """Leaves out the first change after a snapshot."""

    _was_snapshot = False

    async def next(self) -> NodeOp:
        op = await super().next()
        if self._was_snapshot and op.action is not Action.GET:
            op = await super().next()
        self._was_snapshot = op.action is Action.GET
        return op


class SaysNothingOfRemovals(Poll):
    """Does not tell that a key was removed."""

    async def next(self) -> NodeOp:
        while (op := await super().next()).action.removes:
            pass
        return op


class SaysNothingOfGaps(Poll):
    """Tells no snapshot but the first: what was lost meanwhile is lost without a word."""

    _begun = False

    async def next(self) -> NodeOp:
        while (op := await super().next()).action is Action.GET and self._begun:
            pass
        self._begun = True
        return op


class TellsAnOldSnapshot(Poll):
    """Tells the snapshot that it began with again, where it should read another."""

    _first: NodeOp | None = None

    async def next(self) -> NodeOp:
        op = await super().next()
        if op.action is not Action.GET:
            return op
        if self._first is None:
            self._first = op
        return self._first
