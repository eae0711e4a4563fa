"""What was asked, what was answered, and what happened."""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Union

import attrs

from txetcd import AmbiguousWrite, Data, KeyNotFound, NodeExist, NodeOp, TestFailed
from txetcd.model import Op

__all__ = ["Call", "Change", "History", "Replay", "index_shown"]

#: What etcd answers where there is no such key, or a condition does not hold.
REFUSALS = (KeyNotFound, TestFailed, NodeExist)

#: A change that the cluster made: what was done, the node after it and the node before it.
Change = NodeOp


@attrs.frozen
class Call:
    """An operation, and how it ended.

    Attributes:
        op: What was asked.
        floor: The highest index that any answer had shown when it was asked: it cannot have been
            carried out before that.
        began: When it was asked; only the order counts.
        ended: When it ended, on the same count; None if it never did.
        outcome: What it fired or failed with; None if it never did.
        seconds: How long it took.
    """

    op: Op
    floor: int = 0
    began: int = 0
    ended: int | None = None
    outcome: NodeOp | BaseException | None = None
    seconds: float = 0.0

    @property
    def verdict(self) -> str:
        """How it ended: ``"answered"``, ``"ambiguous"`` or ``"failed"``."""
        if isinstance(self.outcome, (NodeOp, *REFUSALS)):
            return "answered"
        return "ambiguous" if isinstance(self.outcome, AmbiguousWrite) else "failed"

    @property
    def may_be_made(self) -> bool:
        """Whether a write may be in the history, by how it ended."""
        return self.outcome is None or isinstance(self.outcome, (NodeOp, AmbiguousWrite))

    def __str__(self) -> str:
        return f"{self.op} (call {self.began}, after index {self.floor})"


@attrs.frozen
class History:
    """All that a run has to show.

    Attributes:
        calls: What was asked of the client.
        changes: What the cluster did to the keys of this run, in the order of the index, by a
            reader that is not the client.  There was nothing before the first.
        told: What the client's watch was told, from before the first change on.
        leaks: What was left when the client had been closed.
    """

    calls: Sequence[Call] = ()
    changes: Sequence[Change] = ()
    told: Sequence[Union[NodeOp, KeyNotFound]] = ()
    leaks: Sequence[str] = ()


def index_shown(outcome: object) -> int:
    """The highest index that the cluster is known to have reached, by one answer; 0 if none."""
    if isinstance(outcome, NodeOp):
        return max(outcome.etcd.index, outcome.node.modified_index)
    return getattr(outcome, "index", 0)


class Replay:
    """Each key, at each index.

    Args:
        changes: Of keys with values only, in the order of the index.
    """

    def __init__(self, changes: Iterable[Change]) -> None:
        self.by_index = {change.node.modified_index: change for change in changes}
        self._indexes: dict[str, list[int]] = defaultdict(list)
        for index, change in self.by_index.items():
            self._indexes[change.node.key].append(index)

    def at(self, key: str, index: int) -> Data | None:
        """What a key was, once all changes up to an index had been made."""
        indexes = self._indexes.get(key, [])
        place = bisect.bisect_right(indexes, index)
        if not place:
            return None
        change = self.by_index[indexes[place - 1]]
        return None if change.action.removes else _data(change)

    def before(self, change: Change) -> Data | None:
        """What the key of a change was just before it."""
        return self.at(change.node.key, change.node.modified_index - 1)


def _data(change: Change) -> Data:
    assert isinstance(change.node, Data)
    return change.node
