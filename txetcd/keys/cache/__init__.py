"""Reads that are answered from memory, which a watch keeps true."""

from txetcd.keys.cache.cache import Cache

__all__ = ["Cache"]
