"""What one process is asked to measure, and the ways in which it may not."""

from __future__ import annotations

import json

import attrs

__all__ = ["IN_FLIGHT", "Absent", "Job", "NotApplicable", "Sizes", "WrongAnswer"]

#: How many operations are under way at a time, where there are several.
IN_FLIGHT = 32


class Absent(Exception):
    """The client is not there."""


class NotApplicable(Exception):
    """The client cannot do this, or nobody would do it so."""


class WrongAnswer(Exception):
    """What was read is not what was written."""


@attrs.frozen
class Sizes:
    """How much of everything; the defaults are those of a full run.

    Attributes:
        seconds: How long a measured part takes.
        warm_up: How long the same is done before.
        directory: How many keys the directory has.
        events: How many events a watch follows; a multiple of 100.
        history: How many past events a watch catches up with; etcd keeps the last 1000.
        parked: How many watches wait at a time.
        imports: How many interpreters import each package.
    """

    seconds: float = 1.0
    warm_up: float = 0.5
    directory: int = 10_000
    events: int = 3_000
    history: int = 900
    parked: int = 2_000
    imports: int = 5

    @classmethod
    def quick(cls) -> Sizes:
        """Enough to see that everything runs; the figures mean little."""
        return cls(
            seconds=0.3,
            warm_up=0.1,
            directory=1_000,
            events=500,
            history=300,
            parked=200,
            imports=1,
        )


@attrs.frozen
class Job:
    """One measurement.

    Attributes:
        client: The name of the client.
        case: The name of the case.
        url: The server.
        sizes: How much of everything.
        index: The first index (v3: revision) that a watch is told of.
    """

    client: str
    case: str
    url: str
    sizes: Sizes
    index: int = 0

    def to_json(self) -> str:
        """The job as one line of text, which `from_json` reads."""
        return json.dumps(attrs.asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Job:
        """The job that `to_json` wrote."""
        fields = json.loads(line)
        return cls(**{**fields, "sizes": Sizes(**fields["sizes"])})
