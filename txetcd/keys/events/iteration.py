"""The events of a key, one at each step."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from txetcd.keys.events.known import Known
from txetcd.keys.events.registration import LAST
from txetcd.keys.poll import MISSING, Poll
from txetcd.model.node import NodeOp

__all__ = ["KeyEventIterator"]

_log = Logger()


class KeyEventIterator:
    """The iterator of `KeyEvents`: it asks only while a step waits.

    Args:
        poll: What brings the events.
        known: What was told of the key before.
        on_error: Told of failures that pass; they are logged if it is None.
    """

    def __init__(
        self,
        poll: Poll,
        known: Known,
        on_error: Callable[[Exception], object] | None = None,
    ) -> None:
        self._poll = poll
        self._known = known
        self._on_error = on_error
        self._stepping = self._ended = False
        self._waiting: Deferred[NodeOp] | None = None

    def __aiter__(self) -> KeyEventIterator:
        return self

    async def __anext__(self) -> NodeOp:
        if self._stepping:
            raise RuntimeError("the step before has not ended: one loop, one iterator")
        self._stepping = True
        try:
            return await self._step()
        finally:
            self._stepping = False

    async def _step(self) -> NodeOp:
        while not self._ended:
            try:
                op = await self._next()
            except CancelledError:
                if not self._ended:
                    raise
            except MISSING as missing:
                removal = self._known.gone(missing)
                if removal is not None:
                    return removal
            except LAST:
                self._ended = True
                raise
            except Exception as error:
                if not self._ended:
                    self._report(error)
            else:
                self._known.learn(op)
                return op
        raise StopAsyncIteration

    async def _next(self) -> NodeOp:
        self._waiting = Deferred.fromCoroutine(self._poll.next())
        if self._ended:
            # What it asked has ended it.
            self._waiting.cancel()
        try:
            return await self._waiting
        finally:
            self._waiting = None

    async def aclose(self) -> None:
        """End the iteration, and a step that waits; between two steps nothing is under way."""
        self.end()

    def end(self) -> None:
        """End it before the next request, and cancel what is under way."""
        self._ended = True
        if self._waiting is not None:
            self._waiting.cancel()

    def _report(self, error: Exception) -> None:
        if self._on_error is None:
            _log.warn("watching {path}: {error}; going on", path=self._known.path, error=error)
            return
        try:
            self._on_error(error)
        except Exception:
            _log.failure("on_error raised")

    def __repr__(self) -> str:
        return f"<iterator{', ended' if self._ended else ''}: {self._poll!r}>"
