"""The errors of treq and Twisted as ours."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    DNSLookupError,
)
from twisted.python.failure import Failure
from twisted.web.error import SchemeNotSupported

from txetcd.errors import NotSent, ReplyLost, RequestCancelled, TxetcdError

__all__ = ["not_sent", "translate"]

#: What Twisted raises only when no byte was written.
_NOT_WRITTEN = (ConnectError, DNSLookupError, SchemeNotSupported)


def translate(error: Any) -> TxetcdError:
    """The typed error for whatever came out of treq and Twisted."""
    if isinstance(error, TxetcdError):
        return error
    if isinstance(error, CancelledError):
        return RequestCancelled(sent=True)
    if isinstance(error, ConnectingCancelledError):
        return RequestCancelled(sent=False)
    # RequestNotSent has no public name in Twisted.
    if isinstance(error, _NOT_WRITTEN) or type(error).__name__ == "RequestNotSent":
        return not_sent(error)
    return _from_reasons(error)


def _from_reasons(error: Any) -> TxetcdError:
    """The typed error for one that holds others."""
    failures = [each for each in getattr(error, "reasons", ()) if isinstance(each, Failure)]
    reasons = [each.value for each in failures if each.value is not None]
    for reason in reasons:
        if isinstance(reason, TxetcdError):
            # Our own agent knows better than the words that it has to use.
            return reason
    if any(isinstance(reason, CancelledError) for reason in reasons):
        return RequestCancelled(sent=True)
    words = "; ".join(map(_words, reasons)) or _words(error)
    return ReplyLost(f"the request was sent and its reply was lost: {words}", error)


def not_sent(error: Exception) -> TxetcdError:
    """The typed error for what was raised before anything was written."""
    if isinstance(error, TxetcdError):
        return error
    return NotSent(f"the request was not sent: {_words(error)}", error)


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")
