"""HTTP messages as values: what protocols make and transports carry."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from txetcd.http.headers import Headers

__all__ = ["Request", "Response"]

_READS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def _method(method: str) -> str:
    if not (method.isascii() and method.isalpha()):
        raise ValueError(f"{method!r} is not an HTTP method")
    return method.upper()


def _no_space(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    if not value.isascii() or not value.isprintable() or " " in value or "#" in value:
        raise ValueError(f"the {attribute.name} of a request must be percent-encoded: {value!r}")


def _absolute(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    if not value.startswith("/") or "?" in value:
        raise ValueError(f"the path of a request must start with '/' and hold no '?': {value!r}")


@attrs.frozen(repr=False)
class Request:
    """A request, without the server it goes to: the transport knows that.

    Attributes:
        method: The method, in capitals (RFC 9110, section 9).
        path: The path, percent-encoded, from the root of the server.
        query: The query, percent-encoded, without the question mark.
        headers: The header fields.
        body: The whole body.
        long_poll: Whether the server may keep the reply back until something
            happens.  Timeouts and retries leave such a request alone.
        on_head: Told the head of the response as soon as it has been read,
            before the body has (once an attempt); None if nobody wants to know.
            A transport may leave it untold.

    Raises:
        ValueError: The method, path or query cannot stand in a request line.

    .. versionadded:: 0.1
    """

    method: str = attrs.field(converter=_method)
    path: str = attrs.field(validator=[_absolute, _no_space])
    query: str = attrs.field(default="", validator=_no_space)
    headers: Headers = attrs.field(factory=Headers)
    body: bytes = b""
    long_poll: bool = False
    on_head: Callable[[Response], None] | None = attrs.field(default=None, eq=False)

    @property
    def target(self) -> str:
        """The request target: the path and, after a question mark, the query."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def is_write(self) -> bool:
        """Whether the method may change the server's state (RFC 9110, section 9.2.1)."""
        return self.method not in _READS

    def __str__(self) -> str:
        return f"{self.method} {self.target}"

    def __repr__(self) -> str:
        return f"<Request {self} {self.headers!r}, {len(self.body)} bytes>"


@attrs.frozen(repr=False)
class Response:
    """A response, whole.

    Attributes:
        status: The status code.
        headers: The header fields.
        body: The whole body; empty in what `Request.on_head` is told.
        endpoint: The URL of the server that gave it, for messages.

    .. versionadded:: 0.1
    """

    status: int
    headers: Headers = attrs.field(factory=Headers)
    body: bytes = b""
    endpoint: str = attrs.field(default="", eq=False)

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.headers!r}, {len(self.body)} bytes>"
