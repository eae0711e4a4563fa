"""A word in the log for each request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from txetcd.clock import Clock
from txetcd.errors import (
    AmbiguousWrite,
    ApiError,
    BackoffsExhausted,
    TxetcdError,
    UnexpectedResponse,
)
from txetcd.filters.stats import operation_of
from txetcd.response_class import ResponseClassifier, classify
from txetcd.service import Filter, Service

__all__ = ["Logging", "reason_of", "text_of"]

Req = TypeVar("Req")
Rep = TypeVar("Rep")

#: How many causes of an error are told, one below the other.
CAUSES_TOLD = 3

_log = Logger()


def text_of(request: object) -> str:
    """A request as text, without its parameters, which may hold values.

    That is the method and the path where it has both, as an HTTP request does, whose query
    may hold a value to compare with; else what ``str`` makes of it: ``set /colour``.

    .. versionadded:: 0.1
    """
    method, path = getattr(request, "method", None), getattr(request, "path", None)
    if isinstance(method, str) and isinstance(path, str):
        return f"{method} {path}"
    return str(request)


def reason_of(error: BaseException) -> str:
    """What an error says, without what it quotes: etcd's answers hold values, whole or in part.

    Of an error of this package that is its words, and those of its cause; of `ApiError` etcd's
    words for the code and of `UnexpectedResponse` the status.  Of an error that is none of ours
    nothing is told, since it may say anything.

    .. versionadded:: 0.1
    """
    told = [_words(error)]
    for _ in range(CAUSES_TOLD):
        cause = getattr(error, "cause", None)
        if not isinstance(cause, BaseException) or isinstance(cause, CancelledError):
            break
        error, words = cause, _words(cause)
        told.append(f"{type(cause).__name__}: {words}" if words else type(cause).__name__)
    return "; ".join(filter(None, told))


def _words(error: BaseException) -> str:
    if isinstance(error, ApiError):
        return f"{error.message}, code {error.code}" if error.message else f"code {error.code}"
    if isinstance(error, UnexpectedResponse):
        return f"status {error.status}"
    if isinstance(error, AmbiguousWrite):
        return "the write was sent and its outcome is unknown"
    if isinstance(error, TxetcdError) and not isinstance(error, BackoffsExhausted):
        # What it was made with, without the cause.
        return TxetcdError.describe(error)
    return ""


class Logging(Filter[Req, Rep, Req, Rep]):
    """Logs each request when it has ended, as one structured event.

    The event has the fields ``operation`` (a word), ``request`` (text), ``seconds``, ``result``
    (the value of a `ResponseClass`), ``error`` (the class of the error, or empty), ``reason`` (what
    it says), ``endpoint`` (a URL, or empty) and ``slow`` (whether it took too long), all of them
    text or numbers.

    No value, password or header field is in an event, unless you put one there: `text_of` shows
    what was asked without its parameters, and `reason_of` what an error says without what it
    quotes.  Nothing else changes: response, error and cancelling pass through, and a request
    that was cancelled is logged as ``ignorable``.  Whatever one of the functions raises fails no
    request, and is logged in place of the event; an observer that raises fails none either,
    since Twisted's log keeps it apart.

    Where it belongs: at the top, for one event an operation; or below `Retry`, for one an attempt,
    with the endpoint that was asked.  An event costs more than all of `Stats`, whether or not an
    observer wants it, and each observer adds to that; so it is for programs that have few
    requests, or want to know of each.

    Args:
        clock: Tells the time; a reactor, or `twisted.internet.task.Clock`.
        logger: Takes the events; one of this module's name if None.
        level: The level of an event, unless there is something wrong.
        failure_level: The level of an event if the request failed, or was slow.
        slow: From how many seconds on a request is slow; more than 0.  None: none is.  One that
            waits for something to happen (``long_poll``) is never slow.
        describe: A request as text; `text_of`, by default.
        explain: What an error says; `reason_of`, by default.
        operation: Names what a request asks, in a word.
        classifier: Says which `ResponseClass` an outcome is.

    Raises:
        ValueError: ``slow`` is out of its range, or a level is not one of ``LogLevel``.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        clock: Clock,
        *,
        logger: Logger | None = None,
        level: LogLevel = LogLevel.debug,
        failure_level: LogLevel = LogLevel.warn,
        slow: float | None = None,
        describe: Callable[[Req], str] = text_of,
        explain: Callable[[BaseException], str] = reason_of,
        operation: Callable[[Req], str] = operation_of,
        classifier: ResponseClassifier = classify,
    ) -> None:
        if slow is not None and not slow > 0:
            raise ValueError(f"slow must be more than 0 seconds, or None, not {slow!r}")
        for each in (level, failure_level):
            if each not in LogLevel.iterconstants():
                raise ValueError(f"a level must be one of twisted.logger.LogLevel, not {each!r}")
        self._clock = clock
        self._logger = _log if logger is None else logger
        self._level = level
        self._failure_level = failure_level
        self._slow = slow
        self._describe = describe
        self._explain = explain
        self._operation = operation
        self._classifier = classifier

    def apply(self, request: Req, service: Service[Req, Rep]) -> Deferred[Rep]:
        began = self._clock.seconds()
        return service(request).addBoth(self._ended, request, began)

    def _ended(self, outcome: Any, request: Req, began: float) -> Any:
        try:
            self._tell(outcome, request, self._clock.seconds() - began)
        except Exception:
            _log.failure("{logging!r} could not log a request", logging=self)
        return outcome

    def _tell(self, outcome: Any, request: Req, seconds: float) -> None:
        result = self._classifier(request, outcome)
        slow = self._is_slow(request, seconds)
        error = outcome.value if isinstance(outcome, Failure) else None
        reason = "" if error is None else self._explain(error)
        endpoint = getattr(outcome if error is None else error, "endpoint", "")
        self._logger.emit(
            self._failure_level if slow or result.is_failure else self._level,
            _format(error is not None, bool(reason), bool(endpoint)),
            operation=self._operation(request),
            request=self._describe(request),
            seconds=seconds,
            result=result.value,
            error="" if error is None else type(error).__name__,
            reason=reason,
            endpoint=str(endpoint),
            slow=slow,
        )

    def _is_slow(self, request: Req, seconds: float) -> bool:
        if self._slow is None or seconds < self._slow:
            return False
        return not getattr(request, "long_poll", False)

    def __repr__(self) -> str:
        slow = "" if self._slow is None else f", slow={self._slow:g}"
        return f"Logging({self._level.name}{slow})"


def _format(error: bool, reason: bool, endpoint: bool) -> str:
    return (
        "{request}: {result}"
        + (", {error}" if error else "")
        + (" ({reason})" if reason else "")
        + ", after {seconds:.3f} s"
        + (" at {endpoint}" if endpoint else "")
    )
