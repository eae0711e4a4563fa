"""What is below a key, as if that key were the root."""

from __future__ import annotations

from txetcd.model.node import Data, Dir, Node

__all__ = ["Outside", "Prefix"]


class Outside(Exception):
    """A key is not below the prefix."""


class Prefix:
    """A key that stands before others, and taking it off what etcd tells of them.

    Args:
        path: The key, from the root.

    Attributes:
        path: The same.
        before: What stands before a path: nothing, if it is the root.
    """

    __slots__ = ("_inside", "before", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self.before = path.rstrip("/")
        # What stands before any key inside.
        self._inside = self.before + "/"

    def holds(self, key: str) -> bool:
        """Whether a key is this one, or below it."""
        return key.startswith(self._inside) or key == self.path

    def is_below(self, key: str) -> bool:
        """Whether this is below a key."""
        return self.path.startswith(key.rstrip("/") + "/")

    def taken_off(self, key: str) -> str:
        """A key without this before it; raises `Outside` if it has not."""
        # `holds`, without the call of it.
        if key.startswith(self._inside):
            return key[len(self.before) :]
        if key == self.path:
            return "/"
        raise Outside

    def data(self, node: Data) -> Data:
        """A node that holds a value; as `tree`."""
        key, modified, created = self.taken_off(node.key), node.modified_index, node.created_index
        return Data(key, modified, created, node.lease, node.value)

    def tree(self, top: Node) -> Node:
        """A node and all that is in it, without this before their keys."""
        # A tree may be deeper than calls can be.
        nodes: list[Node] = [top]
        for node in nodes:
            if isinstance(node, Dir):
                nodes.extend(node.nodes)
        moved: dict[int, Node] = {}
        for node in reversed(nodes):
            moved[id(node)] = self.data(node) if isinstance(node, Data) else Dir(
                self.taken_off(node.key),
                node.modified_index,
                node.created_index,
                node.lease,
                tuple([moved[id(child)] for child in node.nodes]),
            )
        return moved[id(top)]
