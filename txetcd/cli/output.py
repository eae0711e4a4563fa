"""What the commands print: for people, in full, or for programs.

A format turns answers into lines of bytes.  Values are written as they are stored,
whatever the locale; a key that has no UTF-8 encoding is written with backslashes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Protocol

from txetcd.model import Action, Data, Dir, Lease, Node, NodeOp

__all__ = ["FORMATS", "Extended", "Format", "Json", "Output", "Simple"]


class Format(Protocol):
    """How answers are printed."""

    def answer(self, op: NodeOp) -> Iterable[bytes]:
        """What a command on one key was answered."""

    def made(self, op: NodeOp) -> Iterable[bytes]:
        """A key whose name the server chose."""

    def listing(self, nodes: Iterable[Node], mark_directories: bool) -> Iterable[bytes]:
        """The nodes in a directory."""

    def event(self, op: NodeOp, named: bool) -> Iterable[bytes]:
        """A change, or a snapshot; ``named``: with its action and key, for people."""


class Output:
    """Where a command prints, and how.

    Args:
        stream: Takes bytes; a file that is opened in binary mode.
        format: How answers are printed.
    """

    def __init__(self, stream: BinaryIO, format: Format | None = None) -> None:
        self._stream = stream
        self._format: Format = Simple() if format is None else format

    def answer(self, op: NodeOp) -> None:
        """Print what a command on one key was answered."""
        self._print(self._format.answer(op))

    def made(self, op: NodeOp) -> None:
        """Print a key whose name the server chose."""
        self._print(self._format.made(op))

    def listing(self, nodes: Iterable[Node], mark_directories: bool = False) -> None:
        """Print the nodes in a directory."""
        self._print(self._format.listing(nodes, mark_directories))

    def event(self, op: NodeOp, named: bool = True) -> None:
        """Print a change, or a snapshot."""
        self._print(self._format.event(op, named))

    def _print(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            self._stream.write(line + b"\n")
        # A program that reads from a pipe is to see each event when it happens.
        self._stream.flush()


class Simple:
    """For people, as ``etcdctl`` prints: values alone, and keys alone."""

    def answer(self, op: NodeOp) -> Iterator[bytes]:
        if op.action.removes:
            if isinstance(op.prev_node, Data):
                yield b"PrevNode.Value: " + op.prev_node.value
        elif isinstance(op.node, Data):
            yield op.node.value

    def made(self, op: NodeOp) -> Iterator[bytes]:
        yield _encoded(op.node.key)

    def listing(self, nodes: Iterable[Node], mark_directories: bool) -> Iterator[bytes]:
        for node in nodes:
            slash = "/" if mark_directories and isinstance(node, Dir) else ""
            yield _encoded(node.key + slash)

    def event(self, op: NodeOp, named: bool) -> Iterator[bytes]:
        for each in _flat(op):
            if named:
                yield _encoded(f"[{each.action.value}] {each.node.key}")
            yield from self.answer(each)


class Extended(Simple):
    """For people, with indexes and leases."""

    def answer(self, op: NodeOp) -> Iterator[bytes]:
        yield from _fields(op.node)
        if isinstance(op.prev_node, Data):
            yield b"PrevNode.Value: " + op.prev_node.value
        yield b"Index: %d" % op.etcd.index
        if isinstance(op.node, Data) and not op.action.removes:
            yield b""
            yield op.node.value

    def made(self, op: NodeOp) -> Iterator[bytes]:
        return self.answer(op)

    def listing(self, nodes: Iterable[Node], mark_directories: bool) -> Iterator[bytes]:
        for n, node in enumerate(nodes):
            if n:
                yield b""
            slash = "/" if mark_directories and isinstance(node, Dir) else ""
            yield from _fields(node, slash)


class Json:
    """For programs: one JSON object a line, with etcd's own names."""

    def answer(self, op: NodeOp) -> Iterator[bytes]:
        yield _json(_op_fields(op))

    def made(self, op: NodeOp) -> Iterator[bytes]:
        return self.answer(op)

    def listing(self, nodes: Iterable[Node], mark_directories: bool) -> Iterator[bytes]:
        for node in nodes:
            yield _json(_node_fields(node))

    def event(self, op: NodeOp, named: bool) -> Iterator[bytes]:
        fields = _op_fields(op)
        if op.action is Action.GET and isinstance(op.node, Dir):
            # Not nested as etcd nests them: a tree may be deeper than JSON readers go.
            fields["nodes"] = [_node_fields(node) for node in walk(op.node)]
        yield _json(fields)


FORMATS: dict[str, Format] = {"simple": Simple(), "extended": Extended(), "json": Json()}


def walk(directory: Dir) -> Iterator[Node]:
    """All nodes below a directory, each before what is in it."""
    left = [iter(directory.nodes)]
    while left:
        for node in left[-1]:
            yield node
            if isinstance(node, Dir):
                left.append(iter(node.nodes))
                break
        else:
            left.pop()


def _flat(op: NodeOp) -> Iterator[NodeOp]:
    """An operation; and of a snapshot one for each node in it, too."""
    yield op
    if op.action is Action.GET and isinstance(op.node, Dir):
        for node in walk(op.node):
            yield NodeOp(op.action, node, op.etcd)


def _fields(node: Node, slash: str = "") -> Iterator[bytes]:
    yield _encoded(f"Key: {node.key}{slash}")
    yield b"Created-Index: %d" % node.created_index
    yield b"Modified-Index: %d" % node.modified_index
    yield b"TTL: %d" % (0 if node.lease is None else node.lease.ttl.total_seconds())


def _op_fields(op: NodeOp) -> dict[str, Any]:
    fields: dict[str, Any] = {"action": op.action.value, "node": _node_fields(op.node)}
    if op.action.removes:
        fields["node"].pop("value", None)
    if op.prev_node is not None:
        fields["prevNode"] = _node_fields(op.prev_node)
    fields["index"] = op.etcd.index
    return fields


def _node_fields(node: Node) -> dict[str, Any]:
    fields: dict[str, Any] = {"key": node.key}
    if isinstance(node, Dir):
        fields["dir"] = True
    else:
        fields["value"] = node.value.decode("utf-8", "backslashreplace")
    return fields | _lease_fields(node.lease) | {
        "createdIndex": node.created_index,
        "modifiedIndex": node.modified_index,
    }


def _lease_fields(lease: Lease | None) -> dict[str, Any]:
    if lease is None:
        return {}
    expiration = lease.expiration.isoformat().replace("+00:00", "Z")
    return {"ttl": int(lease.ttl.total_seconds()), "expiration": expiration}


def _json(fields: dict[str, Any]) -> bytes:
    return _encoded(json.dumps(fields, ensure_ascii=False, separators=(",", ":")))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")
