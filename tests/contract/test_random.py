"""Random requests, to an etcd in memory and to a real one side by side: they never differ."""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.internet.task import Clock

from tests.contract.requests import random_request
from tests.contract.sides import OnEtcd, OnOtherEtcd, Question
from tests.contract.words import in_words
from txetcd.http import Request
from txetcd.testing import MemoryEtcd

#: How many requests are made of each seed.
REQUESTS = 400
SEEDS = (1, 2, 3)

#: How many waits are parked at a time.
PARKED = 6


class Pair:
    """A wait that both were asked for."""

    def __init__(self, request: Request, memory: Any, real: Any) -> None:
        self.request = request
        self.memory, self.real = Question(memory, request), Question(real, request)

    def cancel(self) -> None:
        for question in (self.memory, self.real):
            question.answered.addErrback(lambda _: None)
            question.under_way.cancel()


class SideBySide:
    """Tests of a real server against one in memory."""

    assertEqual: Any
    is_other: bool
    index: Any
    moment: Any
    service: Any

    async def compare(self, seed: int) -> None:
        """Make random requests of both."""
        random = Random(seed)
        self.base = await self.index()
        version = "3.4.23" if self.is_other else "3.5.1"
        self.memory = MemoryEtcd(Clock(), index=self.base, version=version)
        self.asked: list[str] = [f"seed {seed}"]
        parked: list[Pair] = []
        for _ in range(REQUESTS):
            request = random_request(random, self.base, await self.memory_index())
            self.asked.append(f"{request} {request.body.decode()}")
            if "wait=true" not in request.query:
                await self._both(request)
            elif len(parked) < PARKED:
                parked.append(Pair(request, self.memory, self.service))
            parked = [pair for pair in parked if not await self._is_over(pair)]
        for pair in parked:
            pair.cancel()

    async def memory_index(self) -> int:
        return self.memory.index

    async def _both(self, request: Request) -> None:
        answers = [await service(request) for service in (self.memory, self.service)]
        self._same(*(self._told(answer, request) for answer in answers))

    async def _is_over(self, pair: Pair) -> bool:
        """Whether a wait was answered by both, or by none."""
        if pair.real.head is None:
            await pair.real.headed
        if pair.memory.answered.called:
            await pair.real.answered
        elif pair.real.answered.called:
            self._same("nothing", self._told(pair.real.response, pair.request))
        memory, real = pair.memory, pair.real
        self._same(self._told(memory.head, pair.request), self._told(real.head, pair.request))
        if not memory.answered.called:
            return False
        told = (self._told(each.response, pair.request) for each in (memory, real))
        self._same(*told)
        return True

    def _told(self, answer: Any, request: Request) -> str:
        in_order = "sorted=true" in request.query
        return in_words(answer, self.base, in_order=in_order, shows_ttl=False)

    def _same(self, memory: str, real: str) -> None:
        self.assertEqual(memory, real, "\n".join(self.asked[-20:]))


class RandomRequestsTests(SideBySide, OnEtcd):
    """The first version."""


class OtherRandomRequestsTests(SideBySide, OnOtherEtcd):
    """The other."""


def _test(seed: int) -> Any:
    async def test(self: SideBySide) -> None:
        await self.compare(seed)

    return test


for seed in SEEDS:
    setattr(SideBySide, f"test_they_answer_alike_with_seed_{seed}", _test(seed))
