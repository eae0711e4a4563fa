"""What etcd answers where it does not do as it was asked."""

from __future__ import annotations

from txetcd.errors import ErrorCode
from txetcd.testing.memory._text import quoted

__all__ = ["Refusal"]

#: etcd, ``server/etcdserver/api/v2error/error.go``.
_MESSAGES = {
    ErrorCode.KEY_NOT_FOUND: "Key not found",
    ErrorCode.TEST_FAILED: "Compare failed",
    ErrorCode.NOT_FILE: "Not a file",
    ErrorCode.NOT_DIR: "Not a directory",
    ErrorCode.NODE_EXIST: "Key already exists",
    ErrorCode.ROOT_READ_ONLY: "Root is read only",
    ErrorCode.DIR_NOT_EMPTY: "Directory not empty",
    ErrorCode.PREV_VALUE_REQUIRED: "PrevValue is Required in POST form",
    ErrorCode.TTL_NAN: "The given TTL in POST form is not a number",
    ErrorCode.INDEX_NAN: "The given index in POST form is not a number",
    ErrorCode.INVALID_FIELD: "Invalid field",
    ErrorCode.INVALID_FORM: "Invalid POST form",
    ErrorCode.REFRESH_VALUE: "Value provided on refresh",
    ErrorCode.REFRESH_TTL_REQUIRED: "A TTL must be provided on refresh",
    ErrorCode.RAFT_INTERNAL: "Raft Internal Error",
    ErrorCode.EVENT_INDEX_CLEARED: "The event in requested index is outdated and cleared",
}

#: Those that are not 400.
_STATUSES = {
    ErrorCode.KEY_NOT_FOUND: 404,
    ErrorCode.NOT_FILE: 403,
    ErrorCode.DIR_NOT_EMPTY: 403,
    ErrorCode.TEST_FAILED: 412,
    ErrorCode.NODE_EXIST: 412,
    ErrorCode.RAFT_INTERNAL: 500,
}


class Refusal(Exception):
    """An error of the v2 API.

    Args:
        code: Which.
        cause: What it is about; left out of the answer if empty.
        index: The index that is told: that of the store, or 0 if the store was not asked.
    """

    def __init__(self, code: ErrorCode, cause: str, index: int = 0) -> None:
        super().__init__(code, cause, index)
        self.code = code
        self.cause = cause
        self.index = index

    @property
    def status(self) -> int:
        """The status of the answer."""
        return _STATUSES.get(self.code, 400)

    def body(self) -> bytes:
        """The body of the answer."""
        cause = f'"cause":{quoted(self.cause)},' if self.cause else ""
        message = quoted(_MESSAGES[self.code])
        return (
            f'{{"errorCode":{self.code:d},"message":{message},{cause}"index":{self.index}}}\n'
        ).encode()
