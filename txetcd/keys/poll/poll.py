"""One observer's poll: a snapshot, then every change; after a failure, on again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from twisted.internet.defer import CancelledError

from txetcd.backoff import Backoff, Random
from txetcd.errors import BackoffsExhausted, KeyNotFound, NotDir, ServiceClosed, UnexpectedResponse
from txetcd.filters.deadline import deadline
from txetcd.keys.poll.changes import Changes, HistoryLost
from txetcd.keys.poll.pulse import FLOOR, Pulse
from txetcd.keys.poll.snapshot import Snapshot
from txetcd.keys.session import Session
from txetcd.model.node import Action, NodeOp, State
from txetcd.model.op import Get

__all__ = ["MISSING", "Poll"]

#: How etcd says that there is no such key: the second, that one above it is a file.
MISSING = (KeyNotFound, NotDir)

#: How many failures in a row are remembered for the final error.
REMEMBERED = 16


class Poll:
    """Reads a key, then follows its changes, and reads it again when history is lost.

    Between two snapshots every change is told once, in order.  A snapshot is told
    first, and again exactly where changes were or may have been lost.  It is pulled:
    nothing is asked of the server between two calls of `next`.

    Args:
        session: What is asked.
        path: The key.
        recursive: Whether all that is below counts too.
        backoff: The delays after failures in a row.
        after_index: Begin not with a snapshot, but with the first change after this.
        after: Likewise, after a change or a snapshot that another poll has told.  The history is
            held against it first.
        on_alive: Called with the `State` whenever the server has answered, if only with the
            head of a wait.  If it raises, that is logged.
        random: Spreads the times at which waits are made anew; the `random` module if None.
    """

    def __init__(
        self,
        session: Session,
        path: str,
        recursive: bool,
        backoff: Backoff,
        after_index: int | None = None,
        on_alive: Callable[[State], object] | None = None,
        random: Random | None = None,
        after: NodeOp | None = None,
    ) -> None:
        self._session = session
        self._path = path
        self._recursive = recursive
        self._backoff = backoff
        self._pulse = Pulse(session.clock, random, on_alive)
        self._changes: Changes | None = None
        # What was told last, as long as no change has been told since.
        self._snapshot: Snapshot | None = None
        self._lost: HistoryLost | None = None
        if after is not None:
            self._go_on_after(after)
        elif after_index is not None:
            self._changes = self._follow(after_index + 1)
        else:
            self._lost = HistoryLost(certain=True)
        self._delays: Iterator[float] = iter(backoff)
        self._delay = 0.0
        self._rested = True
        # Until when it rests, by the session's clock.
        self._until = 0.0
        # When the history was last taken to be the one that is followed, against appearances.
        self._trusted: float | None = None
        self._errors: tuple[Exception, ...] = ()

    async def next(self) -> NodeOp:
        """A snapshot, or the next change.

        It may be called again after any error but the last two; a failure that
        passes is followed by the delay of the schedule, at the next call.

        Raises:
            KeyNotFound: A snapshot: there is no such key.  (`NotDir`: likewise, and
                one above it is a file.)
            Exception: A failure that passes.
            BackoffsExhausted: The schedule has ended.
            ServiceClosed: The session was closed.
        """
        while True:
            await self._rest()
            try:
                # A watch outlives the block of code that it was begun in.
                with deadline(None):
                    op = await self._step()
            except (CancelledError, ServiceClosed):
                raise
            except MISSING:
                self._succeeded()
                raise
            except Exception as error:
                raise self.failed(error) from None
            if op is not None:
                self._succeeded()
                return op

    async def _step(self) -> NodeOp | None:
        if self._changes is not None and self._lost is None:
            try:
                change = await self._changes.next()
            except HistoryLost as lost:
                if not lost.certain and self._is_in_vain():
                    raise UnexpectedResponse(
                        200, reason="waits are answered by a member that is behind the quorum"
                    ) from None
                self._lost = lost
            else:
                self._snapshot = None
                return change
        return await self._read()

    async def _read(self) -> NodeOp | None:
        """A snapshot; None if the history turns out not to be lost."""
        op: NodeOp | None = None
        missing: KeyNotFound | NotDir | None = None
        try:
            op = await self._session(Get(self._path, self._recursive, quorum=True))
            state = op.etcd
        except MISSING as error:
            missing, state = error, State(error.index)
        index = state.index
        self._pulse.seen(state)
        if index == 0:
            raise UnexpectedResponse(200, reason="the server tells no index (X-Etcd-Index)")
        snapshot = Snapshot(op, self._recursive)
        lost, self._lost = self._lost, None
        if lost is not None and not lost.certain and self._goes_on(index, snapshot):
            return None
        self._changes, self._snapshot = self._follow(index + 1), snapshot
        self._changes.served = self._session.clock.seconds()
        if missing is not None:
            raise missing
        return op

    def _goes_on(self, index: int, snapshot: Snapshot) -> bool:
        """Whether what was read belongs to the history that is followed; if so, go on."""
        if self._changes is None or index + 1 < self._changes.index:
            return False
        known = self._snapshot
        if known is not None and not known.is_continued_by(snapshot, self._changes.index):
            return False
        self._changes.trust()
        self._trusted = self._session.clock.seconds()
        return True

    def _is_in_vain(self) -> bool:
        """Whether the history was found to be the right one a moment ago, and has gone again."""
        trusted = self._trusted
        return trusted is not None and self._session.clock.seconds() - trusted < FLOOR

    def _go_on_after(self, told: NodeOp) -> None:
        if told.action is Action.GET:
            self._changes = self._follow(told.etcd.index + 1)
            self._changes.doubt()
            self._snapshot = Snapshot(told, self._recursive)
        else:
            self._changes = self._follow(told.node.modified_index + 1, told)

    def _follow(self, index: int, last: NodeOp | None = None) -> Changes:
        return Changes(
            self._session, self._path, self._recursive, index, self._pulse, last=last
        )

    def failed(self, error: Exception) -> Exception:
        """Count a failure; the error to tell of it, which is the last if it says so."""
        if self._was_well():
            self._succeeded()
        self._trusted = None
        self._errors = (*self._errors, error)[-REMEMBERED:]
        delay = next(self._delays, None)
        if delay is None:
            return BackoffsExhausted(self._path, self._errors)
        self._delay, self._rested = delay, False
        self._until = self._session.clock.seconds() + delay
        return error

    def _was_well(self) -> bool:
        """Whether the wait that failed had been parked for longer than the last delay.

        A quiet key whose connections are cut now and then is well, and waits the
        first delay each time; one that fails at once waits longer and longer.
        """
        if self._changes is None:
            return False
        # Asked once for each failure: a wait that is never heard of is not well.
        pulse = self._changes.pulse
        heard, pulse.heard = pulse.heard, None
        return heard is not None and self._session.clock.seconds() - heard >= self._delay

    def _succeeded(self) -> None:
        self._errors = ()
        self._delays = iter(self._backoff)
        self._delay = 0.0

    async def _rest(self) -> None:
        if not self._rested:
            # A step that was cancelled meanwhile has rested for a part of it.
            left = self._until - self._session.clock.seconds()
            await self._session.sleep(min(max(0.0, left), self._delay))
            self._rested = True

    def __repr__(self) -> str:
        state = repr(self._changes) if self._changes is not None else "not read yet"
        failures = f", {len(self._errors)} failures" if self._errors else ""
        return f"<Poll of {self._path!r}: {state}{failures}>"
