"""The numbers of a client, kept in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil, inf, isnan, log, nan
from operator import itemgetter
from typing import Any, TypeVar

from txetcd.filters.stats_receiver import Counter, Gauge, Histogram, StatsReceiver

__all__ = ["InMemoryStats"]

#: How far a quantile of `InMemoryStats` may be from the exact one, as a share of it.
ERROR = 0.02
#: Between these a value is told from another; what lies beyond is taken as the one or the other.
LEAST, MOST = 1e-6, 1e6

_GROWTH = (1 + ERROR) / (1 - ERROR)
_LAST = ceil(log(MOST / LEAST) / log(_GROWTH))
_PER_BUCKET = 1 / log(_GROWTH)


class InMemoryStats(StatsReceiver):
    """Keeps all numbers, to be asked for: in tests, and in a program without a metrics system.

    Asked for a value by a name and some labels, it answers for all series that have these
    labels, together.  Printed, it is a table.

    A histogram keeps no values: it counts them in buckets whose bounds grow by 4 %, after
    DDSketch (Masson, Rim and Lee, VLDB 2019).  A quantile is within 2 % of the exact one for
    values from 1e-6 to 1e6, and what lies beyond counts as the nearest of the two.  However
    many values it has seen, it has no more than 692 buckets.

    .. versionadded:: 0.1
    """

    def __init__(self) -> None:
        self._series: dict[tuple[str, frozenset[tuple[str, str]]], Any] = {}

    def counter(self, name: str, help: str, labels: Mapping[str, str]) -> Counter:
        return self._metric(_Count, name, labels)

    def gauge(self, name: str, help: str, labels: Mapping[str, str]) -> Gauge:
        return self._metric(_Level, name, labels)

    def histogram(self, name: str, help: str, labels: Mapping[str, str]) -> Histogram:
        return self._metric(_Distribution, name, labels)

    def counter_value(self, name: str, /, **labels: str) -> float:
        """The sum of the counters of this name and these labels; 0 if there are none."""
        return sum(count.value for count in self._matching(_Count, name, labels))

    def gauge_value(self, name: str, /, **labels: str) -> float:
        """The sum of the gauges of this name and these labels; 0 if there are none."""
        return sum(level.value for level in self._matching(_Level, name, labels))

    def count(self, name: str, /, **labels: str) -> int:
        """How many values the histograms of this name and these labels have seen."""
        return self._merged(name, labels).count

    def quantile(self, name: str, share: float, /, **labels: str) -> float:
        """The value that this share of all values do not exceed; NaN if there are none.

        Args:
            name: The histograms' name.
            share: From 0, the least value, to 1, the greatest; 0.5 is the median.
            labels: Which of the histograms of this name.

        Raises:
            ValueError: ``share`` is out of its range.
        """
        if not 0 <= share <= 1:
            raise ValueError(f"a share must lie between 0 and 1, not be {share!r}")
        return self._merged(name, labels).quantile(share)

    def _metric(self, kind: type[M], name: str, labels: Mapping[str, str]) -> M:
        metric = self._series.setdefault((name, frozenset(labels.items())), kind())
        if type(metric) is not kind:
            raise ValueError(f"{name!r} is a {metric.KIND} already, and cannot be a {kind.KIND}")
        return metric

    def _matching(self, kind: type[M], name: str, labels: Mapping[str, str]) -> Iterator[M]:
        wanted = labels.items()
        for (each, given), metric in self._series.items():
            if each == name and wanted <= given and type(metric) is kind:
                yield metric

    def _merged(self, name: str, labels: Mapping[str, str]) -> _Distribution:
        merged = _Distribution()
        for each in self._matching(_Distribution, name, labels):
            merged.merge(each)
        return merged

    def __repr__(self) -> str:
        return f"<InMemoryStats, {len(self._series)} series>"

    def __str__(self) -> str:
        rows = [
            # An empty label is as good as none.
            (name, " ".join(f"{label}={value}" for label, value in sorted(labels) if value), metric)
            for (name, labels), metric in self._series.items()
        ]
        rows.sort(key=itemgetter(0, 1))
        first, second = (max((len(row[n]) for row in rows), default=0) for n in (0, 1))
        return "\n".join(f"{name:<{first}}  {of:<{second}}  {metric}" for name, of, metric in rows)


class _Count:
    KIND = "counter"
    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0

    def add(self, amount: float = 1) -> None:
        if not amount >= 0:
            raise ValueError(f"a counter cannot count {amount!r}: 0 or more is needed")
        self.value += amount

    def __str__(self) -> str:
        return f"{self.value:g}"


class _Level:
    KIND = "gauge"
    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0

    def set(self, value: float) -> None:
        self.value = value

    def add(self, amount: float) -> None:
        self.value += amount

    def __str__(self) -> str:
        return f"{self.value:g}"


class _Distribution:
    KIND = "histogram"
    __slots__ = ("_buckets", "count", "least", "most", "sum")

    def __init__(self) -> None:
        self.count = 0
        self.sum = 0.0
        self.least, self.most = inf, -inf
        # Bucket n has what is at most LEAST * _GROWTH ** n, and more than bucket n - 1 has.
        self._buckets: dict[int, int] = {}

    def observe(self, value: float) -> None:
        if LEAST < value < MOST:
            bucket = ceil(log(value / LEAST) * _PER_BUCKET)
        elif isnan(value):
            raise ValueError("a histogram cannot observe NaN")
        else:
            bucket = 0 if value <= LEAST else _LAST
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
        self.count += 1
        self.sum += value
        # Not min() and max(), which take as long as all the rest.
        self.least = value if value < self.least else self.least
        self.most = value if value > self.most else self.most

    def merge(self, other: _Distribution) -> None:
        for bucket, count in other._buckets.items():
            self._buckets[bucket] = self._buckets.get(bucket, 0) + count
        self.count += other.count
        self.sum += other.sum
        self.least = min(self.least, other.least)
        self.most = max(self.most, other.most)

    def quantile(self, share: float) -> float:
        rank, seen = max(1, ceil(share * self.count)), 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= rank:
                return self._within(bucket)
        return nan

    def _within(self, bucket: int) -> float:
        """The value that is nearest, as a share, to all in a bucket."""
        middle = LEAST * _GROWTH**bucket * 2 / (1 + _GROWTH) if bucket else LEAST
        return min(self.most, max(self.least, middle))

    def __str__(self) -> str:
        if not self.count:
            return "0 values"
        middle, high = self.quantile(0.5), self.quantile(0.99)
        mean = self.sum / self.count
        return f"{self.count} values: mean {mean:.3g}, median {middle:.2g}, 99% {high:.2g}"


M = TypeVar("M", _Count, _Level, _Distribution)
