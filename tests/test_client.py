"""`connect` and `Etcd`: what they are given, how they are assembled, and how they end."""

from __future__ import annotations

import re
import traceback
from base64 import b64encode
from typing import Any

from treq.testing import StringStubbingResource, StubTreq
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import Logger, eventAsText, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.http.wire import Peer, first_request
from txetcd import (
    TLS,
    Action,
    AmbiguousWrite,
    Backoff,
    EndpointDown,
    Etcd,
    Filter,
    Key,
    KeyNotFound,
    NodeOp,
    NoEndpoints,
    NotSent,
    RequestTimedOut,
    Service,
    ServiceClosed,
    Stack,
    Status,
    TxetcdError,
    UnexpectedResponse,
    Version,
    connect,
    deadline,
    default_endpoint_stack,
    default_stack,
    v2,
)
from txetcd.errors import RootReadOnly
from txetcd.filters import InMemoryStats, Retry, Timeout
from txetcd.http import Request, TreqService
from txetcd.model import Get, Op
from txetcd.reactive import Failed, Ok, Variable

URL = "http://127.0.0.1:2379"
A, B, C = (f"http://127.0.0.1:100{n}" for n in (1, 2, 3))

NODE = b"""{"action": "get", "node": {
    "key": "/a", "value": "1", "modifiedIndex": 7, "createdIndex": 6}}"""
UNKNOWN: Variable[Any] = Variable()
ECHO: Service = Service.mk(lambda request: request)
VERSION = b'{"etcdserver": "3.5.1", "etcdcluster": "3.5.0"}'
BODIES = {
    "version": VERSION,
    "health": b'{"health": "true"}',
    "v2/keys/n/a": NODE.replace(b'"key": "/a"', b'"key": "/n/a"'),
}

USER, PASSWORD = "root", "hunter2 §"
CREDENTIALS = b64encode(f"{USER}:{PASSWORD}".encode())
BAD_GATEWAY = (
    b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 6\r\n\r\n<html>"
)


def reply(body: bytes, status: int = 200, index: int = 9) -> bytes:
    head = b"HTTP/1.1 %d Any\r\nX-Etcd-Index: %d\r\nContent-Length: %d\r\n\r\n"
    return head % (status, index, len(body)) + body


def change(index: int) -> bytes:
    """The answer to a wait that was parked until the store came to an index."""
    body = NODE.replace(b'"modifiedIndex": 7', b'"modifiedIndex": %d' % index)
    return reply(body, index=index - 1)


class Case(SynchronousTestCase):
    """A client made by `connect`, on a network in memory."""

    def setUp(self):
        self.reactor = MemoryReactorClock()
        self.peers: list[Peer] = []

    def connect(self, endpoints: Any = URL, **options: Any) -> Etcd:
        return connect(endpoints, reactor=self.reactor, **options)

    @property
    def asked(self) -> list[str]:
        """The servers that connections were asked for, in order."""
        return [f"http://{host}:{port}" for host, port, *_ in self.reactor.tcpClients]

    def accept(self) -> Peer:
        """Make the last connection that was asked for."""
        self.peers.append(Peer(self.reactor.tcpClients[-1][2]))
        return self.peers[-1]

    def refuse(self) -> None:
        factory: Any = self.reactor.tcpClients[-1][2]
        factory.clientConnectionFailed(None, Failure(Refused()))

    def closed(self, etcd: Etcd) -> Deferred:
        """Close it, as a network does where the other side agrees."""
        closed = etcd.close()
        for peer in self.peers:
            self.assertTrue(peer.is_closed)
            peer.lose()
        self.reactor.pump([0] * 4)
        return closed

    def until(self, seconds: float) -> None:
        while self.reactor.seconds() < seconds:
            self.reactor.advance(0.0625)


class Servers(Case):
    """A client made by `connect`, and servers in memory, each with a mind of its own.

    A server answers as etcd does, and lets waits wait.  One in ``refusing`` takes no
    connection; one in ``silent`` takes all, and answers no request that comes meanwhile;
    one in ``failing`` answers with status 503.

    Attributes:
        requests: What came to which server, in order: ``(url, "GET /v2/keys/a")``.
        waits: The connections on which a wait is parked, with their servers.
    """

    def setUp(self):
        super().setUp()
        self.refusing: set[str] = set()
        self.silent: set[str] = set()
        self.failing: set[str] = set()
        self.requests: list[tuple[str, str]] = []
        self.waits: list[tuple[str, Peer]] = []
        self._connected: list[tuple[str, Peer]] = []
        self._read: dict[Peer, int] = {}

    def run_network(self) -> None:
        """Let happen all that needs no time."""
        self.reactor.advance(0)
        while self._connect() or self._serve():
            self.reactor.advance(0)

    def until(self, seconds: float, step: float = 0.0625) -> None:
        self.run_network()
        while self.reactor.seconds() < seconds:
            self.reactor.advance(min(step, seconds - self.reactor.seconds()))
            self.run_network()

    def after(self, seconds: float, step: float = 0.0625) -> None:
        self.until(self.reactor.seconds() + seconds, step)

    def answered(self, deferred: Deferred, seconds: float = 0.0625) -> Any:
        """What something fires with, within a time that allows for the delay of a retry."""
        self.after(seconds, 0.01)
        return self.successResultOf(deferred)

    def came_to(self, url: str, what: str = "") -> list[str]:
        return [line for where, line in self.requests if where == url and what in line]

    def wake(self, answer: bytes) -> str:
        """Answer the one wait that is parked; where it was."""
        ((url, peer),) = self.waits
        self.waits = []
        peer.send(answer)
        self.run_network()
        return url

    def end(self, etcd: Etcd) -> None:
        """Close it; nothing is left."""
        closed = etcd.close()
        for _ in range(4):
            self._lose()
            self.reactor.advance(0)
        self.assertIsNone(self.successResultOf(closed))
        self.assertTrue(all(peer.is_closed for _, peer in self._connected))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def _connect(self) -> bool:
        before = len(self._connected)
        connector: Any
        for connector in self.reactor.connectors[before:]:
            host, port, factory, *_ = self.reactor.tcpClients[len(self._connected)]
            url = f"http://{host}:{port}"
            peer: Peer = _NoPeer()
            if url in self.refusing:
                factory.clientConnectionFailed(connector, Failure(Refused()))
            elif not connector.stoppedConnecting:
                peer = Peer(factory)
            self._connected.append((url, peer))
        return len(self._connected) > before

    def _serve(self) -> bool:
        self._lose()
        before = len(self.requests)
        for url, peer in self._connected:
            while not peer.is_lost:
                read = self._read.get(peer, 0)
                request = first_request(peer.received[read:])
                if not request:
                    break
                self._read[peer] = read + len(request)
                line = request.partition(b" HTTP/1.1")[0].decode()
                self.requests.append((url, line))
                if url not in self.silent:
                    self._answer(url, peer, line)
        return len(self.requests) > before

    def _answer(self, url: str, peer: Peer, line: str) -> None:
        if url in self.failing:
            peer.send(reply(b"busy", 503))
        elif "wait=true" in line:
            self.waits.append((url, peer))
        else:
            path = line.partition(" /")[2]
            peer.send(reply(BODIES.get(path, NODE)))

    def _lose(self) -> None:
        """End the connections that the client has closed."""
        for _, peer in self._connected:
            if peer.is_closed:
                peer.lose()
        self.waits = [each for each in self.waits if not each[1].is_lost]


class _NoPeer(Peer):
    """The other end of a connection that was not made."""

    is_closed = True
    received = b""

    def __init__(self) -> None:
        self.is_lost = True


# --- the arguments of connect --------------------------------------------------


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


# --- authentication ------------------------------------------------------------


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
            peer = self.peers[0] if self.peers else self.accept()
            self.assertEqual(peer.received.count(b" HTTP/1.1\r\n"), n)
            expected = b"\r\nAuthorization: Basic " + CREDENTIALS + b"\r\n"
            self.assertEqual(peer.received.count(expected), n)
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


# --- the default stack ---------------------------------------------------------

ROLES = ("deadline", "retry", "protocol", "authentication")

#: Each way of putting a filter at each place of the default stack, and what is then above it.
PLACES: list[tuple[Any, int]] = [
    (lambda stack, mine: stack.prepend("mine", mine), 0),
    *[
        (lambda stack, mine, role=role: stack.insert_before(role, "mine", mine), n)
        for n, role in enumerate(ROLES)
    ],
    *[
        (lambda stack, mine, role=role: stack.insert_after(role, "mine", mine), n + 1)
        for n, role in enumerate(ROLES)
    ],
    (lambda stack, mine: stack.append("mine", mine), len(ROLES)),
]


class Seeing(Filter):
    """A user's filter, of ten lines: it counts what passes."""

    def __init__(self):
        self.requests: list = []
        self.responses: list = []

    async def apply(self, request, service):
        self.requests.append(request)
        response = await service(request)
        self.responses.append(response)
        return response


class StackTests(Case):
    def answered(self, etcd: Etcd) -> Any:
        """Get a key, from a server that answers as etcd does."""
        answer = etcd.key("/a").get()
        self.accept().send(reply(NODE))
        got = self.successResultOf(answer)
        self.successResultOf(self.closed(etcd))
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        return got

    def test_a_filter_can_be_put_at_every_place(self):
        self.assertEqual({above for _, above in PLACES}, {0, 1, 2, 3, 4})
        for put, above in PLACES:
            self.setUp()
            mine = Seeing()
            stacks: list[Stack] = []

            def changed(stack, put=put, mine=mine, stacks=stacks):
                stacks.append(put(stack, mine))
                return stacks[-1]

            got = self.answered(self.connect(auth=(USER, PASSWORD), stack=changed))
            self.assertEqual((got.action, got.node.text), (Action.GET, "1"))
            roles = list(ROLES)
            roles.insert(above, "mine")
            self.assertEqual(stacks[0].roles, tuple(roles))
            # Operations above the protocol, HTTP messages below.
            kind = Op if above <= ROLES.index("protocol") else Request
            self.assertEqual(len(mine.requests), 1)
            self.assertIsInstance(mine.requests[0], kind)
            self.assertEqual(len(mine.responses), 1)

    def test_a_filter_above_the_protocol_may_answer_by_itself(self):
        for put, above in PLACES:
            if above > ROLES.index("protocol"):
                continue
            self.setUp()
            answering: Filter = Filter.mk(lambda request, service: f"instead of {request}")
            etcd = self.connect(
                auth=(USER, PASSWORD), stack=lambda stack, put=put, mine=answering: put(stack, mine)
            )
            self.assertEqual(self.successResultOf(etcd.key("/a").get()), "instead of get /a")
            self.assertEqual(self.asked, [])

    def test_a_filter_below_retry_sees_each_attempt_and_one_above_it_the_operation(self):
        above, below = Seeing(), Seeing()

        def both(stack):
            stack = stack.insert_before("retry", "above", above)
            return stack.insert_after("retry", "below", below)

        etcd = self.connect([A, B], stack=both)
        answer = etcd.key("/a").get()
        self.refuse()
        self.reactor.advance(0.01)
        self.accept().send(reply(NODE))
        self.successResultOf(answer)
        self.assertEqual(sorted(self.asked), [A, B])
        self.assertEqual((len(above.requests), len(below.requests)), (1, 2))
        self.successResultOf(self.closed(etcd))

    def test_every_role_but_the_protocol_can_be_removed(self):
        others = [role for role in ROLES if role != "protocol"]
        for gone in [*[[role] for role in others], others]:
            self.setUp()

            def without(stack, gone=gone):
                for role in gone:
                    stack = stack.remove(role)
                return stack

            etcd = self.connect(auth=(USER, PASSWORD), stack=without)
            self.assertEqual(self.answered(etcd).node.text, "1")

    def test_every_role_can_be_replaced(self):
        for role in ROLES:
            self.setUp()
            mine = Seeing()
            # The protocol is replaced by itself, with the user's filter in it.
            instead = v2.Keys() >> mine if role == "protocol" else mine
            etcd = self.connect(
                auth=(USER, PASSWORD),
                stack=lambda stack, role=role, instead=instead: stack.replace(role, instead),
            )
            self.assertEqual(self.answered(etcd).node.text, "1")
            self.assertEqual(len(mine.responses), 1)

    def test_without_the_deadline_the_timeout_of_each_attempt_is_left(self):
        etcd = self.connect(timeout=8, stack=lambda stack: stack.remove("deadline").remove("retry"))
        answer = etcd.key("/a").get()
        self.accept()
        self.until(4)
        self.assertEqual(self.failureResultOf(answer, RequestTimedOut).value.seconds, 4)
        self.successResultOf(self.closed(etcd))

    def test_a_version_is_asked_for_below_the_protocol(self):
        for put, above in PLACES:
            self.setUp()
            mine = Seeing()
            etcd = self.connect(
                auth=(USER, PASSWORD), stack=lambda stack, put=put, mine=mine: put(stack, mine)
            )
            answer = etcd.version()
            self.accept().send(reply(VERSION))
            self.assertEqual(self.successResultOf(answer), Version("3.5.1", "3.5.0"))
            expected = ["GET /version"] if above > ROLES.index("protocol") else []
            self.assertEqual([str(request) for request in mine.requests], expected)
            self.successResultOf(self.closed(etcd))

    def test_what_changes_the_stack_must_return_one(self):
        wrong: Any
        for wrong in (lambda stack: None, lambda stack: stack.to_filter(), lambda stack: []):
            error = self.assertRaises(TypeError, self.connect, stack=wrong)
            self.assertIn("stack= must return a Stack", str(error))

    def test_it_is_printed_as_a_table_that_gives_reasons(self):
        table = str(default_stack(Clock(), timeout=8, auth=(USER, PASSWORD)))
        retry = "Retry(Backoff.exponential_jittered(0.01, 1.0).take(4), when_safe)"
        rows = [
            ("role", "filter", "reason"),
            ("deadline", "Deadline(8)", "above retry: bounds an operation with all its attempts"),
            ("retry", retry, "above the protocol: it sees whether an operation is a write"),
            ("protocol", "v2.Keys()", "operations above, HTTP messages below"),
            (
                "authentication",
                "BasicAuthentication()",
                "below the protocol: no request misses it",
            ),
        ]
        self.assertEqual(
            table.splitlines(),
            [f"{role:<14}  {shown:<{len(retry)}}  {reason}" for role, shown, reason in rows],
        )

    def test_the_repr_of_the_client_reads_as_it_is_stacked(self):
        above = "Deadline(8) >> Retry(Backoff.exponential_jittered(0.01, 1.0).take(4), when_safe)"
        self.assertEqual(
            repr(self.connect(A, timeout=8)),
            f"Etcd({above} >> v2.Keys() >> Timeout(4, share=0.5)"
            f" >> Bulkheads(TreqService('{A}')))",
        )
        self.assertEqual(
            repr(self.connect([A, B], timeout=8)),
            f"Etcd({above} >> v2.Keys()"
            f" >> <Balancer PowerOfTwoChoices(), <{A} OPEN, load 0>, <{B} OPEN, load 0>>)",
        )


# --- the default stack of an endpoint ------------------------------------------

ENDPOINT_ROLES = ("accrual", "timeout")


class EndpointStackTests(Servers):
    def put(self, endpoints: Any, change: Any, **options: Any) -> Etcd:
        return self.connect(endpoints, endpoint_stack=change, **options)

    def test_it_is_given_the_url_of_each_endpoint_as_it_is_used(self):
        urls: list[str] = []

        def seeing(stack, url):
            urls.append(url)
            return stack

        self.put([f"{B}/", f" {A},{C}", B], seeing)
        self.assertEqual(urls, [B, A, C])
        self.put(f"{A}/", seeing)
        self.assertEqual(urls[3:], [A])

    def test_each_endpoint_has_filters_of_its_own(self):
        stacks: list[Stack] = []

        def keeping(stack, url):
            stacks.append(stack)
            return stack

        self.put([A, B], keeping)
        self.assertEqual([stack.roles for stack in stacks], [ENDPOINT_ROLES, ENDPOINT_ROLES])
        for role in ENDPOINT_ROLES:
            self.assertIsNot(stacks[0][role].filter, stacks[1][role].filter)

    def test_a_filter_at_every_place_sees_the_attempts_at_its_endpoint(self):
        places = [
            lambda stack, mine: stack.prepend("mine", mine),
            lambda stack, mine: stack.insert_after("accrual", "mine", mine),
            lambda stack, mine: stack.append("mine", mine),
        ]
        for put in places:
            self.setUp()
            seeing = {A: Seeing(), B: Seeing()}
            etcd = self.put([A, B], lambda stack, url, put=put, see=seeing: put(stack, see[url]))
            for n in range(20):
                self.answered(etcd.key(f"/{n}").get())
            seen = [str(each) for url in (A, B) for each in seeing[url].requests]
            self.assertEqual(seen, self.came_to(A) + self.came_to(B))
            self.assertEqual(len(seen), 20)
            self.end(etcd)

    def test_every_role_can_be_removed(self):
        for gone in (["accrual"], ["timeout"], ["accrual", "timeout"]):
            self.setUp()

            def without(stack, url, gone=gone):
                for role in gone:
                    stack = stack.remove(role)
                return stack

            etcd = self.put([A, B], without)
            self.assertEqual(self.answered(etcd.key("/a").get()).node.text, "1")
            self.end(etcd)

    def test_every_role_can_be_replaced_and_the_replacement_is_used(self):
        for role in ENDPOINT_ROLES:
            self.setUp()
            mine = Seeing()
            etcd = self.put([A, B], lambda stack, url, r=role, m=mine: stack.replace(r, m))
            self.assertEqual(self.answered(etcd.key("/a").get()).node.text, "1")
            self.assertEqual(len(mine.responses), 1)
            self.end(etcd)

    def test_without_the_accrual_one_that_refuses_is_asked_again(self):
        self.refusing = {A, B}
        etcd = self.put([A, B], lambda stack, url: stack.remove("accrual"))
        for n in range(4):
            etcd.key(f"/{n}").get().addErrback(lambda failure: failure.trap(NotSent))
            self.after(4)
        self.assertEqual(len(self.asked), 20)
        self.end(etcd)

    def test_with_another_timeout_attempts_take_another_time(self):
        self.silent = {A, B}
        mine: Timeout = Timeout(1, self.reactor)
        etcd = self.put([A, B], lambda stack, url: stack.replace("timeout", mine))
        answer = etcd.key("/a").set("1")
        self.until(1)
        self.assertEqual(self.failureResultOf(answer, AmbiguousWrite).value.cause.seconds, 1)
        self.end(etcd)

    def test_one_that_is_alone_is_never_left_alone(self):
        roles: list[tuple[str, ...]] = []

        def keeping(stack, url):
            roles.append(stack.roles)
            return stack

        self.refusing = {A}
        etcd = self.put(A, keeping)
        self.assertEqual(roles, [("timeout",)])
        answer = etcd.key("/a").get()
        self.until(4)
        self.failureResultOf(answer, NotSent)
        self.assertIs(etcd.status, Status.OPEN)
        self.refusing = set()
        answer = etcd.key("/a").get()
        self.run_network()
        self.assertEqual(self.successResultOf(answer).node.text, "1")
        self.end(etcd)

    def test_it_is_printed_as_a_table_that_gives_reasons(self):
        table = str(default_endpoint_stack(Clock(), A, timeout=8, stats=InMemoryStats()))
        labels = {"endpoint": A}
        stats = f"Stats(<InMemoryStats, 0 series>, prefix='endpoint_', labels={labels})"
        accrual = "FailureAccrual(ConsecutiveFailures(5), alive)"
        rows = [
            ("role", "filter", "reason"),
            ("stats", stats, "above all of them: sees each attempt whole"),
            (
                "accrual",
                accrual,
                "below the balancer, which it warns; above the timeout, which it counts",
            ),
            (
                "timeout",
                "Timeout(4, share=0.5)",
                "below retry: leaves time for another attempt, elsewhere",
            ),
        ]
        self.assertEqual(
            table.splitlines(),
            [f"{role:<7}  {shown:<{len(stats)}}  {reason}" for role, shown, reason in rows],
        )


class StatsTests(Servers):
    """What is counted: operations at the top, requests at each endpoint."""

    def setUp(self):
        super().setUp()
        self.stats = InMemoryStats()

    def test_an_operation_counts_once_and_each_attempt_at_its_endpoint(self):
        etcd = self.connect([A, B], stats=self.stats)
        answer = etcd.key("/a").get()
        refused = self.asked[0]
        self.refusing = {refused}
        self.assertEqual(self.stats.gauge_value("requests_in_flight", operation="get"), 1)
        self.answered(answer)
        counted = self.stats.counter_value
        self.assertEqual(counted("requests", operation="get", result="success"), 1)
        self.assertEqual(counted("requests"), 1)
        self.assertEqual(counted("endpoint_requests"), 2)
        self.assertEqual(
            counted("endpoint_requests", endpoint=refused, result="retryable", error="NotSent"), 1
        )
        (other,) = {A, B} - {refused}
        self.assertEqual(
            counted("endpoint_requests", endpoint=other, operation="GET", result="success"), 1
        )
        self.assertEqual(self.stats.count("request_duration_seconds", operation="get"), 1)
        self.assertEqual(self.stats.count("endpoint_request_duration_seconds"), 2)
        for name in ("requests_in_flight", "endpoint_requests_in_flight"):
            self.assertEqual(self.stats.gauge_value(name), 0)
        self.end(etcd)

    def test_of_one_endpoint_alone_both_are_counted_too(self):
        etcd = self.connect(stats=self.stats)
        self.answered(etcd.key("/a").get())
        self.answered(etcd.key("/a").set("1"))
        counted = self.stats.counter_value
        self.assertEqual(counted("requests", operation="set", result="success"), 1)
        for method in ("GET", "PUT"):
            self.assertEqual(counted("endpoint_requests", endpoint=URL, operation=method), 1)
        self.end(etcd)

    def test_a_version_is_counted(self):
        etcd = self.connect(stats=self.stats)
        self.answered(etcd.version())
        counted = self.stats.counter_value
        self.assertEqual(counted("requests", operation="version", result="success"), 1)
        self.assertEqual(counted("endpoint_requests", operation="GET", result="success"), 1)
        self.end(etcd)

    def test_waits_are_counted_apart(self):
        etcd = self.connect([A, B], stats=self.stats)
        etcd.key("/a").get(wait=True).addErrback(lambda failure: failure.trap(ServiceClosed))
        self.run_network()
        for prefix in ("", "endpoint_"):
            self.assertEqual(self.stats.gauge_value(f"{prefix}long_polls_in_flight"), 1)
            self.assertEqual(self.stats.gauge_value(f"{prefix}requests_in_flight"), 0)
        self.end(etcd)
        self.assertEqual(self.stats.gauge_value("long_polls_in_flight"), 0)

    def test_probes_are_nobodys_requests_and_not_counted(self):
        self.silent = {A, B}
        etcd = self.connect([A, B], stats=self.stats)
        etcd.key("/a").get().addErrback(lambda failure: failure.trap(RequestTimedOut))
        self.until(30)
        self.assertNotEqual([line for _, line in self.requests if line == "GET /health"], [])
        gets = [line for _, line in self.requests if line != "GET /health"]
        self.assertEqual(self.stats.counter_value("endpoint_requests"), len(gets))
        self.end(etcd)

    def test_they_stand_at_the_top_of_both_stacks(self):
        roles: list[tuple[str, ...]] = []

        def keeping(stack, url=""):
            roles.append(stack.roles)
            return stack

        self.connect(
            [A, B], stats=self.stats, namespace="/n", stack=keeping, endpoint_stack=keeping
        )
        self.assertEqual(
            roles,
            [
                ("stats", "deadline", "namespace", "retry", "protocol"),
                ("stats", *ENDPOINT_ROLES),
                ("stats", *ENDPOINT_ROLES),
            ],
        )


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


# --- endpoints that change -----------------------------------------------------


class ActivityTests(Servers):
    def changing(self, *urls: str, **options: Any) -> tuple[Variable[Any], Etcd]:
        """A client of endpoints that change; of none that is known, if none is given."""
        endpoints: Variable[Any] = Variable(Ok(urls) if urls else None)
        return endpoints, self.connect(endpoints, **options)

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
        endpoints.become(Ok([A]))
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
        endpoints.become(Ok([A, B]))
        self.assertEqual(self.ask(etcd), {A, B})
        self.end(etcd)

    def test_one_that_is_removed_is_not_and_its_connections_are_closed(self):
        endpoints, etcd = self.changing(A, B)
        self.assertEqual(self.ask(etcd), {A, B})
        endpoints.become(Ok([B]))
        self.run_network()
        self.assertEqual(self.ask(etcd), {B})
        self.assertEqual(
            {url for url, peer in self._connected if not peer.is_lost}, {B}
        )
        self.end(etcd)

    def test_what_is_under_way_at_one_that_is_removed_may_end(self):
        endpoints, etcd = self.changing(A)
        answer = etcd.key("/a").get()
        endpoints.become(Ok([B]))
        self.answered(answer)
        self.assertEqual(self.requests, [(A, "GET /v2/keys/a")])
        self.end(etcd)

    def test_a_watch_moves_from_one_that_is_removed_and_loses_nothing(self):
        endpoints, etcd = self.changing(A)
        told: list[Any] = []
        etcd.key("/a").events().register(told.append)
        self.run_network()
        self.assertEqual([url for url, _ in self.waits], [A])
        endpoints.become(Ok([B]))
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
        endpoints.become(Ok([other]))
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
            endpoints.become(state)
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
            endpoints: Variable[Any] = Variable(Ok(value))
            etcd = self.connect(endpoints)
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
        endpoints.become(Ok([None, b"http://user:hunter2@example:2379", B]))
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
        endpoints.become(Ok([A]))
        self.run_network()
        self.assertEqual(endpoints._observers, [])
        self.assertEqual(self.asked, [])
        self.assertIs(etcd.status, Status.CLOSED)


# --- endpoints that fail -------------------------------------------------------


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
            self.assertEqual(repr(self.etcd).count("BUSY"), left_alone)
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

    def test_where_all_refuse_the_error_says_so_and_all_are_tried_again(self):
        self.refusing = {A, B}
        for ask in (self.key.get, lambda: self.key.set("1"), self.etcd.version):
            answer = ask()
            self.after(4)
            error = self.failureResultOf(answer, NotSent).value
            self.assertEqual(len(error.reasons), 4)
            self.assertFalse(error.possibly_applied)
        self.assertEqual(set(self.asked[:2]), {A, B})
        self.assertIs(self.etcd.status, Status.BUSY)
        self.refusing = set()
        self.answered(self.key.get())
        self.end(self.etcd)


# --- versions ------------------------------------------------------------------


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


# --- clients made by hand ------------------------------------------------------


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


# --- closing -------------------------------------------------------------------


class CleanTests(Servers):
    """Whatever is under way, closing leaves nothing in the reactor."""

    def ended(self, etcd: Etcd, *asked: Deferred) -> None:
        self.end(etcd)
        for each in asked:
            error = self.failureResultOf(each, TxetcdError).value
            self.assertIsInstance(getattr(error, "cause", None) or error, ServiceClosed)
        self.after(100)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def three(self, etcd: Etcd) -> list[Deferred]:
        return [etcd.key("/a").get(), etcd.key("/a").set("1"), etcd.version()]

    def test_before_anything_was_asked(self):
        for endpoints in (A, [A, B]):
            self.setUp()
            self.ended(self.connect(endpoints))

    def test_with_connections_under_way(self):
        for endpoints in (A, [A, B]):
            self.setUp()
            etcd = self.connect(endpoints)
            asked = self.three(etcd)
            closed = etcd.close()
            self.reactor.pump([0] * 4)
            self.assertIsNone(self.successResultOf(closed))
            for each in asked:
                self.failureResultOf(each, ServiceClosed)
            self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_with_connections_that_are_kept(self):
        for endpoints in (A, [A, B]):
            self.setUp()
            etcd = self.connect(endpoints)
            for each in self.three(etcd):
                self.answered(each)
            self.ended(etcd)

    def test_with_requests_that_are_not_answered(self):
        for endpoints in (A, [A, B]):
            self.setUp()
            self.silent = {A, B}
            etcd = self.connect(endpoints)
            asked = self.three(etcd)
            self.run_network()
            self.ended(etcd, *asked)

    def test_with_requests_that_wait_to_be_sent_again(self):
        for endpoints in (A, [A, B]):
            self.setUp()
            self.refusing = {A, B}
            etcd = self.connect(endpoints)
            asked = self.three(etcd)
            self.run_network()
            for each in asked:
                self.assertNoResult(each)
            self.ended(etcd, *asked)

    def test_with_endpoints_that_are_left_alone(self):
        self.refusing = {A, B}
        etcd = self.connect([A, B])
        for each in self.three(etcd):
            each.addErrback(lambda failure: failure.trap(NotSent))
        self.after(10)
        self.ended(etcd)

    def test_with_a_probe_under_way(self):
        self.silent = {A, B}
        etcd = self.connect([A, B])
        for each in self.three(etcd):
            each.addErrback(lambda failure: failure.trap(RequestTimedOut, AmbiguousWrite))
        self.until(13)
        self.assertEqual([line for _, line in self.requests][-1], "GET /health")
        self.ended(etcd)

    def test_with_a_watch_parked_and_a_heartbeat_to_come(self):
        etcd = self.connect([A, B])
        told: list[Any] = []
        etcd.key("/a").events().register(told.append)
        for seconds in (0, 2.5):
            self.after(seconds)
        self.assertEqual(len(self.waits), 1)
        self.ended(etcd)
        told[-1].trap(ServiceClosed)

    def test_with_a_watch_that_waits_to_go_on(self):
        self.refusing = {A, B}
        etcd = self.connect([A, B])
        told: list[Any] = []
        etcd.key("/a").events().register(told.append)
        while not told:
            self.after(0.0625)
        told[0].trap(NotSent)
        self.ended(etcd)

    def test_within_a_deadline(self):
        self.silent = {A, B}
        etcd = self.connect([A, B])
        with deadline(1, self.reactor):
            asked = self.three(etcd)
        self.run_network()
        self.ended(etcd, *asked)

    def test_cancelling_all_leaves_nothing_either(self):
        away: set[str]
        for endpoints in (A, [A, B], UNKNOWN):
            for away in (set(), {A, B}):
                self.setUp()
                self.refusing = away
                self.silent = {A, B}
                etcd = self.connect(endpoints)
                asked = self.three(etcd)
                self.run_network()
                for each in asked:
                    each.cancel()
                    self.failureResultOf(each, CancelledError)
                self.run_network()
                if not away:
                    self.assertEqual(self.reactor.getDelayedCalls(), [])
                self.end(etcd)


class CloseTests(Case):
    def test_operations_under_way_end_with_service_closed(self):
        etcd = self.connect()
        answers = [etcd.key("/a").get(), etcd.key("/a").get(wait=True)]
        self.accept()
        closed = self.closed(etcd)
        for answer in answers:
            error = self.failureResultOf(answer, ServiceClosed).value
            self.assertIn("[get /a", str(error))
        self.assertIsNone(self.successResultOf(closed))

    def test_a_write_that_may_have_been_sent_is_ambiguous(self):
        etcd = self.connect()
        answer = etcd.key("/a").set("1")
        self.accept()
        self.successResultOf(self.closed(etcd))
        error = self.failureResultOf(answer, AmbiguousWrite).value
        self.assertIsInstance(error.cause, ServiceClosed)

    def test_a_write_that_was_not_sent_yet_is_not(self):
        etcd = self.connect()
        answer = etcd.key("/a").set("1")
        self.successResultOf(self.closed(etcd))
        self.assertFalse(self.failureResultOf(answer, ServiceClosed).value.possibly_applied)

    def test_a_write_that_waits_to_be_sent_again_is_not_either(self):
        etcd = self.connect()
        answer = etcd.key("/a").set("1")
        self.refuse()
        self.successResultOf(self.closed(etcd))
        self.assertFalse(self.failureResultOf(answer, ServiceClosed).value.possibly_applied)

    def test_the_reactor_is_clean_afterwards(self):
        etcd = self.connect([A, B])
        answers: list[Deferred] = [etcd.key("/a").get()]
        self.refuse()
        answers += [etcd.key("/a").get(), etcd.key("/a").set("1"), etcd.version()]
        closed = self.closed(etcd)
        for answer in answers:
            answer.addErrback(lambda failure: failure.trap(ServiceClosed, AmbiguousWrite))
            self.successResultOf(answer)
        self.assertIsNone(self.successResultOf(closed))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_a_kept_connection_is_closed_and_waited_for(self):
        etcd = self.connect()
        answer = etcd.key("/a").get()
        peer = self.accept()
        peer.send(reply(NODE))
        self.successResultOf(answer)
        closed = etcd.close()
        self.reactor.pump([0] * 4)
        self.assertNoResult(closed)
        self.assertTrue(peer.is_closed)
        peer.lose()
        self.reactor.pump([0] * 4)
        self.assertIsNone(self.successResultOf(closed))

    def test_closing_twice_does_no_harm(self):
        etcd = self.connect([A, B])
        self.successResultOf(self.closed(etcd))
        self.successResultOf(self.closed(etcd))

    def test_nothing_is_asked_afterwards(self):
        etcd = self.connect()
        self.assertIs(etcd.status, Status.OPEN)
        self.successResultOf(self.closed(etcd))
        self.assertIs(etcd.status, Status.CLOSED)
        for ask in (etcd.key("/a").get, lambda: etcd.key("/a").set("1"), etcd.version):
            self.assertFalse(self.failureResultOf(ask(), ServiceClosed).value.possibly_applied)
        self.assertEqual(self.asked, [])

    def test_the_service_of_versions_is_closed_too(self):
        closed: list[str] = []

        class Closing(Service):
            def __init__(self, name):
                self.name = name

            def close(self):
                closed.append(self.name)
                return succeed(None)

        etcd = Etcd(Closing("keys"), versions=Closing("versions"), clock=Clock())
        self.successResultOf(etcd.close())
        self.assertEqual(closed, ["keys", "versions"])

    def test_the_status_is_that_of_the_service_until_it_is_closed(self):
        class Busy(Service):
            @property
            def status(self):
                return Status.BUSY

        service: Service = Timeout(5, Clock()) >> Busy()
        etcd = Etcd(service, clock=Clock())
        self.assertIs(etcd.status, Status.BUSY)
        self.successResultOf(etcd.close())
        self.assertIs(etcd.status, Status.CLOSED)

    def test_cancelling_an_operation_closes_its_connection_and_no_other(self):
        etcd = self.connect()
        one, other = etcd.key("/a").get(), etcd.key("/b").get()
        first = Peer(self.reactor.tcpClients[0][2])
        second = Peer(self.reactor.tcpClients[1][2])
        one.cancel()
        self.failureResultOf(one, CancelledError)
        self.assertTrue(first.is_closed)
        self.assertFalse(second.is_closed)
        second.send(reply(NODE))
        self.assertEqual(self.successResultOf(other).node.text, "1")
        self.peers = [second]
        first.lose()
        self.successResultOf(self.closed(etcd))


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
