"""The files of the corpus: small responses, each in a folder for what comes of it.

A name that begins with ``to-head`` is the response to HEAD; one that begins with ``asked``
is the response to a request that asked for a ``Content-Encoding``.
"""

from __future__ import annotations

from pathlib import Path

from tests.http.h1.laws import CUT, RESPONSE, Case

__all__ = ["FOLDERS", "cases"]

ROOT = Path(__file__).parent / "corpus"

#: The folders, and what comes of what is in them.
FOLDERS = {
    "response": RESPONSE,
    "cut": CUT,
    "malformed": "MalformedResponse",
    "too-large": "ResponseTooLarge",
}


def cases(*folders: str) -> dict[str, Case]:
    """The files of some folders, or of all, by their paths within the corpus."""
    return {
        f"{folder}/{path.name}": _case(path)
        for folder in folders or FOLDERS
        for path in sorted((ROOT / folder).iterdir())
    }


def _case(path: Path) -> Case:
    method = "HEAD" if path.name.startswith("to-head") else "GET"
    return Case(path.read_bytes(), method, path.name.startswith("asked"))
