"""What shared watches leave behind, and what a consumer costs that has stopped.

``python -m tests.benchmarks.shared_watches`` starts an etcd of its own and prints a table:

**One watch.**  So many observers of a key, and how many watches the server has of them.

**Come and go.**  Watches of so many keys are begun, all at once, and then stopped and begun in any
order, so many times.  Nothing lingers, so each of them asks the server and leaves a wait to be
cancelled.  Then all are stopped, and the client is closed: what the process has then that it had
not before.

**Stopped.**  Another process writes as fast as it is asked to.  One observer is told all of it.  A
loop over the same watch, and one over ``events(buffer=...)``, have stopped after the first event.
The memory is that of the process when their buffers have been full for a while, and at the end.
Then both loops go on, until they have the last change.

Nothing in it asserts a figure: it is for reading.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import attrs
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater, react

from tests.benchmarks.server import more_files, running_etcd
from tests.benchmarks.store import EVENTS, Store
from tests.benchmarks.writer import STEP, Writer
from txetcd import Action, Etcd, NodeOp, connect
from txetcd.keys import Contact, Watch

__all__ = ["Plan", "main", "measure"]

#: How many events the loops that have stopped may hold.
BUFFER = 1000


@attrs.frozen
class Plan:
    """How much is done.

    Attributes:
        observers: How many observe one key.
        watches: How many keys are watched.
        comings: How often one of these watches is begun; so many as there are, or more.
        seconds: How long loops have stopped.
        rate: How many writes in a second are asked for meanwhile.
    """

    observers: int = 1_000
    watches: int = 2_000
    comings: int = 10_000
    seconds: float = 60.0
    rate: int = 5_000


QUICK = Plan(observers=20, watches=10, comings=50, seconds=0.3, rate=1000)


async def measure(reactor: Any, url: str, plan: Plan) -> dict[str, dict[str, float]]:
    """All figures, by what is done."""
    with Store(url) as store:
        return {
            "one watch": await _one_watch(reactor, url, store, plan),
            "come and go": await _come_and_go(reactor, url, store, plan),
            "stopped": await _stopped(reactor, url, plan),
        }


async def _one_watch(reactor: Any, url: str, store: Store, plan: Plan) -> dict[str, float]:
    etcd, before = _client(reactor, url), store.watches("v2")
    watch = etcd.key("/bench/shared").watch()
    for _ in range(plan.observers):
        watch.observe(_nothing)
    await _until(reactor, lambda: store.watches("v2") > before)
    watches = store.watches("v2") - before
    await etcd.close()
    return {"observers": plan.observers, "watches of the server": watches}


async def _come_and_go(reactor: Any, url: str, store: Store, plan: Plan) -> dict[str, float]:
    waits, before, began = store.watches("v2"), _left(reactor), monotonic()
    etcd = _client(reactor, url)
    await _churn(reactor, etcd, plan)
    await _until(reactor, lambda: store.watches("v2") <= waits)
    seconds = monotonic() - began
    await etcd.close()
    del etcd
    after = _left(reactor)
    return {
        "watches": plan.watches,
        "comings": plan.comings,
        "seconds": seconds,
        "waits left": store.watches("v2") - waits,
        **{f"{name} left": after[name] - before[name] for name in before},
    }


async def _churn(reactor: Any, etcd: Etcd, plan: Plan) -> None:
    """Begin all watches, stop and begin them in any order, and stop all."""
    random = Random(1)
    watches = [etcd.key(f"/bench/many/{n}").watch() for n in range(plan.watches)]
    observed = {n: watch.observe(_nothing) for n, watch in enumerate(watches)}
    await _until(reactor, lambda: all(watch.freshness.value.live for watch in watches))
    comings = plan.watches
    while comings < plan.comings:
        n = random.randrange(plan.watches)
        if n in observed:
            observed.pop(n).close()
            continue
        observed[n] = watches[n].observe(_nothing)
        comings += 1
        if comings % 20 == 0:
            # Some are stopped while they wait, some while they are being begun.
            await _pause(reactor, 0.001)
    for observation in observed.values():
        observation.close()
    await _until(reactor, lambda: all(map(_idle, watches)))


def _nothing(_: object) -> None:
    """Observe, and do nothing."""


def _left(reactor: Any) -> dict[str, float]:
    gc.collect()
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "delayed calls": len(reactor.getDelayedCalls()),
        "watches": sum(isinstance(each, Watch) for each in gc.get_objects()),
    }


async def _stopped(reactor: Any, url: str, plan: Plan) -> dict[str, float]:
    etcd = _client(reactor, url)
    key = etcd.key(EVENTS)
    watch, told = key.watch(recursive=True), [0]

    def count(_: object) -> None:
        told[0] += 1

    watch.observe(count)
    first = await _index(etcd)
    with Writer(url, "v2", EVENTS) as writer:
        loops = [watch.iterate(BUFFER), aiter(key.events(recursive=True, buffer=BUFFER))]
        writer.write(STEP)
        for each in loops:
            await anext(each)
        filled = await _write(reactor, writer, plan.rate, max(0.2, plan.seconds / 10))
        early = _resident_kib()
        written = STEP + filled + await _write(reactor, writer, plan.rate, plan.seconds)
        late = _resident_kib()
        # The writer has 16 requests under way, so the last value need not be the greatest.
        while (last := await _index(etcd)) < first + written:
            await _pause(reactor, 0.02)
        began = monotonic()
        await gatherResults([Deferred.fromCoroutine(_take(each, last)) for each in loops])
    found = {
        "writes": written,
        "told to the observer": told[0],
        "MiB early": early / 1024,
        "MiB grown": (late - early) / 1024,
        "seconds to catch up": monotonic() - began,
    }
    await etcd.close()
    return found


async def _write(reactor: Any, writer: Writer, rate: int, seconds: float) -> int:
    """Have so much written, or as much as the server lets; how many writes were asked for."""
    began, written = monotonic(), 0
    while (elapsed := monotonic() - began) < seconds:
        due = int(elapsed * rate - written) // STEP * STEP
        writer.write(due)
        written += due
        await _pause(reactor, 0.02)
    return written


async def _index(etcd: Etcd) -> int:
    return (await etcd.key("/").get()).etcd.index


async def _take(events: AsyncIterator[NodeOp], last: int) -> None:
    """Take events until one tells of the last change."""
    async for op in events:
        if last == (op.etcd.index if op.action is Action.GET else op.node.modified_index):
            return


def _client(reactor: Any, url: str) -> Etcd:
    return connect(url, reactor=reactor, transport="direct", timeout=60.0, linger=0.0)


def _idle(watch: Watch) -> bool:
    return watch.freshness.value.contact is Contact.IDLE


def _pause(reactor: Any, seconds: float) -> Deferred[None]:
    waiting: Deferred[None] = deferLater(reactor, seconds)
    return waiting


async def _until(reactor: Any, holds: Any) -> None:
    while not holds():
        await _pause(reactor, 0.02)


def _resident_kib() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


def table(found: dict[str, dict[str, float]]) -> str:
    """All figures, one to a line."""
    lines = []
    for what, figures in found.items():
        lines.append(what)
        for name, figure in figures.items():
            shown = f"{figure:,.0f}" if float(figure).is_integer() else f"{figure:,.2f}"
            lines.append(f"  {name:<24}{shown:>12}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.shared_watches")
    parser.add_argument("--quick", action="store_true", help="only see that everything runs")
    parser.add_argument("--seconds", type=float, help="how long loops have stopped")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    options = parser.parse_args(argv)
    plan = QUICK if options.quick else Plan()
    if options.seconds is not None:
        plan = attrs.evolve(plan, seconds=options.seconds)
    more_files()

    async def run(reactor: Any) -> None:
        found = await measure(reactor, url, plan)
        print(table(found))
        if options.json is not None:
            options.json.write_text(f"{json.dumps(found, indent=1)}\n", encoding="utf-8")

    with running_etcd() as url:
        react(lambda reactor: Deferred.fromCoroutine(run(reactor)))


if __name__ == "__main__":
    main()
