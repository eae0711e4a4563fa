"""One request on its way to a member, and its answer on the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost

from txetcd.clock import DelayedCall
from txetcd.errors import ReplyLost, RequestCancelled, TxetcdError
from txetcd.http.exchange import tell_head
from txetcd.http.message import Request, Response
from txetcd.testing._faults import Cut, CutAt

if TYPE_CHECKING:
    from txetcd.testing.memory._wire import Wire

__all__ = ["Call"]

#: Where a cut comes before the client has got a whole head.
_BEFORE_HEAD = (CutAt.AFTER_REQUEST, CutAt.MID_HEADER)


class Call:
    """A request, as the network carries it.

    Args:
        request: The request.
        wire: What carries it.
        cut: The fault that strikes it, or None.

    Attributes:
        response: The Deferred of the response.
        silent: Whether nothing is told of it any more, unless the connection is cut.
    """

    __slots__ = ("_cut", "_left", "_told_head", "_ways", "_wire", "request", "response", "silent")

    def __init__(self, request: Request, wire: Wire, cut: Cut | None) -> None:
        self.request = request
        self.response: Deferred[Response] = Deferred(self._cancelled)
        self.silent = False
        self._wire = wire
        self._cut = cut
        self._told_head = False
        self._left: Callable[[], object] | None = None
        self._ways: list[DelayedCall] = []

    def later(self, seconds: float, what: Callable[..., object], *args: Any) -> None:
        """Do something after a time, if the answer is waited for then; at once if that is 0."""
        if seconds <= 0:
            what(*args)
        else:
            self._ways.append(self._wire.clock.callLater(seconds, what, *args))

    # --- for the member -----------------------------------------------------------------------

    def on_leave(self, left: Callable[[], object]) -> None:
        """Call something if the answer is not waited for any more."""
        self._left = left

    def head(self, head: Response) -> None:
        """Tell the head, of an answer to a wait."""
        if self._is_stopped():
            return
        if self._cut is not None and self._cut.at in _BEFORE_HEAD:
            self.cut()
            return
        self.later(self._wire.delay, self._tell_head, head)

    def answer(self, response: Response) -> None:
        """Tell all."""
        if self._is_stopped():
            return
        cut = self._cut
        if cut is not None and (cut.at in _BEFORE_HEAD or response.body):
            if cut.at is CutAt.MID_BODY:
                self._tell_head(response)
            self.cut()
            return
        if cut is not None:
            self._wire.give_back(cut)
        self.later(self._wire.time_of(response), self._deliver, response)

    def _is_stopped(self) -> bool:
        """Whether the client is told nothing: there is none any more, or it was swallowed."""
        if self._wire.swallows_replies:
            self.silent = True
        return self.silent or self.response.called

    # --- for the client -----------------------------------------------------------------------

    def cut(self) -> None:
        """Let the fault strike."""
        self._wire.cuts += 1
        self.lose(self._cut is not None and self._cut.clean)

    def lose(self, clean: bool = False) -> None:
        """Let the connection be lost.

        Args:
            clean: Whether it ends as if all was well.
        """
        cause = ConnectionDone() if clean else ConnectionLost()
        words = "the connection was closed" if clean else "the connection was reset"
        self.fail(ReplyLost(f"the request was sent and its reply was lost: {words}", cause))

    def fail(self, error: BaseException) -> None:
        """Tell that there is no answer."""
        if not self.response.called:
            if isinstance(error, TxetcdError):
                error.locate(endpoint=self._wire.url)
            self._finish()
            self.response.errback(error)

    def lose_server(self) -> None:
        """Let the server be gone, and the client hear nothing of that."""
        self.silent = True
        left, self._left = self._left, None
        if left is not None:
            left()

    def _tell_head(self, response: Response) -> None:
        told = self.request.on_head
        if not self._told_head and not self.silent and told is not None:
            self._told_head = True
            status, headers, place = response.status, response.headers, response.endpoint
            tell_head(told, Response(status, headers, b"", place, self._end_sending))

    def _end_sending(self) -> None:
        if not self.response.called:
            self.later(self._wire.delay, self._wire.hung_up, self)

    def _deliver(self, response: Response) -> None:
        self._tell_head(response)
        # Who is told of the head may cancel the request.
        if not self.silent and not self.response.called:
            self._finish()
            if self.request.method == "HEAD":
                response = Response(response.status, response.headers, b"", response.endpoint)
            self.response.callback(response)

    def _cancelled(self, _: Deferred[Response]) -> None:
        self.fail(RequestCancelled(sent=True))

    def _finish(self) -> None:
        self._wire.forget(self)
        for way in self._ways:
            if way.active():
                way.cancel()
        self._ways.clear()
        left, self._left = self._left, None
        if left is not None:
            left()
