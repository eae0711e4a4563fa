"""Filters for any request and response, one a module.

A filter that has to know something of a request asks for it by attribute, and
takes the careful view where it is missing: ``is_write`` (it may change something,
True if missing) and ``long_poll`` (its reply may be kept back, False if missing).
"""

from txetcd.filters.retry import Retry, when_safe
from txetcd.filters.retry_budget import RetryBudget
from txetcd.filters.timeout import Timeout

__all__ = ["Retry", "RetryBudget", "Timeout", "when_safe"]
