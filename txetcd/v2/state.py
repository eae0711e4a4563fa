"""The state of the store, as the headers of a response tell it."""

from __future__ import annotations

from functools import lru_cache

from txetcd.http.message import Response
from txetcd.model.node import State
from txetcd.model.op import MAX_INDEX

__all__ = ["state_of"]

#: How many states are kept: those that answers under way at a time may tell.
KEPT = 16


def state_of(response: Response) -> State:
    """The state in a response's headers; an index that is missing or unreadable is 0."""
    get = response.headers.get_bytes
    return _state(
        get(b"x-etcd-index"),
        get(b"x-etcd-cluster-id"),
        get(b"x-raft-index"),
        get(b"x-raft-term"),
    )


@lru_cache(maxsize=KEPT)
def _state(index: bytes, cluster_id: bytes, raft_index: bytes, raft_term: bytes) -> State:
    """Until something is written, all answers tell the same: 0.3 µs instead of 1.4."""
    return State(
        _index(index), cluster_id.decode("latin-1"), _index(raft_index), _index(raft_term)
    )


def _index(text: bytes) -> int:
    # 20 digits hold 2**64 - 1; int() takes time in proportion to their square.
    if not text.isdigit() or len(text) > 20:
        return 0
    index = int(text)
    return index if index <= MAX_INDEX else 0
