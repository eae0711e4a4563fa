"""Answers that a test has given in advance."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Union

import attrs

from txetcd.http.message import Request, Response

if TYPE_CHECKING:
    from txetcd.testing.memory._call import Call
    from txetcd.testing.memory._member import Member

__all__ = ["Reply", "Script"]

#: What may be answered: as it is, or found by a function, which may also leave it to the member.
Reply = Union[Response, BaseException, Callable[[Request], "Response | BaseException | None"]]


@attrs.define(eq=False)
class _Line:
    """One reply.

    Attributes:
        reply: What is answered.
        left: To how many requests; None for all.
        method: The method of those; empty for any.
    """

    reply: Reply
    left: int | None
    method: str


class Script:
    """Replies to requests to come; each request has the first that is for it."""

    def __init__(self) -> None:
        self._lines: list[_Line] = []

    def add(self, reply: Reply, times: int | None, method: str | None) -> None:
        """Have one more."""
        self._lines.append(_Line(reply, times, (method or "").upper()))

    def clear(self) -> None:
        """Have none."""
        self._lines.clear()

    def __bool__(self) -> bool:
        return bool(self._lines)

    def answer(self, call: Call, member: Member) -> None:
        """Answer a request, or have the member do so if no reply is for it."""
        reply = self._take(call.request)
        if callable(reply):
            reply = reply(call.request)
        if reply is None:
            member.ask(call)
        elif isinstance(reply, Response):
            call.answer(reply)
        else:
            call.fail(reply)

    def _take(self, request: Request) -> Reply | None:
        for line in self._lines:
            if line.method in ("", request.method):
                if line.left is not None:
                    line.left -= 1
                    if not line.left:
                        self._lines.remove(line)
                return line.reply
        return None
