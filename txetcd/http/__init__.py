"""HTTP messages, and the transports that carry them."""

from txetcd.http.agent import Agent
from txetcd.http.body import Body
from txetcd.http.buffer import Buffer
from txetcd.http.connection import Connection
from txetcd.http.direct import DirectService
from txetcd.http.h1 import Limits
from txetcd.http.headers import Headers
from txetcd.http.message import Request, Response
from txetcd.http.pool import Pool
from txetcd.http.pool_policy import PoolLimits
from txetcd.http.response_class import classify_response
from txetcd.http.stream import StreamedResponse, StreamingService
from txetcd.http.tls import TLS
from txetcd.http.transports import open_pool
from txetcd.http.treq import TreqService

__all__ = [
    "TLS",
    "Agent",
    "Body",
    "Buffer",
    "Connection",
    "DirectService",
    "Headers",
    "Limits",
    "Pool",
    "PoolLimits",
    "Request",
    "Response",
    "StreamedResponse",
    "StreamingService",
    "TreqService",
    "classify_response",
    "open_pool",
]
