"""The filters that `connect` stacks, as data."""

from __future__ import annotations

from collections.abc import Callable

from twisted.python.failure import Failure

from txetcd import v2
from txetcd.clock import Clock
from txetcd.errors import RequestTimedOut
from txetcd.filters import (
    Deadline,
    FailureAccrual,
    Retry,
    Stats,
    StatsReceiver,
    Timeout,
    unreachable,
)
from txetcd.http.authentication import BasicAuthentication
from txetcd.http.response_class import classify_response
from txetcd.keys import Namespace
from txetcd.service import Status
from txetcd.stack import Layer, Stack

__all__ = ["DEFAULT_TIMEOUT", "default_endpoint_stack", "default_stack"]

#: How long an operation may take in all, in seconds.
DEFAULT_TIMEOUT = 10.0

#: What part of the time of an operation one attempt may take, so that there is time for another.
ATTEMPT = 0.5

#: After what part of it an attempt that timed out shows that an endpoint is stuck: a caller in a
#: hurry, with a deadline of his own, may give up on one that is well.
PATIENCE = ATTEMPT**4

#: What part of it passes between two questions whether an endpoint is alive, while waits are
#: parked on it.
HEARTBEAT = 0.25


def default_stack(
    clock: Clock,
    *,
    timeout: float = DEFAULT_TIMEOUT,
    auth: tuple[str, str] | None = None,
    namespace: str = "/",
    stats: StatsReceiver | None = None,
) -> Stack:
    """The filters between a key and the balancer, as `connect` stacks them.

    Args:
        clock: What they wait by.
        timeout: How long an operation may take in all, in seconds.
        auth: A user and a password.
        namespace: The key below which all others are; "/" for no such limit.
        stats: What counts and times operations; None for nobody.

    .. versionadded:: 0.1
    """
    layers = [
        Layer(
            "deadline",
            Deadline(timeout, clock),
            "above retry: bounds an operation with all its attempts",
        ),
        Layer("retry", Retry(clock), "above the protocol: it sees whether an operation is a write"),
        Layer("protocol", v2.Keys(), "operations above, HTTP messages below"),
    ]
    if stats is not None:
        reason = "at the top: sees what the user sees"
        layers.insert(0, Layer("stats", Stats(stats, clock), reason))
    if namespace != "/":
        reason = "above retry: once an operation, not once an attempt"
        layers.insert(-2, Layer("namespace", Namespace(namespace), reason))
    if auth is not None:
        reason = "below the protocol: no request misses it"
        layers.append(Layer("authentication", BasicAuthentication(*auth), reason))
    return Stack(layers)


def default_endpoint_stack(
    clock: Clock,
    url: str = "",
    *,
    timeout: float = DEFAULT_TIMEOUT,
    alone: bool = False,
    stats: StatsReceiver | None = None,
) -> Stack:
    """The filters between the balancer and the transport of one endpoint.

    What they know is of that endpoint alone, so each has a stack of its own.

    Args:
        clock: What they wait by.
        url: The endpoint.
        timeout: How long an operation may take in all, in seconds; an attempt may take
            half of it, and half of what is left of it.
        alone: Whether there is no other endpoint: then it is never left alone.
        stats: What counts and times requests, under a label ``endpoint``; None for nobody.

    .. versionadded:: 0.1
    """
    layers = [
        Layer(
            "timeout",
            Timeout(timeout * ATTEMPT, clock, share=ATTEMPT),
            "below retry: leaves time for another attempt, elsewhere",
        )
    ]
    if not alone:
        accrual: FailureAccrual[object, object] = FailureAccrual(
            clock,
            at_once=_unreachable_for(timeout * PATIENCE),
            classifier=classify_response,
            probe=v2.ask_health,
            heartbeat=timeout * HEARTBEAT,
        )
        reason = "below the balancer, which it warns; above the timeout, which it counts"
        layers.insert(0, Layer("accrual", accrual, reason))
    if stats is not None:
        counted: Stats[object, object] = Stats(
            stats,
            clock,
            prefix="endpoint_",
            labels={"endpoint": url},
            classifier=classify_response,
        )
        layers.insert(0, Layer("stats", counted, "above all of them: sees each attempt whole"))
    return Stack(layers)


def _unreachable_for(seconds: float) -> Callable[[object, object], Status | None]:
    """As `unreachable`, but that what timed out earlier shows nothing."""

    def at_once(request: object, outcome: object) -> Status | None:
        error = outcome.value if isinstance(outcome, Failure) else None
        if isinstance(error, RequestTimedOut) and error.seconds < seconds:
            return None
        return unreachable(request, outcome)

    return at_once
