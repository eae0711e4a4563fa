"""One iteration over several iterators at once."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from txetcd.reactive.iteration import Bell

__all__ = ["Race", "close_iterator"]

_log = Logger()


class Race:
    """The steps of several iterators, as they are made.

    A step of each is under way while one waits, and stays so until it is made; the next
    step of an iterator begins when the one before has been given and another is asked for.
    So no more is kept than one step of each.

    Args:
        iterators: The first ones.
        branch: What makes another iterator of each step of the first of them; those steps are
            then not given.
    """

    def __init__(
        self,
        iterators: list[AsyncIterator[Any]],
        branch: Callable[[Any], AsyncIterator[Any]] | None = None,
    ) -> None:
        self.bell = Bell()
        self.holder: object = None
        self._idle = list(iterators)
        self._trunk = None if branch is None else iterators[0]
        self._branch = branch
        self._under_way: dict[AsyncIterator[Any], Deferred[Any] | None] = {}
        self._made: deque[tuple[AsyncIterator[Any], Any]] = deque()
        self._cancelling = self._closed = False

    async def next(self) -> Any:
        while True:
            iterator, result = await self._step()
            self._idle.append(iterator)
            if isinstance(result, Failure):
                result.raiseException()
            if iterator is not self._trunk or self._branch is None:
                return result
            self._idle.append(self._branch(result))

    async def _step(self) -> tuple[AsyncIterator[Any], Any]:
        """A step that was made, and by which of them."""
        self._begin()
        while not self._made:
            if not self._under_way:
                raise StopAsyncIteration
            try:
                await self.bell.wait()
            except CancelledError:
                self._cancel()
                raise
        return self._made.popleft()

    def _begin(self) -> None:
        while self._idle:
            iterator = self._idle.pop(0)
            self._under_way[iterator] = None
            step = Deferred.fromCoroutine(_step_of(iterator))
            if not step.called:
                self._under_way[iterator] = step
            step.addBoth(self._ended, iterator)

    def _ended(self, result: Any, iterator: AsyncIterator[Any]) -> None:
        self._under_way.pop(iterator, None)
        if self._closed or _is(result, StopAsyncIteration):
            pass
        elif self._cancelling and _is(result, CancelledError):
            # It may be made again.
            self._idle.append(iterator)
        else:
            self._made.append((iterator, result))
        self.bell.ring()

    def _cancel(self) -> None:
        self._cancelling = True
        for step in list(self._under_way.values()):
            if step is not None:
                step.cancel()
        self._cancelling = False

    def close(self) -> None:
        self._closed = True
        iterators = [*self._idle, *self._under_way, *(each for each, _ in self._made)]
        self._idle.clear()
        self._made.clear()
        self._cancel()
        for each in iterators:
            Deferred.fromCoroutine(close_iterator(each)).addErrback(_log_failure)

    def __repr__(self) -> str:
        return f"<{len(self._under_way)} under way, {'closed' if self._closed else 'open'}>"


async def close_iterator(iterator: AsyncIterator[Any]) -> None:
    """Close an iterator that can be."""
    close = getattr(iterator, "aclose", None)
    if close is not None:
        await close()


async def _step_of(iterator: AsyncIterator[Any]) -> Any:
    return await iterator.__anext__()


def _is(result: Any, kind: type[BaseException]) -> bool:
    return isinstance(result, Failure) and bool(result.check(kind))


def _log_failure(failure: Failure) -> None:
    _log.failure("closing an iterator failed", failure=failure)
