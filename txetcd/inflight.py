"""Keeping track of what is under way, so that closing can end it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.python.failure import Failure

from txetcd.errors import ServiceClosed

__all__ = ["InFlight"]

T = TypeVar("T")


class InFlight(Generic[T]):
    """The Deferreds that have not fired yet.

    After `close` each of them has ended, and no other is begun.

    Args:
        failed: What a failure is to become: a function of it and of what `add` was given
            after ``begin``.
    """

    __slots__ = ("_closing", "_deferreds", "_failed", "closed")

    def __init__(self, failed: Callable[..., Failure] | None = None) -> None:
        self._failed = failed
        self._deferreds: set[Deferred[T]] = set()
        self._closing: list[Deferred[None]] = []
        self.closed = False

    def add(self, begin: Callable[..., Deferred[T]], *args: Any) -> Deferred[T]:
        """Begin something, and keep track of it until it ends.

        Returns:
            The Deferred that ``begin(*args)`` returned.  It fails with `ServiceClosed`
            if it was ended by `close`, or if all was closed already.
        """
        if self.closed:
            return fail(self._told(Failure(ServiceClosed()), args))
        return self._track(begin(*args), args)

    def _track(self, deferred: Deferred[T], args: tuple[Any, ...]) -> Deferred[T]:
        self._deferreds.add(deferred)
        # The first callback there is, so whatever its user adds holds nothing up.
        deferred.addBoth(self._ended, deferred, args)
        if self.closed:
            # By what begin() has called.
            deferred.cancel()
        return deferred

    def _ended(self, result: Any, deferred: Deferred[T], args: tuple[Any, ...]) -> Any:
        self._deferreds.discard(deferred)
        if self.closed:
            result = self._ended_by_closing(result)
        return self._told(result, args) if isinstance(result, Failure) else result

    def _ended_by_closing(self, result: Any) -> Any:
        if not self._deferreds:
            waiting, self._closing = self._closing, []
            for each in waiting:
                each.callback(None)
        if isinstance(result, Failure) and isinstance(result.value, CancelledError):
            return Failure(ServiceClosed(getattr(result.value, "possibly_applied", True)))
        return result

    def _told(self, failure: Failure, args: tuple[Any, ...]) -> Failure:
        return failure if self._failed is None else self._failed(failure, *args)

    def close(self) -> Deferred[None]:
        """Cancel all, and begin no more.

        Returns:
            A Deferred that fires with None when all have ended.
        """
        self.closed = True
        for deferred in list(self._deferreds):
            # One may have ended with another; what its user waits for is not ours to cancel.
            if deferred in self._deferreds:
                deferred.cancel()
        if not self._deferreds:
            return succeed(None)
        self._closing.append(Deferred())
        return self._closing[-1]

    def __len__(self) -> int:
        return len(self._deferreds)

    def __repr__(self) -> str:
        return f"<InFlight {'closed' if self.closed else 'open'}, {len(self)} under way>"
