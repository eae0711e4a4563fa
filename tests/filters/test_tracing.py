"""Tracing: the spans, their parents, what they tell, and what they leave behind (nothing)."""

from __future__ import annotations

import importlib.util
import json
import logging
import subprocess
import sys
from typing import Any
from unittest import mock

import attrs
from opentelemetry import context, propagate, trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txetcd import AmbiguousWrite, Backoff, KeyNotFound, NotSent, Service
from txetcd.errors import RequestCancelled, TestFailed, UnexpectedResponse
from txetcd.filters import Retry
from txetcd.filters.tracing import Tracing, attributes_of
from txetcd.http import Headers, Request, Response
from txetcd.http.trace_context import with_trace_context
from txetcd.model import CompareAndDelete, CompareAndSwap, Get, Set
from txetcd.response_class import ResponseClass
from txetcd.v2.encode import encode

READ, WRITE = Get("/a"), Set("/a", b"1")
HTTP = Request("GET", "/v2/keys/a")
OUTER = trace.NonRecordingSpan(
    trace.SpanContext(0x11, 0x22, is_remote=False, trace_flags=trace.TraceFlags(1))
)


class Noting(logging.Handler):
    """Notes what is logged."""

    def __init__(self, logged: list[logging.LogRecord]) -> None:
        super().__init__()
        self.emit = logged.append  # type: ignore[method-assign, assignment]


class Case(SynchronousTestCase):
    def setUp(self):
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.before = context.get_current()
        self.logged: list[logging.LogRecord] = []
        noting = Noting(self.logged)
        logging.getLogger("opentelemetry").addHandler(noting)
        self.addCleanup(logging.getLogger("opentelemetry").removeHandler, noting)

    def tearDown(self):
        self.assertIs(context.get_current(), self.before)
        self.assertEqual([record.getMessage() for record in self.logged], [])

    def over(self, *outcomes, **options) -> Service:
        """A Tracing over a service with these outcomes: Deferreds, errors or responses."""
        given = iter(outcomes)

        def answer(request: object) -> Any:
            outcome = next(given)
            return fail(outcome) if isinstance(outcome, Exception) else outcome

        return Tracing(self.provider, **options) >> Service.mk(answer)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """The spans that have ended, in the order in which they did."""
        return self.exporter.get_finished_spans()

    def span(self) -> ReadableSpan:
        (span,) = self.spans
        return span

    def told(self, outcome: Any, request: Any = READ, **options) -> ReadableSpan:
        """The span of a request with such an outcome."""
        answer = self.over(outcome, **options)(request)
        if isinstance(outcome, Exception):
            self.assertIs(self.failureResultOf(answer).value, outcome)
        else:
            self.assertIs(self.successResultOf(answer), outcome)
        return self.spans[-1]


class SpanTests(Case):
    def test_a_request_has_a_span_that_ends_when_its_deferred_fires(self):
        below: Deferred = Deferred()
        answer = self.over(below)(READ)
        self.assertEqual(self.spans, ())
        below.callback("answer")
        self.assertEqual(self.successResultOf(answer), "answer")
        span = self.span()
        self.assertEqual((span.name, span.kind), ("get", SpanKind.CLIENT))
        self.assertIs(span.status.status_code, StatusCode.UNSET)

    def test_an_answer_at_once_ends_it(self):
        self.successResultOf(self.over("answer")(READ))
        self.assertEqual(len(self.spans), 1)

    def test_what_a_service_raises_is_passed_on_and_ends_it(self):
        def raises(request):
            raise ZeroDivisionError

        service: Service = Tracing(self.provider) >> Service.mk(raises)
        self.failureResultOf(service(READ), ZeroDivisionError)
        self.assertIs(self.span().status.status_code, StatusCode.ERROR)

    def test_the_name_is_the_users_to_choose(self):
        self.assertEqual(self.told("answer", name=lambda request: "mine").name, "mine")

    def test_a_tracer_serves_as_well_as_a_provider(self):
        tracing: Tracing = Tracing(self.provider.get_tracer("app"))
        service: Service = tracing >> Service.mk(lambda _: "answer")
        self.successResultOf(service(READ))
        scope = self.span().instrumentation_scope
        self.assertEqual(scope and scope.name, "app")

    def test_a_provider_is_asked_for_a_tracer_of_ours(self):
        self.told("answer")
        scope = self.span().instrumentation_scope
        self.assertEqual(scope and scope.name, "txetcd")

    def test_without_one_it_is_the_global_one_which_by_default_does_nothing(self):
        tracing: Tracing = Tracing()
        service: Service = tracing >> Service.mk(lambda _: trace.get_current_span())
        self.successResultOf(service(READ))
        self.assertEqual(self.spans, ())


class ContextTests(Case):
    def test_it_is_current_while_the_service_is_called_and_not_after(self):
        seen: list[Any] = []
        below: Deferred = Deferred()

        def asked(request):
            seen.append(trace.get_current_span().get_span_context().span_id)
            return below

        service: Service = Tracing(self.provider) >> Service.mk(asked)
        answer = service(READ)
        self.assertIs(trace.get_current_span(), trace.INVALID_SPAN)
        answer.addCallback(lambda _: seen.append(trace.get_current_span()))
        below.callback("answer")
        self.successResultOf(answer)
        context_of_span = self.span().get_span_context()
        self.assertEqual(seen, [context_of_span and context_of_span.span_id, trace.INVALID_SPAN])

    def test_its_parent_is_the_callers(self):
        service = self.over("answer")
        with trace.use_span(OUTER):
            answer = service(READ)
            self.assertIs(trace.get_current_span(), OUTER)
        self.successResultOf(answer)
        parent = self.span().parent
        self.assertEqual(parent and parent.span_id, 0x22)

    def test_one_below_is_its_child(self):
        service: Service = Tracing(self.provider) >> self.over("answer")
        self.successResultOf(service(READ))
        inner, outer = self.spans
        self.assertEqual(inner.parent, outer.get_span_context())
        self.assertIsNone(outer.parent)

    def test_attempts_are_children_of_their_operation(self):
        clock = Clock()
        retry: Retry = Retry(clock, backoff=Backoff.constant(1).take(2))
        attempts = retry >> self.over(NotSent(), NotSent(), "answer")
        service: Service = Tracing(self.provider) >> attempts
        answer = service(READ)
        clock.advance(1)
        clock.advance(1)
        self.successResultOf(answer)
        *below, operation = self.spans
        self.assertEqual([each.parent for each in below], [operation.get_span_context()] * 3)

    def test_a_coroutine_below_has_it_to_its_end(self):
        below: Deferred = Deferred()
        seen: list[trace.Span] = []

        async def asked(request):
            seen.append(trace.get_current_span())
            await below
            seen.append(trace.get_current_span())

        service: Service = Tracing(self.provider) >> Service.mk(asked)
        answer = service(READ)
        below.callback(None)
        self.successResultOf(answer)
        self.assertIs(seen[0], seen[1])
        self.assertIsNot(seen[0], trace.INVALID_SPAN)

    def test_requests_that_overlap_do_not_mix(self):
        one, other = Deferred[str](), Deferred[str]()
        service = self.over(one, other)
        asked = [service(READ), service(WRITE)]
        one.callback("1")
        other.callback("2")
        self.assertEqual([self.successResultOf(each) for each in asked], ["1", "2"])
        named = [(span.name, span.parent) for span in self.spans]
        self.assertEqual(named, [("get", None), ("set", None)])

    def test_a_service_may_ask_again_through_the_filter(self):
        def again(request):
            return service(WRITE) if request is READ else "answer"

        service: Service = Tracing(self.provider) >> Service.mk(again)
        self.successResultOf(service(READ))
        inner, outer = self.spans
        self.assertEqual((inner.name, inner.parent), ("set", outer.get_span_context()))


class RequestTests(Case):
    def test_an_operation_on_a_key(self):
        self.assertEqual(
            self.told("answer", WRITE).attributes,
            {"db.system.name": "etcd", "db.operation.name": "set", "db.query.text": "set /a"},
        )

    def test_an_http_request(self):
        request = Request("DELETE", "/v2/keys/a", "prevValue=secret")
        self.assertEqual(
            attributes_of(request), {"http.request.method": "DELETE", "url.path": "/v2/keys/a"}
        )

    def test_any_other_request(self):
        self.assertEqual(self.told("answer", "request").attributes, {})
        self.assertEqual(self.span().name, "str")

    def test_the_attributes_are_the_users_to_choose(self):
        span = self.told(
            "answer", attributes=lambda request: {**attributes_of(request), "peer.service": "conf"}
        )
        self.assertEqual((span.attributes or {})["peer.service"], "conf")
        self.assertEqual((span.attributes or {})["db.operation.name"], "get")


class OutcomeTests(Case):
    def test_an_http_response_tells_its_status_and_its_server(self):
        span = self.told(Response(200, endpoint="http://10.0.0.1:2379"), HTTP)
        self.assertEqual(
            span.attributes,
            {
                "http.request.method": "GET",
                "url.path": "/v2/keys/a",
                "http.response.status_code": 200,
                "server.address": "10.0.0.1",
                "server.port": 2379,
            },
        )
        self.assertIs(span.status.status_code, StatusCode.UNSET)

    def test_the_port_is_that_of_the_scheme_if_the_endpoint_names_none(self):
        for endpoint, address, port in [
            ("https://etcd.example", "etcd.example", 443),
            ("http://[::1]", "::1", 80),
            ("elsewhere", "elsewhere", None),
        ]:
            attributes = self.told(Response(200, endpoint=endpoint), HTTP).attributes or {}
            self.assertEqual(attributes["server.address"], address)
            self.assertEqual(attributes.get("server.port"), port)

    def test_a_status_of_400_or_more_is_an_error_by_the_conventions(self):
        for status in (400, 404, 503):
            span = self.told(Response(status), HTTP)
            self.assertIs(span.status.status_code, StatusCode.ERROR)
            self.assertEqual((span.attributes or {})["error.type"], str(status))
        for status in (200, 201, 304):
            span = self.told(Response(status), HTTP)
            self.assertIs(span.status.status_code, StatusCode.UNSET)
            self.assertNotIn("error.type", span.attributes or {})

    def test_a_failure_is_told_with_its_server(self):
        error = NotSent("refused")
        error.locate(READ, "http://10.0.0.1:2379")
        span = self.told(error)
        self.assertIs(span.status.status_code, StatusCode.ERROR)
        self.assertEqual(span.status.description, "refused")
        self.assertEqual((span.attributes or {})["error.type"], "NotSent")
        self.assertEqual((span.attributes or {})["server.address"], "10.0.0.1")
        (event,) = span.events
        self.assertEqual(event.name, "exception")
        self.assertEqual(
            event.attributes, {"exception.type": "NotSent", "exception.message": "refused"}
        )

    def test_an_error_of_somebody_else_is_told_by_its_class(self):
        span = self.told(ValueError("may say anything"))
        self.assertEqual(span.status.description, "ValueError")
        self.assertEqual((span.attributes or {})["error.type"], "ValueError")

    def test_that_a_key_does_not_exist_is_an_answer(self):
        span = self.told(KeyNotFound(100, "Key not found", "/a"))
        self.assertIs(span.status.status_code, StatusCode.UNSET)
        self.assertEqual((span.attributes or {})["error.type"], "KeyNotFound")
        self.assertEqual((span.attributes or {})["db.response.status_code"], "100")
        self.assertEqual(span.events, ())

    def test_the_classifier_decides_what_has_failed(self):
        def all_fail(request, outcome):
            return ResponseClass.NON_RETRYABLE

        span = self.told(KeyNotFound(100, "Key not found"), classifier=all_fail)
        self.assertIs(span.status.status_code, StatusCode.ERROR)
        self.assertEqual(span.status.description, "Key not found, code 100")
        span = self.told("answer", classifier=all_fail)
        self.assertIs(span.status.status_code, StatusCode.ERROR)
        self.assertEqual((span.attributes or {})["error.type"], "_OTHER")

    def test_a_cancelled_request_says_so(self):
        cancelled: list[Deferred] = []
        below: Deferred = Deferred(cancelled.append)
        answer = self.over(below)(READ)
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(cancelled, [below])
        span = self.span()
        self.assertIs((span.attributes or {})["txetcd.cancelled"], True)
        self.assertEqual((span.attributes or {})["error.type"], "CancelledError")
        self.assertIs(span.status.status_code, StatusCode.UNSET)

    def test_so_does_one_that_ends_with_our_own_error(self):
        attributes = self.told(RequestCancelled()).attributes or {}
        self.assertIs(attributes["txetcd.cancelled"], True)

    def test_a_span_that_is_not_sampled_is_told_nothing_and_still_ends(self):
        classified: list[object] = []

        def classifier(request, outcome):
            classified.append(outcome)
            return ResponseClass.SUCCESS

        self.provider.sampler = ALWAYS_OFF
        service = self.over("answer", classifier=classifier)
        self.assertEqual(self.successResultOf(service(READ)), "answer")
        self.assertEqual((classified, self.spans), ([], ()))


class SecretTests(Case):
    def test_no_value_is_in_a_span(self):
        echo = UnexpectedResponse(500, b'{"node": {"value": "hush"}}', "not 'hush'")
        delete = CompareAndDelete("/a", prev_value="hush")
        for request, outcome in [
            (Set("/a", "hush"), "answer"),
            (Set("/a", "hush"), AmbiguousWrite(Set("/a", "hush"), echo)),
            (Set("/a", "hush"), echo),
            (CompareAndSwap("/a", "hush", prev_value="hush"), NotSent("refused")),
            (delete, RequestCancelled()),
            (delete, TestFailed(101, "Compare failed", "[hush != hush]")),
            (encode(delete), Response(500, body=b"hush")),
            (Request("GET", "/", headers=Headers({"Authorization": "hush"})), NotSent("refused")),
            (Set("/a", "hush"), ValueError("hush")),
        ]:
            span = self.told(outcome, request)
            self.assertNotIn("hush", json.dumps(json.loads(span.to_json())))


class InjectionTests(Case):
    def carried(self, request: Request = HTTP, **options) -> Request:
        """What the service below is asked."""
        asked: list[Request] = []
        tracing: Tracing = Tracing(self.provider, **options)
        service: Service = tracing >> Service.mk(asked.append)
        self.successResultOf(service(request))
        return asked[0]

    def test_the_request_names_its_span_as_the_parent(self):
        carried = self.carried(inject=with_trace_context)
        found = trace.get_current_span(propagate.extract(dict(carried.headers)))
        ours = self.span().get_span_context()
        assert ours is not None
        self.assertEqual(found.get_span_context().trace_id, ours.trace_id)
        self.assertEqual(found.get_span_context().span_id, ours.span_id)

    def test_by_default_the_request_stays_as_it_is(self):
        self.assertIs(self.carried(), HTTP)

    def test_what_injects_is_the_users_to_choose(self):
        def inject(request, fields):
            return attrs.evolve(request, query=f"trace={fields['traceparent']}")

        self.assertIn("trace=00-", self.carried(inject=inject).query)

    def test_one_that_raises_leaves_the_request_as_it_is(self):
        def raises(request, fields):
            raise ZeroDivisionError

        self.assertIs(self.carried(inject=raises), HTTP)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(len(self.spans), 1)


def _raises(*_: object, **__: object) -> Any:
    raise ZeroDivisionError


class BrokenTests(Case):
    """Tracing may fail; requests do not."""

    def answers(self, **options) -> None:
        """Three requests go as if there were no trace, and one failure is logged."""
        service = self.over("answer", NotSent("refused"), Deferred(), **options)
        self.assertEqual(self.successResultOf(service(READ)), "answer")
        self.failureResultOf(service(READ), NotSent)
        waiting = service(READ)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_name_that_raises(self):
        self.answers(name=_raises)

    def test_attributes_that_raise(self):
        self.answers(attributes=_raises)

    def test_a_classifier_that_raises_and_the_spans_end(self):
        self.answers(classifier=_raises)
        self.assertEqual(len(self.spans), 3)

    def test_a_processor_that_raises_at_the_end(self):
        self.provider.add_span_processor(mock.Mock(on_start=mock.Mock(), on_end=_raises))
        self.answers()

    def test_a_processor_that_raises_at_the_start(self):
        self.provider.add_span_processor(mock.Mock(on_start=_raises))
        self.answers()

    def test_an_endpoint_that_is_no_url(self):
        response = Response(200, endpoint="http://a:port")
        answer = self.over(response)(HTTP)
        self.assertIs(self.successResultOf(answer), response)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual(len(self.spans), 1)


class ArgumentTests(Case):
    def test_the_tracer_must_be_one(self):
        error = self.assertRaises(TypeError, Tracing, "tracer")
        self.assertIn("not 'tracer'", str(error))

    def test_the_repr_shows_whether_it_injects(self):
        self.assertEqual(repr(Tracing(self.provider)), "Tracing()")
        self.assertEqual(
            repr(Tracing(inject=with_trace_context)), "Tracing(inject=with_trace_context)"
        )


class ImportTests(SynchronousTestCase):
    def test_without_the_api_the_error_says_what_to_install(self):
        spec = importlib.util.find_spec("txetcd.filters.tracing")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        with mock.patch.dict(sys.modules, {"opentelemetry": None}):
            error = self.assertRaises(ImportError, spec.loader.exec_module, module)
        self.assertIn("pip install txetcd[opentelemetry]", str(error))

    def test_the_filters_do_not_need_it(self):
        program = "import sys, txetcd.filters; print('opentelemetry' in sys.modules)"
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        self.assertEqual(done.stdout, "False\n")
