"""FailureAccrual: when a service is given up, how it comes back, and what is left behind."""

from __future__ import annotations

import gc
import math
from typing import Any

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txetcd import (
    ApiError,
    Backoff,
    Filter,
    NotSent,
    ReplyLost,
    RequestCancelled,
    RequestTimedOut,
    Service,
    ServiceClosed,
    Status,
)
from txetcd.errors import EndpointDown, QueueFull
from txetcd.filters import AccrualPolicy, ConsecutiveFailures, FailureAccrual, Timeout, unreachable
from txetcd.response_class import ResponseClass, classify


@attrs.frozen
class Ask:
    """A request that may be a wait."""

    name: str = "ask"
    long_poll: bool = False
    needs_quorum: bool = False


READ, WAIT = Ask(), Ask("wait", long_poll=True)


def instead(failure: object, other: Deferred) -> Deferred:
    return other


class Below(Service):
    """Keeps what it was asked, with the Deferreds that it gave."""

    def __init__(self):
        self.asked: list[Any] = []
        self.given: list[Deferred] = []
        self.cancelled: list[Deferred] = []
        self.state = Status.OPEN
        self.closed = 0
        #: What to do with a request at once.
        self.at_once: Any = None

    def apply(self, request):
        self.asked.append(request)
        self.given.append(Deferred(self.cancelled.append))
        if self.at_once is not None:
            self.at_once(self.given[-1])
        return self.given[-1]

    def close(self):
        self.closed += 1
        return succeed(None)

    @property
    def status(self):
        return self.state

    def __repr__(self):
        return "Below()"


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.below = Below()
        self.made: list[Service] = []

    def tearDown(self):
        for each in self.made:
            self.successResultOf(each.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.below.given.clear()
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def over(self, failures=2, backoff=(1, 2, 4), **options) -> Service:
        """Given up after 2 failures, and left alone for 1 second, then 2, then 4."""
        options.setdefault("policy", ConsecutiveFailures(failures))
        options.setdefault("backoff", Backoff.from_iterable(backoff))
        self.accrual: FailureAccrual = FailureAccrual(self.clock, **options)
        self.made.append(self.accrual >> self.below)
        return self.made[-1]

    def fails(self, service: Service, error: Any = None, request: Any = READ) -> None:
        """One request that fails."""
        error = NotSent("refused") if error is None else error
        answer = service(request)
        self.below.given[-1].errback(error)
        self.assertIs(self.failureResultOf(answer).value, error)

    def succeeds(self, service: Service, request: Any = READ) -> None:
        answer = service(request)
        self.below.given[-1].callback("answer")
        self.assertEqual(self.successResultOf(answer), "answer")

    def given_up(self, **options) -> Service:
        """A service that has just been given up."""
        service = self.over(**options)
        self.fails(service)
        self.fails(service)
        self.assertIs(service.status, Status.BUSY)
        return service

    def assert_busy_until(self, time: float, service: Service) -> None:
        self.clock.advance(time - self.clock.seconds() - 0.001)
        self.assertIs(service.status, Status.BUSY)
        self.clock.advance(time - self.clock.seconds())
        self.assertIs(service.status, Status.OPEN)


class GivingUpTests(Case):
    def test_the_policy_says_when_it_is_too_much(self):
        service = self.over(failures=3)
        for expected in (Status.OPEN, Status.OPEN, Status.BUSY):
            self.fails(service)
            self.assertIs(service.status, expected)

    def test_a_success_in_between_is_counted(self):
        service = self.over()
        for _ in range(5):
            self.fails(service)
            self.succeeds(service)
        self.assertIs(service.status, Status.OPEN)

    def test_by_default_five_in_a_row_are_too_much(self):
        accrual: FailureAccrual = FailureAccrual(self.clock)
        service = accrual >> self.below
        for _ in range(4):
            self.fails(service)
        self.assertIs(service.status, Status.OPEN)
        self.fails(service)
        self.assertIs(service.status, Status.BUSY)
        self.clock.advance(0.1)
        self.assertIs(service.status, Status.OPEN)

    def test_requests_at_a_time_count_as_they_end(self):
        service = self.over()
        asked = [service(READ) for _ in range(3)]
        for below in self.below.given:
            below.errback(ReplyLost("reset"))
        for each in asked:
            self.failureResultOf(each, ReplyLost)
        self.assertIs(service.status, Status.BUSY)

    def test_outcomes_that_come_at_once_count_too(self):
        service = self.over()
        self.below.at_once = lambda given: given.errback(NotSent())
        for _ in range(2):
            self.failureResultOf(service(READ), NotSent)
        self.assertIs(service.status, Status.BUSY)

    def test_what_the_service_raises_counts_too(self):
        def raises(request):
            raise ReplyLost

        accrual: Filter = self.made_accrual(1)
        service = accrual >> Service.mk(raises)
        self.failureResultOf(service(READ), ReplyLost)
        self.assertIs(service.status, Status.BUSY)

    def made_accrual(self, failures: int) -> Filter:
        return FailureAccrual(self.clock, policy=ConsecutiveFailures(failures))

    def test_a_timeout_below_is_seen(self):
        accrual = self.made_accrual(1)
        timeout: Filter = Timeout(5, self.clock)
        service = accrual >> timeout >> self.below
        answer = service(READ)
        self.clock.advance(5)
        self.failureResultOf(answer, RequestTimedOut)
        self.assertIs(service.status, Status.BUSY)

    def test_outcomes_pass_unchanged(self):
        service = self.over(failures=1)
        for error in (NotSent(), ValueError("x"), ServiceClosed(), ApiError(100), CancelledError()):
            self.fails(service, error)
        self.succeeds(service)

    def test_what_says_nothing_of_the_service_is_not_counted(self):
        service = self.over(failures=1)
        for error in (RequestCancelled(), CancelledError(), ServiceClosed(), ApiError(100)):
            self.fails(service, error)
            self.assertIs(service.status, Status.OPEN)

    def test_nor_is_it_a_success(self):
        for error in (RequestCancelled(), ServiceClosed(), QueueFull()):
            service = self.over()
            self.fails(service)
            self.fails(service, error)
            self.fails(service)
            self.assertIs(service.status, Status.BUSY)

    def test_a_request_that_a_policy_below_did_not_let_begin_is_not_counted(self):
        service = self.over(failures=1, at_once=lambda request, outcome: Status.BUSY)
        self.fails(service, QueueFull("full"))
        self.assertIs(service.status, Status.OPEN)

    def test_a_cancelled_request_is_not_counted_and_is_cancelled_below(self):
        service = self.over(failures=1)
        answer = service(READ)
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(self.below.cancelled, self.below.given)
        self.assertIs(service.status, Status.OPEN)

    def test_the_classifier_says_what_a_failure_is(self):
        def classifier(request, outcome):
            self.assertIs(request, READ)
            if outcome == "answer":
                return ResponseClass.NON_RETRYABLE
            return classify(request, outcome)

        service = self.over(classifier=classifier)
        self.succeeds(service)
        self.succeeds(service)
        self.assertIs(service.status, Status.BUSY)

    def test_one_failure_may_be_enough_by_itself(self):
        for error, expected in (
            (NotSent(), Status.DOWN),
            (RequestTimedOut(5), Status.DOWN),
            (ReplyLost(), Status.OPEN),
            (ValueError(), Status.OPEN),
        ):
            service = self.over(failures=9, at_once=unreachable)
            self.fails(service, error)
            self.assertIs(service.status, expected, error)

    def test_what_is_enough_by_itself_sees_the_request_and_only_failures(self):
        seen: list[Any] = []

        def at_once(request, outcome):
            return seen.append((request, outcome.type))

        service = self.over(failures=9, at_once=at_once)
        self.succeeds(service)
        self.fails(service, RequestCancelled())
        self.fails(service, ReplyLost())
        self.assertEqual(seen, [(READ, ReplyLost)])

    def test_the_policy_counts_what_is_enough_by_itself(self):
        policy = Counting()
        service = self.over(policy=policy, at_once=unreachable)
        self.fails(service)
        self.assertEqual(policy.told, ["failed"])

    def test_a_classifier_that_raises_fails_the_request_and_counts_nothing(self):
        def raises(request, outcome):
            raise ZeroDivisionError

        service = self.over(failures=1, classifier=raises)
        answer = service(READ)
        self.below.given[0].callback("answer")
        self.failureResultOf(answer, ZeroDivisionError)
        self.assertIs(service.status, Status.OPEN)


class Counting(AccrualPolicy):
    """Never has enough, and notes what it is told."""

    def __init__(self, enough: bool = False):
        self.told: list[str] = []
        self.enough = enough

    def succeeded(self):
        self.told.append("succeeded")

    def failed(self):
        self.told.append("failed")
        return self.enough

    def forget(self):
        self.told.append("forget")


class PassiveTests(Case):
    """Without a probe, a user's request tries whether the service is back."""

    def test_it_is_open_again_when_the_delay_has_passed(self):
        self.assert_busy_until(1, self.given_up())

    def test_the_first_request_then_brings_it_back_by_succeeding(self):
        service = self.given_up()
        self.clock.advance(1)
        answer = service(READ)
        self.assertIs(service.status, Status.BUSY)
        self.below.given[-1].callback("answer")
        self.successResultOf(answer)
        self.assertIs(service.status, Status.OPEN)
        self.fails(service)
        self.assertIs(service.status, Status.OPEN)

    def test_each_attempt_that_fails_leaves_it_alone_for_longer_up_to_the_last_delay(self):
        service = self.given_up()
        time = 0
        for delay in (1, 2, 4, 4, 4):
            time += delay
            self.assert_busy_until(time, service)
            self.fails(service)

    def test_when_it_has_come_back_the_schedule_begins_afresh(self):
        service = self.given_up()
        self.clock.advance(1)
        self.fails(service)
        self.clock.advance(2)
        self.succeeds(service)
        self.fails(service)
        self.fails(service)
        self.assert_busy_until(self.clock.seconds() + 1, service)

    def test_one_request_at_a_time_tries_it(self):
        service = self.given_up()
        self.clock.advance(1)
        trial, other = service(READ), service(READ)
        self.assertIs(service.status, Status.BUSY)
        self.below.given[-1].errback(NotSent())
        self.failureResultOf(other, NotSent)
        self.below.given[-2].errback(NotSent())
        self.failureResultOf(trial, NotSent)
        self.assert_busy_until(3, service)

    def test_a_trial_that_is_cancelled_leaves_it_to_another(self):
        service = self.given_up()
        self.clock.advance(1)
        trial = service(READ)
        trial.cancel()
        self.failureResultOf(trial, CancelledError)
        self.assertIs(service.status, Status.OPEN)
        self.succeeds(service)
        self.assertIs(service.status, Status.OPEN)

    def test_so_does_one_that_is_cancelled_and_does_not_end(self):
        service = self.given_up(refuse=True)
        self.clock.advance(1)
        late: Deferred = Deferred()
        self.below.at_once = lambda given: given.addErrback(instead, late)
        trial = service(READ)
        trial.cancel()
        self.failureResultOf(trial, CancelledError)
        self.assertIs(service.status, Status.OPEN)
        late.errback(ReplyLost("late"))
        self.below.at_once = None
        self.succeeds(service)

    def test_a_trial_that_tells_nothing_leaves_it_to_another(self):
        for error in (ServiceClosed(), QueueFull()):
            service = self.given_up()
            self.clock.advance(1)
            self.fails(service, error)
            self.assertIs(service.status, Status.OPEN)

    def test_what_passes_meanwhile_brings_it_back_too(self):
        service = self.given_up()
        self.succeeds(service)
        self.assertIs(service.status, Status.OPEN)

    def test_what_fails_meanwhile_changes_nothing(self):
        service = self.given_up()
        self.clock.advance(0.5)
        for _ in range(5):
            self.fails(service)
        self.assert_busy_until(1, service)

    def test_a_wait_is_no_trial(self):
        service = self.given_up()
        self.clock.advance(1)
        wait = service(WAIT)
        self.assertIs(service.status, Status.OPEN)
        trial = service(READ)
        self.assertIs(service.status, Status.BUSY)
        trial.cancel()
        self.failureResultOf(trial, CancelledError)
        self.below.given[-2].callback("event")
        self.assertEqual(self.successResultOf(wait), "event")
        self.assertIs(service.status, Status.OPEN)

    def test_the_policy_forgets_when_it_comes_back(self):
        policy = Counting(enough=True)
        service = self.over(policy=policy)
        self.fails(service)
        self.succeeds(service)
        self.assertEqual(policy.told, ["failed", "forget"])

    def test_no_delayed_call_is_made(self):
        self.given_up()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_clock_that_is_set_back_does_not_leave_it_alone_for_longer(self):
        self.clock.rightNow = 1000.0
        service = self.given_up()
        self.clock.rightNow = 10.0
        self.assertIs(service.status, Status.OPEN)
        self.fails(service)
        self.assert_busy_until(12, service)

    def test_the_delay_is_kept_to_the_bit_whatever_the_time(self):
        for now in (1_700_000_000.123456, 0.3, 1e9 / 3):
            self.clock.rightNow = now
            service = self.given_up(backoff=[0.1])
            self.assertIs(service.status, Status.BUSY)
            self.clock.advance(0.1)
            self.assertIs(service.status, Status.OPEN)


class OutdatedTests(Case):
    """A request that began before the service was last given up tells nothing."""

    def test_a_late_success_does_not_bring_it_back(self):
        service = self.over()
        early = service(READ)
        self.fails(service)
        self.fails(service)
        self.below.given[0].callback("answer")
        self.successResultOf(early)
        self.assertIs(service.status, Status.BUSY)

    def test_a_late_failure_does_not_end_the_trial(self):
        service = self.over()
        early = service(READ)
        self.fails(service)
        self.fails(service)
        self.clock.advance(1)
        trial = service(READ)
        self.below.given[0].errback(NotSent())
        self.failureResultOf(early, NotSent)
        self.below.given[-1].callback("answer")
        self.successResultOf(trial)
        self.assertIs(service.status, Status.OPEN)

    def test_nor_does_it_count_when_the_service_is_back(self):
        service = self.over()
        early = [service(READ) for _ in range(3)]
        self.fails(service)
        self.fails(service)
        self.succeeds(service)
        for given, each in zip(self.below.given, early, strict=False):
            given.errback(ReplyLost())
            self.failureResultOf(each, ReplyLost)
        self.assertIs(service.status, Status.OPEN)

    def test_a_trial_of_an_earlier_time_does_not_end_the_trial_of_now(self):
        service = self.given_up(refuse=True)
        self.clock.advance(1)
        first = service(WAIT)
        old = service(READ)
        self.below.given[-2].callback("event")
        self.successResultOf(first)
        self.fails(service)
        self.fails(service)
        self.clock.advance(1)
        now = service(READ)
        for given in self.below.given:
            if not given.called and given is not self.below.given[-1]:
                given.errback(NotSent())
        self.failureResultOf(old, NotSent)
        self.assertIs(service.status, Status.BUSY)
        self.failureResultOf(service(READ), EndpointDown)
        self.below.given[-1].callback("answer")
        self.successResultOf(now)
        self.assertIs(service.status, Status.OPEN)

    def test_one_that_was_begun_while_the_service_was_given_up_counts(self):
        service = self.over(failures=1)
        asked = service(READ)
        self.fails(service)
        later = service(READ)
        self.below.given[-1].callback("answer")
        self.successResultOf(later)
        self.assertIs(service.status, Status.OPEN)
        self.below.given[0].errback(NotSent())
        self.failureResultOf(asked, NotSent)
        self.assertIs(service.status, Status.OPEN)


class RefusingTests(Case):
    """``refuse``: a service that has no balancer above it."""

    def test_requests_fail_at_once_while_it_is_left_alone(self):
        service = self.given_up(refuse=True)
        asked = len(self.below.asked)
        for request in (READ, WAIT):
            error = self.failureResultOf(service(request), EndpointDown).value
            self.assertEqual(str(error), "Below() has failed, and is left alone")
            self.assertTrue(error.retryable)
            self.assertFalse(error.possibly_applied)
        self.assertEqual(len(self.below.asked), asked)

    def test_the_trial_passes_and_others_are_refused_until_it_has_ended(self):
        service = self.given_up(refuse=True)
        self.clock.advance(1)
        trial = service(READ)
        self.failureResultOf(service(READ), EndpointDown)
        self.below.given[-1].callback("answer")
        self.successResultOf(trial)
        self.succeeds(service)

    def test_with_a_probe_no_request_is_a_trial(self):
        service = self.given_up(refuse=True, probe=lambda below: below("alive?"))
        self.clock.advance(100)
        self.failureResultOf(service(READ), EndpointDown)
        self.below.given[-1].callback("yes")
        self.succeeds(service)

    def test_without_it_all_pass(self):
        service = self.given_up()
        self.succeeds(service)

    def test_what_is_refused_is_not_counted(self):
        service = self.given_up(refuse=True)
        for _ in range(9):
            self.failureResultOf(service(READ), EndpointDown)
        self.assert_busy_until(1, service)


class ProbeTests(Case):
    """With a probe, no request of a user's is put at risk."""

    def setUp(self):
        super().setUp()
        self.probes: list[Deferred] = []
        self.probed_at: list[float] = []
        self.stopped: list[Deferred] = []

    def probe(self, service):
        self.assertIs(service, self.below)
        self.probed_at.append(self.clock.seconds())
        self.probes.append(Deferred(self.stopped.append))
        return self.probes[-1]

    def probed(self, **options) -> Service:
        return self.given_up(probe=self.probe, **options)

    def test_it_is_asked_after_each_delay_and_the_answer_brings_it_back(self):
        service = self.probed()
        self.clock.pump([0.5] * 2)
        self.probes[-1].errback(NotSent())
        self.clock.pump([0.5] * 4)
        self.probes[-1].errback(ReplyLost())
        self.clock.pump([0.5] * 8)
        self.assertEqual(self.probed_at, [1, 3, 7])
        self.assertIs(service.status, Status.BUSY)
        self.probes[-1].callback("alive")
        self.assertIs(service.status, Status.OPEN)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_that_was_down_and_answers_that_it_is_not_well_is_busy(self):
        service = self.over(failures=9, at_once=unreachable, probe=self.probe, backoff=[1])
        self.fails(service, NotSent())
        for error, expected in (
            (ReplyLost(), Status.BUSY),
            (RequestTimedOut(5), Status.DOWN),
            (QueueFull(), Status.DOWN),
        ):
            self.clock.advance(1)
            self.probes[-1].errback(error)
            self.assertIs(service.status, expected, error)
        self.clock.advance(1)
        self.probes[-1].callback("alive")
        self.assertIs(service.status, Status.OPEN)

    def test_one_that_is_busy_and_cannot_be_reached_either_is_down(self):
        service = self.over(failures=1, at_once=unreachable, probe=self.probe)
        self.fails(service, ReplyLost())
        self.assertIs(service.status, Status.BUSY)
        self.fails(service, NotSent())
        self.assertIs(service.status, Status.DOWN)
        self.fails(service, ReplyLost())
        self.assertIs(service.status, Status.DOWN)

    def test_it_stays_busy_until_the_probe_is_answered(self):
        service = self.probed()
        self.clock.advance(1000)
        self.assertEqual(self.probed_at, [1000])
        self.assertIs(service.status, Status.BUSY)

    def test_the_last_delay_is_repeated(self):
        self.probed(backoff=[1])
        for _ in range(5):
            self.clock.advance(1)
            self.probes[-1].errback(NotSent())
        self.assertEqual(self.probed_at, [1, 2, 3, 4, 5])

    def test_nothing_is_asked_of_a_service_that_works(self):
        service = self.over(probe=self.probe)
        self.fails(service)
        self.succeeds(service)
        self.clock.advance(1000)
        self.assertEqual(self.probes, [])

    def test_a_request_that_passes_and_succeeds_ends_the_asking(self):
        for advance in (0.5, 1):
            service = self.probed()
            self.clock.advance(advance)
            self.succeeds(service)
            self.assertIs(service.status, Status.OPEN)
            self.assertEqual(self.clock.getDelayedCalls(), [])
            self.assertEqual(self.stopped, self.probes)

    def test_a_request_that_passes_and_fails_changes_nothing(self):
        service = self.probed()
        self.clock.advance(1)
        self.fails(service)
        self.clock.advance(100)
        self.assertEqual(self.probed_at, [1])

    def test_an_answer_that_is_a_failure_by_the_classifier_is_one(self):
        def classifier(request, outcome):
            if outcome == 503:
                return ResponseClass.RETRYABLE
            return classify(request, outcome)

        service = self.probed(classifier=classifier)
        self.clock.advance(1)
        self.probes[-1].callback(503)
        self.assertIs(service.status, Status.BUSY)
        self.clock.advance(2)
        self.probes[-1].callback(200)
        self.assertIs(service.status, Status.OPEN)

    def test_whatever_a_probe_ends_with_it_is_asked_again(self):
        for error in (CancelledError(), ServiceClosed(), QueueFull(), ZeroDivisionError()):
            service = self.probed()
            self.clock.advance(1)
            self.probes[-1].errback(error)
            self.assertIs(service.status, Status.BUSY)
            self.clock.advance(2)
            self.probes[-1].callback("alive")
            self.assertIs(service.status, Status.OPEN, error)

    def test_a_probe_that_raises_or_answers_at_once_is_an_answer_too(self):
        answers: list[Any] = [NotSent("refused"), "alive"]

        def probe(service):
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        service = self.given_up(probe=probe)
        self.clock.advance(1)
        self.assertIs(service.status, Status.BUSY)
        self.clock.advance(2)
        self.assertIs(service.status, Status.OPEN)

    def test_the_probe_asks_what_is_below_the_filter(self):
        service = self.given_up(probe=lambda below: below("alive?"), refuse=True)
        self.clock.advance(1)
        self.assertEqual(self.below.asked[-1], "alive?")
        self.below.given[-1].callback("yes")
        self.assertIs(service.status, Status.OPEN)

    def test_its_outcomes_are_none_of_the_policys(self):
        policy = Counting(enough=True)
        service = self.over(policy=policy, probe=self.probe)
        self.fails(service)
        self.clock.advance(1)
        self.probes[-1].errback(NotSent())
        self.clock.advance(2)
        self.probes[-1].callback("alive")
        self.assertEqual(policy.told, ["failed", "forget"])


class ParkedTests(Case):
    """Requests that wait, and the heartbeat that finds out whether they wait in vain."""

    def setUp(self):
        super().setUp()
        self.probes: list[Deferred] = []
        self.probed_at: list[float] = []

    def probe(self, service):
        self.probed_at.append(self.clock.seconds())
        self.probes.append(Deferred())
        return self.probes[-1]

    def beating(self, **options) -> Service:
        return self.over(probe=self.probe, heartbeat=5, **options)

    def test_they_fail_as_soon_as_the_service_is_given_up(self):
        service = self.over()
        waits = [service(WAIT) for _ in range(3)]
        read = service(READ)
        self.fails(service)
        self.fails(service)
        for each in waits:
            self.failureResultOf(each, EndpointDown)
        self.assertEqual(set(self.below.cancelled), set(self.below.given[:3]))
        self.assertNoResult(read)
        read.cancel()
        self.failureResultOf(read, CancelledError)

    def test_even_if_they_do_not_end_when_they_are_cancelled(self):
        service = self.over()
        late: Deferred = Deferred()
        self.below.at_once = lambda given: given.addErrback(instead, late)
        wait = service(WAIT)
        self.below.at_once = None
        self.fails(service)
        self.fails(service)
        self.failureResultOf(wait, EndpointDown)
        late.errback(ReplyLost("late"))

    def test_what_ends_them_is_not_counted(self):
        policy = Counting(enough=True)
        service = self.over(policy=policy)
        wait = service(WAIT)
        self.fails(service)
        self.failureResultOf(wait, EndpointDown)
        self.assertEqual(policy.told, ["failed"])

    def test_one_that_is_parked_on_a_service_that_is_left_alone_fails_with_the_next_trial(self):
        service = self.given_up()
        wait = service(WAIT)
        self.clock.advance(1)
        self.assertNoResult(wait)
        self.fails(service)
        self.failureResultOf(wait, EndpointDown)
        self.assert_busy_until(3, service)

    def test_one_that_comes_back_at_once_stays(self):
        service = self.over()
        again: list[Deferred] = []
        wait = service(WAIT).addErrback(lambda _: again.append(service(WAIT)))
        self.fails(service)
        self.fails(service)
        self.successResultOf(wait)
        self.assertNoResult(again[0])

    def test_an_event_is_a_success_and_passes_unchanged(self):
        service = self.over()
        self.fails(service)
        self.succeeds(service, WAIT)
        self.fails(service)
        self.assertIs(service.status, Status.OPEN)

    def test_one_that_fails_is_counted(self):
        service = self.over()
        self.fails(service, ReplyLost(), WAIT)
        self.fails(service, ReplyLost(), WAIT)
        self.assertIs(service.status, Status.BUSY)

    def test_cancelling_one_cancels_what_is_below(self):
        service = self.over()
        wait = service(WAIT)
        wait.cancel()
        self.failureResultOf(wait, CancelledError)
        self.assertEqual(self.below.cancelled, self.below.given)
        self.fails(service)
        self.fails(service)

    def test_without_a_heartbeat_nothing_is_asked_while_they_wait(self):
        self.over(probe=self.probe)(WAIT)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_heartbeat_is_asked_as_long_as_something_is_parked(self):
        service = self.beating()
        wait = service(WAIT)
        self.clock.advance(4.9)
        self.assertEqual(self.probed_at, [])
        self.clock.advance(0.1)
        self.probes[-1].callback("alive")
        self.clock.advance(5)
        self.clock.advance(1)
        self.probes[-1].callback("alive")
        self.clock.advance(5)
        self.assertEqual(self.probed_at, [5, 10, 16])
        self.probes[-1].callback("alive")
        self.below.given[0].callback("event")
        self.successResultOf(wait)
        self.clock.advance(100)
        self.assertEqual(len(self.probes), 3)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_many_that_are_parked_share_one_heartbeat(self):
        service = self.beating()
        for _ in range(3):
            service(WAIT)
            self.clock.advance(1)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(2)
        self.assertEqual(self.probed_at, [5])
        service(WAIT)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_requests_that_do_not_wait_have_none(self):
        self.beating()(READ)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_wait_that_is_answered_at_once_has_none(self):
        service = self.beating()
        self.below.at_once = lambda given: given.callback("event")
        self.successResultOf(service(WAIT))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_failed_heartbeat_gives_the_service_up(self):
        service = self.beating()
        wait = service(WAIT)
        self.clock.advance(5)
        self.probes[-1].errback(RequestTimedOut(5))
        self.failureResultOf(wait, EndpointDown)
        self.assertIs(service.status, Status.BUSY)
        self.clock.advance(1)
        self.probes[-1].callback("alive")
        self.assertIs(service.status, Status.OPEN)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_heartbeat_that_tells_nothing_is_asked_again(self):
        for error in (QueueFull("full"), CancelledError()):
            service = self.beating()
            wait = service(WAIT)
            for _ in range(2):
                self.clock.advance(5)
                self.probes[-1].errback(error)
            self.assertNoResult(wait)
            self.assertIs(service.status, Status.OPEN)
            wait.cancel()
            self.failureResultOf(wait, CancelledError)
            self.clock.advance(5)

    def test_a_heartbeat_that_is_answered_does_not_hide_failures(self):
        service = self.beating()
        service(WAIT).addErrback(lambda failure: failure.trap(EndpointDown))
        self.fails(service)
        self.clock.advance(5)
        self.probes[-1].callback("alive")
        self.fails(service)
        self.assertIs(service.status, Status.BUSY)

    def test_a_heartbeat_under_way_gives_way_when_the_service_is_given_up(self):
        service = self.beating()
        service(WAIT).addErrback(lambda failure: failure.trap(EndpointDown))
        self.clock.advance(5)
        self.fails(service)
        self.fails(service)
        self.assertTrue(self.probes[0].called)
        self.clock.advance(1)
        self.assertEqual(self.probed_at, [5, 6])

    def test_after_it_has_come_back_what_is_parked_then_has_a_heartbeat(self):
        for back in ("probe", "request"):
            self.probed_at.clear()
            service = self.beating()
            begun = self.clock.seconds()
            self.fails(service)
            self.fails(service)
            service(WAIT)
            if back == "probe":
                self.clock.advance(1)
                self.probes[-1].callback("alive")
            else:
                self.succeeds(service)
            self.assertEqual(len(self.clock.getDelayedCalls()), 1)
            self.clock.advance(5)
            self.assertEqual(self.probed_at[-1], self.clock.seconds())
            self.assertGreaterEqual(self.probed_at[-1], begun + 5)
            self.successResultOf(service.close())


class ReentrancyTests(Case):
    """The service, and those who are told, may call back at any moment."""

    def test_a_request_that_dies_within_a_request_is_of_the_time_before(self):
        service = self.over(failures=1)
        asked: list[Deferred] = []

        def nested(given):
            if len(self.below.given) == 1:
                asked.append(service(READ))
            else:
                given.errback(NotSent())

        self.below.at_once = nested
        outer = service(READ)
        self.failureResultOf(asked[0], NotSent)
        self.assertIs(service.status, Status.BUSY)
        self.below.given[0].callback("answer")
        self.successResultOf(outer)
        self.assertIs(service.status, Status.BUSY)

    def test_who_is_told_of_the_last_failure_finds_it_given_up(self):
        service = self.over(failures=1)
        seen: list[Status] = []
        answer = service(READ).addErrback(lambda _: seen.append(service.status))
        self.below.given[0].errback(NotSent())
        self.successResultOf(answer)
        self.assertEqual(seen, [Status.BUSY])

    def test_who_is_told_of_a_trial_may_ask_at_once(self):
        service = self.given_up()
        self.clock.advance(1)
        again = service(READ).addCallback(lambda _: service(READ))
        self.below.given[-1].callback("answer")
        self.below.given[-1].callback("again")
        self.assertEqual(self.successResultOf(again), "again")
        self.assertIs(service.status, Status.OPEN)

    def test_a_trial_within_a_trial_is_none(self):
        service = self.given_up(refuse=True)
        self.clock.advance(1)
        inner: list[Deferred] = []
        self.below.at_once = lambda given: inner.append(service(READ))
        trial = service(READ)
        self.failureResultOf(inner[0], EndpointDown)
        self.below.given[-1].callback("answer")
        self.successResultOf(trial)

    def test_a_wait_that_comes_back_while_a_heartbeat_is_stopped_leaves_one_delayed_call(self):
        questions: list[Deferred] = []

        def probe(below):
            # To stop asking ends what is parked: they share a connection, say.
            questions.append(Deferred(lambda _: self.below.given[0].errback(ReplyLost())))
            return questions[-1]

        service = self.over(probe=probe, heartbeat=5)
        again: list[Deferred] = []
        wait = service(WAIT).addErrback(lambda _: again.append(service(WAIT)))
        self.clock.advance(5)
        self.fails(service)
        self.fails(service)
        self.successResultOf(wait)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.failureResultOf(again[0], EndpointDown)

    def test_closing_it_in_a_callback_leaves_nothing(self):
        service = self.over(failures=1, probe=lambda below: below("alive?"), heartbeat=5)
        wait = service(WAIT).addErrback(lambda _: service.close())
        self.fails(service)
        self.successResultOf(wait)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ClosingTests(Case):
    def states(self):
        """A service in each of its states, with the name of that."""

        def probe(below):
            return below("alive?")

        options: dict[str, Any] = {"probe": probe, "heartbeat": 5}
        yield "alive", self.over(**options)
        parked = self.over(**options)
        parked(WAIT).addErrback(lambda failure: failure.trap(ServiceClosed))
        yield "a heartbeat is planned", parked
        parked = self.over(**options)
        parked(WAIT).addErrback(lambda failure: failure.trap(ServiceClosed))
        self.clock.advance(5)
        yield "a heartbeat is asked", parked
        yield "left alone", self.given_up(**options)
        probed = self.given_up(**options)
        self.clock.advance(1)
        yield "probed", probed
        yield "left alone without a probe", self.given_up()
        tried = self.given_up()
        self.clock.advance(1)
        tried(READ).addErrback(lambda failure: failure.trap(ServiceClosed))
        yield "tried", tried

    def test_in_every_state_it_closes_the_service_and_leaves_no_delayed_call(self):
        for name, service in self.states():
            closed = self.below.closed
            self.successResultOf(service.close())
            self.assertEqual(self.below.closed, closed + 1, name)
            self.assertEqual(self.clock.getDelayedCalls(), [], name)
            for given in self.below.given:
                if not given.called:
                    given.errback(ServiceClosed())
            asked = len(self.below.asked)
            self.clock.advance(100)
            self.assertEqual(len(self.below.asked), asked, name)
            self.successResultOf(service.close())

    def test_a_probe_under_way_is_cancelled(self):
        service = self.given_up(probe=lambda below: below("alive?"))
        self.clock.advance(1)
        self.successResultOf(service.close())
        self.assertEqual(self.below.cancelled, self.below.given[-1:])

    def test_after_closing_nothing_is_planned_any_more(self):
        service = self.over(probe=lambda below: below("alive?"), heartbeat=5)
        self.successResultOf(service.close())
        wait = service(WAIT)
        self.fails(service)
        self.fails(service)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.failureResultOf(wait, EndpointDown)

    def test_closing_waits_for_the_service(self):
        closing: Deferred = Deferred()

        class Slow(Service):
            def close(self):
                return closing

        accrual: Filter = FailureAccrual(self.clock)
        closed = (accrual >> Slow()).close()
        self.assertNoResult(closed)
        closing.callback(None)
        self.assertIsNone(self.successResultOf(closed))


class StatusTests(Case):
    def test_it_is_the_worse_of_the_services_and_its_own(self):
        service = self.over()
        for state in Status:
            self.below.state = state
            self.assertIs(service.status, state)
        self.below.state = Status.OPEN
        self.fails(service)
        self.fails(service)
        for state, expected in (
            (Status.OPEN, Status.BUSY),
            (Status.BUSY, Status.BUSY),
            (Status.CLOSED, Status.CLOSED),
        ):
            self.below.state = state
            self.assertIs(service.status, expected)

    def test_it_shows_through_filters_above_and_below(self):
        self.over()
        above: Filter = Timeout(5, self.clock)
        chain: Filter = above >> self.accrual >> above
        service = chain >> self.below
        self.fails(service)
        self.fails(service)
        self.assertIs(service.status, Status.BUSY)
        self.assertIs((above >> service).status, Status.BUSY)
        self.assert_busy_until(1, service)


class ReprTests(Case):
    def test_it_tells_the_policy_and_the_state(self):
        service = self.over()
        self.assertEqual(repr(self.accrual), "FailureAccrual(ConsecutiveFailures(2), alive)")
        self.fails(service)
        self.fails(service)
        self.clock.advance(0.25)
        self.assertEqual(
            repr(service),
            "FailureAccrual(ConsecutiveFailures(2), busy, left alone for 0.75 s) >> Below()",
        )
        self.clock.advance(1)
        self.assertEqual(
            repr(self.accrual), "FailureAccrual(ConsecutiveFailures(2), busy, to be tried)"
        )
        self.succeeds(service)
        self.assertIn("alive", repr(self.accrual))


class ArgumentTests(Case):
    def refused(self, **options) -> str:
        return str(self.assertRaises(ValueError, FailureAccrual, self.clock, **options))

    def test_a_schedule_must_have_a_delay(self):
        words = self.refused(backoff=Backoff.constant(1).take(0))
        self.assertIn("at least one delay: Backoff.constant(1.0).take(0)", words)

    def test_a_heartbeat_needs_a_probe_and_a_time(self):
        self.assertIn("heartbeat=5: it needs a probe", self.refused(heartbeat=5))
        for wrong in (0, -1, math.nan):
            words = self.refused(heartbeat=wrong, probe=succeed)
            self.assertIn(f"heartbeat={wrong!r}", words)


class UnreachableTests(SynchronousTestCase):
    def test_it_is_what_the_next_request_would_most_likely_meet_too(self):
        for outcome, expected in (
            (Failure(NotSent("refused")), Status.DOWN),
            (Failure(RequestTimedOut(5)), Status.DOWN),
            (Failure(ReplyLost("reset")), None),
            (Failure(QueueFull()), None),
            (Failure(ValueError()), None),
            ("answer", None),
            (NotSent("an error that is an answer"), None),
        ):
            self.assertIs(unreachable(READ, outcome), expected, outcome)

    def test_one_that_waits_for_the_votes_of_others_shows_less_when_it_is_late(self):
        vote = Ask(needs_quorum=True)
        self.assertIs(unreachable(vote, Failure(RequestTimedOut(5))), Status.BUSY)
        self.assertIs(unreachable(vote, Failure(NotSent("refused"))), Status.DOWN)


class AnyOrder(RuleBasedStateMachine):
    """Whatever happens in whatever order, beside a model that knows nothing of Deferreds."""

    def __init__(self):
        super().__init__()
        self.clock = Clock()
        self.below = Below()
        self.probes: list[Deferred] = []
        self.delays = [1, 2, 4]

    def start(self, probe: bool, refuse: bool) -> None:
        self.probed, self.refuse = probe, refuse
        options: dict[str, Any] = {"probe": self.probe, "heartbeat": 3} if probe else {}
        accrual: FailureAccrual = FailureAccrual(
            self.clock,
            policy=ConsecutiveFailures(2),
            backoff=Backoff.from_iterable(self.delays),
            refuse=refuse,
            **options,
        )
        self.service = accrual >> self.below
        # What is under way: the answer, what is below, the time it is of, whether it waits
        # and whether it is a trial.
        self.open: list[tuple[Deferred, Deferred, int, bool, bool]] = []
        self.dead, self.deaths, self.failures, self.attempts, self.until = False, 0, 0, 0, 0.0
        self.closed = False

    def probe(self, service):
        self.probes.append(Deferred())
        return self.probes[-1]

    @property
    def may_try(self) -> bool:
        trying = any(trial and deaths == self.deaths for _, _, deaths, _, trial in self.open)
        return not self.probed and not trying and self.clock.seconds() >= self.until

    @rule(waits=st.booleans())
    def ask(self, waits):
        before = len(self.below.given)
        may_try = self.may_try
        answer = self.service(WAIT if waits else READ)
        if self.dead and self.refuse and not may_try:
            answer.addErrback(lambda failure: failure.trap(EndpointDown))
            assert answer.called and len(self.below.given) == before
            return
        trial = self.dead and may_try and not waits
        self.open.append((answer, self.below.given[-1], self.deaths, waits, trial))

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0), how=st.sampled_from(["succeed", "fail", "fail", "cancel", "full"]))
    def end(self, which, how):
        answer, below, deaths, _, trial = self.open.pop(which % len(self.open))
        seen: list[Any] = []
        answer.addBoth(seen.append)
        if how == "cancel":
            answer.cancel()
        elif how == "succeed":
            below.callback("answer")
        else:
            below.errback(ReplyLost() if how == "fail" else QueueFull())
        assert len(seen) == 1
        if deaths != self.deaths:
            return
        if how == "succeed":
            self.dead, self.failures = False, 0
        elif how == "fail":
            self.failed(trial)

    def failed(self, trial: bool) -> None:
        if self.dead:
            if trial:
                self.leave_alone()
            return
        self.failures += 1
        if self.failures >= 2:
            self.die()

    def die(self) -> None:
        self.dead, self.deaths, self.attempts = True, self.deaths + 1, 0
        self.leave_alone()

    def leave_alone(self) -> None:
        delay = self.delays[min(self.attempts, len(self.delays) - 1)]
        self.until = self.clock.seconds() + delay
        self.attempts += 1
        parked = [each for each in self.open if each[3]]
        self.open = [each for each in self.open if not each[3]]
        for answer, *_ in parked:
            answer.addErrback(lambda failure: failure.trap(EndpointDown))
            assert answer.called

    @rule(seconds=st.sampled_from([0, 0.5, 1, 2, 5]))
    def wait(self, seconds):
        self.clock.advance(seconds)

    @precondition(lambda self: self.asked)
    @rule(alive=st.booleans())
    def answer_the_probe(self, alive):
        (probe,) = self.asked
        if alive:
            probe.callback("alive")
            if self.dead:
                self.dead, self.failures = False, 0
            return
        probe.errback(NotSent())
        if self.dead:
            self.leave_alone()
        else:
            self.die()

    @property
    def asked(self) -> list[Deferred]:
        return [each for each in self.probes if not each.called]

    @invariant()
    def the_status_is_that_of_the_model(self):
        expected = Status.BUSY if self.dead and not self.may_try else Status.OPEN
        assert self.service.status is expected

    @invariant()
    def nobody_is_told_of_what_has_not_ended(self):
        for answer, below, *_ in self.open:
            assert not answer.called
            assert not below.called

    @invariant()
    def there_is_at_most_one_question_planned_or_asked(self):
        count = len(self.clock.getDelayedCalls()) + len(self.asked)
        assert count <= (1 if self.probed else 0)
        parked = any(waits for *_, waits, _ in self.open)
        if self.probed and (self.dead or parked):
            assert count == 1

    def teardown(self):
        self.service.close()
        assert self.clock.getDelayedCalls() == []
        assert self.asked == []
        for answer, *_ in self.open:
            answer.addErrback(lambda failure: failure.trap(CancelledError))
            answer.cancel()


def machine(probe: bool, refuse: bool) -> type[RuleBasedStateMachine]:
    class Machine(AnyOrder):
        def __init__(self):
            super().__init__()
            self.start(probe, refuse)

    Machine.__name__ = f"AnyOrder_{probe}_{refuse}"
    return Machine


class AnyOrderTests(SynchronousTestCase):
    def run_machine(self, probe: bool, refuse: bool) -> None:
        case = machine(probe, refuse).TestCase
        case.settings = settings(deadline=None, max_examples=40, stateful_step_count=40)
        case("runTest").runTest()

    def test_without_a_probe_it_does_as_the_model_does(self):
        self.run_machine(False, False)

    def test_with_a_probe_it_does_as_the_model_does(self):
        self.run_machine(True, False)

    def test_refusing_without_a_probe_it_does_as_the_model_does(self):
        self.run_machine(False, True)

    def test_refusing_with_a_probe_it_does_as_the_model_does(self):
        self.run_machine(True, True)
