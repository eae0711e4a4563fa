"""A test case that reads responses in every way in which they can arrive."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from tests.http.h1.laws import Case, Reading, bytewise, check, read
from txetcd.errors import MalformedResponse, UnexpectedResponse
from txetcd.http.h1 import DEFAULT_LIMITS, End, Head, Limits

__all__ = ["CLOSED", "LAST", "REUSABLE", "ParserCase", "head"]

REUSABLE = End(reusable=True)
LAST = End(reusable=False)
CLOSED = End(reusable=False, certain=False)

#: What a server may send too much.
TRAILING = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"


def head(
    *fields: tuple[bytes, bytes],
    length: int | None = None,
    status: int = 200,
    reason: bytes = b"OK",
    minor_version: int = 1,
) -> Head:
    """The head of a response, for most of them."""
    return Head(minor_version, status, reason, list(fields), length)


def joined(events: Iterable[Any]) -> list[Any]:
    """Events, with the pieces of a body as one, and errors as tuples."""
    result: list[Any] = []
    for event in events:
        if isinstance(event, bytes) and result and isinstance(result[-1], bytes):
            result[-1] += event
        elif isinstance(event, UnexpectedResponse):
            result.append((type(event), event.status, event.reason))
        else:
            result.append(event)
    return result


class ParserCase(SynchronousTestCase):
    """Reads each response whole, byte by byte, and with more bytes than it has."""

    def assert_read(
        self,
        data: bytes,
        *events: Head | bytes | End,
        method: str = "GET",
        accept_encoded: bool = False,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        """A response is read as these events; without an end, it is cut short."""
        case = Case(data, method, accept_encoded, limits)
        for reading in self.readings(case):
            self.assertEqual(joined(reading.events), list(events))
        if events and isinstance(events[-1], End) and events[-1].certain:
            # Around chunks it counts towards the limit, since nothing tells it from what it is not.
            roomy = attrs.evolve(limits, head=limits.head + len(TRAILING))
            more = read(case._replace(limits=roomy), [data + TRAILING])
            self.assertEqual(joined(more.events), [*events[:-1], LAST])

    def assert_refused(
        self,
        data: bytes,
        status: int,
        words: str,
        *events: Head | bytes,
        error: type[UnexpectedResponse] = MalformedResponse,
        method: str = "GET",
        accept_encoded: bool = False,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        """A response is refused after these events, with an error of these words."""
        case = Case(data, method, accept_encoded, limits)
        more = read(case, [data + TRAILING])
        for reading in (*self.readings(case), more):
            *before, refused = joined(reading.events)
            self.assertEqual(refused[:2], (error, status), refused)
            self.assertIn(words, refused[2])
            self.assertEqual(_without_bodies(before), _without_bodies(events))

    def readings(self, case: Case) -> list[Reading]:
        """A case read whole, and byte by byte; all laws are held against it as well."""
        check(case)
        return [read(case, [case.data]), read(case, bytewise(case.data))]


def _without_bodies(events: Iterable[Any]) -> list[Any]:
    # How much of a body is told before an error depends on how it is split.
    return [event for event in events if not isinstance(event, bytes)]
