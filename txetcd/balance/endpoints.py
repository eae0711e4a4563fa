"""The endpoints that there are, and those that are leaving."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger
from twisted.python.failure import Failure

from txetcd.balance.endpoint import Endpoint

__all__ = ["Endpoints", "when_all_ended"]

Req = TypeVar("Req")
Rep = TypeVar("Rep")

_log = Logger()


class Endpoints(Generic[Req, Rep]):
    """A set of endpoints that follows a set of addresses.

    Args:
        make: Makes the endpoint of an address that is new, or that was away.
    """

    __slots__ = ("_leaving", "_make", "current")

    def __init__(self, make: Callable[[str], Endpoint[Req, Rep]]) -> None:
        self._make = make
        #: Those to choose from; another tuple after each change.
        self.current: tuple[Endpoint[Req, Rep], ...] = ()
        # Those that are no more to be chosen, and are not closed yet.
        self._leaving: dict[Endpoint[Req, Rep], None] = {}

    def settle(self, addresses: Iterable[str]) -> None:
        """Have these for good; raise whatever is wrong with one, and keep none then."""
        if not (several := _several(addresses)):
            raise ValueError("at least one endpoint is needed")
        try:
            for address in several:
                self.current = (*self.current, self._make(address))
        except BaseException:
            for endpoint in self.current:
                endpoint.close().addErrback(_not_closed, endpoint)
            raise

    def follow(self, addresses: Iterable[str]) -> None:
        """Have these from now on, and let the others leave; log what is wrong with one."""
        known = {each.address: each for each in self.current}
        wanted = [known.pop(each, None) or self._try(each) for each in _several(addresses)]
        self.current = tuple(each for each in wanted if each is not None)
        self._leaving.update(dict.fromkeys(known.values()))
        # What fails now may ask again, and finds the new set.
        for endpoint in known.values():
            closed = endpoint.leave().addErrback(_not_closed, endpoint)
            closed.addCallback(self._left, endpoint)

    def _try(self, address: str) -> Endpoint[Req, Rep] | None:
        try:
            return self._make(address)
        except Exception:
            _log.failure("no service could be made for {address}", address=address)
            return None

    def _left(self, _: None, endpoint: Endpoint[Req, Rep]) -> None:
        self._leaving.pop(endpoint, None)

    def close(self) -> Deferred[None]:
        """Close all, those that are leaving as well.

        Returns:
            Fires when all are closed; fails, but not before, with the first failure.
        """
        self._leaving.update(dict.fromkeys(self.current))
        self.current = ()
        return when_all_ended([each.close() for each in list(self._leaving)])


def when_all_ended(closing: Iterable[Deferred[None]]) -> Deferred[None]:
    """Fire when all have; fail, but not before, with the first failure."""
    return DeferredList(closing, consumeErrors=True).addCallback(_first_failure)


def _several(addresses: Iterable[str]) -> list[str]:
    """Each once, in the order in which they were given."""
    if isinstance(addresses, (str, bytes)):
        raise TypeError(f"endpoints are several addresses, not one: {addresses!r}")
    return list(dict.fromkeys(addresses))


def _not_closed(failure: Failure, endpoint: Endpoint[Any, Any]) -> None:
    _log.failure("closing {endpoint} failed", failure, endpoint=endpoint)


def _first_failure(results: list[tuple[bool, Any]]) -> Any:
    return next((result for succeeded, result in results if not succeeded), None)
