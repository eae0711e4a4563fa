"""Asking etcd without a client: one blocking request at a time, on the standard library alone."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any

import attrs

from txetcd.testing._ports import HOST

__all__ = ["FAILURES", "Answer", "Line"]

#: What asking may fail with, where the member does not answer.
FAILURES = (OSError, http.client.HTTPException, ValueError)

_FORM = "application/x-www-form-urlencoded"


@attrs.frozen
class Answer:
    """What a member said.

    Attributes:
        status: The HTTP status.
        index: ``X-Etcd-Index``, or 0.
        document: The JSON in the body; ``{}`` if it is empty.
    """

    status: int
    index: int
    document: dict[str, Any]


class Line:
    """A connection to one member, which is made when it is needed.

    Args:
        port: Where the member is.
        patience: How long any part of the answer may take, in seconds.
    """

    def __init__(self, port: int, patience: float) -> None:
        self.port = port
        self._connection = http.client.HTTPConnection(HOST, port, timeout=patience)

    def ask(self, method: str, path: str, body: str | None = None, type: str = _FORM) -> Answer:
        """Ask, and wait for the answer.

        Raises:
            OSError, http.client.HTTPException, ValueError: There is none; the line can be used
                again.
        """
        headers: Mapping[str, str] = {} if body is None else {"Content-Type": type}
        try:
            self._connection.request(method, path, body, headers)
            reply = self._connection.getresponse()
            text = reply.read()
            index = int(reply.headers.get("X-Etcd-Index") or 0)
            return Answer(reply.status, index, json.loads(text) if text.strip() else {})
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Hang up."""
        self._connection.close()
