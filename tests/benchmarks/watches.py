"""Watching: how fast events are taken, and what it costs to wait for them."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests.benchmarks.clients.session import Session
from tests.benchmarks.concurrency import Concurrency
from tests.benchmarks.figures import Figures, figures_since
from tests.benchmarks.job import Job, NotApplicable, WrongAnswer
from tests.benchmarks.store import EVENTS, SMALL, Store, directory
from tests.benchmarks.writer import STEP, Writer

__all__ = ["catch_up", "follow", "parked"]

#: How many events the writer may be ahead of who follows it: less than etcd's history of 1000.
AHEAD = 500


async def follow(session: Session, concurrency: Concurrency, job: Job) -> Figures:
    """Follow another process that writes, from an index on.

    It writes as fast as the server lets it, over several connections, until it is so many events
    ahead.  So a client that is slower than it always finds the next event there, and a faster one
    waits: its rate is that of the writer.  Each event is one write; all must arrive, none twice.
    """
    with Writer(job.url, session.api, EVENTS) as writer:
        changes = await session.changes(EVENTS, job.index)
        writer.write(STEP)
        found = await _take(changes, STEP)
        wall, cpu = time.perf_counter(), time.process_time()
        writer.write(min(AHEAD, job.sizes.events))
        asked = min(AHEAD, job.sizes.events)
        for _ in range(0, job.sizes.events, STEP):
            found += await _take(changes, STEP)
            if asked < job.sizes.events:
                writer.write(STEP)
                asked += STEP
        figures = figures_since(job.sizes.events, wall, cpu)
    _check_events(session, found)
    return figures


async def catch_up(session: Session, concurrency: Concurrency, job: Job) -> Figures:
    """Start a watch at an index that has passed, and read what has happened since.

    Nobody writes meanwhile, so this is how fast a client takes events, from its first request.
    etcd looks after v3 watches that begin in the past ten times in a second: each waits for that.
    """
    await _caught_up(session, job)
    return await _caught_up(session, job)


async def _caught_up(session: Session, job: Job) -> Figures:
    count = job.sizes.history
    wall, cpu = time.perf_counter(), time.process_time()
    found = await _take(await session.changes(EVENTS, job.index), count)
    figures = figures_since(count, wall, cpu)
    _check_events(session, found)
    return figures


async def _take(changes: AsyncIterator[Any], count: int) -> list[Any]:
    return [await changes.__anext__() for _ in range(count)]


def _check_events(session: Session, found: list[Any]) -> None:
    expected = {session.value(str(n)) for n in range(len(found))}
    if set(found) != expected:
        raise WrongAnswer(f"of {len(found)} events, {len(expected - set(found))} are missing")


async def parked(session: Session, concurrency: Concurrency, job: Job) -> Figures:
    """Wait for changes of many keys at once, each by a watch of its own, and none of them changes.

    The memory is what the process has grown by, from when its client has made a first request until
    the server says that it has all watches.
    """
    await session.getter(SMALL)()
    count = job.sizes.parked
    keys = list(directory(count))
    with Store(job.url) as store:
        before = store.watches(session.api)
        gc.collect()
        resident = _resident_kib()
        await session.park(keys)
        while store.watches(session.api) < before + count:
            await concurrency.pause(0.05)
        gc.collect()
        return {"memory": (_resident_kib() - resident) / count}


def _resident_kib() -> float:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        raise NotApplicable("memory is read from /proc, which this system does not have") from None
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024
