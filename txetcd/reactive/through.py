"""Events whose occurrences are made of another's, one by one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from twisted.python.failure import Failure

from txetcd.reactive.closable import Closable
from txetcd.reactive.race import close_iterator
from txetcd.reactive.witness import Witness

__all__ = ["Through", "filtering", "new_dedup"]

#: What a stage returns in place of a value that goes no further.
DROPPED: Any = object()

Stage = Callable[[Any], Any]


class Through:
    """The occurrences of an event, after a stage.

    Args:
        event: Where they come from.
        new_stage: Makes the stage of one registration or iteration.
    """

    def __init__(self, event: Any, new_stage: Callable[[], Stage]) -> None:
        self._event = event
        self._new_stage = new_stage

    def register(self, witness: Witness[Any]) -> Closable:
        closable: Closable = self._event.register(_Staged(self._new_stage(), witness))
        return closable

    def __aiter__(self) -> AsyncIterator[Any]:
        return _Steps(self._new_stage(), self._event.__aiter__())

    def __repr__(self) -> str:
        return f"<event, derived from {self._event!r}>"


def filtering(predicate: Callable[[Any], object], value: Any) -> Any:
    """A stage that lets values through of which a predicate holds."""
    return value if predicate(value) else DROPPED


def new_dedup(same: Callable[[Any, Any], object]) -> Stage:
    """A stage that drops what is the same as the one before."""
    before = DROPPED

    def stage(value: Any) -> Any:
        nonlocal before
        if before is not DROPPED and same(before, value):
            return DROPPED
        before = value
        return value

    return stage


class _Staged:
    """A witness behind a stage."""

    __slots__ = ("_stage", "_witness")

    def __init__(self, stage: Stage, witness: Witness[Any]) -> None:
        self._stage = stage
        self._witness = witness

    def __call__(self, occurrence: Any) -> Any:
        if not isinstance(occurrence, Failure):
            try:
                occurrence = self._stage(occurrence)
            except Exception:
                occurrence = Failure()
            if occurrence is DROPPED:
                return None
        return self._witness(occurrence)

    def __repr__(self) -> str:
        return repr(self._witness)


class _Steps:
    """An iterator behind a stage."""

    __slots__ = ("_above", "_stage")

    def __init__(self, stage: Stage, above: AsyncIterator[Any]) -> None:
        self._stage = stage
        self._above = above

    def __aiter__(self) -> _Steps:
        return self

    async def __anext__(self) -> Any:
        while True:
            value = self._stage(await self._above.__anext__())
            if value is not DROPPED:
                return value

    async def aclose(self) -> None:
        """End the iteration above."""
        await close_iterator(self._above)
