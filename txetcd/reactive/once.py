"""The first thing that somebody is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from txetcd.reactive.closable import Closable

__all__ = ["after_the_first", "once"]

T = TypeVar("T")

Told = Callable[[Any], object]


def once(observe: Callable[[Callable[[Any], None]], Closable]) -> Deferred[Any]:
    """Fire with what a function is told first, and fail if that is a `Failure`.

    Args:
        observe: Begins to tell a function; closed when it has told it, before the
            Deferred fires, and when the Deferred is cancelled.
    """
    waiting = _Waiting()
    try:
        waiting.follow(observe(waiting.told))
    except Exception:
        return fail()
    return waiting.result


def after_the_first(observe: Callable[[Told], Closable]) -> Callable[[Told], Closable]:
    """The same, but for the first thing that is told."""

    def begin(told: Told) -> Closable:
        first = True

        def later(value: Any) -> None:
            nonlocal first
            if not first:
                told(value)
            first = False

        return observe(later)

    return begin


class _Waiting:
    __slots__ = ("_observation", "_over", "result")

    def __init__(self) -> None:
        self.result: Deferred[Any] = Deferred(self._stop)
        self._observation: Closable | None = None
        self._over = False

    def follow(self, observation: Closable) -> None:
        if self._over:
            observation.close()
        else:
            self._observation = observation

    def told(self, value: Any) -> None:
        if self._over:
            return
        self._stop()
        if isinstance(value, Failure):
            self.result.errback(value)
        else:
            self.result.callback(value)

    def _stop(self, _: Any = None) -> None:
        self._over = True
        observation, self._observation = self._observation, None
        if observation is not None:
            observation.close()
