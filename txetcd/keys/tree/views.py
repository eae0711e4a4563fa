"""The ways to look at all of a tree."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, ValuesView

from txetcd.keys.tree.branch import Branch, Entry, find
from txetcd.model.node import Data, Dir

__all__ = ["Directories", "Items", "Values", "look_up", "walk"]


def look_up(top: Entry | None, path: object) -> Entry | None:
    """What stands at a path relative to the top; None if nothing does."""
    if not isinstance(path, str):
        return None
    return find(top, path.split("/") if path else ())


def walk(top: Entry | None) -> Iterator[tuple[str, Entry]]:
    """All entries, in the order of their paths, directories before what is in them."""
    waiting = [] if top is None else [("", top)]
    while waiting:
        path, entry = waiting.pop()
        yield path, entry
        if isinstance(entry, Branch):
            before = f"{path}/" if path else ""
            names = sorted(entry.entries, reverse=True)
            waiting.extend([(before + name, entry.entries[name]) for name in names])


class Items(ItemsView[str, Data]):
    """The paths and nodes of a tree, in one walk."""

    def __init__(self, tree: Mapping[str, Data], top: Entry | None) -> None:
        super().__init__(tree)
        self._top = top

    def __iter__(self) -> Iterator[tuple[str, Data]]:
        for path, entry in walk(self._top):
            if isinstance(entry, Data):
                yield path, entry


class Values(ValuesView[Data]):
    """The nodes of a tree, in one walk."""

    def __init__(self, tree: Mapping[str, Data], top: Entry | None) -> None:
        super().__init__(tree)
        self._top = top

    def __iter__(self) -> Iterator[Data]:
        return (entry for _, entry in walk(self._top) if isinstance(entry, Data))


class Directories(Mapping[str, Dir]):
    """The directories below a top, by path."""

    def __init__(self, top: Entry | None) -> None:
        self._top = top

    def __getitem__(self, path: str) -> Dir:
        found = look_up(self._top, path) if path else None
        if isinstance(found, Branch):
            return found.node
        raise KeyError(path)

    def __iter__(self) -> Iterator[str]:
        return (path for path, entry in walk(self._top) if path and isinstance(entry, Branch))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"<directories: {', '.join(map(repr, self))}>"
