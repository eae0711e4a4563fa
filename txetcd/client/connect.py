"""`connect`: a client of servers that are named, assembled from its parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from txetcd import v2
from txetcd.balance import Balancer
from txetcd.client.endpoints import ParsedEndpoints, parse_endpoints
from txetcd.client.etcd import Etcd
from txetcd.client.reactor import global_reactor
from txetcd.client.stacks import (
    ATTEMPT,
    DEFAULT_TIMEOUT,
    default_endpoint_stack,
    default_stack,
)
from txetcd.client.transports import TRANSPORTS, one_of
from txetcd.filters import StatsReceiver
from txetcd.http.message import Request, Response
from txetcd.http.tls import TLS
from txetcd.keys.session import LINGER
from txetcd.reactive import Activity
from txetcd.service import Service
from txetcd.stack import Stack

__all__ = ["connect"]

#: Roles above the protocol that asking for a version passes too.
SHARED_ROLES = ("stats", "deadline", "retry")


def connect(
    endpoints: str | Iterable[str] | Activity[Iterable[str]],
    *,
    api: str = "v2",
    transport: str = "treq",
    reactor: Any = None,
    timeout: float = DEFAULT_TIMEOUT,
    auth: tuple[str, str] | None = None,
    tls: TLS | None = None,
    namespace: str = "/",
    linger: float = LINGER,
    stats: StatsReceiver | None = None,
    stack: Callable[[Stack], Stack] | None = None,
    endpoint_stack: Callable[[Stack, str], Stack] | None = None,
) -> Etcd:
    """Make a client of one server, or of the members of one cluster.

    Nothing is sent before the first operation.  Of several members each request goes to
    one that is well, the less busy of two; see `Balancer`.

    Args:
        endpoints: A URL, several between commas, or an iterable of either; or an
            `Activity` of such, where they change: see `Refreshed`.  If anything is wrong
            with one of an activity's, that is logged, and this one passed over; so it is if
            ``endpoint_stack`` returns no `Stack` for it.
        api: The protocol: ``"v2"``.
        transport: What carries it: ``"treq"``, or ``"direct"``, which does the same with
            nothing in between and in about half the time.
        reactor: Makes connections and tells the time; the global one if None.
        timeout: How long an operation may take in all, in seconds; a wait may take
            any time.  One attempt may take half of it, and so may connecting.
        auth: A user and a password, sent with each request.
        tls: What ``https`` servers are verified by, and what they are shown; the
            platform's authorities, and no certificate, if None.
        namespace: A key: all others are taken to be below it, in what is asked and in
            what is answered, and nothing else is touched; see `Namespace`.
        linger: How long a shared watch (`Key.watch`, `Key.watch_tree`) goes on when nobody
            observes it, in seconds; 0 or more.
        stats: What counts and times operations, and the requests to each endpoint; see
            `Stats`.
        stack: Given the default stack, returns the one to use: a filter can be put
            anywhere in it, and any of its filters replaced or removed.
        endpoint_stack: Likewise for the stack of each endpoint, with its URL.

    Returns:
        The client; close it when done.

    Raises:
        ValueError: An endpoint is not a URL with scheme and host, there is none,
            or another argument is out of its range.
        TypeError: An endpoint, the namespace, ``stats``, ``tls`` or ``linger`` is of another
            kind, or ``stack`` or ``endpoint_stack`` is no function or returns no `Stack`.

    .. versionadded:: 0.1
    """
    one_of("api", api, ["v2"])
    transport_of = TRANSPORTS[one_of("transport", transport, [*TRANSPORTS])]
    reactor = global_reactor() if reactor is None else reactor

    _check_kinds(tls, stack, endpoint_stack)

    layers = default_stack(reactor, timeout=timeout, auth=auth, namespace=namespace, stats=stats)
    if stack is not None:
        layers = _checked("stack", stack(layers))

    def carry(url: str, alone: bool = False) -> Service[Request, Response]:
        below = default_endpoint_stack(reactor, url, timeout=timeout, alone=alone, stats=stats)
        if endpoint_stack is not None:
            below = _checked("endpoint_stack", endpoint_stack(below, url))
        bottom = transport_of(reactor, url, tls=tls, connect_timeout=timeout * ATTEMPT)
        return below.to_filter() >> bottom

    bottom = _balanced(endpoints, carry)
    return Etcd(
        layers.to_filter() >> bottom,
        versions=_versions(layers) >> bottom,
        clock=reactor,
        linger=linger,
    )


def _balanced(
    endpoints: str | Iterable[str] | Activity[Iterable[str]],
    carry: Callable[..., Service[Request, Response]],
) -> Service[Request, Response]:
    """One service of all endpoints."""
    if isinstance(endpoints, Activity):
        return _balancer(ParsedEndpoints(endpoints), carry)
    urls = parse_endpoints(endpoints)
    if len(urls) == 1:
        return carry(urls[0], alone=True)
    # Made now, so that what is wrong with one is known now.
    services = {url: carry(url) for url in urls}
    return _balancer(Activity.of(urls), services.__getitem__)


def _balancer(
    endpoints: Activity[Iterable[str]], carry: Callable[[str], Service[Request, Response]]
) -> Service[Request, Response]:
    # Each member has all the data: the last that is well can serve alone, and a request to
    # one that is not may cost the time of an attempt.
    return Balancer(endpoints, carry, panic_threshold=0)


def _versions(layers: Stack) -> Any:
    """The filters for asking a version: another protocol, between filters of the same stack."""
    every = list(layers)
    at = layers.roles.index("protocol") if "protocol" in layers else len(every)
    above = Stack(each for each in every[:at] if each.role in SHARED_ROLES)
    return above.to_filter() >> v2.Versions() >> Stack(every[at + 1 :]).to_filter()


def _check_kinds(tls: object, stack: object, endpoint_stack: object) -> None:
    """Raise what would be found with the first endpoint, which may come later."""
    if not (tls is None or isinstance(tls, TLS)):
        raise TypeError(f"tls= takes a TLS(ca=..., certificate=...), not {type(tls).__name__}")
    for name, value, of in (
        ("stack", stack, "a Stack"),
        ("endpoint_stack", endpoint_stack, "a Stack and a URL"),
    ):
        if not (value is None or callable(value)):
            raise TypeError(f"{name}= takes a function of {of}, not {value!r}")


def _checked(name: str, stack: Stack) -> Stack:
    if not isinstance(stack, Stack):
        raise TypeError(f"{name}= must return a Stack, not {stack!r}")
    return stack
