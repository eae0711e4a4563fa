"""Credentials on each request."""

from __future__ import annotations

from base64 import b64encode

from twisted.internet.defer import Deferred

from txetcd.http.message import Request, Response
from txetcd.service import Filter, Service

__all__ = ["BasicAuthentication"]


class BasicAuthentication(Filter[Request, Response, Request, Response]):
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
        self._value = "Basic " + b64encode(f"{user}:{password}".encode()).decode("ascii")

    def apply(
        self, request: Request, service: Service[Request, Response]
    ) -> Deferred[Response]:
        headers = request.headers.set("Authorization", self._value)
        return service(request.with_headers(headers))
