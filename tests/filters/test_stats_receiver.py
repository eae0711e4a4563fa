"""InMemoryStats: what it adds up, how exact its quantiles are, and what it prints."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txetcd.filters.in_memory_stats import ERROR, LEAST, MOST, InMemoryStats
from txetcd.filters.stats_receiver import StatsReceiver


def told(stats: InMemoryStats, *values: float, name: str = "sizes", **labels: str) -> None:
    for value in values:
        stats.histogram(name, "", labels).observe(value)


class Case(SynchronousTestCase):
    def setUp(self):
        self.stats = InMemoryStats()

    def near(self, value: float, exact: float) -> None:
        self.assertLessEqual(abs(value - exact), exact * ERROR)


class CounterTests(Case):
    def test_a_counter_adds_up(self):
        counter = self.stats.counter("requests", "", {})
        counter.add()
        counter.add(2.5)
        self.assertEqual(self.stats.counter_value("requests"), 3.5)

    def test_one_that_was_not_asked_for_is_0(self):
        self.assertEqual(self.stats.counter_value("requests"), 0)

    def test_it_cannot_count_down(self):
        counter = self.stats.counter("requests", "", {})
        for wrong in (-1, math.nan):
            error = self.assertRaises(ValueError, counter.add, wrong)
            self.assertIn(repr(wrong), str(error))
        counter.add(0)
        self.assertEqual(self.stats.counter_value("requests"), 0)

    def test_the_same_name_and_labels_give_the_same_counter(self):
        one = self.stats.counter("requests", "", {"a": "1", "b": "2"})
        other = self.stats.counter("requests", "another help", {"b": "2", "a": "1"})
        self.assertIs(one, other)

    def test_other_labels_give_another(self):
        self.stats.counter("requests", "", {"a": "1"}).add()
        self.stats.counter("requests", "", {"a": "2"}).add(10)
        self.stats.counter("others", "", {"a": "1"}).add(100)
        self.assertEqual(self.stats.counter_value("requests", a="1"), 1)
        self.assertEqual(self.stats.counter_value("requests", a="2"), 10)

    def test_asked_by_some_labels_it_adds_up_all_that_have_them(self):
        for a, b, amount in [("1", "1", 1), ("1", "2", 10), ("2", "1", 100)]:
            self.stats.counter("requests", "", {"a": a, "b": b}).add(amount)
        self.assertEqual(self.stats.counter_value("requests"), 111)
        self.assertEqual(self.stats.counter_value("requests", a="1"), 11)
        self.assertEqual(self.stats.counter_value("requests", b="1"), 101)
        self.assertEqual(self.stats.counter_value("requests", a="1", b="2"), 10)
        self.assertEqual(self.stats.counter_value("requests", c="1"), 0)

    def test_a_label_may_have_any_name(self):
        self.stats.counter("requests", "", {"name": "x", "self": "y"}).add()
        self.assertEqual(self.stats.counter_value("requests", name="x", self="y"), 1)


class GaugeTests(Case):
    def test_it_goes_up_and_down_and_can_be_set(self):
        gauge = self.stats.gauge("open", "", {"a": "1"})
        gauge.add(3)
        gauge.add(-1)
        self.assertEqual(self.stats.gauge_value("open"), 2)
        gauge.set(-7)
        self.stats.gauge("open", "", {"a": "2"}).set(10)
        self.assertEqual(self.stats.gauge_value("open", a="1"), -7)
        self.assertEqual(self.stats.gauge_value("open"), 3)

    def test_a_name_is_of_one_kind(self):
        self.stats.gauge("open", "", {}).set(3)
        for ask in (self.stats.counter, self.stats.histogram):
            error = self.assertRaises(ValueError, ask, "open", "", {})
            self.assertIn("'open' is a gauge already", str(error))
        self.assertEqual(self.stats.counter_value("open"), 0)


class HistogramTests(Case):
    def test_it_counts_values(self):
        told(self.stats, 1, 2, 3, of="a")
        told(self.stats, 4, of="b")
        self.assertEqual(self.stats.count("sizes"), 4)
        self.assertEqual(self.stats.count("sizes", of="a"), 3)
        self.assertEqual(self.stats.count("other"), 0)

    def test_there_is_no_quantile_of_nothing(self):
        self.assertTrue(math.isnan(self.stats.quantile("sizes", 0.5)))
        self.stats.histogram("sizes", "", {})
        self.assertTrue(math.isnan(self.stats.quantile("sizes", 0)))

    def test_the_quantiles_of_one_value_are_that_value(self):
        for value in (0.0123, 0, -5, 1e-9, 1e9):
            stats = InMemoryStats()
            told(stats, value)
            for share in (0, 0.5, 1):
                self.assertEqual(stats.quantile("sizes", share), value)

    def test_quantiles_are_over_all_series_that_were_asked_for(self):
        told(self.stats, *[1] * 10, of="a")
        told(self.stats, *[100] * 90, of="b")
        self.assertEqual(self.stats.quantile("sizes", 0.5, of="a"), 1)
        self.near(self.stats.quantile("sizes", 0.1), 1)
        self.near(self.stats.quantile("sizes", 0.11), 100)

    def test_asking_changes_nothing(self):
        told(self.stats, 1, of="a")
        told(self.stats, 2, of="b")
        before = str(self.stats)
        self.stats.quantile("sizes", 0.5)
        self.assertEqual(str(self.stats), before)

    def test_a_share_lies_between_0_and_1(self):
        for wrong in (-0.01, 1.01, 50, math.nan):
            error = self.assertRaises(ValueError, self.stats.quantile, "sizes", wrong)
            self.assertIn(f"not be {wrong!r}", str(error))

    def test_it_cannot_observe_what_is_no_number(self):
        histogram = self.stats.histogram("sizes", "", {})
        self.assertRaises(ValueError, histogram.observe, math.nan)
        self.assertEqual(self.stats.count("sizes"), 0)

    def test_what_is_too_great_counts_as_the_greatest(self):
        told(self.stats, 1, 2e6, 3e9, math.inf)
        self.near(self.stats.quantile("sizes", 0.5), MOST)
        self.near(self.stats.quantile("sizes", 0.25), 1)

    def test_what_is_too_small_counts_as_the_least(self):
        told(self.stats, -1, 0, 1e-9, 1)
        self.assertEqual(self.stats.quantile("sizes", 0.5), LEAST)

    VALUES = st.lists(st.floats(LEAST, MOST), min_size=1, max_size=60)

    @given(VALUES, st.floats(0, 1))
    def test_a_quantile_is_within_2_percent_of_the_exact_one(self, values, share):
        stats = InMemoryStats()
        told(stats, *values)
        exact = sorted(values)[max(1, math.ceil(share * len(values))) - 1]
        self.assertLessEqual(abs(stats.quantile("sizes", share) - exact), exact * 0.02 * 1.000001)

    @given(VALUES, VALUES, st.floats(0, 1))
    def test_series_together_are_as_one_that_saw_it_all(self, some, others, share):
        apart, together = InMemoryStats(), InMemoryStats()
        told(apart, *some, of="some")
        told(apart, *others, of="others")
        told(together, *some, *others)
        self.assertEqual(apart.quantile("sizes", share), together.quantile("sizes", share))
        self.assertEqual(apart.count("sizes"), together.count("sizes"))

    @given(st.lists(st.floats(allow_nan=False)))
    def test_the_memory_is_bounded_whatever_it_sees(self, values):
        stats = InMemoryStats()
        told(stats, *values)
        buckets = stats._merged("sizes", {})._buckets
        self.assertLessEqual({*buckets}, {*range(692)})
        self.assertEqual(sum(buckets.values()), len(values))


class TextTests(Case):
    def test_the_repr_says_how_many_series_there_are(self):
        told(self.stats, 1, of="a")
        told(self.stats, 1, of="b")
        self.assertEqual(repr(self.stats), "<InMemoryStats, 2 series>")

    def test_printed_it_is_a_table(self):
        self.stats.counter("requests", "", {"operation": "get", "error": ""}).add(1234)
        self.stats.counter("requests", "", {"operation": "get", "error": "NotSent"}).add()
        self.stats.gauge("open", "", {}).set(2.5)
        told(self.stats, 0.010, 0.010, 0.010, 0.050, name="request_duration_seconds", to="a")
        self.stats.histogram("waits", "", {})
        self.assertEqual(
            str(self.stats),
            "open                                                   2.5\n"
            "request_duration_seconds  to=a                         4 values: mean 0.02, "
            "median 0.01, 99% 0.05\n"
            "requests                  error=NotSent operation=get  1\n"
            "requests                  operation=get                1234\n"
            "waits                                                  0 values",
        )

    def test_series_that_look_alike_are_both_printed(self):
        self.stats.counter("requests", "", {}).add(1)
        self.stats.counter("requests", "", {"error": ""}).add(2)
        self.assertEqual(str(self.stats), "requests    1\nrequests    2")

    def test_an_empty_table_is_empty(self):
        self.assertEqual(str(self.stats), "")


class AbstractTests(SynchronousTestCase):
    def test_a_receiver_must_give_all_kinds_of_metrics(self):
        class Half(StatsReceiver):
            def counter(self, name, help, labels):
                raise NotImplementedError

        self.assertRaises(TypeError, Half)
