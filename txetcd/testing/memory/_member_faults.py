"""What can be wrong with the server, and with the others of its cluster."""

from __future__ import annotations

from txetcd.testing.memory._cluster import Cluster
from txetcd.testing.memory._member import Member
from txetcd.testing.memory._store import Store
from txetcd.testing.memory._wire import Wire

__all__ = ["MemberFaults"]


class MemberFaults:
    """What an `EtcdProcess` can be told, by the same names, and what a cluster does to a member."""

    _cluster: Cluster
    _member: Member
    _wire: Wire

    def __init__(self) -> None:
        # Told by a test to be behind, whether or not it is paused or stopped.
        self._cut_off = False

    # --- the process --------------------------------------------------------------------------

    def stop(self) -> None:
        """Shut the server down in order: waits end with an empty answer, and then it is refused.

        The other members go on.
        """
        if not self._wire.is_down:
            self.resume()
            self._member.stop()
            self._go_down()

    def kill(self) -> None:
        """Kill the server: all connections are reset, and then it is refused."""
        if not self._wire.is_down:
            for call in list(self._wire.calls):
                call.lose()
            self._wire.release()
            self._go_down()

    def start(self) -> None:
        """Start the server, with its data and its history, and what it has missed of both.

        As with etcd, the index grows by that.
        """
        if self._wire.is_down:
            self._wire.is_down = False
            self._come_back()
            self._cluster.elect()
            if self._cluster.has_quorum:
                self._cluster.commit(Store.skip)

    def restart(self, wipe: bool = False) -> None:
        """Stop the server and start it.

        Args:
            wipe: Whether all members lose their data meanwhile: the index begins anew, and so
                does the history; the cluster keeps its name.
        """
        self.stop()
        if not wipe:
            self.start()
            return
        self._cluster.wipe()
        self._cut_off = self._wire.is_down = False
        self._member.replica.reset()

    def pause(self) -> None:
        """Let the server take connections and requests, and do nothing (``SIGSTOP``)."""
        if not self._wire.is_down:
            self._wire.hold()
            self._member.replica.fall_behind()

    def resume(self) -> None:
        """Let it go on: it learns what it has missed, and answers what it was asked."""
        if self._wire.is_held:
            self._come_back()
            self._wire.release()

    def _go_down(self) -> None:
        self._wire.is_down = True
        self._member.replica.fall_behind()

    def _come_back(self) -> None:
        if not self._cut_off:
            self._member.replica.catch_up()

    # --- the cluster --------------------------------------------------------------------------

    def lose_quorum(self) -> None:
        """Lose so many members that nothing can be agreed on.

        Writes, and gets with a quorum, are answered with `RaftInternal` after 7 seconds; plain
        gets and waits as ever.  No lease ends.
        """
        self._cluster.lose_quorum()

    def regain_quorum(self, commit: bool = False) -> None:
        """Have them back.

        Args:
            commit: Whether the writes that were asked for meanwhile are carried out now, those
                included that have been answered with an error.
        """
        self._cluster.regain_quorum(commit)

    def fall_behind(self) -> None:
        """Cut the member off from the others, which go on without it.

        Writes, and gets with a quorum, are answered with `RaftInternal` after 7 seconds; plain
        gets with what was true once; and waits hear of nothing.
        """
        self._cut_off = True
        self._member.replica.fall_behind()

    def catch_up(self, from_snapshot: bool = False) -> None:
        """Let it hear from the others again.

        Args:
            from_snapshot: Whether it is sent their data as they are, and not one change after the
                other, as happens if too many were made: waits that are parked are told of none
                of them.  As with etcd, the history is damaged if there were refreshes in what
                it was before: some events have then become refreshes, and no scan finds them.
        """
        self._cut_off = False
        self._member.replica.catch_up(from_snapshot)
