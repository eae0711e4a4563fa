"""What is under way, and that closing ends all of it."""

from __future__ import annotations

from functools import partial

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from txetcd.errors import NotSent, ReplyLost, RequestCancelled, ServiceClosed
from txetcd.inflight import InFlight


class Case(SynchronousTestCase):
    def setUp(self):
        self.in_flight: InFlight = InFlight()
        self.begun: list[Deferred] = []

    def begin(self) -> Deferred:
        self.begun.append(Deferred())
        return self.begun[-1]

    def add(self) -> Deferred:
        return self.in_flight.add(self.begin)


def passed(deferred: Deferred) -> Deferred:
    return deferred


def end_with(error: Exception, deferred: Deferred) -> None:
    deferred.errback(error)


class OpenTests(Case):
    def test_what_was_begun_is_passed_on_as_it_is(self):
        added = self.add()
        self.assertIs(added, self.begun[0])
        self.begun[0].callback("answer")
        self.assertEqual(self.successResultOf(added), "answer")

    def test_what_begins_is_given_its_arguments(self):
        self.assertEqual(self.successResultOf(self.in_flight.add(succeed, "answer")), "answer")

    def test_what_has_ended_is_forgotten(self):
        one, other, cancelled = self.add(), self.add(), self.add()
        self.assertEqual(len(self.in_flight), 3)
        self.begun[0].callback(None)
        self.begun[1].errback(NotSent("refused"))
        self.assertEqual(len(self.in_flight), 1)
        cancelled.cancel()
        self.assertEqual(len(self.in_flight), 0)
        self.successResultOf(one)
        self.failureResultOf(other, NotSent)
        self.failureResultOf(cancelled, CancelledError)

    def test_what_has_ended_at_once_is_never_kept(self):
        self.successResultOf(self.in_flight.add(lambda: succeed(1)))
        self.failureResultOf(self.in_flight.add(lambda: fail(NotSent("refused"))), NotSent)
        self.assertEqual(len(self.in_flight), 0)

    def test_what_waits_for_another_deferred_is_still_under_way(self):
        answer: Deferred = Deferred()
        added = self.in_flight.add(lambda: succeed(None).addCallback(lambda _: answer))
        self.assertEqual(len(self.in_flight), 1)
        answer.callback("answer")
        self.assertEqual(self.successResultOf(added), "answer")
        self.assertEqual(len(self.in_flight), 0)

    def test_the_repr_counts(self):
        self.add()
        self.assertEqual(repr(self.in_flight), "<InFlight open, 1 under way>")
        self.begun[0].callback(None)
        self.in_flight.close()
        self.assertEqual(repr(self.in_flight), "<InFlight closed, 0 under way>")


class CloseTests(Case):
    def test_all_is_cancelled_and_fails_with_service_closed(self):
        one, other = self.add(), self.add()
        self.assertIsNone(self.successResultOf(self.in_flight.close()))
        self.failureResultOf(one, ServiceClosed)
        self.failureResultOf(other, ServiceClosed)
        self.assertTrue(self.in_flight.closed)

    def test_the_error_says_whether_what_was_ended_may_have_been_done(self):
        for cancelled, expected in [
            (CancelledError(), True),
            (RequestCancelled(sent=True), True),
            (RequestCancelled(sent=False), False),
        ]:
            in_flight: InFlight = InFlight()
            waiting: Deferred = Deferred(partial(end_with, cancelled))
            added = in_flight.add(partial(passed, waiting))
            in_flight.close()
            error = self.failureResultOf(added, ServiceClosed).value
            self.assertIs(error.possibly_applied, expected)

    def test_nothing_is_begun_any_more(self):
        self.in_flight.close()
        error = self.failureResultOf(self.add(), ServiceClosed).value
        self.assertFalse(error.possibly_applied)
        self.assertEqual(self.begun, [])

    def test_an_outcome_that_is_not_a_cancellation_is_kept(self):
        answered = self.in_flight.add(lambda: Deferred(lambda answer: answer.callback("late")))
        failed = self.in_flight.add(lambda: Deferred(lambda answer: answer.errback(ReplyLost())))
        self.successResultOf(self.in_flight.close())
        self.assertEqual(self.successResultOf(answered), "late")
        self.failureResultOf(failed, ReplyLost)

    def test_it_waits_for_what_takes_time_to_end(self):
        ending: Deferred = Deferred()
        added = self.in_flight.add(lambda: Deferred().addErrback(lambda _: ending))
        closed = self.in_flight.close()
        self.assertNoResult(closed)
        self.assertEqual(len(self.in_flight), 1)
        ending.errback(CancelledError())
        self.assertIsNone(self.successResultOf(closed))
        self.failureResultOf(added, ServiceClosed)
        self.assertIsNone(self.successResultOf(self.in_flight.close()))

    def test_closing_twice_at_a_time_waits_twice(self):
        ending: Deferred = Deferred()
        # It takes two cancellations, and goes on.
        stubborn = Deferred().addErrback(lambda _: Deferred()).addErrback(lambda _: ending)
        added = self.in_flight.add(lambda: stubborn)
        first, second = self.in_flight.close(), self.in_flight.close()
        self.assertNoResult(first)
        self.assertNoResult(second)
        ending.callback("answer")
        self.assertIsNone(self.successResultOf(first))
        self.assertIsNone(self.successResultOf(second))
        self.assertEqual(self.successResultOf(added), "answer")

    def test_it_does_not_wait_for_what_the_users_of_the_deferreds_do(self):
        added = self.add().addErrback(lambda failure: Deferred())
        self.assertIsNone(self.successResultOf(self.in_flight.close()))
        self.assertNoResult(added)

    def test_what_its_user_waits_for_is_not_cancelled(self):
        cancelled: list[Deferred] = []

        def goes_on(_):
            return Deferred(cancelled.append)

        # Whichever is cancelled first answers the other, whose user then goes on.
        one, other = self.add(), self.add()
        one.addCallbacks(goes_on, lambda failure: other.callback(None))
        other.addCallbacks(goes_on, lambda failure: one.callback(None))
        self.successResultOf(self.in_flight.close())
        self.assertEqual(cancelled, [])


class ReentrancyTests(Case):
    def test_what_is_begun_while_closing_is_refused(self):
        begun: list[Deferred] = []
        one = self.add().addErrback(lambda failure: begun.append(self.add()))
        self.successResultOf(self.in_flight.close())
        self.successResultOf(one)
        self.failureResultOf(begun[0], ServiceClosed)
        self.assertEqual(len(self.begun), 1)

    def test_one_that_ends_another_while_closing(self):
        one, other = self.add(), self.add()
        one.addErrback(lambda failure: other.cancel())
        other.addErrback(lambda failure: one.cancel())
        self.assertIsNone(self.successResultOf(self.in_flight.close()))
        self.successResultOf(one)
        self.successResultOf(other)
        self.assertEqual(len(self.in_flight), 0)

    def test_closing_again_while_closing(self):
        closed: list[Deferred] = []
        one = self.add().addErrback(lambda failure: closed.append(self.in_flight.close()))
        other = self.add()
        closed.append(self.in_flight.close())
        for each in closed:
            self.assertIsNone(self.successResultOf(each))
        self.assertEqual(len(closed), 2)
        self.successResultOf(one)
        self.failureResultOf(other, ServiceClosed)

    def test_what_closes_all_while_it_begins_is_ended_too(self):
        closed: list[Deferred] = []

        def begin():
            closed.append(self.in_flight.close())
            return self.begin()

        added = self.in_flight.add(begin)
        self.failureResultOf(added, ServiceClosed)
        self.successResultOf(closed[0])
        self.assertEqual(len(self.in_flight), 0)

    def test_a_callback_may_wait_for_the_closing_that_ends_it(self):
        closed: Deferred = Deferred()
        added = self.add().addErrback(lambda failure: closed)
        self.in_flight.close().chainDeferred(closed)
        self.successResultOf(added)
