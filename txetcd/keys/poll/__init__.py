"""The loop that follows a key: a snapshot, then every change, once and in order."""

from txetcd.keys.poll.poll import MISSING, Poll

__all__ = ["MISSING", "Poll"]
