"""A network that fails on demand."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, DeferredLock, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall

from txetcd.clock import sleep
from txetcd.testing._address import Address, HasUrl
from txetcd.testing._fault_settings import FaultSettings
from txetcd.testing._faults import Tally
from txetcd.testing._ports import HOST, ReservedPort
from txetcd.testing._reactor import Reactor, default_reactor
from txetcd.testing._relay import Relay, Side

__all__ = ["FaultProxy"]

#: How many ports are tried.
PORTS_TRIED = 5


class FaultProxy(FaultSettings):
    """A TCP proxy on a free loopback port, which hurts connections when told to.

    ::

        proxy = FaultProxy(etcd)
        self.addCleanup(proxy.stop)
        await proxy.start()
        key = connect(proxy.url).key("/a")
        proxy.cut_after_request(method="PUT")
        await self.assertFailure(key.set("b"), AmbiguousWrite)

    Without a fault all bytes pass, in both directions, whatever they mean, as soon as they
    come (``TCP_NODELAY``), and a side that does not read slows the other.  An end of one
    side is passed on after what came before it, and ends that direction alone: the other goes
    on until it ends, too, as after ``shutdown(SHUT_WR)``.  Where something was swallowed, the end
    is swallowed as well.

    Faults may be set and lifted at any time, all but `refuse` also before `start`, and
    hold for connections that are open as well as for new ones.  Those named ``cut_...``
    with a place in a request or a reply are for HTTP/1.1: they strike *requests*, the next
    that begin on any connection, or the next with a given method.  Of several that are for
    a request the one that was set first strikes it.  "Cut" means a reset (RST), or, with
    ``clean=True``, an end as if all was well (FIN).  The connection to the server is reset
    in both cases.

    Args:
        target: The server: a URL, or ``"host:port"``, or something with a ``url``, such as
            an `EtcdProcess`.  It is looked at for each new connection.
        reactor: Makes connections and keeps the time; by default the global reactor, which
            is imported here.

    Raises:
        ValueError: If the target cannot be read.

    .. versionadded:: 0.1
    """

    def __init__(self, target: str | HasUrl, reactor: Reactor | None = None) -> None:
        self._reactor = default_reactor(reactor)
        super().__init__()
        self._relays: set[Relay] = set()
        self._reserved: ReservedPort | None = None
        self._last_port: int | None = None
        self._listening: Any = None
        self._in_turn = DeferredLock()
        self._cutting: LoopingCall | None = None
        self._all_gone: Deferred[None] | None = None
        self._tally = Tally()
        self._target: str | HasUrl = ""
        self.retarget(target)

    # --- what it is ----------------------------------------------------------------

    @property
    def port(self) -> int:
        """The port that it listens on; known once it was started.

        Raises:
            RuntimeError: If it has not been started.
        """
        if self._last_port is None:
            raise RuntimeError(f"{self!r} has no port yet")
        return self._last_port

    @property
    def url(self) -> str:
        """The URL to use in place of the target's, without a slash at its end."""
        return f"{self._address().scheme}://{HOST}:{self.port}"

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return sum(relay.connected for relay in self._relays)

    @property
    def accepted(self) -> int:
        """How many connections have been accepted since it was made."""
        return self._tally.accepted

    @property
    def requests(self) -> int:
        """How many requests have begun to pass since it was made (of HTTP/1.1)."""
        return self._tally.requests

    @property
    def in_flight(self) -> int:
        """How many requests clients wait for: they have begun to pass, their replies not ended."""
        return sum(relay.in_flight for relay in self._relays)

    @property
    def cuts(self) -> int:
        """How many requests have been struck by a fault named ``cut_...`` since it was made."""
        return self._tally.cuts

    @property
    def swallowed(self) -> int:
        """How many bytes have been swallowed since it was made, from either side."""
        return self._tally.swallowed

    def __repr__(self) -> str:
        faults = str(self._faults)
        shown = [self._state(), f"{self.connections} connected"]
        if faults:
            shown.append(f"faults: {faults}")
        return f"<FaultProxy to {self._target_shown()}: {', '.join(shown)}>"

    def _state(self) -> str:
        if self._reserved is None:
            return "not started" if self._last_port is None else "stopped"
        return f"{'listening' if self._listening else 'refusing'} on {self._last_port}"

    def _target_shown(self) -> str:
        return self._target if isinstance(self._target, str) else repr(self._target)

    # --- starting and stopping --------------------------------------------------------

    def start(self) -> Deferred[FaultProxy]:
        """Listen on a free port.

        Returns:
            Fires with this object.

        Raises:
            RuntimeError: If it has been started and not stopped.
        """
        return self._in_turn.run(self._start)

    def stop(self) -> Deferred[None]:
        """Listen no more, and reset all connections; it may be started again, on another port.

        Returns:
            Fires with None once nothing is left in the reactor.  Stopping what is stopped
            does nothing.  Cancelling it only ends the waiting.
        """
        return self._in_turn.run(self._stop)

    def retarget(self, target: str | HasUrl) -> None:
        """Connect to another server from now on; connections that are open stay as they are.

        Args:
            target: As for the class.

        Raises:
            ValueError: If it cannot be read.
        """
        if isinstance(target, str):
            Address.parse(target)
        self._target = target

    # --- faults of all connections at once --------------------------------------------

    def black_hole(self, on: bool = True) -> None:
        """Accept connections, swallow all that comes, and say nothing.

        The server notices nothing: not a new connection, not a byte, and not the end of a
        connection that was open.  A connection that has swallowed anything, or was
        accepted meanwhile, stays silent when the fault is lifted, until it is closed.  One that
        its client had ended by then is reset.

        Args:
            on: Whether from now on, or no more.
        """
        self._faults.black_hole = on
        if not on:
            for relay in list(self._relays):
                relay.healed()

    def half_open(self) -> None:
        """Let the server's machine be lost for all connections that are open now.

        The server's ends are gone, and no client is told: whatever a client still says on such
        a connection is swallowed, until it closes it.  New connections are as they were.
        """
        for relay in list(self._relays):
            relay.lose_server()

    def refuse(self, on: bool = True) -> Deferred[None]:
        """Listen no more, so that connections are refused; those that are open go on.

        Args:
            on: Whether from now on; False listens again, on the same port.  Nothing
                happens while the proxy is not started.

        Returns:
            Fires with None when it is so.

        Raises:
            CannotListenError: If somebody else has taken the port (not on Linux, where it
                stays reserved).
        """
        return self._in_turn.run(self._refuse, on)

    def cut_all(self) -> None:
        """Reset all connections that are open now."""
        for relay in list(self._relays):
            relay.reset()

    def cut_every(self, seconds: float) -> None:
        """Do `cut_all` again and again, until `heal` or `stop`.

        Args:
            seconds: How long from one to the next, and to the first.
        """
        self._stop_cutting()
        self._cutting = LoopingCall(self.cut_all)
        any_reactor: Any = self._reactor
        self._cutting.clock = any_reactor
        self._cutting.start(seconds, now=False)

    def heal(self) -> Deferred[None]:
        """Lift all faults.

        Returns:
            Fires with None when it is so; that is at once, unless it has to listen again.
        """
        self._stop_cutting()
        self._faults.clear()
        self.black_hole(False)
        return self.refuse(False)

    # --- how ----------------------------------------------------------------------------

    def _stop_cutting(self) -> None:
        if self._cutting is not None:
            self._cutting.stop()
            self._cutting = None

    def _address(self) -> Address:
        target = self._target
        return Address.parse(target if isinstance(target, str) else target.url)

    def _connect(self, factory: Any) -> Deferred[Any]:
        connecting: Deferred[Any] = self._address().endpoint(self._reactor).connect(factory)
        return connecting

    def _accept(self) -> Side:
        self._tally.accepted += 1
        relay = Relay(
            self._reactor,
            self._faults,
            self._connect,
            tally=self._tally,
            on_gone=self._forget,
        )
        self._relays.add(relay)
        return relay.client_side

    def _forget(self, relay: Relay) -> None:
        self._relays.discard(relay)
        if not self._relays and self._all_gone is not None:
            all_gone, self._all_gone = self._all_gone, None
            all_gone.callback(None)

    def _start(self) -> FaultProxy:
        if self._reserved is not None:
            raise RuntimeError(f"{self!r} has been started already")
        for _ in range(PORTS_TRIED - 1):
            try:
                return self._start_on(ReservedPort())
            except CannotListenError:
                pass
        return self._start_on(ReservedPort())

    def _start_on(self, reserved: ReservedPort) -> FaultProxy:
        try:
            self._listen(reserved.number)
        except CannotListenError:
            reserved.release()
            raise
        self._reserved, self._last_port = reserved, reserved.number
        return self

    def _listen(self, port: int) -> None:
        factory: Any = Factory.forProtocol(self._accept)
        factory.noisy = False
        self._listening = self._reactor.listenTCP(port, factory, interface=HOST)

    async def _listen_no_more(self) -> None:
        if self._listening is not None:
            listening, self._listening = self._listening, None
            await maybeDeferred(listening.stopListening)

    async def _refuse(self, on: bool) -> None:
        if on:
            await self._listen_no_more()
        elif self._reserved is not None and self._listening is None:
            self._listen(self._reserved.number)

    async def _stop(self) -> None:
        self._stop_cutting()
        await self._listen_no_more()
        self.cut_all()
        if self._relays:
            self._all_gone = Deferred()
            await self._all_gone
        if self._reserved is not None:
            self._reserved.release()
            self._reserved = None
        # What has been told to go may have a turn of the reactor left.
        await sleep(self._reactor, 0)
