"""Tests against a real etcd: one server for all of them, or one for each that breaks it."""

from __future__ import annotations

import itertools
import os
import socket
import time
from collections.abc import Awaitable
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SkipTest, TestCase

from txetcd import Etcd, connect
from txetcd.testing import EtcdCluster, EtcdNotFound, EtcdProcess, FaultProxy, find_etcd
from txetcd.testing._ports import HOST
from txetcd.testing._probe import MEMBERS, Standing, question, read_answer
from txetcd.testing._server import EtcdFailed, Server, Settings, unique_name

reactor: Any = _reactor

#: How long the shared server may take to start, in seconds.
START_TIME = 30.0


class SharedServer:
    """The one server of this process, started when it is first asked for.

    It is waited for without the reactor, so that no test finds it there.  It ends with the
    process, and is started anew if it died before.
    """

    def __init__(self) -> None:
        self._server = Server(Settings(name=unique_name("shared")))

    def url(self) -> str:
        """Where it is, once it answers."""
        if not self._server.alive:
            self._server.remove()
            self._server.spawn()
            self._wait()
        return self._server.known_place.url

    def _wait(self) -> None:
        deadline = time.monotonic() + START_TIME
        while not self._answers():
            if not self._server.alive or time.monotonic() > deadline:
                raise EtcdFailed("The shared etcd did not start", self._server.log())
            time.sleep(0.01)

    def _answers(self) -> bool:
        answer = read_answer(_say(self._server.known_place.port, question(MEMBERS)))
        return Standing.of(answer, {}).name == self._server.settings.name


_shared = SharedServer()
_numbers = itertools.count(1)


class RealServerTestCase(TestCase):
    """A test that needs an etcd; without one it is skipped, or fails where ``CI`` is true.

    ``setUp`` returns nothing to wait for: an asynchronous one of a subclass calls it
    without ``await``.

    Attributes:
        prefix: A key for this test alone, such as ``"/test-test_watch-7"``.
        carrier: The transport that carries the requests of the clients.
    """

    carrier = "treq"

    def setUp(self) -> None:
        super().setUp()
        require_etcd()
        module = type(self).__module__.rpartition(".")[2]
        self.prefix = f"/test-{module}-{next(_numbers)}"

    @property
    def etcd_url(self) -> str:
        """The server that all tests share.  Nobody may stop it, wipe it or fill it."""
        return _shared.url()

    def client(self, url: str | None = None, **options: Any) -> Etcd:
        """A client, of the shared server by default, that is closed after the test."""
        options.setdefault("transport", self.carrier)
        etcd = connect(self.etcd_url if url is None else url, **options)
        self.addCleanup(etcd.close)
        return etcd

    async def server(self, **options: Any) -> EtcdProcess:
        """A server of this test's own, which it may break."""
        process = EtcdProcess(**options)
        self.addCleanup(process.stop)
        return await process.start()

    async def cluster(self, n: int = 3, **options: Any) -> EtcdCluster:
        """A cluster of this test's own."""
        cluster = EtcdCluster(n, **options)
        self.addCleanup(cluster.stop)
        return await cluster.start()

    async def proxy(self, target: Any = None) -> FaultProxy:
        """A proxy of this test's own, to the shared server by default."""
        proxy = FaultProxy(self.etcd_url if target is None else target)
        self.addCleanup(proxy.stop)
        return await proxy.start()

    async def failure(self, asked: Awaitable[Any], kind: type[Any] = Exception) -> Any:
        """The error that something fails with, which must be of a kind."""
        try:
            await asked
        except kind as error:
            return error
        raise self.failureException("it did not fail")

    def pause(self, seconds: float = 0.01) -> Deferred[None]:
        """Let the reactor run for a while: only to ask again what another process has done."""
        waiting: Deferred[None] = deferLater(reactor, seconds)
        return waiting


def require_etcd() -> str:
    """The path of the etcd program.

    Raises:
        SkipTest: If there is none, with what to install.
        EtcdNotFound: Instead, where the environment says ``CI=true``.
    """
    try:
        return find_etcd()
    except EtcdNotFound as error:
        if os.environ.get("CI", "").lower() == "true":
            raise
        raise SkipTest(str(error)) from error


def _say(port: int, words: bytes) -> bytes:
    """All that is answered to something, or as much as came until that failed."""
    heard = bytearray()
    try:
        with socket.create_connection((HOST, port), timeout=1.0) as conversation:
            conversation.sendall(words)
            while data := conversation.recv(1 << 16):
                heard += data
    except OSError:
        pass
    return bytes(heard)
