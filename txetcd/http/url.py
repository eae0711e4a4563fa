"""Where a server is: its URL, checked and taken apart."""

from __future__ import annotations

from urllib.parse import urlsplit

import attrs
from hyperlink import EncodedURL

__all__ = ["Server", "parse_url", "redacted"]

_PORTS = {"http": 80, "https": 443}


@attrs.frozen
class Server:
    """The server that a URL names.

    Attributes:
        url: The URL, as `parse_url` gives it.
        tls: Whether TLS is spoken there.
        host: The name or the address to connect to.
        port: The port.
        authority: Host and port as the ``Host`` field names them (RFC 9110, section 7.2).
        base: The path where the server's root is; empty for ``/``.
    """

    url: str
    tls: bool
    host: str
    port: int
    authority: str
    base: str

    @classmethod
    def of(cls, url: str) -> Server:
        """The server that a URL names; the errors are those of `parse_url`."""
        url = parse_url(url)
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port or _PORTS[parts.scheme]
        return cls(url, parts.scheme == "https", host, port, parts.netloc, parts.path)


def parse_url(url: str) -> str:
    """The URL of a server, checked, without a slash at its end.

    Raises:
        ValueError: It has no scheme ``http`` or ``https``, or no host, or it
            carries credentials, a query or a fragment, or the host can be neither
            a name nor an address.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        # The words of the error quote what may be part of a password.
        why = "" if "@" in url else f": {error}"
        raise ValueError(f"{redacted(url)} is not a URL{why}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(
            f"{redacted(url)} is not an endpoint: give a scheme and a host, "
            "for example 'http://127.0.0.1:2379'"
        )
    if "@" in parts.netloc:
        raise ValueError(f"{redacted(url)} carries credentials: pass auth=(user, password)")
    odd = " " in url or not url.isascii() or not url.isprintable() or parts.netloc.endswith(":")
    if odd or parts.query or parts.fragment:
        raise ValueError(f"{redacted(url)} is not an endpoint: scheme, host, port and path only")
    if port == 0:
        raise ValueError(f"{redacted(url)} is not an endpoint: port 0 cannot be connected to")
    try:
        _check_host(url)
    except ValueError as error:
        raise ValueError(f"{redacted(url)} is not an endpoint: {error}") from None
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _check_host(url: str) -> None:
    """Refuse a host that Twisted would refuse at the first request."""
    parsed = EncodedURL.from_text(url)
    if ":" not in parsed.host:
        parsed.to_uri()


def redacted(url: str) -> str:
    """A URL, or several, as an error may show it: without credentials."""
    head, at, tail = url.rpartition("@")
    if not at:
        return repr(url)
    scheme, colon, _ = head.partition("://")
    # Without a scheme, what stands there may be the user and the password.
    return repr(f"{scheme}://<secret>@{tail}" if colon and scheme.isalpha() else f"<secret>@{tail}")


