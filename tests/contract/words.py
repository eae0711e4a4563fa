"""What a server answers, in a line of words: the same line if the answers are the same.

An index is told by how much it is above the index at which a test began, times of day are left
out, and so is which cluster it is; all else is in the line, or is checked here.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from txetcd.http import Response

__all__ = ["in_words"]

JSON = "application/json"

#: Names of keys that were made in order.
_NUMBERED = re.compile(r"[0-9]{20}")
#: The causes that name indexes, and no values.
_INDEXES = re.compile(r"\[(\d+)( != |/)(\d+)\]")

#: etcd's words for each error.
MESSAGES = {
    100: "Key not found",
    101: "Compare failed",
    102: "Not a file",
    104: "Not a directory",
    105: "Key already exists",
    107: "Root is read only",
    108: "Directory not empty",
    201: "PrevValue is Required in POST form",
    202: "The given TTL in POST form is not a number",
    203: "The given index in POST form is not a number",
    209: "Invalid field",
    210: "Invalid POST form",
    211: "Value provided on refresh",
    212: "A TTL must be provided on refresh",
    300: "Raft Internal Error",
    401: "The event in requested index is outdated and cleared",
}


def in_words(
    response: Response, base: int, *, in_order: bool = False, shows_ttl: bool = True
) -> str:
    """An answer, in words.

    Args:
        response: The answer.
        base: The index at which the test began.
        in_order: Whether the order of children counts.
        shows_ttl: Whether the seconds of a lease that are left count.
    """
    return _Words(base, in_order, shows_ttl).told(response)


def check_moved(response: Response) -> None:
    """Check what comes with a redirect, which is a link where anything is."""
    if response.body:
        place = response.headers["Location"]
        for character, escape in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&#34;")):
            place = place.replace(character, escape)
        link = f'<a href="{place}">Moved Permanently</a>.\n\n'
        assert response.body == link.encode(), response.body
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"


class _Words:
    def __init__(self, base: int, in_order: bool, shows_ttl: bool) -> None:
        self._base = base
        self._in_order = in_order
        self._shows_ttl = shows_ttl

    def told(self, response: Response) -> str:
        headers = response.headers
        if "X-Etcd-Index" not in headers:
            given = [name for name in ("Location", "Allow") if name in headers]
            fields = [f"{name}: {headers[name]}" for name in given]
            if response.status == 301:
                check_moved(response)
                return " ".join(["301", *fields])
            kind = (headers.get("Content-Type") or "no type").partition(";")[0]
            return " ".join([str(response.status), f"({kind})", *fields, repr(response.body)])
        assert headers["Content-Type"] == JSON, headers
        assert headers["X-Etcd-Cluster-Id"], headers
        begin = f"{response.status} {self._at(int(headers['X-Etcd-Index']))}"
        if not response.body:
            return f"{begin} nothing"
        assert response.body.endswith(b"}\n"), response.body
        documents = [json.loads(line) for line in response.body.splitlines()]
        told = " + ".join(map(self._document, documents))
        has_raft = "X-Raft-Index" in headers and "X-Raft-Term" in headers
        assert has_raft == ("action" in documents[0]), headers
        return f"{begin} {told}"

    def _document(self, document: dict[str, Any]) -> str:
        if "errorCode" in document:
            return self._error(**document)
        return self._event(**document)

    def _event(self, action: str, node: Any = None, prevNode: Any = None) -> str:
        shown = f" {self._node(**node)}" if node is not None else ""
        before = f" < {self._node(**prevNode)}" if prevNode is not None else ""
        return f"{action}{shown}{before}"

    def _error(self, errorCode: int, message: str, index: int, cause: str = "") -> str:
        if errorCode in (101, 401):
            cause = _INDEXES.sub(self._indexes, cause)
        assert message == MESSAGES[errorCode], message
        return f"{errorCode} ({cause}) {self._at(index)}"

    def _indexes(self, match: re.Match[str]) -> str:
        return f"[{self._at(int(match[1]))}{match[2]}{self._at(int(match[3]))}]"

    def _node(
        self,
        key: str = "/",
        value: str | None = None,
        dir: bool = False,
        expiration: str | None = None,
        ttl: int = 0,
        nodes: list[Any] | None = None,
        modifiedIndex: int | None = None,
        createdIndex: int | None = None,
    ) -> str:
        key = _NUMBERED.sub(lambda match: self._at(int(match[0])), key)
        key = json.dumps(key, ensure_ascii=False)[1:-1]
        shown = [f"{key}={json.dumps(value)}" if value is not None else key]
        shown += ["dir"] if dir else []
        shown += self._lease(expiration, ttl)
        for letter, index in (("m", modifiedIndex), ("c", createdIndex)):
            shown += [f"{letter}{index - self._base}"] if index is not None else []
        if nodes is not None:
            assert nodes, "an empty list is left out"
            told = [self._node(**each) for each in nodes]
            shown.append(f"[{', '.join(told if self._in_order else sorted(told))}]")
        return " ".join(shown)

    def _lease(self, expiration: str | None, ttl: int) -> list[str]:
        if expiration is None:
            assert not ttl
            return []
        assert re.fullmatch(r"[0-9T:-]{19}(\.[0-9]{0,8}[1-9])?Z", expiration), expiration
        datetime.fromisoformat(expiration[:19])
        return [f"ttl={ttl}" if self._shows_ttl else "lease"]

    def _at(self, index: int) -> str:
        return f"@{index - self._base}" if index else "@none"
