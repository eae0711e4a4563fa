"""HTTP responses of the v2 API as typed answers.

Strict about what is there, tolerant of what is not known: a field of another
name is passed over, a field of a wrong type is an error that says where it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from txetcd.errors import ApiDisabled, ApiError, TxetcdError, UnexpectedResponse, WatchEnded
from txetcd.http.message import Response
from txetcd.model.node import Action, Data, Dir, Lease, Node, NodeOp
from txetcd.model.op import MAX_INDEX, Op
from txetcd.v2.json import loads
from txetcd.v2.state import state_of

__all__ = ["decode", "decode_error", "decode_json"]

#: What Go's ``http.NotFound`` says of a path that nothing serves.
_NOT_SERVED = b"404 page not found"


#: How many levels of a tree an error shows.
PLACES_SHOWN = 20


class Malformed(ValueError):
    """Something in the document is not as it should be; the text says where."""


def decode(response: Response, op: Op) -> NodeOp:
    """The answer to an operation.

    Raises:
        UnexpectedResponse: It is none; or one of its subclasses.
        ApiError: etcd refused the operation.
    """
    if response.status == 404 and response.body.strip() == _NOT_SERVED:
        raise ApiDisabled(response.status, response.body)
    if response.status not in (200, 201):
        raise decode_error(response)
    if op.long_poll and not response.body.strip():
        raise WatchEnded(response.status)
    document = decode_json(response)
    try:
        return NodeOp(
            _action(document.get("action")),
            _tree(document.get("node"), "node"),
            state_of(response),
            _tree(document["prevNode"], "prevNode") if "prevNode" in document else None,
        )
    except Malformed as error:
        raise UnexpectedResponse(response.status, response.body, str(error)) from None


def decode_error(response: Response) -> TxetcdError:
    """The error that a response of any status but 200 and 201 tells."""
    status, body = response.status, response.body
    try:
        document = decode_json(response)
        error: TxetcdError = ApiError(
            _typed(document, "errorCode", int, ""),
            _text(document, "message", "", ""),
            _text(document, "cause", "", ""),
            _number(document, "index", "", 0),
        )
    except Malformed as malformed:
        return UnexpectedResponse(status, body, str(malformed))
    except UnexpectedResponse as unexpected:
        return unexpected
    if status >= 500:
        error.possibly_applied = True
    return error


def decode_json(response: Response) -> dict[str, Any]:
    """The JSON object in the body.

    Raises:
        UnexpectedResponse: There is none.
    """
    try:
        document = loads(response.body.decode("utf-8"))
    except ValueError as error:
        raise UnexpectedResponse(
            response.status, response.body, f"the body is not JSON: {error}"
        ) from None
    if not isinstance(document, dict):
        raise UnexpectedResponse(response.status, response.body, "the body is not a JSON object")
    return document


class _Frame:
    """A directory that is being read: its fields, and the children read so far."""

    __slots__ = ("fields", "nodes", "parent", "place", "rest")

    def __init__(self, fields: dict[str, Any], parent: _Frame | None, place: str) -> None:
        self.fields = fields
        self.parent = parent
        self.place = place
        self.rest: Iterator[tuple[int, Any]] = enumerate(_typed(fields, "nodes", list, self, ()))
        self.nodes: list[Node] = []

    def __str__(self) -> str:
        names, frame = [], self
        while frame.parent is not None:
            names.append(frame.place)
            frame = frame.parent
        names = [frame.place, *reversed(names)]
        if len(names) > PLACES_SHOWN:
            names[PLACES_SHOWN // 2 : -PLACES_SHOWN // 2] = ["…"]
        return ".".join(names)


def _tree(value: Any, name: str) -> Node:
    """A node with all that is below it; without recursion, a tree may be any depth."""
    if not isinstance(value, dict):
        raise Malformed(f"{name}: a node is needed, not {_shown(value)}")
    if not value.get("dir"):
        return _data(value, name)
    frame = _Frame(value, None, name)
    while True:
        for n, child in frame.rest:
            if isinstance(child, dict) and child.get("dir"):
                frame = _Frame(child, frame, f"nodes[{n}]")
                break
            if not isinstance(child, dict):
                raise Malformed(f"{frame}.nodes[{n}]: a node is needed, not {_shown(child)}")
            frame.nodes.append(_data(child, frame, n))
        else:
            finished = _dir(frame)
            if frame.parent is None:
                return finished
            frame = frame.parent
            frame.nodes.append(finished)


def _data(fields: dict[str, Any], where: object, n: int | None = None) -> Data:
    # Most nodes are right and have no lease: one look at those takes 0.5 µs less.
    key, value = fields.get("key"), fields.get("value", "")
    modified, created = fields.get("modifiedIndex"), fields.get("createdIndex")
    if (
        type(key) is type(value) is str
        and type(modified) is type(created) is int
        and 0 <= modified <= MAX_INDEX
        and 0 <= created <= MAX_INDEX
        and key.isascii()
        and value.isascii()
        and "dir" not in fields
        and "expiration" not in fields
    ):
        return Data(key, modified, created, None, value.encode())
    return _any_data(fields, where, n)


def _any_data(fields: dict[str, Any], where: object, n: int | None) -> Data:
    if n is not None:
        where = _Place(where, n)
    if fields.get("dir", False) is not False:
        raise Malformed(f"{where}.dir: true or false is needed, not {_shown(fields['dir'])}")
    value = _text(fields, "value", where, "")
    return Data(
        _text(fields, "key", where),
        _number(fields, "modifiedIndex", where),
        _number(fields, "createdIndex", where),
        _lease(fields, where),
        value.encode("utf-8"),
    )


def _dir(frame: _Frame) -> Dir:
    fields = frame.fields
    if fields["dir"] is not True:
        raise Malformed(f"{frame}.dir: true or false is needed, not {_shown(fields['dir'])}")
    # The root has neither a key nor indexes.
    root = frame.parent is None and fields.get("key", "/") in ("", "/")
    return Dir(
        "/" if root else _text(fields, "key", frame),
        _number(fields, "modifiedIndex", frame, 0 if root else None),
        _number(fields, "createdIndex", frame, 0 if root else None),
        _lease(fields, frame),
        tuple(frame.nodes),
    )


class _Place:
    """Where a node is, in words that are made only if they are needed."""

    __slots__ = ("frame", "n")

    def __init__(self, frame: object, n: int) -> None:
        self.frame = frame
        self.n = n

    def __str__(self) -> str:
        return f"{self.frame}.nodes[{self.n}]"


_ACTIONS = {action.value: action for action in Action}


def _action(value: Any) -> Action:
    try:
        return _ACTIONS[value]
    except (KeyError, TypeError):
        raise Malformed(f"action: no action is called {_shown(value)}") from None


def _lease(fields: dict[str, Any], where: object) -> Lease | None:
    if "expiration" not in fields:
        return None
    # etcd leaves a ttl of 0 out.
    ttl = _typed(fields, "ttl", int, where, 0)
    text = _typed(fields, "expiration", str, where)
    try:
        expiration = _time(text)
    except (ValueError, OverflowError):
        raise Malformed(f"{where}.expiration: {_shown(text)} is not a time") from None
    try:
        return Lease(expiration, timedelta(seconds=ttl))
    except OverflowError:
        raise Malformed(f"{where}.ttl: {_shown(ttl)} seconds are too many") from None


#: A time of RFC 3339, section 5.6.
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]+))?"
    r"(?:Z|([-+][0-9]{2}:[0-9]{2}))"
)


def _time(text: str) -> datetime:
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(text)
    # Go writes up to nine digits of a second, of which Python keeps six.
    moment, fraction, offset = match[1], (match[2] or "")[:6], match[3] or "+00:00"
    return datetime.fromisoformat(f"{moment}.{fraction:0<6}{offset}").astimezone(timezone.utc)


def _number(fields: dict[str, Any], name: str, where: object, default: int | None = None) -> int:
    number: int = _typed(fields, name, int, where, default)
    if not 0 <= number <= MAX_INDEX:
        raise Malformed(f"{_at(where, name)}: an index is needed, not {_shown(number)}")
    return number


def _text(fields: dict[str, Any], name: str, where: object, default: str | None = None) -> str:
    text: str = _typed(fields, name, str, where, default)
    if not text.isascii() and _SURROGATE.search(text):
        # It could be neither encoded nor printed.
        raise Malformed(f"{_at(where, name)}: half of a surrogate pair is no text")
    return text


_SURROGATE = re.compile("[\ud800-\udfff]")


def _typed(
    fields: dict[str, Any], name: str, kind: type, where: object, default: Any = None
) -> Any:
    value = fields.get(name, default)
    if type(value) is kind or (value is default and default is not None):
        return value
    if name not in fields:
        raise Malformed(f"{_at(where, name)}: missing")
    raise Malformed(f"{_at(where, name)}: {_NAMES[kind]} is needed, not {_shown(value)}")


_NAMES = {int: "a whole number", str: "text", list: "a list"}


def _at(where: object, name: str) -> str:
    return f"{where}.{name}".lstrip(".")


def _shown(value: object) -> str:
    text = repr(value) if not isinstance(value, (dict, list)) else type(value).__name__
    return text if len(text) <= 60 else text[:60] + "…"
