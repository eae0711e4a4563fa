"""One run: traffic, a fault in the middle of it, and what the client did."""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from tests.robustness.cluster.checker import check
from tests.robustness.cluster.fault import Fault
from tests.robustness.cluster.faults import FAULTS
from tests.robustness.cluster.history import History
from tests.robustness.cluster.plan import Plan, Run
from tests.robustness.cluster.scene import Scene
from tests.robustness.cluster.traffic import Traffic
from tests.robustness.cluster.truth import Truth
from tests.robustness.cluster.violation import leaked
from tests.robustness.traffic import Watcher
from txetcd import Backoff, Etcd, connect
from txetcd.keys.poll.changes import REARM

__all__ = ["run"]

#: The watch goes on soon: the server keeps the changes of two seconds.
BACKOFF = Backoff.exponential_jittered(0.010, 0.1)

#: How long to wait at the end for what should come at once, in seconds.
PATIENCE = 20.0

#: How long to wait for the watch: one whose connection is dead, and nothing tells, notices when it
#: makes its wait anew.
WATCH_PATIENCE = REARM + 15.0


async def run(scene: Scene, plan: Plan) -> Run:
    """Make a run, on a cluster that is well, and leave it well."""
    random = Random(f"{plan.fault} {plan.seed}")
    fault = FAULTS[plan.fault](scene, random)
    truth = Truth(scene.ports)
    before = set(scene.reactor.getDelayedCalls())
    name = f"{plan.name}-{scene.next_number()}"
    etcd = connect(
        scene.urls, reactor=scene.reactor, transport=plan.transport, timeout=plan.timeout
    )
    try:
        truth.start(await scene.mark(f"{name}-first"))
        traffic, watcher = await _phases(scene, plan, name, etcd, fault, random)
        broken = await _caught_up(scene, name, traffic, truth, watcher)
    finally:
        await deferToThread(truth.stop)
        await scene.heal()
        closing = etcd.close()
    leaks = await _leaks(scene, closing, before)
    history = History(traffic.calls, truth.below(f"/{name}"), watcher.told, leaks)
    # What happened is not known to the end: then nothing can be held against it.
    known = broken is None
    found = await deferToThread(check, history) if known else [*map(leaked, leaks)]
    return Run.of(
        plan,
        history,
        hits=fault.hits,
        seconds=traffic.seconds,
        violations=found,
        failures=len(watcher.failures),
        broken=broken,
    )


async def _phases(
    scene: Scene, plan: Plan, name: str, etcd: Etcd, fault: Fault, random: Random
) -> tuple[Traffic, Watcher]:
    top = etcd.key(f"/{name}")
    watcher = Watcher(scene.reactor, top.events(recursive=True, backoff=BACKOFF))
    await watcher.began()
    traffic = Traffic(scene.reactor, top, random, kinds=plan.kinds, rate=plan.rate)
    going = Deferred.fromCoroutine(traffic.run())
    try:
        await scene.sleep(plan.before * random.uniform(0.8, 1.2))
        await fault.strike(min(plan.fault_time, fault.longest) * random.uniform(0.8, 1.2))
        await fault.heal()
        await scene.sleep(plan.after)
    finally:
        traffic.stop()
        await going
    return traffic, watcher


async def _caught_up(
    scene: Scene, name: str, traffic: Traffic, truth: Truth, watcher: Watcher
) -> str | None:
    """Wait until all has ended and been seen, and stop the watch; why that cannot be, if so."""
    await scene.until(lambda: not traffic.open, PATIENCE)
    last = await scene.mark(f"{name}-last")
    seen = await scene.until(
        lambda: truth.broken is not None or truth.position >= last, PATIENCE
    )
    changes = truth.below(f"/{name}")
    if changes:
        end = changes[-1].node.modified_index
        await scene.until(lambda: watcher.position >= end, WATCH_PATIENCE)
    await watcher.close()
    if truth.broken is None and not seen:
        return f"the history was read up to index {truth.position} of {last}"
    return truth.broken


async def _leaks(scene: Scene, closing: Deferred[None], before: set[Any]) -> list[str]:
    """What is left of a client that is being closed."""
    leaks = []
    if not await scene.until(lambda: closing.called, PATIENCE):
        leaks.append("closing the client never ended")
    await scene.until(lambda: not scene.connections, PATIENCE / 4)
    if scene.connections:
        leaks.append(f"{scene.connections} connections are open")
    await scene.sleep(0)
    left = [call for call in scene.reactor.getDelayedCalls() if call not in before]
    return leaks + [f"a delayed call is left: {call}" for call in left]
