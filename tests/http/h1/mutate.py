"""Responses that are nearly as in the corpus: what is drawn depends on the seed alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

from tests.http.h1.laws import RESPONSE, Case, outcome, read
from txetcd.http.h1 import DEFAULT_LIMITS, Limits

__all__ = ["SMALL", "TINY", "TOKENS", "Mutator"]

#: Limits that a small response can reach.
SMALL = Limits(head=200, fields=5, body=300, interim=2)
TINY = Limits(head=110, fields=3, body=4, interim=1)

_LIMITS = (*[DEFAULT_LIMITS] * 6, SMALL, TINY)

#: What means something somewhere.
TOKENS = (
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"\t",
    b" ",
    b":",
    b";",
    b",",
    b'"',
    b"\x0b",
    b"\x7f",
    b"\xa0",
    b"\xff",
    b"0",
    b"00000000",
    b"1",
    b"0\r\n\r\n",
    b"1\r\nx\r\n",
    b"a\r\n0123456789\r\n",
    b"2;a=b\r\nok\r\n",
    b';a="b;c"',
    b"FFFFFFFF",
    b"10000000000000000",
    b"2147483648",
    b"18446744073709551615",
    b"-1",
    b"+1",
    b"0x",
    b"HTTP/1.1 ",
    b"HTTP/1.0 ",
    b"HTTP/2.0 ",
    b"RTSP/1.0 ",
    b"200",
    b"100",
    b"101",
    b"204",
    b"304",
    b"HTTP/1.1 100 \r\n\r\n",
    b"HTTP/1.1 103 \r\nA: b\r\n\r\n",
    b"HTTP/1.1 199 \r\nContent-Length: 9\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.0 200 OK\r\n",
    b"HTTP/1.1 204 \r\n\r\n",
    b"Content-Length: ",
    b"Content-Length: 0\r\n",
    b"Content-Length: 2\r\n",
    b"Content-Length: 300\r\n",
    b"Transfer-Encoding: ",
    b"Transfer-Encoding: chunked\r\n",
    b"chunked",
    b"gzip",
    b"identity",
    b"Content-Encoding: gzip\r\n",
    b"Connection: ",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"Connection: upgrade\r\nUpgrade: h2c\r\n",
    b"Proxy-Connection: keep-alive\r\n",
    b"close",
    b"keep-alive",
    b"A: b\r\n",
    b"A:\r\n",
    b"A: b\r\n c\r\n",
)

#: How many changes are made, drawn from these: few, since most of them ruin a response.
_CHANGES = (1, 1, 1, 1, 1, 2, 2, 3)

#: No response is longer than this, so that all can be read byte by byte in a short time.
_LONGEST = 500


def _weight(case: Case) -> float:
    """How often one is drawn.

    Those that are responses more often, since most of what is made of the others is refused
    as early as they are; and the short ones, which take less time and have less that means
    nothing.
    """
    kind = outcome(read(case, [case.data]).events).kind
    return (8 if kind == RESPONSE else 1) / (60 + len(case.data))


class Mutator:
    """Draws responses.

    Args:
        seeds: The responses to begin with.
        seed: What is drawn depends on it alone.
    """

    def __init__(self, seeds: Sequence[Case], seed: int | str) -> None:
        self._random = Random(seed)
        self._seeds = list(seeds)
        self._weights = [_weight(case) for case in seeds]
        self._drawn: Iterator[Case] = iter(())
        self._changes: tuple[Callable[[bytearray], None], ...] = (
            self._flip_a_bit,
            self._set_a_byte,
            self._insert_a_token,
            self._insert_a_token,
            self._replace_by_a_token,
            self._insert_a_line,
            self._insert_a_line,
            self._repeat_a_line,
            self._remove_a_line,
            self._swap_lines,
            self._change_a_number,
            self._change_case,
            self._remove_a_piece,
            self._repeat_a_piece,
            self._truncate,
            self._splice,
            self._append,
        )

    def next(self) -> Case:
        """The next response."""
        random = self._random
        begun = self._draw()
        data = bytearray(begun.data)
        for _ in range(random.choice(_CHANGES)):
            random.choice(self._changes)(data)
        draw = random.random()
        method = begun.method if draw < 0.9 else "HEAD" if draw < 0.95 else "GET"
        accept_encoded = begun.accept_encoded or random.random() < 0.1
        limits = random.choice(_LIMITS)
        return Case(bytes(data[:_LONGEST]), method, accept_encoded, limits)

    def _draw(self) -> Case:
        try:
            return next(self._drawn)
        except StopIteration:
            # Drawing many at a time is the faster.
            self._drawn = iter(self._random.choices(self._seeds, self._weights, k=1000))
            return next(self._drawn)

    def _place(self, data: bytearray) -> int:
        return int(self._random.random() * len(data)) if data else 0

    def _piece(self, data: bytearray) -> slice:
        start = self._place(data)
        return slice(start, start + self._random.choice((1, 1, 2, 4, 8, 32)))

    def _line(self, data: bytearray) -> int:
        """Where a line begins."""
        return data.rfind(b"\n", 0, self._place(data)) + 1

    def _end_of_line(self, data: bytearray, start: int) -> int:
        return data.find(b"\n", start) + 1 or len(data)

    def _flip_a_bit(self, data: bytearray) -> None:
        if data:
            data[self._place(data)] ^= 1 << self._random.randrange(8)

    def _set_a_byte(self, data: bytearray) -> None:
        if data:
            data[self._place(data)] = self._random.randrange(256)

    def _insert_a_token(self, data: bytearray) -> None:
        place = self._place(data)
        data[place:place] = self._random.choice(TOKENS)

    def _replace_by_a_token(self, data: bytearray) -> None:
        token = self._random.choice(TOKENS)
        place = self._place(data)
        data[place : place + len(token)] = token

    def _insert_a_line(self, data: bytearray) -> None:
        place = self._line(data)
        data[place:place] = self._random.choice(TOKENS)

    def _repeat_a_line(self, data: bytearray) -> None:
        start = self._line(data)
        line = data[start : self._end_of_line(data, start)]
        place = self._line(data)
        data[place:place] = line * self._random.choice((1, 1, 1, 2, 8))

    def _remove_a_line(self, data: bytearray) -> None:
        start = self._line(data)
        del data[start : self._end_of_line(data, start)]

    def _swap_lines(self, data: bytearray) -> None:
        start = self._line(data)
        end = self._end_of_line(data, start)
        line = data[start:end]
        del data[start:end]
        place = self._line(data)
        data[place:place] = line

    def _change_a_number(self, data: bytearray) -> None:
        """Put another digit in the place of one."""
        places = [place for place, byte in enumerate(data) if 0x30 <= byte <= 0x39]
        if places:
            data[self._random.choice(places)] = self._random.choice(b"0123456789aF")

    def _change_case(self, data: bytearray) -> None:
        piece = self._piece(data)
        data[piece] = data[piece].swapcase()

    def _remove_a_piece(self, data: bytearray) -> None:
        del data[self._piece(data)]

    def _repeat_a_piece(self, data: bytearray) -> None:
        piece = self._piece(data)
        data[piece] = data[piece] * self._random.choice((2, 2, 3, 20))

    def _truncate(self, data: bytearray) -> None:
        del data[self._place(data) :]

    def _splice(self, data: bytearray) -> None:
        """Go on with the end of another."""
        other = bytearray(self._draw().data)
        data[self._line(data) :] = other[self._line(other) :]

    def _append(self, data: bytearray) -> None:
        data += self._draw().data
