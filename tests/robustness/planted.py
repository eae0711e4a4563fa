"""The watch loop with faults planted in it, to show that the tests would catch them.

The first three are those of the client that this one began from: see the module that
uses them, and `txetcd.keys.poll.changes` for what is right.
"""

from __future__ import annotations

from collections.abc import Iterable

from txetcd import ApiError, EventIndexCleared, NodeOp
from txetcd.keys.poll import Poll
from txetcd.keys.poll.changes import Changes, HistoryLost
from txetcd.keys.poll.findings import Finding, Outcome, Quiet, in_order
from txetcd.keys.poll.round import Round
from txetcd.keys.poll.scan import Scan
from txetcd.model import Get


class _AnyAnswerIsAChange(Changes):
    """Delivers whatever a wait is answered, be it history or a doorbell."""

    def resume(self, op: NodeOp) -> int:
        return op.node.modified_index + 1

    async def next(self) -> NodeOp:
        try:
            op = await self._session(Get(self._path, self._recursive, True, self.index))
        except EventIndexCleared:
            raise HistoryLost(certain=True) from None
        self.index = self.resume(op)
        return op


class _ResumesAtTheHeader(_AnyAnswerIsAChange):
    """Goes on from ``X-Etcd-Index + 1``, the index when the wait *began*."""

    def resume(self, op: NodeOp) -> int:
        return op.etcd.index + 1


class _SkipsAhead(Changes):
    """Goes on from the index of the error when history has been cleared."""

    async def next(self) -> NodeOp:
        while True:
            try:
                op = await self._session(Get(self._path, self._recursive, True, self.index))
            except EventIndexCleared as cleared:
                error: ApiError = cleared
                self.index = error.index + 1
                continue
            if op.node.modified_index <= op.etcd.index:
                self.index = op.node.modified_index + 1
                return op


class _TrustsSilence(Changes):
    """Moves the cursor past the index in the head of a wait, whatever its answer."""

    async def next(self) -> NodeOp:
        try:
            return await super().next()
        except Exception:
            self.index = max(self.index, self._session._service.index + 1)
            raise


class _NeverVerifies(Changes):
    """Takes the history after a failure for the one before it."""

    async def _verify(self) -> None:
        self._doubtful = False


class _Reads(Changes):
    """Reads what waits have been answered in a way of its own."""

    def read(self, scans: list[Scan], cursor: int) -> list[Finding]:
        raise NotImplementedError

    async def _ask(
        self, starts: range, least: int | None = None
    ) -> tuple[list[Finding], BaseException | None]:
        asked = Round(self._session, self.pulse, starts, least)
        await asked.begin(self._path, self._recursive)
        return self.read(asked._scans, starts[0]), in_order(asked.outcomes, starts[0])[1]


class _TrustsTheHead(_Reads):
    """Takes the head of a wait that was given up for a proof that nothing had matched."""

    def read(self, scans: list[Scan], cursor: int) -> list[Finding]:
        return _in_order(((scan.start, scan.outcome or scan.proof) for scan in scans), cursor)


class _GoesTooFar(_Reads):
    """Moves the cursor beyond the index that follows the head."""

    def read(self, scans: list[Scan], cursor: int) -> list[Finding]:
        found = _in_order(((scan.start, scan.outcome) for scan in scans), cursor)
        return [Quiet(each.upto + 1) if isinstance(each, Quiet) else each for each in found]


class _TellsEveryAnswer(_Reads):
    """Does not see that several scans have found the same change."""

    def read(self, scans: list[Scan], cursor: int) -> list[Finding]:
        return [scan.outcome for scan in scans if isinstance(scan.outcome, (NodeOp, Quiet))]


class _TellsAcrossAGap(_Reads):
    """Goes on after a scan that has come to nothing."""

    def read(self, scans: list[Scan], cursor: int) -> list[Finding]:
        found: dict[int, Finding] = {}
        for scan in scans:
            if isinstance(scan.outcome, NodeOp):
                found.setdefault(scan.outcome.node.modified_index, scan.outcome)
        return list(found.values())


class _TellsTheLastFirst(_Reads):
    """Tells the answers of a window as they came, and not in order."""

    def read(self, scans: list[Scan], cursor: int) -> list[Finding]:
        return _in_order(((scan.start, scan.outcome) for scan in scans), cursor)[::-1]


def _in_order(outcomes: Iterable[tuple[int, Outcome]], cursor: int) -> list[Finding]:
    return in_order(outcomes, cursor)[0]


class ResumesAtTheHeader(Poll):
    """Fault 1 of the seed: misses changes, and sees others twice."""

    def _follow(self, index: int, last: NodeOp | None = None) -> Changes:
        return _ResumesAtTheHeader(self._session, self._path, self._recursive, index, last=last)


class SkipsAhead(Poll):
    """Fault 2 of the seed: a gap that nobody is told of."""

    def _follow(self, index: int, last: NodeOp | None = None) -> Changes:
        return _SkipsAhead(self._session, self._path, self._recursive, index, last=last)


class NeverSleeps(Poll):
    """Fault 3 of the seed: the schedule is advanced, and its delays are not waited for."""

    async def _rest(self) -> None:
        pass


class DeliversTheDoorbell(Poll):
    """Takes the answer of a wait that was woken for the next change."""

    def _follow(self, index: int, last: NodeOp | None = None) -> Changes:
        return _AnyAnswerIsAChange(self._session, self._path, self._recursive, index, last=last)


class TrustsSilence(Poll):
    """Takes a broken wait for one that nothing had matched."""

    def _follow(self, index: int, last: NodeOp | None = None) -> Changes:
        return _TrustsSilence(self._session, self._path, self._recursive, index, last=last)


class NeverVerifies(Poll):
    """Does not look whether the store is still the same after a failure."""

    def _follow(self, index: int, last: NodeOp | None = None) -> Changes:
        return _NeverVerifies(self._session, self._path, self._recursive, index, last=last)


class TrustsTheHead(Poll):
    """Takes silence after a head for the end of a parked wait."""

    def _follow(self, index: int, last: NodeOp | None = None) -> Changes:
        return _TrustsTheHead(self._session, self._path, self._recursive, index, last=last)


class GoesTooFar(Poll):
    """Moves the cursor one index beyond what is proved."""

    def _follow(self, index: int, last: NodeOp | None = None) -> Changes:
        return _GoesTooFar(self._session, self._path, self._recursive, index, last=last)


class TellsEveryAnswer(Poll):
    """Tells a change for each scan that has found it."""

    def _follow(self, index: int, last: NodeOp | None = None) -> Changes:
        return _TellsEveryAnswer(self._session, self._path, self._recursive, index, last=last)


class TellsAcrossAGap(Poll):
    """Tells what scans beyond a missing one have found."""

    def _follow(self, index: int, last: NodeOp | None = None) -> Changes:
        return _TellsAcrossAGap(self._session, self._path, self._recursive, index, last=last)


class TellsTheLastFirst(Poll):
    """Tells the answers of a window in the wrong order."""

    def _follow(self, index: int, last: NodeOp | None = None) -> Changes:
        return _TellsTheLastFirst(self._session, self._path, self._recursive, index, last=last)
