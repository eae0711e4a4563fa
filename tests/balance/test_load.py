"""The load of an endpoint: what each measure tells of what is under way and what has been."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txetcd import ApiError, NotSent, ServiceClosed
from txetcd.balance import LeastLoaded, Load, PeakEwma
from txetcd.errors import RequestCancelled
from txetcd.response_class import ResponseClass


class LeastLoadedTests(SynchronousTestCase):
    def test_it_is_the_number_of_requests_that_have_no_answer(self):
        load: Load = LeastLoaded()
        began = [load.begin() for _ in range(3)]
        self.assertEqual(load.value, 3)
        load.end(began[0], "request", "answer")
        load.end(began[2], "request", Failure(NotSent()))
        self.assertEqual(load.value, 1)
        self.assertEqual(repr(load), "<LeastLoaded 1>")


class EwmaCase(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.load: Load = PeakEwma(self.clock)()

    def serve(self, seconds: float, outcome: object = "answer", load: Load | None = None) -> None:
        load = self.load if load is None else load
        began = load.begin()
        self.clock.advance(seconds)
        load.end(began, "request", Failure(outcome) if isinstance(outcome, Exception) else outcome)


class PeakEwmaTests(EwmaCase):
    def test_nothing_is_known_of_a_new_endpoint_and_it_is_asked_first(self):
        self.assertEqual(self.load.value, 0)

    def test_a_new_endpoint_that_was_asked_comes_after_all_that_have_answered(self):
        slow = PeakEwma(self.clock)()
        self.serve(3600.0, load=slow)
        self.load.begin()
        self.assertGreater(self.load.value, 1000 * slow.value)
        one = self.load.value
        self.load.begin()
        self.assertEqual(self.load.value, one + 1)

    def test_it_is_the_latency_times_what_is_under_way_with_the_request_to_come(self):
        self.serve(0.5)
        self.assertAlmostEqual(self.load.value, 0.5)
        self.load.begin()
        self.load.begin()
        self.assertAlmostEqual(self.load.value, 1.5)

    def test_a_slower_answer_counts_at_once_and_in_full(self):
        self.serve(0.1)
        self.serve(2.0)
        self.assertAlmostEqual(self.load.value, 2.0)

    def test_a_faster_answer_counts_by_the_time_since_the_last(self):
        self.serve(2.0)
        self.clock.advance(4.5)
        self.serve(0.5)
        kept = math.exp(-5.0 / 10.0)
        self.assertAlmostEqual(self.load.value, 2.0 * kept + 0.5 * (1 - kept))

    def test_it_decays_while_nothing_is_measured(self):
        self.serve(1.0)
        self.clock.advance(10.0)
        self.assertAlmostEqual(self.load.value, math.exp(-1))
        self.clock.advance(10.0)
        self.assertAlmostEqual(self.load.value, math.exp(-2))

    def test_how_fast_is_a_parameter(self):
        load = PeakEwma(self.clock, decay=2.0)()
        self.serve(1.0, load=load)
        self.clock.advance(2.0)
        self.assertAlmostEqual(load.value, math.exp(-1))

    def test_a_request_that_waits_for_longer_than_the_average_counts_by_its_age(self):
        self.serve(0.1)
        first = self.load.begin()
        self.clock.advance(1.0)
        self.load.begin()
        self.clock.advance(4.0)
        self.assertAlmostEqual(self.load.value, 5.0 * 3)
        self.load.end(first, "request", "answer")
        # The second is as old as four seconds, and the answer took five.
        self.assertAlmostEqual(self.load.value, 5.0 * 2)

    def test_a_retryable_failure_counts_as_a_slow_answer(self):
        self.serve(0.001, NotSent())
        self.assertAlmostEqual(self.load.value, 1.0)
        self.serve(3.0, NotSent())
        self.assertAlmostEqual(self.load.value, 3.0)

    def test_how_slow_is_a_parameter(self):
        load = PeakEwma(self.clock, penalty=7.0)()
        self.serve(0.001, NotSent(), load)
        self.assertAlmostEqual(load.value, 7.0)

    def test_an_error_that_is_an_answer_counts_as_one(self):
        self.serve(0.25, ApiError(100))
        self.assertAlmostEqual(self.load.value, 0.25)
        self.serve(0.5, ValueError())
        self.assertAlmostEqual(self.load.value, 0.5)

    def test_a_cancelled_request_tells_that_an_answer_takes_longer(self):
        for error in (CancelledError(), RequestCancelled(), ServiceClosed()):
            self.load = PeakEwma(self.clock)()
            self.serve(5.0, error)
            self.assertAlmostEqual(self.load.value, 5.0)

    def test_and_does_not_tell_that_one_takes_less(self):
        self.serve(5.0)
        self.serve(2.0, CancelledError())
        self.assertAlmostEqual(self.load.value, 5.0 * math.exp(-0.2))

    def test_the_classifier_is_a_parameter(self):
        asked = []

        def judge(request: Any, outcome: Any) -> ResponseClass:
            asked.append((request, outcome))
            return ResponseClass.RETRYABLE

        load = PeakEwma(self.clock, classifier=judge)()
        self.serve(0.1, "503", load)
        self.assertAlmostEqual(load.value, 1.0)
        self.assertEqual(asked, [("request", "503")])

    def test_a_clock_that_is_set_back_does_no_harm(self):
        self.serve(1.0)
        began = self.load.begin()
        self.clock.rightNow -= 100
        self.assertAlmostEqual(self.load.value, 2.0)
        self.load.end(began, "request", "answer")
        self.assertAlmostEqual(self.load.value, 1.0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_each_endpoint_has_its_own(self):
        new = PeakEwma(self.clock)
        one, other = new(), new()
        self.serve(1.0, load=one)
        self.assertEqual(other.value, 0)

    def test_it_tells_what_it_is(self):
        self.assertEqual(repr(PeakEwma(self.clock, 5, penalty=0)), "PeakEwma(5, penalty=0)")
        self.serve(0.5)
        self.load.begin()
        self.assertEqual(repr(self.load), "<PeakEwma 1, 1 under way>")

    def test_bad_arguments_are_refused(self):
        for decay in (0, -1, math.inf, math.nan):
            error = self.assertRaises(ValueError, PeakEwma, self.clock, decay)
            self.assertIn(repr(decay), str(error))
        for penalty in (-1, math.inf, math.nan):
            error = self.assertRaises(ValueError, PeakEwma, self.clock, penalty=penalty)
            self.assertIn(repr(penalty), str(error))


seconds = st.floats(0.001, 100.0)


class EwmaLawTests(SynchronousTestCase):
    @given(st.lists(st.tuples(seconds, seconds), min_size=1, max_size=20))
    def test_it_is_never_more_than_the_slowest_answer_nor_less_than_what_is_left_of_the_last(
        self, answers
    ):
        clock = Clock()
        load = PeakEwma(clock, penalty=0)()
        for taken, idle in answers:
            began = load.begin()
            clock.advance(taken)
            load.end(began, "request", "answer")
            self.assertLessEqual(load.value, max(each for each, _ in answers) * (1 + 1e-9))
            self.assertGreaterEqual(load.value, 0)
            clock.advance(idle)

    @given(st.lists(st.booleans(), max_size=40))
    def test_what_has_ended_is_not_counted(self, steps):
        clock = Clock()
        load = PeakEwma(clock)()
        under_way: list[Any] = []
        for begins in steps:
            if begins or not under_way:
                under_way.append(load.begin())
            else:
                load.end(under_way.pop(len(under_way) // 2), "request", "answer")
        for began in under_way:
            load.end(began, "request", "answer")
        self.assertEqual(load.value, 0)
