"""All that is below a key, as a value."""

from txetcd.keys.tree.diff import TreeDiff
from txetcd.keys.tree.tree import Tree

__all__ = ["Tree", "TreeDiff"]
