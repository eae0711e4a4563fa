"""What is between clients and a member: requests under way, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.internet import error as errors
from twisted.internet.defer import Deferred, fail

from txetcd.clock import Clock
from txetcd.errors import NotSent
from txetcd.http.message import Request, Response
from txetcd.testing._faults import Cut, CutAt, Faults
from txetcd.testing.memory._call import Call
from txetcd.testing.memory._member import Member
from txetcd.testing.memory._script import Script

__all__ = ["Wire"]

#: etcd looks for the end of the request line in the first bytes of a connection, and resets it
#: if there is none (``soheilhy/cmux``, ``HTTP1``).
MAX_REQUEST_LINE = 4096


class Wire:
    """Carries requests to a member, and answers back.

    Args:
        clock: Makes things late.
        member: Where requests go.
        faults: What goes wrong; it may change at any time.

    Attributes:
        clock: As above.
        url: Where the member is.
        refuses: Whether connections are refused.
        is_down: Whether there is no member at the other end.
        script: What is answered instead of what the member would.
        calls: The requests under way, the oldest first.
        cuts: How many requests were struck by a cut.
    """

    def __init__(self, clock: Clock, member: Member, faults: Faults) -> None:
        self.clock = clock
        self.url = member.url
        self.refuses = self.is_down = False
        self.script = Script()
        self.calls: dict[Call, None] = {}
        self.cuts = 0
        self._member = member
        self._faults = faults
        # While the member is paused: what has arrived.
        self._held: list[Callable[[], None]] | None = None

    def carry(self, request: Request) -> Deferred[Response]:
        """Send a request, and return what becomes of it."""
        if self.refuses or self.is_down:
            refused = errors.ConnectionRefusedError()
            error = NotSent(f"the request was not sent: {refused}", refused)
            error.locate(endpoint=self.url)
            return fail(error)
        faults = self._faults
        is_swallowed = faults.black_hole
        cut = None
        if faults.cuts and not is_swallowed:
            cut = faults.claim(f"{request.method} ".encode())
        call = Call(request, self, cut)
        self.calls[call] = None
        line = len(request.method) + len(request.target) + len("  HTTP/1.1\r\n")
        if is_swallowed:
            call.silent = True
        elif cut is not None and cut.at is CutAt.BEFORE_REQUEST:
            call.cut()
        elif line > MAX_REQUEST_LINE:
            call.lose()
        else:
            call.later(faults.delay, self._arrive, call)
        return call.response

    def _arrive(self, call: Call) -> None:
        if self._faults.black_hole:
            call.silent = True
        if call.silent or call.response.called:
            return
        if self._held is not None:
            self._held.append(partial(self._arrive, call))
        elif self.script:
            self.script.answer(call, self._member)
        else:
            self._member.ask(call)

    # --- for calls ----------------------------------------------------------------------------

    @property
    def swallows_replies(self) -> bool:
        """Whether answers get lost."""
        return self._faults.swallow_replies or self._faults.black_hole

    @property
    def delay(self) -> float:
        """How late everything is, in seconds."""
        return self._faults.delay

    def time_of(self, response: Response) -> float:
        """How late an answer is, in seconds."""
        throttle = self._faults.throttle
        if throttle is None or not response.body:
            return self._faults.delay
        pauses = (len(response.body) - 1) // throttle.size
        return self._faults.delay + pauses * throttle.interval

    def give_back(self, cut: Cut) -> None:
        """Let a cut that could not be made strike the next request."""
        self._faults.give_back(cut)

    def forget(self, call: Call) -> None:
        """A call is over."""
        self.calls.pop(call, None)

    def hung_up(self, call: Call) -> None:
        """A client has closed its side of a connection, which ends a wait."""
        if self._held is not None:
            self._held.append(partial(self.hung_up, call))
        elif not call.silent:
            self._member.end_wait(call)

    # --- while the member is paused -----------------------------------------------------------

    @property
    def is_held(self) -> bool:
        """Whether what arrives waits."""
        return self._held is not None

    def hold(self) -> None:
        """Let what arrives wait."""
        if self._held is None:
            self._held = []

    def release(self) -> None:
        """Have it answered."""
        held, self._held = self._held or [], None
        for arrive in held:
            arrive()
