"""A test kit: a real etcd in a process of its own, and a network that fails on demand.

`EtcdProcess` and `EtcdCluster` run real servers, which can be killed, paused and restarted.
`FaultProxy` stands between a client and a server, and cuts, delays or swallows what passes.
`MemoryEtcd` is an etcd in memory, for tests that need no server and do not wait.
`mock_service` needs none of them: it is a service whose replies a test scripts.
No other part of txetcd needs this one.
"""

from __future__ import annotations

from txetcd.testing._binary import EtcdNotFound, find_etcd
from txetcd.testing._server import EtcdFailed
from txetcd.testing.cluster import EtcdCluster
from txetcd.testing.etcd import EtcdProcess
from txetcd.testing.faultproxy import FaultProxy
from txetcd.testing.memory import MemoryEtcd
from txetcd.testing.mock import Asked, MockHandle, mock_service

__all__ = [
    "Asked",
    "EtcdCluster",
    "EtcdFailed",
    "EtcdNotFound",
    "EtcdProcess",
    "FaultProxy",
    "MemoryEtcd",
    "MockHandle",
    "find_etcd",
    "mock_service",
]
