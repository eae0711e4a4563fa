"""Values that are derived from others: lazy, shared, and never a mixture."""

from __future__ import annotations

import gc
from typing import Any
from weakref import ref

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from txetcd.reactive import Var, Varying


class Case(SynchronousTestCase):
    def setUp(self):
        self.var: Var[Any] = Var(1)
        self.other: Var[Any] = Var(10)
        self.calls: list[Any] = []

    def double(self, value: Any) -> Any:
        self.calls.append(value)
        return value * 2

    def seen(self, varying: Varying[Any]) -> list[Any]:
        seen: list[Any] = []
        self.observing = varying.observe(seen.append)
        return seen


class LazinessTests(Case):
    def test_nothing_is_computed_before_it_is_read(self):
        doubled = self.var.map(self.double)
        self.var.update(2)
        self.assertEqual(self.calls, [])
        self.assertEqual(doubled.value, 4)
        self.assertEqual((self.calls, self.var.observers), ([2], 0))

    def test_while_it_is_observed_it_is_computed_once_a_change(self):
        doubled = self.var.map(self.double)
        seen = [self.seen(doubled) for _ in range(3)]
        self.assertEqual((self.calls, doubled.value), ([1], 2))
        self.var.update(2)
        self.assertEqual((self.calls, doubled.value), ([1, 2], 4))
        self.assertEqual(seen, [[2, 4]] * 3)

    def test_all_observers_make_one_observation_of_what_is_above(self):
        tripled = self.var.map(lambda x: x * 3)
        top = tripled.join(tripled.map(str)).dedup().flat_map(Var)
        observing = [top.observe(self.calls.append) for _ in range(100)]
        self.assertEqual(top.observers, 100)
        self.assertEqual(self.var.observers, 1)
        # The join and the text of it.
        self.assertEqual(tripled.observers, 2)
        for each in observing:
            self.assertEqual(self.var.observers, 1)
            each.close()
        self.assertEqual((self.var.observers, tripled.observers), (0, 0))

    def test_it_may_be_observed_again(self):
        doubled = self.var.map(self.double)
        for value in (1, 2):
            self.var.update(value)
            seen = self.seen(doubled)
            self.var.update(value + 10)
            self.assertEqual(seen, [value * 2, value * 2 + 20])
            self.observing.close()
            self.assertEqual(self.var.observers, 0)

    def test_nothing_computed_is_kept_when_nobody_observes_it(self):
        class Large:
            pass

        made = self.var.map(lambda _: Large())
        read = ref(made.value)
        gc.collect()
        self.assertIsNone(read())
        self.seen(made).clear()
        told = ref(made.value)
        self.assertIsNotNone(told())
        self.observing.close()
        del self.observing
        gc.collect()
        self.assertIsNone(told())

    def test_the_repr_shows_how_many_observe_it_and_computes_nothing(self):
        self.assertEqual(repr(self.var.map(self.double)), "<Varying, observed by 0>")
        self.assertEqual(self.calls, [])


class JoinTests(Case):
    def test_it_is_a_tuple_of_all(self):
        joined = self.var.join(self.other, Var("x"))
        seen = self.seen(joined)
        self.other.update(20)
        self.var.update(2)
        self.assertEqual(seen, [(1, 10, "x"), (1, 20, "x"), (2, 20, "x")])
        self.assertEqual(Varying.join(self.var, self.other).value, (2, 20))
        self.assertEqual(self.var.join().value, (2,))

    def test_what_comes_of_one_value_in_two_ways_is_never_a_mixture(self):
        doubled, tripled = self.var.map(lambda x: 2 * x), self.var.map(lambda x: 3 * x)
        seen = self.seen(doubled.join(tripled, self.var))
        self.var.update(2)
        self.assertEqual(seen, [(2, 3, 1), (4, 6, 2)])

    def test_whatever_the_order_in_which_they_were_observed(self):
        doubled = self.var.map(self.double)
        joined = self.var.join(doubled)
        before = self.seen(doubled)
        seen = self.seen(joined)
        after = self.seen(doubled)
        self.var.update(2)
        self.assertEqual((before, seen, after), ([2, 4], [(1, 2), (2, 4)], [2, 4]))
        self.assertEqual(self.calls, [1, 2])

    def test_one_that_reads_it_while_others_are_told_reads_what_holds(self):
        doubled = self.var.map(self.double)
        read: list[Any] = []
        self.var.observe(lambda _: read.append(doubled.value))
        self.seen(doubled)
        self.var.update(2)
        self.assertEqual(read, [2, 4])

    def test_one_that_comes_before_its_turn_is_told_once(self):
        doubled = self.var.map(self.double)
        late: list[list[Any]] = []
        self.var.observe(lambda _: late.append(self.seen(doubled)))
        self.seen(doubled)
        late.clear()
        self.var.update(2)
        self.assertEqual(late, [[4]])


class FlatMapTests(Case):
    def setUp(self):
        super().setUp()
        self.var = Var(True)
        self.left, self.right = Var("l"), Var("r")
        self.chosen = self.var.flat_map(lambda left: self.left if left else self.right)

    def test_it_follows_what_is_chosen_and_nothing_else(self):
        seen = self.seen(self.chosen)
        self.right.update("r2")
        self.left.update("l2")
        self.var.update(False)
        self.left.update("l3")
        self.right.update("r3")
        self.assertEqual(seen, ["l", "l2", "r2", "r3"])
        self.assertEqual((self.left.observers, self.right.observers), (0, 1))
        self.observing.close()
        self.assertEqual((self.var.observers, self.right.observers), (0, 0))

    def test_unobserved_it_is_computed_when_it_is_read(self):
        self.assertEqual(self.chosen.value, "l")
        self.var.update(False)
        self.assertEqual((self.chosen.value, self.right.observers), ("r", 0))

    def test_the_same_again_is_no_change(self):
        seen = self.seen(self.other.flat_map(lambda _: self.left))
        self.other.update(11)
        self.assertEqual(seen, ["l"])
        self.left.update("l2")
        self.assertEqual(seen, ["l", "l2"])

    def test_what_the_inner_one_and_the_outer_one_depend_on_is_never_a_mixture(self):
        n = Var(1)
        chosen = n.flat_map(lambda x: n.map(lambda y: (x, y)))
        seen = self.seen(chosen)
        n.update(2)
        n.update(3)
        self.assertEqual(seen, [(1, 1), (2, 2), (3, 3)])
        self.assertEqual(n.observers, 2)

    def test_only_a_varying_can_be_chosen(self):
        wrong: Any = self.var.flat_map(lambda _: 5)  # type: ignore[arg-type, return-value]
        with self.assertRaisesRegex(TypeError, "must return a Varying, not 5"):
            _ = wrong.value


class DedupTests(Case):
    def test_it_drops_what_is_the_same_as_the_one_before(self):
        odd = self.var.map(lambda x: x % 2)
        repeated, seen = self.seen(odd), self.seen(odd.dedup())
        for value in (3, 4, 6, 7):
            self.var.update(value)
        self.assertEqual((repeated, seen), ([1, 1, 0, 0, 1], [1, 0, 1]))

    def test_what_is_the_same_may_be_chosen(self):
        seen = self.seen(self.var.dedup(lambda a, b: abs(a - b) < 2))
        for value in (2, 3, 4, 5):
            self.var.update(value)
        self.assertEqual(seen, [1, 3, 5])

    def test_each_change_is_compared_once(self):
        compared: list[Any] = []

        def same(one, other):
            compared.append((one, other))
            return one == other

        deduped = self.var.map(lambda x: x // 2).dedup(same)
        self.seen(deduped.join(deduped))
        for value in (2, 3, 4):
            self.var.update(value)
            self.assertEqual(deduped.value, value // 2)
        self.assertEqual(compared, [(0, 1), (1, 1), (1, 2)])

    def test_what_cannot_be_compared_is_not_the_same(self):
        seen = self.seen(self.var.dedup(lambda a, b: 1 / 0))
        self.var.update(2)
        self.assertEqual(seen, [1, 2])
        self.assertTrue(self.flushLoggedErrors(ZeroDivisionError))


class ErrorTests(Case):
    def test_what_a_function_raises_goes_to_whoever_reads_or_begins(self):
        inverse = self.var.map(lambda x: 1 / x)
        self.var.update(0)
        with self.assertRaises(ZeroDivisionError):
            _ = inverse.value
        self.assertRaises(ZeroDivisionError, inverse.observe, print)
        self.failureResultOf(inverse.next(), ZeroDivisionError)
        self.assertEqual((self.var.observers, inverse.observers), (0, 0))

    def test_at_a_change_it_is_logged_and_the_next_one_is_told(self):
        inverse = self.var.map(lambda x: 1 / x)
        seen, others = self.seen(inverse), self.seen(self.var)
        for value in (0, 2):
            self.var.update(value)
        self.assertEqual((seen, others), ([1, 0.5], [1, 0, 2]))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_choice_that_fails_leaves_nothing_behind(self):
        chosen = self.var.flat_map(lambda x: Var(1 / x))
        self.var.update(0)
        self.assertRaises(ZeroDivisionError, chosen.observe, print)
        self.assertEqual(self.var.observers, 0)


class ChangesTests(Case):
    def setUp(self):
        super().setUp()
        self.told: list[Any] = []

    def test_they_are_told_without_the_value_before(self):
        registration = self.var.changes.register(self.told.append)
        self.assertEqual(self.told, [])
        self.var.update(2)
        self.var.update(3)
        self.assertIsNone(self.successResultOf(registration.close()))
        self.var.update(4)
        self.assertEqual((self.told, self.var.observers), ([2, 3], 0))

    def test_those_of_a_derived_one_begin_with_a_change_as_well(self):
        self.var.map(lambda x: x % 2).dedup().changes.register(self.told.append)
        self.var.flat_map(lambda _: self.other).changes.register(self.told.append)
        self.assertEqual(self.told, [])
        self.var.update(3)
        self.assertEqual(self.told, [])
        self.other.update(11)
        self.var.update(2)
        self.assertEqual(self.told, [11, 0])

    def test_those_that_wait_for_a_witness_when_it_is_closed_are_not_told(self):
        slow: Deferred = Deferred()

        def witness(value):
            self.told.append(value)
            return slow

        registration = self.var.changes.register(witness)
        for value in (2, 3):
            self.var.update(value)
        self.successResultOf(registration.close())
        slow.callback(None)
        self.assertEqual(self.told, [2])

    def test_the_next_one_is_that_after_the_present(self):
        waiting = self.var.changes.next()
        self.assertNoResult(waiting)
        self.var.update(2)
        self.assertEqual((self.successResultOf(waiting), self.var.observers), (2, 0))

    def test_the_repr_shows_how_many_observe_it(self):
        self.assertEqual(repr(self.var.changes), "<changes of a value, observed by 0>")
