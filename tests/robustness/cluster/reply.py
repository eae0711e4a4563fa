"""What a client of the etcd in memory waits for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from txetcd.errors import RequestCancelled
from txetcd.http import Headers, Request, Response

__all__ = ["Reply"]


class Reply:
    """A reply to come.  Once the client has gone, nothing reaches it.

    Args:
        request: What was asked.
        gone: Called when it has been told, or is not waited for any more.
    """

    def __init__(self, request: Request, gone: Callable[[Reply], None]) -> None:
        self.request = request
        self.deferred: Deferred[Response] = Deferred(self._cancelled)
        self._gone = gone
        self._done = False

    def head(self, index: int) -> None:
        """Tell the head, of the answer to a wait."""
        if not self._done and self.request.on_head is not None:
            self.request.on_head(Response(200, _headers(index)))

    def answer(self, status: int, document: dict[str, Any], index: int) -> None:
        """Tell all."""
        if self._finish():
            body = json.dumps(document).encode()
            self.deferred.callback(Response(status, _headers(index), body))

    def fail(self, error: Exception) -> None:
        """Tell that there is no answer."""
        if self._finish():
            self.deferred.errback(error)

    def _cancelled(self, _: object) -> None:
        self.fail(RequestCancelled(sent=True))

    def _finish(self) -> bool:
        if self._done:
            return False
        self._done = True
        self._gone(self)
        return True


def _headers(index: int) -> Headers:
    return Headers({"X-Etcd-Index": str(index)} if index else {})
