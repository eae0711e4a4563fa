"""Asking for the version: through which filters, and what it costs if nobody answers."""

from __future__ import annotations

from tests.client.servers import URL, Seeing, Servers
from txetcd import Filter, NotSent, RequestTimedOut, Version, deadline


class VersionTests(Servers):
    def test_it_is_asked_again_where_it_could_not_be_sent(self):
        self.refusing = {URL}
        etcd = self.connect()
        answer = etcd.version()
        self.run_network()
        self.refusing = set()
        self.assertEqual(self.answered(answer), Version("3.5.1", "3.5.0"))
        self.assertEqual(len(self.asked), 2)
        self.end(etcd)

    def test_it_is_given_up_after_five_attempts_and_names_what_was_asked(self):
        self.refusing = {URL}
        etcd = self.connect()
        answer = etcd.version()
        self.after(4)
        error = self.failureResultOf(answer, NotSent).value
        self.assertEqual(len(error.reasons), 4)
        self.assertIn(f"[version at {URL}]", str(error))
        self.end(etcd)

    def test_it_has_a_deadline_and_names_what_was_asked(self):
        self.silent = {URL}
        etcd = self.connect(timeout=8)
        answer = etcd.version()
        self.until(7.9375)
        self.assertNoResult(answer)
        self.until(8)
        error = self.failureResultOf(answer, RequestTimedOut).value
        self.assertEqual(error.seconds, 8)
        self.assertIn(f"[version at {URL}]", str(error))
        self.end(etcd)

    def test_it_is_bounded_by_the_deadline_of_the_caller(self):
        self.silent = {URL}
        etcd = self.connect(timeout=8)
        with deadline(1, self.reactor):
            answer = etcd.version()
        self.until(1)
        self.assertEqual(self.failureResultOf(answer, RequestTimedOut).value.seconds, 1)
        self.end(etcd)

    def test_it_passes_what_was_put_in_the_place_of_the_shared_filters(self):
        for role in ("deadline", "retry"):
            self.setUp()
            mine = Seeing()
            etcd = self.connect(stack=lambda stack, r=role, m=mine: stack.replace(r, m))
            self.answered(etcd.version())
            self.assertEqual([str(request) for request in mine.requests], ["version"])
            self.assertFalse(mine.requests[0].is_write)
            self.end(etcd)

    def test_it_is_asked_without_them_as_well(self):
        for gone in (["deadline"], ["retry"], ["deadline", "retry"]):
            self.setUp()

            def without(stack, gone=gone):
                for role in gone:
                    stack = stack.remove(role)
                return stack

            etcd = self.connect(stack=without)
            self.assertEqual(self.answered(etcd.version()), Version("3.5.1", "3.5.0"))
            self.end(etcd)

    def test_shared_filters_keep_the_order_of_the_stack(self):
        passed: list[str] = []

        def noting(name):
            def note(request, service):
                passed.append(name)
                return service(request)

            return Filter.mk(note)

        etcd = self.connect(
            stack=lambda stack: (
                stack.remove("deadline")
                .replace("retry", noting("retry"))
                .insert_after("retry", "deadline", noting("deadline"))
            )
        )
        self.answered(etcd.version())
        self.assertEqual(passed, ["retry", "deadline"])
        self.end(etcd)

    def test_what_was_moved_below_the_protocol_is_passed_once(self):
        mine = Seeing()
        etcd = self.connect(stack=lambda stack: stack.remove("retry").append("retry", mine))
        self.answered(etcd.version())
        self.assertEqual([str(request) for request in mine.requests], ["GET /version"])
        self.end(etcd)
