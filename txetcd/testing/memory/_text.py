"""Text and times, as Go writes them in JSON."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

__all__ = ["SECOND", "nanoseconds", "quoted", "timestamp"]

#: Nanoseconds in a second.
SECOND = 1_000_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

#: What Go does not write as it is; the surrogates stand for bytes that are not UTF-8.
_SPECIAL = re.compile('[\x00-\x1f"\\\\<>&\u2028\u2029\udc80-\udcff]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quoted(text: str) -> str:
    """A string in JSON, as Go's ``encoding/json`` writes it."""
    return f'"{_SPECIAL.sub(_escape, text)}"'


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in _SHORT:
        return _SHORT[character]
    number = ord(character)
    return "\\ufffd" if 0xDC80 <= number <= 0xDCFF else f"\\u{number:04x}"


def nanoseconds(moment: datetime) -> int:
    """A moment as nanoseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def timestamp(moment: int) -> str:
    """Nanoseconds since 1970 as a time of RFC 3339, with no more digits than it needs."""
    seconds, rest = divmod(moment, SECOND)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{rest:09}".rstrip("0") if rest else ""
    return f"{text}{fraction}Z"
