"""HTTP over treq: the transport at the bottom of the default stack.

`TreqService` asks of treq only what a protocol client needs: one request, one
reply.  It follows no redirects, sends no cookies, never asks for compression and
refuses a compressed reply, reads no more of a body than it was allowed, and tells
a request that never left from one whose reply was lost.
"""

from txetcd.http.treq.service import TreqService

__all__ = ["TreqService"]
