"""The state of the store, as the headers of a response tell it."""

from __future__ import annotations

from txetcd.http.message import Response
from txetcd.model.node import State
from txetcd.model.op import MAX_INDEX

__all__ = ["state_of"]


def state_of(response: Response) -> State:
    """The state in a response's headers; an index that is missing or unreadable is 0."""
    headers = response.headers
    return State(
        _index(headers.get("X-Etcd-Index")),
        headers.get("X-Etcd-Cluster-Id") or "",
        _index(headers.get("X-Raft-Index")),
        _index(headers.get("X-Raft-Term")),
    )


def _index(text: str | None) -> int:
    # 20 digits hold 2**64 - 1; int() takes time in proportion to their square.
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= 20):
        return 0
    index = int(text)
    return index if index <= MAX_INDEX else 0
