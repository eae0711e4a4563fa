"""The judge of the demonstration: it sees what was lost, told twice or made up."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txetcd import Action, Data, Dir, NodeOp, State
from txetcd.cli.judge import Verdict, judge

CONFIRMED = {f"/d/{n}": n for n in range(5, 10)}


def change(index: int) -> NodeOp:
    return NodeOp(Action.CREATE, Data(f"/d/{index}", index, index), State(index))


def snapshot(index: int, *held: int) -> NodeOp:
    nodes = tuple(Data(f"/d/{n}", n, n) for n in held)
    return NodeOp(Action.GET, Dir("/d", 1, 1, None, nodes), State(index))


class JudgeTests(SynchronousTestCase):
    def judged(self, *told: NodeOp, wanted: int = 5, stored: dict[str, int] = CONFIRMED) -> Verdict:
        return judge(wanted, CONFIRMED, stored, told)

    def test_all_told_once_in_order_is_faultless(self):
        verdict = self.judged(snapshot(4), *map(change, range(5, 10)))
        self.assertTrue(verdict.faultless, verdict)
        self.assertEqual((verdict.written, verdict.seen, verdict.snapshots), (5, 5, 1))

    def test_a_gap_is_lost(self):
        verdict = self.judged(snapshot(4), *map(change, (5, 6, 8, 9)))
        self.assertEqual((verdict.lost, verdict.faultless), (1, False))

    def test_a_repetition_is_twice(self):
        verdict = self.judged(snapshot(4), *map(change, (5, 6, 6, 7, 8, 9)))
        self.assertEqual((verdict.twice, verdict.faultless), (1, False))

    def test_an_event_that_a_snapshot_held_already_is_twice(self):
        verdict = self.judged(snapshot(4), snapshot(6, 5, 6), *map(change, (6, 7, 8, 9)))
        self.assertEqual((verdict.twice, verdict.faultless), (1, False))

    def test_disorder_is_a_fault(self):
        verdict = self.judged(snapshot(4), *map(change, (5, 7, 6, 8, 9)))
        self.assertEqual((verdict.disordered, verdict.faultless), (1, False))

    def test_a_snapshot_covers_what_it_holds_and_no_more(self):
        verdict = self.judged(snapshot(4), change(5), snapshot(8, 5, 6, 8), change(9))
        self.assertEqual((verdict.seen, verdict.covered, verdict.lost), (2, 2, 1))

    def test_an_event_of_no_write_is_strange(self):
        verdict = self.judged(snapshot(4), *map(change, range(5, 11)))
        self.assertEqual((verdict.strange, verdict.faultless), (1, False))

    def test_fewer_writes_than_wanted_are_a_fault(self):
        verdict = self.judged(snapshot(4), *map(change, range(5, 10)), wanted=6)
        self.assertFalse(verdict.faultless)

    def test_a_confirmed_write_that_the_server_does_not_hold_is_a_fault(self):
        stored = {key: n for key, n in CONFIRMED.items() if n != 7}
        verdict = self.judged(snapshot(4), *map(change, range(5, 10)), stored=stored)
        self.assertEqual((verdict.forgotten, verdict.faultless), (1, False))
