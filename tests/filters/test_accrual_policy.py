"""The policies that say when a service has failed too much."""

from __future__ import annotations

import math
from collections.abc import Iterable
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txetcd.filters import AccrualPolicy, ConsecutiveFailures, SuccessRate


def told(policy: AccrualPolicy, outcomes: Iterable[str]) -> list[bool]:
    """Tell it of a run of successes (".") and failures ("x"); what it says to each failure."""
    said = []
    for outcome in outcomes:
        if outcome == ".":
            policy.succeeded()
        else:
            said.append(policy.failed())
    return said


class ConsecutiveFailuresTests(SynchronousTestCase):
    def test_the_last_of_so_many_is_one_too_many(self):
        self.assertEqual(told(ConsecutiveFailures(3), "xxx"), [False, False, True])
        self.assertEqual(told(ConsecutiveFailures(1), "x"), [True])

    def test_each_after_that_is_too_many_too(self):
        self.assertEqual(told(ConsecutiveFailures(2), "xxxx"), [False, True, True, True])

    def test_a_success_in_between_begins_the_count_afresh(self):
        self.assertEqual(told(ConsecutiveFailures(3), "xx.xx.xxx"), [False] * 6 + [True])

    def test_so_does_forgetting(self):
        policy = ConsecutiveFailures(2)
        told(policy, "x")
        policy.forget()
        self.assertEqual(told(policy, "xx"), [False, True])

    def test_each_has_a_count_of_its_own(self):
        one, other = ConsecutiveFailures(2), ConsecutiveFailures(2)
        told(one, "x")
        self.assertEqual(told(other, "x"), [False])

    def test_the_count_must_be_1_or_more_and_is_named(self):
        for wrong in (0, -1, 0.5, math.nan):
            error = self.assertRaises(ValueError, ConsecutiveFailures, wrong)
            self.assertEqual(str(error), f"count must be 1 or more, not {wrong!r}")

    def test_the_repr_shows_the_count(self):
        self.assertEqual(repr(ConsecutiveFailures(5)), "ConsecutiveFailures(5)")


class SuccessRateTests(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()

    def rate(self, required=0.5, window=10.0, minimum=4) -> SuccessRate:
        return SuccessRate(required, self.clock, window, minimum)

    def test_a_share_that_is_too_small_is_too_many_failures(self):
        self.assertEqual(told(self.rate(), "..xxx"), [False, False, True])
        self.assertEqual(told(self.rate(0.8, minimum=1), "....x"), [False])
        self.assertEqual(told(self.rate(0.8, minimum=1), "...x"), [True])

    def test_with_fewer_than_the_minimum_nothing_is_said(self):
        self.assertEqual(told(self.rate(minimum=4), "xxxx"), [False, False, False, True])
        self.assertEqual(told(self.rate(minimum=4), ".xxx"), [False, False, True])

    def test_by_default_20_requests_of_the_last_30_seconds_are_wanted(self):
        policy = SuccessRate(0.9, self.clock)
        self.assertEqual(told(policy, "x" * 20), [False] * 19 + [True])
        self.clock.advance(27)
        self.assertEqual(told(policy, "x"), [True])
        self.clock.advance(6.1)
        self.assertEqual(told(policy, "x"), [False])

    def test_a_service_that_fails_between_successes_is_found(self):
        self.assertIn(True, told(self.rate(0.8, minimum=10), ".x" * 20))
        self.assertNotIn(True, told(ConsecutiveFailures(5), ".x" * 20))

    def test_all_must_succeed_if_all_are_required(self):
        policy = self.rate(1, minimum=1)
        told(policy, "." * 100)
        self.assertEqual(told(policy, "x"), [True])

    def test_what_is_older_than_the_window_is_forgotten(self):
        policy = self.rate()
        told(policy, "xxx")
        self.clock.advance(10)
        self.assertEqual(told(policy, "xxx"), [False] * 3)

    def test_nothing_is_forgotten_early_by_more_than_a_tenth_of_the_window(self):
        policy = self.rate()
        self.clock.advance(0.9)
        told(policy, "xxx")
        for _ in range(8):
            self.clock.advance(1)
            policy.succeeded()
        self.clock.advance(0.99)
        self.assertEqual(told(policy, "xxxxxx"), [False] * 5 + [True])

    def test_forgetting_begins_afresh(self):
        policy = self.rate()
        told(policy, "xxx")
        policy.forget()
        self.assertEqual(told(policy, "xxxx"), [False, False, False, True])

    def test_what_was_counted_before_the_clock_was_set_back_is_not_kept_for_long(self):
        policy = self.rate()
        self.clock.rightNow = 1000.0
        told(policy, "xxx")
        self.clock.rightNow = 50.0
        self.assertEqual(told(policy, "xxx"), [False] * 3)
        self.clock.advance(11)
        self.assertEqual(told(policy, "xxxx"), [False, False, False, True])

    def test_nor_if_it_was_set_back_a_little(self):
        policy = self.rate()
        for now in (100.0, 104.0, 102.0):
            self.clock.rightNow = now
            policy.failed()
        self.clock.advance(15)
        self.assertEqual(told(policy, "xxx"), [False] * 3)

    def test_memory_is_bounded_whatever_comes(self):
        policy = self.rate()
        draw = Random(1)
        for _ in range(5000):
            self.clock.rightNow += draw.uniform(-0.5, 1.0)
            told(policy, draw.choice(".x"))
            self.assertLessEqual(len(policy._counts), 12)

    @settings(deadline=None, max_examples=200)
    @given(st.integers(1, 500), st.data())
    def test_exactly_what_is_required_is_enough(self, total, data):
        """And one success less is not, whatever floats make of the share."""
        succeeded = data.draw(st.integers(1, total))
        policy = SuccessRate(succeeded / total, self.clock, minimum=total)
        enough = told(policy, "." * succeeded + "x" * (total - succeeded))
        self.assertNotIn(True, enough)
        policy.forget()
        short = told(policy, "." * (succeeded - 1) + "x" * (total - succeeded + 1))
        self.assertTrue(short[-1])

    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.tuples(st.sampled_from(".x"), st.floats(0, 3)), max_size=60))
    def test_it_counts_the_window_give_or_take_a_tenth(self, outcomes):
        clock, begun = Clock(), []
        policy = SuccessRate(0.5, clock, 10, 4)
        for outcome, gap in outcomes:
            clock.advance(gap)
            begun.append((clock.seconds(), outcome))
            said = told(policy, outcome)
            if said:
                possible = {
                    verdict([each for at, each in begun if at > clock.seconds() - reach])
                    for reach in sorted({clock.seconds() - at + 1e-9 for at, _ in begun})
                    if 8.999 <= reach <= 11.001
                } | {
                    verdict([each for at, each in begun if at > clock.seconds() - reach])
                    for reach in (8.999, 11.001)
                }
                self.assertIn(said[0], possible)

    def test_what_is_out_of_range_is_refused_and_named(self):
        wrong: list[tuple[dict[str, Any], str]] = [
            ({"required": 0}, "required must be more than 0 and at most 1, not 0"),
            ({"required": 1.01}, "not 1.01"),
            ({"required": math.nan}, "not nan"),
            ({"window": 0}, "window must be a finite time of more than 0 s, not 0"),
            ({"window": -1}, "not -1"),
            ({"window": math.inf}, "not inf"),
            ({"window": math.nan}, "not nan"),
            ({"minimum": 0}, "minimum must be 1 or more, not 0"),
            ({"minimum": math.nan}, "minimum must be 1 or more, not nan"),
        ]
        for arguments, words in wrong:
            error = self.assertRaises(
                ValueError, SuccessRate, **{"required": 0.5, "clock": self.clock, **arguments}
            )
            self.assertIn(words, str(error))

    def test_the_repr_shows_the_share_and_the_window(self):
        self.assertEqual(repr(self.rate()), "SuccessRate(0.5, window=10)")


def verdict(outcomes: list[str]) -> bool:
    return len(outcomes) >= 4 and outcomes.count(".") / len(outcomes) < 0.5


class Scripted(AccrualPolicy):
    """Says what it was told to say, and counts what it is told."""

    def __init__(self, *answers: bool) -> None:
        self.answers = list(answers)
        self.told: list[str] = []

    def succeeded(self) -> None:
        self.told.append("succeeded")

    def failed(self) -> bool:
        self.told.append("failed")
        return self.answers.pop(0)

    def forget(self) -> None:
        self.told.append("forget")

    def __repr__(self) -> str:
        return "Scripted()"


class EitherTests(SynchronousTestCase):
    def test_one_of_two_is_enough(self):
        either = Scripted(False, True, False, True) | Scripted(False, False, True, True)
        self.assertEqual(told(either, "xxxx"), [False, True, True, True])

    def test_both_are_told_of_everything(self):
        one, other = Scripted(True, False), Scripted(True, False)
        either = one | other
        told(either, "x.x")
        either.forget()
        self.assertEqual(one.told, ["failed", "succeeded", "failed", "forget"])
        self.assertEqual(other.told, one.told)

    def test_more_than_two_combine(self):
        for third in range(3):
            answers = [Scripted(each == third) for each in range(3)]
            self.assertEqual(told(answers[0] | answers[1] | answers[2], "x"), [True])

    def test_the_repr_shows_both(self):
        either = ConsecutiveFailures(5) | SuccessRate(0.8, Clock()) | Scripted()
        self.assertEqual(
            repr(either), "((ConsecutiveFailures(5) | SuccessRate(0.8, window=30)) | Scripted())"
        )

    @settings(deadline=None, max_examples=100)
    @given(st.text(alphabet=".x", max_size=30), st.integers(1, 5), st.integers(1, 5))
    def test_of_two_counts_the_less_decides(self, outcomes, one, other):
        either = ConsecutiveFailures(one) | ConsecutiveFailures(other)
        self.assertEqual(
            told(either, outcomes), told(ConsecutiveFailures(min(one, other)), outcomes)
        )
