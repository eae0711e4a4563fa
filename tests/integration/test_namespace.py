"""A namespace on a real etcd: what it shows is what a whole etcd would show."""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, ensureDeferred

from tests.keys.namespace.test_namespace import Tree
from tests.realserver import RealServerTestCase
from txetcd import (
    Action,
    AmbiguousWrite,
    Dir,
    Etcd,
    KeyNotFound,
    NodeOp,
    NotDir,
    NotFile,
    Service,
)
from txetcd.errors import RaftInternal, RootReadOnly
from txetcd.keys.namespace import Namespace
from txetcd.model import (
    CompareAndDelete,
    CompareAndSwap,
    Create,
    CreateInOrder,
    Delete,
    Get,
    Node,
    Op,
    Refresh,
    Set,
)


class Case(RealServerTestCase):
    def below(self, prefix: str, url: str | None = None) -> Etcd:
        """A client whose root is a prefix."""
        return self.client(
            url,
            stack=lambda stack: stack.insert_before("retry", "below", Namespace(prefix)),
        )


class KeyTests(Case):
    async def test_what_is_written_below_is_there_under_its_whole_name(self):
        outside, inside = self.client(), self.below(self.prefix)
        made = await inside.key("/a/b").set("1")
        self.assertEqual(made.node.key, "/a/b")
        whole = await outside.key(f"{self.prefix}/a/b").get()
        self.assertEqual((whole.node.value, whole.etcd.cluster_id), (b"1", made.etcd.cluster_id))
        listing = (await inside.key("/").get(recursive=True)).node
        self.assertEqual([node.key for node in listing.nodes], ["/a"])
        self.assertEqual([node.key for node in listing.nodes[0].nodes], ["/a/b"])

    async def test_a_key_that_begins_as_the_prefix_does_is_outside(self):
        outside, inside = self.client(), self.below(self.prefix)
        await inside.key("/a").set("mine")
        await outside.key(f"{self.prefix}x/a").set("theirs")
        await inside.key("/").get(recursive=True)
        await self.failure(inside.key("x/a").get(), KeyNotFound)
        await inside.key("/a").delete()
        self.assertEqual((await outside.key(f"{self.prefix}x/a").get()).node.value, b"theirs")

    async def test_prefixes_of_any_text_are_put_on_and_taken_away(self):
        for n, part in enumerate(["a b", "%2F", "日本/é", "_hidden", "a?b#c&d=e+f;g", "_/_x/~"]):
            inside = self.below(f"{self.prefix}/{n}/{part}")
            key = inside.key("/k/%41 ü")
            made = await key.create("1", ttl=60)
            self.assertEqual(made.node.key, key.path)
            swapped = await key.compare_and_swap("2", prev_value="1")
            self.assertEqual((swapped.node.key, swapped.prev_node.key), (key.path, key.path))
            listing = (await inside.key("/").get(True)).node
            self.assertEqual([node.key for node in listing.nodes], ["/k"])
            waited = await key.get(wait=True, wait_index=made.node.modified_index)
            self.assertEqual(waited.node.key, key.path)

    async def test_hidden_keys_are_hidden_below_as_they_are_above(self):
        inside = self.below(f"{self.prefix}/_hidden")
        await inside.key("/_h/a").set("1")
        await inside.key("/b").set("2")
        listing = (await inside.key("/").get(True)).node
        self.assertEqual([node.key for node in listing.nodes], ["/b"])
        self.assertEqual((await inside.key("/_h").get()).node.nodes[0].key, "/_h/a")

    async def test_one_namespace_in_another(self):
        both = self.client(
            stack=lambda stack: stack.insert_before(
                "retry", "below", Namespace("/a") >> Namespace(self.prefix)
            )
        )
        await both.key("/x").set("1")
        self.assertEqual(
            (await self.client().key(f"{self.prefix}/a/x").get()).node.value, b"1"
        )
        self.assertEqual((await both.key("/").get()).node.nodes[0].key, "/x")


class ErrorTests(Case):
    async def test_the_first_missing_key_is_never_one_above_the_root(self):
        inside = self.below(f"{self.prefix}/deep/er")
        error = await self.failure(inside.key("/a/b").get(), KeyNotFound)
        self.assertEqual((error.cause, str(error.op)), ("/", "get /a/b"))
        self.assertNotIn(self.prefix, str(error))
        await inside.key("/x").set("1")
        error = await self.failure(inside.key("/a/b").get(), KeyNotFound)
        self.assertEqual(error.cause, "/a")
        error = await self.failure(inside.key("/x/y").get(), NotDir)
        self.assertEqual(error.cause, "/x")

    async def test_a_file_above_the_root_is_told_as_the_root(self):
        await self.client().key(f"{self.prefix}/file").set("1")
        inside = self.below(f"{self.prefix}/file/deep")
        for asked in (inside.key("/a").get(), inside.key("/a").set("1")):
            error = await self.failure(asked, NotDir)
            self.assertEqual(error.cause, "/")
            self.assertNotIn(self.prefix, str(error))

    async def test_a_lease_for_a_directory_fails_without_the_prefix(self):
        inside = self.below(self.prefix)
        await inside.key("/d e").set(None)
        error = await self.failure(inside.key("/d e").refresh(10), AmbiguousWrite)
        self.assertIsInstance(error.cause, RaftInternal)
        self.assertEqual(error.cause.cause, "nodePath /1/d e : Not a file ()")
        self.assertEqual(str(error.op), "refresh /d e")
        self.assertNotIn(self.prefix, str(error))

    async def test_a_write_whose_reply_is_lost_is_that_of_the_caller(self):
        proxy = await self.proxy()
        inside = self.below(self.prefix, proxy.url)
        await inside.key("/a").set("1")
        proxy.half_open()
        asked = inside.key("/a").set("2")
        while not proxy.swallowed:
            await self.pause()
        proxy.cut_all()
        error = await self.failure(asked, AmbiguousWrite)
        self.assertEqual((error.op, error.cause.op), (Set("/a", b"2"), Set("/a", b"2")))
        self.assertNotIn(self.prefix, str(error))


class RootTests(Case):
    async def test_etcd_refuses_these_writes_of_its_own_root(self):
        """What a namespace refuses by itself; a comparing delete alone etcd words otherwise."""
        whole, inside = self.client(), self.below(self.prefix)
        await inside.key("/a").set("1")
        writes: list[tuple[str, list[Any]]] = [
            ("set", ["1"]),
            ("set", [None]),
            ("create", ["1"]),
            ("compare_and_swap", ["1", 1]),
            ("delete", [True, True]),
            ("refresh", [5]),
            ("compare_and_delete", [1]),
        ]
        for name, arguments in writes:
            theirs = await self.failure(getattr(whole.key("/"), name)(*arguments))
            mine = await self.failure(getattr(inside.key("/"), name)(*arguments))
            expected = NotFile if name == "compare_and_delete" else RootReadOnly
            self.assertEqual((type(theirs), type(mine)), (expected, RootReadOnly))
            if expected is RootReadOnly:
                self.assertEqual((mine.message, mine.cause), (theirs.message, theirs.cause))
            self.assertEqual((await inside.key("/a").get()).node.value, b"1")

    async def test_children_of_the_root_can_be_made_in_order(self):
        inside = self.below(self.prefix)
        made = [await inside.key("/").create_in_order(str(n)) for n in range(3)]
        listing = (await inside.key("/").get(sorted=True)).node
        self.assertEqual([node.key for node in listing.nodes], [op.node.key for op in made])
        self.assertEqual(listing.key, "/")


class WaitTests(Case):
    async def test_a_false_match_of_etcds_is_not_shown(self):
        server = await self.server()
        whole, inside = self.client(server.url), self.below("/ns", server.url)
        await whole.key("/n/x").set("theirs")
        gone = await whole.key("/n").delete(recursive=True)
        index = gone.node.modified_index
        matched = await whole.key("/ns/a").get(wait=True, wait_index=index)
        self.assertEqual(matched.node.key, "/n", "etcd has mended its scan")
        written = await inside.key("/a").set("1")
        told = await inside.key("/a").get(wait=True, wait_index=index)
        self.assertEqual(told.node, written.node)
        parked = inside.key("/a").get(wait=True, wait_index=written.node.modified_index + 1)
        await whole.key("/n/x").set("theirs")
        await whole.key("/n").delete(recursive=True)
        again = await inside.key("/a").set("2")
        self.assertEqual((await parked).node, again.node)

    async def test_a_wait_that_goes_on_after_a_false_match_can_be_cancelled(self):
        server = await self.server()
        whole, inside = self.client(server.url), self.below("/ns", server.url)
        await whole.key("/n/x").set("theirs")
        index = (await whole.key("/n").delete(recursive=True)).node.modified_index
        heads: list[Any] = []
        waiting = inside._session(
            Get("/a", wait=True, wait_index=index, on_state=heads.append)
        )
        while len(heads) < 2:
            await self.pause()
        waiting.cancel()
        await self.failure(waiting, CancelledError)
        self.assertEqual((await inside.key("/a").set("1")).node.key, "/a")

    async def test_a_removal_above_is_one_of_the_root(self):
        whole, inside = self.client(), self.below(f"{self.prefix}/deep/er")
        made = await inside.key("/w/a").set("1")
        start = made.node.modified_index + 1
        heads: list[Any] = []
        parked = [
            inside._session(Get(path, path == "/", True, start, on_state=heads.append))
            for path in ("/", "/w/a")
        ]
        while len(heads) < len(parked):
            await self.pause()
        removal = await whole.key(self.prefix).delete(recursive=True)
        told = [await each for each in parked]
        told += [await inside.key("/w/a").get(wait=True, wait_index=start)]
        for op in told:
            self.assertEqual((op.action, op.node.key), (Action.DELETE, "/"))
            self.assertEqual(op.node.modified_index, removal.node.modified_index)
            self.assertIsInstance(op.prev_node, Dir)
            self.assertEqual(op.prev_node.key, "/")


class EventTests(Case):
    async def test_a_watch_of_a_root_that_is_not_there_sees_it_appear_and_go(self):
        whole, inside = self.client(), self.below(f"{self.prefix}/deep")
        told: list[Any] = []
        following = inside.key("/").events(recursive=True).register(told.append)
        self.addCleanup(following.close)
        await self.until(told, 1)
        self.assertEqual(told[0].value.cause, "/")
        await inside.key("/a").set("1")
        await self.until(told, 2)
        await whole.key(self.prefix).delete(recursive=True)
        await self.until(told, 3)
        await inside.key("/b").set("2")
        await self.until(told, 4)
        self.assertEqual(
            [(op.action, op.node.key) for op in told[1:]],
            [(Action.SET, "/a"), (Action.DELETE, "/"), (Action.SET, "/b")],
        )

    async def test_every_change_is_told_once_through_cut_connections(self):
        proxy = await self.proxy()
        watched, inside = self.below(self.prefix, proxy.url), self.below(self.prefix)
        outside = self.client()
        await inside.key("/w/start").set("1")
        told: list[NodeOp] = []
        written: list[Any] = []

        async def write() -> None:
            for n in range(60):
                written.append((await inside.key(f"/w/{n % 7}").set(str(n))).node)
                if n % 5 == 0:
                    await outside.key(f"{self.prefix}x/{n}").set("theirs")
                if n % 20 == 10:
                    proxy.cut_all()

        writing: Deferred[None] | None = None
        events = watched.key("/w").events(recursive=True, on_error=lambda _: None)
        async for op in events:
            if writing is None:
                writing = ensureDeferred(write())
                self.assertEqual((op.action, op.node.key), (Action.GET, "/w"))
                continue
            told.append(op)
            if len(told) == 60:
                break
        assert writing is not None
        await writing
        self.assertEqual([op.node for op in told], written)

    async def until(self, told: list[Any], count: int) -> None:
        while len(told) < count:
            await self.pause()


# --- the law -------------------------------------------------------------------------

NAMES = ["a", "ab", "_h", "b c%"]


def operation(random: Random, index: int) -> Op:
    """One that random numbers choose; the same of the same ones, but for the index."""
    path = "/" + "/".join(random.choices(NAMES, k=random.choice([0, 1, 1, 2, 2, 3])))
    value = random.choice([b"1", b"2", None])
    before = index - random.randrange(3)
    choices: list[Op] = [
        Get(path, random.random() < 0.5),
        Get(path, random.random() < 0.5, quorum=True),
        Set(path, value),
        Set(path, value),
        Set(path, value, prev_exist=True),
        Create(path, value),
        CreateInOrder(path, value),
        CompareAndSwap(path, b"3", before, random.choice([None, b"1"])),
        CompareAndSwap(path, b"1", prev_value=b"2"),
        CompareAndSwap(path, b"1", prev_exist=False),
        CompareAndDelete(path, before),
        CompareAndDelete(path, prev_value=b"1"),
        Delete(path, *random.choice([(False, False), (True, False), (False, True)])),
        Refresh(path, 1000),
    ]
    return random.choice(choices)


async def outcome(service: Service[Op, NodeOp], op: Op) -> Any:
    """What an operation ends in, in a form to compare."""
    try:
        answer = await service(op)
    except Exception as error:
        return refusal(error, op)
    before = answer.prev_node and shown(answer.prev_node)
    return answer.action, shown(answer.node), before, answer.etcd.index


def refusal(error: Any, op: Op) -> Any:
    if op.path == "/" and op.is_write and not isinstance(op, CreateInOrder):
        # Each words it as it does; `RootTests` says how.
        return isinstance(error, (RootReadOnly, NotFile))
    if isinstance(error, AmbiguousWrite):
        error = error.cause
    return type(error), error.cause, error.index


def shown(node: Node) -> Any:
    """All of a node but its lease; the root of etcd has no indexes, and lists in any order."""
    indexes = (0, 0) if node.key == "/" else (node.modified_index, node.created_index)
    nodes = frozenset(map(shown, getattr(node, "nodes", ())))
    return type(node), node.key, indexes, getattr(node, "value", None), nodes


class LawTests(Case):
    #: The index at which all stores begin, so that their indexes can be compared.
    START = 20

    async def test_a_namespace_a_whole_etcd_and_the_store_in_memory_say_the_same(self):
        shared = await self.server()
        outside, inside = self.client(shared.url), self.below("/n s/é", shared.url)
        await outside.key("/n s/é~/a").set("theirs")
        await outside.key("/n s/é").set(None)
        whole = self.client((await self.server()).url)
        services: list[Any] = [Tree(), whole._session, inside._session]
        for service in (*services[:2], outside._session):
            await self.move_on(service)
        seen = set()
        for n in range(400):
            outcomes = []
            for service in services:
                op = operation(Random(n), await self.index(service))
                outcomes.append(await outcome(service, op))
            self.assertEqual(outcomes[1], outcomes[0], (op, "the store in memory is wrong"))
            self.assertEqual(outcomes[2], outcomes[1], op)
            seen.add((op.name, str(outcomes[0])[:30]))
        self.assertGreater(len(seen), 30)
        theirs = (await outside.key("/n s/é~").get(True)).node
        self.assertEqual([node.value for node in theirs.nodes], [b"theirs"])

    async def index(self, service: Service[Op, NodeOp]) -> int:
        return (await service(Get("/"))).etcd.index

    async def move_on(self, service: Service[Op, NodeOp]) -> None:
        """Let the index of a store grow to `START`, and leave nothing behind."""
        while await self.index(service) < self.START - 1:
            await service(Set("/_passing", b"1"))
        await service(Delete("/_passing"))
