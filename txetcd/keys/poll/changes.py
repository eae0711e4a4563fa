"""A cursor over etcd's history: each change from an index on, once, in order.

Theory of operation
-------------------

etcd v2 keeps the last 1000 events of the whole store.  A wait with
``waitIndex=cursor`` first *scans* that history, and only if nothing in it matches is
it *parked* until something happens.  Scanning and parking happen under one lock
(``store/watcher_hub.go``), and the index of the store at that moment, H, is sent in
the head of the answer.  So there are three kinds of answer, told apart without doubt:

- The change's own index is at most H: it was found by the scan.  Nothing between the
  cursor and it has been missed.  It is delivered, and the cursor moves past it.
- Its index is above H: the wait was parked and has been woken.  That proves that
  nothing up to H matched, but not that this change is the first after H: a member
  that catches up from a snapshot drops changes for parked waits and then wakes them
  with a later one.  So it is only a *doorbell*: the same question is asked again, and
  this time the history answers.  One whose index is H + 1 is an exception: no index
  lies between, so nothing can have been dropped, and it is delivered.
- It is empty, and whole: a parked wait has been ended.  Whatever the scan had found
  would have come before the end, so nothing up to H matched, and the cursor moves to
  H + 1.  etcd ends a wait so when it shuts down, and when the client *hangs up*: ends
  its side of the connection, and goes on reading.

Silence after a head proves nothing: a change may be stuck on its way.  So waits are made
anew by hanging up, often enough that the cursor of a key at which nothing happens
stays within the history (`Pulse`); where that proves nothing, every `REARM` seconds.
That also finds a connection that died without a word, a store that was wiped while a
wait was parked on it, and a wait that the server has forgotten: within ``REARM +
HEAD_TIME``, as the head of a wait is due at once.  One way remains to lose a change:
a server that stood still between sending the head and coming to wait, for as long as
it took us to hang up, may choose to see the end before what the scan has found; so
nothing is hung up within `FLOOR` seconds.

What a client can only learn by asking again, it asks:

- The answer "event index cleared" means that the history no longer reaches back to
  the cursor: `HistoryLost`.
- H below the cursor means that the member is behind, or that the store is another
  one (its data was wiped): `HistoryLost`, but not for certain; a quorum read tells.
- After a failure the store may be another one whose index has overtaken the cursor.
  So the last change that was delivered is looked up where it was; if it is not
  there, or another change is, the history is another's.  If it is older than the
  history, nothing can tell: `HistoryLost`.  If none was delivered yet, `HistoryLost`,
  but not for certain: what is read now can be held against what was read before.
  The same is done after a pause of the consumer's that was longer than `FLOOR`, which is
  enough for a store to be replaced, and after a wait that was hung up and did not end as
  it should: in that time nobody watched.

A scan that finds a change well below H shows that more may be there.  Then several
scans are made together, at successive indexes (`txetcd.keys.poll.window.Window`, `Round`), and
read in order (`in_order`): what they find one after the other is what single ones would
have found.
What was found is kept until it is asked for, and no request is under way meanwhile.
"""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import CancelledError

from txetcd.keys.poll.findings import Finding, HistoryLost, Quiet, in_order
from txetcd.keys.poll.pulse import FLOOR, REARM, Pulse
from txetcd.keys.poll.round import Round
from txetcd.keys.poll.window import Window
from txetcd.keys.session import Session
from txetcd.model.node import Action, NodeOp

__all__ = ["REARM", "Changes", "HistoryLost", "concerns"]


class Changes:
    """The changes of a key from an index on.

    It asks only when it is asked, so a consumer that pauses costs nothing but what the
    last round has found.  A failure leaves the cursor where it was: `next` may be called
    again.

    Args:
        session: What is asked.
        path: The key.
        recursive: Whether changes below it count too.
        index: The index of the first change wanted.
        pulse: What is known of the server; by default nothing yet.
        window: How many scans are made together when it is behind; by default a new
            `txetcd.keys.poll.window.Window`.
        last: The change before the index, if it was told by another: it is looked up first.

    Attributes:
        index: The cursor: everything before it has been delivered.
        pulse: What is known of the server by now.
        served: Since when the consumer has asked for nothing, by the session's clock; None if
            that does not matter, as nothing is known of the history yet.
    """

    def __init__(
        self,
        session: Session,
        path: str,
        recursive: bool,
        index: int,
        pulse: Pulse | None = None,
        window: Window | None = None,
        last: NodeOp | None = None,
    ) -> None:
        self.index = index
        self.pulse = pulse or Pulse(session.clock)
        self._window = window or Window()
        self._session = session
        self._path = path
        self._recursive = recursive
        self._found: deque[Finding] = deque()
        #: The highest index that the store is known to have had.
        self._highest = 0
        self._last = last
        self._doubtful = last is not None
        self.served: float | None = None

    async def next(self) -> NodeOp:
        """The next change.

        Raises:
            HistoryLost: It cannot be had.
            Exception: Whatever the request failed with.
        """
        self._doubtful = self._doubtful or self._has_paused()
        try:
            while True:
                op = self._take()
                if op is not None:
                    return op
                if self._doubtful:
                    await self._verify()
                await self._find()
        except CancelledError:
            # The consumer's own doing, and no sign of anything.
            raise
        except BaseException:
            self._doubtful = True
            raise
        finally:
            self.served = self._session.clock.seconds()

    def doubt(self) -> None:
        """See, before the next change, whether the history is still the one that is known."""
        self._doubtful = True

    def trust(self) -> None:
        """Go on from the cursor after a `HistoryLost` that was not for certain.

        A change that was delivered is still looked up before the next.
        """
        self._doubtful = self._last is not None
        self.served = self._session.clock.seconds()

    def _has_paused(self) -> bool:
        served = self.served
        return served is not None and self._session.clock.seconds() - served > FLOOR

    def _take(self) -> NodeOp | None:
        """The next change of those that have been found."""
        while self._found:
            found = self._found.popleft()
            if isinstance(found, Quiet):
                self.index = max(self.index, found.upto + 1)
                continue
            self.index = found.node.modified_index + 1
            self._last = found
            if concerns(found, self._path, self._recursive):
                return found
        return None

    async def _find(self) -> None:
        """Find at least one change, or wait for one; several if the store is ahead."""
        starts = self._window.starts(self.index, self._highest)
        unproved = self.pulse.unproved
        found, error = await self._ask(starts)
        self._found.extend(found)
        changes = [each for each in found if not isinstance(each, Quiet)]
        if changes:
            self._learn(starts, changes)
        if error is not None and not changes:
            self._take()
            raise error
        # What was found before an error is told first; the next request meets it again.
        # Where no change is known to look up, the whole key would be read for it.
        in_doubt = self.pulse.unproved > unproved and self._last is not None
        self._doubtful = error is not None or in_doubt

    def _learn(self, starts: range, changes: list[NodeOp]) -> None:
        last = changes[-1]
        self._highest = max(self._highest, last.etcd.index, last.node.modified_index)
        if changes[0].etcd.index > changes[0].node.modified_index or len(starts) > 1:
            self._window.learn(starts, changes)

    async def _verify(self) -> None:
        """See that the last change is still where it was."""
        last = self._last
        if last is None:
            raise HistoryLost(certain=False)
        index = last.node.modified_index
        found, error = await self._ask(range(index, index + 1), index)
        if error is not None:
            raise error
        if not found or _identity(found[0]) != _identity(last):
            raise HistoryLost(certain=True)
        self._doubtful = False

    async def _ask(
        self, starts: range, least: int | None = None
    ) -> tuple[list[Finding], BaseException | None]:
        """What waits at these indexes prove together."""
        asked = Round(self._session, self.pulse, starts, least)
        await asked.begin(self._path, self._recursive)
        return in_order(asked.outcomes, starts[0])

    def __repr__(self) -> str:
        kept = f", {len(self._found)} kept" if self._found else ""
        return f"<Changes of {self._path!r} from index {self.index}{kept}>"


def _identity(op: Finding) -> tuple[object, ...]:
    """What stays the same of a change however often it is asked for."""
    if isinstance(op, Quiet):
        return ()
    node = op.node
    value = getattr(node, "value", None)
    return op.action, node.key, node.modified_index, node.created_index, value


def concerns(op: NodeOp, path: str, recursive: bool) -> bool:
    """Whether a change is one of those that a watch of a path is to be told of.

    etcd applies two rules to history and to parked waits; this is the one of parked
    waits.  Deleting ``/foo`` matches a scan for ``/foobar``, but is none of its
    concern; and a hidden key (``_name``) below the path is in no listing, so its
    changes are not told either.
    """
    key = op.node.key
    if key == path:
        return True
    if path.startswith(key.rstrip("/") + "/"):
        return op.action in (Action.DELETE, Action.EXPIRE)
    below = path.rstrip("/") + "/"
    return recursive and key.startswith(below) and "/_" not in key[len(below) - 1 :]
