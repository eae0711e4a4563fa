"""One direction of a connection through the proxy."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from txetcd.clock import Clock, DelayedCall
from txetcd.testing._faults import Throttle

__all__ = ["Pipe", "Transport"]

#: More bytes than this are not kept waiting: the side that sends them is paused.
FULL = 1 << 16


class Transport(Protocol):
    """One end of a TCP connection: Twisted's ``ITCPTransport``, in part."""

    def write(self, data: bytes) -> None:
        """Send bytes, some time."""

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Have somebody asked for more whenever all has been sent."""

    def unregisterProducer(self) -> None:
        """Ask nobody any more."""

    def pauseProducing(self) -> None:
        """Do not read."""

    def resumeProducing(self) -> None:
        """Read."""

    def loseConnection(self) -> None:
        """Close it in order, once all has been sent."""

    def loseWriteConnection(self) -> None:
        """Close it in order in this direction alone, once all has been sent."""

    def abortConnection(self) -> None:
        """Reset it now."""

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Do not wait for more before sending."""


class Pipe:
    """Carries bytes from one transport to another, late or slowly if told so.

    It is a pull producer of the transport it writes to: it writes no more before all of
    what it wrote has been given to the system.  So it knows when an end may come, and the
    bytes of a throttled connection leave one by one.

    Args:
        clock: Makes things late.
        delay: How late bytes are that come now, in seconds.
        throttle: How slowly they go.

    Attributes:
        source: Where the bytes come from, once it is known; it is paused while many are
            waiting.
    """

    def __init__(
        self,
        clock: Clock,
        delay: Callable[[], float],
        throttle: Callable[[], Throttle | None] = lambda: None,
    ) -> None:
        self._clock = clock
        self.source: Transport | None = None
        self._delay = delay
        self._throttle = throttle
        self._sink: Transport | None = None
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self._flushed = False
        self._not_before = 0.0
        self._timer: DelayedCall | None = None
        self._on_end: Callable[[], None] | None = None
        self._source_paused = False

    def attach(self, sink: Transport) -> None:
        """Write to this transport from now on."""
        self._sink = sink
        sink.registerProducer(self, False)

    def send(self, data: bytes) -> None:
        """Carry these bytes."""
        if data:
            self._waiting.append((self._clock.seconds() + self._delay(), data))
            self._size += len(data)
            self._pump()

    def end(self, then: Callable[[], None]) -> None:
        """Do something once all bytes have been given to the system, and carry no more."""
        self._on_end = then
        self._pump()

    def close(self) -> None:
        """Forget everything: one of the ends is gone."""
        self._waiting.clear()
        self._size = 0
        self._on_end = None
        self._sink = self.source = None
        self._stop_timer()

    def resumeProducing(self) -> None:
        """All that was written has been sent (``IPullProducer``)."""
        self._flushed = True
        self._pump()

    def stopProducing(self) -> None:
        """The transport is gone (``IPullProducer``)."""
        self.close()

    def _pump(self) -> None:
        if self._flushed and self._sink is not None:
            if not self._waiting:
                self._finish(self._sink)
            elif not self._too_early():
                self._write(self._sink)
        self._pace_source()

    def _too_early(self) -> bool:
        wait = max(self._waiting[0][0], self._not_before) - self._clock.seconds()
        if wait <= 0:
            return False
        self._stop_timer()
        self._timer = self._clock.callLater(wait, self._pump)
        return True

    def _write(self, sink: Transport) -> None:
        throttle = self._throttle()
        if throttle is None:
            data = self._take_all_due()
        else:
            self._not_before = self._clock.seconds() + throttle.interval
            data = self._take(throttle.size)
        self._size -= len(data)
        self._flushed = False
        sink.write(data)

    def _take_all_due(self) -> bytes:
        now = self._clock.seconds()
        taken = []
        while self._waiting and self._waiting[0][0] <= now:
            taken.append(self._waiting.popleft()[1])
        return b"".join(taken)

    def _take(self, size: int) -> bytes:
        due, data = self._waiting.popleft()
        if len(data) > size:
            self._waiting.appendleft((due, data[size:]))
        return data[:size]

    def _finish(self, sink: Transport) -> None:
        if self._on_end is not None:
            then, self._on_end = self._on_end, None
            sink.unregisterProducer()
            self.close()
            then()

    def _pace_source(self) -> None:
        full = self._size > FULL
        if self.source is not None and full is not self._source_paused:
            self._source_paused = full
            (self.source.pauseProducing if full else self.source.resumeProducing)()

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
