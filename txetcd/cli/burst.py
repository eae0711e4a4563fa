"""A thousand writes under faults, and the watch that is to tell all of them."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.python.failure import Failure

from txetcd.cli.tally import Tally, tally
from txetcd.cli.terminal import Terminal
from txetcd.clock import sleep
from txetcd.errors import KeyNotFound, TxetcdError
from txetcd.keys import Key, KeyEvents
from txetcd.model import Action, NodeOp
from txetcd.testing import EtcdProcess, FaultProxy

__all__ = ["Burst"]

WRITES = 1000
#: Writes a second, and under way at a time.  The server keeps the last 1000 changes: a
#: watch that is cut off for longer than those take gets a snapshot.
RATE = 250.0
WRITERS = 8
#: The connections of the watch are cut every so often, in seconds.
CUT_EVERY = 0.1
#: After how many writes the server is killed.
KILLS = (300, 650)


class Burst:
    """Writes, cuts, kills and counts.

    Args:
        reactor: Keeps the time.
        terminal: Where the bar is shown.
        top: The directory that is written to; of a client that is not cut.
        watched: The events of that directory, of a client that is.
        proxy: What cuts it.
        server: What is killed; None if it is not ours.
    """

    def __init__(
        self,
        reactor: Any,
        terminal: Terminal,
        top: Key,
        watched: KeyEvents,
        proxy: FaultProxy,
        server: EtcdProcess | None,
    ) -> None:
        self._reactor = reactor
        self._terminal = terminal
        self._top = top
        self._watched = watched
        self._proxy = proxy
        self._server = server
        self._written: dict[int, str] = {}
        self._told: list[NodeOp] = []
        self._position = 0
        self.cuts = 0
        self.kills = 0
        self.failures = 0

    @property
    def snapshots(self) -> int:
        """How many snapshots the watch has told."""
        return sum(op.action is Action.GET for op in self._told)

    async def run(self) -> Tally:
        """Write everything, wait until the watch has told the last, and count."""
        registration = self._watched.register(self._witness)
        try:
            await self._reached(1)
            await self._under_faults()
            await self._reached(max(self._written))
        finally:
            self._terminal.end_bar()
            await registration.close()
        return tally(self._written, self._told)

    async def _under_faults(self) -> None:
        cutting = Deferred.fromCoroutine(self._cut())
        cutting.addErrback(lambda _: None)
        killing = Deferred.fromCoroutine(self._kill())
        try:
            numbers = iter(range(WRITES))
            start = self._reactor.seconds()
            writers = [Deferred.fromCoroutine(self._write(numbers, start)) for _ in range(WRITERS)]
            await gatherResults([*writers, killing], consumeErrors=True)
        finally:
            cutting.cancel()
            killing.cancel()

    def _witness(self, result: NodeOp | Failure) -> None:
        if isinstance(result, Failure):
            self.failures += 1
            return
        self._told.append(result)
        snapshot = result.action is Action.GET
        self._position = result.etcd.index if snapshot else result.node.modified_index

    async def _reached(self, index: int) -> None:
        while self._position < index:
            await sleep(self._reactor, 0.01)

    async def _cut(self) -> None:
        while True:
            await sleep(self._reactor, CUT_EVERY)
            self.cuts += bool(self._proxy.connections)
            self._proxy.cut_all()

    async def _kill(self) -> None:
        for count in KILLS if self._server else ():
            while len(self._written) < count:
                await sleep(self._reactor, 0.01)
            assert self._server is not None
            self.kills += 1
            await self._server.kill()
            await self._server.restart()

    async def _write(self, numbers: Any, start: float) -> None:
        for number in numbers:
            late = start + number / RATE - self._reactor.seconds()
            if late > 0:
                await sleep(self._reactor, late)
            key = self._top / f"{number:04}"
            self._written[await self._surely(key)] = key.path
            told = max(0, len(self._told) - self.snapshots)
            self._terminal.bar(len(self._written), WRITES, f"written, {told} seen")

    async def _surely(self, key: Key) -> int:
        """Write a key, once, and return the index at which that was done."""
        while True:
            try:
                return (await key.set(key.path)).node.modified_index
            except TxetcdError:
                # Whether it was done or not, only the server can tell.
                found = await self._found(key)
            if found:
                return found

    async def _found(self, key: Key) -> int:
        while True:
            try:
                return (await key.get(quorum=True)).node.modified_index
            except KeyNotFound:
                return 0
            except TxetcdError:
                await sleep(self._reactor, 0.05)
