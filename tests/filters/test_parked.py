"""Parked: long polls that are ended all together; and Deferreds that end when cancelled."""

from __future__ import annotations

import gc
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from txetcd import NotSent, ReplyLost, RequestCancelled
from txetcd.errors import EndpointDown
from txetcd.filters.parked import Parked, detached


def instead(failure: object, other: Deferred) -> Deferred:
    return other


class ParkedTests(SynchronousTestCase):
    def setUp(self):
        self.parked = Parked()

    def park(self, *canceller: Any) -> Deferred:
        return self.parked.add(Deferred(*canceller))

    def test_it_counts_what_has_not_ended(self):
        one, other = self.park(), self.park()
        self.assertEqual(len(self.parked), 2)
        one.callback("answer")
        self.assertEqual(len(self.parked), 1)
        other.errback(NotSent())
        self.assertEqual(len(self.parked), 0)
        self.assertEqual(self.successResultOf(one), "answer")
        self.failureResultOf(other, NotSent)

    def test_what_has_ended_already_is_not_counted(self):
        self.assertEqual(self.successResultOf(self.parked.add(succeed(1))), 1)
        self.failureResultOf(self.parked.add(fail(NotSent())), NotSent)
        self.assertEqual(len(self.parked), 0)

    def test_the_deferred_is_the_same(self):
        deferred: Deferred = Deferred()
        self.assertIs(self.parked.add(deferred), deferred)

    def test_ending_them_fails_all_with_endpoint_down(self):
        polls = [self.park() for _ in range(3)]
        self.parked.end()
        for each in polls:
            error = self.failureResultOf(each, EndpointDown).value
            self.assertTrue(error.retryable)
            self.assertFalse(error.possibly_applied)
            self.assertIn("parked", str(error))
        self.assertEqual(len(self.parked), 0)
        self.parked.end()

    def test_why_they_end_is_a_parameter(self):
        parked = Parked("moved house")
        poll: Deferred = parked.add(Deferred())
        parked.end()
        error = self.failureResultOf(poll, EndpointDown).value
        self.assertEqual(str(error), "moved house")

    def test_a_cancellation_of_ours_becomes_endpoint_down_too(self):
        poll = self.park(lambda each: each.errback(RequestCancelled()))
        self.parked.end()
        self.failureResultOf(poll, EndpointDown)

    def test_what_answers_otherwise_to_being_cancelled_keeps_its_outcome(self):
        answered = self.park(lambda each: each.callback("just in time"))
        lost = self.park(lambda each: each.errback(ReplyLost("reset")))
        self.parked.end()
        self.assertEqual(self.successResultOf(answered), "just in time")
        self.failureResultOf(lost, ReplyLost)

    def test_one_that_its_user_cancels_is_cancelled(self):
        poll, other = self.park(), self.park()
        poll.cancel()
        self.failureResultOf(poll, CancelledError)
        self.assertEqual(len(self.parked), 1)
        self.parked.end()
        self.failureResultOf(other, EndpointDown)

    def test_one_that_is_cancelled_by_the_end_of_another_is_cancelled(self):
        polls = [self.park(), self.park()]
        for each, other in (polls, polls[::-1]):
            each.addErrback(self.end_too, other)
        self.parked.end()
        outcomes = {self.successResultOf(each) for each in polls}
        self.assertEqual(outcomes, {EndpointDown, CancelledError})

    def test_what_the_user_does_after_one_has_ended_is_not_cancelled(self):
        cancelled: list[Deferred] = []
        polls = [self.park(), self.park()]
        for each, other in (polls, polls[::-1]):
            each.addErrback(self.end_too, other)
            each.addCallback(lambda _: Deferred(cancelled.append))
        self.parked.end()
        self.assertEqual(cancelled, [])

    def end_too(self, failure, other):
        other.cancel()
        return failure.type

    def test_what_is_parked_meanwhile_is_not_ended(self):
        again: list[Deferred] = []
        poll = self.park().addErrback(lambda _: again.append(self.park()))
        self.parked.end()
        self.successResultOf(poll)
        self.assertNoResult(again[0])
        self.assertEqual(len(self.parked), 1)

    def test_ending_them_within_the_end_of_one_ends_each_once(self):
        polls = [self.park() for _ in range(3)]
        for each in polls:
            each.addErrback(self.end_again)
        self.parked.end()
        self.assertEqual([self.successResultOf(each) for each in polls], [EndpointDown] * 3)

    def end_again(self, failure):
        self.parked.end()
        return failure.type

    def test_a_later_cancellation_by_the_user_is_not_taken_for_ours(self):
        self.park().addErrback(lambda _: None)
        self.parked.end()
        poll = self.park()
        poll.cancel()
        self.failureResultOf(poll, CancelledError)


class DetachedTests(SynchronousTestCase):
    def test_it_fires_with_what_the_other_fires_with(self):
        inner: Deferred = Deferred()
        outer = detached(inner)
        self.assertNoResult(outer)
        inner.callback("answer")
        self.assertEqual(self.successResultOf(outer), "answer")
        error = NotSent("refused")
        self.assertIs(self.failureResultOf(detached(fail(error))).value, error)

    def test_cancelling_it_cancels_the_other_whose_error_it_is(self):
        error = RequestCancelled(sent=False)
        outer: Deferred = detached(Deferred(lambda inner: inner.errback(error)))
        outer.cancel()
        self.assertIs(self.failureResultOf(outer, RequestCancelled).value, error)

    def test_a_response_to_being_cancelled_is_a_response(self):
        outer: Deferred = detached(Deferred(lambda inner: inner.callback("just in time")))
        outer.cancel()
        self.assertEqual(self.successResultOf(outer), "just in time")

    def test_it_ends_though_the_other_does_not_and_what_comes_late_is_dropped(self):
        for end in (
            lambda late: late.callback("late"),
            lambda late: late.errback(ReplyLost("late")),
        ):
            late: Deferred = Deferred()
            outer = detached(Deferred().addErrback(instead, late))
            outer.cancel()
            self.failureResultOf(outer, CancelledError)
            end(late)
            del late
            gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])
