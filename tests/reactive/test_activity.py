"""Activities: what is derived from them, and what becomes of their three states."""

from __future__ import annotations

from typing import Any

from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.reactive.plain import Plain, failed
from txetcd.reactive import Activity, Failed, Ok, Pending, Var

NOT_THERE = Pending()


class Case(SynchronousTestCase):
    def setUp(self):
        self.var: Var[Any] = Var(NOT_THERE)
        self.activity: Activity[Any] = Activity.of_states(self.var)

    def seen(self, activity: Activity[Any]) -> list[Any]:
        seen: list[Any] = []
        self.observing = activity.observe(seen.append)
        return seen

    def becomes(self, *states: Any) -> None:
        for each in states:
            self.var.update(each)

    def error(self, state: Any) -> Any:
        self.assertIsInstance(state, Failed)
        return state.failure.type


def raises(value: Any) -> Any:
    raise ZeroDivisionError(value)


class MakingTests(Case):
    def test_a_value_may_be_given_once_and_for_all(self):
        activity = Activity.of(5)
        seen = self.seen(activity)
        self.successResultOf(self.observing.close())
        self.assertEqual((activity.state, seen), (Ok(5), [Ok(5)]))

    def test_its_states_may_be_those_of_a_value(self):
        seen = self.seen(self.activity)
        failure = failed()
        self.becomes(Ok(1), failure, NOT_THERE)
        self.assertEqual(seen, [NOT_THERE, Ok(1), failure, NOT_THERE])
        self.assertIs(self.activity.state, NOT_THERE)

    def test_and_the_other_way_about(self):
        states = self.activity.states
        seen: list[Any] = []
        states.observe(seen.append)
        self.becomes(Ok(1))
        self.assertEqual((seen, states.value), ([NOT_THERE, Ok(1)], Ok(1)))

    def test_the_repr_shows_the_state_and_how_many_observe_it(self):
        self.seen(self.activity)
        self.assertEqual(repr(self.activity), "<Activity Pending(), observed by 1>")


class MapTests(Case):
    def test_it_is_the_function_of_the_value(self):
        seen = self.seen(self.activity.map(str))
        failure = failed()
        self.becomes(Ok(1), failure, Ok(2))
        self.assertEqual(seen, [NOT_THERE, Ok("1"), failure, Ok("2")])

    def test_what_the_function_raises_is_a_failure(self):
        inverse = self.activity.map(lambda x: 1 / x)
        seen = self.seen(inverse)
        self.becomes(Ok(0))
        self.assertIs(self.error(seen[-1]), ZeroDivisionError)
        self.assertIs(seen[-1], inverse.state)
        self.becomes(Ok(2))
        self.assertEqual(seen[-1], Ok(0.5))


class FilterTests(Case):
    def test_it_is_pending_while_the_predicate_does_not_hold(self):
        seen = self.seen(self.activity.filter(lambda x: x > 1))
        failure = failed()
        self.becomes(Ok(1), Ok(2), failure, Ok(0))
        self.assertEqual(seen, [NOT_THERE, NOT_THERE, Ok(2), failure, NOT_THERE])

    def test_what_the_predicate_raises_is_a_failure(self):
        self.becomes(Ok(1))
        self.assertIs(self.error(self.activity.filter(raises).state), ZeroDivisionError)


class FlatMapTests(Case):
    def setUp(self):
        super().setUp()
        self.inner: dict[Any, Var[Any]] = {n: Var(Ok(f"{n}")) for n in (1, 2)}
        self.chosen = self.activity.flat_map(lambda n: Activity.of_states(self.inner[n]))

    def observers(self) -> tuple[int, int]:
        return self.inner[1].observers, self.inner[2].observers

    def test_it_follows_what_is_chosen_and_nothing_else(self):
        seen = self.seen(self.chosen)
        self.becomes(Ok(1))
        self.assertEqual(self.observers(), (1, 0))
        self.inner[1].update(Ok("1b"))
        self.becomes(Ok(2))
        self.assertEqual(self.observers(), (0, 1))
        self.inner[1].update(Ok("1c"))
        self.inner[2].update(NOT_THERE)
        self.assertEqual(seen, [NOT_THERE, Ok("1"), Ok("1b"), Ok("2"), NOT_THERE])
        self.observing.close()
        self.assertEqual((self.observers(), self.var.observers), ((0, 0), 0))

    def test_without_a_value_it_follows_nothing(self):
        seen = self.seen(self.chosen)
        failure = failed()
        self.becomes(Ok(1), failure)
        self.assertEqual(self.observers(), (0, 0))
        self.assertEqual(seen, [NOT_THERE, Ok("1"), failure])

    def test_what_the_function_raises_is_a_failure(self):
        seen = self.seen(self.activity.flat_map(raises))
        self.becomes(Ok(1))
        self.assertIs(self.error(seen[-1]), ZeroDivisionError)

    def test_only_an_activity_can_be_chosen(self):
        wrong: Any = 5
        self.becomes(Ok(1))
        self.assertIs(self.error(self.activity.flat_map(lambda _: wrong).state), TypeError)


class JoinTests(Case):
    def setUp(self):
        super().setUp()
        self.other: Var[Any] = Var(NOT_THERE)
        self.joined = self.activity.join(Activity.of_states(self.other))

    def test_it_is_ok_when_all_are(self):
        seen = self.seen(self.joined)
        self.becomes(Ok(1))
        self.other.update(Ok("a"))
        self.becomes(Ok(2))
        self.assertEqual(seen, [NOT_THERE, NOT_THERE, Ok((1, "a")), Ok((2, "a"))])

    def test_it_is_failed_if_any_is_and_as_the_first_of_them(self):
        first, second = failed(), failed()
        self.other.update(second)
        self.assertIs(self.joined.state, second)
        self.becomes(first)
        self.assertIs(self.joined.state, first)
        self.other.update(NOT_THERE)
        self.assertIs(self.joined.state, first)

    def test_it_may_be_written_with_all_in_a_row(self):
        state = Activity.join(Activity.of(1), Activity.of("b"), Activity.of(None)).state
        self.assertEqual(state, Ok((1, "b", None)))

    def test_what_comes_of_one_activity_in_two_ways_is_never_a_mixture(self):
        plain = Plain(Ok(1))
        for activity in (self.activity, plain):
            become = self.var.update if activity is self.activity else plain.become
            become(Ok(1))
            both = activity.map(lambda x: x + 1).join(activity.filter(bool), activity)
            seen = self.seen(both)
            become(Ok(2))
            self.assertEqual(seen, [Ok((2, 1, 1)), Ok((3, 2, 2))])
            self.observing.close()
        self.assertEqual(plain.told, [])


class DedupTests(Case):
    def test_it_drops_what_is_the_same_as_the_one_before(self):
        parity = self.activity.map(lambda x: x % 2).dedup()
        seen = self.seen(parity)
        failure = failed()
        self.becomes(Ok(1), Ok(3), Ok(4), Ok(6), failure, Ok(8))
        self.assertEqual(seen, [NOT_THERE, Ok(1), Ok(0), failure, Ok(0)])

    def test_pending_twice_is_pending(self):
        seen = self.seen(self.activity.filter(lambda x: x > 5).dedup())
        self.becomes(Ok(1), Ok(2), Ok(6))
        self.assertEqual(seen, [NOT_THERE, Ok(6)])

    def test_what_is_the_same_may_be_chosen(self):
        seen = self.seen(self.activity.dedup(lambda a, b: a.lower() == b.lower()))
        self.becomes(Ok("a"), Ok("A"), Ok("b"))
        self.assertEqual(seen, [NOT_THERE, Ok("a"), Ok("b")])

    def test_what_cannot_be_compared_is_not_the_same(self):
        seen = self.seen(self.activity.dedup(lambda a, b: a / b > 0))
        self.becomes(Ok(0), Ok(0.0), Ok(False))
        self.becomes(Ok(1), Ok(2))
        self.assertEqual(seen, [NOT_THERE, Ok(0), Ok(1)])
        self.assertEqual(self.flushLoggedErrors(ZeroDivisionError), [])


class StabilizeTests(Case):
    def setUp(self):
        super().setUp()
        self.stable = self.activity.stabilize()

    def test_it_keeps_the_last_good_value(self):
        seen = self.seen(self.stable)
        failure = failed()
        self.becomes(failure, Ok(1), NOT_THERE, failed(), Ok(2), failed())
        self.assertEqual(seen, [NOT_THERE, failure, Ok(1), Ok(2)])
        self.assertEqual(self.stable.state, Ok(2))

    def test_it_keeps_it_also_while_nobody_observes(self):
        self.seen(self.stable)
        self.becomes(Ok(1))
        self.observing.close()
        self.becomes(NOT_THERE)
        self.assertEqual((self.stable.state, self.var.observers), (Ok(1), 0))
        self.assertEqual(self.seen(self.stable), [Ok(1)])

    def test_what_was_read_is_kept_as_well(self):
        self.becomes(Ok(1))
        self.assertEqual(self.stable.state, Ok(1))
        self.becomes(failed())
        self.assertEqual(self.stable.state, Ok(1))

    def test_what_nobody_saw_is_not(self):
        self.becomes(Ok(1), NOT_THERE)
        self.assertEqual(self.stable.state, NOT_THERE)


class RecoverTests(Case):
    def test_a_failure_becomes_a_value(self):
        seen = self.seen(self.activity.recover(lambda failure: failure.type))
        self.becomes(Ok(1), failed(KeyError))
        self.assertEqual(seen, [NOT_THERE, Ok(1), Ok(KeyError)])

    def test_one_that_is_raised_again_stays_as_it_is(self):
        state = failed(KeyError)
        self.becomes(state)
        recovered = self.activity.recover(lambda failure: failure.raiseException())
        self.assertIs(recovered.state, state)

    def test_another_that_is_raised_takes_its_place(self):
        self.becomes(failed(KeyError))
        self.assertIs(self.error(self.activity.recover(raises).state), ZeroDivisionError)


class OfAnotherKindTests(SynchronousTestCase):
    """One that has the two methods and is no part of the graph."""

    def setUp(self):
        self.plain = Plain(Ok(1))

    def seen(self, activity: Activity[Any]) -> list[Any]:
        seen: list[Any] = []
        self.observing = activity.observe(seen.append)
        return seen

    def test_it_is_observed_once_while_what_is_derived_from_it_is(self):
        derived = self.plain.map(str)
        self.assertEqual((derived.state, self.plain.begun), (Ok("1"), 0))
        observing = [derived.observe(lambda _: None) for _ in range(10)]
        self.assertEqual((self.plain.begun, len(self.plain.told)), (1, 1))
        for each in observing:
            each.close()
        self.assertEqual(self.plain.told, [])

    def test_each_state_that_it_tells_is_told_and_if_it_is_the_same(self):
        seen = self.seen(self.plain.map(str))
        for state in (Ok(2), Ok(2), NOT_THERE):
            self.plain.become(state)
        self.assertEqual(seen, [Ok("1"), Ok("2"), Ok("2"), NOT_THERE])

    def test_one_that_changes_as_it_begins_is_told_as_it_then_is(self):
        self.plain.becomes = [Ok(2), Ok(3)]
        changes: list[Any] = []
        states = self.plain.map(str).states
        states.changes.register(changes.append)
        self.assertEqual(states.value, Ok("3"))
        self.assertEqual(self.seen(Activity.of_states(states)), [Ok("3")])
        self.assertEqual(changes, [Ok("2"), Ok("3")])

    def test_one_that_is_observed_anew_has_not_changed(self):
        changes: list[Any] = []
        states = self.plain.map(str).states
        for _ in range(2):
            registration = states.changes.register(changes.append)
            self.successResultOf(registration.close())
        self.assertEqual((changes, self.plain.begun), ([], 2))

    def test_one_whose_state_is_made_afresh_each_time_has_not_changed(self):
        value = object()

        class Fresh(Plain):
            @property
            def state(self):
                return Ok(value)

        fresh = Fresh(Ok(value))
        seen = self.seen(fresh.join(fresh))
        fresh.become(Ok(value))
        self.assertEqual(seen, [Ok((value, value))] * 3)

    def test_it_is_read_by_one_that_is_told_before_the_others(self):
        derived = self.plain.map(str)
        read: list[Any] = []
        self.plain.observe(lambda _: read.append(derived.state))
        seen = self.seen(derived)
        self.plain.become(Ok(2))
        self.assertEqual((read, seen), ([Ok("1"), Ok("2")], [Ok("1"), Ok("2")]))
        # It was told already, and this is told anew.
        self.plain.told.pop(0)
        self.plain.become(self.plain.state)
        self.assertEqual(seen, [Ok("1"), Ok("2"), Ok("2")])

    def test_one_that_raises_as_it_begins_leaves_nothing_behind(self):
        class Raising(Plain):
            def observe(self, told):
                raise ZeroDivisionError

        joined = self.plain.join(Raising(Ok(1)))
        self.assertRaises(ZeroDivisionError, joined.observe, print)
        self.assertEqual(self.plain.told, [])

    def test_what_was_observed_before_the_choice_is_closed_if_the_next_one_raises(self):
        class Raising(Plain):
            def observe(self, told):
                raise ZeroDivisionError

        inner = Plain(Ok("inner"))
        chosen = self.plain.flat_map(lambda n: inner if n == 1 else Raising(Ok(1)))
        self.seen(chosen)
        self.plain.become(Ok(2))
        self.assertEqual(inner.told, [])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.plain.become(Ok(1))
        self.assertEqual(len(inner.told), 1)
        self.observing.close()
        self.assertEqual((inner.told, self.plain.told), ([], []))

    def test_what_both_choices_are_made_of_does_not_stop_in_between(self):
        choice: Var[Any] = Var(Ok(1))
        chosen = Activity.of_states(choice).flat_map(
            lambda n: self.plain.map(lambda value: (n, value))
        )
        seen = self.seen(chosen)
        choice.update(Ok(2))
        self.assertEqual(seen, [Ok((1, 1)), Ok((2, 1))])
        self.assertEqual(len(self.plain.told), 1)
        self.observing.close()
        common = self.plain.map(str)
        chosen = Activity.of_states(choice).flat_map(lambda n: common.map(lambda x: (n, x)))
        self.seen(chosen)
        begun = self.plain.begun
        choice.update(Ok(3))
        self.assertEqual(self.plain.begun, begun)

    def test_one_that_closes_it_as_the_inner_one_begins_leaves_nothing_behind(self):
        inner = Plain(Ok(0))
        inner.becomes = [Ok(7)]

        def told(state):
            if state == Ok(7):
                self.observing.close()

        chosen = self.plain.flat_map(lambda n: inner if n == 2 else Activity.of(0))
        self.observing = chosen.observe(told)
        self.plain.become(Ok(2))
        self.assertEqual((inner.told, self.plain.told), ([], []))

    def test_one_that_changes_the_choice_as_the_inner_one_begins_is_followed(self):
        inner, last = Plain(Ok(0)), Plain(Ok("last"))
        inner.becomes = [Ok(7)]
        seen: list[Any] = []

        def told(state):
            seen.append(state)
            if state == Ok(7):
                self.plain.become(Ok(3))

        chosen = self.plain.flat_map(
            lambda n: {1: Activity.of("first"), 2: inner, 3: last}[n]
        )
        observing = chosen.observe(told)
        self.plain.become(Ok(2))
        self.assertEqual(seen, [Ok("first"), Ok(7), Ok("last")])
        self.assertEqual((len(inner.told), len(last.told)), (0, 1))
        observing.close()
        self.assertEqual((last.told, self.plain.told), ([], []))

    def test_a_failure_is_handed_on_as_it_is(self):
        failure = Failure(ValueError())
        self.plain.become(Failed(failure))
        seen = self.seen(self.plain.map(str).filter(bool).stabilize().dedup())
        self.assertIs(seen[0].failure, failure)
