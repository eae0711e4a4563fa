"""Starting and stopping a server: what takes time."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable

from twisted.internet.defer import Deferred

from txetcd.clock import sleep
from txetcd.testing._probe import NO_LEADER, Standing, ask_standing
from txetcd.testing._reactor import Reactor
from txetcd.testing._server import EtcdFailed, Server

__all__ = ["Lifecycle"]

#: How often a process is asked whether it has changed, in seconds.
TICK = 0.005

#: How long an answer of a server that is just starting may take, in seconds: on a machine that has
#: much to do, even a good one takes a while.  One that dies hangs up, and is not waited for.
ANSWER_TIME = 2.0

#: How long a killed process may take to be gone, in seconds.
DEATH_TIME = 10.0

#: How many pairs of ports are tried.
PORTS_TRIED = 5


class Lifecycle:
    """What can be done to a server; one thing at a time.

    What each coroutine promises is said by the method of `EtcdProcess` of the same name.

    Args:
        reactor: Makes connections and keeps the time.
        server: What it is done to.
        start_timeout: How long starting may take, in seconds.
        grace: How long shutting down in order may take, in seconds.

    Attributes:
        server: The server.
        paused: Whether it was paused.
        standing: What it said of itself when it was ready last.
    """

    def __init__(
        self, reactor: Reactor, server: Server, *, start_timeout: float, grace: float
    ) -> None:
        self._reactor = reactor
        self.server = server
        self._start_timeout = start_timeout
        self._grace = grace
        self.paused = False
        self.standing: Standing | None = None
        self._booting: Deferred[None] | None = None

    @property
    def booting(self) -> bool:
        """Whether it is starting."""
        return self._booting is not None

    def interrupt(self) -> None:
        """Give up starting, if it is."""
        if self._booting is not None:
            self._booting.cancel()

    async def ask(self) -> Standing:
        """What whoever answers on its port says of itself."""
        return await ask_standing(self._reactor, self.server.known_place.port, ANSWER_TIME)

    async def start(self) -> None:
        if self.server.alive:
            raise RuntimeError(f"{self.server} runs already")
        movable = self.server.place is None
        booting = self._booting = Deferred.fromCoroutine(self._boot(movable))
        try:
            await booting
        except BaseException:
            await self.kill()
            # The connection that asked for its standing goes in the next turn.
            await sleep(self._reactor, 0)
            raise
        finally:
            self._booting = None

    async def _boot(self, movable: bool) -> None:
        deadline = self._reactor.seconds() + self._start_timeout
        for attempt in itertools.count(1):
            self.server.spawn()
            if await self._became_ready(deadline):
                return
            if movable and attempt < PORTS_TRIED:
                self.server.settle().move()
            else:
                await sleep(self._reactor, 10 * TICK)

    async def _became_ready(self, deadline: float) -> bool:
        """Whether it is ready, and not dead for want of a port."""
        while not await self._answers():
            if self._reactor.seconds() >= deadline:
                raise EtcdFailed(
                    f"etcd was not ready in {self._start_timeout:g} s", self.server.log()
                )
            if self.server.address_in_use:
                return False
            if not self.server.alive:
                raise EtcdFailed(f"etcd could not be started: {self.server}", self.server.log())
            await sleep(self._reactor, 2 * TICK)
        return True

    async def _answers(self) -> bool:
        """Whether what answers on the port is this very process, and has a leader."""
        standing = await self.ask()
        known = standing.name == self.server.settings.name and standing.leader_id != NO_LEADER
        if known and self.server.alive:
            self.standing = standing
            return True
        return False

    async def stop(self) -> None:
        self.server.signal(signal.SIGTERM)
        self.server.signal(signal.SIGCONT)
        if not await self._until(self._has_ended, self._grace):
            await self.kill()
        self.server.remove()

    async def kill(self) -> None:
        self.server.signal(signal.SIGKILL)
        if not await self._until(self._has_ended, DEATH_TIME):
            raise EtcdFailed(f"{self.server} did not end when it was killed")
        self.paused = False

    async def pause(self) -> None:
        await self._tell(signal.SIGSTOP, pausing=True)

    async def resume(self) -> None:
        await self._tell(signal.SIGCONT, pausing=False)

    async def _tell(self, number: signal.Signals, *, pausing: bool) -> None:
        child = self.server.child
        if child is None or not child.alive:
            raise RuntimeError(f"{self.server} has no process")
        if self.paused is not pausing:
            self.paused = pausing
            child.signal(number)
            await self._until(lambda: child.has_obeyed(number), DEATH_TIME)

    async def restart(self, wipe: bool) -> None:
        await self.kill()
        if wipe and self.server.place is not None:
            self.server.place.wipe()
        await self.start()

    def _has_ended(self) -> bool:
        return not self.server.alive

    async def _until(self, reached: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is so, and tell whether it became so in time."""
        deadline = self._reactor.seconds() + seconds
        while not reached():
            if self._reactor.seconds() >= deadline:
                return False
            await sleep(self._reactor, TICK)
        return True
