"""Assembling a client: the only module that knows all the parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import Deferred, fail

from txetcd import v2
from txetcd.balance import Failover
from txetcd.clock import Clock
from txetcd.filters import Retry, Timeout
from txetcd.http.authentication import BasicAuthentication
from txetcd.http.message import Request, Response
from txetcd.http.tls import TLS
from txetcd.http.transports import direct_service, treq_service
from txetcd.http.url import parse_url, redacted
from txetcd.keys import Key, Session
from txetcd.model import NodeOp, Op, Version
from txetcd.service import Service, Status
from txetcd.stack import Layer, Stack

__all__ = ["DEFAULT_TIMEOUT", "Etcd", "connect", "default_stack"]

#: What carries requests, by the names that `connect` knows.
TRANSPORTS = {"treq": treq_service, "direct": direct_service}

#: How long an operation may take in all, in seconds.
DEFAULT_TIMEOUT = 10.0


class Etcd:
    """A client of etcd: keys, by path.

    Made by `connect`; or of any service of operations, so that every part can be
    another::

        etcd = Etcd(v2.Keys() >> my_filter >> TreqService(client, "http://127.0.0.1:2379"))

    Args:
        keys: A service from an operation to a `NodeOp`.
        versions: A service from None to a `Version`; without it `version` fails.
        clock: What watches wait by; the global reactor if None.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        keys: Service[Op, NodeOp],
        *,
        versions: Service[None, Version] | None = None,
        clock: Clock | None = None,
    ) -> None:
        if not isinstance(keys, Service):
            raise TypeError(f"Etcd needs a service of operations, not {keys!r}; see connect()")
        self._session = Session(keys, _reactor() if clock is None else clock)
        self._versions = versions

    def key(self, path: str) -> Key:
        """The key at a path from the root; ``"/"`` is the root itself.

        Raises:
            ValueError: The path has a part that cannot name a key.
        """
        return Key(path, self._session)

    def version(self) -> Deferred[Version]:
        """Ask the server for its version.

        Returns:
            A Deferred that fires with a `Version`, or fails as an operation does.
        """
        if self._versions is None:
            return fail(ValueError("this Etcd was made without a service of versions"))
        return self._versions(None)

    def close(self) -> Deferred[None]:
        """Stop: requests and watches under way fail with `ServiceClosed`.

        Returns:
            A Deferred that fires with None when nothing of this client is left in
            the reactor.  Closing twice does no harm.
        """
        closed = self._session.close()
        versions = self._versions
        return closed if versions is None else closed.addCallback(lambda _: versions.close())

    @property
    def status(self) -> Status:
        """Whether the client can be used now."""
        return self._session.status

    def __repr__(self) -> str:
        return f"Etcd({self._session!r})"


def connect(
    endpoints: str | Iterable[str],
    *,
    api: str = "v2",
    transport: str = "treq",
    reactor: Any = None,
    timeout: float = DEFAULT_TIMEOUT,
    auth: tuple[str, str] | None = None,
    tls: TLS | None = None,
    stack: Callable[[Stack], Stack] | None = None,
) -> Etcd:
    """Make a client of one server, or of the members of one cluster.

    Nothing is sent before the first operation.

    Args:
        endpoints: A URL, several between commas, or an iterable of either.
        api: The protocol: ``"v2"``.
        transport: What carries it: ``"treq"``, or ``"direct"``, which does the same with
            nothing in between and in about half the time.
        reactor: Makes connections and tells the time; the global one if None.
        timeout: How long an operation may take in all, in seconds; a wait may take
            any time.  One attempt may take half of it, and so may connecting.
        auth: A user and a password, sent with each request.
        tls: What ``https`` servers are verified by, and what they are shown; the
            platform's authorities, and no certificate, if None.
        stack: Given the default stack, returns the one to use: a filter can be put
            anywhere in it, and any of its filters replaced or removed.

    Returns:
        The client; close it when done.

    Raises:
        ValueError: An endpoint is not a URL with scheme and host, there is none,
            or another argument is out of its range.

    .. versionadded:: 0.1
    """
    urls = _urls(endpoints)
    for name, value, known in (("api", api, ["v2"]), ("transport", transport, [*TRANSPORTS])):
        if value not in known:
            raise ValueError(f"{name} must be {' or '.join(map(repr, known))}, not {value!r}")
    reactor = _reactor() if reactor is None else reactor
    layers = default_stack(reactor, timeout=timeout, auth=auth)
    if stack is not None:
        layers = stack(layers)
        if not isinstance(layers, Stack):
            raise TypeError(f"stack= must return a Stack, not {layers!r}")
    carry = TRANSPORTS[transport]
    services = [carry(reactor, url, tls=tls, connect_timeout=timeout / 2) for url in urls]
    bottom: Service[Request, Response] = (
        services[0] if len(services) == 1 else Failover(services)
    )
    return Etcd(
        layers.to_filter() >> bottom,
        versions=_versions(layers) >> bottom,
        clock=reactor,
    )


def default_stack(
    clock: Clock,
    *,
    timeout: float = DEFAULT_TIMEOUT,
    auth: tuple[str, str] | None = None,
) -> Stack:
    """The filters between a key and the transport, as `connect` stacks them.

    Args:
        clock: What they wait by.
        timeout: How long an operation may take in all, in seconds.
        auth: A user and a password.

    .. versionadded:: 0.1
    """
    credentials = [] if auth is None else [
        Layer(
            "authentication",
            BasicAuthentication(*auth),
            "below the protocol, so that no request misses it",
        )
    ]
    return Stack(
        [
            Layer(
                "deadline",
                Timeout(timeout, clock),
                "above retry: bounds an operation with all its attempts",
            ),
            Layer(
                "retry",
                Retry(clock),
                "above the protocol: it sees whether an operation is a write",
            ),
            Layer("protocol", v2.Keys(), "operations above, HTTP messages below"),
            *credentials,
            Layer(
                "timeout",
                Timeout(timeout / 2, clock),
                "below retry: leaves time for another attempt",
            ),
        ]
    )


def _versions(layers: Stack) -> Any:
    """The filters for asking a version: another protocol, above the same HTTP filters."""
    below = layers.below("protocol") if "protocol" in layers else Stack()
    return v2.Versions() >> below.to_filter()


def _urls(endpoints: str | Iterable[str]) -> list[str]:
    given = [endpoints] if isinstance(endpoints, (str, bytes)) else endpoints
    urls = [url for several in given for url in _split(several)]
    if not urls:
        raise ValueError("no endpoint was given; for example 'http://127.0.0.1:2379'")
    return list(dict.fromkeys(urls))


def _split(several: str) -> list[str]:
    if not isinstance(several, str):
        raise TypeError(f"an endpoint is a URL as text, not {type(several).__name__}")
    try:
        return [parse_url(url.strip()) for url in several.split(",")]
    except ValueError:
        if "@" not in several:
            raise
        # What stands between commas may be a piece of a password.
        raise ValueError(
            f"{redacted(several)} carries credentials: pass auth=(user, password)"
        ) from None


def _reactor() -> Any:
    from twisted.internet import reactor

    return reactor
