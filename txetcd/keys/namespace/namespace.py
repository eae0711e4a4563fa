"""A part of the store as if it were all of it."""

from __future__ import annotations

from contextvars import Context, copy_context
from functools import lru_cache
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txetcd.errors import ApiError, ErrorCode, TxetcdError, UnexpectedResponse
from txetcd.keys.namespace.prefix import Outside, Prefix
from txetcd.keys.namespace.retold import Retold
from txetcd.model.node import Action, Data, Dir, Node, NodeOp
from txetcd.model.op import CreateInOrder, Get, Op
from txetcd.model.path import absolute
from txetcd.service import Filter, Service

__all__ = ["Namespace"]

#: How many classes of operations are remembered; there are eight.
KINDS_KEPT = 64


class Namespace(Filter[Op, NodeOp, Op, NodeOp]):
    """Puts a prefix before the key of each operation, and takes it off all that comes back.

    With it, ``/x`` is ``prefix + "/x"`` in etcd, and what is above knows nothing of that:
    the prefix is in no node, in no ``op`` or ``cause`` of an error, nor in the errors that
    this one carries.  No operation reaches a key outside, and no answer about one comes
    through; a key that merely begins with the same text is outside.

    The prefix itself is the root, ``/``, and is treated as etcd treats its own:

    - A write of it fails with `RootReadOnly`, and nothing is sent.  `CreateInOrder` is no
      write of it, but of a new child.
    - It is there once something is in it.  Until then reading it fails with `KeyNotFound`,
      whose cause is ``/``; watching it waits, and writing below it makes it.
    - If a directory above the prefix is removed, a wait tells it as a removal of ``/``.

    A wait can be answered with a removal that is none of the namespace's: etcd's scan of
    its history takes ``/foo`` to be above ``/foobar``.  It is then asked again from the next
    index on.

    An operation fires with the `NodeOp` that the service below answers, and fails as that
    does.  Its own failures are two: `RootReadOnly` where the root was to be written, and
    `UnexpectedResponse` where the answer tells of a key outside, which no etcd does.  Errors
    are copied, with their types and their flags; one that is no `TxetcdError` passes as it
    is.  Cancelling ends the request below, whichever it is.

    ``Namespace("/a") >> Namespace("/b")`` does what ``Namespace("/b/a")`` does: requests come
    to the left one first, so its prefix is the inner part.  ``Namespace("/")`` does nothing.

    Where it belongs: above the protocol and what tries again, so that the prefix is put on
    once an operation; below what counts, logs or bounds operations, which then see the keys
    that the caller sees.  Finagle has no such filter; etcd's Go client has the package
    ``clientv3/namespace``, for v3.

    Args:
        prefix: The path from the root; as that of a `Key`.

    Raises:
        ValueError: The prefix has a part that cannot name a key.
        TypeError: The prefix is not text.

    .. versionadded:: 0.1
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = Prefix(absolute(prefix))

    def apply(self, request: Op, service: Service[Op, NodeOp]) -> Deferred[NodeOp]:
        prefix = self._prefix
        if not prefix.before:
            return service(request)
        path = request.path
        if path == "/" and request.is_write and not isinstance(request, CreateInOrder):
            raise _located(ApiError(ErrorCode.ROOT_READ_ONLY, "Root is read only", "/"), request)
        below = _moved(request, prefix.path if path == "/" else prefix.before + path)
        if isinstance(request, Get) and request.wait:
            context = copy_context()
            return service(below).addBoth(self._woken, request, below, service, context)
        return service(below).addBoth(self._answered, request, below)

    def _answered(self, answer: NodeOp | Failure, op: Op, below: Op) -> NodeOp | Failure:
        if isinstance(answer, Failure):
            return self._failed(answer, op, below)
        node, before = answer.node, answer.prev_node
        try:
            return NodeOp(
                answer.action,
                self._prefix.data(node) if isinstance(node, Data) else self._prefix.tree(node),
                answer.etcd,
                None if before is None else self._prefix.tree(before),
            )
        except Outside:
            reason = "it tells of a key outside the namespace"
            raise _located(UnexpectedResponse(200, reason=reason), op) from None

    def _failed(self, failure: Failure, op: Op, below: Op) -> Failure:
        error = failure.value
        if not isinstance(error, TxetcdError):
            return failure
        return Failure(_located(Retold(self._prefix, op, below).error(error), op))

    # --- waits ---------------------------------------------------------------

    def _woken(
        self,
        answer: NodeOp | Failure,
        op: Get,
        below: Get,
        service: Service[Op, NodeOp],
        context: Context,
    ) -> Any:
        if isinstance(answer, Failure) or self._prefix.holds(answer.node.key):
            return self._answered(answer, op, below)
        concern = self._concern(answer, below, service)
        return context.run(Deferred.fromCoroutine, concern).addBoth(self._told, op, below)

    async def _concern(
        self, answer: NodeOp, below: Get, service: Service[Op, NodeOp]
    ) -> NodeOp:
        """The first answer that concerns the namespace: this one, or ask again."""
        while not (self._prefix.holds(answer.node.key) or self._ends_with(answer)):
            below = _after(answer, below)
            answer = await service(below)
        return answer

    def _ends_with(self, answer: NodeOp) -> bool:
        removes = answer.action in (Action.DELETE, Action.EXPIRE)
        return removes and self._prefix.is_below(answer.node.key)

    def _told(self, answer: NodeOp | Failure, op: Op, below: Op) -> NodeOp | Failure:
        if isinstance(answer, NodeOp) and self._prefix.is_below(answer.node.key):
            before = None if answer.prev_node is None else _root(answer.prev_node)
            return NodeOp(answer.action, _root(answer.node), answer.etcd, before)
        return self._answered(answer, op, below)

    def __repr__(self) -> str:
        return f"Namespace({self._prefix.path!r})"


def _located(error: TxetcdError, op: Op) -> TxetcdError:
    error.locate(op)
    return error


def _root(node: Node) -> Dir:
    """The root of the namespace, which is gone with a directory above it."""
    return Dir("/", node.modified_index, node.created_index, node.lease)


def _after(answer: NodeOp, wait: Get) -> Get:
    """The wait that goes on after an answer which concerns someone else."""
    index, start = answer.node.modified_index, wait.wait_index or 0
    if index < start:
        reason = f"a wait from index {start} was answered with index {index}"
        raise UnexpectedResponse(200, reason=reason)
    if answer.etcd.index:
        # What wakes a parked wait proves nothing of what lies between.
        index = max(start - 1, min(index, answer.etcd.index))
    return attrs.evolve(wait, wait_index=index + 1)


def _moved(op: Op, path: str) -> Any:
    """The same operation on another key; its fields were checked when it was made.

    `attrs.evolve` would check them all again, and take three times as long (2 µs).
    """
    kind: Any = type(op)
    moved = kind.__new__(kind)
    put = object.__setattr__
    put(moved, "path", path)
    for name in _other_fields(kind):
        put(moved, name, getattr(op, name))
    return moved


@lru_cache(maxsize=KINDS_KEPT)
def _other_fields(kind: type[Op]) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(kind) if field.name != "path")
