"""Credentials on each request."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred

from txetcd.http.message import Request, Response
from txetcd.service import Filter, Service

__all__ = ["Authentication", "BasicAuthentication"]

#: What may stand in the field: what is printable in ASCII, and blanks inside.
_VALUE = re.compile(r"[!-~](?:[ -~\t]*[!-~])?")


class Authentication(Filter[Request, Response, Request, Response]):
    """Puts credentials on each request, in place of any others (RFC 9110, section 11.6.2).

    They appear in no ``repr``, log or error of ours, and follow no redirect, since the
    transports follow none.  If they cannot be had, the request fails with whatever getting
    them failed with, and is not sent; if they cannot stand in a header field, with
    `ValueError`.  Cancelling cancels getting them, or the request below.

    Where it belongs: below the protocol, so that all requests pass it; above the
    transport, which knows the server.

    Args:
        credentials: Called for each request; returns the value of the ``Authorization``
            field, ``"Bearer ..."`` say, or a Deferred or another awaitable of it.

    .. versionadded:: 0.1
    """

    def __init__(self, credentials: Callable[[], str | Awaitable[str]]) -> None:
        self._credentials = credentials

    def apply(
        self, request: Request, service: Service[Request, Response]
    ) -> Deferred[Response]:
        value = self._credentials()
        if isinstance(value, str):
            return service(_signed(request, value))
        return Deferred.fromCoroutine(_waited(value, request, service))


async def _waited(
    value: Awaitable[str], request: Request, service: Service[Request, Response]
) -> Response:
    return await service(_signed(request, await value))


def _signed(request: Request, value: object) -> Request:
    # Headers would quote what they refuse.
    if not (isinstance(value, str) and _VALUE.fullmatch(value)):
        raise ValueError("the credentials are no text that can stand in a header field")
    return request.with_headers(request.headers.set("Authorization", value))


class BasicAuthentication(Authentication):
    """Puts a user and a password on each request (RFC 7617, in UTF-8).

    Neither appears in a ``repr``, a log or an error.  They follow no redirect,
    since the transports follow none.

    Where it belongs: below the protocol, so that all requests pass it; above the
    transport, which knows the server.

    Args:
        user: The user's name; without a colon.
        password: The password.

    Raises:
        ValueError: The name holds a colon, or either a control character or half
            of a surrogate pair.

    .. versionadded:: 0.1
    """

    def __init__(self, user: str, password: str) -> None:
        if ":" in user:
            raise ValueError("a user's name with a colon cannot be sent (RFC 7617, section 2)")
        if any(ord(c) < 32 or ord(c) == 127 for c in user + password):
            raise ValueError("a user's name or password cannot hold control characters")
        # Encoding them would fail as well, with an error that shows the password.
        if any("\ud800" <= c <= "\udfff" for c in user + password):
            raise ValueError("a user's name or password holds half of a surrogate pair")
        value = "Basic " + b64encode(f"{user}:{password}".encode()).decode("ascii")
        super().__init__(lambda: value)
