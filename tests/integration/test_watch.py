"""Shared watches and trees on a real etcd."""

from __future__ import annotations

import gc
from random import Random

from twisted.internet.defer import Deferred, gatherResults

from tests.realserver import RealServerTestCase
from txetcd import Action, ApiError, Data, Key, KeyNotFound, NodeOp, Tree
from txetcd.keys import Contact, Watch
from txetcd.reactive import Failed, Ok

#: How long a test may wait for what must come.
PATIENCE = 30.0


class Case(RealServerTestCase):
    carrier = "direct"

    def setUp(self) -> None:
        super().setUp()
        self.etcd = self.client()
        self.top: Key = self.etcd.key(self.prefix)

    async def until(self, holds) -> None:
        """Let the reactor run until something holds."""
        waited = 0.0
        while not holds():
            self.assertLess(waited, PATIENCE, "it does not come to hold")
            await self.pause(0.01)
            waited += 0.01


class WatchTests(Case):
    async def test_a_thousand_observers_of_a_key_make_one_watch(self):
        proxy = await self.proxy()
        watch = self.client(proxy.url).key(self.prefix).watch(recursive=True)
        told: list[list] = [[] for _ in range(1000)]
        for each in told:
            watch.observe(each.append)
        await self.until(lambda: watch.freshness.value.live)
        for n in range(20):
            await (self.top / "a").set(str(n))
        await self.until(lambda: len(told[-1]) >= 20)
        await self.until(lambda: proxy.in_flight == 1)
        # All that were looked at to catch up with a burst.
        self.assertLessEqual(proxy.connections, 20)
        for each in told:
            values = [
                state.value.node.value
                for state in each
                if isinstance(state, Ok) and state.value.action is Action.SET
            ]
            self.assertEqual(values, [b"%d" % n for n in range(20)])

    async def test_a_key_that_is_missing_and_then_is_made(self):
        told: list = []
        watch = (self.top / "a").watch()
        watch.observe(told.append)
        await self.until(lambda: len(told) >= 2)
        assert isinstance(told[1], Failed)
        self.assertEqual(told[1].failure.type, KeyNotFound)
        await (self.top / "a").set("1")
        op = await watch.next_ok()
        self.assertEqual(op.node.value, b"1")

    async def test_a_loop_and_one_that_is_slow_see_every_change(self):
        quick: list[int] = []
        slow: list[int] = []
        ready: Deferred[None] = Deferred()
        watch = self.top.watch(recursive=True)

        async def follow(seen, ready=None):
            async for op in watch.iterate(buffer=5):
                if op.action is Action.SET:
                    seen.append(int(op.node.text))
                if seen and seen[-1] == 99:
                    return
                if ready is not None:
                    await ready

        await (self.top / "a").set("-1")
        loops = [Deferred.fromCoroutine(follow(quick))]
        loops.append(Deferred.fromCoroutine(follow(slow, ready)))
        await self.until(lambda: isinstance(watch.state, Ok))
        for n in range(100):
            await (self.top / "a").set(str(n))
        ready.callback(None)
        await gatherResults(loops)
        self.assertEqual((quick, slow), (list(range(100)), list(range(100))))

    async def test_a_watch_that_loses_its_connections_says_so_and_comes_back(self):
        proxy = await self.proxy()
        contacts: list[Contact] = []
        told: list = []
        watch = self.client(proxy.url).key(self.prefix).watch(recursive=True)
        watch.freshness.observe(lambda freshness: contacts.append(freshness.contact))
        watch.observe(told.append)
        await (self.top / "a").set("1")
        await self.until(lambda: isinstance(told[-1], Ok))
        await proxy.refuse()
        proxy.cut_all()
        await self.until(lambda: contacts[-1] is Contact.RECONNECTING)
        self.assertGreater(watch.stale_by, 0)
        await (self.top / "a").set("2")
        await proxy.heal()
        await self.until(
            lambda: isinstance(told[-1], Ok) and b"2" in repr(told[-1].value).encode()
        )
        await self.until(lambda: contacts[-1] is Contact.LIVE)

    async def test_many_that_come_and_go_leave_nothing_under_way(self):
        proxy = await self.proxy()
        client = self.client(proxy.url, linger=0.0)
        watches = [client.key(f"{self.prefix}/{n}").watch() for n in range(50)]
        for _ in range(3):
            observations = [watch.observe(lambda _: None) for watch in watches]
            await self.until(lambda: all(watch.freshness.value.live for watch in watches))
            for each in observations:
                each.close()
            await self.until(lambda: all(idle(watch) for watch in watches))
            await self.until(lambda: proxy.in_flight == 0)


class BufferTests(Case):
    async def test_a_loop_reads_ahead_and_misses_nothing(self):
        await (self.top / "a").set("-1")
        seen: list[int] = []
        async for op in self.top.events(recursive=True, buffer=10):
            if op.action is Action.GET:
                for n in range(50):
                    await (self.top / "a").set(str(n))
                continue
            seen.append(int(op.node.text))
            if seen[-1] == 49:
                break
        gc.collect()
        self.assertEqual(seen, list(range(50)))


class TreeTests(Case):
    async def test_each_tree_is_what_the_store_held_at_its_index(self):
        for seed in range(3):
            await self.follow(seed)

    async def follow(self, seed: int) -> None:
        """Random operations, one after the other; the truth is read after each."""
        random = Random(seed)
        top = self.top / str(seed)
        proxy = await self.proxy()
        trees: list[Tree] = []
        watched = self.client(proxy.url).key(top.path).watch_tree()
        observation = watched.map(trees.append).observe(lambda _: None)
        truth: dict[int, dict] = {}
        await self.until(lambda: trees)
        for _ in range(80):
            try:
                done = await operation(random, top)
            except ApiError:
                continue
            truth[done.node.modified_index] = await contents(top)
            if random.random() < 0.05:
                proxy.cut_all()
        # One that is not hidden.
        done = await (top / "last").set("1")
        last = done.node.modified_index
        truth[last] = await contents(top)
        await self.until(lambda: trees[-1].index >= last)
        self.assertEqual([tree.index for tree in trees], sorted({tree.index for tree in trees}))
        for tree in trees:
            found = {node.key: (node.modified_index, node.value) for node in tree.values()}
            known = [index for index in truth if index <= tree.index]
            self.assertEqual(found, truth[max(known)] if known else {}, (seed, tree))
        await observation.close()


def idle(watch: Watch) -> bool:
    return watch.freshness.value.contact is Contact.IDLE


async def operation(random: Random, top: Key) -> NodeOp:
    key, value = top / random.choice(["a", "b", "d/a", "d/e/f", "d", "_h"]), str(random.random())
    chosen = random.randrange(6)
    if chosen == 0:
        return await key.delete(recursive=True)
    if chosen == 1:
        return await key.create_in_order(value)
    if chosen == 2:
        return await key.set(None)
    return await key.set(value)


async def contents(top: Key) -> dict[str, tuple[int, bytes]]:
    """All keys with values below a key, read with the cluster's consent."""
    try:
        nodes = [(await top.get(recursive=True, quorum=True)).node]
    except KeyNotFound:
        return {}
    found = {}
    while nodes:
        node = nodes.pop()
        if isinstance(node, Data):
            found[node.key] = (node.modified_index, node.value)
        else:
            nodes += node.nodes
    return found
