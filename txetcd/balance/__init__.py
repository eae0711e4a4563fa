"""Many endpoints as one service."""

from txetcd.balance.failover import Failover

__all__ = ["Failover"]
