"""What holds of every filter of the catalogue, whatever else it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txetcd import Filter, Status
from txetcd.filters import (
    ConcurrencyLimit,
    Deadline,
    FailureAccrual,
    Hedge,
    InMemoryStats,
    LoadShedding,
    Logging,
    RateLimit,
    ReadOnly,
    Retry,
    SingleFlight,
    Stats,
    Timeout,
)
from txetcd.filters.prometheus import PrometheusStats
from txetcd.filters.tracing import Tracing
from txetcd.model import Get
from txetcd.testing import mock_service

#: Each filter, made with a clock.
FILTERS: dict[str, Callable[[Clock], Filter[Any, Any, Any, Any]]] = {
    "ConcurrencyLimit": lambda clock: ConcurrencyLimit(1),
    "Deadline": lambda clock: Deadline(1, clock),
    "FailureAccrual": FailureAccrual,
    "Hedge": Hedge,
    "LoadShedding": LoadShedding,
    "Logging": Logging,
    "RateLimit": lambda clock: RateLimit(1, clock),
    "ReadOnly": lambda clock: ReadOnly(),
    "Retry": Retry,
    "SingleFlight": lambda clock: SingleFlight(),
    "Stats": lambda clock: Stats(InMemoryStats(), clock),
    "Stats, for Prometheus": lambda clock: Stats(PrometheusStats(CollectorRegistry()), clock),
    "Timeout": lambda clock: Timeout(1, clock),
    "Tracing": lambda clock: Tracing(TracerProvider()),
}


class CatalogueTests(SynchronousTestCase):
    def each(self):
        """Each filter in front of a mock, with what speaks for the mock."""
        for name, make in FILTERS.items():
            clock = Clock()
            below, handle = mock_service()
            yield name, clock, make(clock) >> below, handle

    def test_the_status_is_that_of_the_service_below(self):
        for name, _, service, handle in self.each():
            for status in (Status.OPEN, Status.BUSY, Status.CLOSED):
                handle.status = status
                self.assertIs(service.status, status, name)

    def test_closing_closes_the_service_below_and_leaves_no_delayed_call(self):
        for name, clock, service, handle in self.each():
            self.assertIs(self.successResultOf(service.close()), None, name)
            self.assertTrue(handle.closed, name)
            self.assertEqual(clock.getDelayedCalls(), [], name)

    def test_a_request_and_its_response_pass_as_they_are(self):
        for name, clock, service, handle in self.each():
            request, response = Get("/a"), object()
            answer = service(request)
            asked = handle.next()
            self.assertIs(asked.request, request, name)
            asked.reply(response)
            self.assertIs(self.successResultOf(answer), response, name)
            self.assertEqual(clock.getDelayedCalls(), [], name)

    def test_an_error_that_is_not_to_be_tried_again_passes_as_it_is(self):
        for name, clock, service, handle in self.each():
            error = ZeroDivisionError(name)
            answer = service(Get("/a"))
            handle.next().fail(error)
            # SingleFlight gives each caller an instance of its own.
            found = self.failureResultOf(answer, ZeroDivisionError).value
            self.assertEqual(found.args, error.args, name)
            self.assertEqual(clock.getDelayedCalls(), [], name)
