"""The etcd that is measured against, without a reactor."""

from __future__ import annotations

import http.client
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.benchmarks.store import Store
from txetcd.testing._server import EtcdFailed, Server, Settings, unique_name

__all__ = ["more_files", "running_etcd"]

#: How long it may take to start, in seconds.
START_TIME = 30.0

#: Enough for thousands of watches, each with a connection.
FILES = 16_384


def more_files() -> int:
    """Let this process and its children open more files, if the system lets them: how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < FILES:
        soft = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft


@contextmanager
def running_etcd() -> Iterator[str]:
    """A server of one's own, on free ports of the loopback interface: its URL.

    It serves v2 and v3, and does not wait for its disk.  It ends with the block, or with this
    process, however that ends.
    """
    server = Server(Settings(name=unique_name("bench"), extra_args=["--unsafe-no-fsync"]))
    try:
        server.spawn()
        url = server.known_place.url
        _wait(server, url)
        yield url
    finally:
        server.remove()


def _wait(server: Server, url: str) -> None:
    """Wait until it has written something, in both stores."""
    deadline = time.monotonic() + START_TIME
    while True:
        try:
            with Store(url) as store:
                store.put("v2", "/bench/ready", "yes")
                store.put("v3", "/bench/ready", "yes")
            return
        except (OSError, RuntimeError, http.client.HTTPException):
            if not server.alive or time.monotonic() > deadline:
                raise EtcdFailed("The etcd to measure did not start", server.log()) from None
        time.sleep(0.02)
