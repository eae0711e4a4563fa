"""The cursor: alive, proved to stand where it stands, and quick to catch up."""

from __future__ import annotations

import random
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.keys.poll.late import Late
from tests.keys.poll.test_poll import BACKOFF, STEPS, Course, Watcher, play
from tests.keys.poll.test_pulse import LEAST, MOST, Draws
from tests.keys.store import Store
from txetcd import Action, Service, State
from txetcd.errors import (
    ApiError,
    ErrorCode,
    ReplyLost,
    RequestTimedOut,
    ServiceClosed,
    WatchEnded,
)
from txetcd.keys.poll import Poll
from txetcd.keys.poll.changes import Changes, HistoryLost
from txetcd.keys.poll.pulse import FLOOR, HEAD_TIME, REARM, Pulse
from txetcd.keys.poll.window import Window
from txetcd.keys.session import Session


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.store = Store()
        self.alive = []

    def changes(self, service=None, random=LEAST, window=None, index=4):
        self.session = Session(service or self.store, self.clock)
        pulse = Pulse(self.clock, random, self.alive.append)
        return Changes(self.session, "/w", True, index, pulse, window)

    def next(self, changes):
        waiting = Deferred.fromCoroutine(changes.next())
        self.addCleanup(waiting.addErrback, lambda _: None)
        return waiting

    def settle(self, seconds):
        """Let time pass in small steps."""
        for _ in range(round(seconds / 0.01)):
            self.clock.advance(0.01)

    def waits(self):
        return [op.wait_index for op in self.store.asked]


class LivenessTests(Case):
    def test_a_wait_whose_head_does_not_come_is_a_failure(self):
        changes = self.changes()
        self.store.set("/w/a")
        self.successResultOf(self.next(changes))
        self.store.tells_heads = False
        waiting = self.next(changes)
        self.settle(HEAD_TIME - 0.1)
        self.assertNoResult(waiting)
        self.settle(0.2)
        error = self.failureResultOf(waiting, RequestTimedOut).value
        self.assertEqual((error.seconds, error.possibly_applied), (HEAD_TIME, False))
        self.assertEqual((self.store.parked, self.clock.getDelayedCalls()), ([], []))

    def test_on_a_transport_that_has_never_told_a_head_silence_is_no_failure(self):
        self.store.tells_heads = False
        waiting = self.next(self.changes(random=MOST))
        self.settle(2 * REARM)
        self.assertNoResult(waiting)
        self.assertEqual(self.waits(), [4, 4, 4])
        self.store.set("/w/a")
        self.assertEqual(self.successResultOf(waiting).node.key, "/w/a")

    def test_a_dead_watch_is_found_within_the_bound_whenever_it_dies(self):
        for drawn in (0.0, 0.5, 1.0):
            for seconds in (0.1, 1.0, 10.0, 40.0):
                waiting = self.next(self.changes(random=Draws(drawn), index=self.store.index + 1))
                self.settle(seconds)
                # The server is gone, and nothing is heard of that.
                self.store.tells_heads = self.store.ends = False
                died = self.clock.seconds()
                while not waiting.called:
                    self.settle(0.1)
                self.failureResultOf(waiting, RequestTimedOut)
                self.assertLessEqual(self.clock.seconds() - died, REARM + HEAD_TIME + 0.2)
                self.store.tells_heads = self.store.ends = True

    def test_a_wait_that_the_server_has_forgotten_is_made_anew_within_the_bound(self):
        self.store.is_endable = False
        waiting = self.next(self.changes())
        self.settle(1)
        self.store.parked.clear()
        self.store.set("/w/a")
        self.settle(REARM)
        self.assertEqual(self.successResultOf(waiting).node.key, "/w/a")

    def test_many_watches_are_made_anew_one_after_the_other(self):
        self.store.is_endable = False
        source = random.Random(3)
        all_changes = [self.changes(random=source) for _ in range(100)]
        for each in all_changes:
            self.next(each)
        most, before = 0, len(self.store.asked)
        for _ in range(int(REARM)):
            self.settle(1)
            most, before = max(most, len(self.store.asked) - before), len(self.store.asked)
        self.assertGreaterEqual(before, 200)
        self.assertLess(most, 25)

    def test_who_wants_to_know_is_told_of_every_head_and_every_answer(self):
        changes = self.changes()
        waiting = self.next(changes)
        self.assertEqual(self.alive, [State(3)])
        self.store.set("/w/a")
        self.successResultOf(waiting)
        self.assertEqual(self.alive, [State(3), State(3)])

    def poll(self):
        session = Session(self.store, self.clock)
        return Poll(session, "/w", True, BACKOFF, on_alive=self.alive.append)

    def test_a_poll_tells_of_its_snapshots_too_and_of_missing_keys(self):
        poll = self.poll()
        self.failureResultOf(Deferred.fromCoroutine(poll.next()))
        self.assertEqual(self.alive, [State(3)])
        self.store.set("/w/a")
        poll = self.poll()
        self.successResultOf(Deferred.fromCoroutine(poll.next()))
        self.assertEqual(self.alive[1:], [State(4)])

    def test_that_the_transport_tells_heads_is_known_after_a_snapshot_too(self):
        self.store.capacity = 5
        watcher = Watcher(self.store, self.clock)
        self.store.cut()
        for _ in range(10):
            self.store.set("/w/a")
        self.store.tells_heads = False
        self.settle(HEAD_TIME + 1)
        self.assertEqual(watcher.told[-1].action, Action.GET)
        self.assertIsInstance(watcher.errors[-1], RequestTimedOut)
        watcher.session.close()


class ProofTests(Case):
    def test_the_end_of_a_wait_that_was_hung_up_moves_the_cursor_past_its_head(self):
        changes = self.changes()
        waiting = self.next(changes)
        self.store.set("/elsewhere")
        self.store.set("/elsewhere")
        self.settle(FLOOR)
        self.assertEqual(self.waits(), [4, 4])
        self.settle(2 * FLOOR)
        # The second head told 5; whatever came after it is yet to be proved.
        self.assertEqual(self.waits(), [4, 4, 6])
        self.store.set("/w/a")
        self.assertEqual(self.successResultOf(waiting).node.key, "/w/a")

    def test_a_quiet_key_in_a_busy_store_keeps_its_place_in_the_history(self):
        changes = self.changes(index=self.store.index + 1)
        waiting = self.next(changes)
        for _ in range(60 * 100):
            for _ in range(10):
                self.store.refresh()
            self.clock.advance(0.01)
        self.store.set("/w/a", b"at last")
        self.settle(1)
        self.assertEqual(self.successResultOf(waiting).node.value, b"at last")
        self.assertLess(len(self.store.asked), 60 / FLOOR)

    def test_an_end_that_does_not_come_proves_nothing_and_is_no_failure(self):
        self.store.ends = False
        waiting = self.next(self.changes())
        self.store.set("/elsewhere")
        self.settle(FLOOR + HEAD_TIME - 0.1)
        self.assertEqual(self.waits(), [4])
        self.settle(0.2)
        self.assertEqual((self.waits(), len(self.store.parked)), ([4, 4], 1))
        self.assertNoResult(waiting)

    def test_a_connection_that_breaks_when_it_is_hung_up_is_no_failure(self):
        waiting = self.next(self.changes())
        self.store.set("/elsewhere")
        self.store.ends = False
        self.settle(FLOOR)
        self.store.cut()
        self.assertEqual(self.waits(), [4, 4])
        self.assertNoResult(waiting)

    def test_a_change_that_comes_after_hanging_up_is_told(self):
        waiting = self.next(self.changes())
        self.store.ends = False
        self.settle(FLOOR + 1)
        self.store.set("/w/a")
        self.assertEqual(self.successResultOf(waiting).node.key, "/w/a")

    def test_a_wait_that_cannot_be_hung_up_is_given_up_and_the_cursor_stays(self):
        self.store.is_endable = False
        self.next(self.changes(random=MOST))
        self.store.set("/elsewhere")
        self.settle(REARM - HEAD_TIME + 0.1)
        self.assertEqual(self.waits(), [4, 4])

    def test_a_head_without_an_index_proves_nothing(self):
        asked = []

        def ask(op):
            asked.append(op.wait_index)
            reply: Deferred = Deferred()
            op.on_state(State(0))
            op.on_endable(lambda: reply.errback(WatchEnded()))
            return reply

        self.next(self.changes(Service.mk(ask)))
        self.settle(1)
        self.assertEqual(set(asked), {4})

    def test_a_head_below_the_cursor_moves_nothing_back(self):
        changes = self.changes(index=4)
        waiting = self.next(changes)
        self.settle(FLOOR)
        self.assertEqual((changes.index, self.waits()), (4, [4, 4]))
        self.assertNoResult(waiting)

    def test_a_server_that_shuts_down_is_a_failure_and_proves_as_much(self):
        self.store.set("/elsewhere")
        changes = self.changes(index=2)
        waiting = self.next(changes)
        (parked,) = self.store.parked
        self.store._hung_up(parked)
        self.failureResultOf(waiting, WatchEnded)
        self.assertEqual(changes.index, 5)

    def test_an_end_without_a_head_is_a_failure_and_proves_nothing(self):
        changes = self.changes(Service.mk(lambda op: fail(WatchEnded())))
        self.failureResultOf(self.next(changes), WatchEnded)
        self.assertEqual(changes.index, 4)

    def test_closing_while_it_ends_is_told(self):
        waiting = self.next(self.changes())
        self.store.ends = False
        self.settle(FLOOR + 1)
        self.session.close()
        self.failureResultOf(waiting, ServiceClosed)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class BehindTests(Case):
    """A network of 1 ms each way, and a cursor that is far behind."""

    def setUp(self):
        super().setUp()
        self.delays: Iterator[float] = iter(())
        self.network = Late(self.store, self.clock, lambda: next(self.delays, 0.001))

    def behind(self, count=100, size=16, top="/w"):
        """A cursor that is behind by so many changes, and has a window already."""
        for n in range(count):
            self.store.set(f"{top}/{n}", b"%d" % n)
        window = Window(size)
        window.size = size
        changes = self.changes(self.network, window=window)
        changes._highest = self.store.index
        return changes

    def take(self, changes, count=1):
        """Take changes; their values."""
        values = []
        for _ in range(count):
            waiting = self.next(changes)
            while not waiting.called:
                self.clock.advance(0.001)
            values.append(int(self.successResultOf(waiting).node.value))
            self.assertEqual(self.network.under_way, [])
            self.assertEqual(self.clock.getDelayedCalls(), [])
        return values

    def test_an_answer_below_its_head_shows_that_it_is_behind_and_a_window_opens(self):
        changes = self.changes(self.network)
        for n in range(100):
            self.store.set(f"/w/{n}", b"%d" % n)
        most = []
        for n in range(100):
            waiting = self.next(changes)
            most.append(len(self.network.under_way))
            while not waiting.called:
                self.clock.advance(0.001)
            self.assertEqual(self.successResultOf(waiting).node.value, b"%d" % n)
        self.assertEqual(most[:16], [1, 2, 0, 4, 0, 0, 0, 8, *[0] * 7, 16])
        self.assertLess(self.clock.seconds(), 0.05)

    def test_what_was_found_is_kept_and_told_without_a_request(self):
        changes = self.behind()
        self.assertEqual(self.take(changes, 1), [0])
        asked = len(self.store.asked)
        self.assertIn("15 kept", repr(changes))
        self.assertEqual(self.take(changes, 15), list(range(1, 16)))
        self.assertEqual(len(self.store.asked), asked)

    def test_answers_in_any_order_are_told_in_theirs(self):
        changes = self.behind(50)
        source = random.Random(7)
        self.network.delay = lambda: source.uniform(0, 0.004)
        self.assertEqual(self.take(changes, 50), list(range(50)))

    def test_no_scan_is_made_above_the_highest_index_that_was_seen(self):
        changes = self.behind(5)
        self.next(changes)
        self.clock.advance(0.001)
        self.assertEqual(self.waits(), [4, 5, 6, 7, 8])

    def test_a_scan_that_is_parked_is_given_up_before_the_first_is_told(self):
        changes = self.behind(3)
        for _ in range(5):
            self.store.refresh()
        changes._highest = self.store.index
        self.assertEqual(self.take(changes, 3), [0, 1, 2])
        self.assertEqual((self.store.parked, self.waits()), ([], list(range(4, 12))))

    def test_the_scans_beyond_are_given_up_before_the_first_is_left_parked(self):
        changes = self.behind(1, top="/elsewhere")
        for _ in range(5):
            self.store.refresh()
        changes._highest = self.store.index
        waiting = self.next(changes)
        self.assertEqual(len(self.network.under_way), 6)
        self.settle(0.1)
        self.assertEqual([op.wait_index for op in self.network.under_way], [4])
        self.store.set("/w/a", b"1")
        self.settle(0.1)
        self.assertEqual(self.successResultOf(waiting).node.value, b"1")

    def test_one_that_is_slow_is_not_waited_for(self):
        changes = self.behind(20)
        # The way there and the head and the answer of each; the fifth takes a minute.
        self.delays = iter([0.001] * 4 + [60.0])
        self.assertEqual(self.take(changes, 4), [0, 1, 2, 3])
        self.assertLess(self.clock.seconds(), 0.05)
        self.assertEqual(self.take(changes, 16), list(range(4, 20)))

    def test_what_was_found_before_a_failure_is_told_and_then_the_failure_is_met(self):
        changes = self.behind(20)
        self.take(changes, 16)
        changes._window.size = 4
        # Of the scans at 20 to 23 the third fails; then the look at the last change.
        real = self.store.apply
        failing = {22}

        def apply(op):
            if op.wait_index in failing or (op.wait_index == 21 and 22 in failing_later):
                return fail(ReplyLost("fault"))
            return real(op)

        failing_later: set[int] = set()
        self.patch(self.store, "apply", apply)
        self.assertEqual(self.take(changes, 1), [16])
        failing_later.add(22)
        self.assertEqual(self.take(changes, 1), [17])
        waiting = self.next(changes)
        self.settle(0.1)
        self.failureResultOf(waiting, ReplyLost)
        failing.clear()
        failing_later.clear()
        self.assertEqual(self.take(changes, 2), [18, 19])

    def test_after_a_window_that_failed_the_last_change_is_looked_up(self):
        changes = self.behind(20, size=4)
        self.store.failures = [None, None, ReplyLost("fault")]
        self.assertEqual(self.take(changes, 3), [0, 1, 2])
        # The store may be another one since: 5 is the index of the last change before.
        self.assertEqual(self.waits()[:6], [4, 5, 6, 7, 5, 6])

    def test_lost_history_is_told_when_the_prefix_has_been(self):
        changes = self.behind(20)
        real = self.store.apply
        cleared = ApiError(ErrorCode.EVENT_INDEX_CLEARED, "cleared", "[1/2]", 50)

        def apply(op):
            return fail(cleared) if op.wait_index >= 6 else real(op)

        self.patch(self.store, "apply", apply)
        self.assertEqual(self.take(changes, 2), [0, 1])
        waiting = self.next(changes)
        self.settle(0.1)
        self.assertTrue(self.failureResultOf(waiting, HistoryLost).value.certain)

    def test_a_failure_of_the_first_is_told_and_the_others_are_given_up(self):
        changes = self.behind(20)
        self.store.failures = [ReplyLost("fault")]
        waiting = self.next(changes)
        self.clock.advance(0.001)
        self.clock.advance(0.001)
        self.failureResultOf(waiting, ReplyLost)
        self.assertEqual((self.network.under_way, changes.index), ([], 4))

    def test_a_member_that_is_behind_is_not_believed_though_others_are_not(self):
        changes = self.behind(20)
        real = self.store.apply

        def apply(op):
            if op.wait_index == 6:
                op.on_state(State(4))
                return Deferred()
            return real(op)

        failing = self.patch(self.store, "apply", apply)
        self.assertEqual(self.take(changes, 2), [0, 1])
        failing.restore()
        self.assertEqual(self.take(changes, 18), list(range(2, 20)))

    def test_a_cancelled_step_gives_up_all_and_may_be_made_again(self):
        for milliseconds in range(4):
            changes = self.behind(20)
            waiting = self.next(changes)
            for _ in range(milliseconds):
                self.clock.advance(0.001)
            if waiting.called:
                continue
            waiting.cancel()
            self.failureResultOf(waiting, CancelledError)
            self.assertEqual((self.network.under_way, self.store.parked), ([], []))
            self.assertEqual(self.clock.getDelayedCalls(), [])
            self.assertEqual(self.take(changes, 20 - changes.index + 4), list(range(20)))

    def test_closing_in_a_window_ends_it(self):
        changes = self.behind(20)
        waiting = self.next(changes)
        self.session.close()
        self.failureResultOf(waiting, ServiceClosed)
        self.assertEqual(self.network.under_way, [])


class LateCourse(Course):
    """A course of events, seen over a network."""

    def __init__(self, make, seed):
        super().__init__(make)
        self.source = random.Random(seed)
        self.watcher.session.close()
        self.network = Late(self.store, self.clock, self._delay)
        self.watcher = Watcher(self.network, self.clock, make=make)

    def stall(self, stalled):
        self.network.is_stalled = stalled

    def verdict(self):
        self.network.is_stalled = False
        # Whatever is stuck is given up by then.
        for _ in range(int(REARM + 2 * HEAD_TIME)):
            self.clock.advance(1)
        return super().verdict()

    def _delay(self):
        return self.source.choice([0.0, 0.001, 0.002, 0.020])


class AnyCourseTests(SynchronousTestCase):
    @settings(max_examples=300, deadline=None)
    @given(st.lists(STEPS, max_size=25), st.integers(0, 10**6))
    def test_nothing_is_lost_or_told_twice_over_a_network_in_any_course_of_events(
        self, steps, seed
    ):
        verdict = play(steps, course_of=lambda make: LateCourse(make, seed))
        self.assertTrue(verdict.faultless, verdict)
