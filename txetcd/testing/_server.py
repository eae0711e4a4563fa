"""One etcd server without a reactor: its files, its ports and its process."""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Sequence

import attrs

from txetcd.errors import TxetcdError
from txetcd.testing._binary import checked, find_etcd
from txetcd.testing._child import Child
from txetcd.testing._ports import HOST, ReservedPort

__all__ = ["EtcdFailed", "Server", "Settings", "unique_name"]

#: How much of the end of a log is shown, in characters.
LOG_SHOWN = 2000

#: How much of a log is kept once its file is gone, in characters.
LOG_KEPT = 1 << 16


class EtcdFailed(TxetcdError):
    """etcd ended, or was not ready in time, or did not end.

    Args:
        what: What happened.
        log: What etcd wrote; the message shows the end of it.

    .. versionadded:: 0.1
    """

    def __init__(self, what: str, log: str = "") -> None:
        super().__init__(what)
        self.log = log

    def describe(self) -> str:
        shown = self.log[-LOG_SHOWN:].strip()
        return f"{self.args[0]}\n{shown}" if shown else str(self.args[0])


def unique_name(word: str = "txetcd") -> str:
    """A name that no other server has."""
    return f"{word}-{secrets.token_hex(6)}"


@attrs.frozen
class Settings:
    """How to run a server.

    Attributes:
        name: Its ``--name``, by which its answers are told from another's.
        binary: The program, or None to find it when the server is started.
        enable_v2: Whether it serves the v2 API.
        data_dir: Where its data is, or None for a folder of its own.
        election_timeout: How long it waits for a leader before it asks for an election,
            in seconds; the heartbeat is a tenth of it.
        snapshot_count: After how many changes it makes a raft snapshot; None leaves it to etcd.
        extra_args: More arguments, which come last, where they win.
        cluster: The members, as ``name=peer_url``, separated by commas; empty if it is alone.
        token: The ``--initial-cluster-token``.
    """

    name: str
    binary: str | None = None
    enable_v2: bool = True
    data_dir: str | None = None
    election_timeout: float = 0.1
    snapshot_count: int | None = None
    extra_args: Sequence[str] = ()
    cluster: str = ""
    token: str = attrs.field(factory=unique_name)

    def arguments(self, data_dir: str, url: str, peer_url: str) -> list[str]:
        """The arguments of etcd, for a place to run in.

        Args:
            data_dir: Where the data is.
            url: Where clients are served.
            peer_url: Where members are served.
        """
        options: dict[str, object] = {
            "name": self.name,
            "data-dir": data_dir,
            "listen-client-urls": url,
            "advertise-client-urls": url,
            "listen-peer-urls": peer_url,
            "initial-advertise-peer-urls": peer_url,
            "initial-cluster": self.cluster or f"{self.name}={peer_url}",
            "initial-cluster-token": self.token,
            "election-timeout": max(10, round(self.election_timeout * 1000)),
            "heartbeat-interval": max(1, round(self.election_timeout * 100)),
        }
        if self.snapshot_count is not None:
            options["snapshot-count"] = self.snapshot_count
        if self.enable_v2:
            options["enable-v2"] = "true"
        return [*(f"--{name}={value}" for name, value in options.items()), *self.extra_args]


class Place:
    """Where a server runs: two ports, and a temporary folder for its data and its log."""

    def __init__(self, settings: Settings) -> None:
        self.folder = tempfile.mkdtemp(prefix="txetcd-")
        self.data_dir = settings.data_dir or os.path.join(self.folder, "data")
        self.log_path = os.path.join(self.folder, "etcd.log")
        self._ports = (ReservedPort(), ReservedPort())

    @property
    def port(self) -> int:
        """The port for clients."""
        return self._ports[0].number

    @property
    def url(self) -> str:
        """The URL for clients."""
        return f"http://{HOST}:{self.port}"

    @property
    def peer_url(self) -> str:
        """The URL for the other members."""
        return f"http://{HOST}:{self._ports[1].number}"

    def move(self) -> None:
        """Take other ports."""
        self._release()
        self._ports = (ReservedPort(), ReservedPort())

    def wipe(self) -> None:
        """Delete the data, and nothing else that may be in a folder of the user's."""
        shutil.rmtree(os.path.join(self.data_dir, "member"), ignore_errors=True)

    def remove(self) -> None:
        """Release the ports and delete the folder."""
        self._release()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _release(self) -> None:
        for port in self._ports:
            port.release()


class Server:
    """An etcd that is started, signalled and removed, by who watches over it.

    It never waits.  What it leaves is removed when Python exits, if not before.

    Args:
        settings: How to run it.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.place: Place | None = None
        self.child: Child | None = None
        self._log_start = 0
        self._last_place: Place | None = None
        self._last_log = ""

    def __str__(self) -> str:
        status = None if self.child is None else self.child.status
        return self.settings.name + ("" if status is None else f" (exited with {status})")

    @property
    def alive(self) -> bool:
        """Whether there is a process of it."""
        return self.child is not None and self.child.alive

    @property
    def known_place(self) -> Place:
        """Where it runs, or ran last.

        Raises:
            RuntimeError: If it has not been started.
        """
        place = self.place or self._last_place
        if place is None:
            raise RuntimeError(f"{self.settings.name} has not been started: it has no place yet")
        return place

    def settle(self) -> Place:
        """Have a place to run in."""
        if self.place is None:
            self.place = self._last_place = Place(self.settings)
            _settled[self] = os.getpid()
        return self.place

    def join(self, cluster: str, token: str) -> None:
        """Be a member of a cluster.

        Args:
            cluster: The members, as ``name=peer_url``, separated by commas.
            token: The ``--initial-cluster-token`` that they have in common.
        """
        self.settings = attrs.evolve(self.settings, cluster=cluster, token=token)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, if there is one."""
        if self.child is not None:
            self.child.signal(number)

    def spawn(self) -> None:
        """Start the process.

        Raises:
            EtcdNotFound: If there is no etcd program.
        """
        given = self.settings.binary
        binary = checked(given, "The binary is ") if given else find_etcd()
        place = self.settle()
        arguments = self.settings.arguments(place.data_dir, place.url, place.peer_url)
        self._log_start = _size(place.log_path)
        self.child = Child(
            [binary, *arguments], log_path=place.log_path, cwd=place.folder, env=_environment()
        )

    def log(self, *, this_run: bool = False) -> str:
        """What etcd has written; since the last `spawn` alone, if so asked."""
        if self.place is None:
            return self._last_log
        return _read(self.place.log_path, self._log_start if this_run else 0)

    @property
    def address_in_use(self) -> bool:
        """Whether the process ended because a port of its was taken."""
        return not self.alive and "address already in use" in self.log(this_run=True)

    def remove(self) -> None:
        """Kill the process if it lives, and delete what is its own.  It may be called again."""
        if self.child is not None:
            self.child.destroy()
        if self.place is not None:
            self._last_log = self.log()[-LOG_KEPT:]
            self.place.remove()
            self.place = None
        _settled.pop(self, None)


#: The servers that have a place, and the process that each is of: after a fork they are not ours.
_settled: dict[Server, int] = {}


@atexit.register
def _remove_all() -> None:
    for server, owner in list(_settled.items()):
        if owner == os.getpid():
            server.remove()


def _environment() -> dict[str, str]:
    # etcd takes each of its options from the environment, too.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ETCD_")}
    if "ETCD_UNSUPPORTED_ARCH" in os.environ:
        kept["ETCD_UNSUPPORTED_ARCH"] = os.environ["ETCD_UNSUPPORTED_ARCH"]
    return kept


def _size(path: str) -> int:
    return os.path.getsize(path) if os.path.exists(path) else 0


def _read(path: str, start: int) -> str:
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        file.seek(start)
        return file.read()
