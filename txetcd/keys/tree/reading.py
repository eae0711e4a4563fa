"""A tree made of what was read, which shares with an older one what is the same."""

from __future__ import annotations

from immutables import Map

from txetcd.keys.tree.branch import Branch, Entry, same, size
from txetcd.model.node import Data, Dir, Node

__all__ = ["read"]


def read(top: Node, older: Entry | None = None) -> Entry:
    """A node and all that is in it, as an entry.

    Args:
        top: What was read, recursively.
        older: What stood there before.  Whatever is the same below it is not only
            equal but identical, so that to compare the two is quick.
    """
    if isinstance(top, Data):
        return _kept(top, older)
    # The directories, each before what is in it.
    found: list[tuple[Dir, Branch | None]] = [(top, _branch(older))]
    for node, before in found:
        found.extend(
            (child, before and _branch(before.entries.get(child.name)))
            for child in node.nodes
            if isinstance(child, Dir)
        )
    made: dict[int, Branch] = {}
    for node, before in reversed(found):
        made[id(node)] = _grown(node, before, made)
    return made[id(top)]


def _grown(node: Dir, before: Branch | None, made: dict[int, Branch]) -> Branch:
    """One directory, of which all that are in it have been made."""
    old: Map[str, Entry] = Map() if before is None else before.entries
    entries: dict[str, Entry] = {}
    for child in node.nodes:
        name = child.name
        if not name.startswith("_"):
            entries[name] = (
                _kept(child, old.get(name)) if isinstance(child, Data) else made[id(child)]
            )
    if before is None or not same(before.node, node):
        shallow = Dir(node.key, node.modified_index, node.created_index, node.lease)
    elif len(old) == len(entries) and all(old.get(name) is entries[name] for name in entries):
        return before
    else:
        shallow = before.node
    return Branch(shallow, Map(entries), sum(map(size, entries.values())))


def _kept(node: Data, old: Entry | None) -> Data:
    return old if isinstance(old, Data) and same(old, node) else node


def _branch(entry: Entry | None) -> Branch | None:
    return entry if isinstance(entry, Branch) else None
