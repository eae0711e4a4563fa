"""`ResponseParser`: what is read, as what; and what is refused, and why."""

from __future__ import annotations

from tests.http.h1.reading import CLOSED, LAST, REUSABLE, ParserCase, head, joined
from txetcd.errors import MalformedResponse
from txetcd.http.h1 import End, Head, Limits, ResponseParser

OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = (b"Content-Length", b"2")
TWO = b"Content-Length: 2\r\n"
SMALLEST = OK + TWO + b"\r\nok"
CHUNKED = (b"Transfer-Encoding", b"chunked")
CHUNKS = OK + b"Transfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


class StatusLineTests(ParserCase):
    def test_a_response_is_a_head_a_body_and_an_end(self):
        self.assert_read(SMALLEST, head(LENGTH, length=2), b"ok", REUSABLE)

    def test_the_reason_is_as_it_came(self):
        for reason in (b"OK", b"Not  At All ", b"a\tb", b"\xc4\xff", b"200 OK", b":"):
            data = b"HTTP/1.1 404 " + reason + b"\r\n" + TWO + b"\r\nok"
            expected = head(LENGTH, length=2, status=404, reason=reason)
            self.assert_read(data, expected, b"ok", REUSABLE)

    def test_the_reason_may_be_missing_with_its_space_or_without(self):
        for line in (b"HTTP/1.1 200", b"HTTP/1.1 200 "):
            expected = head(LENGTH, length=2, reason=b"")
            self.assert_read(line + b"\r\n" + TWO + b"\r\nok", expected, b"ok", REUSABLE)

    def test_a_reason_with_a_control_character_is_refused(self):
        for byte in (*range(9), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F):
            data = b"HTTP/1.1 200 O" + bytes([byte]) + b"K\r\n" + TWO + b"\r\nok"
            self.assert_refused(data, 200, "the reason phrase holds a control character")

    def test_every_final_status_is_read(self):
        for status in range(200, 600):
            length = 0 if status in (204, 304) else 2
            body = [] if length == 0 else [b"ok"]
            data = b"HTTP/1.1 %d OK\r\n" % status + TWO + b"\r\n" + b"".join(body)
            self.assert_read(data, head(LENGTH, length=length, status=status), *body, REUSABLE)

    def test_what_is_no_status_is_refused_and_not_told(self):
        for status in (
            *(b"000", b"099", b"600", b"999", b"2", b"20", b"2000", b"20000000000000"),
            *(b"", b"-20", b"+20", b"2x0", b"abc", b"1xx", b" 200", b"\t200", b"2 0", b"0x2"),
        ):
            data = b"HTTP/1.1 " + status + b" OK\r\n" + TWO + b"\r\nok"
            self.assert_refused(data, 0, "there is no such status")

    def test_http_1_0_is_read_and_told(self):
        data = b"HTTP/1.0 200 OK\r\n" + TWO + b"\r\nok"
        self.assert_read(data, head(LENGTH, length=2, minor_version=0), b"ok", LAST)

    def test_another_version_or_protocol_is_refused(self):
        for version in (
            *(b"HTTP/2.0", b"HTTP/2", b"HTTP/9.9", b"HTTP/1.2", b"HTTP/0.9", b"HTTP/1.10"),
            *(b"HTTP/11", b"HTTP/1,1", b"HTTP/1", b"HTTP", b"http/1.1", b"Http/1.1", b"xHTTP/1.1"),
            *(b"RTSP/1.0", b"RTSP/1.1", b"ICE/1.0", b"ICE/1.1", b"ICY", b"", b"\0"),
        ):
            data = version + b" 200 OK\r\n" + TWO + b"\r\nok"
            self.assert_refused(data, 0, "the version is not HTTP/1.0 or HTTP/1.1")

    def test_the_version_is_followed_by_one_space(self):
        for space in (b"\t", b"\r\n", b"\0"):
            data = b"HTTP/1.1" + space + b"200 OK\r\n" + TWO + b"\r\nok"
            self.assert_refused(data, 0, "the version is not HTTP/1.0 or HTTP/1.1")

    def test_nothing_comes_before_the_status_line(self):
        """llhttp passes over blank lines, which RFC 9112, section 2.2, allows to servers alone."""
        for before in (b"\r\n", b"\n", b"\r", b" ", b"\0", b"\xef\xbb\xbf"):
            self.assert_refused(before + SMALLEST, 0, "the version is not HTTP/1.0 or HTTP/1.1")

    def test_what_another_version_sent_is_shown(self):
        parser = ResponseParser()
        parser.begin("GET")
        [error] = parser.feed(b"SSH-2.0-OpenSSH_9.6\r\n")
        self.assertEqual(
            str(error),
            "not a response of HTTP/1.1: the version is not HTTP/1.0 or HTTP/1.1; it begins "
            "b'SSH-2.0-OpenSSH_9.6\\r\\n'",
        )

    def test_its_line_ends_as_all_lines_do(self):
        """The llhttp of httptools before 0.9 takes two CRs for an end."""
        words = "the status line does not end with CR LF"
        for end in (b"\n", b"\n\r", b"\r", b"\r\r", b"\r\r\n", b"\r\r\r\n", b"\rX\r\n", b" \n"):
            for line in (b"HTTP/1.1 200 OK", b"HTTP/1.1 200", b"HTTP/1.0 100 Continue"):
                self.assert_refused(line + end + TWO + b"\r\nok", 0, words)


class FieldTests(ParserCase):
    def test_fields_are_told_in_order_and_as_they_came(self):
        fields = [(b"X-B", b"1"), (b"x-a", b"two words"), (b"X-B", b"3"), LENGTH, (b"x-b", b"")]
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in fields)
        self.assert_read(OK + lines + b"\r\nok", head(*fields, length=2), b"ok", REUSABLE)

    def test_a_name_is_any_token(self):
        name = b"!#$%&'*+-.^_`|~0123456789azAZ"
        data = OK + name + b": b\r\n" + TWO + b"\r\nok"
        self.assert_read(data, head((name, b"b"), LENGTH, length=2), b"ok", REUSABLE)

    def test_a_value_is_visible_text_and_any_byte_above_ascii(self):
        value = bytes(range(0x21, 0x7F)) + b" \t" + bytes(range(0x80, 0x100))
        data = OK + b"A: " + value + b"\r\n" + TWO + b"\r\nok"
        self.assert_read(data, head((b"A", value), LENGTH, length=2), b"ok", REUSABLE)

    def test_a_value_may_be_empty(self):
        for space in (b"", b" ", b"\t", b" \t "):
            data = OK + b"A:" + space + b"\r\n" + TWO + b"B:" + space + b"\r\n\r\nok"
            expected = head((b"A", b""), LENGTH, (b"B", b""), length=2)
            self.assert_read(data, expected, b"ok", REUSABLE)

    def test_space_before_a_value_is_none_of_it_and_space_after_it_is_as_it_came(self):
        data = OK + b"A: \t b \t\r\n" + TWO + b"\r\nok"
        self.assert_read(data, head((b"A", b"b \t"), LENGTH, length=2), b"ok", REUSABLE)

    def test_a_value_may_hold_colons(self):
        data = OK + b"A::b: c:\r\n" + TWO + b"\r\nok"
        self.assert_read(data, head((b"A", b":b: c:"), LENGTH, length=2), b"ok", REUSABLE)

    def test_a_control_character_in_a_value_is_refused(self):
        words = "a header field holds NUL or another control character"
        for byte in (*range(9), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F):
            self.assert_refused(OK + b"A: b" + bytes([byte]) + b"\r\n\r\n", 200, words)

    def test_a_bare_cr_is_refused(self):
        """RFC 9112, section 2.2."""
        for line in (b"A: b\rC: d\r\n", b"A: b\r\r\n", b"A:\r \r\n"):
            self.assert_refused(OK + line + TWO + b"\r\nok", 200, "")
        words = "a header field holds a bare CR"
        self.assert_refused(OK + b"A: b\rc\r\n" + TWO + b"\r\nok", 200, words)

    def test_a_bare_lf_is_refused(self):
        words = "a header field holds a bare LF"
        self.assert_refused(OK + b"A: b\n" + TWO + b"\r\nok", 200, words)
        self.assert_refused(OK + b"Content-Length: 2\n\r\nok", 200, words)

    def test_the_head_ends_with_an_empty_line_and_nothing_less(self):
        for end in (b"\n", b"\r", b" \r\n", b"\0\r\n"):
            self.assert_refused(OK + TWO + end + b"ok", 200, "")

    def test_a_folded_line_is_refused(self):
        """RFC 9112, section 5.2."""
        for space in (b" ", b"\t"):
            data = OK + b"A: b\r\n" + space + b"c\r\n" + TWO + b"\r\nok"
            self.assert_refused(data, 200, "Unexpected whitespace after header value")
        self.assert_refused(OK + b" A: b\r\n\r\n", 200, "Unexpected space after start line")

    def test_what_is_no_field_is_refused(self):
        words = "a line of the head is no header field"
        for line in (
            *(b"Hello", b": b", b"A B: c", b"A : b", b"A\t: b", b"A\0: b", b"\xc4: b"),
            *(b'"A": b', b"A(: b", b"A/B: c", b"A[]: b", b"A@: b", b"A\x7f: b"),
        ):
            self.assert_refused(OK + line + b"\r\n" + TWO + b"\r\nok", 200, words)

    def test_space_between_name_and_colon_is_refused(self):
        """RFC 9112, section 5.1: other readers would see no Content-Length here."""
        words = "a line of the head is no header field"
        self.assert_refused(OK + b"Content-Length : 2\r\n\r\nok", 200, words)


class LengthTests(ParserCase):
    def test_a_body_is_as_long_as_it_says(self):
        for length in (0, 1, 2, 9, 10, 1000):
            body = b"x" * length
            told = b"%d" % length
            data = OK + b"Content-Length: " + told + b"\r\n\r\n" + body
            expected = head((b"Content-Length", told), length=length)
            self.assert_read(data, expected, *([body] if body else []), REUSABLE)

    def test_a_body_is_any_bytes(self):
        for body in (bytes(range(256)), b"\r\n\r\n", SMALLEST, END, b"\0"):
            told = b"%d" % len(body)
            data = OK + b"Content-Length: " + told + b"\r\n\r\n" + body
            expected = head((b"Content-Length", told), length=len(body))
            self.assert_read(data, expected, body, REUSABLE)

    def test_zeros_before_a_length_do_not_count(self):
        for zeros in (1, 20, 5000):
            told = b"0" * zeros + b"2"
            data = OK + b"content-length:" + told + b"\r\n\r\nok"
            expected = head((b"content-length", told), length=2)
            self.assert_read(data, expected, b"ok", REUSABLE)
            told = b"0" * zeros
            data = OK + b"content-length:" + told + b"\r\n\r\n"
            self.assert_read(data, head((b"content-length", told), length=0), REUSABLE)

    def test_space_around_a_length_does_not_count(self):
        """But for a tab after it, which llhttp did not allow before httptools 0.9."""
        data = OK + b"Content-Length: \t 2  \r\n\r\nok"
        expected = head((b"Content-Length", b"2  "), length=2)
        self.assert_read(data, expected, b"ok", REUSABLE)

    def test_what_is_no_number_is_refused(self):
        for told in (
            *(b"-2", b"+2", b"0x2", b"2.0", b"2e0", b"1_0", b"2;", b"two", b"2,", b"2 2"),
            *(b"\xd9\xa2", b"\xb2", b'"2"', b"2\xa0"),
        ):
            data = OK + b"Content-Length: " + told + b"\r\n\r\nok"
            self.assert_refused(data, 200, "Invalid character in Content-Length")

    def test_an_empty_length_is_refused(self):
        for told in (b"", b" ", b"\t "):
            data = OK + b"Content-Length:" + told + b"\r\n\r\nok"
            self.assert_refused(data, 200, "Empty Content-Length")

    def test_a_number_beyond_64_bits_is_refused(self):
        for told in (b"18446744073709551616", b"9" * 5000):
            data = OK + b"Content-Length: " + told + b"\r\n\r\nok"
            self.assert_refused(data, 200, "Content-Length overflow")

    def test_two_lengths_are_refused_though_they_agree(self):
        """RFC 9112, section 6.3, would let equal ones pass."""
        for other in (b"Content-Length: 2", b"content-length: 3", b"Content-Length: 02"):
            data = OK + TWO + b"A: b\r\n" + other + b"\r\n\r\nok"
            self.assert_refused(data, 200, "Duplicate Content-Length")
        data = OK + b"Content-Length: 2, 2\r\n\r\nok"
        self.assert_refused(data, 200, "Invalid character in Content-Length")

    def test_a_length_and_chunks_are_refused_in_either_order(self):
        """RFC 9112, section 6.3: a smuggled response."""
        chunked = b"Transfer-Encoding: chunked\r\n"
        for fields in (TWO + chunked, chunked + TWO, TWO + b"A: b\r\n" + chunked):
            data = OK + fields + b"\r\n2\r\nok\r\n0\r\n\r\n"
            self.assert_refused(data, 200, "can't be present with")

    def test_a_length_and_chunks_are_refused_though_llhttp_were_lenient(self):
        chunked = b"Transfer-Encoding: chunked\r\n"
        for fields in (TWO + chunked, chunked + TWO):
            parser = ResponseParser()
            parser.begin("GET")
            parser._llhttp.set_dangerous_leniencies(
                lenient_chunked_length=True, lenient_transfer_encoding=True
            )
            reason = "it has both a Content-Length and a Transfer-Encoding"
            self.assertEqual(
                joined(parser.feed(OK + fields + b"\r\n2\r\nok\r\n0\r\n\r\n")),
                [(MalformedResponse, 200, reason)],
            )

    def test_a_body_that_is_cut_short_has_no_end(self):
        self.assert_read(OK + TWO + b"\r\n", head(LENGTH, length=2))
        self.assert_read(OK + TWO + b"\r\no", head(LENGTH, length=2), b"o")


class ChunkTests(ParserCase):
    def read_as(self, chunks: bytes, body: bytes, end: End = REUSABLE) -> None:
        bodies = [body] if body else []
        self.assert_read(CHUNKS + chunks, head(CHUNKED), *bodies, end)

    def refused_as(self, chunks: bytes, words: str) -> None:
        self.assert_refused(CHUNKS + chunks, 200, words, head(CHUNKED))

    def test_a_body_is_what_is_in_the_chunks(self):
        self.read_as(END, b"")
        self.read_as(b"2\r\nok\r\n0\r\n\r\n", b"ok")
        self.read_as(b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n", b"ok")
        self.read_as(b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789")
        self.read_as(b"1a\r\n" + b"x" * 26 + b"\r\n0\r\n\r\n", b"x" * 26)

    def test_a_chunk_is_any_bytes(self):
        for body in (bytes(range(256)), b"\r\n0\r\n\r\n", SMALLEST):
            self.read_as(b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n", body)

    def test_zeros_before_a_size_do_not_count(self):
        self.read_as(b"0002\r\nok\r\n0000\r\n\r\n", b"ok")

    def test_extensions_are_passed_over(self):
        for extension in (b";a", b";a=b", b";a=b;c", b';a="b;c\xff"', b';a="b\\"c"', b";a=b;c=d;e"):
            self.read_as(b"2" + extension + b"\r\nok\r\n0" + extension + b"\r\n\r\n", b"ok")

    def test_extensions_that_are_none_are_refused(self):
        for extension in (b";a=\0", b";a b", b";a\n", b';a="b', b";a=\r", b";\xff"):
            self.refused_as(b"2" + extension + b"\r\nok\r\n0\r\n\r\n", "")

    def test_trailers_are_dropped(self):
        """RFC 9110, section 6.5.1: they may not be merged into the head without care."""
        trailers = b"X-A: 1\r\nContent-Encoding: gzip\r\nX-Etcd-Index: 9\r\n"
        self.read_as(b"2\r\nok\r\n0\r\n" + trailers + b"\r\n", b"ok")

    def test_a_trailer_can_close_the_connection_and_no_more(self):
        self.read_as(b"2\r\nok\r\n0\r\nConnection: close\r\n\r\n", b"ok", LAST)
        self.read_as(b"2\r\nok\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n", b"ok")
        self.refused_as(b"2\r\nok\r\n0\r\nContent-Length: 2\r\n\r\n", "can't be present with")

    def test_trailers_that_are_no_fields_are_refused(self):
        self.refused_as(b"0\r\nhello\r\n\r\n", "a line of the head is no header field")
        self.refused_as(b"0\r\nA: \0\r\n\r\n", "a header field holds NUL")
        self.refused_as(b"0\r\nA: b\n\r\n", "a header field holds a bare LF")

    def test_a_size_that_is_no_number_is_refused(self):
        for size in (b"-2", b"+2", b"0x2", b"g", b"", b" 2", b"2 ", b"\t2", b"2.0", b"\xd9\xa2"):
            self.refused_as(size + b"\r\nok\r\n0\r\n\r\n", "Invalid character in chunk size")

    def test_a_size_beyond_64_bits_is_refused(self):
        self.refused_as(b"10000000000000000\r\nok\r\n0\r\n\r\n", "Chunk size overflow")

    def test_a_chunk_that_is_longer_or_shorter_than_its_size_is_refused(self):
        self.refused_as(b"1\r\nok\r\n0\r\n\r\n", "Expected LF after chunk data")
        self.refused_as(b"3\r\nok\r\n0\r\n\r\n", "Missing expected CR after chunk data")

    def test_lines_between_chunks_end_as_all_lines_do(self):
        for chunks in (
            *(b"2\nok\r\n0\r\n\r\n", b"2\r\nok\n0\r\n\r\n", b"2\r\nok\r\n0\n\r\n"),
            *(b"2\r\nok\r\n0\r\n\n", b"2\rok\r\n0\r\n\r\n", b"2\r\r\nok\r\n0\r\n\r\n"),
        ):
            self.refused_as(chunks, "")

    def test_chunks_that_are_cut_short_have_no_end(self):
        whole = b"2\r\nok\r\n0\r\nA: b\r\n\r\n"
        for end in range(len(whole)):
            body = [b"ok"[: max(0, end - 3)]] if end > 3 else []
            self.assert_read(CHUNKS + whole[:end], head(CHUNKED), *body)

    def test_chunked_is_the_only_coding(self):
        """RFC 9112, section 6.1; a second decoding is one that others may not do."""
        for coding in (
            *(b"gzip, chunked", b"chunked, gzip", b"chunked, chunked", b"gzip", b"identity"),
            *(b"chunked;a=b", b"chunked,", b",chunked", b'"chunked"', b"xchunked", b"chunkedx"),
            *(b"chunked\t", b"chunked \t", b"chunked\xa0", b"chunked, identity", b"chunk ed"),
        ):
            data = OK + b"Transfer-Encoding: " + coding + b"\r\n\r\n2\r\nok\r\n0\r\n\r\n"
            self.assert_refused(data, 200, "its Transfer-Encoding is another than chunked")

    def test_no_coding_is_refused(self):
        data = OK + b"Transfer-Encoding:\r\n\r\n2\r\nok\r\n0\r\n\r\n"
        self.assert_refused(data, 200, "Transfer-Encoding")

    def test_two_fields_of_codings_are_refused(self):
        for first, second in ((b"chunked", b"chunked"), (b"gzip", b"chunked"), (b"", b"chunked")):
            fields = b"Transfer-Encoding: %s\r\nTransfer-Encoding: %s\r\n" % (first, second)
            data = OK + fields + b"\r\n2\r\nok\r\n0\r\n\r\n"
            self.assert_refused(data, 200, "Transfer-Encoding")

    def test_its_case_and_spaces_around_it_do_not_count(self):
        data = OK + b"TRANSFER-ENCODING:  ChunKED  \r\n\r\n2\r\nok\r\n0\r\n\r\n"
        expected = head((b"TRANSFER-ENCODING", b"ChunKED  "))
        self.assert_read(data, expected, b"ok", REUSABLE)

    def test_http_1_0_has_none(self):
        """RFC 9112, section 6.1: faulty framing."""
        data = b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
        self.assert_refused(data, 200, "HTTP/1.0 has no Transfer-Encoding")


class CloseTests(ParserCase):
    def test_a_body_may_end_with_the_connection_if_that_is_announced(self):
        close = (b"Connection", b"close")
        data = OK + b"Connection: close\r\n\r\n"
        self.assert_read(data + b"all of it", head(close), b"all of it", CLOSED)
        self.assert_read(data, head(close), CLOSED)

    def test_http_1_0_announces_it_by_itself(self):
        data = b"HTTP/1.0 200 OK\r\n\r\nall of it"
        self.assert_read(data, head(minor_version=0), b"all of it", CLOSED)

    def test_what_would_end_with_the_connection_unannounced_is_refused(self):
        """It is what is left of a response that lost its framing, or that never ends."""
        words = "nothing tells where its body ends"
        self.assert_refused(OK + b"\r\nall of it", 200, words)
        self.assert_refused(OK + b"Connection: keep-alive\r\n\r\nall of it", 200, words)
        data = b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nall of it"
        self.assert_refused(data, 200, words)

    def test_a_connection_that_is_to_be_closed_is_not_reused(self):
        for value in (b"close", b"Close", b"x, close", b"close , x", b"\tclose ", b"x,close,y"):
            field = (b"Connection", value.lstrip(b"\t"))
            data = OK + b"Connection: " + value + b"\r\n" + TWO + b"\r\nok"
            self.assert_read(data, head(field, LENGTH, length=2), b"ok", LAST)

    def test_a_second_field_can_close_it(self):
        fields = [(b"Connection", b"x"), (b"connection", b"close"), LENGTH]
        data = OK + b"Connection: x\r\nconnection: close\r\n" + TWO + b"\r\nok"
        self.assert_read(data, head(*fields, length=2), b"ok", LAST)

    def test_other_options_do_not_close_it(self):
        for value in (b"", b"x", b"closed", b"x close", b"close;q=1", b"keep-alive", b"upgrade"):
            data = OK + b"Connection: " + value + b"\r\n" + TWO + b"\r\nok"
            expected = head((b"Connection", value), LENGTH, length=2)
            self.assert_read(data, expected, b"ok", REUSABLE)

    def test_http_1_0_is_reused_if_it_says_so_and_does_not_say_close(self):
        for value, end in (
            (b"keep-alive", REUSABLE),
            (b"Keep-Alive, x", REUSABLE),
            (b"keep-alive, close", LAST),
            (b"close, keep-alive", LAST),
            (b"x", LAST),
        ):
            data = b"HTTP/1.0 200 OK\r\nConnection: " + value + b"\r\n" + TWO + b"\r\nok"
            expected = head((b"Connection", value), LENGTH, length=2, minor_version=0)
            self.assert_read(data, expected, b"ok", end)

    def test_proxy_connection_keeps_nothing_alive(self):
        """llhttp takes it for Connection (RFC 9112, appendix C.2.2)."""
        field = (b"Proxy-Connection", b"keep-alive")
        data = b"HTTP/1.0 200 OK\r\nProxy-Connection: keep-alive\r\n" + TWO + b"\r\nok"
        self.assert_read(data, head(field, LENGTH, length=2, minor_version=0), b"ok", LAST)


class BodilessTests(ParserCase):
    def test_after_head_there_is_no_body_whatever_is_told_of_one(self):
        """RFC 9112, section 6.3."""
        for fields, length in (
            ([], None),
            ([LENGTH], 2),
            ([(b"Content-Length", b"99999999999")], 99999999999),
            ([CHUNKED], None),
        ):
            lines = b"".join(name + b": " + value + b"\r\n" for name, value in fields)
            expected = head(*fields, length=length)
            self.assert_read(OK + lines + b"\r\n", expected, REUSABLE, method="HEAD")

    def test_after_head_the_connection_is_closed_if_that_is_said(self):
        data = OK + b"Connection: close\r\n\r\n"
        self.assert_read(data, head((b"Connection", b"close")), LAST, method="HEAD")
        data = b"HTTP/1.0 200 OK\r\n\r\n"
        self.assert_read(data, head(minor_version=0), LAST, method="HEAD")

    def test_a_body_after_head_is_surplus(self):
        for body in (b"ok", b"2\r\nok\r\n0\r\n\r\n", END):
            parser = ResponseParser()
            parser.begin("HEAD")
            framing = CHUNKED if b"\r" in body else LENGTH
            data = OK + b": ".join(framing) + b"\r\n\r\n"
            length = None if b"\r" in body else 2
            self.assertEqual(parser.feed(data + body), [head(framing, length=length), LAST])

    def test_after_head_framing_is_checked_all_the_same(self):
        data = OK + TWO + b"Transfer-Encoding: chunked\r\n\r\n"
        self.assert_refused(data, 200, "can't be present with", method="HEAD")
        data = OK + b"Transfer-Encoding: gzip\r\n\r\n"
        self.assert_refused(data, 200, "another than chunked", method="HEAD")

    def test_204_and_304_have_none_whatever_is_told_of_one(self):
        for status in (204, 304):
            line = b"HTTP/1.1 %d OK\r\n" % status
            for fields in ([], [LENGTH], [CHUNKED]):
                lines = b"".join(name + b": " + value + b"\r\n" for name, value in fields)
                expected = head(*fields, length=0, status=status)
                self.assert_read(line + lines + b"\r\n", expected, REUSABLE)
            data = line + TWO + b"\r\nok"
            parser = ResponseParser()
            parser.begin("GET")
            self.assertEqual(parser.feed(data), [head(LENGTH, length=0, status=status), LAST])

    def test_205_has_one_if_it_says_so(self):
        data = b"HTTP/1.1 205 OK\r\n" + TWO + b"\r\nok"
        self.assert_read(data, head(LENGTH, length=2, status=205), b"ok", REUSABLE)


class InterimTests(ParserCase):
    def test_interim_responses_are_passed_over(self):
        """RFC 9110, section 15.2."""
        for interim in (
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 100\r\n\r\n",
            b"HTTP/1.0 100 Continue\r\n\r\n",
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: close\r\n\r\n",
            b"HTTP/1.1 100 \r\n\r\nHTTP/1.1 102 \r\n\r\nHTTP/1.1 199 \r\n\r\n",
        ):
            self.assert_read(interim + SMALLEST, head(LENGTH, length=2), b"ok", REUSABLE)
            self.assert_read(interim)

    def test_they_have_no_body_whatever_they_tell_of_one(self):
        for status in range(100, 200):
            for framing in (b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"):
                interim = b"HTTP/1.1 %d Odd\r\n" % status + framing + b"\r\n"
                if status != 101:
                    expected = head(LENGTH, length=2), b"ok", REUSABLE
                    self.assert_read(interim + SMALLEST, *expected)

    def test_they_are_passed_over_before_a_response_to_head(self):
        data = b"HTTP/1.1 103 Hints\r\n\r\n" + OK + TWO + b"\r\n"
        self.assert_read(data, head(LENGTH, length=2), REUSABLE, method="HEAD")

    def test_they_are_passed_over_before_a_body_that_ends_with_the_connection(self):
        data = b"HTTP/1.0 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\n\r\nok"
        self.assert_read(data, head(minor_version=0), b"ok", CLOSED)

    def test_a_great_many_in_one_piece_are_passed_over_if_the_limit_lets_them(self):
        data = b"HTTP/1.1 100 \r\n\r\n" * 2000 + SMALLEST
        expected = head(LENGTH, length=2), b"ok", REUSABLE
        self.assert_read(data, *expected, limits=Limits(interim=2000))

    def test_they_must_be_well_formed_too(self):
        for interim, status, words in (
            (b"HTTP/1.1 100 Continue\r\nHello\r\n\r\n", 100, "is no header field"),
            (b"HTTP/1.1 100 Con\0tinue\r\n\r\n", 100, "holds a control character"),
            (b"HTTP/1.1 103 Hints\r\nA: \0\r\n\r\n", 103, "holds NUL"),
            (b"HTTP/1.1 103 Hints\r\nContent-Encoding: gzip\r\n\r\n", 103, "compressed, unasked"),
            (b"HTTP/1.1 103 \r\nTransfer-Encoding: gzip\r\n\r\n", 103, "another than chunked"),
            (b"HTTP/1.1 1xx Odd\r\n\r\n", 0, "there is no such status"),
            (b"HTTP/1.1 1000 Odd\r\n\r\n", 0, "there is no such status"),
            (b"HTTP/1.1 100 Continue\n\n\r\n\r\n", 0, "does not end with CR LF"),
        ):
            self.assert_refused(interim + SMALLEST, status, words)

    def test_between_them_there_is_nothing(self):
        data = b"HTTP/1.1 100 Continue\r\n\r\n\r\n" + SMALLEST
        self.assert_refused(data, 0, "the version is not HTTP/1.0 or HTTP/1.1")

    def test_switching_protocols_is_refused(self):
        """RFC 9110, section 15.2.2: nobody asked for it."""
        for fields in (b"", b"Connection: upgrade\r\nUpgrade: h2c\r\n", TWO):
            data = b"HTTP/1.1 101 Switching Protocols\r\n" + fields + b"\r\n"
            words = "the server changes the protocol, unasked"
            self.assert_refused(data, 101, words)
            self.assert_refused(b"HTTP/1.1 100 \r\n\r\n" + data + SMALLEST, 101, words)

    def test_upgrade_is_no_matter_with_another_status(self):
        fields = [(b"Connection", b"upgrade"), (b"Upgrade", b"h2c"), LENGTH]
        data = OK + b"Connection: upgrade\r\nUpgrade: h2c\r\n" + TWO + b"\r\nok"
        self.assert_read(data, head(*fields, length=2), b"ok", REUSABLE)


class ContentEncodingTests(ParserCase):
    def test_it_is_refused_unless_it_was_asked_for(self):
        for coding in (b"gzip", b"identity", b"", b"br, gzip"):
            field = (b"content-Encoding", coding)
            data = OK + b"content-Encoding: " + coding + b"\r\n" + TWO + b"\r\n\x1f\x8b"
            self.assert_refused(data, 200, "the body is compressed, unasked")
            expected = head(field, LENGTH, length=2), b"\x1f\x8b", REUSABLE
            self.assert_read(data, *expected, accept_encoded=True)

    def test_what_was_asked_for_once_is_not_asked_for_the_next_time(self):
        parser = ResponseParser()
        data = OK + b"Content-Encoding: gzip\r\n" + TWO + b"\r\nok"
        parser.begin("GET", accept_encoded=True)
        self.assertEqual(parser.feed(data)[-1], REUSABLE)
        parser.begin("GET")
        [error] = parser.feed(data)
        self.assertIsInstance(error, MalformedResponse)


class SequenceTests(ParserCase):
    def test_one_parser_reads_one_response_after_the_other(self):
        parser = ResponseParser()
        close = (b"Connection", b"close")
        two = head(LENGTH, length=2)
        for data, method, events in (
            (SMALLEST, "GET", [two, b"ok", REUSABLE]),
            (CHUNKS + b"2\r\nok\r\n0\r\nA: b\r\n\r\n", "PUT", [head(CHUNKED), b"ok", REUSABLE]),
            (OK + TWO + b"\r\n", "HEAD", [two, REUSABLE]),
            (b"HTTP/1.1 204 OK\r\n\r\n", "GET", [head(length=0, status=204), REUSABLE]),
            (b"HTTP/1.1 100 \r\n\r\n" + SMALLEST, "GET", [two, b"ok", REUSABLE]),
            (
                OK + b"Connection: close\r\n" + TWO + b"\r\nok",
                "GET",
                [head(close, LENGTH, length=2), b"ok", LAST],
            ),
        ):
            self.assertTrue(parser.is_done)
            parser.begin(method)
            self.assertFalse(parser.is_done)
            self.assertEqual(joined(parser.feed(data)), events)
        self.assertTrue(parser.is_done)

    def test_what_was_read_before_does_not_count_towards_a_limit(self):
        limits = Limits(head=100, fields=1, body=2, interim=1)
        parser = ResponseParser(limits)
        for _ in range(100):
            for data in (b"HTTP/1.1 100 \r\n\r\n" + SMALLEST, CHUNKS + b"2\r\nok\r\n0\r\n\r\n"):
                parser.begin("GET")
                self.assertEqual(parser.feed(data)[-1], REUSABLE)

    def test_what_nobody_asked_for_is_refused(self):
        parser = ResponseParser()
        for data in (SMALLEST, b"x", b"\r\n"):
            [error] = parser.feed(data)
            self.assertEqual(
                joined([error]),
                [(MalformedResponse, 0, "the server sent what nobody asked for")],
            )
            self.assertEqual(error.body, data)
        parser.begin("GET")
        self.assertEqual(parser.feed(SMALLEST)[-1], REUSABLE)
        self.assertIsInstance(parser.feed(b"x")[0], MalformedResponse)

    def test_blank_lines_after_a_response_are_passed_over_if_they_come_with_it(self):
        parser = ResponseParser()
        for _ in range(2):
            parser.begin("GET")
            events = parser.feed(SMALLEST + b"\r\n\r\n")
            self.assertEqual(events, [head(LENGTH, length=2), b"ok", REUSABLE])

    def test_surplus_is_seen_though_the_response_ends_where_the_head_may_end_at_most(self):
        parser = ResponseParser(Limits(head=len(SMALLEST)))
        parser.begin("GET")
        self.assertEqual(parser.feed(SMALLEST + b"x")[-1], LAST)

    def test_the_end_of_the_connection_tells_nothing_within_a_response(self):
        for data in (b"", b"HTTP", OK, OK + TWO + b"\r\n", CHUNKS, b"HTTP/1.1 100 \r\n\r\n"):
            parser = ResponseParser()
            parser.begin("GET")
            parser.feed(data)
            self.assertEqual(parser.eof(), [])
            self.assertFalse(parser.is_done)

    def test_the_end_of_the_connection_tells_nothing_after_one(self):
        parser = ResponseParser()
        self.assertEqual(parser.eof(), [])
        parser.begin("GET")
        parser.feed(b"HTTP/1.0 200 OK\r\n\r\n")
        self.assertEqual([parser.eof(), parser.eof()], [[CLOSED], []])
        self.assertTrue(parser.is_done)

    def test_no_bytes_are_no_events(self):
        parser = ResponseParser()
        parser.begin("GET")
        for piece in (b"HTTP/1.1 2", b"00 OK\r\n", TWO + b"\r\n", b"o"):
            parser.feed(piece)
            self.assertEqual(parser.feed(b""), [])
        self.assertEqual(parser.feed(b"k"), [b"k", REUSABLE])

    def test_after_an_error_nothing_is_read(self):
        parser = ResponseParser()
        parser.begin("GET")
        self.assertIsInstance(parser.feed(OK + b"Hello\r\n")[0], MalformedResponse)
        self.assertTrue(parser.is_done)
        self.assertEqual(parser.eof(), [])
        [error] = parser.feed(SMALLEST)
        self.assertEqual(error.reason, "the server sent what nobody asked for")

    def test_a_status_of_the_response_before_is_not_told_of_the_next(self):
        parser = ResponseParser()
        parser.begin("GET")
        parser.feed(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
        parser.begin("GET")
        [error] = parser.feed(b"HTTP/1.1 4\r\n")
        self.assertEqual((error.status, error.retryable), (0, False))

    def test_the_status_that_was_read_tells_whether_to_try_again(self):
        self.assert_refused(b"HTTP/1.1 503\r\nHello\r\n\r\n", 503, "is no header field")
        self.assert_refused(b"HTTP/1.1 503 \r\nHello\r\n\r\n", 503, "is no header field")


class ReprTests(ParserCase):
    def test_a_parser_shows_where_it_is(self):
        parser = ResponseParser()
        shown = [repr(parser)]
        parser.begin("GET")
        for piece in (OK, TWO + b"\r\n", b"ok"):
            shown.append(repr(parser))
            parser.feed(piece)
        shown.append(repr(parser))
        states = ("idle", "in a head", "in a head", "in a body", "idle")
        self.assertEqual(shown, [f"<ResponseParser {state}>" for state in states])

    def test_a_head_shows_no_value(self):
        shown = repr(Head(1, 200, b"hunter2", [(b"Set-Cookie", b"hunter2")], 5))
        self.assertEqual(shown, "<Head 200, 1 fields, length 5>")
