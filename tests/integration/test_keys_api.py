"""Every operation of a key, on a real etcd: a test for each row of the table of calls."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from random import Random

from twisted.internet.defer import gatherResults

from tests.realserver import RealServerTestCase
from txetcd import (
    Action,
    ApiError,
    Data,
    Dir,
    DirNotEmpty,
    ErrorCode,
    Key,
    KeyNotFound,
    NodeExist,
    NotDir,
    NotFile,
    TestFailed,
)
from txetcd.errors import RootReadOnly


class Case(RealServerTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.etcd = self.client()
        self.top: Key = self.etcd.key(self.prefix)
        self.key: Key = self.top / "a"


class GetTests(Case):
    async def test_get_of_a_value(self):
        written = await self.key.set("value")
        read = await self.key.get()
        self.assertIs(read.action, Action.GET)
        self.assertEqual(read.node, written.node)
        self.assertEqual(read.node.value, b"value")
        self.assertEqual(read.node.text, "value")
        self.assertGreaterEqual(read.etcd.index, written.node.modified_index)
        self.assertRegex(read.etcd.cluster_id, "^[0-9a-f]+$")
        self.assertGreater(read.etcd.raft_index, 0)
        self.assertGreater(read.etcd.raft_term, 0)
        self.assertIsNone(read.prev_node)

    async def test_get_of_a_missing_key(self):
        await (self.top / "b").set("1")
        error = await self.failure(self.key.get(), KeyNotFound)
        self.assertEqual((error.code, error.cause), (ErrorCode.KEY_NOT_FOUND, self.key.path))
        self.assertGreater(error.index, 0)
        self.assertIn(f"get {self.key.path}", str(error))

    async def test_get_of_a_directory_lists_one_level(self):
        await (self.top / "d/e/f").set("1")
        listing = (await (self.top / "d").get()).node
        self.assertIsInstance(listing, Dir)
        self.assertEqual([(node.key, node.nodes) for node in listing.nodes], [
            (f"{self.prefix}/d/e", ())
        ])

    async def test_get_recursive_shows_the_tree(self):
        await (self.top / "d/e/f").set("1")
        await (self.top / "d/g").set("2")
        tree = (await self.top.get(recursive=True, sorted=True)).node
        inner, leaf = tree.nodes[0].nodes
        self.assertEqual((leaf.name, leaf.value), ("g", b"2"))
        self.assertEqual((inner.name, inner.nodes[0].value), ("e", b"1"))

    async def test_get_sorted_orders_by_key(self):
        for name in "cab":
            await (self.top / name).set(name)
        listing = (await self.top.get(sorted=True)).node
        self.assertEqual([node.name for node in listing.nodes], ["a", "b", "c"])

    async def test_get_quorum(self):
        await self.key.set("1")
        self.assertEqual((await self.key.get(quorum=True)).node.value, b"1")

    async def test_get_of_the_root(self):
        await self.key.set("1")
        root = (await self.etcd.key("/").get()).node
        self.assertEqual((root.key, root.modified_index), ("/", 0))
        self.assertIn(self.prefix, [node.key for node in root.nodes])

    async def test_get_wait_fires_at_the_next_change(self):
        first = await self.key.set("1")
        waiting = self.key.get(wait=True)
        await self.pause(0.05)
        await self.key.set("2")
        change = await waiting
        self.assertIs(change.action, Action.SET)
        self.assertEqual(change.prev_node, first.node)

    async def test_get_wait_from_an_index_fires_with_history(self):
        first = await self.key.set("1")
        await self.key.set("2")
        change = await self.key.get(wait=True, wait_index=first.node.modified_index)
        self.assertEqual(change.node, first.node)

    async def test_get_wait_recursive(self):
        first = await (self.top / "d/e").set("1")
        change = await self.top.get(True, wait=True, wait_index=first.node.modified_index)
        self.assertEqual(change.node, first.node)


class SetTests(Case):
    async def test_set_makes_the_key_and_the_directories_above(self):
        made = await (self.top / "d/e").set(b"1")
        self.assertIs(made.action, Action.SET)
        self.assertEqual(made.node.modified_index, made.node.created_index)
        self.assertIsNone(made.prev_node)
        self.assertIsInstance((await (self.top / "d").get()).node, Dir)

    async def test_set_over_a_value_tells_the_one_before(self):
        first = await self.key.set("1")
        second = await self.key.set("2")
        self.assertEqual(second.prev_node, first.node)
        self.assertGreater(second.node.modified_index, first.node.modified_index)

    async def test_set_none_makes_a_directory(self):
        made = await self.key.set(None)
        self.assertIsInstance(made.node, Dir)
        self.assertEqual((await self.key.get()).node.nodes, ())

    async def test_set_an_empty_value(self):
        await self.key.set(b"")
        node = (await self.key.get()).node
        self.assertIsInstance(node, Data)
        self.assertEqual(node.value, b"")

    async def test_set_with_a_ttl_has_a_lease(self):
        before = datetime.now(timezone.utc)
        node = (await self.key.set("1", ttl=30)).node
        self.assertEqual(node.lease.ttl, timedelta(seconds=30))
        self.assertLess(abs(node.lease.expiration - before - timedelta(seconds=30)).seconds, 10)
        self.assertIs(node.lease.expiration.tzinfo, timezone.utc)

    async def test_a_ttl_may_be_a_timedelta_and_a_fraction_is_rounded_up(self):
        node = (await self.key.set("1", ttl=timedelta(seconds=29, milliseconds=1))).node
        self.assertEqual(node.lease.ttl, timedelta(seconds=30))

    async def test_a_ttl_of_zero_removes_the_lease(self):
        await self.key.set("1", ttl=30)
        self.assertIsNone((await self.key.set("1", ttl=0)).node.lease)

    async def test_a_set_without_a_ttl_removes_the_lease(self):
        await self.key.set("1", ttl=30)
        self.assertIsNone((await self.key.set("2")).node.lease)

    async def test_the_longest_ttl_is_a_lease_and_not_for_ever(self):
        node = (await self.key.set("1", ttl=7_000_000_000)).node
        self.assertEqual(node.lease.expiration.year, 2248)

    async def test_a_key_expires(self):
        made = await self.key.set("1", ttl=1)
        gone = await self.key.get(wait=True, wait_index=made.node.modified_index + 1)
        self.assertIs(gone.action, Action.EXPIRE)
        self.assertEqual((gone.node.value, gone.prev_node.value), (b"", b"1"))
        await self.failure(self.key.get(), KeyNotFound)

    async def test_set_of_a_key_that_must_exist(self):
        await self.failure(self.key.set("1", prev_exist=True), KeyNotFound)
        await self.key.set("1")
        changed = await self.key.set("2", prev_exist=True)
        self.assertIs(changed.action, Action.UPDATE)

    async def test_set_of_a_directory_is_refused(self):
        await self.key.set(None)
        await self.failure(self.key.set("1"), NotFile)

    async def test_set_below_a_file_is_refused(self):
        await self.key.set("1")
        await self.failure((self.key / "b").set("1"), NotDir)

    async def test_set_of_the_root_is_refused(self):
        await self.failure(self.etcd.key("/").set(None), RootReadOnly)


class CreateTests(Case):
    async def test_create_makes_a_key_once(self):
        made = await self.key.create("1", ttl=30)
        self.assertIs(made.action, Action.CREATE)
        self.assertEqual(made.node.lease.ttl, timedelta(seconds=30))
        error = await self.failure(self.key.create("2"), NodeExist)
        self.assertEqual(error.code, 105)
        self.assertEqual((await self.key.get()).node.value, b"1")

    async def test_create_none_makes_a_directory_once(self):
        self.assertIsInstance((await self.key.create(None)).node, Dir)
        await self.failure(self.key.create(None), NodeExist)

    async def test_create_in_order_makes_children_in_order(self):
        made = await gatherResults([self.key.create_in_order(str(n)) for n in range(5)])
        listing = (await self.key.get(sorted=True)).node
        in_order = sorted(made, key=lambda op: op.node.created_index)
        self.assertEqual([node.key for node in listing.nodes], [op.node.key for op in in_order])
        self.assertEqual({op.action for op in made}, {Action.CREATE})

    async def test_create_in_order_with_a_ttl_and_of_a_directory(self):
        leased = await self.key.create_in_order("1", ttl=30)
        self.assertEqual(leased.node.lease.ttl, timedelta(seconds=30))
        self.assertIsInstance((await self.key.create_in_order(None)).node, Dir)


class CompareTests(Case):
    async def test_swap_by_index(self):
        first = await self.key.set("1")
        index = first.node.modified_index
        swapped = await self.key.compare_and_swap("2", prev_index=index, ttl=30)
        self.assertIs(swapped.action, Action.COMPARE_AND_SWAP)
        self.assertEqual(swapped.prev_node, first.node)
        self.assertEqual(swapped.node.lease.ttl, timedelta(seconds=30))
        error = await self.failure(self.key.compare_and_swap("3", prev_index=index), TestFailed)
        self.assertIn(str(index), error.cause)

    async def test_swap_by_value(self):
        await self.key.set("one & only; ü")
        await self.failure(self.key.compare_and_swap("2", prev_value="two"), TestFailed)
        swapped = await self.key.compare_and_swap("2", prev_value="one & only; ü")
        self.assertEqual(swapped.node.value, b"2")

    async def test_swap_by_both(self):
        index = (await self.key.set("1")).node.modified_index
        await self.failure(self.key.compare_and_swap("2", index, "other"), TestFailed)
        self.assertEqual((await self.key.compare_and_swap("2", index, "1")).node.value, b"2")

    async def test_swap_if_it_does_not_exist(self):
        made = await self.key.compare_and_swap("1", prev_exist=False)
        self.assertIs(made.action, Action.CREATE)
        await self.failure(self.key.compare_and_swap("2", prev_exist=False), NodeExist)

    async def test_swap_of_a_missing_key(self):
        await self.failure(self.key.compare_and_swap("1", prev_index=1), KeyNotFound)

    async def test_delete_by_index_and_by_value(self):
        index = (await self.key.set("1")).node.modified_index
        await self.failure(self.key.compare_and_delete(prev_index=index - 1), TestFailed)
        gone = await self.key.compare_and_delete(prev_index=index)
        self.assertIs(gone.action, Action.COMPARE_AND_DELETE)
        await self.key.set("ü & 2")
        await self.failure(self.key.compare_and_delete(prev_value="3"), TestFailed)
        await self.key.compare_and_delete(prev_value="ü & 2")
        await self.failure(self.key.get(), KeyNotFound)

    async def test_a_compare_without_a_condition_asks_nothing(self):
        made = await self.key.set("1")
        await self.failure(self.key.compare_and_swap("2"), ValueError)
        await self.failure(self.key.compare_and_delete(), ValueError)
        await self.failure(self.key.compare_and_swap("2", prev_value=""), ValueError)
        self.assertEqual((await self.key.get()).node, made.node)


class DeleteTests(Case):
    async def test_delete_of_a_value(self):
        made = await self.key.set("1")
        gone = await self.key.delete()
        self.assertIs(gone.action, Action.DELETE)
        self.assertEqual(gone.prev_node, made.node)
        self.assertEqual(gone.node.value, b"")
        await self.failure(self.key.delete(), KeyNotFound)

    async def test_delete_of_an_empty_directory(self):
        await self.key.set(None)
        await self.failure(self.key.delete(), NotFile)
        self.assertIsInstance((await self.key.delete(dir=True)).node, Dir)

    async def test_delete_of_a_directory_with_something_in_it(self):
        await (self.key / "b").set("1")
        await self.failure(self.key.delete(dir=True), DirNotEmpty)
        await self.key.delete(recursive=True)
        await self.failure((self.key / "b").get(), KeyNotFound)

    async def test_delete_of_the_root_is_refused(self):
        error = await self.failure(self.etcd.key("/").delete(recursive=True), ApiError)
        self.assertEqual(error.code, ErrorCode.ROOT_READ_ONLY)


class RefreshTests(Case):
    async def test_refresh_gives_a_new_lease_keeps_the_value_and_tells_no_watcher(self):
        made = await self.key.set("1", ttl=10)
        refreshed = await self.key.refresh(100)
        self.assertEqual(refreshed.node.value, b"1")
        self.assertEqual(refreshed.node.lease.ttl, timedelta(seconds=100))
        changed = await self.key.set("2")
        told = await self.key.get(wait=True, wait_index=made.node.modified_index + 1)
        self.assertEqual(told.node.modified_index, changed.node.modified_index)

    async def test_refresh_of_a_missing_key(self):
        await self.failure(self.key.refresh(10), KeyNotFound)


class AnyTextTests(Case):
    """Keys and values take any text, and come back as they were."""

    async def comes_back(self, name: str, value: str) -> None:
        key = self.top / "any" / name
        await key.set(value)
        read = await key.get()
        self.assertEqual((read.node.key, read.node.text), (key.path, value))
        if value:
            await key.compare_and_swap(value + "!", prev_value=value)
        listed = (await (self.top / "any").get()).node.nodes
        self.assertIn(key.path, [node.key for node in listed])

    async def test_every_character_of_ascii_comes_back(self):
        for code in range(1, 128):
            if chr(code) != "/":
                await self.comes_back(f"x{chr(code)}y", f"v{chr(code)}w")

    async def test_texts_that_look_like_something_else_come_back(self):
        for name, value in [
            ("%2F", "a;b&c=d%zz+e"),
            ("a b?c#d;e&f=g+h", " \r\n\t"),
            ("...", ""),
            ("日本", "\ufffd\u2028"),
            ("é", "é"),
            ("\U0001f40d", "value=1&ttl=0&dir=true"),
        ]:
            await self.comes_back(name, value)

    async def test_characters_from_everywhere_come_back(self):
        random = Random(2379)
        codes = [code for code in range(1, 0x110000) if not 0xD800 <= code < 0xE000]
        for _ in range(50):
            name = "".join(chr(random.choice(codes)) for _ in range(8)).replace("/", "-")
            await self.comes_back(name, name[::-1])
