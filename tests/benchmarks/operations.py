"""Reading and writing: each operation again and again, for a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.benchmarks.clients.session import Session
from tests.benchmarks.concurrency import Concurrency
from tests.benchmarks.figures import Figures, Step, measured
from tests.benchmarks.job import Job, WrongAnswer
from tests.benchmarks.store import DIRECTORY, VALUES, directory

__all__ = ["Measure", "gets", "sets", "tree"]

#: What measures a case.
Measure = Callable[[Session, Concurrency, Job], Awaitable[Figures]]


def gets(key: str, in_flight: int) -> Measure:
    """Read one key again and again; each value is compared."""

    async def measure(session: Session, concurrency: Concurrency, job: Job) -> Figures:
        expected = session.value(VALUES[key])

        def one() -> Step:
            get = session.getter(key)

            async def step() -> None:
                value = await get()
                if value != expected:
                    raise WrongAnswer(f"{key} is {value!r:.60}")

            return step

        return await measured(concurrency, [one() for _ in range(in_flight)], job)

    return measure


def sets(in_flight: int) -> Measure:
    """Write keys, each again and again with another value; the last of each is read at the end."""

    async def measure(session: Session, concurrency: Concurrency, job: Job) -> Figures:
        last: dict[str, str] = {}

        def one(key: str) -> Step:
            put = session.setter(key)
            number = 0

            async def step() -> None:
                nonlocal number
                number += 1
                last[key] = value = f"{number:06}"
                await put(value)

            return step

        steps = [one(f"/bench/set/{job.client}/{n}") for n in range(in_flight)]
        figures = await measured(concurrency, steps, job)
        for key, value in last.items():
            if (found := await session.getter(key)()) != session.value(value):
                raise WrongAnswer(f"{key} is {found!r:.60}, not {value}")
        return figures

    return measure


async def tree(session: Session, concurrency: Concurrency, job: Job) -> Figures:
    """Read a whole directory, as a dict of all its keys and values; one at a time."""
    expected = {
        session.key(key): session.value(value)
        for key, value in directory(job.sizes.directory).items()
    }
    read = session.lister(DIRECTORY)
    if await read() != expected:
        raise WrongAnswer(f"{DIRECTORY} has other contents")

    async def step() -> None:
        if len(await read()) != len(expected):
            raise WrongAnswer(f"{DIRECTORY} has another size")

    return await measured(concurrency, [step], job)
