"""What is to be known of a request's attempts, besides the one that gave the outcome."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.python.failure import Failure

from txetcd.backoff import Backoff
from txetcd.errors import RequestCancelled, TxetcdError

__all__ = ["Past", "explained"]

_log = Logger()


class Past:
    """The attempts that were not the last, and the delays that are still to come.

    Args:
        backoff: The delays between attempts.
        kept: Of how many attempts the errors are kept.
        is_write: Whether the request may change anything.

    Attributes:
        delays: The delays that are still to come.
        errors: The errors of the attempts, the oldest first.
        possibly_applied: Whether one of them may have been carried out; never of a read,
            of which there is nothing to carry out.
        retries: How many attempts there were.
    """

    __slots__ = ("_is_write", "delays", "errors", "possibly_applied", "retries")

    def __init__(self, backoff: Backoff, kept: int, is_write: bool = True) -> None:
        self._is_write = is_write
        self.delays = iter(backoff)
        self.errors: deque[BaseException] = deque(maxlen=kept)
        self.possibly_applied = False
        self.retries = 0

    def note(self, outcome: Any) -> None:
        """Count one attempt."""
        error = outcome.value if isinstance(outcome, Failure) else None
        if error is not None:
            self.errors.append(error)
        # A response that was refused was an answer to something.
        applied = self._is_write and getattr(error, "possibly_applied", True)
        self.possibly_applied = self.possibly_applied or applied
        self.retries += 1


def explained(
    failure: Failure, others: Iterable[BaseException], possibly_applied: bool
) -> Failure:
    """The failure of one attempt, told of the others.

    Args:
        failure: That of one attempt.  Its error is changed only if it is one of ours.
        others: The errors of the others, the oldest first.
        possibly_applied: Whether one of the others may have been carried out.
    """
    error = failure.value
    # A service may fail with one and the same error each time.
    before = [each for each in others if each is not error]
    if before and type(error) is CancelledError:
        # It could carry no reasons.
        failure = Failure(RequestCancelled())
        error = failure.value
    if isinstance(error, TxetcdError):
        error.reasons = (*before, *error.reasons)
        error.possibly_applied = error.possibly_applied or possibly_applied
    elif before:
        _log.debug("{error!r} came after {before!r}", error=error, before=before)
    return failure
