"""How long a server works on a request: distributions, drawn from uniform numbers alone.

`random.Random.random` is the one method whose numbers are promised to stay the same from
version to version.  Times are whole microseconds, so that the last digit of a logarithm,
which libraries do not agree upon, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from math import cos, exp, log, pi, sqrt

__all__ = ["Draw", "Time", "constant", "exponential", "lognormal", "now_and_then"]

#: Gives a number in [0, 1).
Draw = Callable[[], float]
#: Draws a time, in seconds.
Time = Callable[[Draw], float]


def constant(seconds: float) -> Time:
    return lambda draw: seconds


def exponential(mean: float) -> Time:
    return lambda draw: round(-mean * log(1.0 - draw()), 6)


def lognormal(median: float, sigma: float) -> Time:
    """What is the product of many small causes; by the method of Box and Muller."""

    def time(draw: Draw) -> float:
        normal = sqrt(-2.0 * log(1.0 - draw())) * cos(2.0 * pi * draw())
        return round(median * exp(sigma * normal), 6)

    return time


def now_and_then(share: float, rare: Time, usual: Time) -> Time:
    """``rare`` for a share of the requests, ``usual`` for all others."""
    return lambda draw: (rare if draw() < share else usual)(draw)
