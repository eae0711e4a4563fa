"""One watch of a key for all who observe it."""

from txetcd.keys.watching.freshness import Contact, Freshness
from txetcd.keys.watching.watch import BUFFER, Watch
from txetcd.keys.watching.watched_tree import WatchedTree

__all__ = ["BUFFER", "Contact", "Freshness", "Watch", "WatchedTree"]
