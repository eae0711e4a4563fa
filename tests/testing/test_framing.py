"""Where messages end, byte by byte."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txetcd.testing._framing import MAX_HEAD, RequestScanner, ResponseScanner, Scanner

GET = b"GET /v2/keys/a HTTP/1.1\r\nHost: x\r\n\r\n"
PUT = b"PUT /v2/keys/a HTTP/1.1\r\ncontent-length: 7\r\n\r\nvalue=b"
CHUNKED_PUT = (
    b"PUT /v2/keys/a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nval\r\n4;x=y\r\nue=b\r\n0\r\nTrailer: z\r\n\r\n"
)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED_OK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n"


def messages(scanner: Scanner, stream: bytes, size: int) -> list[tuple[bytes, bytes]]:
    """The messages of a stream that comes in pieces of one size, as pairs of head and body."""
    done, head, body = [], b"", b""
    for start in range(0, len(stream), size):
        data = stream[start : start + size]
        while data:
            span = scanner.take(data)
            if span.in_head:
                head += data[: span.size]
            else:
                body += data[: span.size]
            if span.ends:
                done.append((head, body))
                head = body = b""
            data = data[span.size :]
    if head or body:
        done.append((head, body + b"..."))
    return done


def split(message: bytes) -> tuple[bytes, bytes]:
    head, end, body = message.partition(b"\r\n\r\n")
    return head + end, body


class FramingTests(SynchronousTestCase):
    def assertMessages(self, scanner: type[Scanner], expected: list[bytes]) -> None:
        stream = b"".join(expected)
        for size in (1, 2, 3, 7, len(stream)):
            self.assertEqual(messages(scanner(), stream, size), [split(each) for each in expected])

    def test_requests_on_one_connection_are_told_apart_however_they_come(self):
        """Bodies by length, in chunks with extensions and trailers, and none at all."""
        self.assertMessages(RequestScanner, [GET, PUT, GET, CHUNKED_PUT, PUT, GET])

    def test_responses_on_one_connection_are_told_apart_however_they_come(self):
        """Bodies by length, in chunks, empty, and absent because of the status."""
        empty = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
        none = b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n"
        self.assertMessages(ResponseScanner, [OK, CHUNKED_OK, empty, OK, none, OK])

    def test_a_reply_to_head_has_no_body_whatever_it_announces(self):
        """The length that it announces is that of the reply to a GET."""
        scanner = ResponseScanner()
        scanner.method = b"HEAD"
        self.assertEqual(scanner.take(OK)[1:], (True, split(OK)[0], True))

    def test_an_interim_response_is_followed_by_another(self):
        """A 100 ends at its head, and is not the reply; a 101 is the last of HTTP."""
        scanner = ResponseScanner()
        self.assertTrue(scanner.take(b"HTTP/1.1 100 Continue\r\n\r\n").ends)
        self.assertTrue(scanner.interim)
        self.assertFalse(scanner.take(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").ends)
        self.assertFalse(scanner.interim)

    def test_a_reply_without_a_length_has_no_end(self):
        """It ends with the connection."""
        scanner = ResponseScanner()
        self.assertFalse(scanner.take(b"HTTP/1.1 200 OK\r\n\r\n").ends)
        self.assertEqual(scanner.take(OK), (len(OK), False, None, False))

    def test_what_is_not_http_is_one_message_without_end(self):
        """It passes all the same, and no part of it is taken for a request."""
        for stream in (
            b"hello\r\n\r\n",
            b"x" * (MAX_HEAD + 1),
            b"GET / HTTP/1.1\r\nContent-Length: two\r\n\r\n",
            b"GET / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nno number\r\n",
            b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
            b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 10_000,
        ):
            scanner = RequestScanner()
            rest = stream
            while rest:
                span = scanner.take(rest)
                self.assertFalse(span.ends)
                rest = rest[span.size :]
            self.assertEqual(scanner.take(GET * 3), (3 * len(GET), False, None, False))
