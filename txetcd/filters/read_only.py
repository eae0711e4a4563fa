"""Refusing writes."""

from __future__ import annotations

from typing import TypeVar

from twisted.internet.defer import Deferred

from txetcd.errors import WriteForbidden
from txetcd.service import Filter, Service

__all__ = ["ReadOnly"]

Req = TypeVar("Req")
Rep = TypeVar("Rep")


class ReadOnly(Filter[Req, Rep, Req, Rep]):
    """Lets reads pass, and fails writes with `WriteForbidden`.

    For a program that has no business to write: a dashboard, a rehearsal of a change,
    a client that is given to others.  It is a guard against mistakes, and not against
    an enemy, for whom the server has users and roles.

    A write is whatever does not say of itself that it is a read, by an attribute
    ``is_write`` that is false.  Nothing of it is sent.  The Deferred of a read is that
    of the service below, and so is what cancelling it does.

    Where it belongs: at the top, so that a write which is refused counts nowhere, and
    waits for nothing.

    Raises:
        WriteForbidden: In the Deferred: the request is a write.  The error names it.

    .. versionadded:: 0.1
    """

    def apply(self, request: Req, service: Service[Req, Rep]) -> Deferred[Rep]:
        if getattr(request, "is_write", True):
            error = WriteForbidden("a write, where only reads are allowed; nothing was sent")
            error.locate(request)
            raise error
        return service(request)
