"""What holds of every response, whatever its bytes are, and however they are split.

`check` is used by the tests, by the mutation fuzzer and by the coverage-guided one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tests.http.h1.strict import NotStrict, read_strictly
from txetcd.errors import MalformedResponse, ResponseTooLarge, UnexpectedResponse
from txetcd.http.h1 import DEFAULT_LIMITS, End, Event, Head, Limits, ResponseParser

__all__ = [
    "CUT",
    "RESPONSE",
    "Case",
    "Outcome",
    "Reading",
    "Violation",
    "bytewise",
    "check",
    "check_again",
    "outcome",
    "read",
]

#: How a response can end, but for the errors.
RESPONSE = "response"
CUT = "cut short"

#: What may be said of a response that is refused.
ERRORS = (MalformedResponse, ResponseTooLarge)

#: What a parser that may be used again must read, as far as its limits let it.
NEXT = b"HTTP/1.1 204 \r\n\r\n"
NEXT_EVENTS = [Head(1, 204, b"", [], 0), End(reusable=True)]

#: Chunks may for a while have more around them than the limit, by the framing of one.
ONE_CHUNK = 20

#: What is said where they have more.
AROUND = "bytes around the chunks"

#: Each byte on its own.
_BYTES = [bytes([byte]) for byte in range(256)]


class Violation(AssertionError):
    """A law does not hold."""


class Case(NamedTuple):
    """Some bytes, and what they are the answer to."""

    data: bytes
    method: str = "GET"
    accept_encoded: bool = False
    limits: Limits = DEFAULT_LIMITS


class Outcome(NamedTuple):
    """What a user of the parser was told, without the pieces of the body."""

    kind: str
    status: int
    head: Head | None
    body: bytes
    end: End | None = None
    #: The words of an error.
    reason: str = ""


class Reading(NamedTuple):
    """A case that was read in pieces."""

    parser: ResponseParser
    events: list[Event]
    #: How many pieces were read before the response ended.
    used: int


def bytewise(data: bytes) -> Iterable[bytes]:
    """Every byte on its own."""
    return map(_BYTES.__getitem__, data)


def read(
    case: Case, pieces: Iterable[bytes], parser: ResponseParser | None = None
) -> Reading:
    """Read pieces up to the end of the response, or of the connection.

    Args:
        case: What is read.
        pieces: Its bytes.
        parser: What reads them; a new one, with the limits of the case, if None.
    """
    parser = ResponseParser(case.limits) if parser is None else parser
    parser.begin(case.method, case.accept_encoded)
    events: list[Event] = []
    used = 0
    for piece in pieces:
        events += parser.feed(piece)
        used += 1
        if parser.is_done:
            break
    else:
        events += parser.eof()
    return Reading(parser, events, used)


def outcome(events: list[Event]) -> Outcome:
    """What some events say.

    Raises:
        Violation: They are not in order.
    """
    head: Head | None = None
    last: End | UnexpectedResponse | None = None
    body: list[bytes] = []
    for event in events:
        _require(last is None, "nothing comes after the end", events)
        if type(event) is bytes:
            _require(head is not None and event != b"", "a body comes after a head", events)
            body.append(event)
        elif type(event) is Head:
            _require(head is None, "there is one head", events)
            head = event
        else:
            _require(type(event) in (End, *ERRORS), "there are no other events", events)
            last = event  # type: ignore[assignment]
    return _outcome(head, b"".join(body), last)


def _outcome(head: Head | None, body: bytes, last: End | UnexpectedResponse | None) -> Outcome:
    if isinstance(last, UnexpectedResponse):
        return Outcome(type(last).__name__, last.status, head, b"", None, last.reason)
    if last is None:
        return Outcome(CUT, head.status if head else 0, head, body)
    _require(head is not None, "an end comes after a head", last)
    return Outcome(RESPONSE, head.status if head else 0, head, body, last)


def check(case: Case, *splits: Iterable[bytes]) -> Outcome:
    """Read some bytes whole, byte by byte, and as they are split, and hold all laws against it.

    Raises:
        Violation: One does not hold.
    """
    single = read(case, bytewise(case.data))
    expected = outcome(single.events)
    used = single.used
    _check_outcome(case, expected, used)
    _check_bounds(case, single)
    _check_afterwards(case, single, expected)
    whole = _check_split(case, (case.data,), expected, used)
    for pieces in splits:
        _check_split(case, pieces, expected, used)
    if used < len(case.data):
        _check_surplus(case, whole, expected, used)
    return expected


def check_again(case: Case, parser: ResponseParser | None) -> ResponseParser | None:
    """Read some bytes with a parser that has read others.

    Args:
        case: The bytes, with the limits of the parser.
        parser: It, or None if there is none.

    Returns:
        A parser that may be used once more, or None.

    Raises:
        Violation: It does not read them as a new one does.
    """
    new = read(case, [case.data])
    expected = outcome(new.events)
    again = new if parser is None else read(case, [case.data], parser)
    told = outcome(again.events)
    _require(told == expected, "what was read before does not matter", told, expected)
    return again.parser if told.end is not None and told.end.reusable else None


def _check_split(case: Case, pieces: Iterable[bytes], expected: Outcome, used: int) -> Outcome:
    """The outcome does not depend on the split."""
    reading = read(case, pieces)
    _check_bounds(case, reading)
    actual = outcome(reading.events)
    surplus = used < len(case.data)
    if AROUND in expected.reason:
        # Something else may be wrong as well, and it depends on the split which is seen first.
        _require(actual.kind != RESPONSE, "what is around chunks is limited", actual, expected)
    elif not (surplus and AROUND in actual.reason):
        # With more than a response it depends on the split whether that is seen in time.
        count = 4 if surplus else 5
        same = actual[:count] == expected[:count]
        _require(same, "the split changes nothing", actual, expected)
    return actual


def _check_surplus(case: Case, whole: Outcome, expected: Outcome, used: int) -> None:
    exactly = outcome(read(case, (case.data[:used],)).events)
    same = exactly[:5] == expected[:5]
    _require(same, "what comes after the end changes nothing", exactly, expected)
    if whole.end is not None and whole.end.reusable:
        surplus = case.data[used:]
        # llhttp passes over blank lines, and over the beginning of a chunk that HEAD has not.
        passed_over = not surplus.strip(b"\r\n") or case.method == "HEAD"
        _require(passed_over, "a connection with surplus is not reused", whole)


def _check_outcome(case: Case, told: Outcome, used: int) -> None:
    head, limits = told.head, case.limits
    if head is None:
        return
    _require(200 <= head.status <= 599, "a head has a final status", head)
    text = len(head.reason) + sum(len(name) + len(value) for name, value in head.fields)
    _require(text <= limits.head, "a head keeps to its limit", head)
    _require(len(head.fields) <= limits.fields, "fields keep to their limit", head)
    first = {name.lower(): value for name, value in reversed(head.fields)}
    _require(head.names == first, "the first of each name is known by it", head.names)
    _require(len(told.body) <= limits.body, "a body keeps to its limit", told)
    if told.end is None:
        return
    if told.end.certain and case.method != "HEAD" and head.length is not None:
        _require(len(told.body) == head.length, "a body has its length", told)
    _require(told.end.certain or not told.end.reusable, "what is closed is not reused", told)
    _check_strictly(case, told, used)


def _check_strictly(case: Case, told: Outcome, used: int) -> None:
    """Another reader reads the same."""
    try:
        strict = read_strictly(case.data, case.method)
    except NotStrict as error:
        raise Violation(f"what is accepted is strictly so: {error}") from None
    head = told.head
    assert head is not None and told.end is not None
    actual = head.minor_version, head.status, head.reason, head.fields, told.body
    _require(actual == strict[:5], "a response is read as it is", actual, strict)
    _require(not told.end.reusable or _is_kept(head), "what is to be closed is not reused", told)
    closes = strict.end is None
    _require(closes == (not told.end.certain), "what ends by closing is said to", told, strict)
    _require(used == (len(case.data) if closes else strict.end), "it ends where it ends", strict)


def _is_kept(head: Head) -> bool:
    """Whether a connection is to stay open: RFC 9112, section 9.3."""
    values = [value for name, value in head.fields if name.lower() == b"connection"]
    options = [option.strip(b" \t").lower() for option in b",".join(values).split(b",")]
    return b"close" not in options and (head.minor_version == 1 or b"keep-alive" in options)


def _check_bounds(case: Case, reading: Reading) -> None:
    """What a parser holds keeps to the limits."""
    parser, limits = reading.parser, case.limits
    # Nine bytes are kept to see the version in them.
    _require(len(parser._kept) <= max(limits.head, 9), "what is kept keeps to the limit", parser)
    if not parser.is_done:
        around = parser._around()
        _require(around <= limits.head + ONE_CHUNK, "what carries nothing is limited", around)


def _check_afterwards(case: Case, reading: Reading, told: Outcome) -> None:
    """A parser is done exactly when it has said so, and reads on exactly if it may."""
    parser = reading.parser
    _require(parser.is_done == (told.kind != CUT), "it is done when it has said so", parser)
    if not parser.is_done:
        return
    _require(parser.eof() == [], "nothing is left to be said", parser)
    if told.end is not None and told.end.reusable:
        if case.limits.head < len(NEXT):
            return
        parser.begin("GET")
        events = parser.feed(NEXT)
        _require(events == NEXT_EVENTS, "the next response is read", events)
        return
    events = parser.feed(NEXT)
    refused = len(events) == 1 and type(events[0]) is MalformedResponse
    _require(refused, "what nobody asked for is refused", events)


def _require(holds: bool, law: str, *shown: object) -> None:
    if not holds:
        raise Violation("; ".join((f"not so: {law}", *map(repr, shown))))
