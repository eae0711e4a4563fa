"""One witness, told of one occurrence at a time."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Awaitable
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from txetcd.errors import TxetcdError
from txetcd.reactive.witness import Witness

__all__ = ["LIMIT", "Missed", "Turns"]

T = TypeVar("T")

#: How many occurrences may wait for one witness.
LIMIT = 1000

_log = Logger()


class Missed(TxetcdError):
    """A witness was too slow, and occurrences are lost to it.

    Args:
        count: How many, of those between the one told before this and the next.

    .. versionadded:: 0.1
    """

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} occurrences came faster than they were dealt with")
        self.count = count


class Turns(Generic[T]):
    """Tells a witness, and has what comes meanwhile wait for it.

    One that is ``limit`` behind misses all until it has caught up, and is then told `Missed`.

    Args:
        witness: What it raises, and what an awaitable of its fails with, is logged.
        limit: How many may wait.
    """

    def __init__(self, witness: Witness[T], limit: int = LIMIT) -> None:
        self._witness = witness
        self._limit = limit
        self._waiting: deque[tuple[Any, Deferred[None]]] = deque()
        self._missed = 0
        # Fires when the witness has dealt with what it was told last.
        self._current: Deferred[None] | None = None
        self._busy = self._closed = False

    def offer(self, occurrence: T | Failure) -> Deferred[None] | None:
        """Tell of an occurrence, in its turn.

        Returns:
            A Deferred that fires with None when the witness has dealt with it; None if
            it has, or will not be told.
        """
        if self._closed:
            return None
        if not self._busy:
            return self._begin(occurrence)
        if self._missed or len(self._waiting) >= self._limit:
            self._missed += 1
            return None
        dealt_with: Deferred[None] = Deferred()
        self._waiting.append((occurrence, dealt_with))
        return dealt_with

    def _begin(self, occurrence: T | Failure) -> Deferred[None] | None:
        self._busy = True
        told = self._tell(occurrence)
        if told is None and not self._waiting:
            self._busy = False
            return None
        dealt_with = self._current = Deferred()
        Deferred.fromCoroutine(self._go_on(told))
        return dealt_with

    async def _go_on(self, told: Awaitable[Any] | None) -> None:
        await self._outcome(told)
        while self._has_more():
            await self._outcome(self._tell(self._next()))
        self._busy = False

    def _has_more(self) -> bool:
        self._dealt_with()
        return not self._closed and (bool(self._waiting) or self._missed > 0)

    def _next(self) -> Any:
        if self._waiting:
            occurrence, self._current = self._waiting.popleft()
            return occurrence
        missed, self._missed = self._missed, 0
        return Failure(Missed(missed))

    def _tell(self, occurrence: T | Failure) -> Awaitable[Any] | None:
        try:
            told = self._witness(occurrence)
        except Exception:
            _log.failure("the witness {witness!r} raised", witness=self._witness)
            return None
        return told if inspect.isawaitable(told) else None

    async def _outcome(self, told: Awaitable[Any] | None) -> None:
        try:
            if told is not None:
                await told
        except Exception:
            _log.failure("the witness {witness!r} raised", witness=self._witness)

    def _dealt_with(self) -> None:
        current, self._current = self._current, None
        if current is not None:
            current.callback(None)

    def close(self) -> None:
        """Tell no more; whoever waits for the witness waits no longer."""
        self._closed = True
        self._dealt_with()
        while self._waiting:
            self._waiting.popleft()[1].callback(None)
