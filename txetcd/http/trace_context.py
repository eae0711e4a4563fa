"""Trace Context: telling a server which trace a request belongs to (W3C Recommendation)."""

from __future__ import annotations

from collections.abc import Mapping

from txetcd.http.message import Request

__all__ = ["with_trace_context"]

PARENT, STATE = "traceparent", "tracestate"


def with_trace_context(request: Request, fields: Mapping[str, str]) -> Request:
    """A request with the header fields ``traceparent`` and ``tracestate``.

    It is what `Tracing` takes as ``inject``, below the protocol::

        Tracing(inject=with_trace_context)

    Other fields are left out: a propagator may offer what the application has for its own
    servers (``baggage``), and etcd is none of them.  Fields of the two names that the request
    has already are replaced, both of them, since a state says nothing without its parent.

    Args:
        request: The request.
        fields: Names, in lower case, and values, as a propagator gives them.

    Returns:
        The request as it is if there is no ``traceparent``, else another one.

    Raises:
        ValueError: A value cannot be that of a header field.

    .. versionadded:: 0.1
    """
    parent, state = fields.get(PARENT), fields.get(STATE)
    if parent is None:
        return request
    headers = request.headers.set(PARENT, parent).remove(STATE)
    if state:
        headers = headers.add(STATE, state)
    return request.with_headers(headers)
