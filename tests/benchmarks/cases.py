"""What is measured: the list of it."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from tests.benchmarks.job import IN_FLIGHT, Sizes
from tests.benchmarks.operations import Measure, gets, sets, tree
from tests.benchmarks.store import SMALL
from tests.benchmarks.watches import catch_up, follow, parked

__all__ = ["CASES", "Case"]


@attrs.frozen
class Case:
    """One thing to measure.

    Attributes:
        name: What it is called on the command line.
        measure: Measures it; None where no session is needed.
        title: What it is called in a report; ``{}`` is the number that ``size`` tells.
        size: The number in the title.
    """

    name: str
    measure: Measure | None
    title: str
    size: Callable[[Sizes], int] = lambda sizes: 0

    def describe(self, sizes: Sizes) -> str:
        """The title, with its number."""
        return self.title.format(f"{self.size(sizes):,}")


CASES = (
    Case("get", gets(SMALL, 1), "get, one at a time"),
    Case("get-32", gets(SMALL, IN_FLIGHT), "get, 32 in flight"),
    Case("set", sets(1), "set, one at a time"),
    Case("set-32", sets(IN_FLIGHT), "set, 32 in flight"),
    Case("get-1k", gets("/bench/1k", IN_FLIGHT), "get of 1 KB, 32 in flight"),
    Case("get-100k", gets("/bench/100k", IN_FLIGHT), "get of 100 KB, 32 in flight"),
    Case("directory", tree, "get of a directory of {} keys", lambda sizes: sizes.directory),
    Case("watch", follow, "events of a watch that follows a writer"),
    Case("catch-up", catch_up, "events of a watch that catches up with {}", lambda s: s.history),
    Case("parked", parked, "{} parked watches", lambda sizes: sizes.parked),
    Case("import", None, "import, in a new interpreter"),
)
