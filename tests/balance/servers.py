"""Servers that answer when a test says so, and what they are asked."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred, succeed

from txetcd import Service, Status


@attrs.frozen
class Ask:
    """A request that may be a wait."""

    path: str = "/"
    long_poll: bool = False


class Server(Service):
    """Keeps each request until the test answers it; see `outcome`.

    Attributes:
        outcome: What `apply` does at once, a function of the request; or None.
        under_way: The requests that have no answer, with their Deferreds; in order.
        asked: All requests there were.
        cancelled: The requests that were cancelled.
        closed: How often it was closed.
        closing: What `close` returns, or raises.
        deaf: Whether it goes on with requests that are cancelled.
        answers_at_last: Whether it answers all requests when it is closed.
    """

    def __init__(self, address):
        self.address = address
        self.outcome: Any = None
        self.under_way: list[tuple[Any, Deferred]] = []
        self.asked: list[Any] = []
        self.cancelled: list[Any] = []
        self.closed = 0
        self.closing: Any = None
        self.state = Status.OPEN
        self.deaf = False
        self.answers_at_last = False

    def apply(self, request):
        self.asked.append(request)
        if self.outcome is not None:
            return self.outcome(request)
        return self._unmoved(request) if self.deaf else self._keep(request)

    def _keep(self, request):
        answer: Deferred = Deferred(lambda _: self._cancel(request, answer))
        self.under_way.append((request, answer))
        return answer

    def _cancel(self, request, answer):
        self.cancelled.append(request)
        self.under_way.remove((request, answer))

    async def _unmoved(self, request):
        while True:
            try:
                return await self._keep(request)
            except CancelledError:
                continue

    def answer(self, outcome="answer"):
        """Answer the oldest request, with a response or an exception."""
        _, answer = self.under_way.pop(0)
        if isinstance(outcome, Exception):
            answer.errback(outcome)
        else:
            answer.callback(outcome)

    def close(self):
        self.closed += 1
        while self.answers_at_last and self.under_way:
            self.answer()
        if isinstance(self.closing, Exception):
            raise self.closing
        return succeed(None) if self.closing is None else self.closing

    @property
    def status(self):
        return self.state

    def __repr__(self):
        return f"Server({self.address!r})"


class Network:
    """Makes a `Server` for each address it is asked for.

    Attributes:
        made: All servers ever made, in order.
    """

    def __init__(self):
        self.made: list[Server] = []

    def __call__(self, address):
        server = Server(address)
        self.made.append(server)
        return server

    def __getitem__(self, address) -> Server:
        """The one made last for an address."""
        return [server for server in self.made if server.address == address][-1]

    def __iter__(self):
        return iter(self.made)
