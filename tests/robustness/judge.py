"""The judge: what a watcher was told, held against what happened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from txetcd import Action, Data, KeyNotFound, NodeOp
from txetcd.model import Node

__all__ = ["Verdict", "judge"]


@attrs.frozen
class Verdict:
    """How a watcher did.

    Attributes:
        events: Changes that were told.
        snapshots: Snapshots that were told, of a missing key among them.
        lost: Indexes of changes that were neither told nor covered by a snapshot.
        twice: Indexes of changes that were told again, or after a later one.
        unknown: Indexes that were told of, at which no such change happened.
        wrong: Indexes of snapshots that do not show what the store held.
    """

    events: int
    snapshots: int
    lost: tuple[int, ...] = ()
    twice: tuple[int, ...] = ()
    unknown: tuple[int, ...] = ()
    wrong: tuple[int, ...] = ()

    @property
    def faultless(self) -> bool:
        return not (self.lost or self.twice or self.unknown or self.wrong)


def judge(truth: Sequence[NodeOp], told: Iterable[NodeOp | KeyNotFound]) -> Verdict:
    """Judge one watcher of one history.

    Args:
        truth: Every change to what is watched, in the order of its index; the
            store was empty before the first.
        told: What the watcher was told: snapshots, changes, `KeyNotFound`.
    """
    by_index = {op.node.modified_index: op for op in truth}
    position: int | None = None
    events, snapshots = 0, 0
    lost, twice, unknown, wrong = [], [], [], []
    for each in told:
        if isinstance(each, KeyNotFound) or each.action is Action.GET:
            snapshots += 1
            index = each.index if isinstance(each, KeyNotFound) else each.etcd.index
            if position is not None and index < position:
                twice.append(index)
            if _content(each) != _held(truth, index):
                wrong.append(index)
            position = index
            continue
        events += 1
        index = each.node.modified_index
        if index not in by_index or not _same(by_index[index], each):
            unknown.append(index)
        if position is None or index <= position:
            twice.append(index)
            continue
        lost += [n for n in by_index if position < n < index]
        position = index
    lost += [n for n in by_index if n > (position or 0)]
    return Verdict(events, snapshots, *map(tuple, (lost, twice, unknown, wrong)))


def _same(one: NodeOp, other: NodeOp) -> bool:
    return (one.action, one.node.key, _value(one.node)) == (
        other.action,
        other.node.key,
        _value(other.node),
    )


def _value(node: Node) -> bytes | None:
    return node.value if isinstance(node, Data) else None


def _held(truth: Iterable[NodeOp], index: int) -> dict[str, bytes]:
    """What the store held at an index."""
    held: dict[str, bytes] = {}
    for op in truth:
        if op.node.modified_index > index:
            break
        if op.action.removes:
            gone = op.node.key
            held = {k: v for k, v in held.items() if k != gone and not k.startswith(gone + "/")}
        elif isinstance(op.node, Data):
            held[op.node.key] = op.node.value
    return held


def _content(snapshot: NodeOp | KeyNotFound) -> dict[str, bytes]:
    if isinstance(snapshot, KeyNotFound):
        return {}
    held, nodes = {}, [snapshot.node]
    while nodes:
        node = nodes.pop()
        if isinstance(node, Data):
            held[node.key] = node.value
        else:
            nodes.extend(node.nodes)
    return held
