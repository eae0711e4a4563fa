"""The changes of a value, as an event."""

from __future__ import annotations

from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from txetcd.reactive.closable import Closable
from txetcd.reactive.event import Event
from txetcd.reactive.node import Node, Observer
from txetcd.reactive.turns import Turns
from txetcd.reactive.witness import Witness

__all__ = ["Changes"]

T = TypeVar("T", covariant=True)


class Changes(Event[T]):
    """The changes of a node's value."""

    def __init__(self, node: Node[Any]) -> None:
        self._node = node

    def register(self, witness: Witness[T]) -> Closable:
        turns = Turns(witness)
        return _Registration(self._node.watch(turns.offer), turns)

    def __repr__(self) -> str:
        return f"<changes of a value, observed by {self._node.observers}>"


class _Registration:
    def __init__(self, observer: Observer[Any], turns: Turns[Any]) -> None:
        self._observer = observer
        self._turns = turns

    def close(self) -> Deferred[None]:
        self._turns.close()
        return self._observer.close()
