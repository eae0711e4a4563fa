"""Header fields as Twisted's ``Headers``, made of them only when they are asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from twisted.python.compat import comparable
from twisted.web.http_headers import Headers

__all__ = ["ReceivedHeaders"]


@comparable
class ReceivedHeaders(Headers):
    """The header fields of a response.

    Twisted takes 1 µs to add a field, and treq asks each response whether it is
    compressed and reads nothing else: the ten fields of etcd's responses would cost an
    eighth of a whole request.  So the fields are added when one of them is needed.

    Args:
        fields: Names and values, as they came.
        without: Names, in lower case, of fields that are left out.
        names: The names of the fields, in lower case, where they are known already.
    """

    def __init__(
        self,
        fields: list[tuple[bytes, bytes]],
        without: frozenset[bytes] = frozenset(),
        names: Collection[bytes] | None = None,
    ) -> None:
        super().__init__()
        self._fields: list[tuple[bytes, bytes]] | None = fields
        self._names = {name.lower() for name, _ in fields} if names is None else names
        self._without = without

    def _add(self) -> None:
        """Add all fields, unless that was done."""
        fields, self._fields = self._fields, None
        for name, value in fields or ():
            if name.lower() not in self._without:
                super().addRawHeader(name, value)

    def _lacks(self, name: Any) -> bool:
        """Whether it is certain, without adding any, that there is no such field."""
        if self._fields is None:
            return False
        lower = (name.encode("latin-1") if isinstance(name, str) else name).lower()
        return lower not in self._names or lower in self._without

    def hasHeader(self, name: Any) -> bool:
        if not self._lacks(name):
            self._add()
        # Also of a field that is lacking: only Twisted knows which names it refuses.
        return super().hasHeader(name)

    def removeHeader(self, name: Any) -> None:
        if not self._lacks(name):
            self._add()
        super().removeHeader(name)

    def getRawHeaders(self, name: Any, default: Any = None) -> Any:
        if not self._lacks(name):
            self._add()
        return super().getRawHeaders(name, default)

    def setRawHeaders(self, name: Any, values: Any) -> None:
        decoding = values == [b""] and name in (b"Content-Encoding", b"content-encoding")
        if decoding and self._lacks(name):
            # As Twisted's ``ContentDecoderAgent`` does to each response that has none.
            self._fields = [*(self._fields or ()), (name, b"")]
            self._names = {*self._names, b"content-encoding"}
            return
        self._add()
        super().setRawHeaders(name, values)

    def addRawHeader(self, name: Any, value: Any) -> None:
        self._add()
        super().addRawHeader(name, value)

    def getAllRawHeaders(self) -> Iterator[tuple[bytes, Any]]:
        self._add()
        return super().getAllRawHeaders()

    def copy(self) -> Headers:
        """Twisted's own, with the same fields."""
        return Headers(dict(self.getAllRawHeaders()))

    def __cmp__(self, other: object) -> Any:
        if isinstance(other, ReceivedHeaders):
            other = other.copy()
        return self.copy().__cmp__(other)

    def __repr__(self) -> str:
        return repr(self.copy())
