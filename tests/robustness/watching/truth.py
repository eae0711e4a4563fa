"""What happened, by what was read from the members: one history, or several if data was wiped."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import attrs

from tests.robustness.watching.collect import BROKEN, GAP

__all__ = ["Change", "History", "Unknown", "content_of", "read", "read_change", "sent_at"]

#: What removes a key, or a directory with all that is in it.
REMOVALS = ("delete", "expire", "compareAndDelete")

#: Contents are told from each other by a sum of this many bits.
BITS = (1 << 61) - 1


class Unknown(Exception):
    """What happened is not known to the end, so nothing can be held against anyone."""


@attrs.frozen
class Change:
    """A change: its index, what was done, to what, and the value, if it is one."""

    index: int
    action: str
    key: str
    value: str | None = None


def content_of(values: Mapping[str, str]) -> int:
    """A number for values by key, that no other content is likely to have.

    Indexes have no part in it: that of a key grows when its lease is renewed, which is no event.
    """
    return sum(map(hash, values.items())) & BITS


def sent_at(value: str | None) -> float:
    """When a value was sent, by the clock of all processes; 0 if it does not say."""
    return float(value.rpartition("-")[2]) if value and "-" in value else 0.0


class History:
    """The changes to what is watched, in the order of the index, from an empty store on.

    Args:
        changes: All changes there were.
        path: What is watched; None if all of the changes are to it.
        recursive: Whether all below it is watched as well.
    """

    def __init__(
        self, changes: Iterable[Change], path: str | None = None, recursive: bool = True
    ) -> None:
        self.changes = [
            each for each in changes if path is None or _concerns(each, path, recursive)
        ]
        self.indexes = [change.index for change in self.changes]
        self.by_index = {change.index: change for change in self.changes}
        self._contents = list(self._replayed())

    def content_at(self, index: int) -> int:
        """The content once all changes up to an index were made, as by `content_of`."""
        place = bisect_right(self.indexes, index)
        return self._contents[place - 1] if place else 0

    def between(self, index: int, other: int) -> list[int]:
        """The indexes of the changes after one index and before another."""
        begin, end = bisect_right(self.indexes, index), bisect_left(self.indexes, other)
        return self.indexes[begin:end]

    def _replayed(self) -> Iterable[int]:
        held: dict[str, int] = {}
        total = 0
        for change in self.changes:
            if change.action in REMOVALS:
                gone = [key for key in held if _is_below(key, change.key)]
                total -= sum(held.pop(key) for key in gone)
            elif change.value is not None:
                total -= held.get(change.key, 0)
                held[change.key] = hash((change.key, change.value))
                total += held[change.key]
            yield total & BITS


def read(files: Iterable[Path]) -> list[list[Change]]:
    """All changes that any member told of: a list for each history.

    Raises:
        Unknown: Some are missing, or the members disagree.
    """
    found: dict[tuple[int, int], Change] = {}
    spans: dict[int, list[tuple[int, int]]] = {}
    for file in files:
        for key, change in _lines(file, spans):
            if found.setdefault(key, change) != change:
                raise Unknown(f"the members disagree: {found[key]} and {change}")
    _check_gaps(spans)
    histories: list[list[Change]] = [[] for _ in range(1 + max((n for n, _ in found), default=-1))]
    for number, index in sorted(found):
        histories[number].append(found[number, index])
    return histories


def _lines(
    file: Path, spans: dict[int, list[tuple[int, int]]]
) -> Iterable[tuple[tuple[int, int], Change]]:
    """The changes in a file; and the spans of indexes that it covers, by the history."""
    begun: dict[int, int] = {}
    last: dict[int, int] = {}
    for line in file.read_bytes().splitlines():
        number_, index_, event = line.split(b" ", 2)
        number, index = int(number_), int(index_)
        if event.startswith(BROKEN):
            raise Unknown(f"the store has lost what it had told: {line!r}")
        begun.setdefault(number, 1)
        if event.startswith(GAP):
            spans.setdefault(number, []).append((begun[number], index - 1))
            begun[number] = int(event.split()[1]) + 1
            continue
        last[number] = index
        yield (number, index), read_change(index, event)
    for number, index in last.items():
        spans.setdefault(number, []).append((begun[number], index))


def _check_gaps(spans: Mapping[int, Sequence[tuple[int, int]]]) -> None:
    """See that what one member did not tell another did."""
    for number, parts in spans.items():
        known = 0
        for begin, end in sorted(parts):
            if begin > known + 1:
                raise Unknown(f"nobody told of {known + 1} to {begin - 1} of history {number}")
            known = max(known, end)


def read_change(index: int, event: bytes) -> Change:
    """A change, as a member tells it."""
    document = json.loads(event)
    action, node = document["action"], document["node"]
    value = None if action in REMOVALS else node.get("value")
    return Change(index, action, node["key"], value)


def _concerns(change: Change, path: str, recursive: bool) -> bool:
    """Whether who watches a path is to be told: hidden keys below it are not his concern."""
    if _is_below(path, change.key):
        return change.key == path or change.action in REMOVALS
    below = change.key.removeprefix(path)
    return recursive and _is_below(change.key, path) and "/_" not in below


def _is_below(key: str, path: str) -> bool:
    return key == path or key.startswith(f"{path}/")
