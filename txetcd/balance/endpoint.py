"""One server of several: its service, its load, and its leaving."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred, fail, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from txetcd.balance.load import Load
from txetcd.errors import EndpointDown, ServiceClosed, TxetcdError
from txetcd.filters.parked import Parked, detached
from txetcd.service import Service, Status

__all__ = ["Endpoint"]

Req = TypeVar("Req")
Rep = TypeVar("Rep")

_log = Logger()

#: What a long poll is told when its endpoint has left.
LEFT = "the endpoint is none any more; the wait can go on at another"


class Endpoint(Generic[Req, Rep]):
    """A service at an address, and the count of what is under way there.

    Requests that are answered at once are counted, and are its load.  Long polls are
    neither: a parked wait is no load, and would keep an endpoint that leaves for hours.

    Args:
        address: Where it is.
        service: Serves its requests.
        metric: Its load, of which nothing was told yet.
    """

    __slots__ = (
        "_closed",
        "_closing",
        "_drained",
        "_gone",
        "_metric",
        "_parked",
        "_service",
        "_under_way",
        "address",
    )

    def __init__(self, address: str, service: Service[Req, Rep], metric: Load) -> None:
        self.address = address
        self._service = service
        self._metric = metric
        self._under_way = 0
        self._parked = Parked(LEFT)
        # Whether its long polls have failed because it left.
        self._gone = False
        # Fires when it has left, and nothing that counts is under way.
        self._drained: Deferred[None] | None = None
        # Those that wait for it to be closed; None before that was asked for.
        self._closing: list[Deferred[None]] | None = None
        # How closing has ended.
        self._closed: tuple[Any] | None = None

    @property
    def status(self) -> Status:
        """That of its service."""
        return self._service.status

    @property
    def load(self) -> float:
        """How much it has to do."""
        return self._metric.value

    @property
    def under_way(self) -> int:
        """How many requests it has not answered, long polls not counted."""
        return self._under_way

    def send(self, request: Req) -> Deferred[Rep]:
        """Serve a request that counts."""
        began = self._metric.begin()
        self._under_way += 1
        return self._ask(request).addBoth(self._answered, request, began)

    def park(self, request: Req) -> Deferred[Rep]:
        """Serve a long poll; it fails with `EndpointDown` when the endpoint leaves."""
        answer = self._parked.add(detached(self._ask(request)))
        if self._gone:
            # By something that the service called, which may have been closed since.
            self._parked.end()
            answer.addErrback(_moved)
        return answer.addErrback(self._located)

    def _ask(self, request: Req) -> Deferred[Rep]:
        try:
            return self._service(request)
        except Exception:
            # The class of a service may override __call__, and break its promise.
            return fail()

    def _answered(self, outcome: Any, request: Req, began: Any) -> Any:
        self._under_way -= 1
        try:
            self._metric.end(began, request, outcome)
        except Exception:
            _log.failure("the load of {endpoint} is wrong from now on", endpoint=self.address)
        if self._drained is not None and not self._under_way:
            self._drain()
        return self._located(outcome) if isinstance(outcome, Failure) else outcome

    def _located(self, failure: Failure) -> Failure:
        error = failure.value
        if isinstance(error, TxetcdError):
            error.locate(endpoint=self.address)
        return failure

    def leave(self) -> Deferred[None]:
        """Fail the long polls now, let all requests end, and close.

        Returns:
            Fires as `close` does.  It is not to be asked for more requests, and leaves once.
        """
        drained: Deferred[None] = Deferred()
        drained.addCallback(lambda _: self.close())
        self._drained = drained
        self._gone = True
        self._parked.end()
        if not self._under_way:
            self._drain()
        return drained

    def _drain(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None:
            drained.callback(None)

    def close(self) -> Deferred[None]:
        """Close the service, now; what is under way ends as that decides.

        Returns:
            Fires with None when it is closed, or fails as that did.  The service is closed
            once, however often this is called.
        """
        if self._closing is None:
            self._closing = []
            maybeDeferred(self._service.close).addBoth(self._end)
        done: Deferred[None] = Deferred()
        if self._closed is None:
            self._closing.append(done)
        else:
            done.callback(*self._closed)
        return done

    def _end(self, outcome: Any) -> None:
        self._closed = (outcome if isinstance(outcome, Failure) else None,)
        waiting, self._closing = self._closing or [], []
        for done in waiting:
            done.callback(*self._closed)

    def __repr__(self) -> str:
        left = ", left" if self._gone else ""
        return f"<{self.address} {self.status.name}, load {self.load:.3g}{left}>"


def _moved(failure: Failure) -> Failure:
    """What has happened to a long poll that came to a service as that was closed."""
    return Failure(EndpointDown(LEFT)) if failure.check(ServiceClosed) else failure
