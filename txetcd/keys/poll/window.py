"""How many waits a watcher that is behind begins together."""

from __future__ import annotations

from collections.abc import Sequence

from txetcd.keys.poll.findings import Finding, Quiet

__all__ = ["LIMIT", "Window"]

#: How many waits are under way at most, and so how many answers are kept.  On a loopback
#: a window of 16 follows all that one process can decode, and one of 32 no more.
LIMIT = 16


class Window:
    """The indexes to scan at together, in proportion to how useful the last ones were.

    A scan at ``c`` tells the first change from ``c`` on.  If that is at ``e``, all scans from
    ``c`` to ``e`` say the same, and were made for one answer.  So where nearly every index
    matches, a window saves as many round trips as it is wide, and where few do, it costs as
    many requests.  It doubles as long as each of its scans finds a change of its own, and
    shrinks to the number of those that did; never below one.

    It is a pure decision: see `Round` for the requests.

    Args:
        limit: The most there are, 1 or more.

    Attributes:
        size: How many there may be now.
    """

    __slots__ = ("_limit", "size")

    def __init__(self, limit: int = LIMIT) -> None:
        if limit < 1:
            raise ValueError(f"limit must be 1 or more, not {limit!r}")
        self._limit = limit
        self.size = 1

    def starts(self, cursor: int, highest: int) -> range:
        """Where to scan: at the cursor, and on to the highest index that the store has had.

        Above that nothing can match yet: a wait there would only be parked.
        """
        return range(cursor, max(cursor + 1, min(cursor + self.size, highest + 1)))

    def learn(self, starts: range, proven: Sequence[Finding]) -> None:
        """Take note of what scans of history at these indexes have found."""
        told = sum(not isinstance(each, Quiet) for each in proven)
        if told < len(starts):
            self.size = max(1, told)
        elif len(starts) == self.size and self._is_dense(starts, proven):
            self.size = min(self._limit, 2 * self.size)

    @staticmethod
    def _is_dense(starts: range, proven: Sequence[Finding]) -> bool:
        """Whether the last scan found its change where it began."""
        last = proven[-1]
        return not isinstance(last, Quiet) and last.node.modified_index == starts[-1]

    def __repr__(self) -> str:
        return f"Window(size={self.size}, limit={self._limit})"
