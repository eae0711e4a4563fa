"""What etcd would answer to a get, told from a tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile

from txetcd.errors import ApiError, ErrorCode
from txetcd.keys.tree import Tree
from txetcd.keys.tree.branch import Branch, Entry, find
from txetcd.model.node import Action, Data, Dir, Node, NodeOp, State
from txetcd.model.op import Get

__all__ = ["is_shown", "recite"]


class _Leased(Exception):
    """What was asked for has a lease, which may have been refreshed since."""


def recite(tree: Tree, op: Get) -> NodeOp | None:
    """The answer to a plain get of the tree's key, or of one below it.

    Nodes are listed in the order of their names, which is one of the orders in which etcd
    may list them if it is not asked to sort.  The state that the answer carries has the
    index of the tree, and nothing else.

    Returns:
        The answer; None if the tree cannot tell: where a lease would be in it, since a
        refresh is told to no watcher; where a hidden key is asked for; and where the
        tree's own key is missing, since etcd names the first on the way that is.

    Raises:
        KeyNotFound: There is no such key.
        NotDir: One above it has a value.
    """
    names = _names(tree, op.path)
    if tree.top is None or any(name.startswith("_") for name in names):
        return None
    try:
        node = _node(_reached(tree.top, names, tree), op.recursive)
    except _Leased:
        return None
    return NodeOp(Action.GET, node, State(tree.index))


def is_shown(tree: Tree, key: str) -> bool:
    """Whether no answer of `recite` is wrong if a key was written without an event.

    Args:
        tree: The tree.
        key: One that was refreshed, or a hidden one that was written or removed.
    """
    names = _names(tree, key)
    visible = list(takewhile(lambda name: not name.startswith("_"), names))
    entry = find(tree.top, visible)
    if len(visible) < len(names):
        # Directories may have been made on the way to it.
        return isinstance(entry, Branch)
    node = entry.node if isinstance(entry, Branch) else entry
    return node is not None and node.lease is not None


def _reached(entry: Entry, names: Sequence[str], tree: Tree) -> Entry:
    """The entry at the end of some names."""
    for depth, name in enumerate(names):
        if not isinstance(entry, Branch):
            raise ApiError(ErrorCode.NOT_DIR, "Not a directory", entry.key, tree.index)
        below = entry.entries.get(name)
        if below is None:
            missing = "/".join([tree.path.rstrip("/"), *names[: depth + 1]])
            raise ApiError(ErrorCode.KEY_NOT_FOUND, "Key not found", missing, tree.index)
        entry = below
    return entry


def _node(top: Entry, recursive: bool) -> Node:
    """A node, with what is in it."""
    if isinstance(top, Data):
        return _lasting(top)
    # A tree may be deeper than calls can be; each directory stands before what is in it.
    found = [top]
    if recursive:
        for branch in found:
            found.extend(each for each in branch.entries.values() if isinstance(each, Branch))
    made: dict[int, Dir] = {}
    for branch in reversed(found):
        made[id(branch)] = _directory(branch, tuple(_listed(branch, made)))
    return made[id(top)]


def _listed(branch: Branch, made: dict[int, Dir]) -> Iterator[Node]:
    for name in sorted(branch.entries):
        entry = branch.entries[name]
        if isinstance(entry, Data):
            yield _lasting(entry)
        else:
            yield made[id(entry)] if id(entry) in made else _lasting(entry.node)


def _directory(branch: Branch, nodes: tuple[Node, ...]) -> Dir:
    node = _lasting(branch.node)
    return Dir(node.key, node.modified_index, node.created_index, None, nodes)


def _lasting(node: Node) -> Node:
    """The same node, which has no lease."""
    if node.lease is not None:
        raise _Leased
    return node


def _names(tree: Tree, key: str) -> list[str]:
    """The names that lead from the tree's key to one below it."""
    return [] if key == tree.path else key[len(tree.path.rstrip("/")) + 1 :].split("/")
