"""Events that are made: order, slow witnesses, and what they miss."""

from __future__ import annotations

from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.reactive.plain import started, step
from txetcd.reactive import Missed, Source, Var


class Case(SynchronousTestCase):
    def setUp(self):
        self.source: Source[Any] = Source()
        self.told: list[Any] = []
        self.slow: list[Deferred[None]] = []

    def witness(self, occurrence: Any) -> Deferred[None]:
        """One that takes its time with each."""
        self.told.append(occurrence)
        self.slow.append(Deferred())
        return self.slow[-1]

    def note(self, name: str, occurrence: Any) -> None:
        self.told.append((name, occurrence))

    def deal(self) -> None:
        self.slow.pop(0).callback(None)


class SourceTests(Case):
    def test_it_tells_all_witnesses_in_the_order_in_which_they_came(self):
        for name in "ab":
            self.source.register(partial(self.note, name))
        self.assertIsNone(self.successResultOf(self.source.notify(1)))
        self.assertEqual(self.told, [("a", 1), ("b", 1)])

    def test_none_is_an_occurrence_too(self):
        self.source.register(self.witness)
        for _ in range(2):
            self.source.notify(None)
        self.deal()
        self.assertEqual(self.told, [None, None])

    def test_who_is_not_registered_is_not_told(self):
        self.source.notify(1)
        registration = self.source.register(self.told.append)
        self.source.notify(2)
        self.assertIsNone(self.successResultOf(registration.close()))
        self.source.notify(3)
        self.assertEqual(self.told, [2])
        self.assertIsNone(self.successResultOf(registration.close()))

    def test_what_a_witness_raises_is_logged_and_the_others_are_told(self):
        async def fails(_):
            raise ZeroDivisionError

        def raises(_):
            raise ZeroDivisionError

        for each in (raises, fails, lambda _: fail(ZeroDivisionError()), self.told.append):
            self.source.register(each)
        for n in (1, 2):
            self.successResultOf(self.source.notify(n))
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 3)
        self.assertEqual(self.told, [1, 2])

    def test_a_witness_that_was_cancelled_is_told_again(self):
        self.source.register(self.witness)
        self.source.notify(1)
        self.slow.pop(0).cancel()
        self.assertEqual(len(self.flushLoggedErrors(CancelledError)), 1)
        self.source.notify(2)
        self.assertEqual(self.told, [1, 2])

    def test_the_repr_shows_how_many_are_registered(self):
        self.source.register(self.witness)
        self.assertEqual(repr(self.source), "<Source with 1 witnesses>")

    def test_a_limit_below_zero_is_named(self):
        with self.assertRaisesRegex(ValueError, "limit must be at least 0, not -1"):
            Source(limit=-1)


class SlowTests(Case):
    def test_who_makes_the_occurrences_may_wait_for_the_witnesses(self):
        self.source.register(self.witness)
        self.source.register(self.witness)
        waiting = self.source.notify(1)
        self.deal()
        self.assertNoResult(waiting)
        self.deal()
        self.assertIsNone(self.successResultOf(waiting))

    def test_what_comes_meanwhile_is_told_after_it_in_order(self):
        self.source.register(self.witness)
        waiting = [self.source.notify(n) for n in range(3)]
        for n, each in enumerate(waiting):
            self.assertEqual(self.told, [*range(n + 1)])
            self.assertNoResult(each)
            self.deal()
            self.successResultOf(each)

    def test_one_slow_witness_delays_no_other(self):
        self.source.register(self.witness)
        others: list[Any] = []
        self.source.register(others.append)
        for n in range(3):
            self.source.notify(n)
        self.assertEqual((self.told, others), ([0], [0, 1, 2]))

    def test_one_that_is_closed_is_waited_for_no_longer(self):
        registration = self.source.register(self.witness)
        waiting = [self.source.notify(n) for n in range(3)]
        registration.close()
        for each in waiting:
            self.successResultOf(each)
        self.deal()
        self.assertEqual(self.told, [0])

    def test_cancelling_ends_the_waiting_alone(self):
        self.source.register(self.witness)
        waiting = [self.source.notify(n) for n in range(2)]
        for each in waiting:
            each.cancel()
            self.failureResultOf(each, CancelledError)
        self.deal()
        self.deal()
        self.assertEqual(self.told, [0, 1])

    def test_a_thousand_that_wait_are_told_without_deep_recursion(self):
        slow: Deferred = Deferred()

        def witness(occurrence):
            self.told.append(occurrence)
            return slow

        self.source.register(witness)
        for n in range(1000):
            self.source.notify(n)
        slow.callback(None)
        self.assertEqual(self.told, [*range(1000)])


class MissedTests(Case):
    def setUp(self):
        super().setUp()
        self.source = Source(limit=2)

    def missed(self) -> list[Any]:
        """What was told, with how many were missed in place of that failure."""
        return [
            -each.value.count if isinstance(each, Failure) else each for each in self.told
        ]

    def test_one_that_is_too_slow_misses_what_comes_until_it_has_caught_up(self):
        self.source.register(self.witness)
        for n in range(1, 7):
            self.source.notify(n)
        while self.slow:
            self.deal()
        self.source.notify(7)
        self.assertEqual(self.missed(), [1, 2, 3, -3, 7])

    def test_it_is_told_so_at_the_place_where_they_would_have_been(self):
        self.source.register(self.witness)
        for n in range(1, 5):
            self.source.notify(n)
        self.deal()
        # There is room again, but this would come before what it has missed.
        self.source.notify(5)
        while self.slow:
            self.deal()
        self.assertEqual(self.missed(), [1, 2, 3, -2])

    def test_one_that_is_closed_is_not_told_what_it_has_missed(self):
        registration = self.source.register(self.witness)
        for n in range(1, 6):
            self.source.notify(n)
        registration.close()
        self.deal()
        self.assertEqual(self.missed(), [1])

    def test_what_is_missed_is_not_waited_for(self):
        self.source.register(self.witness)
        waiting = [self.source.notify(n) for n in range(4)]
        self.successResultOf(waiting[3])
        self.assertNoResult(waiting[2])

    def test_without_room_for_any_it_is_told_of_those_it_is_ready_for(self):
        self.source = Source(limit=0)
        self.source.register(self.witness)
        for n in (1, 2, 3):
            self.source.notify(n)
        self.deal()
        self.assertEqual(self.missed(), [1, -2])

    def test_a_loop_raises_it_and_may_go_on(self):
        iterator = self.source.__aiter__()
        for n in range(1, 6):
            self.source.notify(n)
        for n in (1, 2, 3):
            self.assertEqual(self.successResultOf(step(iterator)), n)
        error = self.failureResultOf(step(iterator), Missed).value
        self.assertEqual(
            (error.count, str(error)),
            (2, "2 occurrences came faster than they were dealt with"),
        )
        self.source.notify(6)
        self.assertEqual(self.successResultOf(step(iterator)), 6)

    def test_the_changes_of_a_value_wait_for_nobody_and_are_missed(self):
        var = Var(0)
        var.changes.register(self.witness)
        for n in range(1, 1004):
            var.update(n)
        while self.slow:
            self.deal()
        self.assertEqual(self.missed(), [*range(1, 1002), -2])


class ReentrancyTests(Case):
    def test_one_that_is_made_while_another_is_told_is_told_after_it_to_all(self):
        def makes(occurrence):
            self.told.append(("first", occurrence))
            if occurrence < 3:
                self.source.notify(occurrence + 1)

        self.source.register(makes)
        self.source.register(lambda each: self.told.append(("second", each)))
        self.successResultOf(self.source.notify(1))
        self.assertEqual(self.told, [(who, n) for n in (1, 2, 3) for who in ("first", "second")])

    def test_one_that_registers_while_others_are_told_is_told_of_the_next(self):
        def registers(occurrence):
            if occurrence == 1:
                self.source.register(self.told.append)

        self.source.register(registers)
        self.source.notify(1)
        self.assertEqual(self.told, [])
        self.source.notify(2)
        self.assertEqual(self.told, [2])

    def test_one_that_is_closed_while_others_are_told_is_not_told(self):
        closing: list[Any] = []

        def closes(_):
            closing[0].close()

        self.source.register(closes)
        closing.append(self.source.register(self.told.append))
        self.successResultOf(self.source.notify(1))
        self.assertEqual(self.told, [])

    def test_one_may_close_itself(self):
        def closes(occurrence):
            self.told.append(occurrence)
            registration.close()
            return self.witness(occurrence)

        registration = self.source.register(closes)
        self.source.notify(1)
        self.source.notify(2)
        self.assertEqual((self.told, self.source.witnesses), ([1, 1], 0))

    def test_a_maker_that_waits_in_a_witness_for_itself_is_the_only_one_that_hangs(self):
        async def waits(occurrence):
            if occurrence == 1:
                await self.source.notify(2)

        self.source.register(waits)
        self.source.register(self.told.append)
        self.assertNoResult(self.source.notify(1))
        self.assertEqual(self.told, [1, 2])


class LawTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=200)
    @given(
        st.lists(st.sampled_from(["make", "deal", "deal"]), max_size=60),
        st.integers(0, 4),
    )
    def test_each_occurrence_is_told_once_in_order_or_counted_as_missed(self, steps, limit):
        source: Source[int] = Source(limit)
        slow: list[Deferred[None]] = []
        told: list[Any] = []

        async def witness(occurrence):
            told.append(occurrence)
            slow.append(Deferred())
            await slow[-1]

        source.register(witness)
        made = 0
        waiting = []
        for each in steps:
            if each == "make":
                waiting.append(source.notify(made))
                made += 1
            elif slow:
                slow.pop(0).callback(None)
            self.assertLessEqual(len(slow), 1)
        while slow:
            slow.pop(0).callback(None)
        expected = 0
        for each in told:
            if isinstance(each, Failure):
                expected += each.value.count
            else:
                self.assertEqual(each, expected)
                expected += 1
        self.assertEqual(expected, made)
        for each in waiting:
            self.successResultOf(each)

    def test_a_loop_that_waits_for_each_is_never_behind(self):
        source: Source[int] = Source(limit=0)
        told = [0]

        async def loop():
            async for each in source:
                told[0] += each

        async def make():
            for n in range(100):
                await source.notify(n)

        started(loop())
        started(make())
        self.assertEqual(told, [sum(range(100))])
