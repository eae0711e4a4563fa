"""The laws of `tests.http.h1.laws`, by hypothesis; and the laws themselves, that they can fail."""

from __future__ import annotations

from typing import Any, NamedTuple
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.http.h1 import laws
from tests.http.h1.corpus import cases
from tests.http.h1.laws import CUT, RESPONSE, Case, Violation, check, check_again, outcome
from tests.http.h1.mutate import SMALL, TINY, TOKENS
from tests.http.h1.strict import NotStrict, read_strictly
from txetcd.errors import MalformedResponse, ResponseTooLarge
from txetcd.http.h1 import DEFAULT_LIMITS, End, Head, Limits, ResponseParser


def is_reusable(case: Case) -> bool:
    """Whether a response ends so that there may be another."""
    end = check(case).end
    return end is not None and end.reusable


law = settings(deadline=None, max_examples=300)

methods = st.sampled_from(["GET", "HEAD", "PUT"])
limits = st.sampled_from([DEFAULT_LIMITS, SMALL, TINY]) | st.builds(
    Limits, *[st.integers(0, most) for most in (200, 5, 20, 3)]
)

#: After these a parser may be used again.
REUSABLE = [case for case in cases("response").values() if is_reusable(case)]

#: What looks like HTTP, more or less.
SEEDS = [case.data for case in cases().values() if len(case.data) < 200]
pieces = st.sampled_from(SEEDS) | st.sampled_from(TOKENS) | st.binary(max_size=8)
wire = st.lists(pieces, max_size=6).map(b"".join)


def split_at(data: bytes, places: list[int]) -> list[bytes]:
    """Bytes in pieces, some of which may be empty."""
    ordered = sorted(place % (len(data) + 1) for place in places)
    return [
        data[start:end] for start, end in zip([0, *ordered], [*ordered, len(data)], strict=True)
    ]


class AnyBytesTests(SynchronousTestCase):
    @law
    @given(wire, methods, st.booleans(), limits, st.lists(st.integers(0, 2000), max_size=8))
    def test_any_bytes_in_any_split_are_events_in_order_and_the_same_ones(
        self, data, method, accept_encoded, limits, places
    ):
        split = split_at(data, places)
        # An empty piece is none.
        check(Case(data, method, accept_encoded, limits), [piece for piece in split if piece])
        check(Case(data, method, accept_encoded, limits), split)

    @law
    @given(wire, methods, limits, st.lists(st.integers(0, 2000), max_size=8))
    def test_at_no_time_a_parser_holds_more_than_the_limits(self, data, method, limits, places):
        parser = ResponseParser(limits)
        parser.begin(method)
        for piece in split_at(data, places):
            if parser.is_done:
                break
            parser.feed(piece)
            fields = sum(len(name) + len(value) for name, value in parser._fields)
            # Nine bytes are kept to see the version in them; the framing of a chunk comes on top.
            allowed = max(limits.head, 9) + laws.ONE_CHUNK
            self.assertLessEqual(len(parser._kept) + len(parser._reason) + fields, allowed)

    @law
    @given(st.sampled_from(REUSABLE), wire, methods, st.booleans(), limits)
    def test_what_a_parser_has_read_before_does_not_matter(
        self, before, data, method, accept_encoded, limits
    ):
        parser = check_again(before._replace(limits=limits), None)
        check_again(Case(data, method, accept_encoded, limits), parser)

    @law
    @given(st.lists(wire, max_size=4), methods)
    def test_whatever_comes_when_a_parser_raises_nothing(self, pieces, method):
        """Even if it is used as it should not be."""
        parser = ResponseParser(SMALL)
        for piece in pieces:
            for event in (*parser.feed(piece), *parser.eof()):
                self.assertIn(type(event), (Head, bytes, End, MalformedResponse, ResponseTooLarge))
            if parser.is_done:
                parser.begin(method)


# --- a model of responses ----------------------------------------------------------------

text = st.binary(max_size=12).map(lambda raw: bytes(byte for byte in raw if is_text(byte)))
values = text.map(lambda value: value.lstrip(b" \t"))
tokens = st.text("!#$%&'*+-.^_`|~09azAZ", min_size=1, max_size=8).map(str.encode)
names = tokens.filter(
    lambda name: name.lower()
    not in (
        *(b"content-length", b"transfer-encoding", b"content-encoding"),
        *(b"connection", b"proxy-connection", b"upgrade"),
    )
)
fields = st.lists(st.tuples(names, values), max_size=4)


def is_text(byte: int) -> bool:
    """Whether a byte may be in a reason or in a value."""
    return byte == 0x09 or (byte >= 0x20 and byte != 0x7F)


class Chunk(NamedTuple):
    """A piece of a chunked body, and how it is written."""

    data: bytes
    zeros: int
    capitals: bool
    extension: bytes

    def encode(self) -> bytes:
        size = f"{len(self.data):x}"
        size = "0" * self.zeros + (size.upper() if self.capitals else size)
        return size.encode() + self.extension + b"\r\n" + self.data + b"\r\n"


class Model(NamedTuple):
    """A response, and how it is written."""

    minor_version: int
    status: int
    reason: bytes
    fields: list[tuple[bytes, bytes]]
    framing: str
    chunks: list[Chunk]
    trailers: list[tuple[bytes, bytes]]
    interim: list[tuple[int, list[tuple[bytes, bytes]]]]
    close: bool

    @property
    def body(self) -> bytes:
        return b"".join(chunk.data for chunk in self.chunks)

    @property
    def all_fields(self) -> list[tuple[bytes, bytes]]:
        framing = {
            "length": [(b"Content-Length", b"%d" % len(self.body))],
            "chunked": [(b"Transfer-Encoding", b"chunked")],
            "close": [],
        }[self.framing]
        if self.minor_version == 1 and (self.close or self.framing == "close"):
            framing.insert(0, (b"Connection", b"close"))
        elif self.minor_version == 0 and not self.close and self.framing != "close":
            framing.append((b"Connection", b"keep-alive"))
        return [*framing[:1], *self.fields, *framing[1:]]

    def encode(self) -> bytes:
        heads = [_head(b"HTTP/1.1 %d " % status, own) for status, own in self.interim]
        line = b"HTTP/1.%d %d " % (self.minor_version, self.status) + self.reason
        return b"".join((*heads, _head(line, self.all_fields), self._wire()))

    def _wire(self) -> bytes:
        if self.framing != "chunked":
            return self.body
        chunks = b"".join(chunk.encode() for chunk in self.chunks)
        return chunks + _head(b"0", self.trailers)

    @property
    def end(self) -> End:
        if self.framing == "close":
            return End(reusable=False, certain=False)
        return End(reusable=not self.close)


def _head(line: bytes, own: list[tuple[bytes, bytes]]) -> bytes:
    return b"\r\n".join((line, *(name + b": " + value for name, value in own), b"", b""))


extensions = st.sampled_from([b"", b"", b";a", b";a=b", b';a="b;\\"c";d'])
chunks = st.builds(
    Chunk, st.binary(min_size=1, max_size=40), st.integers(0, 4), st.booleans(), extensions
)
interims = st.tuples(
    st.integers(100, 199).filter(lambda status: status != 101),
    fields | st.sampled_from([[(b"Content-Length", b"5")], [(b"Transfer-Encoding", b"chunked")]]),
)
models = st.builds(
    Model,
    st.integers(0, 1),
    st.integers(200, 599).filter(lambda status: status not in (204, 304)),
    text,
    fields,
    st.sampled_from(["length", "chunked", "close"]),
    st.lists(chunks, max_size=5),
    fields,
    st.lists(interims, max_size=3),
    st.booleans(),
).map(lambda model: model if model.framing != "chunked" else model._replace(minor_version=1))


class ModelTests(SynchronousTestCase):
    @law
    @given(models, st.lists(st.integers(0, 2000), max_size=8))
    def test_what_a_model_writes_is_read_as_the_model(self, model, places):
        data = model.encode()
        told = check(Case(data), split_at(data, places))
        length = len(model.body) if model.framing == "length" else None
        head = Head(model.minor_version, model.status, model.reason, model.all_fields, length)
        self.assertEqual(told, (RESPONSE, model.status, head, model.body, model.end, ""))

    @law
    @given(models, st.integers(0, 2000))
    def test_what_a_model_writes_has_no_end_where_it_is_cut(self, model, place):
        data = model.encode()
        cut = data[: place % len(data)]
        kind = check(Case(cut)).kind
        # A body that ends with the connection ends wherever it is cut.
        if model.framing == "close" and len(data) - len(cut) <= len(model.body):
            self.assertEqual(kind, RESPONSE)
        else:
            self.assertEqual(kind, CUT)

    @law
    @given(models)
    def test_a_model_is_read_by_the_other_reader_as_well(self, model):
        """It shows that the one which the parser is held against reads what it should."""
        strict = read_strictly(model.encode(), "GET")
        expected = (model.minor_version, model.status, model.reason, model.all_fields, model.body)
        self.assertEqual(strict[:5], expected)

    @law
    @given(st.lists(models, min_size=1, max_size=5))
    def test_models_are_read_one_after_the_other_by_one_parser(self, several):
        parser = ResponseParser()
        for model in several:
            parser.begin("GET")
            told = outcome([*parser.feed(model.encode()), *parser.eof()])
            self.assertEqual((told.body, told.end), (model.body, model.end))
            if not model.end.reusable:
                break


class StrictTests(SynchronousTestCase):
    def test_the_other_reader_refuses_what_is_not_strictly_a_response(self):
        for name, case in cases("malformed").items():
            # Some are responses of RFC 9112, and are refused for another reason; and of those
            # that a fuzzer has found, nobody says what they are.
            if name.removeprefix("malformed/") in ALLOWED or "found-" in name:
                continue
            with self.assertRaises(NotStrict, msg=name):
                strict = read_strictly(case.data, case.method)
                raise AssertionError(f"{name} is read as {strict}")

    def test_it_reads_what_is(self):
        for name in ALLOWED:
            case = cases("malformed")[f"malformed/{name}"]
            read_strictly(case.data, case.method)
        for case in cases("response").values():
            read_strictly(case.data, case.method)


#: What RFC 9112 allows, and we do not.
ALLOWED = (
    "compressed-unasked",
    "identity-unasked",
    "to-head-compressed",
    "to-head-with-both-lengths",
    "until-close-unannounced",
    "until-close-of-1.0-kept-alive",
    "transfer-encoding-of-1.0",
    "transfer-encoding-with-a-tab",
    "status-101-and-a-response",
    "interim-nine-times",
    "interim-compressed",
    "interim-of-1.0-chunked",
    "trailer-of-length",
)


class BrokenTests(SynchronousTestCase):
    """Each law is seen to fail, of a parser that breaks it."""

    SMALLEST = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    def assert_broken(self, words: str, data: bytes = SMALLEST, **methods: Any) -> None:
        broken = type("Broken", (ResponseParser,), methods)
        with (
            patch.object(laws, "ResponseParser", broken),
            self.assertRaises(Violation) as caught,
        ):
            check(Case(data))
        self.assertIn(words, str(caught.exception))

    def test_an_event_after_the_end(self):
        def feed(self, data):
            events = ResponseParser.feed(self, data)
            return [*events, b"x"] if self.is_done else events

        self.assert_broken("nothing comes after the end", feed=feed)

    def test_an_event_of_a_kind_that_is_not_told_of(self):
        def feed(self, data):
            return [*ResponseParser.feed(self, data), ValueError()]

        self.assert_broken("there are no other events", feed=feed)

    def test_a_body_without_a_head(self):
        def feed(self, data):
            return [e for e in ResponseParser.feed(self, data) if not isinstance(e, Head)]

        self.assert_broken("a body comes after a head", feed=feed)

    def test_a_split_that_matters(self):
        def feed(self, data):
            return ResponseParser.feed(self, data.replace(b"ok", b"no"))

        self.assert_broken("the split changes nothing", feed=feed)

    def test_bytes_that_are_read_as_others(self):
        def feed(self, data):
            return ResponseParser.feed(self, data.replace(b"k", b"K"))

        self.assert_broken("a response is read as it is", feed=feed)

    def test_what_is_accepted_though_it_is_not_strictly_so(self):
        def feed(self, data):
            return ResponseParser.feed(self, data.replace(b"\0", b"-"))

        self.assert_broken(
            "what is accepted is strictly so",
            self.SMALLEST.replace(b"\r\n\r\n", b"\r\nA: \0\r\n\r\n"),
            feed=feed,
        )

    def test_a_parser_that_remembers(self):
        class Broken(ResponseParser):
            seen = b""

            def feed(self, data):
                self.seen += b"x"
                return super().feed(data.replace(b"OK", self.seen))

        case = Case(b"HTTP/1.1 204 OK\r\n\r\n")
        with patch.object(laws, "ResponseParser", Broken):
            parser = check_again(case, None)
            with self.assertRaises(Violation) as caught:
                check_again(case, parser)
        self.assertIn("what was read before does not matter", str(caught.exception))

    def test_a_parser_that_is_done_and_does_not_say_so(self):
        def eof(self):
            self._done = True
            return []

        self.assert_broken("it is done when it has said so", self.SMALLEST[:-1], eof=eof)

    def test_a_connection_that_is_reused_though_it_should_not_be(self):
        def feed(self, data):
            events = ResponseParser.feed(self, data)
            return [End(reusable=True) if isinstance(e, End) else e for e in events]

        closed = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
        self.assert_broken("what is to be closed is not reused", closed, feed=feed)
