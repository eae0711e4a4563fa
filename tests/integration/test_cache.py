"""What a cache answers is what a real etcd answers, after any operations."""

from __future__ import annotations

import itertools
import random
from typing import Any

from twisted.internet.defer import Deferred

from tests.keys.cache.test_cache import CHECKED, Counted, do, may, told
from tests.realserver import RealServerTestCase, reactor
from txetcd import AmbiguousWrite, ApiError, Filter, Key, NodeOp, Service, Stack
from txetcd.keys import Cache
from txetcd.model import Op

STEPS = 60
KINDS = ["set", "set", "mkdir", "create", "in_order", "delete", "rmdir", "leased", "refresh"]
NAMES = ["a", "b", "_h"]


class CountedBelow(Filter[Op, NodeOp, Op, NodeOp]):
    """Counts what comes through."""

    def __init__(self) -> None:
        self.counted: Any = None

    def apply(self, request: Op, service: Service[Op, NodeOp]) -> Deferred[NodeOp]:
        if self.counted is None:
            self.counted = Counted(service)
        found: Deferred[NodeOp] = self.counted(request)
        return found


class CacheTests(RealServerTestCase):
    carrier = "direct"

    def setUp(self) -> None:
        super().setUp()
        self.below = CountedBelow()
        self.mine = self.client(namespace=self.prefix, stack=self.stack)
        self.others = self.client(namespace=self.prefix)
        self.told = 0

    def stack(self, stack: Stack) -> Stack:
        below = stack.insert_before("deadline", "counted", self.below)
        return below.insert_before("counted", "cache", Cache("/c", reactor))

    async def test_the_version_is_asked_below(self):
        await self.mine.key("/c/a").set("1")
        await self.mine.key("/c/a").get()
        await self.mine.key("/c/a").set("2")
        self.assertRegex((await self.mine.version()).server, r"^3\.")
        self.assertEqual((await self.mine.key("/c/a").get()).node.text, "2")

    async def test_every_answer_is_that_of_etcd(self):
        for seed in range(3):
            await self.mine.key("/c/kept").set("0")
            await self.compare(random.Random(seed))
            await self.mine.key("/c").delete(recursive=True)
        # It is the cache that was tried, and not the way around it.
        self.assertGreater(self.told, 3 * STEPS * 5)

    async def compare(self, draw: random.Random) -> None:
        for n in range(STEPS):
            mine, kind = draw.random() < 0.5, draw.choice(KINDS)
            path = "/".join(["/c", *draw.choices(NAMES, k=draw.randrange(4))])
            if path != "/c" and may(kind, path, mine):
                client = self.mine if mine else self.others
                await self.outcome(do(kind, client.key(path), n))
                # What one has written oneself is seen at once.
                if mine:
                    await self.check(path, False)
            await self.settle()
            for checked, recursive in itertools.product(CHECKED, [False, True]):
                await self.check(checked, recursive)

    async def check(self, path: str, recursive: bool) -> None:
        before = len(self.below.counted.gets)
        found = await self.outcome(self.mine.key(path).get(recursive))
        self.told += len(self.below.counted.gets) == before
        expected = await self.outcome(self.others.key(path).get(recursive, quorum=True))
        self.assertEqual(told(found), told(expected), path)

    async def settle(self) -> None:
        """Let the watch tell of all that has been done."""
        kept: Key = self.mine.key("/c/kept")
        index = (await self.others.key("/c/kept").set("x")).node.modified_index
        while True:
            before = len(self.below.counted.gets)
            found = (await kept.get()).node.modified_index
            if found == index and before == len(self.below.counted.gets):
                return
            await self.pause()

    async def outcome(self, asked: Deferred[NodeOp]) -> Any:
        try:
            return await asked
        except (ApiError, AmbiguousWrite) as error:
            return error
