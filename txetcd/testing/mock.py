"""A service whose requests a test sees, and whose replies it gives."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from txetcd.service import Service, Status
from txetcd.testing._asked import Asked

__all__ = ["Asked", "MockHandle", "mock_service"]


def mock_service(*, hold_on_cancel: bool = False) -> tuple[Service[Any, Any], MockHandle]:
    """A service for tests, and the handle by which a test asserts its requests and replies.

    Put what is to be tested in front of the service.  Ask it, and see by the handle what
    has come through.  All of it is synchronous, and needs no reactor:

    >>> service, handle = mock_service()
    >>> answer = service("how many?")
    >>> handle.expect("how many?").reply(3)
    >>> _ = answer.addCallback(print)
    3
    >>> handle.assert_idle()

    The pair is that of ``tower-test`` (the Rust crate), without its tasks.

    Args:
        hold_on_cancel: Whether each request is as if its `Asked.hold_on_cancel` had been
            called at once.

    Returns:
        The service, and its `MockHandle`.

    .. versionadded:: 0.1
    """
    handle = MockHandle(hold_on_cancel)
    return _MockService(handle), handle


class MockHandle:
    """What a test holds of a `mock_service`: its requests, and its replies.

    A request waits until the test *takes* it, with `next` or `expect`, and replies; or it
    is answered at once by what was scripted before, with `script` or `always`.

    Attributes:
        status: What `Service.status` is; for the test to set.
        closes: How often the service was closed.
        requests: All that were asked, the oldest first, however they were answered.

    .. versionadded:: 0.1
    """

    def __init__(self, hold_on_cancel: bool = False) -> None:
        self.status = Status.OPEN
        self.closes = 0
        self.requests: list[Any] = []
        self._hold_on_cancel = hold_on_cancel
        # Asked and not taken; and whatever is not answered, taken or not.
        self._waiting: deque[Asked] = deque()
        self._unanswered: dict[Asked, None] = {}
        self._script: deque[_Reply] = deque()
        self._always: _Reply | None = None

    # --- what was asked ---

    def next(self) -> Asked:
        """Take the oldest request that was not taken yet.

        Raises:
            AssertionError: There is none.
        """
        if not self._waiting:
            raise AssertionError(f"no request is waiting to be taken: {self._past()}")
        return self._waiting.popleft()

    def expect(self, request: object) -> Asked:
        """Take the oldest request that was not taken yet, which must equal ``request``.

        Raises:
            AssertionError: There is none, or it is another one, which is then not taken.
        """
        if not self._waiting:
            raise AssertionError(
                f"expected {request!r}, but no request is waiting to be taken: {self._past()}"
            )
        if self._waiting[0].request != request:
            raise AssertionError(f"expected {request!r}, was asked {self._waiting[0].request!r}")
        return self._waiting.popleft()

    def assert_idle(self) -> None:
        """Assert that nothing is left to do.

        Raises:
            AssertionError: A request was not taken, or not answered (nor given up by its
                caller), or a scripted reply was not asked for.
        """
        if self._waiting:
            raise AssertionError(f"not taken: {_listed(self._waiting)}")
        if self._unanswered:
            raise AssertionError(f"not answered: {_listed(self._unanswered)}")
        if self._script:
            raise AssertionError(f"scripted, and not asked for: {_listed(self._script)}")

    @property
    def waiting(self) -> int:
        """How many requests were not taken yet."""
        return len(self._waiting)

    @property
    def unanswered(self) -> int:
        """How many requests are under way, taken or not."""
        return len(self._unanswered)

    @property
    def closed(self) -> bool:
        """Whether the service was closed."""
        return self.closes > 0

    # --- what is to be replied ---

    def script(self, replies: Iterable[Any]) -> None:
        """Answer as many of the next requests at once, each by a reply of its own.

        Args:
            replies: Each is an instance of an exception, or a `Failure`, to fail with; a
                function of the request that gives the response, a Deferred of it, or raises;
                a Deferred; or else the response itself.  They follow those scripted before.

        Raises:
            TypeError: One is the class of an exception.
        """
        self._script.extend([_Reply(each) for each in replies])

    def always(self, reply: Any) -> None:
        """Answer all requests at once from now on, once the script has ended.

        Args:
            reply: As one of `script`.

        Raises:
            TypeError: It is the class of an exception, or a Deferred, which can answer once.
        """
        if isinstance(reply, Deferred):
            raise TypeError(f"{reply!r} answers one request: script it, or give a function")
        self._always = _Reply(reply)

    # --- for the service ---

    def _ask(self, request: Any) -> Any:
        self.requests.append(request)
        reply = self._script.popleft() if self._script else self._always
        if reply is not None:
            return reply.to(request)
        asked = Asked(request, self._unanswered, self._hold_on_cancel)
        self._waiting.append(asked)
        return asked.begin()

    def _past(self) -> str:
        last = f", the last {self.requests[-1]!r}" if self.requests else ""
        return f"{len(self.requests)} asked so far{last}"

    def __repr__(self) -> str:
        return (
            f"<MockHandle {len(self.requests)} asked, {self.waiting} not taken, "
            f"{self.unanswered} unanswered>"
        )


class _Reply:
    """A reply that was scripted."""

    def __init__(self, what: Any) -> None:
        if isinstance(what, type) and issubclass(what, BaseException):
            raise TypeError(f"give an instance of {what.__name__} to fail with, not the class")
        self._what = what

    def to(self, request: Any) -> Any:
        """What a service returns, or raises, as this reply."""
        what = self._what
        if isinstance(what, (BaseException, Failure)):
            return fail(what)
        if isinstance(what, Deferred):
            return what
        return what(request) if callable(what) else succeed(what)

    def __repr__(self) -> str:
        return repr(self._what)


class _MockService(Service[Any, Any]):
    def __init__(self, handle: MockHandle) -> None:
        self._handle = handle
        self.apply = handle._ask  # type: ignore[method-assign]  # it is the method

    def close(self) -> Deferred[None]:
        self._handle.closes += 1
        return succeed(None)

    @property
    def status(self) -> Status:
        return self._handle.status

    def __repr__(self) -> str:
        return "mock_service()"


def _listed(things: Iterable[object]) -> str:
    return ", ".join(map(repr, things))
