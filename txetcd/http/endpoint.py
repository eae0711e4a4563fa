"""How to connect to a server: Twisted's endpoints."""

from __future__ import annotations

from typing import Any

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    wrapClientTLS,
)

from txetcd.http.tls import TLS
from txetcd.http.url import Server

__all__ = ["endpoint_for"]


def endpoint_for(reactor: Any, server: Server, tls: TLS | None, timeout: float) -> Any:
    """The endpoint of a server, with TLS and a verified name for ``https``.

    Args:
        reactor: Makes the connections.
        server: The server.
        tls: What to verify it by, and what to show it; None for the platform's
            authorities and no certificate of our own.
        timeout: How long one attempt at one address may take, in seconds.

    Raises:
        ValueError: ``https`` needs TLS, which is not installed; or ``tls`` is given
            for ``http``.
        TypeError: ``tls`` is something else than a `TLS`.
    """
    if not (tls is None or isinstance(tls, TLS)):
        raise TypeError(f"tls= takes a TLS(ca=..., certificate=...), not {type(tls).__name__}")
    endpoint = _address(reactor, server.host, server.port, timeout)
    if server.tls:
        return wrapClientTLS((tls or TLS()).creator_for(server.host, server.port), endpoint)
    if tls is not None:
        raise ValueError(f"{server.url!r} is spoken to without TLS: say https, or leave tls= out")
    return endpoint


def _address(reactor: Any, host: str, port: int, timeout: float) -> Any:
    # HostnameEndpoint would look an address up as well, in a thread, at each connection.
    if isIPAddress(host):
        return TCP4ClientEndpoint(reactor, host, port, timeout)
    if isIPv6Address(host):
        return TCP6ClientEndpoint(reactor, host, port, timeout)
    return HostnameEndpoint(reactor, host, port, timeout=timeout)
