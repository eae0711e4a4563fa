"""The events of a key, one at each step."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import CancelledError
from twisted.logger import Logger

from txetcd.keys.known import Known
from txetcd.keys.poll import MISSING, Poll
from txetcd.keys.registration import LAST
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
        self._ended = False

    def __aiter__(self) -> KeyEventIterator:
        return self

    async def __anext__(self) -> NodeOp:
        while not self._ended:
            try:
                op = await self._poll.next()
            except CancelledError:
                raise
            except MISSING as missing:
                removal = self._known.gone(missing)
                if removal is not None:
                    return removal
            except LAST:
                self._ended = True
                raise
            except Exception as error:
                self._report(error)
            else:
                self._known.learn(op)
                return op
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """End the iteration; nothing is under way between two steps."""
        self.end()

    def end(self) -> None:
        """End it before the next request."""
        self._ended = True

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
