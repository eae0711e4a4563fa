"""SingleFlight: who shares, who does not, and how each leaves."""

from __future__ import annotations

import contextvars
import gc
import weakref
from functools import partial
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txetcd import (
    ApiError,
    Backoff,
    KeyNotFound,
    NotSent,
    ReplyLost,
    RequestTimedOut,
    Service,
    Status,
)
from txetcd.errors import RequestCancelled
from txetcd.filters import Retry, Timeout
from txetcd.filters.deadline import Deadline, deadline, remaining
from txetcd.filters.single_flight import SingleFlight
from txetcd.http import Request
from txetcd.model import Get, Set
from txetcd.testing.mock import Asked, mock_service

READ, WRITE, WAIT = Get("/a"), Set("/a", b"1"), Get("/a", wait=True)
colour: contextvars.ContextVar[str] = contextvars.ContextVar("colour", default="none")


@attrs.frozen
class Ask:
    """A request that says what it is."""

    what: Any = "a"
    is_write: bool = False
    quorum: bool = False


class Case(SynchronousTestCase):
    def setUp(self):
        self.below, self.handle = mock_service()
        self.flights: SingleFlight = SingleFlight()
        self.service: Service = self.flights >> self.below

    def begin(self, *requests: object) -> list[Deferred]:
        return [self.service(request) for request in requests]

    def taken(self) -> list[Asked]:
        """What has reached the service since this was asked last."""
        return [self.handle.next() for _ in range(self.handle.waiting)]

    def assert_shared(self, *requests: object) -> None:
        self.begin(*requests)
        self.assertEqual(len(self.taken()), 1, requests)

    def assert_apart(self, *requests: object) -> None:
        self.begin(*requests)
        self.assertEqual(len(self.taken()), len(requests), requests)


def _note(told: list[int], n: int, response: object) -> None:
    told.append(n)


def _fire(outcome: object, below: Deferred) -> None:
    below.callback(outcome)


class SharingTests(Case):
    def test_a_read_alone_is_passed_on(self):
        (answer,) = self.begin(READ)
        self.handle.expect(READ).reply("answer")
        self.assertEqual(self.successResultOf(answer), "answer")

    def test_identical_reads_share_one_request_and_its_response(self):
        response = object()
        answers = self.begin(READ, Get("/a"), READ)
        (asked,) = self.taken()
        asked.reply(response)
        for answer in answers:
            self.assertIs(self.successResultOf(answer), response)

    def test_other_reads_have_flights_of_their_own(self):
        reads = [READ, Get("/b"), Get("/a", recursive=True), Get("/a", sorted=True)]
        answers = self.begin(*reads, *reads)
        for n, asked in reversed(list(enumerate(self.taken()))):
            asked.reply(n)
        self.assertEqual([self.successResultOf(each) for each in answers], [0, 1, 2, 3] * 2)

    def test_once_a_flight_has_landed_the_next_read_begins_another(self):
        for n in range(3):
            (answer,) = self.begin(READ)
            self.handle.next().reply(n)
            self.assertEqual(self.successResultOf(answer), n)

    def test_callers_are_told_in_the_order_in_which_they_came(self):
        told: list[int] = []
        for n, answer in enumerate(self.begin(*[READ] * 4)):
            answer.addCallback(partial(_note, told, n))
        self.handle.next().reply("answer")
        self.assertEqual(told, [0, 1, 2, 3])

    def test_a_service_that_answers_at_once_is_asked_each_time_and_nothing_is_kept(self):
        self.handle.always("answer")
        for answer in self.begin(READ, READ):
            self.assertEqual(self.successResultOf(answer), "answer")
        self.assertEqual(len(self.handle.requests), 2)
        self.assertEqual(repr(self.flights), "<SingleFlight 0 in flight>")

    def test_the_stacks_of_one_filter_do_not_share_with_each_other(self):
        other, handle = mock_service()
        answers = [*self.begin(READ), (self.flights >> other)(READ)]
        self.handle.next().reply("here")
        handle.next().reply("there")
        self.assertEqual([self.successResultOf(each) for each in answers], ["here", "there"])

    def test_a_landed_flight_leaves_nothing_behind(self):
        class Response:
            pass

        answers = self.begin(READ, READ)
        self.taken()[0].reply(Response())
        response = weakref.ref(self.successResultOf(answers[0]))
        self.successResultOf(answers[1])
        gc.collect()
        self.assertIsNone(response())


class PassingByTests(Case):
    def test_writes_waits_and_quorum_reads_never_share(self):
        for request in (WRITE, WAIT, Get("/a", quorum=True)):
            self.assert_apart(request, request)

    def test_a_read_that_tells_its_caller_of_more_than_the_answer_does_not_share(self):
        told = Get("/a", on_state=lambda state: None)
        self.assertEqual(told, READ)
        self.assert_apart(told, told, READ)

        @attrs.frozen
        class Headed(Ask):
            on_head: Any = attrs.field(default=None, eq=False)

        self.assert_apart(Headed(on_head=print), Headed(on_head=print), Headed())
        self.assert_shared(Headed("b"), Headed("b"))

    def test_a_request_that_leaves_open_whether_it_may_does_not_share(self):
        @attrs.frozen
        class Plain:
            is_write: bool = False

        @attrs.frozen
        class Unsaid:
            quorum: bool = False

        for request in ("any request", None, Plain(), Unsaid(), Request("GET", "/v2/keys/a")):
            self.assert_apart(request, request)

    def test_a_read_that_cannot_be_hashed_does_not_share(self):
        request = Ask([])
        self.assert_apart(request, request)

    def test_a_read_of_any_kind_that_says_it_may_does_share(self):
        self.assert_shared(Ask(), Ask())
        self.assert_apart(Ask(is_write=True), Ask(is_write=True))
        self.assert_apart(Ask(quorum=True), Ask(quorum=True))

    def test_the_outcome_of_what_passes_by_is_what_it_is_below(self):
        error = ReplyLost("reset")
        answers = self.begin(WRITE, WRITE)
        wrote, failed = self.taken()
        wrote.reply("written")
        failed.fail(error)
        self.assertEqual(self.successResultOf(answers[0]), "written")
        self.assertIs(self.failureResultOf(answers[1]).value, error)

    def test_cancelling_what_passes_by_cancels_it_below(self):
        for request in (WRITE, WAIT):
            (answer,) = self.begin(request)
            answer.cancel()
            self.assertTrue(self.handle.next().cancelled)
            self.failureResultOf(answer, CancelledError)


class ReadYourWritesTests(Case):
    def test_after_a_write_has_begun_reads_begin_another_flight(self):
        before = self.begin(READ)
        self.begin(WRITE)
        after = self.begin(READ, READ)
        old, _, new = self.taken()
        new.reply("new")
        old.reply("old")
        self.assertEqual([self.successResultOf(each) for each in before], ["old"])
        self.assertEqual([self.successResultOf(each) for each in after], ["new", "new"])

    def test_after_a_write_has_ended_no_read_joins_a_flight_begun_in_the_meantime(self):
        for end in (lambda asked: asked.reply("written"), lambda asked: asked.fail(ReplyLost())):
            (write,) = self.begin(WRITE)
            write.addErrback(lambda failure: None)
            (asked,) = self.taken()
            self.begin(READ)
            end(asked)
            self.begin(READ)
            self.assertEqual(len(self.taken()), 2)

    def test_a_read_in_the_callback_of_the_write_is_after_it(self):
        (write,) = self.begin(WRITE)
        self.begin(READ)
        write.addCallback(lambda _: self.service(READ))
        self.taken()[0].reply("written")
        self.assertEqual(len(self.taken()), 1)

    def test_after_a_write_was_cancelled_no_read_joins_an_older_flight(self):
        (write,) = self.begin(WRITE)
        self.begin(READ)
        write.addErrback(lambda failure: None)
        write.cancel()
        self.begin(READ)
        self.assertEqual(len(self.taken()), 3)

    def test_whoever_learns_of_a_change_by_a_wait_or_a_quorum_read_finds_it(self):
        for request in (WAIT, Get("/b", quorum=True)):
            self.setUp()
            self.begin(request)
            (asked,) = self.taken()
            self.begin(READ)
            asked.reply("changed")
            self.begin(READ)
            self.assertEqual(len(self.taken()), 2)

    def test_a_wait_that_goes_on_ends_no_sharing(self):
        self.begin(READ, WAIT, READ)
        self.assertEqual(len(self.taken()), 2)

    def test_a_write_during_the_call_of_the_service_ends_the_sharing_too(self):
        waiting: list[Deferred] = []

        def below(request):
            if request is READ and not waiting:
                self.service(WRITE)
            waiting.append(Deferred())
            return waiting[-1]

        self.service = self.flights >> Service.mk(below)
        self.begin(READ, READ)
        self.assertEqual(len(waiting), 3)

    def test_those_in_a_flight_that_can_no_longer_be_joined_stay_in_it(self):
        first, second = self.begin(READ, READ)
        self.begin(WRITE, READ)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        old, _, new = self.taken()
        self.assertFalse(old.cancelled)
        old.reply("old")
        self.assertEqual(self.successResultOf(second), "old")
        self.begin(READ)
        self.assertEqual(self.taken(), [])
        self.assertFalse(new.cancelled)


class FailureTests(Case):
    def failed(self, error: BaseException, callers: int = 3) -> list[Failure]:
        answers = self.begin(*[READ] * callers)
        self.handle.next().fail(error)
        return [self.failureResultOf(answer, type(error)) for answer in answers]

    def test_each_caller_is_given_an_error_of_its_own(self):
        cause = OSError(111, "refused")
        error = NotSent("refused", cause)
        error.locate(READ, "http://127.0.0.1:2379")
        given = [failure.value for failure in self.failed(error)]
        self.assertEqual(len({id(each) for each in given}), 3)
        for each in given:
            self.assertEqual(str(each), str(error))
            self.assertIs(each.__cause__, cause)
            self.assertEqual(each.__dict__, error.__dict__)

    def test_what_one_caller_notes_on_its_error_no_other_sees(self):
        answers = self.begin(READ, READ, READ)
        seen: list[tuple] = []

        def note(failure):
            seen.append((failure.value.reasons, failure.value.endpoint))
            failure.value.reasons = ("noted",)
            failure.value.locate(endpoint="noted")

        for answer in answers:
            answer.addErrback(note)
        self.handle.next().fail(NotSent("refused"))
        self.assertEqual(seen, [((), "")] * 3)

    def test_a_caller_alone_is_given_the_error_itself(self):
        error = ReplyLost("reset")
        (failure,) = self.failed(error, callers=1)
        self.assertIs(failure.value, error)

    def test_the_errors_of_etcd_stay_what_they_are(self):
        for failure in self.failed(ApiError(100, "Key not found", "/a", 7)):
            self.assertIs(type(failure.value), KeyNotFound)
            self.assertEqual(failure.value.index, 7)

    def test_an_error_of_a_timeout_keeps_its_flags(self):
        for failure in self.failed(RequestTimedOut(1, None, possibly_applied=False)):
            self.assertFalse(failure.value.possibly_applied)
            self.assertEqual(failure.value.seconds, 1)

    def test_a_foreign_error_keeps_its_type_its_cause_and_its_traceback(self):
        def below(request):
            return waiting.addCallback(self.raises)

        waiting: Deferred = Deferred()
        self.service = self.flights >> Service.mk(below)
        answers = self.begin(READ, READ)
        waiting.callback(None)
        for answer in answers:
            failure = self.failureResultOf(answer, ZeroDivisionError)
            self.assertIsInstance(failure.value.__context__, KeyError)
            self.assertIn("in raises", failure.getTraceback())

    def raises(self, _):
        try:
            raise KeyError("missing")
        except KeyError:
            return 1 / 0

    def test_an_error_that_cannot_be_copied_is_shared(self):
        class Odd(Exception):
            def __init__(self, one, two):
                super().__init__(f"{one} {two}")

        class Changing(Exception):
            def __reduce__(self):
                return ValueError, ()

        for error in (Odd(1, 2), Changing()):
            given = [failure.value for failure in self.failed(error)]
            self.assertEqual(given, [error] * 3)

    def test_a_service_that_raises_fails_the_request_and_nothing_is_kept(self):
        def raises(request):
            raise ZeroDivisionError

        self.service = self.flights >> Service.mk(raises)
        for answer in self.begin(READ, READ):
            self.failureResultOf(answer, ZeroDivisionError)
        self.assertEqual(repr(self.flights), "<SingleFlight 0 in flight>")

    def test_no_failure_is_left_to_be_logged(self):
        self.begin(READ, READ)[0].addErrback(lambda _: None)
        second = self.service(READ).addErrback(lambda _: None)
        self.begin(READ)[0].addErrback(lambda _: None).cancel()
        self.handle.next().hold_on_cancel()
        second.cancel()
        self.service = self.flights >> Service.mk(lambda request: fail(NotSent()))
        self.begin(READ)[0].addErrback(lambda _: None)
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])


class LeavingTests(Case):
    def test_a_caller_that_is_cancelled_leaves_and_the_others_stay(self):
        for n in range(3):
            answers = self.begin(READ, READ, READ)
            answers[n].cancel()
            self.failureResultOf(answers.pop(n), RequestCancelled)
            asked = self.handle.next()
            self.assertFalse(asked.cancelled)
            asked.reply("answer")
            for answer in answers:
                self.assertEqual(self.successResultOf(answer), "answer")

    def test_when_the_last_is_cancelled_so_is_the_request_below(self):
        answers = self.begin(READ, READ)
        asked = self.handle.next()
        for answer in answers:
            self.assertFalse(asked.cancelled)
            answer.cancel()
            self.failureResultOf(answer, CancelledError)
        self.assertTrue(asked.cancelled)
        self.assertEqual(repr(self.flights), "<SingleFlight 0 in flight>")

    def test_a_service_that_ignores_cancelling_keeps_nobody_waiting(self):
        (answer,) = self.begin(READ)
        asked = self.handle.next().hold_on_cancel()
        answer.cancel()
        self.failureResultOf(answer, RequestCancelled)
        asked.fail(NotSent("late"))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_nobody_joins_a_flight_that_all_have_left(self):
        (answer,) = self.begin(READ)
        asked = self.handle.next().hold_on_cancel()
        answer.cancel()
        self.failureResultOf(answer, RequestCancelled)
        (again,) = self.begin(READ)
        asked.reply("late")
        self.assertNoResult(again)
        self.handle.next().reply("new")
        self.assertEqual(self.successResultOf(again), "new")

    def test_how_the_service_answers_to_being_cancelled_is_the_last_callers_outcome(self):
        error = RequestCancelled(sent=False)
        for outcome in ("just in time", Failure(error)):
            waiting: Deferred = Deferred(partial(_fire, outcome))
            self.handle.script([waiting])
            first, last = self.begin(READ, READ)
            first.cancel()
            self.failureResultOf(first, RequestCancelled)
            last.addErrback(lambda failure: failure.value)
            last.cancel()
            expected = error if isinstance(outcome, Failure) else outcome
            self.assertIs(self.successResultOf(last), expected)

    def test_a_flight_that_ends_as_cancelled_by_itself_fails_all(self):
        answers = self.begin(READ, READ)
        self.handle.next().fail(CancelledError())
        for answer in answers:
            self.failureResultOf(answer, CancelledError)

    def test_cancelling_after_the_answer_does_nothing(self):
        (answer,) = self.begin(READ)
        self.handle.next().reply("answer")
        answer.cancel()
        self.assertEqual(self.successResultOf(answer), "answer")


class ReentrancyTests(Case):
    def test_whoever_asks_in_a_callback_of_the_landing_flight_begins_another(self):
        first, second = self.begin(READ, READ)
        again = first.addCallback(lambda _: self.service(READ))
        self.handle.next().reply("old")
        self.assertEqual(self.successResultOf(second), "old")
        self.assertNoResult(again)
        self.handle.next().reply("new")
        self.assertEqual(self.successResultOf(again), "new")

    def test_one_that_is_told_may_cancel_the_others(self):
        first, second, third = self.begin(READ, READ, READ)
        first.addCallback(lambda _: second.cancel())
        asked = self.handle.next()
        asked.reply("answer")
        self.assertFalse(asked.cancelled)
        self.failureResultOf(second, RequestCancelled)
        self.assertEqual(self.successResultOf(third), "answer")

    def test_one_that_is_told_may_cancel_the_only_other(self):
        first, second = self.begin(READ, READ)
        first.addCallback(lambda _: second.cancel())
        self.handle.next().reply("answer")
        self.failureResultOf(second, RequestCancelled)

    def test_a_service_that_asks_the_same_in_turn_does_not_wait_for_itself(self):
        depth = [0]

        async def below(request):
            depth[0] += 1
            return "answer" if depth[0] == 3 else await self.service(request)

        self.service = self.flights >> Service.mk(below)
        self.assertEqual(self.successResultOf(self.begin(READ)[0]), "answer")

    def test_a_flight_that_lands_keeps_nobody_from_joining_another_with_its_key(self):
        waiting: list[Deferred] = []

        def below(request):
            if not waiting:
                waiting.append(Deferred())
                self.service(READ)
            waiting.append(Deferred())
            return waiting[-1]

        self.service = self.flights >> Service.mk(below)
        (first,) = self.begin(READ)
        waiting[1].callback("of the one begun within")
        (second,) = self.begin(READ)
        waiting[2].callback("answer")
        self.assertEqual(self.successResultOf(first), "answer")
        self.assertEqual(self.successResultOf(second), "answer")

    def test_one_that_asks_again_as_the_last_leaves_begins_another(self):
        again: list[Deferred] = []
        waiting: Deferred = Deferred(lambda _: again.append(self.service(READ)))
        answers = iter([waiting, Deferred()])
        self.service = self.flights >> Service.mk(lambda request: next(answers))
        (answer,) = self.begin(READ)
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertNoResult(again[0])


class ContextTests(Case):
    def test_a_flight_runs_in_the_context_of_its_first_caller(self):
        for name in ("blue", "red"):
            context = contextvars.copy_context()
            context.run(colour.set, name)
            context.run(self.service, READ)
        (asked,) = self.taken()
        self.assertEqual(asked.context[colour], "blue")

    def test_a_flight_has_no_deadline_of_its_first_caller(self):
        clock = Clock()
        with deadline(1, clock):
            self.service(READ)
            self.assertEqual(remaining(), 1)
        (asked,) = self.taken()
        self.assertIsNone(asked.context.run(remaining))

    def test_the_first_caller_whose_time_is_up_leaves_and_the_flight_goes_on(self):
        clock = Clock()
        self.service = Deadline(None, clock) >> self.flights >> Retry(clock) >> self.below
        with deadline(1, clock):
            (hasty,) = self.begin(READ)
        with deadline(5, clock):
            (patient,) = self.begin(READ)
        clock.advance(1)
        self.failureResultOf(hasty, RequestTimedOut)
        clock.advance(3)
        asked = self.handle.next()
        self.assertFalse(asked.cancelled)
        asked.reply("answer")
        self.assertEqual(self.successResultOf(patient), "answer")
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_when_the_time_of_all_is_up_the_request_below_is_cancelled(self):
        clock = Clock()
        self.service = Timeout(5, clock) >> self.flights >> self.below
        answers = self.begin(READ)
        clock.advance(2)
        answers += self.begin(READ)
        asked = self.handle.next()
        clock.advance(3)
        self.assertFalse(asked.cancelled)
        clock.advance(2)
        self.assertTrue(asked.cancelled)
        for answer in answers:
            self.failureResultOf(answer, RequestTimedOut)

    def test_the_attempts_of_a_retry_below_are_shared(self):
        clock = Clock()
        retry: Retry = Retry(clock, backoff=Backoff.constant(1).take(2))
        self.service = self.flights >> retry >> self.below
        self.handle.script([NotSent("refused"), "answer"])
        answers = self.begin(READ, READ)
        clock.advance(1)
        self.assertEqual([self.successResultOf(each) for each in answers], ["answer"] * 2)
        self.handle.assert_idle()


class KeyTests(Case):
    def keyed(self, key) -> None:
        self.flights = SingleFlight(key=key)
        self.service = self.flights >> self.below

    def test_requests_with_the_same_key_share(self):
        self.keyed(str.lower)
        self.assert_shared("A", "a")
        self.assert_apart("b", "c")

    def test_a_request_whose_key_is_none_passes_by_and_may_be_a_write(self):
        self.keyed(lambda request: request if request.islower() else None)
        self.assert_apart("A", "A")
        self.assert_apart("a", "A", "a")

    def test_it_may_share_what_the_default_would_not_but_never_a_write(self):
        self.keyed(lambda request: request.path)
        self.assert_shared(READ, Get("/a", quorum=True))
        self.assert_apart(WRITE, WRITE)

    def test_a_read_whose_key_is_none_ends_no_sharing_before_it_has_ended(self):
        self.keyed(lambda request: None if request.sorted else request)
        self.begin(READ, Get("/a", sorted=True), READ)
        self.assertEqual(len(self.taken()), 2)

    def test_falsy_keys_are_keys(self):
        for falsy in (0, "", ()):
            self.keyed(lambda request, falsy=falsy: falsy)
            self.assert_shared("a", "b")

    def test_a_key_that_fails_or_cannot_be_hashed_fails_the_request_and_asks_nothing(self):
        for key, error in ((lambda request: 1 / 0, ZeroDivisionError), (lambda _: [], TypeError)):
            self.keyed(key)
            self.failureResultOf(self.begin(READ)[0], error)
            self.handle.assert_idle()

    def test_what_is_no_function_is_refused(self):
        error = self.assertRaises(TypeError, SingleFlight, key="path")
        self.assertIn("not 'path'", str(error))


class ServiceTests(Case):
    def test_the_repr_tells_how_many_can_be_joined(self):
        self.begin(READ, READ, Get("/b"))
        self.assertEqual(repr(self.flights), "<SingleFlight 2 in flight>")
        self.begin(WRITE)
        self.assertEqual(repr(self.flights), "<SingleFlight 0 in flight>")

    def test_close_and_status_reach_through(self):
        self.handle.status = Status.BUSY
        self.assertIs(self.service.status, Status.BUSY)
        self.successResultOf(self.service.close())
        self.assertTrue(self.handle.closed)


class Register(Service):
    """A number that is written and read at once; each reply comes when it is fired."""

    def __init__(self):
        self.value = 0
        self.open: list[tuple[Deferred, int]] = []

    def apply(self, request):
        if request.is_write:
            self.value += 1
        self.open.append((Deferred(), self.value))
        return self.open[-1][0]

    def reply(self, which: int) -> None:
        answer, value = self.open.pop(which % len(self.open))
        if not answer.called:
            answer.callback(value)


class Callers:
    """Those who ask a register through the filter, and what they know."""

    def __init__(self):
        self.register = Register()
        self.service: Service = SingleFlight() >> self.register
        self.known = 0
        self.asked: list[Deferred] = []
        self.outcomes: list = []

    def take(self, step: str, which: int) -> None:
        if step == "reply" and self.register.open:
            self.register.reply(which)
        elif step == "cancel" and self.asked:
            self.asked[which % len(self.asked)].cancel()
        elif step in ("read", "quorum", "write"):
            asked = self.service(Ask(is_write=step == "write", quorum=step == "quorum"))
            asked.addCallback(self.learn, self.known, step == "read")
            asked.addErrback(lambda failure: failure.trap(CancelledError))
            self.asked.append(asked.addBoth(self.outcomes.append))

    def learn(self, value: int, at_least: int, shared: bool) -> bool:
        if not shared:
            self.known = max(self.known, value)
        return value >= at_least


class AnyOrderTests(SynchronousTestCase):
    """Whatever happens in whatever order, nobody reads what is older than what it knows."""

    STEPS = st.tuples(
        st.sampled_from(["read", "read", "quorum", "write", "reply", "reply", "cancel"]),
        st.integers(0),
    )

    @settings(deadline=None, max_examples=300)
    @given(st.lists(STEPS, max_size=30))
    def test_a_read_is_as_new_as_all_that_passed_by_and_ended_before_it(self, steps):
        callers = Callers()
        for step, which in steps:
            callers.take(step, which)
        while callers.register.open:
            callers.register.reply(0)
        self.assertEqual(len(callers.outcomes), len(callers.asked))
        self.assertLessEqual(set(callers.outcomes), {True, CancelledError})
