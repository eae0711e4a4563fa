"""Nodes of the store, and how they are shown."""

from __future__ import annotations

from collections.abc import Iterator

from txetcd.testing.memory._text import SECOND, quoted, timestamp

__all__ = ["Node", "as_removed", "as_shown", "tree_as_shown"]


class Node:
    """A file, or a directory.

    Attributes:
        path: Its key; empty for the root.
        created: The index at which it was made.
        modified: The index at which it was last written; for a directory, at which it was made.
        value: What is in a file.
        children: What is in a directory, by name; None for a file.
        parent: The directory that it is in.
        expires: When its lease ends, in nanoseconds since 1970; 0 if it has none.
    """

    __slots__ = ("children", "created", "expires", "modified", "parent", "path", "value")

    def __init__(
        self, path: str, index: int, value: str | None, parent: Node | None, expires: int = 0
    ) -> None:
        self.path = path
        self.created = self.modified = index
        self.value = value or ""
        self.children: dict[str, Node] | None = {} if value is None else None
        self.parent = parent
        self.expires = expires

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def is_dir(self) -> bool:
        return self.children is not None

    def descendants(self) -> list[Node]:
        """All that is below it, each before what it is in."""
        found, left = [], list((self.children or {}).values())
        while left:
            node = left.pop()
            found.append(node)
            left += (node.children or {}).values()
        return found[::-1]

    def copy(self, parent: Node | None) -> Node:
        """The same node elsewhere, and nothing in it."""
        copy = Node(self.path, self.created, None if self.is_dir else self.value, parent)
        copy.modified, copy.expires = self.modified, self.expires
        return copy


def as_shown(node: Node, now: int) -> str:
    """A node by itself, in JSON."""
    return f"{{{_beginning(node, now)}{_indexes(node.modified, node.created)}}}"


def as_removed(node: Node, index: int) -> str:
    """A node that was removed at an index, in JSON."""
    shown = f'"key":{quoted(node.path)}' + (',"dir":true' if node.is_dir else "")
    return f"{{{shown}{_indexes(index, node.created)}}}"


def tree_as_shown(node: Node, now: int, levels: float, in_order: bool) -> str:
    """A node, and so many levels of what is in it, in JSON; hidden nodes are left out.

    Args:
        node: The node.
        now: The time.
        levels: How many levels; infinity for all.
        in_order: Whether the children of a directory are in the order of their keys.
    """
    out: list[str] = []
    # No recursion: a tree may be two thousand levels deep.
    under_way: list[tuple[Node, Iterator[Node]]] = []
    following: Node | None = node
    while following is not None or under_way:
        if following is None:
            shown, _ = under_way.pop()
            out.append(f"]{_indexes(shown.modified, shown.created)}}}")
        else:
            if out and not out[-1].endswith("["):
                out.append(",")
            children = _visible(following, in_order) if len(under_way) < levels else []
            if children:
                out.append(f'{{{_beginning(following, now)},"nodes":[')
                under_way.append((following, iter(children)))
            else:
                out.append(as_shown(following, now))
        following = next(under_way[-1][1], None) if under_way else None
    return "".join(out)


def _visible(node: Node, in_order: bool) -> list[Node]:
    children = node.children or {}
    names = [name for name in children if not name.startswith("_")]
    return [children[name] for name in (sorted(names) if in_order else names)]


def _beginning(node: Node, now: int) -> str:
    """All of a node but its children and its indexes."""
    content = '"dir":true' if node.is_dir else f'"value":{quoted(node.value)}'
    # The root shows no key.
    shown = f'"key":{quoted(node.path)},{content}' if node.path else content
    return shown + _lease(node.expires, now) if node.expires else shown


def _lease(expires: int, now: int) -> str:
    # Rounded up.
    ttl = -((now - expires) // SECOND)
    shown = f',"expiration":"{timestamp(expires)}"'
    return f'{shown},"ttl":{ttl}' if ttl else shown


def _indexes(modified: int, created: int) -> str:
    shown = f',"modifiedIndex":{modified}' if modified else ""
    return f'{shown},"createdIndex":{created}' if created else shown
