"""What the outcome of a request says of the service that was asked.

Filters that act on failures (retrying, counting, leaving an endpoint alone) have to
agree on what a failure is.  A `ResponseClassifier` is that agreement, as a function:
it sees a request and its outcome, and says which `ResponseClass` it is.  `classify`
is the one that knows this package's errors; one for a protocol of your own looks at
its responses first, and leaves the rest to `classify`.

The classes are Finagle's (``com.twitter.finagle.service.ResponseClass``).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure

from txetcd.errors import ApiError, ServiceClosed, TxetcdError, WatchEnded

__all__ = ["ResponseClass", "ResponseClassifier", "classify"]


class ResponseClass(Enum):
    """What an outcome says of the service.

    .. versionadded:: 0.1
    """

    #: The service did what it is for.
    SUCCESS = "success"
    #: It failed, and the same request may well succeed at another time or another place.
    RETRYABLE = "retryable"
    #: It failed, and would fail again.
    NON_RETRYABLE = "non-retryable"
    #: The outcome says nothing of the service: the caller lost interest, say.
    IGNORABLE = "ignorable"

    @property
    def is_failure(self) -> bool:
        """Whether the service failed."""
        return self in (ResponseClass.RETRYABLE, ResponseClass.NON_RETRYABLE)


#: Sees a request and its outcome, a response or a `Failure`.
ResponseClassifier = Callable[[Any, Any], ResponseClass]


def classify(request: object, outcome: object) -> ResponseClass:
    """The class of an outcome, by this package's errors.

    A response is a success, whatever is in it.  So is an `ApiError` that is not
    ``retryable``: that a key does not exist is an answer.  A request that was cancelled,
    or ended by closing the client, says nothing of the service, nor does a wait that was
    ended before anything happened.  Any other error is a failure: a retryable one if it
    says so, and one that is not if it is none of ours.

    .. versionadded:: 0.1
    """
    if not isinstance(outcome, Failure):
        return ResponseClass.SUCCESS
    error = outcome.value
    if isinstance(error, (CancelledError, ServiceClosed, WatchEnded)):
        return ResponseClass.IGNORABLE
    if isinstance(error, TxetcdError) and error.retryable:
        return ResponseClass.RETRYABLE
    return ResponseClass.SUCCESS if isinstance(error, ApiError) else ResponseClass.NON_RETRYABLE
