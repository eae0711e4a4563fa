"""What an ``async for`` holds."""

from __future__ import annotations

from functools import partial
from typing import Any, Generic, Protocol, TypeVar
from weakref import ref

from twisted.internet.defer import Deferred

__all__ = ["Bell", "Iteration", "Steps"]

T = TypeVar("T", covariant=True)


class Steps(Protocol[T]):
    """The steps of an iteration, which must not hold on to the `Iteration`.

    Attributes:
        bell: What a step waits for.
        holder: Set by the `Iteration`.
    """

    bell: Bell
    holder: object

    async def next(self) -> T:
        """The next step; a step that was cancelled may be made again."""

    def close(self) -> None:
        """Observe no more; the next step, or one that is woken, ends the loop."""


class Iteration(Generic[T]):
    """An asynchronous iterator that closes what is behind it when a loop has let go of it.

    Python closes no iterator when a loop is left with ``break``; but nobody holds it
    any more.  The steps are told of that, and not by ``__del__``: if they are garbage
    themselves, together with what they observe, there is nothing to close, and others of
    that garbage must not be woken.
    """

    def __init__(self, steps: Steps[T]) -> None:
        self._steps = steps
        steps.holder = ref(self, partial(_let_go, steps))

    def __aiter__(self) -> Iteration[T]:
        return self

    async def __anext__(self) -> T:
        return await self._steps.next()

    async def aclose(self) -> None:
        """Observe no more; the iteration, and a step that waits, have ended."""
        _let_go(self._steps)
        self._steps.bell.ring()

    def __repr__(self) -> str:
        return f"<iteration: {self._steps!r}>"


def _let_go(steps: Steps[Any], _: object = None) -> None:
    steps.holder = None
    steps.close()


class Bell:
    """Wakes the one who waits."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: Deferred[None] | None = None

    def wait(self) -> Deferred[None]:
        """Fire with None when it is rung."""
        if self._waiting is not None:
            raise RuntimeError("the step before has not ended: one loop, one iterator")
        waiting: Deferred[None] = Deferred(self._leave)
        self._waiting = waiting
        return waiting

    def ring(self) -> None:
        """Wake the one who waits, if there is one."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    def _leave(self, _: Any) -> None:
        self._waiting = None
