"""A span of a trace for each request.

This module needs ``opentelemetry-api``: ``pip install txetcd[opentelemetry]``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from txetcd.errors import ApiError
from txetcd.filters.logging import reason_of, text_of
from txetcd.filters.stats import operation_of
from txetcd.response_class import ResponseClassifier, classify
from txetcd.service import Filter, Service

try:
    from opentelemetry import context, propagate, trace
except ImportError as error:
    raise ImportError(
        "txetcd.filters.tracing needs opentelemetry-api: pip install txetcd[opentelemetry]"
    ) from error

__all__ = ["Tracing", "attributes_of"]

Req = TypeVar("Req")
Rep = TypeVar("Rep")

Attributes = Mapping[str, Any]

_PORTS = {"http": 80, "https": 443}
_log = Logger()


def attributes_of(request: object) -> dict[str, str]:
    """What a span tells of a request, by OpenTelemetry's conventions; never a value.

    Of an HTTP request that is ``http.request.method`` and ``url.path``, without the query,
    which may hold a value to compare with; of an operation on a key ``db.system.name``,
    ``db.operation.name`` and ``db.query.text`` (``set /colour``); of any other request nothing.

    .. versionadded:: 0.1
    """
    method, path = getattr(request, "method", None), getattr(request, "path", None)
    if isinstance(method, str) and isinstance(path, str):
        return {"http.request.method": method, "url.path": path}
    name = getattr(request, "name", None)
    if not (isinstance(name, str) and isinstance(path, str)):
        return {}
    return {
        "db.system.name": "etcd",
        "db.operation.name": name,
        "db.query.text": text_of(request),
    }


class Tracing(Filter[Req, Rep, Req, Rep]):
    """Makes a span of OpenTelemetry for each request, from the call until its Deferred fires.

    The span is of kind ``CLIENT``.  Its parent is the span that was current for the caller.  It
    is current itself while the service below is called, and so the parent of the spans below;
    the caller's is current again when the call returns.  It has the attributes of the request,
    and at its end those of the outcome, by the semantic conventions for clients of databases and
    of HTTP: ``server.address`` and ``server.port`` where the endpoint is known,
    ``http.response.status_code`` or ``db.response.status_code``, and ``error.type``, the error's
    class.

    The status is ``ERROR``, and an event ``exception`` tells of the error, if the request has
    failed as ``classifier`` sees it; the status alone if that of HTTP is 400 or more, as the
    conventions ask.  That a key does not exist is an answer: the span has an ``error.type`` then
    and no such status.  One that was cancelled has ``txetcd.cancelled`` and no status either.

    Nothing else changes: response, error and cancelling pass through.  Whatever the tracer or
    one of the functions raises fails no request; the first such failure is logged.

    Where it belongs: at the top, for a span an operation with all its attempts.  A second one
    below the protocol, with ``inject``, makes a span of each attempt, below that of the operation,
    and lets what is in between (a proxy, a gateway) add to the trace.

    Args:
        tracer: Makes the spans: a ``Tracer``, or a ``TracerProvider`` to get one of.  None is
            the global one, also if that is set later.
        name: A span's name, one of a few: the operation, by default.
        attributes: The attributes of a request; `attributes_of`, by default.
        inject: Makes a request that carries the trace, of a request and of the fields that the
            global propagator gives: `txetcd.http.trace_context.with_trace_context`.
        classifier: Says which `ResponseClass` an outcome is.

    Raises:
        TypeError: ``tracer`` is neither a ``Tracer`` nor a ``TracerProvider``.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        tracer: trace.Tracer | trace.TracerProvider | None = None,
        *,
        name: Callable[[Req], str] = operation_of,
        attributes: Callable[[Req], Attributes] = attributes_of,
        inject: Callable[[Req, dict[str, str]], Req] | None = None,
        classifier: ResponseClassifier = classify,
    ) -> None:
        if tracer is None:
            tracer = trace.get_tracer("txetcd")
        elif isinstance(tracer, trace.TracerProvider):
            tracer = tracer.get_tracer("txetcd")
        elif not isinstance(tracer, trace.Tracer):
            raise TypeError(f"tracer must be a Tracer or a TracerProvider, not {tracer!r}")
        self._tracer = tracer
        self._name = name
        self._attributes = attributes
        self._inject = inject
        self._classifier = classifier
        self._has_failed = False

    def apply(self, request: Req, service: Service[Req, Rep]) -> Deferred[Rep]:
        try:
            span = self._tracer.start_span(
                self._name(request),
                kind=trace.SpanKind.CLIENT,
                attributes=self._attributes(request),
            )
        except Exception:
            self._failed()
            return service(request)
        token = context.attach(trace.set_span_in_context(span))
        try:
            answer = service(request if self._inject is None else self._carrying(request))
        finally:
            # Here and not when the answer comes, which is in whatever context.
            context.detach(token)
        return answer.addBoth(self._ended, request, span)

    def _carrying(self, request: Req) -> Req:
        fields: dict[str, str] = {}
        try:
            propagate.inject(fields)
            return self._inject(request, fields) if self._inject else request
        except Exception:
            self._failed()
            return request

    def _ended(self, outcome: Any, request: Req, span: trace.Span) -> Any:
        try:
            try:
                if span.is_recording():
                    failed = self._classifier(request, outcome).is_failure
                    _tell_place(outcome, span)
                    _tell_outcome(outcome, failed, span)
            finally:
                span.end()
        except Exception:
            self._failed()
        return outcome

    def _failed(self) -> None:
        if not self._has_failed:
            self._has_failed = True
            _log.failure("{tracing!r} could not trace a request, and tells so once", tracing=self)

    def __repr__(self) -> str:
        if self._inject is None:
            return "Tracing()"
        return f"Tracing(inject={getattr(self._inject, '__name__', self._inject)})"


def _tell_place(outcome: Any, span: trace.Span) -> None:
    """Where the request went, as far as the outcome knows."""
    source = outcome.value if isinstance(outcome, Failure) else outcome
    endpoint = getattr(source, "endpoint", "")
    if not (endpoint and isinstance(endpoint, str)):
        return
    url = urlsplit(endpoint)
    port = url.port or _PORTS.get(url.scheme)
    span.set_attribute("server.address", url.hostname or endpoint)
    if port is not None:
        span.set_attribute("server.port", port)


def _tell_outcome(outcome: Any, failed: bool, span: trace.Span) -> None:
    if isinstance(outcome, Failure):
        _tell_error(outcome.value, failed, span)
        return
    status = getattr(outcome, "status", 0)
    if status:
        span.set_attribute("http.response.status_code", status)
    if failed or status >= 400:
        span.set_attribute("error.type", str(status) if status >= 400 else "_OTHER")
        span.set_status(trace.StatusCode.ERROR)


def _tell_error(error: Any, failed: bool, span: trace.Span) -> None:
    kind = type(error).__name__
    span.set_attribute("error.type", kind)
    if isinstance(error, ApiError):
        span.set_attribute("db.response.status_code", str(error.code))
    if isinstance(error, CancelledError):
        span.set_attribute("txetcd.cancelled", True)
    if failed:
        words = reason_of(error)
        # Not record_exception: a traceback shows what the errors in it quote.
        span.add_event("exception", {"exception.type": kind, "exception.message": words})
        span.set_status(trace.StatusCode.ERROR, words or kind)
