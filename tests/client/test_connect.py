"""`connect`: its arguments but the endpoints, credentials and the namespace."""

from __future__ import annotations

import traceback
from base64 import b64encode
from typing import Any

from twisted.logger import Logger, eventAsText, globalLogPublisher

from tests.client.servers import (
    NODE,
    PASSWORD,
    URL,
    USER,
    VERSION,
    A,
    B,
    Case,
    Seeing,
    Servers,
    reply,
)
from txetcd import (
    TLS,
    AmbiguousWrite,
    Etcd,
    Filter,
    KeyNotFound,
    Service,
    Stack,
    Version,
    connect,
    default_stack,
)
from txetcd.errors import RootReadOnly
from txetcd.filters import InMemoryStats
from txetcd.model import Get
from txetcd.reactive import Activity, Ok, Pending, Var

ECHO: Service = Service.mk(lambda request: request)
CREDENTIALS = b64encode(f"{USER}:{PASSWORD}".encode())
BAD_GATEWAY = (
    b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 6\r\n\r\n<html>"
)


class ArgumentTests(Case):
    def test_an_unknown_api_or_transport_is_named_with_the_known(self):
        options: Any
        for options, message in [
            ({"api": "v3"}, "api must be 'v2', not 'v3'"),
            ({"api": ""}, "api must be 'v2', not ''"),
            ({"api": None}, "api must be 'v2', not None"),
            ({"transport": "h2"}, "transport must be 'treq' or 'direct', not 'h2'"),
            ({"transport": 5}, "transport must be 'treq' or 'direct', not 5"),
        ]:
            with self.assertRaises(ValueError) as caught:
                self.connect(**options)
            self.assertEqual(str(caught.exception), message)

    def test_tls_is_a_tls_and_belongs_to_https(self):
        wrong: Any
        for transport in ("treq", "direct"):
            for wrong in ("ca.pem", True, {"ca": "ca.pem"}):
                with self.assertRaises(TypeError) as caught:
                    self.connect("https://a", tls=wrong, transport=transport)
                self.assertIn("tls= takes a TLS(", str(caught.exception))
            with self.assertRaises(ValueError) as refused:
                self.connect("http://a", tls=TLS(), transport=transport)
            self.assertIn("'http://a' is spoken to without TLS", str(refused.exception))

    def test_what_is_wrong_with_any_endpoint_is_told_at_once_before_there_are_any(self):
        wrong: Any
        for state in (Pending(), Ok([]), Ok([A, "https://a"])):
            states: Var[Any] = Var(state)
            endpoints: Activity[Any] = Activity.of_states(states)
            for wrong in ("ca.pem", True, {"ca": "ca.pem"}):
                error = self.assertRaises(TypeError, self.connect, endpoints, tls=wrong)
                self.assertIn("tls= takes a TLS(", str(error))
            for wrong in (5, "stack", Stack()):
                error = self.assertRaises(
                    TypeError, self.connect, endpoints, endpoint_stack=wrong
                )
                self.assertIn(
                    f"endpoint_stack= takes a function of a Stack and a URL, not {wrong!r}",
                    str(error),
                )
            # Nobody has begun to follow them.
            self.assertEqual(states.observers, 0)

    def test_what_changes_a_stack_must_be_a_function(self):
        wrong: Any
        for wrong in (5, "stack", Stack()):
            error = self.assertRaises(TypeError, self.connect, stack=wrong)
            self.assertIn(f"stack= takes a function of a Stack, not {wrong!r}", str(error))

    def test_a_timeout_must_be_more_than_0(self):
        for wrong in (0, -1, float("nan")):
            with self.assertRaises(ValueError) as caught:
                self.connect(timeout=wrong)
            self.assertIn(f"not {wrong!r}", str(caught.exception))

    def test_a_namespace_must_be_a_path(self):
        wrong: Any
        for kind, some in ((ValueError, ("", "//", "/a//b", "/..")), (TypeError, (None, 5, b"/a"))):
            for wrong in some:
                error = self.assertRaises(kind, self.connect, namespace=wrong)
                self.assertIn(repr(wrong), str(error))

    def test_stats_must_be_a_receiver(self):
        wrong: Any
        for wrong in (5, False, "", InMemoryStats):
            for endpoints in (A, [A, B]):
                error = self.assertRaises(TypeError, self.connect, endpoints, stats=wrong)
                self.assertIn(f"StatsReceiver, not {wrong!r}", str(error))

    def test_what_changes_the_stack_of_an_endpoint_must_return_one(self):
        wrong: Any
        for wrong in (
            lambda stack, url: None,
            lambda stack, url: stack.to_filter(),
            lambda stack, url: [],
        ):
            for endpoints in (A, [A, B]):
                error = self.assertRaises(
                    TypeError, self.connect, endpoints, endpoint_stack=wrong
                )
                self.assertIn("endpoint_stack= must return a Stack", str(error))

    def test_what_changes_a_stack_may_fail_by_itself(self):
        def failing(*args):
            raise ZeroDivisionError

        self.assertRaises(ZeroDivisionError, self.connect, stack=failing)
        for endpoints in (A, [A, B]):
            self.assertRaises(
                ZeroDivisionError, self.connect, endpoints, endpoint_stack=failing
            )

    def test_all_but_the_endpoints_are_given_by_name(self):
        wrong: Any = connect
        self.assertRaises(TypeError, wrong, URL, "v2")

    def test_the_global_reactor_is_the_default(self):
        from twisted.internet import reactor

        etcd = connect(URL)
        self.assertIs(etcd._session.clock, reactor)
        self.assertIs(Etcd(ECHO)._session.clock, reactor)


class AuthenticationTests(Case):
    def test_the_credentials_are_sent_with_every_request(self):
        etcd = self.connect(auth=(USER, PASSWORD))
        asked: Any
        for n, (ask, body) in enumerate(
            [
                (etcd.key("/a").get, NODE),
                (lambda: etcd.key("/a").set("1"), NODE),
                (etcd.version, VERSION),
            ],
            1,
        ):
            asked = ask()
            # A write has a connection of its own.
            peer = self.accept() if len(self.asked) > len(self.peers) else self.peers[0]
            received = b"".join(each.received for each in self.peers)
            self.assertEqual(received.count(b" HTTP/1.1\r\n"), n)
            expected = b"\r\nAuthorization: Basic " + CREDENTIALS + b"\r\n"
            self.assertEqual(received.count(expected), n)
            peer.send(reply(body))
            self.successResultOf(asked)
        self.successResultOf(self.closed(etcd))

    def test_without_them_none_are_sent(self):
        etcd = self.connect()
        answer = etcd.key("/a").get()
        peer = self.accept()
        peer.send(reply(NODE))
        self.successResultOf(answer)
        self.assertNotIn(b"authorization", peer.received.lower())
        self.assertNotIn("authentication", default_stack(self.reactor))
        self.successResultOf(self.closed(etcd))

    def test_they_are_shown_nowhere(self):
        shown: list[str] = []
        log = Logger()

        def looking(request, service):
            # The careless filter of a user's, below the authentication.
            log.info("asked: {request!r} {request!s}", request=request)
            shown.append(f"{request!r} {request!s} {service!r}")
            return service(request)

        def observer(event):
            shown.append(eventAsText(event))

        publisher: Any = globalLogPublisher
        publisher.addObserver(observer)
        self.addCleanup(publisher.removeObserver, observer)
        etcd = self.connect(
            auth=(USER, PASSWORD), stack=lambda stack: stack.append("looking", Filter.mk(looking))
        )
        stack = default_stack(self.reactor, auth=(USER, PASSWORD))
        shown += [repr(etcd), str(stack), repr(stack), repr(stack.to_filter()), repr(list(stack))]
        for end in (
            lambda peer: peer.send(BAD_GATEWAY),
            lambda peer: peer.send(b"nonsense\r\n\r\n"),
            lambda peer: peer.lose(),
            lambda peer: self.reactor.advance(100),
        ):
            answer = etcd.key("/a").set("1")
            peer = self.accept()
            self.assertIn(CREDENTIALS, peer.received)
            end(peer)
            failure = self.failureResultOf(answer, AmbiguousWrite)
            shown += [
                str(failure.value),
                repr(failure.value),
                failure.getTraceback(),
                "".join(traceback.format_exception(failure.value)),
            ]
            log.failure("failed", failure)
        self.assertEqual(len(self.flushLoggedErrors(AmbiguousWrite)), 4)
        self.assertGreater(len(shown), 20)
        for secret in (PASSWORD, CREDENTIALS.decode(), "hunter2"):
            self.assertNotIn(secret, "\n".join(shown))

    def test_credentials_that_cannot_be_sent_are_refused_and_not_shown(self):
        for user, password in (
            ("us:er", "hunter2"),
            ("user", "hunter2\n"),
            ("user", "hunter2\ud800"),
        ):
            with self.assertRaises(ValueError) as caught:
                self.connect(auth=(user, password))
            self.assertNotIn("hunter2", "".join(traceback.format_exception(caught.exception)))


class NamespaceTests(Servers):
    def test_what_is_asked_is_below_it_and_what_is_answered_does_not_show_it(self):
        node = NODE.replace(b'"key": "/a"', b'"key": "/n/m/a"')
        for namespace in ("/n/m", "n/m", "/n/m/"):
            self.setUp()
            etcd = self.connect(namespace=namespace)
            answer = etcd.key("/a").get()
            peer = self.accept()
            self.assertTrue(peer.received.startswith(b"GET /v2/keys/n/m/a HTTP/1.1\r\n"))
            peer.send(reply(node))
            self.assertEqual(self.successResultOf(answer).node.key, "/a")
            self.successResultOf(self.closed(etcd))

    def test_errors_do_not_show_it_either(self):
        etcd = self.connect(namespace="/n")
        answer = etcd.key("/a").get()
        self.accept().send(
            reply(b'{"errorCode": 100, "message": "Key not found", "cause": "/n/a"}', 404)
        )
        error = self.failureResultOf(answer, KeyNotFound).value
        self.assertEqual((error.cause, error.op), ("/a", Get("/a")))
        self.successResultOf(self.closed(etcd))

    def test_a_write_of_its_root_is_refused_and_nothing_is_sent(self):
        etcd = self.connect(namespace="/n")
        self.failureResultOf(etcd.key("/").delete(recursive=True), RootReadOnly)
        self.assertEqual(self.asked, [])

    def test_a_version_is_that_of_the_whole(self):
        etcd = self.connect([A, B], namespace="/n")
        self.assertEqual(self.answered(etcd.version()), Version("3.5.1", "3.5.0"))
        self.end(etcd)

    def test_it_is_put_on_once_an_operation_and_not_once_an_attempt(self):
        stack = default_stack(self.reactor, namespace="/n", auth=(USER, PASSWORD))
        self.assertEqual(
            stack.roles, ("deadline", "namespace", "retry", "protocol", "authentication")
        )
        mine = Seeing()
        etcd = self.connect(
            [A, B],
            namespace="/n",
            stack=lambda stack: stack.insert_after("namespace", "mine", mine),
        )
        answer = etcd.key("/a").get()
        self.refusing = set(self.asked)
        self.assertEqual(self.answered(answer).node.key, "/a")
        self.assertEqual(len(self.asked), 2)
        self.assertEqual(mine.requests, [Get("/n/a")])
        self.end(etcd)

    def test_the_root_is_no_namespace(self):
        self.assertNotIn("namespace", default_stack(self.reactor, namespace="/"))
