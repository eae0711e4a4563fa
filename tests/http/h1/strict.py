"""Another reader of responses, to hold the parser against: slow, simple, and of RFC 9112 alone.

It reads what is whole, and knows no limits, no pieces and no errors but one.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["NotStrict", "Strict", "read_strictly"]

#: RFC 9110, sections 5.5 and 5.6.2; RFC 9112, sections 4 and 7.1.
TEXT = rb"[\t\x20-\x7e\x80-\xff]*"
TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: (" + TEXT + rb"))?")
FIELD = re.compile(rb"(" + TOKEN + rb"):[ \t]*(" + TEXT + rb")")
QUOTED = rb'"(?:[\t\x20-\x21\x23-\x5b\x5d-\xff]|\\[\t\x20-\x7e\x80-\xff])*"'
#: More than RFC 9112, section 7.1.1, allows: names and values may be missing, and a value may be
#: quoted in part, and hold DEL.  They mean nothing.
EXTENSION = rb";(?:" + TOKEN + rb")?(?:=(?:" + TOKEN + rb")?(?:" + QUOTED + rb")?)?"
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]+)(?:" + EXTENSION + rb")*")


class NotStrict(Exception):
    """This is no response, or not a whole one, or does not say where it ends."""


class Strict(NamedTuple):
    """A response, and how many bytes it took; None if all that there will be."""

    minor_version: int
    status: int
    reason: bytes
    fields: list[tuple[bytes, bytes]]
    body: bytes
    end: int | None


def read_strictly(data: bytes, method: str) -> Strict:
    """The first response in some bytes.

    Raises:
        NotStrict: There is none.
    """
    minor, status, reason, fields, start = 0, 100, b"", list[tuple[bytes, bytes]](), 0
    while status < 200:
        head, start = _until(data, start, b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        match = _matching(STATUS_LINE, first)
        minor, status, reason = int(match[1]), int(match[2]), match[3] or b""
        fields = [_field(line) for line in lines]
    body, end = _body(data, start, fields, bodiless=method == "HEAD" or status in (204, 304))
    return Strict(minor, status, reason, fields, body, end)


def _until(data: bytes, start: int, mark: bytes) -> tuple[bytes, int]:
    """What comes before the next mark, and where what comes after it begins."""
    found = data.find(mark, start)
    if found < 0:
        raise NotStrict(f"{mark!r} is missing")
    return data[start:found], found + len(mark)


def _matching(pattern: re.Pattern[bytes], line: bytes) -> re.Match[bytes]:
    match = pattern.fullmatch(line)
    if match is None:
        raise NotStrict(f"{line!r} is not as it must be")
    return match


def _field(line: bytes) -> tuple[bytes, bytes]:
    match = _matching(FIELD, line)
    return match[1], match[2]


def _body(
    data: bytes, start: int, fields: list[tuple[bytes, bytes]], bodiless: bool
) -> tuple[bytes, int | None]:
    framing = [
        (name.lower(), value.strip(b" \t").lower())
        for name, value in fields
        if name.lower() in (b"transfer-encoding", b"content-length")
    ]
    if bodiless:
        return b"", start
    if not framing:
        return data[start:], None
    if len(framing) > 1:
        raise NotStrict("its end is told twice")
    [(name, value)] = framing
    if name == b"transfer-encoding":
        return _chunks(data, start) if value == b"chunked" else _never(value)
    if not re.fullmatch(rb"[0-9]+", value):
        raise NotStrict(f"{value!r} is no length")
    end = start + int(value.lstrip(b"0") or b"0")
    return (data[start:end], end) if end <= len(data) else _never(value)


def _chunks(data: bytes, start: int) -> tuple[bytes, int]:
    body = b""
    while True:
        line, start = _until(data, start, b"\r\n")
        size = int(_matching(CHUNK_SIZE, line)[1], 16)
        if size == 0:
            return body, _after_trailers(data, start)
        body += data[start : start + size]
        start += size
        if data[start : start + 2] != b"\r\n":
            raise NotStrict("a chunk is longer or shorter than it says")
        start += 2


def _after_trailers(data: bytes, start: int) -> int:
    while True:
        line, start = _until(data, start, b"\r\n")
        if not line:
            return start
        _field(line)


def _never(value: bytes) -> tuple[bytes, int]:
    raise NotStrict(f"it does not end as {value!r} says")
