"""What the failure of an operation means for the one who asked."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure

from txetcd.errors import AmbiguousWrite, TxetcdError, UnexpectedResponse
from txetcd.model.op import Op

__all__ = ["settle"]


def settle(failure: Failure, op: Op) -> Failure:
    """The failure that the caller of an operation is to see.

    A write that may have been carried out becomes an `AmbiguousWrite`, with the
    failure as its cause.  Two cases stay what they are: a cancelled write, since
    the caller knows; and an answer below status 500 that cannot be read, since it
    did arrive.  Any other error of ours is told the operation it belongs to.
    """
    error = failure.value
    if not isinstance(error, TxetcdError):
        return failure
    error.locate(op)
    if not (op.is_write and error.possibly_applied):
        return failure
    if isinstance(error, (AmbiguousWrite, CancelledError)):
        return failure
    if isinstance(error, UnexpectedResponse) and error.status < 500:
        return failure
    return Failure(AmbiguousWrite(op, error))
