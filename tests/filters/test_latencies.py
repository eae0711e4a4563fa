"""Latencies: how near the quantile is to the exact one, and what the window forgets."""

from __future__ import annotations

import math
import random
import sys
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txetcd.filters.latencies import LONGEST, SHORTEST, Latencies

quantiles = st.floats(0.01, 0.999)
times = st.floats(SHORTEST, LONGEST)
quick = settings(deadline=None, max_examples=100)


def exact(quantile: float, samples: list[float]) -> float:
    """The quantile by nearest rank: so many of the samples are not more than it."""
    return sorted(samples)[math.ceil(quantile * len(samples)) - 1]


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()

    def assertNear(self, found: float | None, expected: float, text: Any = None) -> None:
        """Fail unless within the promised 5 %, and a rounding error."""
        self.assertIsNotNone(found, text)
        assert found is not None
        self.assertLess(abs(found / expected - 1), 0.05 + 1e-9, text)


class QuantileTests(Case):
    @quick
    @given(quantiles, st.lists(times, min_size=1, max_size=200))
    def test_it_is_within_5_percent_of_the_exact_one(self, quantile, samples):
        latencies = Latencies(Clock(), quantile)
        for each in samples:
            latencies.record(each)
        self.assertNear(latencies.quantile, exact(quantile, samples))

    @quick
    @given(quantiles, st.lists(times, min_size=1, max_size=60))
    def test_reading_it_after_each_time_changes_nothing(self, quantile, samples):
        latencies = Latencies(Clock(), quantile)
        for n, each in enumerate(samples, 1):
            latencies.record(each)
            self.assertNear(latencies.quantile, exact(quantile, samples[:n]), samples[:n])

    def test_of_many_times_of_a_known_distribution(self):
        draw = random.Random(4)
        for quantile in (0.5, 0.9, 0.95, 0.99):
            latencies = Latencies(self.clock, quantile)
            samples = [draw.lognormvariate(-5, 1) for _ in range(5000)]
            for each in samples:
                latencies.record(each)
            self.assertNear(latencies.quantile, exact(quantile, samples))

    def test_of_nothing_there_is_none(self):
        self.assertIsNone(Latencies(self.clock).quantile)

    def test_of_one_time_it_is_that_time(self):
        latencies = Latencies(self.clock, 0.01)
        latencies.record(0.2)
        self.assertNear(latencies.quantile, 0.2)

    def test_a_time_beyond_the_bounds_counts_as_the_bound(self):
        for seconds, bound in (
            (0, SHORTEST),
            (1e-9, SHORTEST),
            (-3.0, SHORTEST),
            (math.nan, SHORTEST),
            (1e9, LONGEST),
            (math.inf, LONGEST),
        ):
            latencies = Latencies(self.clock)
            latencies.record(seconds)
            self.assertNear(latencies.quantile, bound, seconds)

    def test_it_counts_what_it_recorded(self):
        latencies = Latencies(self.clock)
        for n in range(5):
            self.assertEqual(len(latencies), n)
            latencies.record(1)


class WindowTests(Case):
    def setUp(self):
        super().setUp()
        self.latencies = Latencies(self.clock, 0.5, window=10)

    def record(self, *seconds: float) -> None:
        for each in seconds:
            self.latencies.record(each)

    def test_what_is_older_than_the_window_is_forgotten(self):
        self.record(1)
        self.clock.advance(10)
        self.assertEqual(len(self.latencies), 0)
        self.assertIsNone(self.latencies.quantile)

    def test_what_is_younger_than_half_the_window_is_not(self):
        self.clock.advance(4.9)
        self.record(1)
        self.clock.advance(4.9)
        self.assertEqual(len(self.latencies), 1)
        self.clock.advance(0.3)
        self.assertEqual(len(self.latencies), 0)

    def test_the_quantile_follows_what_is_left(self):
        self.record(1, 1, 1)
        self.clock.advance(5)
        self.record(0.01)
        self.assertNear(self.latencies.quantile, 1)
        self.clock.advance(5)
        self.assertNear(self.latencies.quantile, 0.01)
        self.assertEqual(len(self.latencies), 1)

    def test_a_long_silence_forgets_all(self):
        self.record(1)
        self.clock.advance(5)
        self.record(1)
        self.clock.advance(1000)
        self.assertEqual(len(self.latencies), 0)
        self.record(0.2)
        self.assertNear(self.latencies.quantile, 0.2)

    def test_a_clock_that_is_set_back_forgets_all_and_goes_on(self):
        self.clock.advance(100)
        self.record(1)
        self.clock.rightNow = 50.0
        self.record(0.2)
        self.assertEqual(len(self.latencies), 1)
        self.assertNear(self.latencies.quantile, 0.2)
        self.clock.advance(10)
        self.assertEqual(len(self.latencies), 0)

    @quick
    @given(st.data(), quantiles)
    def test_what_counts_is_all_of_half_a_window_and_nothing_older_than_one(self, data, quantile):
        clock = Clock()
        latencies = Latencies(clock, quantile, window=10)
        recorded: list[tuple[float, float]] = []
        steps = data.draw(st.lists(st.tuples(st.floats(0, 12), times), max_size=40))
        for pause, seconds in steps:
            clock.advance(pause)
            latencies.record(seconds)
            recorded.append((clock.seconds(), seconds))
            now = clock.seconds()
            young = sum(now - at < 5 - 1e-6 for at, _ in recorded)
            self.assertLessEqual(young, len(latencies))
            not_old = sum(now - at < 10 + 1e-6 for at, _ in recorded)
            self.assertLessEqual(len(latencies), not_old)
            # It forgets in the order of recording, so what is left are the last ones.
            left = [each for _, each in recorded[-len(latencies) :]]
            self.assertNear(latencies.quantile, exact(quantile, left), left)


class ShapeTests(Case):
    def test_its_memory_does_not_grow(self):
        def size() -> int:
            return sum(
                sys.getsizeof(getattr(latencies, name)) for name in ("_seen", "_recent")
            )

        latencies = Latencies(self.clock, window=1)
        before = size()
        draw = random.Random(1)
        for _ in range(5000):
            self.clock.advance(0.001)
            latencies.record(draw.expovariate(1))
        self.assertEqual(size(), before)
        self.assertLess(before, 2 * 8 * 200)

    def test_the_same_times_give_the_same_quantile(self):
        found = set()
        for _ in range(2):
            latencies = Latencies(Clock())
            for n in range(100):
                latencies.record(n / 1000)
            found.add(latencies.quantile)
        self.assertEqual(len(found), 1)

    def test_the_repr_shows_the_quantile(self):
        latencies = Latencies(self.clock, 0.9)
        self.assertEqual(repr(latencies), "<Latencies quantile 0.9 of 0: unknown>")
        for _ in range(3):
            latencies.record(SHORTEST)
        self.assertEqual(repr(latencies), "<Latencies quantile 0.9 of 3: 1.05e-05 s>")

    def test_bad_arguments_are_errors(self):
        for quantile in (0, 1, -0.1, 95, math.nan):
            error = self.assertRaises(ValueError, Latencies, self.clock, quantile)
            self.assertIn(f"not {quantile!r}", str(error))
        for window in (0, -1, math.inf, math.nan):
            error = self.assertRaises(ValueError, Latencies, self.clock, 0.5, window)
            self.assertIn(f"not {window!r}", str(error))
