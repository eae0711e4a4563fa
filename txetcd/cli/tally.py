"""The count at the end of the demonstration: what was written, and what the watch told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from txetcd.model import Action, Data, Dir, Node, NodeOp

__all__ = ["Tally", "tally"]


@attrs.frozen
class Tally:
    """How many writes there were, and what became of them in the watch.

    Attributes:
        written: Writes that were made.
        seen: Of these, those that were told as changes.
        covered: Of these, those that were told by a snapshot alone.
        lost: Of these, those that were not told at all.
        twice: Changes that were told again, or out of order.
    """

    written: int
    seen: int
    covered: int
    lost: int
    twice: int

    @property
    def faultless(self) -> bool:
        """Whether nothing was lost, and nothing was told twice."""
        return self.lost == 0 and self.twice == 0


def tally(written: Mapping[int, str], told: Iterable[NodeOp]) -> Tally:
    """Count.

    Args:
        written: The key of each write, by the index at which it was made; each key was
            written once.
        told: The snapshots and changes that a watch has told, in order.
    """
    seen: set[int] = set()
    covered: set[int] = set()
    twice, position = 0, 0
    for op in told:
        if op.action is Action.GET:
            held = _keys(op.node)
            covered |= {n for n in written if position < n <= op.etcd.index and written[n] in held}
            position = op.etcd.index
            continue
        index = op.node.modified_index
        if index <= position:
            twice += 1
        elif written.get(index) == op.node.key:
            seen.add(index)
        position = max(position, index)
    alone = covered - seen
    return Tally(len(written), len(seen), len(alone), len(written) - len(seen | alone), twice)


def _keys(node: Node) -> set[str]:
    keys, nodes = set(), [node]
    while nodes:
        each = nodes.pop()
        if isinstance(each, Dir):
            nodes.extend(each.nodes)
        elif isinstance(each, Data):
            keys.add(each.key)
    return keys
