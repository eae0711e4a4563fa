"""HTTP/1.1 for a client, without I/O (RFC 9112): request bytes out, events in.

`encode` makes the bytes of a request; a `ResponseParser` turns the bytes of its
response into events, however they are split: a `Head`, pieces of the body as `bytes`,
and an `End`; or, at any place among these, an error, which is the last.
"""

from txetcd.http.h1.encode import asks_to_close, encode
from txetcd.http.h1.events import End, Event, Head
from txetcd.http.h1.limits import DEFAULT_LIMITS, Limits
from txetcd.http.h1.parser import ResponseParser

__all__ = [
    "DEFAULT_LIMITS",
    "End",
    "Event",
    "Head",
    "Limits",
    "ResponseParser",
    "asks_to_close",
    "encode",
]
