"""Where one consumer takes what others tell."""

from __future__ import annotations

from txetcd.keys.events.buffer import Bounded
from txetcd.model.node import NodeOp
from txetcd.reactive.iteration import Bell

__all__ = ["Inbox"]


class Inbox:
    """A buffer whose consumer waits while there is nothing in it.

    Args:
        buffer: What holds that which was not taken yet.

    Attributes:
        bell: What the consumer waits for.
    """

    __slots__ = ("_buffer", "_ended", "_error", "bell")

    def __init__(self, buffer: Bounded) -> None:
        self._buffer = buffer
        self.bell = Bell()
        self._error: Exception | None = None
        self._ended = False

    @property
    def full(self) -> bool:
        """Whether nothing more can be taken in."""
        return self._buffer.full

    @property
    def failed(self) -> bool:
        """Whether there is an error that was not raised yet."""
        return self._error is not None

    def offer(self, op: NodeOp) -> bool:
        """Take one in, if there is room; whether there was."""
        taken = self._buffer.offer(op)
        if taken:
            self.bell.ring()
        return taken

    def fail(self, error: Exception) -> None:
        """Raise an error to the consumer, once, when it has taken all that came before."""
        self._error = error
        self.bell.ring()

    def end(self) -> None:
        """Nothing more comes after what there is."""
        self._ended = True
        self.bell.ring()

    def close(self) -> None:
        """Drop all that there is, and end; one who waits is not woken."""
        while self._buffer:
            self._buffer.pop()
        self._error = None
        self._ended = True

    async def receive(self) -> NodeOp:
        """The first, as soon as there is one.

        Raises:
            StopAsyncIteration: There is none, and none will come.
            Exception: What `fail` was given.
            RuntimeError: Another step is waiting already.
        """
        while not self._buffer:
            if self._error is not None:
                error, self._error = self._error, None
                raise error
            if self._ended:
                raise StopAsyncIteration
            await self.bell.wait()
        return self._buffer.pop()

    def __len__(self) -> int:
        return len(self._buffer)

    def __repr__(self) -> str:
        return f"<Inbox of {self._buffer!r}{', ended' if self._ended else ''}>"
