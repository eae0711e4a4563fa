"""The events of a key, for witnesses and for ``async for``."""

from txetcd.keys.events.buffer import Coalesced
from txetcd.keys.events.events import DEFAULT_BACKOFF, KeyEvents, checked_schedule

__all__ = ["DEFAULT_BACKOFF", "Coalesced", "KeyEvents", "checked_schedule"]
