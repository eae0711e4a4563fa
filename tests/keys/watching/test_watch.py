"""Watches that are shared: one for all observers, and each of them told everything."""

from __future__ import annotations

import gc
from contextvars import ContextVar, copy_context
from random import Random

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.keys.store import Store
from txetcd import (
    Action,
    Backoff,
    BackoffsExhausted,
    Data,
    Dir,
    Etcd,
    KeyNotFound,
    NodeOp,
    NotSent,
    ReplyLost,
    Service,
    ServiceClosed,
)
from txetcd.errors import NotDir
from txetcd.keys import Contact
from txetcd.keys.session import LINGER
from txetcd.reactive import Failed, Ok, Pending

STEADY = Backoff.constant(1)


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.store = Store(capacity=20)
        self.etcd = Etcd(self.store, clock=self.clock)
        self.watch = self.etcd.key("/w").watch(recursive=True, backoff=STEADY)
        self.told: list = []
        self.observations: list = []

    def tearDown(self):
        # Closing the client alone must leave nothing; observers need not be closed.
        self.successResultOf(self.etcd.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.store.parked, [])

    def observe(self, told=None):
        self.observations.append(self.watch.observe(told or self.told.append))
        return self.observations[-1]

    def close_all(self):
        for each in self.observations:
            self.successResultOf(each.close())

    def lose_history(self):
        """Break the connection, and have the store forget what happened before."""
        self.store.cut()
        for _ in range(30):
            self.store.set("/elsewhere")
        self.clock.advance(1)

    def shown(self, told=None):
        """What was told, in short."""
        return [short(state) for state in (self.told if told is None else told)]


def short(state):
    if isinstance(state, Failed):
        return state.failure.type
    if isinstance(state, Ok):
        node = state.value.node
        return node.value if isinstance(node, Data) and node.value else state.value.action
    return type(state)


class ObserverTests(Case):
    def test_an_observer_is_told_pending_then_a_snapshot_then_each_change(self):
        self.store.set("/w/a")
        self.observe()
        self.store.set("/w/a", b"1")
        self.store.delete("/w/a")
        self.assertEqual(self.shown(), [Pending, Action.GET, b"1", Action.DELETE])
        self.assertEqual(self.watch.state, self.told[-1])

    def test_nothing_is_asked_before_somebody_observes(self):
        self.assertEqual((self.watch.state, self.store.asked), (Pending(), []))

    def test_a_thousand_observers_of_a_key_make_one_watch(self):
        self.store.set("/w/a")
        seen: list[list] = [[] for _ in range(1000)]
        for each in seen:
            self.observe(each.append)
        self.assertEqual(len(self.store.parked), 1)
        self.store.set("/w/a", b"1")
        self.assertEqual(len(self.store.parked), 1)
        self.assertEqual(self.shown(seen[0]), [Pending, Action.GET, b"1"])
        for each in seen[1:]:
            self.assertEqual(self.shown(each), [Action.GET, b"1"])

    def test_each_observer_is_told_every_change_in_order(self):
        other: list = []
        self.store.set("/w/a")
        self.observe()
        self.observe(other.append)
        values = [b"%d" % n for n in range(200)]
        for n, value in enumerate(values):
            self.store.set("/w/a", value)
            if n % 50 == 7:
                self.store.cut()
                self.clock.advance(1)
        self.assertEqual(self.shown()[2:], values)
        self.assertEqual(self.shown(other)[1:], values)

    def test_changes_that_are_all_there_at_once_are_told_one_by_one(self):
        """A server that answers at once answers before ``observe`` returns."""
        self.observe()
        self.store.cut()
        for n in range(5):
            self.store.set("/w/a", b"%d" % n)
        self.clock.advance(1)
        self.assertEqual(self.shown()[2:], [b"%d" % n for n in range(5)])

    def test_a_late_observer_is_told_the_last_first(self):
        self.store.set("/w/a")
        self.observe()
        self.store.set("/w/a", b"1")
        late: list = []
        self.observe(late.append)
        self.store.set("/w/a", b"2")
        self.assertEqual(self.shown(late), [b"1", b"2"])

    def test_an_observer_that_raises_is_logged_and_disturbs_nobody(self):
        def raises(state):
            raise RuntimeError("a bug of the user's")

        self.store.set("/w/a")
        self.observe(raises)
        self.observe()
        self.store.set("/w/a", b"1")
        self.assertEqual(self.shown(), [Action.GET, b"1"])
        self.close_all()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 3)

    def test_one_that_observes_while_others_are_told_is_told_the_state_once(self):
        late: list = []

        def observes(state):
            if short(state) == b"1":
                self.observe(late.append)

        self.store.set("/w/a")
        self.observe(observes)
        self.store.set("/w/a", b"1")
        self.store.set("/w/a", b"2")
        self.assertEqual(self.shown(late), [b"1", b"2"])

    def test_one_that_is_closed_while_others_are_told_is_told_no_more(self):
        def closes(state):
            if short(state) == b"1":
                self.observations[1].close()

        self.store.set("/w/a")
        self.observe(closes)
        self.observe()
        self.store.set("/w/a", b"1")
        self.store.set("/w/a", b"2")
        self.assertEqual(self.shown(), [Action.GET])

    def test_an_observer_may_close_itself_and_be_the_last(self):
        def closes(state):
            self.told.append(state)
            if short(state) == b"1":
                self.observations[0].close()

        self.store.set("/w/a")
        self.observe(closes)
        self.store.set("/w/a", b"1")
        self.store.set("/w/a", b"2")
        self.assertEqual(self.shown(), [Pending, Action.GET, b"1"])
        self.clock.advance(LINGER)
        self.assertEqual(self.store.parked, [])

    def test_an_observer_may_close_the_client(self):
        def closes(state):
            self.told.append(state)
            if short(state) == b"1":
                self.etcd.close()

        self.store.set("/w/a")
        self.observe(closes)
        self.store.set("/w/a", b"1")
        self.assertEqual(self.shown(), [Pending, Action.GET, b"1", ServiceClosed])

    def test_closing_twice_does_no_harm_and_counts_once(self):
        self.observe()
        self.observe()
        self.observations[0].close()
        self.observations[0].close()
        self.clock.advance(LINGER)
        self.assertEqual(len(self.store.parked), 1)

    def test_what_is_derived_shares_the_watch_too(self):
        keys: list = []
        derived = self.watch.map(lambda op: op.node.key)
        first, second = derived.observe(keys.append), derived.observe(lambda _: None)
        self.store.set("/w/a")
        self.assertEqual(len(self.store.parked), 1)
        self.assertEqual(keys[-1], Ok("/w/a"))
        for each in (first, second):
            self.successResultOf(each.close())
        self.clock.advance(LINGER)
        self.assertEqual(self.store.parked, [])

    def test_the_next_value_is_waited_for_and_leaves_no_observer(self):
        waiting = self.watch.next_ok()
        self.store.set("/w/a", b"1")
        self.assertEqual(self.successResultOf(waiting).node.value, b"1")
        self.clock.advance(LINGER)
        self.assertEqual(self.store.parked, [])


class SharingTests(Case):
    def test_whoever_asks_for_the_same_is_given_the_same(self):
        again = self.etcd.key("/w").watch(recursive=True, backoff=STEADY)
        self.assertIs(again, self.watch)
        other = self.etcd.key("/w").watch()
        self.assertIs(self.etcd.key("/w").watch(), other)

    def test_what_is_another_watch_is_not_shared(self):
        key = self.etcd.key("/w")
        for other in (
            key.watch(backoff=STEADY),
            key.watch(recursive=True),
            self.etcd.key("/v").watch(recursive=True, backoff=STEADY),
            Etcd(self.store, clock=self.clock).key("/w").watch(True, STEADY),
            key.watch_tree(STEADY),
        ):
            self.assertIsNot(other, self.watch)

    def test_watches_that_nobody_has_are_forgotten(self):
        session = self.etcd._session
        for n in range(300):
            watch = self.etcd.key(f"/many/{n}").watch()
            self.successResultOf(watch.observe(self.told.append).close())
            self.assertEqual(self.shown()[-1], KeyNotFound)
        del watch
        self.clock.advance(LINGER)
        gc.collect()
        self.assertEqual(list(session._shared.values()), [self.watch])
        self.assertEqual((self.store.parked, self.clock.getDelayedCalls()), ([], []))

    def test_a_watch_that_is_observed_is_kept_though_nobody_else_has_it(self):
        self.etcd.key("/w/a").watch().observe(self.told.append)
        gc.collect()
        self.store.set("/w/a", b"1")
        self.assertEqual(self.shown()[-1], b"1")
        self.etcd.key("/w/a").watch().observe(lambda _: None)
        self.assertEqual(len(self.store.parked), 1)

    def test_it_asks_in_nobodys_context(self):
        """Else its requests would belong to the trace of whoever observed first."""

        def ask(op):
            seen.append(trace.get())
            return self.store(op)

        seen: list = []
        trace = ContextVar("trace", default="none")
        etcd = Etcd(Service.mk(ask), clock=self.clock)
        context = copy_context()
        context.run(trace.set, "a caller's")
        context.run(etcd.key("/w").watch().observe, self.told.append)
        self.store.set("/w", b"1")
        self.successResultOf(etcd.close())
        self.assertEqual(set(seen), {"none"})

    def test_many_that_come_and_go_in_any_order_leave_nothing(self):
        random = Random(5)
        keys = [self.etcd.key(f"/w/{n}") for n in range(20)]
        open_ones: list = []
        for _ in range(500):
            if open_ones and random.random() < 0.5:
                open_ones.pop(random.randrange(len(open_ones))).close()
            else:
                watched = random.choice(keys).watch()
                open_ones.append(watched.observe(lambda _: None))
            self.store.set(f"/w/{random.randrange(20)}")
            self.clock.advance(random.random() * 2)
            self.assertLessEqual(len(self.store.parked), 20)
        for each in open_ones:
            each.close()
        self.clock.advance(LINGER)
        self.assertEqual((self.store.parked, self.clock.getDelayedCalls()), ([], []))


class StateTests(Case):
    def test_a_missing_key_is_failed_until_it_is_made(self):
        self.observe()
        self.store.set("/w/a", b"1")
        self.assertEqual(self.shown(), [Pending, KeyNotFound, b"1"])

    def test_a_key_below_a_file_is_missing_as_well(self):
        self.store.index = 7
        self.store.failures = [NotDir(104, "Not a directory", "/w", 7)]
        self.observe()
        self.assertEqual(self.shown(), [Pending, NotDir])

    def test_a_failure_before_anything_is_known_is_told_and_got_over(self):
        self.store.set("/w/a")
        self.store.failures = [NotSent("refused")]
        self.observe()
        self.assertEqual(self.shown(), [Pending, NotSent])
        self.clock.advance(1)
        self.assertEqual(self.shown(), [Pending, NotSent, Action.GET])

    def test_a_failure_after_something_is_known_is_not_told(self):
        self.store.set("/w/a")
        self.observe()
        self.store.set("/w/a", b"1")
        self.store.cut()
        self.assertEqual(self.shown(), [Pending, Action.GET, b"1"])
        self.store.set("/w/a", b"2")
        self.clock.advance(1)
        self.assertEqual(self.shown(), [Pending, Action.GET, b"1", b"2"])

    def test_that_a_key_is_missing_is_something_known(self):
        self.observe()
        self.store.cut()
        self.assertEqual(self.shown(), [Pending, KeyNotFound])

    def test_a_gap_is_told_by_a_snapshot(self):
        self.store.set("/w/a")
        self.observe()
        self.store.set("/w/a", b"1")
        self.lose_history()
        self.assertEqual(self.shown(), [Pending, Action.GET, b"1", Action.GET])

    def test_a_key_that_went_while_history_was_lost_is_told_as_deleted(self):
        self.store.set("/w/a")
        self.observe()
        self.store.values.clear()
        self.lose_history()
        self.assertEqual(self.shown(), [Pending, Action.GET, Action.DELETE])
        self.assertEqual(self.told[-1].value.node, Dir("/w", 34, 34))

    def test_that_it_is_still_missing_after_a_gap_is_not_told_again(self):
        self.observe()
        self.lose_history()
        self.assertEqual(self.shown()[:2], [Pending, KeyNotFound])
        self.assertNotIn(Action.DELETE, self.shown())

    def test_a_key_that_is_gone_is_told_as_deleted_once(self):
        self.store.set("/w/a")
        self.observe()
        self.store.values.clear()
        self.lose_history()
        self.lose_history()
        self.assertEqual(self.shown(), [Pending, Action.GET, Action.DELETE])

    def test_what_was_known_before_it_stopped_is_forgotten(self):
        self.store.set("/w/a")
        self.observe()
        self.close_all()
        self.clock.advance(LINGER)
        self.store.values.clear()
        self.observe()
        self.assertEqual(self.shown(), [Pending, Action.GET, Pending, KeyNotFound])

    def test_that_it_is_missing_after_a_gap_is_not_told_if_it_was_deleted_before(self):
        self.watch = self.etcd.key("/w").watch(backoff=STEADY)
        self.observe()
        self.store.set("/w", b"1")
        self.store.delete("/w")
        self.lose_history()
        self.assertEqual(self.shown(), [Pending, KeyNotFound, b"1", Action.DELETE])

    def test_the_end_of_the_schedule_is_told_and_the_next_observer_begins_anew(self):
        self.watch = self.etcd.key("/w").watch(backoff=[0.5])
        self.store.failures = [NotSent("refused")] * 2
        self.observe()
        self.clock.advance(0.5)
        self.assertEqual(self.shown(), [Pending, NotSent, BackoffsExhausted])
        # It has ended: another observer changes nothing, while this one is there.
        late: list = []
        self.observe(late.append)
        self.assertEqual((self.shown(late), self.store.parked), ([BackoffsExhausted], []))
        self.close_all()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.observe()
        self.assertEqual(self.shown()[3:], [Pending, KeyNotFound])
        self.assertEqual(len(self.store.parked), 1)

    def test_an_observer_may_begin_anew_when_it_is_told_of_the_end(self):
        def again(state):
            self.told.append(state)
            if short(state) is BackoffsExhausted:
                self.close_all()
                self.observe(again)

        self.watch = self.etcd.key("/w").watch(backoff=[])
        self.store.set("/w", b"1")
        self.observe(again)
        self.assertEqual(self.shown(), [Pending, b"1"])
        self.store.cut()
        self.assertEqual(self.shown(), [Pending, b"1", BackoffsExhausted, Pending, b"1"])
        self.assertEqual(len(self.store.parked), 1)
        self.store.set("/w", b"2")
        self.assertEqual(self.shown()[-1], b"2")
        self.close_all()
        self.clock.advance(LINGER)
        self.assertEqual(self.store.parked, [])

    def begin_anew_at_the_end(self):
        """Close all and observe again, when freshness first tells that the watch has ended."""
        begun = False

        def again(freshness):
            nonlocal begun
            if freshness.contact is Contact.ENDED and not begun:
                begun = True
                self.close_all()
                self.observe()

        self.watch.freshness.observe(again)

    def test_an_observer_may_begin_anew_when_freshness_tells_it_of_the_end(self):
        self.watch = self.etcd.key("/w").watch(backoff=[])
        self.store.set("/w", b"1")
        self.observe()
        self.begin_anew_at_the_end()
        self.store.cut()
        self.assertEqual(self.shown(), [Pending, b"1", Pending, b"1"])
        self.assertEqual(short(self.watch.state), b"1")
        self.assertIs(self.watch.freshness.value.contact, Contact.LIVE)
        self.store.set("/w", b"2")
        self.assertEqual(self.shown()[-1], b"2")

    def test_one_that_has_begun_anew_and_ended_at_once_tells_its_own_end(self):
        self.watch = self.etcd.key("/w").watch(backoff=[])
        self.store.set("/w", b"1")
        self.observe()
        self.begin_anew_at_the_end()
        self.store.failures = [NotSent("second")]
        self.store.cut()
        self.assertEqual(self.shown(), [Pending, b"1", Pending, BackoffsExhausted])
        self.assertIn("second", str(self.told[-1].failure.value))

    def test_an_observer_that_cannot_be_called_is_refused_at_once(self):
        error = self.assertRaises(TypeError, self.watch.observe, None)
        self.assertIn("not None", str(error))
        self.assertEqual(self.store.asked, [])

    def test_closing_the_client_is_told(self):
        self.store.set("/w/a")
        self.observe()
        self.successResultOf(self.etcd.close())
        self.assertEqual(self.shown(), [Pending, Action.GET, ServiceClosed])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        late: list = []
        self.observe(late.append)
        self.assertEqual(self.shown(late), [ServiceClosed])

    def test_one_who_observes_after_the_client_was_closed_is_told_so(self):
        self.successResultOf(self.etcd.close())
        self.observe()
        self.assertEqual(self.shown(), [Pending, ServiceClosed])
        self.close_all()
        self.observe()
        self.assertEqual(self.shown()[2:], [Pending, ServiceClosed])


class LingerTests(Case):
    def test_one_who_comes_back_soon_restarts_nothing(self):
        self.store.set("/w/a")
        self.observe()
        for _ in range(3):
            self.close_all()
            self.clock.advance(LINGER * 0.9)
            self.observe()
        self.clock.advance(LINGER * 2)
        self.assertEqual(len([op for op in self.store.asked if op.quorum]), 1)
        self.assertEqual(self.shown(), [Pending] + [Action.GET] * 4)

    def test_changes_while_it_lingers_are_not_lost(self):
        self.store.set("/w/a")
        self.observe()
        self.close_all()
        self.store.set("/w/a", b"1")
        self.observe()
        self.assertEqual(self.shown(), [Pending, Action.GET, b"1"])

    def test_after_that_time_the_request_is_cancelled_and_nothing_is_known(self):
        self.store.set("/w/a")
        self.observe()
        self.close_all()
        self.clock.advance(LINGER - 0.1)
        self.assertEqual(len(self.store.parked), 1)
        self.clock.advance(0.1)
        self.assertEqual((self.store.parked, self.watch.state), ([], Pending()))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.store.set("/w/a", b"1")
        self.observe()
        self.assertEqual(self.shown(), [Pending, Action.GET, Pending, Action.GET])
        self.assertEqual(self.told[-1].value.node.nodes[0].value, b"1")

    def test_it_stops_while_it_waits_after_a_failure(self):
        watch = self.etcd.key("/w").watch(backoff=Backoff.constant(100))
        self.store.failures = [NotSent("refused")]
        watch.observe(lambda _: None).close()
        self.clock.advance(LINGER)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_schedule_that_ends_while_it_lingers(self):
        self.watch = self.etcd.key("/w").watch(backoff=[0.5])
        self.store.failures = [NotSent("refused")] * 2
        self.observe()
        self.close_all()
        self.clock.advance(0.5)
        self.assertEqual(short(self.watch.state), BackoffsExhausted)
        self.observe()
        self.assertEqual(self.shown(), [Pending, NotSent, Pending, KeyNotFound])
        self.clock.advance(LINGER)
        self.assertEqual(len(self.store.parked), 1)

    def test_closing_the_client_ends_the_lingering(self):
        self.observe()
        self.close_all()
        self.assertTrue(self.clock.getDelayedCalls())
        self.successResultOf(self.etcd.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_client_says_for_how_long(self):
        for linger in (0, 60):
            etcd = Etcd(self.store, clock=self.clock, linger=linger)
            etcd.key("/w").watch().observe(self.told.append).close()
            self.clock.advance(linger)
            self.assertEqual(self.store.parked, [], linger)
            self.successResultOf(etcd.close())

    def test_a_time_that_cannot_be_is_refused_and_named(self):
        for linger in (-1, float("inf"), float("nan")):
            error = self.assertRaises(ValueError, Etcd, self.store, clock=self.clock, linger=linger)
            self.assertIn(repr(linger), str(error))
        for wrong in ("5", None, True):
            error = self.assertRaises(TypeError, Etcd, self.store, clock=self.clock, linger=wrong)
            self.assertIn(f"linger={wrong!r}", str(error))


class FreshnessTests(Case):
    def setUp(self):
        super().setUp()
        self.changes: list = []
        self.watch.freshness.observe(self.changes.append)

    def contacts(self):
        return [each.contact for each in self.changes]

    def test_it_is_idle_then_connecting_then_live(self):
        self.observe()
        self.assertEqual(self.contacts(), [Contact.IDLE, Contact.CONNECTING, Contact.LIVE])
        self.assertEqual((self.watch.stale_by, self.watch.freshness.value.live), (0.0, True))

    def test_what_nothing_is_known_of_is_infinitely_old(self):
        self.assertEqual(self.watch.stale_by, float("inf"))

    def test_it_says_since_when_it_reconnects_why_and_how_old_the_state_may_be(self):
        self.observe()
        self.clock.advance(10)
        self.store.failures = [NotSent("refused")] * 2
        self.store.cut()
        heard = self.watch.freshness.value.heard
        assert heard is not None
        self.clock.advance(1)
        self.clock.advance(0.25)
        freshness = self.watch.freshness.value
        self.assertEqual((freshness.contact, freshness.since), (Contact.RECONNECTING, 10.0))
        self.assertIsInstance(freshness.error, NotSent)
        self.assertEqual(self.watch.stale_by, self.clock.seconds() - heard)
        self.clock.advance(1)
        self.clock.advance(1)
        self.assertTrue(self.watch.freshness.value.live)
        self.assertIsNone(self.watch.freshness.value.error)

    def test_answers_while_it_is_live_are_no_news(self):
        self.observe()
        told = len(self.changes)
        for n in range(10):
            self.store.set("/w/a", b"%d" % n)
            self.clock.advance(1)
        self.assertEqual(len(self.changes), told)

    def test_one_that_never_heard_the_server_is_connecting_still(self):
        self.store.failures = [NotSent("refused")] * 3
        self.observe()
        self.clock.advance(1)
        freshness = self.watch.freshness.value
        self.assertEqual((freshness.contact, freshness.since), (Contact.CONNECTING, 0.0))
        self.assertIsInstance(freshness.error, NotSent)
        self.assertEqual(self.watch.stale_by, float("inf"))

    def test_one_that_was_stopped_is_idle_and_knows_nothing(self):
        self.observe()
        self.close_all()
        self.clock.advance(LINGER)
        self.assertEqual(self.contacts()[-1], Contact.IDLE)
        self.assertEqual(self.watch.stale_by, float("inf"))

    def test_one_that_begins_anew_knows_nothing(self):
        self.watch = self.etcd.key("/w").watch(backoff=[0.5])
        self.observe()
        self.store.failures = [NotSent("refused")] * 3
        self.store.cut()
        self.clock.advance(0.5)
        self.assertIs(self.watch.freshness.value.contact, Contact.ENDED)
        self.assertEqual(self.watch.stale_by, 0.5)
        self.close_all()
        self.observe()
        self.assertIs(self.watch.freshness.value.contact, Contact.CONNECTING)
        self.assertEqual(self.watch.stale_by, float("inf"))

    def test_one_that_has_ended_says_why(self):
        self.observe()
        self.successResultOf(self.etcd.close())
        self.assertEqual(self.contacts()[-1], Contact.ENDED)
        self.assertIsInstance(self.changes[-1].error, ServiceClosed)

    def test_a_missing_key_is_an_answer(self):
        self.observe()
        self.assertEqual(self.shown()[-1], KeyNotFound)
        self.assertTrue(self.watch.freshness.value.live)

    def test_it_reads_well(self):
        self.observe()
        self.assertEqual(str(self.watch.freshness.value), "live since 0.000")
        self.store.cut()
        self.assertIn("reconnecting since 0.000: ", str(self.watch.freshness.value))
        self.assertEqual(
            repr(self.watch), "<Watch of '/w', recursive: reconnecting, Failed, observed by 1>"
        )
        self.assertEqual(
            repr(self.etcd.key("/v").watch()), "<Watch of '/v': idle, Pending, observed by 0>"
        )


class IterationTests(Case):
    def setUp(self):
        super().setUp()
        self.store.set("/w/a", b"0")
        self.ready: Deferred | None = None
        self.taken: list = []

    def iterate(self, buffer=3, count=1000):
        async def run():
            async for op in self.watch.iterate(buffer):
                self.taken.append(op)
                if len(self.taken) == count:
                    return
                if self.ready is not None:
                    await self.ready

        running = Deferred.fromCoroutine(run())
        running.addErrback(lambda failure: failure.trap(CancelledError))
        self.addCleanup(running.cancel)
        return running

    def go_on(self):
        ready, self.ready = self.ready, None
        ready.callback(None)

    def write(self, first, last):
        for n in range(first, last + 1):
            self.store.set("/w/a", b"%d" % n)

    def values(self):
        return [
            "snapshot" if op.action is Action.GET else int(op.node.value) for op in self.taken
        ]

    def test_it_yields_a_snapshot_then_every_change(self):
        self.iterate()
        self.write(1, 50)
        self.assertEqual(self.values(), ["snapshot", *range(1, 51)])
        self.assertEqual(len(self.store.parked), 1)

    def test_a_plain_loop_is_the_same(self):
        async def run():
            async for op in self.watch:
                self.taken.append(op)
                if len(self.taken) == 3:
                    return

        running = Deferred.fromCoroutine(run())
        self.write(1, 2)
        self.successResultOf(running)
        self.assertEqual(self.values(), ["snapshot", 1, 2])

    def test_what_is_told_while_a_loop_is_busy_waits_for_it(self):
        self.ready = Deferred()
        self.iterate()
        self.write(1, 3)
        self.assertEqual(self.values(), ["snapshot"])
        self.go_on()
        self.assertEqual(self.values(), ["snapshot", 1, 2, 3])
        self.write(4, 4)
        self.assertEqual((self.values()[-1], len(self.store.parked)), (4, 1))

    def test_a_loop_that_falls_behind_holds_nobody_up_and_goes_on_alone(self):
        self.ready = Deferred()
        self.iterate()
        self.observe()
        self.write(1, 10)
        self.assertEqual(self.shown()[1:], [b"%d" % n for n in range(1, 11)])
        self.go_on()
        self.assertEqual(self.values(), ["snapshot", *range(1, 11)])
        self.write(11, 15)
        self.assertEqual(self.values(), ["snapshot", *range(1, 16)])
        # The one that is shared, and its own.
        self.assertEqual(len(self.store.parked), 2)

    def test_a_loop_that_falls_behind_farther_than_the_history_gets_a_snapshot(self):
        self.ready = Deferred()
        self.iterate()
        self.write(1, 100)
        self.go_on()
        self.assertEqual(self.values(), ["snapshot", 1, 2, 3, "snapshot"])
        self.assertEqual(self.taken[-1].node.nodes[0].value, b"100")
        self.write(101, 102)
        self.assertEqual(self.values()[-2:], [101, 102])

    def test_one_whose_last_was_a_snapshot_goes_on_after_that(self):
        self.ready = Deferred()
        self.iterate(buffer=1)
        self.lose_history()
        for n in (1, 2, 3):
            self.store.set("/w/b", b"%d" % n)
        self.go_on()
        self.assertEqual(self.values(), ["snapshot", "snapshot", 1, 2, 3])

    def test_one_whose_last_was_a_snapshot_gets_another_if_what_was_in_it_has_changed(self):
        self.ready = Deferred()
        self.iterate(buffer=1)
        self.lose_history()
        self.write(1, 3)
        self.go_on()
        self.assertEqual(self.values(), ["snapshot"] * 3)
        self.assertEqual(self.taken[-1].node.nodes[0].value, b"3")
        self.write(4, 5)
        self.assertEqual(self.values()[3:], [4, 5])

    def test_more_than_fits_at_once_makes_it_leave_at_once(self):
        def ask(op):
            if op.wait and len(self.store.truth) < 6:
                self.store.set("/w/b", b"%d" % len(self.store.truth))
            return self.store(op)

        etcd = Etcd(Service.mk(ask), clock=self.clock)
        watch = etcd.key("/w").watch(recursive=True)
        iterator = watch.iterate(1)
        for expected in (None, b"1", b"2", b"3", b"4", b"5"):
            op = self.successResultOf(Deferred.fromCoroutine(step(iterator)))
            self.assertEqual(getattr(op.node, "value", None), expected)
        self.assertIn("observed by 0", repr(watch))
        self.successResultOf(etcd.close())

    def test_a_loop_that_stands_still_costs_the_buffer_and_no_watch(self):
        self.ready = Deferred()
        self.iterate()
        self.write(1, 10)
        self.clock.advance(LINGER)
        self.assertEqual((self.store.parked, self.clock.getDelayedCalls()), ([], []))
        asked = len(self.store.asked)
        self.write(11, 1000)
        self.assertEqual(len(self.store.asked), asked)
        # Besides its history, this store keeps for the tests what it was asked.
        self.store.truth.clear()
        self.store.asked.clear()
        gc.collect()
        alive = [
            each
            for each in gc.get_objects()
            if isinstance(each, NodeOp) and each.node.key == "/w/a"
        ]
        # Its history, the buffer, and the last one that did not fit.
        self.assertLessEqual(len(alive), self.store.capacity + 3 + 1)

    def test_one_that_was_told_of_the_key_and_is_left_behind_is_told_that_it_is_gone(self):
        self.ready = Deferred()
        self.iterate()
        self.write(1, 10)
        self.store.values.clear()
        for _ in range(40):
            self.store.set("/elsewhere")
        self.go_on()
        self.assertEqual(self.taken[-1].action, Action.DELETE)
        self.assertEqual(self.taken[-1].node, Dir("/w", self.store.index, self.store.index))

    def test_a_missing_key_is_waited_for(self):
        self.watch = self.etcd.key("/v").watch(recursive=True)
        self.iterate()
        self.assertEqual(self.taken, [])
        self.store.set("/v/a", b"1")
        self.assertEqual(self.values(), [1])

    def test_failures_that_pass_are_waited_through(self):
        self.store.failures = [NotSent("refused")]
        self.iterate()
        self.clock.advance(1)
        self.write(1, 1)
        self.store.cut()
        self.write(2, 2)
        self.clock.advance(1)
        self.assertEqual(self.values(), ["snapshot", 1, 2])

    def test_a_loop_that_is_left_leaves_nothing_behind(self):
        running = self.iterate(count=2)
        self.write(1, 1)
        self.assertIsNone(self.successResultOf(running))
        self.assertIn("observed by 0", repr(self.watch))
        self.clock.advance(LINGER)
        self.assertEqual((self.store.parked, self.clock.getDelayedCalls()), ([], []))

    def test_a_loop_whose_task_is_cancelled_leaves_nothing_behind(self):
        running = self.iterate()
        running.cancel()
        self.successResultOf(running)
        gc.collect()
        self.assertIn("observed by 0", repr(self.watch))

    def test_an_iterator_in_a_circle_of_references_is_collected(self):
        iterator = self.watch.iterate()
        self.successResultOf(Deferred.fromCoroutine(step(iterator)))
        self.assertIn("observed by 1", repr(self.watch))
        circle: list = [iterator]
        circle.append(circle)
        del iterator, circle
        gc.collect()
        self.assertIn("observed by 0", repr(self.watch))

    def test_an_iterator_that_waits_is_not_collected(self):
        self.iterate()
        gc.collect()
        self.write(1, 1)
        self.assertEqual(self.values(), ["snapshot", 1])

    def test_one_that_is_closed_drops_what_it_holds_and_ends(self):
        iterator = self.watch.iterate()
        self.successResultOf(Deferred.fromCoroutine(step(iterator)))
        self.write(1, 2)
        self.successResultOf(Deferred.fromCoroutine(iterator.aclose()))
        self.assertIn("observed by 0", repr(self.watch))
        for _ in range(2):
            self.failureResultOf(Deferred.fromCoroutine(step(iterator)), StopAsyncIteration)

    def test_closing_ends_a_step_that_waits(self):
        iterator = self.watch.iterate()
        self.successResultOf(Deferred.fromCoroutine(step(iterator)))
        waiting = Deferred.fromCoroutine(step(iterator))
        self.successResultOf(Deferred.fromCoroutine(iterator.aclose()))
        self.failureResultOf(waiting, StopAsyncIteration)

    def test_closing_before_the_first_step_observes_nothing(self):
        iterator = self.watch.iterate()
        self.successResultOf(Deferred.fromCoroutine(iterator.aclose()))
        self.failureResultOf(Deferred.fromCoroutine(step(iterator)), StopAsyncIteration)
        self.assertEqual(self.store.asked, [])

    def test_closing_one_that_goes_on_alone_ends_it(self):
        iterator = self.watch.iterate(1)
        self.successResultOf(Deferred.fromCoroutine(step(iterator)))
        self.write(1, 3)
        for n in (1, 2, 3):
            op = self.successResultOf(Deferred.fromCoroutine(step(iterator)))
            self.assertEqual(int(op.node.value), n)
        self.assertIn("alone", repr(iterator))
        self.successResultOf(Deferred.fromCoroutine(iterator.aclose()))
        self.failureResultOf(Deferred.fromCoroutine(step(iterator)), StopAsyncIteration)

    def alone(self):
        """An iterator that has left the shared watch, and a step of it that waits."""
        iterator = self.watch.iterate(1)
        self.successResultOf(Deferred.fromCoroutine(step(iterator)))
        self.write(1, 2)
        for _ in range(2):
            self.successResultOf(Deferred.fromCoroutine(step(iterator)))
        self.clock.advance(LINGER)
        waiting = Deferred.fromCoroutine(step(iterator))
        self.assertIn("alone", repr(iterator))
        self.assertEqual(len(self.store.parked), 1)
        return iterator, waiting

    def test_closing_one_that_goes_on_alone_ends_a_step_that_waits(self):
        iterator, waiting = self.alone()
        self.successResultOf(Deferred.fromCoroutine(iterator.aclose()))
        self.failureResultOf(waiting, StopAsyncIteration)
        self.assertEqual((self.store.parked, self.clock.getDelayedCalls()), ([], []))

    def test_two_steps_at_once_of_one_that_goes_on_alone_are_refused(self):
        iterator, waiting = self.alone()
        self.failureResultOf(Deferred.fromCoroutine(step(iterator)), RuntimeError)
        self.write(3, 3)
        self.assertEqual(self.successResultOf(waiting).node.value, b"3")

    def test_a_step_that_was_cancelled_loses_nothing(self):
        iterator = self.watch.iterate()
        self.successResultOf(Deferred.fromCoroutine(step(iterator)))
        waiting = Deferred.fromCoroutine(step(iterator))
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.write(1, 2)
        for n in (1, 2):
            op = self.successResultOf(Deferred.fromCoroutine(step(iterator)))
            self.assertEqual(int(op.node.value), n)

    def test_two_steps_at_once_are_refused(self):
        iterator = self.watch.iterate()
        self.successResultOf(Deferred.fromCoroutine(step(iterator)))
        waiting = Deferred.fromCoroutine(step(iterator))
        self.failureResultOf(Deferred.fromCoroutine(step(iterator)), RuntimeError)
        self.write(1, 1)
        self.successResultOf(waiting)

    def test_the_end_of_the_schedule_is_raised_after_all_that_came_before(self):
        self.watch = self.etcd.key("/w").watch(recursive=True, backoff=[])
        iterator = self.watch.iterate()
        self.successResultOf(Deferred.fromCoroutine(step(iterator)))
        self.write(1, 1)
        self.store.cut()
        self.successResultOf(Deferred.fromCoroutine(step(iterator)))
        self.failureResultOf(Deferred.fromCoroutine(step(iterator)), BackoffsExhausted)
        self.failureResultOf(Deferred.fromCoroutine(step(iterator)), StopAsyncIteration)

    def test_closing_the_client_is_raised(self):
        iterator = self.watch.iterate()
        self.successResultOf(Deferred.fromCoroutine(step(iterator)))
        waiting = Deferred.fromCoroutine(step(iterator))
        self.successResultOf(self.etcd.close())
        self.failureResultOf(waiting, ServiceClosed)
        self.failureResultOf(Deferred.fromCoroutine(step(iterator)), StopAsyncIteration)

    def test_closing_the_client_is_raised_by_one_that_goes_on_alone(self):
        iterator = self.watch.iterate(1)
        self.successResultOf(Deferred.fromCoroutine(step(iterator)))
        self.write(1, 2)
        for _ in range(2):
            self.successResultOf(Deferred.fromCoroutine(step(iterator)))
        waiting = Deferred.fromCoroutine(step(iterator))
        self.successResultOf(self.etcd.close())
        self.failureResultOf(waiting, ServiceClosed)
        self.failureResultOf(Deferred.fromCoroutine(step(iterator)), StopAsyncIteration)

    def test_a_buffer_that_holds_nothing_is_refused_and_named(self):
        for buffer in (0, -1):
            error = self.assertRaises(ValueError, self.watch.iterate, buffer)
            self.assertIn(str(buffer), str(error))
        self.assertRaises(TypeError, self.watch.iterate, 1.5)

    def test_a_loop_among_many_sees_each_change_once_whatever_happens(self):
        for seed in range(20):
            self.watched_at_random(Random(seed))

    def watched_at_random(self, random):
        """A loop that is busy for random times, on a store that fails at random times."""
        self.taken.clear()
        running = self.iterate(buffer=random.randint(1, 5))
        written = [int(self.store.values["/w/a"][0])]
        for n in range(60):
            if random.random() < 0.3 and self.ready is None:
                self.ready = Deferred()
            elif random.random() < 0.3 and self.ready is not None:
                self.go_on()
            if random.random() < 0.1:
                self.store.cut()
            written.append(written[-1] + 1)
            self.store.set("/w/a", b"%d" % written[-1])
            if n % 7 == 0:
                self.clock.advance(1)
        if self.ready is not None:
            self.go_on()
        self.clock.advance(2)
        position: int | None = None
        for op in self.taken:
            snapshot = op.action is Action.GET
            value = int(op.node.nodes[0].value if snapshot else op.node.value)
            found = written.index(value)
            # It begins with what was told last.
            if position is not None and not snapshot:
                self.assertEqual(found, position + 1)
            position = found
        self.assertEqual(position, len(written) - 1)
        running.cancel()


async def step(iterator):
    return await iterator.__anext__()


class FailureTests(Case):
    def test_a_service_that_fails_as_if_cancelled_is_a_failure_that_passes(self):
        self.store.failures = [CancelledError()]
        self.observe()
        self.assertEqual(self.shown(), [Pending, CancelledError])
        self.clock.advance(1)
        self.assertEqual(self.shown(), [Pending, CancelledError, KeyNotFound])

    def test_an_error_keeps_its_identity(self):
        error = ReplyLost("cut")
        self.store.failures = [error]
        self.observe()
        state = self.told[-1]
        assert isinstance(state, Failed) and isinstance(state.failure, Failure)
        self.assertIs(state.failure.value, error)
