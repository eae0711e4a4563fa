"""What waits prove: any window of them gives exactly what single ones give, one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txetcd import Action, Data, NodeOp, State
from txetcd.errors import UnexpectedResponse
from txetcd.keys.poll.findings import HistoryLost, Outcome, Quiet, finding, in_order
from txetcd.keys.poll.window import Window

Outcomes = list[tuple[int, Outcome]]


def change(index: int, head: int) -> NodeOp:
    return NodeOp(Action.SET, Data("/w/a", index, index), State(head))


class FindingTests(SynchronousTestCase):
    def test_a_change_up_to_the_index_in_the_head_was_found_by_the_scan(self):
        self.assertEqual(finding(change(7, 7), 5, 4), change(7, 7))

    def test_a_change_right_after_the_head_is_the_first(self):
        self.assertEqual(finding(change(8, 7), 5, 4), change(8, 7))

    def test_a_later_change_is_a_doorbell_and_proves_quiet_up_to_the_head(self):
        self.assertEqual(finding(change(9, 7), 5, 4), Quiet(7))

    def test_a_change_before_what_was_waited_for_is_no_answer(self):
        self.assertRaises(UnexpectedResponse, finding, change(4, 7), 5, 4)

    def test_an_answer_without_an_index_is_none(self):
        self.assertRaises(UnexpectedResponse, finding, change(7, 0), 5, 4)

    def test_a_store_that_is_behind_may_have_lost_the_history(self):
        lost = self.assertRaises(HistoryLost, finding, change(8, 3), 5, 4)
        self.assertFalse(lost.certain)


class InOrderTests(SynchronousTestCase):
    def test_each_answer_goes_on_where_the_last_ended(self):
        outcomes = [(5, change(5, 9)), (6, change(7, 9)), (7, change(7, 9)), (8, change(8, 9))]
        found, error = in_order(outcomes, 5)
        self.assertEqual([op.node.modified_index for op in found], [5, 7, 8])
        self.assertIsNone(error)

    def test_what_comes_after_a_missing_one_is_not_told(self):
        self.assertEqual(in_order([(5, change(5, 9)), (6, None), (7, change(7, 9))], 5)[0][1:], [])

    def test_what_comes_after_a_gap_is_not_told(self):
        self.assertEqual(in_order([(6, change(6, 9))], 5), ([], None))

    def test_a_missing_one_of_no_use_does_no_harm(self):
        found, _ = in_order([(5, change(6, 9)), (6, None), (7, change(7, 9))], 5)
        self.assertEqual([op.node.modified_index for op in found], [6, 7])

    def test_an_error_ends_it_and_is_told_with_what_came_before(self):
        error = HistoryLost(True)
        outcomes: Outcomes = [(5, change(5, 9)), (6, error), (7, change(7, 9))]
        self.assertEqual(in_order(outcomes, 5), ([change(5, 9)], error))

    def test_an_error_of_one_that_was_of_no_use_is_not_told(self):
        outcomes: Outcomes = [(5, change(6, 9)), (6, HistoryLost(True)), (7, change(7, 9))]
        self.assertIsNone(in_order(outcomes, 5)[1])

    def test_quiet_moves_on(self):
        found, _ = in_order([(5, Quiet(6)), (7, change(7, 9))], 5)
        self.assertEqual(found, [Quiet(6), change(7, 9)])

    def test_quiet_that_tells_nothing_new_is_left_out(self):
        self.assertEqual(in_order([(5, Quiet(4)), (6, change(6, 9))], 5), ([], None))


class Model:
    """A store at an index, in which some indexes match."""

    def __init__(self, matches: list[int], head: int) -> None:
        self.matches = sorted(matches)
        self.head = head

    def scan(self, start: int) -> NodeOp | None:
        """What a wait is answered; None if it is parked."""
        return next((change(n, self.head) for n in self.matches if n >= start), None)

    def one_by_one(self, cursor: int) -> list[int]:
        told = []
        while (op := self.scan(cursor)) is not None:
            told.append(op.node.modified_index)
            cursor = told[-1] + 1
        return told


HEAD = 60
MATCHES = st.sets(st.integers(1, HEAD), max_size=HEAD)


class AnyWindowTests(SynchronousTestCase):
    @given(MATCHES, st.integers(1, 20), st.randoms(use_true_random=False))
    def test_any_window_tells_what_single_scans_tell(self, matches, limit, random):
        model = Model(list(matches), HEAD)
        window, cursor, told, idle = Window(limit), 1, [], 0
        while idle < 3:
            starts = window.starts(cursor, HEAD)
            self.assertLessEqual(len(starts), limit)
            self.assertLessEqual(starts[-1], max(cursor, HEAD))
            outcomes = [
                # Some come to nothing: they were slow, or their connections broke.
                (start, self.spoiled(random, model.scan(start)) if idle == 0 else model.scan(start))
                for start in starts
            ]
            found, _ = in_order(outcomes, cursor)
            window.learn(starts, found)
            self.assertTrue(1 <= window.size <= limit)
            told += [op.node.modified_index for op in found]
            idle = 0 if found else idle + 1
            cursor = told[-1] + 1 if told else cursor
        self.assertEqual(told, model.one_by_one(1))

    def spoiled(self, random, outcome):
        return random.choice([outcome, outcome, outcome, None, HistoryLost(False)])


class WindowTests(SynchronousTestCase):
    def rounds(self, window, model, cursor=1):
        """Follow a model to its end; how many scans each round had."""
        sizes: list[int] = []
        while True:
            starts = window.starts(cursor, model.head)
            found, _ = in_order([(start, model.scan(start)) for start in starts], cursor)
            if not found:
                return sizes
            sizes.append(len(starts))
            window.learn(starts, found)
            cursor = found[-1].node.modified_index + 1

    def test_it_begins_with_one_and_doubles_where_all_match(self):
        model = Model(list(range(1, 101)), 100)
        self.assertEqual(self.rounds(Window(16), model)[:7], [1, 2, 4, 8, 16, 16, 16])

    def test_where_few_match_there_is_one_at_a_time(self):
        model = Model(list(range(10, 1001, 10)), 1000)
        self.assertEqual(set(self.rounds(Window(16), model)), {1})

    def test_it_shrinks_to_the_number_that_found_something(self):
        window = Window(16)
        window.size = 16
        window.learn(range(1, 17), [change(5, 30), change(10, 30), change(15, 30)])
        self.assertEqual(window.size, 3)
        window.learn(range(16, 19), [])
        self.assertEqual(window.size, 1)

    def test_a_round_that_was_short_of_indexes_does_not_make_it_grow(self):
        window = Window(16)
        window.size = 4
        starts = window.starts(9, 10)
        self.assertEqual(starts, range(9, 11))
        window.learn(starts, [change(9, 10), change(10, 10)])
        self.assertEqual(window.size, 4)

    def test_it_never_goes_beyond_what_the_store_has_had_but_for_the_first(self):
        window = Window(16)
        window.size = 16
        self.assertEqual(window.starts(5, 7), range(5, 8))
        self.assertEqual(window.starts(5, 0), range(5, 6))

    def test_a_limit_below_one_is_refused_and_named(self):
        self.assertIn("0", str(self.assertRaises(ValueError, Window, 0)))

    def test_its_repr_tells_its_size(self):
        self.assertEqual(repr(Window(8)), "Window(size=1, limit=8)")
