"""Requests whose bodies are produced while they are sent."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import RequestGenerationFailed
from twisted.web.iweb import UNKNOWN_LENGTH
from zope.interface import implementer

from txetcd.errors import ReplyLost, TxetcdError
from txetcd.http.connection import Connection
from txetcd.http.h1 import End, Head
from txetcd.http.stream import StreamedExchange

__all__ = ["ProducedExchange"]

_log = Logger()


class WrongBodyLength(Exception):
    """A producer made more or less than it had said."""


@implementer(IConsumer, IPushProducer)
class ProducedExchange(StreamedExchange):
    """One whose request has a body that an ``IBodyProducer`` makes.

    The producer is paused while the socket takes no more.  It is stopped when the
    request is given up, or answered before it has ended; the connection is closed then.

    Args:
        wire: The bytes of the head.
        method: The method.
        url: The server, for messages.
        accept_encoded: Whether it asks for a ``Content-Encoding``.
        producer: Makes the body.
    """

    __slots__ = ("_length", "_producer", "_transport", "_written")

    def __init__(
        self, wire: bytes, method: str, url: str, accept_encoded: bool, producer: Any
    ) -> None:
        super().__init__(wire, method, url, accept_encoded)
        self.is_sent = False
        self._producer = producer
        self._length = None if producer.length is UNKNOWN_LENGTH else producer.length
        self._written = 0
        self._transport: Any = None

    def connected(self, connection: Connection) -> None:
        connection.begin(self)
        # The head goes before the body, and so not with the requests of others.
        connection.send()
        if self.connection is None:
            return
        self._transport = connection.writer()
        # It may well raise.
        producing = maybeDeferred(self._produce)
        producing.addCallbacks(self._produced, self._not_produced)

    def _produce(self) -> Any:
        self._transport.registerProducer(self, True)
        return self._producer.startProducing(self)

    # --- as a consumer --------------------------------------------------------------

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """A producer of a producer's own; the socket then tells it when to pause."""
        if self._transport is not None:
            self._transport.unregisterProducer()
            self._transport.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """It is done."""
        if self._transport is not None:
            self._transport.unregisterProducer()

    def write(self, data: bytes) -> None:
        """Send a piece of the body."""
        if self.is_sent or self._transport is None:
            return
        self._written += len(data)
        if self._length is None:
            # An empty chunk would be the last (RFC 9112, section 7.1).
            if data:
                self._send(self._transport, b"%x\r\n%b\r\n" % (len(data), data))
        elif self._written > self._length:
            self._stop()
            self._broken(Failure(WrongBodyLength(f"more than {self._length} bytes")))
        else:
            self._send(self._transport, data)

    def _send(self, transport: Any, data: bytes) -> None:
        try:
            transport.write(data)
        except Exception:
            self._stop()
            self._broken(Failure())

    # --- as a producer, for the socket -----------------------------------------------

    def pauseProducing(self) -> None:
        """Make no more for now."""
        self._producer.pauseProducing()

    def resumeProducing(self) -> None:
        """Go on."""
        self._producer.resumeProducing()

    def stopProducing(self) -> None:
        """The connection is lost; the exchange is told of that as well, but stops once."""
        self._stop()

    # --- the end of it ------------------------------------------------------------------

    def _produced(self, _: object) -> None:
        transport = self._transport
        if not self._release():
            return
        if self._length is not None and self._written < self._length:
            wrong = f"{self._written} bytes instead of {self._length}"
            self._broken(Failure(WrongBodyLength(wrong)))
            return
        self.is_sent = True
        if self._length is None:
            self._send(transport, b"0\r\n\r\n")

    def _not_produced(self, failure: Failure) -> None:
        # If it was stopped, it may say so.
        if self._release():
            self._broken(failure)

    def _broken(self, failure: Failure) -> None:
        self.give_up()
        if not self.response.called:
            self.response.errback(RequestGenerationFailed([failure]))
        else:
            words = f"the body of the request could not be made: {failure.value}"
            self.failed(ReplyLost(words, failure.value))

    def _release(self) -> bool:
        """Have the socket tell the producer nothing more; whether it did until now."""
        transport, self._transport = self._transport, None
        if transport is None:
            return False
        transport.unregisterProducer()
        return True

    def _stop(self) -> None:
        """Have the producer make no more."""
        if not self._release():
            return
        try:
            self._producer.stopProducing()
        except Exception:
            _log.failure("stopping {producer!r} failed", producer=self._producer)

    def give_up(self) -> bool:
        self._stop()
        return super().give_up()

    def whole_received(self, head: Head, body: bytes, end: End) -> None:
        self._stop()
        super().whole_received(head, body, end)

    def finished(self, end: End) -> None:
        self._stop()
        super().finished(end)

    def failed(self, error: TxetcdError) -> None:
        self._stop()
        super().failed(error)
