"""JSON (RFC 8259) of any depth.

The standard library's decoder calls itself for each level, and gives up on a tree
of keys 500 deep.  Documents that it gives up on are read here with a stack of our
own, some ten times slower; all others are left to it.
"""

from __future__ import annotations

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]  # untyped, and public
from typing import Any, NoReturn

__all__ = ["loads"]

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORDS = {"t": ("true", True), "f": ("false", False), "n": ("null", None)}


def loads(text: str) -> Any:
    """The value of a JSON document.

    Raises:
        ValueError: It is not JSON, at the place that the error names.
    """
    try:
        value, end = _DECODER.raw_decode(text)
        if text[end:] in _ENDS:
            return value
    except (ValueError, RecursionError):
        # The long way says what is wrong, or reads it all the same.
        pass
    try:
        return _DECODER.decode(text)
    except RecursionError:
        return _Reader(text).document()


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


#: Made once: `json.loads` would make a decoder for each document (1.3 µs).
_DECODER = json.JSONDecoder(parse_constant=_no_constant)
#: What may follow a document that is read without its passing over white space (0.4 µs).
_ENDS = ("\n", "")


class _Reader:
    """Reads one document; `at` is the place of the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def document(self) -> Any:
        """The value of the whole text."""
        value = self._value()
        self._space()
        if self.at != len(self.text):
            self._fail("extra data")
        return value

    def _value(self) -> Any:
        # Each open container, with the key under which its next member goes.
        open_: list[tuple[Any, str | None]] = []
        while True:
            value = self._begin()
            if isinstance(value, (dict, list)):
                closed = self._try("}" if isinstance(value, dict) else "]")
                if not closed:
                    open_.append((value, self._key() if isinstance(value, dict) else None))
                    continue
            while open_:
                container, key = open_.pop()
                if isinstance(container, dict):
                    container[key] = value
                    if self._try(","):
                        open_.append((container, self._key()))
                        break
                    self._need("}")
                else:
                    container.append(value)
                    if self._try(","):
                        open_.append((container, None))
                        break
                    self._need("]")
                value = container
            else:
                return value

    def _begin(self) -> Any:
        """A scalar, or a container just opened."""
        self._space()
        first = self.text[self.at : self.at + 1]
        if first in ("{", "["):
            self.at += 1
            return {} if first == "{" else []
        if first == '"':
            value, self.at = scanstring(self.text, self.at + 1, True)
            return value
        if first in _WORDS and self.text.startswith(_WORDS[first][0], self.at):
            self.at += len(_WORDS[first][0])
            return _WORDS[first][1]
        return self._number()

    def _number(self) -> int | float:
        match = _NUMBER.match(self.text, self.at)
        if match is None:
            self._fail("a value is needed")
        self.at = match.end()
        return float(match[0]) if match[1] or match[2] else int(match[0])

    def _key(self) -> str:
        self._need('"')
        key, self.at = scanstring(self.text, self.at, True)
        self._need(":")
        return str(key)

    def _space(self) -> None:
        self.at = _SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]  # matches ""

    def _try(self, character: str) -> bool:
        self._space()
        found = self.text.startswith(character, self.at)
        self.at += found
        return found

    def _need(self, character: str) -> None:
        if not self._try(character):
            self._fail(f"{character!r} is needed")

    def _fail(self, message: str) -> NoReturn:
        raise json.JSONDecodeError(message, self.text, self.at)
