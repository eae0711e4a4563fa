"""Schedules of delays: the definitions, as examples written out and as properties."""

from __future__ import annotations

import itertools
import math
from datetime import timedelta
from random import Random
from statistics import fmean
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txetcd import Backoff
from txetcd.backoff import LONGEST

JITTERED = [
    Backoff.exponential_jittered,
    Backoff.equal_jittered,
    Backoff.decorrelated_jittered,
]

starts = st.floats(0.001, 100)
maxima = st.floats(100, 10_000)
seeds = st.integers(0, 2**32)
quick = settings(deadline=None, max_examples=50)


class Draws:
    """A source of randomness that draws what it was told to."""

    def __init__(self, *numbers):
        self.numbers = itertools.cycle(numbers)

    def random(self):
        return next(self.numbers)


def first(count, backoff) -> list[float]:
    return list(itertools.islice(backoff, count))


class FixedTests(SynchronousTestCase):
    """The schedules without randomness."""

    def test_constant_is_the_same_delay_for_ever(self):
        self.assertEqual(first(1000, Backoff.constant(0.5)), [0.5] * 1000)
        self.assertEqual(first(3, Backoff.constant(0)), [0.0, 0.0, 0.0])

    def test_linear_grows_by_the_offset_up_to_the_maximum(self):
        self.assertEqual(first(4, Backoff.linear(1, 2)), [1, 3, 5, 7])
        self.assertEqual(first(5, Backoff.linear(1, 2, 6)), [1, 3, 5, 6, 6])
        self.assertEqual(first(3, Backoff.linear(0, 0)), [0, 0, 0])
        self.assertEqual(first(2, Backoff.linear(5, 1, 3)), [3, 3])

    def test_exponential_grows_by_the_multiplier_up_to_the_maximum(self):
        self.assertEqual(first(5, Backoff.exponential(1)), [1, 2, 4, 8, 16])
        self.assertEqual(first(5, Backoff.exponential(1, 3, 20)), [1, 3, 9, 20, 20])
        self.assertEqual(first(4, Backoff.exponential(8, 0.5)), [8, 4, 2, 1])
        self.assertEqual(first(3, Backoff.exponential(0)), [0, 0, 0])
        self.assertEqual(first(2, Backoff.exponential(5, 2, 3)), [3, 3])

    def test_durations_may_be_time_deltas(self):
        second, minute = timedelta(seconds=1), timedelta(minutes=1)
        self.assertEqual(first(2, Backoff.constant(minute)), [60, 60])
        self.assertEqual(first(4, Backoff.linear(second, second, 2 * second)), [1, 2, 2, 2])
        self.assertEqual(first(4, Backoff.exponential(second, 10, minute)), [1, 10, 60, 60])
        self.assertEqual(first(2, Backoff.from_iterable([second, minute])), [1, 60])
        self.assertEqual(next(iter(Backoff.equal_jittered(second, minute))), 1)

    def test_a_schedule_that_grows_for_ever_stays_finite(self):
        for backoff in (
            Backoff.exponential(1, 1e300),
            Backoff.exponential(1e300),
            Backoff.linear(1e300, 1e300),
            Backoff.exponential_jittered(1e8, math.inf, Draws(0.999999)),
            Backoff.equal_jittered(1e8, math.inf, Draws(0.999999)),
            Backoff.decorrelated_jittered(1e8, math.inf, Draws(0.999999)),
        ):
            delays = first(3000, backoff)
            self.assertTrue(all(0 <= delay <= LONGEST for delay in delays), backoff)

    @quick
    @given(starts, st.floats(0, 10), maxima)
    def test_linear_is_start_and_n_offsets_or_the_maximum(self, start, offset, maximum):
        for n, delay in enumerate(first(50, Backoff.linear(start, offset, maximum))):
            self.assertAlmostEqual(delay, min(maximum, start + n * offset))

    @quick
    @given(starts, st.floats(0.1, 10), maxima)
    def test_exponential_is_a_power_or_the_maximum(self, start, multiplier, maximum):
        delays = first(50, Backoff.exponential(start, multiplier, maximum))
        for n, delay in enumerate(delays):
            # Below the maximum, and near it, the order of multiplying shows in the last digits.
            self.assertTrue(
                math.isclose(delay, min(maximum, start * multiplier**n), rel_tol=1e-9), (n, delay)
            )


class JitterTests(SynchronousTestCase):
    """Finagle's definitions of the jitters."""

    def test_full_jitter_draws_from_0_to_the_exponential_bound(self):
        # The bounds are 2, 4, 8, 16, 20, 20.
        delays = first(7, Backoff.exponential_jittered(1, 20, Draws(0.5)))
        self.assertEqual(delays, [1, 1, 2, 4, 8, 10, 10])
        self.assertEqual(first(4, Backoff.exponential_jittered(1, 20, Draws(0.0))), [1, 0, 0, 0])

    def test_equal_jitter_keeps_half_and_draws_the_other_half(self):
        # The halves are 1, 2, 4, 8, 16, 20.
        delays = first(6, Backoff.equal_jittered(1, 20, Draws(0.5)))
        self.assertEqual(delays, [1, 1.5, 3, 6, 12, 20])
        delays = first(7, Backoff.equal_jittered(1, 20, Draws(0.0)))
        self.assertEqual(delays, [1, 1, 2, 4, 8, 16, 20])

    def test_decorrelated_jitter_draws_from_start_to_3_times_the_delay_before(self):
        # From 1 to 3, to 6, to 10.5 and to 17.25.
        delays = first(5, Backoff.decorrelated_jittered(1, 20, Draws(0.5)))
        self.assertEqual(delays, [1, 2, 3.5, 5.75, 9.125])
        self.assertEqual(first(4, Backoff.decorrelated_jittered(1, 20, Draws(0.0))), [1, 1, 1, 1])
        delays = first(5, Backoff.decorrelated_jittered(1, 20, Draws(0.999)))
        self.assertEqual(delays[-1], 20)

    @quick
    @given(starts, maxima, seeds)
    def test_full_jitter_lies_within_its_bounds(self, start, maximum, seed):
        delays = first(40, Backoff.exponential_jittered(start, maximum, Random(seed)))
        self.assertEqual(delays[0], start)
        for n, delay in enumerate(delays[1:], 1):
            self.assertGreaterEqual(delay, 0)
            self.assertLess(delay, min(maximum, start * 2.0**n))

    @quick
    @given(starts, maxima, seeds)
    def test_equal_jitter_lies_within_its_bounds(self, start, maximum, seed):
        delays = first(40, Backoff.equal_jittered(start, maximum, Random(seed)))
        self.assertEqual(delays[0], start)
        for n, delay in enumerate(delays[1:], 1):
            half = start * 2.0 ** (n - 1)
            self.assertGreaterEqual(delay, min(maximum, half))
            self.assertLessEqual(delay, min(maximum, 2 * half))

    @quick
    @given(starts, maxima, seeds)
    def test_decorrelated_jitter_lies_within_its_bounds(self, start, maximum, seed):
        delays = first(40, Backoff.decorrelated_jittered(start, maximum, Random(seed)))
        self.assertEqual(delays[0], start)
        for before, delay in itertools.pairwise(delays):
            self.assertGreaterEqual(delay, start)
            self.assertLessEqual(delay, min(maximum, 3 * before))

    def test_start_may_be_the_maximum(self):
        self.assertEqual(first(3, Backoff.equal_jittered(5, 5, Draws(0.5))), [5, 5, 5])
        self.assertEqual(first(3, Backoff.exponential_jittered(5, 5, Draws(0.5))), [5, 2.5, 2.5])
        self.assertEqual(first(3, Backoff.decorrelated_jittered(5, 5, Draws(0.5))), [5, 5, 5])

    def test_the_same_seed_gives_the_same_delays(self):
        for jittered in JITTERED:
            delays = first(20, jittered(0.01, 60, Random(7)))
            self.assertEqual(first(20, jittered(0.01, 60, Random(7))), delays)
            self.assertNotEqual(first(20, jittered(0.01, 60, Random(8))), delays)

    def test_without_a_source_of_randomness_two_iterations_differ(self):
        for jittered in JITTERED:
            # From the second on, where the equal jitter has not reached the maximum yet.
            backoff = jittered(0.01, 1e6)
            self.assertNotEqual(first(20, backoff), first(20, backoff))


class DistributionTests(SynchronousTestCase):
    """Each jitter is uniform over its interval; seeded, so never a matter of luck.

    The mean of 4,000 uniform draws has a standard deviation of 0.0046 of the interval; each
    quarter holds 1,000 draws with a standard deviation of 27.  The bounds are four of those.
    """

    def drawn(self, backoff: Backoff, n: int) -> list[float]:
        """The delay with index ``n`` of many iterations."""
        return [next(itertools.islice(backoff, n, None)) for _ in range(4000)]

    def is_uniform(self, delays: list[float], low: float, high: float) -> None:
        places = [(delay - low) / (high - low) for delay in delays]
        self.assertTrue(all(0 <= place < 1 for place in places))
        self.assertLess(abs(fmean(places) - 0.5), 0.019)
        for quarter in range(4):
            held = sum(int(place * 4) == quarter for place in places)
            self.assertLess(abs(held - 1000), 110)

    def test_full_jitter_is_uniform_from_0_to_its_bound(self):
        self.is_uniform(self.drawn(Backoff.exponential_jittered(1, 60, Random(1)), 3), 0, 8)

    def test_full_jitter_goes_on_being_random_at_the_maximum(self):
        self.is_uniform(self.drawn(Backoff.exponential_jittered(1, 60, Random(2)), 20), 0, 60)

    def test_equal_jitter_is_uniform_over_the_second_half(self):
        self.is_uniform(self.drawn(Backoff.equal_jittered(1, 60, Random(3)), 3), 4, 8)

    def test_decorrelated_jitter_is_uniform_over_its_first_interval(self):
        self.is_uniform(self.drawn(Backoff.decorrelated_jittered(1, 60, Random(4)), 1), 1, 3)


class ValueTests(SynchronousTestCase):
    """A schedule is a value: immutable, and used as often as one likes."""

    def test_each_iteration_starts_afresh(self):
        for backoff in (
            Backoff.constant(1),
            Backoff.linear(1, 1),
            Backoff.exponential(1),
            Backoff.exponential(1).take(3),
            Backoff.exponential(1).take(3).concat(Backoff.constant(9)),
            Backoff.from_iterable([1, 2, 3]),
            Backoff.from_iterable(iter([1, 2, 3])),
        ):
            delays = first(5, backoff)
            self.assertEqual(first(5, backoff), delays)

    def test_iterations_at_the_same_time_do_not_disturb_each_other(self):
        for backoff in (Backoff.exponential(1), Backoff.from_iterable(n for n in (1, 2, 4, 8))):
            one, other = iter(backoff), iter(backoff)
            self.assertEqual([next(one), next(one), next(other)], [1, 2, 1])
            self.assertEqual([next(one), next(other), next(one)], [4, 2, 8])

    def test_it_cannot_be_changed(self):
        backoff: Any = Backoff.constant(1)
        for name in ("_begin", "_text", "delay"):
            with self.assertRaises(AttributeError):
                setattr(backoff, name, None)

    def test_take_and_concat_leave_the_schedule_as_it_was(self):
        backoff = Backoff.linear(1, 1)
        backoff.take(2)
        backoff.take(2).concat([9])
        self.assertEqual(first(4, backoff), [1, 2, 3, 4])

    def test_it_does_not_change_with_the_list_it_was_made_of(self):
        delays = [1, 2]
        backoff, longer = Backoff.from_iterable(delays), Backoff.constant(0).take(1).concat(delays)
        delays.append(3)
        self.assertEqual(list(backoff), [1, 2])
        self.assertEqual(list(longer), [0, 1, 2])

    def test_the_repr_is_how_it_was_made(self):
        for backoff, shown in [
            (Backoff.constant(1), "Backoff.constant(1.0)"),
            (Backoff.linear(1, 2), "Backoff.linear(1.0, 2.0)"),
            (Backoff.linear(1, 2, 9), "Backoff.linear(1.0, 2.0, 9)"),
            (Backoff.exponential(1), "Backoff.exponential(1.0, 2.0)"),
            (Backoff.exponential(1, 3, 9), "Backoff.exponential(1.0, 3, 9)"),
            (Backoff.exponential_jittered(1, 9), "Backoff.exponential_jittered(1.0, 9.0)"),
            (Backoff.equal_jittered(1, 9), "Backoff.equal_jittered(1.0, 9.0)"),
            (Backoff.decorrelated_jittered(1, 9), "Backoff.decorrelated_jittered(1.0, 9.0)"),
            (Backoff.from_iterable([1, 2]), "Backoff.from_iterable([1, 2])"),
            (Backoff.constant(1).take(2), "Backoff.constant(1.0).take(2)"),
            (
                Backoff.constant(1).take(2).concat(Backoff.constant(3)),
                "Backoff.constant(1.0).take(2).concat(Backoff.constant(3.0))",
            ),
        ]:
            self.assertEqual(repr(backoff), shown)
            self.assertEqual(repr(eval(shown)), shown)


class CombinationTests(SynchronousTestCase):
    def test_take_ends_the_schedule(self):
        self.assertEqual(list(Backoff.exponential(1).take(3)), [1, 2, 4])
        self.assertEqual(list(Backoff.exponential(1).take(0)), [])
        self.assertEqual(list(Backoff.constant(1).take(2).take(5)), [1, 1])
        self.assertEqual(list(Backoff.constant(1).take(5).take(2)), [1, 1])

    def test_concat_goes_on_with_another(self):
        backoff = Backoff.constant(1).take(2).concat(Backoff.constant(5).take(1))
        self.assertEqual(list(backoff), [1, 1, 5])
        self.assertEqual(list(backoff.concat([7]).concat(iter([8]))), [1, 1, 5, 7, 8])
        self.assertEqual(first(3, Backoff.constant(1).concat([9])), [1, 1, 1])

    def test_of_any_iterable(self):
        def generated():
            yield from (1, 2, 3)

        for delays in (
            [1, 2, 3],
            (1, 2, 3),
            range(1, 4),
            generated(),
            iter([1, 2, 3]),
            {1: None, 2: None, 3: None},
            Backoff.linear(1, 1).take(3),
        ):
            backoff = Backoff.from_iterable(delays)
            self.assertEqual(list(backoff), [1.0, 2.0, 3.0])
            self.assertEqual(list(backoff), [1.0, 2.0, 3.0])

    def test_a_schedule_is_taken_as_it_is(self):
        backoff = Backoff.constant(1)
        self.assertIs(Backoff.from_iterable(backoff), backoff)

    def test_an_iterator_is_read_no_further_than_it_is_used(self):
        read: list[int] = []

        def endless():
            for n in itertools.count():
                read.append(n)
                yield n

        backoff = Backoff.from_iterable(endless())
        self.assertEqual(read, [])
        self.assertEqual(first(3, backoff), [0, 1, 2])
        self.assertEqual(first(2, backoff), [0, 1])
        self.assertEqual(read, [0, 1, 2])

    @quick
    @given(st.lists(st.floats(0, 100), max_size=8), st.integers(0, 10), st.integers(0, 10))
    def test_take_and_concat_are_those_of_lists(self, delays, n, m):
        backoff = Backoff.from_iterable(delays)
        self.assertEqual(list(backoff.take(n)), delays[:n])
        self.assertEqual(list(backoff.take(n).concat(backoff.take(m))), delays[:n] + delays[:m])
        self.assertEqual(
            list(backoff.concat(backoff).concat(backoff)),
            list(backoff.concat(backoff.concat(backoff))),
        )


class ErrorTests(SynchronousTestCase):
    def test_a_bad_argument_is_named_with_its_value(self):
        nan, infinite = math.nan, math.inf
        for make, named in [
            (lambda: Backoff.constant(-1), "delay must be .* not -1"),
            (lambda: Backoff.constant(nan), "delay must be .* not nan"),
            (lambda: Backoff.constant(infinite), "delay must be .* not inf"),
            (lambda: Backoff.constant(timedelta(seconds=-1)), r"delay must be .* not .*days=-1"),
            (lambda: Backoff.linear(-1, 1), "start must be .* not -1"),
            (lambda: Backoff.linear(infinite, 1), "start must be .* not inf"),
            (lambda: Backoff.linear(1, -2), "offset must be .* not -2"),
            (lambda: Backoff.linear(1, nan), "offset must be .* not nan"),
            (lambda: Backoff.linear(1, 1, -3), "maximum must be .* not -3"),
            (lambda: Backoff.linear(1, 1, nan), "maximum must be .* not nan"),
            (lambda: Backoff.exponential(-1), "start must be .* not -1"),
            (lambda: Backoff.exponential(1, -2), "multiplier must be .* not -2"),
            (lambda: Backoff.exponential(1, infinite), "multiplier must be .* not inf"),
            (lambda: Backoff.exponential(1, 2, -3), "maximum must be .* not -3"),
            (lambda: Backoff.constant(1).take(-1), r"take\(\) needs .* not -1"),
        ]:
            self.assertRegex(str(self.assertRaises(ValueError, make)), named)

    def test_a_jittered_schedule_needs_a_start_above_0_and_up_to_the_maximum(self):
        for jittered in JITTERED:
            for start, maximum, named in [
                (0, 1, "start must be more than 0 and at most 1.0 seconds, not 0"),
                (-1, 1, "start must be .* not -1"),
                (2, 1, "start must be more than 0 and at most 1.0 seconds, not 2"),
                (math.inf, math.inf, "start must be .* not inf"),
                (math.nan, 1, "start must be .* not nan"),
                (1, math.nan, "maximum must be .* not nan"),
                (1, -1, "maximum must be .* not -1"),
            ]:
                error = self.assertRaises(ValueError, jittered, start, maximum)
                self.assertRegex(str(error), named)

    def test_a_bad_delay_of_an_iterable_is_named_when_it_is_reached(self):
        for bad in (-1, math.inf, math.nan):
            delays = iter(Backoff.from_iterable([1, bad]))
            self.assertEqual(next(delays), 1)
            self.assertIn(f"not {bad!r}", str(self.assertRaises(ValueError, next, delays)))

    def test_what_is_no_iterable_is_refused_at_once(self):
        wrong: Any = 5
        self.assertRaises(TypeError, Backoff.from_iterable, wrong)
        self.assertRaises(TypeError, Backoff.constant(1).concat, wrong)

    def test_a_count_is_a_whole_number(self):
        for wrong in (2.5, "2", None):
            self.assertRaises(TypeError, Backoff.constant(1).take, wrong)
