"""Asking a server for the members of its cluster: what it says, and what it must not."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import fail
from twisted.trial.unittest import SynchronousTestCase

from tests.realserver import RealServerTestCase
from txetcd import ApiError, NotSent, Service, UnexpectedResponse
from txetcd.http import Headers, Request, Response
from txetcd.http.transports import direct_service
from txetcd.v2.members import Member, Members

ONE = {
    "id": "ce2a822cea30bfca",
    "name": "infra1",
    "peerURLs": ["http://10.0.0.1:2380"],
    "clientURLs": ["http://10.0.0.1:2379", "https://etcd.example.com"],
}


def answer_of(*members: Any) -> bytes:
    return json.dumps({"members": members}).encode()


class MembersTests(SynchronousTestCase):
    def ask(self, answer: Any, request: Any = None) -> Any:
        return (Members() >> Service.mk(lambda _: answer))(request)

    def members(self, *members: Any) -> tuple[Member, ...]:
        found = self.successResultOf(self.ask(Response(200, body=answer_of(*members))))
        assert isinstance(found, tuple)
        return found

    def test_it_asks_for_the_members(self):
        asked: list[Request] = []

        def transport(request: Request) -> Response:
            asked.append(request)
            return Response(200, body=answer_of(ONE))

        self.successResultOf((Members() >> Service.mk(transport))(None))
        self.assertEqual(asked, [Request("GET", "/v2/members")])
        self.assertFalse(asked[0].is_write)

    def test_they_come_in_the_order_of_the_server(self):
        other = {**ONE, "id": "1", "name": "infra2"}
        self.assertEqual(
            self.members(ONE, other),
            (
                Member(
                    id="ce2a822cea30bfca",
                    name="infra1",
                    peer_urls=("http://10.0.0.1:2380",),
                    client_urls=("http://10.0.0.1:2379", "https://etcd.example.com"),
                ),
                Member(
                    "1",
                    "infra2",
                    ("http://10.0.0.1:2380",),
                    ("http://10.0.0.1:2379", "https://etcd.example.com"),
                ),
            ),
        )
        self.assertEqual(self.members(), ())

    def test_one_that_has_never_started_has_no_name_and_no_client_urls(self):
        unnamed = {"id": "1", "peerURLs": ["http://10.0.0.1:2380"]}
        for none in (
            {"name": "", "clientURLs": []},
            {"name": None, "clientURLs": None},
            {},
        ):
            (member,) = self.members({**unnamed, **none})
            self.assertEqual(member, Member("1", "", ("http://10.0.0.1:2380",), ()))

    def test_unknown_fields_are_passed_over(self):
        self.assertEqual(self.members({**ONE, "isLearner": True}), self.members(ONE))

    def test_what_are_no_members_is_unexpected_and_says_what_is_wrong_and_where(self):
        for body, wrong in (
            (b"", "the body is not JSON"),
            (b"<html>", "the body is not JSON"),
            (b"[]", "the body is not a JSON object"),
            (b"{}", "members: a list is needed, not NoneType"),
            (b'{"members": {}}', "members: a list is needed, not dict"),
            (answer_of(ONE, 5), "members[1]: a member is needed, not int"),
            (answer_of({**ONE, "id": 5}), "members[0].id: text is needed, not int"),
            (answer_of({"name": "a"}), "members[0].id: text is needed, not NoneType"),
            (answer_of({**ONE, "name": 5}), "members[0].name: text is needed, not int"),
            (answer_of({**ONE, "name": False}), "members[0].name: text is needed, not bool"),
            (answer_of({**ONE, "name": "\ud800"}), "members[0].name: half of a surrogate pair"),
            (answer_of({**ONE, "clientURLs": 0}), "members[0].clientURLs: a list is needed"),
            (answer_of({**ONE, "peerURLs": None}), "members[0].peerURLs: a list is needed"),
            (answer_of({**ONE, "peerURLs": "a"}), "members[0].peerURLs: a list is needed, not str"),
            (answer_of({**ONE, "clientURLs": {"a": 1}}), "members[0].clientURLs: a list is needed"),
            (
                answer_of({**ONE, "clientURLs": ["a", 5]}),
                "members[0].clientURLs[1]: text is needed, not int",
            ),
        ):
            response = Response(200, body=body, endpoint="http://etcd:2379")
            error = self.failureResultOf(self.ask(response), UnexpectedResponse).value
            self.assertIn(wrong, error.reason)
            self.assertEqual(error.endpoint, "http://etcd:2379")
            self.assertEqual(error.op, "members")

    def test_another_status_is_unexpected(self):
        for status in (201, 204, 301, 404, 503):
            answer = self.ask(Response(status, body=b"<html>"))
            error = self.failureResultOf(answer, UnexpectedResponse).value
            self.assertEqual(error.status, status)

    def test_an_error_of_etcd_stays_one(self):
        body = b'{"errorCode":110,"message":"The request requires user authentication"}'
        self.failureResultOf(self.ask(Response(401, body=body)), ApiError)

    def test_a_failure_of_the_network_passes(self):
        error = NotSent("refused")
        self.assertIs(self.failureResultOf(self.ask(fail(error))).value, error)

    def test_an_error_names_the_request_if_there_is_one(self):
        error = self.failureResultOf(self.ask(Response(500), "the request")).value
        self.assertEqual(error.op, "the request")

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda some: st.lists(some, max_size=3)
            | st.dictionaries(
                st.sampled_from(["members", "id", "name", "peerURLs", "clientURLs"]), some
            ),
        )
    )
    def test_whatever_the_document_there_are_members_or_a_typed_error(self, document):
        answer = self.ask(Response(200, body=json.dumps(document).encode()))
        results: list[Any] = []
        answer.addBoth(results.append)
        if not isinstance(results[0], tuple):
            self.assertIsInstance(results[0].value, UnexpectedResponse)

    def test_it_reads_as_it_is_written(self):
        self.assertEqual(repr(Members()), "v2.Members()")


class RealServerTests(RealServerTestCase):
    def transport(self, url: str) -> Service[Request, Response]:
        service = direct_service(reactor, url, connect_timeout=5)
        self.addCleanup(service.close)
        return service

    async def test_a_single_server_is_the_one_member(self):
        process = await self.server()
        (member,) = await (Members() >> self.transport(process.url))(None)
        self.assertEqual(member.client_urls, (process.url,))
        self.assertEqual(len(member.peer_urls), 1)
        self.assertRegex(member.id, "^[0-9a-f]+$")
        self.assertTrue(member.name)

    async def test_each_member_of_a_cluster_knows_all(self):
        cluster = await self.cluster()
        answers = [
            await (Members() >> self.transport(url))(None) for url in cluster.endpoints
        ]
        for members in answers:
            self.assertEqual(set(members), set(answers[0]))
            urls = {url for each in members for url in each.client_urls}
            self.assertEqual(urls, set(cluster.endpoints))
        self.assertEqual(len({each.id for each in answers[0]}), 3)

    async def test_one_that_was_added_and_has_not_started_has_no_name(self):
        cluster = await self.cluster()
        transport = self.transport(cluster.endpoints[0])
        add = Request(
            "POST",
            "/v2/members",
            headers=Headers({"Content-Type": "application/json"}),
            body=b'{"peerURLs":["http://127.0.0.1:9"]}',
        )
        # It is refused as long as not all have been connected to each other for a while.
        while (await transport(add)).status != 201:
            await self.pause(0.2)
        members = await (Members() >> transport)(None)
        (added,) = [each for each in members if each.peer_urls == ("http://127.0.0.1:9",)]
        self.assertEqual((added.name, added.client_urls), ("", ()))
        self.assertEqual(len(members), 4)
