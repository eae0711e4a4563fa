"""The clients of a run: one for each way of watching."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from tests.robustness.watching.jobs import QUIET, TOP
from tests.robustness.watching.scene import WatchedScene
from tests.robustness.watching.watcher import Watcher
from tests.robustness.watching.watchers import WATCHERS
from txetcd import Etcd, connect
from txetcd.testing import FaultProxy

__all__ = ["Client", "clients_of"]


@attrs.define(eq=False)
class Client:
    """A watcher, the client it has to itself, and what the client connects to."""

    name: str
    path: str
    etcd: Etcd
    watcher: Watcher
    proxies: list[FaultProxy]


def clients_of(
    scene: WatchedScene, watchers: Mapping[str, type[Watcher]]
) -> Iterator[Client]:
    """A client for each way of watching: of one member, or of all of them."""
    for number, (name, make) in enumerate(watchers.items()):
        one = [scene.proxies[number % len(scene.proxies)]]
        proxies = one if number % 2 else scene.proxies
        yield _client(scene, name, TOP, make, proxies, "direct")
    yield _client(scene, "witness", TOP, WATCHERS["witness"], scene.proxies, "treq")
    yield _client(scene, "iteration", QUIET, WATCHERS["iteration"], scene.proxies, "direct")


def _client(
    scene: WatchedScene,
    name: str,
    path: str,
    make: type[Watcher],
    proxies: list[FaultProxy],
    transport: str,
) -> Client:
    etcd = connect(
        [proxy.url for proxy in proxies], reactor=scene.reactor, transport=transport, timeout=2.0
    )
    watcher = make(scene.reactor, etcd.key(path), path == TOP)
    watcher.start()
    shown = f"{name}, {transport}" if path == TOP else f"{name} of a quiet key"
    return Client(shown, path, etcd, watcher, proxies)
