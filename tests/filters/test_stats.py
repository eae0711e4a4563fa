"""Stats: what is counted, when, and that counting harms no request."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txetcd import KeyNotFound, NotSent, Service
from txetcd.filters.in_memory_stats import InMemoryStats
from txetcd.filters.stats import MOST_OPERATIONS, Stats, operation_of
from txetcd.filters.stats_receiver import StatsReceiver
from txetcd.http import Request, Response
from txetcd.model import Get, Set
from txetcd.response_class import ResponseClass, classify

READ, WRITE, WAIT = Get("/a"), Set("/a", b"1"), Get("/a", wait=True)


@attrs.frozen
class Ask:
    """A request of any name."""

    name: Any = "ask"


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.stats = InMemoryStats()

    def over(self, *outcomes, **options) -> Service:
        """Stats over a service with these outcomes: Deferreds, errors or responses."""
        return self.put(Stats(self.stats, self.clock, **options), *outcomes)

    def put(self, stats: Stats, *outcomes) -> Service:
        given = iter(outcomes)

        def answer(request: object) -> Any:
            outcome = next(given)
            return fail(outcome) if isinstance(outcome, Exception) else outcome

        return stats >> Service.mk(answer)

    def count(self, **labels: str) -> float:
        return self.stats.counter_value("requests", **labels)

    def in_flight(self, **labels: str) -> float:
        return self.stats.gauge_value("requests_in_flight", **labels)

    def durations(self, **labels: str) -> int:
        return self.stats.count("request_duration_seconds", **labels)


class OutcomeTests(Case):
    def test_a_response_is_passed_on_and_is_a_success(self):
        self.assertEqual(self.successResultOf(self.over("answer")(READ)), "answer")
        self.assertEqual(self.count(operation="get", result="success", error=""), 1)
        self.assertEqual(self.count(), 1)

    def test_an_error_is_passed_on_and_counted_by_its_class(self):
        for error, result in [
            (NotSent("refused"), "retryable"),
            (ValueError("a bug"), "non-retryable"),
            (KeyNotFound(100), "success"),
            (CancelledError(), "ignorable"),
        ]:
            answer = self.over(error)(READ)
            self.assertIs(self.failureResultOf(answer).value, error)
            name = type(error).__name__
            self.assertEqual(self.count(operation="get", result=result, error=name), 1, name)

    def test_the_same_outcome_is_counted_again(self):
        service = self.over("1", "2", NotSent(), NotSent())
        for _ in range(2):
            self.successResultOf(service(READ))
        for _ in range(2):
            self.failureResultOf(service(READ), NotSent)
        self.assertEqual(self.count(result="success"), 2)
        self.assertEqual(self.count(error="NotSent"), 2)

    def test_successes_are_known_as_0_from_the_first_request_on(self):
        waiting = self.over(Deferred())(READ)
        self.assertIn("requests                  operation=get result=success  0", str(self.stats))
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)

    def test_what_a_service_raises_is_counted(self):
        def raises(request):
            raise ZeroDivisionError

        service: Service = Stats(self.stats, self.clock) >> Service.mk(raises)
        self.failureResultOf(service(READ), ZeroDivisionError)
        self.assertEqual(self.count(error="ZeroDivisionError"), 1)
        self.assertEqual(self.in_flight(), 0)

    def test_operations_are_counted_apart(self):
        service = self.over("1", "2", NotSent())
        for request in (READ, WRITE):
            self.successResultOf(service(request))
        self.failureResultOf(service(WRITE), NotSent)
        self.assertEqual(self.count(operation="get"), 1)
        self.assertEqual(self.count(operation="set"), 2)
        self.assertEqual(self.count(operation="set", error="NotSent"), 1)

    def test_the_classifier_decides(self):
        def by_status(request, outcome):
            if isinstance(outcome, Response) and outcome.status >= 500:
                return ResponseClass.RETRYABLE
            return classify(request, outcome)

        service = self.over(Response(200), Response(503), classifier=by_status)
        for _ in range(2):
            self.successResultOf(service(Request("GET", "/")))
        self.assertEqual(self.count(operation="GET", result="success", error=""), 1)
        self.assertEqual(self.count(operation="GET", result="retryable", error=""), 1)

    def test_a_request_counts_when_it_has_ended(self):
        below: Deferred = Deferred()
        answer = self.over(below)(READ)
        self.assertEqual(self.count(), 0)
        below.callback("answer")
        self.assertEqual(self.successResultOf(answer), "answer")
        self.assertEqual(self.count(), 1)


class DurationTests(Case):
    def test_it_is_the_time_from_the_call_to_the_answer(self):
        below: Deferred = Deferred()
        service = self.over(below)
        self.clock.advance(100)
        answer = service(READ)
        self.clock.advance(2.5)
        below.callback("answer")
        self.successResultOf(answer)
        self.assertEqual(self.stats.quantile("request_duration_seconds", 0.5, operation="get"), 2.5)

    def test_the_time_the_service_takes_to_return_counts(self):
        def slow(request):
            self.clock.advance(3)

        service: Service = Stats(self.stats, self.clock) >> Service.mk(slow)
        self.successResultOf(service(READ))
        self.assertEqual(self.stats.quantile("request_duration_seconds", 0.5), 3)

    def test_a_failure_has_a_duration(self):
        self.failureResultOf(self.over(NotSent())(READ), NotSent)
        self.assertEqual(self.durations(operation="get"), 1)

    def test_what_says_nothing_of_the_service_has_none(self):
        answer = self.over(Deferred())(READ)
        self.clock.advance(50)
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(self.durations(), 0)
        self.assertEqual(self.count(result="ignorable"), 1)

    def test_a_clock_that_goes_back_gives_no_time_below_0(self):
        below: Deferred = Deferred()
        self.clock.advance(10)
        answer = self.over(below)(READ)
        self.clock.rightNow = 3.0
        below.callback("answer")
        self.successResultOf(answer)
        self.assertEqual(self.stats.quantile("request_duration_seconds", 0), 0)


class InFlightTests(Case):
    def test_it_is_how_many_have_not_ended(self):
        below: list[Deferred] = [Deferred(), Deferred(), Deferred()]
        service = self.over(*below)
        asked = [service(READ), service(READ), service(WRITE)]
        self.assertEqual(self.in_flight(operation="get"), 2)
        self.assertEqual(self.in_flight(operation="set"), 1)
        below[0].callback("answer")
        below[1].errback(NotSent())
        self.assertEqual(self.in_flight(operation="get"), 0)
        asked[2].cancel()
        self.assertEqual(self.in_flight(), 0)
        self.successResultOf(asked[0])
        self.failureResultOf(asked[1], NotSent)
        self.failureResultOf(asked[2], CancelledError)

    def test_cancelling_cancels_what_is_below(self):
        cancelled: list[Deferred] = []
        below: Deferred = Deferred(cancelled.append)
        answer = self.over(below)(READ)
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(cancelled, [below])

    def test_what_does_not_end_when_cancelled_is_in_flight_until_it_does(self):
        late: Deferred = Deferred()
        answer = self.over(Deferred().addErrback(lambda _: late))(READ)
        answer.cancel()
        self.assertNoResult(answer)
        self.assertEqual(self.in_flight(), 1)
        late.callback("late")
        self.assertEqual(self.successResultOf(answer), "late")
        self.assertEqual(self.in_flight(), 0)
        self.assertEqual(self.count(), 1)

    def test_a_service_may_ask_again_through_the_filter(self):
        seen: list[float] = []

        def again(request):
            seen.append(self.in_flight())
            return service(WRITE) if request is READ else "answer"

        service: Service = Stats(self.stats, self.clock) >> Service.mk(again)
        self.assertEqual(self.successResultOf(service(READ)), "answer")
        self.assertEqual(seen, [1, 2])
        self.assertEqual((self.in_flight(), self.count()), (0, 2))


class LongPollTests(Case):
    def test_it_is_counted_apart_and_has_no_duration(self):
        below: Deferred = Deferred()
        answer = self.over(below)(WAIT)
        self.assertEqual(self.stats.gauge_value("long_polls_in_flight", operation="get"), 1)
        self.clock.advance(1000)
        below.callback("event")
        self.successResultOf(answer)
        self.assertEqual(
            self.stats.counter_value("long_polls", operation="get", result="success", error=""), 1
        )
        self.assertEqual(self.stats.gauge_value("long_polls_in_flight"), 0)
        self.assertEqual((self.count(), self.in_flight(), self.durations()), (0, 0, 0))

    def test_the_same_operation_without_waiting_is_a_request(self):
        service = self.over("1", "2")
        for request in (WAIT, READ):
            self.successResultOf(service(request))
        self.assertEqual(self.stats.counter_value("long_polls"), 1)
        self.assertEqual((self.count(), self.durations()), (1, 1))


class NameTests(Case):
    def test_an_operation_is_the_name_or_the_method_or_the_class(self):
        for request, expected in [
            (READ, "get"),
            (Request("PUT", "/v2/keys/a"), "PUT"),
            (Ask("own"), "own"),
            (Ask(""), "Ask"),
            (Ask(7), "Ask"),
            ("text", "str"),
            (None, "NoneType"),
        ]:
            self.assertEqual(operation_of(request), expected)

    def test_the_operation_is_the_users_to_choose(self):
        service = self.over("answer", operation=lambda request: "write" * request.is_write)
        self.successResultOf(service(WRITE))
        self.assertEqual(self.count(operation="write"), 1)

    def test_labels_are_on_all_metrics(self):
        labels = {"endpoint": "http://a"}
        service = self.over("answer", Deferred(), labels=labels)
        self.successResultOf(service(READ))
        waiting = service(WAIT)
        for name, given in self.stats._series:
            self.assertIn(("endpoint", "http://a"), given, name)
        self.assertEqual(self.count(endpoint="http://a", operation="get"), 1)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)

    def test_labels_that_change_later_change_nothing(self):
        labels = {"endpoint": "http://a"}
        service = self.over("answer", labels=labels)
        labels["endpoint"] = "http://b"
        self.successResultOf(service(READ))
        self.assertEqual(self.count(endpoint="http://a"), 1)

    def test_the_prefix_is_before_all_names(self):
        service = self.over("answer", "event", prefix="endpoint_")
        for request in (READ, WAIT):
            self.successResultOf(service(request))
        self.assertEqual(
            sorted({name for name, _ in self.stats._series}),
            [
                "endpoint_long_polls",
                "endpoint_long_polls_in_flight",
                "endpoint_request_duration_seconds",
                "endpoint_requests",
                "endpoint_requests_in_flight",
            ],
        )

    def test_operations_without_bound_end_in_one_series(self):
        service = self.over(*["answer"] * (MOST_OPERATIONS + 50))
        for n in range(MOST_OPERATIONS + 50):
            self.successResultOf(service(Ask(f"ask {n}")))
        self.assertEqual(self.count(operation="ask 99"), 1)
        self.assertEqual(self.count(operation="ask 100"), 0)
        self.assertEqual(self.count(operation="other"), 50)
        self.assertEqual(self.in_flight(), 0)

    def test_a_metric_is_asked_for_once(self):
        receiver = Counting(self.stats)
        service = self.put(Stats(receiver, self.clock), *["answer"] * 10)
        for _ in range(10):
            self.successResultOf(service(READ))
        self.assertEqual(sorted(receiver.asked), ["counter", "gauge", "histogram"])
        self.assertEqual(self.count(), 10)


class Counting(StatsReceiver):
    """Notes what it is asked for."""

    def __init__(self, below: StatsReceiver) -> None:
        self.below = below
        self.asked: list[str] = []

    def counter(self, name: str, help: str, labels: Mapping[str, str]) -> Any:
        self.asked.append("counter")
        return self.below.counter(name, help, labels)

    def gauge(self, name: str, help: str, labels: Mapping[str, str]) -> Any:
        self.asked.append("gauge")
        return self.below.gauge(name, help, labels)

    def histogram(self, name: str, help: str, labels: Mapping[str, str]) -> Any:
        self.asked.append("histogram")
        return self.below.histogram(name, help, labels)


class Raising(StatsReceiver):
    """Fails where it is told to: at one kind of metric, asked for or used."""

    def __init__(self, below: StatsReceiver, kind: str, when: str) -> None:
        self.below = below
        self.kind = kind
        self.when = when

    def counter(self, name: str, help: str, labels: Mapping[str, str]) -> Any:
        return self.give("counter", name, labels)

    def gauge(self, name: str, help: str, labels: Mapping[str, str]) -> Any:
        return self.give("gauge", name, labels)

    def histogram(self, name: str, help: str, labels: Mapping[str, str]) -> Any:
        return self.give("histogram", name, labels)

    def give(self, kind: str, name: str, labels: Mapping[str, str]) -> Any:
        if kind != self.kind:
            return getattr(self.below, kind)(name, "", labels)
        if self.when == "asked":
            raise ZeroDivisionError(kind)
        return self

    def add(self, amount: float = 1) -> None:
        raise ZeroDivisionError(self.kind)

    observe = add


class BrokenTests(Case):
    """Counting may fail; requests do not."""

    def answers(self, stats: Stats) -> None:
        """Three requests go as if there were nothing to count, and one failure is logged."""
        service = self.put(stats, "answer", NotSent("refused"), Deferred())
        self.assertEqual(self.successResultOf(service(READ)), "answer")
        self.failureResultOf(service(READ), NotSent)
        waiting = service(READ)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_receiver_that_raises_fails_no_request_and_is_logged_once(self):
        for kind in ("counter", "gauge", "histogram"):
            for when in ("asked", "used"):
                receiver = Raising(InMemoryStats(), kind, when)
                self.answers(Stats(receiver, self.clock))

    def test_a_counter_that_raises_leaves_nothing_in_flight(self):
        self.answers(Stats(Raising(self.stats, "counter", "used"), self.clock))
        self.assertEqual(self.in_flight(), 0)

    def test_nor_does_an_operation_that_raises(self):
        self.answers(Stats(self.stats, self.clock, operation=lambda request: str(1 / 0)))

    def test_nor_does_a_classifier_that_raises(self):
        def raises(request, outcome):
            raise ZeroDivisionError

        self.answers(Stats(self.stats, self.clock, classifier=raises))
        self.assertEqual(self.in_flight(), 0)

    def test_an_error_that_nobody_looks_at_is_logged_as_without_the_filter(self):
        below: Deferred = Deferred()
        self.over(below)(READ)
        below.errback(ZeroDivisionError())
        del below
        gc.collect()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class ArgumentTests(Case):
    def test_the_receiver_must_be_one(self):
        error = self.assertRaises(TypeError, Stats, None, self.clock)
        self.assertIn("not None", str(error))

    def test_a_prefix_can_begin_a_name(self):
        for wrong in ("1st_", "a b", "ä_", "a-"):
            error = self.assertRaises(ValueError, Stats, self.stats, self.clock, prefix=wrong)
            self.assertIn(repr(wrong), str(error))

    def test_labels_are_names_and_text_and_none_of_the_filters(self):
        for wrong in ({"operation": "x"}, {"result": "x"}, {"error": "x"}, {"a b": "x"}, {"": "x"}):
            error = self.assertRaises(ValueError, Stats, self.stats, self.clock, labels=wrong)
            self.assertIn(repr(next(iter(wrong))), str(error))
        error = self.assertRaises(TypeError, Stats, self.stats, self.clock, labels={"shard": 7})
        self.assertIn("shard must be text, not 7", str(error))

    def test_the_repr_shows_where_the_numbers_go_and_what_they_are_called(self):
        self.assertEqual(
            repr(Stats(self.stats, self.clock)), "Stats(<InMemoryStats, 0 series>)"
        )
        self.assertEqual(
            repr(Stats(self.stats, self.clock, prefix="at_", labels={"endpoint": "http://a"})),
            "Stats(<InMemoryStats, 0 series>, prefix='at_', labels={'endpoint': 'http://a'})",
        )

    def test_a_failure_is_not_changed(self):
        failure = Failure(NotSent("refused"))
        answer = self.over(fail(failure))(READ)
        self.assertIs(self.failureResultOf(answer), failure)
