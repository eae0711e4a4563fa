"""Answers of the keys API."""

from __future__ import annotations

from txetcd.http.headers import Headers
from txetcd.http.message import Response
from txetcd.testing.memory._history import Event
from txetcd.testing.memory._refusal import Refusal

__all__ = ["Answers"]

_WRITES = ("set", "create", "update", "compareAndSwap")


class Answers:
    """Makes the answers of one member.

    Args:
        cluster_id: The cluster's, in hexadecimal digits.
        url: The member's.
    """

    def __init__(self, cluster_id: str, url: str) -> None:
        self._cluster_id = cluster_id.encode("ascii")
        self._url = url

    def event(
        self, event: Event, index: int, raft: tuple[int, int], bare: bool = False
    ) -> Response:
        """The answer to what was done.

        Args:
            event: What was done.
            index: The index of the store.
            raft: The index and the term of the log.
            bare: Whether not to tell the node.
        """
        headers = self._headers(index, raft)
        body = event.body(bare and event.action in _WRITES)
        return Response(201 if event.creates else 200, headers, body, self._url)

    def waited(self, index: int, raft: tuple[int, int], body: bytes = b"") -> Response:
        """The answer to a wait; without a body, its head, or all of it if it is over.

        Args:
            index: The index of the store when the wait began.
            raft: The index and the term of the log then.
            body: The events.
        """
        return Response(200, self._headers(index, raft), body, self._url)

    def refusal(self, refusal: Refusal) -> Response:
        """The answer to what is not done."""
        headers = self._headers(refusal.index, None)
        return Response(refusal.status, headers, refusal.body(), self._url)

    def _headers(self, index: int, raft: tuple[int, int] | None) -> Headers:
        told = b"%d" % index
        names = {
            b"content-type": b"application/json",
            b"x-etcd-cluster-id": self._cluster_id,
            b"x-etcd-index": told,
        }
        wire = [
            (b"Content-Type", b"application/json"),
            (b"X-Etcd-Cluster-Id", self._cluster_id),
            (b"X-Etcd-Index", told),
        ]
        if raft is not None:
            names[b"x-raft-index"], names[b"x-raft-term"] = b"%d" % raft[0], b"%d" % raft[1]
            wire += (b"X-Raft-Index", b"%d" % raft[0]), (b"X-Raft-Term", b"%d" % raft[1])
        return Headers._from_wire(wire, names)
