"""Counting requests, and how long they take."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from txetcd.clock import Clock
from txetcd.filters.stats_receiver import Counter, StatsReceiver
from txetcd.response_class import ResponseClass, ResponseClassifier, classify
from txetcd.service import Filter, Service

__all__ = ["Stats", "operation_of"]

Req = TypeVar("Req")
Rep = TypeVar("Rep")

#: How many operations have series of their own; any other is counted as ``other``.
MOST_OPERATIONS = 100
#: The labels that the filter gives by itself.
OWN_LABELS = ("operation", "result", "error")

_NAME = re.compile("[a-zA-Z_][a-zA-Z0-9_]*")
_log = Logger()


def operation_of(request: object) -> str:
    """What is asked, in a word: a request's ``name``, else its ``method``, else its class.

    An operation on a key has a name (``get``), an HTTP request a method (``GET``).

    .. versionadded:: 0.1
    """
    name = getattr(request, "name", None)
    if name and isinstance(name, str):
        return name
    method = getattr(request, "method", None)
    return method if method and isinstance(method, str) else type(request).__name__


class Stats(Filter[Req, Rep, Req, Rep]):
    """Counts requests by their outcome, how long they take, and how many are under way.

    The metrics, each after ``prefix``:

    - ``requests``, a counter by ``operation``, ``result`` (the value of a `ResponseClass`) and
      ``error`` (the class of the error, or empty);
    - ``request_duration_seconds``, a histogram by ``operation``.  A request that ended in
      `ResponseClass.IGNORABLE` is not in it: that time is how long the caller cared to wait;
    - ``requests_in_flight``, a gauge by ``operation``;
    - ``long_polls`` and ``long_polls_in_flight``, the same counter and gauge for requests
      that wait for something to happen (``long_poll``).  They are counted here alone, and
      have no durations: hours of waiting would hide what the others took.

    A request counts when its Deferred fires, and is in flight until then; cancelled, it ends
    as ``ignorable``.  Nothing else changes: response, error and cancelling pass through.
    Whatever a receiver, ``operation`` or ``classifier`` raises fails no request; the first
    such failure is logged.  After a hundred operations any new one is counted as ``other``,
    so that an ``operation`` that is not bounded does not fill the memory.

    Where it belongs: at the top, where it counts what the caller sees, each operation once and
    with all its attempts.  A second one below `Retry`, with another ``prefix``, counts attempts;
    at an endpoint, with its URL as a label, it shows which one is slow.  It is cheap enough to
    stand in several places.

    Args:
        receiver: Where the numbers go.
        clock: Tells the time; a reactor, or `twisted.internet.task.Clock`.
        labels: Labels for all metrics, ``{"endpoint": url}`` say.
        prefix: What the names of the metrics begin with, ``"endpoint_"`` say.  Those who give
            other names of labels need another prefix: it is another metric.
        operation: Names what a request asks, in one of a few words; never with a path.
        classifier: Says which `ResponseClass` an outcome is.

    Raises:
        ValueError: ``prefix`` or a label's name is not made of letters, digits and
            underscores, or a label is one that the filter gives.
        TypeError: ``receiver`` is not a `StatsReceiver`, or a label's value is not text.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        receiver: StatsReceiver,
        clock: Clock,
        *,
        labels: Mapping[str, str] | None = None,
        prefix: str = "",
        operation: Callable[[Req], str] = operation_of,
        classifier: ResponseClassifier = classify,
    ) -> None:
        if not isinstance(receiver, StatsReceiver):
            raise TypeError(f"receiver must be a StatsReceiver, not {receiver!r}")
        if prefix and not _NAME.fullmatch(prefix):
            raise ValueError(f"prefix must be letters, digits and underscores, not {prefix!r}")
        self._receiver = receiver
        self._clock = clock
        self._labels = _checked(labels or {})
        self._prefix = prefix
        self._operation = operation
        self._classifier = classifier
        # By the name of the operation: of requests, and of long-polls.
        self._requests: dict[str, _Series] = {}
        self._long_polls: dict[str, _Series] = {}
        self._has_failed = False

    def apply(self, request: Req, service: Service[Req, Rep]) -> Deferred[Rep]:
        try:
            series = self._series_of(request)
            series.in_flight.add(1)
        except Exception:
            self._failed()
            return service(request)
        began = self._clock.seconds()
        return service(request).addBoth(self._ended, request, series, began)

    def _ended(self, outcome: Any, request: Req, series: _Series, began: float) -> Any:
        try:
            series.in_flight.add(-1)
            result = self._classifier(request, outcome)
            if result is ResponseClass.SUCCESS and not isinstance(outcome, Failure):
                series.successes.add()
            else:
                series.count(result.value, outcome)
            if series.duration is not None and result is not ResponseClass.IGNORABLE:
                seconds = self._clock.seconds() - began
                # A clock may go back.
                series.duration.observe(seconds if seconds > 0 else 0.0)
        except Exception:
            self._failed()
        return outcome

    def _series_of(self, request: Req) -> _Series:
        known = self._long_polls if getattr(request, "long_poll", False) else self._requests
        operation = self._operation(request)
        return known.get(operation) or self._made(known, operation)

    def _made(self, known: dict[str, _Series], operation: str) -> _Series:
        if len(known) >= MOST_OPERATIONS:
            operation = "other"
        series = known.get(operation)
        if series is None:
            labels = {**self._labels, "operation": operation}
            series = _Series(self._receiver, self._prefix, labels, known is self._long_polls)
            known[operation] = series
        return series

    def _failed(self) -> None:
        if not self._has_failed:
            self._has_failed = True
            _log.failure("{stats!r} could not count a request, and tells so once", stats=self)

    def __repr__(self) -> str:
        given = {"prefix": self._prefix, "labels": self._labels}
        shown = "".join(f", {name}={value!r}" for name, value in given.items() if value)
        return f"Stats({self._receiver!r}{shown})"


class _Series:
    """The metrics of one operation."""

    __slots__ = ("_labels", "_name", "_outcomes", "_receiver", "duration", "in_flight", "successes")

    def __init__(
        self, receiver: StatsReceiver, prefix: str, labels: dict[str, str], long_poll: bool
    ) -> None:
        self._receiver = receiver
        self._labels = labels
        self._name = prefix + ("long_polls" if long_poll else "requests")
        self._outcomes: dict[tuple[str, str], Counter] = {}
        # There from the beginning, so that a rate is known as soon as there is a request; and
        # what most requests need, which saves them 0.4 µs.
        self.successes = self._counter(ResponseClass.SUCCESS.value, "")
        self.in_flight = receiver.gauge(
            f"{self._name}_in_flight", "Requests that are under way.", labels
        )
        self.duration = None
        if not long_poll:
            self.duration = receiver.histogram(
                f"{prefix}request_duration_seconds", "How long requests took.", labels
            )

    def count(self, result: str, outcome: object) -> None:
        error = type(outcome.value).__name__ if isinstance(outcome, Failure) else ""
        counter = self._outcomes.get((result, error))
        if counter is None:
            counter = self._outcomes[result, error] = self._counter(result, error)
        counter.add()

    def _counter(self, result: str, error: str) -> Counter:
        labels = {**self._labels, "result": result, "error": error}
        return self._receiver.counter(self._name, "Requests that have ended.", labels)


def _checked(labels: Mapping[str, str]) -> dict[str, str]:
    for name, value in labels.items():
        if not _NAME.fullmatch(name) or name in OWN_LABELS:
            raise ValueError(
                f"a label must be letters, digits and underscores, and none of "
                f"{', '.join(OWN_LABELS)}: not {name!r}"
            )
        if not isinstance(value, str):
            raise TypeError(f"the value of the label {name} must be text, not {value!r}")
    return dict(labels)
