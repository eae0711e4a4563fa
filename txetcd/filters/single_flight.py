"""One request below for many callers that ask the same."""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txetcd.errors import RequestCancelled
from txetcd.filters.deadline import deadline, remaining
from txetcd.service import Filter, Service

__all__ = ["SingleFlight", "same_read"]

Req = TypeVar("Req")
Rep = TypeVar("Rep")


def same_read(request: Any) -> Hashable | None:
    """The default key: the request itself, if it is a read that may be shared.

    That is one which says that it changes nothing and that its answer need be no newer
    than that of any read: ``is_write`` and ``quorum`` are both there, and false.  Nor does
    it wait for something to happen (``long_poll``), or tell its caller alone
    of more than the answer (``on_state``, ``on_head``); and it is hashable.
    """
    if getattr(request, "is_write", True) or getattr(request, "long_poll", False):
        return None
    if getattr(request, "quorum", True):
        return None
    if any(getattr(request, name, None) is not None for name in ("on_state", "on_head")):
        return None
    try:
        hash(request)
    except TypeError:
        return None
    return request  # type: ignore[no-any-return]  # hashable, as has just been seen


class SingleFlight(Filter[Req, Rep, Req, Rep]):
    """Lets identical reads that are under way at a time share one request below.

    The first to ask begins a *flight*; those who ask the same before it has landed join
    it, and all are given its response, which is to be immutable.  A failure fails all,
    each with an error of its own (a copy, of the same type), because filters above may
    note things on it.  Nothing is kept once a flight has landed: this is no cache.

    Each caller has a Deferred of its own.  Cancelling it leaves the flight; when the last
    has left, the request below is cancelled.

    **What a caller may rely on.**  No read joins a flight that was begun before a write
    which passed here, or before the end of *anything* that passed by unshared: so who
    has written reads what was written, and who was told of a change by a wait finds it.
    That holds for what passes this filter.  Shared reads alone may be a little older
    than their own beginning, as reads that are answered by any member are anyway; a
    quorum read promises to be newer, so it is not shared.

    **Deadlines.**  A flight is begun in the context of its first caller, but without
    this one's `deadline`: it serves those who join later as well, and lives for as long as
    one of them waits.

    Where it belongs: near the top, above `Retry`, so that the attempts are shared too;
    below `Deadline`, which bounds each caller by itself, and below what counts or logs
    callers.  Above the protocol: an HTTP request does not say whether it is a quorum
    read, and by default passes by.

    Args:
        key: Requests with the same key share.  One for which it is None passes by.  It is
            not asked of a request that is a write by its own word (``is_write``), which
            always passes by; and one without that word is a write if its key is None.

    Raises:
        TypeError: ``key`` cannot be called.  In the Deferred: a key is not hashable.

    .. versionadded:: 0.1
    """

    def __init__(self, *, key: Callable[[Req], Hashable | None] = same_read) -> None:
        if not callable(key):
            raise TypeError(f"key must be a function of a request, not {key!r}")
        self._key = key
        # Those that can be joined, by the service they ask and by their key.
        self._flights: dict[Hashable, _Flight] = {}

    def apply(self, request: Req, service: Service[Req, Rep]) -> Deferred[Rep]:
        is_write = getattr(request, "is_write", None)
        key = None if is_write else self._key(request)
        if key is None:
            if is_write is not False:
                self._end_sharing(None)
            return service(request).addBoth(self._end_sharing)
        # A filter may stand before several services.
        place = (id(service), key)
        flight = self._flights.get(place)
        if flight is None:
            return _Flight(self._flights, place, service).begin(request)
        return flight.join()

    def _end_sharing(self, result: Any) -> Any:
        """Let nobody join what is under way, nor what is just about to be."""
        self._flights = {}
        return result

    def __repr__(self) -> str:
        return f"<SingleFlight {len(self._flights)} in flight>"


class _Flight:
    """One request below, and those who wait for it.

    It is in ``flights`` while it can be joined.  These may have been replaced since.
    """

    __slots__ = ("_callers", "_flights", "_inner", "_landed", "_place", "_service")

    def __init__(
        self, flights: dict[Hashable, _Flight], place: Hashable, service: Service[Any, Any]
    ) -> None:
        self._flights = flights
        self._place = place
        # Kept so that no other service can come to have its id.
        self._service = service
        self._callers: dict[Deferred[Any], None] = {}
        self._landed = False
        self._inner: Deferred[Any]

    def begin(self, request: Any) -> Deferred[Any]:
        first = self.join()
        self._inner = self._ask(request).addBoth(self._land)
        if not self._landed:
            # Not before: the service may ask the same in turn, and would wait for itself.
            self._flights[self._place] = self
        return first

    def join(self) -> Deferred[Any]:
        caller: Deferred[Any] = Deferred(self._leave)
        self._callers[caller] = None
        return caller

    def _ask(self, request: Any) -> Deferred[Any]:
        if remaining() is None:
            return self._service(request)
        with deadline(None):
            return self._service(request)

    def _leave(self, caller: Deferred[Any]) -> None:
        if len(self._callers) == 1:
            self._close_doors()
            # If it answers to that, the answer is this caller's; if it has landed, it does not.
            self._inner.cancel()
        self._callers.pop(caller, None)
        if not caller.called:
            caller.errback(RequestCancelled())

    def _land(self, outcome: Any) -> None:
        self._landed = True
        self._close_doors()
        callers = list(self._callers)
        for n, caller in enumerate(callers, 1):
            # One may have left when another was told.
            if caller in self._callers:
                del self._callers[caller]
                # The original is the last's, who can note nothing on the copies any more.
                caller.callback(outcome if n == len(callers) else _copied(outcome))

    def _close_doors(self) -> None:
        if self._flights.get(self._place) is self:
            del self._flights[self._place]


def _copied(outcome: Any) -> Any:
    """The same response, or the same failure with an error of its own."""
    if not isinstance(outcome, Failure):
        return outcome
    error: Any = outcome.value
    try:
        other = copy.copy(error)
    except Exception:
        # Some foreign errors cannot be copied.
        return outcome
    if type(other) is not type(error):
        return outcome
    other.__cause__, other.__context__ = error.__cause__, error.__context__
    other.__suppress_context__ = error.__suppress_context__
    return Failure(other, type(other), outcome.getTracebackObject())
