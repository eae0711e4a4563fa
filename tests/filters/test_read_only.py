"""ReadOnly: reads pass, and writes do not."""

from __future__ import annotations

import attrs
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txetcd import Etcd, NotSent, Service, Status
from txetcd.errors import WriteForbidden
from txetcd.filters.read_only import ReadOnly
from txetcd.http import Request
from txetcd.model import (
    CompareAndDelete,
    CompareAndSwap,
    Create,
    CreateInOrder,
    Delete,
    Get,
    Op,
    Refresh,
    Set,
)
from txetcd.testing.mock import mock_service

WRITES: list[Op] = [
    Set("/a", b"1"),
    Create("/a", b"1"),
    CreateInOrder("/a", b"1"),
    CompareAndSwap("/a", b"1", prev_index=1),
    CompareAndDelete("/a", prev_index=1),
    Delete("/a"),
    Refresh("/a", 1),
]


@attrs.frozen
class Read:
    is_write: bool = False


class ReadOnlyTests(SynchronousTestCase):
    def setUp(self):
        self.below, self.handle = mock_service()
        self.service: Service = ReadOnly() >> self.below

    def assert_forbidden(self, request: object) -> WriteForbidden:
        failure = self.failureResultOf(self.service(request), WriteForbidden)
        self.handle.assert_idle()
        return failure.value

    def test_every_write_is_forbidden_and_nothing_is_sent(self):
        self.assertEqual({type(op) for op in WRITES} | {Get}, set(Op.__subclasses__()))
        for op in WRITES:
            self.assert_forbidden(op)
        for method in ("PUT", "POST", "DELETE", "PATCH", "UNHEARD"):
            self.assert_forbidden(Request(method, "/v2/keys/a"))

    def test_a_request_that_does_not_say_is_a_write(self):
        for request in ("any request", None, object()):
            self.assert_forbidden(request)

    def test_reads_and_waits_pass(self):
        for request in (Get("/a"), Get("/a", wait=True), Request("GET", "/v2/keys/a"), Read()):
            answer = self.service(request)
            self.handle.expect(request).reply("answer")
            self.assertEqual(self.successResultOf(answer), "answer")

    def test_the_error_names_the_request_and_says_that_trying_again_is_in_vain(self):
        error = self.assert_forbidden(WRITES[0])
        self.assertEqual(
            str(error), "a write, where only reads are allowed; nothing was sent [set /a]"
        )
        self.assertIs(error.op, WRITES[0])
        self.assertFalse(error.retryable)
        self.assertFalse(error.possibly_applied)

    def test_a_key_tells_it_as_it_is(self):
        etcd = Etcd(self.service, clock=Clock())
        self.failureResultOf(etcd.key("/a").set("1"), WriteForbidden)

    def test_the_outcome_of_a_read_is_what_it_is_below(self):
        error = NotSent("refused")
        answer = self.service(Get("/a"))
        self.handle.next().fail(error)
        self.assertIs(self.failureResultOf(answer).value, error)

    def test_cancelling_a_read_cancels_it_below(self):
        answer = self.service(Get("/a"))
        answer.cancel()
        self.assertTrue(self.handle.next().cancelled)
        self.failureResultOf(answer, CancelledError)

    def test_close_status_and_repr_reach_through(self):
        self.handle.status = Status.BUSY
        self.assertIs(self.service.status, Status.BUSY)
        self.successResultOf(self.service.close())
        self.assertTrue(self.handle.closed)
        self.assertEqual(repr(self.service), "ReadOnly() >> mock_service()")
