"""The events of a key: what witnesses and iterations are told, and how they stop."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

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
    NotSent,
    ReplyLost,
    Service,
    ServiceClosed,
)
from txetcd.errors import NotDir


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.store = Store(capacity=20)
        self.etcd = Etcd(self.store, clock=self.clock)
        self.key = self.etcd.key("/w")
        self.told: list = []
        self.registrations: list = []
        self.running: list[Deferred] = []

    def tearDown(self):
        for registration in self.registrations:
            self.successResultOf(registration.close())
        for running in self.running:
            running.addErrback(lambda failure: failure.trap(CancelledError)).cancel()
        self.successResultOf(self.etcd.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.store.parked, [])

    def actions(self):
        return [
            type(each.value) if isinstance(each, Failure) else each.action for each in self.told
        ]


class WitnessTests(Case):
    def register(self, witness=None, **options):
        events = self.key.events(recursive=True, **options)
        self.registrations.append(events.register(witness or self.told.append))
        return self.registrations[-1]

    def test_a_witness_is_told_a_snapshot_then_changes(self):
        self.store.set("/w/a")
        self.register()
        self.store.set("/w/a")
        self.store.delete("/w/a")
        self.assertEqual(self.actions(), [Action.GET, Action.SET, Action.DELETE])

    def test_a_witness_is_told_that_the_key_is_missing(self):
        self.register()
        self.store.set("/w/a")
        self.assertEqual(self.actions(), [KeyNotFound, Action.SET])

    def test_a_witness_is_told_of_failures_that_pass(self):
        self.register(backoff=Backoff.constant(1))
        self.store.cut()
        self.store.set("/w/a")
        self.clock.advance(1)
        self.assertEqual(self.actions(), [KeyNotFound, ReplyLost, Action.SET])

    def test_the_last_that_is_told_is_that_the_schedule_has_ended(self):
        self.store.failures = [NotSent("refused")] * 5
        self.register(backoff=Backoff.from_iterable([0.5]))
        self.clock.advance(0.5)
        self.clock.advance(100)
        self.assertEqual(self.actions(), [NotSent, BackoffsExhausted])
        self.assertEqual(len(self.store.asked), 2)

    def test_each_witness_has_a_poll_of_its_own(self):
        other: list = []
        events = self.key.events(recursive=True)
        self.registrations.append(events.register(self.told.append))
        registration = events.register(other.append)
        self.assertEqual(len(self.store.parked), 2)
        self.successResultOf(registration.close())
        self.assertEqual(len(self.store.parked), 1)
        self.store.set("/w/a")
        self.assertEqual((len(self.told), len(other)), (2, 1))

    def test_a_witness_that_raises_is_logged_and_told_on(self):
        def raises(result):
            self.told.append(result)
            raise RuntimeError("a bug of the user's")

        self.register(raises)
        self.register()
        self.store.set("/w/a")
        self.assertEqual(self.actions(), [KeyNotFound, KeyNotFound, Action.SET, Action.SET])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)

    def test_the_poll_waits_for_a_witness_that_returns_a_deferred(self):
        ready: Deferred = Deferred()

        def slow(result):
            self.told.append(result)
            return ready

        self.register(slow)
        self.store.set("/w/a")
        self.assertEqual((len(self.told), self.store.parked), (1, []))
        ready.callback(None)
        self.assertEqual(len(self.told), 2)

    def test_the_poll_waits_for_an_async_witness(self):
        async def witness(result):
            self.told.append(result)
            raise RuntimeError("a bug of the user's")

        self.register(witness)
        self.store.set("/w/a")
        self.assertEqual(self.actions(), [KeyNotFound, Action.SET])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)

    def test_closing_cancels_the_wait_at_once_and_tells_no_more(self):
        registration = self.register()
        self.assertEqual(len(self.store.parked), 1)
        self.successResultOf(registration.close())
        self.assertEqual(self.store.parked, [])
        self.store.set("/w/a")
        self.assertEqual(self.actions(), [KeyNotFound])
        self.successResultOf(registration.close())

    def test_closing_during_a_delay_leaves_no_delayed_call(self):
        registration = self.register(backoff=Backoff.constant(100))
        self.store.cut()
        self.successResultOf(registration.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_witness_may_close_its_own_registration(self):
        closed = []

        def witness(result):
            self.told.append(result)
            if isinstance(result, Failure):
                return
            closed.append(registration.close())

        registration = self.register(witness)
        self.store.set("/w/a")
        self.store.set("/w/a")
        self.assertEqual(self.actions(), [KeyNotFound, Action.SET])
        self.successResultOf(closed[0])
        self.successResultOf(registration.close())

    def test_an_async_witness_may_wait_for_its_own_closing(self):
        async def witness(result):
            self.told.append(result)
            if not isinstance(result, Failure):
                await registration.close()
                self.told.append(result)

        registration = self.register(witness)
        self.store.set("/w/a")
        self.store.set("/w/a")
        self.assertEqual(self.actions(), [KeyNotFound, Action.SET, Action.SET])

    def test_closing_while_a_witness_is_slow_does_not_wait_for_it(self):
        registration = self.register(lambda result: Deferred())
        self.successResultOf(registration.close())

    def test_a_witness_is_told_that_the_client_was_closed(self):
        self.register()
        self.successResultOf(self.etcd.close())
        self.assertEqual(self.actions(), [KeyNotFound, ServiceClosed])

    def test_a_service_that_fails_as_if_cancelled_is_a_failure_that_passes(self):
        self.store.failures = [CancelledError(), CancelledError()]
        self.register(backoff=Backoff.constant(1))
        self.assertEqual(self.actions(), [CancelledError])
        self.clock.advance(1)
        self.clock.advance(1)
        self.assertEqual(self.actions(), [CancelledError, CancelledError, KeyNotFound])

    def test_a_registration_tells_its_state(self):
        registration = self.register()
        self.store.set("/w/a")
        self.assertEqual(
            repr(registration),
            "<registration, open: <Poll of '/w': <Changes of '/w' from index 5>>>",
        )
        registration.close()
        self.assertIn("closed", repr(registration))


class ResumptionTests(Case):
    """Going on after an index that an earlier watch has reached."""

    def resume(self, index):
        events = self.key.events(recursive=True, after_index=index)
        self.registrations.append(events.register(self.told.append))

    def test_changes_since_the_index_are_told_without_a_snapshot(self):
        first = self.store.set("/w/a", b"1")
        self.store.set("/w/a", b"2")
        self.resume(first.node.modified_index)
        self.store.set("/w/a", b"3")
        self.assertEqual([op.node.value for op in self.told], [b"2", b"3"])

    def test_a_broken_connection_before_the_first_change_loses_nothing(self):
        first = self.store.set("/w/a", b"1")
        self.resume(first.node.modified_index)
        self.store.cut()
        self.store.set("/w/a", b"2")
        self.clock.advance(1)
        self.assertEqual(self.actions(), [ReplyLost, Action.SET])

    def test_changes_that_are_no_longer_kept_are_covered_by_a_snapshot(self):
        first = self.store.set("/w/a", b"1")
        for _ in range(30):
            self.store.set("/w/b")
        self.resume(first.node.modified_index)
        self.assertEqual(self.actions(), [Action.GET])

    def test_an_index_that_the_store_has_not_reached_begins_with_a_snapshot(self):
        self.store.set("/w/a", b"1")
        self.resume(1000)
        self.clock.advance(1)
        self.assertEqual(self.actions(), [Action.GET])

    def test_an_index_that_cannot_be_is_refused_and_named(self):
        for index in (-1, 2**64):
            error = self.assertRaises(ValueError, self.key.events, after_index=index)
            self.assertIn(str(index), str(error))


class IterationTests(Case):
    def iterate(self, count=100, **options):
        """Take so many events in a coroutine."""

        async def run():
            async for op in self.key.events(recursive=True, **options):
                self.told.append(op)
                if len(self.told) == count:
                    return

        self.running.append(Deferred.fromCoroutine(run()))
        return self.running[-1]

    def test_an_iteration_yields_a_snapshot_then_changes(self):
        self.store.set("/w/a")
        self.iterate()
        self.store.set("/w/a")
        self.assertEqual(self.actions(), [Action.GET, Action.SET])

    def test_an_iteration_waits_for_a_missing_key(self):
        self.iterate()
        self.assertEqual(self.actions(), [])
        self.store.set("/w/a")
        self.assertEqual(self.actions(), [Action.SET])

    def test_a_loop_that_is_left_leaves_nothing_behind(self):
        self.store.set("/w/a")
        self.successResultOf(self.iterate(1))
        self.assertEqual((self.store.parked, self.clock.getDelayedCalls()), ([], []))

    def test_a_slow_consumer_has_no_request_under_way(self):
        ready: Deferred = Deferred()

        async def run():
            async for op in self.key.events(recursive=True):
                self.told.append(op)
                await ready

        self.store.set("/w/a")
        running = Deferred.fromCoroutine(run())
        self.assertEqual(self.store.parked, [])
        for n in range(5):
            self.store.set("/w/a", b"%d" % n)
        ready.callback(None)
        self.assertEqual(len(self.told), 6)
        running.cancel()
        self.failureResultOf(running, CancelledError)

    def test_cancelling_a_step_stops_it_and_the_next_step_goes_on(self):
        self.store.set("/w/a")
        iterator = self.key.events(recursive=True).__aiter__()
        self.successResultOf(Deferred.fromCoroutine(iterator.__anext__()))
        step = Deferred.fromCoroutine(iterator.__anext__())
        step.cancel()
        self.failureResultOf(step, CancelledError)
        self.assertEqual(self.store.parked, [])
        self.store.set("/w/a", b"missed")
        op = self.successResultOf(Deferred.fromCoroutine(iterator.__anext__()))
        self.assertEqual(op.node.value, b"missed")

    def step(self, iterator):
        return Deferred.fromCoroutine(iterator.__anext__())

    def close(self, iterator):
        self.successResultOf(Deferred.fromCoroutine(iterator.aclose()))

    def test_closing_ends_a_step_that_waits_and_cancels_its_wait(self):
        self.store.set("/w/a")
        iterator = self.key.events(recursive=True).__aiter__()
        self.successResultOf(self.step(iterator))
        waiting = self.step(iterator)
        self.assertEqual(len(self.store.parked), 1)
        self.close(iterator)
        self.failureResultOf(waiting, StopAsyncIteration)
        self.assertEqual(self.store.parked, [])
        self.failureResultOf(self.step(iterator), StopAsyncIteration)

    def test_closing_ends_a_step_that_waits_for_the_next_attempt(self):
        errors: list = []
        events = self.key.events(backoff=Backoff.constant(9), on_error=errors.append)
        self.store.failures = [NotSent("refused")]
        iterator = events.__aiter__()
        waiting = self.step(iterator)
        self.close(iterator)
        self.failureResultOf(waiting, StopAsyncIteration)
        self.assertEqual((self.clock.getDelayedCalls(), len(errors)), ([], 1))

    def test_what_a_closed_step_fails_with_is_told_to_nobody(self):
        def stubborn(op):
            return Deferred(lambda reply: reply.errback(ReplyLost("hung up")))

        errors: list = []
        etcd = Etcd(Service.mk(stubborn), clock=self.clock)
        iterator = etcd.key("/w").events(on_error=errors.append).__aiter__()
        waiting = self.step(iterator)
        self.close(iterator)
        self.failureResultOf(waiting, StopAsyncIteration)
        self.assertEqual((errors, self.clock.getDelayedCalls()), ([], []))

    def test_a_service_that_closes_the_iterator_it_is_asked_by_is_not_waited_for(self):
        def closing(op):
            self.close(iterator)
            return self.store(op)

        self.store.set("/w/a")
        etcd = Etcd(Service.mk(closing), clock=self.clock)
        iterator = etcd.key("/w").events(recursive=True, after_index=9).__aiter__()
        self.store.index = 9
        self.failureResultOf(self.step(iterator), StopAsyncIteration)
        self.assertEqual(self.store.parked, [])

    def test_two_steps_at_once_are_refused(self):
        self.store.set("/w/a")
        iterator = self.key.events(recursive=True).__aiter__()
        self.successResultOf(self.step(iterator))
        waiting = self.step(iterator)
        self.failureResultOf(self.step(iterator), RuntimeError)
        self.store.set("/w/a", b"1")
        self.assertEqual(self.successResultOf(waiting).node.value, b"1")
        self.store.set("/w/a", b"2")
        self.assertEqual(self.successResultOf(self.step(iterator)).node.value, b"2")

    def test_failures_that_pass_are_told_to_on_error(self):
        errors: list = []
        self.iterate(backoff=Backoff.constant(1), on_error=errors.append)
        self.store.cut()
        self.clock.advance(1)
        self.store.set("/w/a")
        self.assertEqual(([type(e) for e in errors], self.actions()), ([ReplyLost], [Action.SET]))

    def test_an_on_error_that_raises_is_logged_and_the_iteration_goes_on(self):
        def raises(error):
            raise RuntimeError("a bug of the user's")

        self.iterate(backoff=Backoff.constant(1), on_error=raises)
        self.store.cut()
        self.clock.advance(1)
        self.store.set("/w/a")
        self.assertEqual(self.actions(), [Action.SET])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_the_end_of_the_schedule_is_raised(self):
        self.store.failures = [NotSent("refused")] * 5
        running = self.iterate(backoff=Backoff.from_iterable([0.5]), on_error=lambda _: None)
        self.clock.advance(0.5)
        error = self.failureResultOf(running, BackoffsExhausted).value
        self.assertEqual([type(reason) for reason in error.reasons], [NotSent, NotSent])
        self.assertEqual(error.subject, "/w")

    def test_closing_the_client_is_raised(self):
        running = self.iterate()
        self.successResultOf(self.etcd.close())
        self.failureResultOf(running, ServiceClosed)

    def test_an_iteration_that_has_ended_stays_ended(self):
        iterator = self.key.events().__aiter__()
        self.successResultOf(Deferred.fromCoroutine(iterator.aclose()))
        self.failureResultOf(Deferred.fromCoroutine(iterator.__anext__()), StopAsyncIteration)

    def lose_history(self):
        self.store.cut()
        self.store.values.clear()
        for _ in range(30):
            self.store.set("/elsewhere")
        self.clock.advance(10)

    def test_a_key_that_went_while_history_was_lost_is_told_as_deleted(self):
        self.store.set("/w/a")
        self.iterate(backoff=Backoff.constant(1), on_error=lambda _: None)
        self.lose_history()
        self.assertEqual(self.actions(), [Action.GET, Action.DELETE])
        last = self.told[-1]
        self.assertEqual((last.node, last.prev_node), (Dir("/w", 34, 34), None))
        self.assertEqual(last.etcd.index, 34)

    def test_one_who_goes_on_after_an_index_is_told_that_a_key_is_gone(self):
        first = self.store.set("/w/a")
        self.store.values.clear()
        self.iterate(after_index=first.node.modified_index)
        self.lose_history()
        self.assertEqual(self.actions(), [Action.DELETE])

    def test_a_key_that_never_was_is_not_told_as_deleted(self):
        self.iterate(backoff=Backoff.constant(1), on_error=lambda _: None)
        self.lose_history()
        self.assertEqual(self.actions(), [])

    def test_a_key_that_was_deleted_before_is_not_told_as_deleted_again(self):
        self.key = self.etcd.key("/w")
        self.store.set("/w", b"1")
        self.iterate(backoff=Backoff.constant(1), on_error=lambda _: None)
        self.store.delete("/w")
        self.lose_history()
        self.assertEqual(self.actions(), [Action.GET, Action.DELETE])
        self.assertIsInstance(self.told[1].node, Data)

    def test_a_key_below_a_file_is_missing_as_well(self):
        self.store.index = 7
        self.store.failures = [NotDir(104, "Not a directory", "/w", 7)]
        self.iterate()
        self.store.set("/w/a")
        self.assertEqual(self.actions(), [Action.SET])


class ArgumentTests(Case):
    def test_what_cannot_be_called_is_refused_at_once_and_named(self):
        error = self.assertRaises(TypeError, self.key.events().register, None)
        self.assertIn("not None", str(error))
        error = self.assertRaises(TypeError, self.key.events, on_error=5)
        self.assertIn("on_error=5", str(error))
        self.assertEqual(self.store.asked, [])

    def test_a_schedule_that_is_none_is_refused_and_named(self):
        for ask in (self.key.events, self.key.watch, self.key.watch_tree):
            for backoff in (5, None, "12", b"12"):
                error = self.assertRaises(TypeError, ask, backoff=backoff)
                self.assertIn(f"backoff={backoff!r}", str(error))

    def test_a_delay_that_cannot_be_is_refused_at_once_and_named(self):
        for ask in (self.key.events, self.key.watch, self.key.watch_tree):
            for delay in (-1, "x", None, float("nan"), float("inf"), 10**400):
                for backoff in ([0.1, delay], (0.1, delay)):
                    error = self.assertRaises(ValueError, ask, backoff=backoff)
                    self.assertIn("backoff=", str(error))
                    self.assertIn(f"not {delay!r}", str(error))

    def test_a_schedule_may_be_any_iterable_of_delays(self):
        given: tuple[Any, ...] = ([], [1, timedelta(seconds=1)], iter([1]), Backoff.constant(1))
        for backoff in given:
            self.key.events(backoff=backoff)
