"""What is served beside the keys."""

from __future__ import annotations

import json

from txetcd.http.headers import Headers
from txetcd.http.message import Request, Response
from txetcd.testing.memory._edition import Edition
from txetcd.testing.memory._paths import NOT_FOUND, allow, plain

__all__ = ["Pages"]


class Pages:
    """The pages of one member.

    Args:
        edition: Where versions of etcd differ.
        name: What the member is called.
        url: Where it is.
    """

    def __init__(self, edition: Edition, name: str, url: str) -> None:
        self._edition = edition
        self._name, self._url = name, url

    def answer(self, request: Request, path: str, is_well: bool) -> Response:
        """The answer to a request for a page.

        Args:
            request: The request.
            path: Its path, without escapes.
            is_well: Whether the member can agree on anything with others.
        """
        if path not in ("/version", "/health", "/v2/members"):
            return NOT_FOUND
        if refused := allow(request, "GET"):
            return refused
        if path == "/version":
            edition = self._edition
            return _json({"etcdserver": edition.version, "etcdcluster": edition.cluster})
        return self._health(is_well) if path == "/health" else self._members()

    def _health(self, is_well: bool) -> Response:
        health = {"health": "true" if is_well else "false"}
        if self._edition.tells_reason:
            health["reason"] = "" if is_well else "RAFT NO LEADER"
        if not is_well:
            return plain(503, _compact(health))
        headers = Headers([("Content-Type", "text/plain; charset=utf-8")])
        return Response(200, headers, _compact(health).encode())

    def _members(self) -> Response:
        member = {
            "id": "ac7c97ef0ec193b0",
            "name": self._name,
            "peerURLs": [self._url],
            "clientURLs": [self._url],
        }
        return _json({"members": [member]})


def _json(document: object) -> Response:
    headers = Headers([("Content-Type", "application/json")])
    return Response(200, headers, _compact(document).encode())


def _compact(document: object) -> str:
    return json.dumps(document, separators=(",", ":"))
