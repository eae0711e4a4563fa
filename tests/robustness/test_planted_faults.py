"""Faults planted in the watch loop are caught, each of them; and the judge is not blind."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.keys.poll.test_poll import Watcher
from tests.keys.store import Store
from tests.robustness.judge import judge
from tests.robustness.watching.planted import PLANTS
from txetcd.keys.poll import Poll


class PlantedTests(SynchronousTestCase):
    """Faults in the loop, each of which is found; and the loop as it is, which is not."""

    def test_the_true_loop_passes_what_each_of_them_is_found_by(self):
        for name, plant in PLANTS.items():
            self.assertFalse(plant.found(Poll), name)

    def test_each_of_them_is_found(self):
        for name, plant in PLANTS.items():
            self.assertTrue(plant.found(plant.make), f"{name}: {plant.what}")

    def test_there_are_fifteen_at_least_and_each_is_another(self):
        self.assertGreaterEqual(len({plant.make for plant in PLANTS.values()}), 15)


class JudgeTests(SynchronousTestCase):
    """The judge itself: it sees each kind of fault, and no fault where there is none."""

    def setUp(self):
        self.store = Store()
        self.truth = [self.store.set(f"/w/{n}", b"%d" % n) for n in range(5)]

    def told(self, *indexes):
        empty = Watcher(Store(), Clock()).told
        return [*empty, *(self.truth[n] for n in indexes)]

    def test_all_in_order_is_faultless(self):
        self.assertTrue(judge(self.truth, self.told(0, 1, 2, 3, 4)).faultless)

    def test_a_gap_is_lost(self):
        self.assertEqual(judge(self.truth, self.told(0, 1, 3, 4)).lost, (6,))

    def test_a_missing_end_is_lost(self):
        self.assertEqual(judge(self.truth, self.told(0, 1, 2)).lost, (7, 8))

    def test_a_repetition_is_twice(self):
        self.assertEqual(judge(self.truth, self.told(0, 1, 1, 2, 3, 4)).twice, (5,))

    def test_disorder_is_seen(self):
        self.assertFalse(judge(self.truth, self.told(1, 0, 2, 3, 4)).faultless)

    def test_a_change_that_never_was_is_unknown(self):
        other = Store(index=50).set("/w/x")
        self.assertEqual(judge(self.truth, [*self.told(0, 1, 2, 3, 4), other]).unknown, (51,))

    def test_changes_without_a_snapshot_before_them_are_a_fault(self):
        self.assertFalse(judge(self.truth, self.truth).faultless)

    def test_a_snapshot_that_shows_something_else_is_wrong(self):
        other = Store()
        for _ in range(5):
            other.set("/w/other")
        watcher = Watcher(other, Clock())
        self.assertEqual(judge(self.truth, watcher.told).wrong, (8,))
