"""What the failure of an operation means for the one who asked."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure

from txetcd.errors import (
    AmbiguousWrite,
    MalformedResponse,
    TxetcdError,
    UnexpectedResponse,
)
from txetcd.model.op import Op

__all__ = ["settle"]


def settle(failure: Failure, op: Op) -> Failure:
    """The failure that the caller of an operation is to see.

    A write that may have been carried out becomes an `AmbiguousWrite`, with the
    failure as its cause.  Two cases stay what they are: a cancelled write, since
    the caller knows; and an answer below status 500 that is not etcd's, since it
    did arrive.  What is no answer at all, being no HTTP, is a lost one.  Any other
    error of ours is told the operation it belongs to.
    """
    error = failure.value
    if not isinstance(error, TxetcdError):
        return failure
    error.locate(op)
    if not (op.is_write and error.possibly_applied):
        return failure
    if isinstance(error, (AmbiguousWrite, CancelledError)):
        return failure
    if isinstance(error, MalformedResponse):
        return Failure(AmbiguousWrite(op, error))
    if isinstance(error, UnexpectedResponse) and error.status < 500:
        return failure
    return Failure(AmbiguousWrite(op, error))
