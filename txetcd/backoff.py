"""Schedules of delays between attempts.

A `Backoff` is a value: an immutable, reusable description of a sequence of
delays in seconds.  Iterating over it starts the sequence afresh, so one schedule
serves any number of requests at a time.

The jittered schedules follow Finagle's definitions
(``com.twitter.finagle.Backoff``, which takes *full*, *equal* and *decorrelated*
jitter from "Exponential Backoff And Jitter", AWS Architecture Blog, March 2015).
All of Finagle's begin with ``start`` itself.  One departure: where the
exponential bound has reached ``maximum``, Finagle's ``exponentialJittered``
settles on ``maximum``; ours goes on drawing from [0, maximum), as its
documentation says, so that a thousand clients that wait for one server do not
fall into step.
"""

from __future__ import annotations

import itertools
import math
import random as _random
from collections.abc import Callable, Iterable, Iterator, Sized
from datetime import timedelta
from operator import index
from typing import Protocol, Union

import attrs

__all__ = ["Backoff", "Duration", "Random"]

#: Seconds, or a `datetime.timedelta`.
Duration = Union[float, timedelta]

#: Where a schedule that grows stops if it was given no maximum: about 31 years.
LONGEST = 1e9


class Random(Protocol):
    """The one method of `random.Random` that a schedule draws from."""

    def random(self) -> float:
        """A number in [0, 1)."""


@attrs.frozen(eq=False, repr=False)
class Backoff:
    """A sequence of delays, in seconds; finite or endless.

    Make one with `constant`, `linear`, `exponential`, `exponential_jittered`,
    `equal_jittered`, `decorrelated_jittered` or `from_iterable`; cut it with
    `take`, and join two with `concat`.

    >>> list(Backoff.exponential(0.1, 2, 0.5).take(4))
    [0.1, 0.2, 0.4, 0.5]

    .. versionadded:: 0.1
    """

    _begin: Callable[[], Iterator[float]]
    _text: str

    def __iter__(self) -> Iterator[float]:
        return self._begin()

    def __repr__(self) -> str:
        return self._text

    @classmethod
    def constant(cls, delay: Duration) -> Backoff:
        """The same delay, for ever.

        Raises:
            ValueError: The delay is negative or not finite.
        """
        seconds = _seconds("delay", delay)
        return cls(lambda: itertools.repeat(seconds), f"Backoff.constant({seconds!r})")

    @classmethod
    def linear(cls, start: Duration, offset: Duration, maximum: Duration = math.inf) -> Backoff:
        """``min(maximum, start + n * offset)`` for n = 0, 1 and so on.

        Raises:
            ValueError: An argument is negative, or start or offset is not finite.
        """
        first, step, cap = _seconds("start", start), _seconds("offset", offset), _maximum(maximum)
        return cls(
            lambda: (min(cap, first + n * step) for n in itertools.count()),
            f"Backoff.linear({first!r}, {step!r}{_shown(maximum)})",
        )

    @classmethod
    def exponential(
        cls, start: Duration, multiplier: float = 2.0, maximum: Duration = math.inf
    ) -> Backoff:
        """``min(maximum, start * multiplier ** n)`` for n = 0, 1 and so on.

        Raises:
            ValueError: An argument is negative, or start or multiplier is not finite.
        """
        first, cap = _seconds("start", start), _maximum(maximum)
        factor = _seconds("multiplier", multiplier)
        return cls(
            lambda: _powers(first, factor, cap),
            f"Backoff.exponential({first!r}, {multiplier!r}{_shown(maximum)})",
        )

    @classmethod
    def exponential_jittered(
        cls, start: Duration, maximum: Duration, random: Random | None = None
    ) -> Backoff:
        """Full jitter: start, then a number between 0 and the exponential bound.

        The first delay is ``start``; delay n is
        ``random_between(0, min(maximum, start * 2 ** n))``.

        Args:
            start: The first delay, in seconds; more than zero.
            maximum: No delay is longer, in seconds; not less than ``start``.
            random: Where randomness comes from; the `random` module if None.

        Raises:
            ValueError: ``start`` is not positive, or is more than ``maximum``.
        """
        first, cap, draw = _jittered(start, maximum, random)

        def delays() -> Iterator[float]:
            yield first
            for bound in _powers(min(cap, first * 2), 2.0, cap):
                yield bound * draw()

        return cls(delays, f"Backoff.exponential_jittered({first!r}, {cap!r})")

    @classmethod
    def equal_jittered(
        cls, start: Duration, maximum: Duration, random: Random | None = None
    ) -> Backoff:
        """Equal jitter: half of the exponential growth is kept, the other half is random.

        The first delay is ``start``; delay n is
        ``min(maximum, half + random_between(0, half))`` with
        ``half = start * 2 ** (n - 1)``.  Once half the growth has passed
        ``maximum``, every delay is ``maximum``: where many clients wait for the
        same server, prefer `exponential_jittered`.

        Args and errors are those of `exponential_jittered`.
        """
        first, cap, draw = _jittered(start, maximum, random)

        def delays() -> Iterator[float]:
            yield first
            for half in _powers(first, 2.0, cap):
                yield min(cap, half + half * draw())

        return cls(delays, f"Backoff.equal_jittered({first!r}, {cap!r})")

    @classmethod
    def decorrelated_jittered(
        cls, start: Duration, maximum: Duration, random: Random | None = None
    ) -> Backoff:
        """Decorrelated jitter: each delay lies between ``start`` and 3 times the one before.

        The first delay is ``start``; the next is
        ``min(maximum, random_between(start, previous * 3))``.

        Args and errors are those of `exponential_jittered`.
        """
        first, cap, draw = _jittered(start, maximum, random)

        def delays() -> Iterator[float]:
            delay = first
            while True:
                yield delay
                delay = min(cap, first + (delay * 3 - first) * draw())

        return cls(delays, f"Backoff.decorrelated_jittered({first!r}, {cap!r})")

    @classmethod
    def from_iterable(cls, delays: Iterable[Duration]) -> Backoff:
        """The delays of any iterable, in its order.

        An iterator can be read only once, so what is read of it is remembered;
        an endless one costs memory in proportion to the delays used.

        Raises:
            ValueError: While iterating, at a delay that is negative or not finite.
            TypeError: ``delays`` is not iterable.
        """
        if isinstance(delays, Backoff):
            return delays
        source = delays
        if isinstance(delays, Iterator):
            source = _Remembered(delays)
        elif isinstance(delays, Sized):
            # It may be a list, which changes.
            source = tuple(delays)
        iter(source)
        return cls(
            lambda: (_seconds("delay", delay) for delay in source),
            f"Backoff.from_iterable({delays!r})",
        )

    def take(self, count: int) -> Backoff:
        """The first ``count`` delays of this schedule, and then no more.

        Raises:
            ValueError: ``count`` is negative.
            TypeError: ``count`` is not a whole number.
        """
        if index(count) < 0:
            raise ValueError(f"take() needs a count of at least 0, not {count!r}")
        return Backoff(lambda: itertools.islice(self, count), f"{self!r}.take({count!r})")

    def concat(self, other: Iterable[Duration]) -> Backoff:
        """The delays of this schedule and, when they have ended, those of ``other``."""
        then = Backoff.from_iterable(other)
        return Backoff(lambda: itertools.chain(self, then), f"{self!r}.concat({then!r})")


class _Remembered:
    """An iterator as an iterable: reads it once, gives it as often as asked."""

    def __init__(self, source: Iterator[Duration]) -> None:
        self._source = source
        self._read: list[Duration] = []

    def __iter__(self) -> Iterator[Duration]:
        for n in itertools.count():
            if n == len(self._read):
                try:
                    self._read.append(next(self._source))
                except StopIteration:
                    return
            yield self._read[n]


def _powers(first: float, factor: float, cap: float) -> Iterator[float]:
    delay = min(cap, first)
    while True:
        yield delay
        delay = min(cap, delay * factor)


def _seconds(name: str, value: Duration) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{name} must be a finite number of seconds, 0 or more, not {value!r}")
    return seconds


def _maximum(value: Duration) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if not seconds >= 0:
        raise ValueError(f"maximum must be 0 or more seconds, not {value!r}")
    return min(seconds, LONGEST)


def _shown(maximum: Duration) -> str:
    return "" if maximum == math.inf else f", {maximum!r}"


def _jittered(
    start: Duration, maximum: Duration, random: Random | None
) -> tuple[float, float, Callable[[], float]]:
    first, cap = _seconds("start", start), _maximum(maximum)
    if not 0 < first <= cap:
        raise ValueError(f"start must be more than 0 and at most {cap!r} seconds, not {start!r}")
    return first, cap, (random or _random).random
