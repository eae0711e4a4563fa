"""ConcurrencyLimit: who runs, who waits, who is refused; and that no place is ever lost."""

from __future__ import annotations

import gc
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txetcd import NotSent, ReplyLost, Service, Status
from txetcd.errors import QueueFull, RequestCancelled, ServiceClosed
from txetcd.filters.concurrency_limit import ConcurrencyLimit
from txetcd.model import Get


@attrs.frozen
class Ask:
    """A request that may be a wait."""

    name: object = ""
    long_poll: bool = False


class Below(Service):
    """Keeps what it was asked and the Deferreds that it gave; may be closed."""

    def __init__(self):
        self.asked: list = []
        self.given: list[Deferred] = []
        self.state = Status.OPEN

    def apply(self, request):
        if self.state is Status.CLOSED:
            return fail(ServiceClosed())
        self.asked.append(request)
        self.given.append(Deferred())
        return self.given[-1]

    def close(self):
        self.state = Status.CLOSED
        for each in self.given:
            if not each.called:
                each.errback(ServiceClosed(possibly_applied=True))
        return succeed(None)

    @property
    def status(self):
        return self.state


class Stubborn(Service):
    """Gives Deferreds that do not end when they are cancelled, but when `late` do."""

    def __init__(self):
        self.late: list[Deferred] = []

    def apply(self, request):
        late: Deferred = Deferred()
        self.late.append(late)
        return Deferred().addErrback(lambda _: late)


class Moving:
    """A `Limit` that is moved by hand, and keeps what it was told."""

    def __init__(self, current: int):
        self.current = current
        self.now = 100.0
        self.told: Any = []

    def seconds(self):
        return self.now

    def ended(self, request, outcome, began, in_flight):
        self.told.append((request, outcome, began, in_flight))

    def __repr__(self):
        return f"Moving({self.current})"


class Case(SynchronousTestCase):
    def setUp(self):
        self.below = Below()

    def over(self, limit: Any, below: Service | None = None, **options) -> Service:
        self.filter: ConcurrencyLimit = ConcurrencyLimit(limit, **options)
        return self.filter >> (self.below if below is None else below)

    def counts(self, running: int, waiting: int) -> None:
        self.assertIn(f"{running} running, {waiting} waiting)", repr(self.filter))


class RunningTests(Case):
    def test_as_many_as_the_limit_run_at_a_time_and_the_others_wait(self):
        service = self.over(2)
        answers = [service(n) for n in range(5)]
        self.assertEqual(self.below.asked, [0, 1])
        self.counts(2, 3)
        for n in range(5):
            self.assertNoResult(answers[n])
            self.below.given[n].callback(f"answer {n}")
            self.assertEqual(self.successResultOf(answers[n]), f"answer {n}")
            self.assertEqual(self.below.asked, list(range(min(5, n + 3))))
        self.counts(0, 0)

    def test_those_that_wait_begin_in_the_order_in_which_they_came(self):
        service = self.over(1)
        for n in range(20):
            service(n)
        for n in range(20):
            self.below.given[n].callback(None)
        self.assertEqual(self.below.asked, list(range(20)))

    def test_any_outcome_frees_the_place(self):
        service = self.over(1)
        first, second, third = service(1), service(2), service(3)
        self.below.given[0].errback(ReplyLost("reset"))
        self.failureResultOf(first, ReplyLost)
        self.below.given[1].errback(CancelledError())
        self.failureResultOf(second, CancelledError)
        self.below.given[2].callback("answer")
        self.assertEqual(self.successResultOf(third), "answer")
        self.counts(0, 0)

    def test_an_error_is_passed_on_as_it_is_whether_the_request_waited_or_not(self):
        service = self.over(1)
        for error in (NotSent("refused"), CancelledError(), ValueError("x")):
            at_once, waited = service(1), service(2)
            self.below.given[-1].errback(error)
            self.assertIs(self.failureResultOf(at_once).value, error)
            self.below.given[-1].errback(error)
            self.assertIs(self.failureResultOf(waited).value, error)

    def test_an_answer_at_once_takes_no_place(self):
        service = self.over(1, Service.mk(lambda request: request))
        self.assertEqual([self.successResultOf(service(n)) for n in range(3)], [0, 1, 2])
        self.counts(0, 0)

    def test_nor_does_what_is_raised(self):
        def raises(request):
            raise ValueError(request)

        service: Service = self.over(1, Service.mk(raises))
        for n in range(3):
            self.assertEqual(self.failureResultOf(service(n), ValueError).value.args, (n,))
        self.counts(0, 0)

    def test_one_filter_in_two_stacks_bounds_both_together(self):
        other = Below()
        service = self.over(1)
        self.filter.and_then(other)("first")
        service("second")
        self.assertEqual((other.asked, self.below.asked), (["first"], []))
        other.given[0].callback(None)
        self.assertEqual(self.below.asked, ["second"])


class RefusalTests(Case):
    def test_one_more_than_may_wait_is_refused_and_nothing_is_sent(self):
        service = self.over(2, max_waiting=3)
        answers = [service(n) for n in range(5)]
        error = self.failureResultOf(service("one more"), QueueFull).value
        self.assertEqual(str(error), "2 requests run, where 2 may, and 3 wait, where 3 may")
        self.assertTrue(error.retryable)
        self.assertFalse(error.possibly_applied)
        self.assertEqual(self.below.asked, [0, 1])
        for each in answers:
            self.assertNoResult(each)

    def test_with_none_that_may_wait_one_more_than_may_run_is_refused(self):
        service = self.over(2, max_waiting=0)
        first, _ = service(1), service(2)
        self.failureResultOf(service(3), QueueFull)
        self.below.given[0].callback("answer")
        self.successResultOf(first)
        self.assertNoResult(service(4))
        self.assertEqual(self.below.asked, [1, 2, 4])

    def test_a_place_in_the_queue_that_became_free_is_taken_again(self):
        service = self.over(1, max_waiting=1)
        running, waiting = service(1), service(2)
        self.failureResultOf(service(3), QueueFull)
        waiting.cancel()
        self.failureResultOf(waiting, RequestCancelled)
        again = service(4)
        self.below.given[0].callback(None)
        self.successResultOf(running)
        self.assertEqual(self.below.asked, [1, 4])
        self.assertNoResult(again)

    def test_by_default_a_thousand_may_wait(self):
        service = self.over(1)
        for n in range(1001):
            self.assertNoResult(service(n))
        self.failureResultOf(service("one more"), QueueFull)

    def test_whoever_is_told_of_an_end_finds_the_place_given_on(self):
        service = self.over(1, max_waiting=1)
        service("first").addCallback(lambda _: again.append(service("again")))
        service("second")
        again: list[Deferred] = []
        self.below.given[0].callback(None)
        self.assertEqual(self.below.asked, ["first", "second"])
        self.assertNoResult(again[0])
        self.below.given[1].callback(None)
        self.assertEqual(self.below.asked, ["first", "second", "again"])


class LongPollTests(Case):
    def test_a_long_poll_passes_by_and_is_not_counted(self):
        service = self.over(1, max_waiting=0)
        waits = [service(Ask(n, long_poll=True)) for n in range(10)]
        running = service(Ask("running"))
        waits.append(service(Ask(10, long_poll=True)))
        self.failureResultOf(service(Ask("one more")), QueueFull)
        self.assertEqual(len(self.below.given), 12)
        self.counts(1, 0)
        self.below.given[0].callback("changed")
        self.assertEqual(self.successResultOf(waits[0]), "changed")
        waits[1].cancel()
        self.failureResultOf(waits[1], CancelledError)
        self.counts(1, 0)
        self.assertNoResult(running)

    def test_so_does_a_wait_of_etcd(self):
        service = self.over(1, max_waiting=0)
        service(Get("/a", wait=True))
        self.counts(0, 0)
        service(Get("/a"))
        self.counts(1, 0)

    def test_the_exemption_is_the_users_to_choose(self):
        service = self.over(1, max_waiting=0, unless=lambda request: request.name == "vip")
        service(Ask(long_poll=True))
        self.assertNoResult(service(Ask("vip")))
        self.failureResultOf(service(Ask()), QueueFull)

    def test_an_exemption_that_raises_fails_the_request_and_takes_no_place(self):
        service = self.over(1, unless=lambda request: request.missing)
        self.failureResultOf(service(Ask()), AttributeError)
        self.counts(0, 0)
        self.assertEqual(self.below.asked, [])


class CancellingTests(Case):
    def test_a_cancelled_request_leaves_the_queue_and_never_reaches_the_service(self):
        service = self.over(1)
        answers = [service(n) for n in range(4)]
        answers[2].cancel()
        error = self.failureResultOf(answers[2], RequestCancelled).value
        self.assertFalse(error.possibly_applied)
        self.counts(1, 2)
        for n in range(3):
            self.below.given[n].callback(None)
        self.assertEqual(self.below.asked, [0, 1, 3])

    def test_cancelling_one_that_runs_cancels_it_below_and_begins_the_next(self):
        service = self.over(1)
        first, second = service(1), service(2)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertTrue(self.below.given[0].called)
        self.assertEqual(self.below.asked, [1, 2])
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.assertTrue(self.below.given[1].called)
        self.counts(0, 0)

    def test_the_error_is_that_of_what_is_below(self):
        error = RequestCancelled(sent=False)
        service = self.over(1, Service.mk(lambda _: Deferred(lambda it: it.errback(error))))
        at_once, waited = service(1), service(2)
        at_once.cancel()
        self.assertIs(self.failureResultOf(at_once).value, error)
        waited.cancel()
        self.assertIs(self.failureResultOf(waited).value, error)

    def test_a_response_to_being_cancelled_is_a_response(self):
        service = self.over(1, Service.mk(lambda _: Deferred(lambda it: it.callback("just"))))
        at_once, waited = service(1), service(2)
        at_once.cancel()
        self.assertEqual(self.successResultOf(at_once), "just")
        waited.cancel()
        self.assertEqual(self.successResultOf(waited), "just")
        self.counts(0, 0)

    def test_what_does_not_answer_to_being_cancelled_keeps_no_place(self):
        stubborn = Stubborn()
        service = self.over(1, stubborn)
        at_once, waited, third = service(1), service(2), service(3)
        at_once.cancel()
        self.failureResultOf(at_once, CancelledError)
        self.counts(1, 1)
        waited.cancel()
        self.failureResultOf(waited, CancelledError)
        self.counts(1, 0)
        self.assertNoResult(third)

    def test_a_late_outcome_is_dropped_frees_nothing_and_is_not_logged(self):
        stubborn = Stubborn()
        service = self.over(1, stubborn)
        cancelled = [service(1), service(2), service(3), service(4)]
        for each in cancelled:
            each.cancel()
            self.failureResultOf(each, CancelledError)
        cancelled.clear()
        running = service("running")
        *late, _ = stubborn.late
        for each in late:
            each.errback(ReplyLost("late"))
        self.assertEqual(len(late), 4)
        late.clear()
        stubborn.late.clear()
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])
        self.counts(1, 0)
        self.assertNoResult(running)

    def test_a_late_answer_to_one_that_had_waited_is_dropped(self):
        stubborn = Stubborn()
        service = self.over(1, stubborn)
        service(1).addErrback(lambda _: None).cancel()
        waited = service(2)
        waited.cancel()
        self.failureResultOf(waited, CancelledError)
        for each in stubborn.late:
            each.callback("late")
        self.counts(0, 0)

    def test_a_bug_in_the_cancelling_loses_no_place(self):
        def raises(_):
            raise ZeroDivisionError

        service = self.over(1, Service.mk(lambda request: request))
        first, second = service(Deferred(raises)), service(Deferred())
        self.assertRaises(ZeroDivisionError, first.cancel)
        self.counts(1, 0)
        self.assertNoResult(second)

    def test_cancelling_below_may_cancel_what_the_user_holds(self):
        held: list[Deferred] = []
        service = self.over(1, Service.mk(lambda request: request))
        held.append(service(Deferred(lambda _: held[0].cancel())))
        next_: Deferred = Deferred()
        service(next_)
        held[0].cancel()
        self.failureResultOf(held[0], CancelledError)
        self.counts(1, 0)

    def test_one_may_be_cancelled_by_the_service_that_begins_it(self):
        given: list[Deferred] = []

        def cancels(request):
            given.append(Deferred())
            if request == 2:
                waited.cancel()
            return given[-1]

        service = self.over(1, Service.mk(cancels))
        service(1)
        waited, third = service(2), service(3)
        given[0].callback(None)
        self.failureResultOf(waited, CancelledError)
        self.assertTrue(given[1].called)
        self.assertEqual(len(given), 3)
        self.counts(1, 0)
        self.assertNoResult(third)

    def test_cancelling_after_the_end_does_nothing(self):
        service = self.over(1)
        answer = service(1)
        self.below.given[0].callback("answer")
        answer.cancel()
        self.assertEqual(self.successResultOf(answer), "answer")
        self.counts(0, 0)


class ReentrancyTests(Case):
    def test_a_service_that_asks_through_the_filter_finds_itself_counted(self):
        seen: list[str] = []

        def asks(request):
            seen.append(repr(self.filter))
            if request:
                inner.append(service(request - 1))
            return "answer"

        inner: list[Deferred] = []
        service = self.over(1, Service.mk(asks))
        self.assertEqual(self.successResultOf(service(1)), "answer")
        self.assertEqual(self.successResultOf(inner[0]), "answer")
        self.assertEqual(seen, ["ConcurrencyLimit(1, 1 running, 0 waiting)"] * 2)
        self.counts(0, 0)

    def test_100000_that_wait_and_end_at_once_grow_no_stack(self):
        first: Deferred = Deferred()
        asked: list = []

        def at_once(request):
            asked.append(request)
            return first if request == 0 else request

        service = self.over(1, Service.mk(at_once), max_waiting=100_000)
        answers = [service(n) for n in range(100_001)]
        first.callback(0)
        self.assertEqual(asked, list(range(100_001)))
        self.assertEqual([self.successResultOf(each) for each in answers], asked)
        self.counts(0, 0)

    def test_nor_do_those_that_begin_as_one_is_cancelled(self):
        service = self.over(1, Service.mk(lambda request: request), max_waiting=10_000)
        first = service(Deferred())
        answers = [service(n) for n in range(10_000)]
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertEqual([self.successResultOf(each) for each in answers], list(range(10_000)))

    def test_a_newcomer_does_not_overtake_those_that_wait(self):
        asked: list = []
        first: Deferred = Deferred()

        def at_once(request):
            asked.append(request)
            return first if request == 0 else request

        service = self.over(1, Service.mk(at_once))
        service(0)
        service(1).addCallback(lambda _: service("new"))
        service(2)
        first.callback(None)
        self.assertEqual(asked, [0, 1, 2, "new"])

    def test_one_that_waits_may_be_cancelled_by_the_end_of_another(self):
        service = self.over(1)
        first, second, third = service(1), service(2), service(3)
        second.addCallback(lambda _: third.cancel())
        self.below.given[0].callback(None)
        self.successResultOf(first)
        # The third has begun by then: it is cancelled below.
        self.below.given[1].callback(None)
        self.failureResultOf(third, CancelledError)
        self.assertTrue(self.below.given[2].called)
        self.counts(0, 0)


class ContextTests(Case):
    def test_one_that_waited_is_begun_in_the_context_of_its_caller(self):
        user: ContextVar[str] = ContextVar("user", default="nobody")
        seen: list[str] = []
        first: Deferred = Deferred()

        def notes(request):
            seen.append(user.get())
            return first if len(seen) == 1 else "answer"

        service = self.over(1, Service.mk(notes))
        for name in ("first", "second", "third"):
            context = copy_context()
            context.run(user.set, name)
            context.run(service, name)
        context = copy_context()
        context.run(user.set, "whoever answers")
        context.run(first.callback, None)
        self.assertEqual(seen, ["first", "second", "third"])
        self.assertEqual(user.get(), "nobody")


class ClosingTests(Case):
    def test_those_that_wait_fail_at_once_and_nothing_of_them_is_begun(self):
        service = self.over(1)
        running, *waiting = (service(n) for n in range(4))
        self.successResultOf(service.close())
        for each in waiting:
            self.assertFalse(self.failureResultOf(each, ServiceClosed).value.possibly_applied)
        self.assertTrue(self.failureResultOf(running, ServiceClosed).value.possibly_applied)
        self.assertEqual(self.below.asked, [0])
        self.counts(0, 0)
        self.failureResultOf(service("after"), ServiceClosed)

    def test_those_that_wait_do_so_even_if_what_runs_goes_on(self):
        running: Deferred = Deferred()
        service = self.over(1, Service.mk(lambda _: running))
        first, second = service(1), service(2)
        self.successResultOf(service.close())
        self.failureResultOf(second, ServiceClosed)
        self.assertNoResult(first)
        running.callback("answer")
        self.assertEqual(self.successResultOf(first), "answer")

    def test_those_that_wait_for_a_service_that_overrides_call_do_so_too(self):
        class Odd(Service):
            def __call__(self, request):
                return Deferred()

        service: Service = self.over(1, Odd())
        service(1)
        waiting = service(2)
        self.successResultOf(service.close())
        self.failureResultOf(waiting, ServiceClosed)

    def test_closing_one_stack_leaves_those_of_another_in_the_queue(self):
        other = Below()
        service = self.over(1)
        stack: Service = self.filter >> other
        service("runs")
        ours, theirs = service("ours"), stack("theirs")
        self.successResultOf(stack.close())
        self.failureResultOf(theirs, ServiceClosed)
        self.assertNoResult(ours)
        self.below.given[0].callback(None)
        self.assertEqual(self.below.asked, ["runs", "ours"])

    def test_the_failing_of_one_may_cancel_another(self):
        service = self.over(1)
        running, second, third = service(1), service(2), service(3)
        second.addErrback(lambda failure: third.cancel())
        self.successResultOf(service.close())
        self.successResultOf(second)
        self.failureResultOf(running, ServiceClosed)
        self.failureResultOf(third, RequestCancelled)

    def test_closing_twice_does_no_harm(self):
        service = self.over(1)
        for _ in range(2):
            self.successResultOf(service.close())


class StatusTests(Case):
    def test_it_is_busy_while_one_more_would_be_refused(self):
        service = self.over(1, max_waiting=1)
        self.assertIs(service.status, Status.OPEN)
        service(1)
        self.assertIs(service.status, Status.OPEN)
        waiting = service(2)
        self.assertIs(service.status, Status.BUSY)
        waiting.addErrback(lambda _: None).cancel()
        self.assertIs(service.status, Status.OPEN)

    def test_with_none_that_may_wait_it_is_busy_while_the_limit_is_reached(self):
        service = self.over(1, max_waiting=0)
        self.assertIs(service.status, Status.OPEN)
        service(1)
        self.assertIs(service.status, Status.BUSY)
        self.below.given[0].callback(None)
        self.assertIs(service.status, Status.OPEN)

    def test_a_service_that_is_worse_is_what_counts(self):
        service = self.over(1, max_waiting=0)
        for status in (Status.BUSY, Status.CLOSED):
            self.below.state = status
            self.assertIs(service.status, status)
        self.below.state = Status.OPEN
        service(1)
        self.below.state = Status.CLOSED
        self.assertIs(service.status, Status.CLOSED)


class MovingLimitTests(Case):
    def setUp(self):
        super().setUp()
        self.limit = Moving(2)
        self.service = self.over(self.limit)

    def test_it_is_told_of_each_request_that_ends(self):
        self.service("a")
        self.limit.now = 103
        failed = self.service("b")
        self.service("c")
        self.limit.now = 107
        self.below.given[0].callback("answer")
        self.below.given[1].errback(NotSent("refused"))
        self.limit.now = 110
        self.below.given[2].callback("answer")
        (a, b, c), error = self.limit.told, self.failureResultOf(failed, NotSent).value
        self.assertEqual(a, ("a", "answer", 100, 2))
        self.assertIsInstance(b[1], Failure)
        self.assertEqual((b[0], b[1].value, *b[2:]), ("b", error, 103, 2))
        self.assertEqual(c, ("c", "answer", 107, 1))

    def test_the_time_of_being_called_counts_too(self):
        def slow(request):
            self.limit.now += 1
            return "answer"

        self.successResultOf(self.filter.and_then(Service.mk(slow))("a"))
        self.assertEqual(self.limit.told, [("a", "answer", 100, 1)])

    def test_of_what_ends_at_once_too(self):
        self.below.state = Status.CLOSED
        self.failureResultOf(self.service("a"), ServiceClosed)
        self.assertEqual([(told[0], told[3]) for told in self.limit.told], [("a", 1)])

    def test_of_one_that_was_cancelled_if_it_ends_and_of_one_that_never_began_not(self):
        first, _, third = self.service("a"), self.service("b"), self.service("c")
        for each in (third, first):
            each.cancel()
            self.failureResultOf(each, CancelledError)
        self.assertEqual([told[0] for told in self.limit.told], ["a"])

    def test_of_a_late_outcome_not(self):
        stubborn = Stubborn()
        answer = self.filter.and_then(stubborn)("a")
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        stubborn.late[0].callback("late")
        self.assertEqual(self.limit.told, [])

    def test_a_limit_that_has_grown_lets_as_many_more_begin(self):
        for n in range(6):
            self.service(n)
        self.limit.current = 4
        self.below.given[0].callback(None)
        self.assertEqual(self.below.asked, [0, 1, 2, 3, 4])

    def test_a_limit_that_has_shrunk_lets_none_begin_until_few_enough_run(self):
        for n in range(4):
            self.service(n)
        self.limit.current = 1
        self.below.given[0].callback(None)
        self.assertEqual(self.below.asked, [0, 1])
        self.below.given[1].callback(None)
        self.assertEqual(self.below.asked, [0, 1, 2])

    def test_a_limit_that_raises_is_logged_and_loses_neither_the_answer_nor_the_place(self):
        self.limit.told = None
        answer = self.service("a")
        self.below.given[0].callback("answer")
        self.assertEqual(self.successResultOf(answer), "answer")
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
        self.counts(0, 0)

    def test_the_repr_shows_it(self):
        self.service("a")
        self.assertEqual(repr(self.filter), "ConcurrencyLimit(Moving(2), 1 running, 0 waiting)")

    def test_the_refusal_tells_the_limit_of_now(self):
        service = self.over(self.limit, max_waiting=0)
        service("a")
        service("b")
        self.limit.current = 1
        error = self.failureResultOf(service("c"), QueueFull).value
        self.assertIn("2 requests run, where 1 may", str(error))


class ArgumentTests(SynchronousTestCase):
    def test_what_is_out_of_range_is_named(self):
        for wrong in (0, -1):
            self.assertRaisesRegex(
                ValueError, f"^limit must be at least 1, not {wrong}$", ConcurrencyLimit, wrong
            )
        with self.assertRaisesRegex(ValueError, "^max_waiting must be at least 0, not -1$"):
            ConcurrencyLimit(1, max_waiting=-1)

    def test_what_is_no_number_is_named(self):
        wrong: Any
        for wrong in (2.5, "2", None):
            self.assertRaisesRegex(
                TypeError, "^limit must be a whole number or a Limit, not ", ConcurrencyLimit, wrong
            )
            with self.assertRaisesRegex(TypeError, "^max_waiting must be a whole number, not "):
                ConcurrencyLimit(1, max_waiting=wrong)

    def test_the_repr_shows_the_limit_and_what_runs_and_waits(self):
        self.assertEqual(repr(ConcurrencyLimit(3)), "ConcurrencyLimit(3, 0 running, 0 waiting)")


class AnyOrderTests(SynchronousTestCase):
    """Whatever happens in whatever order, no place is lost and nobody is overtaken."""

    STEPS = st.tuples(
        st.sampled_from(["ask", "ask", "ask", "answer", "fail", "cancel", "close"]), st.integers(0)
    )

    @settings(deadline=None, max_examples=200)
    @given(st.integers(1, 4), st.integers(0, 5), st.lists(STEPS, max_size=40))
    def test_it_is_a_number_of_places_and_a_bounded_queue(self, limit, most, steps):
        below = Below()
        filter_: ConcurrencyLimit = ConcurrencyLimit(limit, max_waiting=most)
        service: Service = filter_ >> below
        # The model: which requests run, and which wait, in order.
        running: list[int] = []
        waiting: list[int] = []
        begun: list[int] = []
        answers: dict[int, Deferred] = {}
        for n, (step, which) in enumerate(steps):
            live = running + waiting
            if step == "ask":
                answer = service(n)
                if len(running) >= limit and len(waiting) >= most:
                    self.failureResultOf(answer, QueueFull)
                else:
                    answers[n] = answer
                    waiting.append(n)
            elif step == "cancel" and live:
                self._end(live[which % len(live)], running, waiting, answers, None)
            elif step in ("answer", "fail") and running:
                chosen = running[which % len(running)]
                given = below.given[below.asked.index(chosen)]
                end = given.callback if step == "answer" else given.errback
                self._end(chosen, running, waiting, answers, partial(end, NotSent()))
            elif step == "close":
                self.successResultOf(filter_.close_with(Below()))
            while waiting and len(running) < limit:
                running.append(waiting.pop(0))
                begun.append(running[-1])
            self.assertEqual(below.asked, begun)
            self.assertIn(f"{len(running)} running, {len(waiting)} waiting", repr(filter_))
            for each in running + waiting:
                self.assertNoResult(answers[each])

    def _end(self, chosen, running, waiting, answers, end):
        answer = answers.pop(chosen)
        answer.cancel() if end is None else end()
        answer.addErrback(lambda failure: failure.trap(CancelledError, NotSent))
        self.successResultOf(answer)
        (running if chosen in running else waiting).remove(chosen)
