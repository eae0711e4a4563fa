"""Events that are read into a buffer while their consumer is busy."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from txetcd.keys.events.buffer import Bounded
from txetcd.keys.events.inbox import Inbox
from txetcd.keys.events.iteration import KeyEventIterator
from txetcd.model.node import NodeOp

__all__ = ["ReadAhead"]


class ReadAhead:
    """Takes events from an iterator into a buffer, as long as there is room.

    It is the steps of an `Iteration`, and begins with the first.  While the buffer is
    full nothing is under way, and at most one event is held besides.

    Args:
        source: Where the events come from.
        buffer: Where they go.
    """

    def __init__(self, source: KeyEventIterator, buffer: Bounded) -> None:
        self._source = source
        self._inbox = Inbox(buffer)
        self.bell = self._inbox.bell
        self.holder: object = None
        self._room: Deferred[None] | None = None
        self._reading = self._closed = False
        self._ended: Deferred[None] | None = None

    async def next(self) -> NodeOp:
        if not (self._reading or self._closed or self._inbox.failed):
            self._reading = True
            self._ended = Deferred.fromCoroutine(self._read())
        op = await self._inbox.receive()
        room, self._room = self._room, None
        if room is not None:
            room.callback(None)
        return op

    async def _read(self) -> None:
        try:
            while True:
                while self._inbox.full:
                    await self._until_room()
                op = await self._source.__anext__()
                while not self._inbox.offer(op):
                    await self._until_room()
        except Exception as error:
            # The next step goes on; the source knows whether it has ended.
            self._reading = False
            if not self._closed:
                self._inbox.fail(error)

    async def _until_room(self) -> None:
        self._room = Deferred()
        await self._room

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        # What is running now may have called this, and is not to ask again.
        self._source.end()
        if self._ended is not None:
            self._ended.cancel()
        self._inbox.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else "paused" if self._room else "reading"
        return f"<ReadAhead, {state}: {self._inbox!r} of {self._source!r}>"
