"""The watch loop on a store in memory: nothing lost, nothing twice, whatever happens."""

from __future__ import annotations

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.keys.store import Store
from tests.robustness.judge import Verdict, judge
from txetcd import Action, Backoff, BackoffsExhausted, KeyNotFound, NodeOp, NotSent, ReplyLost
from txetcd.errors import ServiceClosed
from txetcd.keys.poll import Poll
from txetcd.keys.poll.changes import REARM
from txetcd.keys.poll.pulse import HEAD_TIME
from txetcd.keys.session import Session

BACKOFF = Backoff.constant(0.01)


class Watcher:
    """Pulls a poll for as long as it has something to give; keeps what it was told."""

    def __init__(self, store, clock, path="/w", recursive=True, backoff=BACKOFF, make=Poll):
        self.session = Session(store, clock)
        self.poll = make(self.session, path, recursive, backoff, random=random.Random(1))
        self.told: list[NodeOp | KeyNotFound] = []
        self.errors: list[BaseException] = []
        self.ended = Deferred.fromCoroutine(self._run())

    async def _run(self):
        while True:
            try:
                self.told.append(await self.poll.next())
            except KeyNotFound as missing:
                self.told.append(missing)
            except (BackoffsExhausted, ServiceClosed) as error:
                self.errors.append(error)
                return
            except Exception as error:
                self.errors.append(error)


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.store = Store(capacity=20)

    def watch(self, **options):
        self.watcher = Watcher(self.store, self.clock, **options)
        self.addCleanup(self.watcher.session.close)
        return self.watcher

    def settle(self, seconds=1.0):
        for _ in range(int(seconds / 0.01)):
            self.clock.advance(0.01)

    def verdict(self) -> Verdict:
        self.settle()
        return judge(self.store.truth, self.watcher.told)


class ScanTests(Case):
    def test_the_first_that_is_told_is_a_snapshot(self):
        self.store.set("/w/a", b"1")
        self.watch()
        self.assertEqual([op.action for op in self.watcher.told], [Action.GET])
        self.assertEqual(self.watcher.told[0].node.nodes[0].value, b"1")
        self.assertTrue(self.store.asked[0].quorum)

    def test_a_missing_key_is_told_and_waited_for(self):
        self.watch()
        self.assertIsInstance(self.watcher.told[0], KeyNotFound)
        self.store.set("/w/a", b"1")
        self.assertEqual(self.watcher.told[1].node.value, b"1")
        self.assertEqual(self.verdict(), Verdict(events=1, snapshots=1))

    def test_changes_are_told_each_once_in_order(self):
        self.watch()
        for n in range(200):
            self.store.set(f"/w/{n % 7}", b"%d" % n)
        self.assertEqual(self.verdict(), Verdict(events=200, snapshots=1))

    def waits(self):
        return [op.wait_index for op in self.store.asked if op.wait]

    def test_a_change_that_wakes_a_wait_is_asked_for_again(self):
        self.watch()
        self.store.set("/elsewhere")
        self.store.set("/w/a")
        # Parked at index 3 and woken by 5: asked again from 4, which is proved to
        # be the first that may match, then parked beyond 5.
        self.assertEqual(self.waits(), [4, 4, 6])
        self.assertEqual(len(self.watcher.told), 2)

    def test_a_change_that_wakes_a_wait_at_the_next_index_is_told_at_once(self):
        self.watch()
        self.store.set("/w/a")
        self.assertEqual(self.waits(), [4, 5])
        self.assertEqual(len(self.watcher.told), 2)

    def test_a_wake_proves_that_nothing_came_before_it_and_moves_the_cursor(self):
        self.watch()
        for _ in range(15):
            self.store.set("/elsewhere")
        self.store.cut()
        self.settle(0.05)
        for _ in range(15):
            self.store.set("/elsewhere")
        self.store.set("/w/a")
        # 31 changes ago the history began; the wait was parked 16 changes ago.
        self.assertEqual(self.watcher.told[-1].action, Action.SET)

    def test_changes_beside_the_watched_path_are_not_told(self):
        self.watch(path="/w/foobar", recursive=False)
        self.store.set("/w/foo")
        self.store.set("/w/foobarbaz")
        self.store.set("/w/foobar", b"1")
        self.assertEqual([op.node.key for op in self.watcher.told[1:]], ["/w/foobar"])

    def test_a_hidden_key_below_is_not_told(self):
        self.watch()
        self.store.set("/w/_hidden")
        self.store.set("/w/a/_hidden/b")
        self.store.set("/w/a")
        self.assertEqual([op.node.key for op in self.watcher.told[1:]], ["/w/a"])


class LostHistoryTests(Case):
    def test_a_history_that_was_overrun_is_covered_by_a_snapshot(self):
        self.watch()
        self.store.set("/w/a", b"before")
        self.store.cut()
        for n in range(50):
            self.store.set(f"/w/{n}", b"%d" % n)
        self.assertEqual(self.verdict(), Verdict(events=1, snapshots=2))

    def test_unrelated_writes_that_overrun_the_history_are_covered_by_a_snapshot(self):
        self.watch()
        self.store.set("/w/a", b"1")
        self.store.cut()
        for n in range(50):
            self.store.set(f"/elsewhere/{n}")
        self.settle()
        self.store.set("/w/a", b"2")
        self.store.truth = [op for op in self.store.truth if op.node.key.startswith("/w/")]
        self.assertEqual(self.verdict(), Verdict(events=2, snapshots=2))

    def test_changes_that_a_recovering_member_dropped_are_covered_by_a_snapshot(self):
        self.watch()
        self.store.set("/w/a", b"1")
        self.store.cut_off()
        for n in range(5):
            self.store.set(f"/w/dropped-{n}")
        self.store.catch_up(by_snapshot=True)
        self.assertEqual(len(self.watcher.told), 2)
        self.store.set("/w/b", b"2")
        self.assertEqual(self.verdict(), Verdict(events=1, snapshots=2))

    def test_a_wiped_store_is_noticed_when_the_index_falls(self):
        for n in range(10):
            self.store.set(f"/w/{n}")
        self.watch()
        self.store.wipe()
        self.settle()
        self.assertIsInstance(self.watcher.told[-1], KeyNotFound)
        self.store.set("/w/new", b"1")
        self.settle()
        self.assertEqual(self.watcher.told[-1].node.key, "/w/new")
        self.assertEqual(judge(self.store.truth, self.watcher.told[-2:]), Verdict(1, 1))

    def test_a_wiped_store_whose_index_has_overtaken_the_cursor_is_noticed(self):
        self.watch()
        self.store.set("/w/a", b"old")
        self.store.wipe()
        for n in range(8):
            self.store.set(f"/w/{n}", b"new")
        self.settle()
        self.assertEqual(self.watcher.told[-1].action, Action.GET)
        self.assertEqual(judge(self.store.truth, self.watcher.told[-1:]), Verdict(0, 1))

    def wiped(self, *new: str) -> None:
        """Nothing was told since the snapshot; then the store is wiped, and overtakes."""
        for n in range(3):
            self.store.set(f"/w/old-{n}", b"old")
        self.watch()
        self.store.wipe()
        for key in new:
            self.store.set(key, b"new")
        self.settle()

    def test_a_wiped_store_that_overtook_is_noticed_though_nothing_was_told_since(self):
        self.wiped(*(f"/w/{n}" for n in range(10)))
        self.assertEqual([op.action for op in self.watcher.told], [Action.GET] * 2)
        self.assertEqual(judge(self.store.truth, self.watcher.told[-1:]), Verdict(0, 1))

    def test_a_wiped_store_that_overtook_without_the_keys_is_told_as_missing(self):
        self.wiped(*(f"/elsewhere/{n}" for n in range(10)))
        self.assertIsInstance(self.watcher.told[-1], KeyNotFound)
        self.assertEqual(len(self.watcher.told), 2)

    def test_a_key_that_was_missing_and_is_in_a_wiped_store_is_told(self):
        self.store.set("/elsewhere")
        self.watch()
        self.store.wipe()
        self.store.set("/w/a", b"new")
        for _ in range(8):
            self.store.set("/elsewhere")
        self.settle()
        self.assertEqual([node.value for node in self.watcher.told[-1].node.nodes], [b"new"])

    def test_a_broken_connection_costs_no_snapshot_while_nothing_has_been_told(self):
        self.store.set("/w/a", b"1")
        self.watch()
        self.store.cut()
        for n in range(5):
            self.store.set(f"/w/new-{n}")
        self.settle()
        self.assertEqual([op.action for op in self.watcher.told], [Action.GET] + [Action.SET] * 5)

    def test_a_last_change_that_is_too_old_to_look_up_costs_a_snapshot(self):
        self.watch()
        self.store.set("/w/a", b"1")
        for _ in range(15):
            self.store.set("/elsewhere")
        self.store.set("/w/_hidden")
        self.store.cut()
        for _ in range(15):
            self.store.set("/elsewhere")
        self.settle()
        self.assertEqual([type(op) for op in self.watcher.told[:1]], [KeyNotFound])
        self.assertEqual([op.action for op in self.watcher.told[1:]], [Action.SET, Action.GET])

    def test_a_wiped_store_that_never_matches_again_is_noticed_when_the_wait_is_made_anew(self):
        self.store.is_endable = False
        self.watch()
        self.store.set("/w/a", b"old")
        self.store.wipe()
        for _ in range(8):
            self.store.set("/elsewhere")
        self.settle()
        self.assertEqual(self.watcher.told[-1].node.value, b"old")
        self.clock.advance(REARM)
        self.settle()
        self.assertIsInstance(self.watcher.told[-1], KeyNotFound)

    def test_a_member_that_is_behind_is_no_lost_history(self):
        self.watch()
        self.store.set("/w/a", b"1")
        self.store.cut_off()
        self.store.set("/w/a", b"2")
        # The next wait is asked of a member that has not heard of the last change.
        self.watcher.poll._changes.index += 1
        self.store.cut()
        self.settle()
        self.assertEqual([op.action for op in self.watcher.told[1:]], [Action.SET])


class FailureTests(Case):
    def test_a_failure_that_passes_is_told_and_followed_by_the_delay_of_the_schedule(self):
        self.watch(backoff=Backoff.from_iterable([1.0, 2.0]))
        self.store.failures = [NotSent("refused")]
        self.store.cut()
        self.assertIsInstance(self.watcher.errors[0], ReplyLost)
        asked = len(self.store.asked)
        self.clock.advance(0.9)
        self.assertEqual(len(self.store.asked), asked)
        self.clock.advance(0.1)
        self.assertIsInstance(self.watcher.errors[1], NotSent)
        self.clock.advance(1.9)
        self.assertEqual(len(self.store.asked), asked + 1)
        self.clock.advance(0.1)
        # Nothing was told yet, so the key is read, to be sure of the store, before the wait.
        self.assertEqual([op.wait for op in self.store.asked[asked + 1 :]], [False, True])

    def test_the_end_of_the_schedule_ends_the_poll_with_the_reasons(self):
        self.store.failures = [NotSent("one"), NotSent("two"), NotSent("three")]
        self.watch(backoff=Backoff.constant(0.01).take(2))
        self.settle()
        exhausted = self.watcher.errors[-1]
        self.assertIsInstance(exhausted, BackoffsExhausted)
        self.assertEqual(str(exhausted.reasons[0]), "one [get /w]")
        self.assertEqual(len(exhausted.reasons), 3)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_schedule_begins_afresh_after_an_answer(self):
        self.watch(backoff=Backoff.constant(0.01).take(1))
        for n in range(10):
            self.store.cut()
            self.settle(0.1)
            self.store.set("/w/a", b"%d" % n)
        self.assertEqual(self.verdict(), Verdict(events=10, snapshots=1))

    def test_the_schedule_begins_afresh_after_a_wait_that_was_parked_for_long(self):
        self.watch(backoff=Backoff.constant(0.01).take(1))
        for _ in range(10):
            self.store.cut()
            self.settle(0.1)
        self.assertEqual([type(error) for error in self.watcher.errors], [ReplyLost] * 10)

    def test_connections_that_break_at_once_use_the_schedule_up(self):
        self.watch(backoff=Backoff.constant(0.01).take(3))
        for _ in range(4):
            self.store.cut()
            self.clock.advance(0.01)
        self.assertIsInstance(self.watcher.errors[-1], BackoffsExhausted)

    def test_a_server_that_answers_reads_alone_uses_the_schedule_up(self):
        self.watch(backoff=Backoff.constant(0.01).take(3))
        self.store.tells_heads = False
        self.store.ends = False
        for _ in range(10):
            self.clock.advance(HEAD_TIME)
        self.assertIsInstance(self.watcher.errors[-1], BackoffsExhausted)

    def test_a_wait_is_made_anew_from_the_same_index(self):
        self.watch()
        self.store.set("/elsewhere")
        parked = self.store.parked[0].op.wait_index
        self.clock.advance(REARM)
        self.assertEqual([each.op.wait_index for each in self.store.parked], [parked])
        self.assertEqual(self.watcher.errors, [])

    def test_a_server_that_falls_silent_is_told_as_a_failure(self):
        self.watch()
        self.store.tells_heads = False
        self.clock.advance(REARM)
        self.assertEqual(self.watcher.errors, [])
        self.clock.advance(HEAD_TIME)
        self.assertEqual(str(self.watcher.errors[0]), "no reply within 5 s")

    def test_closing_the_session_ends_the_poll_and_leaves_nothing(self):
        self.watch()
        self.successResultOf(self.watcher.session.close())
        self.assertIsInstance(self.watcher.errors[-1], ServiceClosed)
        self.assertEqual((self.store.parked, self.clock.getDelayedCalls()), ([], []))

    def test_closing_the_session_ends_the_delay_after_a_failure(self):
        self.watch(backoff=Backoff.constant(100))
        self.store.cut()
        self.successResultOf(self.watcher.session.close())
        self.assertIsInstance(self.watcher.errors[-1], ServiceClosed)
        self.assertEqual(self.clock.getDelayedCalls(), [])


#: What can happen to a watched store.  Keys beside the watched path come in as well.
STEPS = st.one_of(
    st.tuples(st.just("set"), st.sampled_from(["/w/a", "/w/b", "/x"])),
    st.tuples(st.just("delete"), st.sampled_from(["/w/a", "/w/b", "/x"])),
    st.tuples(st.just("burst"), st.integers(1, 40)),
    st.tuples(st.just("noise"), st.integers(1, 40)),
    st.tuples(st.just("refresh"), st.none()),
    st.tuples(st.just("cut"), st.none()),
    st.tuples(st.just("fail"), st.integers(1, 3)),
    st.tuples(st.just("cut_off"), st.none()),
    st.tuples(st.just("catch_up"), st.booleans()),
    st.tuples(st.just("heads"), st.booleans()),
    st.tuples(st.just("endable"), st.booleans()),
    st.tuples(st.just("ends"), st.booleans()),
    st.tuples(st.just("stall"), st.booleans()),
    st.tuples(st.just("fail_some"), st.lists(st.booleans(), max_size=8)),
    st.tuples(st.just("advance"), st.sampled_from([0.005, 0.05, 0.3, HEAD_TIME, REARM])),
)


class Course:
    """One course of events, as it happens: each step is a method."""

    store_of = Store

    def __init__(self, make):
        self.clock = Clock()
        self.store = self.store_of(capacity=20)
        self.watcher = Watcher(self.store, self.clock, make=make)
        self.values = (b"%d" % n for n in itertools.count())

    def set(self, key):
        self.store.set(key, next(self.values))

    def delete(self, key):
        if key in self.store.values:
            self.store.delete(key)

    def burst(self, count, top="w"):
        for n in range(count):
            self.set(f"/{top}/{n % 5}")

    def noise(self, count):
        self.burst(count, "x")

    def refresh(self, _):
        self.store.refresh()

    def cut(self, _):
        self.store.cut()

    def fail(self, count):
        self.store.failures = [ReplyLost("fault")] * count

    def fail_some(self, which):
        self.store.failures = [ReplyLost("fault") if fails else None for fails in which]

    def stall(self, stalled):
        """Only a network can."""

    def cut_off(self, _):
        self.store.cut_off()

    def catch_up(self, by_snapshot):
        self.store.catch_up(by_snapshot)

    def heads(self, told):
        self.store.tells_heads = told

    def endable(self, told):
        self.store.is_endable = told

    def ends(self, passed_on):
        self.store.ends = passed_on

    def advance(self, seconds):
        self.clock.advance(seconds)

    def verdict(self) -> Verdict:
        """The verdict when all faults are over and one more change has been made."""
        self.store.catch_up()
        self.store.set("/w/last", b"last")
        for _ in range(200):
            self.clock.advance(0.01)
        truth = [op for op in self.store.truth if op.node.key.startswith("/w/")]
        return judge(truth, self.watcher.told)


def play(steps, make=Poll, course_of=Course) -> Verdict:
    """Play a course of events to a watcher, and judge it."""
    course = course_of(make)
    for step, argument in steps:
        getattr(course, step)(argument)
    verdict = course.verdict()
    course.watcher.session.close()
    assert course.clock.getDelayedCalls() == []
    return verdict


class AnyCourseTests(SynchronousTestCase):
    @settings(max_examples=300, deadline=None)
    @given(st.lists(STEPS, max_size=25))
    def test_nothing_is_lost_or_told_twice_in_any_course_of_events(self, steps):
        verdict = play(steps)
        self.assertTrue(verdict.faultless, verdict)
