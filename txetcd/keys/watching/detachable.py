"""A place at a shared watch that is given up when its consumer does not keep up."""

from __future__ import annotations

from collections.abc import Callable

from txetcd.keys.events.buffer import Lossless
from txetcd.keys.events.inbox import Inbox
from txetcd.keys.events.iteration import KeyEventIterator
from txetcd.keys.events.known import Known
from txetcd.keys.events.registration import LAST
from txetcd.keys.poll import Poll
from txetcd.model.node import NodeOp
from txetcd.reactive import Activity, Closable, Failed, Ok, Pending

__all__ = ["Detachable"]


class Detachable:
    """A place at a shared watch; after it was given up, a poll of its own.

    It is the steps of an `Iteration`, and observes the watch from the first on.  When
    the watch tells one event more than it can hold, it leaves the watch.  When its
    consumer has taken those, it goes on after the last of them, and asks only when asked.

    Args:
        watch: What is shared.
        poll_after: Makes a poll that begins after what another has told.
        known: What was told of the key; nothing yet.
        size: How many events it can hold.
    """

    def __init__(
        self,
        watch: Activity[NodeOp],
        poll_after: Callable[[NodeOp], Poll],
        known: Known,
        size: int,
    ) -> None:
        self._watch = watch
        self._poll_after = poll_after
        self._known = known
        self._inbox = Inbox(Lossless(size))
        self.bell = self._inbox.bell
        self.holder: object = None
        self._observation: Closable | None = None
        self._begun = self._left = self._closed = False
        self._last: NodeOp | None = None
        self._alone: KeyEventIterator | None = None

    async def next(self) -> NodeOp:
        if not self._begun:
            self._begin()
        ended = self._left and not self._inbox and not self._closed
        if self._alone is None and self._last is not None and ended:
            self._alone = KeyEventIterator(self._poll_after(self._last), self._known)
        if self._alone is not None:
            return await self._alone.__anext__()
        op = await self._inbox.receive()
        self._known.learn(op)
        self._last = op
        return op

    def _begin(self) -> None:
        self._begun = True
        self._observation = self._watch.observe(self._told)
        if self._left:
            # By what it was told at once.
            self._observation.close()

    def _told(self, state: Pending | Ok[NodeOp] | Failed) -> None:
        if isinstance(state, Ok):
            if not self._inbox.offer(state.value):
                self._leave()
        elif isinstance(state, Failed) and isinstance(error := state.failure.value, LAST):
            self._inbox.fail(error)
            self._inbox.end()

    def _leave(self) -> None:
        self._left = True
        if self._observation is not None:
            self._observation.close()

    def close(self) -> None:
        self._begun = self._closed = True
        self._leave()
        self._inbox.close()
        if self._alone is not None:
            self._alone.end()

    def __repr__(self) -> str:
        if self._alone is not None:
            return f"<alone: {self._alone!r}>"
        return f"<{'left' if self._left else 'at'} {self._watch!r}: {self._inbox!r}>"
