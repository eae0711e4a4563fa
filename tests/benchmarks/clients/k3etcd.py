"""k3etcd: v2, blocking.  It makes a connection for each request, and cannot keep any.

Several requests at a time are made by as many threads, each with a client of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.clients.measure import with_session
from tests.benchmarks.clients.session import Session
from tests.benchmarks.concurrency import Threads

__all__ = ["K3etcdSession", "measure"]


class K3etcdSession(Session):
    """A `Client` for each thread."""

    def _client(self) -> Any:
        import k3etcd

        place = urlsplit(self.url)
        return k3etcd.Client(host=place.hostname or "", port=place.port or 0)

    def getter(self, key: str) -> Callable[[], Awaitable[Any]]:
        client = self._client()

        async def get() -> Any:
            return client.read(key).value

        return get

    def setter(self, key: str) -> Callable[[str], Awaitable[Any]]:
        client = self._client()

        async def put(value: str) -> Any:
            return client.set(key, value)

        return put

    def lister(self, directory: str) -> Callable[[], Awaitable[dict[Any, Any]]]:
        client = self._client()

        async def read() -> dict[Any, Any]:
            leaves = client.read(directory, recursive=True).leaves
            return {leaf.key: leaf.value for leaf in leaves}

        return read

    async def changes(self, directory: str, index: int) -> AsyncIterator[Any]:
        return self._changes(directory, index)

    async def _changes(self, directory: str, index: int) -> AsyncIterator[Any]:
        watch = self._client().eternal_watch(directory, waitindex=index, recursive=True)
        for result in watch:
            yield result.value


measure = with_session(K3etcdSession, Threads())
