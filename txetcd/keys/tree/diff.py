"""What is different between two trees of the same key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import attrs

from txetcd.keys.tree.branch import Branch, Entry, find, same
from txetcd.model.node import Data, Node

__all__ = ["TreeDiff", "difference"]


@attrs.frozen(repr=False)
class TreeDiff:
    """How a tree differs from an older one; get one from `Tree.diff`.

    It is false if the two do not differ.  Paths are relative to the watched key, as in
    the tree, and the mappings are in the order of the tree.

    Attributes:
        added: The keys that the older one has not, as they are now.  One that was a
            directory is here.
        changed: The keys that both have, and that were written in between, as they are
            now.  One that was written with the value it had is here: its
            ``modified_index`` tells.
        removed: The keys that only the older one has, as they were.  All that were in a
            directory that is gone are here, and so is one that is a directory now.
        directories: The paths of the directories that were made or removed, or that are
            not the same ones any more; ``""`` is the watched key.

    .. versionadded:: 0.1
    """

    added: Mapping[str, Data]
    changed: Mapping[str, Data]
    removed: Mapping[str, Data]
    directories: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed or self.directories)

    def __repr__(self) -> str:
        return (
            f"<TreeDiff: {len(self.added)} added, {len(self.changed)} changed, "
            f"{len(self.removed)} removed>"
        )


def difference(new: Entry | None, old: Entry | None, paths: Iterable[str]) -> TreeDiff:
    """The difference of two tops.

    Args:
        new: The newer one.
        old: The older one.
        paths: Where to look: they differ nowhere else.
    """
    found = _Found()
    for path in paths:
        names = path.split("/") if path else []
        found.compare(path, find(new, names), find(old, names))
    return TreeDiff(
        _in_order(found.added),
        _in_order(found.changed),
        _in_order(found.removed),
        tuple(sorted(found.directories, key=_place)),
    )


class _Found:
    """The differences seen so far."""

    def __init__(self) -> None:
        self.added: dict[str, Data] = {}
        self.changed: dict[str, Data] = {}
        self.removed: dict[str, Data] = {}
        self.directories: set[str] = set()

    def compare(self, path: str, new: Entry | None, old: Entry | None) -> None:
        """Add what is different at a path and below it."""
        waiting = [(path, new, old)]
        while waiting:
            path, new, old = waiting.pop()
            if new is old:
                continue
            self._compare_nodes(path, new, old)
            before = f"{path}/" if path else ""
            new_entries = new.entries if isinstance(new, Branch) else {}
            old_entries = old.entries if isinstance(old, Branch) else {}
            for name, entry in new_entries.items():
                known = old_entries.get(name)
                if entry is not known:
                    waiting.append((before + name, entry, known))
            for name, entry in old_entries.items():
                if name not in new_entries:
                    waiting.append((before + name, None, entry))

    def _compare_nodes(self, path: str, new: Entry | None, old: Entry | None) -> None:
        now, then = _node(new), _node(old)
        if now is not None and then is not None and same(now, then):
            return
        if isinstance(new, Branch) or isinstance(old, Branch):
            self.directories.add(path)
        if isinstance(now, Data):
            (self.changed if isinstance(then, Data) else self.added)[path] = now
        elif isinstance(then, Data):
            self.removed[path] = then


def _node(entry: Entry | None) -> Node | None:
    return entry.node if isinstance(entry, Branch) else entry


def _in_order(found: dict[str, Data]) -> Mapping[str, Data]:
    return MappingProxyType(dict(sorted(found.items(), key=lambda item: _place(item[0]))))


def _place(path: str) -> str:
    # In the order of a tree "a/b" stands before "a-b"; no name holds NUL.
    return path.replace("/", "\0")
