"""Connections to one server, kept for the next request."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any

from twisted.internet.defer import Deferred, succeed

from txetcd.clock import Clock, DelayedCall
from txetcd.errors import NotSent, QueueFull, ServiceClosed
from txetcd.http.attempt import Attempt
from txetcd.http.connection import Connection
from txetcd.http.exchange import Waiter
from txetcd.http.h1 import DEFAULT_LIMITS, Limits
from txetcd.http.loan import Loan
from txetcd.http.message import Request, Response
from txetcd.http.pool_policy import DEFAULT_POOL_LIMITS, Census, PoolLimits, Step, next_step
from txetcd.http.url import Server
from txetcd.service import Service, ServiceFactory, Status

__all__ = ["DEFAULT_CONNECT_TIMEOUT", "Pool"]

#: How long connecting may take, with a TLS handshake, in seconds.
DEFAULT_CONNECT_TIMEOUT = 5.0

#: For how long after its last use a connection is taken to be alive without asking the
#: system, in seconds; for reads alone, which may be sent again.  Asking costs 3 µs.
FRESH = 0.01

#: How long a request must have been without a byte of its reply, when its connection is
#: closed, to speak against others, in seconds.  A server that is well answers within
#: milliseconds, and one packet that is lost costs less than this.
SILENCE = 1.0

#: As when a request began of which that is not known: it has been silent for no time.
NEVER = math.inf


class Pool(ServiceFactory[Request, Response]):
    """Connections to one server.

    As a service factory it hands a connection out; closing that service gives the
    connection back.  The one that was used last is used next, so that those which are
    not needed grow old and go.  What comes first is served first.

    A connection is asked of its health before it is used again: one that the server
    has closed meanwhile, or on which it has spoken unasked, costs no request.  Where the
    network was lost without a word, asking tells nothing; there the first request that is
    given up after a second of silence takes the connections along that are as old.

    The Deferred of a service fails with `NotSent` where no connection could be made,
    `QueueFull` where too many wait for one, and `ServiceClosed`.  Cancelling it stops
    waiting, and making a connection that nobody else waits for.

    Args:
        endpoint: Makes the connections: an ``IStreamClientEndpoint``.
        server: The server, as requests and errors are to name it.
        clock: Tells when a connection has been idle for too long.
        limits: How many connections, and how long they are kept.
        connect_timeout: How long making one may take, in seconds.
        response_limits: How much of a response is read.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        endpoint: Any,
        server: Server,
        clock: Clock,
        *,
        limits: PoolLimits = DEFAULT_POOL_LIMITS,
        connect_timeout: float = DEFAULT_CONNECT_TIMEOUT,
        response_limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        if not connect_timeout > 0:
            raise ValueError(f"connect_timeout must be more than 0 s, not {connect_timeout!r}")
        self.server = server
        self._endpoint = endpoint
        self._clock = clock
        self._limits = limits
        self._connect_timeout = connect_timeout
        self._response_limits = response_limits
        # With when they became idle; the one that was used last is the last.
        self._idle: OrderedDict[Connection, float] = OrderedDict()
        # With when they were taken, which is when the request on them began, if that is known.
        self._busy: dict[Connection, float] = {}
        # Of the busy ones, those that stay so until they are given back.
        self._lent: set[Connection] = set()
        self._attempts: OrderedDict[Attempt, None] = OrderedDict()
        self._waiting: OrderedDict[Waiter, None] = OrderedDict()
        # How many attempts nobody waits for any more, since another connection became free.
        self._spare = 0
        # Closed, but not yet gone from the reactor.
        self._leaving: set[Connection] = set()
        # Busy, and to be told to send in the next turn of the reactor.
        self._unsent: list[Connection] = []
        self._sending: DelayedCall | None = None
        self._expiry: DelayedCall | None = None
        self._is_closed = self._is_settling = False
        self._closing: list[Deferred[None]] = []

    # --- what is asked of it --------------------------------------------------------

    def apply(self) -> Deferred[Service[Request, Response]]:
        loan = Loan(self)
        self.submit(loan)
        return loan.service

    def submit(self, waiter: Waiter) -> None:
        """Have a connection given to a waiter, now or when there is one."""
        if self._idle and not self._waiting and not self._is_closed:
            connection = self._take(waiter)
            if connection is not None:
                waiter.connected(connection)
                return
        if self._is_closed:
            waiter.failed(ServiceClosed())
            return
        waiter.pool = self
        self._waiting[waiter] = None
        self._settle()

    def abandon(self, waiter: Waiter) -> None:
        """Forget a waiter."""
        self._waiting.pop(waiter, None)
        self._settle()

    def lend(self, connection: Connection) -> None:
        """Keep a connection for its user until it is given back, not for one request."""
        self._lent.add(connection)
        # Its user sends requests later, and tells the pool of none.
        self._busy[connection] = NEVER

    def give_back(self, connection: Connection) -> None:
        """Take back a connection; it is closed if its last request has not ended."""
        self._lent.discard(connection)
        if connection.status is Status.OPEN:
            self.released(connection)
        else:
            connection.close()

    def close(self) -> Deferred[None]:
        """Close all connections; what is under way or waits fails with `ServiceClosed`.

        Returns:
            A Deferred that fires with None when nothing is left in the reactor.
        """
        self._is_closed = True
        self._stop_timers()
        for attempt in list(self._attempts):
            self._attempts.pop(attempt, None)
            attempt.cancel()
        while self._waiting:
            self._next_waiter().failed(ServiceClosed())
        for connection in [*self._idle, *self._busy]:
            connection.close()
        if not self._leaving:
            return succeed(None)
        self._closing.append(Deferred())
        return self._closing[-1]

    @property
    def status(self) -> Status:
        if self._is_closed:
            return Status.CLOSED
        census = self._census()
        used = census.busy + census.connecting
        return Status.OPEN if used < self._limits.connections else Status.BUSY

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it: no connection, and nobody who waits for one."""
        return self._census() == Census() and not self._leaving

    def __repr__(self) -> str:
        census = self._census()
        state = "closed" if self._is_closed else f"of {self._limits.connections}"
        return (
            f"<Pool of {self.server.url}: {census.idle} idle, {census.busy} busy, "
            f"{census.connecting} connecting, {census.waiting} waiting, {state}>"
        )

    # --- what becomes of its connections -----------------------------------------------

    def released(self, connection: Connection) -> None:
        if connection in self._lent or self._is_closed:
            return
        self._busy.pop(connection, None)
        self._keep(connection)

    def discarded(self, connection: Connection) -> None:
        self._idle.pop(connection, None)
        began = self._busy.pop(connection, NEVER)
        self._lent.discard(connection)
        self._leaving.add(connection)
        if connection.has_sent and not connection.has_heard:
            self._doubt(began)
        self._settle()

    def lost(self, connection: Connection) -> None:
        self._leaving.discard(connection)
        if self._is_closed and not self._leaving:
            waiting, self._closing = self._closing, []
            for each in waiting:
                each.callback(None)

    def send_soon(self, connection: Connection) -> None:
        if len(self._busy) == 1:
            connection.send()
            return
        # Requests that are made in one turn of the reactor are sent together: with a pause
        # after each the server falls asleep, and waking it costs 5 to 10 µs of our time.
        if not self._unsent:
            self._sending = self._clock.callLater(0, self._send_all)
        self._unsent.append(connection)

    def _send_all(self) -> None:
        unsent, self._unsent = self._unsent, []
        for connection in unsent:
            connection.send()

    def made(self, attempt: Attempt, connection: Connection) -> None:
        """An attempt has made a connection."""
        if self._attempts.pop(attempt, _GONE) is _GONE:
            connection.abort()
        elif connection.status is Status.OPEN:
            self._keep(connection)
        else:
            self._settle()

    def not_made(self, attempt: Attempt, error: NotSent) -> None:
        """An attempt has failed, and with it whoever has waited longest."""
        if self._attempts.pop(attempt, _GONE) is _GONE:
            return
        # First, so that there is never one connection too many.
        attempt.cancel()
        if self._waiting:
            self._next_waiter().failed(error)
        self._settle()

    # --- its steps ---------------------------------------------------------------------

    def _settle(self) -> None:
        """Do whatever is to be done, one step after the other.

        What a step gives rise to is done by the loop that took the step: one within the
        other, thousands of steps would not fit on Python's stack.
        """
        if self._is_settling:
            return
        self._is_settling = True
        try:
            while not self._is_closed and (step := next_step(self._census(), self._limits)):
                _STEPS[step](self)
        finally:
            self._is_settling = False

    def _census(self) -> Census:
        connecting, waiting = len(self._attempts), len(self._waiting)
        self._spare = min(self._spare, max(0, connecting - waiting))
        return Census(len(self._idle), len(self._busy), connecting, waiting, self._spare)

    def _hand_over(self) -> None:
        connection = self._take(next(iter(self._waiting)))
        if connection is not None:
            waiter = self._next_waiter()
            self._spare = max(self._spare, len(self._attempts) - len(self._waiting))
            waiter.connected(connection)

    def _connect(self) -> None:
        attempt = Attempt(self)
        self._attempts[attempt] = None
        attempt.begin(self._endpoint, self._connection, self._clock, self._connect_timeout)

    def _give_up(self) -> None:
        attempt, _ = self._attempts.popitem()
        attempt.cancel()

    def _refuse(self) -> None:
        waiter, _ = self._waiting.popitem()
        waiter.pool = None
        waiting = self._limits.waiting
        waiter.failed(QueueFull(f"{waiting} requests wait for a connection already"))

    def _next_waiter(self) -> Waiter:
        waiter, _ = self._waiting.popitem(last=False)
        waiter.pool = None
        return waiter

    def _connection(self) -> Connection:
        return Connection(self.server, self._response_limits, self)

    # --- idle connections ---------------------------------------------------------------

    def _take(self, waiter: Waiter) -> Connection | None:
        """The idle connection that was used last, if it is of use still."""
        connection, since = self._idle.popitem()
        now = self._clock.seconds()
        if (now - since > FRESH or waiter.is_write) and connection.is_stale:
            connection.abort()
            return None
        self._busy[connection] = now
        return connection

    def _keep(self, connection: Connection) -> None:
        self._idle[connection] = self._clock.seconds()
        if self._waiting or self._attempts:
            self._settle()
        if self._expiry is None and self._idle:
            self._expiry = self._clock.callLater(self._limits.idle_time, self._expire)

    def _doubt(self, began: float) -> None:
        """Close what was idle before a request began that was given up in silence.

        A network that is lost without a word takes all connections with it, and none of
        them can be told from one that is well: each request would take the next dead one,
        and be lost with it.  What became idle later has had an answer meanwhile, so it
        is alive.  If it was the server that was slow, some are made anew for nothing.
        """
        if self._is_closed or self._clock.seconds() - began < SILENCE:
            return
        while self._idle:
            connection, since = next(iter(self._idle.items()))
            if since >= began:
                return
            connection.abort()

    def _expire(self) -> None:
        """Close what has been idle for too long; one delayed call serves all."""
        self._expiry = None
        now = self._clock.seconds()
        while self._idle:
            connection, since = next(iter(self._idle.items()))
            # The same sum as that of the delayed call: rounded otherwise, it could be
            # called too early, again and again.
            due = since + self._limits.idle_time
            if due > now:
                self._expiry = self._clock.callLater(due - now, self._expire)
                return
            connection.abort()

    def _stop_timers(self) -> None:
        for timer in (self._expiry, self._sending):
            if timer is not None and timer.active():
                timer.cancel()
        self._expiry = self._sending = None


_GONE = object()

_STEPS = {
    Step.HAND_OVER: Pool._hand_over,
    Step.CONNECT: Pool._connect,
    Step.GIVE_UP: Pool._give_up,
    Step.REFUSE: Pool._refuse,
}
