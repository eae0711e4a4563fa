"""`ReceivedHeaders`: Twisted's ``Headers`` in all but when it is filled."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from txetcd.http.received_headers import ReceivedHeaders

FIELDS = [(b"Content-Length", b"2"), (b"set-cookie", b"a=1"), (b"Set-Cookie", b"b=2")]

#: Names that meet, in several cases, and one that none can have.
names = st.sampled_from(
    [
        b"set-cookie",
        b"Set-Cookie",
        "SET-COOKIE",
        b"etag",
        "ETag",
        b"content-encoding",
        "x",
        b"X",
        b"no name",
        "",
    ]
)
tokens = st.sampled_from([b"set-cookie", b"Set-Cookie", b"ETag", b"x", b"content-encoding"])
values = st.one_of(st.binary(max_size=4), st.text(max_size=4).filter(str.isascii))
received = st.lists(st.tuples(tokens, st.binary(max_size=4)), max_size=5)
lists = st.lists(values, max_size=3)

#: Each operation with its arguments; what it does to itself, and what it gives.
operations = st.one_of(
    st.tuples(st.just("hasHeader"), names),
    st.tuples(st.just("removeHeader"), names),
    st.tuples(st.just("setRawHeaders"), names, lists),
    st.tuples(st.just("setRawHeaders"), st.just(b"content-encoding"), st.just([b""])),
    st.tuples(st.just("addRawHeader"), names, values),
    st.tuples(st.just("getRawHeaders"), names),
    st.tuples(st.just("getRawHeaders"), names, st.just("default")),
    st.tuples(st.just("getAllRawHeaders")),
    st.tuples(st.just("copy")),
    st.tuples(st.just("__repr__")),
)


def twisted(fields: list[tuple[bytes, bytes]]) -> Headers:
    headers = Headers()
    for name, value in fields:
        headers.addRawHeader(name, value)
    return headers


def result(headers: Headers, operation: tuple[Any, ...]) -> Any:
    """What an operation gives, as something that can be compared."""
    name, *arguments = operation
    arguments = [each[:] if isinstance(each, list) else each for each in arguments]
    try:
        given = getattr(headers, name)(*arguments)
    except Exception as error:
        return type(error), str(error)
    if name == "getAllRawHeaders":
        return [(each, list(values)) for each, values in given]
    if name == "copy":
        return list(given.getAllRawHeaders())
    if name == "__repr__":
        return given.partition("(")[2]
    return given


class EqualityTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=500)
    @given(received, st.lists(operations, max_size=8))
    def test_any_operations_give_what_they_give_with_twisted(self, fields, done):
        ours, theirs = ReceivedHeaders(list(fields)), twisted(fields)
        for operation in done:
            self.assertEqual(result(ours, operation), result(theirs, operation), operation)
        self.assertEqual(list(ours.getAllRawHeaders()), list(theirs.getAllRawHeaders()))

    @settings(deadline=None, max_examples=300)
    @given(received, received, st.booleans(), st.booleans())
    def test_they_compare_as_twisteds_do(self, first, second, lazily, reversed_):
        """Also before their fields have been added, on either side."""
        for compare in ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"):
            expected = getattr(twisted(first), compare)(twisted(second))
            one: Headers = ReceivedHeaders(list(first))
            other: Headers = ReceivedHeaders(list(second)) if lazily else twisted(second)
            if reversed_ and not lazily:
                one, other = twisted(first), ReceivedHeaders(list(second))
            self.assertEqual(self.compared(one, compare, other), expected, compare)

    def compared(self, one: Any, compare: str, other: Any) -> bool:
        """As the operator does, which asks a subclass first."""
        return {
            "__eq__": lambda: one == other,
            "__ne__": lambda: one != other,
            "__lt__": lambda: one < other,
            "__le__": lambda: one <= other,
            "__gt__": lambda: one > other,
            "__ge__": lambda: one >= other,
        }[compare]()

    def test_they_equal_nothing_else(self):
        self.assertNotEqual(ReceivedHeaders([]), {})
        self.assertNotEqual(ReceivedHeaders([]), None)

    def test_they_can_be_members_of_a_set_as_twisteds_can(self):
        hash(Headers())
        headers = ReceivedHeaders(FIELDS)
        self.assertIn(headers, {headers})

    def test_a_copy_is_independent(self):
        headers = ReceivedHeaders(FIELDS)
        copy = headers.copy()
        copy.addRawHeader(b"Set-Cookie", b"c=3")
        headers.removeHeader(b"Content-Length")
        self.assertEqual(headers.getRawHeaders(b"set-cookie"), [b"a=1", b"b=2"])
        self.assertEqual(copy.getRawHeaders(b"content-length"), [b"2"])

    def test_the_list_that_they_were_made_of_is_left_as_it_was(self):
        """The head of the response has the same one."""
        fields = list(FIELDS)
        headers = ReceivedHeaders(fields)
        headers.setRawHeaders(b"content-encoding", [b""])
        headers.addRawHeader(b"x", b"y")
        headers.removeHeader(b"set-cookie")
        self.assertEqual(fields, FIELDS)


class LazinessTests(SynchronousTestCase):
    """What treq asks of every response adds no field: that is what it is for."""

    def assertAdded(self, headers: ReceivedHeaders, expected: bool) -> None:
        self.assertEqual(headers._rawHeaders != {}, expected)

    def test_what_is_lacking_is_known_without_adding_anything(self):
        headers = ReceivedHeaders(FIELDS)
        self.assertFalse(headers.hasHeader(b"content-encoding"))
        self.assertEqual(headers.getRawHeaders("location", ["none"]), ["none"])
        headers.removeHeader(b"ETag")
        headers.setRawHeaders(b"content-encoding", [b""])
        self.assertAdded(headers, False)
        self.assertTrue(headers.hasHeader(b"content-length"))
        self.assertAdded(headers, True)
        self.assertEqual(headers.getRawHeaders(b"content-encoding"), [b""])

    def test_a_name_of_the_same_length_is_told_apart(self):
        headers = ReceivedHeaders([(b"abc", b"1")])
        self.assertFalse(headers.hasHeader(b"abd"))
        self.assertTrue(headers.hasHeader(b"ABC"))


class LeftOutTests(SynchronousTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.headers = ReceivedHeaders(FIELDS, frozenset({b"content-length"}))

    def test_what_is_left_out_is_lacking(self):
        self.assertFalse(self.headers.hasHeader(b"Content-Length"))
        self.assertIsNone(self.headers.getRawHeaders("content-length"))
        self.assertEqual(list(self.headers.getAllRawHeaders()), [(b"Set-Cookie", [b"a=1", b"b=2"])])

    def test_it_can_be_set(self):
        self.headers.setRawHeaders(b"content-length", [b"5"])
        self.assertEqual(self.headers.getRawHeaders(b"content-length"), [b"5"])
        self.assertTrue(self.headers.hasHeader(b"set-cookie"))


class CompletenessTests(SynchronousTestCase):
    """A method that a new Twisted adds would see no fields: this test would fail then."""

    #: What needs no field, or asks those that are overridden.
    INHERITED = frozenset({"__init__"})

    def test_whatever_twisteds_headers_have_is_overridden(self):
        theirs = {
            name
            for name, value in vars(Headers).items()
            if (callable(value) or isinstance(value, property)) and not is_private(name)
        }
        self.assertLessEqual({"hasHeader", "getAllRawHeaders", "copy", "__eq__"}, theirs)
        inherited = {name for name in theirs if getattr(Headers, name) is self.ours(name)}
        self.assertEqual(inherited - self.INHERITED, set())

    def ours(self, name: str) -> Any:
        return getattr(ReceivedHeaders, name)


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")
