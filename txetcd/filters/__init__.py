"""Filters for any request and response, one a module.

A filter that has to know something of a request asks for it by attribute, and
takes the careful view where it is missing: ``is_write`` (it may change something,
True if missing) and ``long_poll`` (its reply may be kept back, False if missing).
"""

from txetcd.filters.accrual_policy import AccrualPolicy, ConsecutiveFailures, SuccessRate
from txetcd.filters.adaptive_limit import AdaptiveLimit, Limit
from txetcd.filters.concurrency_limit import ConcurrencyLimit
from txetcd.filters.deadline import Deadline, deadline, remaining
from txetcd.filters.failure_accrual import FailureAccrual, unreachable
from txetcd.filters.hedge import Hedge
from txetcd.filters.in_memory_stats import InMemoryStats
from txetcd.filters.load_shedding import LoadShedding, classify_refusals
from txetcd.filters.logging import Logging
from txetcd.filters.rate_limit import RateLimit
from txetcd.filters.read_only import ReadOnly
from txetcd.filters.retry import Retry
from txetcd.filters.retry_budget import RetryBudget
from txetcd.filters.retry_policy import RetryPolicy, when_safe
from txetcd.filters.single_flight import SingleFlight
from txetcd.filters.stats import Stats
from txetcd.filters.stats_receiver import StatsReceiver
from txetcd.filters.timeout import Timeout

__all__ = [
    "AccrualPolicy",
    "AdaptiveLimit",
    "ConcurrencyLimit",
    "ConsecutiveFailures",
    "Deadline",
    "FailureAccrual",
    "Hedge",
    "InMemoryStats",
    "Limit",
    "LoadShedding",
    "Logging",
    "RateLimit",
    "ReadOnly",
    "Retry",
    "RetryBudget",
    "RetryPolicy",
    "SingleFlight",
    "Stats",
    "StatsReceiver",
    "SuccessRate",
    "Timeout",
    "classify_refusals",
    "deadline",
    "remaining",
    "unreachable",
    "when_safe",
]
