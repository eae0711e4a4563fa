"""Header fields of HTTP messages (RFC 9110, section 5)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Union

__all__ = ["Headers"]

Text = Union[str, bytes]
Source = Union[Mapping[str, str], Iterable[tuple[Text, Text]]]

#: Fields whose values are secrets (RFC 9110, section 11; RFC 6265).
SECRET = frozenset(
    {"authorization", "proxy-authorization", "cookie", "set-cookie", "x-auth-token"}
)

#: A token: RFC 9110, section 5.6.2.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: What no field value may hold: RFC 9110, section 5.5; and what Latin-1 does not.
_FORBIDDEN = re.compile(r"[\x00\r\n]|[^\x00-\xff]")


class Headers:
    """Header fields: immutable, in order, with names in any case, values repeated at will.

    Args:
        fields: A mapping, or pairs of a name and a value.  `bytes` are read as
            Latin-1.

    Raises:
        ValueError: A name is not a token, or a value holds NUL, CR, LF or a
            character that is not in Latin-1.

    Two are equal if each name has the same values in the same order; the order of
    the names, and their case, do not count.  The ``repr`` hides the values of
    fields that carry credentials.

    .. versionadded:: 0.1
    """

    __slots__ = ("_names", "_pairs", "_wire")

    def __init__(self, fields: Source = ()) -> None:
        pairs = fields.items() if isinstance(fields, Mapping) else fields
        self._pairs: tuple[tuple[str, str], ...] | None = tuple(
            _checked(name, value) for name, value in pairs
        )
        self._names: dict[bytes, bytes] | None = None
        self._wire: list[tuple[bytes, bytes]] = []

    @classmethod
    def _received(cls, fields: Iterable[tuple[str, str]]) -> Headers:
        """Fields that a parser has checked."""
        self = cls.__new__(cls)
        self._pairs = tuple(fields)
        self._names = None
        return self

    @classmethod
    def _from_wire(
        cls, wire: list[tuple[bytes, bytes]], names: dict[bytes, bytes]
    ) -> Headers:
        """Fields that a parser has checked, as they came.

        They are made text when that is needed.  Of a response as a rule a few are looked
        up, and the rest is not looked at: this saves 8 µs of a request.

        Args:
            wire: Names and values.
            names: The first value by the name in lower case.
        """
        self = cls.__new__(cls)
        self._wire = wire
        self._names = names
        self._pairs = None
        return self

    @property
    def _fields(self) -> tuple[tuple[str, str], ...]:
        if self._pairs is None:
            self._pairs = tuple(
                (name.decode("latin-1"), value.decode("latin-1")) for name, value in self._wire
            )
        return self._pairs

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first value of a field, or ``default``."""
        wanted = name.lower()
        if self._names is not None:
            found = self._names.get(wanted.encode("latin-1", "replace"))
            return default if found is None else found.decode("latin-1")
        length = len(name)
        for each, value in self._fields:
            # Most names differ in length, which is seen faster than that their letters
            # do.  An index of all would cost as much as three lookups (0.8 µs).
            if len(each) == length and each.lower() == wanted:
                return value
        return default

    def get_bytes(self, name: bytes, default: bytes = b"") -> bytes:
        """The first value of a field as bytes, or ``default``.

        For a protocol that reads the same few fields of each response.

        Args:
            name: The field, in lower case.
            default: What to return where there is none.
        """
        if self._names is not None:
            return self._names.get(name, default)
        found = self.get(name.decode("latin-1"))
        return default if found is None else found.encode("latin-1")

    def get_all(self, name: str) -> tuple[str, ...]:
        """Every value of a field, in order."""
        wanted = name.lower()
        return tuple(value for each, value in self._fields if each.lower() == wanted)

    def set(self, name: str, value: str) -> Headers:
        """These fields with ``name`` having this one value."""
        return self.remove(name).add(name, value)

    def add(self, name: str, value: str) -> Headers:
        """These fields and one more."""
        return Headers._received((*self._fields, _checked(name, value)))

    def remove(self, name: str) -> Headers:
        """These fields without any value of ``name``."""
        gone = name.lower()
        return Headers._received(pair for pair in self._fields if pair[0].lower() != gone)

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def _folded(self) -> tuple[tuple[str, str], ...]:
        folded = ((name.lower(), value) for name, value in self._fields)
        return tuple(sorted(folded, key=itemgetter(0)))

    def __eq__(self, other: object) -> bool:
        return self._folded() == other._folded() if isinstance(other, Headers) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._folded())

    def __repr__(self) -> str:
        shown = [
            (name, "<secret>" if name.lower() in SECRET else value) for name, value in self._fields
        ]
        return f"Headers({shown!r})"


def _checked(name: Text, value: Text) -> tuple[str, str]:
    name = name.decode("latin-1") if isinstance(name, bytes) else name
    value = value.decode("latin-1") if isinstance(value, bytes) else value
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a header field")
    if _FORBIDDEN.search(value):
        shown = "<secret>" if name.lower() in SECRET else repr(value)
        raise ValueError(f"the header field {name} cannot have the value {shown}")
    return name, value
