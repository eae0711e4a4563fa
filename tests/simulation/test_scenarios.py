"""What the documentation claims of each scenario holds for other seeds as well."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.simulation.overload import Plan, recovery
from tests.simulation.results import Result
from tests.simulation.scenarios import simulate
from tests.simulation.users import Sample, Samples

FEW, MORE = (1, 2), (1, 2, 3)


class Case(SynchronousTestCase):
    def each(self, name: str, seeds: tuple[int, ...] = MORE) -> Iterator[Result]:
        for seed in seeds:
            with self.subTest(scenario=name, seed=seed):
                yield simulate(name, seed)


def seconds(result: Result, name: str) -> float:
    """How long a variant took to recover; infinite if it did not."""
    found = result[name]["recovers after s"]
    return math.inf if found is None else found


class RecoveryTests(SynchronousTestCase):
    plan = Plan(goes_on=10, ends=30)

    def samples(self, bad_until: float) -> Samples:
        times = [n / 10 for n in range(300)]
        return Samples(Sample(t, t + 0.1, not 5 <= t < bad_until) for t in times)

    def test_it_is_counted_from_the_end_of_the_cause(self):
        self.assertEqual(recovery(self.samples(10), self.plan), 0)
        self.assertEqual(recovery(self.samples(13), self.plan), 3)

    def test_nearly_all_must_be_well_for_five_seconds(self):
        """Of 50 requests in five seconds, one that fails is two in a hundred."""
        self.assertEqual(recovery(self.samples(12.95), self.plan), 3)
        self.assertEqual(recovery(self.samples(12.95), self.plan, 0.8), 2)

    def test_there_is_none_if_there_were_not_five_good_seconds(self):
        self.assertEqual(recovery(self.samples(25), self.plan), 15)
        self.assertIsNone(recovery(self.samples(25.1), self.plan))


class StallTests(Case):
    def test_retries_without_a_budget_outlast_their_cause(self):
        for found in self.each("stall", FEW):
            self.assertEqual(seconds(found, "retries without a budget"), math.inf)
            self.assertGreater(found["retries without a budget"]["sent per request"], 4)
            answers = found.variant("retries without a budget").series["answered"]
            self.assertLess(max(answers[found.settings["goes_on"] + 5 :]), 30)

    def test_the_default_recovers_as_if_there_were_no_retries(self):
        for found in self.each("stall", FEW):
            self.assertLessEqual(seconds(found, "the default"), 6)
            self.assertLessEqual(
                seconds(found, "the default"), seconds(found, "no retries") + 1
            )

    def test_the_default_sends_no_more_than_its_budget(self):
        for found in self.each("stall", FEW):
            bound = 1 + 0.2 + 10 / found.settings["load"]
            self.assertLessEqual(found["the default"]["sent per request"], bound)

    def test_an_adaptive_limit_recovers_at_once_and_wastes_little(self):
        for found in self.each("stall", FEW):
            self.assertLessEqual(seconds(found, "the default, AdaptiveLimit"), 2)
            self.assertLess(found["the default, AdaptiveLimit"]["wasted %"], 4)

    def test_load_shedding_recovers_late(self):
        for found in self.each("stall", FEW):
            self.assertGreater(seconds(found, "the default, LoadShedding"), 10)
            self.assertLess(seconds(found, "the default, LoadShedding"), 35)


class FleetTests(Case):
    def test_the_floors_of_many_budgets_are_too_much_together(self):
        for found in self.each("fleet", FEW):
            self.assertGreater(seconds(found, "the default"), 20)

    def test_smaller_budgets_let_it_recover(self):
        for found in self.each("fleet", FEW):
            for name in ("min_per_second=1", "min_per_second=1, ratio=0.1"):
                self.assertLess(seconds(found, name), 20)
                self.assertLess(found[name]["failed %"], found["the default"]["failed %"] - 20)

    def test_an_adaptive_limit_recovers_whatever_the_budgets_are(self):
        for found in self.each("fleet", FEW):
            self.assertLessEqual(seconds(found, "the default, AdaptiveLimit"), 5)


class RefusingTests(Case):
    def test_a_server_that_refuses_most_has_little_time_for_the_rest(self):
        for found in self.each("refusing"):
            self.assertLess(found["no retries"]["answered per s"], found.settings["capacity"] / 2)
            self.assertLess(found["the default"]["answered per s"], 50)
            self.assertLess(found["retries without a budget"]["answered per s"], 5)

    def test_load_shedding_gives_it_most_of_its_time_back(self):
        for found in self.each("refusing"):
            answered = found["the default, LoadShedding"]["answered per s"]
            self.assertGreater(answered, found.settings["capacity"] * 0.75)

    def test_an_adaptive_limit_gives_it_all_of_it_back(self):
        for found in self.each("refusing"):
            answered = found["the default, AdaptiveLimit"]["answered per s"]
            self.assertGreater(answered, found.settings["capacity"] * 0.95)


class HedgingTests(Case):
    def test_the_slowest_in_a_thousand_take_a_fifth_of_the_time(self):
        for found in self.each("hedging"):
            for name, more in (("Hedge", 6), ("Hedge(quantile=0.99)", 1.5)):
                self.assertLess(found[name]["p99.9 ms"], found["no copies"]["p99.9 ms"] / 5)
                self.assertLessEqual(found[name]["more sent %"], more)

    def test_a_budget_of_no_more_than_the_share_of_the_quantile_is_worse_or_no_better(self):
        for found in self.each("hedging"):
            tight = found["Hedge, budget of a twentieth"]
            self.assertLessEqual(tight["more sent %"], 5.1)
            self.assertLess(tight["p99.9 ms"], found["no copies"]["p99.9 ms"] * 0.7)
            self.assertGreaterEqual(tight["p99.9 ms"], found["Hedge"]["p99.9 ms"])

    def test_nobody_else_is_the_slower_for_it(self):
        for found in self.each("hedging"):
            for each in found.variants:
                self.assertLessEqual(found[each.name]["p95 ms"], found["no copies"]["p95 ms"] + 0.5)


class OverloadedTests(Case):
    def test_a_budget_bounds_the_harm_and_does_not_undo_it(self):
        for found in self.each("overloaded"):
            self.assertLessEqual(found["Hedge"]["more sent %"], 10.1)
            self.assertLess(found["Hedge"]["failed %"], 15)
            self.assertGreater(found["Hedge"]["p99 ms"], found["no copies"]["p99 ms"])

    def test_without_one_most_requests_fail(self):
        for found in self.each("overloaded"):
            self.assertEqual(found["no copies"]["failed %"], 0)
            self.assertGreater(found["Hedge without a budget"]["failed %"], 50)


class BalancingTests(Case):
    def test_the_slow_one_is_asked_less(self):
        for found in self.each("one slow"):
            self.assertEqual(found["RoundRobin"]["first server %"], 25)
            self.assertLess(found["LeastLoaded"]["first server %"], 12)
            self.assertLess(found["PeakEwma"]["first server %"], 2)

    def test_the_slowest_requests_are_the_faster(self):
        for found in self.each("one slow"):
            slowest = found["RoundRobin"]["p99 ms"]
            self.assertLess(found["LeastLoaded"]["p99 ms"], slowest / 1.8)
            self.assertLess(found["PeakEwma"]["p99 ms"], slowest / 7)

    def test_those_that_are_alike_are_asked_alike(self):
        for found in self.each("alike"):
            self.assertLess(found["LeastLoaded"]["most/mean"], 1.05)
            self.assertLess(found["PeakEwma"]["most/mean"], 1.15)
            times: Any = [each.figures["p99 ms"] for each in found.variants]
            self.assertLess(max(times) / min(times), 1.05)


class MembersTests(Case):
    def test_no_user_sees_a_member_die(self):
        for found in self.each("members"):
            for each in found.variants:
                if "no accrual" not in each.name or "hangs" in each.name:
                    self.assertEqual(each.figures["failed"], 0, each.name)

    def test_few_requests_meet_it(self):
        for found in self.each("members"):
            self.assertEqual(found["refuses, the default"]["met it"], 1)
            self.assertEqual(found["fails, the default"]["met it"], 5)
            self.assertLessEqual(found["hangs, the default"]["met it"], 6)
            self.assertLessEqual(found["refuses, no probe"]["met it"], 15)

    def test_one_that_refuses_at_once_draws_requests_unless_it_is_left_alone(self):
        for found in self.each("members"):
            self.assertGreater(found["refuses, no accrual"]["met it"], 1000)
            self.assertGreater(found["refuses, no accrual"]["failed"], 400)

    def test_only_those_wait_that_met_one_that_hangs(self):
        for found in self.each("members"):
            default = found["hangs, the default"]
            self.assertEqual(default["over 100 ms"], default["met it"])
            self.assertLess(default["slowest ms"], 5200)

    def test_with_copies_fewer_wait_and_more_meet_it(self):
        for found in self.each("members"):
            hedged, plain = found["hangs, and Hedge(quantile=0.99)"], found["hangs, the default"]
            self.assertLess(hedged["over 100 ms"], plain["over 100 ms"])
            self.assertGreater(hedged["met it"], plain["met it"])

    def test_it_is_found_again_within_the_longest_delay(self):
        for found in self.each("members"):
            for each in found.variants:
                self.assertLess(found[each.name]["found after s"], 11, each.name)


class PanicTests(Case):
    def test_one_of_four_is_enough_unless_the_others_are_tried(self):
        for found in self.each("panic"):
            self.assertEqual(found["panic_threshold=0"]["failed"], 0)
            self.assertEqual(found["panic_threshold=0"]["met it"], 3)
            self.assertGreater(found["panic_threshold=0.5"]["failed"], 1000)
