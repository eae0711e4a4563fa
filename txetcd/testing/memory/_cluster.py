"""The members of a cluster together: what they have agreed on, if they can agree."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeVar

from txetcd.clock import Clock, DelayedCall
from txetcd.testing.memory._edition import Edition
from txetcd.testing.memory._history import Event, History
from txetcd.testing.memory._hub import Wait
from txetcd.testing.memory._proposal import Command, Proposal
from txetcd.testing.memory._store import Store
from txetcd.testing.memory._text import SECOND
from txetcd.testing.memory._tree import Tree

__all__ = ["FIRST_INDEX", "Cluster"]

T = TypeVar("T")

#: The index of the store before the first write: what etcd has done for itself by then.
FIRST_INDEX = 3


class Cluster:
    """What has been agreed on.

    Args:
        clock: Ends leases.
        start: What time it is now, in nanoseconds since 1970.
        index: The index of the store.
        capacity: How many events the history holds.
        edition: Where versions of etcd differ.

    Attributes:
        store: The keys, as most members know them.
        raft: The index and the term of the log.
        edition: As above.
        clock: As above.
    """

    def __init__(
        self, clock: Clock, start: int, index: int, capacity: int, edition: Edition
    ) -> None:
        self.clock = clock
        self.edition = edition
        self._start = start - round(clock.seconds() * SECOND)
        self._capacity = capacity
        self.store = Store(Tree(index), History(capacity, index), self.now, edition)
        self.raft = (index + 1, 2)
        self._followers: list[Callable[[Command[object]], object]] = []
        self._woken: deque[tuple[Wait, Event]] = deque()
        self._telling = False
        self._expiry: DelayedCall | None = None
        self._expiry_at = 0
        # None while there is a quorum.
        self._proposals: list[Proposal] | None = None

    def now(self) -> int:
        """The time, in nanoseconds since 1970."""
        return self._start + round(self.clock.seconds() * SECOND)

    def wake(self, wait: Wait, event: Event) -> None:
        """Tell a wait of an event, once all has been done that is to be done."""
        self._woken.append((wait, event))

    # --- agreeing -----------------------------------------------------------------------------

    @property
    def has_quorum(self) -> bool:
        """Whether the members can agree on anything."""
        return self._proposals is None

    def propose(self, proposal: Proposal) -> bool:
        """Carry a proposal out, if the members can agree; otherwise it is kept until they can."""
        if self._proposals is None:
            proposal.carry_out(self.commit)
            return True
        self._proposals.append(proposal)
        return False

    def commit(self, command: Command[T]) -> T:
        """Do something on all members; those that are behind do it later.

        Raises:
            Refusal: It cannot be done.
        """
        self.raft = (self.raft[0] + 1, self.raft[1])
        try:
            return command(self.store)
        finally:
            for told in self._followers:
                told(command)
            self.settle()

    def settle(self) -> None:
        """Tell those who were woken, and see which lease ends next."""
        self._await_expiry()
        if self._telling:
            # By one who has been told, and writes.
            return
        self._telling = True
        try:
            while self._woken:
                wait, event = self._woken.popleft()
                wait.told(event)
        finally:
            self._telling = False

    # --- members that go apart ----------------------------------------------------------------

    def follow(self, told: Callable[[Command[object]], object]) -> None:
        """Have somebody told of each command that is carried out."""
        self._followers.append(told)

    def unfollow(self, told: Callable[[Command[object]], object]) -> None:
        """Have him told no more."""
        self._followers.remove(told)

    # --- misfortunes --------------------------------------------------------------------------

    def elect(self) -> None:
        """Have a new leader."""
        self.raft = (self.raft[0] + 1, self.raft[1] + 1)

    def lose_quorum(self) -> None:
        """Agree on nothing any more."""
        if self._proposals is None:
            self._proposals = []
            self._stop_expiry()

    def regain_quorum(self, commit: bool) -> None:
        """Agree again.

        Args:
            commit: Whether what was proposed meanwhile is done now, or never.
        """
        proposals, self._proposals = self._proposals or [], None
        self.elect()
        for proposal in proposals if commit else ():
            proposal.carry_out(self.commit)
        self.settle()

    def wipe(self) -> None:
        """Lose all data, and begin anew with the same name."""
        hubs = self.store.hubs
        tree, history = Tree(FIRST_INDEX), History(self._capacity, FIRST_INDEX)
        self.store = Store(tree, history, self.now, self.edition, hubs)
        self.raft = (FIRST_INDEX + 1, 2)
        self._stop_expiry()

    # --- leases -------------------------------------------------------------------------------

    def _await_expiry(self) -> None:
        due = self.store.next_expiry
        if due is None or not self.has_quorum:
            self._stop_expiry()
        elif self._expiry is None or due < self._expiry_at:
            # One that comes too early finds nothing, and is cheaper than to begin it anew.
            self._stop_expiry()
            delay = max(0, due - self.now()) / SECOND
            self._expiry, self._expiry_at = self.clock.callLater(delay, self._expire), due

    def _stop_expiry(self) -> None:
        if self._expiry is not None and self._expiry.active():
            self._expiry.cancel()
        self._expiry = None

    def _expire(self) -> None:
        self._expiry = None
        cutoff = self.now()
        if self.store.has_expired(cutoff):
            self.commit(lambda store: store.expire(cutoff))
        else:
            self._await_expiry()
