"""The protocol as a filter: operations in, requests out, and errors that name the operation."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from txetcd import (
    AmbiguousWrite,
    KeyNotFound,
    NotSent,
    ReplyLost,
    RequestTimedOut,
    Service,
    UnexpectedResponse,
    v2,
)
from txetcd.errors import RequestCancelled
from txetcd.http import Response
from txetcd.model import Get, Set

READ, WRITE = Get("/a"), Set("/a", b"1")
NODE = {"key": "/a", "value": "1", "modifiedIndex": 7, "createdIndex": 5}


class KeysTests(SynchronousTestCase):
    def failure(self, op: Any, answer: Any) -> Any:
        return self.failureResultOf((v2.Keys() >> Service.mk(lambda request: answer))(op)).value

    def test_an_answer_is_typed(self):
        body = json.dumps({"action": "set", "node": NODE}).encode()
        service = v2.Keys() >> Service.mk(lambda request: Response(201, body=body))
        self.assertEqual(self.successResultOf(service(WRITE)).node.value, b"1")

    def test_what_cannot_be_carried_is_not_sent(self):
        asked: list[Any] = []
        transport: Any = Service.mk(asked.append)
        service = v2.Keys() >> transport
        self.failureResultOf(service(Set("/a", b"\xff")), ValueError)
        self.assertEqual(asked, [])

    def test_an_error_of_etcd_names_the_operation_and_the_endpoint(self):
        body = b'{"errorCode":100,"message":"Key not found","cause":"/a","index":7}'
        error = self.failure(READ, Response(404, body=body, endpoint="http://etcd:2379"))
        self.assertIsInstance(error, KeyNotFound)
        self.assertIn("[get /a at http://etcd:2379]", str(error))

    def test_a_write_whose_outcome_is_unknown_is_ambiguous(self):
        raft = b'{"errorCode":300,"message":"Raft Internal Error","cause":"timed out","index":0}'
        for answer in (
            fail(ReplyLost("reset")),
            fail(RequestTimedOut(1)),
            Response(500, body=raft),
            Response(502, body=b"<html>"),
        ):
            error = self.failure(WRITE, answer)
            self.assertIsInstance(error, AmbiguousWrite)
            self.assertIs(error.op, WRITE)

    def test_a_write_that_was_refused_or_never_sent_is_not_ambiguous(self):
        refused = b'{"errorCode":105,"message":"Key already exists","index":7}'
        for answer in (
            fail(NotSent("refused")),
            fail(RequestTimedOut(1, possibly_applied=False)),
            Response(412, body=refused),
        ):
            self.assertNotIsInstance(self.failure(WRITE, answer), AmbiguousWrite)

    def test_an_answer_that_cannot_be_read_is_unexpected_for_a_write_as_well(self):
        for body in (b"<html>", b"{}", b'{"action":"set"}'):
            error = self.failure(WRITE, Response(200, body=body))
            self.assertIs(type(error), UnexpectedResponse)
            self.assertTrue(error.possibly_applied)

    def test_a_write_that_is_cancelled_fails_as_cancelled(self):
        sent: Deferred[Any] = Deferred(lambda d: d.errback(RequestCancelled(sent=True)))
        asked = (v2.Keys() >> Service.mk(lambda request: sent))(WRITE)
        asked.cancel()
        self.failureResultOf(asked, CancelledError)

    def test_it_reads_as_it_is_written(self):
        self.assertEqual(repr(v2.Keys() >> Service.mk(_answer)), "v2.Keys() >> Service.mk(_answer)")


def _answer(request: Any) -> Any:
    """Nothing."""
