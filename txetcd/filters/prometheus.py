"""The numbers of a client as Prometheus metrics.

This module needs ``prometheus-client``: ``pip install txetcd[prometheus]``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import inf
from typing import Any
from weakref import WeakKeyDictionary

from txetcd.filters.stats_receiver import Counter, Gauge, Histogram, StatsReceiver

try:
    import prometheus_client as prometheus
except ImportError as error:
    raise ImportError(
        "txetcd.filters.prometheus needs prometheus-client: pip install txetcd[prometheus]"
    ) from error

__all__ = ["PrometheusStats"]

#: The bounds of a histogram's buckets, in seconds: half a millisecond to ten seconds.
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_NAME = re.compile("[a-zA-Z_][a-zA-Z0-9_]*")

_Metrics = dict[str, tuple[Any, list[str]]]

#: The metrics that were made in a registry, by their full name.  A registry takes each name
#: once, and does not give back what it took; so a metric is here with its labels' names.
_made: WeakKeyDictionary[prometheus.CollectorRegistry, _Metrics] = WeakKeyDictionary()


class PrometheusStats(StatsReceiver):
    """Puts metrics in a registry of ``prometheus_client``, from which Prometheus scrapes them.

    Names are as Prometheus has them: ``namespace`` before each, and ``_total`` after a counter's
    (``txetcd_requests_total``).  Receivers that share a registry and a namespace share the
    metrics of one name, so two clients of a process are counted together unless labels set
    them apart; the buckets are those of the receiver that asked first.

    Where it belongs: given to `Stats`, or to ``connect(..., stats=...)``.  What serves the
    numbers to Prometheus is ``prometheus_client``'s own ``twisted.MetricsResource``.

    Args:
        registry: Where the metrics are registered; that of the process if None.
        namespace: What each name begins with, before an underscore; may be empty.
        buckets: The upper bounds of a histogram's buckets, in seconds, in ascending order.

    Raises:
        ValueError: ``namespace`` cannot begin a name, or ``buckets`` are not in ascending order.

    Asking it for a metric raises `ValueError` where one of that name is in the registry already
    and is of another type or has other labels.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        registry: prometheus.CollectorRegistry | None = None,
        namespace: str = "txetcd",
        buckets: Sequence[float] = BUCKETS,
    ) -> None:
        if namespace and not _NAME.fullmatch(namespace):
            raise ValueError(
                f"namespace must be letters, digits and underscores, not {namespace!r}"
            )
        if not buckets or not all(a < b for a, b in pairwise((-inf, *buckets))):
            raise ValueError(f"buckets must be numbers in ascending order, not {buckets!r}")
        self._registry = prometheus.REGISTRY if registry is None else registry
        self._namespace = namespace
        self._buckets = tuple(buckets)

    def counter(self, name: str, help: str, labels: Mapping[str, str]) -> Counter:
        return _Counter(self._series(prometheus.Counter, name, help, labels))

    def gauge(self, name: str, help: str, labels: Mapping[str, str]) -> Gauge:
        return _Gauge(self._series(prometheus.Gauge, name, help, labels))

    def histogram(self, name: str, help: str, labels: Mapping[str, str]) -> Histogram:
        made: Histogram = self._series(
            prometheus.Histogram, name, help, labels, buckets=self._buckets
        )
        return made

    def _series(
        self, kind: Any, name: str, help: str, labels: Mapping[str, str], **options: Any
    ) -> Any:
        full = f"{self._namespace}_{name}" if self._namespace else name
        names = sorted(labels)
        made = _made.setdefault(self._registry, {})
        if full not in made:
            made[full] = kind(full, help, names, registry=self._registry, **options), names
        metric, given = made[full]
        if type(metric) is not kind:
            there = type(metric).__name__
            raise ValueError(f"{full} is a {there} already, and cannot be a {kind.__name__}")
        if names != given:
            raise ValueError(f"{full} has the labels {given}, not {names}: use another prefix")
        return metric.labels(**labels) if labels else metric

    def __repr__(self) -> str:
        return f"PrometheusStats(namespace={self._namespace!r})"


class _Counter:
    __slots__ = ("_metric",)

    def __init__(self, metric: prometheus.Counter) -> None:
        self._metric = metric

    def add(self, amount: float = 1) -> None:
        self._metric.inc(amount)


class _Gauge:
    __slots__ = ("_metric",)

    def __init__(self, metric: prometheus.Gauge) -> None:
        self._metric = metric

    def set(self, value: float) -> None:
        self._metric.set(value)

    def add(self, amount: float) -> None:
        self._metric.inc(amount)
