"""What the test kit asks of a reactor."""

from __future__ import annotations

from typing import Any, Protocol, cast

from txetcd.clock import Clock

__all__ = ["Reactor", "default_reactor"]


class Reactor(Clock, Protocol):
    """Time and TCP: Twisted's ``IReactorTime`` and ``IReactorTCP``, in part."""

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        """Listen on a port."""

    def connectTCP(
        self, host: str, port: int, factory: Any, timeout: float = 30, bindAddress: Any = None
    ) -> Any:
        """Connect to a port."""


def default_reactor(reactor: Reactor | None) -> Reactor:
    """The given reactor, or else the global one, which is installed by being asked for."""
    if reactor is not None:
        return reactor
    from twisted.internet import reactor as the_global_one

    return cast(Reactor, the_global_one)
