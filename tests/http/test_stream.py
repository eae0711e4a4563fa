"""`StreamingService` and `Body`: what is read as it comes, and no faster than it is wanted."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import PotentialDataLoss

from tests.http.network import OK, SERVER, URL, Endpoint, Transport
from txetcd import (
    NotSent,
    ReplyLost,
    RequestCancelled,
    ServiceClosed,
    Status,
    TxetcdError,
)
from txetcd.errors import MalformedResponse, ResponseTooLarge
from txetcd.http import (
    Body,
    Buffer,
    Headers,
    Limits,
    Pool,
    Request,
    Response,
    StreamedResponse,
    StreamingService,
)
from txetcd.http.body import HIGH_WATER

GET = Request("GET", "/a")

#: How much one read of a socket brings at most, with Twisted's reactors.
READ = 64 * 1024

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def head(length: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length


class Sink:
    """Notes what it is told of a body."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.ends: list[TxetcdError | None] = []

    def received(self, data: bytes) -> None:
        assert not self.ends
        self.pieces.append(data)

    def ended(self, error: TxetcdError | None) -> None:
        self.ends.append(error)


class StreamTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.network = Endpoint(self.clock)
        self.pool = Pool(self.network, SERVER, self.clock)
        self.service = StreamingService(self.pool)

    def streamed(
        self, *data: bytes, request: Request = GET
    ) -> tuple[StreamedResponse, Transport]:
        """A response of which something has come."""
        reply = self.service(request)
        transport = self.network.accept()
        for piece in data:
            transport.send(piece)
        return self.successResultOf(reply), transport

    def body(self, *data: bytes) -> tuple[Body, Transport]:
        streamed, transport = self.streamed(*data)
        return streamed.body, transport

    def read(self, body: Body) -> bytes:
        return self.successResultOf(body.read())

    def failed(self, deferred: Deferred[Any], kind: type[Exception]) -> Any:
        return self.failureResultOf(deferred, kind).value

    def assertIdle(self, transport: Transport) -> None:
        """The connection can be used again, and is read."""
        self.assertTrue(transport.is_open)
        self.assertFalse(transport.is_paused)
        self.assertIn("1 idle, 0 busy", repr(self.pool))


class ResponseTests(StreamTestCase):
    def test_it_is_given_when_its_head_has_come(self):
        streamed, _ = self.streamed(head(2))
        self.assertEqual((streamed.status, streamed.length), (200, 2))
        self.assertEqual(streamed.headers, Headers({"Content-Length": "2"}))
        self.assertEqual(streamed.endpoint, URL)
        self.assertEqual(
            repr(streamed),
            "<StreamedResponse 200 Headers([('Content-Length', '2')]), "
            "<Body under way, 0 bytes wait>>",
        )
        self.assertEqual(
            streamed.with_body(b"x"), Response(200, Headers({"Content-Length": "2"}), b"x")
        )

    def test_not_before(self):
        reply = self.service(GET)
        transport = self.network.accept()
        transport.send(head(2)[:-1])
        self.assertNoResult(reply)

    def test_the_length_is_none_where_it_is_not_told(self):
        self.assertIsNone(self.streamed(CHUNKED)[0].length)

    def test_it_fails_before_its_head_has_come_as_any_response_does(self):
        for end, kind in [
            (lambda transport: transport.lose(), ReplyLost),
            (lambda transport: transport.send(b"nonsense"), MalformedResponse),
            (lambda transport: self.pool.close(), ServiceClosed),
        ]:
            reply = self.service(GET)
            end(self.network.accept())
            self.assertEqual(self.failed(reply, kind).endpoint, URL)

    def test_without_a_connection_it_was_not_sent(self):
        reply = self.service(GET)
        self.network.refuse()
        self.failed(reply, NotSent)

    def test_cancelling_before_the_head_closes_the_connection(self):
        reply = self.service(GET)
        transport = self.network.accept()
        reply.cancel()
        self.assertTrue(self.failed(reply, RequestCancelled).possibly_applied)
        self.assertTrue(transport.is_aborted)

    def test_an_encoding_that_was_asked_for_is_accepted(self):
        request = Request("GET", "/a", headers=Headers({"Accept-Encoding": "gzip"}))
        encoded = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nxx"
        streamed, _ = self.streamed(encoded, request=request)
        self.assertEqual(self.read(streamed.body), b"xx")

    def test_the_body_has_no_limit(self):
        self.pool = Pool(self.network, SERVER, self.clock, response_limits=Limits(body=1))
        self.service = StreamingService(self.pool)
        body, _ = self.body(OK)
        self.assertEqual(self.read(body), b"ok")

    def test_the_service_shows_its_server_and_closes_its_pool(self):
        self.assertEqual(repr(self.service), f"StreamingService({URL!r})")
        self.assertIs(self.service.status, Status.OPEN)
        self.successResultOf(self.service.close())
        self.assertIs(self.service.status, Status.CLOSED)
        self.failed(self.service(GET), ServiceClosed)


class ReadTests(StreamTestCase):
    """Reading with `read` and ``async for``."""

    def test_pieces_are_read_as_they_come(self):
        body, transport = self.body(head(6))
        for piece in (b"a", b"bc", b"def"):
            reading = body.read()
            self.assertNoResult(reading)
            transport.send(piece)
            self.assertEqual(self.successResultOf(reading), piece)
        self.assertEqual([self.read(body), self.read(body)], [b"", b""])
        self.assertIdle(transport)

    def test_pieces_that_came_before_are_kept(self):
        body, transport = self.body(head(3), b"a", b"bc")
        self.assertEqual(repr(body), "<Body ended, 3 bytes wait>")
        self.assertIdle(transport)
        self.assertEqual([self.read(body), self.read(body), self.read(body)], [b"a", b"bc", b""])

    def test_the_end_may_come_while_it_is_waited_for(self):
        body, transport = self.body(CHUNKED)
        reading = body.read()
        transport.send(b"0\r\n\r\n")
        self.assertEqual(self.successResultOf(reading), b"")

    def test_a_response_that_comes_at_once_is_whole(self):
        body, transport = self.body(OK)
        self.assertEqual([self.read(body), self.read(body)], [b"ok", b""])
        self.assertIdle(transport)

    def test_a_response_without_a_body_ends_at_once(self):
        for status in (b"204 No Content", b"304 Not Modified"):
            body, _ = self.body(b"HTTP/1.1 %b\r\n\r\n" % status)
            self.assertEqual(self.read(body), b"")
            self.pool.close()
            self.setUp()

    def test_after_head_there_is_no_body(self):
        streamed, transport = self.streamed(head(5), request=Request("HEAD", "/a"))
        self.assertEqual(self.read(streamed.body), b"")
        self.assertIdle(transport)

    def test_async_for_reads_to_the_end(self):
        body, transport = self.body(CHUNKED + chunk(b"a"))
        pieces: list[bytes] = []

        async def collect() -> None:
            async for piece in body:
                pieces.append(piece)  # noqa: PERF401  # one at a time

        reading = Deferred.fromCoroutine(collect())
        self.assertEqual(pieces, [b"a"])
        transport.send(chunk(b"b") + chunk(b"c"))
        self.assertEqual(pieces, [b"a", b"b", b"c"])
        transport.send(b"0\r\n\r\n")
        self.successResultOf(reading)

    def test_a_piece_is_asked_for_once_at_a_time(self):
        body, _ = self.body(head(2))
        body.read()
        with self.assertRaises(RuntimeError):
            body.read()
        with self.assertRaises(RuntimeError):
            body.deliver(Sink())

    def test_cancelling_a_read_closes_the_connection(self):
        body, transport = self.body(head(2))
        reading = body.read()
        reading.cancel()
        error = self.failed(reading, RequestCancelled)
        self.assertIsInstance(error, CancelledError)
        self.assertTrue(transport.is_aborted)
        self.failed(body.read(), RequestCancelled)

    def test_closing_the_service_fails_a_read(self):
        body, _ = self.body(head(2))
        reading = body.read()
        self.service.close()
        self.assertTrue(self.failed(reading, ServiceClosed).possibly_applied)
        self.clock.advance(0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    @settings(deadline=None, max_examples=100)
    @given(data=st.data())
    def test_however_the_bytes_are_split_the_body_is_the_same(self, data):
        self.setUp()
        pieces = data.draw(st.lists(st.binary(min_size=1, max_size=20), max_size=6))
        wire = CHUNKED + b"".join(map(chunk, pieces)) + b"0\r\n\r\n"
        cuts = sorted(data.draw(st.sets(st.integers(1, len(wire) - 1), max_size=8)))
        parts = [wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
        body, transport = self.body(*parts)
        read = b""
        while piece := self.read(body):
            read += piece
        self.assertEqual(read, b"".join(pieces))
        self.assertIdle(transport)


class FailureTests(StreamTestCase):
    """Bodies that are not what was announced."""

    def assertFails(self, body: Body, kind: type[TxetcdError]) -> Any:
        """What had come is read first; then it fails, as often as it is asked."""
        self.assertEqual(self.read(body), b"a")
        error = self.failed(body.read(), kind)
        self.assertEqual(error.endpoint, URL)
        self.assertIs(self.failed(body.read(), kind), error)
        self.assertIsNone(body.take())
        return error

    def test_a_connection_that_is_lost_within_it(self):
        for reason in (ConnectionDone(), ConnectionLost()):
            body, transport = self.body(head(2), b"a")
            transport.lose(reason)
            self.assertIs(self.assertFails(body, ReplyLost).cause, reason)

    def test_one_that_is_lost_while_it_is_read(self):
        body, transport = self.body(head(2))
        reading = body.read()
        transport.lose()
        self.failed(reading, ReplyLost)

    def test_what_is_malformed(self):
        body, transport = self.body(CHUNKED, chunk(b"a"))
        transport.send(b"nonsense\r\n")
        self.assertFails(body, MalformedResponse)
        self.assertTrue(transport.is_aborted)

    def test_an_end_with_the_connection_is_not_certain(self):
        body, transport = self.body(UNTIL_CLOSE, b"a")
        transport.lose(ConnectionDone())
        error = self.assertFails(body, ReplyLost)
        self.assertIsInstance(error.cause, PotentialDataLoss)

    def test_no_read_comes_after_the_sink_and_no_sink_after_another(self):
        body, _ = self.body(head(2))
        body.deliver(Sink())
        with self.assertRaises(RuntimeError):
            body.read()
        with self.assertRaises(RuntimeError):
            body.deliver(Sink())


class CloseTests(StreamTestCase):
    def test_closing_a_body_closes_its_connection(self):
        body, transport = self.body(head(2), b"a")
        body.close()
        self.assertTrue(transport.is_aborted)
        self.failed(body.read(), RequestCancelled)

    def test_while_it_is_read(self):
        body, transport = self.body(head(2))
        reading = body.read()
        body.close()
        self.failed(reading, RequestCancelled)
        self.assertTrue(transport.is_aborted)

    def test_a_body_that_has_ended_leaves_the_connection_alone(self):
        body, transport = self.body(OK)
        body.close()
        self.assertIdle(transport)
        other = self.service(GET)
        body.close()
        self.assertTrue(transport.is_open)
        transport.send(OK)
        self.successResultOf(other)

    def test_closing_twice_does_no_harm(self):
        body, _ = self.body(head(2))
        body.close()
        body.close()
        self.failed(body.read(), RequestCancelled)

    def test_a_sink_is_told(self):
        body, _ = self.body(head(2), b"a")
        sink = Sink()
        body.deliver(sink)
        body.close()
        self.assertEqual(sink.pieces, [b"a"])
        self.assertIsInstance(sink.ends[0], RequestCancelled)


class BackPressureTests(StreamTestCase):
    """What is kept for a slow reader is bounded."""

    def test_the_socket_is_read_until_so_much_waits_and_again_when_less_does(self):
        body, transport = self.body(head(10 * HIGH_WATER))
        transport.send(b"x" * (HIGH_WATER - 1))
        self.assertFalse(transport.is_paused)
        transport.send(b"y")
        self.assertTrue(transport.is_paused)
        self.assertEqual(len(self.read(body)), HIGH_WATER - 1)
        self.assertFalse(transport.is_paused)

    def test_no_more_is_kept_than_that_and_one_read(self):
        body, transport = self.body(head(100 * READ))
        transport.send(b"x" * (HIGH_WATER - 1))
        transport.send(b"x" * READ)
        self.assertTrue(transport.is_paused)
        self.assertEqual(repr(body), f"<Body under way, {HIGH_WATER - 1 + READ} bytes wait>")
        self.read(body)
        # What is left is as much as may wait.
        self.assertTrue(transport.is_paused)
        self.read(body)
        self.assertFalse(transport.is_paused)

    def test_who_waits_for_a_piece_is_given_it_whatever_its_size(self):
        body, transport = self.body(head(2 * READ))
        reading = body.read()
        transport.send(b"x" * READ)
        self.assertEqual(len(self.successResultOf(reading)), READ)
        self.assertFalse(transport.is_paused)

    def test_a_response_that_ends_paused_leaves_its_connection_usable(self):
        body, transport = self.body(head(2 * READ), b"x" * (HIGH_WATER - 1))
        transport.send(b"x" * (2 * READ - HIGH_WATER + 1))
        self.assertIdle(transport)
        reply = self.service(GET)
        # The old body has no power over the connection any more.
        body.pause()
        while self.read(body):
            pass
        body.close()
        self.assertTrue(transport.is_open)
        self.assertFalse(transport.is_paused)
        transport.send(OK)
        self.assertEqual(self.read(self.successResultOf(reply).body), b"ok")

    def test_pause_and_resume_are_for_those_who_read_too(self):
        body, transport = self.body(head(4), b"a")
        self.assertEqual(self.read(body), b"a")
        body.pause()
        self.assertTrue(transport.is_paused)
        body.resume()
        self.assertFalse(transport.is_paused)
        reading = body.read()
        transport.send(b"b")
        self.assertEqual(self.successResultOf(reading), b"b")

    def test_resuming_reads_no_more_than_may_wait(self):
        body, transport = self.body(head(2 * HIGH_WATER), b"a" * HIGH_WATER)
        self.assertTrue(transport.is_paused)
        body.resume()
        self.assertTrue(transport.is_paused)

    def test_a_gigabyte_goes_through_a_window(self):
        """Whatever the reader's pace, and whatever the socket brings at once."""
        size, block = 2**30, b"x" * READ
        body, transport = self.body(head(size))
        sent = received = highest = 0
        while received < size:
            while not transport.is_paused and sent < size:
                transport.send(block)
                sent += READ
                highest = max(highest, sent - received)
            received += len(self.read(body))
        self.assertEqual((sent, received), (size, size))
        self.assertLessEqual(highest, HIGH_WATER + READ)
        self.assertIdle(transport)


class DeliverTests(StreamTestCase):
    """Delivering to a sink."""

    def test_a_sink_is_told_what_has_come_and_what_comes(self):
        body, transport = self.body(head(3), b"a")
        sink = Sink()
        body.deliver(sink)
        self.assertEqual(sink.pieces, [b"a"])
        transport.send(b"b")
        transport.send(b"c")
        self.assertEqual((sink.pieces, sink.ends), ([b"a", b"b", b"c"], [None]))
        self.assertIdle(transport)

    def test_a_sink_is_told_of_a_body_that_came_whole(self):
        body, _ = self.body(OK)
        sink = Sink()
        body.deliver(sink)
        self.assertEqual((sink.pieces, sink.ends), ([b"ok"], [None]))

    def test_what_was_read_before_is_not_told_again(self):
        body, transport = self.body(head(3), b"a", b"b")
        self.assertEqual(self.read(body), b"a")
        sink = Sink()
        body.deliver(sink)
        transport.send(b"c")
        self.assertEqual((sink.pieces, sink.ends), ([b"b", b"c"], [None]))

    def test_a_claimed_body_waits_until_it_is_resumed(self):
        body, transport = self.body(head(2), b"a")
        sink = Sink()
        body.claim(sink)
        self.assertEqual(sink.pieces, [])
        transport.send(b"b")
        body.resume()
        self.assertEqual((sink.pieces, sink.ends), ([b"a", b"b"], [None]))

    def test_a_failure_is_told_after_what_had_come(self):
        body, transport = self.body(head(9), b"a")
        sink = Sink()
        body.claim(sink)
        transport.lose()
        body.resume()
        self.assertEqual(sink.pieces, [b"a"])
        self.assertIsInstance(sink.ends[0], ReplyLost)

    def test_a_paused_sink_is_told_nothing_and_the_socket_not_read(self):
        body, transport = self.body(head(9), b"a")
        sink = Sink()
        body.deliver(sink)
        body.pause()
        self.assertTrue(transport.is_paused)
        # A read that was begun before.
        transport.protocol.dataReceived(b"b")
        self.assertEqual(sink.pieces, [b"a"])
        body.resume()
        self.assertEqual(sink.pieces, [b"a", b"b"])
        self.assertFalse(transport.is_paused)

    def test_an_end_is_told_to_a_paused_sink_when_it_resumes(self):
        body, transport = self.body(head(2), b"a")
        sink = Sink()
        body.deliver(sink)
        body.pause()
        transport.protocol.dataReceived(b"b")
        self.assertEqual(sink.ends, [])
        self.assertIdle(transport)
        body.resume()
        self.assertEqual((sink.pieces, sink.ends), ([b"a", b"b"], [None]))

    def test_a_sink_may_pause_at_each_piece(self):
        body, transport = self.body(head(1000), *[b"x"] * 999)
        told: list[bytes] = []

        class Pausing(Sink):
            def received(self, data):
                super().received(data)
                body.pause()

        sink = Pausing()
        body.deliver(sink)
        transport.protocol.dataReceived(b"x")
        for _ in range(1000):
            told.append(b"".join(sink.pieces))
            body.resume()
        self.assertEqual([len(each) for each in told], list(range(1, 1001)))
        self.assertEqual(sink.ends, [None])

    def test_a_sink_may_pause_and_resume_at_each_piece(self):
        """It is told the next one only when it has done with this; and the stack suffices."""
        body, _ = self.body(head(5000), *[b"x"] * 5000)
        depth: list[int] = []
        inside = 0

        class Resuming(Sink):
            def received(self, data):
                nonlocal inside
                super().received(data)
                inside += 1
                depth.append(inside)
                body.pause()
                body.resume()
                inside -= 1

        sink = Resuming()
        body.deliver(sink)
        self.assertEqual((len(sink.pieces), set(depth), sink.ends), (5000, {1}, [None]))

    def test_what_the_socket_brings_at_once_comes_after_what_it_brought_before(self):
        """Some transports deliver what they have while they are resumed."""
        body, transport = self.body(head(HIGH_WATER + 1), b"a" * HIGH_WATER)
        rest = [b"b"]

        def resume():
            transport.is_paused = False
            while rest:
                transport.send(rest.pop())

        self.patch(transport, "resumeProducing", resume)
        sink = Sink()
        body.deliver(sink)
        self.assertEqual((sink.pieces, sink.ends), ([b"a" * HIGH_WATER, b"b"], [None]))

    def test_a_sink_that_raises_at_the_end_harms_no_other_request(self):
        class Raising(Sink):
            def ended(self, error):
                raise ZeroDivisionError

        self.pool = Pool(self.network, SERVER, self.clock)
        body, transport = self.body(head(2), b"a")
        body.deliver(Raising())
        transport.send(b"b")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertTrue(transport.is_open)

    def test_hanging_up_is_told_when_it_is_done(self):
        body, transport = self.body(head(2))
        sink = Sink()
        body.deliver(sink)
        body.hang_up()
        self.assertTrue(transport.is_aborted)
        self.assertEqual(sink.ends, [])
        self.clock.advance(0)
        self.assertIsInstance(sink.ends[0], ReplyLost)

    def test_hanging_up_is_told_to_a_paused_sink_too(self):
        body, _ = self.body(head(9), b"a")
        sink = Sink()
        body.deliver(sink)
        body.pause()
        body.receive(b"b")
        body.hang_up()
        self.clock.advance(0)
        self.assertEqual(sink.pieces, [b"a"])
        self.assertIsInstance(sink.ends[0], ReplyLost)

    def test_hanging_up_after_the_end_drops_what_was_not_told(self):
        body, transport = self.body(head(2), b"a")
        sink = Sink()
        body.deliver(sink)
        body.pause()
        transport.protocol.dataReceived(b"b")
        body.hang_up()
        self.assertEqual(sink.pieces, [b"a"])
        self.assertIsInstance(sink.ends[0], RequestCancelled)
        self.assertIdle(transport)

    def test_hanging_up_within_a_piece_is_told_after_it(self):
        body, _ = self.body(OK)
        inside = False

        class HangingUp(Sink):
            def received(self, data):
                nonlocal inside
                super().received(data)
                inside = True
                body.hang_up()
                inside = False

            def ended(self, error):
                assert not inside
                super().ended(error)

        sink = HangingUp()
        body.deliver(sink)
        self.assertEqual((sink.pieces, sink.ends), ([b"ok"], [None]))


class TakeTests(StreamTestCase):
    def test_a_whole_body_is_taken_at_once(self):
        for data, expected in [
            ((OK,), b"ok"),
            ((head(2), b"o", b"k"), b"ok"),
            ((head(0),), b""),
        ]:
            body, _ = self.body(*data)
            self.assertEqual(body.take(), expected)
            self.assertIsNone(body.take())
            with self.assertRaises(RuntimeError):
                body.read()
            self.pool.close()
            self.setUp()

    def test_not_before_it_is_whole(self):
        body, transport = self.body(head(2), b"o")
        self.assertIsNone(body.take())
        transport.send(b"k")
        self.assertEqual(body.take(), b"ok")


class BufferTests(StreamTestCase):
    """A service of whole responses over one of streams."""

    def asked(
        self, max_body: int = 4, request: Request = GET
    ) -> tuple[Deferred[Response], Transport]:
        reply = (Buffer(max_body) >> self.service)(request)
        return reply, self.network.accept()

    def test_a_response_is_read_to_its_end(self):
        reply, transport = self.asked()
        for piece in (CHUNKED, chunk(b"ab"), chunk(b"cd")):
            transport.send(piece)
            self.assertNoResult(reply)
        transport.send(b"0\r\n\r\n")
        response = self.successResultOf(reply)
        self.assertEqual((response.body, response.endpoint), (b"abcd", URL))
        self.assertIdle(transport)

    def test_a_response_that_comes_whole_is_taken(self):
        reply, transport = self.asked()
        transport.send(OK)
        self.assertEqual(self.successResultOf(reply).body, b"ok")

    def test_one_byte_too_many_is_refused_wherever_it_comes(self):
        for data in (
            [head(5)],
            [head(5) + b"abcde"],
            [head(5), b"abcde"],
            [CHUNKED, chunk(b"abcd"), chunk(b"e")],
            [CHUNKED + chunk(b"abcde") + b"0\r\n\r\n"],
        ):
            reply, transport = self.asked()
            for piece in data:
                transport.send(piece)
            error = self.failed(reply, ResponseTooLarge)
            self.assertEqual((error.status, error.endpoint), (200, URL))
            self.assertIn("the body is longer than 4 bytes", str(error))
            self.pool.close()
            self.setUp()

    def test_a_body_that_is_refused_before_it_has_come_is_not_read(self):
        reply, transport = self.asked()
        transport.send(head(5) + b"a")
        self.failed(reply, ResponseTooLarge)
        self.assertTrue(transport.is_aborted)

    def test_a_limit_of_nothing_lets_an_empty_body_pass(self):
        reply, transport = self.asked(0)
        transport.send(head(0))
        self.assertEqual(self.successResultOf(reply).body, b"")

    def test_the_length_of_what_head_would_get_does_not_count(self):
        reply, transport = self.asked(request=Request("HEAD", "/a"))
        transport.send(head(5))
        response = self.successResultOf(reply)
        self.assertEqual((response.body, response.headers["Content-Length"]), (b"", "5"))

    def test_the_head_is_told_before_the_body_is_read(self):
        heads: list[Response] = []
        reply, transport = self.asked(request=Request("GET", "/a", on_head=heads.append))
        transport.send(head(2))
        self.assertEqual([(each.status, each.body) for each in heads], [(200, b"")])
        self.assertNoResult(reply)
        transport.send(b"ok")
        self.successResultOf(reply)

    def test_who_is_told_of_the_head_may_cancel(self):
        for data in (head(2), OK):
            replies: list[Deferred[Response]] = []
            request = Request("GET", "/a", on_head=lambda _: replies[0].cancel())  # noqa: B023
            reply, transport = self.asked(request=request)
            replies.append(reply)
            transport.send(data)
            self.failed(reply, CancelledError)
            self.pool.close()
            self.setUp()

    def test_cancelling_closes_the_connection(self):
        for data in (b"", head(2), head(2) + b"o"):
            reply, transport = self.asked()
            transport.send(data)
            reply.cancel()
            self.failed(reply, RequestCancelled)
            self.assertTrue(transport.is_aborted)
            self.pool.close()
            self.setUp()

    def test_a_body_that_is_cut_short_fails(self):
        reply, transport = self.asked()
        transport.send(head(2) + b"o")
        transport.lose()
        self.failed(reply, ReplyLost)

    def test_it_shows_its_limit(self):
        self.assertEqual(repr(Buffer(4) >> self.service), f"Buffer(4) >> {self.service!r}")
