"""Every error that txetcd raises, as one tree.

``TxetcdError`` is the root.  Below it stands one family for each party that can
fail: the network (`NotSent`, `ReplyLost`, `RequestTimedOut`), the protocol
(`UnexpectedResponse`), etcd itself (`ApiError`, one subclass a code), a policy
(`BackoffsExhausted`, `Rejected`), and `AmbiguousWrite` for a write whose outcome is unknown.

An error says what happened.  Two flags say what may be done about it, so that
no caller has to read messages: `TxetcdError.retryable` and
`TxetcdError.possibly_applied`.
"""

from __future__ import annotations

import copyreg
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, ClassVar

from twisted.internet.defer import CancelledError

__all__ = [
    "AmbiguousWrite",
    "ApiDisabled",
    "ApiError",
    "BackoffsExhausted",
    "DirNotEmpty",
    "EndpointDown",
    "ErrorCode",
    "EventIndexCleared",
    "IndexNaN",
    "InvalidField",
    "InvalidForm",
    "KeyNotFound",
    "LeaderElect",
    "LoadShed",
    "MalformedResponse",
    "NetworkError",
    "NoEndpoints",
    "NodeExist",
    "NotDir",
    "NotFile",
    "NotSent",
    "PrevValueRequired",
    "QueueFull",
    "RaftInternal",
    "RateLimited",
    "RefreshTtlRequired",
    "RefreshValue",
    "Rejected",
    "ReplyLost",
    "RequestCancelled",
    "RequestTimedOut",
    "ResponseTooLarge",
    "RootReadOnly",
    "ServiceClosed",
    "TestFailed",
    "TtlNaN",
    "TxetcdError",
    "Unauthorized",
    "UnexpectedResponse",
    "WatcherCleared",
    "WatchEnded",
    "WriteForbidden",
]

#: How many bytes of an unintelligible body an error shows.
BODY_SHOWN = 200


class TxetcdError(Exception):
    """The root of all errors of this package.

    Attributes:
        retryable: Whether the same request, sent again, may well succeed.  It
            says nothing about whether sending it again is *safe*: see
            `possibly_applied`.
        possibly_applied: Whether the server may have carried the request out.
            False only where it is known that it has not.
        op: The operation that failed, where one is known.
        endpoint: The URL of the server that was asked, or ``""``.
        reasons: The errors of the attempts that were made before this one, the
            oldest first.

    .. versionadded:: 0.1
    """

    retryable: bool = False
    possibly_applied: bool = False
    op: object | None = None
    endpoint: str = ""
    reasons: Sequence[BaseException] = ()

    def locate(self, op: object | None = None, endpoint: str = "") -> None:
        """Note the operation and the endpoint, where they are not known yet."""
        if self.op is None:
            self.op = op
        self.endpoint = self.endpoint or endpoint

    def describe(self) -> str:
        """What happened, without the operation and the endpoint."""
        return super().__str__()

    def __str__(self) -> str:
        context = [] if self.op is None else [str(self.op)]
        if self.endpoint:
            context.append(f"at {self.endpoint}")
        return self.describe() + (f" [{' '.join(context)}]" if context else "")

    def _quoted(self, error: BaseException | None) -> str:
        """What another error says, without the place if this one names the same."""
        if (
            isinstance(error, TxetcdError)
            and error.op in (None, self.op)
            and error.endpoint in ("", self.endpoint)
        ):
            return error.describe()
        return str(error)

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions are copied by calling their class with their arguments, which
        # here are not always those that the class takes; and without their cause.
        state = {**self.__dict__, "__cause__": self.__cause__}
        return copyreg.__newobj__, (type(self), *self.args), state  # type: ignore[attr-defined]


# --- what the network did ----------------------------------------------------


class NetworkError(TxetcdError):
    """The network failed the request.

    Args:
        message: What happened.
        cause: The error below, kept as ``__cause__`` too.
    """

    retryable = True

    def __init__(self, message: str = "", cause: BaseException | None = None) -> None:
        super().__init__(message)
        self.cause = cause
        self.__cause__ = cause


class NotSent(NetworkError):
    """No byte of the request reached the wire, so the server cannot have seen it."""


class ReplyLost(NetworkError):
    """The request was written, at least in part, and no whole reply came back."""

    possibly_applied = True


class RequestTimedOut(NetworkError):
    """No reply came within the time allowed.

    Args:
        seconds: The time that was allowed.
        cause: How the request ended when it was given up.
        possibly_applied: Whether the request may have been carried out.
    """

    def __init__(
        self,
        seconds: float,
        cause: BaseException | None = None,
        possibly_applied: bool = True,
    ) -> None:
        super().__init__(f"no reply within {seconds:g} s", cause)
        self.seconds = seconds
        self.possibly_applied = possibly_applied

    def describe(self) -> str:
        seen = [*self.reasons, self.cause]
        last = [error for error in seen if error and not isinstance(error, CancelledError)]
        return super().describe() + (f"; last: {self._quoted(last[-1])}" if last else "")


class RequestCancelled(TxetcdError, CancelledError):
    """The caller cancelled the request.

    Args:
        sent: Whether it had been written to the wire, as far as is known.
    """

    def __init__(self, sent: bool = True) -> None:
        super().__init__("the request was cancelled")
        self.possibly_applied = sent


class ServiceClosed(TxetcdError):
    """The service was closed before the request, or while it was under way."""

    def __init__(self, possibly_applied: bool = False) -> None:
        super().__init__("the service is closed")
        self.possibly_applied = possibly_applied


# --- what the protocol did ---------------------------------------------------


class UnexpectedResponse(TxetcdError):
    """The server answered something that is not the protocol.

    A page from a proxy in between, a truncated or wrong JSON document, a status
    that etcd never sends.

    Args:
        status: The HTTP status code.
        body: The body, or its beginning; only its first bytes are kept.
        reason: What is wrong with it, and where.
    """

    def __init__(self, status: int, body: bytes = b"", reason: str = "") -> None:
        super().__init__(status, body[:BODY_SHOWN], reason)
        self.status = status
        self.body = body[:BODY_SHOWN]
        self.reason = reason
        self.retryable = status >= 500
        self.possibly_applied = not 300 <= status < 500

    def describe(self) -> str:
        reason = f": {self.reason}" if self.reason else ""
        return f"unexpected response, status {self.status}{reason}; body begins {self.body!r}"


class MalformedResponse(UnexpectedResponse):
    """What came back is not HTTP/1.1, breaks its rules, or goes beyond a limit on its head.

    Its ``status`` is 0 where none could be read.
    """

    def describe(self) -> str:
        status = f", status {self.status}" if self.status else ""
        begins = f"; it begins {self.body!r}" if self.body else ""
        return f"not a response of HTTP/1.1{status}: {self.reason}{begins}"


class ResponseTooLarge(UnexpectedResponse):
    """The body is longer than the limit that the transport was given."""


class WatchEnded(UnexpectedResponse):
    """A wait was answered without an event, as a server does that shuts down."""

    retryable = True

    def __init__(self, status: int = 200) -> None:
        super().__init__(status, reason="the wait ended without an event")
        self.retryable = True


class ApiDisabled(UnexpectedResponse):
    """The server does not serve the API that was asked for."""

    def describe(self) -> str:
        return (
            f"the server has no etcd v2 API (status {self.status}): start etcd 3.5 or older with "
            "--enable-v2 (ETCD_ENABLE_V2=true); etcd 3.6 and later have no v2 API at all"
        )


# --- what etcd said ----------------------------------------------------------


class ErrorCode(IntEnum):
    """The error codes of etcd's v2 API (etcd, ``Documentation/v2/errorcode.md``)."""

    KEY_NOT_FOUND = 100
    TEST_FAILED = 101
    NOT_FILE = 102
    NOT_DIR = 104
    NODE_EXIST = 105
    ROOT_READ_ONLY = 107
    DIR_NOT_EMPTY = 108
    UNAUTHORIZED = 110
    PREV_VALUE_REQUIRED = 201
    TTL_NAN = 202
    INDEX_NAN = 203
    INVALID_FIELD = 209
    INVALID_FORM = 210
    REFRESH_VALUE = 211
    REFRESH_TTL_REQUIRED = 212
    RAFT_INTERNAL = 300
    LEADER_ELECT = 301
    WATCHER_CLEARED = 400
    EVENT_INDEX_CLEARED = 401


class ApiError(TxetcdError):
    """etcd refused the request, or could not carry it out.

    As `OSError` does with an ``errno``, ``ApiError(100, …)`` makes an instance of
    the subclass for that code (here `KeyNotFound`).

    Args:
        code: etcd's error code; see `ErrorCode`.
        message: etcd's words for the code.
        cause: What the error is about, often a key.
        index: etcd's index at the time; 0 where etcd gave none.
    """

    _by_code: ClassVar[dict[int, type[ApiError]]] = {}
    CODE: ClassVar[int | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.CODE is not None:
            ApiError._by_code.setdefault(cls.CODE, cls)

    def __new__(
        cls, code: int, message: str = "", cause: str = "", index: int = 0
    ) -> ApiError:
        chosen = cls._by_code.get(code, cls) if cls is ApiError else cls
        return super().__new__(chosen, code, message, cause, index)

    def __init__(self, code: int, message: str = "", cause: str = "", index: int = 0) -> None:
        super().__init__(code, message, cause, index)
        self.code = code
        self.message = message
        self.cause = cause
        self.index = index

    def describe(self) -> str:
        cause = f" ({self.cause})" if self.cause else ""
        return f"{self.message or type(self).__name__}{cause}, code {self.code}"


class KeyNotFound(ApiError):
    """There is no such key."""

    CODE = ErrorCode.KEY_NOT_FOUND


class TestFailed(ApiError):
    """The key is not in the state that the comparison asked for."""

    CODE = ErrorCode.TEST_FAILED
    #: Test runners collect classes by this name otherwise.
    __test__ = False


class NotFile(ApiError):
    """The key is a directory, and a file was needed."""

    CODE = ErrorCode.NOT_FILE


class NotDir(ApiError):
    """The key, or one above it, is a file, and a directory was needed."""

    CODE = ErrorCode.NOT_DIR


class NodeExist(ApiError):
    """The key exists already."""

    CODE = ErrorCode.NODE_EXIST


class RootReadOnly(ApiError):
    """The root directory cannot be written."""

    CODE = ErrorCode.ROOT_READ_ONLY


class DirNotEmpty(ApiError):
    """The directory is not empty, and the deletion was not recursive."""

    CODE = ErrorCode.DIR_NOT_EMPTY


class Unauthorized(ApiError):
    """The user may not do this, or the credentials are wrong or missing."""

    CODE = ErrorCode.UNAUTHORIZED


class PrevValueRequired(ApiError):
    """The previous value to compare with was empty."""

    CODE = ErrorCode.PREV_VALUE_REQUIRED


class TtlNaN(ApiError):
    """The time to live was not a number."""

    CODE = ErrorCode.TTL_NAN


class IndexNaN(ApiError):
    """An index was not a number."""

    CODE = ErrorCode.INDEX_NAN


class InvalidField(ApiError):
    """A field of the request was invalid."""

    CODE = ErrorCode.INVALID_FIELD


class InvalidForm(ApiError):
    """The form could not be read."""

    CODE = ErrorCode.INVALID_FORM


class RefreshValue(ApiError):
    """A refresh carried a value."""

    CODE = ErrorCode.REFRESH_VALUE


class RefreshTtlRequired(ApiError):
    """A refresh carried no time to live."""

    CODE = ErrorCode.REFRESH_TTL_REQUIRED


class RaftInternal(ApiError):
    """The cluster could not agree in time, or failed inside; also a lease on a directory."""

    CODE = ErrorCode.RAFT_INTERNAL
    retryable = True
    possibly_applied = True


class LeaderElect(ApiError):
    """The cluster was electing a leader."""

    CODE = ErrorCode.LEADER_ELECT
    retryable = True
    possibly_applied = True


class WatcherCleared(ApiError):
    """The watch was dropped while the server recovered."""

    CODE = ErrorCode.WATCHER_CLEARED
    retryable = True


class EventIndexCleared(ApiError):
    """The history that was asked for is no longer kept."""

    CODE = ErrorCode.EVENT_INDEX_CLEARED


# --- what a policy decided, and what nobody can know -------------------------


class BackoffsExhausted(TxetcdError):
    """A schedule of delays came to its end without success.

    Args:
        subject: What was tried: a key's path, say.
        reasons: The failures of the attempts, the oldest first.
    """

    def __init__(self, subject: object, reasons: Sequence[BaseException] = ()) -> None:
        super().__init__(subject, tuple(reasons))
        self.subject = subject
        self.reasons = tuple(reasons)
        self.cause = self.reasons[-1] if self.reasons else None
        self.__cause__ = self.cause

    def describe(self) -> str:
        return f"gave up on {self.subject} after {len(self.reasons)} failures; last: {self.cause}"


class Rejected(TxetcdError):
    """A policy of this side let the request not begin, so nothing was sent."""

    retryable = True


class QueueFull(Rejected):
    """As many wait already as may, so the request was not begun."""


class RateLimited(Rejected):
    """More requests were made in a time than may."""


class LoadShed(Rejected):
    """The service refuses so many requests that this one was not even sent."""


class EndpointDown(Rejected):
    """The endpoint has failed too often and is left alone, or it is none any more.

    So fail requests that are not begun, and waits that were parked there; neither has
    changed anything.
    """


class NoEndpoints(Rejected):
    """No endpoint is known: none was given, or none has been found yet."""


class WriteForbidden(Rejected):
    """The request is a write, and what it was made with only reads."""

    retryable = False


class AmbiguousWrite(TxetcdError):
    """A write was sent, and its outcome is unknown.

    It may have been carried out, may yet be, or may never be.  txetcd does not
    send it again: whether that is right depends on what the write means.  Read
    the key, or make the write conditional, before you do.

    Args:
        op: The operation that was sent.
        cause: Why its outcome is unknown.
    """

    possibly_applied = True

    def __init__(self, op: object, cause: BaseException | None = None) -> None:
        super().__init__(op, cause)
        self.op = op
        self.cause = cause
        self.__cause__ = cause
        self.endpoint = getattr(cause, "endpoint", "")

    def describe(self) -> str:
        return f"the write was sent and its outcome is unknown: {self._quoted(self.cause)}"
