"""What can be wrong with the network."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import LoopingCall

from txetcd.testing._fault_settings import FaultSettings
from txetcd.testing.memory._script import Reply
from txetcd.testing.memory._wire import Wire

__all__ = ["NetworkFaults"]


class NetworkFaults(FaultSettings):
    """The faults of a `FaultProxy`, by the same names, at the level of messages."""

    _wire: Wire

    def __init__(self) -> None:
        super().__init__()
        self._cutting: LoopingCall | None = None

    def answer_with(
        self, reply: Reply, times: int | None = 1, method: str | None = None
    ) -> None:
        """Answer the next requests in another way than etcd would, which does not get them.

        Args:
            reply: A `Response`; or an exception to fail with; or a function of the request that
                returns either, or None to have etcd answer after all.
            times: How many requests are answered so; None for all until `heal`.
            method: Only requests with this method are, such as ``"PUT"``.

        Raises:
            ValueError: If ``times`` is less than one.
        """
        if times is not None and times < 1:
            raise ValueError(f"times: {times} is less than one")
        self._wire.script.add(reply, times, method)

    def black_hole(self, on: bool = True) -> None:
        """Swallow all requests and all answers, and say nothing.

        A request of which anything was swallowed stays without an answer when the fault is
        lifted, until it is cancelled or cut.

        Args:
            on: Whether from now on, or no more.
        """
        self._faults.black_hole = on

    def half_open(self) -> None:
        """Let the server's machine be lost for all requests that are under way now.

        The server does not know them any more, and no client is told.  New ones are as they were.
        """
        for call in list(self._wire.calls):
            call.lose_server()

    def refuse(self, on: bool = True) -> None:
        """Refuse connections, so that requests are not sent; those that are under way go on.

        Args:
            on: Whether from now on, or no more.
        """
        self._wire.refuses = on

    def cut_all(self) -> None:
        """Reset the connections of all requests that are under way now."""
        for call in list(self._wire.calls):
            call.lose()

    def cut_every(self, seconds: float) -> None:
        """Do `cut_all` again and again, until `heal`.

        Args:
            seconds: How long from one to the next, and to the first.
        """
        self._stop_cutting()
        self._cutting = LoopingCall(self.cut_all)
        clock: Any = self._wire.clock
        self._cutting.clock = clock
        self._cutting.start(seconds, now=False)

    def heal(self) -> None:
        """Lift all faults of the network, and forget the answers that were given in advance."""
        self._stop_cutting()
        self._faults.clear()
        self._wire.script.clear()
        self.refuse(False)

    def _stop_cutting(self) -> None:
        if self._cutting is not None:
            self._cutting.stop()
            self._cutting = None
