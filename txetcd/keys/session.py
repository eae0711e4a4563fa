"""What all keys of one client share."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from twisted.internet.defer import Deferred

from txetcd.clock import Clock, sleep
from txetcd.inflight import InFlight
from txetcd.model.node import NodeOp
from txetcd.model.op import Op
from txetcd.model.outcome import settle
from txetcd.service import Service, Status

__all__ = ["LINGER", "Session"]

T = TypeVar("T")

#: How long a shared watch goes on after its last observer has gone, in seconds: long
#: enough for one who closes and comes back, and too short to be felt by the server.
LINGER = 5.0


class Session(Service[Op, NodeOp]):
    """The service of operations that keys ask, and the clock that watches wait by.

    It keeps track of all that is under way, so that `close` leaves nothing behind;
    and it holds to the promise about writes whatever filters stand below: a write
    that may have been carried out fails with `AmbiguousWrite`.

    Args:
        service: Any service of operations.
        clock: Delays; a reactor, or `twisted.internet.task.Clock`.
        linger: How long a shared watch that nobody observes goes on, in seconds; 0 or
            more.

    Raises:
        ValueError: ``linger`` is negative or not finite.
        TypeError: ``linger`` is not a number.

    .. versionadded:: 0.1
    """

    def __init__(
        self, service: Service[Op, NodeOp], clock: Clock, linger: float = LINGER
    ) -> None:
        if isinstance(linger, bool) or not isinstance(linger, (int, float)):
            raise TypeError(f"linger={linger!r}: it must be a number of seconds")
        if not 0 <= linger < math.inf:
            raise ValueError(f"linger={linger!r}: it must be 0 or more seconds, and finite")
        self.clock = clock
        self.linger = linger
        self._shared: WeakValueDictionary[Hashable, Any] = WeakValueDictionary()
        self._service = service
        self._operations: InFlight[NodeOp] = InFlight(settle)
        self._pauses: InFlight[None] = InFlight()

    def apply(self, request: Op) -> Deferred[NodeOp]:
        return self._operations.add(self._service, request)

    def sleep(self, seconds: float) -> Deferred[None]:
        """Fire with None after a time; fail with `ServiceClosed` on `close`."""
        return self._pauses.add(sleep, self.clock, seconds)

    def shared(self, kind: Callable[..., T], *asked: Hashable) -> T:
        """What is shared by all who ask for the same: made for the first, kept while in use.

        Args:
            kind: Called with this session and with what is asked for.
            asked: What tells one from another.
        """
        found: T | None = self._shared.get((kind, asked))
        if found is None:
            found = self._shared[kind, asked] = kind(self, *asked)
        return found

    def close(self) -> Deferred[None]:
        """End all that is under way (`ServiceClosed`), then close the service below."""
        # A pause that ends makes no request any more.
        closed = self._operations.close()
        self._pauses.close()
        return closed.addCallback(lambda _: self._service.close())

    @property
    def status(self) -> Status:
        return Status.CLOSED if self._operations.closed else self._service.status

    def __repr__(self) -> str:
        return repr(self._service)
