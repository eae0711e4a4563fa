"""A part of the store as if it were all of it."""

from txetcd.keys.namespace.namespace import Namespace

__all__ = ["Namespace"]
