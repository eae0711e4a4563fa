"""A burst of writes, the faults that strike it, and the watcher that is to miss none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.python.failure import Failure

from txetcd.backoff import Backoff
from txetcd.cli.output import walk
from txetcd.clock import Clock, sleep
from txetcd.errors import AmbiguousWrite, KeyNotFound, NodeExist, TxetcdError
from txetcd.keys import Key
from txetcd.model import Action, Data, Dir, NodeOp

__all__ = ["Faults", "Proxy", "Server", "Watcher", "Writer"]

#: How many writes are under way at a time.
WRITERS = 8
#: How many writes are begun in a second, if the server keeps up.
RATE = 250.0
#: How many writes the watcher may be behind before they wait: the server keeps 1000.
MOST_BEHIND = 300
#: How long to wait after a failure, and between two looks at whether something is so.
PAUSE = 0.02
#: After how many writes all connections are cut: a slow machine is not cut more often.
CUT_EVERY = 25
#: The server is killed when so much of the burst is done.
KILLS = (1 / 3, 2 / 3)
#: A watcher that is cut so often is not to wait for long.
BACKOFF = Backoff.exponential_jittered(0.010, 0.2)


class Writer:
    """Writes each of a number of keys once, and knows for certain that it did.

    Each write is a `Key.create`, which cannot be carried out twice.  So one whose outcome
    is unknown may be made again, if the key turns out not to be there.

    Args:
        directory: Where the keys are.
        clock: Waits.
        count: How many there are.

    Attributes:
        confirmed: The index of each write that is known to have been made, by its key.
        refused: How many attempts never reached the server.
        ambiguous: How many attempts had an unknown outcome.
        found: How many of these had been carried out, as reading the key has shown.
    """

    def __init__(self, directory: Key, clock: Clock, count: int) -> None:
        self.confirmed: dict[str, int] = {}
        self.refused = 0
        self.ambiguous = 0
        self.found = 0
        self.count = count
        self._directory = directory
        self._clock = clock

    @property
    def done(self) -> int:
        """How many writes are known to have been made."""
        return len(self.confirmed)

    async def write(self, behind: Callable[[], int] = lambda: 0, rate: float = RATE) -> None:
        """Write them all.

        Args:
            behind: How many writes the watcher has still to be told of.
            rate: How many are begun in a second, at most.
        """
        numbers = iter(range(self.count))
        begun = self._clock.seconds()

        async def some() -> None:
            for n in numbers:
                await self._turn(begun + n / rate, behind)
                await self._write(self._directory / f"{n:04}", f"value {n}")

        writing = [Deferred.fromCoroutine(some()) for _ in range(WRITERS)]
        try:
            await gatherResults(writing)
        except FirstError as first:
            first.subFailure.raiseException()
        finally:
            for each in writing:
                each.addErrback(lambda _: None).cancel()

    async def _turn(self, due: float, behind: Callable[[], int]) -> None:
        while True:
            early = due - self._clock.seconds()
            if early <= 0 and behind() <= MOST_BEHIND:
                return
            await sleep(self._clock, early if early > 0 else PAUSE)

    async def _write(self, key: Key, value: str) -> None:
        unknown = False
        op: NodeOp | None
        while True:
            try:
                op = await key.create(value)
            except AmbiguousWrite:
                unknown = True
                self.ambiguous += 1
                op = await self._read(key)
                self.found += op is not None
            except NodeExist:
                if not unknown:
                    raise
                # What was not there when it was looked for has come since.
                op = await self._read(key)
                self.found += 1
            except TxetcdError as error:
                await self._later(error)
                op = None
            if op is not None:
                self.confirmed[key.path] = op.node.modified_index
                return

    async def _read(self, key: Key) -> NodeOp | None:
        while True:
            try:
                return await key.get(quorum=True)
            except KeyNotFound:
                return None
            except TxetcdError as error:
                await self._later(error)

    async def _later(self, error: TxetcdError) -> None:
        """Wait a little, if it may go better then."""
        if not error.retryable:
            raise error
        self.refused += 1
        await sleep(self._clock, PAUSE)


class Watcher:
    """Watches a directory, and remembers all that it is told.

    Args:
        directory: What is watched, with all that is in it.

    Attributes:
        told: The changes and snapshots, in order.
        failures: How many times it was told of a failure that passed.
        began: Fires with None when it is first told of anything but a failure.
    """

    def __init__(self, directory: Key) -> None:
        self.told: list[NodeOp] = []
        self.failures = 0
        self.began: Deferred[None] = Deferred()
        self._keys: set[str] = set()
        self._registration = directory.events(recursive=True, backoff=BACKOFF).register(self._tell)

    def _tell(self, result: NodeOp | Failure) -> None:
        if isinstance(result, Failure):
            self.failures += 1
            return
        self.told.append(result)
        if not self.began.called:
            self.began.callback(None)
        if result.action is not Action.GET:
            self._keys.add(result.node.key)
        elif isinstance(result.node, Dir):
            self._keys.update(node.key for node in walk(result.node) if isinstance(node, Data))

    @property
    def reached(self) -> int:
        """How many keys it has been told of."""
        return len(self._keys)

    async def reaches(self, count: int, clock: Clock, patience: float) -> None:
        """Wait until it has been told of so many keys, or of nothing new for a while."""
        before, since = self.reached, clock.seconds()
        while self.reached < count:
            if self.reached != before:
                before, since = self.reached, clock.seconds()
            elif clock.seconds() - since >= patience:
                return
            await sleep(clock, PAUSE)

    def close(self) -> Deferred[None]:
        """Watch no more."""
        return self._registration.close()


class Server(Protocol):
    """A server that can be killed: an `EtcdProcess`, in part."""

    def kill(self) -> Deferred[None]:
        """End it at once."""

    def restart(self) -> Deferred[Any]:
        """Start it again, with its data."""


class Proxy(Protocol):
    """A way to a server that can be cut: a `FaultProxy`, in part."""

    @property
    def connections(self) -> int:
        """How many clients are connected."""

    @property
    def accepted(self) -> int:
        """How many have been, in all."""

    def cut_all(self) -> None:
        """Reset all connections."""


@attrs.define
class Faults:
    """What strikes the burst.

    Attributes:
        clock: Waits.
        writer: Tells how far the burst has come.
        proxy: The way to the server.
        server: The server; None if it is not ours to kill.
        cuts: How many connections have been cut.
        kills: How many times the server has been killed.
    """

    clock: Clock
    writer: Writer
    proxy: Proxy
    server: Server | None = None
    cuts: int = 0
    kills: int = 0

    async def cut(self) -> None:
        """Cut all connections every so many writes."""
        for done in range(CUT_EVERY, self.writer.count, CUT_EVERY):
            await self._written(done)
            self.cuts += self.proxy.connections
            self.proxy.cut_all()

    async def kill(self) -> None:
        """Kill the server, and start it again, whenever so much of the burst is done."""
        if self.server is None:
            return
        for share in KILLS:
            await self._written(self.writer.count * share)
            self.kills += 1
            await self.server.kill()
            await self.server.restart()

    async def _written(self, number: float) -> None:
        while self.writer.done < number:
            await sleep(self.clock, PAUSE)
