"""One contract, on the store in memory and on a real etcd: what the watch loop relies on."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import TestCase

from tests.keys.store import CAPACITY, Store
from tests.realserver import RealServerTestCase
from txetcd import Action, EventIndexCleared, KeyNotFound, NodeOp, State
from txetcd.model import Get


class Contract:
    """What both must do.  A case says how to ask, how to write, and how to wait a moment."""

    assertEqual: Any
    assertFalse: Any
    prefix: str

    def ask(self, op: Get) -> Deferred[NodeOp]:
        raise NotImplementedError

    def set(self, name: str, value: bytes = b"v") -> Deferred[NodeOp]:
        raise NotImplementedError

    def delete(self, name: str) -> Deferred[NodeOp]:
        raise NotImplementedError

    def moment(self) -> Deferred[None]:
        raise NotImplementedError

    def path(self, name: str) -> str:
        return f"{self.prefix}/{name}"

    def wait(self, name: str, index: int | None, **options: Any) -> Deferred[NodeOp]:
        return self.ask(Get(self.path(name), wait=True, wait_index=index, **options))

    async def test_a_get_shows_the_value_and_the_index_of_the_store(self):
        written = await self.set("a", b"1")
        await self.set("b")
        read = await self.ask(Get(self.path("a"), quorum=True))
        self.assertEqual((read.action, read.node), (Action.GET, written.node))
        self.assertEqual(read.etcd.index, written.node.modified_index + 1)

    async def test_a_missing_key_tells_the_index_of_the_store(self):
        written = await self.set("a")
        try:
            await self.ask(Get(self.path("missing"), quorum=True))
        except KeyNotFound as missing:
            told = missing.index
        self.assertEqual(told, written.node.modified_index)

    async def test_a_wait_for_history_is_answered_with_the_first_that_matches(self):
        first = await self.set("a", b"1")
        await self.set("b", b"2")
        third = await self.set("a", b"3")
        found = await self.wait("a", first.node.modified_index + 1)
        self.assertEqual((found.action, found.node), (Action.SET, third.node))
        self.assertEqual(found.etcd.index, third.node.modified_index)

    async def test_a_parked_wait_is_told_the_index_when_it_began(self):
        first = await self.set("a", b"1")
        heads: list[State] = []
        waiting = self.wait("a", first.node.modified_index + 1, on_state=heads.append)
        while not heads:
            await self.moment()
        await self.set("b")
        self.assertFalse(waiting.called)
        woken_by = await self.set("a", b"2")
        found = await waiting
        self.assertEqual(found.node, woken_by.node)
        self.assertEqual(found.etcd.index, first.node.modified_index)
        self.assertEqual([head.index for head in heads], [first.node.modified_index])

    async def test_a_deletion_is_told_without_its_value(self):
        written = await self.set("a", b"1")
        await self.delete("a")
        found = await self.wait("a", written.node.modified_index + 1)
        self.assertEqual((found.action, found.node.value), (Action.DELETE, b""))
        self.assertEqual(found.prev_node.value, b"1")

    async def test_a_recursive_wait_is_told_of_what_is_below(self):
        first = await self.set("d/a", b"1")
        second = await self.set("d/a", b"2")
        await self.set("da")
        found = await self.wait("d", first.node.modified_index + 1, recursive=True)
        self.assertEqual(found.node, second.node)

    async def test_a_history_that_was_overrun_is_cleared(self):
        first = await self.set("a")
        for _ in range(CAPACITY + 1):
            await self.set("noise")
        try:
            await self.wait("a", first.node.modified_index)
        except EventIndexCleared as cleared:
            told = cleared.index
        self.assertEqual(told, first.node.modified_index + CAPACITY + 1)


class MemoryTests(Contract, TestCase):
    def setUp(self) -> None:
        self.store = Store()
        self.prefix = "/w"

    def ask(self, op: Get) -> Deferred[NodeOp]:
        return self.store(op)

    def set(self, name: str, value: bytes = b"v") -> Deferred[NodeOp]:
        return succeed(self.store.set(self.path(name), value))

    def delete(self, name: str) -> Deferred[NodeOp]:
        return succeed(self.store.delete(self.path(name)))

    def moment(self) -> Deferred[None]:
        return succeed(None)


class EtcdTests(Contract, RealServerTestCase):
    async def setUp(self) -> None:  # type: ignore[override]  # trial waits for it
        super().setUp()
        # Of its own, since other tests would move the index.
        self.etcd = self.client((await self.server()).url)
        self.prefix = "/w"

    def ask(self, op: Get) -> Deferred[NodeOp]:
        return self.etcd.key("/w")._session(op)

    def set(self, name: str, value: bytes = b"v") -> Deferred[NodeOp]:
        return self.etcd.key(self.path(name)).set(value)

    def delete(self, name: str) -> Deferred[NodeOp]:
        return self.etcd.key(self.path(name)).delete()

    def moment(self) -> Deferred[None]:
        return self.pause()
