"""Waits that are begun together: one at the cursor, and scans of what lies beyond."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from twisted.internet.defer import Deferred

from txetcd.clock import DelayedCall
from txetcd.errors import RequestTimedOut, WatchEnded
from txetcd.keys.poll.findings import HistoryLost, Outcome, Quiet
from txetcd.keys.poll.pulse import FLOOR, HEAD_TIME, Pulse
from txetcd.keys.poll.scan import Scan
from txetcd.keys.session import Session
from txetcd.model.node import NodeOp

__all__ = ["Round"]

#: How long a scan may take when the first word of its round has come, in seconds and beside
#: twice the time that took (it may have had to connect).  Then it is parked, and is of no use.
PATIENCE = 0.010


class Round:
    """Some waits at successive indexes, until it is known what they prove.

    The first may be parked.  When it has rested for long enough it is hung up, so that the
    server ends it: that proves that nothing matched up to the index in its head.  The others
    are scans alone: they end before the first is left parked, or with it.

    Args:
        session: What is asked.
        pulse: What is known of the server; it is told what is learned.
        starts: The indexes to wait from.
        least: A store whose index is below this is not the one that is known; None for
            the index before that which is waited from.

    Attributes:
        done: Fires with None when all have ended; cancelling it ends them.
    """

    __slots__ = (
        "_begun",
        "_heard",
        "_is_over",
        "_pending",
        "_pulse",
        "_scans",
        "_session",
        "_timers",
        "done",
    )

    def __init__(
        self, session: Session, pulse: Pulse, starts: range, least: int | None = None
    ) -> None:
        self.done: Deferred[None] = Deferred(self._cancelled)
        self._session = session
        self._pulse = pulse
        self._timers: list[DelayedCall] = []
        self._begun: float | None = None
        self._heard = self._is_over = False
        self._pending = len(starts)
        self._scans = [
            Scan(self, pulse, start, start - 1 if least is None else least) for start in starts
        ]

    def begin(self, path: str, recursive: bool) -> Deferred[None]:
        """Ask all.

        Args:
            path: The key.
            recursive: Whether changes below it count too.
        """
        begun = self._session.clock.seconds()
        for scan in self._scans:
            scan.begin(self._session, path, recursive)
        self._begun = begun
        if self._pending:
            self._later(FLOOR, self._at_floor)
            if self._heard:
                self._hurry(begun)
        self._look()
        return self.done

    @property
    def outcomes(self) -> Iterator[tuple[int, Outcome]]:
        """For each index the outcome."""
        for scan in self._scans:
            if isinstance(scan.outcome, WatchEnded) and scan.proof is not None:
                # A server that shuts down: it proves as much, and is a failure all the same.
                yield scan.start, scan.proof
                yield scan.proof.upto + 1, scan.outcome
            else:
                yield scan.start, scan.outcome

    # --- what the waits tell -----------------------------------------------------------

    def headed(self, scan: Scan) -> None:
        assert scan.state is not None
        if 0 < scan.state.index < scan.least:
            # Not at once: the request that is to be cancelled is on the call stack.
            self._later(0, scan.drop, HistoryLost(certain=False))
        self._hear()

    def ended(self, scan: Scan) -> None:
        self._pending -= 1
        if scan is self._scans[0] and not isinstance(scan.outcome, (NodeOp, Quiet)):
            # What lies beyond it proves nothing without it.
            self._trim()
        self._hear()
        self._look()

    def _hear(self) -> None:
        if not self._heard:
            self._heard = True
            if self._begun is not None:
                self._hurry(self._begun)

    def _look(self) -> None:
        if not self._pending and not self._is_over and self._begun is not None:
            self._end()
            self.done.callback(None)

    # --- the scans beyond the first ------------------------------------------------------

    def _hurry(self, begun: float) -> None:
        if len(self._scans) > 1 and self._pending:
            taken = self._session.clock.seconds() - begun
            self._later(PATIENCE + 2 * taken, self._trim)

    def _trim(self) -> None:
        for scan in self._scans[1:]:
            scan.drop()

    # --- the first -------------------------------------------------------------------------

    def _at_floor(self) -> None:
        if self._scans[0].state is not None:
            self._park()
            return
        silence = HEAD_TIME if self._pulse.tells_heads else self._pulse.rest(endable=False)
        self._at(self._begun, silence, self._silent)

    def _silent(self) -> None:
        """A server that sends heads has sent none; or nobody knows whether it has."""
        if self._scans[0].state is not None:
            self._park()
        elif self._pulse.tells_heads:
            self._scans[0].drop(RequestTimedOut(HEAD_TIME, possibly_applied=False))
        else:
            self._scans[0].drop()

    def _park(self) -> None:
        """Let it rest, and then make it anew."""
        first = self._scans[0]
        if not first.is_over:
            self._at(first.heard, self._pulse.rest(first.is_endable), self._rearm)

    def _rearm(self) -> None:
        first = self._scans[0]
        if first.is_endable:
            self._later(HEAD_TIME, self._unended)
            first.hang_up()
        else:
            first.drop()

    def _unended(self) -> None:
        self._pulse.ended(proved=False)
        self._scans[0].drop()

    # --- time ------------------------------------------------------------------------------

    def _at(self, since: float | None, seconds: float, call: Callable[[], None]) -> None:
        """Make a call so long after a time, but not in the past."""
        passed = self._session.clock.seconds() - (since or 0.0)
        self._later(max(0.0, seconds - passed), call)

    def _later(self, seconds: float, call: Callable[..., None], *args: object) -> None:
        if not self._is_over:
            self._timers.append(self._session.clock.callLater(seconds, call, *args))

    def _end(self) -> None:
        self._is_over = True
        for timer in self._timers:
            if timer.active():
                timer.cancel()

    def _cancelled(self, _: Deferred[None]) -> None:
        self._end()
        for scan in self._scans:
            scan.drop()

