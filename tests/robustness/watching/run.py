"""One run: the life of a store, with every kind of fault in it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from random import Random
from typing import Any

import attrs
from twisted.internet.defer import gatherResults
from twisted.internet.threads import deferToThread

from tests.robustness.watching.clients import Client, clients_of
from tests.robustness.watching.faults import FAULTS
from tests.robustness.watching.jobs import QUIET, TOP
from tests.robustness.watching.losses import losses
from tests.robustness.watching.plan import Phase, Plan, Run, Watch
from tests.robustness.watching.scene import WatchedScene
from tests.robustness.watching.store_faults import SETTLED, SnapshotGap, snapshots
from tests.robustness.watching.truth import Change, History, Unknown, read
from tests.robustness.watching.verdict import judge
from tests.robustness.watching.watcher import Watcher
from tests.robustness.watching.watchers import WATCHERS
from txetcd.testing import FaultProxy

__all__ = ["run"]

#: How often a fault is made that has struck nothing.
ATTEMPTS = 3

#: How long a watcher may take to be told of something new, in seconds.
PATIENCE = 50.0

#: How long it takes all leases to expire, in seconds.
EXPIRED = 3.5


async def run(
    reactor: Any, plan: Plan, watchers: Mapping[str, type[Watcher]] = WATCHERS
) -> Run:
    """Make a run, on members of its own.

    Args:
        reactor: Runs all of it.
        plan: How it goes.
        watchers: The ways of watching, by the names that the table has for them.
    """
    random = Random(f"watching {plan.seed}")
    scene = WatchedScene(reactor, plan.size, plan.seed, plan.rate)
    clients: list[Client] = []
    try:
        await scene.start()
        before = set(reactor.getDelayedCalls())
        # A loop over the events of a missing key would wait, and begin without a snapshot.
        for path in (f"{TOP}/first", QUIET):
            await scene.put(path)
        clients += clients_of(scene, watchers)
        await scene.until(lambda: all(client.watcher.told for client in clients), PATIENCE)
        began = time.monotonic()
        scene.write()
        phases = [await _phase(scene, plan, kind, clients, random) for kind in _order(plan, random)]
        scene.write(False)
        seconds = time.monotonic() - began
        await scene.sleep(EXPIRED)
        late = await _finished(scene, clients)
        leaks = [*late, *await _closed(scene, clients, before)]
        made = Run(plan, phases, seconds=seconds, leaks=leaks, damaged=_damaged(scene, phases))
        # The judge takes its time, and nothing else is going on.
        return await deferToThread(_judged, made, scene, clients)
    finally:
        await gatherResults([client.etcd.close() for client in clients])
        await scene.stop()


def _order(plan: Plan, random: Random) -> list[str]:
    return random.sample(list(plan.kinds), len(plan.kinds))


# --- what happens --------------------------------------------------------------------------


async def _phase(
    scene: WatchedScene, plan: Plan, name: str, clients: list[Client], random: Random
) -> Phase:
    kind = FAULTS[name]
    for _ in range(ATTEMPTS):
        await scene.sleep(plan.calm * random.uniform(0.8, 1.2))
        fault = kind.make(scene, random)
        began = time.monotonic()
        await fault.strike(kind.seconds * random.uniform(0.8, 1.2))
        await fault.heal()
        scene.write()
        since = began if kind.from_start else time.monotonic()
        recovery, late = await _recovered(scene, clients, fault.struck, since)
        if fault.hits:
            break
    return Phase(name, fault.hits, recovery, late)


def _damaged(scene: WatchedScene, phases: list[Phase]) -> int:
    """How often a member has caught up by a snapshot that it was not made ready for."""
    meant = sum(phase.hits for phase in phases if FAULTS[phase.fault].make is SnapshotGap)
    return sum(map(snapshots, scene.cluster.members)) - meant


async def _recovered(
    scene: WatchedScene, clients: list[Client], struck: list[FaultProxy], since: float
) -> tuple[list[float], list[str]]:
    """Wait until all have been told something new; how long it took those that were struck."""
    waiting = [each for each in clients if each.watcher.prompt]
    for each in waiting:
        each.watcher.expect(since)
    await scene.until(lambda: not any(each.watcher.expecting for each in waiting), PATIENCE)
    late = [each.name for each in waiting if each.watcher.expecting]
    hurt = [each for each in waiting if set(each.proxies) & set(struck)]
    return [each.watcher.recovery[-1] for each in hurt if not each.watcher.expecting], late


async def _finished(scene: WatchedScene, clients: list[Client]) -> list[str]:
    """Make the last change, and wait until all have been told; those that were not."""
    last = await scene.finish()
    behind = [each for each in clients if each.watcher.position < last[each.path]]
    await scene.until(
        lambda: all(each.watcher.position >= last[each.path] for each in behind), PATIENCE
    )
    return [
        f"{each.name} is at index {each.watcher.position} of {last[each.path]}"
        for each in behind
        if each.watcher.position < last[each.path]
    ]


async def _closed(
    scene: WatchedScene, clients: list[Client], before: set[Any]
) -> list[str]:
    """Close all clients; what is left of them."""
    for client in clients:
        await client.watcher.close()
        await client.etcd.close()
    await scene.until(lambda: not scene.ours, PATIENCE / 10)
    leaks = [f"a connection is open: {each}" for each in scene.ours]
    scene.end_naive()
    # The proxies need a moment for what they were carrying.
    await scene.sleep(SETTLED)
    left = [call for call in scene.reactor.getDelayedCalls() if call not in before]
    return leaks + [f"a delayed call is left: {call}" for call in left]


# --- what came of it --------------------------------------------------------------------------


def _judged(made: Run, scene: WatchedScene, clients: list[Client]) -> Run:
    try:
        changes = read(scene.collected)
    except Unknown as unknown:
        return attrs.evolve(made, unknown=str(unknown))
    seen = {TOP: _histories(changes, TOP, True), QUIET: _histories(changes, QUIET, False)}
    watches = [
        Watch(
            client.name,
            judge(seen[client.path], client.watcher.told),
            client.watcher.failures,
            client.watcher.tells_trees,
        )
        for client in clients
    ]
    naive = {kind: losses(seen[TOP], file) for kind, file in scene.naive.items()}
    made_changes = sum(len(history.changes) for history in seen[TOP])
    return attrs.evolve(made, watches=watches, naive=naive, changes=made_changes)


def _histories(changes: list[list[Change]], path: str, recursive: bool) -> list[History]:
    return [History(each, path, recursive) for each in changes]
