"""What changed from one tree to the next, for as long as it is worth knowing."""

from __future__ import annotations

__all__ = ["KEPT", "Journal"]

#: How many changes are remembered.  Looking at that many places costs about what it
#: costs to compare two trees of 20,000 keys, so more would gain little.
KEPT = 4096


class Journal:
    """Where each tree of a line of trees differs from the one before it.

    The trees of one line share it, and each knows its own position in it.  It holds
    paths alone, so it keeps no old tree alive.

    Args:
        kept: How many changes are remembered; 1 or more.

    Attributes:
        end: The position of the latest tree: how many changes there have been.
    """

    __slots__ = ("_kept", "_paths", "end")

    def __init__(self, kept: int = KEPT) -> None:
        self.end = 0
        self._kept = kept
        # The change to the tree at position n stands at n modulo `kept`.
        self._paths: list[str] = []

    def add(self, path: str) -> int:
        """Note that the next tree differs below a path; the position of that tree."""
        if self.end < self._kept:
            self._paths.append(path)
        else:
            self._paths[self.end % self._kept] = path
        self.end += 1
        return self.end

    def between(self, one: int, other: int) -> set[str] | None:
        """Where the trees at two positions may differ; None if that is forgotten."""
        first, last = min(one, other), max(one, other)
        if first < self.end - self._kept:
            return None
        return {self._paths[n % self._kept] for n in range(first, last)}

    def __repr__(self) -> str:
        return f"<Journal of {len(self._paths)} changes up to {self.end}>"
