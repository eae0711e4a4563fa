"""Members of a cluster, by the service records of a domain."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred

__all__ = ["Resolver", "dns_srv"]

#: The type of service records (RFC 2782).  To import `twisted.names` for it takes a while.
SRV = 33

#: A host name (RFC 1123, section 2.1), or one of a service's, with an underscore.
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
LONGEST_NAME = 253


class Resolver(Protocol):
    """What looks names up: ``twisted.names.client.getResolver()``, or any ``IResolver``.

    .. versionadded:: 0.1
    """

    def lookupService(self, name: str) -> Deferred[Any]:
        """The service records of a name.

        Returns:
            Fires with three sequences of resource records, the first of which answers.
        """


def dns_srv(
    domain: str, resolver: Resolver, *, service: str = "etcd-client", tls: bool = False
) -> Callable[[], Deferred[list[str]]]:
    """A function that looks up at what URLs a domain has a service; for `Refreshed`.

    The name asked for is that of etcd's own discovery: ``_etcd-client._tcp.`` and the
    domain, or ``_etcd-client-ssl._tcp.`` for ``https``.  Of the records found, those of the
    lowest priority number count, as RFC 2782 has it.  Their weights do not: what a
    `Balancer` measures is nearer to the truth.  A target ``.`` says that the service is
    decidedly not there, and gives no URL.

    The Deferred that the function returns fires with URLs; it fails as the lookup does,
    and with `ValueError` where a record names what can be no host or no port.  Cancelling
    it cancels the lookup.

    Args:
        domain: Such as ``"example.com"``.
        resolver: Looks names up.
        service: The name of the service, without what stands before and after it.
        tls: Whether the URLs are ``https``, and the service is that of TLS.

    Raises:
        ValueError: Domain and service do not make a name.

    .. versionadded:: 0.1
    """
    name = f"_{service}{'-ssl' if tls else ''}._tcp.{domain.removesuffix('.')}"
    if not _is_name(name):
        raise ValueError(f"no name in the domain name system: {name!r}")
    return _Lookup(name, "https" if tls else "http", resolver)


class _Lookup:
    def __init__(self, name: str, scheme: str, resolver: Resolver) -> None:
        self._name = name
        self._scheme = scheme
        self._resolver = resolver

    def __call__(self) -> Deferred[list[str]]:
        return self._resolver.lookupService(self._name).addCallback(_urls, self._scheme)

    def __repr__(self) -> str:
        return f"<dns_srv {self._name}>"


def _urls(found: tuple[Sequence[Any], ...], scheme: str) -> list[str]:
    records = [each.payload for each in found[0] if each.type == SRV]
    first = min((each.priority for each in records), default=0)
    hosts = [(_host(each), each.port) for each in records if each.priority == first]
    return [f"{scheme}://{host}:{_port(port, host)}" for host, port in hosts if host]


def _host(record: Any) -> str:
    """Without the dot at its end; empty if there is no service."""
    target = record.target.name
    host = target.decode("latin-1") if isinstance(target, bytes) else str(target)
    host = host.removesuffix(".")
    if host and not _is_name(host):
        raise ValueError(f"a service record names no host: {host!r}")
    return host


def _port(port: int, host: str) -> int:
    if not 0 < port < 1 << 16:
        raise ValueError(f"a service record of {host} names no port: {port!r}")
    return port


def _is_name(name: str) -> bool:
    return len(name) <= LONGEST_NAME and all(map(_LABEL.fullmatch, name.split(".")))
