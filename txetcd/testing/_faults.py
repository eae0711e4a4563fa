"""What is to go wrong: the faults that are set, without the connections they are for."""

from __future__ import annotations

from enum import Enum

import attrs

__all__ = ["Cut", "CutAt", "Faults", "Tally", "Throttle"]


class CutAt(Enum):
    """Where a connection is cut."""

    BEFORE_REQUEST = "cut_before_request"
    AFTER_REQUEST = "cut_after_request"
    MID_HEADER = "cut_mid_header"
    MID_BODY = "cut_mid_body"


@attrs.define(eq=False)
class Cut:
    """A fault that strikes requests.

    Attributes:
        at: Where the connection is cut.
        left: How many requests it still strikes, or None for all.
        method: The method of the requests that it strikes, or ``b""`` for any.
        clean: Whether the connection ends as if all was well, rather than by a reset.
    """

    at: CutAt
    left: int | None = 1
    method: bytes = b""
    clean: bool = False

    def strikes(self, start: bytes) -> bool | None:
        """Whether it is for a request that starts so; None if too little of it has come."""
        wanted = self.method + b" " if self.method else b""
        if start.startswith(wanted):
            return True
        return None if wanted.startswith(start) else False

    def passes(self, piece: bytes, *, in_head: bool) -> bytes | None:
        """What the client gets of a piece of the reply before the cut.

        Args:
            piece: Bytes of the head or of the body, but not of both.
            in_head: Which of them.

        Returns:
            A part of the piece, never all of the reply, or None if the cut is not here.
        """
        if self.at is CutAt.AFTER_REQUEST:
            return b""
        if self.at is CutAt.MID_HEADER and in_head:
            return piece[: max(1, len(piece) // 2)]
        if self.at is CutAt.MID_BODY and not in_head:
            return piece[: len(piece) // 2]
        return None

    def __str__(self) -> str:
        details = [f"times={self.left}"]
        if self.method:
            details.append(f"method={self.method.decode()}")
        if self.clean:
            details.append("clean")
        return f"{self.at.value}({', '.join(details)})"


@attrs.frozen
class Throttle:
    """A slow way to the client: so many bytes at a time, and so many seconds in between."""

    size: int
    interval: float


@attrs.define(eq=False)
class Tally:
    """What all connections together have seen.

    Attributes:
        accepted: Connections of clients.
        requests: Requests that have begun.
        cuts: Requests that were struck by a cut.
        swallowed: Bytes that were swallowed, of both directions.
    """

    accepted: int = 0
    requests: int = 0
    cuts: int = 0
    swallowed: int = 0


@attrs.define(eq=False)
class Faults:
    """All faults that are set at the moment.

    Attributes:
        delay: By how much everything is late, in seconds.
        throttle: How slowly replies pass, or None.
        black_hole: Whether everything is swallowed.
        swallow_replies: Whether all that the server says is swallowed.
        cuts: What strikes requests.  A request is struck by the first that is for it.
    """

    delay: float = 0.0
    throttle: Throttle | None = None
    black_hole: bool = False
    swallow_replies: bool = False
    cuts: list[Cut] = attrs.field(factory=list)

    def undecided(self, start: bytes) -> bool:
        """Whether too little has come of a request to tell what strikes it."""
        for cut in self.cuts:
            verdict = cut.strikes(start)
            if verdict is not False:
                return verdict is None
        return False

    def claim(self, start: bytes) -> Cut | None:
        """The fault that strikes a request which starts so, if any; it is used up by that."""
        for cut in self.cuts:
            if cut.strikes(start):
                self._count(cut, -1)
                return cut
        return None

    def give_back(self, cut: Cut) -> None:
        """Undo a claim: the fault did not strike after all."""
        self._count(cut, +1)

    def _count(self, cut: Cut, change: int) -> None:
        if cut.left is not None:
            cut.left += change
            if not cut.left:
                self.cuts.remove(cut)
            elif cut not in self.cuts:
                self.cuts.insert(0, cut)

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self.delay, self.throttle = 0.0, None
        self.black_hole = self.swallow_replies = False
        self.cuts.clear()

    def __str__(self) -> str:
        shown = [str(cut) for cut in self.cuts]
        if self.delay:
            shown.append(f"delay({self.delay:g})")
        if self.throttle:
            shown.append(f"throttle({self.throttle.size}, {self.throttle.interval:g})")
        if self.black_hole:
            shown.append("black_hole")
        if self.swallow_replies:
            shown.append("swallow_replies")
        return ", ".join(shown)
