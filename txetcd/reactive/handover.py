"""The steps of a loop over an event: each occurrence, one by one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txetcd.reactive.closable import Closable
from txetcd.reactive.iteration import Bell

__all__ = ["Handover"]


class Handover:
    """Occurrences one by one: an occurrence is dealt with when the next one is asked for.

    Args:
        register: Of the event: it is a witness from the beginning.
    """

    def __init__(self, register: Callable[[Any], Closable]) -> None:
        self.bell = Bell()
        self.holder: object = None
        # An event that waits for its witnesses makes this hold no more than one.
        self._offered: deque[tuple[Any, Deferred[None]]] = deque()
        self._given: Deferred[None] | None = None
        self._closed = False
        self._registration = register(self._witness)

    async def next(self) -> Any:
        self._dealt_with()
        while not self._offered:
            if self._closed:
                raise StopAsyncIteration
            await self.bell.wait()
        occurrence, self._given = self._offered.popleft()
        if isinstance(occurrence, Failure):
            occurrence.raiseException()
        return occurrence

    def _witness(self, occurrence: Any) -> Deferred[None]:
        dealt_with: Deferred[None] = Deferred()
        self._offered.append((occurrence, dealt_with))
        self.bell.ring()
        return dealt_with

    def _dealt_with(self) -> None:
        given, self._given = self._given, None
        if given is not None:
            given.callback(None)

    def close(self) -> None:
        self._closed = True
        self._registration.close()
        self._dealt_with()
        while self._offered:
            self._offered.popleft()[1].callback(None)

    def __repr__(self) -> str:
        return f"<{len(self._offered)} waiting, {'closed' if self._closed else 'open'}>"
