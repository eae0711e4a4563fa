"""Where a server is."""

from __future__ import annotations

from typing import Any, Protocol
from urllib.parse import urlsplit

import attrs
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint

from txetcd.testing._reactor import Reactor

__all__ = ["Address", "HasUrl"]

#: How long connecting to the server may take, in seconds.
CONNECT_TIME = 10.0

_DEFAULT_PORTS = {"http": 80, "https": 443}


class HasUrl(Protocol):
    """Something with a URL, such as an `EtcdProcess`."""

    @property
    def url(self) -> str:
        """Where it is."""


@attrs.frozen
class Address:
    """Where a server is: what is needed of its URL."""

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read ``http://host:port`` or ``host:port``.

        Raises:
            ValueError: If it is neither.
        """
        parts = urlsplit(text if "://" in text else f"//{text}")
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
        if not parts.hostname or port is None:
            raise ValueError(f"{text!r} is neither a URL nor host:port")
        return cls(parts.scheme or "http", parts.hostname, port)

    def endpoint(self, reactor: Reactor) -> Any:
        """Where to connect to."""
        any_reactor: Any = reactor
        kind: Any = TCP6ClientEndpoint if ":" in self.host else TCP4ClientEndpoint
        return kind(any_reactor, self.host, self.port, CONNECT_TIME)
