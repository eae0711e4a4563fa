"""`next_step`: what a pool does next, as a pure function of what it has."""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txetcd.http import PoolLimits
from txetcd.http.pool_policy import DEFAULT_POOL_LIMITS, LONG_POLL_LIMITS, Census, Step, next_step

counts = st.integers(0, 12)


@st.composite
def censuses_of(draw):
    idle, busy, connecting, waiting = (draw(counts) for _ in range(4))
    spare = draw(st.integers(0, max(0, connecting - waiting)))
    return Census(idle, busy, connecting, waiting, spare)


censuses = censuses_of()
limits = st.builds(PoolLimits, connections=st.integers(1, 12), waiting=st.integers(0, 6))
many = settings(deadline=None, max_examples=500)


def after(census: Census, step: Step) -> Census:
    """What there is once a step was taken, in which nothing goes wrong."""
    idle, busy, connecting, waiting, spare = attrs.astuple(census)
    return {
        Step.HAND_OVER: Census(
            idle - 1, busy + 1, connecting, waiting - 1, max(spare, connecting - waiting + 1)
        ),
        Step.CONNECT: Census(idle, busy, connecting + 1, waiting, spare),
        Step.GIVE_UP: Census(idle, busy, connecting - 1, waiting, spare),
        Step.REFUSE: Census(idle, busy, connecting, waiting - 1, spare),
    }[step]


def settled(census: Census, limits: PoolLimits) -> tuple[Census, list[Step]]:
    """What there is when no step is left, and the steps that led there."""
    steps: list[Step] = []
    while step := next_step(census, limits):
        census = after(census, step)
        steps.append(step)
        assert len(steps) <= 100, "the steps have no end"
    return census, steps


def connections(census: Census) -> int:
    return census.idle + census.busy + census.connecting


def reachable(census: Census, limits: PoolLimits) -> bool:
    """Whether a pool can have this: it never makes more connections than it may."""
    return connections(census) <= limits.connections


class LawTests(SynchronousTestCase):
    """What holds of everything a pool can have, and every limit."""

    @many
    @given(censuses, limits)
    def test_the_steps_end(self, census, limits):
        """Each takes somebody from those who wait, or nears what is made to what is needed."""
        _, steps = settled(census, limits)
        self.assertLessEqual(len(steps), census.waiting + max(census.connecting, census.waiting))

    @many
    @given(censuses, limits)
    def test_no_step_takes_what_is_not_there(self, census, limits):
        while step := next_step(census, limits):
            census = after(census, step)
            self.assertGreaterEqual(min(attrs.astuple(census)), 0, step)

    @many
    @given(censuses, limits)
    def test_in_the_end_nobody_waits_while_a_connection_is_idle(self, census, limits):
        last, _ = settled(census, limits)
        self.assertFalse(last.waiting and last.idle)

    @many
    @given(censuses, limits)
    def test_in_the_end_one_is_made_for_whoever_waits_unless_the_limit_is_reached(
        self, census, limits
    ):
        last, _ = settled(census, limits)
        if last.waiting > last.connecting:
            self.assertGreaterEqual(connections(last), limits.connections)

    @many
    @given(censuses, limits)
    def test_in_the_end_no_more_are_made_than_are_or_were_waited_for(self, census, limits):
        last, _ = settled(census, limits)
        self.assertLessEqual(last.connecting, last.waiting + last.spare)

    @many
    @given(censuses, limits)
    def test_no_limit_is_passed(self, census, limits):
        if not reachable(census, limits):
            return
        while step := next_step(census, limits):
            census = after(census, step)
            self.assertLessEqual(connections(census), limits.connections)
        self.assertLessEqual(census.waiting - census.connecting, limits.waiting)

    @many
    @given(censuses, limits)
    def test_nobody_is_refused_where_a_connection_is_idle_or_could_be_made(self, census, limits):
        while step := next_step(census, limits):
            if step is Step.REFUSE:
                self.assertEqual(census.idle, 0)
                self.assertGreaterEqual(connections(census), limits.connections)
            census = after(census, step)

    @many
    @given(censuses, limits)
    def test_no_connection_is_begun_only_to_be_given_up(self, census, limits):
        _, steps = settled(census, limits)
        self.assertFalse(Step.CONNECT in steps and Step.GIVE_UP in steps)


class StepTests(SynchronousTestCase):
    """Each step by example, with room for two connections and one who waits."""

    def assertStep(self, step: Step | None, **census: int) -> None:
        self.assertEqual(next_step(Census(**census), PoolLimits(connections=2, waiting=1)), step)

    def test_with_nothing_there_is_nothing_to_do(self):
        self.assertStep(None)

    def test_idle_and_busy_connections_alone_are_left_as_they_are(self):
        self.assertStep(None, idle=1, busy=1)

    def test_an_idle_connection_goes_to_whoever_waits(self):
        self.assertStep(Step.HAND_OVER, idle=1, waiting=1)

    def test_also_while_another_is_made(self):
        self.assertStep(Step.HAND_OVER, idle=1, connecting=1, waiting=1)

    def test_without_one_a_connection_is_made(self):
        self.assertStep(Step.CONNECT, waiting=1)
        self.assertStep(Step.CONNECT, busy=1, waiting=1)
        self.assertStep(Step.CONNECT, connecting=1, waiting=2)

    def test_one_is_enough_for_one(self):
        self.assertStep(None, connecting=1, waiting=1)

    def test_at_the_limit_none_is_made(self):
        self.assertStep(None, busy=2, waiting=1)
        self.assertStep(None, busy=1, connecting=1, waiting=2)

    def test_what_is_made_for_nobody_is_given_up(self):
        self.assertStep(Step.GIVE_UP, connecting=1)
        self.assertStep(Step.GIVE_UP, connecting=2, waiting=1)
        self.assertStep(Step.GIVE_UP, connecting=2, spare=1)

    def test_what_was_made_for_one_who_got_another_is_finished(self):
        self.assertStep(None, connecting=1, spare=1)
        self.assertStep(None, connecting=2, waiting=1, spare=1)

    def test_one_too_many_is_refused(self):
        self.assertStep(Step.REFUSE, busy=2, waiting=2)

    def test_those_for_whom_one_is_made_do_not_count(self):
        self.assertStep(None, connecting=2, waiting=3)
        self.assertStep(Step.REFUSE, connecting=2, waiting=4)

    def test_a_limit_of_nobody_lets_nobody_wait_for_a_busy_connection(self):
        none = PoolLimits(connections=1, waiting=0)
        self.assertEqual(next_step(Census(waiting=1), none), Step.CONNECT)
        self.assertIsNone(next_step(Census(connecting=1, waiting=1), none))
        self.assertEqual(next_step(Census(busy=1, waiting=1), none), Step.REFUSE)


class LimitsTests(SynchronousTestCase):
    def test_the_defaults(self):
        self.assertEqual(DEFAULT_POOL_LIMITS, PoolLimits(64, 10_000, 55.0))
        self.assertEqual(LONG_POLL_LIMITS, PoolLimits(10_000, 10_000, 55.0))

    def test_connections_is_a_whole_number_of_one_or_more(self):
        for wrong in (0, -1, 1.0, True, None, "1"):
            with self.assertRaises(ValueError) as caught:
                PoolLimits(connections=wrong)  # type: ignore[arg-type]
            self.assertEqual(
                str(caught.exception),
                f"connections must be a whole number, 1 or more, not {wrong!r}",
            )

    def test_waiting_is_a_whole_number_of_zero_or_more(self):
        self.assertEqual(PoolLimits(waiting=0).waiting, 0)
        for wrong in (-1, 0.0, False, None, "1"):
            with self.assertRaises(ValueError) as caught:
                PoolLimits(waiting=wrong)  # type: ignore[arg-type]
            self.assertEqual(
                str(caught.exception), f"waiting must be a whole number, 0 or more, not {wrong!r}"
            )

    def test_idle_time_is_more_than_nothing(self):
        self.assertEqual(PoolLimits(idle_time=1).idle_time, 1)
        wrong: Any
        for wrong in (0, -1, float("nan"), None, True, "1"):
            with self.assertRaises(ValueError) as caught:
                PoolLimits(idle_time=wrong)
            self.assertEqual(
                str(caught.exception), f"idle_time must be more than 0 seconds, not {wrong!r}"
            )
