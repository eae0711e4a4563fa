"""`Etcd`, made by hand of any service."""

from __future__ import annotations

from typing import Any

from treq.testing import StringStubbingResource, StubTreq
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.client.servers import NODE, URL, VERSION, Seeing
from txetcd import Etcd, Key, Service, UnexpectedResponse, Version, v2
from txetcd.http import TreqService
from txetcd.model import Get

ECHO: Service = Service.mk(lambda request: request)


class Server:
    """An etcd of one answer, behind treq's stub of itself."""

    def __init__(self, body: bytes, status: int = 200) -> None:
        self.asked: list = []
        self.body = body
        self.status = status
        self.client: Any = StubTreq(StringStubbingResource(self._respond))

    def _respond(self, method, url, params, headers, data):
        self.asked.append((method, url, data))
        return self.status, {"X-Etcd-Index": "9"}, self.body


class HandMadeTests(SynchronousTestCase):
    def test_a_client_is_made_of_any_protocol_filters_and_transport(self):
        server, above, below = Server(NODE), Seeing(), Seeing()
        etcd = Etcd(
            above >> v2.Keys() >> below >> TreqService(server.client, URL), clock=Clock()
        )
        op = self.successResultOf(etcd.key("/a").get())
        self.assertEqual((op.node.text, op.etcd.index), ("1", 9))
        self.assertEqual(server.asked, [(b"GET", f"{URL}/v2/keys/a", b"")])
        self.assertEqual(above.requests, [Get("/a")])
        self.assertEqual([str(request) for request in below.requests], ["GET /v2/keys/a"])
        self.assertEqual(
            repr(etcd), f"Etcd(Seeing() >> v2.Keys() >> Seeing() >> TreqService('{URL}'))"
        )

    def test_what_is_not_a_service_is_refused_with_a_hint(self):
        wrong: Any
        for wrong in (None, v2.Keys(), lambda op: None, URL):
            error = self.assertRaises(TypeError, Etcd, wrong, clock=Clock())
            self.assertIn("connect()", str(error))

    def test_a_key_is_made_of_a_path(self):
        etcd = Etcd(ECHO, clock=Clock())
        self.assertIsInstance(etcd.key("/a"), Key)
        self.assertEqual(etcd.key("a").path, "/a")
        self.assertRaises(ValueError, etcd.key, "a//b")

    def test_a_version_is_asked_of_the_service_given(self):
        server = Server(VERSION)
        versions = v2.Versions() >> TreqService(server.client, URL)
        etcd = Etcd(ECHO, versions=versions, clock=Clock())
        self.assertEqual(self.successResultOf(etcd.version()), Version("3.5.1", "3.5.0"))
        self.assertEqual(server.asked, [(b"GET", f"{URL}/version", b"")])

    def test_an_answer_that_is_no_version_names_what_was_asked_and_where(self):
        for body, status in ((b"<html>", 200), (b"{}", 200), (b"[]", 200), (b"busy", 503)):
            versions = v2.Versions() >> TreqService(Server(body, status).client, URL)
            etcd = Etcd(ECHO, versions=versions, clock=Clock())
            error = self.failureResultOf(etcd.version(), UnexpectedResponse).value
            self.assertIn(f"[version at {URL}]", str(error))

    def test_without_such_a_service_there_is_no_version(self):
        etcd = Etcd(ECHO, clock=Clock())
        self.failureResultOf(etcd.version(), ValueError)
