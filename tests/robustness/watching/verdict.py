"""Who keeps the promises: a pure function of what happened and of what was told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import attrs

from tests.robustness.watching.promises import (
    BrokenPromise,
    NotConsistent,
    NotDeclared,
    NotOrdered,
    NotReliable,
    NotResumable,
    NotTrue,
    NotUnique,
    WrongSnapshot,
)
from tests.robustness.watching.told import Kind, Told
from tests.robustness.watching.truth import History

__all__ = ["Verdict", "judge"]

#: How many of the changes that were lost are named.
NAMED = 5


@attrs.frozen
class Verdict:
    """How a watcher did.

    Attributes:
        events: Events that it was told.
        snapshots: Snapshots that it was told, of a missing key among them; for a tree, how often
            it was published.
        gaps: Snapshots that stand for changes which were not told.
        covered: How many changes those were, within one history.
        broken: What it did wrong.
    """

    events: int = 0
    snapshots: int = 0
    gaps: int = 0
    covered: int = 0
    broken: Sequence[BrokenPromise] = ()

    def count(self, promise: type[BrokenPromise]) -> int:
        """How many events a promise was broken for."""
        return sum(len(each.indexes) for each in self.broken if isinstance(each, promise))


def judge(histories: Sequence[History], told: Iterable[Told], begun: bool = False) -> Verdict:
    """Judge one watcher.

    Args:
        histories: What happened to what is watched, in one history after another.
        told: What it was told.
        begun: Whether it began after an index that was given, 0, rather than by a snapshot.
    """
    return _Judge(histories, begun).judge(told)


class _Judge:
    """Where a watcher has got to, as what it was told is gone through."""

    def __init__(self, histories: Sequence[History], begun: bool) -> None:
        self._histories = histories
        self._number = 0
        #: The index up to which it has been told; None before the first snapshot.
        self._position: int | None = 0 if begun else None
        self._seen: set[tuple[int, int]] = set()
        self._resumed = False
        self._counts: Counter[str] = Counter()

    def judge(self, told: Iterable[Told]) -> Verdict:
        broken: list[BrokenPromise] = []
        for each in told:
            if each.kind is Kind.RESUMED:
                self._resumed = True
                continue
            broken += self._event(each) if each.kind is Kind.EVENT else self._shown(each)
            self._counts[each.kind.value] += 1
            self._resumed = False
        broken += self._ended()
        return Verdict(
            self._counts["event"],
            self._counts["snapshot"] + self._counts["tree"],
            self._counts["gaps"],
            self._counts["covered"],
            tuple(broken),
        )

    # --- an event ---------------------------------------------------------------------

    def _event(self, told: Told) -> Iterator[BrokenPromise]:
        number = self._history_of(told)
        if number is None:
            yield NotTrue(f"told of {told.change}, which never happened", told.index)
            yield from self._passed(told)
        elif number != self._number:
            what = f"history {number} began without a word: {told.change}"
            yield NotDeclared(what, told.index)
            self._number, self._position = number, told.index
        elif (number, told.index) in self._seen:
            yield self._kind(NotUnique)(f"told again: {told.change}", told.index)
            self._position = max(self._position or 0, told.index)
        elif self._position is None:
            yield NotDeclared(f"told before any snapshot: {told.change}", told.index)
            self._position = told.index
        elif told.index <= self._position:
            what = f"told after index {self._position}: {told.change}"
            yield self._kind(NotOrdered)(what, told.index)
        else:
            yield from self._missing(told.index, f"before {told.change}")
            self._position = told.index
        if number is not None:
            self._seen.add((number, told.index))

    def _passed(self, told: Told) -> Iterator[BrokenPromise]:
        """Go on behind something that is wrong, and has been found to be."""
        if told.index > (self._position or 0):
            if told.kind is Kind.EVENT:
                yield from self._missing(told.index, f"before {told.change}")
            self._position = told.index

    def _history_of(self, told: Told) -> int | None:
        """The history that an event is of: this one if it may be, or else a later one."""
        later = range(self._number, len(self._histories))
        for number in (*later, *range(self._number)):
            if self._histories[number].by_index.get(told.index) == told.change:
                return number
        return None

    def _missing(self, index: int, where: str) -> Iterator[BrokenPromise]:
        """What was not told before an index."""
        history = self._histories[self._number]
        lost = history.between(self._position or 0, index)
        if lost:
            named = [history.by_index[each] for each in lost[:NAMED]]
            what = f"{len(lost)} not told after index {self._position} and {where}: {named}"
            yield self._kind(NotReliable)(what, *lost)

    def _kind(self, kind: type[BrokenPromise]) -> type[BrokenPromise]:
        return NotResumable if self._resumed else kind

    # --- a snapshot, or a tree -----------------------------------------------------------

    def _shown(self, told: Told) -> Iterator[BrokenPromise]:
        number = self._shown_history(told)
        if number is None:
            kind = NotConsistent if told.kind is Kind.TREE else WrongSnapshot
            yield kind(f"a {told.kind.value} shows what never was at {told.index}", told.index)
            yield from self._passed(told)
            return
        position = self._position
        if number == self._number and position is not None and told.index < position:
            what = f"a {told.kind.value} of {told.index}, after index {position}"
            yield NotOrdered(what, told.index)
        elif told.kind is Kind.SNAPSHOT and position is not None:
            self._cover(number, position, told.index)
        self._number, self._position = number, told.index

    def _shown_history(self, told: Told) -> int | None:
        """The history that shows this at its index: this one, unless that is past."""
        known = [
            number
            for number in range(self._number, len(self._histories))
            if self._histories[number].content_at(told.index) == told.content
        ]
        for number in known:
            if number > self._number or told.index >= (self._position or 0):
                return number
        return known[0] if known else None

    def _cover(self, number: int, position: int, index: int) -> None:
        passed = number != self._number
        covered = [] if passed else self._histories[number].between(position, index + 1)
        self._counts["gaps"] += passed or bool(covered)
        self._counts["covered"] += len(covered)

    # --- the end -------------------------------------------------------------------------

    def _ended(self) -> Iterator[BrokenPromise]:
        last = self._histories[-1].indexes
        if self._number != len(self._histories) - 1:
            what = f"it never heard of history {len(self._histories) - 1}"
            yield NotDeclared(what, self._position or 0)
        elif last:
            yield from self._missing(last[-1] + 1, "at the end")
