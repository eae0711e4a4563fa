"""A request to a mock service."""

from __future__ import annotations

from contextvars import Context, copy_context
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

__all__ = ["Asked"]


class Asked:
    """One request to a `mock_service`.

    Attributes:
        request: What was asked.
        cancelled: Whether the caller cancelled it before it was answered.
        context: A copy of the context (:pep:`567`) in which it was asked.

    .. versionadded:: 0.1
    """

    def __init__(self, request: Any, unanswered: dict[Asked, None], hold: bool) -> None:
        self.request = request
        self.cancelled = False
        self.context: Context = copy_context()
        self._unanswered = unanswered
        self._hold = hold
        self._state = "unanswered"
        # What the caller waits for, or what that waits for.
        self._answer: Deferred[Any]

    def reply(self, response: Any) -> None:
        """Answer it.

        Raises:
            AssertionError: It was answered, or has ended by being cancelled.
            TypeError: The response is a Deferred.
        """
        if isinstance(response, Deferred):
            raise TypeError(f"a response is no Deferred, as {response!r} is")
        self._end("replied")
        self._answer.callback(response)

    def fail(self, error: BaseException | Failure) -> None:
        """Fail it; raises as `reply` does.

        Raises:
            TypeError: The error is no instance of an exception.
        """
        if not isinstance(error, (BaseException, Failure)):
            raise TypeError(f"a request fails with an instance of an exception, not {error!r}")
        self._end("failed")
        self._answer.errback(error)

    def hold_on_cancel(self) -> Asked:
        """Be as a service that does not answer to being cancelled.

        Otherwise the request fails with `CancelledError` when it is cancelled.  After this,
        `cancelled` tells that it was, and it still waits for `reply` or `fail`.

        Returns:
            Itself.
        """
        self._hold = True
        return self

    def begin(self) -> Deferred[Any]:
        """What the caller waits for; for the service to call, once."""
        self._unanswered[self] = None
        return self._wait()

    def _wait(self) -> Deferred[Any]:
        self._answer = Deferred(self._cancel)
        return self._answer.addErrback(self._held)

    def _cancel(self, _: Deferred[Any]) -> None:
        self.cancelled = True
        if not self._hold:
            self._end("cancelled")

    def _held(self, failure: Failure) -> Any:
        # A cancelled Deferred always fires, so one that seems not to waits for another.
        return failure if self._state != "unanswered" else self._wait()

    def _end(self, state: str) -> None:
        if self._state == "cancelled":
            raise AssertionError(
                f"{self.request!r} was cancelled, which ended it; hold_on_cancel() lets it wait"
            )
        if self._state != "unanswered":
            raise AssertionError(f"{self.request!r} was answered already: it {self._state}")
        self._state = state
        del self._unanswered[self]

    def __repr__(self) -> str:
        held = ", cancelled" if self.cancelled and self._state != "cancelled" else ""
        return f"<Asked {self.request!r}: {self._state}{held}>"
