"""The bytes of a request (RFC 9112, sections 3 and 6)."""

from __future__ import annotations

from txetcd.http.headers import Headers
from txetcd.http.message import Request

__all__ = ["asks_to_close", "encode"]

#: What says where a message ends is for the one who frames it to say.
_FRAMING = ("Transfer-Encoding", "Content-Length")


def encode(request: Request, host: str, base: str = "") -> bytes:
    """A request with its body.

    Args:
        request: The request.  A ``Content-Length`` of its own must be the true one.
        host: The server, as the ``Host`` field is to name it, unless the request does.
        base: What goes before the path, where the server is not at the root.

    Raises:
        ValueError: A header field contradicts the body, or the method is CONNECT,
            which asks for something else than a response.
    """
    body = request.body
    if not body and not request.is_write and not request.headers:
        # Most requests there are.
        line = f"{request.method} {base}{request.target} HTTP/1.1"
        return f"{line}\r\nHost: {host}\r\n\r\n".encode("ascii")
    _check_framing(request.headers, len(body))
    length = len(body) if body or request.is_write else None
    return _head(request, host, base, length) + body


def _head(request: Request, host: str, base: str, length: int | None) -> bytes:
    """The head of a request, which tells the length of its body unless that is None."""
    if request.method == "CONNECT":
        raise ValueError("CONNECT makes a tunnel of a connection, and is not supported")
    lines = [f"{request.method} {base}{request.target} HTTP/1.1"]
    headers = request.headers
    if "Host" not in headers:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in headers if name.lower() != "content-length"]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join((*lines, "", "")).encode("latin-1")


def _check_framing(headers: Headers, length: int) -> None:
    for name in _FRAMING:
        for value in headers.get_all(name):
            if name == "Transfer-Encoding" or value.strip() != str(length):
                raise ValueError(
                    f"the header field {name}: {value} contradicts a body of {length} bytes: "
                    "leave it out, the transport sets it"
                )


def asks_to_close(headers: Headers) -> bool:
    """Whether a request says that it is the last on its connection (RFC 9112, section 9.6)."""
    return any(
        option.strip().lower() == "close"
        for value in headers.get_all("Connection")
        for option in value.split(",")
    )
