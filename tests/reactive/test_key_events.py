"""The events of keys, with what is derived from them."""

from __future__ import annotations

import gc
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.keys.store import Store
from tests.reactive.plain import step
from txetcd import Etcd, KeyNotFound


def name(op: Any) -> str:
    return op.node.key


class KeyEventTests(SynchronousTestCase):
    def setUp(self):
        self.store = Store()
        self.etcd = Etcd(self.store, clock=Clock())
        self.store.set("/a/1")
        self.store.set("/b/1")
        self.a, self.b = (self.etcd.key(each).events(recursive=True) for each in ("/a", "/b"))

    def tearDown(self):
        gc.collect()
        self.assertEqual(self.store.parked, [])
        self.successResultOf(self.etcd.close())

    def test_witnesses_are_told_through_what_is_derived(self):
        told: list[Any] = []
        registration = self.a.merge(self.b).map(name).dedup().register(told.append)
        for key in ("/b/2", "/b/2", "/a/2"):
            self.store.set(key)
        self.successResultOf(registration.close())
        self.store.set("/a/3")
        self.assertEqual(told, ["/a", "/b", "/b/2", "/a/2"])

    def test_failures_pass_through(self):
        told: list[Any] = []
        missing = self.etcd.key("/c").events()
        registration = missing.map(name).register(told.append)
        self.successResultOf(registration.close())
        (failure,) = told
        self.assertIsInstance(failure, Failure)
        failure.trap(KeyNotFound)

    def test_a_derived_loop_asks_nothing_between_two_steps(self):
        iterator = self.a.filter(lambda op: op.node.key != "/a/2").map(name).__aiter__()
        self.assertEqual(self.successResultOf(step(iterator)), "/a")
        waiting = step(iterator)
        self.assertEqual(len(self.store.parked), 1)
        self.store.set("/a/2")
        self.assertNoResult(waiting)
        self.store.set("/a/3")
        self.assertEqual(self.successResultOf(waiting), "/a/3")
        self.assertEqual(self.store.parked, [])
        self.store.set("/a/4")
        self.assertEqual(self.successResultOf(step(iterator)), "/a/4")

    def test_a_step_that_was_cancelled_may_be_made_again(self):
        iterator = self.a.merge(self.b).map(name).__aiter__()
        names = {self.successResultOf(step(iterator)) for _ in range(2)}
        self.assertEqual(names, {"/a", "/b"})
        waiting = step(iterator)
        self.assertEqual(len(self.store.parked), 2)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(self.store.parked, [])
        self.store.set("/b/2")
        self.assertEqual(self.successResultOf(step(iterator)), "/b/2")

    def test_a_loop_over_several_that_is_left_asks_no_more(self):
        iterator = (self.a | self.b).__aiter__()
        for _ in range(2):
            self.successResultOf(step(iterator))
        waiting = step(iterator)
        self.store.set("/a/2")
        self.successResultOf(waiting)
        self.assertEqual(len(self.store.parked), 1)
        del iterator

    def test_the_next_one_is_the_snapshot(self):
        self.assertEqual(self.successResultOf(self.a.map(name).next()), "/a")
        waiting = self.a.filter(lambda op: op.node.key == "/a/2").next()
        self.assertEqual(len(self.store.parked), 1)
        self.store.set("/a/2")
        self.assertEqual(self.successResultOf(waiting).node.key, "/a/2")
