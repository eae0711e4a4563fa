"""Requests that wait for something, while what they wait on may die."""

from __future__ import annotations

from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from txetcd.errors import EndpointDown

__all__ = ["Parked", "detached"]

Rep = TypeVar("Rep")


class Parked:
    """Long polls under way, which can be ended all together so that they move on.

    Args:
        why: What the `EndpointDown` says that they fail with.
    """

    __slots__ = ("_deferreds", "_ending", "_why")

    def __init__(self, why: str = "the endpoint has gone with this request parked on it") -> None:
        self._why = why
        self._deferreds: set[Deferred[Any]] = set()
        # The one that is being ended.
        self._ending: Deferred[Any] | None = None

    def add(self, deferred: Deferred[Rep]) -> Deferred[Rep]:
        """Keep track of one until it ends; it is the same Deferred that is returned.

        It is to end when it is cancelled: see `detached`.
        """
        self._deferreds.add(deferred)
        return deferred.addBoth(self._ended, deferred)

    def _ended(self, outcome: Any, deferred: Deferred[Any]) -> Any:
        self._deferreds.discard(deferred)
        ours = deferred is self._ending and isinstance(outcome, Failure)
        if ours and outcome.check(CancelledError):
            return Failure(EndpointDown(self._why))
        return outcome

    def end(self) -> None:
        """Cancel all: they fail with `EndpointDown`, and may be sent elsewhere."""
        for deferred in list(self._deferreds):
            # One may have ended with another.
            if deferred in self._deferreds:
                self._ending = deferred
                deferred.cancel()
        self._ending = None

    def __len__(self) -> int:
        return len(self._deferreds)


def detached(inner: Deferred[Rep]) -> Deferred[Rep]:
    """A Deferred that fires when ``inner`` does, and ends at once when it is cancelled.

    Cancelling it cancels ``inner``, which may not answer to that.
    """
    outer: Deferred[Rep] = Deferred(lambda _: inner.cancel())
    inner.addBoth(_pass_on, outer)
    return outer


def _pass_on(outcome: Any, outer: Deferred[Any]) -> None:
    if not outer.called:
        outer.callback(outcome)
