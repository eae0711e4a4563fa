"""Whether a member is alive (``GET /health``)."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from txetcd.http.message import Request, Response
from txetcd.service import Service

__all__ = ["ask_health"]

_HEALTH = Request("GET", "/health")


def ask_health(service: Service[Request, Response]) -> Deferred[Response]:
    """Ask a member for its health: a probe, as `FailureAccrual` takes one.

    A member answers with status 503 if it knows no leader or cannot read by quorum
    (etcd, ``server/etcdserver/api/etcdhttp/metrics.go``).  No user and no password are
    needed.

    Returns:
        A Deferred that fires with the response, or fails as a request does.

    .. versionadded:: 0.1
    """
    return service(_HEALTH)
