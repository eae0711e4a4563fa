"""What a response is read as."""

from __future__ import annotations

from typing import Union

import attrs

from txetcd.errors import UnexpectedResponse

__all__ = ["End", "Event", "Head"]


@attrs.define(repr=False)
class Head:
    """The head of a response.

    Attributes:
        minor_version: 0 or 1, for HTTP/1.0 and HTTP/1.1.
        status: The status code, from 200 to 599.
        reason: The words after it, which mean nothing.
        fields: The header fields, in order: names and values as they came.
        length: The length of the body in bytes; None if it is not told beforehand.
        names: The first value of each field, by its name in lower case.
    """

    minor_version: int
    status: int
    reason: bytes
    fields: list[tuple[bytes, bytes]]
    length: int | None
    names: dict[bytes, bytes] = attrs.field(factory=dict, eq=False)

    def __repr__(self) -> str:
        # The values of some fields are secrets.
        return f"<Head {self.status}, {len(self.fields)} fields, length {self.length}>"


@attrs.frozen
class End:
    """The end of a response.

    Attributes:
        reusable: Whether the connection may carry another exchange.
        certain: Whether the body is known to be whole.  It is not where it ended
            with the connection (RFC 9112, section 8): nothing tells whether it was
            cut short.
    """

    reusable: bool
    certain: bool = True


#: In order: one `Head`, any number of pieces of the body, one `End`; and instead of
#: whatever is to come, the error of a response that is refused.
Event = Union[Head, bytes, End, UnexpectedResponse]
