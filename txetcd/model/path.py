"""The paths of keys: text, in parts between slashes."""

from __future__ import annotations

import re

__all__ = ["absolute", "join", "parts"]

#: Most paths are as `absolute` returns them, and this sees it three times as fast; a
#: part that begins with a dot is left to the long way.
_ABSOLUTE = re.compile(r"(?:/[^/.\0\ud800-\udfff][^/\0\ud800-\udfff]*)+")


def absolute(path: str) -> str:
    """The path from the root, with one slash before each part; ``"/"`` is the root.

    Raises:
        ValueError: A part is empty, ``.`` or ``..``, or holds NUL, or the text
            has no UTF-8 encoding.
        TypeError: The path is not text.
    """
    if type(path) is str and _ABSOLUTE.fullmatch(path):
        return path
    return "/" + "/".join(parts(path))


def join(parent: str, name: str) -> str:
    """A path below another; the errors are those of `absolute`."""
    below = parts(name)
    if not below:
        raise ValueError(f"the relative path {name!r} has no part")
    return f"{parent.rstrip('/')}/{'/'.join(below)}"


def parts(path: str) -> list[str]:
    """The parts of a path; one slash before them and one after are no parts of it."""
    if not isinstance(path, str):
        raise TypeError(f"a path is text, not {path!r}")
    if path == "/":
        return []
    start = 1 if path.startswith("/") else 0
    end = len(path) - 1 if path.endswith("/") else len(path)
    found = path[start:end].split("/") if end > start else [""]
    for part in found:
        _check(part, path)
    return found


def _check(part: str, path: str) -> None:
    if part in ("", ".", ".."):
        raise ValueError(f"the path {path!r} has the part {part!r}, which cannot name a key")
    if "\0" in part:
        raise ValueError(f"the path {path!r} holds NUL, which etcd cannot keep apart")
    try:
        part.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"the path {path!r} has no UTF-8 encoding") from None
