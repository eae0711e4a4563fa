"""The keys as one member knows them."""

from __future__ import annotations

from collections.abc import Callable

from txetcd.testing.memory._cluster import Cluster
from txetcd.testing.memory._hub import Hub
from txetcd.testing.memory._proposal import Command
from txetcd.testing.memory._refusal import Refusal
from txetcd.testing.memory._store import Store

__all__ = ["Replica"]


class Replica:
    """The store of a member: that of the cluster, until it has once been behind.

    Args:
        cluster: What it belongs to.

    Attributes:
        hub: The waits that are parked on the member.
        is_behind: Whether it hears nothing from the others.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.hub = Hub(cluster.wake)
        cluster.store.hubs.append(self.hub)
        self.is_behind = False
        self._own: Store | None = None
        self._missed: list[Command[object]] = []
        self._hears: Callable[[Command[object]], object] | None = None

    @property
    def store(self) -> Store:
        """The keys."""
        return self._own or self._cluster.store

    def fall_behind(self) -> None:
        """Hear nothing from the others."""
        if self.is_behind:
            return
        self.is_behind = True
        if self._own is None:
            self._cluster.store.hubs.remove(self.hub)
            self._have(self._cluster.store.copy())
        self._missed = []
        self._hear(self._missed.append)

    def catch_up(self, from_snapshot: bool = False) -> None:
        """Hear of what was missed: one by one, or all at once and without a word."""
        if not self.is_behind:
            return
        self.is_behind = False
        if from_snapshot:
            history = self.store.history
            self._have(self._cluster.store.copy())
            self.store.history.recover_over(history)
        else:
            for command in self._missed:
                self._carry_out(command)
        self._hear(self._carry_out)
        self._cluster.settle()

    def reset(self) -> None:
        """Have what the cluster has, and nothing else."""
        self.is_behind = False
        self._hear(None)
        self._own = None
        if self.hub not in self._cluster.store.hubs:
            self._cluster.store.hubs.append(self.hub)

    def _have(self, own: Store) -> None:
        own.hubs.append(self.hub)
        self._own = own

    def _hear(self, told: Callable[[Command[object]], object] | None) -> None:
        if self._hears is not None:
            self._cluster.unfollow(self._hears)
        if told is not None:
            self._cluster.follow(told)
        self._hears = told

    def _carry_out(self, command: Command[object]) -> None:
        try:
            command(self.store)
        except Refusal:
            # As everywhere.
            pass
