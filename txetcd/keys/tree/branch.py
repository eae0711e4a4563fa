"""The inside of a tree: directories that are never changed, only replaced.

A directory's entries are a persistent map (a hash array mapped trie, after Bagwell,
"Ideal Hash Trees", 2001; here that of ``immutables``).  To put something into one of
100,000 entries makes a new map that shares all but a few dozen words with the old.
So a change costs a new branch for each directory above it, and no more.

Nothing here recurses, since a tree may be deeper than calls can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Union

import attrs
from immutables import Map

from txetcd.model.node import Data, Dir, Node

__all__ = ["Branch", "Entry", "cut", "find", "put", "same"]


@attrs.frozen(eq=False, repr=False)
class Branch:
    """A directory and all that is in it.

    Attributes:
        node: The directory, without its nodes.
        entries: What is in it, by name.
        size: How many keys with values are in it, at any depth.
    """

    node: Dir
    entries: Map[str, Entry]
    size: int


#: What a directory may hold: a key with a value, or a directory.
Entry = Union[Data, Branch]

_NOTHING: Map[str, Entry] = Map()


def same(one: Node, other: Node) -> bool:
    """Whether a node has not been written between two readings of it.

    How long its lease is to live still does not count: that runs down all the time.
    What a directory holds does not count either.  The value does: after the store has
    lost its data, another may stand at the same index.
    """
    return (
        one.modified_index == other.modified_index
        and one.created_index == other.created_index
        and getattr(one, "value", None) == getattr(other, "value", None)
        and (one.lease and one.lease.expiration) == (other.lease and other.lease.expiration)
    )


def size(entry: Entry | None) -> int:
    """How many keys with values an entry stands for."""
    if isinstance(entry, Branch):
        return entry.size
    return 0 if entry is None else 1


def find(top: Entry | None, names: Sequence[str]) -> Entry | None:
    """What stands at the end of some names; None if nothing does."""
    for name in names:
        if not isinstance(top, Branch):
            return None
        top = top.entries.get(name)
    return top


def put(top: Entry | None, names: Sequence[str], node: Node) -> tuple[Entry, int]:
    """The top after a node was written.

    A directory that is written (it was given a lease) keeps what is in it.

    Args:
        top: What there was before.
        names: Where the node stands.
        node: The node.

    Returns:
        The top, and how many names lead to the first entry that is not what it was:
        less than all where directories were made on the way.
    """
    trail: list[Branch] = []
    here, first = top, len(names)
    for depth in range(len(names)):
        if not isinstance(here, Branch):
            first = min(first, depth)
            here = _made_on_the_way(node, len(names) - depth)
        trail.append(here)
        here = here.entries.get(names[depth])
    return _hung(trail, names, _entry(node, here)), first


def cut(top: Entry | None, names: Sequence[str]) -> Entry | None:
    """The top without what stands at the end of some names; the same top if nothing does."""
    if not names:
        return None
    trail: list[Branch] = []
    here = top
    for name in names:
        if not isinstance(here, Branch):
            return top
        trail.append(here)
        here = here.entries.get(name)
    if here is None:
        return top
    last = trail.pop()
    entries = last.entries.delete(names[-1])
    return _hung(trail, names[:-1], Branch(last.node, entries, last.size - size(here)))


def _hung(trail: Sequence[Branch], names: Sequence[str], entry: Entry) -> Entry:
    """The top, with an entry at the end of the trail instead of what was there."""
    for branch, name in zip(reversed(trail), reversed(names), strict=True):
        grown = size(entry) - size(branch.entries.get(name))
        entry = Branch(branch.node, branch.entries.set(name, entry), branch.size + grown)
    return entry


def _entry(node: Node, before: Entry | None) -> Entry:
    if isinstance(node, Data):
        return node
    shallow = Dir(node.key, node.modified_index, node.created_index, node.lease)
    if isinstance(before, Branch):
        return Branch(shallow, before.entries, before.size)
    return Branch(shallow, _NOTHING, 0)


def _made_on_the_way(node: Node, above: int) -> Branch:
    """A directory that etcd has made to put a node in; it bears the index of the node."""
    key = node.key.rsplit("/", above)[0] or "/"
    return Branch(Dir(key, node.modified_index, node.modified_index), _NOTHING, 0)
