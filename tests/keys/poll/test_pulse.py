"""How long a watch rests on what it knows of the server."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txetcd import State
from txetcd.keys.poll.pulse import FLOOR, HEAD_TIME, HISTORY, REARM, Pulse


class Draws:
    """Randomness that always draws the same."""

    def __init__(self, number: float) -> None:
        self.number = number

    def random(self) -> float:
        return self.number


LEAST, MOST = Draws(0.0), Draws(1.0)


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.pulse = Pulse(self.clock, MOST)

    def flows(self, rate, seconds=1.0):
        """Heads tell that the store has changed so often a second."""
        start = 1000
        for n in range(int(seconds / 0.25) + 1):
            self.pulse.head(State(start + int(rate * 0.25 * n)))
            self.clock.advance(0.25)


class RestTests(Case):
    def test_the_first_wait_rests_for_two_floors_at_most_and_each_later_one_twice_as_long(self):
        rests = [self.pulse.rest(endable=True) for _ in range(12)]
        self.assertEqual(rests[:4], [2 * FLOOR, 4 * FLOOR, 8 * FLOOR, 16 * FLOOR])
        self.assertEqual(rests[-1], REARM - HEAD_TIME)

    def test_in_a_busy_store_it_rests_for_a_third_of_the_history(self):
        self.flows(rate=400)
        rests = [self.pulse.rest(endable=True) for _ in range(12)]
        self.assertAlmostEqual(rests[-1], HISTORY / 3 / 400)

    def test_no_rest_is_shorter_than_the_floor_however_busy_the_store_is(self):
        self.flows(rate=50_000)
        self.assertEqual([self.pulse.rest(endable=True) for _ in range(3)], [FLOOR] * 3)

    def test_a_rate_that_falls_is_believed_by_and_by(self):
        self.flows(rate=1000)
        for _ in range(3):
            self.pulse.rest(endable=True)
        self.flows(rate=0, seconds=0.25)
        self.flows(rate=0, seconds=0.25)
        self.assertAlmostEqual(self.pulse.rest(endable=True), 2 * HISTORY / 3 / 1000)
        self.flows(rate=0, seconds=30)
        self.assertGreater([self.pulse.rest(endable=True) for _ in range(12)][-1], 20)

    def test_an_index_that_falls_is_where_it_is_measured_from(self):
        self.pulse.head(State(1_000_000))
        self.flows(rate=0)
        for _ in range(12):
            rest = self.pulse.rest(endable=True)
        self.assertEqual(rest, REARM - HEAD_TIME)

    def test_an_answer_without_an_index_measures_nothing(self):
        self.flows(rate=0)
        self.pulse.answered(State(0))
        self.flows(rate=0)
        self.assertIn("0 changes/s", repr(self.pulse))

    def test_a_wait_that_cannot_be_hung_up_rests_for_long(self):
        self.flows(rate=1000)
        self.assertEqual(self.pulse.rest(endable=False), REARM - HEAD_TIME)

    def test_where_two_ends_have_proved_nothing_it_rests_for_long_until_one_does(self):
        self.pulse.ended(proved=False)
        self.assertEqual(self.pulse.rest(endable=True), 2 * FLOOR)
        self.pulse.ended(proved=False)
        self.assertEqual(self.pulse.rest(endable=True), REARM - HEAD_TIME)
        self.pulse.ended(proved=True)
        self.assertEqual(self.pulse.rest(endable=True), 4 * FLOOR)

    @given(
        st.lists(st.tuples(st.floats(0, 100), st.integers(0, 10**6)), max_size=20),
        st.booleans(),
        st.floats(0, 1),
    )
    def test_a_rest_lies_between_the_floor_and_the_bound_whatever_is_heard(
        self, heard, endable, drawn
    ):
        clock = Clock()
        pulse = Pulse(clock, Draws(drawn))
        for seconds, index in heard:
            clock.advance(seconds)
            pulse.head(State(index))
            self.assertTrue(FLOOR <= pulse.rest(endable) <= REARM - HEAD_TIME)

    def test_many_watches_do_not_rest_equally_long(self):
        for endable in (True, False):
            rests = {Pulse(self.clock, Draws(n / 10)).rest(endable) for n in range(10)}
            self.assertEqual(len(rests), 10)
            self.assertLess(min(rests), 0.6 * max(rests))


class HeardTests(Case):
    def test_it_tells_when_the_server_was_heard_and_whether_it_sends_heads(self):
        self.assertEqual((self.pulse.heard, self.pulse.tells_heads), (None, False))
        self.clock.advance(2)
        self.pulse.seen(State(5))
        self.assertIsNone(self.pulse.heard)
        self.pulse.answered(State(5))
        self.assertEqual((self.pulse.heard, self.pulse.tells_heads), (2.0, False))
        self.pulse.head(State(5))
        self.assertTrue(self.pulse.tells_heads)

    def test_who_wants_to_know_is_told_the_state_of_each(self):
        told: list[State] = []
        pulse = Pulse(self.clock, on_alive=told.append)
        pulse.head(State(5))
        pulse.answered(State(6))
        pulse.seen(State(7))
        self.assertEqual(told, [State(5), State(6), State(7)])

    def test_who_raises_is_logged_and_disturbs_nothing(self):
        def raising(state):
            raise RuntimeError("on_alive")

        pulse = Pulse(self.clock, on_alive=raising)
        pulse.head(State(5))
        self.assertEqual(pulse.heard, 0.0)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_its_repr_tells_what_it_knows(self):
        self.assertEqual(repr(self.pulse), "<Pulse: 0 changes/s, no heads yet, heard at None>")
