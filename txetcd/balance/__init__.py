"""Many endpoints as one service."""

from txetcd.balance.balancer import Balancer
from txetcd.balance.dns_srv import Resolver, dns_srv
from txetcd.balance.load import LeastLoaded, Load, NewLoad, PeakEwma
from txetcd.balance.pick import Candidate, Policy, PowerOfTwoChoices, RoundRobin, usable
from txetcd.balance.refreshed import Fetch, Refreshed

__all__ = [
    "Balancer",
    "Candidate",
    "Fetch",
    "LeastLoaded",
    "Load",
    "NewLoad",
    "PeakEwma",
    "Policy",
    "PowerOfTwoChoices",
    "Refreshed",
    "Resolver",
    "RoundRobin",
    "dns_srv",
    "usable",
]
