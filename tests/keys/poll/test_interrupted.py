"""A watch whose consumer pauses or gives up steps, and whose server is not what it was."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txetcd import Action, Backoff, Etcd, NodeOp, Service, UnexpectedResponse
from txetcd.model import Get
from txetcd.testing import MemoryEtcd


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.memory = MemoryEtcd(self.clock)
        self.etcd = self.memory.client()
        #: Another client, of another member.
        self.other = self.memory.client(through=self.memory.peer)

    def set(self, path: str, value: str = "new") -> None:
        self.successResultOf(self.other.key(path).set(value))

    def step(self, iterator: Any) -> Deferred[NodeOp]:
        return Deferred.fromCoroutine(iterator.__anext__())


class PausedTests(Case):
    def test_a_store_that_was_wiped_and_has_grown_meanwhile_is_told_by_a_snapshot(self):
        self.set("/q/a", "old")
        kinds: list[dict[str, Any]] = [{}, {"buffer": 2}, {"buffer": 2, "on_full": "latest"}]
        for kind in kinds:
            iterator = aiter(self.etcd.key("/q").events(recursive=True, **kind))
            self.successResultOf(self.step(iterator))
            for n in range(8):
                self.set(f"/q/x{n}", "old")
            self.successResultOf(self.step(iterator))
            self.memory.restart(wipe=True)
            for n in range(60):
                self.set(f"/q/y{n}")
            self.clock.advance(1)
            told: list[NodeOp] = []
            while not told or told[-1].action is not Action.GET:
                step = self.step(iterator)
                self.clock.advance(5)
                told.append(self.successResultOf(step))
                self.assertLess(len(told), 20, kind)
            self.assertEqual({node.text for node in told[-1].node.nodes}, {"new"})

    def test_a_witness_that_was_busy_meanwhile_is_told_so_as_well(self):
        self.set("/q/a", "old")
        told: list[Any] = []
        busy: list[Deferred[None]] = []

        def witness(result: Any) -> Deferred[None]:
            told.append(result)
            busy.append(Deferred())
            return busy[-1]

        self.etcd.key("/q").events(recursive=True).register(witness)
        self.set("/q/b", "old")
        busy.pop().callback(None)
        self.memory.restart(wipe=True)
        for n in range(60):
            self.set(f"/q/y{n}")
        self.clock.advance(1)
        busy.pop().callback(None)
        self.clock.advance(5)
        self.assertEqual(told[-1].action, Action.GET)
        self.assertEqual(len(told[-1].node.nodes), 60)

    def test_a_pause_in_the_same_history_costs_a_request_and_tells_nothing_twice(self):
        self.set("/a", "0")
        iterator = aiter(self.etcd.key("/a").events())
        self.successResultOf(self.step(iterator))
        for n in range(5):
            self.set("/a", str(n))
            self.clock.advance(40)
            before = len(self.memory.requests)
            self.assertEqual(self.successResultOf(self.step(iterator)).node.text, str(n))
            self.assertLessEqual(len(self.memory.requests) - before, 2)

    def test_a_step_given_up_before_a_pause_does_not_send_it_in_circles(self):
        self.set("/a", "0")
        iterator = aiter(self.etcd.key("/a").events())
        self.successResultOf(self.step(iterator))
        step = self.step(iterator)
        step.cancel()
        self.failureResultOf(step, CancelledError)
        self.clock.advance(31)
        before = len(self.memory.requests)
        step = self.step(iterator)
        self.assertNoResult(step)
        self.assertLess(len(self.memory.requests) - before, 5)
        self.set("/a", "1")
        self.assertEqual(self.successResultOf(step).node.text, "1")


class GivenUpTests(Case):
    def test_steps_that_are_shorter_than_the_delay_after_a_failure_add_up_to_it(self):
        self.set("/a", "0")
        iterator = aiter(self.etcd.key("/a").events(backoff=Backoff.constant(10)))
        self.successResultOf(self.step(iterator))
        step = self.step(iterator)
        self.memory.kill()
        self.memory.start()
        self.set("/a", "1")
        for _ in range(4):
            self.assertNoResult(step)
            step.cancel()
            self.failureResultOf(step, CancelledError)
            step = self.step(iterator)
            self.clock.advance(3)
        self.assertEqual(self.successResultOf(step).node.text, "1")


class LaggingTests(Case):
    def test_a_member_that_stays_behind_is_a_failure_with_a_delay(self):
        self.set("/a", "0")
        waits, reads = (each._session._service for each in (self.etcd, self.other))
        asked: list[Get] = []

        class Divided(Service[Any, NodeOp]):
            def apply(self, request: Any) -> Deferred[NodeOp]:
                asked.append(request)
                return (waits if request.wait else reads)(request)

        self.memory.fall_behind()
        for _ in range(3):
            self.set("/a", "1")
        told: list[Any] = []
        etcd = Etcd(Divided(), clock=self.clock)
        etcd.key("/a").events(backoff=Backoff.constant(1)).register(told.append)
        for _ in range(10):
            self.clock.advance(1)
        self.assertLess(len(asked), 30)
        told[-1].trap(UnexpectedResponse)
        self.assertIn("behind the quorum", str(told[-1].value))
        self.memory.catch_up()
        self.set("/a", "2")
        for _ in range(3):
            self.clock.advance(1)
        self.assertEqual(told[-1].node.text, "2")
