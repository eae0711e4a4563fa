"""Finding the members of a cluster: asking those that are known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from txetcd import v2
from txetcd.balance import Balancer, Refreshed
from txetcd.client.endpoints import parse_endpoints
from txetcd.client.reactor import global_reactor
from txetcd.client.stacks import ATTEMPT, DEFAULT_TIMEOUT
from txetcd.client.transports import TRANSPORTS, one_of
from txetcd.filters import Retry, Timeout
from txetcd.http.message import Request, Response
from txetcd.http.tls import TLS
from txetcd.service import Service

__all__ = ["member_urls"]


def member_urls(
    endpoints: str | Iterable[str],
    *,
    transport: str = "treq",
    reactor: Any = None,
    timeout: float = DEFAULT_TIMEOUT,
    tls: TLS | None = None,
    interval: float = 30.0,
) -> Refreshed:
    """The URLs of a cluster's members, as the cluster says, asked for again and again.

    ::

        etcd = connect(member_urls("http://10.0.0.1:2379", reactor=reactor), reactor=reactor)

    Any of the members that were given, or have been found since, is asked.  What was found
    once stays until others are: see `Refreshed`.  Each member says where clients reach it
    (``--advertise-client-urls``); whether this client does is for you to know.

    Args:
        endpoints: Where to begin; as for `connect`.
        transport: As for `connect`.
        reactor: As for `connect`.
        timeout: How long asking may take, in seconds.
        tls: As for `connect`.
        interval: From one answer to the next question, in seconds.

    Raises:
        ValueError: An argument is out of its range; as for `connect`.

    .. versionadded:: 0.1
    """
    reactor = global_reactor() if reactor is None else reactor
    seeds = parse_endpoints(endpoints)
    known = list(seeds)
    carry = TRANSPORTS[one_of("transport", transport, [*TRANSPORTS])]

    retry: Retry[Any, tuple[v2.Member, ...]] = Retry(reactor)
    attempt: Timeout[Request, Response] = Timeout(timeout * ATTEMPT, reactor)

    def member(url: str) -> Service[Request, Response]:
        return attempt >> carry(reactor, url, tls=tls, connect_timeout=timeout * ATTEMPT)

    async def fetch() -> list[str]:
        # Nothing is kept from one question to the next, so that there is nothing to close.
        members: Balancer[Request, Response] = Balancer(known, member)
        try:
            found = await (retry >> v2.Members() >> members)(v2.AskMembers())
        finally:
            await members.close()
        urls = [url for each in found for url in each.client_urls]
        known[:] = dict.fromkeys([*parse_endpoints(urls), *seeds])
        return urls

    return Refreshed(fetch, reactor, interval=interval, timeout=timeout)
