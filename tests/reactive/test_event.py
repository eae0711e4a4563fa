"""Events that are derived from others, for witnesses and in loops."""

from __future__ import annotations

import gc
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.reactive.plain import closed, failed, started, step
from tests.reactive.pulled import Asking, Pulled
from txetcd.reactive import Event, Source


class Case(SynchronousTestCase):
    def setUp(self):
        self.source: Source[Any] = Source()
        self.told: list[Any] = []

    def tell(self, event: Event[Any]) -> Any:
        return event.register(self.told.append)

    def notify(self, *occurrences: Any) -> None:
        for each in occurrences:
            self.source.notify(each)


class WitnessTests(Case):
    def test_map_tells_the_function_of_each_value(self):
        self.tell(self.source.map(lambda x: x * 2))
        self.notify(1, 2)
        self.assertEqual(self.told, [2, 4])

    def test_filter_tells_those_that_the_predicate_holds_of(self):
        self.tell(self.source.filter(lambda x: x and x % 2))
        self.notify(1, 2, None, 3)
        self.assertEqual(self.told, [1, 3])

    def test_dedup_tells_those_that_are_not_as_the_one_before(self):
        deduped = self.source.dedup()
        self.tell(deduped)
        self.notify(None, None, 1, 1)
        # Each witness has a first one of its own.
        self.tell(deduped)
        self.notify(1, 2)
        self.assertEqual(self.told, [None, 1, 1, 2, 2])

    def test_what_is_the_same_may_be_chosen(self):
        self.tell(self.source.dedup(lambda a, b: abs(a - b) < 2))
        self.notify(1, 2, 3)
        self.assertEqual(self.told, [1, 3])

    def test_failures_pass_through_all_of_them(self):
        failure = failed().failure
        self.tell(self.source.map(str).filter(bool).dedup().flat_map(lambda _: self.source))
        self.notify(failure)
        self.assertEqual(self.told, [failure])

    def test_what_a_function_raises_is_told_in_place_of_the_value(self):
        for derived in (
            self.source.map(lambda x: 1 / x),
            self.source.filter(lambda x: 1 / x),
            self.source.dedup(lambda a, b: 1 / b > 5),
            self.source.flat_map(lambda x: [Source()][int(1 / x) - 1]),
        ):
            registration = self.tell(derived)
            self.notify(1, 0, 1)
            failures = [each for each in self.told if isinstance(each, Failure)]
            self.assertEqual([each.type for each in failures], [ZeroDivisionError])
            self.told.clear()
            registration.close()
        self.assertEqual(self.source.witnesses, 0)

    def test_what_the_witness_returns_is_handed_on(self):
        slow: Deferred = Deferred()
        self.source.map(str).filter(bool).dedup().register(lambda _: slow)
        waiting = self.source.notify(1)
        self.assertNoResult(waiting)
        slow.callback(None)
        self.successResultOf(waiting)

    def test_a_coroutine_is_waited_for_as_well(self):
        slow: Deferred = Deferred()

        async def witness(_):
            await slow

        self.source.map(str).register(witness)
        waiting = self.source.notify(1)
        self.assertNoResult(waiting)
        slow.callback(None)
        self.successResultOf(waiting)

    def test_each_registration_is_one_with_what_it_is_derived_from(self):
        derived = self.source.map(str)
        registrations = [self.tell(derived) for _ in range(3)]
        self.assertEqual(self.source.witnesses, 3)
        for each in registrations:
            self.assertIsNone(self.successResultOf(each.close()))
        self.assertEqual(self.source.witnesses, 0)

    def test_the_repr_shows_what_it_is_derived_from(self):
        derived = self.source.map(str).merge(self.source).flat_map(lambda _: self.source)
        self.assertEqual(
            repr(derived),
            "<event, branching off <<event, derived from <Source with 0 witnesses>> | "
            "<Source with 0 witnesses>>>",
        )


class MergeTests(Case):
    def setUp(self):
        super().setUp()
        self.other: Source[Any] = Source()

    def test_it_tells_the_occurrences_of_all(self):
        registration = self.tell(self.source | self.other.map(str))
        self.notify(1)
        self.other.notify(2)
        self.notify(failed().failure)
        self.assertEqual(self.told[:2], [1, "2"])
        self.assertIsInstance(self.told[2], Failure)
        self.successResultOf(registration.close())
        self.notify(4)
        self.assertEqual(len(self.told), 3)
        self.assertEqual((self.source.witnesses, self.other.witnesses), (0, 0))

    def test_a_witness_is_told_one_at_a_time(self):
        slow: Deferred = Deferred()
        told: list[Any] = []

        def witness(occurrence):
            told.append(occurrence)
            return slow

        self.source.merge(self.other).register(witness)
        first, second = self.source.notify(1), self.other.notify(2)
        self.assertEqual(told, [1])
        self.assertNoResult(first)
        self.assertNoResult(second)
        slow.callback(None)
        self.successResultOf(first)
        self.successResultOf(second)
        self.assertEqual(told, [1, 2])

    def test_what_one_of_them_brings_about_in_another_is_told_after_it(self):
        def witness(occurrence):
            if occurrence == 1:
                self.other.notify(2)
            self.told.append(occurrence)

        self.source.merge(self.other).register(witness)
        self.successResultOf(self.source.notify(1))
        self.assertEqual(self.told, [1, 2])

    def test_what_waits_when_it_is_closed_is_not_told(self):
        slow: Deferred = Deferred()

        def witness(occurrence):
            self.told.append(occurrence)
            return slow

        registration = self.source.merge(self.other).register(witness)
        self.notify(1)
        waiting = self.other.notify(2)
        self.successResultOf(registration.close())
        self.successResultOf(waiting)
        slow.callback(None)
        self.assertEqual(self.told, [1])

    def test_the_repr_of_a_registration_shows_whether_it_is_closed(self):
        registration = self.tell(self.source.merge(self.other))
        self.assertTrue(repr(registration).startswith("<registration, <open: ["))
        registration.close()
        self.assertTrue(repr(registration).startswith("<registration, <closed: ["))

    def test_closing_waits_for_all_of_them(self):
        class Slow(Source):
            def register(self, witness):
                return self

            def close(self):
                self.closing: Deferred = Deferred()
                return self.closing

        slow: Any = Slow()
        waiting = self.tell(self.source.merge(slow)).close()
        self.assertNoResult(waiting)
        slow.closing.callback(None)
        self.assertIsNone(self.successResultOf(waiting))


class FlatMapTests(Case):
    def setUp(self):
        super().setUp()
        self.inner: dict[Any, Source[Any]] = {n: Source() for n in (1, 2)}
        self.event = self.source.flat_map(lambda n: self.inner[n])

    def test_it_tells_the_occurrences_of_all_that_were_made(self):
        registration = self.tell(self.event)
        self.inner[1].notify("too early")
        self.notify(1)
        self.inner[1].notify("a")
        self.notify(2)
        self.inner[1].notify("b")
        self.inner[2].notify("c")
        self.assertEqual(self.told, ["a", "b", "c"])
        self.successResultOf(registration.close())
        self.assertEqual(
            [each.witnesses for each in (self.source, *self.inner.values())], [0, 0, 0]
        )

    def test_one_that_is_closed_while_another_is_made_leaves_nothing_behind(self):
        made: Source[Any] = Source()
        event = self.source.flat_map(lambda _: (registration.close(), made)[1])
        registration = self.tell(event)
        self.notify(1)
        self.assertEqual((self.source.witnesses, made.witnesses), (0, 0))

    def test_what_comes_after_closing_makes_nothing(self):
        class Talkative(Source):
            def register(self, witness):
                self.witness = witness
                return super().register(witness)

        made: list[Any] = []
        source: Any = Talkative()
        self.tell(source.flat_map(made.append)).close()
        source.witness(1)
        self.assertEqual(made, [])


class LoopTests(Case):
    def loop(self, event: Event[Any], last: Any = None) -> Deferred:
        async def loop():
            async for value in event:
                self.told.append(value)
                if value == last:
                    break

        return started(loop())

    def test_an_event_that_is_pushed_waits_until_the_next_one_is_asked_for(self):
        iterator = self.source.__aiter__()
        self.assertEqual(self.source.witnesses, 1)
        first, second = self.source.notify(1), self.source.notify(2)
        self.assertEqual(self.successResultOf(step(iterator)), 1)
        self.assertNoResult(first)
        self.assertEqual(self.successResultOf(step(iterator)), 2)
        self.successResultOf(first)
        self.assertNoResult(second)
        self.successResultOf(closed(iterator))
        self.successResultOf(second)
        self.failureResultOf(step(iterator), StopAsyncIteration)

    def test_no_more_than_one_is_kept_by_the_iterator(self):
        iterator: Any = self.source.__aiter__()
        for n in range(10):
            self.notify(n)
        self.assertEqual(repr(iterator), "<iteration: <1 waiting, open>>")
        self.assertEqual([self.successResultOf(step(iterator)) for _ in range(10)], [*range(10)])

    def test_what_has_not_been_taken_when_it_is_closed_is_dealt_with(self):
        iterator = self.source.__aiter__()
        waiting = self.source.notify(1)
        self.successResultOf(closed(iterator))
        self.successResultOf(waiting)
        self.assertEqual(self.source.witnesses, 0)

    def test_so_it_is_with_an_event_that_only_tells(self):
        class Direct(Event[Any]):
            def register(self, witness):
                self.witness = witness
                return Source().register(witness)

        event = Direct()
        iterator = event.__aiter__()
        waiting: list[Any] = [event.witness(n) for n in range(3)]
        self.assertEqual(self.successResultOf(step(iterator)), 0)
        self.assertEqual([each.called for each in waiting], [False] * 3)
        self.assertEqual(self.successResultOf(step(iterator)), 1)
        self.assertEqual([each.called for each in waiting], [True, False, False])
        self.successResultOf(closed(iterator))
        self.assertEqual([each.called for each in waiting], [True] * 3)

    def test_a_failure_is_raised_and_the_iteration_may_go_on(self):
        iterator = self.source.map(str).__aiter__()
        self.notify(failed().failure, 2)
        self.failureResultOf(step(iterator), ValueError)
        self.assertEqual(self.successResultOf(step(iterator)), "2")

    def test_a_loop_that_is_left_leaves_no_witness(self):
        loop = self.loop(self.source.map(str).filter(bool).dedup(), "2")
        self.notify(1, 2)
        self.successResultOf(loop)
        gc.collect()
        self.assertEqual((self.told, self.source.witnesses), (["1", "2"], 0))

    def test_nor_does_one_that_is_cancelled(self):
        for event in (self.source, self.source.map(str), self.source | Source()):
            loop = self.loop(event)
            loop.cancel()
            self.failureResultOf(loop, CancelledError)
            del loop
            gc.collect()
            self.assertEqual(self.source.witnesses, 0, event)

    def test_what_a_function_raises_is_raised_and_the_iteration_may_go_on(self):
        iterator = self.source.map(lambda x: 1 / x).__aiter__()
        self.notify(0, 1)
        self.failureResultOf(step(iterator), ZeroDivisionError)
        self.assertEqual(self.successResultOf(step(iterator)), 1)

    def test_closing_a_derived_one_closes_what_it_is_derived_from(self):
        iterator = self.source.map(str).filter(bool).__aiter__()
        self.assertIs(iterator.__aiter__(), iterator)
        self.successResultOf(closed(iterator))
        self.assertEqual(self.source.witnesses, 0)

    def test_garbage_wakes_nobody(self):
        """All that a loop was, and the event, may be forgotten without a word."""

        def forgotten():
            source: Source[Any] = Source()
            self.loop(source.merge(source.map(str)).flat_map(lambda _: source))
            source.notify(1)
            source.notify(2)

        for _ in range(3):
            forgotten()
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])


class PulledTests(Case):
    """What is derived from an event that is pulled is pulled as well."""

    def setUp(self):
        super().setUp()
        self.pulled, self.other = Pulled(), Pulled()

    def test_nothing_is_asked_between_two_steps(self):
        iterator = self.pulled.map(str).filter(lambda x: x != "2").dedup().__aiter__()
        self.assertEqual(self.pulled.waiting, 0)
        waiting = step(iterator)
        for value in (2, 2, 3):
            self.assertEqual(self.pulled.waiting, 1)
            self.pulled.answer(value)
        self.assertEqual(self.successResultOf(waiting), "3")
        self.assertEqual(self.pulled.waiting, 0)
        waiting = step(iterator)
        self.pulled.answer(3)
        self.assertNoResult(waiting)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(self.pulled.waiting, 0)
        waiting = step(iterator)
        self.pulled.answer(4)
        self.assertEqual(self.successResultOf(waiting), "4")

    def test_several_are_asked_at_once_and_each_again_when_it_has_been_taken(self):
        iterator = (self.pulled | self.other).__aiter__()
        waiting = step(iterator)
        self.assertEqual((self.pulled.waiting, self.other.waiting), (1, 1))
        self.pulled.answer(1)
        self.assertEqual(self.successResultOf(waiting), 1)
        self.other.answer(2)
        self.assertEqual((self.pulled.waiting, self.other.waiting), (0, 0))
        self.assertEqual(self.successResultOf(step(iterator)), 2)
        self.assertEqual((self.pulled.waiting, self.other.waiting), (1, 0))

    def test_cancelling_a_step_cancels_those_of_all(self):
        iterator = (self.pulled | self.other).__aiter__()
        waiting = step(iterator)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual((self.pulled.waiting, self.other.waiting), (0, 0))
        waiting = step(iterator)
        self.other.answer(2)
        self.assertEqual(self.successResultOf(waiting), 2)

    def test_one_that_fails_is_told_and_asked_again(self):
        iterator = (self.pulled | self.other).__aiter__()
        waiting = step(iterator)
        for error in (ValueError(), CancelledError()):
            self.pulled.asked[0].errback(error)
            del self.pulled.asked[0]
            self.failureResultOf(waiting, type(error))
            waiting = step(iterator)
        self.pulled.answer(1)
        self.assertEqual(self.successResultOf(waiting), 1)

    def test_it_ends_when_all_have_ended(self):
        iterator = (self.pulled | self.other).__aiter__()
        waiting = step(iterator)
        for each in (self.pulled, self.other):
            self.assertNoResult(waiting)
            each.asked[0].errback(StopAsyncIteration())
        self.failureResultOf(waiting, StopAsyncIteration)
        self.failureResultOf(step(iterator), StopAsyncIteration)

    def test_a_loop_that_is_left_asks_no_more(self):
        for how in ("closed", "forgotten"):
            iterator = (self.pulled | self.other).__aiter__()
            waiting = step(iterator)
            self.pulled.answer(1)
            self.successResultOf(waiting)
            self.assertEqual(self.other.waiting, 1)
            if how == "closed":
                self.successResultOf(closed(iterator))
            del iterator
            gc.collect()
            self.assertEqual((self.pulled.waiting, self.other.waiting), (0, 0), how)
        self.assertEqual((self.pulled.closed, self.other.closed), (2, 2))

    def test_what_fails_to_close_is_logged_and_the_others_are_closed(self):
        class Failing(Pulled):
            def __aiter__(self):
                return FailingToClose(self)

        class FailingToClose(Asking):
            async def aclose(self):
                raise ZeroDivisionError

        iterator = Failing().merge(self.pulled).__aiter__()
        self.successResultOf(closed(iterator))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.pulled.closed, 1)

    def test_what_cannot_be_closed_is_let_go(self):
        class Numbers(Pulled):
            def __aiter__(self):
                return Counting()

        class Counting:
            async def __anext__(self):
                return 1

        iterator = Numbers().map(str).merge(self.pulled).__aiter__()
        self.assertEqual(self.successResultOf(step(iterator)), "1")
        self.successResultOf(closed(iterator))
        self.assertEqual(self.pulled.closed, 1)

    def test_closing_ends_the_step_that_waits(self):
        iterator = (self.pulled | self.other).__aiter__()
        waiting = step(iterator)
        self.assertEqual(repr(iterator), "<iteration: <2 under way, open>>")
        self.successResultOf(closed(iterator))
        self.failureResultOf(waiting, StopAsyncIteration)
        self.assertEqual(repr(iterator), "<iteration: <0 under way, closed>>")

    def test_what_branches_off_is_asked_as_well(self):
        iterator = self.pulled.flat_map(lambda n: self.other.map(lambda x: (n, x))).__aiter__()
        waiting = step(iterator)
        self.pulled.answer(1)
        self.assertEqual((self.pulled.waiting, self.other.waiting), (1, 1))
        self.pulled.answer(2)
        self.assertEqual((self.pulled.waiting, self.other.waiting), (1, 2))
        self.other.answer("a")
        self.assertEqual(self.successResultOf(waiting), (1, "a"))
        waiting = step(iterator)
        self.other.answer("b")
        self.assertEqual(self.successResultOf(waiting), (2, "b"))

    def test_a_branch_that_cannot_be_made_is_told_and_the_iteration_may_go_on(self):
        iterator = self.pulled.flat_map(lambda n: [self.other][n]).__aiter__()
        waiting = step(iterator)
        self.pulled.answer(5)
        self.failureResultOf(waiting, IndexError)
        waiting = step(iterator)
        self.pulled.answer(0)
        self.other.answer("a")
        self.assertEqual(self.successResultOf(waiting), "a")
