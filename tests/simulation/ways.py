"""Ways of asking a server that may be overloaded: the filters between a user and an attempt."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from tests.simulation.clock import SimulatedClock
from txetcd import Backoff, Filter
from txetcd.filters import AdaptiveLimit, ConcurrencyLimit, LoadShedding, Retry, RetryBudget

__all__ = ["WAYS"]

AnyFilter = Filter[Any, Any, Any, Any]
#: Makes the filters of one client.
NewFilter = Callable[[SimulatedClock, Random], AnyFilter]


def _no_retries(clock: SimulatedClock, random: Random) -> AnyFilter:
    return Filter.identity


def _no_budget(clock: SimulatedClock, random: Random) -> AnyFilter:
    return _retry(clock, random, RetryBudget(clock, min_per_second=1e9))


def _default(clock: SimulatedClock, random: Random) -> AnyFilter:
    return _retry(clock, random, RetryBudget(clock))


def _small_floor(clock: SimulatedClock, random: Random) -> AnyFilter:
    return _retry(clock, random, RetryBudget(clock, min_per_second=1))


def _small(clock: SimulatedClock, random: Random) -> AnyFilter:
    return _retry(clock, random, RetryBudget(clock, min_per_second=1, ratio=0.1))


def _shedding(clock: SimulatedClock, random: Random) -> AnyFilter:
    return _default(clock, random) >> LoadShedding(clock, random=random)


def _adaptive(clock: SimulatedClock, random: Random) -> AnyFilter:
    return _default(clock, random) >> ConcurrencyLimit(AdaptiveLimit(clock), max_waiting=20)


def _retry(clock: SimulatedClock, random: Random, budget: RetryBudget) -> AnyFilter:
    backoff = Backoff.exponential_jittered(0.010, 1.0, random).take(4)
    return Retry(clock, backoff=backoff, budget=budget)


WAYS: dict[str, NewFilter] = {
    "no retries": _no_retries,
    "retries without a budget": _no_budget,
    "the default": _default,
    "min_per_second=1": _small_floor,
    "min_per_second=1, ratio=0.1": _small,
    "the default, LoadShedding": _shedding,
    "the default, AdaptiveLimit": _adaptive,
}
