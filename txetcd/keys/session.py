"""What all keys of one client share."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from txetcd.clock import Clock, sleep
from txetcd.inflight import InFlight
from txetcd.model.node import NodeOp
from txetcd.model.op import Op
from txetcd.model.outcome import settle
from txetcd.service import Service, Status

__all__ = ["Session"]


class Session(Service[Op, NodeOp]):
    """The service of operations that keys ask, and the clock that watches wait by.

    It keeps track of all that is under way, so that `close` leaves nothing behind;
    and it holds to the promise about writes whatever filters stand below: a write
    that may have been carried out fails with `AmbiguousWrite`.

    Args:
        service: Any service of operations.
        clock: Delays; a reactor, or `twisted.internet.task.Clock`.

    .. versionadded:: 0.1
    """

    def __init__(self, service: Service[Op, NodeOp], clock: Clock) -> None:
        self.clock = clock
        self._service = service
        self._operations: InFlight[NodeOp] = InFlight(settle)
        self._pauses: InFlight[None] = InFlight()

    def apply(self, request: Op) -> Deferred[NodeOp]:
        return self._operations.add(self._service, request)

    def sleep(self, seconds: float) -> Deferred[None]:
        """Fire with None after a time; fail with `ServiceClosed` on `close`."""
        return self._pauses.add(sleep, self.clock, seconds)

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
