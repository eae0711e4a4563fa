"""treq as its documentation shows it, over Twisted's own ``Agent`` and a pool of connections.

Twisted's pool keeps two idle connections to a host; here it keeps as many as are used at a time, as
txetcd's does.  The reply is read by ``json.loads``, and its status is looked at.  A watch asks for
the index after that of the last event: it does not see where changes were lost.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from tests.benchmarks.clients.measure import with_session
from tests.benchmarks.clients.reply import contents, keys_url
from tests.benchmarks.clients.session import Session
from tests.benchmarks.concurrency import Twisted
from tests.benchmarks.job import IN_FLIGHT

__all__ = ["TreqSession", "measure"]


class TreqSession(Session):
    """An `HTTPClient` over an `Agent`."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        from treq.client import HTTPClient
        from twisted.internet import reactor
        from twisted.web.client import Agent, HTTPConnectionPool

        the_reactor: Any = reactor
        pool = HTTPConnectionPool(the_reactor, persistent=True)
        pool.maxPersistentPerHost = IN_FLIGHT
        # Any: interfaces of zope.interface are not known to type checkers.
        agent: Any = Agent(the_reactor, pool=pool)
        self._client = HTTPClient(agent)
        self._waits: list[Any] = []

    async def _read(self, asked: Awaitable[Any]) -> Any:
        response = await asked
        body = await response.content()
        if response.code not in (200, 201):
            raise RuntimeError(f"etcd answered {response.code}: {body[:200]!r}")
        return json.loads(body)

    def getter(self, key: str) -> Callable[[], Awaitable[Any]]:
        url = keys_url(self.url, key)

        async def get() -> Any:
            return (await self._read(self._client.get(url)))["node"]["value"]

        return get

    def setter(self, key: str) -> Callable[[str], Awaitable[Any]]:
        url = keys_url(self.url, key)

        async def put(value: str) -> Any:
            return await self._read(self._client.put(url, data={"value": value}))

        return put

    def lister(self, directory: str) -> Callable[[], Awaitable[dict[Any, Any]]]:
        url = keys_url(self.url, directory)

        async def read() -> dict[Any, Any]:
            asked = self._client.get(url, params={"recursive": "true"})
            return contents(await self._read(asked))

        return read

    async def changes(self, directory: str, index: int) -> AsyncIterator[Any]:
        return self._changes(keys_url(self.url, directory), index)

    async def _changes(self, url: str, index: int) -> AsyncIterator[Any]:
        while True:
            params = {"wait": "true", "recursive": "true", "waitIndex": str(index)}
            node = (await self._read(self._client.get(url, params=params)))["node"]
            index = node["modifiedIndex"] + 1
            yield node["value"]

    async def park(self, keys: Sequence[str]) -> None:
        from twisted.internet.defer import Deferred

        for key in keys:
            asked = self._client.get(keys_url(self.url, key), params={"wait": "true"})
            self._waits.append(Deferred.fromCoroutine(self._read(asked)))


measure = with_session(TreqSession, Twisted())
