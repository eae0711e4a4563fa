"""What etcd answers: nodes, and what was done to them."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import ClassVar, Union

import attrs

__all__ = ["Action", "AskVersion", "Data", "Dir", "Lease", "Node", "NodeOp", "State", "Version"]


class Action(Enum):
    """What was done to a node; the values are etcd's names.

    .. versionadded:: 0.1
    """

    GET = "get"
    SET = "set"
    UPDATE = "update"
    CREATE = "create"
    COMPARE_AND_SWAP = "compareAndSwap"
    COMPARE_AND_DELETE = "compareAndDelete"
    DELETE = "delete"
    EXPIRE = "expire"

    @property
    def removes(self) -> bool:
        """Whether the node is gone after it."""
        return self in (Action.DELETE, Action.EXPIRE, Action.COMPARE_AND_DELETE)


@attrs.frozen
class Lease:
    """Until when a node lives.

    Attributes:
        expiration: When etcd will remove it, by etcd's clock; an aware time.
        ttl: How long that was when etcd answered, in whole seconds.

    .. versionadded:: 0.1
    """

    expiration: datetime
    ttl: timedelta


@attrs.frozen
class State:
    """The state of the store that an answer was made from, from its headers.

    Attributes:
        index: etcd's index then (``X-Etcd-Index``); 0 if none was given.  In the
            answer to a wait it is the index when the wait *began*.
        cluster_id: The cluster's name for itself (``X-Etcd-Cluster-Id``).
        raft_index: The index of raft's log (``X-Raft-Index``), or 0.
        raft_term: Raft's term (``X-Raft-Term``), or 0.

    .. versionadded:: 0.1
    """

    index: int = 0
    cluster_id: str = ""
    raft_index: int = 0
    raft_term: int = 0


@attrs.frozen(repr=False)
class Data:
    """A key that holds a value.

    Attributes:
        key: Its path, from the root.
        modified_index: The index of its last change.
        created_index: The index at which it was made.
        lease: Until when it lives; None if for good.
        value: Its value.  Empty where etcd tells of its removal.

    .. versionadded:: 0.1
    """

    key: str
    modified_index: int
    created_index: int
    lease: Lease | None = None
    value: bytes = b""

    @property
    def text(self) -> str:
        """The value, read as UTF-8.

        Raises:
            UnicodeDecodeError: It is not UTF-8.
        """
        return self.value.decode("utf-8")

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    def __repr__(self) -> str:
        shown = self.value if len(self.value) <= 60 else self.value[:60] + b"..."
        return (
            f"Data({self.key!r}, {shown!r}, modified_index={self.modified_index}, "
            f"created_index={self.created_index}, lease={self.lease!r})"
        )


@attrs.frozen(repr=False)
class Dir:
    """A directory.

    Attributes:
        key: Its path, from the root; the root is ``"/"``.
        modified_index: The index at which it was made.  Where etcd tells of its
            removal, or of a lease it was given, the index of that.
        created_index: The index at which it was made.
        lease: Until when it lives, with all that is in it; None if for good.
        nodes: What is in it, as far as was asked for: nothing below the first
            level unless the get was recursive.  Hidden keys are never listed.

    Its ``repr`` counts the nodes and does not show them, since a tree may be any
    size.

    .. versionadded:: 0.1
    """

    key: str
    modified_index: int
    created_index: int
    lease: Lease | None = None
    nodes: tuple[Node, ...] = ()

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    def __repr__(self) -> str:
        return (
            f"Dir({self.key!r}, <{len(self.nodes)} nodes>, modified_index={self.modified_index}, "
            f"created_index={self.created_index}, lease={self.lease!r})"
        )


#: A key that holds a value, or a directory.
Node = Union[Data, Dir]


@attrs.frozen
class NodeOp:
    """What was done to a node, and the node after it.

    A NodeOp whose action is `Action.GET` is a *snapshot*.

    Attributes:
        action: What was done.
        node: The node after it.
        etcd: The state of the store that the answer was made from.
        prev_node: The node before it, where there was one and etcd tells.

    .. versionadded:: 0.1
    """

    action: Action
    node: Node
    etcd: State
    prev_node: Node | None = None


@attrs.frozen
class Version:
    """The versions that a server reports.

    Attributes:
        server: Its own.
        cluster: The one that all members of its cluster can speak.

    .. versionadded:: 0.1
    """

    server: str
    cluster: str


@attrs.frozen
class AskVersion:
    """The request for a version, as filters see it: a read, and no operation on a key.

    .. versionadded:: 0.1
    """

    name: ClassVar[str] = "version"
    is_write: ClassVar[bool] = False
    long_poll: ClassVar[bool] = False

    def __str__(self) -> str:
        return self.name
