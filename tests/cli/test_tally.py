"""The count of the demonstration: it sees what was lost, and what was told twice."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txetcd import Action, Data, Dir, NodeOp, State
from txetcd.cli.tally import Tally, tally

WRITTEN = {n: f"/d/{n}" for n in range(5, 10)}


def change(index: int) -> NodeOp:
    return NodeOp(Action.SET, Data(f"/d/{index}", index, index), State(index))


def snapshot(index: int, *held: int) -> NodeOp:
    nodes = tuple(Data(f"/d/{n}", n, n) for n in held)
    return NodeOp(Action.GET, Dir("/d", 1, 1, None, nodes), State(index))


class TallyTests(SynchronousTestCase):
    def test_all_told_once_in_order_is_faultless(self):
        counted = tally(WRITTEN, [snapshot(4), *map(change, range(5, 10))])
        self.assertEqual(counted, Tally(written=5, seen=5, covered=0, lost=0, twice=0))
        self.assertTrue(counted.faultless)

    def test_a_gap_is_lost(self):
        counted = tally(WRITTEN, [snapshot(4), *map(change, (5, 6, 8, 9))])
        self.assertEqual((counted.seen, counted.lost, counted.twice), (4, 1, 0))
        self.assertFalse(counted.faultless)

    def test_a_repetition_is_twice(self):
        counted = tally(WRITTEN, [snapshot(4), *map(change, (5, 6, 6, 7, 8, 9))])
        self.assertEqual((counted.seen, counted.lost, counted.twice), (5, 0, 1))
        self.assertFalse(counted.faultless)

    def test_a_snapshot_covers_what_it_shows(self):
        counted = tally(WRITTEN, [snapshot(4), change(5), snapshot(8, 5, 6, 7, 8), change(9)])
        self.assertEqual(counted, Tally(written=5, seen=2, covered=3, lost=0, twice=0))

    def test_a_snapshot_that_leaves_a_write_out_covers_it_not(self):
        counted = tally(WRITTEN, [snapshot(4), change(5), snapshot(8, 5, 6, 8), change(9)])
        self.assertEqual((counted.covered, counted.lost), (2, 1))

    def test_a_change_of_another_key_is_not_the_write(self):
        other = NodeOp(Action.SET, Data("/d/x", 5, 5), State(5))
        counted = tally(WRITTEN, [snapshot(4), other, *map(change, range(6, 10))])
        self.assertEqual((counted.seen, counted.lost), (4, 1))
