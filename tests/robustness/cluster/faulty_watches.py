"""What can be wrong with a watch, besides what `tests.robustness.planted` has."""

from __future__ import annotations

from typing import Any

from tests.robustness.cluster.simulation import BACKOFF, Client
from txetcd import (
    Key,
    NodeOp,
    ReplyLost,
)
from txetcd.keys.changes import Changes
from txetcd.keys.events import KeyEvents, _Registration
from txetcd.keys.poll import Poll

__all__ = ["BeginsAnew", "SaysNothingOfRemovals", "watching"]


class _Events(KeyEvents):
    """The events that a poll of another class brings."""

    def __init__(self, top: Key, make: type[Poll]) -> None:
        super().__init__(top._session, top.path, True, BACKOFF)
        self._make = make

    def register(self, witness: Any) -> Any:
        poll = self._make(self._session, self._path, self._recursive, self._backoff)
        return _Registration(poll, witness)


class BeginsAnew(Poll):
    """Goes on, after a failure, from where it began."""

    def _follow(self, index: int) -> Changes:
        return _FromTheStart(self._session, self._path, self._recursive, index)


class _FromTheStart(Changes):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._start = self.index

    async def next(self) -> NodeOp:
        try:
            return await super().next()
        except ReplyLost:
            self.index = self._start
            raise


class SaysNothingOfRemovals(Poll):
    """Does not tell that a key was removed."""

    async def next(self) -> NodeOp:
        while (op := await super().next()).action.removes:
            pass
        return op


def watching(make: type[Poll], rate: float = 40.0) -> Client:
    """A client whose watch is of another class."""
    return Client(watch=lambda top: _Events(top, make), rate=rate)
