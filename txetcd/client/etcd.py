"""A client of etcd: keys, by path."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail

from txetcd.client.reactor import global_reactor
from txetcd.clock import Clock
from txetcd.inflight import InFlight
from txetcd.keys import Key, Session
from txetcd.keys.session import LINGER
from txetcd.model import AskVersion, NodeOp, Op, Version
from txetcd.model.outcome import settle
from txetcd.service import Service, Status

__all__ = ["Etcd"]


class Etcd:
    """A client of etcd: keys, by path.

    Made by `connect`; or of any service of operations, so that every part can be
    another::

        etcd = Etcd(v2.Keys() >> my_filter >> TreqService(client, "http://127.0.0.1:2379"))

    Args:
        keys: A service from an operation to a `NodeOp`.
        versions: A service from `AskVersion` to a `Version`; without it `version` fails.
        clock: What watches wait by; the global reactor if None.
        linger: How long a shared watch (`Key.watch`, `Key.watch_tree`) goes on when
            nobody observes it, in seconds; 0 or more.

    Raises:
        TypeError: ``keys`` is not a service, or ``linger`` no number.
        ValueError: ``linger`` is negative or not finite.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        keys: Service[Op, NodeOp],
        *,
        versions: Service[AskVersion, Version] | None = None,
        clock: Clock | None = None,
        linger: float = LINGER,
    ) -> None:
        if not isinstance(keys, Service):
            raise TypeError(f"Etcd needs a service of operations, not {keys!r}; see connect()")
        self._session = Session(keys, global_reactor() if clock is None else clock, linger)
        self._versions = versions
        self._asked: InFlight[Version] = InFlight(settle)

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
        return self._asked.add(self._versions, AskVersion())

    def close(self) -> Deferred[None]:
        """Stop: requests and watches under way fail with `ServiceClosed`.

        Returns:
            A Deferred that fires with None when nothing of this client is left in
            the reactor.  Closing twice does no harm.
        """
        asked, closed = self._asked.close(), self._session.close()
        versions = self._versions
        if versions is None:
            return closed
        return closed.addCallback(lambda _: asked).addCallback(lambda _: versions.close())

    @property
    def status(self) -> Status:
        """Whether the client can be used now."""
        return self._session.status

    def __repr__(self) -> str:
        return f"Etcd({self._session!r})"
