"""`Limits`: each is reached exactly, and passed by one; and the guide tells their defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.http.h1.laws import Case, bytewise, read
from tests.http.h1.reading import CLOSED, REUSABLE, ParserCase, head
from txetcd.errors import MalformedResponse, ResponseTooLarge
from txetcd.http.h1 import DEFAULT_LIMITS, Limits, ResponseParser

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guide" / "http.rst"

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = (b"Transfer-Encoding", b"chunked")
CHUNKS = OK + b"Transfer-Encoding: chunked\r\n\r\n"


class HeadLimitTests(ParserCase):
    def test_a_head_of_the_limit_is_read_and_one_of_a_byte_more_is_not(self):
        whole = OK + b"Content-Length: 2\r\n\r\n"
        events = head((b"Content-Length", b"2"), length=2), b"ok", REUSABLE
        limit = len(whole)
        self.assert_read(whole + b"ok", *events, limits=Limits(head=limit))
        reason = f"the head is longer than {limit - 1} bytes"
        self.assert_refused(whole + b"ok", 200, reason, limits=Limits(head=limit - 1))

    def test_a_head_is_refused_as_soon_as_it_is_too_long(self):
        for begins, used in (
            (OK + b"A: ", 101),
            (OK, 101),
            (b"HTTP/1.1 200 ", 100),
            (b"HTTP/1.1 100 ", 100),
            (b"HTTP/1.1 100 \r\nA: ", 100),
        ):
            case = Case(begins + b"b" * 1000, limits=Limits(head=100))
            whole, single = self.readings(case)
            self.assertEqual(single.used, used)
            for reading in (whole, single):
                self.assertEqual(reading.events[-1].reason, "the head is longer than 100 bytes")

    def test_no_head_fits_into_nothing(self):
        self.assert_refused(OK + b"\r\n", 0, "the head is longer than 0 bytes", limits=Limits(0))

    def test_an_interim_head_has_the_same_limit_of_its_own(self):
        interim = b"HTTP/1.1 103 Hints\r\nA: " + b"b" * 40 + b"\r\n\r\n"
        final = OK + b"Content-Length: 0\r\n\r\n"
        data = interim * 2 + final
        events = head((b"Content-Length", b"0"), length=0), REUSABLE
        limit = len(interim)
        self.assertGreater(limit, len(final))
        self.assert_read(data, *events, limits=Limits(head=limit))
        reason = f"the head is longer than {limit - 1} bytes"
        self.assert_refused(data, 0, reason, limits=Limits(head=limit - 1))

    def test_what_is_around_chunks_counts_as_part_of_the_head(self):
        """Else it would be endless, and nothing of it is body."""
        for begins, carried, ends in (
            (b"", b"0", b"2\r\nok\r\n0\r\n\r\n"),
            (b"2;", b"a", b"\r\nok\r\n0\r\n\r\n"),
            (b"2\r\nok\r\n", b"0", b"0\r\n\r\n"),
            (b"2\r\nok\r\n0;", b"a", b"\r\n\r\n"),
            (b"2\r\nok\r\n0\r\nA:", b"b", b"\r\n\r\n"),
            (b"2\r\nok\r\n0\r\nA:", b" ", b"\r\n\r\n"),
        ):
            least = len(b"2\r\nok\r\n0\r\n\r\n")
            room = 1000 - len(CHUNKS) - len(begins + ends) + least
            exactly = CHUNKS + begins + carried * room + ends
            limits = Limits(head=1000)
            self.assert_read(exactly, head(CHUNKED), b"ok", REUSABLE, limits=limits)
            beyond = CHUNKS + begins + carried * (room + 1) + ends
            reason = "more than 1000 bytes around the chunks"
            self.assert_refused(beyond, 200, reason, head(CHUNKED), limits=limits)

    def test_what_is_around_chunks_is_refused_though_it_does_not_end(self):
        for begins, carried in ((b"2;", b"a"), (b"", b"0"), (b"0\r\n", b"A: b\r\n")):
            case = Case(CHUNKS + begins + carried * 1000, limits=Limits(head=100))
            for reading in (read(case, [case.data]), read(case, bytewise(case.data))):
                self.assertLessEqual(reading.used, 130)
                reason = reading.events[-1].reason
                self.assertEqual(reason, "more than 100 bytes around the chunks")

    def test_what_chunks_need_at_least_does_not_count(self):
        """However many there are, and however small."""
        for size in (1, 15, 16, 17, 255, 256, 4096):
            count = 50_000 // size
            chunk = b"%x\r\n" % size + b"x" * size + b"\r\n"
            data = CHUNKS + chunk * count + b"0\r\n\r\n"
            limits = Limits(head=len(CHUNKS))
            events = head(CHUNKED), b"x" * (size * count), REUSABLE
            self.assert_read(data, *events, limits=limits)
            beyond = CHUNKS + chunk * count + b"00\r\n\r\n"
            reason = f"more than {len(CHUNKS)} bytes around the chunks"
            self.assert_refused(beyond, 200, reason, head(CHUNKED), limits=limits)

    def test_a_little_around_each_of_many_chunks_adds_up(self):
        data = CHUNKS + b"1;a\r\nx\r\n" * 26 + b"0\r\n\r\n"
        exactly = len(CHUNKS) + 52
        events = head(CHUNKED), b"x" * 26, REUSABLE
        self.assert_read(data, *events, limits=Limits(head=exactly))
        reason = f"more than {exactly - 1} bytes around the chunks"
        self.assert_refused(data, 200, reason, head(CHUNKED), limits=Limits(head=exactly - 1))

    def test_what_is_around_chunks_is_refused_on_a_connection_that_closes_too(self):
        data = OK + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        expected = head((b"Connection", b"close"), CHUNKED)
        data += b"0\r\n" + b"A: b\r\n" * 100 + b"\r\n"
        reason = "more than 600 bytes around the chunks"
        self.assert_refused(data, 200, reason, expected, limits=Limits(head=600))

    def test_of_two_things_that_are_wrong_the_limit_on_the_body_is_told_if_it_is_the_first(self):
        around = b"1;" + b"a" * 90 + b"\r\nx\r\n"
        data = CHUNKS + b"a\r\n0123456789\r\n" + around
        limits = Limits(head=100, body=5)
        error = ResponseTooLarge
        words = "the body is longer than 5 bytes"
        self.assert_refused(data, 200, words, head(CHUNKED), error=error, limits=limits)

    def test_of_two_things_that_are_wrong_either_may_be_told(self):
        """llhttp does not tell where in a piece it is; but the response is refused."""
        around = b"1;" + b"a" * 90 + b"\r\nx\r\n"
        data = CHUNKS + around + b"a\r\n0123456789\r\n"
        case = Case(data, limits=Limits(head=100, body=5))
        kinds = [type(reading.events[-1]) for reading in self.readings(case)]
        self.assertEqual(kinds, [ResponseTooLarge, MalformedResponse])

    def test_in_a_body_of_another_framing_nothing_counts(self):
        limits = Limits(head=100)
        data = OK + b"Content-Length: 1000\r\n\r\n" + b"x" * 1000
        events = head((b"Content-Length", b"1000"), length=1000), b"x" * 1000, REUSABLE
        self.assert_read(data, *events, limits=limits)
        data = b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 1000
        self.assert_read(data, head(minor_version=0), b"x" * 1000, CLOSED, limits=limits)


class FieldLimitTests(ParserCase):
    def test_as_many_fields_as_the_limit_are_read_and_one_more_is_not(self):
        for count in (1, 5, 128):
            fields = [(b"A", b"b")] * (count - 1) + [(b"Content-Length", b"0")]
            data = OK + b"A: b\r\n" * (count - 1) + b"Content-Length: 0\r\n\r\n"
            self.assert_read(data, head(*fields, length=0), REUSABLE, limits=Limits(fields=count))
            reason = f"the head has more than {count - 1} fields"
            self.assert_refused(data, 200, reason, limits=Limits(fields=count - 1))

    def test_the_limit_is_on_an_interim_head_as_well(self):
        data = b"HTTP/1.1 103 \r\nA: b\r\nA: b\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n"
        self.assert_refused(data, 103, "more than 1 fields", limits=Limits(fields=1))
        events = head((b"Content-Length", b"0"), length=0), REUSABLE
        self.assert_read(data, *events, limits=Limits(fields=2))

    def test_trailers_do_not_count(self):
        """They are dropped, and the limit on what is around the chunks is enough."""
        data = CHUNKS + b"0\r\n" + b"A: b\r\n" * 20 + b"\r\n"
        self.assert_read(data, head(CHUNKED), REUSABLE, limits=Limits(fields=1))


class BodyLimitTests(ParserCase):
    def test_a_body_of_the_limit_is_read_and_one_of_a_byte_more_is_not(self):
        body = b"0123456789"
        field = (b"Content-Length", b"10")
        reason = "the body is longer than 9 bytes"
        for data, expected, end in (
            (OK + b"Content-Length: 10\r\n\r\n" + body, head(field, length=10), REUSABLE),
            (CHUNKS + b"a\r\n" + body + b"\r\n0\r\n\r\n", head(CHUNKED), REUSABLE),
            (CHUNKS + b"5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n", head(CHUNKED), REUSABLE),
            (b"HTTP/1.0 200 OK\r\n\r\n" + body, head(minor_version=0), CLOSED),
        ):
            self.assert_read(data, expected, body, end, limits=Limits(body=10))
            limits = Limits(body=9)
            error = ResponseTooLarge
            self.assert_refused(data, 200, reason, expected, error=error, limits=limits)

    def test_a_body_is_refused_at_its_head_if_that_tells_its_length(self):
        parser = ResponseParser(Limits(body=9))
        parser.begin("GET")
        events = parser.feed(OK + b"Content-Length: 10\r\n\r\n")
        self.assertEqual(events[0], head((b"Content-Length", b"10"), length=10))
        self.assertIsInstance(events[1], ResponseTooLarge)

    def test_a_length_that_nobody_has_memory_for_is_refused_at_once(self):
        data = OK + b"Content-Length: 18446744073709551615\r\n\r\n"
        expected = head((b"Content-Length", b"18446744073709551615"), length=2**64 - 1)
        reason = "the body is longer than 67108864 bytes"
        self.assert_refused(data, 200, reason, expected, error=ResponseTooLarge)

    def test_the_beginning_of_a_body_that_is_too_long_is_in_the_error(self):
        parser = ResponseParser(Limits(body=9))
        parser.begin("GET")
        error = parser.feed(b"HTTP/1.0 503 No\r\n\r\n0123456789" + b"x" * 1000)[-1]
        self.assertEqual((error.body[:11], len(error.body)), (b"0123456789x", 200))
        self.assertEqual((error.status, error.retryable), (503, True))

    def test_a_response_without_a_body_is_read_though_none_is_allowed(self):
        limits = Limits(body=0)
        events = head((b"Content-Length", b"0"), length=0), REUSABLE
        self.assert_read(OK + b"Content-Length: 0\r\n\r\n", *events, limits=limits)
        self.assert_read(CHUNKS + b"0\r\n\r\n", head(CHUNKED), REUSABLE, limits=limits)

    def test_after_head_a_length_beyond_the_limit_is_no_matter(self):
        data = OK + b"Content-Length: 10\r\n\r\n"
        events = head((b"Content-Length", b"10"), length=10), REUSABLE
        self.assert_read(data, *events, method="HEAD", limits=Limits(body=0))

    def test_one_response_may_have_a_limit_of_its_own(self):
        parser = ResponseParser(Limits(body=0))
        data = OK + b"Content-Length: 2\r\n\r\nok"
        parser.begin("GET", max_body=2)
        self.assertEqual(parser.feed(data)[-1], REUSABLE)
        parser.begin("GET", max_body=1)
        self.assertIn("longer than 1 bytes", parser.feed(data)[-1].reason)
        parser.begin("GET")
        self.assertIn("longer than 0 bytes", parser.feed(data)[-1].reason)


class InterimLimitTests(ParserCase):
    def test_as_many_as_the_limit_are_passed_over_and_one_more_is_not(self):
        interim = b"HTTP/1.1 100 Continue\r\n\r\n"
        final = OK + b"Content-Length: 0\r\n\r\n"
        events = head((b"Content-Length", b"0"), length=0), REUSABLE
        for count in (1, 2, 8):
            limits = Limits(interim=count)
            self.assert_read(interim * count + final, *events, limits=limits)
            reason = f"more than {count} interim responses"
            self.assert_refused(interim * (count + 1) + final, 100, reason, limits=limits)

    def test_they_are_refused_though_they_do_not_end(self):
        interim = b"HTTP/1.1 100 Continue\r\n\r\n"
        case = Case(interim * 1000, limits=DEFAULT_LIMITS)
        for reading in self.readings(case):
            self.assertLessEqual(reading.used, 9 * len(interim))

    def test_the_limit_may_be_none_at_all(self):
        data = b"HTTP/1.1 100 \r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n"
        reason = "more than 0 interim responses"
        self.assert_refused(data, 100, reason, limits=Limits(interim=0))
        data = b"HTTP/1.1 100 \0\r\n\r\n"
        self.assert_refused(data, 100, "control character", limits=Limits(interim=0))


class MemoryTests(ParserCase):
    def test_a_parser_that_may_read_no_more_keeps_nothing_to_read_with(self):
        """What reads holds the parser in turn: they would wait for the garbage collector."""
        for data in (
            OK + b"Connection: close\r\nContent-Length: 0\r\n\r\n",
            OK + b"Content-Length: 0\r\n\r\nx",
            OK + b"Hello\r\n",
        ):
            parser = ResponseParser()
            parser.begin("GET")
            parser.feed(data)
            self.assertIsNone(parser._llhttp)

    def test_what_does_not_end_is_not_kept(self):
        """Read in pieces of the size that a transport gives; the limits are the default."""
        for begins, more in (
            (b"HTTP/1.1 200 ", b"x"),
            (b"HTTP/1.1 100 ", b"x"),
            (OK, b"A: b\r\n"),
            (OK + b"A: ", b"b"),
            (CHUNKS, b"0"),
            (CHUNKS + b"1;", b"a"),
            (CHUNKS + b"0\r\n", b"A: b\r\n"),
            (b"HTTP/1.1 100 \r\n\r\n", b"HTTP/1.1 100 \r\n\r\n"),
        ):
            parser = ResponseParser()
            parser.begin("GET")
            parser.feed(begins)
            fed = 0
            while not parser.is_done:
                parser.feed(more * 4096)
                fed += len(more) * 4096
            self.assertLess(fed, DEFAULT_LIMITS.head + 2 * len(more) * 4096)
            self.assertEqual((parser._kept, parser._llhttp), (b"", None))

    def test_a_body_is_not_kept(self):
        parser = ResponseParser()
        parser.begin("GET")
        parser.feed(CHUNKS)
        for _ in range(100):
            piece = b"x" * 4096
            self.assertEqual(parser.feed(b"1000\r\n" + piece + b"\r\n"), [piece])
        self.assertEqual((parser._kept, parser._fields, parser._reason), (b"", [], b"OK"))


class LimitsTests(SynchronousTestCase):
    def test_a_limit_is_a_whole_number(self):
        wrong: Any
        for name in ("head", "fields", "body", "interim"):
            for wrong in (-1, 1.0, "1", None, True):
                with self.assertRaises(ValueError) as caught:
                    Limits(**{name: wrong})
                self.assertEqual(
                    str(caught.exception),
                    f"{name} must be a whole number, 0 or more, not {wrong!r}",
                )
            self.assertEqual(getattr(Limits(**{name: 0}), name), 0)

    def test_the_guide_tells_the_defaults(self):
        self.assertEqual(DEFAULT_LIMITS, Limits())
        self.assertEqual(
            DEFAULT_LIMITS, Limits(head=64 * 2**10, fields=128, body=64 * 2**20, interim=8)
        )
        text = " ".join(GUIDE.read_text("utf-8").split())
        for row in (
            "``head`` - 64 KiB",
            "``fields`` - 128",
            "``body`` - 64 MiB",
            "``interim`` - 8",
        ):
            self.assertIn(row, text)
