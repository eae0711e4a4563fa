"""The deadline of an operation: its own, and that of its caller."""

from __future__ import annotations

from typing import Any

from tests.client.servers import NODE, URL, A, B, Servers, change, reply
from txetcd import AmbiguousWrite, RequestTimedOut, deadline
from txetcd.model import Get


class DeadlineTests(Servers):
    """Nothing hangs: what the default stack does with a server that is silent or away."""

    def test_a_read_ends_at_the_deadline_and_its_error_names_all(self):
        self.silent = {A, B}
        etcd = self.connect([A, B], timeout=8)
        answer = etcd.key("/a").get()
        self.until(4.0625)
        gets = [url for url, line in self.requests if line == "GET /v2/keys/a"]
        self.assertEqual(sorted(gets), [A, B])
        self.until(7.9375)
        self.assertNoResult(answer)
        self.until(8)
        error = self.failureResultOf(answer, RequestTimedOut).value
        self.assertEqual(error.seconds, 8)
        self.assertEqual(error.op, Get("/a"))
        one, other, *more = error.reasons
        self.assertEqual([one.endpoint, other.endpoint], gets)
        self.assertEqual(one.seconds, 4)
        # What each may take is half of what is left, but a quarter of the whole.
        self.assertApproximates(other.seconds, 2, 0.1)
        self.assertEqual(more, [])
        self.assertIn("no reply within 8 s; last: no reply within 2 s [get /a at ", str(error))
        self.end(etcd)

    def test_a_write_that_was_sent_is_not_sent_again_and_is_ambiguous(self):
        self.silent = {A, B}
        etcd = self.connect([A, B], timeout=8)
        answer = etcd.key("/a").set("1")
        self.until(3.9375)
        self.assertNoResult(answer)
        self.until(4)
        error = self.failureResultOf(answer, AmbiguousWrite).value
        self.assertEqual([line for _, line in self.requests], ["PUT /v2/keys/a"])
        self.assertEqual(
            str(error),
            "the write was sent and its outcome is unknown: no reply within 4 s "
            f"[set /a at {self.requests[0][0]}]",
        )
        self.end(etcd)

    def test_a_wait_has_no_deadline(self):
        etcd = self.connect(timeout=8)
        answer = etcd.key("/a").get(wait=True)
        self.until(100)
        self.assertNoResult(answer)
        self.waits[0][1].send(reply(NODE))
        self.assertEqual(self.successResultOf(answer).node.text, "1")
        self.end(etcd)

    def test_the_deadline_of_the_caller_counts_if_it_is_earlier(self):
        for endpoints in ([A, B], A):
            self.setUp()
            self.silent = {A, B}
            etcd = self.connect(endpoints, timeout=8)
            with deadline(1.0, self.reactor):
                answer = etcd.key("/a").get()
            self.until(0.992, step=0.001)
            self.assertNoResult(answer)
            self.until(1, step=0.001)
            error = self.failureResultOf(answer, RequestTimedOut).value
            self.assertEqual(error.seconds, 1)
            # A half, a quarter, and no less than that for the last, which the deadline ends.
            one, other = [each.seconds for each in error.reasons]
            self.assertEqual(one, 0.5)
            self.assertApproximates(other, 0.25, 0.02)
            self.end(etcd)

    def test_a_later_one_does_not(self):
        self.silent = {URL}
        etcd = self.connect(timeout=8)
        with deadline(100, self.reactor):
            answer = etcd.key("/a").get()
        self.until(8)
        self.assertEqual(self.failureResultOf(answer, RequestTimedOut).value.seconds, 8)
        self.end(etcd)

    def test_a_write_is_bounded_likewise_and_is_ambiguous_once_it_was_sent(self):
        self.silent = {URL}
        etcd = self.connect(timeout=8)
        with deadline(1.0, self.reactor):
            answer = etcd.key("/a").set("1")
        self.until(0.5)
        error = self.failureResultOf(answer, AmbiguousWrite).value
        self.assertEqual(error.cause.seconds, 0.5)
        self.end(etcd)

    def test_with_one_that_has_passed_nothing_is_sent(self):
        etcd = self.connect([A, B])
        key = etcd.key("/a")
        with deadline(1.0, self.reactor):
            self.reactor.advance(1)
            for ask in (key.get, lambda: key.set("1"), lambda: key.get(wait=True), etcd.version):
                error = self.failureResultOf(ask(), RequestTimedOut).value
                self.assertFalse(error.possibly_applied)
        self.assertEqual(self.asked, [])
        self.end(etcd)

    def test_a_wait_is_bounded_by_it_too(self):
        etcd = self.connect([A, B])
        with deadline(1.0, self.reactor):
            answer = etcd.key("/a").get(wait=True)
        self.until(1)
        self.assertEqual(self.failureResultOf(answer, RequestTimedOut).value.seconds, 1)
        self.assertEqual(self.waits, [])
        self.end(etcd)

    def test_a_watch_that_was_begun_before_it_goes_on_after_it(self):
        etcd = self.connect([A, B])
        told: list[Any] = []
        with deadline(1.0, self.reactor):
            etcd.key("/a").events().register(told.append)
        self.until(100)
        self.assertEqual([op.node.text for op in told], ["1"])
        for n in (10, 11):
            self.wake(change(n))
        self.assertEqual([op.node.modified_index for op in told], [7, 10, 11])
        self.assertEqual(len(self.waits), 1)
        self.end(etcd)
