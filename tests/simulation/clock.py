"""Time that passes as fast as it can be computed."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

from twisted.internet.error import AlreadyCalled, AlreadyCancelled

__all__ = ["SimulatedClock"]


class _Call:
    """A call that is to come; what a reactor's ``callLater`` returns, in part."""

    __slots__ = ("_args", "_function", "_kwargs", "_state", "time")

    def __init__(self, time: float, function: Callable[..., Any], args: Any, kwargs: Any) -> None:
        self.time = time
        self._function = function
        self._args = args
        self._kwargs = kwargs
        self._state: type[Exception] | None = None

    def active(self) -> bool:
        return self._state is None

    def cancel(self) -> None:
        if self._state is not None:
            raise self._state
        self._state = AlreadyCancelled

    def make(self) -> None:
        self._state = AlreadyCalled
        self._function(*self._args, **self._kwargs)


class SimulatedClock:
    """A clock that goes from one delayed call to the next.

    `twisted.internet.task.Clock` sorts all its calls whenever one is added; with some
    thousands of requests under way, that is most of what a simulation would do.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._heap: list[tuple[float, int, _Call]] = []
        self._count = 0

    def seconds(self) -> float:
        return self._now

    def callLater(
        self, delay: float, callable: Callable[..., Any], *args: object, **kwargs: object
    ) -> _Call:
        call = _Call(self._now + delay, callable, args, kwargs)
        # Of two at one time, the one that was asked for first comes first.
        self._count += 1
        heappush(self._heap, (call.time, self._count, call))
        return call

    def getDelayedCalls(self) -> list[_Call]:
        return [call for _, _, call in sorted(self._heap) if call.active()]

    def run(self, until: float) -> None:
        """Make all calls up to a time, in order, and those that they ask for."""
        while self._heap and self._heap[0][0] <= until:
            time, _, call = heappop(self._heap)
            if call.active():
                self._now = time
                call.make()
        self._now = max(self._now, until)

    def __repr__(self) -> str:
        return f"<SimulatedClock {self._now:g} s, {len(self.getDelayedCalls())} calls>"
