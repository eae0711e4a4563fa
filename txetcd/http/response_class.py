"""What an HTTP response says of the server that gave it."""

from __future__ import annotations

from txetcd.http.message import Response
from txetcd.response_class import ResponseClass, classify

__all__ = ["classify_response"]

#: The server could not now, and says that it may later: too many requests (RFC 6585, section
#: 4), and what stands for an overloaded or unreachable server (RFC 9110, section 15.6).
RETRYABLE = frozenset({429, 500, 502, 503, 504})


def classify_response(request: object, outcome: object) -> ResponseClass:
    """The class of an outcome whose response is an HTTP message.

    A status below 500 is a success: that what was asked for does not exist, or may not
    be done, is an answer.  429, 500, 502, 503 and 504 are retryable failures, and what
    else is 500 or more is one that is not.  Failures are classified as `classify` does.

    .. versionadded:: 0.1
    """
    if not isinstance(outcome, Response):
        return classify(request, outcome)
    if outcome.status in RETRYABLE:
        return ResponseClass.RETRYABLE
    return ResponseClass.SUCCESS if outcome.status < 500 else ResponseClass.NON_RETRYABLE
