"""What treq is given of a request, so that it does no more than it must."""

from __future__ import annotations

from http.cookiejar import CookieJar
from typing import Any

from hyperlink import EncodedURL
from twisted.web.http_headers import Headers as WebHeaders

from txetcd.http.headers import Headers

__all__ = ["NO_COOKIES", "EncodedText", "Payload", "wire_headers"]

#: The cookies of a request besides those that its client keeps.  treq would make a jar
#: for each request, and none is ever put into this one.
NO_COOKIES = CookieJar()


class EncodedText(EncodedURL):
    """A URL that is nothing but its text, which treq takes for encoded already.

    treq would take it apart and encode its host once more, for 150 µs; and it would
    stumble over an IPv6 address, which is not a name that can be encoded.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def to_uri(self) -> EncodedText:
        """Itself: it is encoded."""
        return self

    def to_text(self, with_password: bool = False) -> str:
        """The text, which holds no password."""
        return self._text


class Payload(bytes):
    """A body that is true even when it is empty.

    treq leaves an empty body out, and Twisted's pool repeats a DELETE without a
    body by itself when a kept connection breaks: a write repeated behind the
    caller's back.
    """

    def __bool__(self) -> bool:
        return True


class _WireHeaders(WebHeaders):
    """Header fields to which treq's own agents can add none.

    They would add ``Accept-Encoding``, and ``Cookie`` where there is none.
    """

    def addRawHeader(self, name: Any, value: Any) -> None:
        if name.lower() != b"accept-encoding":
            super().addRawHeader(name, value)

    def hasHeader(self, name: Any) -> bool:
        return name.lower() == b"cookie" or super().hasHeader(name)


def wire_headers(headers: Headers) -> WebHeaders:
    """The header fields of a request, as treq takes them."""
    if not headers:
        # treq changes none that it is given.
        return _NO_HEADERS
    fields: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        fields.setdefault(name.lower().encode("ascii"), []).append(value.encode("latin-1"))
    return _WireHeaders(fields)


_NO_HEADERS = _WireHeaders()
