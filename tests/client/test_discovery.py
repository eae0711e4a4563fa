"""`member_urls`: who is asked for the members, and what is known of them."""

from __future__ import annotations

import json
from typing import Any

from tests.client.servers import A, B, C, Servers
from txetcd.client import member_urls
from txetcd.reactive import Failed, Ok, Pending

MEMBERS = "GET /v2/members"


def members(*urls: str) -> bytes:
    """What etcd answers of members that clients reach at these URLs, each at one."""
    return json.dumps(
        {
            "members": [
                {"id": f"{n:x}", "name": f"n{n}", "peerURLs": [], "clientURLs": [url]}
                for n, url in enumerate(urls)
            ]
        }
    ).encode()


class MemberUrlsTests(Servers):
    def find(self, endpoints: Any, **options: Any) -> Any:
        """The URLs of the members, which are asked for from now on until the test ends."""
        urls = member_urls(endpoints, reactor=self.reactor, interval=30.0, **options)
        self.observation = urls.observe(lambda _: None)
        return urls

    def nothing_is_left(self) -> None:
        self.successResultOf(self.observation.close())
        self.run_network()
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertTrue(all(peer.is_lost for _, peer in self._connected))

    def test_nothing_is_asked_before_somebody_wants_to_know(self):
        urls = member_urls(A, reactor=self.reactor)
        self.after(100)
        self.assertEqual((self.asked, urls.state), ([], Pending()))

    def test_the_members_are_what_one_of_them_says(self):
        self.bodies["v2/members"] = members(C, A, B)
        urls = self.find(A)
        self.run_network()
        self.assertEqual(self.requests, [(A, MEMBERS)])
        self.assertEqual(urls.state, Ok((A, B, C)))
        self.nothing_is_left()

    def test_they_are_asked_for_again_of_those_that_were_found_as_well(self):
        self.bodies["v2/members"] = members(B)
        urls = self.find(A)
        self.run_network()
        self.refusing = {A}
        self.bodies["v2/members"] = members(B, C)
        self.after(40)
        self.assertEqual(self.requests, [(A, MEMBERS), (B, MEMBERS)])
        self.assertEqual(urls.state, Ok((B, C)))
        self.nothing_is_left()

    def test_if_all_are_gone_those_it_began_with_are_asked(self):
        self.bodies["v2/members"] = members(B)
        urls = self.find(A)
        self.run_network()
        self.refusing = {B}
        self.bodies["v2/members"] = members(C)
        self.after(40)
        self.assertEqual(urls.state, Ok((C,)))
        self.nothing_is_left()

    def test_what_is_known_stays_while_nobody_answers(self):
        self.bodies["v2/members"] = members(A, B)
        urls = self.find(A)
        self.run_network()
        self.refusing = {A, B}
        self.after(100)
        self.assertEqual(urls.state, Ok((A, B)))
        self.nothing_is_left()

    def test_what_never_was_known_has_failed_and_is_asked_for_again(self):
        self.refusing = {A}
        urls = self.find(A)
        self.after(10)
        self.assertIsInstance(urls.state, Failed)
        self.refusing = set()
        self.bodies["v2/members"] = members(A)
        self.after(40)
        self.assertEqual(urls.state, Ok((A,)))
        self.nothing_is_left()

    def test_what_is_wrong_with_an_argument_is_told_at_once(self):
        for endpoints, options in (
            ("", {}),
            ([], {}),
            ("localhost", {}),
            (A, {"transport": "h2"}),
            (A, {"timeout": 0}),
            (A, {"interval": 0}),
        ):
            wrong: Any = options
            self.assertRaises(
                ValueError, member_urls, endpoints, reactor=self.reactor, **wrong
            )
