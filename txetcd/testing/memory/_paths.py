"""Paths, as Go's ``http.ServeMux`` sees them."""

from __future__ import annotations

import posixpath
import re
from urllib.parse import quote, unquote_to_bytes

from txetcd.http.headers import Headers
from txetcd.http.message import Request, Response

__all__ = ["NOT_FOUND", "KEYS", "allow", "decoded_path", "plain", "redirect"]

#: Where the keys are.
KEYS = "/v2/keys"

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"})
_TEXT = [("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff")]

NOT_FOUND = Response(404, Headers(_TEXT), b"404 page not found\n")


def plain(status: int, text: str, *fields: tuple[str, str]) -> Response:
    """An answer of plain text."""
    return Response(status, Headers([*fields, *_TEXT]), f"{text}\n".encode())


def allow(request: Request, *methods: str) -> Response | None:
    """What is answered where a method is none of those that are allowed."""
    if request.method in methods:
        return None
    return plain(405, "Method Not Allowed", ("Allow", ",".join(methods)))


def decoded_path(request: Request) -> str | None:
    """The path of a request without escapes, or None if one of them is wrong."""
    if _BAD_ESCAPE.search(request.path):
        return None
    return unquote_to_bytes(request.path).decode("utf-8", "surrogateescape")


def redirect(request: Request, path: str) -> Response | None:
    """What is answered where a path is not as it should be."""
    if "//" not in path and "/." not in path:
        return None
    clean = posixpath.normpath(f"/{path.lstrip('/')}")
    if path.endswith("/") and clean != "/":
        clean += "/"
    if clean == path:
        return None
    target = quote(clean.encode("utf-8", "surrogateescape"), safe="/$&+,:;=@~")
    url = f"{target}?{request.query}" if request.query else target
    location = ("Location", url)
    if request.method not in ("GET", "HEAD"):
        return Response(301, Headers([location]))
    body = f'<a href="{url.translate(_HTML)}">Moved Permanently</a>.\n\n'
    return Response(
        301, Headers([("Content-Type", "text/html; charset=utf-8"), location]), body.encode()
    )
