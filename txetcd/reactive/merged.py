"""Events that are made of several."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txetcd.reactive.closable import Closable, Together
from txetcd.reactive.iteration import Iteration
from txetcd.reactive.race import Race
from txetcd.reactive.turns import Turns
from txetcd.reactive.witness import Witness

__all__ = ["Branching", "Merged"]


class Merged:
    """The occurrences of several events."""

    def __init__(self, events: Sequence[Any]) -> None:
        self._events = events

    def register(self, witness: Witness[Any]) -> Closable:
        told = _Told(witness)
        for each in self._events:
            told.listen_to(each)
        return told

    def __aiter__(self) -> AsyncIterator[Any]:
        return Iteration(Race([each.__aiter__() for each in self._events]))

    def __repr__(self) -> str:
        return f"<{' | '.join(map(repr, self._events))}>"


class Branching:
    """The occurrences of the events that a function makes of the values of one."""

    def __init__(self, event: Any, function: Callable[[Any], Any]) -> None:
        self._event = event
        self._function = function

    def register(self, witness: Witness[Any]) -> Closable:
        told = _Told(witness, self._function)
        told.branch_off(self._event)
        return told

    def __aiter__(self) -> AsyncIterator[Any]:
        return Iteration(Race([self._event.__aiter__()], self._branch))

    def _branch(self, value: Any) -> AsyncIterator[Any]:
        iterator: AsyncIterator[Any] = self._function(value).__aiter__()
        return iterator

    def __repr__(self) -> str:
        return f"<event, branching off {self._event!r}>"


class _Told:
    """A witness of several events, told of one occurrence at a time."""

    def __init__(
        self, witness: Witness[Any], function: Callable[[Any], Any] | None = None
    ) -> None:
        self._turns: Turns[Any] = Turns(witness)
        self._function = function
        self._registrations = Together()

    def listen_to(self, event: Any) -> None:
        self._registrations.add(event.register(self._turns.offer))

    def branch_off(self, event: Any) -> None:
        self._registrations.add(event.register(self._branch))

    def _branch(self, occurrence: Any) -> Deferred[None] | None:
        if self._registrations.closed:
            return None
        if not isinstance(occurrence, Failure):
            try:
                self.listen_to(self._function(occurrence))  # type: ignore[misc]  # it is there
                return None
            except Exception:
                occurrence = Failure()
        return self._turns.offer(occurrence)

    def close(self) -> Deferred[None]:
        closed = self._registrations.close()
        self._turns.close()
        return closed

    def __repr__(self) -> str:
        return f"<registration, {self._registrations!r}>"
