"""One wait, from the request to what it proves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txetcd.errors import (
    EventIndexCleared,
    TxetcdError,
    UnexpectedResponse,
    WatchEnded,
)
from txetcd.keys.poll.findings import HistoryLost, Outcome, Quiet, finding
from txetcd.keys.poll.pulse import Pulse
from txetcd.keys.session import Session
from txetcd.model.node import NodeOp, State
from txetcd.model.op import Get

__all__ = ["Scan", "Told"]


class Told(Protocol):
    """Who is told of what becomes of a wait."""

    def headed(self, scan: Scan) -> None:
        """Its head has come."""

    def ended(self, scan: Scan) -> None:
        """It has its outcome."""


class Scan:
    """A wait, which scans history and then may be parked.

    Args:
        told: Who is told of its head and its end.
        pulse: Told of all that the server says.
        start: The index that is waited from.
        least: A store whose index is below this is not the one that is known.

    Attributes:
        state: What its head told; None before that.
        heard: When that was, by the session's clock.
        outcome: How it ended.
        is_over: Whether it did.
    """

    __slots__ = (
        "_end",
        "_hung_up",
        "_pulse",
        "_reply",
        "_told",
        "heard",
        "is_over",
        "least",
        "outcome",
        "start",
        "state",
    )

    def __init__(self, told: Told, pulse: Pulse, start: int, least: int) -> None:
        self.start = start
        self.least = least
        self.state: State | None = None
        self.heard = 0.0
        self.outcome: Outcome = None
        self.is_over = False
        self._told = told
        self._pulse = pulse
        self._hung_up = False
        self._end: Callable[[], object] | None = None
        self._reply: Deferred[object] | None = None

    def begin(self, session: Session, path: str, recursive: bool) -> None:
        """Send it."""
        op = Get(
            path,
            recursive,
            True,
            self.start,
            on_state=self._on_state,
            on_endable=self._on_endable,
        )
        self._reply = session(op).addBoth(self._answered)

    @property
    def is_endable(self) -> bool:
        """Whether `hang_up` can do anything."""
        return self._end is not None

    def hang_up(self) -> None:
        """Have the server end it: nothing has matched then, up to the index in its head."""
        if self._end is not None:
            self._hung_up = True
            self._end()

    def drop(self, outcome: Outcome = None) -> None:
        """End it now, with an outcome of our own."""
        if not self.is_over:
            self._is_over(outcome)
            if self._reply is not None:
                self._reply.cancel()

    @property
    def proof(self) -> Quiet | None:
        """What is proved by a whole answer that is empty, as the server ends a parked wait."""
        state = self.state
        return None if state is None or state.index == 0 else Quiet(state.index)

    # --- what the server says --------------------------------------------------------

    def _on_state(self, state: State) -> None:
        if not self.is_over:
            self.state = state
            self._end = None
            self._pulse.head(state)
            self.heard = self._pulse.heard or 0.0
            self._told.headed(self)

    def _on_endable(self, end: Callable[[], object]) -> None:
        if not self.is_over:
            self._end = end

    def _answered(self, result: NodeOp | Failure) -> None:
        if not self.is_over:
            self._is_over(self._read(result))

    def _is_over(self, outcome: Outcome) -> None:
        self.outcome, self.is_over, self._end = outcome, True, None
        self._told.ended(self)

    def _read(self, result: NodeOp | Failure) -> Outcome:
        if isinstance(result, Failure):
            return self._failed(result.value)
        self._pulse.answered(result.etcd)
        try:
            return finding(result, self.start, self.least)
        except (UnexpectedResponse, HistoryLost) as error:
            return error

    def _failed(self, error: BaseException | None) -> Outcome:
        if isinstance(error, EventIndexCleared):
            self._pulse.answered(State(index=error.index))
            return HistoryLost(certain=True)
        if not self._hung_up or not isinstance(error, TxetcdError):
            return error
        # We asked for the end; so it is no failure to be told, however it came.
        proof = self.proof if isinstance(error, WatchEnded) else None
        self._pulse.ended(proof is not None)
        return proof
