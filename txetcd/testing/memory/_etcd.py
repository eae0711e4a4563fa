"""An etcd in memory."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from twisted.internet.defer import Deferred

from txetcd import v2
from txetcd.client import Etcd, default_endpoint_stack, default_stack
from txetcd.clock import Clock
from txetcd.http.headers import Headers
from txetcd.http.message import Request, Response
from txetcd.keys.session import LINGER
from txetcd.model.node import NodeOp
from txetcd.model.op import Get
from txetcd.service import Service, Status
from txetcd.testing.memory._cluster import FIRST_INDEX, Cluster
from txetcd.testing.memory._edition import edition_of
from txetcd.testing.memory._member import Member
from txetcd.testing.memory._member_faults import MemberFaults
from txetcd.testing.memory._network_faults import NetworkFaults
from txetcd.testing.memory._text import nanoseconds
from txetcd.testing.memory._wire import Wire
from txetcd.v2.decode import decode

__all__ = ["MemoryEtcd"]

#: How many events etcd keeps.
CAPACITY = 1000

#: What time it is when a clock is at what it is, if nothing else is said.
START = datetime(2030, 1, 1, tzinfo=timezone.utc)


class MemoryEtcd(NetworkFaults, MemberFaults, Service[Request, Response]):
    """An etcd in memory, for tests that need no server and do not wait.

    It is a service of HTTP messages, and the client above it is the real one::

        clock = Clock()
        memory = MemoryEtcd(clock)
        key = memory.client().key("/colour")
        self.successResultOf(key.set("blue", ttl=30))
        clock.advance(30)
        self.failureResultOf(key.get(), KeyNotFound)

    It answers at once, as etcd 3.5.1 does: the same statuses, header fields and bodies, to what
    is right and to what is wrong, for ``/v2/keys``, ``/version``, ``/health`` and
    ``/v2/members``.  One suite of tests holds both to that.  Users, passwords and statistics it
    has none.  What depends on time (leases, and what is late or times out) happens when the
    clock is advanced, and leases end on time, where etcd may be half a second late.  Of keys
    that are not sorted the order is that in which they were made, where etcd has none.

    It fails when it is told to.  Faults of the network are those of a `FaultProxy`: what that
    does to a connection is done here to the request on it, as long as it is under way.  Faults of
    the server are those of an `EtcdProcess`.

    Where it belongs in a stack: at the bottom, in the place of a transport.

    Args:
        clock: Tells the time and makes calls later: a `twisted.internet.task.Clock`.
        start: What time it is now, for the expiration of leases.
        capacity: How many events the history holds.
        index: The index of the store.
        version: Which etcd it is like: ``"3.5.1"`` or ``"3.4.23"``.
        name: What the member is called; its URL is made of it.
        cluster_id: What the cluster calls itself: hexadecimal digits.

    Attributes:
        requests: All that it was asked, the oldest first, whatever became of it.
        peer: Another member of the cluster, as a service: for changes that are made elsewhere.
            No fault touches it but a lost quorum.

    Raises:
        ValueError: An argument is out of its range.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        clock: Clock,
        *,
        start: datetime = START,
        capacity: int = CAPACITY,
        index: int = FIRST_INDEX,
        version: str = "3.5.1",
        name: str = "memory",
        cluster_id: str = "cdf818194e3a8c32",
    ) -> None:
        if start.tzinfo is None:
            raise ValueError(f"start must have a time zone: {start!r}")
        for what, number in (("capacity", capacity), ("index", index)):
            if number < 1:
                raise ValueError(f"{what} must be 1 or more, not {number!r}")
        NetworkFaults.__init__(self)
        MemberFaults.__init__(self)
        self._cluster = Cluster(clock, nanoseconds(start), index, capacity, edition_of(version))
        self._member = Member(self._cluster, name, f"http://{name}:2379", cluster_id)
        self._wire = Wire(clock, self._member, self._faults)
        self.requests: list[Request] = []
        self.peer: Service[Request, Response] = _Peer(self._cluster, f"{name}-peer", cluster_id)

    def apply(self, request: Request) -> Deferred[Response]:
        self.requests.append(request)
        return self._wire.carry(request)

    @property
    def status(self) -> Status:
        return Status.OPEN

    def client(
        self,
        *,
        through: Service[Request, Response] | None = None,
        linger: float = LINGER,
        **options: Any,
    ) -> Etcd:
        """A client with the filters that `txetcd.connect` stacks.

        Args:
            through: The service to ask: this one, if None; `peer`, or this one behind filters of
                your own.
            linger: How long a shared watch goes on when nobody observes it any more, in
                seconds; 0 or more.
            options: As `txetcd.client.default_stack` takes them: ``timeout``, ``auth``,
                ``namespace``, ``stats``.

        Returns:
            A client that waits by the clock.  Closing it leaves the server as it is.
        """
        clock = self._wire.clock
        above = default_stack(clock, **options).to_filter()
        limits = {"timeout": options["timeout"]} if "timeout" in options else {}
        below = default_endpoint_stack(clock, self.url, alone=True, **limits).to_filter()
        bottom = below >> (self if through is None else through)
        return Etcd(above >> bottom, versions=v2.Versions() >> bottom, clock=clock, linger=linger)

    # --- what it is ---------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where it says that it is; nothing is there."""
        return self._wire.url

    @property
    def index(self) -> int:
        """The index of the store, as this member knows it."""
        return self._member.replica.store.index

    @property
    def waiting(self) -> tuple[Request, ...]:
        """The waits that are parked: nothing has matched them yet.  The oldest first."""
        return self._member.parked

    @property
    def in_flight(self) -> int:
        """How many requests clients wait for; waits that are parked among them."""
        return len(self._wire.calls)

    @property
    def cuts(self) -> int:
        """How many requests have been struck by a fault named ``cut_...`` since it was made."""
        return self._wire.cuts

    @property
    def history(self) -> tuple[NodeOp, ...]:
        """The events that a wait for the past may be told of, the oldest first.

        The index in their `State` is that of the event.
        """
        return tuple(
            decode(Response(200, Headers({"X-Etcd-Index": str(event.index)}), event.body()), _READ)
            for event in self._member.replica.store.history.events()
        )

    def __repr__(self) -> str:
        shown = [self._state(), f"index {self.index}", f"{len(self.waiting)} waiting"]
        faults = [str(self._faults)] if str(self._faults) else []
        if self._wire.refuses:
            faults.append("refuse")
        if faults:
            shown.append(f"faults: {', '.join(faults)}")
        return f"<MemoryEtcd {self._cluster.edition.version}: {', '.join(shown)}>"

    def _state(self) -> str:
        if self._wire.is_down:
            return "stopped"
        if self._wire.is_held:
            return "paused"
        if self._member.replica.is_behind:
            return "behind"
        return "running" if self._cluster.has_quorum else "without a quorum"


_READ = Get("/")


class _Peer(Service[Request, Response]):
    """Another member, with nothing in between."""

    def __init__(self, cluster: Cluster, name: str, cluster_id: str) -> None:
        member = Member(cluster, name, f"http://{name}:2379", cluster_id)
        self._wire = Wire(cluster.clock, member, NetworkFaults()._faults)

    def apply(self, request: Request) -> Deferred[Response]:
        return self._wire.carry(request)

    def __repr__(self) -> str:
        return "MemoryEtcd(...).peer"
