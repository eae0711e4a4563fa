"""Requests that cannot begin yet."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from twisted.internet.defer import Deferred

from txetcd.errors import RequestCancelled, ServiceClosed
from txetcd.service import Service

__all__ = ["Queue"]


class Queue:
    """Requests that wait for their turn, the first to come the first to go.

    Any of them may leave at any time, at no cost that grows with their number: it is
    cancelled, or its service is closed.

    Args:
        left: Called after one has left so.
    """

    __slots__ = ("_left", "_waiting")

    def __init__(self, left: Callable[[], object] = lambda: None) -> None:
        self._left = left
        # A dict would take the longer to find its first, the more had been removed before it.
        self._waiting: OrderedDict[_Waiting, None] = OrderedDict()

    def add(self, request: Any, service: Any, begin: Callable[[Any, Any], Any]) -> Deferred[Any]:
        """Let a request wait until ``begin(request, service)`` is called for it.

        Returns:
            A Deferred of its outcome.
        """
        waiting = _Waiting(self, request, service, begin)
        self._waiting[waiting] = None
        return waiting.done

    def begin_first(self) -> None:
        """Begin the one that has waited longest."""
        waiting, _ = self._waiting.popitem(last=False)
        waiting.begin()

    def end(self, service: Service[Any, Any]) -> None:
        """Fail those that wait for a service, with `ServiceClosed`."""
        for waiting in [each for each in self._waiting if each.service is service]:
            self._leave(waiting, ServiceClosed())

    def _leave(self, waiting: _Waiting, error: Exception) -> bool:
        """Fail one, if it is still here."""
        if waiting not in self._waiting:
            return False
        del self._waiting[waiting]
        self._left()
        waiting.done.errback(error)
        return True

    def __len__(self) -> int:
        return len(self._waiting)


class _Waiting:
    """A request that waits, and the Deferred of its outcome.

    That Deferred is not chained to the one below: in a chain, cancelling would do nothing
    while the service is being called, and would wait for a service that does not answer.
    """

    __slots__ = ("_begin", "_below", "_context", "_queue", "_request", "done", "service")

    def __init__(
        self, queue: Queue, request: Any, service: Any, begin: Callable[[Any, Any], Any]
    ) -> None:
        self._queue = queue
        self._request = request
        self._begin = begin
        self._context = copy_context()
        self._below: Deferred[Any] | None = None
        self.service = service
        self.done: Deferred[Any] = Deferred(self._cancel)

    def begin(self) -> None:
        below = self._below = self._context.run(self._begin, self._request, self.service)
        below.addBoth(self._ended)
        if self.done.called:
            # It has ended, or was cancelled by something that the service called.
            below.cancel()

    def _ended(self, outcome: Any) -> None:
        if not self.done.called:
            self.done.callback(outcome)

    def _cancel(self, _: Deferred[Any]) -> None:
        left = self._queue._leave(self, RequestCancelled(sent=False))
        if not left and self._below is not None:
            self._below.cancel()
