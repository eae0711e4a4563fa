"""The body of a response, as it comes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Protocol as Interface

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger

from txetcd.errors import RequestCancelled, TxetcdError

if TYPE_CHECKING:
    from txetcd.http.stream import StreamedExchange

__all__ = ["HIGH_WATER", "Body", "Sink"]

_log = Logger()

#: How many bytes of a body may wait for their reader before the socket is read no more.
HIGH_WATER = 64 * 1024


#: The pieces of a body of which none waits; an empty deque of its own takes 0.7 KB.
_NONE: deque[bytes] = deque()


class Sink(Interface):
    """Who is told of a body as it comes."""

    def received(self, data: bytes) -> None:
        """The next piece."""

    def ended(self, error: TxetcdError | None) -> None:
        """It is whole, or something is wrong with it; told once."""


class Body:
    """The body of a response, piece by piece.

    It is read once, by one reader: with `read`, with ``async for``, or by a sink that
    `deliver` names.  No more than `HIGH_WATER` bytes, and what one read of the socket
    brings, are kept for a reader that is slow: then the socket is read no more.

    A body that is not wanted must be closed, or its connection stays taken.

    .. versionadded:: 0.1
    """

    __slots__ = (
        "_claimed",
        "_ended",
        "_error",
        "_exchange",
        "_flushing",
        "_pieces",
        "_reading",
        "_sink",
        "_size",
        "_stopped",
    )

    def __init__(self, exchange: StreamedExchange) -> None:
        self._exchange = exchange
        self._pieces = _NONE
        self._size = 0
        self._ended = False
        self._error: TxetcdError | None = None
        # By a sink, or by who has taken it whole.
        self._claimed = False
        self._sink: Sink | None = None
        self._reading: Deferred[bytes] | None = None
        self._stopped = False
        self._flushing = False

    # --- for its reader -----------------------------------------------------------

    def read(self) -> Deferred[bytes]:
        """The next piece.

        Returns:
            A Deferred that fires with some bytes, or with none at the end; it fails with
            `ReplyLost`, `MalformedResponse` or `ResponseTooLarge` where the body is not
            what was announced.  Cancelling it closes the connection.

        Raises:
            RuntimeError: The last piece that was asked for has not come yet, or the
                body has another reader.
        """
        if self._reading is not None or self._claimed:
            raise RuntimeError("the body is being read already")
        if self._pieces:
            return succeed(self._next())
        if self._error is not None:
            return fail(self._error)
        if self._ended:
            return succeed(b"")
        self._reading = Deferred(self._cancelled)
        return self._reading

    def __aiter__(self) -> Body:
        return self

    async def __anext__(self) -> bytes:
        piece = await self.read()
        if not piece:
            raise StopAsyncIteration
        return piece

    def deliver(self, sink: Sink) -> None:
        """Have a sink told of all that comes, from now on.

        Raises:
            RuntimeError: The body has a reader already.
        """
        self.claim(sink)
        self.resume()

    def claim(self, sink: Sink) -> None:
        """Have a sink told of all that comes, from the next `resume` on; as `deliver`."""
        if self._reading is not None or self._claimed:
            raise RuntimeError("the body is being read already")
        self._claimed = self._stopped = True
        self._sink = sink

    def take(self) -> bytes | None:
        """The whole body, if it has come and nobody reads it; else None."""
        if not self._ended or self._error is not None or self._claimed:
            return None
        self._claimed = True
        pieces, self._pieces, self._size = self._pieces, _NONE, 0
        return pieces.popleft() if len(pieces) == 1 else b"".join(pieces)

    def pause(self) -> None:
        """Tell the sink nothing more, and read no more of the socket, until `resume`."""
        self._stopped = True
        self._exchange.pause()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._stopped = False
        if self._sink is not None:
            self._flush()
        elif self._size < HIGH_WATER:
            self._exchange.resume()

    def close(self) -> None:
        """Want no more: unless the body has ended, its connection is closed."""
        self._drop()
        if self._ended:
            self._flush()
        else:
            self._exchange.failed(RequestCancelled(self._exchange.give_up()))

    def hang_up(self) -> None:
        """Have the connection closed; its reader is told when that is done.

        What the reader has not been told by then it is not told any more.
        """
        self._drop()
        if self._ended:
            self._flush()
        elif self._exchange.connection is not None:
            self._exchange.connection.hang_up()

    @property
    def ender(self) -> Callable[[], None] | None:
        """What ends our side of the connection, while it is read on; None if that cannot be."""
        return None if self._ended else self._exchange.ender

    def _drop(self) -> None:
        """Forget what has not been read; and tell even a sink that was paused of the end."""
        if self._ended and self._pieces and self._error is None:
            self._error = RequestCancelled()
        self._pieces.clear()
        self._size = 0
        self._stopped = False

    def __repr__(self) -> str:
        state = "ended" if self._ended else "under way"
        return f"<Body {state}, {self._size} bytes wait>"

    # --- for whoever receives it ------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Take a piece that has come."""
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.callback(data)
            return
        if self._pieces is _NONE:
            self._pieces = deque()
        self._pieces.append(data)
        self._size += len(data)
        self._flush()
        if self._size >= HIGH_WATER:
            self._exchange.pause()

    def end(self) -> None:
        """It is whole."""
        self._ended = True
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.callback(b"")
        self._flush()

    def fail(self, error: TxetcdError) -> None:
        """It will not be whole."""
        self._error = error
        self._ended = True
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.errback(error)
        self._flush()

    def _next(self) -> bytes:
        piece = self._pieces.popleft()
        self._size -= len(piece)
        if self._size < HIGH_WATER:
            self._exchange.resume()
        return piece

    def _flush(self) -> None:
        """Tell the sink what it has not been told, one thing after the other."""
        if self._flushing:
            return
        self._flushing = True
        try:
            while self._sink is not None and not self._stopped:
                if self._pieces:
                    piece = self._pieces.popleft()
                    self._size -= len(piece)
                    self._sink.received(piece)
                elif self._ended:
                    self._tell_end(self._sink)
                else:
                    self._exchange.resume()
                    # Some transports bring more at once.
                    if not self._pieces and not self._ended:
                        return
        finally:
            self._flushing = False

    def _tell_end(self, sink: Sink) -> None:
        self._sink, self._stopped = None, True
        try:
            sink.ended(self._error)
        except Exception:
            # The connection may have gone to another request already.
            _log.failure("{sink!r} raised at the end of a body", sink=sink)

    def _cancelled(self, _: Deferred[bytes]) -> None:
        self.close()
