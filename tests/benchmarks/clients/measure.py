"""Measuring a client of which there is a `Session`."""

from __future__ import annotations

from collections.abc import Callable

from tests.benchmarks.cases import CASES
from tests.benchmarks.clients.session import Session
from tests.benchmarks.concurrency import Concurrency
from tests.benchmarks.figures import Figures
from tests.benchmarks.job import Job

__all__ = ["with_session"]


def with_session(
    make: Callable[[str], Session], concurrency: Concurrency
) -> Callable[[Job], Figures]:
    """A function that measures any case with sessions of one client.

    Args:
        make: Makes a session, given the URL of the server.
        concurrency: What it waits on.
    """

    def measure(job: Job) -> Figures:
        case = next(each for each in CASES if each.name == job.case)

        async def main() -> Figures:
            session = make(job.url)
            await session.open()
            assert case.measure is not None
            return await case.measure(session, concurrency, job)

        figures: Figures = concurrency.run(main)
        return figures

    return measure
