"""Servers that refuse, hang and fail: who is asked instead, and what is sent again."""

from __future__ import annotations

from typing import Any

from twisted.python.failure import Failure

from tests.client.servers import NODE, URL, A, B, Case, Servers, change, reply
from txetcd import (
    AmbiguousWrite,
    Backoff,
    EndpointDown,
    NodeOp,
    NotSent,
    ReplyLost,
    RequestTimedOut,
    Stack,
    Status,
    UnexpectedResponse,
    deadline,
)
from txetcd.filters import Retry


class FailoverTests(Servers):
    def setUp(self):
        super().setUp()
        self.etcd = self.connect([A, B])
        self.key = self.etcd.key("/a")

    def first_and_other(self) -> tuple[str, str]:
        """The server that the first request went to, and the other."""
        first = self.asked[0]
        (other,) = {A, B} - {first}
        return first, other

    def at_once(self, times: int = 20) -> None:
        """Get a key, again and again, in no time."""
        for _ in range(times):
            answer = self.key.get()
            self.run_network()
            self.assertEqual(self.successResultOf(answer).node.text, "1")

    def test_a_request_that_a_server_refuses_goes_to_the_other_at_once(self):
        asks: list[Any] = [
            lambda etcd: etcd.key("/a").get(),
            # It was never sent, so it may be sent again.
            lambda etcd: etcd.key("/a").set("1"),
            lambda etcd: etcd.version(),
        ]
        for ask in asks:
            self.setUp()
            answer = ask(self.etcd)
            refused, other = self.first_and_other()
            self.refusing = {refused}
            self.answered(answer)
            self.assertEqual(len(self.came_to(other)), 1)
            self.assertEqual(len(self.requests), 1)
            self.end(self.etcd)

    def test_one_that_refuses_is_left_alone(self):
        answer = self.key.get()
        refused, other = self.first_and_other()
        self.refusing = {refused}
        self.answered(answer)
        attempts = self.asked.count(refused)
        self.at_once()
        self.assertEqual(self.asked.count(refused), attempts)
        self.assertEqual(len(self.came_to(other)), 21)
        self.end(self.etcd)

    def test_it_is_asked_nothing_but_its_health_until_it_answers_that(self):
        answer = self.key.get()
        lost, _ = self.first_and_other()
        self.refusing = {lost}
        self.answered(answer)
        self.refusing, self.silent = set(), {lost}
        for _ in range(30):
            self.after(1)
            self.at_once(1)
        self.assertEqual(set(self.came_to(lost)), {"GET /health"})
        self.silent = set()
        # A question may be under way for 5 s, and the next is 10 s away at the most.
        self.after(16)
        self.at_once(40)
        self.assertIn("GET /v2/keys/a", self.came_to(lost))
        self.end(self.etcd)

    def test_a_hung_one_costs_one_attempt_and_later_requests_go_to_the_other(self):
        answer = self.key.get()
        hung, other = self.first_and_other()
        self.silent = {hung}
        self.until(4.9375)
        self.assertNoResult(answer)
        self.until(5)
        self.answered(answer)
        self.assertEqual(self.requests[:2], [(hung, "GET /v2/keys/a"), (other, "GET /v2/keys/a")])
        self.at_once()
        self.assertEqual(self.came_to(hung, "/v2"), ["GET /v2/keys/a"])
        self.end(self.etcd)

    def test_a_write_that_was_sent_to_a_hung_one_is_ambiguous(self):
        answer = self.key.set("1")
        hung, other = self.first_and_other()
        self.silent = {hung}
        self.until(5)
        error = self.failureResultOf(answer, AmbiguousWrite).value
        self.assertEqual(error.endpoint, hung)
        self.assertEqual(self.requests, [(hung, "PUT /v2/keys/a")])
        # The next does not go there.
        self.answered(self.key.set("1"))
        self.assertEqual(self.came_to(other), ["PUT /v2/keys/a"])
        self.end(self.etcd)

    def test_a_hung_one_comes_back_once_it_has_answered_a_probe(self):
        answer = self.key.get()
        hung, _ = self.first_and_other()
        self.silent = {hung}
        self.until(5)
        self.answered(answer)
        self.silent = set()
        self.after(1)
        self.assertEqual(self.came_to(hung), ["GET /v2/keys/a", "GET /health"])
        self.at_once(40)
        self.assertGreater(len(self.came_to(hung, "/v2")), 1)
        self.end(self.etcd)

    def test_one_that_is_only_too_slow_for_a_caller_in_a_hurry_is_not_left_alone(self):
        self.silent = {A, B}
        for seconds, left_alone in ((0.5, 0), (2, 1)):
            with deadline(seconds, self.reactor):
                answer = self.key.get()
            self.after(seconds)
            self.failureResultOf(answer, RequestTimedOut)
            self.assertEqual(repr(self.etcd).count("DOWN"), left_alone)
        self.end(self.etcd)

    def test_one_that_answers_503_is_left_alone_after_five(self):
        self.failing = {A}
        while len(self.came_to(A)) < 5:
            # All attempts of one read may go there.
            self.key.get().addErrback(lambda failure: failure.trap(UnexpectedResponse))
            self.after(4)
        self.at_once()
        self.assertEqual(self.came_to(A, "/v2"), ["GET /v2/keys/a"] * 5)
        # Nor does a probe that is answered so bring it back.
        for _ in range(30):
            self.after(1)
            self.at_once(2)
        self.assertEqual(len(self.came_to(A, "/v2")), 5)
        self.assertGreater(len(self.came_to(A, "/health")), 1)
        self.end(self.etcd)

    def test_a_watch_on_a_hung_one_moves_to_the_other_and_loses_nothing(self):
        told: list[Any] = []
        self.key.events().register(told.append)
        self.run_network()
        ((hung, _),) = self.waits
        self.silent = {hung}
        # A quarter of the timeout until it is asked whether it is alive, a half until that
        # has failed, and the delay of the watch.
        self.until(7.5)
        self.after(0.0625)
        ((moved, _),) = self.waits
        self.assertEqual({hung, moved}, {A, B})
        self.assertEqual(self.came_to(moved, "wait"), ["GET /v2/keys/a?wait=true&waitIndex=10"])
        self.wake(change(10))
        told[1].trap(EndpointDown)
        self.assertEqual([op.node.modified_index for op in (told[0], told[2])], [7, 10])
        self.end(self.etcd)

    def test_a_watch_on_one_that_dies_moves_to_the_other_and_is_told_so_once(self):
        told: list[Any] = []
        self.key.events().register(told.append)
        self.run_network()
        dead = self.wake(change(10))
        ((where, peer),) = self.waits
        self.assertEqual(where, dead)
        self.refusing = {dead}
        asked = len(self.asked)
        peer.lose()
        self.after(1)
        # The next wait was sent where the last one was parked, and refused there; that is the
        # filters' business, and no news.
        self.assertEqual(self.asked[asked], dead)
        self.assertEqual([type(each) for each in told], [NodeOp, NodeOp, Failure])
        told[2].trap(ReplyLost)
        known = NODE.replace(b'"modifiedIndex": 7', b'"modifiedIndex": 10')
        moved = self.wake(reply(known, index=10))
        self.assertEqual({dead, moved}, {A, B})
        self.wake(change(11))
        self.assertEqual(told[3].node.modified_index, 11)
        self.assertEqual(len(told), 4)
        self.end(self.etcd)

    def test_where_all_refuse_the_error_says_so_and_all_are_tried_again(self):
        self.refusing = {A, B}
        for ask in (self.key.get, lambda: self.key.set("1"), self.etcd.version):
            answer = ask()
            self.after(4)
            error = self.failureResultOf(answer, NotSent).value
            self.assertEqual(len(error.reasons), 4)
            self.assertFalse(error.possibly_applied)
        self.assertEqual(set(self.asked[:2]), {A, B})
        self.assertIs(self.etcd.status, Status.DOWN)
        self.refusing = set()
        self.answered(self.key.get())
        self.end(self.etcd)


class UnsentTests(Case):
    def test_a_write_that_could_not_be_sent_is_sent_again_and_never_ambiguous(self):
        # Nobody accepts a connection, and nobody refuses one.
        etcd = self.connect([A, B], timeout=8)
        answer = etcd.key("/a").set("1")
        self.until(8)
        error = self.failureResultOf(answer, RequestTimedOut).value
        self.assertFalse(error.possibly_applied)
        self.assertEqual(set(self.asked), {A, B})
        self.assertEqual({each.endpoint for each in error.reasons[:2]}, {A, B})
        self.successResultOf(self.closed(etcd))
        self.assertEqual(self.reactor.getDelayedCalls(), [])


class RefusedTests(Case):
    def test_a_write_sent_again_by_policy_stays_ambiguous_if_its_last_attempt_was_refused(self):
        def again(stack):
            policy: Retry = Retry(
                self.reactor, policy=lambda op, outcome: True, backoff=Backoff.constant(1).take(1)
            )
            return stack.replace("retry", policy)

        etcd = self.connect(stack=again)
        answer = etcd.key("/a").set("1")
        self.accept().lose()
        self.reactor.advance(1)
        self.refuse()
        error = self.failureResultOf(answer, AmbiguousWrite).value
        self.assertIsInstance(error.cause, NotSent)
        self.assertIsInstance(error.cause.reasons[0], AmbiguousWrite)
        self.peers.clear()
        self.successResultOf(self.closed(etcd))

    def test_a_server_that_refuses_is_asked_five_times_and_named(self):
        etcd = self.connect()
        answer = etcd.key("/a").set("1")
        for n in range(5):
            self.assertEqual(len(self.asked), n + 1)
            self.refuse()
            self.reactor.advance(1)
        error = self.failureResultOf(answer, NotSent).value
        self.assertEqual(len(error.reasons), 4)
        self.assertIn(f"[set /a at {URL}]", str(error))
        self.assertEqual(len(self.asked), 5)
        self.successResultOf(self.closed(etcd))

    def test_a_stack_without_filters_passes_the_operation_to_the_transport(self):
        # It speaks HTTP alone, and says so as any service does: by a failed Deferred.
        etcd = self.connect(stack=lambda stack: Stack())
        self.failureResultOf(etcd.key("/a").get())
