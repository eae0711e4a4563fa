"""RetryBudget: the arithmetic of a token bucket, over time."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txetcd.filters import RetryBudget


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()

    def withdrawn(self, budget: RetryBudget, most: int = 10_000) -> int:
        """How many retries can be made now, until one is refused."""
        count = 0
        while count < most and budget.try_withdraw():
            count += 1
        return count


class BalanceTests(Case):
    def test_by_default_ten_a_second_need_no_requests(self):
        self.assertEqual(self.withdrawn(RetryBudget(self.clock)), 100)

    def test_by_default_a_fifth_of_the_requests_comes_on_top(self):
        budget = RetryBudget(self.clock)
        for _ in range(50):
            budget.deposit()
        self.assertEqual(self.withdrawn(budget), 110)

    def test_five_requests_are_one_retry_exactly(self):
        budget = RetryBudget(self.clock, min_per_second=0)
        for _ in range(1000):
            for _ in range(4):
                budget.deposit()
                self.assertFalse(budget.try_withdraw())
            budget.deposit()
            self.assertTrue(budget.try_withdraw())
            self.clock.advance(0.1)

    def test_a_tenth_of_a_retry_times_ten_is_a_retry(self):
        budget = RetryBudget(self.clock, min_per_second=0, ratio=0.1)
        for _ in range(10):
            budget.deposit()
        self.assertEqual(self.withdrawn(budget), 1)

    def test_without_a_floor_and_without_requests_there_is_none(self):
        self.assertEqual(self.withdrawn(RetryBudget(self.clock, min_per_second=0)), 0)

    def test_with_a_ratio_of_0_requests_count_for_nothing(self):
        budget = RetryBudget(self.clock, min_per_second=1, ratio=0)
        for _ in range(100):
            budget.deposit()
        self.assertEqual(self.withdrawn(budget), 10)

    def test_a_refused_retry_costs_nothing(self):
        budget = RetryBudget(self.clock, ttl=1, min_per_second=1)
        self.assertTrue(budget.try_withdraw())
        for _ in range(10):
            self.assertFalse(budget.try_withdraw())
        self.assertEqual(budget.balance, 0)

    def test_the_repr_shows_what_is_left(self):
        budget = RetryBudget(self.clock)
        budget.try_withdraw()
        budget.deposit()
        self.assertEqual(repr(budget), "<RetryBudget 99.2 retries>")


class TimeTests(Case):
    def test_requests_count_for_the_ttl_and_then_no_more(self):
        budget = RetryBudget(self.clock, ttl=10, min_per_second=0, ratio=1)
        budget.deposit()
        self.clock.advance(9.99)
        self.assertEqual(budget.balance, 1)
        self.clock.advance(0.01)
        self.assertEqual(budget.balance, 0)
        self.assertFalse(budget.try_withdraw())

    def test_a_request_late_in_a_tenth_of_the_ttl_goes_with_its_tenth(self):
        budget = RetryBudget(self.clock, ttl=10, min_per_second=0, ratio=1)
        budget.deposit()
        self.clock.advance(0.9)
        budget.deposit()
        self.clock.advance(0.1)
        budget.deposit()
        self.clock.advance(8.9)
        self.assertEqual(budget.balance, 3)
        self.clock.advance(0.1)
        self.assertEqual(budget.balance, 1)
        self.clock.advance(1)
        self.assertEqual(budget.balance, 0)

    def test_retries_come_back_after_the_ttl(self):
        budget = RetryBudget(self.clock, ttl=10, min_per_second=1)
        self.assertEqual(self.withdrawn(budget), 10)
        self.clock.advance(9.99)
        self.assertEqual(self.withdrawn(budget), 0)
        self.clock.advance(0.01)
        self.assertEqual(self.withdrawn(budget), 10)

    def test_no_more_than_the_reserve_and_the_share_is_spent_in_any_ttl(self):
        budget = RetryBudget(self.clock, ttl=10, min_per_second=2, ratio=0.5)
        spent: list[float] = []
        for second in range(100):
            for _ in range(10):
                budget.deposit()
            spent.append(self.withdrawn(budget))
            recent = sum(spent[-10:])
            requests = 10 * min(second + 1, 10)
            self.assertLessEqual(recent, 20 + 0.5 * requests)
            self.clock.advance(1)
        # And all of it is: what is spent in a ttl of steady traffic.
        self.assertEqual(sum(spent[-10:]), 70)

    def test_a_long_silence_leaves_the_reserve_and_nothing_else(self):
        budget = RetryBudget(self.clock, min_per_second=1)
        for _ in range(1000):
            budget.deposit()
            self.clock.advance(0.5)
        self.clock.advance(1_000_000)
        self.assertEqual(budget.balance, 10)

    def test_memory_is_bounded_by_the_tenths_of_the_ttl(self):
        budget = RetryBudget(self.clock, ttl=1)
        for _ in range(10_000):
            budget.deposit()
            self.clock.advance(0.001)
        self.assertLessEqual(len(budget._balance), 11)


steps = st.lists(st.sampled_from(["deposit", "withdraw"]), max_size=60)


class PropertyTests(Case):
    @settings(deadline=None, max_examples=60)
    @given(steps, st.integers(0, 3), st.sampled_from([0, 0.25, 0.5, 1]))
    def test_within_a_ttl_retries_never_exceed_the_reserve_and_the_share(
        self, steps, floor, ratio
    ):
        budget = RetryBudget(Clock(), ttl=2, min_per_second=floor, ratio=ratio)
        requests = retries = 0
        for step in steps:
            if step == "deposit":
                budget.deposit()
                requests += 1
            else:
                allowed = retries + 1 <= floor * 2 + ratio * requests
                self.assertEqual(budget.try_withdraw(), allowed)
                retries += allowed
            self.assertAlmostEqual(budget.balance, floor * 2 + ratio * requests - retries)


class ArgumentTests(Case):
    def test_what_is_out_of_range_is_named(self):
        for name, wrong in [
            ("ttl", 0.5),
            ("ttl", 0),
            ("ttl", -1),
            ("ttl", math.nan),
            ("ttl", math.inf),
            ("min_per_second", -1),
            ("min_per_second", math.nan),
            ("min_per_second", math.inf),
            ("ratio", -0.1),
            ("ratio", math.nan),
            ("ratio", math.inf),
        ]:
            with self.assertRaises(ValueError) as caught:
                RetryBudget(self.clock, **{name: wrong})
            self.assertRegex(str(caught.exception), f"^{name} must be .* not {wrong!r}$")

    def test_the_least_values_are_allowed(self):
        self.assertEqual(RetryBudget(self.clock, 1, 0, 0).balance, 0)
