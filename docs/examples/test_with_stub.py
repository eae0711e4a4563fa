"""Unit tests of code that uses etcd, without etcd: two ways to stand in for it.

Usage: python test_with_stub.py
   or: trial test_with_stub.py
"""

import sys
from unittest import main

from treq.testing import StringStubbingResource, StubTreq
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial import unittest

from txetcd import (
    Action,
    Data,
    Etcd,
    KeyNotFound,
    NodeOp,
    RequestTimedOut,
    Service,
    State,
    TxetcdError,
    v2,
)
from txetcd.http import TreqService


async def is_enabled(etcd, feature):
    """The code under test: whether a feature is on; if in doubt, it is not."""
    try:
        op = await etcd.key("/features").key(feature).get()
    except TxetcdError:
        return False
    return op.node.text == "on"


def etcd_with(values):
    """A client whose keys have these values, and which can only read."""

    def answer(op):
        if op.path not in values:
            raise KeyNotFound(100, "Key not found", op.path)
        node = Data(op.path, modified_index=7, created_index=7, value=values[op.path])
        return NodeOp(Action.GET, node, State(index=7))

    return Etcd(Service.mk(answer), clock=Clock())


class WithAStubService(unittest.SynchronousTestCase):
    """The service of operations is a function: no protocol, no HTTP, no network."""

    def enabled(self, etcd, feature):
        return self.successResultOf(Deferred.fromCoroutine(is_enabled(etcd, feature)))

    def test_a_feature_is_enabled_by_its_value(self):
        etcd = etcd_with({"/features/search": b"on", "/features/chat": b"off"})
        self.assertTrue(self.enabled(etcd, "search"))
        self.assertFalse(self.enabled(etcd, "chat"))

    def test_an_unknown_feature_is_not_enabled(self):
        self.assertFalse(self.enabled(etcd_with({}), "search"))

    def test_a_feature_is_not_enabled_while_etcd_does_not_answer(self):
        def fail(op):
            raise RequestTimedOut(10)

        etcd = Etcd(Service.mk(fail), clock=Clock())
        self.assertFalse(self.enabled(etcd, "search"))


ANSWER = b"""{"action": "get", "node": {
    "key": "/features/search", "value": "on", "modifiedIndex": 7, "createdIndex": 7}}"""


class WithAStubServer(unittest.SynchronousTestCase):
    """treq talks to a resource in memory: the real protocol, and real HTTP."""

    def test_a_feature_is_asked_for_as_etcd_expects(self):
        asked = []

        def respond(method, url, params, headers, data):
            asked.append((method, url))
            return 200, {}, ANSWER

        client = StubTreq(StringStubbingResource(respond))
        transport = TreqService(client, "http://etcd.example")
        etcd = Etcd(v2.Keys() >> transport, clock=Clock())

        enabled = Deferred.fromCoroutine(is_enabled(etcd, "search"))

        self.assertTrue(self.successResultOf(enabled))
        self.assertEqual(asked, [(b"GET", "http://etcd.example/v2/keys/features/search")])


if __name__ == "__main__":
    main(argv=sys.argv[:1])
