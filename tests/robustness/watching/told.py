"""What a watcher was told, as it is kept: a few words for each, since there are very many."""

from __future__ import annotations

import time
from enum import Enum
from typing import Any

import attrs

from tests.robustness.watching.truth import Change, content_of
from txetcd import Action, Data, KeyNotFound, NodeOp

__all__ = ["Kind", "Told", "change_of", "of_event", "of_tree"]


class Kind(Enum):
    """What it was."""

    EVENT = "event"
    SNAPSHOT = "snapshot"
    #: What a shared tree shows, after whatever was done to it.
    TREE = "tree"
    #: The watcher has left, and goes on after the index that it had reached.
    RESUMED = "resumed"


@attrs.frozen
class Told:
    """Something that a watcher was told.

    Attributes:
        kind: What it is.
        index: Of the change, or of the store as it is shown.
        change: The change.
        content: What is shown, as by `content_of`.
        at: When, by the clock that all processes have in common.
    """

    kind: Kind
    index: int
    change: Change | None = None
    content: int = 0
    at: float = 0.0


def of_event(told: NodeOp | KeyNotFound) -> Told:
    """A snapshot or an event, as witnesses and iterations have them."""
    now = time.monotonic()
    if isinstance(told, KeyNotFound):
        return Told(Kind.SNAPSHOT, told.index, at=now)
    index = told.node.modified_index
    if told.action is Action.GET:
        return Told(Kind.SNAPSHOT, told.etcd.index, content=_content(told.node), at=now)
    if told.action is Action.DELETE and told.prev_node is None:
        # Nobody saw it go: this is what a snapshot is told as that shows nothing.
        return Told(Kind.SNAPSHOT, index, at=now)
    return Told(Kind.EVENT, index, change_of(told), at=now)


def change_of(op: NodeOp) -> Change:
    """A change, as the library tells it."""
    value = op.node.text if isinstance(op.node, Data) and not op.action.removes else None
    return Change(op.node.modified_index, op.action.value, op.node.key, value)


def of_tree(tree: Any) -> Told:
    """A tree, as it is published."""
    values = {data.key: data.text for data in tree.values()}
    return Told(Kind.TREE, tree.index, content=content_of(values), at=time.monotonic())


def _content(node: Any) -> int:
    values, nodes = {}, [node]
    while nodes:
        each = nodes.pop()
        if isinstance(each, Data):
            values[each.key] = each.text
        else:
            nodes.extend(each.nodes)
    return content_of(values)
