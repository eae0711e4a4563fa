"""The promises, each with an error that is named for it."""

from __future__ import annotations

__all__ = [
    "PROMISES",
    "BrokenPromise",
    "NotConsistent",
    "NotDeclared",
    "NotOrdered",
    "NotReliable",
    "NotResumable",
    "NotTrue",
    "NotUnique",
    "WrongSnapshot",
]


class BrokenPromise(Exception):
    """Something that a watcher was told, or was not told.

    Args:
        what: What it is.
        indexes: Of the events that it is about, or of the snapshot.
    """

    word = "broken"

    def __init__(self, what: str, *indexes: int) -> None:
        super().__init__(what)
        self.indexes = indexes


class NotOrdered(BrokenPromise):
    """Told after something later."""

    word = "out of order"


class NotUnique(BrokenPromise):
    """Told before."""

    word = "twice"


class NotReliable(BrokenPromise):
    """Never told, and no snapshot stands for it."""

    word = "lost"


class NotResumable(BrokenPromise):
    """Lost, or told again, where a watch went on after an index."""

    word = "resumed wrongly"


class NotDeclared(BrokenPromise):
    """A gap, or another history, that no snapshot declared as it is."""

    word = "undeclared"


class WrongSnapshot(NotDeclared):
    """A snapshot that shows what never was at its index."""


class NotConsistent(BrokenPromise):
    """A tree that shows what the store never held at its index."""

    word = "inconsistent"


class NotTrue(BrokenPromise):
    """An event that never happened."""

    word = "untrue"


#: All of them, in the order of the table.
PROMISES = (
    NotReliable,
    NotUnique,
    NotOrdered,
    NotDeclared,
    NotResumable,
    NotConsistent,
    NotTrue,
)
