"""Keys, and the watch that loses nothing, over any service of operations."""

from txetcd.keys.cache import Cache
from txetcd.keys.events import KeyEvents
from txetcd.keys.events.buffer import Coalesced
from txetcd.keys.key import Key
from txetcd.keys.namespace import Namespace
from txetcd.keys.session import Session
from txetcd.keys.tree import Tree
from txetcd.keys.tree.diff import TreeDiff
from txetcd.keys.watching.freshness import Contact, Freshness
from txetcd.keys.watching.watch import Watch
from txetcd.keys.watching.watched_tree import WatchedTree

__all__ = [
    "Cache",
    "Coalesced",
    "Contact",
    "Freshness",
    "Key",
    "KeyEvents",
    "Namespace",
    "Session",
    "Tree",
    "TreeDiff",
    "Watch",
    "WatchedTree",
]
