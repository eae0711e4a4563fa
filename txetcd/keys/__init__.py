"""Keys, and the watch that loses nothing, over any service of operations."""

from txetcd.keys.events import KeyEvents
from txetcd.keys.key import Key
from txetcd.keys.namespace import Namespace
from txetcd.keys.session import Session

__all__ = ["Key", "KeyEvents", "Namespace", "Session"]
