"""What has been told and not been taken yet, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Protocol

import attrs

from txetcd.model.node import Action, Data, NodeOp

__all__ = ["Bounded", "Coalesced", "LatestPerKey", "Lossless", "checked_size"]


@attrs.frozen
class Coalesced(NodeOp):
    """The last of several changes of a key, of which those before it are not told.

    Only one who has asked for it gets such (``key.events(buffer=…,
    on_full="latest")``).  Whoever does not care may take it for any other NodeOp; but
    its ``prev_node`` is not what was told before.  And if it is a removal, nothing may have
    told of the directories that were made on the way to the key.

    Attributes:
        dropped: How many it stands for besides itself; 1 or more.  A snapshot stands
            for changes of any key.

    .. versionadded:: 0.1
    """

    dropped: int = attrs.field(kw_only=True)


class Bounded(Protocol):
    """NodeOps in the order of their indexes."""

    @property
    def full(self) -> bool:
        """Whether no more can be taken in, whatever it is."""

    def offer(self, op: NodeOp) -> bool:
        """Take one in, if there is room; whether there was."""

    def pop(self) -> NodeOp:
        """The first; there must be one."""

    def __len__(self) -> int:
        """How many there are."""


class Lossless:
    """A buffer that keeps each one, and at most ``size`` of them."""

    __slots__ = ("_ops", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self._ops: deque[NodeOp] = deque()

    @property
    def full(self) -> bool:
        return len(self._ops) >= self._size

    def offer(self, op: NodeOp) -> bool:
        if self.full:
            return False
        self._ops.append(op)
        return True

    def pop(self) -> NodeOp:
        return self._ops.popleft()

    def __len__(self) -> int:
        return len(self._ops)

    def __repr__(self) -> str:
        return f"<Lossless, {len(self)} of {self._size}>"


class LatestPerKey:
    """A buffer that keeps each one until it is full, and then the last of each key.

    When all have been taken it keeps each one again.  It holds at most ``size``: there
    is no room for one more key, nor for a change that must not be told without the one
    before it, as that of a directory which was removed and made again.
    """

    __slots__ = ("_each", "_last", "_size")

    #: Only an offer tells.
    full = False

    def __init__(self, size: int) -> None:
        self._size = size
        self._each: deque[NodeOp] = deque()
        self._last: OrderedDict[str, NodeOp] = OrderedDict()

    def offer(self, op: NodeOp) -> bool:
        if not self._last and len(self._each) < self._size:
            self._each.append(op)
            return True
        while self._each and self._merge(self._each[0]):
            self._each.popleft()
        return not self._each and self._merge(op)

    def _merge(self, op: NodeOp) -> bool:
        dropped = 0
        if op.action is Action.GET:
            dropped = sum(map(_stands_for, self._last.values()))
            self._last.clear()
        elif op.node.key in self._last:
            if not _replaces(op, self._last[op.node.key]):
                return False
            dropped = _stands_for(self._last.pop(op.node.key))
        elif len(self._last) >= self._size:
            return False
        self._last[op.node.key] = _coalesced(op, dropped) if dropped else op
        return True

    def pop(self) -> NodeOp:
        return self._last.popitem(last=False)[1] if self._last else self._each.popleft()

    def __len__(self) -> int:
        return len(self._last) + len(self._each)

    def __repr__(self) -> str:
        return f"<LatestPerKey, {len(self)} of {self._size}>"


def checked_size(buffer: int, least: int) -> int:
    """The size of a buffer, as a user has given it.

    Raises:
        TypeError: It is not a whole number.
        ValueError: It is less than ``least``.
    """
    if type(buffer) is not int:
        raise TypeError(f"buffer= takes a whole number of events, not {buffer!r}")
    if buffer < least:
        raise ValueError(f"buffer={buffer}: it must be {least} or more events")
    return buffer


def _replaces(op: NodeOp, before: NodeOp) -> bool:
    """Whether one who is not told of what was before ends up with the same."""
    values = isinstance(op.node, Data) and isinstance(before.node, Data)
    return op.action.removes or values


def _stands_for(op: NodeOp) -> int:
    return op.dropped + 1 if isinstance(op, Coalesced) else 1


def _coalesced(op: NodeOp, dropped: int) -> Coalesced:
    return Coalesced(op.action, op.node, op.etcd, op.prev_node, dropped=dropped)
