"""What is asked of servers, and what may be wrong with them."""

from __future__ import annotations

from enum import Enum

import attrs

__all__ = ["READ", "SLOWER", "Fault", "Kind", "Read"]


@attrs.frozen
class Read:
    """A request that changes nothing."""

    path: str = "/"
    is_write: bool = False
    long_poll: bool = False


READ = Read()


class Kind(Enum):
    """What may be wrong with a server."""

    #: Nobody listens: a connection is refused.
    REFUSES = "refuses"
    #: What is sent to it is lost.
    HANGS = "hangs"
    #: It takes requests, and begins none until the fault has passed.
    STALLS = "stalls"
    #: It answers 503, at once.
    FAILS = "fails"
    #: It takes ten times as long.
    SLOW = "slow"


#: How much longer a slow server takes.
SLOWER = 10


@attrs.frozen
class Fault:
    """What is wrong with a server, from when until when."""

    kind: Kind
    begin: float
    end: float

    def holds(self, now: float) -> bool:
        return self.begin <= now < self.end
