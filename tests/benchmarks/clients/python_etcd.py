"""python-etcd: v2, blocking, over urllib3, which keeps connections.

Several requests at a time are made by as many threads, which share one client: its pool has room
for all of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.clients.measure import with_session
from tests.benchmarks.clients.session import Session
from tests.benchmarks.concurrency import Threads
from tests.benchmarks.job import IN_FLIGHT

__all__ = ["PythonEtcdSession", "measure"]


class PythonEtcdSession(Session):
    """A `Client`."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        import etcd

        place = urlsplit(url)
        self._client = etcd.Client(
            host=place.hostname or "", port=place.port or 0, per_host_pool_size=IN_FLIGHT
        )

    def getter(self, key: str) -> Callable[[], Awaitable[Any]]:
        async def get() -> Any:
            return self._client.read(key).value

        return get

    def setter(self, key: str) -> Callable[[str], Awaitable[Any]]:
        async def put(value: str) -> Any:
            return self._client.write(key, value)

        return put

    def lister(self, directory: str) -> Callable[[], Awaitable[dict[Any, Any]]]:
        async def read() -> dict[Any, Any]:
            leaves = self._client.read(directory, recursive=True).leaves
            return {leaf.key: leaf.value for leaf in leaves}

        return read

    async def changes(self, directory: str, index: int) -> AsyncIterator[Any]:
        return self._changes(directory, index)

    async def _changes(self, directory: str, index: int) -> AsyncIterator[Any]:
        for result in self._client.eternal_watch(directory, index=index, recursive=True):
            yield result.value


measure = with_session(PythonEtcdSession, Threads())
