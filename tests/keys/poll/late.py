"""A network between a watch and a store: all that is said takes its time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from txetcd import NodeOp, Service
from txetcd.errors import RequestCancelled
from txetcd.model import Get

__all__ = ["Late"]


class Late(Service[Get, NodeOp]):
    """Carries each request on a connection of its own, as slowly as it is told to.

    Args:
        store: What answers.
        clock: Makes it late.
        delay: Called for each message; how long it takes, in seconds.

    Attributes:
        is_stalled: Whether answers to waits are stuck on their way, while heads come through.
        under_way: The requests that have neither ended nor been given up, by their operation.
    """

    def __init__(
        self, store: Service[Get, NodeOp], clock: Clock, delay: Callable[[], float]
    ) -> None:
        self.store = store
        self.clock = clock
        self.delay = delay
        self.is_stalled = False
        self.under_way: list[Get] = []

    def apply(self, request: Get) -> Deferred[NodeOp]:
        return _Conversation(self, request).reply


class _Conversation:
    """One request: what is said of it keeps its order."""

    def __init__(self, network: Late, op: Get) -> None:
        self._network = network
        self._op = op
        self._timers: list[Any] = []
        self._latest = 0.0
        self._asked: Deferred[Any] | None = None
        self.reply: Deferred[NodeOp] = Deferred(self._given_up)
        network.under_way.append(op)
        self._later(self._ask)

    def _later(self, call: Callable[..., Any], *args: Any) -> None:
        now = self._network.clock.seconds()
        self._latest = max(self._latest, now + self._network.delay())
        self._timers.append(self._network.clock.callLater(self._latest - now, call, *args))

    def _ask(self) -> None:
        op = attrs.evolve(self._op, on_state=self._headed, on_endable=self._endable)
        self._asked = self._network.store(op)
        self._asked.addBoth(self._leaves)

    def _headed(self, state: Any) -> None:
        if self._op.on_state is not None:
            self._later(self._op.on_state, state)

    def _endable(self, end: Callable[[], object]) -> None:
        if self._op.on_endable is not None:
            self._later(self._op.on_endable, lambda: self._later(end))

    def _leaves(self, result: Any) -> None:
        if not (self._network.is_stalled and self._op.wait):
            self._later(self._answered, result)

    def _answered(self, result: Any) -> None:
        self._over()
        self.reply.callback(result)

    def _over(self) -> None:
        self._network.under_way = [op for op in self._network.under_way if op is not self._op]
        for timer in self._timers:
            if timer.active():
                timer.cancel()

    def _given_up(self, reply: Deferred[NodeOp]) -> None:
        self._over()
        if self._asked is not None:
            self._asked.addErrback(lambda _: None)
            self._asked.cancel()
            self._over()
        reply.errback(RequestCancelled(sent=True))
