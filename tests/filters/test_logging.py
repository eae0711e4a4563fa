"""Logging: what an event tells, at which level, and that no secret is in it."""

from __future__ import annotations

import io
import math
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.task import Clock
from twisted.logger import (
    FileLogObserver,
    Logger,
    LogLevel,
    LogPublisher,
    eventAsText,
    formatEvent,
    globalLogPublisher,
    jsonFileLogObserver,
)
from twisted.trial.unittest import SynchronousTestCase

from txetcd import AmbiguousWrite, KeyNotFound, NotSent, ReplyLost, Service
from txetcd.errors import (
    ApiError,
    BackoffsExhausted,
    MalformedResponse,
    QueueFull,
    RequestCancelled,
    RequestTimedOut,
    TestFailed,
    TxetcdError,
    UnexpectedResponse,
)
from txetcd.filters.logging import Logging, reason_of, text_of
from txetcd.http import Headers, Request, Response
from txetcd.http.authentication import BasicAuthentication
from txetcd.model import CompareAndDelete, CompareAndSwap, Create, CreateInOrder, Get, Op, Set
from txetcd.response_class import ResponseClass
from txetcd.v2.encode import encode

READ, WRITE, WAIT = Get("/a"), Set("/a", b"1"), Get("/a", wait=True)


def logger(*observers: Any) -> Logger:
    """One that tells these observers, each of which may raise."""
    published: Any = LogPublisher(*observers)
    return Logger("test", observer=published)


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.events: list[Any] = []

    def over(self, *outcomes, **options) -> Service:
        """A Logging over a service with these outcomes: Deferreds, errors or responses."""
        options.setdefault("logger", logger(self.events.append))
        given = iter(outcomes)

        def answer(request: object) -> Any:
            outcome = next(given)
            return fail(outcome) if isinstance(outcome, Exception) else outcome

        return Logging(self.clock, **options) >> Service.mk(answer)

    def told(self, outcome: Any, request: Any = READ, seconds: float = 0, **options) -> Any:
        """The event of a request with such an outcome, after so many seconds."""
        below: Deferred = Deferred()
        answer = self.over(below, **options)(request)
        self.clock.advance(seconds)
        if isinstance(outcome, Exception):
            below.errback(outcome)
            self.assertIs(self.failureResultOf(answer).value, outcome)
        else:
            below.callback(outcome)
            self.assertIs(self.successResultOf(answer), outcome)
        return self.events.pop()

    def text(self, *args, **options) -> str:
        return formatEvent(self.told(*args, **options))


class EventTests(Case):
    FIELDS = ("operation", "request", "seconds", "result", "error", "reason", "endpoint", "slow")

    def fields(self, event: Any) -> dict[str, object]:
        self.assertEqual(
            {name for name in event if not name.startswith("log_")}, set(self.FIELDS)
        )
        return {name: event[name] for name in self.FIELDS}

    def test_a_request_that_succeeds(self):
        event = self.told("answer", WRITE, 0.25)
        self.assertEqual(
            self.fields(event),
            {
                "operation": "set",
                "request": "set /a",
                "seconds": 0.25,
                "result": "success",
                "error": "",
                "reason": "",
                "endpoint": "",
                "slow": False,
            },
        )
        self.assertEqual(formatEvent(event), "set /a: success, after 0.250 s")

    def test_a_request_that_fails(self):
        error = NotSent("refused")
        error.locate(READ, "http://10.0.0.1:2379")
        event = self.told(error, READ, 1.5)
        self.assertEqual(
            self.fields(event),
            {
                "operation": "get",
                "request": "get /a",
                "seconds": 1.5,
                "result": "retryable",
                "error": "NotSent",
                "reason": "refused",
                "endpoint": "http://10.0.0.1:2379",
                "slow": False,
            },
        )
        self.assertEqual(
            formatEvent(event),
            "get /a: retryable, NotSent (refused), after 1.500 s at http://10.0.0.1:2379",
        )

    def test_a_response_may_tell_its_endpoint(self):
        response = Response(200, endpoint="http://10.0.0.1:2379")
        self.assertEqual(
            self.text(response, Request("GET", "/version")),
            "GET /version: success, after 0.000 s at http://10.0.0.1:2379",
        )

    def test_an_error_that_says_nothing(self):
        self.assertEqual(
            self.text(ZeroDivisionError("x")),
            "get /a: non-retryable, ZeroDivisionError, after 0.000 s",
        )

    def test_there_is_one_event_at_the_end_and_none_before(self):
        below: Deferred = Deferred()
        answer = self.over(below)(READ)
        self.assertEqual(self.events, [])
        below.callback("answer")
        self.successResultOf(answer)
        self.assertEqual(len(self.events), 1)

    def test_braces_in_a_key_are_as_they_are(self):
        self.assertIn("get /{a}{0}{b!r}: success", self.text("answer", Get("/{a}{0}{b!r}")))

    def test_an_answer_at_once_or_an_error_raised_is_logged(self):
        def raises(request):
            raise ZeroDivisionError

        self.successResultOf(self.over("answer")(READ))
        logging: Logging = Logging(self.clock, logger=logger(self.events.append))
        service: Service = logging >> Service.mk(raises)
        self.failureResultOf(service(READ), ZeroDivisionError)
        self.assertEqual([event["result"] for event in self.events], ["success", "non-retryable"])

    def test_the_time_the_service_takes_to_return_counts(self):
        def slow(request):
            self.clock.advance(3)

        logging: Logging = Logging(self.clock, logger=logger(self.events.append))
        service: Service = logging >> Service.mk(slow)
        self.successResultOf(service(READ))
        self.assertEqual(self.events[0]["seconds"], 3)

    def test_a_cancelled_request_is_logged_and_what_is_below_cancelled(self):
        cancelled: list[Deferred] = []
        below: Deferred = Deferred(cancelled.append)
        answer = self.over(below)(READ)
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(cancelled, [below])
        self.assertEqual(
            formatEvent(self.events[0]), "get /a: ignorable, CancelledError, after 0.000 s"
        )

    def test_a_service_may_ask_again_through_the_filter(self):
        def again(request):
            return service(WRITE) if request is READ else "answer"

        logging: Logging = Logging(self.clock, logger=logger(self.events.append))
        service: Service = logging >> Service.mk(again)
        self.assertEqual(self.successResultOf(service(READ)), "answer")
        self.assertEqual([event["operation"] for event in self.events], ["set", "get"])


class LevelTests(Case):
    def level(self, outcome: Any, *args, **options) -> str:
        return self.told(outcome, *args, **options)["log_level"].name

    def test_a_failure_is_a_warning_and_all_else_is_for_debugging(self):
        for outcome, expected in [
            ("answer", "debug"),
            (KeyNotFound(100), "debug"),
            (CancelledError(), "debug"),
            (NotSent("refused"), "warn"),
            (ValueError("a bug"), "warn"),
        ]:
            self.assertEqual(self.level(outcome), expected)

    def test_the_levels_are_the_users_to_choose(self):
        levels = {"level": LogLevel.info, "failure_level": LogLevel.error}
        self.assertEqual(self.level("answer", **levels), "info")
        self.assertEqual(self.level(NotSent(), **levels), "error")

    def test_the_classifier_decides_what_is_a_failure(self):
        def all_fail(request, outcome):
            return ResponseClass.NON_RETRYABLE

        self.assertEqual(self.level("answer", classifier=all_fail), "warn")

    def test_a_request_that_took_too_long_is_a_warning(self):
        self.assertEqual(self.level("answer", READ, 1.9, slow=2), "debug")
        self.assertEqual(self.level("answer", READ, 2, slow=2), "warn")
        self.assertEqual(self.level("answer", READ, 3600), "debug")

    def test_it_says_so_in_the_event(self):
        self.assertIs(self.told("answer", READ, 2, slow=2)["slow"], True)
        self.assertIs(self.told("answer", READ, 1, slow=2)["slow"], False)
        self.assertIs(self.told(NotSent(), READ, 2, slow=2)["slow"], True)

    def test_a_wait_is_never_slow(self):
        self.assertEqual(self.level("event", WAIT, 3600, slow=2), "debug")


class OptionTests(Case):
    def test_without_a_logger_it_is_that_of_the_module(self):
        observer: Any = self.events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        logging: Logging = Logging(self.clock)
        service: Service = logging >> Service.mk(str)
        self.successResultOf(service(READ))
        (event,) = self.events
        self.assertEqual(event["log_namespace"], "txetcd.filters.logging")
        self.assertEqual(event["request"], "get /a")

    def test_the_words_are_the_users_to_choose(self):
        event = self.told(
            ValueError("why"),
            describe=lambda request: "a request",
            explain=str,
            operation=lambda request: "any",
        )
        self.assertEqual(
            formatEvent(event), "a request: non-retryable, ValueError (why), after 0.000 s"
        )
        self.assertEqual(event["operation"], "any")

    def test_slow_is_more_than_0(self):
        for wrong in (0, -1, math.nan):
            error = self.assertRaises(ValueError, Logging, self.clock, slow=wrong)
            self.assertIn(f"not {wrong!r}", str(error))

    def test_a_level_is_one_of_twisteds(self):
        for name in ("level", "failure_level"):
            error = self.assertRaises(ValueError, Logging, self.clock, **{name: "warn"})
            self.assertIn("not 'warn'", str(error))

    def test_the_repr_shows_the_level_and_what_is_slow(self):
        self.assertEqual(repr(Logging(self.clock)), "Logging(debug)")
        logging: Logging = Logging(self.clock, level=LogLevel.info, slow=2.5)
        self.assertEqual(repr(logging), "Logging(info, slow=2.5)")


def _raises(*_: object) -> Any:
    raise ZeroDivisionError


class BrokenTests(Case):
    """Logging may fail; requests do not."""

    def answers(self, **options) -> None:
        """A request that fails goes as if there were no log, and the failure is logged."""
        answer = self.over(NotSent("refused"), **options)(READ)
        self.failureResultOf(answer, NotSent)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.events, [])

    def test_a_function_that_raises(self):
        for name in ("describe", "explain", "operation", "classifier"):
            self.answers(**{name: _raises})

    def test_an_observer_that_raises(self):
        service = self.over("answer", logger=logger(_raises, self.events.append))
        self.assertEqual(self.successResultOf(service(READ)), "answer")
        self.assertEqual(self.events[0]["request"], "get /a")

    def test_a_logger_that_raises(self):
        raising: Any = _raises
        self.answers(logger=Logger(observer=raising))


class TextTests(SynchronousTestCase):
    def test_an_http_request_is_told_without_its_query(self):
        request = encode(CompareAndDelete("/a", prev_value="hush"))
        self.assertIn("hush", str(request))
        self.assertEqual(text_of(request), "DELETE /v2/keys/a")

    def test_any_other_by_its_own_words(self):
        self.assertEqual(text_of(READ), "get /a")
        self.assertEqual(text_of("text"), "text")


class ReasonTests(SynchronousTestCase):
    def test_an_error_of_ours_in_its_words(self):
        for error, expected in [
            (NotSent("refused", ConnectionRefusedError("hush")), "refused; ConnectionRefusedError"),
            (QueueFull("8 wait already"), "8 wait already"),
            (RequestCancelled(), "the request was cancelled"),
            (KeyNotFound(100, "Key not found", "/a"), "Key not found, code 100"),
            (ApiError(999), "code 999"),
            (UnexpectedResponse(502, b"hush", "hush"), "status 502"),
            (MalformedResponse(0, b"hush", "hush"), "status 0"),
            (RequestTimedOut(2, CancelledError()), "no reply within 2 s"),
            (RequestTimedOut(2, RequestCancelled()), "no reply within 2 s"),
            (RequestTimedOut(2, NotSent("refused")), "no reply within 2 s; NotSent: refused"),
            (
                AmbiguousWrite(Set("/a", "hush"), UnexpectedResponse(500, b"hush")),
                "the write was sent and its outcome is unknown; UnexpectedResponse: status 500",
            ),
            (BackoffsExhausted("/a", [ValueError("hush"), NotSent("refused")]), "NotSent: refused"),
        ]:
            self.assertEqual(reason_of(error), expected)

    def test_an_error_of_somebody_else_is_not_quoted(self):
        self.assertEqual(reason_of(ValueError("hush")), "")

    def test_a_chain_of_causes_is_not_told_to_its_end(self):
        error: Exception = NotSent("0")
        for n in range(1, 10):
            error = NotSent(str(n), error)
        self.assertEqual(reason_of(error), "9; NotSent: 8; NotSent: 7; NotSent: 6")

    def test_nor_is_one_without_an_end(self):
        error = NotSent("again")
        error.cause = error
        self.assertEqual(reason_of(error).count("again"), 4)


#: What is in no word of ours.
MARK = "§hush§"
SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="\0")).map(
    lambda text: f"{MARK}{text}{MARK}"
)


def asked(secret: str) -> list[Op | Request]:
    """Requests of all kinds with a secret in them."""
    ops: list[Op] = [
        Set("/a", secret),
        Create("/a", secret),
        CreateInOrder("/a", secret),
        CompareAndSwap("/a", secret, prev_value=secret),
        CompareAndDelete("/a", prev_value=secret),
    ]
    basic = Request("GET", "/", headers=Headers({"Authorization": "Basic §hush§", "X-A": "§hush§"}))
    return [*ops, *map(encode, ops), basic]


def outcomes(secret: str, request: Any) -> list[Any]:
    """Answers and errors that quote the secret, as etcd and what is in between do."""
    body = f'{{"node": {{"value": "{secret}"}}}}'.encode()
    failed = TestFailed(101, "Compare failed", f"[{secret} != {secret}]")
    echo = UnexpectedResponse(500, body, f"node.key: text is needed, not {secret!r}")
    cancelled = RequestCancelled()
    cancelled.reasons = (echo,)
    errors: list[TxetcdError] = [
        failed,
        echo,
        MalformedResponse(200, body, f"{secret!r} is no header field"),
        AmbiguousWrite(request, echo),
        RequestTimedOut(5, AmbiguousWrite(request, ReplyLost("reset", ValueError(secret)))),
        cancelled,
    ]
    for error in errors:
        error.locate(request, "http://127.0.0.1:2379")
    return [Response(200, Headers({"X-A": "§hush§"}), body), ValueError(secret), *errors]


class SecretTests(SynchronousTestCase):
    def rendered(self, request: Any, outcome: Any) -> str:
        """What all of Twisted's observers make of the event, and all that is in it."""
        lines, json = io.StringIO(), io.StringIO()
        events: list[Any] = []
        text = FileLogObserver(lines, lambda event: eventAsText(event) + "\n")
        told = logger(text, jsonFileLogObserver(json), events.append)
        logging: Logging = Logging(Clock(), logger=told)
        service: Service = logging >> Service.mk(lambda _: outcome)
        answer = service(request)
        answer.addErrback(lambda failure: None)
        self.successResultOf(answer)
        (event,) = events
        fields = {key: value for key, value in event.items() if not key.startswith("log_")}
        return f"{lines.getvalue()}{json.getvalue()}{fields!r}"

    @settings(deadline=None, max_examples=25)
    @given(SECRETS)
    def test_no_secret_is_in_any_rendered_event(self, secret):
        for request in asked(secret):
            for outcome in outcomes(secret, request):
                result = fail(outcome) if isinstance(outcome, Exception) else outcome
                rendered = self.rendered(request, result)
                self.assertIn("/", rendered)
                self.assertNotIn("hush", rendered)

    def test_one_that_is_there_is_seen(self):
        """Else the test above would hold of anything."""

        @attrs.frozen
        class Talkative:
            secret: str

        rendered = self.rendered(Talkative("§hush§"), "answer")
        self.assertGreaterEqual(rendered.count("hush"), 3)

    def test_a_password_is_in_no_event_of_a_signed_request(self):
        requests: list[Request] = []
        noting: Service = Service.mk(requests.append)
        signing: Service = BasicAuthentication("user", "hush") >> noting
        self.successResultOf(signing(Request("GET", "/v2/keys/a")))
        self.assertIn("Basic ", requests[0].headers["Authorization"])
        for hidden in ("hush", requests[0].headers["Authorization"].split()[1]):
            self.assertNotIn(hidden, self.rendered(requests[0], "answer"))
