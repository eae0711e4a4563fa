"""The endpoints of a client: the forms they are given in, and those that change."""

from __future__ import annotations

import re
import traceback
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import eventAsText, globalLogPublisher
from twisted.python.failure import Failure

from tests.client.servers import ENDPOINT_ROLES, A, B, C, Case, Servers, change
from txetcd import EndpointDown, Etcd, NodeOp, NoEndpoints, RequestTimedOut, ServiceClosed, Status
from txetcd.reactive import Activity, Failed, Ok, Pending, Var


class EndpointTests(Case):
    def servers(self, endpoints: Any) -> list[str]:
        """The servers that a client knows, in the order of its repr; each is used."""
        self.setUp()
        etcd = self.connect(endpoints)
        known = re.findall(r"http://[\d.]+:\d+", repr(etcd))
        for n in range(len(known)):
            answer = etcd.key(f"/{n}").get()
            self.refuse()
            answer.addErrback(lambda _: None).cancel()
        # Each that has refused is left alone as long as there is another.
        self.assertEqual(sorted(self.asked), sorted(known))
        self.successResultOf(self.closed(etcd))
        return known

    def test_it_is_a_url_several_between_commas_or_an_iterable_of_either(self):
        for endpoints, expected in [
            (A, [A]),
            (f"{A},{B}", [A, B]),
            (f" {A} , {B},{C} ", [A, B, C]),
            ([A], [A]),
            ([A, B, C], [A, B, C]),
            ((A, B), [A, B]),
            ([f"{A},{B}", C], [A, B, C]),
            (iter([A, B]), [A, B]),
            ((url for url in (A, B)), [A, B]),
            ({A: 1, B: 2}, [A, B]),
        ]:
            self.assertEqual(self.servers(endpoints), expected)

    def test_each_is_one_endpoint_however_often_it_is_given(self):
        for endpoints in (f"{B},{A},{B}", [B, A, A], [B, f"{B}/", f"{A},{B}"]):
            self.assertEqual(self.servers(endpoints), [B, A])

    def test_nothing_is_sent_before_the_first_operation(self):
        etcd = self.connect([A, B])
        etcd.key("/a")
        self.reactor.advance(100)
        self.assertEqual(self.asked, [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_one_that_is_no_url_with_scheme_and_host_is_named(self):
        for wrong in (
            "",
            "127.0.0.1:2379",
            "localhost",
            "localhost:2379",
            "//127.0.0.1:2379",
            "http://",
            "http:///path",
            "http://:2379",
            "https://",
            "ftp://127.0.0.1:2379",
            "etcd://127.0.0.1:2379",
            "http//127.0.0.1",
            "http:127.0.0.1:2379",
            "http://127.0.0.1:port",
            "http://127.0.0.1:-1",
            "http://127.0.0.1:65536",
            "http://127.0.0.1:0",
            "http://127.0.0.1:",
            "http://[::1",
            "http://127.0.0.1:2379?a=b",
            "http://127.0.0.1:2379#a",
            "http://127.0.0.1 :2379",
            "http://127.0.0\n.1:2379",
            "http://127.0.0\t.1:2379",
            "http://127.0.0.1\0:2379",
            "http://bücher.example:2379",
        ):
            for endpoints in (wrong, [wrong], [A, wrong], f"{A},{wrong}", f"{wrong},{A}"):
                with self.assertRaises(ValueError) as caught:
                    self.connect(endpoints)
                self.assertIn(repr(wrong), str(caught.exception))
        self.assertEqual(self.asked, [])

    def test_there_must_be_one(self):
        none: Any
        for none in ([], (), iter([])):
            error = self.assertRaises(ValueError, self.connect, none)
            self.assertIn("no endpoint", str(error))

    def test_what_is_no_text_is_refused_without_being_shown(self):
        for wrong in (b"http://u:secret@h", [b"http://u:secret@h"], [A, None], [5], 5, None):
            error = self.assertRaises(TypeError, self.connect, wrong)
            self.assertNotIn("secret", str(error))

    def test_credentials_are_refused_named_by_their_server_and_never_shown(self):
        for wrong in (
            "http://user:hunter2@example:2379",
            "http://hunter2@example:2379",
            "https://user:hunter2@example:2379/path",
            "http://user:hun@ter2@example:2379",
            "http://user:hunter2/x@example:2379",
            "http://user:hunter2#x@example:2379",
            "http://user:hunter2?x@example:2379",
            "http://user:hunter2,x@example:2379",
            "http://user:x,hunter2@example:2379",
            "http://user:hunter2,http://x@example:2379",
            "http://user:[hunter2@example:2379",
            "http://user:hunter2@example\u2100:2379",
            "http://user:hunter2@example:port",
            "http://user:hunter2@example:0",
            "user:hunter2@example:2379",
            "user:hunter2://x@example:2379",
            "ftp://user:hunter2@example:2379",
            "//user:hunter2@example:2379",
        ):
            for endpoints in (wrong, [wrong], [A, wrong], f"{A},{wrong}"):
                with self.assertRaises(ValueError) as caught:
                    self.connect(endpoints)
                shown = "".join(traceback.format_exception(caught.exception))
                shown += repr(caught.exception)
                for secret in ("hunter2", "ter2", "user"):
                    self.assertNotIn(secret, shown.replace("pass auth=(user, password)", ""))
                self.assertIn("example", str(caught.exception))


class ActivityTests(Servers):
    def changing(self, *urls: str, **options: Any) -> tuple[Var[Any], Etcd]:
        """A client of endpoints that change; of none that is known, if none is given."""
        endpoints: Var[Any] = Var(Ok(urls) if urls else Pending())
        return endpoints, self.connect(Activity.of_states(endpoints), **options)

    def ask(self, etcd: Etcd, times: int = 40) -> set[str]:
        """Ask often enough for every server to be asked; who was."""
        before = len(self.requests)
        for _ in range(times):
            self.answered(etcd.key("/a").get())
        return {url for url, _ in self.requests[before:]}

    def test_while_none_is_known_requests_wait(self):
        endpoints, etcd = self.changing()
        answers: list[Deferred] = [
            etcd.key("/a").get(),
            etcd.key("/b").set("1"),
            etcd.version(),
        ]
        self.after(1)
        self.assertEqual(self.asked, [])
        self.assertIs(etcd.status, Status.BUSY)
        endpoints.update(Ok([A]))
        for answer in answers:
            self.answered(answer)
        self.assertIs(etcd.status, Status.OPEN)
        self.assertEqual(
            {line for _, line in self.requests},
            {"GET /v2/keys/a", "PUT /v2/keys/b", "GET /version"},
        )
        self.end(etcd)

    def test_they_do_not_wait_for_longer_than_the_deadline(self):
        _, etcd = self.changing(timeout=8)
        answer, write = etcd.key("/a").get(), etcd.key("/a").set("1")
        self.until(8)
        for each in (answer, write):
            error = self.failureResultOf(each, RequestTimedOut).value
            self.assertFalse(error.possibly_applied)
        self.end(etcd)

    def test_one_that_is_added_is_used(self):
        endpoints, etcd = self.changing(A)
        self.assertEqual(self.ask(etcd), {A})
        endpoints.update(Ok([A, B]))
        self.assertEqual(self.ask(etcd), {A, B})
        self.end(etcd)

    def test_one_that_is_removed_is_not_and_its_connections_are_closed(self):
        endpoints, etcd = self.changing(A, B)
        self.assertEqual(self.ask(etcd), {A, B})
        endpoints.update(Ok([B]))
        self.run_network()
        self.assertEqual(self.ask(etcd), {B})
        self.assertEqual(
            {url for url, peer in self._connected if not peer.is_lost}, {B}
        )
        self.end(etcd)

    def test_what_is_under_way_at_one_that_is_removed_may_end(self):
        endpoints, etcd = self.changing(A)
        answer = etcd.key("/a").get()
        endpoints.update(Ok([B]))
        self.answered(answer)
        self.assertEqual(self.requests, [(A, "GET /v2/keys/a")])
        self.end(etcd)

    def test_a_watch_moves_from_one_that_is_removed_and_loses_nothing(self):
        endpoints, etcd = self.changing(A)
        told: list[Any] = []
        etcd.key("/a").events().register(told.append)
        self.run_network()
        self.assertEqual([url for url, _ in self.waits], [A])
        endpoints.update(Ok([B]))
        self.after(1)
        self.assertEqual([url for url, _ in self.waits], [B])
        self.assertEqual(self.came_to(B, "wait"), ["GET /v2/keys/a?wait=true&waitIndex=10"])
        self.wake(change(10))
        self.assertEqual([type(each) for each in told], [NodeOp, Failure, NodeOp])
        told[1].trap(EndpointDown)
        self.assertEqual(told[2].node.modified_index, 10)
        self.end(etcd)

    def test_one_that_is_left_is_never_asked_a_probe_any_more(self):
        endpoints, etcd = self.changing(A, B)
        answer = etcd.key("/a").get()
        self.refusing = {self.asked[0]}
        self.answered(answer)
        (other,) = {A, B} - self.refusing
        endpoints.update(Ok([other]))
        self.run_network()
        count = len(self.asked)
        self.after(30)
        self.assertEqual(len(self.asked), count)
        self.end(etcd)

    def test_where_none_can_be_had_operations_say_why(self):
        endpoints, etcd = self.changing()
        for state, words in (
            (Failed(Failure(LookupError("no such domain"))), "no such domain"),
            (Ok([]), "no endpoint"),
        ):
            endpoints.update(state)
            for ask in (etcd.key("/a").get, lambda: etcd.key("/a").set("1"), etcd.version):
                asked = ask()
                self.after(4)
                error = self.failureResultOf(asked, NoEndpoints).value
                self.assertIn(words, str(error))
        self.assertEqual(self.asked, [])
        self.end(etcd)

    def test_its_texts_are_read_as_those_of_a_fixed_set(self):
        for value in (f"{A},{B}", [f" {B}/ , {A}", B], (A, B), iter([B, A, B])):
            self.setUp()
            etcd = self.connect(Activity.of(value))
            self.assertEqual(sorted(re.findall(r"<(http\S+) OPEN", repr(etcd))), [A, B])
            self.assertEqual(self.ask(etcd), {A, B})
            self.end(etcd)

    def test_what_is_no_url_is_told_without_its_secrets_and_passed_over(self):
        told: list[str] = []
        publisher: Any = globalLogPublisher
        observer = lambda event: told.append(eventAsText(event))  # noqa: E731
        publisher.addObserver(observer)
        self.addCleanup(publisher.removeObserver, observer)
        endpoints, etcd = self.changing(A, "http://user:hunter2@example:2379", "localhost")
        endpoints.update(Ok([None, b"http://user:hunter2@example:2379", B]))
        self.assertEqual(self.ask(etcd), {B})
        shown = "\n".join([*told, repr(etcd)])
        self.assertNotIn("hunter2", shown)
        self.assertEqual(shown.count("an endpoint is passed over"), 4)
        for words in ("<secret>@example", "'localhost'", "not NoneType", "not bytes"):
            self.assertIn(words, shown)
        self.end(etcd)

    def test_one_whose_service_cannot_be_made_is_told_and_passed_over(self):
        _, etcd = self.changing(
            A, B, endpoint_stack=lambda stack, url: stack if url == B else None
        )
        (failure,) = self.flushLoggedErrors(TypeError)
        self.assertIn("endpoint_stack= must return a Stack", str(failure.value))
        self.assertEqual(self.ask(etcd), {B})
        self.end(etcd)

    def test_a_set_of_one_is_left_alone_like_any_other(self):
        # Another may come at any time.
        roles: list[tuple[str, ...]] = []

        def keeping(stack, url):
            roles.append(stack.roles)
            return stack

        _, etcd = self.changing(A, endpoint_stack=keeping)
        self.assertEqual(roles, [ENDPOINT_ROLES])
        self.end(etcd)

    def test_after_closing_it_is_not_followed_and_what_waited_has_failed(self):
        endpoints, etcd = self.changing()
        answers = [etcd.key("/a").get(), etcd.key("/a").set("1"), etcd.version()]
        self.end(etcd)
        for answer in answers:
            error = self.failureResultOf(answer, ServiceClosed).value
            self.assertFalse(error.possibly_applied)
        endpoints.update(Ok([A]))
        self.run_network()
        self.assertEqual(endpoints.observers, 0)
        self.assertEqual(self.asked, [])
        self.assertIs(etcd.status, Status.CLOSED)
