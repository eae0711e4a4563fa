"""Events for those who make the occurrences."""

from __future__ import annotations

from collections import deque
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.python.failure import Failure

from txetcd.reactive.closable import Closable
from txetcd.reactive.event import Event
from txetcd.reactive.turns import LIMIT, Turns
from txetcd.reactive.witness import Witness

__all__ = ["Source"]

T = TypeVar("T")


class Source(Event[T]):
    """An event that whoever holds it makes occur.

    Witnesses are told in the order in which they came, and each of all occurrences in their
    order: one that is made while another is told is told after it.  A witness that
    takes its time slows whoever makes the occurrences, and waits for it, and no other
    witness.  What a witness raises is logged.

    Args:
        limit: How many occurrences may wait for a witness that is slower than whoever
            makes them, and does not wait; at least 0.  One that is further behind misses
            what comes until it has caught up, and is told a `Failure` of `Missed`.

    Raises:
        ValueError: ``limit`` is less than 0.

    .. versionadded:: 0.1
    """

    def __init__(self, limit: int = LIMIT) -> None:
        if limit < 0:
            raise ValueError(f"limit must be at least 0, not {limit!r}")
        self._limit = limit
        self._registrations: dict[_Registration, None] = {}
        self._made: deque[tuple[Any, Deferred[None]]] = deque()
        self._telling = False

    def register(self, witness: Witness[T]) -> Closable:
        registration = _Registration(self._registrations, Turns(witness, self._limit))
        self._registrations[registration] = None
        return registration

    def notify(self, occurrence: T | Failure) -> Deferred[None]:
        """Tell all witnesses of an occurrence.

        Returns:
            A Deferred that fires with None when all have dealt with it: wait for it
            before the next one, and nothing is buffered.  Cancelling it ends the waiting
            alone.
        """
        dealt_with: Deferred[None] = Deferred()
        self._made.append((occurrence, dealt_with))
        if not self._telling:
            self._telling = True
            try:
                while self._made:
                    self._tell(*self._made.popleft())
            finally:
                self._telling = False
        return dealt_with

    @property
    def witnesses(self) -> int:
        """How many are registered."""
        return len(self._registrations)

    def _tell(self, occurrence: T | Failure, dealt_with: Deferred[None]) -> None:
        offered = [each.turns.offer(occurrence) for each in list(self._registrations)]
        busy = [each for each in offered if each is not None]
        waiting = DeferredList(busy) if busy else succeed(None)
        waiting.addCallback(lambda _: dealt_with.callback(None))

    def __repr__(self) -> str:
        return f"<Source with {self.witnesses} witnesses>"


class _Registration:
    __slots__ = ("_among", "turns")

    def __init__(self, among: dict[_Registration, None], turns: Turns[Any]) -> None:
        self._among = among
        self.turns = turns

    def close(self) -> Deferred[None]:
        self._among.pop(self, None)
        self.turns.close()
        return succeed(None)
