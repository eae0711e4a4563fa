"""What is left of the throughput when one of three members is stopped.

``python -m tests.benchmarks.member_stopped`` measures gets with 32 in flight: with three members,
while one is stopped and after it, by SIGKILL and by SIGSTOP, and over both transports.  It exits
with 1 if a get failed.  No test asserts a time; what is asserted on a real cluster is in
``tests/integration/test_failover.py``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

from txetcd import Key, connect
from txetcd.clock import sleep
from txetcd.testing import EtcdCluster

__all__ = ["Figures", "main", "measure"]

IN_FLIGHT = 32
#: How long each phase takes, in seconds; attempts that time out take half of the last.
PHASE = 4.0
TIMEOUT = 2.0


@attrs.frozen
class Figures:
    """Gets a second in each phase, and how many failed in all.

    Attributes:
        how: How the member was stopped, and over which transport.
        well: With three members.
        stopping: In the phase at whose beginning one is stopped.
        without: In the phase after.
        failed: How many gets failed.
    """

    how: str
    well: float
    stopping: float
    without: float
    failed: int

    def __str__(self) -> str:
        return (
            f"{self.how:<16}  {self.well:7,.0f}  {self.stopping:7,.0f} "
            f"({self.stopping / self.well:4.0%})  {self.without:7,.0f} "
            f"({self.without / self.well:4.0%})  {self.failed:6}"
        )


class _Gets:
    """Gets one after the other, so many at a time, and counts them."""

    def __init__(self, key: Key) -> None:
        self._key = key
        self._going = True
        self.done = 0
        self.failed = 0

    async def go_on(self) -> None:
        while self._going:
            try:
                await self._key.get()
                self.done += 1
            except Exception:
                self.failed += 1

    def stop(self) -> None:
        self._going = False


async def measure(reactor: Any, phase: float = PHASE) -> list[Figures]:
    """All four, each on a cluster that is well at first."""
    cluster = EtcdCluster(3, reactor)
    await cluster.start()
    try:
        return [
            await _measure(reactor, cluster, transport, signal, phase)
            for transport in ("direct", "treq")
            for signal in ("SIGKILL", "SIGSTOP")
        ]
    finally:
        await cluster.stop()


async def _measure(
    reactor: Any, cluster: EtcdCluster, transport: str, signal: str, phase: float
) -> Figures:
    etcd = connect(cluster.endpoints, reactor=reactor, transport=transport, timeout=TIMEOUT)
    key, member = etcd.key("/a"), cluster.members[0]
    await key.set("abc")
    gets = _Gets(key)
    going = [Deferred.fromCoroutine(gets.go_on()) for _ in range(IN_FLIGHT)]
    rates = [await _rate(reactor, gets, phase)]
    await (member.kill() if signal == "SIGKILL" else member.pause())
    rates += [await _rate(reactor, gets, phase) for _ in range(2)]
    gets.stop()
    await gatherResults(going)
    await etcd.close()
    await (member.restart() if signal == "SIGKILL" else member.resume())
    await cluster.leader()
    return Figures(f"{signal}, {transport}", rates[0], rates[1], rates[2], gets.failed)


async def _rate(reactor: Any, gets: _Gets, phase: float) -> float:
    before, began = gets.done, reactor.seconds()
    await sleep(reactor, phase)
    return (gets.done - before) / (reactor.seconds() - began)


async def _main(reactor: Any) -> None:
    found = await measure(reactor)
    lines: Sequence[object] = [
        f"{'one of three':<16}  {'before':>7}  {'while stopped':>14}  {'after':>14}  failed",
        *found,
    ]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    if any(each.failed for each in found):
        raise SystemExit(1)


def main() -> None:
    """Measure, and print a table."""
    react(lambda reactor: Deferred.fromCoroutine(_main(reactor)))


if __name__ == "__main__":
    main()
