"""What a connection pool does next: a pure function of what it has.

The pool keeps lists and does I/O; whatever it decides, it decides here.  After each
thing that happens it takes the step that `next_step` names, and asks again, until there
is none.  So no event has a rule of its own, and none can be forgotten.

What always holds when there is no step left:

- nobody waits while a connection is idle;
- nobody waits without a connection being made, unless the limit is reached;
- no more connections are being made than are waited for, or were until another became
  free: one that has been begun is finished then, since as many as now will soon be wanted
  again (with each given up, a busy pool begins one for almost every request);
- no limit is passed.
"""

from __future__ import annotations

from enum import Enum

import attrs

__all__ = ["DEFAULT_POOL_LIMITS", "LONG_POLL_LIMITS", "Census", "PoolLimits", "Step", "next_step"]


def _at_least_one(instance: object, attribute: attrs.Attribute[int], value: object) -> None:
    _whole(attribute.name, value, 1)


def _not_negative(instance: object, attribute: attrs.Attribute[int], value: object) -> None:
    _whole(attribute.name, value, 0)


def _whole(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be a whole number, {least} or more, not {value!r}")


def _positive(instance: object, attribute: attrs.Attribute[float], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise ValueError(f"{attribute.name} must be more than 0 seconds, not {value!r}")


@attrs.frozen
class PoolLimits:
    """The limits of a pool.

    Attributes:
        connections: How many there may be, those that are being made included.
        waiting: How many requests may wait for a connection beyond those that one is
            being made for.  One more fails with `QueueFull`.
        idle_time: How long a connection is kept unused, in seconds.  Balancers and
            proxies close theirs after 60 seconds or more, and it is better to be first.

    Raises:
        ValueError: One is out of its range.

    .. versionadded:: 0.1
    """

    connections: int = attrs.field(default=64, validator=_at_least_one)
    waiting: int = attrs.field(default=10_000, validator=_not_negative)
    idle_time: float = attrs.field(default=55.0, validator=_positive)


#: The limits for requests that are answered at once.
DEFAULT_POOL_LIMITS = PoolLimits()
#: The limits for long-polls, each of which keeps its connection to itself.
LONG_POLL_LIMITS = PoolLimits(connections=10_000)


@attrs.frozen
class Census:
    """How many of everything a pool has.

    Attributes:
        idle: Connections that nobody uses.
        busy: Connections that are in use.
        connecting: Connections that are being made.
        waiting: Those who want one.
        spare: Of those that are being made, how many nobody waits for any more, since
            another became free.
    """

    idle: int = 0
    busy: int = 0
    connecting: int = 0
    waiting: int = 0
    spare: int = 0


class Step(Enum):
    """What a pool can do."""

    #: Give the idle connection that was used last to whoever has waited longest.
    HAND_OVER = "hand over"
    #: Begin to make one more connection.
    CONNECT = "connect"
    #: Stop making the connection that was begun last.
    GIVE_UP = "give up"
    #: Refuse whoever came last.
    REFUSE = "refuse"


def next_step(census: Census, limits: PoolLimits) -> Step | None:
    """What to do next; None if there is nothing to do."""
    if census.waiting and census.idle:
        return Step.HAND_OVER
    if census.connecting > census.waiting + census.spare:
        return Step.GIVE_UP
    if census.waiting > census.connecting:
        if census.idle + census.busy + census.connecting < limits.connections:
            return Step.CONNECT
        if census.waiting - census.connecting > limits.waiting:
            return Step.REFUSE
    return None
