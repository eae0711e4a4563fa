"""The mock service: what a test sees, what it replies, and what it is told when it is wrong."""

from __future__ import annotations

import contextvars
import gc
from functools import partial

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txetcd import Filter, NotSent, Service, Status
from txetcd.testing.mock import Asked, MockHandle, mock_service

colour: contextvars.ContextVar[str] = contextvars.ContextVar("colour", default="none")


class Case(SynchronousTestCase):
    def setUp(self):
        self.service, self.handle = mock_service()

    def assert_fails(self, says: str, function, *args) -> None:
        error = self.assertRaises(AssertionError, function, *args)
        self.assertEqual(str(error), says)


class TakingTests(Case):
    def test_requests_are_taken_in_the_order_in_which_they_were_asked(self):
        for request in ("a", "b"):
            self.service(request)
        self.assertEqual(self.handle.next().request, "a")
        self.assertEqual(self.handle.expect("b").request, "b")

    def test_to_take_what_was_not_asked_is_an_error_that_says_what_was(self):
        self.assert_fails(
            "no request is waiting to be taken: 0 asked so far",
            self.handle.next,
        )
        self.service("a")
        self.handle.next()
        self.assert_fails(
            "no request is waiting to be taken: 1 asked so far, the last 'a'",
            self.handle.next,
        )
        self.assert_fails(
            "expected 'b', but no request is waiting to be taken: 1 asked so far, the last 'a'",
            self.handle.expect,
            "b",
        )

    def test_another_request_than_expected_is_an_error_that_shows_both_and_takes_none(self):
        self.service("a")
        self.assert_fails("expected 'b', was asked 'a'", self.handle.expect, "b")
        self.assertEqual(self.handle.waiting, 1)
        self.handle.expect("a")

    def test_it_counts(self):
        def counts():
            return len(self.handle.requests), self.handle.waiting, self.handle.unanswered

        self.assertEqual(counts(), (0, 0, 0))
        for request in "abc":
            self.service(request)
        self.assertEqual(counts(), (3, 3, 3))
        taken = self.handle.next()
        self.assertEqual(counts(), (3, 2, 3))
        taken.reply(1)
        self.assertEqual(counts(), (3, 2, 2))
        self.assertEqual(self.handle.requests, ["a", "b", "c"])

    def test_a_request_has_the_context_of_its_caller(self):
        context = contextvars.copy_context()
        context.run(colour.set, "blue")
        context.run(self.service, "a")
        self.service("b")
        self.assertEqual(self.handle.next().context[colour], "blue")
        self.assertNotIn(colour, self.handle.next().context)


class ReplyTests(Case):
    def test_a_reply_is_the_response(self):
        answer = self.service("a")
        self.assertNoResult(answer)
        self.handle.next().reply(3)
        self.assertEqual(self.successResultOf(answer), 3)

    def test_a_reply_of_none_or_of_an_error_as_a_value_is_a_response(self):
        for response in (None, NotSent("a value")):
            answer = self.service("a")
            self.handle.next().reply(response)
            self.assertIs(self.successResultOf(answer), response)

    def test_a_failure_is_the_error_given(self):
        error = NotSent("refused")
        for given in (error, Failure(error)):
            answer = self.service("a")
            self.handle.next().fail(given)
            self.assertIs(self.failureResultOf(answer, NotSent).value, error)

    def test_replies_may_come_in_any_order(self):
        answers = [self.service(n) for n in range(3)]
        asked = [self.handle.next() for _ in range(3)]
        for n in (2, 0, 1):
            asked[n].reply(n)
            self.assertEqual(self.successResultOf(answers[n]), n)

    def test_a_second_answer_is_an_error_that_says_so(self):
        self.service("a")
        asked = self.handle.next()
        asked.reply(1)
        for again in (lambda: asked.reply(2), lambda: asked.fail(NotSent())):
            self.assert_fails("'a' was answered already: it replied", again)

    def test_an_answer_after_a_failure_is_an_error_too(self):
        answer = self.service("a")
        asked = self.handle.next()
        asked.fail(NotSent())
        self.assert_fails("'a' was answered already: it failed", asked.reply, 1)
        self.failureResultOf(answer, NotSent)

    def test_what_cannot_be_a_reply_is_refused_and_leaves_the_request_open(self):
        answer = self.service("a")
        asked = self.handle.next()
        self.assertRaises(TypeError, asked.reply, Deferred())
        for wrong in (NotSent, "refused", None):
            error = self.assertRaises(TypeError, asked.fail, wrong)
            self.assertIn(f"not {wrong!r}", str(error))
        asked.reply(1)
        self.assertEqual(self.successResultOf(answer), 1)

    def test_a_reply_from_within_the_filter_above_is_heard(self):
        def answers_itself(request, service):
            answer = service(request)
            self.handle.next().reply("at once")
            return answer

        service: Service = Filter.mk(answers_itself) >> self.service
        self.assertEqual(self.successResultOf(service("a")), "at once")


class CancellingTests(Case):
    def test_a_cancelled_request_fails_and_the_test_can_tell(self):
        answer = self.service("a")
        asked = self.handle.next()
        self.assertFalse(asked.cancelled)
        answer.cancel()
        self.assertTrue(asked.cancelled)
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(self.handle.unanswered, 0)

    def test_it_can_be_taken_after_it_was_cancelled(self):
        answer = self.service("a")
        answer.cancel()
        self.assertTrue(self.handle.next().cancelled)
        self.failureResultOf(answer, CancelledError)

    def test_a_reply_to_it_is_an_error_that_says_what_to_do(self):
        answer = self.service("a")
        answer.cancel()
        asked = self.handle.next()
        for reply in (lambda: asked.reply(1), lambda: asked.fail(NotSent())):
            error = self.assertRaises(AssertionError, reply)
            self.assertIn("'a' was cancelled", str(error))
            self.assertIn("hold_on_cancel()", str(error))
        self.failureResultOf(answer, CancelledError)

    def test_one_that_holds_waits_for_its_reply_however_often_it_is_cancelled(self):
        answer = self.service("a")
        asked = self.handle.next().hold_on_cancel()
        for _ in range(3):
            answer.cancel()
            self.assertNoResult(answer)
        self.assertTrue(asked.cancelled)
        self.assertEqual(self.handle.unanswered, 1)
        asked.reply("late")
        self.assertEqual(self.successResultOf(answer), "late")

    def test_one_that_holds_can_fail_late_even_as_cancelled(self):
        for error in (NotSent("late"), CancelledError()):
            answer = self.service("a")
            asked = self.handle.next().hold_on_cancel()
            answer.cancel()
            asked.fail(error)
            self.assertIs(self.failureResultOf(answer).value, error)

    def test_an_error_that_was_replied_is_not_held(self):
        answer = self.service("a")
        self.handle.next().hold_on_cancel().fail(CancelledError())
        self.failureResultOf(answer, CancelledError)

    def test_all_may_hold_from_the_beginning(self):
        service, handle = mock_service(hold_on_cancel=True)
        answer = service("a")
        answer.cancel()
        self.assertNoResult(answer)
        handle.next().reply(1)
        self.assertEqual(self.successResultOf(answer), 1)

    def test_cancelling_what_was_answered_does_nothing(self):
        answer = self.service("a")
        asked = self.handle.next()
        asked.reply(1)
        answer.cancel()
        self.assertFalse(asked.cancelled)
        self.assertEqual(self.successResultOf(answer), 1)

    def test_nothing_is_left_to_be_logged(self):
        self.service("a").addErrback(lambda _: None).cancel()
        held = self.service("b").addErrback(lambda _: None)
        self.handle.next()
        held_asked = self.handle.next().hold_on_cancel()
        held.cancel()
        held_asked.fail(NotSent())
        del held, held_asked
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])


class ScriptTests(Case):
    def test_replies_are_given_in_order_and_then_requests_wait(self):
        self.handle.script([1, NotSent("refused"), lambda request: request * 2])
        self.handle.script([succeed("of a Deferred")])
        self.assertEqual(self.successResultOf(self.service("a")), 1)
        self.failureResultOf(self.service("b"), NotSent)
        self.assertEqual(self.successResultOf(self.service("c")), "cc")
        self.assertEqual(self.successResultOf(self.service("d")), "of a Deferred")
        self.assertNoResult(self.service("e"))
        self.assertEqual(self.handle.requests, list("abcde"))
        self.handle.expect("e")

    def test_a_failure_is_one_to_fail_with(self):
        self.handle.script([Failure(NotSent("refused"))])
        self.failureResultOf(self.service("a"), NotSent)

    def test_a_deferred_is_for_the_test_to_fire(self):
        waiting: Deferred = Deferred()
        self.handle.script([waiting])
        answer = self.service("a")
        self.assertNoResult(answer)
        waiting.callback(1)
        self.assertEqual(self.successResultOf(answer), 1)

    def test_a_function_may_raise_and_may_be_a_coroutine(self):
        def raises(request):
            raise NotSent(request)

        async def waits(request):
            return request

        self.handle.script([raises, waits])
        self.failureResultOf(self.service("a"), NotSent)
        self.assertEqual(self.successResultOf(self.service("b")), "b")

    def test_always_answers_every_request_once_the_script_has_ended(self):
        self.handle.always("again")
        self.handle.script(["once"])
        answers = [self.successResultOf(self.service("a")) for _ in range(3)]
        self.assertEqual(answers, ["once", "again", "again"])
        self.assertEqual(self.handle.waiting, 0)

    def test_always_may_be_none_an_error_or_a_function(self):
        self.handle.always(None)
        self.assertIsNone(self.successResultOf(self.service("a")))
        self.handle.always(NotSent("refused"))
        for _ in range(2):
            self.failureResultOf(self.service("a"), NotSent)
        self.handle.always(str.upper)
        self.assertEqual(self.successResultOf(self.service("a")), "A")

    def test_what_is_likely_a_slip_is_refused(self):
        script, always = self.handle.script, self.handle.always
        for scripted in (partial(script, [1, NotSent]), partial(always, OSError)):
            error = self.assertRaises(TypeError, scripted)
            self.assertIn("give an instance", str(error))
        error = self.assertRaises(TypeError, self.handle.always, Deferred())
        self.assertIn("answers one request", str(error))
        self.handle.assert_idle()


class IdleTests(Case):
    def test_it_is_idle_when_all_was_taken_and_answered(self):
        self.handle.assert_idle()
        self.service("a")
        self.handle.next().reply(1)
        self.handle.script([2])
        self.service("b")
        self.handle.assert_idle()

    def test_what_was_not_taken_is_named(self):
        self.service("a")
        self.service("b")
        self.assert_fails(
            "not taken: <Asked 'a': unanswered>, <Asked 'b': unanswered>", self.handle.assert_idle
        )

    def test_what_was_cancelled_is_to_be_taken_and_then_is_done(self):
        answer = self.service("a")
        answer.cancel()
        self.assert_fails("not taken: <Asked 'a': cancelled>", self.handle.assert_idle)
        self.handle.next()
        self.handle.assert_idle()
        self.failureResultOf(answer, CancelledError)

    def test_what_was_not_answered_is_named_also_if_it_holds(self):
        answer = self.service("a")
        self.handle.next().hold_on_cancel()
        self.assert_fails("not answered: <Asked 'a': unanswered>", self.handle.assert_idle)
        answer.cancel()
        self.assert_fails(
            "not answered: <Asked 'a': unanswered, cancelled>", self.handle.assert_idle
        )

    def test_what_was_scripted_in_vain_is_named(self):
        self.handle.script([1, NotSent("refused")])
        self.service("a")
        self.assert_fails(
            "scripted, and not asked for: NotSent('refused')", self.handle.assert_idle
        )

    def test_what_always_answers_is_never_in_vain(self):
        self.handle.always(1)
        self.handle.assert_idle()


class ServiceTests(Case):
    def test_its_status_is_what_the_test_sets(self):
        self.assertIs(self.service.status, Status.OPEN)
        self.handle.status = Status.BUSY
        self.assertIs(self.service.status, Status.BUSY)

    def test_closing_is_counted(self):
        self.assertFalse(self.handle.closed)
        for n in (1, 2):
            self.successResultOf(self.service.close())
            self.assertTrue(self.handle.closed)
            self.assertEqual(self.handle.closes, n)

    def test_the_reprs_tell_the_state(self):
        answers = [self.service(request) for request in "abcd"]
        self.assertEqual(repr(self.service), "mock_service()")
        asked = self.handle.next()
        self.assertEqual(repr(self.handle), "<MockHandle 4 asked, 3 not taken, 4 unanswered>")
        self.assertEqual(repr(asked), "<Asked 'a': unanswered>")
        asked.reply(1)
        self.assertEqual(repr(asked), "<Asked 'a': replied>")
        asked = self.handle.next()
        asked.fail(NotSent())
        self.assertEqual(repr(asked), "<Asked 'b': failed>")
        asked = self.handle.next()
        answers[2].cancel()
        self.assertEqual(repr(asked), "<Asked 'c': cancelled>")
        asked = self.handle.next().hold_on_cancel()
        answers[3].cancel()
        asked.reply(1)
        self.assertEqual(repr(asked), "<Asked 'd': replied, cancelled>")
        self.failureResultOf(answers[1], NotSent)
        self.failureResultOf(answers[2], CancelledError)

    def test_the_handle_and_the_asked_have_public_types(self):
        self.service("a")
        self.assertIsInstance(self.handle, MockHandle)
        self.assertIsInstance(self.handle.next(), Asked)
