"""What can be wrong with a client: filters and stacks with a fault in each.

`planted` says what each is for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.robustness.cluster.simulation import Client
from txetcd import (
    Action,
    AmbiguousWrite,
    Data,
    Filter,
    NodeOp,
    Service,
    State,
    TestFailed,
)
from txetcd.filters import Retry
from txetcd.filters.hedge import Hedge
from txetcd.http import Request, Response
from txetcd.model import Get, Op, Set
from txetcd.stack import Stack

__all__ = [
    "NeverCancels",
    "ReadsItsWrites",
    "SendsTwice",
    "above",
    "acknowledging",
    "below",
    "forgetful",
    "forgiving",
    "hedges_anything",
    "one_behind",
    "patient",
    "remembering",
    "reporting",
    "retrying",
]


# --- filters of operations -----------------------------------------------------------


class _Translates(Filter[Op, NodeOp, Op, NodeOp]):
    """Makes something else of a kind of failure."""

    def __init__(
        self,
        translate: Callable[[Op], NodeOp | Exception],
        kind: type[Exception] = AmbiguousWrite,
    ) -> None:
        self._translate = translate
        self._kind = kind

    def apply(self, request: Op, service: Service[Op, NodeOp]) -> Deferred[NodeOp]:
        return service(request).addErrback(self._failed, request)

    def _failed(self, failure: Failure, op: Op) -> Any:
        failure.trap(self._kind)
        told = self._translate(op)
        return Failure(told) if isinstance(told, Exception) else told


class _Answers(Filter[Op, NodeOp, Op, NodeOp]):
    """Makes something else of the answer to a write."""

    def __init__(self, change: Callable[[NodeOp], NodeOp]) -> None:
        self._change = change

    def apply(self, request: Op, service: Service[Op, NodeOp]) -> Deferred[NodeOp]:
        answered = service(request)
        return answered.addCallback(self._change) if request.is_write else answered


class _Remembers(Filter[Op, NodeOp, Op, NodeOp]):
    """Answers a read with what the last one of the key was answered, for a while."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, tuple[float, NodeOp]] = {}

    def apply(self, request: Op, service: Service[Op, NodeOp]) -> Any:
        since, known = self._known.get(request.path, (0.0, None))
        if not isinstance(request, Get) or request.wait or request.recursive:
            return service(request)
        if known is not None and self._clock.seconds() - since < 0.5:
            return known
        return service(request).addCallback(self._learn, request.path)

    def _learn(self, op: NodeOp, path: str) -> NodeOp:
        self._known[path] = (self._clock.seconds(), op)
        return op


class ReadsItsWrites(Filter[Op, NodeOp, Op, NodeOp]):
    """Answers a read with what is being written."""

    def __init__(self) -> None:
        self._writing: dict[str, bytes] = {}

    def apply(self, request: Op, service: Service[Op, NodeOp]) -> Deferred[NodeOp]:
        if isinstance(request, Set) and request.value is not None:
            self._writing[request.path] = request.value
        answered = service(request)
        return answered.addCallback(self._patch) if isinstance(request, Get) else answered

    def _patch(self, op: NodeOp) -> NodeOp:
        if op.action is not Action.GET or not isinstance(op.node, Data):
            return op
        value = self._writing.get(op.node.key, op.node.value)
        return attrs.evolve(op, node=attrs.evolve(op.node, value=value))


# --- filters of HTTP messages ----------------------------------------------------------


class SendsTwice(Filter[Request, Response, Request, Response]):
    """Sends each write twice, and takes what comes first."""

    def apply(
        self, request: Request, service: Service[Request, Response]
    ) -> Deferred[Response]:
        if request.is_write:
            service(request).addErrback(lambda _: None)
        return service(request)


class NeverCancels(Filter[Request, Response, Request, Response]):
    """Leaves a request under way that nobody waits for any more."""

    def apply(
        self, request: Request, service: Service[Request, Response]
    ) -> Deferred[Response]:
        waiting: Deferred[Response] = Deferred(lambda _: None)
        service(request).addBoth(self._answered, waiting)
        return waiting

    def _answered(self, outcome: Any, waiting: Deferred[Response]) -> None:
        if not waiting.called:
            waiting.callback(outcome)


# --- stacks with them ---------------------------------------------------------------


def above(filter: Filter[Any, Any, Any, Any]) -> Client:
    """The client with a filter above all others."""
    return Client(lambda stack, clock: stack.prepend("planted", filter))


def below(filter: Filter[Any, Any, Any, Any]) -> Client:
    """The client with a filter below all others."""
    return Client(lambda stack, clock: stack.append("planted", filter))


def reporting(error: Exception) -> Client:
    """A client that reports another error where the outcome of a write is unknown."""
    return above(_Translates(lambda op: error))


def remembering() -> Client:
    """A client with a cache of what was read."""
    return Client(lambda stack, clock: stack.prepend("planted", _Remembers(clock)))


def retrying(*causes: type[BaseException]) -> Client:
    """A client that sends a write again that is ambiguous for one of some causes."""

    def policy(request: object, outcome: object) -> bool:
        error = outcome.value if isinstance(outcome, Failure) else None
        return isinstance(error, AmbiguousWrite) and isinstance(error.cause, causes)

    return Client(lambda stack, clock: stack.replace("retry", Retry(clock, policy=policy)))


def acknowledging() -> Client:
    """A client that says a write was made where its outcome is unknown."""

    def made(op: Op) -> NodeOp:
        node = Data(op.path, 10**9, 10**9, None, getattr(op, "value", b""))
        return NodeOp(Action.SET, node, State(10**9))

    return above(_Translates(made))


def forgiving() -> Client:
    """A client that says a write was made whose condition did not hold."""

    def made(op: Op) -> NodeOp:
        node = Data(op.path, 10**9, 10**9, None, getattr(op, "value", b""))
        return NodeOp(Action.COMPARE_AND_SWAP, node, State(10**9))

    return above(_Translates(made, TestFailed))


def forgetful() -> Client:
    """A client that leaves out what the key was before."""
    return above(_Answers(lambda op: attrs.evolve(op, prev_node=None)))


def one_behind() -> Client:
    """A client that tells an index that is too low by one."""

    def wrong(op: NodeOp) -> NodeOp:
        node = attrs.evolve(op.node, modified_index=op.node.modified_index - 1)
        return attrs.evolve(op, node=node)

    return above(_Answers(wrong))


def patient() -> Client:
    """A client without time limits."""
    limits = ("deadline", "timeout")
    return Client(
        lambda stack, clock: Stack(layer for layer in stack if layer.role not in limits)
    )


_hedges = Hedge.apply


def hedges_anything(self: Any, request: Any, service: Any) -> Any:
    """A `Hedge` that asks nobody what may be sent twice."""
    self._only = lambda request: True
    return _hedges(self, request, service)
