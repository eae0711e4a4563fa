"""`connect` to real servers: credentials, an API that is off, dead endpoints, a clean end."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, DeferredList

from tests.realserver import RealServerTestCase
from txetcd import (
    Action,
    Etcd,
    NodeOp,
    NotSent,
    ServiceClosed,
    Status,
    TxetcdError,
    UnexpectedResponse,
)
from txetcd.errors import ApiDisabled, ErrorCode, Unauthorized
from txetcd.http import Headers, Request
from txetcd.http.transports import treq_service
from txetcd.testing import EtcdProcess

reactor: Any = _reactor

#: ``root:s3cret`` (RFC 7617).
ROOT = Headers({"Authorization": "Basic cm9vdDpzM2NyZXQ="})


class AuthenticationTests(RealServerTestCase):
    async def guarded(self) -> EtcdProcess:
        """A server whose only user is ``root``, with the password ``s3cret``."""
        server = await self.server()
        admin = treq_service(reactor, server.url)
        kind = ROOT.add("Content-Type", "application/json")
        root = json.dumps({"user": "root", "password": "s3cret"}).encode()
        for request, status in (
            (Request("PUT", "/v2/auth/users/root", headers=kind, body=root), 201),
            (Request("PUT", "/v2/auth/enable"), 200),
            # Whoever names nobody is a guest, who by default may do anything.
            (Request("DELETE", "/v2/auth/roles/guest", headers=ROOT), 200),
        ):
            self.assertEqual((await admin(request)).status, status)
        await admin.close()
        return server

    async def test_the_right_credentials_open_every_operation(self):
        server = await self.guarded()
        etcd = self.client(server.url, auth=("root", "s3cret"))
        key = etcd.key("/a")
        made = await key.set("1")
        self.assertEqual((await key.get(quorum=True)).node, made.node)
        seen: list[Any] = []
        registration = key.events().register(seen.append)
        while not seen:
            await self.pause()
        changed = await key.compare_and_swap("2", prev_value="1")
        while len(seen) < 2:
            await self.pause()
        await registration.close()
        self.assertEqual([op.node for op in seen], [made.node, changed.node])
        self.assertNotEqual((await etcd.version()).server, "")

    async def test_wrong_or_missing_ones_are_unauthorized_and_never_told(self):
        server = await self.guarded()
        for auth in (None, ("root", "hunter2"), ("hunter2", "s3cret")):
            etcd = self.client(server.url, auth=auth)
            for asked in (etcd.key("/a").get(), etcd.key("/a").set("1")):
                error = await self.failure(asked, Unauthorized)
                self.assertEqual(error.code, ErrorCode.UNAUTHORIZED)
                self.assertEqual((error.retryable, error.possibly_applied), (False, False))
                self.assertEqual(error.reasons, ())
                self.assertEqual(error.endpoint, server.url)
                for secret in ("hunter2", "s3cret"):
                    self.assertNotIn(secret, f"{error!r} {error} {etcd!r}")


class ApiDisabledTests(RealServerTestCase):
    async def test_each_operation_says_how_to_switch_it_on(self):
        server = await self.server(enable_v2=False)
        key = self.client(server.url).key("/a")
        for asked in (
            key.get(),
            key.get(wait=True),
            key.set("1"),
            key.create_in_order("1"),
            key.delete(),
        ):
            error = await self.failure(asked, ApiDisabled)
            self.assertIsInstance(error, UnexpectedResponse)
            self.assertEqual((error.status, error.reasons), (404, ()))
            self.assertIn("--enable-v2", str(error))
            self.assertIn("ETCD_ENABLE_V2", str(error))
            self.assertIn(server.url, str(error))
            self.assertIn("/a", str(error))

    async def test_events_tell_it_and_go_on(self):
        server = await self.server(enable_v2=False)
        told: list[Any] = []
        key = self.client(server.url).key("/a")
        registration = key.events(backoff=[0.01, 0.01, 100]).register(told.append)
        while len(told) < 3:
            await self.pause()
        await registration.close()
        self.assertEqual([type(each.value) for each in told], [ApiDisabled] * 3)

    async def test_the_version_is_told_all_the_same(self):
        server = await self.server(enable_v2=False)
        version = await self.client(server.url).version()
        self.assertEqual(version.server, server.version)


class EndpointTests(RealServerTestCase):
    async def dead(self) -> str:
        """The URL of a port at which nobody listens any more."""
        port = reactor.listenTCP(0, _Nobody(), interface="127.0.0.1")
        url = f"http://127.0.0.1:{port.getHost().port}"
        await port.stopListening()
        return url

    async def test_dead_endpoints_before_a_living_one_are_passed_over(self):
        first, second = await self.dead(), await self.dead()
        several: Any = (
            f"{first},{second},{self.etcd_url}",
            f" {first} , {self.etcd_url}/ ",
            [first, f"{second},{self.etcd_url}"],
            (first, second, self.etcd_url),
        )
        for endpoints in several:
            etcd = self.client(endpoints)
            key = etcd.key(self.prefix) / "a"
            made = await key.set("1")
            self.assertEqual((await key.get()).node, made.node)
            self.assertNotEqual((await etcd.version()).server, "")

    async def test_a_watch_passes_over_a_dead_endpoint(self):
        etcd = self.client(f"{await self.dead()},{self.etcd_url}")
        told: list[Any] = []
        made = await self.client().key(self.prefix).set("1")
        registration = etcd.key(self.prefix).events().register(told.append)
        while not any(isinstance(each, NodeOp) for each in told):
            await self.pause()
        changed = await self.client().key(self.prefix).set("2")
        while not (isinstance(told[-1], NodeOp) and told[-1].node == changed.node):
            await self.pause()
        await registration.close()
        # A wait that was refused is told, and goes on where the watch is then.
        passing = [each for each in told if not isinstance(each, NodeOp)]
        for failure in passing:
            failure.trap(NotSent)
        self.assertLessEqual(len(passing), 1)
        self.assertEqual(told[0].node, made.node)
        self.assertEqual(told[0].action, Action.GET)

    async def test_where_all_are_dead_the_error_names_the_last_and_all_attempts(self):
        urls = [await self.dead(), await self.dead()]
        error = await self.failure(self.client(",".join(urls)).key("/a").set("1"), NotSent)
        self.assertFalse(error.possibly_applied)
        self.assertEqual(len(error.reasons), 4)
        asked = [each.endpoint for each in (*error.reasons, error)]
        # One that has failed is left for another; when all have, any is tried again.
        self.assertEqual(set(asked[:2]), set(urls))
        self.assertEqual(set(asked), set(urls))
        self.assertIn("set /a", str(error))
        self.assertIn("refused", str(error))


class _Nobody:
    """A factory of no protocol."""

    noisy = False

    def doStart(self) -> None:
        """Somebody listens."""

    def doStop(self) -> None:
        """Nobody does any more."""

    def buildProtocol(self, address: object) -> None:
        """Nothing is said to whoever comes."""


class CloseTests(RealServerTestCase):
    def in_the_reactor(self) -> tuple[set, set, list]:
        """What of the server is read and written, and what is to be called."""
        url = self.etcd_url
        readers, writers = (
            {each for each in some if _is_connected_to(each, url)}
            for some in (reactor.getReaders(), reactor.getWriters())
        )
        # Trial sets its time limit for the test after the test has begun.
        calls = [call for call in reactor.getDelayedCalls() if "onTimeout" not in repr(call.func)]
        return readers, writers, calls

    async def test_nothing_is_done_before_the_first_operation(self):
        before = self.in_the_reactor()
        etcd = self.client()
        self.assertEqual(self.in_the_reactor(), before)
        self.assertEqual(etcd.status, Status.OPEN)
        await etcd.close()
        self.assertEqual(self.in_the_reactor(), before)

    async def test_after_some_operations_nothing_is_left(self):
        before = self.in_the_reactor()
        etcd = self.client()
        key = etcd.key(self.prefix) / "a"
        await DeferredList([key.set(str(number)) for number in range(10)])
        await key.get()
        self.assertNotEqual(self.in_the_reactor(), before)
        await etcd.close()
        self.assertEqual(self.in_the_reactor(), before)

    async def test_with_everything_under_way_all_fails_and_nothing_is_left(self):
        before = self.in_the_reactor()
        etcd = self.client()
        key = etcd.key(self.prefix) / "a"
        await key.set("1")
        told: list[Any] = []
        registration = key.events().register(told.append)
        iterating: Deferred[Any] = Deferred.fromCoroutine(_drain(etcd, self.prefix))
        while not told:
            await self.pause()
        waiting: list[Deferred[Any]] = [
            key.get(wait=True),
            (key / "b").get(),
            key.set("2"),
            etcd.version(),
        ]
        await etcd.close()
        self.assertEqual(self.in_the_reactor(), before)
        for each in [*waiting, iterating]:
            error = await self.failure(each, TxetcdError)
            closed = error if isinstance(error, ServiceClosed) else error.cause
            self.assertIsInstance(closed, ServiceClosed)
        self.assertIsInstance(told[-1].value, ServiceClosed)
        await registration.close()

    async def test_closing_twice_and_at_once_does_no_harm(self):
        before = self.in_the_reactor()
        etcd = self.client()
        await etcd.key(self.prefix).set("1")
        await DeferredList([etcd.close(), etcd.close()], fireOnOneErrback=True)
        await etcd.close()
        self.assertEqual(etcd.status, Status.CLOSED)
        self.assertEqual(self.in_the_reactor(), before)

    async def test_after_it_everything_fails_and_nothing_is_sent(self):
        before = self.in_the_reactor()
        etcd = self.client()
        key = etcd.key(self.prefix)
        await etcd.close()
        for asked in (key.get(), key.set("1"), etcd.version()):
            error = await self.failure(asked, ServiceClosed)
            self.assertFalse(error.possibly_applied)
        self.assertEqual(self.in_the_reactor(), before)


async def _drain(etcd: Etcd, path: str) -> None:
    async for _ in etcd.key(path).events(recursive=True):
        pass


def _is_connected_to(each: Any, url: str) -> bool:
    """Whether it is a client's end of a connection to a URL."""
    address: Any = getattr(each, "addr", None)
    return bool(address) and url.endswith(f":{address[1]}")
