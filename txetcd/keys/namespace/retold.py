"""Errors about keys below a prefix, as they are to be seen without it."""

from __future__ import annotations

import copy
from typing import Any

from txetcd.errors import (
    ApiError,
    DirNotEmpty,
    KeyNotFound,
    NodeExist,
    NotDir,
    NotFile,
    RaftInternal,
    RootReadOnly,
    TxetcdError,
)
from txetcd.keys.namespace.prefix import Prefix
from txetcd.model.op import Op

__all__ = ["Retold"]

#: The errors whose cause is a key.
ABOUT_A_KEY = (DirNotEmpty, KeyNotFound, NodeExist, NotDir, NotFile, RootReadOnly)


class Retold:
    """An error of one operation, with all that it carries, as the caller is to see it.

    What is below may have kept the error, so it stays as it is.

    Args:
        prefix: What is taken off keys.
        op: The caller's operation.
        below: The same, with the prefix.
    """

    def __init__(self, prefix: Prefix, op: Op, below: Op) -> None:
        self._prefix = prefix
        self._op = op
        self._below = below
        # One error may be carried in several places, and even by itself.
        self._copies: dict[int, TxetcdError] = {}

    def error(self, error: TxetcdError) -> TxetcdError:
        """A copy of an error, about the caller's operation and keys."""
        if id(error) in self._copies:
            return self._copies[id(error)]
        copied = self._copies[id(error)] = copy.copy(error)
        for name, value in vars(error).items():
            setattr(copied, name, self._seen(value))
        copied.args = self._seen(error.args)
        copied.__cause__ = self._seen(error.__cause__)
        if isinstance(copied, ApiError):
            copied.cause = self._cause(copied)
            copied.args = (copied.code, copied.message, copied.cause, copied.index)
        return copied

    def _seen(self, value: Any) -> Any:
        if isinstance(value, Op):
            return self._op
        if isinstance(value, TxetcdError):
            return self.error(value)
        if type(value) in (tuple, list):
            return type(value)(map(self._seen, value))
        return value

    def _cause(self, error: ApiError) -> str:
        cause, prefix = error.cause, self._prefix
        if isinstance(error, ABOUT_A_KEY) and cause:
            if prefix.holds(cause):
                return prefix.taken_off(cause)
            # etcd names the first key on the way that is not as it should be.
            return "/" if prefix.is_below(cause) else cause
        if isinstance(error, RaftInternal):
            # What a lease for a directory fails with; etcd puts "/1" before all its keys.
            seen, shown = self._below.path, self._op.path
            return cause.replace(f"nodePath /1{seen} :", f"nodePath /1{shown} :")
        return cause
