"""What one who follows a key was told of it last."""

from __future__ import annotations

from txetcd.errors import ApiError
from txetcd.model.node import Action, Data, Dir, NodeOp, State

__all__ = ["Known"]


class Known:
    """Whether a key was there when it was last told of, and as what.

    It turns a key that is found missing after history was lost into what its followers
    can use: a NodeOp of its removal, if they knew of it.

    Args:
        path: The key.
        recursive: Whether changes below it are told too, so that it is a directory.
        there: Whether it may be there without having been told of.
    """

    __slots__ = ("_below", "_kind", "path")

    def __init__(self, path: str, recursive: bool, there: bool = False) -> None:
        self.path = path
        self._below: type[Data] | type[Dir] = Dir if recursive else Data
        self._kind: type[Data] | type[Dir] | None = self._below if there else None

    def learn(self, op: NodeOp) -> None:
        """Take in what is told."""
        if op.node.key == self.path:
            self._kind = None if op.action.removes else type(op.node)
        else:
            above = len(op.node.key) < len(self.path)
            self._kind = None if above else self._below

    def gone(self, missing: ApiError) -> NodeOp | None:
        """How to tell that it is missing; None if it was not there before either."""
        if self._kind is None:
            return None
        kind, self._kind = self._kind, None
        node = kind(self.path, missing.index, missing.index)
        return NodeOp(Action.DELETE, node, State(index=missing.index))

    def __repr__(self) -> str:
        state = "not there" if self._kind is None else f"a {self._kind.__name__}"
        return f"<Known of {self.path!r}: {state}>"
