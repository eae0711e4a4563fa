"""A cursor over etcd's history: each change from an index on, once, in order.

Theory of operation
-------------------

etcd v2 keeps the last 1000 events of the whole store.  A wait with
``waitIndex=cursor`` first *scans* that history, and only if nothing in it matches is
it *parked* until something happens.  Scanning and parking happen under one lock
(``store/watcher_hub.go``), and the index of the store at that moment, H, is sent in
the head of the answer.  So there are two kinds of answer, told apart without doubt:

- The change's own index is at most H: it was found by the scan.  Nothing between the
  cursor and it has been missed.  It is delivered, and the cursor moves past it.
- Its index is above H: the wait was parked and has been woken.  That proves that
  nothing up to H matched, but not that this change is the first after H: a member
  that catches up from a snapshot drops changes for parked waits and then wakes them
  with a later one.  So it is only a *doorbell*: the same question is asked again, and
  this time the history answers.  One whose index is H + 1 is an exception: no index
  lies between, so nothing can have been dropped, and it is delivered.

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
- A parked wait whose connection has died hears nothing, as does one on a store that
  was wiped.  So waits are made anew every `REARM` seconds.  Silence proves nothing
  about what matched (an answer may be stuck on its way), so the cursor stays.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred

from txetcd.clock import DelayedCall
from txetcd.errors import EventIndexCleared, RequestTimedOut, UnexpectedResponse
from txetcd.keys.session import Session
from txetcd.model.node import Action, NodeOp, State
from txetcd.model.op import Get

__all__ = ["REARM", "Changes", "HistoryLost"]

#: How long a wait is parked before it is made anew, in seconds: the bound within
#: which a dead connection or a wiped store is noticed.
REARM = 30.0


class HistoryLost(Exception):
    """The changes from the cursor on cannot be had.

    Args:
        certain: Whether that is known; otherwise a quorum read has to tell.
    """

    def __init__(self, certain: bool) -> None:
        super().__init__(certain)
        self.certain = certain


class Changes:
    """The changes of a key from an index on.

    It asks only when it is asked, so a consumer that pauses costs nothing.  A
    failure leaves the cursor where it was: `next` may be called again.

    Args:
        session: What is asked.
        path: The key.
        recursive: Whether changes below it count too.
        index: The index of the first change wanted.
        rearm: How long a wait may be parked, in seconds.

    Attributes:
        index: The cursor: everything before it has been delivered.
        heard: When the server last answered a wait, if only with its head, by the
            session's clock; None if it never has.
    """

    def __init__(
        self,
        session: Session,
        path: str,
        recursive: bool,
        index: int,
        rearm: float = REARM,
    ) -> None:
        self.index = index
        self.heard: float | None = None
        self._session = session
        self._path = path
        self._recursive = recursive
        self._rearm = rearm
        self._last: NodeOp | None = None
        self._doubtful = False
        self._tells_heads = False

    async def next(self) -> NodeOp:
        """The next change.

        Raises:
            HistoryLost: It cannot be had.
            Exception: Whatever the request failed with.
        """
        try:
            while True:
                if self._doubtful:
                    await self._verify()
                op = await self._ask(self.index, self.index - 1)
                if op is None:
                    continue
                self.index = op.node.modified_index + 1
                self._last = op
                if concerns(op, self._path, self._recursive):
                    return op
        except CancelledError:
            # The consumer's own doing, and no sign of anything.
            raise
        except BaseException:
            self._doubtful = True
            raise

    def trust(self) -> None:
        """Go on from the cursor after a `HistoryLost` that was not for certain.

        A change that was delivered is still looked up before the next.
        """
        self._doubtful = self._last is not None

    async def _verify(self) -> None:
        """See that the last change is still where it was."""
        last = self._last
        if last is None:
            raise HistoryLost(certain=False)
        index = last.node.modified_index
        found = await self._ask(index, index)
        if found is None or _identity(found) != _identity(last):
            raise HistoryLost(certain=True)
        self._doubtful = False

    async def _ask(self, index: int, least: int) -> NodeOp | None:
        """The first change at or after an index, if history has it.

        None if the wait was parked, and was woken or made anew.

        Args:
            index: Where to wait from.
            least: A store whose index is below this is not the one we know.
        """
        wait = _Wait(self._session, Get(self._path, self._recursive, True, index), least)
        try:
            op = await wait.answer(self._rearm)
        except EventIndexCleared:
            raise HistoryLost(certain=True) from None
        finally:
            if wait.heard is not None:
                self.heard, self._tells_heads = wait.heard, True
        if op is None:
            if self._tells_heads and wait.heard is None:
                raise RequestTimedOut(self._rearm, possibly_applied=False)
            return None
        if op.etcd.index == 0 or op.node.modified_index < index:
            raise UnexpectedResponse(
                200,
                reason=f"a wait from index {index} was answered with index "
                f"{op.node.modified_index}, at index {op.etcd.index}",
            )
        if op.etcd.index < least:
            raise HistoryLost(certain=False)
        if op.node.modified_index > op.etcd.index + 1:
            self.index = max(self.index, op.etcd.index + 1)
            return None
        return op

    def __repr__(self) -> str:
        return f"<Changes of {self._path!r} from index {self.index}>"


class _Wait:
    """One long-poll, which can be given up for two reasons of our own."""

    def __init__(self, session: Session, op: Get, least: int) -> None:
        self.heard: float | None = None
        self._session = session
        self._least = least
        self._fell = False
        self._over = False
        self._timers: list[DelayedCall] = []
        self._reply: Deferred[NodeOp] = session(_with_state(op, self._on_state))

    async def answer(self, rearm: float) -> NodeOp | None:
        """The answer; None if there was none within ``rearm`` seconds."""
        self._give_up_in(rearm)
        try:
            return await self._reply
        except Exception:
            if self._fell:
                raise HistoryLost(certain=False) from None
            if self._over:
                return None
            raise
        finally:
            for timer in self._timers:
                if timer.active():
                    timer.cancel()

    def _on_state(self, state: State) -> None:
        self.heard = self._session.clock.seconds()
        if 0 < state.index < self._least:
            # Not at once: the request that is to be cancelled is on the call stack.
            self._fell = True
            self._give_up_in(0)

    def _give_up_in(self, seconds: float) -> None:
        self._timers.append(self._session.clock.callLater(seconds, self._give_up))

    def _give_up(self) -> None:
        self._over = True
        self._reply.cancel()


def _with_state(op: Get, told: object) -> Get:
    return Get(op.path, op.recursive, op.wait, op.wait_index, on_state=told)  # type: ignore[arg-type]


def _identity(op: NodeOp) -> tuple[object, ...]:
    """What stays the same of a change however often it is asked for."""
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
