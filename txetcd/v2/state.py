"""The state of the store, as the headers of a response tell it."""

from __future__ import annotations

from txetcd.http.message import Response
from txetcd.model.node import State
from txetcd.model.op import MAX_INDEX

__all__ = ["state_of"]


def state_of(response: Response) -> State:
    """The state in a response's headers; an index that is missing or unreadable is 0."""
    get = response.headers.get_bytes
    return State(
        _index(get(b"x-etcd-index")),
        get(b"x-etcd-cluster-id", b"").decode("latin-1"),
        _index(get(b"x-raft-index")),
        _index(get(b"x-raft-term")),
    )


def _index(text: bytes) -> int:
    # 20 digits hold 2**64 - 1; int() takes time in proportion to their square.
    if not text.isdigit() or len(text) > 20:
        return 0
    index = int(text)
    return index if index <= MAX_INDEX else 0
