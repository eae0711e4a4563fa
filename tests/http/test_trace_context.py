"""with_trace_context: which header fields a request gets, and what stays as it is."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from txetcd.http import Headers, Request
from txetcd.http.trace_context import with_trace_context

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER = "00-11111111111111111111111111111111-2222222222222222-01"


class TraceContextTests(SynchronousTestCase):
    def test_a_request_gets_both_fields(self):
        request = with_trace_context(
            Request("GET", "/a"), {"traceparent": PARENT, "tracestate": "a=1,b=2"}
        )
        self.assertEqual(
            list(request.headers), [("traceparent", PARENT), ("tracestate", "a=1,b=2")]
        )

    def test_a_parent_is_enough(self):
        for state in ({}, {"tracestate": ""}):
            request = with_trace_context(Request("GET", "/a"), {"traceparent": PARENT, **state})
            self.assertEqual(list(request.headers), [("traceparent", PARENT)])

    def test_all_else_is_as_it_was(self):
        before = Request(
            "PUT",
            "/v2/keys/a",
            "b=c",
            Headers({"Content-Type": "text/plain"}),
            b"body",
            long_poll=True,
            on_head=lambda head: None,
        )
        after = with_trace_context(before, {"traceparent": PARENT})
        self.assertEqual(attrs.evolve(after, headers=before.headers), before)
        self.assertIs(after.on_head, before.on_head)
        self.assertEqual(after.headers.get("Content-Type"), "text/plain")
        self.assertEqual(len(before.headers), 1)

    def test_without_a_parent_the_request_is_the_same(self):
        request = Request("GET", "/a", headers=Headers({"traceparent": OTHER}))
        for fields in ({}, {"tracestate": "a=1"}, {"baggage": "user=ada"}):
            self.assertIs(with_trace_context(request, fields), request)

    def test_the_fields_that_were_there_are_replaced_in_any_case(self):
        before = Headers([("TraceParent", OTHER), ("tracestate", "old=1"), ("TRACESTATE", "old=2")])
        after = with_trace_context(Request("GET", "/a", headers=before), {"traceparent": PARENT})
        self.assertEqual(list(after.headers), [("traceparent", PARENT)])

    def test_other_fields_stay_with_the_application(self):
        fields = {"traceparent": PARENT, "baggage": "user=ada", "authorization": "secret"}
        after = with_trace_context(Request("GET", "/a"), fields)
        self.assertEqual(list(after.headers), [("traceparent", PARENT)])

    def test_what_cannot_be_in_a_header_field_is_refused(self):
        for fields in (
            {"traceparent": f"{PARENT}\r\nX-Evil: 1"},
            {"traceparent": PARENT, "tracestate": "a=1\nb"},
        ):
            self.assertRaises(ValueError, with_trace_context, Request("GET", "/a"), fields)
