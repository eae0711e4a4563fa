"""A real etcd, for tests and demonstrations."""

from __future__ import annotations

import os
from collections.abc import Sequence

from twisted.internet.defer import Deferred, DeferredLock

from txetcd.testing._lifecycle import Lifecycle
from txetcd.testing._probe import Standing
from txetcd.testing._reactor import Reactor, default_reactor
from txetcd.testing._server import Server, Settings, unique_name

__all__ = ["EtcdProcess"]


class EtcdProcess:
    """An etcd server of one's own, in a process of its own, on free loopback ports.

    ::

        class WatchTests(TestCase):
            async def test_a_watch_survives_a_restart(self):
                etcd = EtcdProcess()
                self.addCleanup(etcd.stop)
                await etcd.start()
                ...
                await etcd.restart()

    `start`, `stop`, `kill`, `pause`, `resume` and `restart` each return a Deferred.  They
    run one after another, in the order in which they were asked for; only `stop` does not
    wait for a start to finish.  Between them the reactor has no trace of the process, and
    after `stop` neither has the system.  It is killed, and its files are removed, when
    Python exits, if that was not done before.

    No process is ever signalled but the one that this object started.

    Args:
        reactor: Makes connections and keeps the time; by default the global reactor, which
            is imported here.
        binary: The path of etcd; by default what `find_etcd` finds.
        enable_v2: Whether to serve the v2 API, which etcd by itself does not.
        data_dir: A folder for etcd's data, which is kept; by default a temporary one,
            which `stop` removes.
        extra_args: More arguments for etcd, such as ``["--max-txn-ops=1"]``.  They come
            last, so they win over those that are made here.
        name: The member's name.  It must be unlike that of any other server, since the
            server is known by it; by default it is a random one.
        snapshot_count: After how many changes a raft snapshot is made.
        election_timeout: etcd's ``--election-timeout``, in seconds; the heartbeat is a
            tenth of it.  A member that is alone has nobody to wait for, so it is short:
            the server is ready the sooner.
        start_timeout: How long starting may take, in seconds.
        grace: How long `stop` waits for etcd to shut down in order, in seconds.  It does so in
            milliseconds, but 3.5 waits for its parked waits: five seconds, and twice the
            election timeout.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        reactor: Reactor | None = None,
        *,
        binary: str | None = None,
        enable_v2: bool = True,
        data_dir: str | os.PathLike[str] | None = None,
        extra_args: Sequence[str] = (),
        name: str | None = None,
        snapshot_count: int | None = None,
        election_timeout: float = 0.1,
        start_timeout: float = 30.0,
        grace: float = 1.0,
    ) -> None:
        settings = Settings(
            name=name or unique_name(),
            binary=binary,
            enable_v2=enable_v2,
            data_dir=None if data_dir is None else os.path.abspath(data_dir),
            election_timeout=election_timeout,
            snapshot_count=snapshot_count,
            extra_args=tuple(extra_args),
        )
        self._server = Server(settings)
        self._life = Lifecycle(
            default_reactor(reactor), self._server, start_timeout=start_timeout, grace=grace
        )
        self._in_turn = DeferredLock()

    # --- what it is ------------------------------------------------------------

    @property
    def name(self) -> str:
        """The member's name."""
        return self._server.settings.name

    @property
    def port(self) -> int:
        """The port for clients; the same for all restarts, and known once it was started.

        Raises:
            RuntimeError: If it has not been started.
        """
        return self._server.known_place.port

    @property
    def url(self) -> str:
        """The URL for clients, without a slash at its end; known as `port` is."""
        return self._server.known_place.url

    @property
    def peer_url(self) -> str:
        """The URL for other members; known as `port` is."""
        return self._server.known_place.peer_url

    @property
    def data_dir(self) -> str:
        """The folder with etcd's data; known as `port` is."""
        return self._server.known_place.data_dir

    @property
    def log_path(self) -> str:
        """The file that etcd writes its log to; known as `port` is, and gone after `stop`."""
        return self._server.known_place.log_path

    def log(self) -> str:
        """What etcd has written; after `stop`, the last part of it."""
        return self._server.log()

    @property
    def pid(self) -> int | None:
        """The process id, or None if there is no process."""
        child = self._server.child
        return child.pid if child is not None and child.alive else None

    @property
    def running(self) -> bool:
        """Whether there is a process, be it paused or starting."""
        return self._server.alive

    @property
    def paused(self) -> bool:
        """Whether there is a process, and it was paused."""
        return self._life.paused and self.running

    @property
    def version(self) -> str | None:
        """The version of etcd, such as ``"3.5.1"``, or None if it has not been ready yet."""
        standing = self._life.standing
        return None if standing is None else standing.version

    def __repr__(self) -> str:
        where = f" {self.url}" if self._server.place else ""
        return f"<EtcdProcess {self.name}{where} {self._state()}>"

    def _state(self) -> str:
        child = self._server.child
        if self._server.place is None:
            return "not started" if child is None else "stopped"
        if child is None or self._life.booting:
            return "starting"
        if not child.alive:
            return f"exited with {child.status}"
        return f"{'paused' if self.paused else 'running'} pid={child.pid}"

    # --- what it does ------------------------------------------------------------

    def start(self) -> Deferred[EtcdProcess]:
        """Start it, on ports that are free, or on those that it had before a `kill`.

        Ready means that the very process that was started has joined a cluster with a
        leader, and answers.  A port that somebody else takes at the last moment does not
        matter: another pair is tried, as long as no one has been told of this one.

        Returns:
            Fires with this object when the server is ready.  Cancelling it, or calling
            `stop`, kills the process; then it fails with ``CancelledError``.

        Raises:
            EtcdNotFound: If there is no etcd program, or ``binary`` is none.
            EtcdFailed: If etcd ended, or was not ready in time.  The process is gone, and
                the message has the end of etcd's log.
            RuntimeError: If it is running.
        """
        return self._in_turn.run(self._life.start).addCallback(lambda _: self)

    def stop(self) -> Deferred[None]:
        """End it, and remove all that is its own: the process, its ports, its folder.

        It is asked to shut down, and killed if that takes too long.  A paused process is
        resumed for this.  Stopping what has been stopped does nothing; what has been
        stopped may be started again, without its data, on other ports.

        Returns:
            Fires with None when everything is gone.  Cancelling it leaves the process as
            it is then; it may be called again.
        """
        self._life.interrupt()
        return self._in_turn.run(self._life.stop)

    def kill(self) -> Deferred[None]:
        """End it at once, as a crash would (``SIGKILL``), and keep its data and its ports.

        Returns:
            Fires with None when the process has ended, which it may have done before.
            Cancelling it only ends the waiting.
        """
        return self._in_turn.run(self._life.kill)

    def pause(self) -> Deferred[None]:
        """Stop it from running (``SIGSTOP``): connections are accepted, and nothing is said.

        Returns:
            Fires with None when the process has stopped.  Cancelling it only ends the
            waiting.

        Raises:
            RuntimeError: If there is no process.
        """
        return self._in_turn.run(self._life.pause)

    def resume(self) -> Deferred[None]:
        """Let it run on after a `pause` (``SIGCONT``).

        Returns:
            Fires with None when the process runs.  Cancelling it only ends the waiting.

        Raises:
            RuntimeError: If there is no process.
        """
        return self._in_turn.run(self._life.resume)

    def restart(self, wipe: bool = False) -> Deferred[EtcdProcess]:
        """Start it again on the same ports, after it was killed, or killing it now.

        Args:
            wipe: Delete the data first: a new history begins, under the same cluster id.
                A member of a cluster cannot come back so: see `EtcdCluster.restart`.

        Returns:
            Fires as that of `start` does.  Cancelling it leaves the process killed.

        Raises:
            EtcdFailed: As by `start`.
        """
        return self._in_turn.run(self._life.restart, wipe).addCallback(lambda _: self)

    # --- what a cluster asks of a member ----------------------------------------------

    def _settle(self) -> str:
        """Choose the ports, for good, and tell this member's name and URL as etcd wants them."""
        return f"{self.name}={self._server.settle().peer_url}"

    def _join(self, cluster: str, token: str) -> None:
        self._server.join(cluster, token)

    async def _ask(self) -> Standing:
        return await self._life.ask()
