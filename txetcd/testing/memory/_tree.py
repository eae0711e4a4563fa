"""The tree of nodes, and the index that it is the state of."""

from __future__ import annotations

from txetcd.errors import ErrorCode
from txetcd.testing.memory._leases import Leases
from txetcd.testing.memory._node import Node
from txetcd.testing.memory._refusal import Refusal

__all__ = ["Tree"]


class Tree:
    """Nodes, by path.  A path is empty, for the root, or begins with a slash.

    Args:
        index: The index of the store.

    Attributes:
        leases: When which of the nodes expire.
    """

    def __init__(self, index: int) -> None:
        self.index = index
        self.leases = Leases()
        self._root = Node("", 0, None, None)

    def find(self, path: str) -> Node:
        """The node at a path.

        Raises:
            Refusal: There is none.
        """
        node = self._root
        for name in path.split("/")[1:]:
            if node.children is None:
                raise self.refusal(ErrorCode.NOT_DIR, node.path)
            found = node.children.get(name)
            if found is None:
                raise self.refusal(ErrorCode.KEY_NOT_FOUND, f"{node.path}/{name}")
            node = found
        return node

    def look(self, path: str) -> Node | None:
        """The node at a path, or None if there could be one.

        Raises:
            Refusal: A file is in the way.
        """
        try:
            return self.find(path)
        except Refusal as refusal:
            if refusal.code is ErrorCode.NOT_DIR:
                raise
            return None

    def child(self, path: str) -> Node | None:
        """The node at a path, whose directory is there."""
        parent, _, name = path.rpartition("/")
        return (self.find(parent).children or {}).get(name)

    def make_parents(self, path: str) -> Node:
        """The directory that a node at a path is in, made as far as it is not there.

        Raises:
            Refusal: A file is in the way.
        """
        node = self._root
        for name in path.split("/")[1:-1]:
            if node.children is None:
                break
            if name not in node.children:
                made = Node(f"{node.path}/{name}", self.index + 1, None, node)
                node.children[name] = made
            node = node.children[name]
        if node.children is None:
            raise self.refusal(ErrorCode.NOT_DIR, node.path)
        return node

    def put(self, node: Node) -> None:
        """Have a node in its directory."""
        if node.parent is not None and node.parent.children is not None:
            node.parent.children[node.name] = node
        if node.expires:
            self.leases.set(node, node.expires)

    def remove(self, node: Node) -> list[Node]:
        """Remove a node, and all that is below it: what is below comes first."""
        removed = [*node.descendants(), node]
        if node.parent is not None and node.parent.children is not None:
            del node.parent.children[node.name]
        for each in removed:
            self.leases.drop(each)
        return removed

    def copy(self) -> Tree:
        """The same tree, to go on by itself."""
        copy = Tree(self.index)
        left = [(self._root, copy._root)]
        while left:
            node, copied = left.pop()
            for child in (node.children or {}).values():
                again = child.copy(copied)
                copy.put(again)
                left.append((child, again))
        return copy

    def refusal(self, code: ErrorCode, cause: str) -> Refusal:
        """What is answered where something is wrong with a node."""
        return Refusal(code, cause, self.index)
