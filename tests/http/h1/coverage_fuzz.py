"""The laws of `tests.http.h1.laws`, against inputs that are led by coverage.

It needs atheris, which is no dependency of this project::

    pip install atheris
    python -m tests.http.h1.coverage_fuzz /tmp/found -max_total_time=3600 -max_len=1024

The corpus and its tokens are what it begins with.  The arguments are those of libFuzzer: a
folder for what is found, and options.  It ends with a traceback where a law does not hold,
and libFuzzer leaves the input in the current folder; given as an argument, it is tried
again.

What leads it is the coverage of ``txetcd.http.h1``, and, since most of the parser is not
Python, what comes out of it.  Each way in which a response can end, with the error's words,
counts as a piece of code that was reached; and so does each state in which one is cut short,
which the words tell that are said of a NUL.

An input is one byte of options, the places to split at (each a byte), and the response:

===========  =====================================
bits 0 and 1  how many places there are, less one
bit 2         the response is that to HEAD
bit 3         a ``Content-Encoding`` was asked for
bit 4         the limits are the default
===========  =====================================
"""

from __future__ import annotations

import re
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]

with atheris.instrument_imports(include=["txetcd.http.h1"]):
    from tests.http.h1.corpus import cases
    from tests.http.h1.laws import Case, check, read
    from tests.http.h1.mutate import SMALL, TOKENS
    from txetcd.errors import TxetcdError
    from txetcd.http.h1 import DEFAULT_LIMITS, End, Event

_HEAD, _ENCODED, _DEFAULT = 4, 8, 16

#: One function for each outcome that is told apart; two that share one do no harm.
_SIGNALS = 512


def _signal() -> Callable[[], None]:
    """Code of its own, to be reached."""

    def reached() -> None:
        return None

    return atheris.instrument_func(reached)


SIGNALS = [_signal() for _ in range(_SIGNALS)]


def one_input(raw: bytes) -> None:
    """Read an input, and hold the laws against it."""
    case, split = decode(raw)
    check(case, split)
    reading = read(case, [case.data])
    told = [_words(event) for event in reading.events[-1:]]
    if not reading.parser.is_done:
        told += map(_words, reading.parser.feed(b"\0"))
    SIGNALS[zlib.crc32(repr((told, _size(reading.parser))).encode()) % _SIGNALS]()


def decode(raw: bytes) -> tuple[Case, list[bytes]]:
    """A case, and the pieces that it is split into as well."""
    options = raw[0] if raw else 0
    count = 1 + (options & 3)
    data = raw[1 + count :]
    case = Case(
        data,
        "HEAD" if options & _HEAD else "GET",
        bool(options & _ENCODED),
        DEFAULT_LIMITS if options & _DEFAULT else SMALL,
    )
    places = sorted({0, *(byte * (len(data) + 1) // 256 for byte in raw[1 : 1 + count])})
    return case, [data[a:b] for a, b in zip(places, [*places[1:], len(data)], strict=True)]


def encode(case: Case) -> bytes:
    """An input that makes a case."""
    options = _HEAD * (case.method == "HEAD") | _ENCODED * case.accept_encoded
    return bytes((options, 128)) + case.data


def _words(event: Event) -> str:
    if isinstance(event, TxetcdError):
        return re.sub("[0-9]+", "0", event.describe())
    return repr(event) if isinstance(event, End) else type(event).__name__


def _size(parser: Any) -> tuple[int, int]:
    """How far it went: the numbers of fields and of bytes around chunks, roughly."""
    return len(parser._fields), parser._needed.bit_length()


def main() -> None:
    """Run libFuzzer."""
    with tempfile.TemporaryDirectory() as folder:
        seeds = Path(folder, "seeds")
        seeds.mkdir()
        for number, case in enumerate(cases().values()):
            (seeds / str(number)).write_bytes(encode(case))
        words = Path(folder, "tokens")
        lines = ['"' + "".join(f"\\x{byte:02x}" for byte in token) + '"\n' for token in TOKENS]
        words.write_text("".join(lines))
        files = [argument for argument in sys.argv[1:] if Path(argument).is_file()]
        given = [] if files else [str(seeds)]
        atheris.Setup([*sys.argv, *given, f"-dict={words}"], one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
