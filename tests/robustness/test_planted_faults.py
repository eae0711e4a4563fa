"""Faults planted in the watch loop are caught: first of all those of the seed."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.keys.store import Store
from tests.keys.test_poll import Watcher, play
from tests.robustness.judge import judge
from tests.robustness.planted import (
    DeliversTheDoorbell,
    NeverSleeps,
    NeverVerifies,
    ResumesAtTheHeader,
    SkipsAhead,
    TrustsSilence,
)
from txetcd import Action, Backoff, NotSent
from txetcd.keys.poll import Poll

# Courses of events that the true loop survives, each made for one fault.
BURSTS = [("burst", 3), ("cut", None), ("burst", 10), ("advance", 0.05)] * 5
OVERRUN = [("burst", 3), ("cut", None), ("burst", 40)]
DROPPED = [("burst", 3), ("cut_off", None), ("burst", 5), ("catch_up", True), ("burst", 1)]


class SeedTests(SynchronousTestCase):
    def test_resuming_at_the_header_is_caught(self):
        self.assertTrue(play(BURSTS).faultless)
        verdict = play(BURSTS, ResumesAtTheHeader)
        self.assertTrue(verdict.twice, verdict)
        self.assertTrue(verdict.lost, verdict)

    def test_skipping_ahead_over_cleared_history_is_caught(self):
        self.assertTrue(play(OVERRUN).faultless)
        self.assertTrue(play(OVERRUN, SkipsAhead).lost)

    def test_a_backoff_that_is_not_slept_is_caught(self):
        self.assertEqual(self.attempts(Poll), 1)
        self.assertEqual(self.attempts(NeverSleeps), 6)

    def attempts(self, make):
        """How many requests are made before the clock has moved, of a server that is down."""
        store, clock = Store(), Clock()
        store.failures = [NotSent("refused")] * 10
        watcher = Watcher(store, clock, backoff=Backoff.constant(1).take(5), make=make)
        self.addCleanup(watcher.session.close)
        return len(store.asked)


class OtherFaultsTests(SynchronousTestCase):
    def test_delivering_the_doorbell_is_caught(self):
        self.assertTrue(play(DROPPED).faultless)
        self.assertTrue(play(DROPPED, DeliversTheDoorbell).lost)

    def test_taking_silence_for_proof_is_caught(self):
        course = [("burst", 2), ("fail", 1), ("cut", None), ("burst", 5)]
        self.assertTrue(play(course).faultless)
        self.assertTrue(play(course, TrustsSilence).lost)

    def test_not_verifying_a_store_that_was_wiped_is_caught(self):
        self.assertEqual(self.last_told(Poll), Action.GET)
        self.assertEqual(self.last_told(NeverVerifies), Action.SET)

    def last_told(self, make):
        store, clock = Store(), Clock()
        watcher = Watcher(store, clock, make=make)
        self.addCleanup(watcher.session.close)
        store.set("/w/a", b"old")
        store.wipe()
        for n in range(8):
            store.set(f"/w/{n}", b"new")
        clock.advance(0.01)
        return watcher.told[-1].action


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
