"""A run on an etcd in memory, to see that the checker finds what is wrong with a client."""

from __future__ import annotations

import random
from collections.abc import Callable
from random import Random
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tests.robustness.cluster.checker import check
from tests.robustness.cluster.fake import FakeEtcd
from tests.robustness.cluster.history import History
from tests.robustness.cluster.traffic import Traffic
from tests.robustness.cluster.violation import Violation
from tests.robustness.traffic import Watcher
from txetcd import Backoff, Etcd, Key, NodeOp, default_endpoint_stack, default_stack
from txetcd.reactive import Event
from txetcd.stack import Stack

__all__ = ["Client", "simulate"]

#: How many requests in a hundred fail, while there is trouble.
TROUBLE = 25

TOP = "/run"
BACKOFF = Backoff.exponential_jittered(0.010, 0.1)
TIMEOUT = 2.0


@attrs.frozen
class Client:
    """What is tried: the client as it is, but for what is given.

    Attributes:
        stack: Changes the default stack, which waits by the clock.
        watch: Makes the events of the directory.
        rate: How many operations of each kind are asked of it in a second.
    """

    stack: Callable[[Stack, Clock], Stack] = lambda stack, clock: stack
    watch: Callable[[Key], Event[NodeOp]] = lambda top: top.events(
        recursive=True, backoff=BACKOFF
    )
    rate: float = 40.0


def simulate(client: Client, seed: int) -> list[Violation]:
    """Some seconds of traffic, with trouble in the middle; what the client did wrong.

    The same seed gives the same run: the schedules of the client draw from the module.
    """
    drawn = random.getstate()
    random.seed(seed)
    try:
        return _simulated(client, seed)
    finally:
        random.setstate(drawn)


def _simulated(client: Client, seed: int) -> list[Violation]:
    clock = Clock()
    fake = FakeEtcd(clock, Random(seed))
    layers = client.stack(_layers(clock), clock)
    etcd = Etcd(layers.to_filter() >> fake, clock=clock)
    top = etcd.key(TOP)
    watcher = Watcher(clock, client.watch(top))
    pass_time(clock, 0.1)
    traffic = Traffic(clock, top, Random(seed), rate=client.rate)
    going = Deferred.fromCoroutine(traffic.run())
    pass_time(clock, 1.0)
    fake.trouble = TROUBLE
    for _ in range(3):
        pass_time(clock, 0.7)
        fake.cut_waits()
    fake.trouble = 0
    _until(lambda: bool(fake.parked), clock, 6.0)
    _gap(fake, clock)
    pass_time(clock, 0.5)
    traffic.stop()
    pass_time(clock, 0.05)
    assert going.called
    # All deadlines pass, and whatever is late arrives.
    pass_time(clock, 2 * TIMEOUT, 0.02)
    _until(lambda: watcher.position >= fake.store.index, clock, 20.0)
    calls = traffic.calls
    leaks = _closed(etcd, watcher, fake, clock)
    changes = [each for each in fake.changes if each.node.key.startswith(f"{TOP}/")]
    return check(History(calls, changes, watcher.told, leaks))


def pass_time(clock: Clock, seconds: float, step: float = 0.005) -> None:
    """Let time pass, in small steps."""
    for _ in range(round(seconds / step)):
        clock.advance(step)


def _until(reached: Callable[[], bool], clock: Clock, seconds: float) -> None:
    """Let time pass until something is so, but not for ever."""
    end = clock.seconds() + seconds
    while not reached() and clock.seconds() < end:
        pass_time(clock, 0.01)


def _layers(clock: Clock) -> Stack:
    """All filters of a client, those of its only endpoint among them."""
    endpoint = default_endpoint_stack(clock, timeout=TIMEOUT, alone=True)
    return Stack([*default_stack(clock, timeout=TIMEOUT), *endpoint])


def _gap(fake: FakeEtcd, clock: Clock) -> None:
    """Let the member catch up from a snapshot: what happens meanwhile rings no wait."""
    ringing: Any = fake._ring
    fake._ring = lambda: None  # type: ignore[method-assign]
    pass_time(clock, 0.2)
    fake._ring = ringing  # type: ignore[method-assign]
    fake.store.clear()


def _closed(etcd: Etcd, watcher: Watcher, fake: FakeEtcd, clock: Clock) -> list[str]:
    """What is left when the client has been closed."""
    leaks = []
    watcher.close()
    closing = etcd.close()
    pass_time(clock, 0.1)
    if not closing.called:
        leaks.append("closing the client never ended")
    if fake.waiting:
        leaks.append(f"{fake.waiting} requests are under way")
    return leaks + [f"a delayed call is left: {call}" for call in clock.getDelayedCalls()]
