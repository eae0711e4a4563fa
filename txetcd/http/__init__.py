"""HTTP messages, and the transports that carry them."""

from txetcd.http.headers import Headers
from txetcd.http.message import Request, Response
from txetcd.http.treq import TreqService

__all__ = ["Headers", "Request", "Response", "TreqService"]
