"""`Agent`: what Twisted's own agent does, seen side by side over real connections."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import treq
from treq.client import HTTPClient
from twisted.internet import error as internet
from twisted.internet import reactor as _reactor
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IHostResolution
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock, Cooperator
from twisted.protocols.basic import FileSender
from twisted.protocols.policies import WrappingFactory
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web import client as web
from twisted.web.client import (
    FileBodyProducer,
    HTTPConnectionPool,
    PartialDownloadError,
    RequestGenerationFailed,
    ResponseDone,
    ResponseFailed,
    ResponseNeverReceived,
)
from twisted.web.error import SchemeNotSupported
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IAgent, IBodyProducer, IClientRequest, IResponse
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.http.network import Endpoint
from txetcd import NotSent, ReplyLost, RequestCancelled, ServiceClosed, UnexpectedResponse
from txetcd.errors import MalformedResponse, QueueFull
from txetcd.http import Agent, PoolLimits
from txetcd.http.agent import SERVERS_KEPT

reactor: Any = _reactor


def turn() -> Deferred[None]:
    """Fires in the next turn of the reactor."""
    fired: Deferred[None] = Deferred()
    reactor.callLater(0, fired.callback, None)
    return fired


# --- servers ------------------------------------------------------------------------


class Watched(WrappingFactory):
    """A server that knows which of its connections are left."""

    noisy = False

    def __init__(self, factory: Any) -> None:
        super().__init__(factory)
        self.connections = 0
        self._empty: list[Deferred[None]] = []

    def registerProtocol(self, p):
        super().registerProtocol(p)
        self.connections += 1

    def unregisterProtocol(self, p):
        super().unregisterProtocol(p)
        if not self.protocols:
            waiting, self._empty = self._empty, []
            for each in waiting:
                each.callback(None)

    def emptied(self) -> Deferred[None]:
        """Fires when no connection is left."""
        if not self.protocols:
            return succeed(None)
        self._empty.append(Deferred())
        return self._empty[-1]


class Root(Resource):
    """Answers all requests with one function."""

    isLeaf = True

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        super().__init__()
        self.answer = answer

    def render(self, request):
        return self.answer(request)


def echo(request: Any) -> bytes:
    """What was asked, as JSON."""
    request.setHeader(b"Content-Type", b"application/json")
    headers = {
        name.decode().lower(): [value.decode("latin-1") for value in values]
        for name, values in request.requestHeaders.getAllRawHeaders()
    }
    return json.dumps(
        {
            "method": request.method.decode(),
            "uri": request.uri.decode(),
            "headers": headers,
            "body": request.content.read().decode("latin-1"),
        }
    ).encode()


class RawConnection(Protocol):
    """Answers each head that it reads with bytes, and closes where it is told to."""

    #: Any: interfaces of zope.interface are not known to type checkers.
    transport: Any

    def __init__(self, server: Any) -> None:
        self.server = server
        self.received = b""

    def dataReceived(self, data):
        self.received += data
        self.server.received += data
        self.server.answer(self)


CLOSE = object()


class BodyReader(Protocol):
    """Notes what it is told of a body."""

    def __init__(self) -> None:
        self.data = b""
        self.reason: Any = None
        self.ended: Deferred[None] = Deferred()
        self.begun: Deferred[None] = Deferred()

    #: Any: interfaces of zope.interface are not known to type checkers.
    transport: Any

    def dataReceived(self, data):
        self.data += data
        if not self.begun.called:
            self.begun.callback(None)

    def connectionLost(self, reason=None):
        assert self.reason is None, "told twice"
        self.reason = reason.value
        self.ended.callback(None)


@implementer(IBodyProducer)
class Body:
    """A request's body, written in turns of the reactor.

    Args:
        pieces: What to write; an exception fails it there, a Deferred is waited for.
        length: What it says its length is.
    """

    def __init__(self, pieces: list[Any], length: Any = UNKNOWN_LENGTH) -> None:
        self.length = length
        self.pieces = list(pieces)
        self.told: list[str] = []
        self.paused: Deferred[None] | None = None
        self.was_paused: Deferred[None] = Deferred()
        self.was_stopped: Deferred[None] = Deferred()

    def startProducing(self, consumer):
        return Deferred.fromCoroutine(self._produce(consumer))

    async def _produce(self, consumer):
        try:
            await self._write(consumer)
        except CancelledError:
            self.told.append("cancel")
            raise

    async def _write(self, consumer):
        for piece in self.pieces:
            await turn()
            while self.paused is not None:
                await self.paused
            if "stop" in self.told:
                await Deferred()
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, Deferred):
                await piece
            else:
                consumer.write(piece)

    def pauseProducing(self):
        self.told.append("pause")
        self.paused = Deferred()
        if not self.was_paused.called:
            self.was_paused.callback(None)

    def resumeProducing(self):
        self.told.append("resume")
        paused, self.paused = self.paused, None
        if paused is not None:
            paused.callback(None)

    def stopProducing(self):
        self.told.append("stop")
        if not self.was_stopped.called:
            self.was_stopped.callback(None)


# --- what both agents do --------------------------------------------------------------


if TYPE_CHECKING:
    Base = TestCase
else:
    Base = object


class Contract(Base):
    """What is asserted of both agents.  Where they differ, an attribute says how."""

    timeout = 30

    #: What a request fails with that is cancelled while it connects; before its head.
    cancelled_connecting: Any
    cancelled_waiting: Any
    #: With what one fails that is cancelled, or loses its connection, while its body is sent;
    #: and what the body's producer is told.
    cancelled_sending: Any
    lost_sending: Any
    stopped_by: str
    #: How many reasons are told for a body that was cut short.
    reasons_of_cut: int

    def make_agent(self) -> tuple[Any, Callable[[], Deferred[Any]]]:
        raise NotImplementedError

    def setUp(self) -> None:
        super().setUp()
        self.agent, self._close = self.make_agent()
        self.client = HTTPClient(self.agent)
        self.root = Root(echo)
        self._servers: list[tuple[Any, Watched]] = []
        self.url = self.listen(Site(self.root, timeout=None))
        self.addCleanup(lambda: Deferred.fromCoroutine(self.end()))

    async def end(self) -> None:
        await self._close()
        for port, watched in self._servers:
            await port.stopListening()
            for each in list(watched.protocols):
                each.transport.abortConnection()
            await watched.emptied()

    def listen(self, factory: Any) -> str:
        """Serve on a free port; the URL."""
        factory.noisy = False
        watched = Watched(factory)
        port = reactor.listenTCP(0, watched, interface="127.0.0.1")
        self._servers.append((port, watched))
        return f"http://127.0.0.1:{port.getHost().port}"

    def raw(self, *answer: Any) -> str:
        """A server of bytes: what it writes as soon as it has read a head."""
        factory: Any = Factory()
        factory.received = b""
        self.raw_server = factory

        def reply(connection: RawConnection) -> None:
            if b"\r\n\r\n" not in connection.received:
                return
            connection.received = b""
            for each in answer:
                if each is CLOSE:
                    connection.transport.loseConnection()
                elif isinstance(each, bytes):
                    connection.transport.write(each)
                else:
                    each(connection)

        factory.answer = reply
        factory.buildProtocol = lambda _: RawConnection(factory)
        return self.listen(factory)

    def ask(self, method: bytes = b"GET", path: str = "/", *, url: str = "", **rest: Any) -> Any:
        return self.agent.request(method, ((url or self.url) + path).encode(), **rest)

    async def echoed(self, reply: Deferred[Any]) -> Any:
        return await treq.json_content(await reply)

    async def failed(self, reply: Awaitable[Any]) -> Any:
        try:
            result = await reply
        except Exception as error:
            return error
        raise AssertionError(f"it succeeded with {result!r}")

    async def read(self, response: Any) -> BodyReader:
        reader = BodyReader()
        response.deliverBody(reader)
        await reader.ended
        return reader


class TreqContract(Contract):
    """With treq on top."""

    async def test_get(self):
        response = await self.client.get(self.url + "/a/b")
        self.assertEqual((response.code, response.phrase), (200, b"OK"))
        self.assertEqual(response.version, (b"HTTP", 1, 1))
        asked = await response.json()
        self.assertEqual((asked["method"], asked["uri"], asked["body"]), ("GET", "/a/b", ""))
        self.assertEqual(asked["headers"]["host"], [self.url.partition("//")[2]])
        self.assertEqual(asked["headers"]["accept-encoding"], ["gzip"])
        self.assertNotIn("content-length", asked["headers"])

    async def test_each_method(self):
        for method in ("get", "put", "post", "patch", "delete"):
            asked = await self.echoed(getattr(self.client, method)(self.url + "/"))
            self.assertEqual(asked["method"], method.upper())

    async def test_a_method_of_ones_own(self):
        asked = await self.echoed(self.client.request("REPORT", self.url + "/"))
        self.assertEqual(asked["method"], "REPORT")

    async def test_bytes_are_sent_with_their_length(self):
        for method in ("put", "post", "patch"):
            data = b"\x00\xff" * 50_000
            asked = await self.echoed(getattr(self.client, method)(self.url + "/", data=data))
            self.assertEqual(asked["body"].encode("latin-1"), data)
            self.assertEqual(asked["headers"]["content-length"], ["100000"])

    async def test_a_put_or_a_post_without_a_body_says_so(self):
        for method in ("put", "post"):
            asked = await self.echoed(getattr(self.client, method)(self.url + "/"))
            self.assertEqual(asked["headers"]["content-length"], ["0"])

    async def test_json(self):
        asked = await self.echoed(self.client.post(self.url + "/", json={"a": [1, None]}))
        self.assertEqual(json.loads(asked["body"]), {"a": [1, None]})
        self.assertEqual(asked["headers"]["content-type"], ["application/json; charset=UTF-8"])

    async def test_a_form(self):
        asked = await self.echoed(self.client.post(self.url + "/", data={"a": "1 2", "b": "&"}))
        self.assertEqual(asked["body"], "a=1+2&b=%26")
        self.assertEqual(
            asked["headers"]["content-type"], ["application/x-www-form-urlencoded"]
        )

    async def test_files(self):
        content = b"x" * 200_000
        file: Any = io.BytesIO(content)
        asked = await self.echoed(
            self.client.post(
                self.url + "/",
                data={"name": "value"},
                files={"file": ("a.bin", "application/octet-stream", file)},
            )
        )
        (kind,) = asked["headers"]["content-type"]
        match = re.fullmatch("multipart/form-data; boundary=(.+)", kind)
        assert match is not None
        boundary = match[1]
        parts = asked["body"].split(f"--{boundary}")
        self.assertEqual(len(parts), 4)
        self.assertTrue(parts[1].endswith("\r\n\r\nvalue\r\n"))
        self.assertIn('filename="a.bin"', parts[2])
        self.assertTrue(parts[2].endswith("\r\n\r\n" + content.decode() + "\r\n"))

    async def test_params(self):
        asked = await self.echoed(self.client.get(self.url + "/a?b=1", params={"c": ["2", "é"]}))
        self.assertEqual(asked["uri"], "/a?b=1&c=2&c=%C3%A9")

    async def test_headers(self):
        headers = Headers({b"x-one": [b"1", b"2"], b"X-Two": [b"three  four"], b"Host": [b"other"]})
        asked = await self.echoed(self.client.get(self.url + "/", headers=headers))
        self.assertEqual(asked["headers"]["x-one"], ["1", "2"])
        self.assertEqual(asked["headers"]["x-two"], ["three  four"])
        self.assertEqual(asked["headers"]["host"], ["other"])

    async def test_auth(self):
        asked = await self.echoed(self.client.get(self.url + "/", auth=("user", "pass")))
        self.assertEqual(asked["headers"]["authorization"], ["Basic dXNlcjpwYXNz"])

    async def test_cookies_are_kept_and_sent(self):
        def answer(request):
            request.addCookie(b"a", b"1")
            return echo(request)

        self.root.answer = answer
        first = await self.client.get(self.url + "/")
        self.assertNotIn("cookie", (await first.json())["headers"])
        self.assertEqual([(each.name, each.value) for each in first.cookies()], [("a", "1")])
        asked = await self.echoed(self.client.get(self.url + "/"))
        self.assertEqual(asked["headers"]["cookie"], ["a=1"])

    async def test_redirects_are_followed(self):
        for status in (301, 302, 307, 308):
            response = await self.redirected("GET", status)
            self.assertEqual((await response.json())["uri"], "/new?x=y")
            self.assertEqual(response.request.absoluteURI, (self.url + "/new?x=y").encode())
            (before,) = response.history()
            self.assertEqual(before.code, status)
            self.assertEqual(before.request.absoluteURI, (self.url + "/old").encode())

    async def redirected(self, method: str, status: int, to: str = "/new?x=y", **rest: Any) -> Any:
        def answer(request):
            if request.path != b"/old":
                return echo(request)
            request.setResponseCode(status)
            request.setHeader(b"Location", to.encode())
            return b"moved"

        self.root.answer = answer
        return await self.client.request(method, self.url + "/old", **rest)

    async def test_a_post_is_redirected_as_a_get_where_browsers_do_so(self):
        for status in (301, 302, 303):
            response = await self.redirected(
                "POST", status, data=b"x", browser_like_redirects=True
            )
            asked = await response.json()
            self.assertEqual((asked["method"], asked["body"]), ("GET", ""))

    async def test_else_a_post_is_redirected_nowhere(self):
        error = await self.failed(self.redirected("POST", 302, data=b"x"))
        self.assertIsInstance(error, ResponseFailed)
        self.assertEqual(error.response.code, 302)

    async def test_a_redirect_is_not_followed_where_that_is_not_wanted(self):
        response = await self.redirected("GET", 302, allow_redirects=False)
        self.assertEqual(response.code, 302)
        self.assertEqual(response.headers.getRawHeaders("location"), ["/new?x=y"])
        self.assertEqual(await response.content(), b"moved")

    async def test_no_secret_is_sent_to_another_origin(self):
        other = self.listen(Site(Root(echo), timeout=None))
        response = await self.redirected(
            "GET", 302, other + "/new", auth=("user", "pass"), headers={"X-Kept": "1"}
        )
        asked = await response.json()
        self.assertEqual(asked["headers"]["host"], [other.partition("//")[2]])
        self.assertEqual(asked["headers"]["x-kept"], ["1"])
        self.assertNotIn("authorization", asked["headers"])

    async def test_a_compressed_body_is_inflated(self):
        def answer(request):
            request.setHeader(b"Content-Encoding", b"gzip")
            return gzip.compress(b"x" * 100_000)

        self.root.answer = answer
        response = await self.client.get(self.url + "/")
        self.assertEqual(await response.content(), b"x" * 100_000)
        self.assertIs(response.length, UNKNOWN_LENGTH)

    async def test_a_body_that_is_streamed(self):
        self.root.answer = lambda request: b"x" * 1_000_000
        response = await self.client.get(self.url + "/", unbuffered=True)
        pieces: list[bytes] = []
        await treq.collect(response, pieces.append)
        self.assertEqual(b"".join(pieces), b"x" * 1_000_000)
        self.assertGreater(len(pieces), 1)

    async def test_a_body_may_be_read_twice_unless_it_is_unbuffered(self):
        response = await self.client.get(self.url + "/")
        self.assertEqual(await response.text(), await response.text())
        response = await self.client.get(self.url + "/", unbuffered=True)
        await response.content()
        with self.assertRaises(RuntimeError):
            await response.content()

    async def test_head(self):
        self.root.answer = lambda request: b"x" * 1000
        response = await self.client.head(self.url + "/")
        self.assertEqual((response.code, response.length), (200, 0))
        self.assertEqual(response.headers.getRawHeaders("content-length"), ["1000"])
        self.assertEqual(await response.content(), b"")

    async def test_statuses_without_a_body(self):
        for status in (204, 304):

            def answer(request, status=status):
                request.setResponseCode(status)
                return b""

            self.root.answer = answer
            response = await self.client.get(self.url + "/")
            self.assertEqual((response.code, response.length), (status, 0))
            self.assertEqual(await response.content(), b"")

    async def test_a_time_limit(self):
        asked: Deferred[None] = Deferred()

        def answer(request):
            request.notifyFinish().addErrback(lambda _: None)
            asked.callback(None)
            return NOT_DONE_YET

        self.root.answer = answer
        clock: Any = Clock()
        reply = self.client.get(self.url + "/", timeout=5, reactor=clock)
        await asked
        clock.advance(5)
        error = await self.failed(reply)
        self.assertIsInstance(error, self.cancelled_waiting)

    async def test_connections_are_kept(self):
        for _ in range(3):
            await (await self.client.get(self.url + "/")).content()
        ((_, watched),) = self._servers
        self.assertEqual(watched.connections, 1)


class ResponseContract(Contract):
    """What responses are."""

    async def test_what_a_response_is(self):
        url = self.raw(
            b"HTTP/1.1 299 Fine Thanks\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 2\r\n\r\nok"
        )
        headers = Headers({b"x-asked": [b"y"]})
        response = await self.ask(b"GET", "/a?b", url=url, headers=headers)
        verifyObject(IResponse, response)
        verifyObject(IClientRequest, response.request)
        self.assertEqual(response.version, (b"HTTP", 1, 1))
        self.assertEqual((response.code, response.phrase), (299, b"Fine Thanks"))
        self.assertEqual(response.length, 2)
        self.assertEqual(response.headers.getRawHeaders(b"x-a"), [b"1", b"2"])
        self.assertIsNone(response.previousResponse)
        self.assertEqual(response.request.method, b"GET")
        self.assertEqual(response.request.absoluteURI, url.encode() + b"/a?b")
        self.assertEqual(response.request.headers.getRawHeaders(b"x-asked"), [b"y"])
        reader = await self.read(response)
        self.assertEqual(reader.data, b"ok")
        self.assertIsInstance(reader.reason, ResponseDone)

    async def test_what_concerns_the_connection_is_not_among_the_headers(self):
        """A proxy that passes the headers on would break the next connection."""
        url = self.raw(
            b"HTTP/1.1 200 OK\r\nX: y\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
            b"Keep-Alive: timeout=5\r\n\r\n0\r\n\r\n",
            CLOSE,
        )
        response = await self.ask(url=url)
        self.assertEqual(list(response.headers.getAllRawHeaders()), [(b"X", [b"y"])])
        await self.read(response)
        self.assertIsNone((await self.ask()).headers.getRawHeaders(b"content-length"))

    async def test_headers_can_be_changed(self):
        response = await self.ask()
        response.headers.setRawHeaders(b"content-type", [b"text/plain"])
        response.headers.addRawHeader(b"x", b"y")
        response.headers.removeHeader(b"server")
        self.assertEqual(response.headers.getRawHeaders(b"content-type"), [b"text/plain"])
        self.assertTrue(response.headers.hasHeader(b"x"))
        self.assertFalse(response.headers.hasHeader(b"server"))
        await self.read(response)

    async def test_a_previous_response_can_be_set(self):
        first, second = await self.ask(), await self.ask()
        second.setPreviousResponse(first)
        self.assertIs(second.previousResponse, first)
        for response in (first, second):
            await self.read(response)

    async def test_an_older_version(self):
        response = await self.ask(
            url=self.raw(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", CLOSE)
        )
        self.assertEqual(response.version, (b"HTTP", 1, 0))
        self.assertEqual((await self.read(response)).data, b"ok")

    async def test_a_chunked_body(self):
        response = await self.ask(
            url=self.raw(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\nok\r\n0\r\n\r\n"
            )
        )
        self.assertIs(response.length, UNKNOWN_LENGTH)
        reader = await self.read(response)
        self.assertEqual(reader.data, b"ok")
        self.assertIsInstance(reader.reason, ResponseDone)

    async def test_a_body_that_ends_with_the_connection(self):
        response = await self.ask(
            url=self.raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok", CLOSE)
        )
        self.assertIs(response.length, UNKNOWN_LENGTH)
        reader = await self.read(response)
        self.assertEqual(reader.data, b"ok")
        self.assertIsInstance(reader.reason, PotentialDataLoss)

    async def test_a_body_that_is_cut_short(self):
        response = await self.ask(
            url=self.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", CLOSE)
        )
        reader = await self.read(response)
        self.assertEqual(reader.data, b"ok")
        self.assertIsInstance(reader.reason, ResponseFailed)
        self.assertEqual(len(reader.reason.reasons), self.reasons_of_cut)

    async def test_interim_responses_are_passed_over(self):
        response = await self.ask(
            url=self.raw(
                b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
            )
        )
        self.assertEqual(response.code, 200)
        await self.read(response)

    async def test_a_body_is_delivered_once(self):
        response = await self.ask()
        await self.read(response)
        with self.assertRaises(RuntimeError):
            response.deliverBody(BodyReader())

    async def test_read_body(self):
        self.root.answer = lambda _: b"x" * 300_000
        self.assertEqual(await web.readBody(await self.ask()), b"x" * 300_000)

    async def test_read_body_of_one_that_ends_with_the_connection(self):
        url = self.raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok", CLOSE)
        error = await self.failed(web.readBody(await self.ask(url=url)))
        self.assertIsInstance(error, PartialDownloadError)
        self.assertEqual(error.response, b"ok")

    async def test_the_target_is_the_path_and_the_query(self):
        for path, target in [
            ("", b"/"),
            ("/", b"/"),
            ("/a", b"/a"),
            ("/a?b=/c?d", b"/a?b=/c?d"),
            ("/a;b", b"/a;b"),
            ("/a#b", b"/a"),
            ("/a//b", b"/a//b"),
            ("/%2F%20", b"/%2F%20"),
        ]:
            url = self.raw(b"HTTP/1.1 204 No Content\r\n\r\n")
            await self.read(await self.ask(b"GET", path, url=url))
            self.assertEqual(self.raw_server.received.split(b" ")[1], target, path)


class TransportContract(Contract):
    """What a protocol that receives a body can do with its transport."""

    async def begun(self, size: int = 4_000_000, reader: BodyReader | None = None) -> BodyReader:
        """A large body of which the first piece has come."""
        self.root.answer = lambda _: b"x" * size
        reader = reader or BodyReader()
        (await self.ask()).deliverBody(reader)
        await reader.begun
        return reader

    async def test_pausing_and_resuming(self):
        reader = await self.begun(reader=Pausing())
        self.assertLess(len(reader.data), 4_000_000)
        before = len(reader.data)
        for _ in range(20):
            await turn()
        self.assertEqual(len(reader.data), before)
        reader.pauses = False
        reader.transport.resumeProducing()
        await reader.ended
        self.assertEqual(len(reader.data), 4_000_000)
        self.assertIsInstance(reader.reason, ResponseDone)

    async def test_pausing_at_each_piece(self):
        reader = await self.begun(reader=Pausing())
        while not reader.ended.called:
            reader.transport.resumeProducing()
            await turn()
        self.assertEqual(len(reader.data), 4_000_000)
        self.assertIsInstance(reader.reason, ResponseDone)

    async def assertEnds(self, name: str, paused: bool) -> None:
        reader = await self.begun(reader=Pausing() if paused else None)
        getattr(reader.transport, name)()
        await reader.ended
        self.assertLess(len(reader.data), 4_000_000)
        self.assertIsInstance(reader.reason, ResponseFailed)
        ((_, watched),) = self._servers
        await watched.emptied()

    async def test_stop_producing_ends_it(self):
        await self.assertEnds("stopProducing", paused=False)

    async def test_lose_connection_ends_it(self):
        await self.assertEnds("loseConnection", paused=False)

    async def test_a_paused_body_is_ended_as_well(self):
        await self.assertEnds("stopProducing", paused=True)

    async def test_ending_it_from_within_a_piece(self):
        class Ending(BodyReader):
            def dataReceived(self, data):
                super().dataReceived(data)
                self.transport.loseConnection()

        reader = await self.begun(reader=Ending())
        await reader.ended
        self.assertIsInstance(reader.reason, ResponseFailed)


class Pausing(BodyReader):
    """Pauses at each piece, until it is told not to."""

    pauses = True

    def dataReceived(self, data):
        if self.pauses:
            self.transport.pauseProducing()
        super().dataReceived(data)


class ProducerContract(Contract):
    """Bodies of requests."""

    async def test_a_body_of_known_length(self):
        asked = await self.echoed(self.ask(b"PUT", bodyProducer=Body([b"ab", b"c"], 3)))
        self.assertEqual(asked["body"], "abc")
        self.assertEqual(asked["headers"]["content-length"], ["3"])
        self.assertNotIn("transfer-encoding", asked["headers"])

    async def test_a_body_of_unknown_length_is_chunked(self):
        body = Body([b"ab", b"c" * 100_000])
        asked = await self.echoed(self.ask(b"POST", bodyProducer=body))
        self.assertEqual(asked["body"], "ab" + "c" * 100_000)
        self.assertEqual(asked["headers"]["transfer-encoding"], ["chunked"])
        self.assertNotIn("content-length", asked["headers"])
        self.assertNotIn("stop", body.told)

    async def test_an_empty_body(self):
        for length in (0, UNKNOWN_LENGTH):
            asked = await self.echoed(self.ask(b"POST", bodyProducer=Body([], length)))
            self.assertEqual(asked["body"], "")

    async def test_a_body_with_get(self):
        asked = await self.echoed(self.ask(b"GET", bodyProducer=Body([b"ab"], 2)))
        self.assertEqual((asked["method"], asked["body"]), ("GET", "ab"))

    async def test_a_file(self):
        content = bytes(range(256)) * 2000
        producer = FileBodyProducer(io.BytesIO(content), self.cooperator())
        asked = await self.echoed(self.ask(b"PUT", bodyProducer=producer))
        self.assertEqual(asked["body"].encode("latin-1"), content)

    def cooperator(self) -> Cooperator:
        return Cooperator(scheduler=lambda call: reactor.callLater(0, call))

    async def test_a_file_that_shrinks_while_it_is_sent(self):
        file = io.BytesIO(b"x" * 100)
        producer = FileBodyProducer(file, self.cooperator())
        file.truncate(50)
        error = await self.failed(self.ask(b"PUT", bodyProducer=producer))
        self.assertWrongLength(error)

    async def test_a_file_that_cannot_be_read(self):
        class Broken(io.BytesIO):
            def read(self, size=-1):
                raise OSError("the disk is gone")

        producer = FileBodyProducer(Broken(b"x" * 100), self.cooperator())
        error = await self.failed(self.ask(b"PUT", bodyProducer=producer))
        self.assertGenerationFailed(error, OSError)

    def assertGenerationFailed(self, error: Any, kind: Any) -> None:
        self.assertIsInstance(error, RequestGenerationFailed)
        self.assertIsInstance(error.reasons[0].value, kind)

    def assertWrongLength(self, error: Any) -> None:
        self.assertIsInstance(error, RequestGenerationFailed)
        self.assertEqual(type(error.reasons[0].value).__name__, "WrongBodyLength")

    async def test_a_body_that_fails(self):
        for length in (9, UNKNOWN_LENGTH):
            body = Body([b"ab", ZeroDivisionError()], length)
            error = await self.failed(self.ask(b"PUT", bodyProducer=body))
            self.assertGenerationFailed(error, ZeroDivisionError)
            self.assertNotIn("stop", body.told)

    async def test_a_body_that_is_too_short(self):
        body = Body([b"ab"], 3)
        self.assertWrongLength(await self.failed(self.ask(b"PUT", bodyProducer=body)))
        self.assertNotIn("stop", body.told)

    async def test_a_body_that_is_too_long(self):
        body = Body([b"ab", b"cd", b"ef"], 3)
        self.assertWrongLength(await self.failed(self.ask(b"PUT", bodyProducer=body)))
        self.assertEqual(body.told, ["stop"])

    async def test_a_slow_server_pauses_the_body(self):
        held: Deferred[Any] = Deferred()

        def hold(connection):
            connection.transport.pauseProducing()
            held.callback(connection)

        url = self.raw(hold)
        size, piece = 0, 2**18
        body = Body([b"x" * piece] * 200, piece * 200)
        reply = self.ask(b"PUT", url=url, bodyProducer=body)
        connection = await held
        await body.was_paused

        def answer(connection):
            nonlocal size
            size += len(connection.received)
            connection.received = self.raw_server.received = b""
            if size == piece * 200:
                connection.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")

        # The head and what came with it were read before.
        size = len(self.raw_server.received.partition(b"\r\n\r\n")[2])
        self.raw_server.answer = answer
        connection.transport.resumeProducing()
        self.assertEqual((await reply).code, 204)
        self.assertEqual(set(body.told), {"pause", "resume"})

    async def test_cancelling_stops_the_body(self):
        body = Body([b"a", Deferred()], 9)
        reply = self.ask(b"PUT", url=self.raw(), bodyProducer=body)
        while self.raw_server.received[-1:] != b"a":
            await turn()
        reply.cancel()
        self.assertIsInstance(await self.failed(reply), self.cancelled_sending)
        self.assertEqual(body.told, [self.stopped_by])

    async def test_a_connection_that_is_lost_stops_the_body(self):
        body = Body([b"a", Deferred()], 9)
        error = await self.failed(self.ask(b"PUT", url=self.raw(CLOSE), bodyProducer=body))
        self.assertIsInstance(error, self.lost_sending)
        self.assertEqual(body.told, ["stop"])

    async def test_bodies_that_are_sent_at_the_same_time(self):
        replies = [
            self.ask(b"PUT", f"/{n}", bodyProducer=Body([b"%d" % n] * 50)) for n in range(20)
        ]
        for n, reply in enumerate(replies):
            asked = await self.echoed(reply)
            self.assertEqual((asked["uri"], asked["body"]), (f"/{n}", str(n) * 50))

    async def test_bodies_that_are_written_at_once_come_after_their_heads(self):
        class Once(Body):
            def startProducing(self, consumer):
                consumer.write(b"".join(self.pieces))
                return succeed(None)

        for _ in range(2):
            replies = [
                self.ask(b"PUT", f"/{n}", bodyProducer=Once([b"%d" % n], len(str(n))))
                for n in range(20)
            ]
            for n, reply in enumerate(replies):
                asked = await self.echoed(reply)
                self.assertEqual((asked["uri"], asked["body"]), (f"/{n}", str(n)))


class ErrorContract(Contract):
    """How requests fail."""

    async def test_a_refused_connection(self):
        port = reactor.listenTCP(0, Factory(), interface="127.0.0.1")
        number = port.getHost().port
        await port.stopListening()
        error = await self.failed(self.ask(url=f"http://127.0.0.1:{number}"))
        self.assertIsInstance(error, internet.ConnectionRefusedError)

    async def test_a_name_that_is_unknown(self):
        class Resolver:
            def resolveHostName(self, receiver, hostName, *args, **kwargs):
                @implementer(IHostResolution)
                class Resolution:
                    name = hostName

                    def cancel(self):
                        pass

                receiver.resolutionBegan(Resolution())
                receiver.resolutionComplete()
                return receiver

        before = reactor.installNameResolver(Resolver())
        self.addCleanup(reactor.installNameResolver, before)
        error = await self.failed(self.ask(url="http://unknown.invalid"))
        self.assertIsInstance(error, internet.DNSLookupError)

    async def test_a_scheme_that_is_not_supported(self):
        for uri in (b"ftp://127.0.0.1/", b"/a", b"mailto:a"):
            error = await self.failed(self.agent.request(b"GET", uri))
            self.assertIsInstance(error, SchemeNotSupported)

    def test_what_cannot_be_a_uri_or_a_method_is_a_value_error_at_once(self):
        for method, uri in [
            (b"GET", b"http://127.0.0.1/\r\nX: y"),
            (b"GET", b"http://127.0.0.1/a b"),
            (b"GET", b"http://127.0.0.1/\x00"),
            (b"GET", b""),
            (b"GE T", b"http://127.0.0.1/"),
            (b"GET\r\nX: y", b"http://127.0.0.1/"),
            (b"", b"http://127.0.0.1/"),
        ]:
            with self.assertRaises(ValueError):
                self.agent.request(method, uri)

    async def test_no_response(self):
        error = await self.failed(self.ask(url=self.raw(CLOSE)))
        self.assertIsInstance(error, ResponseNeverReceived)

    async def test_half_a_head(self):
        error = await self.failed(self.ask(url=self.raw(b"HTTP/1.1 200 OK\r\nX: ", CLOSE)))
        self.assertIsInstance(error, ResponseFailed)

    async def test_a_status_line_that_is_none(self):
        error = await self.failed(self.ask(url=self.raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")))
        self.assertIsInstance(error, ResponseFailed)

    async def test_cancelling_while_it_connects(self):
        reply = self.ask()
        reply.cancel()
        self.assertIsInstance(await self.failed(reply), self.cancelled_connecting)

    async def test_cancelling_before_the_head_closes_the_connection(self):
        asked: Deferred[None] = Deferred()
        reply = self.ask(url=self.raw(lambda _: asked.callback(None)))
        await asked
        reply.cancel()
        self.assertIsInstance(await self.failed(reply), self.cancelled_waiting)
        await self._servers[-1][1].emptied()


class TwistedsAgent(Contract):
    """Twisted's, with a pool that keeps connections."""

    #: An address is "looked up", and that fails.
    cancelled_connecting = (internet.ConnectingCancelledError, internet.DNSLookupError)
    cancelled_waiting = ResponseNeverReceived
    #: It cancels the body's own Deferred.
    cancelled_sending = RequestGenerationFailed
    stopped_by = "cancel"
    lost_sending = (web.RequestTransmissionFailed, ResponseFailed)
    reasons_of_cut = 2

    def make_agent(self):
        self.pool = HTTPConnectionPool(reactor, persistent=True)
        return web.Agent(reactor, pool=self.pool), self.pool.closeCachedConnections

    async def end(self) -> None:
        await super().end()
        # It keeps a connection also when it was closed meanwhile, and a delayed call for it.
        await self.pool.closeCachedConnections()


class OurAgent(Contract):
    cancelled_connecting = cancelled_waiting = cancelled_sending = RequestCancelled
    stopped_by = "stop"
    lost_sending = ResponseNeverReceived
    reasons_of_cut = 1

    def make_agent(self):
        agent = Agent(reactor)
        return agent, agent.close


# --- what ours does otherwise --------------------------------------------------------


class DifferenceTests(OurAgent, TestCase):
    """Where it differs on purpose."""

    async def test_a_request_is_never_repeated(self):
        """Twisted's pool sends a GET again when a kept connection is closed under it."""
        asked: list[bytes] = []

        def answer(connection):
            asked.append(connection.received)
            connection.received = b""
            if len(asked) == 1:
                connection.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            else:
                connection.transport.abortConnection()

        url = self.raw()
        self.raw_server.answer = answer
        await self.read(await self.ask(url=url))
        error = await self.failed(self.ask(url=url))
        self.assertIsInstance(error, ResponseNeverReceived)
        self.assertIsInstance(error.reasons[0].value, ReplyLost)
        self.assertEqual(len(asked), 2)

    async def refused(self, *answer: Any, **rest: Any) -> UnexpectedResponse:
        error = await self.failed(self.ask(url=self.raw(*answer), **rest))
        self.assertIsInstance(error, ResponseNeverReceived)
        reason = error.reasons[0].value
        self.assertIsInstance(reason, UnexpectedResponse)
        return reason

    async def test_what_is_compressed_unasked_is_refused(self):
        encoded = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx"
        error = await self.refused(encoded)
        self.assertIn("compressed, unasked", str(error))
        headers = Headers({b"accept-encoding": [b"gzip"]})
        response = await self.ask(url=self.raw(encoded), headers=headers)
        self.assertEqual((await self.read(response)).data, b"x")

    async def test_what_does_not_say_where_it_ends_is_refused(self):
        error = await self.refused(b"HTTP/1.1 200 OK\r\n\r\n")
        self.assertIn("nothing tells where its body ends", str(error))

    async def test_what_is_no_http_is_refused(self):
        for head in (b"HTTP/1.1 200 OK\nA: b\n\n", b"RTSP/1.0 200 OK\r\n\r\n"):
            self.assertIsInstance(await self.refused(head), MalformedResponse)

    async def test_the_reasons_of_a_body_hold_an_error_of_ours(self):
        response = await self.ask(
            url=self.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", CLOSE)
        )
        reader = await self.read(response)
        self.assertIsInstance(reader.reason.reasons[0].value, ReplyLost)

    async def test_an_empty_piece_does_not_end_a_chunked_body(self):
        """In chunks, one without bytes is the last."""
        asked = await self.echoed(self.ask(b"PUT", bodyProducer=Body([b"a", b"", b"b"])))
        self.assertEqual(asked["body"], "ab")

    async def test_a_query_without_a_path_is_one_of_the_root(self):
        asked = await self.echoed(self.ask(path="?a=b"))
        self.assertEqual(asked["uri"], "/?a=b")

    async def test_cancelling_read_body_closes_the_connection(self):
        """With Twisted's it reads on, and then tells of the end once too often."""
        response = await self.ask(
            url=self.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")
        )
        reading = web.readBody(response)
        reading.cancel()
        self.assertIsInstance(await self.failed(reading), CancelledError)
        await self._servers[-1][1].emptied()

    async def test_aborting_tells_of_the_end_at_once(self):
        for paused in (True, False):
            reader = Pausing()
            reader.pauses = paused
            url = self.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")
            (await self.ask(url=url)).deliverBody(reader)
            await reader.begun
            # It goes on from within the reader otherwise.
            await turn()
            reader.transport.abortConnection()
            self.assertIsInstance(reader.reason, ResponseFailed)
            self.assertIsInstance(reader.reason, CancelledError)
            self.assertIsInstance(reader.reason.reasons[0].value, RequestCancelled)

    async def test_what_frames_a_message_is_ours_to_say(self):
        headers = Headers({b"content-length": [b"9"], b"transfer-encoding": [b"x"], b"a": [b"b"]})
        asked = await self.echoed(self.ask(b"PUT", headers=headers, bodyProducer=Body([b"a"], 1)))
        self.assertEqual(asked["headers"]["content-length"], ["1"])
        self.assertNotIn("transfer-encoding", asked["headers"])
        self.assertEqual(asked["headers"]["a"], ["b"])

    def test_no_header_splits_the_message(self):
        headers = Headers({b"a": [b"b\0c"]})
        with self.assertRaises(ValueError):
            self.ask(headers=headers)

    def test_a_tunnel_is_refused(self):
        with self.assertRaises(ValueError):
            self.ask(b"CONNECT")

    async def test_credentials_in_a_uri_are_refused_and_not_shown(self):
        error = await self.failed(self.agent.request(b"GET", b"http://user:hunter2@127.0.0.1/"))
        self.assertIsInstance(error, ValueError)
        self.assertNotIn("hunter2", str(error))

    async def test_a_producer_may_leave_it_to_another(self):
        """Twisted's refuses a second producer."""

        class Leaving(Body):
            def startProducing(self, consumer):
                return FileSender().beginFileTransfer(io.BytesIO(b"x" * 300_000), consumer)

        for length in (300_000, UNKNOWN_LENGTH):
            asked = await self.echoed(self.ask(b"PUT", bodyProducer=Leaving([], length)))
            self.assertEqual(asked["body"], "x" * 300_000)

    async def test_a_producer_that_raises_when_it_is_stopped_is_logged(self):
        class Raising(Body):
            def stopProducing(self):
                raise ZeroDivisionError

        body = Raising([b"abc", Deferred()], 2)
        self.assertIsInstance(
            await self.failed(self.ask(b"PUT", bodyProducer=body)), RequestGenerationFailed
        )
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_a_producer_that_raises_when_it_is_started_has_failed(self):
        class Raising(Body):
            def startProducing(self, consumer):
                raise ZeroDivisionError

        error = await self.failed(self.ask(b"PUT", bodyProducer=Raising([])))
        self.assertIsInstance(error, RequestGenerationFailed)
        self.assertIsInstance(error.reasons[0].value, ZeroDivisionError)

    async def test_an_early_answer_stops_the_body(self):
        early = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"
        body = Body([b"a", Deferred()], 9)
        response = await self.ask(b"PUT", url=self.raw(early), bodyProducer=body)
        reader = await self.read(response)
        self.assertEqual((response.code, reader.data), (413, b"no"))
        self.assertIsInstance(reader.reason, ResponseDone)
        self.assertEqual(body.told, ["stop"])
        await self._servers[-1][1].emptied()

    async def test_a_body_that_fails_after_an_early_answer_ends_the_answer(self):
        failing: Deferred[None] = Deferred()
        body = Body([b"a", failing], 9)
        url = self.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")
        reader = BodyReader()
        (await self.ask(b"PUT", url=url, bodyProducer=body)).deliverBody(reader)
        failing.errback(ZeroDivisionError("no more"))
        await reader.ended
        self.assertIsInstance(reader.reason, ResponseFailed)
        self.assertIn("no more", str(reader.reason.reasons[0].value))


class OwnTests(SynchronousTestCase):
    """Its pools, over a network in memory."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.networks: dict[str, Endpoint] = {}
        self.use()

    def use(self, **options: Any) -> None:
        self.agent = Agent(self.clock, endpoint_for=self.endpoint_for, **options)

    def endpoint_for(self, server: Any) -> Endpoint:
        self.networks[server.authority] = Endpoint(self.clock)
        return self.networks[server.authority]

    def ask(self, host: str = "a") -> Deferred[Any]:
        return self.agent.request(b"GET", f"http://{host}/".encode())

    def answered(self, host: str, answer: bytes) -> Any:
        reply = self.ask(host)
        transport = self.networks[host].accept()
        transport.send(answer)
        self.successResultOf(reply)
        return transport

    def test_it_is_an_agent(self):
        verifyObject(IAgent, self.agent)
        self.assertEqual(repr(self.agent), "<Agent with 0 servers>")

    def test_each_server_has_a_pool(self):
        for host in ("a", "b", "a:81"):
            self.answered(host, KEPT)
        self.assertEqual(repr(self.agent), "<Agent with 3 servers>")
        self.assertEqual(sorted(self.networks), ["a", "a:81", "b"])
        self.ask("a")
        self.assertEqual(len(self.networks["a"].attempts), 1)

    def test_a_target_that_begins_with_two_slashes_is_sent_as_it_is(self):
        """Twisted makes four of them on Python 3.13."""
        self.agent.request(b"GET", b"http://a//b//c")
        self.assertIn(b"GET //b//c HTTP/1.1", self.networks["a"].accept().take())

    def test_a_request_that_says_so_is_the_last_on_its_connection(self):
        last = Headers({b"Connection": [b"keep-alive, Close"]})
        reply = self.agent.request(b"GET", b"http://a/", last)
        transport = self.networks["a"].accept()
        transport.send(KEPT)
        self.successResultOf(reply)
        self.assertTrue(transport.is_aborted)

    def test_what_it_says_of_itself(self):
        reply = self.ask()
        self.networks["a"].accept().send(KEPT)
        response = self.successResultOf(reply)
        self.assertEqual(repr(response), "<AgentResponse 204>")
        self.assertEqual(repr(response.request), "<AgentRequest b'GET' b'http://a/'>")

    def test_the_transport_of_a_body_is_not_written_to(self):
        reply = self.ask()
        self.networks["a"].accept().send(KEPT)
        reader = BodyReader()
        self.successResultOf(reply).deliverBody(reader)
        transport: Any = reader.transport
        for write in (transport.write, lambda data: transport.writeSequence([data])):
            with self.assertRaises(TypeError):
                write(b"x")
        self.assertEqual((transport.getPeer(), transport.getHost()), (None, None))

    def test_a_connection_that_takes_too_long(self):
        self.use(connect_timeout=3)
        reply = self.ask()
        self.clock.advance(3)
        self.failureResultOf(reply, internet.TimeoutError)

    def test_a_connection_that_fails_otherwise(self):
        """As a TLS handshake does."""
        reply = self.ask()
        self.networks["a"].refuse(ZeroDivisionError())
        error: Any = self.failureResultOf(reply, ResponseNeverReceived).value
        self.assertIsInstance(error.reasons[0].value, NotSent)

    def test_one_too_many(self):
        self.use(limits=PoolLimits(connections=1, waiting=0))
        self.ask()
        self.networks["a"].accept()
        self.failureResultOf(self.ask(), QueueFull)

    def test_closing_it_leaves_nothing(self):
        self.answered("idle", KEPT)
        self.answered("leaving", LAST)
        busy, connecting = self.ask("busy"), self.ask("connecting")
        self.networks["busy"].accept()
        closing = self.agent.close()
        self.assertNoResult(closing)
        self.failureResultOf(busy, ServiceClosed)
        self.failureResultOf(connecting, ServiceClosed)
        self.clock.advance(0)
        self.assertIsNone(self.successResultOf(closing))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertIsNone(self.successResultOf(self.agent.close()))

    def test_a_closed_agent_asks_nobody(self):
        self.answered("a", KEPT)
        self.agent.close()
        for host in ("a", "b"):
            self.failureResultOf(self.ask(host), ServiceClosed)
        self.assertNotIn("b", self.networks)

    def test_servers_without_a_connection_are_forgotten(self):
        self.answered("kept", KEPT)
        for number in range(3 * SERVERS_KEPT):
            self.answered(f"h{number}", LAST)
            self.clock.advance(0)
        count = int(repr(self.agent).split()[2])
        self.assertLessEqual(count, SERVERS_KEPT)
        # The connection that was kept, and its pool, are there still.
        self.ask("kept")
        self.assertEqual(len(self.networks["kept"].attempts), 1)

    def test_what_was_forgotten_leaves_nothing_in_the_reactor(self):
        for number in range(2 * SERVERS_KEPT):
            host = f"h{number}"
            self.answered(host, KEPT).lose()
        self.agent.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_servers_with_connections_are_not_forgotten(self):
        for number in range(2 * SERVERS_KEPT):
            self.answered(f"h{number}", KEPT)
        self.assertEqual(repr(self.agent), f"<Agent with {2 * SERVERS_KEPT} servers>")


KEPT = b"HTTP/1.1 204 No Content\r\n\r\n"
LAST = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


class TwistedTreqTests(TreqContract, TwistedsAgent, TestCase):
    pass


class OurTreqTests(TreqContract, OurAgent, TestCase):
    pass


class TwistedResponseTests(ResponseContract, TwistedsAgent, TestCase):
    pass


class OurResponseTests(ResponseContract, OurAgent, TestCase):
    pass


class TwistedTransportTests(TransportContract, TwistedsAgent, TestCase):
    pass


class OurTransportTests(TransportContract, OurAgent, TestCase):
    pass


class TwistedProducerTests(ProducerContract, TwistedsAgent, TestCase):
    pass


class OurProducerTests(ProducerContract, OurAgent, TestCase):
    pass


class TwistedErrorTests(ErrorContract, TwistedsAgent, TestCase):
    pass


class OurErrorTests(ErrorContract, OurAgent, TestCase):
    pass
