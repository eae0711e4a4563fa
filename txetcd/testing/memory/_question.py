"""What a request asks of the keys API.

The definition is etcd 3.5.1, ``server/etcdserver/api/v2http/client.go``.
"""

from __future__ import annotations

from functools import partial

import attrs

from txetcd.errors import ErrorCode
from txetcd.http.message import Request
from txetcd.testing.memory._edition import Edition
from txetcd.testing.memory._form import BadForm, Form, read_form
from txetcd.testing.memory._history import Event
from txetcd.testing.memory._refusal import Refusal
from txetcd.testing.memory._store import Store
from txetcd.testing.memory._text import SECOND

__all__ = ["Question"]

_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}


@attrs.frozen
class Question:
    """A request for a key, in the words of the store.

    Attributes:
        method: The method.
        path: The key; empty for the root.
        is_wait: Whether the next change is waited for; with a quorum, it is a plain get.
        needs_quorum: Whether the members have to agree on it.
        since: The first index that a wait is for; 0 for the next.
        bare: Whether a write that succeeds is to be told nothing of.

    The others are the fields of the same names.
    """

    method: str
    path: str
    value: str
    is_dir: bool
    recursive: bool
    in_order: bool
    is_wait: bool
    since: int
    stream: bool
    needs_quorum: bool
    prev_value: str
    prev_index: int
    prev_exist: bool | None
    refresh: bool
    expires: int
    bare: bool

    @classmethod
    def of(cls, request: Request, path: str, now: int, edition: Edition) -> Question:
        """What a request asks.

        Args:
            request: The request.
            path: The key.
            now: The time, in nanoseconds since 1970.
            edition: Where versions of etcd differ.

        Raises:
            Refusal: The request cannot be understood.
        """
        try:
            form = read_form(request, edition)
        except BadForm as error:
            raise Refusal(ErrorCode.INVALID_FORM, str(error)) from None
        # In etcd's order: the first that is wrong is told.
        prev_index, since = _index(form, "prevIndex"), _index(form, "waitIndex")
        recursive, in_order = _flag(form, "recursive"), _flag(form, "sorted")
        is_wait, is_dir = _flag(form, "wait"), _flag(form, "dir")
        quorum, stream = _flag(form, "quorum"), _flag(form, "stream")
        if is_wait and request.method != "GET":
            cause = '"wait" can only be used with GET requests'
            raise Refusal(ErrorCode.INVALID_FIELD, cause)
        if form.get("prevValue") == "":
            raise Refusal(ErrorCode.PREV_VALUE_REQUIRED, '"prevValue" cannot be empty')
        bare = _flag(form, "noValueOnSuccess")
        ttl = _ttl(form)
        prev_exist = None
        if "prevExist" in form:
            prev_exist = _flag(form, "prevExist", "invalid value for prevExist")
        refresh = _flag(form, "refresh", "invalid value for refresh")
        if refresh and form.get("value"):
            raise Refusal(ErrorCode.REFRESH_VALUE, "A value was provided on a refresh")
        if refresh and ttl is None:
            raise Refusal(ErrorCode.REFRESH_TTL_REQUIRED, "No TTL value set")
        is_read = request.method in ("GET", "HEAD")
        return cls(
            method=request.method,
            path=path,
            value=form.get("value", ""),
            is_dir=is_dir,
            recursive=recursive,
            in_order=in_order,
            is_wait=is_wait,
            since=since,
            stream=stream,
            needs_quorum=not is_read or (quorum and request.method == "GET"),
            prev_value=form.get("prevValue", ""),
            prev_index=prev_index,
            prev_exist=prev_exist,
            refresh=refresh,
            expires=0 if ttl is None else _wrapped(now + _wrapped(ttl * SECOND)),
            bare=bare,
        )

    def ask(self, store: Store) -> Event:
        """Do what is asked; it is no wait.

        Raises:
            Refusal: It cannot be done.
        """
        if self.method == "POST":
            return store.create(self.path, self.is_dir, self.value, self.expires, unique=True)
        if self.method == "PUT":
            return self._put(store)
        compares = bool(self.prev_index or self.prev_value)
        if self.method == "DELETE" and compares:
            return store.compare_and_delete(self.path, self.prev_value, self.prev_index)
        if self.method == "DELETE":
            return store.delete(self.path, self.is_dir, self.recursive)
        return store.get(self.path, self.recursive, self.in_order)

    def _put(self, store: Store) -> Event:
        value, expires = self.value, self.expires
        if self.prev_exist is False:
            return store.create(self.path, self.is_dir, value, expires, unique=False)
        if self.prev_index or self.prev_value:
            swap = partial(store.compare_and_swap, self.path, self.prev_value, self.prev_index)
            return swap(value, expires, self.refresh)
        if self.prev_exist:
            return store.update(self.path, value, expires, self.refresh)
        return store.set(self.path, self.is_dir, value, expires, self.refresh)


def _index(form: Form, name: str, code: ErrorCode = ErrorCode.INDEX_NAN) -> int:
    if name not in form:
        return 0
    text = form[name]
    # 2**64 - 1 has 20 digits; zeros may come before them.
    digits = text.lstrip("0") or text[-1:]
    if text.isascii() and text.isdigit() and len(digits) <= 20 and int(digits) < 1 << 64:
        return int(digits)
    raise Refusal(code, f'invalid value for "{name}"')


def _ttl(form: Form) -> int | None:
    return _index(form, "ttl", ErrorCode.TTL_NAN) if form.get("ttl") else None


def _flag(form: Form, name: str, cause: str = "") -> bool:
    if name not in form:
        return False
    text = form[name]
    if text not in _BOOLEANS:
        raise Refusal(ErrorCode.INVALID_FIELD, cause or f'invalid value for "{name}"')
    return _BOOLEANS[text]


def _wrapped(number: int) -> int:
    """A number as 64 bits hold it."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)
