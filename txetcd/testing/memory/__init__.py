"""An etcd in memory: the v2 keys API as a service of HTTP messages."""

from __future__ import annotations

from txetcd.testing.memory._etcd import MemoryEtcd

__all__ = ["MemoryEtcd"]
