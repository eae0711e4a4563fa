"""The v2 keys protocol: the filter that makes HTTP of operations."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txetcd.errors import TxetcdError
from txetcd.http.message import Request, Response
from txetcd.model.node import NodeOp
from txetcd.model.op import Op
from txetcd.model.outcome import settle
from txetcd.service import Filter, Service
from txetcd.v2.decode import decode
from txetcd.v2.encode import encode

__all__ = ["Keys"]


class Keys(Filter[Op, NodeOp, Request, Response]):
    """Turns an operation into a request of the v2 API, and the response into a `NodeOp`.

    Fails with `ValueError` where the API cannot carry the operation (nothing is
    sent then), with an `ApiError` where etcd refuses it, with an
    `UnexpectedResponse` where the answer is not etcd's, and with `AmbiguousWrite`
    where a write was sent and its outcome is unknown: its reply was lost or timed
    out, or had a status of 500 or more.  Each error carries the operation.

    It belongs below all filters of operations and above all filters of HTTP
    messages: it is where the one become the other.

    .. versionadded:: 0.1
    """

    def apply(self, request: Op, service: Service[Request, Response]) -> Deferred[NodeOp]:
        # One plain callback: this runs once for each request there is.
        return service(encode(request)).addBoth(_answered, request)

    def __repr__(self) -> str:
        return "v2.Keys()"


def _answered(response: Response | Failure, op: Op) -> NodeOp | Failure:
    if isinstance(response, Failure):
        return settle(response, op)
    try:
        return decode(response, op)
    except TxetcdError as error:
        error.locate(op, response.endpoint)
        return settle(Failure(), op)
