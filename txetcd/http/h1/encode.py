"""The bytes of a request (RFC 9112, sections 3 and 6)."""

from __future__ import annotations

from txetcd.http.headers import Headers
from txetcd.http.message import Request

__all__ = ["asks_to_close", "encode", "encode_head"]

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
    headers = request.headers
    _check_framing(headers, len(body))
    length = len(body) if body or request.is_write else None
    return encode_head(request.method, base + request.target, host, headers, length) + body


def encode_head(
    method: str, target: str, host: str, headers: Headers, length: int | None, chunked: bool = False
) -> bytes:
    """The head of a request.

    Args:
        method: The method.
        target: The request target.
        host: The server, unless ``headers`` name it.
        headers: Other fields, none of them about framing.
        length: The length of the body in bytes, to be told; None if there is none.
        chunked: The body will be sent in chunks, and its length is not known.

    Raises:
        ValueError: The method is CONNECT.
    """
    if method == "CONNECT":
        raise ValueError("CONNECT makes a tunnel of a connection, and is not supported")
    lines = [f"{method} {target} HTTP/1.1"]
    if "Host" not in headers:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in headers if name.lower() != "content-length"]
    if chunked:
        lines.append("Transfer-Encoding: chunked")
    elif length is not None:
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
