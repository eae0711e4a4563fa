"""What was read at one index, to be held against what is read later."""

from __future__ import annotations

from collections.abc import Iterator

from txetcd.model.node import Data, Dir, Node, NodeOp

__all__ = ["Snapshot"]


class Snapshot:
    """The nodes that a watch was told of, before it was told of any change.

    Args:
        op: What was read; None if the key was missing.
        recursive: Whether what is below counts too.
    """

    __slots__ = ("_op", "_recursive")

    def __init__(self, op: NodeOp | None, recursive: bool) -> None:
        self._op = op
        self._recursive = recursive

    def is_continued_by(self, later: Snapshot, cursor: int) -> bool:
        """Whether the same history may have led from this to ``later``.

        In it nothing changed before the cursor, so whatever is older must be in both.
        A node of this one that is gone or has changed leaves it open whether that
        happened in this history or another; the answer is then no.

        Args:
            later: What was read after this.
            cursor: The index before which no change followed this.
        """
        known = set(self._identities())
        found = set(later._identities())
        older = {identity for identity in found if identity[1] < cursor}
        return known <= found and older <= known

    def _identities(self) -> Iterator[tuple[str, int, int, bytes | None]]:
        """What stays the same of a node until it changes; a lease runs down all the time."""
        nodes: list[Node] = [] if self._op is None else [self._op.node]
        while nodes:
            node = nodes.pop()
            value = node.value if isinstance(node, Data) else None
            yield node.key, node.modified_index, node.created_index, value
            if self._recursive and isinstance(node, Dir):
                nodes.extend(node.nodes)
