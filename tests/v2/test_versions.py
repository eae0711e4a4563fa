"""Asking a server for its version: one request, and an answer that is checked."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import fail
from twisted.trial.unittest import SynchronousTestCase

from txetcd import ApiError, NotSent, Service, UnexpectedResponse, Version, v2
from txetcd.errors import ApiDisabled
from txetcd.http import Request, Response


class VersionsTests(SynchronousTestCase):
    def ask(self, answer: Any) -> Any:
        return (v2.Versions() >> Service.mk(lambda request: answer))(None)

    def test_it_asks_for_the_version(self):
        asked: list[Request] = []

        def transport(request: Request) -> Response:
            asked.append(request)
            return Response(200, body=b'{"etcdserver":"3.5.1","etcdcluster":"3.5.0"}')

        version = self.successResultOf((v2.Versions() >> Service.mk(transport))(None))
        self.assertEqual(version, Version(server="3.5.1", cluster="3.5.0"))
        self.assertEqual(asked, [Request("GET", "/version")])
        self.assertFalse(asked[0].is_write)

    def test_unknown_fields_are_passed_over(self):
        body = b'{"etcdserver":"3.5.1","etcdcluster":"3.5.0","storage":"3.5.0"}'
        version = self.successResultOf(self.ask(Response(200, body=body)))
        self.assertEqual(version, Version("3.5.1", "3.5.0"))

    def test_what_is_no_version_is_unexpected_and_names_the_server(self):
        for status, body in (
            (200, b""),
            (200, b"{}"),
            (200, b"[]"),
            (200, b'"3.5.1"'),
            (200, b'{"etcdserver":"3.5.1"}'),
            (200, b'{"etcdserver":5,"etcdcluster":"3.5.0"}'),
            (200, b'{"etcdserver":"3.5.1","etcdcluster":null}'),
            (200, b"<html>"),
            (201, b'{"etcdserver":"3.5.1","etcdcluster":"3.5.0"}'),
            (301, b""),
            (404, b"<html>"),
            (503, b"<html>"),
        ):
            response = Response(status, body=body, endpoint="http://etcd:2379")
            error = self.failureResultOf(self.ask(response), UnexpectedResponse).value
            self.assertEqual(error.status, status)
            self.assertEqual(error.endpoint, "http://etcd:2379")

    def test_an_error_of_etcd_stays_one(self):
        body = b'{"errorCode":110,"message":"The request requires user authentication"}'
        self.failureResultOf(self.ask(Response(401, body=body)), ApiError)

    def test_a_server_without_versions_is_no_server_without_the_v2_api(self):
        error = self.failureResultOf(self.ask(Response(404, body=b"404 page not found\n"))).value
        self.assertIsInstance(error, UnexpectedResponse)
        self.assertNotIsInstance(error, ApiDisabled)

    def test_a_failure_of_the_network_passes(self):
        error = NotSent("refused")
        self.assertIs(self.failureResultOf(self.ask(fail(error))).value, error)

    def test_it_reads_as_it_is_written(self):
        self.assertEqual(repr(v2.Versions()), "v2.Versions()")
