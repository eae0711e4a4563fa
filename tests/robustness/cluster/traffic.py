"""Operations of every kind, as many a second as asked for, whatever becomes of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tests.robustness.cluster.history import Call, index_shown
from txetcd import Data, Key, KeyNotFound, NodeOp
from txetcd.clock import Clock, sleep
from txetcd.model import CompareAndDelete, CompareAndSwap, CreateInOrder, Delete, Get, Op, Set

__all__ = ["KINDS", "Traffic", "kind_of"]

#: The operations, by the names that the table has for them.
KINDS = ("get", "quorum get", "set", "cas", "create in order", "delete")

#: How many keys are fought for.
KEYS = 8

#: Operations of a kind that may be under way, on average; no more are begun until some have ended.
MOST_OPEN = 400

#: How often operations are begun, in seconds.
TICK = 0.02

#: How much is made up for after this process could not run, in seconds: what is more would come
#: all at once, and it would be the traffic that is tried, not the client.
ARREARS = 0.4

#: How an operation is asked of a key, by its class.
_ASKED: dict[type[Op], Callable[[Key, Any], Deferred[NodeOp]]] = {
    Get: lambda key, op: key.get(quorum=op.quorum),
    Set: lambda key, op: key.set(op.value),
    CreateInOrder: lambda key, op: key.create_in_order(op.value),
    Delete: lambda key, op: key.delete(),
    CompareAndDelete: lambda key, op: key.compare_and_delete(op.prev_index, op.prev_value),
    CompareAndSwap: lambda key, op: key.compare_and_swap(
        op.value, op.prev_index, op.prev_value, op.prev_exist
    ),
}


def kind_of(op: Op) -> str:
    """The name in the table of what an operation is."""
    if isinstance(op, Get):
        return "quorum get" if op.quorum else "get"
    names = {Set: "set", CompareAndSwap: "cas", CreateInOrder: "create in order"}
    return names.get(type(op), "delete")


class Traffic:
    """Begins operations on a few keys at a steady rate, and keeps what became of each.

    It waits for no answer before it asks again, so a cluster that is slow is asked as often as
    one that is well.  Every write has a value that no other has.

    Args:
        clock: Paces it.
        top: The directory; it is empty before.
        random: Chooses keys and conditions.
        kinds: Of `KINDS`, those that are asked.
        rate: How many of each kind are begun in a second.
    """

    def __init__(
        self,
        clock: Clock,
        top: Key,
        random: Random,
        *,
        kinds: Iterable[str] = KINDS,
        rate: float = 60.0,
    ) -> None:
        self._clock = clock
        self._top = top
        self._random = random
        self._kinds = tuple(kinds)
        self._rate = rate
        self._ticks = itertools.count(1)
        self._ended: list[Call] = []
        self._open: dict[int, tuple[Call, float]] = {}
        self._floor = 0
        # What the keys were when they were last heard of.
        self._known: dict[str, tuple[int, Data | None]] = {}
        self._started = clock.seconds()
        self._stopped: float | None = None

    # --- going on -------------------------------------------------------------------

    async def run(self) -> None:
        """Begin operations until `stop`."""
        due, last = 0.0, self._started
        while self._stopped is None:
            now = self._clock.seconds()
            due, last = due + self._rate * min(now - last, ARREARS), now
            self._begin_some(int(due))
            due -= int(due)
            await sleep(self._clock, TICK)

    def stop(self) -> None:
        """Begin no more."""
        if self._stopped is None:
            self._stopped = self._clock.seconds()

    def _begin_some(self, count: int) -> None:
        """Begin so many of each kind, in any order."""
        some = [kind for kind in self._kinds for _ in range(count)]
        self._random.shuffle(some)
        for kind in some:
            if len(self._open) < MOST_OPEN * len(self._kinds):
                self.begin(kind)

    def begin(self, kind: str) -> None:
        """Ask for one operation."""
        tick = next(self._ticks)
        op = self._make(kind, f"value {tick}".encode())
        key = self._key(op.path)
        self._open[tick] = (Call(op, self._floor, tick), self._clock.seconds())
        _ASKED[type(op)](key, op).addBoth(self._settled, tick)

    def _settled(self, outcome: NodeOp | Failure, tick: int) -> None:
        call, since = self._open.pop(tick)
        shown = outcome.value if isinstance(outcome, Failure) else outcome
        assert shown is not None
        seconds = self._clock.seconds() - since
        self._ended.append(
            Call(call.op, call.floor, call.began, next(self._ticks), shown, seconds)
        )
        self._learn(call.op, shown)

    def _learn(self, op: Op, outcome: NodeOp | BaseException) -> None:
        index = index_shown(outcome)
        self._floor = max(self._floor, index)
        if index <= self._known.get(op.path, (0, None))[0]:
            return
        if isinstance(outcome, KeyNotFound):
            self._known[op.path] = (index, None)
        elif isinstance(outcome, NodeOp) and isinstance(outcome.node, Data):
            node = None if outcome.action.removes else outcome.node
            self._known[outcome.node.key] = (index, node)

    # --- what is asked -----------------------------------------------------------------

    def _make(self, kind: str, value: bytes) -> Op:
        if kind == "create in order":
            return CreateInOrder(f"{self._top.path}/queue", value)
        path = f"{self._top.path}/{self._random.randrange(KEYS)}"
        if kind in ("get", "quorum get"):
            return Get(path, quorum=kind == "quorum get")
        if kind == "set":
            return Set(path, value)
        known = self._known.get(path, (0, None))[1]
        return self._swap(path, value, known) if kind == "cas" else self._delete(path, known)

    def _swap(self, path: str, value: bytes, known: Data | None) -> Op:
        if known is None:
            return CompareAndSwap(path, value, prev_exist=False)
        if self._random.random() < 0.5:
            return CompareAndSwap(path, value, prev_index=known.modified_index)
        return CompareAndSwap(path, value, prev_value=known.value)

    def _delete(self, path: str, known: Data | None) -> Op:
        if known is not None and self._random.random() < 0.3:
            return CompareAndDelete(path, prev_index=known.modified_index)
        return Delete(path)

    def _key(self, path: str) -> Key:
        return self._top / path.removeprefix(f"{self._top.path}/")

    # --- what became of it -----------------------------------------------------------------

    @property
    def open(self) -> int:
        """How many operations are under way."""
        return len(self._open)

    @property
    def calls(self) -> list[Call]:
        """All operations, those that are under way among them, in the order of their beginning."""
        known = [*self._ended, *(call for call, _ in self._open.values())]
        return sorted(known, key=lambda call: call.began)

    @property
    def seconds(self) -> float:
        """How long operations were begun."""
        end = self._clock.seconds() if self._stopped is None else self._stopped
        return end - self._started

    def __repr__(self) -> str:
        return f"<Traffic below {self._top.path}: {len(self._ended)} ended, {self.open} open>"
