"""HTTP messages as values: what protocols make and transports carry."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NoReturn

import attrs

from txetcd.http.headers import Headers

__all__ = ["Request", "Response"]

#: Methods that change nothing (RFC 9110, section 9.2.1).
READS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def _method(method: str) -> str:
    if not (method.isascii() and method.isalpha()):
        raise ValueError(f"{method!r} is not an HTTP method")
    return method.upper()


#: What is printable in ASCII, but for the space and the "#", which would end a target;
#: the first "?" ends a path.
_PATH = re.compile(r"/[!\"$->@-~]*")
_QUERY = re.compile(r"[!\"$-~]*")


def _path(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    if _PATH.fullmatch(value):
        return
    if not value.startswith("/") or "?" in value:
        raise ValueError(f"the path of a request must start with '/' and hold no '?': {value!r}")
    _unencoded("path", value)


def _query(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    if not _QUERY.fullmatch(value):
        _unencoded("query", value)


def _unencoded(name: str, value: str) -> NoReturn:
    raise ValueError(f"the {name} of a request must be percent-encoded: {value!r}")


_new, _set = object.__new__, object.__setattr__


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
            happens.  Timeouts leave such a request alone, and so do retries once it was
            sent.
        needs_quorum: Whether the server cannot answer by itself, but needs a vote of several:
            if it is slow to answer, the others may be at fault.
        on_head: Told the head of the response as soon as it has been read,
            before the body has (once an attempt); None if nobody wants to know.
            A transport may leave it untold.

    Raises:
        ValueError: The method, path or query cannot stand in a request line.

    .. versionadded:: 0.1
    """

    method: str = attrs.field(converter=_method)
    path: str = attrs.field(validator=_path)
    query: str = attrs.field(default="", validator=_query)
    headers: Headers = attrs.field(factory=Headers)
    body: bytes = b""
    long_poll: bool = False
    on_head: Callable[[Response], None] | None = attrs.field(default=None, eq=False)
    needs_quorum: bool = False

    @classmethod
    def _encoded(
        cls,
        method: str,
        path: str,
        query: str,
        headers: Headers,
        body: bytes,
        long_poll: bool = False,
        on_head: Callable[[Response], None] | None = None,
        needs_quorum: bool = False,
    ) -> Request:
        """A request whose method, path and query a protocol has encoded, and so checked.

        It takes 0.7 µs instead of 1.1, for each request there is.
        """
        self = _new(cls)
        _set(self, "method", method)
        _set(self, "path", path)
        _set(self, "query", query)
        _set(self, "headers", headers)
        _set(self, "body", body)
        _set(self, "long_poll", long_poll)
        _set(self, "on_head", on_head)
        _set(self, "needs_quorum", needs_quorum)
        return self

    def with_headers(self, headers: Headers) -> Request:
        """The same request with other header fields."""
        return Request._encoded(
            self.method,
            self.path,
            self.query,
            headers,
            self.body,
            self.long_poll,
            self.on_head,
            self.needs_quorum,
        )

    @property
    def target(self) -> str:
        """The request target: the path and, after a question mark, the query."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def is_write(self) -> bool:
        """Whether the method may change the server's state (RFC 9110, section 9.2.1)."""
        return self.method not in READS

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
        end_sending: In what `Request.on_head` is told: closes the connection for what we
            send, and reads the response on.  A server that keeps a reply back may end it
            then.  None where the transport cannot (over TLS, say), and in a whole response.

    .. versionadded:: 0.1
    """

    status: int
    headers: Headers = attrs.field(factory=Headers)
    body: bytes = b""
    endpoint: str = attrs.field(default="", eq=False)
    end_sending: Callable[[], None] | None = attrs.field(default=None, eq=False)

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.headers!r}, {len(self.body)} bytes>"
