"""What a client can do wrong."""

from __future__ import annotations

from enum import Enum
from functools import partial

import attrs

__all__ = ["Kind", "Violation", "doubled", "leaked", "lost", "misreported"]


class Kind(Enum):
    """What a violation is, in the words of the summary."""

    #: A change that the client said was made, or should have told of, and that is not there.
    LOST = "lost"
    #: A write that was carried out twice, or a change that was told twice.
    DOUBLED = "doubled"
    #: The client said something that is not so.
    MISREPORTED = "misreported"
    #: Something was left that should have ended.
    LEAKED = "leaked"


@attrs.frozen
class Violation:
    """One thing that the client did wrong."""

    kind: Kind
    what: str

    def __str__(self) -> str:
        return f"{self.kind.value}: {self.what}"


lost, doubled, misreported, leaked = (partial(Violation, kind) for kind in Kind)
