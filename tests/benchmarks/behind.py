"""How fast a writer one watch follows without losing a change.

Another process writes at a given rate, whether anybody follows or not, so a watch that is too slow
falls behind by more than etcd keeps, and gets a snapshot::

    python -m tests.benchmarks.behind --rate 5000 --seconds 5

It starts a server of its own.  A watch with ``--window 1`` scans once at a time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Any

import attrs
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import LoopingCall, react

from tests.benchmarks.store import EVENTS
from tests.benchmarks.writer import STEP, Writer
from txetcd import Action, Backoff, KeyNotFound, NodeOp, connect
from txetcd.keys.poll import Poll
from txetcd.keys.poll.changes import Changes
from txetcd.keys.poll.window import LIMIT, Window
from txetcd.testing import EtcdProcess

__all__ = ["Followed", "follow"]


@attrs.define
class Followed:
    """How a watch did.

    Attributes:
        events: Changes that it was told of as such.
        snapshots: How often it was told that some were lost.
        behind: By how many changes of the store it was behind, at most.
        seconds: How long it took.
        cpu: The processor time that this process took meanwhile, in seconds.
    """

    events: int = 0
    snapshots: int = 0
    behind: int = 0
    seconds: float = 0.0
    cpu: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.events} events, {self.snapshots} snapshots, {self.events / self.seconds:.0f} "
            f"events/s, {self.cpu / max(1, self.events) * 1e6:.0f} µs of CPU an event, "
            f"at most {self.behind} behind"
        )


class _Poll(Poll):
    """One whose window has another limit."""

    limit = LIMIT

    def _follow(self, index: int, last: NodeOp | None = None) -> Changes:
        window = Window(self.limit)
        return Changes(
            self._session, self._path, self._recursive, index, self._pulse, window, last
        )


async def follow(url: str, rate: int, count: int, transport: str, limit: int) -> Followed:
    """Follow so many changes, which are made at so many a second."""
    etcd: Any = connect(url, transport=transport)
    poll = _Poll(etcd.key(EVENTS)._session, EVENTS, True, Backoff.constant(0.01))
    poll.limit = limit
    followed = Followed()
    try:
        index = (await poll.next()).etcd.index
    except KeyNotFound as missing:
        index = missing.index
    with Writer(url, "v2", EVENTS) as writer:
        orders = LoopingCall(_order, writer, iter(range(0, count, STEP)))
        wall, cpu = time.perf_counter(), time.process_time()
        orders.start(STEP / rate)
        # Nobody else writes: each change is an index.
        end = index + count
        while index < end:
            index = _take(followed, await poll.next())
        followed.seconds, followed.cpu = time.perf_counter() - wall, time.process_time() - cpu
        orders.stop()
    await etcd.close()
    return followed


def _order(writer: Writer, left: Iterator[int]) -> None:
    if next(left, None) is not None:
        writer.write(STEP)


def _take(followed: Followed, op: NodeOp) -> int:
    """Count what was told; the index that has been reached by it."""
    if op.action is Action.GET:
        followed.snapshots += 1
        return op.etcd.index
    followed.events += 1
    followed.behind = max(followed.behind, op.etcd.index - op.node.modified_index)
    return op.node.modified_index


def main() -> None:
    """Start a server, follow, and print how it went."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.behind")
    parser.add_argument("--rate", type=int, default=5000, help="changes a second")
    parser.add_argument("--seconds", type=float, default=5.0, help="for how long")
    parser.add_argument("--transport", default="direct", choices=["direct", "treq"])
    parser.add_argument("--window", type=int, default=LIMIT, help="scans at a time, at most")
    given = parser.parse_args()

    async def run(_: Any) -> None:
        server = await EtcdProcess().start()
        try:
            count = int(given.rate * given.seconds) // STEP * STEP
            print(await follow(server.url, given.rate, count, given.transport, given.window))
        finally:
            await server.stop()

    react(lambda reactor: ensureDeferred(run(reactor)))


if __name__ == "__main__":
    main()
